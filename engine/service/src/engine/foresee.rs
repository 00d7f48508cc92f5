//! What a replay would do with each write, without doing it: the fold, the evaluation and `once` are asked, as
//! the engine asks them, on a copy of the run.
//!
//! What comes after a read is not known before it runs: a replay reads anew.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{
    catalog::Effect,
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
    money::Money,
    script::Rules,
};
use ferry_core::{
    once::{self, Before, Circumstances, Outcome, Promise},
    plan::{Call, Plan, Step},
    run::{Command, Entry, Run, Status, UnitIndex},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    calling::wanted,
    evaluate::{Started, start, value_of},
};

/// What would become of a write.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It would be sent.
    Send,
    /// It was done: it is skipped by its key.
    Done,
    /// It may have arrived: the target is asked first.
    LookUp,
    /// It may have arrived, and nothing can tell: a person decides.
    Park,
    /// It was done, or may have been, with another content.
    Refused,
    /// The step fails again before anything is sent.
    Fails,
}

/// One step of a replay.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Foreseen {
    /// The step, with the item's key.
    pub step: String,
    /// Its connection and action; nothing where it calls none.
    pub call: String,
    /// What would become of it.
    pub fate: Fate,
    /// The money in its input, such as `50.00 EUR`.
    pub money: Option<String>,
    /// The same, to add up.
    #[serde(skip)]
    pub amount: Option<Money>,
    /// Whether its input is known before it runs.
    pub is_known: bool,
    /// Why it is refused, or fails.
    pub why: Option<String>,
}

impl Fate {
    /// All fates, in the order in which they are told.
    pub const ALL: [Self; 6] = [Self::Send, Self::Done, Self::LookUp, Self::Park, Self::Refused, Self::Fails];

    /// In words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Send => "would send",
            Self::Done => "done: skipped by key",
            Self::LookUp => "unknown: looked up first",
            Self::Park => "unknown: a person decides",
            Self::Refused => "would be refused",
            Self::Fails => "would fail again",
        }
    }
}

/// What would come of this entry, which begins a run again.
pub fn foresee(
    rules: &Rules,
    run: &Run,
    journal: &[(Timestamp, Entry)],
    (now, again): (Timestamp, &Entry),
) -> Vec<Foreseen> {
    let mut ahead =
        Ahead { rules, run: run.clone(), now, seen: BTreeSet::new(), unread: BTreeSet::new(), found: Vec::new() };
    ahead.run.take(now, again);
    ahead.kept();
    while let Some(unit) = ahead.next() {
        ahead.seen.insert(unit);
        if let Some(entry) = ahead.step(unit) {
            ahead.run.take(now, &entry);
        }
    }
    ahead.rest(&calls(journal));
    let order = |foreseen: &Foreseen| ahead.run.unit_named(base(&foreseen.step));
    let mut found = std::mem::take(&mut ahead.found);
    found.sort_by_key(order);
    found
}

/// The writes of a run that are done.
pub fn done(rules: &Rules, run: &Run, now: Timestamp) -> Vec<Foreseen> {
    let mut ahead =
        Ahead { rules, run: run.clone(), now, seen: BTreeSet::new(), unread: BTreeSet::new(), found: Vec::new() };
    ahead.kept();
    ahead.found
}

/// The step that made a call which may have been done, and which this plan does not make under that name: old
/// runs are not replayed on it.
pub fn renamed(
    rules: &Rules,
    old: &Run,
    plan: &std::sync::Arc<Plan>,
    journal: &[(Timestamp, Entry)],
) -> Option<String> {
    let mut new = Run::new(std::sync::Arc::clone(plan), old.event_key(), old.guards());
    for (at, entry) in journal {
        new.take(*at, entry);
    }
    let changed = |(step, key): &(String, CallKey)| match old.memory(key).map(|memory| &memory.outcome) {
        // What the target has proven not to have done may have any name.
        None | Some(Outcome::NotDone { .. }) => false,
        Some(Outcome::Done(_) | Outcome::Void) => !makes(rules, &new, (step, key), None),
        // It was sent under another promise, which says nothing of what a repeat would do now.
        Some(Outcome::Unknown { .. }) => !makes(rules, &new, (step, key), Some(old)),
    };
    calls(journal).into_iter().find(changed).map(|(step, _)| step)
}

