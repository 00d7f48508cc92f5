//! What runs would send, without sending it: reads are live, and a run goes on until something is to be written.
//!
//! The fold, the evaluation, `once` and the preflight are asked as the engine asks them, on a copy of the run.
//! Nothing is journaled, and the connections refuse to send what writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ferry_connectors::{connection::Connection, rendered::Rendered, request::Prepared};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
    money::Money,
};
use ferry_core::{
    language::Then,
    once::{self, Circumstances},
    plan::{Arm, Reaction, Work},
    run::{self, Command, Entry, Run, Status, UnitIndex},
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{
    Engine, Fate, LoadedProject,
    calling::{look_up_of, wanted},
    evaluate::{Started, start, value_of},
    foresee::fate,
    gate::Ask,
    recover::stopped,
    xref::referenced,
};
use crate::store::{InQueue, Store, StoreError};

/// What would come of a run now.
#[derive(Debug, Default)]
pub struct Previewed {
    /// Its writes as far as their inputs are known, and what it stops at.
    pub steps: Vec<StepAhead>,
    /// Steps that need what others give first.
    pub then: Vec<String>,
}

/// One step that a run comes to.
#[derive(Debug)]
pub struct StepAhead {
    /// The step, with the item's key.
    pub step: String,
    /// Its connection and action; nothing where it calls none.
    pub call: String,
    /// What would become of it.
    pub ahead: Ahead,
}

/// What would become of a step.
#[derive(Debug)]
pub enum Ahead {
    /// A write.
    Write(Box<WriteAhead>),
    /// The step fails, or what it reads does.
    Fails(Failure),
    /// The run waits here, for what is said.
    Waits(String),
}

/// A write that a run comes to.
#[derive(Debug)]
pub struct WriteAhead {
    /// Its name, for ever.
    pub key: CallKey,
    /// What would become of it.
    pub fate: Fate,
    /// Why it would not be sent.
    pub why: Option<String>,
    /// What the preflight says against it.
    pub refused: Option<Failure>,
    /// What it would be.
    pub request: Rendered,
    /// The money that it moves.
    pub money: Option<Money>,
    connection: Arc<Connection>,
    action: String,
    /// It and others of one group may be one request.
    prepared: Prepared,
}

/// A run to look ahead in.
struct Walk<'a> {
    engine: &'a Engine,
    /// What its cross-references are read from.
    known: &'a dyn Store,
    project: &'a LoadedProject,
    run: Run,
    doubted_since: Option<Timestamp>,
    seen: BTreeSet<UnitIndex>,
    found: Previewed,
}

impl Engine {
    /// Looks ahead in each run, in the order in which they would go; what is reserved is asked of `known`, as is what the
    /// preflight then leaves to them.
    ///
    /// # Errors
    /// The store's, or where the project is not loaded.
    pub async fn preview(
        &self,
        known: &dyn Store,
        project: &str,
        runs: Vec<Run>,
        doubted_since: Option<Timestamp>,
    ) -> Result<Vec<Previewed>, StoreError> {
        let loaded = self.loaded();
        let missing = || StoreError::Failed(format!("the project `{project}` is not loaded"));
        let project = loaded.project(project).ok_or_else(missing)?;
        let mut all = Vec::new();
        for run in runs {
            let mut walk = Walk {
                engine: self,
                known,
                project,
                run,
                doubted_since,
                seen: BTreeSet::new(),
                found: Previewed::default(),
            };
            walk.go().await?;
            all.push(walk.found);
        }
        self.ask_before(known, &mut all).await?;
        Ok(all)
    }

    /// Asks the preflights of all writes that would be sent; what they refuse is not.
    async fn ask_before(&self, known: &dyn Store, all: &mut [Previewed]) -> Result<(), StoreError> {
        let mut groups: BTreeMap<(String, String), Vec<&mut WriteAhead>> = BTreeMap::new();
        for step in all.iter_mut().flat_map(|previewed| &mut previewed.steps) {
            if let Ahead::Write(write) = &mut step.ahead
                && write.fate == Fate::Send
            {
                groups.entry((write.connection.name.clone(), write.action.clone())).or_default().push(write);
            }
        }
        for ((_, action), writes) in groups {
            let Some(connection) = writes.first().map(|write| Arc::clone(&write.connection)) else { continue };
            let prepared: Vec<&Prepared> = writes.iter().map(|write| &write.prepared).collect();
            let mut reserved: BTreeMap<String, Decimal> = BTreeMap::new();
            for currency in
                prepared.iter().filter_map(|call| connection.currency(&action, call)).collect::<BTreeSet<_>>()
            {
                let released = known.queue(&run::queue(&connection.name, &currency), 0).await?;
                reserved.insert(currency, InQueue::sum(&released));
            }
            let pass = ferry_contract::port::FreePass;
            let refused = connection.preflight(&pass, &action, &prepared, reserved).await;
            for (write, failure) in writes.into_iter().zip(refused) {
                write.refused = failure;
            }
        }
        Ok(())
    }
}

