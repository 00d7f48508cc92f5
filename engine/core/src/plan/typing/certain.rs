//! Which steps come before one, and what is there when it runs.

use std::collections::BTreeSet;

use ferry_contract::{path::Step as PathStep, script::Script};

use crate::{
    eval::check::{Rule, Test},
    language::Then,
    plan::{Reaction, Step, StepIndex, Timeout, Wait, Work},
};

/// Why a step may have no output although those after it run.
pub(super) fn unsure(step: &Step) -> Option<String> {
    let is_skipped = || format!("`{}` is skipped where its `when` does not hold", step.id);
    step.when.as_ref().map(|_| is_skipped()).or_else(|| goes_on_without(step))
}

/// The same where its condition holds.
fn goes_on_without(step: &Step) -> Option<String> {
    let id = &step.id;
    let goes_on = |timeout: &Timeout| timeout.then == Then::Continue;
    let continues = |reaction: &Reaction| matches!(reaction, Reaction::Do { then: Then::Continue, .. });
    match &step.work {
        Work::Wait(Wait::Poll { timeout, .. } | Wait::Event { timeout, .. }) if goes_on(timeout) => {
            Some(format!("`{id}` goes on without it after its time-out"))
        }
        // An item that is skipped leaves the list.
        _ if step.each.is_none() && step.arms.iter().any(|arm| continues(&arm.reaction)) => {
            Some(format!("`{id}` goes on without it after some errors"))
        }
        _ => None,
    }
}

/// What is there when the condition of a step is looked at: what checks before it have looked at, and what the conditions
/// around its arm show.
pub(super) fn certain_before(steps: &[Step], index: StepIndex) -> BTreeSet<Vec<String>> {
    let mut facts = BTreeSet::new();
    let mut before = BTreeSet::new();
    let homes = std::iter::successors(Some(index), |step| steps[*step].home.map(|(home, _)| home));
    for step in homes {
        collect_before(steps, step, &mut before);
        if let (Some(when), true) = (&steps[step].when, step != index) {
            facts.extend(shown_by(when, steps));
        }
    }
    for step in before {
        let Work::Check(rules) = &steps[step].work else { continue };
        if unsure(&steps[step]).is_none() {
            facts.extend(rules.iter().flat_map(shown));
        }
    }
    facts
}

/// What is there when a step runs: the same, and what its own condition shows.
pub(super) fn certain(steps: &[Step], index: StepIndex) -> BTreeSet<Vec<String>> {
    let mut facts = certain_before(steps, index);
    facts.extend(steps[index].when.iter().flat_map(|when| shown_by(when, steps)));
    facts
}

/// What a condition that holds shows: what it looks at, and the outputs of steps whose conditions hold with it.
fn shown_by(when: &Script, steps: &[Step]) -> Vec<Vec<String>> {
    let mut shown = when.reads().certain.clone();
    shown.extend(ran_with(&when.conjuncts(), steps));
    shown
}

/// The steps that run wherever these parts of a condition hold.
pub(super) fn ran_with(held: &[&str], steps: &[Step]) -> Vec<Vec<String>> {
    let is_held = |when: &Script| when.conjuncts().iter().all(|part| held.contains(part));
    let ran = |step: &&Step| step.when.as_ref().is_some_and(is_held) && goes_on_without(step).is_none();
    steps.iter().filter(ran).map(|step| vec![step.id.clone()]).collect()
}

fn collect_before(steps: &[Step], step: StepIndex, before: &mut BTreeSet<StepIndex>) {
    for need in &steps[step].needs {
        if before.insert(*need) {
            collect_before(steps, *need, before);
        }
    }
}

/// What is there after a rule that holds.
fn shown(rule: &Rule) -> Vec<Vec<String>> {
    match &rule.test {
        Test::Field { field, .. } => {
            let name = |step: &PathStep| match step {
                PathStep::Name(name) => name.clone(),
                PathStep::Index(_) => "[]".to_owned(),
            };
            vec![field.steps().unwrap_or_default().iter().map(name).collect()]
        }
        Test::Rhai(script) => script.reads().certain.clone(),
    }
}

/// The steps so that each comes after those it needs; arms come after their home.
pub(super) fn order(steps: &[Step]) -> Vec<StepIndex> {
    let mut done = Vec::new();
    for step in 0..steps.len() {
        visit(steps, step, &mut done);
    }
    done
}

fn visit(steps: &[Step], step: StepIndex, done: &mut Vec<StepIndex>) {
    if done.contains(&step) {
        return;
    }
    let home = steps[step].home.map(|(home, _)| home);
    for need in steps[step].needs.iter().copied().chain(home) {
        visit(steps, need, done);
    }
    done.push(step);
}
