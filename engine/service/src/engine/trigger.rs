//! Polls: new events into the store, page by page, and the cursor only behind them.

use std::{cmp::Ordering, collections::HashSet, sync::Arc, time::Duration};

use ferry_connectors::{call::Page, connection::Connection, limits::PAGES_MAX, manifest::Poll};
use ferry_contract::{
    expression::Scope,
    failure::{ErrorClass, Failure},
    key::Digest,
    number,
    path::{Document, Path, Roots},
};
use ferry_core::plan::{self, Cursor, EventSource, Growing, Plan};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Engine,
    backfill::{self, Window},
    bound, lane,
};
use crate::store::{Arrival, Change, Committed, EngineId, StoreError, printable};

/// What one poll found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PollReport {
    /// Pages read.
    pub pages: usize,
    /// Events that began a run.
    pub started: usize,
    /// Corrected events that reopened a run.
    pub reopened: usize,
    /// Events that were there already.
    pub known: usize,
}

/// `$.vars` is all that a trigger's input may read.
struct Vars<'a>(&'a Value);

impl Roots for Vars<'_> {
    fn root(&self, name: &str) -> Option<&Value> {
        (name == "vars").then_some(self.0)
    }
}

impl Engine {
    /// Polls at its interval until the engine stops; of several engines, one at a time does.
    pub(super) async fn poll_for_ever(self: Arc<Self>, project: String, plan: Arc<Plan>, until: CancellationToken) {
        let EventSource::Poll(trigger) = &plan.trigger.source else { return };
        let turn = format!("turn to poll for {}", plan.pipeline);
        while !until.is_cancelled() {
            let rest = match self.take_turn(&turn, trigger.every).await {
                Ok(_) => {
                    let is_followed = self.poll_and_tell(&project, &plan).await;
                    if is_followed { Duration::ZERO } else { trigger.every }
                }
                Err(until) => Duration::try_from(until.duration_since(self.now())).unwrap_or_default(),
            };
            tokio::select! {
                biased;
                () = self.clock.sleep(rest) => {}
                () = until.cancelled() => {}
            }
        }
    }

    /// Whether another window of a backfill follows, which has its turn at once.
    async fn poll_and_tell(self: &Arc<Self>, project: &str, plan: &Plan) -> bool {
        let mut report = PollReport::default();
        let polled = self.poll_next(project, plan, &mut report).await;
        match &polled {
            Ok(_) => tracing::debug!(pipeline = plan.pipeline, ?report, "polled"),
            // The gate has said so already.
            Err(failure) if failure.wait_ms.is_some() => {
                tracing::debug!(pipeline = plan.pipeline, %failure, "the poll waits");
            }
            Err(failure) => {
                tracing::warn!(pipeline = plan.pipeline, %failure, "the poll failed; it will be repeated");
            }
        }
        polled.unwrap_or(false)
    }

    /// Polls a pipeline's trigger once, to the last page; of a backfill, all windows that are there by now.
    ///
    /// # Errors
    /// The failure of the read or of the store; events of earlier pages are on disk by then.
    pub async fn poll_once(self: &Arc<Self>, project: &str, plan: &Plan) -> Result<PollReport, Failure> {
        if let EventSource::Reconciled(_) = &plan.trigger.source {
            return self.follow(project, plan).await;
        }
        let mut report = PollReport::default();
        while self.poll_next(project, plan, &mut report).await? {}
        Ok(report)
    }

