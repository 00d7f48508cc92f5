//! What is known of a value before it is made, and whether it fits where it goes.
//!
//! A shape is a schema that allows all that the value can be; nothing known is the schema that allows anything, and is
//! never a finding.

mod fits;
mod kinds;
mod script;
mod walk;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    expression::{Expression, Made},
    number,
    report::Report,
    schema::{Kind, Schema},
    template::Template,
};

pub use fits::Target;
use walk::uncertain;

/// What is known of a value.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// All that it can be.
    pub schema: Schema,
    /// Why it may be missing or null, where it may.
    pub unsure: Option<String>,
    /// The condition that shows that it is there, where Rhai can say it.
    pub guard: Option<String>,
}

/// The shapes of the names that a value can read.
pub trait Known {
    /// The shape of a name; nothing where nothing is known.
    fn root(&self, name: &str) -> Option<&Shape>;
}

/// What an inference sees, and where it says what is wrong.
pub struct Typing<'a> {
    /// The shapes of names.
    pub known: &'a dyn Known,
    /// Fields that are there, because something has looked before: names from the root on.
    pub certain: &'a BTreeSet<Vec<String>>,
    /// Findings of the file in hand.
    pub report: &'a mut Report,
    /// Findings of other files, which it uses.
    pub others: &'a mut Vec<Report>,
}

impl Typing<'_> {
    /// Looks where more is there.
    pub fn knowing<T>(&mut self, shown: Vec<Vec<String>>, look: impl FnOnce(&mut Typing<'_>) -> T) -> T {
        if shown.is_empty() {
            return look(self);
        }
        let certain = self.certain.iter().cloned().chain(shown).collect();
        look(&mut Typing { known: self.known, certain: &certain, report: self.report, others: self.others })
    }
}

/// One more name.
pub struct WithName<'a> {
    /// The others.
    pub outer: &'a dyn Known,
    /// The name.
    pub name: &'a str,
    /// Its shape.
    pub shape: Shape,
}

impl Known for WithName<'_> {
    fn root(&self, name: &str) -> Option<&Shape> {
        if name == self.name { Some(&self.shape) } else { self.outer.root(name) }
    }
}

impl Shape {
    /// A value of one kind that is there.
    pub fn of_kind(kind: Kind) -> Self {
        Schema { kind: Some(kind), open: true, ..Schema::default() }.into()
    }

    /// A map that has these fields and no others.
    pub fn record(fields: Vec<(&str, Shape)>) -> Self {
        Self::object(fields.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect())
    }

    /// A list of such values.
    pub fn list(items: Shape) -> Self {
        Schema { kind: Some(Kind::Array), items: Some(Box::new(items.schema)), ..Schema::default() }.into()
    }

    /// A map of texts, whatever their names are.
    pub fn of_texts() -> Self {
        let text = Box::new(Self::of_kind(Kind::String).schema);
        Schema { others: Some(text), ..Self::of_kind(Kind::Object).schema }.into()
    }

    /// An amount with its currency.
    pub fn money() -> Self {
        let currency = Schema { kind: Some(Kind::String), length_max: Some(3), ..Schema::default() };
        Self::record(vec![("amount", Self::of_kind(Kind::Number)), ("currency", currency.into())])
    }

    /// What is known of a constant.
    pub fn of(value: &Value) -> Self {
        let kind = |kind| Schema { kind: Some(kind), values: vec![value.clone()], ..Schema::default() };
        match value {
            Value::Null => Schema::default().into(),
            Value::Bool(_) => Self::of_kind(Kind::Boolean),
            Value::String(_) => kind(Kind::String).into(),
            Value::Number(number) => {
                let is_whole = number::to_decimal(number).is_some_and(|decimal| decimal.fract().is_zero());
                kind(if is_whole { Kind::Integer } else { Kind::Number }).into()
            }
            Value::Array(_) => Schema { kind: Some(Kind::Array), ..Schema::default() }.into(),
            Value::Object(map) => Self::object(map.iter().map(|(name, item)| (name.clone(), Self::of(item))).collect()),
        }
    }

    /// The same for other values of the same kinds: what is set here today may be set otherwise tomorrow.
    #[must_use]
    pub fn of_any_value(self) -> Self {
        Self { schema: any_value(self.schema), ..self }
    }

    /// The same where it may be missing.
    #[must_use]
    pub fn unless(self, why: impl Into<String>) -> Self {
        Self { unsure: Some(why.into()), ..self }
    }

    /// What is known where it is one of two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let unsure = self.unsure.or(other.unsure);
        Self { unsure, ..either(self.schema, other.schema).into() }
    }

    fn object(fields: Vec<(String, Shape)>) -> Self {
        let required =
            fields.iter().filter(|(_, shape)| shape.unsure.is_none()).map(|(name, _)| name.clone()).collect();
        let properties = fields.into_iter().map(|(name, shape)| (name, shape.schema)).collect();
        Schema { kind: Some(Kind::Object), properties, required, is_sparse: true, ..Schema::default() }.into()
    }
}

