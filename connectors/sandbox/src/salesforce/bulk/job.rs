//! A job: what it is, where it is, and what it says of itself.

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::org::Org;
use super::super::records::stamp;
use super::super::{Problem, USER_ID};
use super::dialect::Dialect;
use super::ingest::{Ingest, Step};
use super::query::Extract;
use super::wrong_state;
use crate::wire::{Answer, Request};
use crate::{clock, limits};

/// A job.
#[derive(Debug)]
pub(super) struct Job {
    /// Its id.
    pub(super) id: String,
    /// What it does, by the vendor's name.
    pub(super) operation: String,
    /// Of which object.
    pub(super) object: &'static str,
    /// How its tables are written.
    pub(super) dialect: Dialect,
    /// When it was made.
    pub(super) created: Timestamp,
    /// When its state last changed.
    pub(super) changed: Timestamp,
    /// Where it is.
    pub(super) state: State,
    /// Why it has failed.
    pub(super) error: Option<String>,
    /// What it works on.
    pub(super) work: Work,
}

/// What a job works on.
#[derive(Debug)]
pub(super) enum Work {
    /// It writes records.
    Ingest(Ingest),
    /// It reads records.
    Extract(Extract),
}

/// Where a job is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// It takes data.
    Open,
    /// It has all data.
    UploadComplete,
    /// It is being done.
    InProgress,
    /// It is done; some of its records may have failed.
    JobComplete,
    /// It cannot be done.
    Failed,
    /// Somebody has ended it.
    Aborted,
}

impl State {
    /// Says the vendor's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Failed => "Failed",
            Self::Aborted => "Aborted",
        }
    }

    /// Says whether it goes on by itself.
    pub(super) fn is_at_work(self) -> bool {
        matches!(self, Self::UploadComplete | Self::InProgress)
    }
}

impl Job {
    /// Says whether it writes.
    pub(super) fn is_ingest(&self) -> bool {
        matches!(self.work, Work::Ingest(_))
    }

    /// Says all of itself.
    pub(super) fn info(&self) -> Value {
        let mut info = json!({
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": USER_ID,
            "createdDate": stamp(self.created),
            "systemModstamp": stamp(self.changed),
            "state": self.state.name(),
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": 59,
            "lineEnding": self.dialect.line_ending(),
            "columnDelimiter": self.dialect.delimiter(),
            "retries": 0,
            "totalProcessingTime": clock::ms_between(self.created, self.changed),
        });
        match &self.work {
            Work::Ingest(ingest) => {
                info["jobType"] = json!("V2Ingest");
                info["contentUrl"] = json!(format!("services/data/v59.0/jobs/ingest/{}/batches", self.id));
                info["numberRecordsProcessed"] = json!(ingest.processed());
                info["numberRecordsFailed"] = json!(ingest.failed());
                info["apiActiveProcessingTime"] = json!(0);
                info["apexProcessingTime"] = json!(0);
                if let Some(field) = ingest.key() {
                    info["externalIdFieldName"] = json!(field);
                }
            }
            Work::Extract(extract) => {
                info["jobType"] = json!("V2Query");
                info["numberRecordsProcessed"] = json!(extract.records());
            }
        }
        if let Some(error) = &self.error {
            info["errorMessage"] = json!(error);
        }
        info
    }

    /// Takes its data, once.
    pub(super) fn upload(&mut self, body: &Bytes, now: Timestamp) -> Result<(), Problem> {
        let is_open = self.state == State::Open;
        let Work::Ingest(ingest) = &mut self.work else { return Err(Problem::not_found()) };
        if !is_open || ingest.has_data() {
            return Err(wrong_state(self.state, "Open, and take its data once"));
        }
        if body.len() > limits::BULK_JOB_MAX_BYTES {
            let message = format!("ClientInputError : a job has at most {} bytes", limits::BULK_JOB_MAX_BYTES);
            self.fail(message.clone(), now);
            return Err(Problem::bad("ClientInputError", message));
        }
        ingest.take(body.clone());
        Ok(())
    }

    /// Has all data, and goes on by itself.
    pub(super) fn close(&mut self, now: Timestamp) -> Result<(), Problem> {
        if self.state != State::Open || !self.is_ingest() {
            return Err(wrong_state(self.state, "Open"));
        }
        self.enter(State::UploadComplete, now);
        Ok(())
    }

    /// Is ended by somebody.
    pub(super) fn abort(&mut self, now: Timestamp) -> Result<(), Problem> {
        match self.state {
            State::Open | State::UploadComplete | State::InProgress => self.enter(State::Aborted, now),
            State::JobComplete | State::Failed | State::Aborted => {
                return Err(wrong_state(self.state, "Open, UploadComplete or InProgress"));
            }
        }
        Ok(())
    }

    /// Refuses what only a job that has ended takes.
    pub(super) fn must_have_ended(&self) -> Result<(), Problem> {
        match self.state {
            State::JobComplete | State::Failed | State::Aborted => Ok(()),
            State::Open | State::UploadComplete | State::InProgress => {
                Err(wrong_state(self.state, "JobComplete, Failed or Aborted"))
            }
        }
    }

    /// Goes on with it: one step, such as a chunk of its rows, if that is due.
    pub(super) fn work(&mut self, org: &mut Org, now: Timestamp) {
        if clock::ms_between(self.changed, now) < limits::BULK_STEP_MS {
            return;
        }
        // A clock that has jumped lets as many steps follow at once as have become due.
        let due = clock::add_ms(self.changed, limits::BULK_STEP_MS);
        if self.state == State::UploadComplete {
            self.enter(State::InProgress, due);
            return;
        }
        let step = match &mut self.work {
            Work::Ingest(ingest) => ingest.work(org, self.dialect, now),
            Work::Extract(extract) => extract.work(org, self.dialect),
        };
        match step {
            Step::More => self.enter(State::InProgress, due),
            Step::Done => self.enter(State::JobComplete, due),
            Step::Failed(message) => self.fail(message, due),
        }
    }

    /// Says the rows that went well, or did not, or were not done.
    pub(super) fn rows(&self, which: &str) -> Result<Answer, Problem> {
        let Work::Ingest(ingest) = &self.work else { return Err(Problem::not_found()) };
        let rows = match which.to_ascii_lowercase().as_str() {
            "successfulresults" => ingest.successful(self.dialect),
            "failedresults" => ingest.refused(self.dialect),
            "unprocessedrecords" => ingest.unprocessed(self.dialect),
            _ => return Err(Problem::not_found()),
        };
        self.must_have_ended()?;
        Ok(Answer::csv(rows))
    }

    /// Says a part of what a query has found.
    pub(super) fn results(&self, request: &Request) -> Result<Answer, Problem> {
        let Work::Extract(extract) = &self.work else { return Err(Problem::not_found()) };
        if self.state != State::JobComplete {
            return Err(wrong_state(self.state, "JobComplete"));
        }
        extract.page(request.parameter("maxRecords"), request.parameter("locator"))
    }

    fn enter(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.changed = now;
    }

    fn fail(&mut self, message: String, now: Timestamp) {
        self.error = Some(message);
        self.enter(State::Failed, now);
    }
}
