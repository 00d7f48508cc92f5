//! `xref`: what the other system calls a record, by the durable cross-reference between the two.
//!
//! Evaluation stays pure: the pairs were read before, and a pair that was not is asked for by its name.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Operator, Scope},
    report::Spanned,
    schema::Kind,
    shape::{Shape, Typing},
    suggest,
    yaml::{
        Node,
        read::{Fields, text},
    },
};
use serde_json::Value;

use super::{Built, Example, Mapping, Page, refused, text_of};
use crate::{limits::XREF_TEXT_MAX_BYTES, project::Xref};

pub(super) const PAGE: Page = Page {
    name: "xref",
    text: "Gives what the other system calls a record: the value that the cross-reference `table` of `ferry.yaml` has for `key`, \
           as a step `link` has recorded it. A key without a pair is a failure of the class `not_found`, unless `else` says \
           what stands for it. What a step has read stays the same for all of its attempts, and is in its run's journal. It can \
           be read wherever a step makes a value; a question that is repeated, the output and the trigger take it from a step.",
    examples: &[
        Example {
            written: "{ xref: { table: contacts, key: $.event.Id } }",
            event: r#"{"Id": "003"}"#,
            gives: r#""P-1""#,
        },
        Example {
            written: "{ xref: { table: contacts, key: $.event.Id, else: null } }",
            event: r#"{"Id": "004"}"#,
            gives: "null",
        },
        Example {
            written: "{ xref: { table: contacts, key: $.event.Id } }",
            event: r#"{"Id": "004"}"#,
            gives: "error: `contacts` has no payoneer payee for the salesforce Contact `004`",
        },
    ],
};

#[derive(Debug)]
struct Read {
    table: String,
    sides: Xref,
    key: Expression,
    or: Option<Expression>,
}

pub(super) fn compile(mapping: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let fields = Fields::open(node.get("xref")?, "`xref`", &["table", "key", "else"], compiler.report)?;
    if !mapping.reads_xref.get() {
        let message = "a cross-reference cannot be read here, where nothing keeps what was read";
        compiler.report.error(
            "misplaced-key",
            node.at,
            message,
            "read it in a step with `map`, and read that step here",
        );
    }
    let key = fields.need("key", "$.event.Id", compiler.report).and_then(|node| compiler.expression(node));
    let or = compiler.optional(fields.get("else"));
    let table = fields.need("table", "contacts", compiler.report).and_then(|node| named(mapping, node, compiler));
    let (table, sides) = table?;
    Some(Box::new(Read { table: table.value, sides, key: key?, or: or? }))
}

/// A cross-reference by its name, which is declared in `ferry.yaml`.
pub(crate) fn named(
    mapping: &Mapping<'_>,
    node: &Node,
    compiler: &mut Compiler<'_>,
) -> Option<(Spanned<String>, Xref)> {
    let name = text(node, "`table`", compiler.report)?;
    let Some(sides) = mapping.xref.get(&name.value) else {
        let known: Vec<&str> = mapping.xref.keys().map(String::as_str).collect();
        let help = if known.is_empty() {
            format!(
                "add `xref: {{ {}: {{ between: [ salesforce Contact, payoneer payee ] }} }}` to ferry.yaml",
                name.value
            )
        } else {
            suggest::help(&name.value, &known)
        };
        let message = format!("there is no cross-reference `{}` in ferry.yaml", name.value);
        compiler.report.error("unknown-xref", name.at, message, help);
        return None;
    };
    Some((name, sides.clone()))
}

/// A key or a value of a pair.
///
/// # Errors
/// Where it is no text and no number, is empty, or is longer than [`XREF_TEXT_MAX_BYTES`].
pub fn side(value: &Value, what: &str) -> Result<String, EvalError> {
    let text = text_of(value, what)?;
    match text.len() {
        0 => refused(format!("{what} is empty")),
        bytes if bytes > XREF_TEXT_MAX_BYTES => {
            refused(format!("{what} has {bytes} bytes, and {XREF_TEXT_MAX_BYTES} are the most"))
        }
        _ => Ok(text),
    }
}

/// What is known of a key or a value: it can be a text or a number.
fn fits_side(side: &Expression, what: &str, cx: &mut Typing<'_>) {
    let shape = side.shape(cx);
    let is_none = |kind: &Kind| !matches!(kind, Kind::String | Kind::Integer | Kind::Number);
    if shape.schema.kind.as_ref().is_some_and(is_none) {
        let message = format!("{what} must be a text or a number");
        cx.report.error("wrong-input", side.at, message, "take the id, such as `$.event.Id`");
    }
}

/// What a step that records a pair gives.
pub(crate) fn linked(key: &Expression, to: &Expression, cx: &mut Typing<'_>) -> Shape {
    fits_side(key, "`key` of `link`", cx);
    fits_side(to, "`to` of `link`", cx);
    Shape::record(vec![("key", Shape::of_kind(Kind::String)), ("to", Shape::of_kind(Kind::String))])
}

impl Operator for Read {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let key = side(&self.key.eval(scope)?, "`key` of `xref`")?;
        let Some(pairs) = scope.names.pairs() else {
            return refused(format!("`{}` is read when a run is made, and there is none here", self.table));
        };
        match (pairs.other(&self.table, &key)?, &self.or) {
            (Some(other), _) => Ok(Value::from(other)),
            (None, Some(or)) => or.eval(scope),
            (None, None) => {
                let Xref { of, to } = &self.sides;
                let message = format!("`{}` has no {to} for the {of} `{key}`", self.table);
                pairs.refuses(&message);
                refused(message)
            }
        }
    }

    fn parts(&self) -> Vec<&Expression> {
        [&self.key].into_iter().chain(&self.or).collect()
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        fits_side(&self.key, "`key` of `xref`", cx);
        match &self.or {
            Some(or) => super::one_of(vec![Shape::of_kind(Kind::String), or.shape(cx)]),
            None => Shape::of_kind(Kind::String),
        }
    }
}
