//! What would become of a run's writes, without doing anything: the fold, the evaluation and `once` are asked, as
//! the engine asks them, on a copy of the run.
//!
//! With live reads, a run goes on until something is to be written, and the requests are made as they would be. Without
//! them, what comes after a read is not known before it runs.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
    script::Rules,
};
use ferry_core::{
    language::Then,
    once::{self, Before, Circumstances, Outcome},
    plan::{Arm, Reaction, Work},
    run::{Command, Entry, Run, Status, UnitIndex},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    calling::wanted,
    evaluate::{Started, again, start, value_of},
    fate::{Fate, Foreseen},
    preview::{Live, StepAhead, WriteAhead},
    question::bug,
    recover::stopped,
};
use crate::store::StoreError;

/// What would come of this entry, which begins a run again, without asking anyone.
///
/// # Errors
/// Those of a store that live reads ask; none are made here.
pub async fn foresee(
    rules: &Rules,
    run: &Run,
    journal: &[(Timestamp, Entry)],
    (now, again): (Timestamp, &Entry),
) -> Result<Vec<Foreseen>, StoreError> {
    let mut walk = Walk::new(rules, run.clone(), now, None);
    walk.run.take(now, again);
    walk.go().await?;
    walk.rest(&calls(journal));
    Ok(walk.found().into_iter().map(|step| step.foreseen).collect())
}

/// The writes of a run that are done.
pub fn done(rules: &Rules, run: &Run, now: Timestamp) -> Vec<Foreseen> {
    let mut walk = Walk::new(rules, run.clone(), now, None);
    walk.kept();
    walk.found().into_iter().map(|step| step.foreseen).collect()
}

/// The calls of a journal, by step, in order.
pub(super) fn calls(journal: &[(Timestamp, Entry)]) -> Vec<(String, CallKey)> {
    let call = |(_, entry): &(Timestamp, Entry)| match entry {
        Entry::Called { step, key, .. } => Some((step.clone(), key.clone())),
        _ => None,
    };
    journal.iter().filter_map(call).collect()
}

