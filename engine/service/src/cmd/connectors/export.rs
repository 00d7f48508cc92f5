//! `ferry connectors export`

use clap::{Args, ValueEnum};
use ferry_contract::suggest;

use super::shelf::ShelfArgs;
use crate::{
    cmd::{Exit, Outcome, complain, print_json},
    manual::{openapi, postman},
};

/// Prints a connector as other programs read it: an OpenAPI document, or a collection of Postman.
///
/// It has the requests that the connector makes, with an example each, and of the answers what it reads. No secret is in it.
///
/// Example: `ferry connectors export payoneer --format openapi > payoneer.json`.
#[derive(Args, Debug)]
pub(super) struct Export {
    /// A connector.
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is printed as.
    #[arg(long, value_enum)]
    format: As,
    /// Only for this environment of the connector; else for all of them, and a collection for its sandbox or its first one.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    #[command(flatten)]
    shelf: ShelfArgs,
}

/// What a connector is printed as.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum As {
    /// OpenAPI 3.1, in JSON.
    Openapi,
    /// A collection of Postman, v2.1.0.
    Postman,
}

impl Export {
    pub(super) fn run(self) -> Outcome {
        let library = self.shelf.library()?;
        let Some(manifest) = library.manifests.get(&self.name) else {
            let known: Vec<&str> = library.manifests.keys().map(String::as_str).collect();
            complain(&format!("there is no connector `{}`; {}", self.name, suggest::help(&self.name, &known)));
            return Ok(Exit::Nothing);
        };
        let environment = self.environment.as_deref();
        if let Some(name) = environment.filter(|name| !manifest.environments.contains_key(*name)) {
            let known: Vec<&str> = manifest.environments.keys().map(String::as_str).collect();
            complain(&format!("`{}` has no environment `{name}`; {}", self.name, suggest::help(name, &known)));
            return Ok(Exit::Nothing);
        }
        print_json(&match self.format {
            As::Openapi => openapi::document(manifest, &library, environment),
            As::Postman => postman::collection(manifest, &library, environment),
        })?;
        Ok(Exit::Success)
    }
}
