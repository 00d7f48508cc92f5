//! The one loop: perform commands, record what happened, until nothing is left to do now.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ferry_connectors::connection::Connection;
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::Boxed,
};
use ferry_core::{
    once::Guard,
    plan::Reaction,
    run::{Command, Entry, Letter, On, Receipt, Status, UnitIndex},
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use jiff::{SignedDuration, Timestamp};

use super::{
    Engine, LoadedProject,
    dispatch::Sent,
    evaluate::{Started, again},
    journal::Shared,
    question::{bug, next_time, question},
    xref::links,
};
use crate::store::{Change, StoreError};

/// How often a call that waits for a person's word looks whether it has come.
pub(super) const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// What an effect of a unit gave: an entry; nothing where a question is still open, where the gate holds
/// the unit back, or where the engine stops; an error where the run in memory is ahead of the disk.
type Outcome = (UnitIndex, Sent);

/// One turn of the loop.
struct Turn {
    /// Whether an entry was noted, so that the commands must be read again.
    moved: bool,
    /// When the next command is due.
    due: Option<Timestamp>,
}

/// A run on its way.
pub(super) struct Drive<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) project: &'a LoadedProject,
    pub(super) driven: Shared,
    in_flight: Vec<UnitIndex>,
    pub(super) effects: FuturesUnordered<Boxed<'a, Outcome>>,
    /// When each open question is asked next.
    questions: BTreeMap<UnitIndex, Timestamp>,
    /// Letters that the run has not read.
    letters: BTreeMap<i64, Letter>,
    /// Whether something is not on its way to the disk yet that must not wait: the event of a run that has
    /// just begun, or what a write answered.
    owes: bool,
}

impl Engine {
    /// Drives a run until it ends, or waits for a time.
    pub(super) async fn drive(
        self: &Arc<Self>,
        project: &LoadedProject,
        driven: Shared,
        (due, letters): (Option<Timestamp>, BTreeMap<i64, Letter>),
    ) -> Result<(), StoreError> {
        self.recover(&driven);
        let owes = driven.is_new();
        let mut drive = Drive {
            engine: self,
            project,
            driven,
            in_flight: Vec::new(),
            effects: FuturesUnordered::new(),
            questions: BTreeMap::new(),
            letters,
            owes,
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
                _ if self.owes => self.save().await?,
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
            if let Some((unit, sent)) = outcome {
                self.in_flight.retain(|busy| *busy != unit);
                self.settle(sent?);
            }
        }
    }

    /// What a write answered is durable at once; what a read answered, with the next write.
    fn settle(&mut self, entry: Option<Entry>) {
        let Some(entry) = entry else { return };
        // Who stands behind it in its queue waits for that.
        self.owes |= matches!(entry, Entry::Released { .. });
        // What was read of cross-references is durable with the call that it is for.
        self.owes |= !matches!(entry, Entry::Referenced { .. })
            && self.driven.with(|run| {
                let unit = entry.step().and_then(|id| run.unit_named(id));
                unit.and_then(|unit| run.call(unit)).is_some_and(|call| call.effect.is_write())
            });
        self.engine.note(&self.driven, entry);
    }

    /// Makes durable what is owed: with the intent of the next write where that goes to the disk now, else by
    /// itself. An effect is looked at once, which brings a call to its intent or to its first wait; what
    /// has ended by then is given back, and the answer is owed still.
    async fn save(&mut self) -> Result<Option<Outcome>, StoreError> {
        let ended = tokio::select! {
            biased;
            ended = self.effects.next() => ended,
            () = std::future::ready(()) => None,
        };
        if ended.is_none() {
            self.owes = false;
            self.engine.save(&self.driven).await?;
        }
        Ok(ended)
    }

