//! The values of a run: pure, on a copy of what the run shows.

use std::collections::BTreeSet;

use ferry_contract::{
    expression::{Expression, Scope},
    failure::{ErrorClass, Failure},
    script::{Rules, Script},
    template::Escape,
};
use ferry_core::{
    eval::operators::xref,
    limits::{EACH_ITEMS_MAX, XREF_READS_MAX},
    plan::{Approve, Correlation, Each, Wait, Work, reconcile::Feed},
    run::{Entry, Item, On, Reader, Run, UnitIndex, Wanted},
};
use serde_json::Value;

use super::{Engine, bound, reconcile::Sources, xref::Linking};

/// What starting a unit gives.
pub(super) enum Started {
    /// It is settled by this entry.
    Entry(Entry),
    /// It calls with this input.
    Call(Value),
    /// It begins a run of that pipeline with these inputs.
    Begin(String, Value),
    /// It emits an event of that name, with that key and content.
    Emit(String, String, Value),
    /// Its values see these pairs of cross-references, by table and key, which must be read first.
    Read(Vec<(String, String)>),
    /// It records a pair of a cross-reference.
    Link(Linking),
    /// It matches the rows of these sources.
    Reconcile(Sources),
    /// It tells the persons behind that alert channel.
    Tell(String, Value),
}

/// Evaluates a unit's condition, and the unit as far as it is pure.
pub(super) fn start(rules: &Rules, run: &Run, unit: UnitIndex) -> Started {
    let reader = run.reader(unit);
    let started = seen_by(rules, run, (unit, &reader), |scope| {
        let step = run.step(unit);
        match step.when.as_ref().filter(|_| !run.is_item(unit)).map(|when| when.test(scope.rules, scope.names)) {
            Some(Ok(false)) => return Ok(Started::Entry(Entry::Skipped { step: run.unit_id(unit) })),
            Some(Err(error)) => return Err(Failure::new(ErrorClass::Invalid, format!("`when`: {error}"))),
            Some(Ok(true)) | None => {}
        }
        match step.each.as_ref().filter(|_| run.spreads(unit)) {
            Some(each) => spread(run, (unit, &reader), each, scope).map(Started::Entry),
            None => work(run, unit, scope),
        }
    });
    read_first(run, unit, &reader, started)
}

/// Evaluates the input of a unit's call again.
pub(super) fn again(rules: &Rules, run: &Run, unit: UnitIndex) -> Started {
    let reader = run.reader(unit);
    let bug = || Failure::new(ErrorClass::Bug, "only a call is sent");
    let call = run.call(unit).ok_or_else(bug);
    let input = call.and_then(|call| seen_by(rules, run, (unit, &reader), |scope| value(&call.with, scope)));
    read_first(run, unit, &reader, input.map(Started::Call))
}

/// What an evaluation gives counts only where it has seen all that it wanted to.
fn read_first(run: &Run, unit: UnitIndex, reader: &Reader<'_>, started: Result<Started, Failure>) -> Started {
    let wanted = reader.wanted();
    let failed = |failure| Started::Entry(Entry::Failed { step: run.unit_id(unit), failure });
    if wanted.is_empty() {
        return started.unwrap_or_else(|failure| failed(reader.classed(failure)));
    }
    if reader.count() > XREF_READS_MAX {
        let count = reader.count();
        let message = format!("the step reads {count} pairs of cross-references, and {XREF_READS_MAX} are the most");
        return failed(Failure::new(ErrorClass::Invalid, message));
    }
    Started::Read(wanted)
}

/// A value as a unit sees it.
pub(super) fn value_of(rules: &Rules, run: &Run, unit: UnitIndex, expression: &Expression) -> Result<Value, Failure> {
    seen_by(rules, run, (unit, &run.reader(unit)), |scope| value(expression, scope))
}

impl Engine {
    /// Evaluates a unit's condition, and the unit as far as it is pure.
    pub(super) fn start_unit(&self, run: &Run, unit: UnitIndex) -> Started {
        start(&self.rules, run, unit)
    }

    /// What a finished run gives, or the dead letter that it ends as where that cannot be made.
    pub(super) fn finish(&self, run: &Run) -> Entry {
        let Some(output) = &run.plan().output else { return Entry::Finished { output: Value::Null } };
        match value(output, run.whole().scope(&self.rules)) {
            Ok(output) => Entry::Finished { output },
            Err(failure) => Entry::DeadLettered { step: "output".to_owned(), failure },
        }
    }

    /// A value as a unit sees it.
    pub(super) fn value_of(&self, run: &Run, unit: UnitIndex, expression: &Expression) -> Result<Value, Failure> {
        value_of(&self.rules, run, unit, expression)
    }

    /// The condition of a question about its answer; `what` is what a hold waits for.
    pub(super) fn holds(
        &self,
        run: &Run,
        (unit, until): (UnitIndex, &Script),
        result: &Value,
        what: Option<&Value>,
    ) -> Result<bool, Failure> {
        let reserved = what.map(|what| what.get("amount").unwrap_or(what).clone());
        let document = run.document(unit, None).with_result(result, reserved.as_ref());
        let scope = document.scope(&self.rules);
        until.test(scope.rules, scope.names).map_err(|error| invalid(&error))
    }
}

