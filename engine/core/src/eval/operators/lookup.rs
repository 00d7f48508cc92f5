//! `lookup`: the value that a table has for a key.

use std::sync::Arc;

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Scope},
    report::At,
    schema::{Kind, Schema},
    shape::{Shape, Typing},
    suggest,
    yaml::{Node, read::text},
};
use serde_json::Value;

use super::{BuiltModifier, Example, Mapping, Modifier, Page, from::Written, refused};
use crate::project::{Rows, Table};

pub(super) const PAGE: Page = Page {
    name: "lookup",
    text: "Gives what a table of `tables/` has for the value: a YAML map from keys to values, or a CSV file whose first \
           column is the key. A CSV file of two columns gives the second; one of more gives a map of the others by their \
           header. A value that the table does not have is refused, unless `else` says what stands for it.",
    examples: &[
        Example {
            written: "{ from: $.event.status, lookup: payout-status }",
            event: r#"{"status": "Transferred"}"#,
            gives: r#""Completed""#,
        },
        Example {
            written: "{ from: $.event.status, lookup: payout-status, else: Unknown }",
            event: r#"{"status": "Odd"}"#,
            gives: r#""Unknown""#,
        },
        Example {
            written: "{ from: $.event.status, lookup: payout-status }",
            event: r#"{"status": "Odd"}"#,
            gives: "error: the table `payout-status` has no row for `Odd`",
        },
    ],
};

#[derive(Debug)]
struct Lookup {
    at: At,
    name: String,
    table: Arc<Table>,
    or: Option<Expression>,
}

pub(super) fn compile(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    let or = compiler.optional(written.fields.get("else"));
    let (name, table) = table(written.mapping, written.node, "`lookup`", compiler)?;
    if !matches!(table.rows, Rows::ByKey(_)) {
        let message = format!("the table `{name}` is a list of rules, and has no keys to look up");
        compiler.report.error("wrong-type", written.node.at, message, "name a table that is a map from keys to values");
        return None;
    }
    Some(Some(Box::new(Lookup { at: written.node.at, name, table, or: or? })))
}

/// A table by its name, which lint reports where it is not there.
pub(super) fn table(
    mapping: &Mapping<'_>,
    node: &Node,
    what: &str,
    compiler: &mut Compiler<'_>,
) -> Option<(String, Arc<Table>)> {
    let name = text(node, what, compiler.report)?.value;
    let table = mapping.tables.get(&name);
    if table.is_none() && !mapping.broken.contains(&name) {
        let known: Vec<&str> = mapping.tables.keys().map(String::as_str).collect();
        let help = suggest::help(&name, &known);
        compiler.report.error("unknown-table", node.at, format!("there is no table `{name}` in `tables/`"), help);
    }
    Some((name, Arc::clone(table?)))
}

/// `else` without a `lookup`.
pub(super) fn or(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    if written.fields.get("lookup").is_none() {
        let help = "write `default` for a value that is missing";
        written.fields.refuse("else", "only a `lookup` takes `else`", help, compiler.report);
    }
    Some(None)
}

impl Lookup {
    /// A value that can come and has no row is a run that fails.
    fn is_total(&self, of: &Schema, cx: &mut Typing<'_>) {
        let key = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let lacking: Vec<String> = of.values.iter().map(key).filter(|key| self.table.value(key).is_none()).collect();
        if !lacking.is_empty() {
            let message = format!("the table `{}` has no row for `{}`", self.name, lacking.join("`, `"));
            cx.report.warning("partial-table", self.at, message, "add what is missing to the table, or write `else`");
        }
    }
}

impl Modifier for Lookup {
    fn apply(&self, value: Value, scope: Scope<'_>) -> Result<Value, EvalError> {
        let key = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match (self.table.value(&key), &self.or) {
            (Some(found), _) => Ok(found.clone()),
            (None, Some(or)) => or.eval(scope),
            (None, None) => refused(format!("the table `{}` has no row for `{key}`", self.name)),
        }
    }

    fn shape(&self, of: Shape, cx: &mut Typing<'_>) -> Shape {
        if let Some(or) = &self.or {
            or.shape(cx);
        } else {
            self.is_total(&of.schema, cx);
        }
        let Rows::ByKey(rows) = &self.table.rows else { return Shape::default() };
        let are_texts = self.or.is_none() && rows.values().all(Value::is_string);
        if !are_texts {
            return Shape::default();
        }
        Schema { kind: Some(Kind::String), values: rows.values().cloned().collect(), ..Schema::default() }.into()
    }

    fn parts(&self) -> Vec<&Expression> {
        self.or.iter().collect()
    }
}
