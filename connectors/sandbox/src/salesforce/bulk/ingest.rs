//! A job that writes records, chunk by chunk.
//!
//! The table that was sent is kept, and what became of each row in a few bytes; the tables of the results are made when
//! somebody asks for them.

use axum::body::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::org::{By, Org, Upserted, id_of, key_of};
use super::super::query::relation_of;
use super::super::schema::{Field, Object};
use super::super::{Problem, collections, ids, rest};
use super::dialect::{self, Dialect};
use super::job::{Job, State, Work};
use crate::limits;
use crate::wire::Request;

/// What a job writes, and how far it is.
#[derive(Debug)]
pub(super) struct Ingest {
    object: &'static Object,
    operation: String,
    key: Option<&'static str>,
    data: Bytes,
    /// Where the next chunk begins.
    next: usize,
    header: Option<csv::StringRecord>,
    outcomes: Vec<Outcome>,
    failed: usize,
}

/// What became of a row.
#[derive(Debug)]
enum Outcome {
    Created(u64),
    Changed(u64),
    Refused(Box<str>),
}

/// How a job goes on.
#[derive(Debug)]
pub(super) enum Step {
    /// There is more to do.
    More,
    /// All is done.
    Done,
    /// It cannot be done.
    Failed(String),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    object: String,
    operation: String,
    external_id_field_name: Option<String>,
    content_type: Option<String>,
    #[serde(flatten)]
    dialect: Dialect,
}

impl Ingest {
    /// Makes a job.
    pub(super) fn create(org: &Org, id: String, request: &Request, now: Timestamp) -> Result<Job, Problem> {
        let wanted: Wanted = serde_json::from_value(Value::Object(rest::body(request)?))
            .map_err(|err| Problem::bad("INVALIDJOB", err.to_string()))?;
        let unknown = || Problem::bad("INVALIDENTITY", format!("'{}' is no object of the org", wanted.object));
        let object = org.object(&wanted.object).map_err(|_| unknown())?;
        if !["insert", "update", "upsert", "delete", "hardDelete"].contains(&wanted.operation.as_str()) {
            return Err(Problem::bad("INVALIDJOB", format!("unknown operation `{}`", wanted.operation)));
        }
        if wanted.content_type.is_some_and(|kind| kind != "CSV") {
            return Err(Problem::bad("INVALIDJOB", "`contentType` is CSV"));
        }
        let key = match (&wanted.external_id_field_name, wanted.operation.as_str()) {
            (Some(name), "upsert") => {
                Some(key_of(object, name).map_err(|problem| Problem::bad("INVALIDJOB", problem.message))?.name)
            }
            (None, "upsert") => return Err(Problem::bad("INVALIDJOB", "an upsert needs `externalIdFieldName`")),
            _ => None,
        };
        let ingest = Self {
            object,
            operation: wanted.operation.clone(),
            key,
            data: Bytes::new(),
            next: 0,
            header: None,
            outcomes: Vec::new(),
            failed: 0,
        };
        Ok(Job {
            id,
            operation: wanted.operation,
            object: object.name,
            dialect: wanted.dialect,
            created: now,
            changed: now,
            state: State::Open,
            error: None,
            work: Work::Ingest(ingest),
        })
    }