    /// One query, to its last page; whether another window of a backfill follows it.
    async fn poll_next(self: &Arc<Self>, project: &str, plan: &Plan, report: &mut PollReport) -> Result<bool, Failure> {
        let EventSource::Poll(trigger) = &plan.trigger.source else {
            return Err(Failure::new(
                ErrorClass::Config,
                format!("`{}` does not poll; give it an event with `--event FILE`", plan.pipeline),
            ));
        };
        let missing = || Failure::new(ErrorClass::Config, format!("there is no connection `{}`", trigger.connection));
        let loaded = self.loaded();
        let connection = loaded.project(project).and_then(|project| project.connections.get(&trigger.connection));
        let connection = connection.ok_or_else(missing)?;
        let poll = connection.action(&trigger.action)?.poll.as_ref();
        let poll = poll.ok_or_else(|| Failure::new(ErrorClass::Bug, "this action cannot be polled"))?;
        self.save_versions().await.map_err(|error| store_failure(&error))?;
        let cursor = self.store.cursor(&plan.pipeline).await.map_err(|error| store_failure(&error))?;
        let Some(window) = backfill::next(trigger, poll, cursor.as_deref(), self.now())? else { return Ok(false) };
        let is_token = matches!(trigger.cursor, Cursor::Token { .. });
        let before = report.events();
        let is_whole = self.poll_window((plan, trigger), connection, (poll, &window, cursor), report).await?;
        if is_token {
            // Where there was something, there may be more.
            return Ok(report.events() > before && !self.stop.is_cancelled());
        }
        let Some(end) = window.ends.filter(|_| is_whole) else { return Ok(false) };
        let moved = Change::Cursor { trigger: plan.pipeline.clone(), value: end.to_string() };
        self.store.commit(vec![moved]).await.map_err(|error| store_failure(&error))?;
        tracing::info!(pipeline = plan.pipeline, until = %end, "a window of the backfill is done");
        Ok(!self.stop.is_cancelled())
    }

    /// All pages of one query; whether it came to the last one.
    async fn poll_window(
        self: &Arc<Self>,
        (plan, trigger): (&Plan, &plan::Poll),
        connection: &Connection,
        (poll, window, mut cursor): (&Poll, &Window, Option<String>),
        report: &mut PollReport,
    ) -> Result<bool, Failure> {
        let input = self.poll_input(plan, trigger, window)?;
        let mut next: Option<String> = None;
        let mut seen: HashSet<String> = HashSet::new();
        loop {
            let page = self.poll_page((plan, trigger), connection, (&input, next.as_deref())).await?;
            let items = poll.items.one(Document::Value(&page.output)).ok().and_then(Value::as_array);
            let items = items.map_or(&[][..], Vec::as_slice);
            let place = next_place(trigger, &page.output, items, cursor.as_deref());
            let committed = self.receive(plan, items, (place, &mut cursor)).await?;
            report.take(&committed);
            match page.next {
                Some(next_page) if !seen.insert(next_page.clone()) || seen.len() > PAGES_MAX => {
                    return Err(Failure::new(ErrorClass::Bug, "the pages lead round in a circle"));
                }
                Some(next_page) if !self.stop.is_cancelled() => next = Some(next_page),
                Some(_) => return Ok(false),
                None => return Ok(true),
            }
        }
    }

    /// One page through the gate.
    async fn poll_page(
        &self,
        (plan, trigger): (&Plan, &plan::Poll),
        connection: &Connection,
        (input, next): (&Value, Option<&str>),
    ) -> Result<Page, Failure> {
        let (pipeline, action) = (plan.pipeline.as_str(), trigger.action.as_str());
        self.read_page((pipeline, pipeline), connection, action, (input, next)).await
    }

    /// Takes one event by hand, as if the trigger had found it.
    ///
    /// # Errors
    /// The failure of the store.
    pub async fn receive_event(self: &Arc<Self>, plan: &Arc<Plan>, event: &Value) -> Result<Committed, Failure> {
        self.save_versions().await.map_err(|error| store_failure(&error))?;
        self.take_one(plan, self.arrival(plan, event, None)).await
    }

    /// Begins a run of a pipeline that is begun by hand, under a business key that whoever begins it gives.
    ///
    /// # Errors
    /// `invalid` where the pipeline's inputs are others; the failure of the store.
    pub async fn begin_by_hand(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        key: &str,
        event: &Value,
    ) -> Result<Committed, Failure> {
        let violations = plan.inputs.violations(event);
        if !violations.is_empty() {
            let message = format!("`{}` does not take this event: {}", plan.pipeline, violations.join("; "));
            return Err(Failure::new(ErrorClass::Invalid, message));
        }
        self.save_versions().await.map_err(|error| store_failure(&error))?;
        let refused = refusal(plan, Some(key), event);
        let arrival = self.arrival(plan, event, None);
        self.take_one(plan, Arrival { event_key: printable(key), refused, ..arrival }).await
    }

