//! Folders in which others drop files: each row is an event.
//!
//! A file is taken when it has not changed between two looks, row by row, and moved into `done` when all its rows are durable and it
//! is still the file that was read. After a crash it is read again from its start: what is known by its key begins nothing.
//! Of several processes that look into one folder, one moves the file; what the others read of it they know by its keys.

mod rows;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::Digest,
};
use ferry_core::plan::{Drop, EventSource, Plan};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Engine, trigger::store_failure};
use crate::store::{Arrival, Change, EngineId};
use rows::{Look, Reader, Row};

/// Where files go whose rows are all durable.
const DONE: &str = "done";

/// How each file was at the last look.
type Looks = BTreeMap<PathBuf, Look>;

impl Engine {
    /// Takes what is dropped until the engine stops. What stays as it is, is said once.
    pub(super) async fn keep_folder(self: Arc<Self>, home: PathBuf, plan: Arc<Plan>, until: CancellationToken) {
        let EventSource::File(drop) = &plan.trigger.source else { return };
        let folder = home.join(&drop.folder);
        let (mut looks, mut said) = (Looks::new(), BTreeSet::new());
        while !until.is_cancelled() {
            let mut wrong = BTreeSet::new();
            let (at, ending) = (folder.clone(), drop.rows.extension());
            match blocking(move || look(&at, ending)).await {
                Ok(now) => {
                    for path in settled(&looks, &now) {
                        let taken = self.take_file((&plan, drop), &path, &until).await;
                        wrong.extend(taken.err().map(|failure| format!("{}: {}", path.display(), failure.message)));
                    }
                    looks = now;
                }
                Err(error) => wrong.extend([format!("{}: {}", folder.display(), error.message)]),
            }
            for what in wrong.difference(&said) {
                let help = "it is tried again; see that it is there, and that this user may read and move it";
                tracing::error!(pipeline = plan.pipeline, what, help, "a dropped file is not taken");
            }
            said = wrong;
            tokio::select! {
                biased;
                () = self.clock.sleep(drop.every) => {}
                () = until.cancelled() => {}
            }
        }
    }

    /// Takes all rows of a file; where it is stopped in between, the file stays, and its rows are known.
    async fn take_file(
        self: &Arc<Self>,
        (plan, drop): (&Arc<Plan>, &Drop),
        path: &Path,
        until: &CancellationToken,
    ) -> Result<(), Failure> {
        self.save_versions().await.map_err(|error| store_failure(&error))?;
        let (file, rows) = (path.to_owned(), drop.rows);
        let mut reader = blocking(move || Reader::open(&file, rows)).await?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        loop {
            let (back, rows) = blocking(move || reader.batch().map(|rows| (reader, rows))).await?;
            reader = back;
            if rows.is_empty() {
                break;
            }
            if until.is_cancelled() {
                return Ok(());
            }
            let group = |owner: &dyn Fn(usize) -> Option<EngineId>| {
                let row = |(index, row)| Change::Receive(self.row(plan, &name, row, owner(index)));
                rows.iter().enumerate().map(row).collect()
            };
            self.take_in(group).await?;
        }
        let path = path.to_owned();
        blocking(move || put_away(&path, reader.look())).await
    }

    /// A row that cannot be read is kept as a dead letter, as it stands in the file.
    fn row(&self, plan: &Plan, file: &str, row: &Row, owner: Option<EngineId>) -> Arrival {
        match &row.event {
            Ok(event) => self.arrival(plan, event, owner),
            Err((text, reason)) => {
                let event = json!({ "file": file, "row": row.number, "text": text });
                let refused = Failure::new(ErrorClass::Invalid, format!("row {} of {file}: {reason}", row.number));
                // Another file of that name may come, with another row in this place.
                let event_key = format!("{file}:{}:{}", row.number, Digest::of(text).short());
                Arrival { event_key, refused: Some(refused), ..self.arrival(plan, &event, owner) }
            }
        }
    }
}

/// Work on files, which may lie on a slow mount, beside the runtime's own threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| Failure::new(ErrorClass::Unavailable, error.to_string());
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| unreadable(&error)),
        Err(error) => Err(unreadable(&error)),
    }
}

/// The files of an ending, however it is written, by name.
fn look(folder: &Path, ending: &str) -> io::Result<Looks> {
    let mut now = Looks::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case(ending)) && path.is_file() {
            let look = Look::of(&std::fs::metadata(&path)?);
            now.insert(path, look);
        }
    }
    Ok(now)
}

/// Those that are as they were.
fn settled(before: &Looks, now: &Looks) -> Vec<PathBuf> {
    now.iter().filter(|(path, look)| before.get(*path) == Some(look)).map(|(path, _)| path.clone()).collect()
}

/// Moves a file that was read, and no other that has come in its place. A file of that name that was taken before stays beside it.
fn put_away(path: &Path, read: Look) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let changed = || io::Error::other("it was changed while it was read; it is read again");
    match std::fs::metadata(path) {
        // Another process has moved it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        known => {
            if Look::of(&known?) != read {
                return Err(changed());
            }
        }
    }
    std::fs::create_dir_all(folder.join(DONE))?;
    let target = free(&folder.join(DONE), name);
    match std::fs::rename(path, &target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        moved => moved?,
    }
    // What came between the look and the move was not read.
    if Look::of(&std::fs::metadata(&target)?) != read {
        std::fs::rename(&target, free(folder, name))?;
        return Err(changed());
    }
    Ok(())
}

/// A name in a folder that no file has.
fn free(folder: &Path, name: &str) -> PathBuf {
    let numbered = (2_u64..).map(|number| folder.join(format!("{number}-{name}")));
    let mut names = std::iter::once(folder.join(name)).chain(numbered);
    names.find(|path| !path.exists()).expect("a folder has fewer files than numbers")
}

#[cfg(test)]
mod tests {
    use ferry_core::plan::Rows;

    use super::*;

    /// A file that came in the place of the one that was read was not read.
    #[test]
    fn only_what_was_read_is_put_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let write = |text: &str| {
            let new = folder.path().join("new");
            std::fs::write(&new, text).unwrap();
            std::fs::rename(new, &path).unwrap();
        };
        let done = |name: &str| std::fs::read_to_string(folder.path().join(DONE).join(name)).ok();
        write("n\n1\n");
        let read = Reader::open(&path, Rows::Csv).unwrap().look();
        write("n\n2\n");
        assert_eq!(
            put_away(&path, read).unwrap_err().to_string(),
            "it was changed while it was read; it is read again"
        );
        assert_eq!(done("a.csv"), None);
        let read = Reader::open(&path, Rows::Csv).unwrap().look();
        put_away(&path, read).unwrap();
        put_away(&path, read).unwrap();
        write("n\n3\n");
        put_away(&path, Reader::open(&path, Rows::Csv).unwrap().look()).unwrap();
        assert_eq!((done("a.csv").as_deref(), done("2-a.csv").as_deref()), (Some("n\n2\n"), Some("n\n3\n")));
    }
}
