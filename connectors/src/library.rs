//! All manifests: the shipped ones, and those of a project's own `connectors` folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ferry_contract::{
    catalog::Catalog,
    report::{Finding, Level, Report, Source},
    script::{Missing, Rules, Watch},
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
        let (mut manifests, mut broken) = (BTreeMap::new(), BTreeSet::new());
        let mut reports = Vec::new();
        let mut files = BTreeMap::new();
        let shipped = shipped();
        for (index, source) in shipped.iter().chain(own).enumerate() {
            let mut report = Report::new(source);
            let read = manifest::read(source, &rules, &mut report);
            if index < shipped.len() {
                report.retain(|finding| !is_meant(source, finding));
            }
            match read {
                Some(manifest) => {
                    if index >= shipped.len() {
                        files.insert(manifest.connector.name.clone(), source.name.clone());
                    }
                    manifests.insert(manifest.connector.name.clone(), Arc::new(manifest));
                }
                // It may have been there to replace a shipped one, whose rules are then not those wanted.
                None => {
                    let name = replaced(source);
                    manifests.remove(&name);
                    broken.insert(name);
                }
            }
            reports.push(report);
        }
        (Self { rules, manifests, broken, own: files }, reports)
    }

    /// What the language may know.
    pub fn catalog(&self) -> Catalog {
        let connectors = self.manifests.iter().map(|(name, manifest)| (name.clone(), Arc::clone(&manifest.connector)));
        Catalog { connectors: connectors.collect(), broken: self.broken.clone() }
    }
}

/// Whether the line above a warning allows it. Of a project's own manifests, lint says so, and what is wrong with it.
fn is_meant(source: &Source, finding: &Finding) -> bool {
    let above = usize::try_from(finding.at.line).ok().and_then(|line| line.checked_sub(2));
    let above = above.and_then(|above| source.text.lines().nth(above)).map(str::trim_start);
    let allows = format!("# ferry: allow({}) ", finding.check);
    finding.level == Level::Warning && above.is_some_and(|above| above.starts_with(&allows))
}

/// The connector that a broken manifest is about: by its text, else by its folder.
fn replaced(source: &Arc<Source>) -> String {
    let root = yaml::parse(source, &mut Report::new(source));
    let named = root.and_then(|root| root.get("connector")?.text().map(str::to_owned));
    let folder = || source.name.rsplit('/').nth(1).unwrap_or_default().to_owned();
    named.unwrap_or_else(folder)
}

fn shipped() -> Vec<Arc<Source>> {
    let mut paths: Vec<_> = Shipped::iter().filter(|path| path.ends_with("/connector.yaml")).collect();
    paths.sort();
    let text = |path: &str| Shipped::get(path).map(|file| String::from_utf8_lossy(&file.data).into_owned());
    paths.iter().filter_map(|path| Some(Source::new(format!("connectors/{path}"), text(path)?))).collect()
}

/// A file of a shipped connector's folder, such as `payoneer/samples/get_balance.json`.
pub fn shipped_file(path: &str) -> Option<String> {
    Shipped::get(path).map(|file| String::from_utf8_lossy(&file.data).into_owned())
}
