//! Which connectors there are: the shipped ones, and those of a project's own `connectors/` folder.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::bail;
use clap::Args;
use ferry_connectors::library::Library;
use ferry_contract::suggest;

use crate::{
    clock::WallWatch,
    cmd::{complain, tell},
    load::{self, Wanted},
    manual::{self, ConnectorManual},
};

/// Whose connectors are meant.
#[derive(Args, Debug)]
pub(super) struct ShelfArgs {
    /// The project, whose own `connectors/` folder counts, too; else that of this folder, where there is one.
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
}

impl ShelfArgs {
    /// All connectors; says which cannot be read.
    pub(super) fn library(&self) -> Result<Arc<Library>, anyhow::Error> {
        let here = Path::new(".");
        let folder = match &self.project {
            Some(folder) => folder,
            None if here.join("ferry.yaml").is_file() => here,
            None => return Ok(Arc::new(Library::load(&[], Arc::new(WallWatch)).0)),
        };
        let mut projects = load::projects(&[folder.to_path_buf()], &load::pipeline_rules(), &Wanted::default())?;
        let (Some(project), []) = (projects.pop(), projects.as_slice()) else {
            bail!("{} has several projects; name one of them with `--project`", folder.display());
        };
        for name in &project.library.broken {
            tell(&format!("the manifest of `{name}` cannot be read; `ferry lint` says what is wrong"));
        }
        Ok(project.library)
    }
}

/// The description of a connector, or of one action or webhook of it (`NAME.ACTION`); else says what there is.
pub(super) fn described(library: &Library, name: &str) -> Option<ConnectorManual> {
    let (connector, action) = name.split_once('.').map_or((name, None), |(name, action)| (name, Some(action)));
    let mut found = manual::connector(library, connector);
    if let (Some(manual), Some(_)) = (&mut found, action) {
        manual.actions.retain(|known| known.name == name);
        manual.webhooks.retain(|known| known.name == name);
    }
    let is_whole = action.is_none();
    let found = found.filter(|manual| is_whole || !manual.actions.is_empty() || !manual.webhooks.is_empty());
    if found.is_none() {
        complain(&format!("there is no connector, action or webhook `{name}`; {}", help(library, name)));
    }
    found
}

/// Of a misspelt action, the connector is known.
fn help(library: &Library, name: &str) -> String {
    let connectors = library.manifests.values().map(|manifest| &manifest.connector);
    match name.split_once('.').and_then(|(connector, action)| Some((library.manifests.get(connector)?, action))) {
        Some((manifest, action)) => {
            let known = manifest.connector.actions.keys().chain(manifest.connector.webhooks.keys());
            let known: Vec<&str> = known.map(String::as_str).collect();
            suggest::help(action, &known)
        }
        None => suggest::help(name, &connectors.map(|connector| connector.name.as_str()).collect::<Vec<_>>()),
    }
}
