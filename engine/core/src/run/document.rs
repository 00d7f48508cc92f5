//! What the values of a step see: event, vars, finished steps, and in an arm the error.

use ferry_contract::{
    expression::Scope,
    path::{self, Roots},
    script::Rules,
};
use serde_json::Value;

use super::Run;
use crate::plan::StepIndex;

/// The run document, as one step sees it.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    run: &'a Run,
    error: Option<&'a Value>,
    result: Option<&'a Value>,
    reserved: Option<&'a Value>,
}

impl Run {
    /// What a step sees; the error's value comes from [`Run::error_of`].
    pub fn document<'a>(&'a self, error: Option<&'a Value>) -> Document<'a> {
        Document { run: self, error, result: None, reserved: None }
    }

    /// What `$.error` is for a step of an arm.
    pub fn error_of(&self, step: StepIndex) -> Option<Value> {
        let (home, _) = self.plan.steps[step].home?;
        self.steps[home].failure.as_ref().map(ferry_contract::failure::Failure::as_value)
    }
}

impl<'a> Document<'a> {
    /// The same with the answer of a question, and what a hold reserves.
    #[must_use]
    pub fn with_result(self, result: &'a Value, reserved: Option<&'a Value>) -> Self {
        Self { result: Some(result), reserved, ..self }
    }

    /// The scope of an evaluation.
    pub fn scope(&'a self, rules: &'a Rules) -> Scope<'a> {
        Scope { rules, document: path::Document::Roots(self), names: self }
    }
}

impl Roots for Document<'_> {
    fn root(&self, name: &str) -> Option<&Value> {
        match name {
            "event" => Some(&self.run.event),
            "vars" => Some(&self.run.plan.vars),
            "error" => self.error,
            "result" => self.result,
            "reserved" => self.reserved,
            step => self.run.output(*self.run.plan.index.get(step)?),
        }
    }
}
