//! Runs that other runs begin: by calling their pipeline, or by an event that they emit.

use std::sync::Arc;

use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::Digest,
};
use ferry_core::{
    limits::NESTING_MAX,
    plan::{Ended, EventSource, Plan},
    run::{Entry, From, On, Parent, State, UnitIndex},
};
use serde_json::{Value, json};

use super::{
    dispatch::Sent,
    drive::{Drive, Performed},
    lane,
    question::bug,
};
use crate::store::{Again, Arrival, Change, RunId};

impl Drive<'_> {
    /// Begins a run of another pipeline, and waits for its end.
    pub(super) fn begin(&mut self, unit: UnitIndex, pipeline: &str, inputs: Value) -> Performed {
        let Some(plan) = self.project.plan(pipeline) else {
            let message = format!("there is no pipeline `{pipeline}` in this project any more");
            return self.failed(unit, Failure::new(ErrorClass::Config, message));
        };
        let violations = plan.inputs.violations(&inputs);
        if !violations.is_empty() {
            let message = format!("`{pipeline}` does not take this: {}", violations.join("; "));
            return self.failed(unit, Failure::new(ErrorClass::Invalid, message));
        }
        let step = self.driven.unit_id(unit);
        let event_key = self.driven.with(|run| format!("{}/{}/{step}", run.plan().pipeline, run.event_key()));
        let parent = match self.parent(&step, true) {
            Ok(parent) => parent,
            Err(failure) => return self.failed(unit, failure),
        };
        let arrival = self.arrival(&plan, (event_key, inputs), parent);
        let (engine, driven) = (Arc::clone(self.engine), Arc::clone(&self.driven));
        let by_person = self.driven.with(ferry_core::run::Run::is_replayed);
        self.effects.push(Box::pin(async move {
            let begun = begin(&engine, step, (arrival, by_person)).await;
            let entry = begun.map(|(entry, also)| {
                engine.note_with(&driven, entry, also);
                None
            });
            (unit, entry as Sent)
        }));
        Performed::UnderWay
    }

    /// Tells other pipelines: those that an event of this name begins get it in the same transaction.
    pub(super) fn emit(&mut self, unit: UnitIndex, (event, key, data): (String, String, Value)) -> Performed {
        let step = self.driven.unit_id(unit);
        let parent = match self.parent(&step, false) {
            Ok(parent) => parent,
            Err(failure) => return self.failed(unit, failure),
        };
        let loaded = self.engine.loaded();
        let begun = loaded.plans().map(|(_, plan)| plan);
        let begun = begun.filter(|plan| matches!(&plan.trigger.source, EventSource::Event(name) if *name == event));
        let begun = begun.map(|plan| {
            let arrival = self.engine.arrival(plan, &data, None);
            Change::Receive(Arrival { parent: Some(parent.clone()), ..arrival })
        });
        let also = begun.collect();
        self.engine.note_with(&self.driven, Entry::Emitted { step, event, key, data }, also);
        Performed::Noted
    }

    /// The runs of pipelines that follow this one, where an entry ends it: they begin in the same transaction.
    pub(super) fn followers(&self, entry: &Entry) -> Vec<Change> {
        let end = match entry {
            Entry::Finished { .. } => Ended::Finished,
            Entry::DeadLettered { .. } => Ended::DeadLettered,
            _ => return Vec::new(),
        };
        let pipeline = self.driven.with(|run| run.plan().pipeline.clone());
        let follows = |plan: &&Arc<Plan>| match &plan.trigger.source {
            EventSource::Pipeline { name, on } => *name == pipeline && *on == end,
            _ => false,
        };
        let followers: Vec<Arc<Plan>> =
            self.project.plans.iter().map(|(plan, _)| plan).filter(follows).cloned().collect();
        if followers.is_empty() {
            return Vec::new();
        }
        let (output, failure) = match entry {
            Entry::Finished { output } => (output.clone(), Value::Null),
            Entry::DeadLettered { failure, .. } => (Value::Null, failure.as_value()),
            _ => (Value::Null, Value::Null),
        };
        let event = self.driven.with(|run| {
            json!({
                "run": self.driven.id.to_string(),
                "pipeline": pipeline,
                "key": run.event_key(),
                "end": end.name(),
                "ended_at": self.engine.now().to_string(),
                "event": run.event(),
                "output": output,
                "failure": failure,
            })
        });
        let parent = self.parent(end.name(), false);
        let begin = |plan: &Arc<Plan>| {
            let arrival = self.engine.arrival(plan, &event, None);
            // What has gone round too often is kept for a person.
            let refused = arrival.refused.clone().or(parent.as_ref().err().cloned());
            Change::Receive(Arrival { parent: parent.as_ref().ok().cloned(), refused, ..arrival })
        };
        followers.iter().map(begin).collect()
    }

    /// This run as the parent of another one.
    pub(super) fn parent(&self, step: &str, waits: bool) -> Result<Parent, Failure> {
        let depth = self.driven.with(|run| run.parent().map_or(0, |parent| parent.depth)) + 1;
        if depth > NESTING_MAX {
            let message = format!("{depth} runs have begun one another, and {NESTING_MAX} are the most");
            return Err(Failure::new(ErrorClass::Invalid, message));
        }
        Ok(Parent { run: self.driven.id.to_string(), step: step.to_owned(), depth, waits })
    }

    fn arrival(&self, plan: &Plan, (event_key, event): (String, Value), parent: Parent) -> Arrival {
        Arrival {
            pipeline: plan.pipeline.clone(),
            version: plan.version.clone(),
            event_key,
            revision: Digest::of_value(&event).short().to_owned(),
            lane: lane::of(plan, &event),
            event,
            refused: None,
            at: self.engine.now(),
            owner: None,
            parent: Some(parent),
        }
    }
}

