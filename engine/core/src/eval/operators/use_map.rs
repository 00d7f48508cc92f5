//! `use`: a mapping from `maps/`, which several pipelines share.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use ferry_contract::{
    expression::{self, Compiler, EvalError, Expression, Operator, Scope},
    report::{Report, Source, Spanned},
    shape::{Known, Shape, Typing},
    suggest,
    yaml::{
        Node,
        read::{map, text},
    },
};
use serde_json::{Map, Value};

use super::{Built, Example, Mapping, Page};
use crate::{limits::USES_MAX, project::MapFile};

pub(super) const PAGE: Page = Page {
    name: "use",
    text: "Makes the value of a mapping in `maps/`, found by its name. With `with`, the mapping reads the names that are given \
           there, and `vars`; without it, what the place reads where it is used. It is checked in each place where it is used.",
    examples: &[Example {
        written: "{ use: payee, with: { contact: $.event } }",
        event: r#"{"Id": "003", "Email": "ANA@example.com"}"#,
        gives: r#"{"payee_id":"003","email":"ana@example.com"}"#,
    }],
};

#[derive(Debug)]
struct Use {
    name: String,
    source: Arc<Source>,
    with: Option<Vec<(Spanned<String>, Expression)>>,
    value: Expression,
}

pub(super) fn compile(mapping: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let name = text(node.get("use")?, "`use`", compiler.report)?;
    let with = match node.get("with") {
        Some(node) => Some(with(node, compiler)?),
        None => None,
    };
    let Some(file) = mapping.maps.get(&name.value) else {
        if mapping.broken.contains(&name.value) {
            return None;
        }
        let known: Vec<&str> = mapping.maps.keys().map(String::as_str).collect();
        let help = suggest::help(&name.value, &known);
        let message = format!("there is no mapping `{}` in `maps/`", name.value);
        compiler.report.error("unknown-map", name.at, message, help);
        return None;
    };
    if mapping.inside.borrow().contains(&name.value) {
        let message = format!("the mapping `{}` uses itself", name.value);
        compiler.report.error("cycle", name.at, message, "write what it needs out, or make a mapping of the part");
        return None;
    }
    mapping.uses.set(mapping.uses.get() + 1);
    if mapping.uses.get() > USES_MAX {
        let message = format!("the mappings of this pipeline use others more than {USES_MAX} times");
        compiler.report.error("invalid-value", name.at, message, "make a step of what is used most, and read that");
        return None;
    }
    let names: Option<Vec<&str>> = with.as_ref().map(|with| with.iter().map(|(name, _)| name.value.as_str()).collect());
    let value = inside(mapping, (&name.value, file), names, compiler);
    if value.is_none() {
        let message = format!("the mapping `{}` has errors here", name.value);
        compiler.report.error("unknown-map", name.at, message, format!("mend `{}`", file.source.name));
    }
    Some(Box::new(Use { name: name.value, source: Arc::clone(&file.source), with, value: value? }))
}

fn with(node: &Node, compiler: &mut Compiler<'_>) -> Option<Vec<(Spanned<String>, Expression)>> {
    let entries = map(node, "`with`", compiler.report)?;
    let entries: Vec<_> = entries.iter().map(|(name, node)| Some((name.clone(), compiler.expression(node)?))).collect();
    entries.into_iter().collect()
}

/// Compiles a mapping with a report of its own, because it is another file.
fn inside(
    mapping: &Mapping<'_>,
    (name, file): (&str, &MapFile),
    names: Option<Vec<&str>>,
    compiler: &mut Compiler<'_>,
) -> Option<Expression> {
    let names = names.map(|names| names.into_iter().chain(["vars"]).collect::<Vec<_>>());
    let names = names.as_deref().unwrap_or(compiler.names);
    let mut report = Report::new(&file.source);
    mapping.inside.borrow_mut().push(name.to_owned());
    let mut inner =
        Compiler { rules: compiler.rules, dialect: compiler.dialect, names, roots: Some(names), report: &mut report };
    let value = inner.expression(&file.root);
    mapping.inside.borrow_mut().pop();
    push(&mapping.used, report);
    value
}

fn push(used: &RefCell<Vec<Report>>, report: Report) {
    if !report.findings().is_empty() {
        used.borrow_mut().push(report);
    }
}

/// What `with` gives, and `vars`.
struct Given<'a> {
    names: BTreeMap<String, Shape>,
    outer: &'a dyn Known,
}

impl Known for Given<'_> {
    fn root(&self, name: &str) -> Option<&Shape> {
        self.names.get(name).or_else(|| self.outer.root(name).filter(|_| name == "vars"))
    }
}

impl Operator for Use {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let within = |error: EvalError| EvalError(format!("in the mapping `{}`: {error}", self.name));
        let Some(with) = &self.with else { return self.value.eval(scope).map_err(within) };
        let mut values = Map::new();
        for (name, value) in with {
            values.insert(name.value.clone(), value.eval(scope)?);
        }
        let vars = scope.names.value("vars").cloned().unwrap_or(Value::Null);
        values.entry("vars").or_insert(vars);
        self.value.eval(expression::Given { names: &values, outer: scope }.scope()).map_err(within)
    }

    fn parts(&self) -> Vec<&Expression> {
        match &self.with {
            // What is inside reads only what is given.
            Some(with) => with.iter().map(|(_, value)| value).collect(),
            None => vec![&self.value],
        }
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        let shapes: Option<BTreeMap<String, Shape>> = self
            .with
            .as_ref()
            .map(|with| with.iter().map(|(name, value)| (name.value.clone(), value.shape(cx))).collect());
        let mut report = Report::new(&self.source);
        let given = shapes.map(|names| Given { names, outer: cx.known });
        let known: &dyn Known = given.as_ref().map_or(cx.known, |given| given);
        let mut inner = Typing { known, certain: cx.certain, report: &mut report, others: cx.others };
        let shape = self.value.shape(&mut inner);
        cx.others.push(report);
        shape
    }
}