    /// A run that was due is asked its questions now; else at their next time.
    fn questions_from(&mut self, due: Option<Timestamp>) {
        let now = self.engine.now();
        let is_due = due.is_some_and(|due| due <= now);
        for command in self.driven.commands(now) {
            if let Command::Probe { unit, since, every, .. } = command {
                let at = if is_due { now } else { next_time(since, every, now) };
                self.questions.insert(unit, at);
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
        if self.read_letters(now) {
            return Turn { moved: true, due: None };
        }
        let mut due = None;
        let is_ending = self.engine.guards.has(Guard::Ending)
            && self.letters.values().any(|letter| matches!(letter, Letter::Cancel { .. }));
        for command in self.driven.commands(now) {
            if is_ending && !self.settles(&command) {
                continue;
            }
            let unit = match &command {
                // A call that is being gathered may still be sent, so the run has not ended yet.
                Command::Journal(Entry::DeadLettered { .. }) if self.is_calling() => continue,
                Command::Journal(entry) => {
                    self.journal(entry.clone());
                    return Turn { moved: true, due: None };
                }
                Command::Finish => {
                    let finished = self.driven.with(|run| self.engine.finish(run));
                    self.journal(finished);
                    return Turn { moved: true, due: None };
                }
                Command::Start { unit }
                | Command::Call { unit, .. }
                | Command::LookUp { unit, .. }
                | Command::Hold { unit, .. }
                | Command::Timer { unit, .. }
                | Command::Probe { unit, .. } => *unit,
            };
            if self.in_flight.contains(&unit) {
                continue;
            }
            match self.perform(command, unit, now) {
                Performed::Noted => return Turn { moved: true, due: None },
                Performed::UnderWay => self.in_flight.push(unit),
                Performed::NotBefore(at) => due = Some(due.map_or(at, |due: Timestamp| due.min(at))),
            }
        }
        Turn { moved: false, due }
    }

    fn perform(&mut self, command: Command, unit: UnitIndex, now: Timestamp) -> Performed {
        if let Some(until) = self.driven.held_back(unit, now) {
            return Performed::NotBefore(until);
        }
        match command {
            Command::Start { .. } => {
                let started = self.driven.with(|run| self.engine.start_unit(run, unit));
                self.started(unit, started)
            }
            Command::Call { at, .. } | Command::Timer { at, .. } if at > now => Performed::NotBefore(at),
            Command::Call { .. } => {
                let started = self.driven.with(|run| again(&self.engine.rules, run, unit));
                self.started(unit, started)
            }
            Command::LookUp { at, .. } => match at.max(self.engine.visible_since_steady(&self.driven, unit)) {
                at if at > now => Performed::NotBefore(at),
                _ => self.look_up(unit),
            },
            Command::Hold { arm, .. } => self.hold(unit, arm),
            Command::Timer { entry, .. } => self.noted(*entry),
            Command::Probe { arm, since, every, late, .. } => {
                self.probe(unit, arm, (since, every), late.map(|(at, entry)| (at, *entry)), now)
            }
            Command::Journal(entry) => self.noted(entry),
            Command::Finish => Performed::Noted,
        }
    }

    fn started(&mut self, unit: UnitIndex, started: Started) -> Performed {
        match started {
            Started::Entry(entry) => self.noted(entry),
            Started::Call(input) => self.call(unit, input),
            Started::Begin(pipeline, inputs) => self.begin(unit, &pipeline, inputs),
            Started::Tell(channel, output) => {
                self.note_and_tell(Entry::Evaluated { step: self.driven.unit_id(unit), output }, Some(&channel))
            }
            Started::Emit(event, key, data) => self.emit(unit, (event, key, data)),
            Started::Read(wanted) => self.read_pairs(unit, wanted),
            Started::Link(linking) => self.link(unit, linking),
            Started::Reconcile(sources) => self.reconcile(unit, sources),
        }
    }

    /// Reads the letters that mean something now; whether the run has moved.
    fn read_letters(&mut self, now: Timestamp) -> bool {
        let mut moved = false;
        for (number, letter) in std::mem::take(&mut self.letters) {
            let receipt = match self.driven.with(|run| run.receive(&letter, now)) {
                // A call that is being gathered may still be sent, and would be paid by a run that is cancelled.
                Receipt::Entry(Entry::Cancelled { .. })
                    if self.is_calling() && self.engine.guards.has(Guard::Ending) =>
                {
                    Receipt::Later
                }
                receipt => receipt,
            };
            let (run, fence) = (self.driven.id.clone(), self.driven.fence);
            let read = Change::Read { run, fence, number };
            match receipt {
                Receipt::Later => {
                    self.letters.insert(number, letter);
                }
                Receipt::Moot(why) => {
                    tracing::info!(run = %self.driven.id, number, why, "a letter has no meaning any more");
                    self.driven.add(read);
                }
                Receipt::Ask(unit) => {
                    self.questions.insert(unit, now);
                    self.driven.add(read);
                    moved = true;
                }
                Receipt::Entry(entry) => {
                    let followers = self.followers(&entry).into_iter();
                    let also = followers.chain(self.tell(&entry, None)).chain([read]).collect();
                    self.engine.note_with(&self.driven, entry, also);
                    moved = true;
                }
            }
        }
        moved
    }

    /// Whether something else than a question is under way.
    fn is_calling(&self) -> bool {
        let asks = |status: &Status| match status {
            // Somebody has said that it may go, and it is being sent.
            Status::Waiting { on, .. } => *on != On::Trust,
            status => matches!(status, Status::Held { .. }),
        };
        self.driven.with(|run| self.in_flight.iter().any(|unit| !asks(run.status(*unit))))
    }

    /// Who waits for the end of what is under way begins nothing else.
    fn settles(&self, command: &Command) -> bool {
        match command {
            Command::Journal(_) | Command::LookUp { .. } => true,
            // What may have arrived goes again by its key: that tells.
            Command::Call { unit, .. } => self.driven.with(|run| run.is_in_doubt(*unit)),
            Command::Start { .. }
            | Command::Hold { .. }
            | Command::Probe { .. }
            | Command::Timer { .. }
            | Command::Finish => false,
        }
    }

    /// Whether a pair of a cross-reference is being recorded.
    pub(super) fn is_linking(&self) -> bool {
        self.driven.with(|run| self.in_flight.iter().any(|unit| links(run, *unit)))
    }

    pub(super) fn journal(&mut self, entry: Entry) {
        let followers = self.followers(&entry).into_iter().chain(self.tell(&entry, None)).collect();
        self.engine.note_with(&self.driven, entry, followers);
    }

    /// An entry that persons are told of, in this channel or the pipeline's own.
    fn note_and_tell(&self, entry: Entry, channel: Option<&str>) -> Performed {
        let also = self.tell(&entry, channel).into_iter().collect();
        self.engine.note_with(&self.driven, entry, also);
        Performed::Noted
    }

    pub(super) fn noted(&mut self, entry: Entry) -> Performed {
        self.engine.note(&self.driven, entry);
        Performed::Noted
    }

    pub(super) fn failed(&mut self, unit: UnitIndex, failure: Failure) -> Performed {
        self.noted(Entry::Failed { step: self.driven.unit_id(unit), failure })
    }

    fn hold(&mut self, unit: UnitIndex, arm: usize) -> Performed {
        let plan = self.driven.with(|run| Arc::clone(run.plan()));
        let step = self.driven.with(|run| run.step_index(unit));
        let Reaction::Hold { what, alert: channel, .. } = &plan.steps[step].arms[arm].reaction else {
            return self.failed(unit, bug("this arm does not hold"));
        };
        match self.driven.with(|run| self.engine.value_of(run, unit, what)) {
            Ok(what) => self.note_and_tell(Entry::Held { step: self.driven.unit_id(unit), what }, channel.as_deref()),
            Err(failure) => self.failed(unit, failure),
        }
    }

    fn probe(
        &mut self,
        unit: UnitIndex,
        arm: Option<usize>,
        (since, every): (Timestamp, Duration),
        late: Option<(Timestamp, Entry)>,
        now: Timestamp,
    ) -> Performed {
        let at = *self.questions.entry(unit).or_insert_with(|| since.max(now));
        // It is asked once more when the time is over, before it fails.
        let at = late.as_ref().map_or(at, |(deadline, _)| at.min(*deadline));
        if at > now {
            return Performed::NotBefore(at);
        }
        let late = late.filter(|(deadline, _)| *deadline <= now).map(|(_, entry)| entry);
        self.questions.insert(unit, next_time(since, every, now));
        let plan = self.driven.with(|run| Arc::clone(run.plan()));
        let step = self.driven.with(|run| run.step_index(unit));
        let Some(probe) = question(&plan.steps[step], arm) else {
            return self.failed(unit, bug("this step asks nothing"));
        };
        let input = self.driven.with(|run| self.engine.value_of(run, unit, &probe.call.with));
        let connection = self.connection(&probe.call.connection);
        let (engine, driven) = (self.engine, Arc::clone(&self.driven));
        let (plan, id) = (Arc::clone(&plan), self.driven.unit_id(unit));
        self.effects.push(Box::pin(async move {
            let ready = input.and_then(|input| Ok((input, connection?)));
            let entry = engine.ask_question(&driven, (&plan.steps[step], id), (unit, arm), ready, late).await;
            (unit, Ok(entry))
        }));
        Performed::UnderWay
    }

    pub(super) fn connection(&self, name: &str) -> Result<Arc<Connection>, Failure> {
        let missing = || Failure::new(ErrorClass::Config, format!("there is no connection `{name}`"));
        self.project.connections.get(name).cloned().ok_or_else(missing)
    }
}

/// What performing a command gave.
pub(super) enum Performed {
    /// An entry was noted.
    Noted,
    /// An effect is under way.
    UnderWay,
    /// It is not its time.
    NotBefore(Timestamp),
}
