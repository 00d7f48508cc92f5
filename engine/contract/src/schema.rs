//! The part of JSON Schema with which a manifest describes inputs and outputs.

use serde_json::Value;

use crate::{money::currency_symbol, number, record::Role};

/// What a value is allowed to be. Absent keywords allow anything, as in JSON Schema.
#[expect(clippy::struct_excessive_bools, reason = "the keywords of JSON Schema are such")]
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// `type`; none allows all.
    pub kind: Option<Kind>,
    /// `description`: what it is, with units and source, for `ferry explain` and hover.
    pub description: String,
    /// `properties`, in the order of the manifest.
    pub properties: Vec<(String, Schema)>,
    /// `required`.
    pub required: Vec<String>,
    /// `additionalProperties`: `false` unless the manifest says `true`.
    pub open: bool,
    /// What all other properties of an open map are, where that is known. No keyword: it comes of files.
    pub others: Option<Box<Schema>>,
    /// Whether what is not `required` may be missing, and a list be empty; without it, `required` says so where it names
    /// any. No keyword.
    pub is_sparse: bool,
    /// `items`.
    pub items: Option<Box<Schema>>,
    /// `enum`; empty allows all.
    pub values: Vec<Value>,
    /// `maxLength`, characters.
    pub length_max: Option<usize>,
    /// `format`: the standard that a text is a code of.
    pub format: Option<Format>,
    /// `sensitive`: nobody needs to see it whole, such as an account number. Our own keyword.
    pub sensitive: bool,
    /// `example`.
    pub example: Option<Value>,
    /// `deprecated`: what to write instead. Our own form of the keyword, which is a flag in JSON Schema.
    pub deprecated: Option<String>,
    /// `record`: what it is to a kind of record that a snapshot of the project may describe. Our own keyword.
    pub record: Option<Role>,
    /// Whether `*` stands for all but its last four characters, as in `***1111`. No keyword: it comes of `mask`.
    pub masked: bool,
    /// What it is called in findings; empty where it has no name of its own.
    pub title: String,
    /// Why nothing may be written into it.
    pub refused: Option<Refusal>,
}

/// Why nothing may be written into a field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Behind its name: `cannot be changed`.
    pub why: String,
    /// What to write instead.
    pub help: String,
}

/// A standard whose codes are texts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// ISO 4217, such as `USD`.
    Currency,
    /// ISO 3166-1 alpha-2, such as `NO`.
    Country2,
    /// ISO 3166-1 alpha-3, such as `NOR`.
    Country3,
}

impl Format {
    /// All of them, as a manifest writes them.
    pub const ALL: [(&'static str, Self); 3] =
        [("currency", Self::Currency), ("country-alpha-2", Self::Country2), ("country-alpha-3", Self::Country3)];

    /// The standard's name, and one of its codes.
    pub fn standard(self) -> (&'static str, &'static str) {
        match self {
            Self::Currency => ("ISO 4217", "USD"),
            Self::Country2 => ("ISO 3166-1 alpha-2", "NO"),
            Self::Country3 => ("ISO 3166-1 alpha-3", "NOR"),
        }
    }

    /// Whether a text may be one of its codes: a currency that there is, or as many capital letters.
    pub fn allows(self, text: &str) -> bool {
        let is_upper = |length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_uppercase());
        match self {
            Self::Currency => currency_symbol(text).is_some(),
            Self::Country2 => is_upper(2),
            Self::Country3 => is_upper(3),
        }
    }
}

/// A JSON type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Text.
    String,
    /// An exact number.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A map.
    Object,
    /// A list.
    Array,
}

impl Kind {
    /// All kinds with their JSON Schema names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("integer", Self::Integer),
        ("boolean", Self::Boolean),
        ("object", Self::Object),
        ("array", Self::Array),
    ];

    /// The JSON Schema name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("any", |(name, _)| name)
    }

    fn allows(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Integer, Value::Number(number)) => {
                number::to_decimal(number).is_some_and(|decimal| decimal.fract().is_zero())
            }
            (Self::String, Value::String(_))
            | (Self::Number, Value::Number(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::Object, Value::Object(_))
            | (Self::Array, Value::Array(_)) => true,
            _ => false,
        }
    }
}

/// How many characters of a text `mask` leaves.
pub const MASK_SHOWN_CHARS: usize = 4;

impl Schema {
    /// The most characters that a text can have, as far as it is known: of its constants, or what it is allowed.
    pub fn longest(&self) -> Option<usize> {
        let constants = self.values.iter().filter_map(Value::as_str).map(|text| text.chars().count()).max();
        constants.or(self.length_max)
    }