/// What a step that begins a run journals, and what is durable with it. A run that was begun before, by an
/// earlier life of the step, is the same run: its output is taken, or it is begun again.
async fn begin(
    engine: &super::Engine,
    step: String,
    (arrival, by_person): (Arrival, bool),
) -> Result<(Entry, Vec<Change>), crate::store::StoreError> {
    let id = RunId::of(&arrival.pipeline, &arrival.event_key);
    let waiting = |seen: u64| Entry::Waiting { step: step.clone(), on: On::Run { run: id.to_string(), seen } };
    let Some(known) = engine.store.run(&id).await? else { return Ok((waiting(0), vec![Change::Receive(arrival)])) };
    let (seen, waiting) = (known.length(), waiting(known.length()));
    let state = State::named(&known.row.state);
    let same = known.journal.iter().rev().find_map(|(_, entry)| match entry {
        Entry::Started { event, .. } | Entry::Resumed { event: Some(event), .. } => Some(*event == arrival.event),
        _ => None,
    });
    let of_others = |how: &str| {
        let message = format!("{id} {how} with other inputs; correct the difference by hand");
        (Entry::Failed { step: step.clone(), failure: Failure::new(ErrorClass::Conflict, message) }, Vec::new())
    };
    Ok(match (state, known.journal.last()) {
        (Some(State::Finished), Some((_, Entry::Finished { output }))) if same == Some(true) => {
            (Entry::Arrived { step, output: output.clone() }, Vec::new())
        }
        (Some(State::Finished), _) => of_others("was done already"),
        (Some(State::DeadLettered), _) => {
            let (by, reason) = (format!("{step} of its parent"), "the run that began it was begun again".to_owned());
            let how =
                Again { from: From::Start, version: None, event: Some(arrival.event), by_person, seen: Some(seen) };
            (waiting, vec![Change::Resume { run: id, by, reason, at: arrival.at, how }])
        }
        (Some(State::Cancelled), _) => {
            let message = format!("{id} was cancelled");
            (Entry::Failed { step, failure: Failure::new(ErrorClass::Declined, message) }, Vec::new())
        }
        // It would do, and answer, what it was begun for.
        (Some(State::Running | State::Waiting | State::Held | State::Parked), _) if same != Some(true) => {
            of_others("is under way")
        }
        (Some(State::Running | State::Waiting | State::Held | State::Parked), _) => (waiting, Vec::new()),
        (None, _) => (Entry::Failed { step, failure: bug("the run has a state that nobody knows") }, Vec::new()),
    })
}
