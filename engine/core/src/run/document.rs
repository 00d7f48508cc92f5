//! What the values of a step see: event, vars, finished steps, and in an arm the error.

use ferry_contract::{
    expression::Scope,
    pairs::Pairs,
    path::{self, Roots},
    script::Rules,
};
use serde_json::Value;

use super::{Run, UnitIndex};

/// The run document, as one step sees it.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    run: &'a Run,
    unit: Option<UnitIndex>,
    item: Option<(&'a str, &'a Value)>,
    error: Option<&'a Value>,
    result: Option<&'a Value>,
    reserved: Option<&'a Value>,
    pairs: Option<&'a dyn Pairs>,
}

impl Run {
    /// What a unit sees; the error's value comes from [`Run::error_of`].
    pub fn document<'a>(&'a self, unit: UnitIndex, error: Option<&'a Value>) -> Document<'a> {
        let item = self.units[unit].item.as_ref().and_then(|item| Some((self.item_name(unit)?, &item.value)));
        Document { run: self, unit: Some(unit), item, error, result: None, reserved: None, pairs: None }
    }

    /// What the pipeline's output sees.
    pub fn whole(&self) -> Document<'_> {
        Document { run: self, unit: None, item: None, error: None, result: None, reserved: None, pairs: None }
    }

    /// What `$.error` is for a step of an arm.
    pub fn error_of(&self, unit: UnitIndex) -> Option<Value> {
        let (home, _) = self.step(unit).home?;
        let home = self.seen_from(unit, home);
        self.units[home].failure.as_ref().map(ferry_contract::failure::Failure::as_value)
    }

    /// What values call the item of a unit: its step says it, or the step whose arm it belongs to.
    fn item_name(&self, unit: UnitIndex) -> Option<&str> {
        let steps = &self.plan.steps;
        let mut homes =
            std::iter::successors(Some(self.units[unit].step), |step| steps[*step].home.map(|(home, _)| home));
        homes.find_map(|step| steps[step].each.as_ref()).map(|each| each.name.as_str())
    }
}

impl<'a> Document<'a> {
    /// The same with an item that has no unit yet.
    #[must_use]
    pub fn with_item(self, name: &'a str, value: &'a Value) -> Self {
        Self { item: Some((name, value)), ..self }
    }

    /// The same with the answer of a question, and what a hold reserves.
    #[must_use]
    pub fn with_result(self, result: &'a Value, reserved: Option<&'a Value>) -> Self {
        Self { result: Some(result), reserved, ..self }
    }

    /// The same where cross-references may be read.
    #[must_use]
    pub fn with_pairs(self, pairs: &'a dyn Pairs) -> Self {
        Self { pairs: Some(pairs), ..self }
    }

    /// The scope of an evaluation.
    pub fn scope(&'a self, rules: &'a Rules) -> Scope<'a> {
        Scope { rules, document: path::Document::Roots(self), names: self }
    }
}

impl Roots for Document<'_> {
    fn pairs(&self) -> Option<&dyn Pairs> {
        self.pairs
    }

    fn root(&self, name: &str) -> Option<&Value> {
        match name {
            "event" => Some(&self.run.event),
            "vars" => Some(&self.run.plan.vars),
            "error" => self.error,
            "result" => self.result,
            "reserved" => self.reserved,
            name if self.item.is_some_and(|(item, _)| item == name) => self.item.map(|(_, value)| value),
            step => {
                let step = *self.run.plan.index.get(step)?;
                self.run.output(self.unit.map_or(step, |unit| self.run.seen_from(unit, step)))
            }
        }
    }
}
