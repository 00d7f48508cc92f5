//! The leaves of the language as JSON Schema: texts, durations, conditions, paths and values.
//!
//! They hold nothing: the types beside this file are descriptions, and are never made.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value as Json, json};

use super::operators;

/// The name of the schema that `actions` fills with the actions of a catalog.
pub(super) const ACTION_NAME: &str = "ActionName";
/// The name of the schema that `actions` fills with what each action takes.
pub(super) const CALL: &str = "Call";

macro_rules! written {
    ($(#[$doc:meta])* $name:ident, inline $inline:literal, $schema:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                $inline
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let make: fn(&mut SchemaGenerator) -> Schema = $schema;
                make(generator)
            }
        }
    };
}

written!(
    /// A text; a number is taken as it is written.
    Text, inline true, |_| json_schema!({ "type": ["string", "number"] })
);
written!(
    /// A text, or a list of texts.
    Texts, inline true, |_| json_schema!({
        "type": ["string", "number", "array"],
        "items": { "type": ["string", "number"] },
    })
);
written!(
    /// The version of the language.
    Version, inline true, |_| json_schema!({ "enum": [1, "1"] })
);
written!(
    /// A duration that may be no time.
    Duration, inline true, |_| duration("^[0-9]+(ms|s|m|h|d)$", "write a duration such as `500ms`, `30s`, `15m`, `2h` or `5d`")
);
written!(
    /// A duration that is longer than no time.
    Interval, inline true, |_| duration("^0*[1-9][0-9]*(ms|s|m|h|d)$", "write a duration longer than no time, such as `30s`, `15m`, `2h` or `5d`")
);
written!(
    /// A condition in Rhai.
    Condition, inline true, |_| json_schema!({ "type": ["string", "number"] })
);
written!(
    /// A JSONPath.
    JsonPath, inline true, |_| json_schema!({
        "type": "string",
        "pattern": "^\\$($|[.\\[])",
        "patternErrorMessage": "write a JSONPath such as `$.Id`",
    })
);
written!(
    /// Data that nothing is read from: itself.
    Plain, inline true, |_| json_schema!({})
);
written!(
    /// A map with free names, whose values are data.
    PlainMap, inline true, |_| json_schema!({ "type": "object" })
);
written!(
    /// `connection.action`; which ones there are, the catalog says.
    ActionName, inline false, |_| json_schema!({ "type": "string" })
);
written!(
    /// What each action takes; the catalog says it.
    Call, inline false, |_| json_schema!({})
);
written!(
    /// A value: itself, a JSONPath, a Rhai expression, a text with values, a mapping operator, or a tree of these.
    Value, inline false, |generator| {
        let operator = generator.subschema_for::<operators::Operator>();
        let form = generator.subschema_for::<operators::Form>();
        let keys = generator.subschema_for::<operators::Keys>();
        let value = generator.subschema_for::<Value>();
        json_schema!({
            "pattern": "^([^$]|$|\\$($|[.\\[$]))",
            "patternErrorMessage": "a text that begins with `$` is a JSONPath such as `$.event.Id`; `$$` begins a text with a dollar sign",
            "items": value,
            "if": { "type": "object" },
            "then": {
                "if": form,
                "then": operator,
                "else": {
                    "additionalProperties": value,
                    "if": { "maxProperties": 1 },
                    "then": keys,
                },
            },
        })
    }
);

written!(
    /// A value of a manifest: itself, a JSONPath, a Rhai expression, a text with values, or a tree of these.
    Made, inline false, |generator| {
        let made = generator.subschema_for::<Made>();
        json_schema!({
            "pattern": "^([^$]|$|\\$($|[.\\[$]))",
            "patternErrorMessage": "a text that begins with `$` is a JSONPath such as `$.id`; `$$` begins a text with a dollar sign",
            "items": made,
            "additionalProperties": made,
        })
    }
);

fn duration(pattern: &str, message: &str) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": pattern,
        "patternErrorMessage": message,
        "errorMessage": message,
    })
}

/// The schema of that name.
pub(super) fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{name}") })
}