/// A run to look ahead in.
pub(super) struct Walk<'a> {
    rules: &'a Rules,
    run: Run,
    now: Timestamp,
    /// Where reads are made; without it, nobody is asked.
    live: Option<Live<'a>>,
    seen: BTreeSet<UnitIndex>,
    /// Units whose input is not known, because it sees cross-references.
    unread: BTreeSet<UnitIndex>,
    found: Vec<StepAhead>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(rules: &'a Rules, run: Run, now: Timestamp, live: Option<Live<'a>>) -> Self {
        Self { rules, run, now, live, seen: BTreeSet::new(), unread: BTreeSet::new(), found: Vec::new() }
    }

    /// Goes on as far as that is possible without writing.
    pub(super) async fn go(&mut self) -> Result<(), StoreError> {
        // As the engine does that takes it up.
        for step in self.run.interrupted().into_iter().map(|unit| self.run.unit_id(unit)).collect::<Vec<_>>() {
            self.run.take(self.now, &stopped(step));
        }
        self.kept();
        loop {
            self.settled();
            let Some(command) = self.next() else { break };
            match command {
                Command::Start { unit } => self.started(unit, start(self.rules, &self.run, unit)).await?,
                Command::Call { unit, .. } => {
                    let started = again(self.rules, &self.run, unit);
                    if matches!(started, Started::Entry(_)) {
                        self.seen.insert(unit);
                    }
                    self.started(unit, started).await?;
                }
                Command::LookUp { unit, .. } => self.stops(unit, Fate::LookUp, None),
                Command::Hold { unit, .. } | Command::Probe { unit, arm: Some(_), .. } => {
                    self.stops(unit, Fate::Held, Some("it goes on by itself when what it waits for is there"));
                }
                Command::Probe { unit, .. } | Command::Timer { unit, .. } => {
                    let is_approval = matches!(self.run.step(unit).work, Work::Approve(_));
                    let what = if is_approval { "for a person's answer" } else { "for what comes" };
                    self.stops(unit, Fate::Waits, Some(what));
                }
                Command::Journal(entry) => self.run.take(self.now, &entry),
                Command::Finish => break,
            }
        }
        for unit in self.run.units().collect::<Vec<_>>() {
            if let Status::Parked { reason, .. } = self.run.status(unit).clone()
                && !self.seen.contains(&unit)
            {
                self.stops(unit, Fate::Park, Some(&reason));
            }
        }
        Ok(())
    }

    /// What was found, in the order of the steps.
    pub(super) fn found(mut self) -> Vec<StepAhead> {
        let order = |step: &StepAhead| self.run.unit_named(base(&step.foreseen.step));
        self.found.sort_by_key(order);
        self.found
    }

    /// The steps that are still to come.
    pub(super) fn then(&self) -> Vec<String> {
        let is_own = |unit: &UnitIndex| self.run.step(*unit).home.is_none() && !self.run.is_item(*unit);
        self.open().into_iter().filter(is_own).map(|unit| self.run.unit_id(unit)).collect()
    }

    /// Notes writes whose input is not known yet; what was called before is known by its key.
    fn rest(&mut self, calls: &[(String, CallKey)]) {
        let called: BTreeMap<&str, &CallKey> = calls.iter().map(|(step, key)| (step.as_str(), key)).collect();
        for unit in self.open() {
            if !self.is_write(unit) {
                continue;
            }
            let id = self.run.unit_id(unit);
            let items = called.iter().filter(|(step, _)| base(step) == id);
            let fates: Vec<_> = items
                .filter_map(|(step, key)| {
                    let memory = self.run.memory(key)?;
                    let (fate, why, _) = self.fate(unit, (key, &memory.digest, &memory.target));
                    Some(((*step).to_owned(), (*key).clone(), fate, why))
                })
                .collect();
            if fates.is_empty() {
                self.note(unit, Fate::Send, (None, None), None);
            }
            for (step, key, fate, why) in fates {
                self.note(unit, fate, (Some(&key), None), why);
                if let Some(last) = self.found.last_mut() {
                    last.foreseen.step = step;
                }
            }
        }
    }

    /// Units that may still come; where the run ends with what failed, only those of its arms.
    fn open(&self) -> Vec<UnitIndex> {
        let goes_on =
            |arm: &Arm| matches!(arm.reaction, Reaction::Do { then: Then::Continue, .. } | Reaction::Hold { .. });
        let ends = |unit: UnitIndex| {
            let step = self.run.step(unit);
            let has_failed = matches!(self.run.status(unit), Status::Failed | Status::Recovering { .. });
            has_failed && step.home.is_none() && !step.arms.iter().any(goes_on)
        };
        let has_ended = self.run.units().any(ends);
        let is_open = |unit: &UnitIndex| {
            let is_met = self.seen.contains(unit) && !self.unread.contains(unit);
            let may_come = !has_ended || self.run.step(*unit).home.is_some();
            matches!(self.run.status(*unit), Status::Blocked | Status::Ready) && !is_met && may_come
        };
        self.run.units().filter(is_open).collect()
    }

    /// Writes in whose place an earlier life of the run has done something else: they are not sent any more.
    fn settled(&mut self) {
        for unit in self.run.units().collect::<Vec<_>>() {
            let &Status::Recovering { arm } = self.run.status(unit) else { continue };
            let id = self.run.unit_id(unit);
            // One that failed on the way here has been told of.
            if !self.is_write(unit) || self.found.iter().any(|step| step.foreseen.step == id) {
                continue;
            }
            let Reaction::Do { steps, .. } = &self.run.step(unit).arms[arm].reaction else { continue };
            let names: Vec<String> =
                steps.iter().map(|step| format!("`{}`", self.run.plan().steps[*step].id)).collect();
            let why = format!("{} was done in its place", names.join(", "));
            self.stops(unit, Fate::Instead, Some(&why));
        }
    }

    /// Writes of steps that are done, and stay so.
    fn kept(&mut self) {
        for unit in self.run.units().collect::<Vec<_>>() {
            if self.is_write(unit) && *self.run.status(unit) == Status::Done {
                self.stops(unit, Fate::Done, None);
            }
        }
    }

    fn next(&self) -> Option<Command> {
        let is_new = |command: &Command| unit_of(command).is_none_or(|unit| !self.seen.contains(&unit));
        self.run.commands(self.now).into_iter().find(is_new)
    }

    /// Takes what a step gives, as far as that is known.
    async fn started(&mut self, unit: UnitIndex, started: Started) -> Result<(), StoreError> {
        match started {
            Started::Entry(entry) => {
                if let Entry::Failed { failure, .. } = &entry {
                    self.note(unit, Fate::Fails, (None, None), Some(failure.to_string()));
                }
                self.run.take(self.now, &entry);
            }
            // Nobody is told of what only might happen.
            Started::Tell(_, output) => {
                let step = self.run.unit_id(unit);
                self.run.take(self.now, &Entry::Evaluated { step, output });
            }
            Started::Call(input) => {
                self.seen.insert(unit);
                if let Err(failure) = self.call(unit, &input).await {
                    self.note(unit, Fate::Fails, (None, Some(&input)), Some(failure.to_string()));
                    self.failed(unit, failure);
                }
            }
            Started::Read(wanted) => match &self.live {
                Some(live) => {
                    let entry = live.pairs(self.run.unit_id(unit), wanted).await?;
                    self.run.take(self.now, &entry);
                }
                None => {
                    self.seen.insert(unit);
                    self.unread.insert(unit);
                }
            },
            Started::Reconcile(_) => self.stops(unit, Fate::Waits, Some("it reads and matches rows")),
            Started::Link(_) => self.stops(unit, Fate::Waits, Some("it records a pair of a cross-reference")),
            Started::Begin(name, _) => self.stops(unit, Fate::Waits, Some(&format!("it begins a run of `{name}`"))),
            Started::Emit(event, key, _) => {
                self.stops(unit, Fate::Waits, Some(&format!("it emits `{event}` with the key `{key}`")));
            }
        }
        Ok(())
    }

    /// Reads, or says what would become of a write.
    async fn call(&mut self, unit: UnitIndex, input: &Value) -> Result<(), Failure> {
        let wanted = wanted(self.rules, &self.run, unit, input)?;
        let call = self.run.call(unit).ok_or_else(|| bug("only a call is sent"))?;
        let ready = self.live.as_ref().map(|live| live.ready(call, input, &wanted)).transpose()?;
        let target = match (&ready, self.run.memory(&wanted.key)) {
            (Some(ready), _) => ready.target().clone(),
            // It is taken to lead where it led.
            (None, Some(memory)) => memory.target.clone(),
            (None, None) => wanted.digest.clone(),
        };
        if !self.is_write(unit) {
            let (Some(live), Some(ready)) = (&self.live, ready) else { return Ok(()) };
            let answer = live.read(&self.run, &ready).await?;
            let (step, attempt) = (self.run.unit_id(unit), self.run.attempt(unit));
            let (key, digest) = (wanted.key, wanted.digest);
            self.run
                .take(self.now, &Entry::Called { step: step.clone(), attempt, key, digest, target, is_probe: false });
            self.run.take(self.now, &Entry::Answered { step, output: answer? });
            return Ok(());
        }
        let (fate, why, entry) = self.fate(unit, (&wanted.key, &wanted.digest, &target));
        let write = match ready {
            Some(ready) => Some(WriteAhead::new(ready, self.run.step(unit)).await?),
            None => None,
        };
        self.note(unit, fate, (Some(&wanted.key), Some(input)), why);
        if let Some(last) = self.found.last_mut() {
            last.write = write.map(Box::new);
        }
        match entry {
            Some(Entry::Failed { failure, .. }) => self.failed(unit, failure),
            Some(entry) => self.run.take(self.now, &entry),
            None => {}
        }
        Ok(())
    }

    /// Goes on after a failure; where another call takes the place of what failed, that comes.
    fn failed(&mut self, unit: UnitIndex, failure: Failure) {
        self.run.take(self.now, &Entry::Failed { step: self.run.unit_id(unit), failure });
        if *self.run.status(unit) == Status::Ready {
            self.seen.remove(&unit);
        }
    }

    /// What `once` says of a call that a unit is about to make: its fate, why, and what is then journaled.
    fn fate(
        &self,
        unit: UnitIndex,
        (key, digest, target): (&CallKey, &Digest, &Digest),
    ) -> (Fate, Option<String>, Option<Entry>) {
        let Some(call) = self.run.call(unit) else { return (Fate::Send, None, None) };
        let (memory, step) = (self.run.memory(key), self.run.unit_id(unit));
        // Without live reads, what is thought of the store is for the engine to say, which asks before each first call.
        let doubted_since = self.live.as_ref().and_then(|live| live.doubted_since);
        let circumstances = Circumstances { now: self.now, is_replayed: self.run.is_replayed(), doubted_since };
        match once::before_call(self.run.guards(), &call.effect, memory, (digest, target), circumstances) {
            Before::Send => (Fate::Send, None, None),
            Before::Adopt(output) => (Fate::Done, None, Some(Entry::Answered { step, output })),
            Before::Confirm => match memory.map(|memory| memory.outcome.clone()) {
                Some(Outcome::Done(output)) => (Fate::Done, None, Some(Entry::Answered { step, output })),
                _ => (Fate::LookUp, None, None),
            },
            Before::Doubt => (self.doubt(unit, (key, digest, target)), None, None),
            Before::Refuse(why) => {
                let failure = Failure::new(ErrorClass::Conflict, why.clone());
                (Fate::Refused, Some(why), Some(Entry::Failed { step, failure }))
            }
            Before::Wait => {
                let why = "the store may have forgotten that it was sent; `ferry store trust` lets it go";
                (Fate::Waits, Some(why.to_owned()), None)
            }
        }
    }

    /// What follows an unknown outcome: the fold says it, as it would to the engine.
    fn doubt(&self, unit: UnitIndex, (key, digest, target): (&CallKey, &Digest, &Digest)) -> Fate {
        let mut run = self.run.clone();
        let (step, key, digest, target) = (run.unit_id(unit), key.clone(), digest.clone(), target.clone());
        let called = Entry::Called { step: step.clone(), attempt: 1, key, digest, target, is_probe: false };
        run.take(self.now, &called);
        let failure = Failure::new(ErrorClass::Unknown, "it may have arrived");
        run.take(self.now, &Entry::Failed { step, failure });
        match run.status(unit) {
            Status::Unknown { .. } => Fate::LookUp,
            Status::Retrying { .. } => Fate::Send,
            _ => Fate::Park,
        }
    }

    /// Notes a unit that goes no further for now.
    fn stops(&mut self, unit: UnitIndex, fate: Fate, why: Option<&str>) {
        self.seen.insert(unit);
        let call = self.run.call(unit).filter(|call| call.effect.is_write());
        let input = call.and_then(|call| value_of(self.rules, &self.run, unit, &call.with).ok());
        let key = self.run.call_key(unit).filter(|_| call.is_some()).cloned();
        self.note(unit, fate, (key.as_ref(), input.as_ref()), why.map(str::to_owned));
    }

    fn note(
        &mut self,
        unit: UnitIndex,
        fate: Fate,
        (key, input): (Option<&CallKey>, Option<&Value>),
        why: Option<String>,
    ) {
        let call = self.run.call(unit);
        let amount = call.filter(|call| call.effect.is_write()).and_then(|call| call.money(input?));
        let foreseen = Foreseen {
            step: self.run.unit_id(unit),
            call: call.map(|call| format!("{}.{}", call.connection, call.action)).unwrap_or_default(),
            fate,
            why,
            key: key.map(ToString::to_string),
            money: amount.map(|amount| amount.to_string()),
            amount,
            is_known: input.is_some() || !matches!(fate, Fate::Send | Fate::LookUp | Fate::Park),
        };
        self.found.push(StepAhead { foreseen, write: None });
    }

    fn is_write(&self, unit: UnitIndex) -> bool {
        self.run.call(unit).is_some_and(|call| call.effect.is_write())
    }
}

fn unit_of(command: &Command) -> Option<UnitIndex> {
    match command {
        Command::Start { unit }
        | Command::Call { unit, .. }
        | Command::LookUp { unit, .. }
        | Command::Hold { unit, .. }
        | Command::Probe { unit, .. }
        | Command::Timer { unit, .. } => Some(*unit),
        Command::Journal(_) | Command::Finish => None,
    }
}

/// A step's name without the item's key.
fn base(step: &str) -> &str {
    step.split('[').next().unwrap_or(step)
}
