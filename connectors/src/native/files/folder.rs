//! A folder that no path leaves: the system opens each name below the last one, and follows no link out of it.

use std::{
    io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions},
};
use ferry_contract::failure::{ErrorClass, Failure};
use jiff::Timestamp;

use super::{Listed, inside, missing, parts};
use crate::{
    limits::{FILE_MAX_BYTES, FILE_NAMES_TRIED_MAX, FILES_MAX},
    native::{config, departure::Departure, rejected, unavailable},
};

/// Numbers the files that this process writes, so that two of them never meet.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: Dir,
    /// Whether folders below it that are missing are made.
    makes_missing: bool,
}

impl Folder {
    /// Opens it.
    pub(crate) fn open(path: &str) -> Result<Self, Failure> {
        if !path.starts_with('/') {
            return Err(config(format!("`folder` is a whole path, from `/` on, and not `{path}`")));
        }
        let opened = Dir::open_ambient_dir(path, ambient_authority());
        let opened = opened.map(|dir| Self { dir, makes_missing: false });
        opened.map_err(|error| config(format!("the folder `{path}` cannot be opened: {error}")))
    }

    /// Opens one of a sandbox, which nobody has prepared: it and what is missing below it are made.
    pub(super) fn made(path: &str) -> Result<Self, Failure> {
        let failed = |error| config(format!("the folder `{path}` cannot be made: {error}"));
        std::fs::create_dir_all(path).map_err(failed)?;
        Self::open(path).map(|folder| Self { makes_missing: true, ..folder })
    }

    /// A whole file.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let (file, _) = self.open_file(path)?;
        let mut bytes = Vec::new();
        file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_MAX_BYTES) {
            return Err(rejected(format!("`{path}` has more than {FILE_MAX_BYTES} bytes")));
        }
        Ok(bytes)
    }

    /// A file that is read part by part, and how long it is.
    pub(crate) fn open_file(&self, path: &str) -> Result<(std::fs::File, u64), Failure> {
        let file = self.dir.open(inside(path)?).map_err(|error| failed(path, &error))?;
        let about = file.metadata().map_err(|error| failed(path, &error))?;
        if !about.is_file() {
            return Err(rejected(format!("`{path}` is no file")));
        }
        Ok((file.into_std(), about.len()))
    }

    /// A file that is written part by part, and is seen by nobody before it is whole; its folder is made.
    pub(crate) fn begin(&self, path: &str) -> Result<Unfinished, Failure> {
        let (folder, _) = parts(inside(path)?);
        if !folder.is_empty() {
            self.dir.create_dir_all(folder).map_err(|error| failed(path, &error))?;
        }
        self.unfinished(path)
    }

    fn unfinished(&self, path: &str) -> Result<Unfinished, Failure> {
        let (folder, name) = parts(inside(path)?);
        let folder = self.below(folder)?;
        // Another process with our number, such as in another container, may have left or have one of that name.
        let mut tried = 0;
        let (own, file) = loop {
            let own = format!(".{name}.{}-{}.part", process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed));
            tried += 1;
            match folder.open_with(&own, OpenOptions::new().write(true).create_new(true)) {
                Ok(file) => break (own, file.into_std()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && tried < FILE_NAMES_TRIED_MAX => {}
                Err(error) => return Err(failed(path, &error)),
            }
        };
        Ok(Unfinished { folder, file, own, name: name.to_owned(), path: path.to_owned(), is_kept: false })
    }

    /// A whole file in the place of the one that may be there. Whoever reads sees one of the two, whatever happens.
    pub(super) fn write(&self, path: &str, bytes: &[u8], departure: &Departure) -> Result<(), Failure> {
        let mut file = self.unfinished(path)?;
        file.write(bytes).map_err(|error| failed(path, &error))?;
        file.keep(|| departure.leave())
    }

    /// Another name for a file, where no other file has it. A file that has it already was given it before.
    pub(super) fn rename(&self, from: &str, to: &str, departure: &Departure) -> Result<(), Failure> {
        let ((source, old), (target, new)) = (parts(inside(from)?), parts(inside(to)?));
        let (source, target) = (self.below(source)?, self.below(target)?);
        let is_there = |folder: &Dir, name: &str| folder.symlink_metadata(name).is_ok();
        match (is_there(&source, old), is_there(&target, new)) {
            (false, true) => return Ok(()),
            (false, false) => return Err(missing(from)),
            (true, true) => return Err(Failure::new(ErrorClass::Conflict, format!("`{to}` is there already"))),
            (true, false) => {}
        }
        departure.leave()?;
        source.rename(old, &target, new).map_err(|error| failed(from, &error))?;
        kept(&target, to)?;
        kept(&source, from)
    }

    /// The files in a folder below.
    pub(super) fn list(&self, folder: &str) -> Result<Vec<Listed>, Failure> {
        let mut files = Vec::new();
        for entry in self.below(folder.trim_end_matches('/'))?.entries().map_err(|error| failed(folder, &error))? {
            let entry = entry.map_err(|error| failed(folder, &error))?;
            // What is moved away while it is listed is not there; a link is no file.
            let about = entry.metadata().ok().filter(cap_std::fs::Metadata::is_file);
            let (Some(about), Ok(name)) = (about, entry.file_name().into_string()) else { continue };
            let modified = about.modified().map(cap_std::time::SystemTime::into_std);
            let modified = modified.map_err(|error| failed(folder, &error))?;
            let modified = Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH);
            files.push(Listed { name, bytes: about.len(), modified });
            if files.len() > FILES_MAX {
                break;
            }
        }
        Ok(files)
    }

    fn below(&self, folder: &str) -> Result<Dir, Failure> {
        let path = if folder.is_empty() { "." } else { inside(folder)? };
        if self.makes_missing {
            self.dir.create_dir_all(path).map_err(|error| failed(folder, &error))?;
        }
        self.dir.open_dir(path).map_err(|error| config(format!("the folder `{folder}` cannot be opened: {error}")))
    }
}

/// A file that is being written; it goes with this, unless it is kept.
#[derive(Debug)]
pub(crate) struct Unfinished {
    folder: Dir,
    file: std::fs::File,
    own: String,
    name: String,
    path: String,
    is_kept: bool,
}

impl Unfinished {
    /// Writes what is next.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Forgets all behind so many bytes.
    pub(crate) fn cut(&mut self, bytes: u64) -> std::io::Result<()> {
        self.file.set_len(bytes)?;
        self.file.seek(SeekFrom::Start(bytes)).map(|_| ())
    }

    /// Puts it where it belongs, in the place of the one that may be there, unless it must not go at the last moment.
    pub(crate) fn keep(mut self, may_go: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| failed(&self.path, &error))?;
        may_go()?;
        let moved = self.folder.rename(&self.own, &self.folder, &self.name);
        moved.map_err(|error| failed(&self.path, &error))?;
        self.is_kept = true;
        kept(&self.folder, &self.path)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = self.folder.remove_file(&self.own);
        }
    }
}

/// The names of a folder are on its disk. Where that fails, the file may be there or not after a crash.
fn kept(folder: &Dir, path: &str) -> Result<(), Failure> {
    let synced = folder.open(".").and_then(|folder| folder.sync_all());
    synced.map_err(|error| Failure::new(ErrorClass::Unknown, format!("`{path}` may not be on the disk: {error}")))
}

/// What an error of the system means: no file was changed.
fn failed(path: &str, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => missing(path),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            config(format!("`{path}` may not be read or written here: {error}"))
        }
        ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => {
            rejected(format!("`{path}` is no file: {error}"))
        }
        _ => unavailable(format!("`{path}`: {error}")),
    }
}
