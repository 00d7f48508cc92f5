//! Folders in which others drop files: each row is an event.
//!
//! A file is taken when it has not changed between two looks, row by row, and moved into `done` when all its rows are durable. After
//! a crash it is read again from its start: what is known by its key begins nothing. Of several processes that look into one
//! folder, one moves the file; what the others read of it they know by its keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::Digest,
};
use ferry_core::{
    limits::VALUE_MAX_BYTES,
    plan::{Drop, EventSource, Plan, Rows},
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{Engine, trigger::store_failure};
use crate::{
    limits::FILE_BATCH_ROWS,
    store::{Arrival, Change, EngineId},
};

/// Where files go whose rows are all durable.
const DONE: &str = "done";

/// How a file was at the last look.
type Looks = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// A row of a file, or what is wrong with it.
struct Row {
    number: u64,
    event: Result<Value, (String, String)>,
}

impl Engine {
    /// Takes what is dropped until the engine stops. What stays as it is, is said once.
    pub(super) async fn keep_folder(self: Arc<Self>, home: PathBuf, plan: Arc<Plan>, until: CancellationToken) {
        let EventSource::File(drop) = &plan.trigger.source else { return };
        let folder = home.join(&drop.folder);
        let (mut looks, mut said) = (Looks::new(), BTreeSet::new());
        while !until.is_cancelled() {
            let mut wrong = BTreeSet::new();
            match settled(&folder, drop.rows, &mut looks) {
                Ok(files) => {
                    for path in files {
                        let taken = self.take_file(&plan, drop, &path).await;
                        wrong.extend(taken.err().map(|failure| format!("{}: {}", path.display(), failure.message)));
                    }
                }
                Err(error) => wrong.extend([format!("{}: {error}", folder.display())]),
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

    async fn take_file(self: &Arc<Self>, plan: &Arc<Plan>, drop: &Drop, path: &Path) -> Result<(), Failure> {
        self.save_versions().await.map_err(|error| store_failure(&error))?;
        let mut reader = Reader::open(path, drop.rows).map_err(|error| unreadable(&error))?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        loop {
            let read = tokio::task::spawn_blocking(move || {
                let rows = reader.batch();
                (reader, rows)
            });
            let (back, rows) = read.await.map_err(|error| unreadable(&error))?;
            reader = back;
            let rows = rows.map_err(|error| unreadable(&error))?;
            if rows.is_empty() {
                break;
            }
            let group = |owner: &dyn Fn(usize) -> Option<EngineId>| {
                rows.iter()
                    .enumerate()
                    .map(|(index, row)| Change::Receive(self.row(plan, &name, row, owner(index))))
                    .collect()
            };
            self.take_in(group).await?;
        }
        put_away(path).map_err(|error| unreadable(&error))
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

fn unreadable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(ErrorClass::Unavailable, error.to_string())
}

/// The files that are as they were at the last look, by name.
fn settled(folder: &Path, rows: Rows, looks: &mut Looks) -> std::io::Result<Vec<PathBuf>> {
    let mut now = Looks::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|end| end == rows.extension());
        if is_ours && path.is_file() {
            let known = std::fs::metadata(&path)?;
            now.insert(path, (known.len(), known.modified().ok()));
        }
    }
    let settled =
        now.iter().filter(|(path, look)| looks.get(*path) == Some(look)).map(|(path, _)| path.clone()).collect();
    *looks = now;
    Ok(settled)
}

/// A file of that name that was taken before stays beside it.
fn put_away(path: &Path) -> std::io::Result<()> {
    let done = path.parent().unwrap_or(Path::new(".")).join(DONE);
    std::fs::create_dir_all(&done)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut target = done.join(name);
    let mut number = 1;
    while target.exists() {
        number += 1;
        target = done.join(format!("{number}-{name}"));
    }
    match std::fs::rename(path, target) {
        // Another process has moved it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        moved => moved,
    }
}

/// Reads the rows of a file, some at a time.
enum Reader {
    Csv { records: csv::Reader<File>, header: Vec<String>, number: u64 },
    JsonLines { lines: BufReader<File>, number: u64 },
}

impl Reader {
    fn open(path: &Path, rows: Rows) -> Result<Self, csv::Error> {
        let file = File::open(path)?;
        match rows {
            Rows::JsonLines => Ok(Self::JsonLines { lines: BufReader::new(file), number: 0 }),
            Rows::Csv => {
                // A row with a cell too many is a row all the same, and its cells are kept.
                let mut records = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(file);
                let header = records.headers()?.iter().map(str::to_owned).collect();
                Ok(Self::Csv { records, header, number: 1 })
            }
        }
    }

    fn batch(&mut self) -> std::io::Result<Vec<Row>> {
        let mut rows = Vec::new();
        while rows.len() < FILE_BATCH_ROWS {
            let Some(row) = self.row()? else { break };
            rows.push(row);
        }
        Ok(rows)
    }

    fn row(&mut self) -> std::io::Result<Option<Row>> {
        match self {
            Self::Csv { records, header, number } => {
                *number += 1;
                let mut record = csv::ByteRecord::new();
                let is_there = records.read_byte_record(&mut record).map_err(std::io::Error::other)?;
                Ok(is_there.then(|| Row { number: *number, event: cells(header, &record) }))
            }
            Self::JsonLines { lines, number } => loop {
                *number += 1;
                let Some((text, is_whole)) = line(lines)? else { return Ok(None) };
                if !is_whole {
                    let reason = format!("it is longer than {VALUE_MAX_BYTES} bytes, of which the first stand here");
                    let shown = text.chars().take(SHOWN_CHARS).collect();
                    return Ok(Some(Row { number: *number, event: Err((shown, reason)) }));
                }
                if !text.is_empty() {
                    let event = serde_json::from_str(&text).map_err(|error| (text, error.to_string()));
                    return Ok(Some(Row { number: *number, event }));
                }
            },
        }
    }
}

/// How much of a line is kept that is too long for an event; the whole stays in the file.
const SHOWN_CHARS: usize = 1_000;

/// A line without the space around it, and whether it is whole; what is beyond the longest event is passed over.
fn line(lines: &mut BufReader<File>) -> std::io::Result<Option<(String, bool)>> {
    let mut read = Vec::new();
    let most = u64::try_from(VALUE_MAX_BYTES).unwrap_or(u64::MAX);
    if lines.by_ref().take(most).read_until(b'\n', &mut read)? == 0 {
        return Ok(None);
    }
    let is_whole = read.ends_with(b"\n") || read.len() < VALUE_MAX_BYTES;
    let text = String::from_utf8_lossy(&read).trim().to_owned();
    if !is_whole {
        lines.skip_until(b'\n')?;
    }
    Ok(Some((text, is_whole)))
}

/// A map of the row's cells by the names of the header; cells are texts, as they are written.
fn cells(header: &[String], record: &csv::ByteRecord) -> Result<Value, (String, String)> {
    let texts: Vec<String> = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
    if texts.len() != header.len() {
        let reason = format!("it has {} cells, and the header names {}", texts.len(), header.len());
        return Err((texts.join(","), reason));
    }
    if record.iter().any(|cell| std::str::from_utf8(cell).is_err()) {
        return Err((texts.join(","), "it is no UTF-8".to_owned()));
    }
    let cells = header.iter().cloned().zip(texts.into_iter().map(Value::from));
    Ok(Value::Object(cells.collect::<Map<_, _>>()))
}
