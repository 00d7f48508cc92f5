//! `ferry why`

mod paragraph;

use clap::Args;
use ferry_core::{
    once::{self, Memory},
    run::{Command, Entry, From, Run, State, Status},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    Envelope, Exit, Format, Outcome, complain,
    desk::{Desk, DeskArgs, Missing},
    dlq::event,
    print, print_json,
    runs::show,
    tell,
};
use crate::{
    engine::{done, foresee},
    limits::{QUEUE_ROWS_MAX, SEARCHED_RUNS_MAX},
    store::{Filter, InQueue, Posted, RunId, RunRow, StoredRun},
};
use paragraph::{Facts, Open, paragraph};

/// Says what became of something, by any of its names, and what is to be done.
///
/// The name is a run's id, an event's key, a call's key, the key of a posted event, or any id in a run's event
/// or in what its steps gave, such as a payout's. A name that nothing indexes is looked for in the runs that
/// changed last.
#[derive(Args, Debug)]
pub(super) struct Why {
    /// Any name.
    #[arg(value_name = "ID")]
    id: String,
    /// Tell the whole story, too.
    #[arg(long)]
    full: bool,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    desk: DeskArgs,
}

/// The answer of `ferry why --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct WhyReport {
    /// The name that was asked for.
    pub id: String,
    /// What it belongs to.
    pub answers: Vec<Answer>,
    /// The events of that name that nobody has claimed.
    pub events: Vec<EventAnswer>,
}

/// What became of an event that nobody has claimed.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct EventAnswer {
    /// The event.
    pub event: Posted,
    /// What happened, and what is to be done, in words.
    pub why: String,
}

/// What became of one run.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Answer {
    /// The run.
    pub run: RunRow,
    /// What happened, and what is to be done, in words.
    pub why: String,
}

impl Why {
    pub(super) async fn run(self) -> Outcome {
        let desk = Desk::open(&self.desk).await?;
        let found = self.found(&desk).await?;
        let events = self.unclaimed(&desk, found.is_empty()).await?;
        if found.is_empty() && events.is_empty() {
            return self.nothing(&desk).await;
        }
        let mut answers = Vec::new();
        for run in &found {
            if let Some(stored) = desk.store.run(run).await? {
                let why = why(&desk, &stored).await;
                answers.push(Answer { run: stored.row, why });
            }
        }
        if self.format == Format::Json {
            print_json(&Envelope::new(WhyReport { id: self.id, answers, events }))?;
            return Ok(Exit::Success);
        }
        for answer in &answers {
            print(&format!("{}\n", answer.why));
            if self.full {
                show(&*desk.store, answer.run.run.as_str(), Format::Human).await?;
            } else {
                tell(&format!("ferry why {} --full   ·   ferry runs show {}", self.id, answer.run.run));
            }
        }
        for answer in &events {
            print(&format!("{}\n", answer.why));
        }
        Ok(Exit::Success)
    }

    /// The runs that the name belongs to: the narrowest meaning first.
    async fn found(&self, desk: &Desk) -> Result<Vec<RunId>, anyhow::Error> {
        match desk.find(&self.id).await? {
            Ok(stored) => return Ok(vec![stored.row.run]),
            Err(Missing::Several(key, _)) => return of_event(desk, &key).await,
            Err(Missing::None(_)) => {}
        }
        if let Some(run) = self.caller(desk).await? {
            return Ok(vec![run]);
        }
        let posted = desk.store.posted(&self.id).await?;
        let claimed: Vec<RunId> = posted.into_iter().filter_map(|post| post.claimed_by).collect();
        if !claimed.is_empty() {
            return Ok(claimed);
        }
        let rows = desk.store.runs_with(&self.id, SEARCHED_RUNS_MAX).await?;
        let mut found = Vec::new();
        for row in rows {
            // The store's search is by text: a longer number begins with a shorter one.
            let stored = desk.store.run(&row.run).await?;
            let journal = stored.iter().flat_map(|stored| &stored.journal);
            let mut entries = journal.filter_map(|(_, entry)| serde_json::to_value(entry).ok());
            if entries.any(|entry| holds(&entry, &self.id)) {
                found.push(row.run);
            }
        }
        Ok(found)
    }

