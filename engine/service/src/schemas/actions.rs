//! What the catalog says, as JSON Schema: what each action takes, and which ones there are.
//!
//! The chosen action's documentation stands in the `then` branch of its own condition, because an editor would show an
//! `enum`'s documentation for all actions at once; and names are told by patterns, because a list in a schema that matches
//! is shown as a whole, too.

use std::collections::BTreeMap;

use ferry_contract::{
    catalog::{Action, Catalog},
    schema::{Kind, Schema},
};
use serde_json::{Map, Value, json};

use super::{
    rules::completions,
    written::{ACTION_NAME, CALL, reference},
};

/// The actions that a pipeline may name, by `connection.action`.
pub(super) type Actions<'a> = BTreeMap<String, &'a Action>;

/// The names of JSON types.
pub(super) fn kinds() -> Vec<&'static str> {
    Kind::ALL.iter().map(|(name, _)| *name).collect()
}

/// The actions of these connections, each with its connector.
pub(super) fn of<'a>(catalog: &'a Catalog, connections: &BTreeMap<String, String>) -> Actions<'a> {
    let mut actions = Actions::new();
    for (connection, connector) in connections {
        let known = catalog.connectors.get(connector).into_iter().flat_map(|connector| &connector.actions);
        actions.extend(known.map(|(name, action)| (format!("{connection}.{name}"), action)));
    }
    actions
}

/// Fills a schema with what calls take. Where `is_closed`, there are no connections but these.
pub(super) fn fill(schema: &mut Value, actions: &Actions<'_>, is_closed: bool) {
    let Some(Value::Object(definitions)) = schema.get_mut("$defs") else { return };
    if definitions.contains_key(ACTION_NAME) {
        definitions.insert(ACTION_NAME.to_owned(), name(actions, is_closed));
        let cases: Vec<Value> = actions.iter().map(|(name, action)| case(name, action)).collect();
        definitions.insert(CALL.to_owned(), json!({ "allOf": cases }));
    }
}

fn name(actions: &Actions<'_>, is_closed: bool) -> Value {
    let names: Vec<&String> = actions.keys().collect();
    let known = json!({ "enum": names });
    let other = json!({
        "pattern": "^[^.\\s]+\\.[^.\\s]+$",
        "patternErrorMessage": "write a connection and its action, such as `payoneer.get_balance`",
        "description": "An action of a connection: `CONNECTION.ACTION`.",
    });
    let mut connections: Vec<String> = names.iter().filter_map(|name| Some(escaped(name.split_once('.')?.0))).collect();
    connections.dedup();
    let of_known = format!("^(?:(?:{})\\..*|[^.]*)$", connections.join("|"));
    let rest = json!({ "if": { "pattern": of_known }, "then": known, "else": other });
    let full: Vec<String> = names.iter().map(|name| escaped(name)).collect();
    json!({
        "type": "string",
        "if": { "type": "string", "pattern": format!("^(?:{})$", full.join("|")) },
        "else": if is_closed { known } else { rest },
        "defaultSnippets": completions(actions.iter().map(|(name, action)| (name.as_str(), action.summary.as_str()))),
    })
}

/// A name in a regular expression.
fn escaped(name: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || letter == '_';
    name.chars().flat_map(|letter| (!is_plain(letter)).then_some('\\').into_iter().chain([letter])).collect()
}

fn case(name: &str, action: &Action) -> Value {
    let documentation = format!(
        "**{}**\n\n{}{}\n\nEffect: {}.\n\nSource: {}.",
        action.name,
        told(action.deprecated.as_deref()),
        action.summary,
        action.effect.in_words(),
        action.source
    );
    let mut input = written(&action.input, true);
    input["else"]["title"] = name.into();
    let mut named = Map::from_iter([("markdownDescription".to_owned(), documentation.into())]);
    deprecate(action.deprecated.as_deref(), &mut named);
    let mut then = json!({ "properties": { "action": named, "with": input } });
    if !action.input.required.is_empty() {
        let needed = action.input.required.join("`, `");
        then["required"] = json!(["with"]);
        then["errorMessage"] = format!("`{name}` needs `with` that has `{needed}`").into();
    }
    let is_it = json!({ "properties": { "action": { "const": name } }, "required": ["action"] });
    json!({ "if": is_it, "then": then })
}

/// Marks what is deprecated. `deprecated` is of JSON Schema, and `deprecationMessage` of editors.
pub(super) fn deprecate(instead: Option<&str>, out: &mut Map<String, Value>) {
    if let Some(instead) = instead {
        out.insert("deprecated".to_owned(), true.into());
        out.insert("deprecationMessage".to_owned(), format!("deprecated: {instead}").into());
    }
}

/// What is said before anything else of what is deprecated.
pub(crate) fn told(instead: Option<&str>) -> String {
    instead.map_or_else(String::new, |instead| format!("Deprecated: {instead}. "))
}