    /// Says the field by which it finds records.
    pub(super) fn key(&self) -> Option<&'static str> {
        self.key
    }

    /// Says how many rows were done, whether well or not.
    pub(super) fn processed(&self) -> usize {
        self.outcomes.len()
    }

    /// Says how many rows were refused.
    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    /// Says whether it has its data.
    pub(super) fn has_data(&self) -> bool {
        !self.data.is_empty()
    }

    /// Takes its data.
    pub(super) fn take(&mut self, data: Bytes) {
        self.data = data;
    }

    /// Does the next chunk.
    pub(super) fn work(&mut self, org: &mut Org, dialect: Dialect, now: Timestamp) -> Step {
        let data = self.data.clone();
        let mut reader = dialect.reader(&data[self.next..]);
        if self.header.is_none() {
            match self.header_of(&mut reader, dialect) {
                Ok(header) => self.header = Some(header),
                Err(message) => return Step::Failed(message),
            }
        }
        let header = self.header.clone().unwrap_or_default();
        let mut by = org.by(now, None);
        let mut row = csv::StringRecord::new();
        for _ in 0..limits::BULK_CHUNK_RECORDS {
            match reader.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => return Step::Done,
                Err(err) => return Step::Failed(format!("InvalidBatch : {err}")),
            }
            let outcome = dialect::row(&header, &row).and_then(|body| self.one(org, body, &mut by));
            self.failed += usize::from(outcome.is_err());
            self.outcomes.push(outcome.unwrap_or_else(|problem| Outcome::Refused(told(&problem).into_boxed_str())));
        }
        self.next += usize::try_from(reader.position().byte()).unwrap_or_default();
        Step::More
    }

    /// Says the rows that went well, each with its record's id.
    pub(super) fn successful(&self, dialect: Dialect) -> Vec<u8> {
        self.table(dialect, ["sf__Id", "sf__Created"], |outcome, prefix| match outcome {
            Some(Outcome::Created(number)) => Some([ids::make(prefix, *number), "true".to_owned()]),
            Some(Outcome::Changed(number)) => Some([ids::make(prefix, *number), "false".to_owned()]),
            Some(Outcome::Refused(_)) | None => None,
        })
    }

    /// Says the rows that were refused, each with why.
    pub(super) fn refused(&self, dialect: Dialect) -> Vec<u8> {
        self.table(dialect, ["sf__Id", "sf__Error"], |outcome, _| match outcome {
            Some(Outcome::Refused(message)) => Some([String::new(), message.to_string()]),
            Some(Outcome::Created(_) | Outcome::Changed(_)) | None => None,
        })
    }

    /// Says the rows that were not done.
    pub(super) fn unprocessed(&self, dialect: Dialect) -> Vec<u8> {
        self.table(dialect, [], |outcome, _| outcome.is_none().then_some([]))
    }

    fn table<const N: usize>(
        &self,
        dialect: Dialect,
        names: [&str; N],
        cells: impl Fn(Option<&Outcome>, &str) -> Option<[String; N]>,
    ) -> Vec<u8> {
        let mut writer = dialect.writer();
        let mut reader = dialect.reader(&self.data);
        let mut row = csv::StringRecord::new();
        let mut outcomes = self.outcomes.iter();
        let mut is_header = true;
        while reader.read_record(&mut row).unwrap_or(false) {
            let first =
                if is_header { Some(names.map(str::to_owned)) } else { cells(outcomes.next(), self.object.prefix) };
            is_header = false;
            if let Some(first) = first {
                // A table in memory takes every row.
                let _ = writer.write_record(first.iter().map(String::as_str).chain(&row));
            }
        }
        dialect::finished(writer)
    }

    fn header_of(&self, reader: &mut csv::Reader<&[u8]>, dialect: Dialect) -> Result<csv::StringRecord, String> {
        if !dialect.fits(&self.data) {
            let ending = dialect.line_ending();
            return Err(format!(
                "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {ending}"
            ));
        }
        let mut header = csv::StringRecord::new();
        if !reader.read_record(&mut header).map_err(|err| format!("InvalidBatch : {err}"))? {
            return Err("InvalidBatch : the table is empty".to_owned());
        }
        let is_known = |name: &&str| {
            let relation = name.split_once('.').map_or(*name, |(relation, _)| relation);
            let refers = |field: &Field| relation_of(field).eq_ignore_ascii_case(relation);
            self.object.field(name).is_ok() || self.object.own.iter().any(refers)
        };
        if let Some(name) = header.iter().find(|name| !is_known(name)) {
            return Err(format!("InvalidBatch : Field name not found : {name}"));
        }
        let is_delete = ["delete", "hardDelete"].contains(&self.operation.as_str());
        if is_delete && header.iter().ne(["Id"]) {
            return Err(format!("InvalidBatch : The '{}' batch must contain only ids", self.operation));
        }
        Ok(header)
    }

    fn one(&self, org: &mut Org, mut body: Map<String, Value>, by: &mut By<'_>) -> Result<Outcome, Problem> {
        let object = self.object;
        let mut id = || {
            let id = body.remove("Id").or_else(|| body.remove("id"));
            let id = id
                .as_ref()
                .and_then(Value::as_str)
                .ok_or_else(|| Problem::bad("MISSING_ARGUMENT", "Id not specified in an update call").on("Id"))?;
            id_of(object, id)
        };
        match (self.operation.as_str(), self.key) {
            ("insert", _) => org.create(object, &body, by).map(|id| self.created(&id)),
            ("update", _) => {
                let id = id()?;
                org.update(object, &id, &body, by)?;
                Ok(self.changed(&id))
            }
            ("upsert", Some(key)) => {
                let key = key_of(object, key)?;
                let value = body.remove(key.name);
                let Some(value) = value.as_ref().and_then(Value::as_str) else {
                    let message = format!("{} not specified", key.name);
                    return Err(Problem::bad("MISSING_ARGUMENT", message).on(key.name));
                };
                match org.upsert(object, (key, value), &body, by)? {
                    Upserted::Created(id) => Ok(self.created(&id)),
                    Upserted::Updated(id) => Ok(self.changed(&id)),
                    Upserted::Several(ids) => Err(collections::several(key, &ids)),
                }
            }
            _ => {
                let id = id()?;
                org.delete(object, &id, by)?;
                Ok(self.changed(&id))
            }
        }
    }

    fn created(&self, id: &str) -> Outcome {
        Outcome::Created(ids::number(self.object.prefix, id).unwrap_or_default())
    }

    fn changed(&self, id: &str) -> Outcome {
        Outcome::Changed(ids::number(self.object.prefix, id).unwrap_or_default())
    }
}

/// Writes a problem as `sf__Error` does: `REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --`.
fn told(problem: &Problem) -> String {
    let problem = problem.clone().among_others();
    let fields = if problem.fields.is_empty() { String::new() } else { format!("{} ", problem.fields.join(", ")) };
    format!("{}:{}:{fields}--", problem.code, problem.message)
}
