//! The one loop: perform commands, record what happened, until nothing is left to do now.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ferry_connectors::connection::Connection;
use ferry_contract::{
    catalog::{Effect, Repeat},
    failure::{ErrorClass, Failure},
    key::Digest,
    port::Boxed,
};
use ferry_core::{
    once::{self, Before, Circumstances, Found},
    plan::{Call, Reaction, StepIndex, Work},
    run::{Command, Entry, Status},
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Engine, LoadedProject,
    dispatch::{Outgoing, Sent},
    evaluate::Started,
    journal::{Record, Shared, alert},
    question::{next_time, question},
};
use crate::store::StoreError;

/// How often a call that waits for a person's word looks whether it has come.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// What an effect of a step gave: an entry; nothing where a question is still open, or where the
/// engine stops; an error where the run in memory is ahead of the disk.
type Outcome = (StepIndex, Sent);

/// One turn of the loop.
struct Turn {
    /// Whether an entry was noted, so that the commands must be read again.
    moved: bool,
    /// When the next command is due.
    due: Option<Timestamp>,
}

/// A run on its way.
struct Drive<'a> {
    engine: &'a Arc<Engine>,
    project: &'a LoadedProject,
    driven: Shared,
    in_flight: Vec<StepIndex>,
    effects: FuturesUnordered<Boxed<'a, Outcome>>,
    /// When each open question is asked next.
    questions: BTreeMap<StepIndex, Timestamp>,
}

impl Engine {
    /// Drives a run until it ends, or waits for a time.
    pub(super) async fn drive(
        self: &Arc<Self>,
        project: &LoadedProject,
        driven: Shared,
        due: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.recover(&driven);
        let mut drive = Drive {
            engine: self,
            project,
            driven,
            in_flight: Vec::new(),
            effects: FuturesUnordered::new(),
            questions: BTreeMap::new(),
        };
        let driven = drive.run(due).await;
        if driven.is_err() {
            self.give_up(&drive.driven);
        }
        driven
    }
}

