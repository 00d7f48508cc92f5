//! Folders in which others drop files: each row is an event.
//!
//! A file is taken when it has not changed between two looks, row by row, and moved into `done` when all its rows are durable. After
//! a crash it is read again from its start: what is known by its key begins nothing.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use ferry_contract::failure::{ErrorClass, Failure};
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
    /// Takes what is dropped until the engine stops.
    pub(super) async fn keep_folder(self: Arc<Self>, home: PathBuf, plan: Arc<Plan>, until: CancellationToken) {
        let EventSource::File(drop) = &plan.trigger.source else { return };
        let folder = home.join(&drop.folder);
        let mut looks = Looks::new();
        while !until.is_cancelled() {
            match settled(&folder, drop.rows, &mut looks) {
                Ok(files) => self.take_files(&plan, drop, files).await,
                Err(error) => {
                    let folder = folder.display().to_string();
                    tracing::warn!(pipeline = plan.pipeline, folder, %error, "the folder cannot be read; it will be tried again");
                }
            }
            tokio::select! {
                biased;
                () = self.clock.sleep(drop.every) => {}
                () = until.cancelled() => {}
            }
        }
    }

    async fn take_files(self: &Arc<Self>, plan: &Arc<Plan>, drop: &Drop, files: Vec<PathBuf>) {
        for path in files {
            let file = path.display().to_string();
            match self.take_file(plan, drop, &path).await {
                Ok(rows) => tracing::info!(pipeline = plan.pipeline, file, rows, "every row of the file is taken"),
                Err(failure) => {
                    tracing::warn!(pipeline = plan.pipeline, file, %failure, "the file stays; it will be read again");
                }
            }
        }
    }

    async fn take_file(self: &Arc<Self>, plan: &Arc<Plan>, drop: &Drop, path: &Path) -> Result<u64, Failure> {
        self.save_versions().await.map_err(|error| store_failure(&error))?;
        let mut reader = Reader::open(path, drop.rows).map_err(|error| unreadable(&error))?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let mut taken = 0;
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
            taken += rows.len() as u64;
            let group = |owner: &dyn Fn(usize) -> Option<EngineId>| {
                rows.iter()
                    .enumerate()
                    .map(|(index, row)| Change::Receive(self.row(plan, &name, row, owner(index))))
                    .collect()
            };
            self.take_in(group).await?;
        }
        put_away(path).map_err(|error| unreadable(&error))?;
        Ok(taken)
    }

    /// A row that cannot be read is kept as a dead letter, as it stands in the file.
    fn row(&self, plan: &Plan, file: &str, row: &Row, owner: Option<EngineId>) -> Arrival {
        match &row.event {
            Ok(event) => self.arrival(plan, event, owner),
            Err((text, reason)) => {
                let event = json!({ "file": file, "row": row.number, "text": text });
                let refused = Failure::new(ErrorClass::Invalid, format!("row {} of {file}: {reason}", row.number));
                let event_key = format!("{file}:{}", row.number);
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
    std::fs::rename(path, target)
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
                let mut records = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
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
                let Some(record) = records.records().next() else { return Ok(None) };
                let event = match record {
                    Ok(record) => Ok(cells(header, &record)),
                    Err(error) if error.is_io_error() => return Err(std::io::Error::other(error)),
                    Err(error) => Err((String::new(), error.to_string())),
                };
                Ok(Some(Row { number: *number, event }))
            }
            Self::JsonLines { lines, number } => loop {
                *number += 1;
                let mut line = Vec::new();
                let most = u64::try_from(VALUE_MAX_BYTES).unwrap_or(u64::MAX);
                if lines.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
                    return Ok(None);
                }
                let text = String::from_utf8_lossy(&line).trim().to_owned();
                if !text.is_empty() {
                    let event = serde_json::from_str(&text).map_err(|error| (text, error.to_string()));
                    return Ok(Some(Row { number: *number, event }));
                }
            },
        }
    }
}

/// A map of the row's cells by the names of the header; cells are texts, as they are written.
fn cells(header: &[String], record: &csv::StringRecord) -> Value {
    let cells = header.iter().zip(record.iter()).map(|(name, cell)| (name.clone(), Value::from(cell)));
    Value::Object(cells.collect::<Map<_, _>>())
}