    /// Makes one event durable: with the first thing that its run makes durable, where that begins at once; else
    /// by itself, and so where it is nothing new.
    pub(super) async fn take_one(self: &Arc<Self>, plan: &Arc<Plan>, arrival: Arrival) -> Result<Committed, Failure> {
        let owner = self.member.alive().filter(|_| !self.stop.is_cancelled() && self.room() > 0);
        let begins = arrival.refused.is_none() && arrival.lane.is_none();
        if let Some(engine) = owner.filter(|_| begins) {
            let own = Arrival { owner: Some(engine.clone()), ..arrival.clone() };
            if let Some(leased) = self.begin_at_once(engine, plan, own).await {
                return Ok(Committed { started: 1, leased: vec![leased], ..Committed::default() });
            }
        }
        self.take_in(|owner| vec![Change::Receive(Arrival { owner: owner(0), ..arrival.clone() })]).await
    }

    /// Makes events durable, by themselves. Those for which there is room in memory begin leased by this engine, so that
    /// they are driven at once; all others wait in the store.
    pub(super) async fn take_in(
        self: &Arc<Self>,
        group: impl Fn(&dyn Fn(usize) -> Option<EngineId>) -> Vec<Change>,
    ) -> Result<Committed, Failure> {
        let (engine, room) = (self.member.alive().filter(|_| !self.stop.is_cancelled()), self.room_for_many());
        let mut done = self.store.commit(group(&|index| engine.clone().filter(|_| index < room))).await;
        if let Err(StoreError::Fenced(_)) = done {
            // The engine was taken out; the events are as good as before.
            self.member.doubt();
            done = self.store.commit(group(&|_| None)).await;
        }
        let committed = done.map_err(|error| store_failure(&error))?;
        for leased in &committed.leased {
            if let Some(engine) = &engine {
                self.take_up(engine, leased.clone());
            }
        }
        if committed.started + committed.reopened > committed.leased.len() {
            self.wake.notify_one();
        }
        Ok(committed)
    }

    fn poll_input(&self, plan: &Plan, trigger: &plan::Poll, window: &Window) -> Result<Value, Failure> {
        let vars = Vars(&plan.vars);
        let scope = Scope { rules: &self.rules, document: Document::Roots(&vars), names: &vars };
        let input = trigger.with.eval(scope).map_err(|error| Failure::new(ErrorClass::Config, error.to_string()))?;
        let mut input = match input {
            Value::Object(input) => input,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
        };
        input.extend(window.token.clone().map(|(into, token)| (into, Value::from(token))));
        let Some(growing) = trigger.growing() else { return Ok(Value::Object(input)) };
        let mut wanted = json!({ "field": growing.field.dotted(), "tie_break": growing.tie_break.dotted() });
        for (name, value) in [("from", &window.from), ("before", &window.before)] {
            if let Some(value) = value {
                wanted[name] = Value::from(value.as_str());
            }
        }
        input.insert("cursor".to_owned(), wanted);
        Ok(Value::Object(input))
    }

    /// Events and cursor in one transaction: the cursor never stands before an event that is not on disk.
    async fn receive(
        self: &Arc<Self>,
        plan: &Plan,
        items: &[Value],
        (last, cursor): (Option<String>, &mut Option<String>),
    ) -> Result<Committed, Failure> {
        let moved = last.clone().map(|value| Change::Cursor { trigger: plan.pipeline.clone(), value });
        let committed = self
            .take_in(|owner| {
                let events = items.iter().enumerate();
                let events = events.map(|(index, event)| Change::Receive(self.arrival(plan, event, owner(index))));
                events.chain(moved.clone()).collect()
            })
            .await?;
        *cursor = last.or(cursor.take());
        Ok(committed)
    }

