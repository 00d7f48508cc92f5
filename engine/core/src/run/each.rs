//! Steps that are done for each item: an item is a unit of its own, named `step[key]`.

use std::{collections::HashMap, sync::Arc};

use ferry_contract::failure::{ErrorClass, Failure};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Item, Run, Status, Unit, UnitIndex};
use crate::plan::StepIndex;

/// The name of a step for one item.
pub(super) fn item_id(step: &str, key: &str) -> String {
    format!("{step}[{key}]")
}

impl Run {
    /// One unit for each item, and one for each step of its arms.
    pub(super) fn spread(&mut self, at: Timestamp, step: StepIndex, items: &[Item]) {
        self.units[step].status = Status::Spread;
        let family = self.family(step);
        let first = self.units.len();
        for item in items {
            let item = Arc::new(item.clone());
            for member in &family {
                let status = if *member == step { Status::Ready } else { Status::Dormant };
                let mut unit = Unit::new(*member, Some(Arc::clone(&item)), status);
                unit.began = Some(at);
                self.names.insert(item_id(&self.plan.steps[*member].id, &item.key), self.units.len());
                self.units.push(unit);
            }
        }
        for unit in first..self.units.len() {
            if self.units[unit].step == step {
                self.units[unit].status = self.enter(unit);
            }
        }
    }

    /// The step itself, and the steps of its arms.
    fn family(&self, step: StepIndex) -> Vec<StepIndex> {
        let steps = &self.plan.steps;
        let belongs = |member: &StepIndex| {
            let homes = std::iter::successors(Some(*member), |index| steps[*index].home.map(|(home, _)| home));
            homes.into_iter().any(|home| home == step)
        };
        (0..steps.len()).filter(belongs).collect()
    }

    /// The units of a spread step that stand for one item each.
    pub(super) fn items_of(&self, step: StepIndex) -> impl Iterator<Item = (UnitIndex, &Unit)> {
        let items = self.units.iter().enumerate().skip(self.plan.steps.len());
        items.filter(move |(_, unit)| unit.step == step)
    }

    /// What a spread step has come to: nothing while an item is at work.
    pub(super) fn gathered(&self, step: StepIndex) -> Option<Result<Value, Failure>> {
        let items: Vec<&Unit> = self.items_of(step).map(|(_, unit)| unit).collect();
        if !items.iter().all(|unit| unit.is_over()) {
            return None;
        }
        let collects = self.plan.steps[step].each.as_ref().is_some_and(|each| each.collects);
        let failed: Vec<&&Unit> = items.iter().filter(|unit| unit.status == Status::Failed).collect();
        match failed.first() {
            Some(first) if !collects => Some(Err(together(first, failed.len(), items.len()))),
            Some(_) | None => Some(Ok(items.into_iter().map(outcome).collect())),
        }
    }

    /// How many more items of each spread step may be at work; those that are ready take these places in their order.
    pub(super) fn places(&self) -> HashMap<StepIndex, usize> {
        let mut places = HashMap::new();
        for unit in self.units.iter().skip(self.plan.steps.len()) {
            let Some(each) = self.plan.steps[unit.step].each.as_ref() else { continue };
            let left: &mut usize = places.entry(unit.step).or_insert(each.concurrency);
            *left = left.saturating_sub(usize::from(unit.is_active() && unit.status != Status::Ready));
        }
        places
    }
}

/// One item in the output of its step.
fn outcome(unit: &Unit) -> Value {
    let key = unit.item.as_ref().map_or("", |item| item.key.as_str());
    let output = unit.output.clone().unwrap_or(Value::Null);
    match &unit.failure {
        Some(failure) if unit.status == Status::Failed => {
            json!({ "key": key, "ok": false, "error": failure.as_value() })
        }
        Some(_) | None => json!({ "key": key, "ok": true, "output": output }),
    }
}

/// The failure of a step of whose items some have failed.
fn together(first: &Unit, failed: usize, all: usize) -> Failure {
    let key = first.item.as_ref().map_or("", |item| item.key.as_str());
    let unexplained = || Failure::new(ErrorClass::Bug, "it failed without a reason");
    let failure = first.failure.clone().unwrap_or_else(unexplained);
    let message = format!("{failed} of {all} items failed, first `{key}`: {}", failure.message);
    Failure { message, ..failure }
}
