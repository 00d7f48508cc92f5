//! The schemas of a project for its editor, in `.ferry/schemas`.
//!
//! They are in the project, because an editor on another machine has neither this program nor its repository. They know
//! its connections and are those of this version, so `ferry lint` brings them up to date wherever they are.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    load::CheckedProject,
    schemas::{Kind, Known},
};

/// Where they are in a project.
const FOLDER: &str = ".ferry/schemas";
/// How an editor is told of the schema of a file. Source: yaml-language-server, inlined schemas.
const MODELINE: &str = "# yaml-language-server: $schema=";

/// The connector of each connection; nothing where `ferry.yaml` cannot be read.
pub(super) fn connectors(project: &CheckedProject) -> Option<BTreeMap<String, String>> {
    let connections = project.checked.project.as_ref()?.connections.iter();
    Some(connections.map(|(name, text)| (name.clone(), text.connector.value.clone())).collect())
}

/// Writes the schemas of a project, those that are not there as they should be; says whether any was written.
///
/// # Errors
/// The file that cannot be written, and why.
pub(super) fn write(project: &CheckedProject) -> Result<bool, String> {
    let Some(connections) = connectors(project) else { return Ok(false) };
    let catalog = project.library.catalog();
    let known = Known::of_project(&catalog, connections);
    let folder = project.folder.join(FOLDER);
    let mut is_new = false;
    for (name, kind) in Kind::ALL {
        let path = folder.join(format!("{name}.schema.json"));
        let text = format!("{:#}\n", kind.schema(&known));
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        let failed = |error: std::io::Error| format!("{} cannot be written: {error}", path.display());
        std::fs::create_dir_all(&folder).map_err(failed)?;
        std::fs::write(&path, text).map_err(failed)?;
        is_new = true;
    }
    Ok(is_new)
}

/// Writes them again where they are, and are those of another version or of other connections. That a folder cannot be
/// written to, as in a build, is nobody's mistake.
pub(super) fn bring_up_to_date(project: &CheckedProject) {
    if project.folder.join(FOLDER).is_dir() && write(project) == Ok(true) {
        super::tell(&format!("The editor's schemas in {} are written anew.", project.folder.join(FOLDER).display()));
    }
}

/// A file of a project with a first line that names its schema there; `path` is below the project.
pub(super) fn with_schema(path: &Path, text: &str) -> String {
    let Some(kind) = kind(path) else { return text.to_owned() };
    let up: PathBuf = path.parent().into_iter().flat_map(Path::components).map(|_| "..").collect();
    let schema = up.join(FOLDER).join(format!("{kind}.schema.json"));
    let rest = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with(MODELINE) => rest,
        _ => text,
    };
    format!("{MODELINE}{}\n{rest}", schema.display())
}

/// What a file is: pipelines and tests lie beside `ferry.yaml`.
fn kind(path: &Path) -> Option<&'static str> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".yaml")?;
    let is_beside = path.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    match stem {
        "ferry" if is_beside => Some("project"),
        "connector" => Some("connector"),
        _ if !is_beside => None,
        _ if stem.strip_suffix(".test").is_some() => Some("test"),
        _ => Some("pipeline"),
    }
}