    /// The schema of a property.
    pub fn property(&self, name: &str) -> Option<&Schema> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, schema)| schema)
    }

    /// What is known of a field: of the property, or of all others.
    pub fn field(&self, name: &str) -> Option<&Schema> {
        self.property(name).or(self.others.as_deref())
    }

    /// Whether it has these properties and no others.
    pub fn is_closed(&self) -> bool {
        !self.open && (self.is_sparse || !self.properties.is_empty())
    }

    /// Whether it says which of its properties are always there.
    pub fn says_what_is_there(&self) -> bool {
        self.is_sparse || !self.required.is_empty()
    }

    /// Whether a property that may be there may also be missing.
    pub fn may_lack(&self, name: &str) -> bool {
        self.says_what_is_there() && !self.required.iter().any(|known| known == name)
    }

    /// The names of all properties that are `sensitive`, at any depth.
    pub fn sensitive_names(&self) -> Vec<&str> {
        let inner = self.items.iter().flat_map(|items| items.sensitive_names());
        let own = self.properties.iter().flat_map(|(name, schema)| {
            let own = schema.sensitive.then_some(name.as_str());
            own.into_iter().chain(schema.sensitive_names())
        });
        inner.chain(own).collect()
    }

    /// What a value has in its `sensitive` places: texts and numbers, as text.
    pub fn sensitive_values(&self, value: &Value) -> Vec<String> {
        match value {
            Value::String(text) if self.sensitive => vec![text.clone()],
            Value::Number(number) if self.sensitive => vec![number.to_string()],
            Value::Array(items) => {
                let schema = self.items.iter();
                schema.flat_map(|schema| items.iter().flat_map(|item| schema.sensitive_values(item))).collect()
            }
            Value::Object(map) => {
                let known = self.properties.iter().filter_map(|(name, schema)| Some((schema, map.get(name)?)));
                known.flat_map(|(schema, item)| schema.sensitive_values(item)).collect()
            }
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Number(_) => Vec::new(),
        }
    }

    /// What in the value is not as the schema says, each with its path; a null stands for absent.
    pub fn violations(&self, value: &Value) -> Vec<String> {
        let mut out = Vec::new();
        self.check(value, "$", &mut out);
        out
    }

    fn check(&self, value: &Value, path: &str, out: &mut Vec<String>) {
        if let Some(kind) = self.kind.filter(|kind| !kind.allows(value)) {
            out.push(format!("`{path}` must be {}, and is {}", kind.name(), kind_of(value)));
            return;
        }
        if !self.values.is_empty() && !self.values.iter().any(|allowed| number::equal(allowed, value)) {
            let allowed: Vec<_> = self.values.iter().map(Value::to_string).collect();
            out.push(format!("`{path}` must be one of {}, and is {value}", allowed.join(", ")));
        }
        match value {
            Value::String(text) => {
                let length = text.chars().count();
                if let Some(max) = self.length_max.filter(|max| length > *max) {
                    out.push(format!("`{path}` has {length} characters, and {max} are the most"));
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.items.iter().for_each(|schema| schema.check(item, &format!("{path}[{index}]"), out));
                }
            }
            Value::Object(map) => self.check_object(map, path, out),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn check_object(&self, map: &serde_json::Map<String, Value>, path: &str, out: &mut Vec<String>) {
        for name in &self.required {
            if map.get(name).is_none_or(Value::is_null) {
                out.push(format!("`{path}.{name}` is required"));
            }
        }
        for (name, item) in map {
            match self.property(name) {
                Some(_) if item.is_null() => {}
                Some(schema) => schema.check(item, &format!("{path}.{name}"), out),
                None if self.open || self.properties.is_empty() => {}
                None => out.push(format!("`{path}.{name}` is not known")),
            }
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn violations_name_their_path() {
        let schema = Schema {
            kind: Some(Kind::Object),
            required: vec!["id".into()],
            properties: vec![
                ("id".into(), Schema { kind: Some(Kind::String), length_max: Some(3), ..Schema::default() }),
                (
                    "n".into(),
                    Schema { kind: Some(Kind::Integer), values: vec![json!(1), json!(2)], ..Schema::default() },
                ),
            ],
            ..Schema::default()
        };
        let violations = |value: Value| schema.violations(&value).join("; ");
        assert_eq!(violations(json!({"id": "abc", "n": 2})), "");
        assert_eq!(
            violations(json!({"id": "abcd", "n": 3})),
            "`$.id` has 4 characters, and 3 are the most; `$.n` must be one of 1, 2, and is 3"
        );
        assert_eq!(violations(json!({"n": null, "x": 1})), "`$.id` is required; `$.x` is not known");
        assert_eq!(violations(json!([])), "`$` must be object, and is an array");
    }
}
