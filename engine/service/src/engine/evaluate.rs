//! The values of a run: pure, on a copy of what the run shows.

use ferry_contract::{
    expression::{Expression, Scope},
    failure::{ErrorClass, Failure},
    script::Script,
};
use ferry_core::{
    limits::VALUE_MAX_BYTES,
    plan::{StepIndex, Work},
    run::{Entry, Run},
};
use serde_json::Value;

use super::Engine;

/// What starting a step gives.
pub(super) enum Started {
    /// It is settled by this entry.
    Entry(Entry),
    /// It calls with this input.
    Call(Value),
}

impl Engine {
    /// Evaluates a step's condition, and the step as far as it is pure.
    pub(super) fn start_step(&self, run: &Run, step: StepIndex) -> Started {
        let plan = run.plan().clone();
        let written = &plan.steps[step];
        let id = written.id.clone();
        let started = self.seen_by(run, step, |scope| {
            match written.when.as_ref().map(|when| when.test(scope.rules, scope.names)) {
                Some(Ok(false)) => return Ok(Started::Entry(Entry::Skipped { step: id.clone() })),
                Some(Err(error)) => return Err(Failure::new(ErrorClass::Invalid, format!("`when`: {error}"))),
                Some(Ok(true)) | None => {}
            }
            let evaluated = |output: Value| Started::Entry(Entry::Evaluated { step: id.clone(), output });
            match &written.work {
                Work::Call(call) => value(&call.with, scope).map(Started::Call),
                Work::Map(map) => value(map, scope).map(evaluated),
                Work::Script(script) => script
                    .run(scope.rules, scope.names)
                    .map_err(|error| invalid(&error))
                    .and_then(bounded)
                    .map(evaluated),
                Work::Check(rules) => {
                    rules.iter().try_for_each(|rule| rule.check(scope))?;
                    Ok(evaluated(Value::Bool(true)))
                }
                Work::Wait { .. } => Ok(Started::Entry(Entry::Waiting { step: id.clone() })),
            }
        });
        started.unwrap_or_else(|failure| Started::Entry(Entry::Failed { step: id, failure }))
    }

    /// A value as a step sees it.
    pub(super) fn value_of(&self, run: &Run, step: StepIndex, expression: &Expression) -> Result<Value, Failure> {
        self.seen_by(run, step, |scope| value(expression, scope))
    }

    /// The condition of a question about its answer; `what` is what a hold waits for.
    pub(super) fn holds(
        &self,
        run: &Run,
        until: &Script,
        result: &Value,
        what: Option<&Value>,
    ) -> Result<bool, Failure> {
        let reserved = what.map(|what| what.get("amount").unwrap_or(what).clone());
        let document = run.document(None).with_result(result, reserved.as_ref());
        let scope = document.scope(&self.rules);
        until.test(scope.rules, scope.names).map_err(|error| Failure::new(ErrorClass::Invalid, error.to_string()))
    }

    fn seen_by<T>(&self, run: &Run, step: StepIndex, look: impl FnOnce(Scope<'_>) -> T) -> T {
        let error = run.error_of(step);
        let document = run.document(error.as_ref());
        look(document.scope(&self.rules))
    }
}

fn value(expression: &Expression, scope: Scope<'_>) -> Result<Value, Failure> {
    expression.eval(scope).map_err(|error| invalid(&error)).and_then(bounded)
}

fn invalid(error: &impl std::fmt::Display) -> Failure {
    Failure::new(ErrorClass::Invalid, error.to_string())
}

fn bounded(value: Value) -> Result<Value, Failure> {
    let bytes = value.to_string().len();
    if bytes > VALUE_MAX_BYTES {
        return Err(Failure::new(
            ErrorClass::Invalid,
            format!("the value has {bytes} bytes, and {VALUE_MAX_BYTES} are the most"),
        ));
    }
    Ok(value)
}
