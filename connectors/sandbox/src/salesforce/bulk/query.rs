//! A job that reads records: its result is one table, which is asked for in parts.

use axum::body::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::org::Org;
use super::super::query::{Deleted, Prepared};
use super::super::{Problem, rest};
use super::dialect::{self, Dialect};
use super::ingest::Step;
use super::job::{Job, State, Work};
use crate::limits;
use crate::wire::{Answer, Request};

/// What a job reads, and what it has found.
#[derive(Debug)]
pub(super) struct Extract {
    query: String,
    deleted: Deleted,
    header: Vec<u8>,
    table: Bytes,
    /// Where each row of the table ends.
    ends: Vec<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    operation: String,
    query: String,
    #[serde(flatten)]
    dialect: Dialect,
}

/// Makes a job.
pub(super) fn create(org: &Org, id: String, request: &Request, now: Timestamp) -> Result<Job, Problem> {
    let wanted: Wanted = serde_json::from_value(Value::Object(rest::body(request)?))
        .map_err(|err| Problem::bad("INVALIDJOB", err.to_string()))?;
    let deleted = match wanted.operation.as_str() {
        "query" => Deleted::Left,
        "queryAll" => Deleted::Shown,
        other => return Err(Problem::bad("INVALIDJOB", format!("unknown operation `{other}`"))),
    };
    let prepared = Prepared::new(org, &wanted.query, deleted)?;
    if prepared.is_count() {
        return Err(Problem::bad("API_ERROR", "Aggregate Relationships not supported in Bulk Query"));
    }
    let extract = Extract { query: wanted.query, deleted, header: Vec::new(), table: Bytes::new(), ends: Vec::new() };
    Ok(Job {
        id,
        operation: wanted.operation,
        object: prepared.object().name,
        dialect: wanted.dialect,
        created: now,
        changed: now,
        state: State::UploadComplete,
        error: None,
        work: Work::Extract(extract),
    })
}

impl Extract {
    /// Says how many records it has found.
    pub(super) fn records(&self) -> usize {
        self.ends.len()
    }

    /// Finds them, all at once.
    pub(super) fn work(&mut self, org: &Org, dialect: Dialect) -> Step {
        let prepared = match Prepared::new(org, &self.query, self.deleted) {
            Ok(prepared) => prepared,
            Err(problem) => return Step::Failed(problem.message),
        };
        let mut writer = dialect.writer();
        // A table in memory takes every row.
        let _ = writer.write_record(prepared.columns());
        self.header = dialect::finished(writer);
        let mut writer = dialect.writer();
        let mut ends = Vec::new();
        prepared.each(&org.store, |cells| {
            let _ = writer.write_record(cells);
            let _ = writer.flush();
            ends.push(writer.get_ref().len());
        });
        self.ends = ends;
        self.table = Bytes::from(dialect::finished(writer));
        Step::Done
    }

    /// Says a part of it.
    ///
    /// # Errors
    /// The size or the locator is none.
    pub(super) fn page(&self, size: Option<&str>, locator: Option<&str>) -> Result<Answer, Problem> {
        let wrong = |name: &str| Problem::bad("INVALID_QUERY_LOCATOR", format!("`{name}` is wrong"));
        let size: usize = match size {
            Some(size) => size.parse().ok().filter(|size| *size > 0).ok_or_else(|| wrong("maxRecords"))?,
            None => limits::BULK_PAGE_RECORDS,
        };
        let first: usize = match locator {
            Some(locator) => {
                locator.strip_prefix("loc").and_then(|number| number.parse().ok()).ok_or_else(|| wrong("locator"))?
            }
            None => 0,
        };
        if first > self.ends.len() {
            return Err(wrong("locator"));
        }
        let last = first.saturating_add(size).min(self.ends.len());
        let offset = |row: usize| row.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut table = self.header.clone();
        table.extend_from_slice(&self.table[offset(first)..offset(last)]);
        let next = if last < self.ends.len() { format!("loc{last}") } else { "null".to_owned() };
        let answer = Answer::csv(table).with("sforce-locator", next);
        Ok(answer.with("sforce-numberofrecords", (last - first).to_string()))
    }
}
