//! The rows of a reconciliation: from pages of an action, from a file, or from a list of the run.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use ferry_connectors::{call::Page, connection::Connection};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    path::Document,
    script::Rules,
};
use ferry_core::{
    plan::{
        Call, Plan,
        reconcile::{Feed, FeedRows},
    },
    recon::{Lines, Side},
};
use serde_json::Value;

use super::{Job, Stop, beside, reconcile_of};
use crate::{
    engine::{Engine, gate::Ask, question::bug},
    recon::feed::{Fed, Feeder, Part, stopped},
};

/// The rows of both sides, those of settlements, and how many did not count.
pub(super) struct Rows {
    pub(super) left: Side,
    pub(super) right: Side,
    pub(super) lines: Lines,
    pub(super) left_out: u64,
}

/// Rows that persons have cut, of the left and of the right.
pub(super) type Parts = Arc<[BTreeMap<String, Vec<Part>>; 2]>;

/// Which rows.
#[derive(Clone, Copy)]
enum Place {
    Left,
    Right,
    Settlement,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Settlement => "settlement",
        }
    }

    fn feed(self, plan: &Plan, index: usize) -> Result<&Feed, Failure> {
        let reconcile = reconcile_of(plan, index)?;
        match self {
            Self::Left => Ok(&reconcile.left),
            Self::Right => Ok(&reconcile.right),
            Self::Settlement => reconcile.settlement.as_ref().ok_or_else(|| bug("this step has no settlement")),
        }
    }

    fn feeder<'f>(
        self,
        rules: &'f Rules,
        (plan, index): (&'f Plan, usize),
        parts: &'f Parts,
    ) -> Result<Feeder<'f>, Failure> {
        let feed = self.feed(plan, index)?;
        Ok(match self {
            Self::Left => Feeder::of_side((rules, &plan.vars), feed, &parts[0]),
            Self::Right => Feeder::of_side((rules, &plan.vars), feed, &parts[1]),
            Self::Settlement => Feeder::of_lines((rules, &plan.vars), feed),
        })
    }
}

impl Job {
    /// The rows of both sides, read at once.
    pub(super) async fn rows(&self, parts: &Parts) -> Result<Rows, Stop> {
        let sources = &self.sources;
        let left = self.fed(Place::Left, parts, &sources.left);
        let right = self.fed(Place::Right, parts, &sources.right);
        let lines = async {
            match &sources.settlement {
                Some(source) => self.fed(Place::Settlement, parts, source).await,
                None => Ok(Fed::default()),
            }
        };
        let (left, right, lines) = futures_util::try_join!(left, right, lines)?;
        let left_out = left.left_out + right.left_out + lines.left_out;
        Ok(Rows { left: left.rows, right: right.rows, lines: lines.lines, left_out })
    }

    async fn fed(&self, place: Place, parts: &Parts, source: &Value) -> Result<Fed, Failure> {
        let name = place.name();
        let from = &place.feed(&self.plan, self.index)?.from;
        match from {
            FeedRows::Items(_) => {
                let Value::Array(rows) = source else {
                    return Err(Failure::new(ErrorClass::Invalid, format!("`items` of `{name}` needs a list")));
                };
                let mut feeder = place.feeder(&self.engine.rules, (&self.plan, self.index), parts)?;
                feeder.values(rows, &format!("`{name}`"), 0)?;
                Ok(feeder.done())
            }
            FeedRows::File(_) => self.read_file(place, parts, source).await,
            FeedRows::Action(call) => {
                let mut feeder = place.feeder(&self.engine.rules, (&self.plan, self.index), parts)?;
                self.pages(&mut feeder, (name, call), source).await?;
                Ok(feeder.done())
            }
        }
    }

    async fn read_file(&self, place: Place, parts: &Parts, source: &Value) -> Result<Fed, Failure> {
        let name = source.as_str().filter(|name| !name.is_empty()).map(str::to_owned).ok_or_else(|| {
            Failure::new(ErrorClass::Invalid, format!("`file` of `{}` names no file: {source}", place.name()))
        })?;
        let files = self.files.as_ref().ok_or_else(|| {
            let help = "name the folder in ferry.yaml: `files: ./files`";
            Failure::new(ErrorClass::Config, format!("the project has no folder of files; {help}"))
        })?;
        let (file, parts, index) = (files.open(&name)?, Arc::clone(parts), self.index);
        let (engine, plan) = (Arc::clone(&self.engine), Arc::clone(&self.plan));
        beside(move || {
            let mut feeder = place.feeder(&engine.rules, (&plan, index), &parts)?;
            feeder.file(&name, file, &|| !engine.stop.is_cancelled())?;
            let mut fed = feeder.done();
            if matches!(place, Place::Left) {
                // Beside the right, which may take longer.
                fed.rows.index(&reconcile_of(&plan, index)?.spec.references);
            }
            Ok(fed)
        })
        .await
    }