impl Previewed {
    /// How many requests the writes that would be sent are, by connection: those of one group travel together.
    pub fn requests(all: &[Self]) -> BTreeMap<String, usize> {
        let mut groups: BTreeMap<(String, String, String), (usize, usize)> = BTreeMap::new();
        for write in all.iter().flat_map(Self::sent) {
            let bundle = write.connection.action(&write.action).ok().and_then(|call| call.bundle.as_ref());
            let max = bundle.map_or(1, |bundle| bundle.max.max(1));
            let group = write.prepared.group.as_str().to_owned();
            groups.entry((write.connection.name.clone(), write.action.clone(), group)).or_insert((0, max)).0 += 1;
        }
        let mut requests = BTreeMap::new();
        for ((connection, ..), (calls, max)) in groups {
            *requests.entry(connection).or_default() += calls.div_ceil(max);
        }
        requests
    }

    /// The writes that would be sent.
    pub fn sent(&self) -> impl Iterator<Item = &WriteAhead> {
        self.steps.iter().filter_map(|step| match &step.ahead {
            Ahead::Write(write) if write.fate == Fate::Send && write.refused.is_none() => Some(&**write),
            Ahead::Write(_) | Ahead::Fails(_) | Ahead::Waits(_) => None,
        })
    }
}

impl Walk<'_> {
    async fn go(&mut self) -> Result<(), StoreError> {
        let now = self.engine.now();
        // As the engine does that takes it up.
        for entry in self.run.interrupted().into_iter().map(|unit| stopped(self.run.unit_id(unit))).collect::<Vec<_>>()
        {
            self.run.take(now, &entry);
        }
        loop {
            let next = self
                .run
                .commands(now)
                .into_iter()
                .find(|command| unit_of(command).is_none_or(|unit| !self.seen.contains(&unit)));
            match next {
                Some(Command::Start { unit }) => self.start(unit, now).await?,
                Some(Command::Call { unit, .. }) => {
                    self.seen.insert(unit);
                    match self.run.call(unit).map(|call| value_of(&self.engine.rules, &self.run, unit, &call.with)) {
                        Some(Ok(input)) => self.call(unit, &input, now).await,
                        Some(Err(failure)) => self.note(unit, Ahead::Fails(failure)),
                        None => {}
                    }
                }
                Some(Command::LookUp { unit, .. }) => self.waits(unit, "it may have arrived, and is looked up first"),
                Some(Command::Hold { unit, .. } | Command::Probe { unit, arm: Some(_), .. }) => {
                    self.waits(unit, "it is held");
                }
                Some(Command::Probe { unit, .. } | Command::Timer { unit, .. }) => {
                    let why = if matches!(self.run.step(unit).work, Work::Approve(_)) {
                        "a person's answer"
                    } else {
                        "what comes"
                    };
                    self.waits(unit, &format!("it waits for {why}"));
                }
                Some(Command::Journal(entry)) => {
                    let ended = matches!(entry, Entry::DeadLettered { .. });
                    self.run.take(now, &entry);
                    if ended {
                        break;
                    }
                }
                Some(Command::Finish) | None => break,
            }
        }
        for unit in self.run.units().collect::<Vec<_>>() {
            if let Status::Parked { reason } = self.run.status(unit).clone()
                && !self.seen.contains(&unit)
            {
                self.waits(unit, &format!("a person decides: {reason}"));
            }
        }
        self.rest();
        Ok(())
    }

    /// Evaluates a step as far as it is pure.
    async fn start(&mut self, unit: UnitIndex, now: Timestamp) -> Result<(), StoreError> {
        match start(&self.engine.rules, &self.run, unit) {
            Started::Entry(entry) => {
                if let Entry::Failed { failure, .. } = &entry {
                    self.note(unit, Ahead::Fails(failure.clone()));
                }
                self.run.take(now, &entry);
            }
            // Nobody is told of what only might happen.
            Started::Tell(_, output) => {
                let step = self.run.unit_id(unit);
                self.run.take(now, &Entry::Evaluated { step, output });
            }
            Started::Call(input) => {
                self.seen.insert(unit);
                self.call(unit, &input, now).await;
            }
            Started::Read(wanted) => {
                let (project, step) = (&self.project.name, self.run.unit_id(unit));
                let entry = referenced(self.known, project, step, wanted).await?;
                self.run.take(now, &entry);
            }
            Started::Link(_) => self.waits(unit, "it records a pair of a cross-reference"),
            Started::Begin(pipeline, _) => self.waits(unit, &format!("it begins a run of `{pipeline}`")),
            Started::Emit(event, key, _) => self.waits(unit, &format!("it emits `{event}` with the key `{key}`")),
        }
        Ok(())
    }

    async fn call(&mut self, unit: UnitIndex, input: &Value, now: Timestamp) {
        match self.tried(unit, input, now).await {
            Ok(()) => {}
            Err(failure) => {
                let step = self.run.unit_id(unit);
                self.note(unit, Ahead::Fails(failure.clone()));
                self.run.take(now, &Entry::Failed { step, failure });
            }
        }
    }

    /// Reads, or renders a write.
    async fn tried(&mut self, unit: UnitIndex, input: &Value, now: Timestamp) -> Result<(), Failure> {
        let bug = || Failure::new(ErrorClass::Bug, "only a call is sent");
        let call = self.run.call(unit).ok_or_else(bug)?;
        let (effect, action) = (call.effect.clone(), call.action.clone());
        let missing = || Failure::new(ErrorClass::Config, format!("there is no connection `{}`", call.connection));
        let connection = Arc::clone(self.project.connections.get(&call.connection).ok_or_else(missing)?);
        let wanted = wanted(&self.engine.rules, &self.run, unit, input)?;
        let input = match look_up_of(call) {
            Some(look_up) => once::generated(look_up, input, wanted.generation)?,
            None => input.clone(),
        };
        let prepared = connection.prepare(&action, &input)?.with_key(&wanted.key);
        if !effect.is_write() {
            return self.read(unit, (&connection, &action, &prepared), (&wanted.key, &wanted.digest), now).await;
        }
        let circumstances =
            Circumstances { now, is_replayed: self.run.is_replayed(), doubted_since: self.doubted_since };
        let named = (&wanted.key, &wanted.digest, connection.identity());
        let (fate, output, why) = fate(&self.run, (unit, &effect), named, circumstances);
        let request = connection.rendered(&ferry_contract::port::FreePass, &action, &prepared).await?;
        let money = connection.money(&action, &prepared);
        let write =
            WriteAhead { key: wanted.key, fate, why, refused: None, request, money, connection, action, prepared };
        self.note(unit, Ahead::Write(Box::new(write)));
        if let Some(output) = output {
            let step = self.run.unit_id(unit);
            self.run.take(now, &Entry::Answered { step, output });
        }
        Ok(())
    }

    /// A read through the gate, once: what does not answer now may do so when the run is made.
    async fn read(
        &mut self,
        unit: UnitIndex,
        (connection, action, prepared): (&Arc<Connection>, &str, &Prepared),
        (key, digest): (&CallKey, &Digest),
        now: Timestamp,
    ) -> Result<(), Failure> {
        let hosts = connection.hosts_of(action);
        let pipeline = self.run.plan().pipeline.clone();
        let ask = Ask { pipeline: &pipeline, hosts: &hosts, is_write: false, seed: self.run.event_key() };
        let closed = |until| Failure::new(ErrorClass::Unavailable, format!("it takes no call before {until}"));
        let pass = self.engine.gates.of(connection).admit(ask).await.map_err(closed)?;
        let none = || Err(Failure::new(ErrorClass::Bug, "a call without a result"));
        let answer = connection.send(&pass, action, &[prepared]).await.pop().unwrap_or_else(none);
        let (step, attempt) = (self.run.unit_id(unit), self.run.attempt(unit));
        let (key, digest, target) = (key.clone(), digest.clone(), connection.identity().clone());
        self.run.take(now, &Entry::Called { step: step.clone(), attempt, key, digest, target, is_probe: false });
        let output = answer?;
        self.run.take(now, &Entry::Answered { step, output });
        Ok(())
    }

    fn waits(&mut self, unit: UnitIndex, why: &str) {
        self.seen.insert(unit);
        self.note(unit, Ahead::Waits(why.to_owned()));
    }

    fn note(&mut self, unit: UnitIndex, ahead: Ahead) {
        let call = self.run.call(unit).map(|call| format!("{}.{}", call.connection, call.action)).unwrap_or_default();
        self.found.steps.push(StepAhead { step: self.run.unit_id(unit), call, ahead });
    }

    /// The steps that are still to come; none where the run ends with what failed.
    fn rest(&mut self) {
        let goes_on =
            |arm: &Arm| matches!(arm.reaction, Reaction::Do { then: Then::Continue, .. } | Reaction::Hold { .. });
        let ends = |unit: UnitIndex| {
            let step = self.run.step(unit);
            let has_failed = matches!(self.run.status(unit), Status::Failed | Status::Recovering { .. });
            has_failed && step.home.is_none() && !step.arms.iter().any(goes_on)
        };
        if self.run.units().any(ends) {
            return;
        }
        let open = |unit: &UnitIndex| {
            let is_open = matches!(self.run.status(*unit), Status::Blocked | Status::Ready);
            is_open && !self.seen.contains(unit) && self.run.step(*unit).home.is_none() && !self.run.is_item(*unit)
        };
        self.found.then = self.run.units().filter(open).map(|unit| self.run.unit_id(unit)).collect();
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