    pub(super) fn arrival(&self, plan: &Plan, event: &Value, owner: Option<EngineId>) -> Arrival {
        let trigger = &plan.trigger;
        let key = trigger.key.as_ref().and_then(|key| text_at(key, event)).filter(|key| !key.is_empty());
        let refused = refusal(plan, key.as_deref(), event);
        let key = key.map(|key| printable(&key));
        let revision = trigger.revision.as_ref().and_then(|revision| text_at(revision, event));
        Arrival {
            pipeline: plan.pipeline.clone(),
            version: plan.version.clone(),
            event_key: key.unwrap_or_else(|| format!("no-key-{}", Digest::of_value(event).short())),
            revision: revision.unwrap_or_default(),
            event: bound::kept(event),
            refused,
            at: self.now(),
            owner,
            parent: None,
            lane: lane::of(plan, event),
        }
    }
}

impl PollReport {
    /// How many events there were.
    fn events(&self) -> usize {
        self.started + self.reopened + self.known
    }

    pub(super) fn take(&mut self, committed: &Committed) {
        self.pages += 1;
        self.started += committed.started;
        self.reopened += committed.reopened;
        self.known += committed.known;
    }
}

/// Where the cursor stands once the events of an answer are on disk; nothing where it stays.
fn next_place(trigger: &plan::Poll, answer: &Value, items: &[Value], cursor: Option<&str>) -> Option<String> {
    match &trigger.cursor {
        Cursor::Field(growing) => {
            let last = items.iter().filter_map(|event| text_at(&growing.field, event)).max_by(|a, b| order(a, b));
            last.filter(|last| cursor.is_none_or(|cursor| order(last, cursor) == Ordering::Greater))
        }
        Cursor::Token { token, .. } => text_at(token, answer).filter(|token| Some(token.as_str()) != cursor),
    }
}

/// Why an event cannot be run: it is kept as a dead letter all the same.
fn refusal(plan: &Plan, key: Option<&str>, event: &Value) -> Option<Failure> {
    if key.is_none() {
        let place = plan.trigger.key.as_ref().map_or("$", Path::text);
        let message = format!("the event has no key at `{place}`");
        return Some(Failure::new(ErrorClass::Invalid, message));
    }
    if let Some(refused) = bound::refusal(event) {
        return Some(refused);
    }
    let violations = plan.inputs.violations(event);
    let message = || format!("`{}` does not take this event: {}", plan.pipeline, violations.join("; "));
    (!violations.is_empty()).then(|| Failure::new(ErrorClass::Invalid, message()))
}

/// The last value less the look-back, where it is a time; a number itself. Text is refused: it would
/// go into a query of the target as it is.
pub(super) fn begin(growing: &Growing, poll: &Poll, cursor: &str) -> Result<String, Failure> {
    let lookback = SignedDuration::try_from(growing.lookback).unwrap_or_default();
    match (time(cursor), &poll.time_format) {
        (Some(time), Some(format)) => Ok((time - lookback).strftime(format).to_string()),
        (Some(time), None) => Ok((time - lookback).to_string()),
        (None, _) if number::text_to_decimal(cursor).is_some() => Ok(cursor.to_owned()),
        (None, _) => {
            let message =
                format!("the cursor field `{}` must be a time or a number, and is `{cursor}`", growing.field.text());
            Err(Failure::new(ErrorClass::Config, message))
        }
    }
}

/// Times by time, numbers by value, else text by its letters.
pub(super) fn order(left: &str, right: &str) -> Ordering {
    match (time(left), time(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => match (number::text_to_decimal(left), number::text_to_decimal(right)) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left.cmp(right),
        },
    }
}

/// Salesforce writes `+0000`, RFC 3339 `+00:00`.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

pub(super) fn text_at(path: &Path, event: &Value) -> Option<String> {
    match path.one(Document::Value(event)).ok()? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

pub(super) fn store_failure(error: &StoreError) -> Failure {
    Failure::new(ErrorClass::Unavailable, error.to_string())
}
