//! Which files are ferry's, and how one is replaced: whole, or not at all.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use crate::load::{LoadError, entries};

/// Folders of a project whose files are laid out; pipelines and their tests are beside its ferry.yaml.
const PROJECT_FOLDERS: [&str; 2] = ["tables", "maps"];
const MANIFEST: &str = "connector.yaml";

/// The files that are named, and those of ferry in the folders that are; each once.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, anyhow::Error> {
    let mut found = Vec::new();
    for path in paths {
        if !path.exists() {
            bail!("{} is not there; name a file or a folder that is", path.display());
        }
        if path.is_dir() { walk(path, &mut found)? } else { found.push(path.clone()) }
    }
    let mut seen = BTreeSet::new();
    found.retain(|path| fs::canonicalize(path).is_ok_and(|real| seen.insert(real)));
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), LoadError> {
    let is_project = folder.join("ferry.yaml").is_file();
    let inside = entries(folder)?;
    let is_ours = |path: &&PathBuf| path.is_file() && (path.ends_with(MANIFEST) || is_project && is_yaml(path));
    found.extend(inside.iter().filter(is_ours).cloned());
    for entry in inside.iter().filter(|path| path.is_dir() && !path.is_symlink()) {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_project && PROJECT_FOLDERS.contains(&name) {
            found.extend(entries(entry)?.into_iter().filter(|path| is_yaml(path)));
        } else if !name.starts_with('.') && name != "target" {
            walk(entry, found)?;
        }
    }
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|end| end == "yaml" || end == "yml")
}

/// Puts a text in the place of a file, in one moment: a reader sees the one or the other. A link stays one, and rights and
/// owner stay as they are.
pub(in crate::cmd) fn replace(path: &Path, before: &[u8], after: &str) -> Result<(), anyhow::Error> {
    let real = fs::canonicalize(path)?;
    let known = fs::metadata(&real)?;
    if known.permissions().readonly() {
        bail!("it may only be read; allow to write it, or leave it out");
    }
    let name = real.file_name().and_then(|name| name.to_str()).context("its name is no UTF-8")?;
    let beside = real.with_file_name(format!(".{name}.{}.ferry", std::process::id()));
    let replaced = write(&beside, after, &known).and_then(|()| {
        if fs::read(&real)? != before {
            bail!("somebody else has changed it meanwhile; call this again");
        }
        Ok(fs::rename(&beside, &real)?)
    });
    if replaced.is_err() {
        // What could not be put in its place is not left beside it; that it is gone already is no error.
        let _ = fs::remove_file(&beside);
    }
    replaced
}

fn write(beside: &Path, text: &str, known: &fs::Metadata) -> Result<(), anyhow::Error> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    file.write_all(text.as_bytes())?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (known.uid(), known.gid()) {
        chown(beside, Some(known.uid()), Some(known.gid())).context("its owner cannot be kept")?;
    }
    file.set_permissions(known.permissions())?;
    Ok(file.sync_all()?)
}
