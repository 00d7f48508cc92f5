//! Deliveries of webhooks: an event that is on disk before its sender is answered, and perhaps an answer
//! that a step makes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use ferry_connectors::webhook::Event;
use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::Digest,
};
use ferry_core::{
    plan::StepIndex,
    run::{Entry, Run},
};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{Engine, journal::Driven, loaded::Hook, locked, trigger::store_failure};
use crate::{limits::ANSWER_MAX, store::RunId};

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// The event is on disk, and its run goes on by itself.
    Accepted(RunId),
    /// The step that answers has its output.
    Answered(Value),
    /// The run ended before that step had an output.
    Failed(RunId, String),
}

/// Those who wait for the output of a step.
#[derive(Default)]
pub(super) struct Answers {
    waiting: Mutex<HashMap<RunId, Vec<Waiter>>>,
}

struct Waiter {
    step: String,
    reply: oneshot::Sender<Result<Value, String>>,
}

impl Answers {
    fn wait(&self, run: &RunId, step: &str) -> oneshot::Receiver<Result<Value, String>> {
        let (reply, answer) = oneshot::channel();
        locked(&self.waiting).entry(run.clone()).or_default().push(Waiter { step: step.to_owned(), reply });
        answer
    }

    fn forget(&self, run: &RunId) {
        locked(&self.waiting).remove(run);
    }

    /// Tells what an entry means for those who wait; nothing before the event is durable, because the run may
    /// turn out to be one that is there already.
    pub(super) fn tell(&self, driven: &Driven, entry: &Entry) {
        let mut waiting = locked(&self.waiting);
        let Some(waiters) = waiting.get(&driven.id).filter(|_| !driven.is_new()) else { return };
        let answer = driven.with(|run| answer(run, &waiters[0].step, entry));
        let Some(answer) = answer else { return };
        for waiter in waiting.remove(&driven.id).into_iter().flatten() {
            // Whoever no longer waits has hung up; the run goes on all the same.
            let _ = waiter.reply.send(answer.clone());
        }
    }
}

/// The output of a step, or why it will never have one.
fn answer(run: &Run, step: &str, entry: &Entry) -> Option<Result<Value, String>> {
    if let Some(output) = run.unit_named(step).and_then(|unit| run.output(unit)) {
        return Some(Ok(output.clone()));
    }
    match entry {
        Entry::DeadLettered { failure, .. } => Some(Err(failure.message.clone())),
        Entry::Finished { .. } | Entry::Cancelled { .. } | Entry::Parked { .. } | Entry::Held { .. } => {
            Some(Err(format!("the run is {} without an answer", run.state().name())))
        }
        _ => None,
    }
}

impl Engine {
    /// Takes a delivery: the event is on disk when this returns.
    ///
    /// # Errors
    /// The failure of the store: the sender must try again.
    pub async fn deliver(self: &Arc<Self>, hook: &Hook, event: &Event) -> Result<Delivery, Failure> {
        let Hook { plan, respond, .. } = hook;
        self.save_versions().await.map_err(|error| store_failure(&error))?;
        let mut arrival = self.arrival(plan, &event.value, None);
        if let Some(wrong) = &event.wrong {
            // It takes no key from the event that it should have been.
            arrival.event_key = format!("unread-{}", Digest::of_value(&event.value).short());
            arrival.refused = Some(Failure::new(ErrorClass::Invalid, wrong.clone()));
        }
        let run = RunId::of(&arrival.pipeline, &arrival.event_key);
        let step = respond.filter(|_| arrival.refused.is_none()).map(|step: StepIndex| plan.steps[step].id.clone());
        let answer = step.as_ref().map(|step| self.answers.wait(&run, step));
        let committed = self.take_one(plan, arrival).await.inspect_err(|_| self.answers.forget(&run))?;
        let (Some(step), Some(answer)) = (step, answer) else { return Ok(Delivery::Accepted(run)) };
        if committed.started == 0 {
            self.answers.forget(&run);
            return self.answered_before(run, &step).await;
        }
        tokio::select! {
            biased;
            answer = answer => Ok(match answer {
                Ok(Ok(output)) => Delivery::Answered(output),
                Ok(Err(reason)) => Delivery::Failed(run, reason),
                Err(_) => Delivery::Accepted(run),
            }),
            () = self.clock.sleep(ANSWER_MAX) => {
                self.answers.forget(&run);
                Ok(Delivery::Accepted(run))
            }
        }
    }

    /// The answer to an event that was delivered before, where its run has it by now.
    async fn answered_before(&self, run: RunId, step: &str) -> Result<Delivery, Failure> {
        let stored = self.store.run(&run).await.map_err(|error| store_failure(&error))?;
        let bug = || Failure::new(ErrorClass::Bug, "the run of a known event is not there");
        let stored = stored.ok_or_else(bug)?;
        let own = |entry: &Entry| match entry {
            Entry::Evaluated { step: id, output }
            | Entry::Answered { step: id, output }
            | Entry::Arrived { step: id, output }
                if id == step =>
            {
                Some(output.clone())
            }
            _ => None,
        };
        let output = stored.journal.iter().rev().find_map(|(_, entry)| own(entry));
        Ok(output.map_or(Delivery::Accepted(run), Delivery::Answered))
    }
}