fn seen_by<T>(
    rules: &Rules,
    run: &Run,
    (unit, reader): (UnitIndex, &Reader<'_>),
    look: impl FnOnce(Scope<'_>) -> T,
) -> T {
    let error = run.error_of(unit);
    let document = run.document(unit, error.as_ref()).with_pairs(reader);
    look(document.scope(rules))
}

fn spread(
    run: &Run,
    (unit, reader): (UnitIndex, &Reader<'_>),
    each: &Each,
    scope: Scope<'_>,
) -> Result<Entry, Failure> {
    let Value::Array(values) = value(&each.items, scope)? else {
        return Err(Failure::new(ErrorClass::Invalid, "`each` needs a list"));
    };
    if values.len() > EACH_ITEMS_MAX {
        let message = format!("the list has {} items, and {EACH_ITEMS_MAX} are the most", values.len());
        return Err(Failure::new(ErrorClass::Invalid, message));
    }
    let mut seen = BTreeSet::new();
    let mut items = Vec::new();
    for item in values {
        let key = {
            let document = run.document(unit, None).with_pairs(reader).with_item(&each.name, &item);
            text(&value(&each.key, document.scope(scope.rules))?, "`key` of `each`")?
        };
        if !seen.insert(key.clone()) {
            let message = format!("two items of the list have the key `{key}`");
            return Err(Failure::new(ErrorClass::Invalid, message));
        }
        items.push(Item { key, value: item });
    }
    Ok(Entry::Spread { step: run.unit_id(unit), items })
}

fn work(run: &Run, unit: UnitIndex, scope: Scope<'_>) -> Result<Started, Failure> {
    let step = || run.unit_id(unit);
    let evaluated = |output| Started::Entry(Entry::Evaluated { step: step(), output });
    if let Some(call) = run.call(unit) {
        return value(&call.with, scope).map(Started::Call);
    }
    match &run.step(unit).work {
        Work::Call(call) => value(&call.with, scope).map(Started::Call),
        Work::Map(map) => value(map, scope).map(evaluated),
        Work::Script(script) => {
            let output = script.run(scope.rules, scope.names).map_err(|error| invalid(&error));
            output.and_then(bound::value).map(evaluated)
        }
        Work::Check(rules) => {
            rules.iter().try_for_each(|rule| rule.check(scope))?;
            Ok(evaluated(Value::Bool(true)))
        }
        Work::Wait(wait) => {
            let on = on(wait, scope)?;
            let came = if let On::Event(wanted) = &on { run.came(unit, wanted) } else { None };
            let output = came.cloned();
            Ok(Started::Entry(match output {
                Some(output) => Entry::Arrived { step: step(), output },
                None => Entry::Waiting { step: step(), on },
            }))
        }
        Work::Approve(approve) => Ok(Started::Entry(Entry::Waiting { step: step(), on: approval(approve, scope)? })),
        Work::Pipeline { name, with } => Ok(Started::Begin(name.clone(), value(with, scope)?)),
        Work::Alert { to, say } => {
            let text = say.render(scope.document, &|_| None, Escape::None);
            text.map(|text| Started::Tell(to.clone(), Value::from(text))).map_err(|error| invalid(&error))
        }
        Work::Link { table, key, to, replace } => {
            let (key, to) = (side(key, "`key` of `link`", scope)?, side(to, "`to` of `link`", scope)?);
            Ok(Started::Link(Linking { table: table.clone(), key, to, replace: *replace }))
        }
        Work::Reconcile(reconcile) => {
            let source = |feed: &Feed| value(feed.source(), scope);
            let (left, right) = (source(&reconcile.left)?, source(&reconcile.right)?);
            let settlement = reconcile.settlement.as_ref().map(source).transpose()?;
            Ok(Started::Reconcile(Sources { left, right, settlement }))
        }
        Work::Emit { event, key, data } => {
            let key = text(&value(key, scope)?, "`key` of `emit`")?;
            let data = value(data, scope)?;
            Ok(Started::Emit(event.clone(), key, data))
        }
    }
}

fn on(wait: &Wait, scope: Scope<'_>) -> Result<On, Failure> {
    Ok(match wait {
        Wait::For(_) => On::Time,
        Wait::Poll { wake, .. } => On::Answer { wake: wake.as_ref().map(|wake| wanted(wake, scope)).transpose()? },
        Wait::Event { event, .. } => On::Event(wanted(event, scope)?),
    })
}

fn wanted(correlation: &Correlation, scope: Scope<'_>) -> Result<Wanted, Failure> {
    let value = text(&value(&correlation.ours, scope)?, "the value that an event must match")?;
    Ok(Wanted { event: correlation.event.clone(), path: correlation.theirs.text().to_owned(), value })
}

/// Whoever made it must be known, or nobody could say that another person looked at it; unless the pipeline says that
/// nobody may have made it.
fn approval(approve: &Approve, scope: Scope<'_>) -> Result<On, Failure> {
    let maker = approve.maker.as_ref().map(|maker| value(maker, scope)).transpose()?;
    let maker = maker.filter(|maker| !(approve.may_lack_maker && maker.is_null()));
    let what = "`not` of `approve`, which may have `default: null`,";
    let maker = maker.map(|maker| text(&maker, what)).transpose()?;
    Ok(On::Approval { by: approve.by.clone(), maker, show: value(&approve.show, scope)? })
}

/// One side of a pair.
fn side(expression: &Expression, what: &str, scope: Scope<'_>) -> Result<String, Failure> {
    xref::side(&value(expression, scope)?, what).map_err(|error| invalid(&error))
}

/// A name, from a text or a number.
fn text(value: &Value, what: &str) -> Result<String, Failure> {
    match value {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Err(Failure::new(ErrorClass::Invalid, format!("{what} must be a text or a number, and is {value}")))
        }
    }
}

fn value(expression: &Expression, scope: Scope<'_>) -> Result<Value, Failure> {
    expression.eval(scope).map_err(|error| invalid(&error)).and_then(bound::value)
}

fn invalid(error: &impl std::fmt::Display) -> Failure {
    Failure::new(ErrorClass::Invalid, error.to_string())
}