    /// All pages of an action; one that fails for a time is asked for again.
    async fn pages(&self, feeder: &mut Feeder<'_>, (side, call): (&str, &Call), input: &Value) -> Result<(), Failure> {
        let missing = || Failure::new(ErrorClass::Config, format!("there is no connection `{}`", call.connection));
        let connection = self.connections.get(&call.connection).ok_or_else(missing)?;
        let place = format!("`{side}`, which `{}.{}` gives", call.connection, call.action);
        let items = connection.action(&call.action)?.poll.as_ref();
        let items = items.ok_or_else(|| bug("this action names no items"))?;
        let (mut next, mut before, mut attempt) = (None::<String>, 0, 0);
        let mut seen = HashSet::new();
        loop {
            let asked = self.engine.read_page(
                (&self.plan.pipeline, &self.step),
                connection,
                &call.action,
                (input, next.as_deref()),
            );
            let page = match asked.await {
                Ok(page) => page,
                Err(failure) => {
                    attempt += u32::from(failure.wait_ms.is_none());
                    let wait = self.wait(call, &failure, attempt).ok_or(failure)?;
                    tokio::select! {
                        () = self.engine.clock.sleep(wait) => continue,
                        () = self.engine.stop.cancelled() => return Err(stopped()),
                    }
                }
            };
            attempt = 0;
            let rows = match items.items.one(Document::Value(&page.output)) {
                Ok(Value::Array(rows)) => rows.as_slice(),
                // So do some say that there is none.
                Ok(Value::Null) | Err(_) => &[],
                Ok(_) => {
                    let message = format!("the answer's rows, of {place}, are no list");
                    return Err(Failure::new(ErrorClass::Invalid, message));
                }
            };
            feeder.values(rows, &place, before)?;
            before += rows.len() as u64;
            match page.next {
                Some(page) if !seen.insert(page.clone()) => {
                    return Err(Failure::new(ErrorClass::Bug, "the pages lead round in a circle"));
                }
                Some(page) => next = Some(page),
                None => return Ok(()),
            }
        }
    }

    /// How long until a page is asked for again; nothing where that cannot help.
    fn wait(&self, call: &Call, failure: &Failure, attempt: u32) -> Option<Duration> {
        if self.engine.stop.is_cancelled() {
            return None;
        }
        if let Some(wait) = failure.wait_ms {
            return Some(Duration::from_millis(wait));
        }
        let may = matches!(failure.class, ErrorClass::Throttled | ErrorClass::Unavailable | ErrorClass::Unknown);
        (may && attempt < call.backoff.attempts_max).then(|| call.backoff.wait(attempt, &self.step))
    }
}

impl Engine {
    /// One page of a read through the gate.
    pub(in crate::engine) async fn read_page(
        &self,
        (pipeline, seed): (&str, &str),
        connection: &Connection,
        action: &str,
        (input, next): (&Value, Option<&str>),
    ) -> Result<Page, Failure> {
        let hosts = connection.hosts_of(action);
        let ask = Ask { pipeline, hosts: &hosts, is_write: false, seed };
        let pass = self.gates.of(connection).admit(ask).await.map_err(|until| {
            let wait = Duration::try_from(until.duration_since(self.now())).unwrap_or_default();
            let message = format!("`{}` takes no call before {until}", connection.name);
            Failure::new(ErrorClass::Unavailable, message).after(wait)
        })?;
        // A read may wait a while; whoever stops does not wait for it, and nothing of it is kept.
        tokio::select! {
            page = connection.page(&pass, action, input, next) => page,
            () = self.stop.cancelled() => {
                Err(Failure::new(ErrorClass::Unavailable, "the engine stops").after(Duration::ZERO))
            }
        }
    }
}
