//! Whether another version of a pipeline still makes the calls that a run has made.

use std::sync::Arc;

use ferry_contract::{key::CallKey, script::Rules};
use ferry_core::{
    once::{self, Outcome, Promise},
    plan::{Call, Plan, Step},
    run::{Entry, On, Run},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{evaluate::value_of, foresee::calls};

/// The step that made a call which may have been done, or began a run, and which this plan does not make under that
/// name: old runs are not replayed on it.
pub fn renamed(rules: &Rules, old: &Run, plan: &Arc<Plan>, journal: &[(Timestamp, Entry)]) -> Option<String> {
    let mut new = Run::new(Arc::clone(plan), old.event_key(), old.guards());
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
    let called = calls(journal).into_iter().find(changed).map(|(step, _)| step);
    called.or_else(|| journal.iter().find_map(|(_, entry)| left(old, &new, entry)).map(str::to_owned))
}

/// The step that began another run, or acted in the place of one that had failed, and that does not do so any more.
fn left<'e>(old: &Run, new: &Run, entry: &'e Entry) -> Option<&'e str> {
    let (step, is_run) = match entry {
        Entry::Waiting { step, on: On::Run { .. } } => (step, true),
        Entry::Emitted { step, .. } | Entry::Arrived { step, .. } | Entry::Approved { step, .. } => (step, false),
        _ => return None,
    };
    let was = old.step(old.unit_named(step)?);
    let home = |run: &Run, step: &Step| step.home.map(|(home, _)| run.plan().steps[home].id.clone());
    let is_same = |now: &Step| {
        std::mem::discriminant(&now.work) == std::mem::discriminant(&was.work) && home(new, now) == home(old, was)
    };
    let is_kept = new.unit_named(step).is_some_and(|unit| is_same(new.step(unit)));
    (!is_kept && (is_run || was.home.is_some())).then_some(step)
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