impl Drive<'_> {
    async fn run(&mut self, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.questions_from(due);
        loop {
            let turn = if self.engine.stop.is_cancelled() { self.stopping() } else { self.turn() };
            if turn.moved {
                continue;
            }
            if self.effects.is_empty() {
                return self.engine.flush(&self.driven, turn.due).await;
            }
            let outcome = match turn.due {
                None => self.effects.next().await,
                Some(due) => {
                    let wait = Duration::try_from(due.duration_since(self.engine.now())).unwrap_or_default();
                    tokio::select! {
                    biased;
                        outcome = self.effects.next() => outcome,
                        () = self.engine.clock.sleep(wait) => None,
                    }
                }
            };
            if let Some((step, sent)) = outcome {
                self.in_flight.retain(|busy| *busy != step);
                self.settle(sent?).await?;
            }
        }
    }

    /// What a write answered is durable at once; what a read answered, with the next write.
    async fn settle(&mut self, entry: Option<Entry>) -> Result<(), StoreError> {
        let Some(entry) = entry else { return Ok(()) };
        let wrote = self.driven.with(|run| {
            let step = entry.step().and_then(|id| run.plan().index.get(id));
            step.is_some_and(|step| matches!(&run.plan().steps[*step].work, Work::Call(call) if call.effect.is_write()))
        });
        if wrote {
            let record = Record { driven: &self.driven, entry, also: Vec::new() };
            return self.engine.record(vec![record]).await.map(|_| ());
        }
        self.engine.note(&self.driven, entry);
        Ok(())
    }

    /// A run that was due is asked its questions now; else at their next time.
    fn questions_from(&mut self, due: Option<Timestamp>) {
        let now = self.engine.now();
        let is_due = due.is_some_and(|due| due <= now);
        for command in self.driven.commands(now) {
            if let Command::Probe { step, since, every, .. } = command {
                let at = if is_due { now } else { next_time(since, every, now) };
                self.questions.insert(step, at);
            }
        }
    }

    /// Nothing new is begun; what is open is due when the next engine starts.
    fn stopping(&self) -> Turn {
        let now = self.engine.now();
        let open = !self.driven.commands(now).is_empty();
        Turn { moved: false, due: open.then_some(now).filter(|_| self.effects.is_empty()) }
    }

    fn turn(&mut self) -> Turn {
        let now = self.engine.now();
        let mut due = None;
        for command in self.driven.commands(now) {
            let step = match &command {
                // A call that is being gathered may still be sent, so the run has not ended yet.
                Command::Journal(Entry::DeadLettered { .. }) if self.is_calling() => continue,
                Command::Journal(entry) => {
                    self.journal(entry.clone());
                    return Turn { moved: true, due: None };
                }
                Command::Start { step }
                | Command::Call { step, .. }
                | Command::LookUp { step, .. }
                | Command::Hold { step, .. }
                | Command::Probe { step, .. } => *step,
            };
            if self.in_flight.contains(&step) {
                continue;
            }
            match self.perform(command, step, now) {
                Performed::Noted => return Turn { moved: true, due: None },
                Performed::UnderWay => self.in_flight.push(step),
                Performed::NotBefore(at) => due = Some(due.map_or(at, |due: Timestamp| due.min(at))),
            }
        }
        Turn { moved: false, due }
    }

    fn perform(&mut self, command: Command, step: StepIndex, now: Timestamp) -> Performed {
        match command {
            Command::Start { .. } => match self.driven.with(|run| self.engine.start_step(run, step)) {
                Started::Entry(entry) => self.noted(entry),
                Started::Call(input) => self.call(step, input),
            },
            Command::Call { at, .. } if at > now => Performed::NotBefore(at),
            Command::Call { .. } => match self.input(step) {
                Ok(input) => self.call(step, input),
                Err(failure) => self.failed(step, failure),
            },
            Command::LookUp { at, .. } => match at.max(self.engine.visible_since_start(&self.driven, step)) {
                at if at > now => Performed::NotBefore(at),
                _ => self.look_up(step),
            },
            Command::Hold { arm, .. } => self.hold(step, arm),
            Command::Probe { arm, since, every, deadline, .. } => self.probe(step, arm, (since, every), deadline, now),
            Command::Journal(entry) => self.noted(entry),
        }
    }

    /// Whether something else than a question is under way.
    fn is_calling(&self) -> bool {
        let asks = |status: &Status| matches!(status, Status::Waiting { .. } | Status::Held { .. });
        self.driven.with(|run| self.in_flight.iter().any(|step| !asks(run.status(*step))))
    }

    fn journal(&mut self, entry: Entry) {
        alert(&self.driven, &entry, None);
        self.engine.note(&self.driven, entry);
    }

    fn noted(&mut self, entry: Entry) -> Performed {
        self.engine.note(&self.driven, entry);
        Performed::Noted
    }

    fn failed(&mut self, step: StepIndex, failure: Failure) -> Performed {
        self.noted(Entry::Failed { step: self.driven.step_id(step), failure })
    }

    fn input(&self, step: StepIndex) -> Result<Value, Failure> {
        self.driven.with(|run| match &run.plan().steps[step].work {
            Work::Call(call) => self.engine.value_of(run, step, &call.with),
            Work::Map(_) | Work::Script(_) | Work::Check(_) | Work::Wait { .. } => {
                Err(Failure::new(ErrorClass::Bug, "only a call is sent"))
            }
        })
    }

    /// Sends a call, unless what the run remembers of it says otherwise.
    fn call(&mut self, step: StepIndex, input: Value) -> Performed {
        let plan = self.driven.with(|run| Arc::clone(run.plan()));
        let Work::Call(call) = &plan.steps[step].work else { return self.failed(step, bug("only a call is sent")) };
        let digest = Digest::of_value(&input);
        let connection = match self.connection(&call.connection) {
            Ok(connection) => connection,
            Err(failure) => return self.failed(step, failure),
        };
        let target = connection.identity();
        let doubted_since = self.engine.member.doubted_since();
        let circumstances = Circumstances { now: self.engine.now(), doubted_since };
        let (key, attempt, before) = self.driven.with(|run| {
            let key = once::call_key(
                &call.connection,
                &call.action,
                run.event_key(),
                &plan.steps[step].id,
                &call.effect,
                &digest,
            );
            let before =
                once::before_call(run.guards(), &call.effect, run.memory(&key), (&digest, &target), circumstances);
            (key, run.attempt(step), before)
        });
        let id = plan.steps[step].id.clone();
        // What was absent or refused is not remembered as unknown, so a retry comes out as `Send`.
        match before {
            Before::Send => {}
            Before::Wait => return Performed::NotBefore(circumstances.now + ASK_AGAIN),
            Before::Adopt(output) => return self.noted(Entry::Answered { step: id, output }),
            Before::Refuse(reason) => return self.failed(step, Failure::new(ErrorClass::Conflict, reason)),
            Before::Doubt => {
                self.engine.note(&self.driven, Entry::Called { step: id.clone(), attempt, key, digest, target });
                let failure = Failure::new(ErrorClass::Unknown, "an earlier attempt may have arrived");
                return self.noted(Entry::Failed { step: id, failure });
            }
        }
        let prepared = match connection.prepare(&call.action, &input) {
            Ok(prepared) => prepared.with_key(&key),
            Err(failure) => return self.failed(step, failure),
        };
        let outgoing = Outgoing {
            driven: Arc::clone(&self.driven),
            step: id,
            connection,
            action: call.action.clone(),
            is_write: call.effect.is_write(),
            prepared,
            key,
            digest,
            target,
            attempt,
        };
        let engine = Arc::clone(self.engine);
        self.effects.push(Box::pin(async move { (step, engine.send(outgoing).await) }));
        Performed::UnderWay
    }

    fn look_up(&mut self, step: StepIndex) -> Performed {
        let plan = self.driven.with(|run| Arc::clone(run.plan()));
        let Work::Call(Call { connection, effect: Effect::Write(Repeat::Lookup(look_up)), .. }) =
            &plan.steps[step].work
        else {
            return self.failed(step, bug("this call has no look-up"));
        };
        let ready = self.input(step).and_then(|input| Ok((input, self.connection(connection)?)));
        let (input, connection) = match ready {
            Ok(ready) => ready,
            // The payment is in doubt still: that it cannot be looked up says nothing about it.
            Err(failure) => return self.looked_up(step, Found::Failed(failure)),
        };
        let moved =
            self.driven.with(|run| run.call_target(step).is_some_and(|target| *target != connection.identity()));
        if moved {
            let reason = format!("`{}` leads elsewhere than when it was sent", connection.name);
            return self.looked_up(step, Found::Differs(reason));
        }
        let (engine, look_up, guards) = (self.engine, look_up.clone(), self.engine.guards);
        let id = plan.steps[step].id.clone();
        self.effects.push(Box::pin(async move {
            let answer = match once::look_up_input(&look_up, &input) {
                Ok(question) => engine.ask(&connection, &look_up.action, &question).await,
                Err(failure) => Err(failure),
            };
            let found = once::compare(guards, &look_up, &input, answer);
            let output = Value::Object(serde_json::Map::new());
            (step, Ok(Some(Entry::LookedUp { step: id, found, output })))
        }));
        Performed::UnderWay
    }

    fn looked_up(&mut self, step: StepIndex, found: Found) -> Performed {
        let output = Value::Object(serde_json::Map::new());
        self.noted(Entry::LookedUp { step: self.driven.step_id(step), found, output })
    }

    fn hold(&mut self, step: StepIndex, arm: usize) -> Performed {
        let plan = self.driven.with(|run| Arc::clone(run.plan()));
        let Reaction::Hold { what, alert: channel, .. } = &plan.steps[step].arms[arm].reaction else {
            return self.failed(step, bug("this arm does not hold"));
        };
        match self.driven.with(|run| self.engine.value_of(run, step, what)) {
            Ok(what) => {
                let entry = Entry::Held { step: plan.steps[step].id.clone(), what };
                alert(&self.driven, &entry, channel.as_deref());
                self.noted(entry)
            }
            Err(failure) => self.failed(step, failure),
        }
    }

    fn probe(
        &mut self,
        step: StepIndex,
        arm: Option<usize>,
        (since, every): (Timestamp, Duration),
        deadline: Option<Timestamp>,
        now: Timestamp,
    ) -> Performed {
        let at = *self.questions.entry(step).or_insert_with(|| since.max(now));
        // It is asked once more when the time is over, before it fails.
        let at = deadline.map_or(at, |deadline| at.min(deadline));
        if at > now {
            return Performed::NotBefore(at);
        }
        let late = deadline.filter(|deadline| *deadline <= now);
        self.questions.insert(step, next_time(since, every, now));
        let plan = self.driven.with(|run| Arc::clone(run.plan()));
        let Some(probe) = question(&plan, step, arm) else { return self.failed(step, bug("this step asks nothing")) };
        let input = self.driven.with(|run| self.engine.value_of(run, step, &probe.call.with));
        let connection = self.connection(&probe.call.connection);
        let (engine, driven) = (self.engine, Arc::clone(&self.driven));
        let plan = Arc::clone(&plan);
        self.effects.push(Box::pin(async move {
            let entry = engine
                .ask_question(&driven, &plan, (step, arm), input.and_then(|input| Ok((input, connection?))), late)
                .await;
            (step, Ok(entry))
        }));
        Performed::UnderWay
    }

    fn connection(&self, name: &str) -> Result<Arc<Connection>, Failure> {
        let missing = || Failure::new(ErrorClass::Config, format!("there is no connection `{name}`"));
        self.project.connections.get(name).cloned().ok_or_else(missing)
    }
}

/// What performing a command gave.
enum Performed {
    /// An entry was noted.
    Noted,
    /// An effect is under way.
    UnderWay,
    /// It is not its time.
    NotBefore(Timestamp),
}

fn bug(message: &str) -> Failure {
    Failure::new(ErrorClass::Bug, message)
}
