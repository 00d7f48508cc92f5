//! `ferry connectors list`

use clap::Args;
use ferry_connectors::library::Library;
use schemars::JsonSchema;
use serde::Serialize;

use super::shelf::ShelfArgs;
use crate::{
    cmd::{Envelope, Exit, Format, Outcome, print, print_json},
    render,
};

/// Lists the connectors: their actions, their environments, and where they are from.
///
/// Those of a project's own `connectors/` folder are listed with their file; all others are shipped with ferry.
///
/// Example: `ferry connectors list --project pipelines/payoneer-salesforce`.
#[derive(Args, Debug)]
pub(super) struct List {
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    shelf: ShelfArgs,
}

/// The answer of `ferry connectors list --format json`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConnectorList {
    /// The connectors, by name.
    pub connectors: Vec<Listed>,
}

/// A connector in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    /// The name that `ferry.yaml` uses.
    pub name: String,
    /// The system's own name.
    pub title: String,
    /// How many actions it has.
    pub actions: usize,
    /// Its environments.
    pub environments: Vec<String>,
    /// `shipped`, or the file of a project's own manifest.
    pub origin: String,
}

impl List {
    pub(super) fn run(self) -> Outcome {
        let connectors = listed(&*self.shelf.library()?);
        if self.format == Format::Json {
            print_json(&Envelope::new(ConnectorList { connectors }))?;
            return Ok(Exit::Success);
        }
        let row = |of: Listed| vec![of.name, of.title, of.actions.to_string(), of.environments.join(", "), of.origin];
        let rows = connectors.into_iter().map(row).collect();
        print(&render::table(&["NAME", "TITLE", "ACTIONS", "ENVIRONMENTS", "FROM"], rows));
        Ok(Exit::Success)
    }
}

fn listed(library: &Library) -> Vec<Listed> {
    let of = library.manifests.iter().map(|(name, manifest)| Listed {
        name: name.clone(),
        title: manifest.connector.title.clone(),
        actions: manifest.connector.actions.len(),
        environments: manifest.environments.keys().cloned().collect(),
        origin: library.own.get(name).cloned().unwrap_or_else(|| "shipped".to_owned()),
    });
    of.collect()
}
