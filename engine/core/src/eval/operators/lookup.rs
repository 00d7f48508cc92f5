//! `lookup`: the value that a table has for a key.

use std::sync::Arc;

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Scope},
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
    Some(Some(Box::new(Lookup { name, table, or: or? })))
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

impl Modifier for Lookup {
    fn apply(&self, value: Value, scope: Scope<'_>) -> Result<Value, EvalError> {
        let key = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match (self.table.value(&key), &self.or) {
            (Some(found), _) => Ok(found.clone()),
            (None, Some(or)) => or.eval(scope),
            (None, None) => refused(format!("the table `{}` has no row for `{key}`", self.name)),
        }
    }

    fn parts(&self) -> Vec<&Expression> {
        self.or.iter().collect()
    }
}