/// Whether a step may make a call of that name, and with the same promise as another run.
fn makes(rules: &Rules, run: &Run, (step, key): (&str, &CallKey), like: Option<&Run>) -> bool {
    let Some(unit) = run.unit_named(step) else { return false };
    run.step(unit).calls().filter(|call| call.effect.is_write()).any(|call| {
        let fact = call.once_per.as_ref().map(|fact| value_of(rules, run, unit, fact));
        let fact = match fact {
            None => run.event_key().to_owned(),
            Some(Ok(Value::String(fact))) => fact,
            Some(Ok(Value::Number(fact))) => fact.to_string(),
            Some(_) => return false,
        };
        let named = once::Named { connection: &call.connection, action: &call.action, fact: &fact, step };
        once::is_name_of(named, &call.effect, key) && like.is_none_or(|like| is_promised_so(like.plan(), call))
    })
}

/// Whether a plan makes that call, with the same promise.
fn is_promised_so(plan: &Plan, call: &Call) -> bool {
    let mut calls = plan.steps.iter().flat_map(Step::calls);
    let same = calls.find(|other| (&other.connection, &other.action) == (&call.connection, &call.action));
    same.is_some_and(|same| Promise::of(&same.effect) == Promise::of(&call.effect))
}

/// The calls of a journal, by step, in order.
fn calls(journal: &[(Timestamp, Entry)]) -> Vec<(String, CallKey)> {
    let call = |(_, entry): &(Timestamp, Entry)| match entry {
        Entry::Called { step, key, .. } => Some((step.clone(), key.clone())),
        _ => None,
    };
    journal.iter().filter_map(call).collect()
}

struct Ahead<'a> {
    rules: &'a Rules,
    run: Run,
    now: Timestamp,
    seen: BTreeSet<UnitIndex>,
    /// Units whose input is not known, because it sees cross-references.
    unread: BTreeSet<UnitIndex>,
    found: Vec<Foreseen>,
}

impl Ahead<'_> {
    /// Writes of steps that are done, and stay so.
    fn kept(&mut self) {
        for unit in self.run.units() {
            let is_write = self.run.call(unit).is_some_and(|call| call.effect.is_write());
            if is_write && *self.run.status(unit) == Status::Done {
                let input = self.run.call(unit).map(|call| value_of(self.rules, &self.run, unit, &call.with));
                self.note(unit, Fate::Done, input.and_then(Result::ok).as_ref(), None);
                self.seen.insert(unit);
            }
        }
    }

    fn next(&self) -> Option<UnitIndex> {
        let commands = self.run.commands(self.now);
        let mut starts = commands.into_iter().filter_map(|command| match command {
            Command::Start { unit } => Some(unit),
            _ => None,
        });
        starts.find(|unit| !self.seen.contains(unit))
    }

    /// What a step gives, as far as that is known without asking anyone.
    fn step(&mut self, unit: UnitIndex) -> Option<Entry> {
        match start(self.rules, &self.run, unit) {
            Started::Entry(entry) => {
                if let Entry::Failed { failure, .. } = &entry {
                    self.note(unit, Fate::Fails, None, Some(failure.to_string()));
                }
                Some(entry)
            }
            Started::Call(input) => self.call(unit, &input),
            // Nobody is told of what only might happen.
            Started::Tell(_, output) => Some(Entry::Evaluated { step: self.run.unit_id(unit), output }),
            Started::Read(_) => {
                self.unread.insert(unit);
                None
            }
            Started::Begin(..) | Started::Emit(..) | Started::Link(_) => None,
        }
    }

    fn call(&mut self, unit: UnitIndex, input: &Value) -> Option<Entry> {
        let is_write = self.run.call(unit).is_some_and(|call| call.effect.is_write());
        let wanted = match wanted(self.rules, &self.run, unit, input) {
            Ok(wanted) => wanted,
            Err(failure) => {
                self.note(unit, Fate::Fails, Some(input), Some(failure.to_string()));
                return None;
            }
        };
        if !is_write {
            return None;
        }
        let (fate, output, why) = self.fate(unit, &wanted.key, &wanted.digest);
        self.note(unit, fate, Some(input), why);
        output.map(|output| Entry::Answered { step: self.run.unit_id(unit), output })
    }

    /// What `once` says of a call; its connection is taken to lead where it led.
    fn fate(&self, unit: UnitIndex, key: &CallKey, digest: &Digest) -> (Fate, Option<Value>, Option<String>) {
        let memory = self.run.memory(key);
        let Some(call) = self.run.call(unit) else { return (Fate::Send, None, None) };
        let target = memory.map_or_else(|| digest.clone(), |memory| memory.target.clone());
        // What is thought of the store is for the engine to say, which asks before each first call.
        let (now, is_replayed, doubted_since) = (self.now, self.run.is_replayed(), None);
        let circumstances = Circumstances { now, is_replayed, doubted_since };
        fate(&self.run, (unit, &call.effect), (key, digest, &target), circumstances)
    }

    /// Writes whose input is not known yet; what was called before is known by its key.
    fn rest(&mut self, calls: &[(String, CallKey)]) {
        let called: BTreeMap<&str, &CallKey> = calls.iter().map(|(step, key)| (step.as_str(), key)).collect();
        for unit in self.run.units() {
            let is_met = self.seen.contains(&unit) && !self.unread.contains(&unit);
            let open = matches!(self.run.status(unit), Status::Blocked | Status::Ready) && !is_met;
            let is_write = self.run.call(unit).is_some_and(|call| call.effect.is_write());
            if !open || !is_write {
                continue;
            }
            let id = self.run.unit_id(unit);
            let items = called.iter().filter(|(step, _)| base(step) == id);
            let fates: Vec<(String, Fate)> = items
                .filter_map(|(step, key)| {
                    let digest = self.run.memory(key)?.digest.clone();
                    Some(((*step).to_owned(), self.fate(unit, key, &digest).0))
                })
                .collect();
            if fates.is_empty() {
                self.note(unit, Fate::Send, None, None);
            }
            for (step, fate) in fates {
                self.note(unit, fate, None, None);
                if let Some(last) = self.found.last_mut() {
                    last.step = step;
                }
            }
        }
    }

    fn note(&mut self, unit: UnitIndex, fate: Fate, input: Option<&Value>, why: Option<String>) {
        let call = self.run.call(unit).map(|call| format!("{}.{}", call.connection, call.action));
        let amount = input.and_then(money_in);
        let money = amount.map(|amount| amount.to_string());
        let (step, call) = (self.run.unit_id(unit), call.unwrap_or_default());
        let is_known = input.is_some() || !matches!(fate, Fate::Send | Fate::LookUp | Fate::Park);
        self.found.push(Foreseen { step, call, fate, money, amount, is_known, why });
    }
}

