//! All manifests: the shipped ones, and those of a project's own `connectors` folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

use ferry_contract::{
    catalog::Catalog,
    report::{Report, Source},
    script::{Missing, NoWatch, Rules, Watch},
    yaml,
};
use rust_embed::RustEmbed;

use crate::manifest::{self, Manifest};

#[derive(RustEmbed)]
#[folder = "."]
#[include = "*/connector.yaml"]
#[include = "*/README.md"]
#[include = "*/samples/*.json"]
#[include = "*/samples/webhooks/*.json"]
#[exclude = "sandbox/*"]
struct Shipped;

/// Manifests by connector name, with the engine that their rules run on.
#[derive(Debug)]
pub struct Library {
    /// For conditions and results of manifests; what is missing in a body is `()`.
    pub rules: Arc<Rules>,
    /// By connector name.
    pub manifests: BTreeMap<String, Arc<Manifest>>,
    /// Connectors whose own manifest cannot be read.
    pub broken: BTreeSet<String>,
    /// The file of each connector that is a project's own; the others are shipped.
    pub own: BTreeMap<String, String>,
}

impl Library {
    /// The shipped connectors, then those given; a later one of the same name replaces an earlier.
    pub fn load(own: &[Arc<Source>], watch: Arc<dyn Watch>) -> (Self, Vec<Report>) {
        let rules = Arc::new(Rules::new(Missing::IsNothing, watch));
        let mut library = Self { rules, manifests: BTreeMap::new(), broken: BTreeSet::new(), own: BTreeMap::new() };
        let mut reports = Vec::new();
        for (manifest, report) in shipped() {
            library.take(manifest.clone(), report);
            reports.push(report.clone());
        }
        for source in own {
            let mut report = Report::new(source);
            let manifest = manifest::read(source, &library.rules, &mut report).map(Arc::new);
            if let Some(manifest) = &manifest {
                library.own.insert(manifest.connector.name.clone(), source.name.clone());
            }
            library.take(manifest, &report);
            reports.push(report);
        }
        (library, reports)
    }

    fn take(&mut self, manifest: Option<Arc<Manifest>>, report: &Report) {
        match manifest {
            Some(manifest) => {
                self.manifests.insert(manifest.connector.name.clone(), manifest);
            }
            // It may have been there to replace a shipped one, whose rules are then not those wanted.
            None => {
                let name = replaced(&report.source);
                self.manifests.remove(&name);
                self.broken.insert(name);
            }
        }
    }

    /// What the language may know.
    pub fn catalog(&self) -> Catalog {
        let connectors = self.manifests.iter().map(|(name, manifest)| (name.clone(), Arc::clone(&manifest.connector)));
        Catalog { connectors: connectors.collect(), broken: self.broken.clone() }
    }
}

/// The connector that a broken manifest is about: by its text, else by its folder.
fn replaced(source: &Arc<Source>) -> String {
    let root = yaml::parse(source, &mut Report::new(source));
    let named = root.and_then(|root| root.get("connector")?.text().map(str::to_owned));
    let folder = || source.name.rsplit('/').nth(1).unwrap_or_default().to_owned();
    named.unwrap_or_else(folder)
}

/// What is shipped, read once in a process: a script is run by whatever rules it is given to.
fn shipped() -> &'static [(Option<Arc<Manifest>>, Report)] {
    static SHIPPED: OnceLock<Vec<(Option<Arc<Manifest>>, Report)>> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let rules = Arc::new(Rules::new(Missing::IsNothing, Arc::new(NoWatch)));
        let mut paths: Vec<_> = Shipped::iter().filter(|path| path.ends_with("/connector.yaml")).collect();
        paths.sort();
        let read = |path: &str| {
            let source = Source::new(format!("connectors/{path}"), shipped_file(path)?);
            let mut report = Report::new(&source);
            Some((manifest::read(&source, &rules, &mut report).map(Arc::new), report))
        };
        paths.iter().filter_map(|path| read(path)).collect()
    })
}

/// A file of a shipped connector's folder, such as `payoneer/samples/get_balance.json`.
pub fn shipped_file(path: &str) -> Option<String> {
    Shipped::get(path).map(|file| String::from_utf8_lossy(&file.data).into_owned())
}
