//! `ferry schema`

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;
use ferry_connectors::library::Library;
use ferry_contract::suggest;
use serde_json::Value;

use super::{Exit, Outcome, complain, editor, print, print_json, tell};
use crate::{
    clock::WallWatch,
    load::{self, Wanted},
    schemas::{self, Known},
};

/// Prints the JSON Schema of a kind of file, or of an action, for editors and other programs.
///
/// In the folder of a project, it knows the project's connections and its own connectors. An editor with a YAML language
/// server takes it from the first line of a file: `# yaml-language-server: $schema=schemas/pipeline.schema.json`.
#[derive(Args, Debug)]
pub(super) struct SchemaCommand {
    /// `pipeline`, `project`, `connector`, `test`, or an action such as `payoneer.create_payout`; without one, all are listed.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Write all of them, or the named one, into this folder.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}

impl SchemaCommand {
    pub(super) fn run(self) -> Outcome {
        let (library, connections) = known()?;
        let catalog = library.catalog();
        let known = match connections {
            Some(connections) => Known::of_project(&catalog, connections),
            None => Known::shipped(&catalog),
        };
        let Some(name) = self.name else {
            let all = schemas::all(&known);
            match &self.write {
                Some(folder) => write(folder, &all)?,
                None => print(&listed(&all)),
            }
            return Ok(Exit::Success);
        };
        let Some((file, schema)) = named(&name, &known) else {
            let all = schemas::all(&known);
            let names: Vec<&str> = all.iter().map(|(file, _)| name_of(file)).collect();
            complain(&format!("there is no schema `{name}`; {}", suggest::help(&name, &names)));
            return Ok(Exit::Nothing);
        };
        match &self.write {
            Some(folder) => write(folder, &[(file, schema)])?,
            None => print_json(&schema)?,
        }
        Ok(Exit::Success)
    }
}

/// The connector of each connection.
type Connections = BTreeMap<String, String>;

/// The connectors, and in a project's folder its connections.
fn known() -> Result<(Arc<Library>, Option<Connections>), anyhow::Error> {
    let folder = Path::new(".");
    if !folder.join("ferry.yaml").is_file() {
        let (library, _) = Library::load(&[], Arc::new(WallWatch));
        return Ok((Arc::new(library), None));
    }
    let mut projects = load::projects(&[folder.to_path_buf()], &load::pipeline_rules(), &Wanted::default())?;
    let project = projects.pop().context("the project of this folder is not there any more")?;
    let connections = editor::connectors(&project);
    Ok((project.library, connections))
}

fn named(name: &str, known: &Known<'_>) -> Option<(String, Value)> {
    schemas::all(known).into_iter().find(|(file, _)| name_of(file) == name)
}

/// The name of a schema, by its file.
fn name_of(file: &str) -> &str {
    let name = file.strip_prefix("actions/").unwrap_or(file);
    name.strip_suffix(".schema.json").unwrap_or(name)
}

fn listed(all: &[(String, Value)]) -> String {
    let line = |(file, schema): &(String, Value)| {
        let about = schema["description"].as_str().unwrap_or_default();
        format!("{:<30} {}\n", name_of(file), about.lines().next().unwrap_or_default())
    };
    all.iter().map(line).collect()
}

fn write(folder: &Path, schemas: &[(String, Value)]) -> Result<(), anyhow::Error> {
    for (file, schema) in schemas {
        let path = folder.join(file);
        let failed = || format!("{} cannot be written; name a folder that may be written to", path.display());
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).with_context(failed)?;
        std::fs::write(&path, serde_json::to_string_pretty(schema)? + "\n").with_context(failed)?;
    }
    tell(&format!("{} written into {}", count(schemas.len()), folder.display()));
    Ok(())
}

fn count(schemas: usize) -> String {
    if schemas == 1 { "1 schema".to_owned() } else { format!("{schemas} schemas") }
}
