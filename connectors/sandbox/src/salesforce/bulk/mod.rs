//! Bulk API 2.0: very many records in one job, which goes on by itself on the sandbox clock.
//!
//! Source: Bulk API 2.0 and Bulk API Developer Guide, v59.0. A job has its rows done in chunks, one after the other,
//! so that a million of them hold nobody up.

mod dialect;
mod ingest;
mod job;
mod query;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::ingest::Ingest;
use self::job::{Job, State};
use super::org::Org;
use super::{Problem, ids};
use crate::wire::{Answer, Request};

/// All jobs, by id.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    jobs: BTreeMap<String, Job>,
    created: u64,
}

impl Jobs {
    /// Answers a request below `/jobs`.
    pub(super) fn answer(
        &mut self,
        org: &Org,
        path: &[&str],
        request: &Request,
        now: Timestamp,
    ) -> Result<Answer, Problem> {
        let (kind, path) = path.split_first().ok_or_else(Problem::not_found)?;
        let is_ingest = match *kind {
            "ingest" => true,
            "query" => false,
            _ => return Err(Problem::not_found()),
        };
        match (request.method.as_str(), path) {
            ("POST", []) => {
                let id = ids::make("750", self.created + 1);
                let job = if is_ingest {
                    Ingest::create(org, id, request, now)?
                } else {
                    query::create(org, id, request, now)?
                };
                self.created += 1;
                let info = job.info();
                self.jobs.insert(job.id.clone(), job);
                Ok(Answer::ok(info))
            }
            ("GET", []) => {
                let list: Vec<Value> =
                    self.jobs.values().filter(|job| job.is_ingest() == is_ingest).map(Job::info).collect();
                Ok(Answer::ok(json!({ "done": true, "records": list, "nextRecordsUrl": null })))
            }
            (method, [id, rest @ ..]) => {
                let id = ids::read("750", id).ok_or_else(Problem::not_found)?;
                let job = self.jobs.get_mut(&id).filter(|job| job.is_ingest() == is_ingest);
                let job = job.ok_or_else(Problem::not_found)?;
                if (method, rest) == ("DELETE", &[]) {
                    job.must_have_ended()?;
                    self.jobs.remove(&id);
                    return Ok(Answer::no_content());
                }
                one(job, (method, rest), request, now)
            }
            _ => Err(Problem::not_found()),
        }
    }

    /// Goes on with the first job that has something to do.
    pub(super) fn work(&mut self, org: &mut Org, now: Timestamp) {
        if let Some(job) = self.jobs.values_mut().find(|job| job.state.is_at_work()) {
            job.work(org, now);
        }
    }

    /// Says whether a job has something to do.
    pub(super) fn is_busy(&self) -> bool {
        self.jobs.values().any(|job| job.state.is_at_work())
    }
}

fn one(job: &mut Job, asked: (&str, &[&str]), request: &Request, now: Timestamp) -> Result<Answer, Problem> {
    match asked {
        ("GET", []) => Ok(Answer::ok(job.info())),
        ("PATCH", []) => {
            let body = super::rest::body(request)?;
            match body.get("state").and_then(Value::as_str) {
                Some("UploadComplete") => job.close(now)?,
                Some("Aborted") => job.abort(now)?,
                _ => return Err(Problem::bad("INVALIDJOB", "`state` is UploadComplete or Aborted")),
            }
            Ok(Answer::ok(job.info()))
        }
        ("PUT", ["batches"]) => {
            job.upload(&request.body, now)?;
            Ok(Answer::empty(StatusCode::CREATED))
        }
        ("GET", ["results"]) => job.results(request),
        ("GET", [results]) => job.rows(results),
        _ => Err(Problem::not_found()),
    }
}

/// Says that a job is not in the state for it.
fn wrong_state(state: State, wanted: &str) -> Problem {
    let message = format!("the job is {}, and must be {wanted}", state.name());
    Problem::bad("INVALIDJOBSTATE", message)
}
