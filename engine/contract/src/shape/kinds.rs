//! The kind of an expression's value where it is certain, with findings where its parts do not go together.

use super::{Shape, Typing, in_words, may_be};
use crate::{
    report::At,
    schema::Kind,
    script::{Script, Term, What},
};

/// Functions of texts, lists and maps that no number and no truth has.
const NOT_OF_NUMBERS: [&str; 10] = [
    "contains",
    "starts_with",
    "ends_with",
    "to_upper",
    "to_lower",
    "sub_string",
    "split",
    "index_of",
    "len",
    "is_empty",
];

const NUMBERS: [&str; 5] = ["-", "*", "/", "%", "**"];
const ORDERS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

impl Script {
    /// Reports where what a condition gives is certainly neither true nor false.
    pub fn must_be_true_or_false(&self, shape: &Shape, cx: &mut Typing<'_>) {
        let (Some(kind), Some(term)) = (shape.schema.kind, &self.reads().tree) else { return };
        if kind != Kind::Boolean {
            let message = format!("a condition gives true or false, and this is {}", in_words(kind));
            cx.report.error(
                "wrong-input",
                term.at,
                message,
                "compare it with something, such as `… == \"x\"` or `… > 0`",
            );
        }
    }
}

/// The kind of a value.
pub(super) fn kind(term: &Term, cx: &mut Typing<'_>) -> Option<Kind> {
    match &term.what {
        What::Constant(value) => Shape::of(value).schema.kind,
        What::Read(names) => read(names, cx),
        What::Either(operator, parts) => {
            for part in parts {
                let found = kind(part, cx);
                must_be((part, found), Kind::Boolean, operator, cx);
            }
            Some(Kind::Boolean)
        }
        What::Call(name, of) => {
            let kinds: Vec<Option<Kind>> = of.iter().map(|part| kind(part, cx)).collect();
            call(name, of, &kinds, cx)
        }
        What::Other => None,
    }
}

fn read(names: &[String], cx: &Typing<'_>) -> Option<Kind> {
    let (root, fields) = names.split_first()?;
    let schema = &cx.known.root(root)?.schema;
    fields.iter().try_fold(schema, |schema, name| schema.field(name))?.kind
}

fn call(name: &str, of: &[Term], kinds: &[Option<Kind>], cx: &mut Typing<'_>) -> Option<Kind> {
    match (name, of, kinds) {
        ("!", [part], [found]) => {
            must_be((part, *found), Kind::Boolean, name, cx);
            Some(Kind::Boolean)
        }
        ("+", [left, right], [one, other]) => added([(left, *one), (right, *other)], cx),
        // A text less a text is Rhai's own.
        ("-", [_, _], [Some(Kind::String), _]) => None,
        (_, [left, right], [one, other]) if NUMBERS.contains(&name) => {
            must_be((left, *one), Kind::Number, name, cx);
            must_be((right, *other), Kind::Number, name, cx);
            Some(Kind::Number)
        }
        (_, [left, right], [one, other]) if ORDERS.contains(&name) => {
            compared(name, [(left, *one), (right, *other)], cx);
            Some(Kind::Boolean)
        }
        (_, [on, ..], [Some(found @ (Kind::Number | Kind::Integer | Kind::Boolean)), ..])
            if NOT_OF_NUMBERS.contains(&name) =>
        {
            let written = on.name().map_or_else(|| "this".to_owned(), |name| format!("`{name}`"));
            let message = format!("{written} is {}, which has no `{name}`", in_words(*found));
            cx.report.error("wrong-input", on.at, message, "make a text of it first: `.to_string()`");
            None
        }
        ("parse_decimal" | "parse_int" | "len", ..) => Some(Kind::Number),
        ("url_decode" | "to_string" | "to_upper" | "to_lower" | "sub_string", ..) => Some(Kind::String),
        ("base64url" | "to_json" | "format_date" | "parse_date" | "format_time" | "parse_time", ..) => {
            Some(Kind::String)
        }
        ("contains" | "starts_with" | "ends_with" | "is_empty", ..) => Some(Kind::Boolean),
        ("round" | "abs" | "floor" | "ceiling" | "round_half_up" | "round_down" | "round_up", [_, ..], [on, ..]) => *on,
        _ => None,
    }
}

/// `+` adds numbers and joins texts; of a text and a number it makes a text.
fn added(sides: [(&Term, Option<Kind>); 2], cx: &mut Typing<'_>) -> Option<Kind> {
    let is_number = |kind| matches!(kind, Kind::Number | Kind::Integer);
    let [(left, Some(one)), (right, Some(other))] = sides else { return None };
    match (one, other) {
        (one, other) if is_number(one) && is_number(other) => Some(Kind::Number),
        (Kind::String, Kind::String) => Some(Kind::String),
        (Kind::String, other) | (other, Kind::String) if is_number(other) => {
            let text = if one == Kind::String { left } else { right };
            if let Some(name) = text.name() {
                let message = format!("`{name}` is a text, so this `+` joins two texts, and adds nothing");
                let help =
                    format!("add its number, `parse_decimal({name})`, or write the text with `${{…}}` in backticks");
                cx.report.warning("wrong-input", text.at, message, help);
            }
            Some(Kind::String)
        }
        _ => None,
    }
}

fn must_be((term, found): (&Term, Option<Kind>), wanted: Kind, operator: &str, cx: &mut Typing<'_>) {
    let Some(found) = found.filter(|found| !may_be(*found, wanted)) else { return };
    let written = term.name().map_or_else(|| "this".to_owned(), |name| format!("`{name}`"));
    let what = if wanted == Kind::Boolean { "true or false" } else { "numbers" };
    let message = format!("`{operator}` needs {what}, and {written} is {}", in_words(found));
    let help = match (found, wanted, term.name()) {
        (Kind::String, Kind::Number, Some(name)) => format!("read its number first: `parse_decimal({name})`"),
        (Kind::String, Kind::Boolean, Some(name)) => format!("compare it with something, such as `{name} != \"\"`"),
        (_, Kind::Boolean, Some(name)) => format!("compare it with something, such as `{name} != 0`"),
        _ => format!("give it {}", in_words(wanted)),
    };
    cx.report.error("wrong-input", term.at, message, help);
}

/// A field and a constant are compared elsewhere, by its values too.
fn compared(operator: &str, sides: [(&Term, Option<Kind>); 2], cx: &mut Typing<'_>) {
    let [(left, Some(one)), (right, Some(other))] = sides else { return };
    let is_constant = |term: &Term| matches!(term.what, What::Constant(_));
    let is_said = (is_constant(left) && right.name().is_some()) || (is_constant(right) && left.name().is_some());
    if is_said || may_be(one, other) || may_be(other, one) {
        return;
    }
    let written = |term: &Term| term.name().map_or_else(|| "one side".to_owned(), |name| format!("`{name}`"));
    let always = if operator == "!=" { "always" } else { "never" };
    let message = format!(
        "{} is {} and {} is {}, so `{operator}` {always} holds",
        written(left),
        in_words(one),
        if right.name().is_some() { written(right) } else { "the other".to_owned() },
        in_words(other)
    );
    let at: At = left.at;
    let text = if one == Kind::String { left } else { right };
    let help = match text.name().filter(|_| {
        matches!(
            (one, other),
            (Kind::String, Kind::Number | Kind::Integer) | (Kind::Number | Kind::Integer, Kind::String)
        )
    }) {
        Some(name) => format!("read the number of the text first: `parse_decimal({name})`"),
        None => "make both sides of one kind".to_owned(),
    };
    cx.report.error("mixed-comparison", at, message, help);
}
