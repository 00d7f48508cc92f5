//! The files of a project's folder, by what they are.

use std::{
    collections::{BTreeSet, btree_map::Entry},
    path::{Path, PathBuf},
    sync::Arc,
};

use ferry_contract::report::Source;
use ferry_core::{lint::Files, project, testing::SUFFIXES};

use super::{LoadError, Sources, entries, source};

/// The folder of snapshots, one folder in it for each connection.
pub(crate) const SNAPSHOTS: &str = "describe";

/// The files of tests of a folder.
pub(super) fn suites(folder: &Path) -> Result<Vec<Arc<Source>>, LoadError> {
    let is_suite = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        path.is_file() && SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
    };
    entries(folder)?.iter().filter(|path| is_suite(path)).map(|path| source(path)).collect()
}

/// A sample beside a file of tests.
pub(super) fn sample(tests: &Source, name: &str) -> Result<serde_json::Value, String> {
    let path = Path::new(name);
    if !path.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        return Err("it is not beside this file".to_owned());
    }
    let folder = Path::new(&tests.name).parent().unwrap_or(Path::new(""));
    let text = std::fs::read_to_string(folder.join(path)).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn pipelines(folder: &Path) -> Result<Vec<Arc<Source>>, LoadError> {
    let is_pipeline = |path: &PathBuf| {
        let name = file_name(path);
        is_yaml(path) && name != "ferry.yaml" && !name.contains(".test.")
    };
    entries(folder)?.iter().filter(|path| is_pipeline(path)).map(|path| source(path)).collect()
}

/// A project's own files, and those of the folders that it shares.
pub(super) fn files(folder: &Path) -> Result<Files, LoadError> {
    let mut files = Files::new(source(&folder.join("ferry.yaml"))?, pipelines(folder)?);
    add_library(folder, &mut files)?;
    let own = names(&files);
    for share in project::shares(&files.project) {
        let shared = folder.join(&share);
        if shared.is_dir() {
            add_library(&shared, &mut files)?;
        } else {
            files.absent.push(share);
        }
    }
    files.shared = names(&files).difference(&own).cloned().collect();
    Ok(files)
}

/// The names of all tables, maps, scripts and snapshots.
fn names(files: &Files) -> BTreeSet<String> {
    let library = files.tables.values().chain(files.maps.values()).chain(files.scripts.values());
    let library = library.chain(files.snapshots.values());
    library.map(|source| source.name.clone()).collect()
}

/// The tables, maps, scripts and snapshots of a folder.
fn add_library(folder: &Path, files: &mut Files) -> Result<(), LoadError> {
    let Files { tables, maps, scripts, snapshots, doubles, .. } = files;
    for connection in entries(&folder.join(SNAPSHOTS))?.iter().filter(|path| path.is_dir()) {
        let key = |path: &Path| format!("{}/{}", file_name(connection), stem(path));
        add(connection, &|path| has_extension(path, "json"), &key, (&mut *snapshots, &mut *doubles))?;
    }
    add(&folder.join("tables"), &|path| is_yaml(path) || has_extension(path, "csv"), &stem, (tables, doubles))?;
    add(&folder.join("maps"), &is_yaml, &stem, (maps, doubles))?;
    let path = |path: &Path| format!("scripts/{}", file_name(path));
    add(&folder.join("scripts"), &|path| has_extension(path, "rhai"), &path, (scripts, doubles))
}

/// The files of a folder by their names; two of one name are kept apart, because neither is meant more.
fn add(
    folder: &Path,
    is_one: &dyn Fn(&Path) -> bool,
    name_of: &dyn Fn(&Path) -> String,
    (found, doubles): (&mut Sources, &mut Vec<(String, String)>),
) -> Result<(), LoadError> {
    for path in entries(folder)?.iter().filter(|path| is_one(path)) {
        let source = source(path)?;
        match found.entry(name_of(path)) {
            Entry::Vacant(free) => drop(free.insert(source)),
            Entry::Occupied(taken) => doubles.push((taken.get().name.clone(), source.name.clone())),
        }
    }
    Ok(())
}

fn stem(path: &Path) -> String {
    path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned()
}

fn file_name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned()
}

fn is_yaml(path: &Path) -> bool {
    has_extension(path, "yaml") || has_extension(path, "yml")
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension == wanted)
}
