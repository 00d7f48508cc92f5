//! The files of a project that requests send, and that answers go into: never whole in memory.

mod parts;

use std::{
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::{Download, Upload},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::limits::FILE_PART_BYTES;
use crate::native::{
    config,
    files::folder::{Folder, Unfinished},
    invalid, unavailable,
};

pub use parts::{Part, parts_of};

/// The folder of a project's files.
#[derive(Clone, Debug)]
pub struct Files(PathBuf);

/// A range of bytes, from the first on and before the last.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Range {
    /// Its first byte.
    pub from: u64,
    /// The byte after its last one.
    pub to: u64,
}

impl Files {
    /// The files in a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Makes the folder where it is not there.
    fn folder(&self) -> Result<Folder, Failure> {
        let shown = |path: &Path| path.display().to_string();
        if self.0.exists() && !self.0.is_dir() {
            return Err(config(format!(
                "`files` names `{}`, which is no folder; name one in ferry.yaml",
                shown(&self.0)
            )));
        }
        std::fs::create_dir_all(&self.0).map_err(|error| {
            let shown = shown(&self.0);
            config(format!(
                "the folder `{shown}` that `files` names cannot be made: {error}; make it, or name another one"
            ))
        })?;
        let whole = self.0.canonicalize().map_err(|error| config(format!("`{}`: {error}", shown(&self.0))))?;
        Folder::open(&shown(&whole))
    }

    /// A file, to be read from its start.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] where it is not there.
    pub fn open(&self, path: &str) -> Result<std::fs::File, Failure> {
        self.folder()?.open_file(path).map(|(file, _)| file).map_err(never_sent)
    }

    /// A whole file as the body of a request.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] where it is not there.
    pub fn whole(&self, path: &str) -> Result<Arc<dyn Upload>, Failure> {
        Ok(Arc::new(self.sending(path, None)?))
    }

    /// What a person sees of a file, and what tells it from another: its length and its digest.
    pub(crate) fn about(&self, path: &str) -> Result<Value, Failure> {
        let (mut file, _) = self.folder()?.open_file(path).map_err(never_sent)?;
        let (mut hash, mut bytes, mut part) = (Sha256::new(), 0_u64, vec![0; FILE_PART_BYTES]);
        loop {
            let read = file.read(&mut part).map_err(|error| unavailable(format!("`{path}`: {error}")))?;
            if read == 0 {
                break;
            }
            hash.update(&part[..read]);
            bytes += read as u64;
        }
        Ok(json!({ "file": path, "bytes": bytes, "sha256": hex(&hash) }))
    }

    /// A file to be sent, or ranges of it.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] where it is not there, or is not the one that was divided; nothing was sent.
    pub(crate) fn sending(&self, path: &str, part: Option<&Value>) -> Result<Sending, Failure> {
        let (file, length) = self.folder()?.open_file(path).map_err(never_sent)?;
        let ranges = match part.filter(|part| !part.is_null()) {
            Some(part) => {
                let part = Part::deserialize(part).map_err(|error| invalid(format!("`part`: {error}")))?;
                let is_same = part.file_bytes == length && part.file_modified_ns == modified_ns(&file);
                if !is_same || part.ranges.iter().any(|range| range.from > range.to || range.to > length) {
                    return Err(invalid(format!("`{path}` has changed since it was divided into parts")));
                }
                part.ranges
            }
            None => vec![Range { from: 0, to: length }],
        };
        Ok(Sending { file: Arc::new(file), ranges })
    }

    /// A file that an answer goes into.
    pub(crate) fn receiving(&self, path: &str, has_heads: bool) -> Result<Receiving, Failure> {
        let file = self.folder()?.begin(path).map_err(never_sent)?;
        let (whole, so_far) = (Pages::default(), Pages::default());
        let state = Received { file, whole, so_far, begun: 0, is_in_head: false };
        Ok(Receiving { path: path.to_owned(), has_heads, state: Mutex::new(Some(state)) })
    }

    /// The parts of a table of at most so many bytes, each with its head.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] for what is no table.
    pub(crate) fn parts(&self, path: &str, max_bytes: u64) -> Result<Vec<Part>, Failure> {
        let (file, length) = self.folder()?.open_file(path).map_err(never_sent)?;
        let of = (length, modified_ns(&file));
        parts_of(io::BufReader::with_capacity(FILE_PART_BYTES, file), of, max_bytes)
            .map_err(|what| invalid(format!("`{path}`: {what}")))
    }
}

/// When a file was changed last, in Unix nanoseconds; 0 where the system does not say.
fn modified_ns(file: &std::fs::File) -> u64 {
    let modified = file.metadata().and_then(|about| about.modified()).ok();
    let since = modified.and_then(|modified| modified.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or_default()
}

fn hex(hash: &Sha256) -> String {
    hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whatever is wrong with a file of ours, nothing was sent.
fn never_sent(failure: Failure) -> Failure {
    let class = if failure.class == ErrorClass::NotFound { ErrorClass::Invalid } else { failure.class };
    Failure { class, ..failure }
}

/// Ranges of a file as one body.
#[derive(Debug)]
pub(crate) struct Sending {
    file: Arc<std::fs::File>,
    ranges: Vec<Range>,
}

impl Upload for Sending {
    fn length(&self) -> u64 {
        self.ranges.iter().map(|range| range.to - range.from).sum()
    }

    fn open(&self) -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(Reading { file: Arc::clone(&self.file), ranges: self.ranges.clone() }))
    }
}

