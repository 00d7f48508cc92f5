//! Whether a value fits where it goes.

use serde_json::Value;

use super::{Shape, Typing, in_words, may_be, plain};
use crate::{
    expression::{Expression, Made},
    number,
    report::{At, Report},
    schema::{Kind, MASK_SHOWN_CHARS, Refusal, Schema},
    suggest,
};

/// Where a value goes, for messages: `amount.currency` of `payoneer.create_payout`.
#[derive(Clone, Debug)]
pub struct Target {
    /// The action, or what else takes it.
    pub taker: String,
    /// The field; none is the whole input.
    pub field: String,
    /// Whether someone else says which fields the whole input lacks, and which it has too many.
    pub is_told: bool,
    /// Whether it may not be null.
    is_needed: bool,
}

impl Expression {
    /// Reports where the value cannot be what it goes into; gives what is known of it.
    pub fn fits(&self, wanted: &Schema, target: &Target, cx: &mut Typing<'_>) -> Shape {
        if let Some(refused) = &wanted.refused {
            target.refused(refused, self.at, cx.report);
            return self.shape(cx);
        }
        match (&self.made, &wanted.items) {
            (Made::Object(entries), _) if !wanted.properties.is_empty() => {
                for (name, item) in entries {
                    match wanted.property(&name.value) {
                        Some(schema) => {
                            let is_needed = wanted.required.contains(&name.value);
                            drop(item.fits(schema, &Target { is_needed, ..target.inside(&name.value) }, cx));
                        }
                        None => {
                            item.shape(cx);
                            target.unknown(&name.value, name.at, wanted, cx.report);
                        }
                    }
                }
                let written = |name: &str| entries.iter().any(|(known, _)| known.value == name);
                target.missing(written, self.at, wanted, cx.report);
                Shape::of_kind(Kind::Object)
            }
            (Made::List(items), Some(schema)) => {
                items.iter().for_each(|item| drop(item.fits(schema, target, cx)));
                Shape::of_kind(Kind::Array)
            }
            _ => {
                let shape = self.shape_said(cx);
                target.needs(&shape, self, cx.report);
                fits(&shape.schema, wanted, target, self.at, cx.report);
                Shape { unsure: None, ..shape }
            }
        }
    }
}

impl Target {
    /// A whole input.
    pub fn whole(taker: &str, is_told: bool) -> Self {
        Self { taker: taker.to_owned(), field: String::new(), is_told, is_needed: false }
    }

    /// One field.
    pub fn field(taker: &str, field: &str) -> Self {
        Self { taker: taker.to_owned(), field: field.to_owned(), is_told: false, is_needed: false }
    }

    fn inside(&self, name: &str) -> Self {
        let field = if self.field.is_empty() { name.to_owned() } else { format!("{}.{name}", self.field) };
        Self { taker: self.taker.clone(), field, is_told: false, is_needed: false }
    }

    fn is_whole(&self) -> bool {
        self.field.is_empty()
    }

    /// What takes the fields.
    fn place(&self) -> String {
        if self.is_whole() { format!("`{}`", self.taker) } else { format!("`{}` of `{}`", self.field, self.taker) }
    }

    fn unknown(&self, name: &str, at: At, wanted: &Schema, report: &mut Report) {
        if wanted.open || self.is_told {
            return;
        }
        let known: Vec<&str> = wanted.properties.iter().map(|(name, _)| name.as_str()).collect();
        let message = if wanted.title.is_empty() {
            format!("{} takes no `{name}`", self.place())
        } else {
            format!("`{}` has no field `{name}`", wanted.title)
        };
        report.unknown("unknown-input", at, message, (name, &known));
    }

    /// A value that is made, and may be null on purpose.
    fn needs(&self, shape: &Shape, value: &Expression, report: &mut Report) {
        let (Some(why), Made::Operator(_), true) = (&shape.unsure, &value.made, self.is_needed) else { return };
        let message = format!("{} may not be null, and this may be: {why}", self.in_words());
        report.warning(
            "uncertain-value",
            value.at,
            message,
            "give it a value, or refuse what has none: `required: true`",
        );
    }

    fn refused(&self, refused: &Refusal, at: At, report: &mut Report) {
        report.error("wrong-input", at, format!("{} {}", self.place(), refused.why), refused.help.as_str());
    }

    fn missing(&self, is_written: impl Fn(&str) -> bool, at: At, wanted: &Schema, report: &mut Report) {
        for name in wanted.required.iter().filter(|name| !is_written(name) && !self.is_told) {
            let message = if wanted.title.is_empty() {
                format!("{} needs `{name}`", self.place())
            } else {
                format!("{} needs `{name}`: `{}` is not made without it", self.place(), wanted.title)
            };
            let schema = wanted.property(name);
            let example = schema.and_then(|schema| schema.example.as_ref()).map_or("…".to_owned(), Value::to_string);
            let doc = schema.map(|schema| schema.description.trim_end_matches('.')).filter(|doc| !doc.is_empty());
            let doc = doc.map(|doc| format!(": {doc}")).unwrap_or_default();
            report.error("missing-input", at, message, format!("add `{name}: {example}`{doc}"));
        }
    }