/// A field that only one of two has is not always there.
fn either(one: Schema, other: Schema) -> Schema {
    if one.kind != other.kind || one.properties.is_empty() != other.properties.is_empty() {
        let is_same = one.kind == other.kind && one.kind != Some(Kind::Object);
        return Schema { kind: one.kind.filter(|_| is_same), open: true, ..Schema::default() };
    }
    let may_lack = |schema: &Schema, name: &str| schema.property(name).is_none() || schema.may_lack(name);
    let names = other.properties.iter().filter(|(name, _)| one.property(name).is_none());
    let mut properties: Vec<(String, Schema)> = names.cloned().collect();
    for (name, schema) in &one.properties {
        let schema = match other.property(name) {
            Some(other) => either(schema.clone(), other.clone()),
            None => schema.clone(),
        };
        properties.push((name.clone(), schema));
    }
    let is_sure = |name: &&String| !may_lack(&one, name) && !may_lack(&other, name);
    let required = properties.iter().map(|(name, _)| name).filter(is_sure).cloned().collect();
    let is_sparse = one.is_sparse || other.is_sparse || !properties.is_empty();
    let items = one.items.zip(other.items).map(|(one, other)| Box::new(either(*one, *other)));
    Schema { kind: one.kind, properties, required, items, open: one.open || other.open, is_sparse, ..Schema::default() }
}

fn any_value(schema: Schema) -> Schema {
    let properties = schema.properties.into_iter().map(|(name, inner)| (name, any_value(inner))).collect();
    let items = schema.items.map(|items| Box::new(any_value(*items)));
    Schema { properties, items, values: Vec::new(), ..schema }
}

impl From<Schema> for Shape {
    fn from(schema: Schema) -> Self {
        Self { schema, unsure: None, guard: None }
    }
}

impl Expression {
    /// What is known of the value, with findings on what it reads.
    pub fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        Shape { unsure: None, ..self.shape_said(cx) }
    }

    /// The same with why it may be null; that a path may lead nowhere is said.
    fn shape_said(&self, cx: &mut Typing<'_>) -> Shape {
        let shape = self.shape_if_there(cx);
        if let (Made::Path(path), Some(why)) = (&self.made, &shape.unsure) {
            uncertain(path.text(), self.at, (why, shape.guard.as_deref()), cx.report);
        }
        shape
    }

    /// The same where whoever reads it says what stands for a value that is missing.
    pub fn shape_if_there(&self, cx: &mut Typing<'_>) -> Shape {
        match &self.made {
            Made::Literal(value) => Shape::of(value),
            Made::Path(path) => path.shape(cx),
            Made::Rhai(script) => script.shape(cx),
            Made::Text(template) => template.shape(cx),
            Made::List(items) => {
                let shapes: Vec<Shape> = items.iter().map(|item| item.shape(cx)).collect();
                let first = shapes.first().map(|shape| shape.schema.kind);
                let is_one_kind = shapes.iter().all(|shape| Some(shape.schema.kind) == first);
                let item = first.flatten().filter(|_| is_one_kind).map(Shape::of_kind);
                Shape::list(item.unwrap_or_default())
            }
            Made::Object(entries) => {
                Shape::object(entries.iter().map(|(name, item)| (name.value.clone(), item.shape(cx))).collect())
            }
            Made::Operator(operator) => operator.shape(cx),
        }
    }
}

impl Template {
    /// Checks the values in it; it makes a text.
    pub fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        for path in self.paths() {
            let shape = path.shape(cx);
            if let Some(why) = &shape.unsure {
                uncertain(path.text(), path.at(), (why, shape.guard.as_deref()), cx.report);
            }
            if let Some(kind @ (Kind::Object | Kind::Array)) = shape.schema.kind {
                let message = format!("`{}` is {}, and a text needs one value", path.text(), in_words(kind));
                cx.report.error("wrong-input", path.at(), message, "name the field that is meant");
            }
        }
        let length_max = self.constant().map(|text| text.chars().count());
        Schema { length_max, ..Shape::of_kind(Kind::String).schema }.into()
    }
}

/// Whether a value of a kind can be one of another.
fn may_be(kind: Kind, other: Kind) -> bool {
    let is_number = |kind| matches!(kind, Kind::Integer | Kind::Number);
    kind == other || (is_number(kind) && is_number(other))
}

fn in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "a text",
        Kind::Number => "a number",
        Kind::Integer => "a whole number",
        Kind::Boolean => "true or false",
        Kind::Object => "a map",
        Kind::Array => "a list",
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