/// What `once` says of a call that a unit is about to make, with the output of one that was made.
pub(super) fn fate(
    run: &Run,
    (unit, effect): (UnitIndex, &Effect),
    (key, digest, target): (&CallKey, &Digest, &Digest),
    circumstances: Circumstances,
) -> (Fate, Option<Value>, Option<String>) {
    let memory = run.memory(key);
    match once::before_call(run.guards(), effect, memory, (digest, target), circumstances) {
        Before::Send => (Fate::Send, None, None),
        Before::Adopt(output) => (Fate::Done, Some(output), None),
        Before::Confirm => match memory.map(|memory| &memory.outcome) {
            Some(Outcome::Done(output)) => (Fate::Done, Some(output.clone()), None),
            _ => (Fate::LookUp, None, None),
        },
        Before::Doubt => (doubt(run, unit, (key, digest, target), circumstances.now), None, None),
        Before::Refuse(why) => (Fate::Refused, None, Some(why)),
        Before::Wait => (Fate::Park, None, None),
    }
}

/// What follows an unknown outcome: the fold says it, as it would to the engine.
fn doubt(run: &Run, unit: UnitIndex, (key, digest, target): (&CallKey, &Digest, &Digest), now: Timestamp) -> Fate {
    let mut run = run.clone();
    let (step, key, digest, target) = (run.unit_id(unit), key.clone(), digest.clone(), target.clone());
    let called = Entry::Called { step: step.clone(), attempt: 1, key, digest, target, is_probe: false };
    run.take(now, &called);
    run.take(now, &Entry::Failed { step, failure: Failure::new(ErrorClass::Unknown, "it may have arrived") });
    match run.status(unit) {
        Status::Unknown { .. } => Fate::LookUp,
        Status::Retrying { .. } => Fate::Send,
        _ => Fate::Park,
    }
}

/// A step's name without the item's key.
fn base(step: &str) -> &str {
    step.split('[').next().unwrap_or(step)
}

/// The money of a call: an amount with its currency, in its input or one level below.
fn money_in(input: &Value) -> Option<Money> {
    let own = |value: &Value| Money::read(value.get("amount")?, value.get("currency")?).ok();
    own(input).or_else(|| input.as_object()?.values().find_map(own))
}