    /// The run that made a call of that name: the event's key is the third part of it.
    async fn caller(&self, desk: &Desk) -> Result<Option<RunId>, anyhow::Error> {
        let Some(key) = self.id.split('/').nth(2) else { return Ok(None) };
        for run in of_event(desk, &key.replace("%2F", "/")).await? {
            let stored = desk.store.run(&run).await?;
            let journal = stored.iter().flat_map(|stored| &stored.journal);
            let calls = |entry: &Entry| matches!(entry, Entry::Called { key, .. } if key.as_str() == self.id);
            if journal.into_iter().any(|(_, entry)| calls(entry)) {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    /// Events that nobody has waited for yet; those that need nobody are told only where there is nothing else.
    async fn unclaimed(&self, desk: &Desk, is_all: bool) -> Result<Vec<EventAnswer>, anyhow::Error> {
        let mut posted = desk.store.posted(&self.id).await?;
        if posted.is_empty() {
            posted.extend(event::find(&*desk.store, &self.id).await?.map(|dead| dead.posted));
        }
        let is_open = |posted: &Posted| posted.unclaimed_since.or(posted.dead_at).is_some();
        posted.retain(|posted| posted.claimed_by.is_none() && (is_all || is_open(posted)));
        Ok(posted.into_iter().map(|event| EventAnswer { why: event::why(&event), event }).collect())
    }

    async fn nothing(&self, desk: &Desk) -> Outcome {
        let all: u64 = desk.store.counts().await?.values().sum();
        let is_bounded = all > SEARCHED_RUNS_MAX as u64;
        let bound = format!("; only the {SEARCHED_RUNS_MAX} runs that changed last were searched");
        let bound = if is_bounded { bound } else { String::new() };
        complain(&format!("nothing here is called `{}`{bound}", self.id));
        Ok(Exit::Nothing)
    }
}

async fn of_event(desk: &Desk, key: &str) -> Result<Vec<RunId>, anyhow::Error> {
    let filter = Filter { event_key: Some(key.to_owned()), limit: usize::MAX, ..Filter::default() };
    Ok(desk.store.runs(&filter).await?.into_iter().map(|row| row.run).collect())
}

/// The paragraph of a run; where its plan cannot be made, what the store says by itself.
async fn why(desk: &Desk, stored: &StoredRun) -> String {
    told(desk, stored).await.unwrap_or_else(|error| {
        let row = &stored.row;
        format!("{} {} for {}: {} ({error:#})", row.state.replace('_', "-"), row.pipeline, row.event_key, row.note)
    })
}

async fn told(desk: &Desk, stored: &StoredRun) -> Result<String, anyhow::Error> {
    let run = desk.ahead(stored).await?;
    let mut facts = facts(desk, stored, &run).await?;
    for open in &mut facts.open {
        open.queue = queue(desk, stored, &run, &open.step).await;
    }
    Ok(paragraph(&facts))
}

/// Who stands before a step that is held, and with how much.
async fn queue(desk: &Desk, stored: &StoredRun, run: &Run, step: &str) -> Option<String> {
    let unit = run.unit_named(step).filter(|unit| matches!(run.status(*unit), Status::Held { .. }))?;
    let own = run.reservation(unit)?;
    let queue = desk.store.queue(&own.queue, QUEUE_ROWS_MAX).await.ok()?;
    let is_own = |other: &InQueue| other.run == stored.row.run && other.reservation.step == own.step;
    let before: Vec<&InQueue> = queue.iter().take_while(|other| !is_own(other)).collect();
    let sum = InQueue::sum(before.iter().copied());
    Some(match before.len() {
        0 => format!("it is the first in the queue {}", own.queue),
        1 => format!("one stands before it in the queue {}, with {sum}", own.queue),
        count => format!("{count} stand before it in the queue {}, with {sum}", own.queue),
    })
}

async fn facts(desk: &Desk, stored: &StoredRun, run: &Run) -> Result<Facts, anyhow::Error> {
    let now = desk.now(stored);
    let (by, reason) = ("why".to_owned(), String::new());
    let again = Entry::Resumed { by, reason, event: None, from: From::Failed, by_person: true };
    let is_dead = run.state() == State::DeadLettered;
    Ok(Facts {
        run: stored.row.run.to_string(),
        pipeline: stored.row.pipeline.clone(),
        event_key: stored.row.event_key.clone(),
        state: run.state(),
        at: stored.row.updated_at,
        due: stored.row.due_at,
        end: stored.journal.last().map(|(_, entry)| entry.clone()),
        open: run.units().filter_map(|unit| open(run, unit, now)).collect(),
        doubtful: run
            .memories()
            .iter()
            .filter(|(_, memory)| is_unknown(memory))
            .map(|(key, _)| key.to_string())
            .collect(),
        is_clean: run.memories().values().all(|memory| matches!(memory.outcome, once::Outcome::NotDone { .. })),
        done: done(&desk.rules, run, now),
        retry: if is_dead { foresee(&desk.rules, run, &stored.journal, (now, &again)).await? } else { Vec::new() },
    })
}

fn is_unknown(memory: &Memory) -> bool {
    matches!(memory.outcome, once::Outcome::Unknown { .. })
}

/// Whether a text or a number stands in a value.
fn holds(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
        Value::Object(fields) => fields.values().any(|field| holds(field, wanted)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// A unit at which the run is now.
fn open(run: &Run, unit: usize, now: jiff::Timestamp) -> Option<Open> {
    let status = run.status(unit);
    let until = run.commands(now).into_iter().find_map(|command| match command {
        Command::Timer { unit: other, at, .. } if other == unit => Some(at),
        Command::Probe { unit: other, late, .. } if other == unit => late.map(|(at, _)| at),
        _ => None,
    });
    let failure = run.failure(unit).map(ToString::to_string);
    status.state().map(|_| Open { step: run.unit_id(unit), status: status.clone(), until, failure, queue: None })
}