    fn in_words(&self) -> String {
        if self.is_whole() { format!("the input of {}", self.place()) } else { self.place() }
    }
}

/// Reports where nothing of what a value can be is what is wanted.
fn fits(given: &Schema, wanted: &Schema, target: &Target, at: At, report: &mut Report) {
    if let Some(refused) = &wanted.refused {
        return target.refused(refused, at, report);
    }
    match (given.kind, wanted.kind) {
        (Some(kind), Some(want)) if !may_be(kind, want) => {
            let message = format!("{} must be {}, and this is {}", target.in_words(), in_words(want), in_words(kind));
            report.error("wrong-input", at, message, conversion(kind, want));
            return;
        }
        _ => {}
    }
    fits_values(given, wanted, target, at, report);
    if given.properties.is_empty() || wanted.properties.is_empty() {
        return;
    }
    for (name, schema) in &given.properties {
        match wanted.property(name) {
            Some(wanted) => fits(schema, wanted, &target.inside(name), at, report),
            None => target.unknown(name, at, wanted, report),
        }
    }
    for name in wanted.required.iter().filter(|name| given.property(name).is_some() && given.may_lack(name)) {
        let message = format!("{} needs `{name}`, and what is given does not always have it", target.place());
        let help = format!("give its fields by name, and say what stands for `{name}` with a `default`, or look first");
        report.warning("uncertain-value", at, message, help);
    }
    if !given.open {
        target.missing(|name| given.property(name).is_some(), at, wanted, report);
    }
}

fn fits_values(given: &Schema, wanted: &Schema, target: &Target, at: At, report: &mut Report) {
    let is_allowed =
        |value: &&Value| wanted.values.is_empty() || wanted.values.iter().any(|known| number::equal(known, value));
    let wrong: Vec<&Value> = given.values.iter().filter(|value| !is_allowed(value)).collect();
    if let Some(value) = wrong.first() {
        let known: Vec<String> = wanted.values.iter().map(plain).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let help = suggest::help(&plain(value), &known);
        if wrong.len() == given.values.len() {
            report.error("wrong-input", at, format!("{} is never {value}", target.in_words()), help);
        } else {
            report.warning(
                "wrong-input",
                at,
                format!("this may be {value}, and {} is never that", target.in_words()),
                help,
            );
        }
    }
    code(given, wanted, target, at, report);
    let Some(max) = wanted.length_max else { return };
    if given.masked && max <= MASK_SHOWN_CHARS {
        let message =
            format!("{} has {max} characters at the most, and a masked text is as long as it was", target.in_words());
        let help = "take the last four without `*`, such as `{ rhai: \"event.account.sub_string(-4)\" }`";
        report.warning("wrong-input", at, message, help);
        return;
    }
    if let Some(length) = given.length_max.filter(|length| *length > max && given.values.is_empty()) {
        let message = format!("{} has {max} characters at the most, and this may have {length}", target.in_words());
        let mut help = format!("refuse what is longer before it is sent: `max_length: {max}`");
        if max == MASK_SHOWN_CHARS {
            help += "; the last four are `{ rhai: \"event.account.sub_string(-4)\" }`";
        }
        report.warning("wrong-input", at, message, help);
        return;
    }
    let longest = given.values.iter().filter_map(Value::as_str).map(|text| text.chars().count()).max();
    if let Some(length) = longest.filter(|length| *length > max) {
        let message = format!("{} has {max} characters at the most, and this has {length}", target.in_words());
        report.error("wrong-input", at, message, "write a shorter text");
    }
}

/// A constant where a code of a standard is wanted.
fn code(given: &Schema, wanted: &Schema, target: &Target, at: At, report: &mut Report) {
    let Some(format) = wanted.format else { return };
    let mut constants = given.values.iter().filter_map(Value::as_str);
    if let Some(text) = constants.find(|text| !format.allows(text)) {
        let (standard, example) = format.standard();
        let message = format!("{} is a code of {standard}, and `{text}` is none", target.in_words());
        report.error("wrong-input", at, message, format!("write one such as `\"{example}\"`"));
    }
}

fn conversion(given: Kind, wanted: Kind) -> String {
    match (given, wanted) {
        (Kind::String, Kind::Number) => "convert it: `{ from: …, as: decimal(2) }`".to_owned(),
        (Kind::String, Kind::Integer) => "convert it: `{ from: …, as: integer }`".to_owned(),
        (Kind::String, Kind::Boolean) => "convert it: `{ from: …, as: boolean }`".to_owned(),
        (Kind::Number | Kind::Integer | Kind::Boolean, Kind::String) => {
            "convert it: `{ from: …, as: string }`, or put a constant into quotes".to_owned()
        }
        (Kind::Object, _) => "read the field of it that is meant".to_owned(),
        (_, Kind::Array) => "write it as a list: `[…]`".to_owned(),
        _ => format!("give it {}", in_words(wanted)),
    }
}