/// What a value of this schema may be where a pipeline is written: its type, a JSONPath, or an operator.
fn written(schema: &Schema, is_required: bool) -> Value {
    let is_map = schema.kind.is_none_or(|kind| kind == Kind::Object);
    let (is_operator, plain) = if is_map {
        (reference("OperatorForm"), map(schema))
    } else {
        (json!({ "type": "object" }), leaf(schema, is_required))
    };
    let mut all = Map::new();
    document(schema, &mut all);
    let rest = json!({ "if": is_operator, "then": reference("Operator"), "else": plain });
    all.extend(rest.as_object().cloned().unwrap_or_default());
    all.into()
}

/// A map as it is described, or a JSONPath. It has no message of its own, which would stand for each missing field, too.
fn map(schema: &Schema) -> Value {
    let Some(_) = schema.kind else { return reference("Value") };
    let is_required = |name: &String| schema.required.contains(name);
    let properties = schema.properties.iter().map(|(name, field)| (name.clone(), written(field, is_required(name))));
    let properties: Map<_, _> = properties.collect();
    let is_open = schema.open || schema.properties.is_empty();
    let others = if is_open { reference("Value") } else { false.into() };
    json!({
        "type": ["object", "string"],
        "pattern": "^\\$",
        "patternErrorMessage": message(Kind::Object),
        "properties": properties,
        "required": schema.required,
        "additionalProperties": others,
    })
}

/// A value that is no map, or a JSONPath.
fn leaf(schema: &Schema, is_required: bool) -> Value {
    let kind = schema.kind.unwrap_or(Kind::String);
    let text = (kind != Kind::String).then_some("string");
    let null = (!is_required).then_some("null");
    let kinds: Vec<&str> = [kind.name()].into_iter().chain(text).chain(null).collect();
    let mut plain = json!({ "type": kinds, "errorMessage": message(kind) });
    let is_path = json!({ "type": "string", "pattern": "^\\$" });
    if !schema.values.is_empty() {
        plain["allOf"] = json!([{ "if": is_path, "else": { "enum": schema.values } }]);
        return plain;
    }
    if let Some(length) = schema.length_max {
        plain["allOf"] = json!([{ "if": is_path, "else": { "maxLength": length } }]);
    }
    if text.is_some() {
        plain["pattern"] = "^\\$".into();
    }
    if let Some(items) = &schema.items {
        plain["items"] = written(items, true);
    }
    plain
}

fn message(kind: Kind) -> String {
    let kind = in_words(kind);
    format!("write {kind}, a JSONPath that begins with `$`, or an operator such as `{{ rhai: … }}`")
}

fn in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "a text",
        Kind::Number => "a number",
        Kind::Integer => "a whole number",
        Kind::Boolean => "`true` or `false`",
        Kind::Object => "a map",
        Kind::Array => "a list",
    }
}

/// An action as a document: what it takes and gives, as plain JSON Schema.
pub(super) fn document_of(action: &Action) -> Value {
    let mut document = json!({
        "title": action.name,
        "description": format!("{}{} Source: {}.", told(action.deprecated.as_deref()), action.summary, action.source),
        "type": "object",
        "properties": { "input": data(&action.input, true), "output": data(&action.output, true) },
        "required": ["input", "output"],
        "additionalProperties": false,
    });
    document.as_object_mut().into_iter().for_each(|document| deprecate(action.deprecated.as_deref(), document));
    document
}

/// A schema of the catalog as plain JSON Schema; null stands for what is absent.
pub(crate) fn data(schema: &Schema, is_required: bool) -> Value {
    let mut out = Map::new();
    document(schema, &mut out);
    if let Some(kind) = schema.kind {
        let kind = if is_required { json!(kind.name()) } else { json!([kind.name(), "null"]) };
        out.insert("type".to_owned(), kind);
    }
    if !schema.values.is_empty() {
        let null = (!is_required).then_some(Value::Null);
        out.insert("enum".to_owned(), schema.values.iter().cloned().chain(null).collect());
    }
    if let Some(length) = schema.length_max {
        out.insert("maxLength".to_owned(), length.into());
    }
    if let Some(items) = &schema.items {
        out.insert("items".to_owned(), data(items, true));
    }
    if !schema.properties.is_empty() {
        let is_required = |name: &String| schema.required.contains(name);
        let properties = schema.properties.iter().map(|(name, field)| (name.clone(), data(field, is_required(name))));
        out.insert("properties".to_owned(), properties.collect::<Map<_, _>>().into());
        out.insert("required".to_owned(), json!(schema.required));
        out.insert("additionalProperties".to_owned(), schema.open.into());
    }
    if schema.sensitive {
        out.insert("x-sensitive".to_owned(), true.into());
    }
    out.into()
}

fn document(schema: &Schema, out: &mut Map<String, Value>) {
    if !schema.description.is_empty() {
        let description = format!("{}{}", told(schema.deprecated.as_deref()), schema.description);
        out.insert("description".to_owned(), description.into());
    }
    deprecate(schema.deprecated.as_deref(), out);
    if let Some(example) = &schema.example {
        out.insert("examples".to_owned(), json!([example]));
    }
}
