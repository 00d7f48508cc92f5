//! What each field of a mapping gives for a sample, and what it is made from: for `ferry map`.
//!
//! A field that fails keeps no other from being shown.

use std::cell::{Cell, RefCell};

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Made, Scope},
    path::Path,
    report::{At, Report},
    script::{Rules, Script},
};
use serde_json::Value;

use super::Mapping;
use crate::{
    plan::{Step, Work},
    project::Project,
};

/// One field of a value.
#[derive(Debug)]
pub struct Field {
    /// Where it stands in the value, as `amount.currency`; nothing for the whole value.
    pub name: String,
    /// Where it is written.
    pub at: At,
    /// What it is made from, as it is written; nothing where it is itself the value.
    pub from: String,
    /// What it gives.
    pub value: Result<Value, EvalError>,
}

/// What a step makes of a document, before anything is sent.
#[derive(Clone, Copy, Debug)]
pub enum Maker<'a> {
    /// A value, such as a `map` or the `with` of an action.
    Value(&'a Expression),
    /// Rhai.
    Script(&'a Script),
}

impl<'a> Maker<'a> {
    /// What a step makes; nothing where it makes no value by itself.
    pub fn of(step: &'a Step) -> Option<Self> {
        match &step.work {
            Work::Map(value) | Work::Pipeline { with: value, .. } | Work::Emit { data: value, .. } => {
                Some(Self::Value(value))
            }
            Work::Call(call) => Some(Self::Value(&call.with)),
            Work::Script(script) => Some(Self::Script(script)),
            Work::Check(_)
            | Work::Wait(_)
            | Work::Approve(_)
            | Work::Alert { .. }
            | Work::Link { .. }
            | Work::Reconcile(_) => None,
        }
    }

    /// The fields of its value, in the order in which they are written.
    pub fn fields(self, scope: Scope<'_>) -> Vec<Field> {
        let whole = match self {
            Self::Value(value) => return fields(value, scope),
            Self::Script(script) => script.run(scope.rules, scope.names).map_err(EvalError::from),
        };
        spread(At::default(), "script", whole)
    }

    /// The whole value.
    ///
    /// # Errors
    /// [`EvalError`] where any part of it cannot be made.
    pub fn whole(self, scope: Scope<'_>) -> Result<Value, EvalError> {
        match self {
            Self::Value(value) => value.eval(scope),
            Self::Script(script) => Ok(script.run(scope.rules, scope.names)?),
        }
    }
}

/// Compiles the map file of that name where these names can be read; nothing where a finding was reported. The reports
/// are its own, and those of the map files that it uses.
pub fn compile(name: &str, project: &Project, rules: &Rules, names: &[&str]) -> (Option<Expression>, Vec<Report>) {
    let Some(file) = project.maps.get(name) else { return (None, Vec::new()) };
    let inside = RefCell::new(vec![name.to_owned()]);
    let mapping = Mapping {
        tables: &project.tables,
        maps: &project.maps,
        broken: &project.broken,
        xref: &project.xref,
        reads_xref: Cell::new(true),
        uses: Cell::default(),
        used: RefCell::default(),
        inside,
    };
    let mut report = Report::new(&file.source);
    let mut compiler = Compiler { rules, dialect: &mapping, names, roots: Some(names), report: &mut report };
    let value = compiler.expression(&file.root);
    (value, std::iter::once(report).chain(mapping.used.into_inner()).collect())
}

/// The fields that are written; of a value that is made as a whole, what is in it.
fn fields(whole: &Expression, scope: Scope<'_>) -> Vec<Field> {
    let mut found = Vec::new();
    match &whole.made {
        Made::Object(entries) if !entries.is_empty() => collect("", whole, scope, &mut found),
        Made::Path(_) | Made::Operator(_) => return spread(whole.at, &origin(whole), whole.eval(scope)),
        _ => collect("", whole, scope, &mut found),
    }
    found
}

fn collect(name: &str, part: &Expression, scope: Scope<'_>, found: &mut Vec<Field>) {
    match &part.made {
        Made::Object(entries) if !entries.is_empty() => {
            let inside = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
            entries.iter().for_each(|(key, value)| collect(&inside(&key.value), value, scope, found));
        }
        Made::List(items) if !items.is_empty() => {
            let each = items.iter().enumerate();
            each.for_each(|(place, item)| collect(&format!("{name}[{place}]"), item, scope, found));
        }
        _ => found.push(Field { name: name.to_owned(), at: part.at, from: origin(part), value: part.eval(scope) }),
    }
}

/// A map that comes whole from somewhere, by its keys.
fn spread(at: At, from: &str, whole: Result<Value, EvalError>) -> Vec<Field> {
    let field = |name: String, value| Field { name, at, from: from.to_owned(), value };
    match whole {
        Ok(Value::Object(map)) if !map.is_empty() => {
            map.into_iter().map(|(name, value)| field(name, Ok(value))).collect()
        }
        other => vec![field(String::new(), other)],
    }
}

/// What a value is made from: a path, a rule, or the paths that an operator reads.
fn origin(part: &Expression) -> String {
    let mut read = Vec::new();
    reads(part, &mut read);
    read.join(", ")
}

fn reads(part: &Expression, found: &mut Vec<String>) {
    let mut push = |text: String| {
        if !found.contains(&text) {
            found.push(text);
        }
    };
    match &part.made {
        Made::Literal(_) => {}
        Made::Path(path) => push(path.text().to_owned()),
        Made::Rhai(script) => push(script.text().split_whitespace().collect::<Vec<_>>().join(" ")),
        Made::Text(template) => template.paths().map(Path::text).for_each(|text| push(text.to_owned())),
        Made::List(items) => items.iter().for_each(|item| reads(item, found)),
        Made::Object(entries) => entries.iter().for_each(|(_, item)| reads(item, found)),
        Made::Operator(operator) => operator.parts().into_iter().for_each(|part| reads(part, found)),
    }
}