/// How far a body is read.
struct Reading {
    file: Arc<std::fs::File>,
    ranges: Vec<Range>,
}

impl io::Read for Reading {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.ranges.first().is_some_and(|range| range.from == range.to) {
            self.ranges.remove(0);
        }
        let Some(range) = self.ranges.first_mut().filter(|_| !into.is_empty()) else { return Ok(0) };
        let most = usize::try_from(range.to - range.from).unwrap_or(usize::MAX).min(into.len());
        let read = self.file.read_at(&mut into[..most], range.from)?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file has become shorter"));
        }
        range.from += read as u64;
        Ok(read)
    }
}

/// A file that pages go into, one after the other; it is there whole, or not at all.
#[derive(Debug)]
pub(crate) struct Receiving {
    path: String,
    has_heads: bool,
    state: Mutex<Option<Received>>,
}

#[derive(Debug)]
struct Received {
    file: Unfinished,
    /// What of it is certain: pages that came whole.
    whole: Pages,
    /// The same, with the page that is coming.
    so_far: Pages,
    /// How many pages began, those among them that did not come whole.
    begun: u64,
    /// Whether the head of a page is being left out, because an earlier one had it.
    is_in_head: bool,
}

#[derive(Clone, Debug, Default)]
struct Pages {
    count: u64,
    bytes: u64,
    hash: Sha256,
    ends_line: bool,
}

impl Received {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.so_far.hash.update(bytes);
        self.so_far.bytes += bytes.len() as u64;
        self.so_far.ends_line = bytes.last().map_or(self.so_far.ends_line, |last| *last == b'\n');
        self.file.write(bytes)
    }
}

impl Receiving {
    fn with<T>(&self, what: impl FnOnce(&mut Received) -> T) -> Option<T> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(what)
    }

    /// How many pages have begun to come.
    pub(crate) fn begun(&self) -> u64 {
        self.with(|state| state.begun).unwrap_or_default()
    }

    /// The page that came last is whole, and what it is meant to be.
    pub(crate) fn takes_page(&self) {
        self.with(|state| state.whole = state.so_far.clone());
    }

    /// What rules and results see in the place of a body.
    pub(crate) fn told(&self) -> Value {
        let told = |state: &mut Received| json!({ "file": self.path, "bytes": state.so_far.bytes, "sha256": hex(&state.so_far.hash) });
        self.with(told).unwrap_or_default()
    }

    /// The whole file, which is in memory.
    pub(crate) fn whole(&self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.begin().and_then(|()| self.write(bytes));
        written.map_err(|error| unavailable(format!("`{}` cannot be written: {error}", self.path)))?;
        self.takes_page();
        self.keep()
    }

    /// Puts the file where it belongs.
    pub(crate) fn keep(&self) -> Result<(), Failure> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        state.map_or(Ok(()), |state| state.file.keep(|| Ok(())))
    }
}

impl Download for Receiving {
    fn begin(&self) -> io::Result<()> {
        let begun = self.with(|state| {
            // What came of a page that was cut is forgotten, because it comes again.
            state.file.cut(state.whole.bytes)?;
            state.so_far = Pages { count: state.whole.count + 1, ..state.whole.clone() };
            state.is_in_head = self.has_heads && state.whole.count > 0;
            state.begun += 1;
            // The last row of a page before may end without a line's end.
            if state.is_in_head && !state.whole.ends_line {
                state.take(b"\n")?;
            }
            Ok(())
        });
        begun.unwrap_or(Ok(()))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let written = self.with(|state| {
            let rest = match bytes.iter().position(|byte| *byte == b'\n').filter(|_| state.is_in_head) {
                Some(end) => {
                    state.is_in_head = false;
                    &bytes[end + 1..]
                }
                None if state.is_in_head => return Ok(()),
                None => bytes,
            };
            state.take(rest)
        });
        written.unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_was_cut_and_comes_again_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = Files::new(folder.path().join("new")).receiving("b.csv", true).unwrap();
        for (page, is_whole) in [("id\n1", true), ("id\n2", false), ("id", false), ("id\n2\n", true)] {
            file.begin().unwrap();
            page.as_bytes().chunks(2).for_each(|part| file.write(part).unwrap());
            if is_whole {
                file.takes_page();
            }
        }
        let digest: String = Sha256::digest(b"id\n1\n2\n").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(file.told(), json!({ "file": "b.csv", "bytes": 7, "sha256": digest }));
        file.keep().unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("new/b.csv")).unwrap(), "id\n1\n2\n");
    }
}
