//! What derived schemas lack: keys of which one is written, and keys that only stand beside others.
//!
//! The shapes are those for which yaml-language-server gives a message that says what to do; a `oneOf` would only say
//! that several schemas match.

use schemars::Schema;
use serde_json::{Value, json};

use super::written::{CALL, reference};

/// Exactly one of these keys is written; `none` says what to do where none is.
pub(super) fn exactly_one(keys: &'static [&'static str], none: &'static str) -> impl FnMut(&mut Schema) {
    move |schema| {
        let any: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
        let first = keys[0];
        let missing = json!({ "if": { "anyOf": any }, "else": { "required": [first], "errorMessage": none } });
        add(schema, missing);
        at_most_one(keys)(schema);
    }
}

/// A key that is needed beside a map, unless the map has a key of its own.
pub(super) fn needed_unless(key: &'static str, map: &'static str, has: &'static str) -> impl FnMut(&mut Schema) {
    move |schema| {
        let has_not = json!({ "properties": { map: { "not": { "required": [has] } } }, "required": [map] });
        add(schema, json!({ "if": has_not, "then": { "required": [key] } }));
    }
}

/// At most one of these keys is written: each of them refuses those behind it.
pub(super) fn at_most_one(keys: &'static [&'static str]) -> impl FnMut(&mut Schema) {
    move |schema| {
        for (index, key) in keys.iter().enumerate() {
            let Some(others) = keys.get(index + 1..).filter(|others| !others.is_empty()) else { continue };
            let message = format!("`{key}` is written already, and only one of `{}` can be", keys.join("`, `"));
            add(schema, json!({ "if": { "required": [key] }, "then": refused(others, &message) }));
        }
    }
}

/// A key that means nothing but beside one of the others.
pub(super) fn only_beside(
    key: &'static str,
    others: &'static [&'static str],
    message: &'static str,
) -> impl FnMut(&mut Schema) {
    move |schema| {
        let any: Vec<Value> = others.iter().map(|other| json!({ "required": [other] })).collect();
        add(schema, json!({ "if": { "anyOf": any }, "else": refused(&[key], message) }));
    }
}

/// Two keys of which only one is written.
pub(super) fn never_both(one: &'static str, other: &'static str, message: &'static str) -> impl FnMut(&mut Schema) {
    move |schema| add(schema, json!({ "if": { "required": [one] }, "then": refused(&[other], message) }))
}

/// A key that has to be written beside another one.
pub(super) fn needs(key: &'static str, needed: &'static str) -> impl FnMut(&mut Schema) {
    move |schema| add(schema, json!({ "if": { "required": [key] }, "then": { "required": [needed] } }))
}

/// Each key may be null, which takes away what stands in its place elsewhere.
pub(super) fn may_be_null(schema: &mut Schema) {
    let properties = schema.ensure_object().get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flatten().map(|(_, property)| property) {
        let description = property.as_object_mut().and_then(|property| property.remove("description"));
        *property = json!({ "anyOf": [property.take(), { "type": "null" }], "description": description });
    }
}

/// `action` names what `with` is checked against. Its description is that of the chosen action, which an editor shows
/// only where the key has none of its own.
pub(super) fn call(schema: &mut Schema) {
    let action = schema.ensure_object().get_mut("properties").and_then(|properties| properties.get_mut("action"));
    if let Some(Value::Object(action)) = action {
        action.remove("description");
    }
    add(schema, reference(CALL));
}

/// The same map, or else one of a few words.
pub(super) fn or_word(words: &'static [&'static str]) -> impl FnMut(&mut Schema) {
    move |schema| {
        let map = schema.clone().to_value();
        let mut either = json!({ "if": { "type": "object" }, "then": map, "else": { "enum": words } });
        either["defaultSnippets"] = completions(words.iter().map(|word| (*word, "")));
        *schema = Schema::try_from(either).expect("a map is a schema");
    }
}

/// The same map, or else another schema.
pub(super) fn or_else(other: fn() -> Value) -> impl FnMut(&mut Schema) {
    move |schema| {
        let map = schema.clone().to_value();
        let either = json!({ "if": { "type": "object" }, "then": map, "else": other() });
        *schema = Schema::try_from(either).expect("a map is a schema");
    }
}

/// Words that an editor offers, each with what it means. It looks for an `enum` behind no condition, and shows the whole
/// of one beside a value that is right; of these it does neither.
pub(super) fn completions<'w>(words: impl IntoIterator<Item = (&'w str, &'w str)>) -> Value {
    let offered =
        |(word, meaning): (&str, &str)| json!({ "label": word, "markdownDescription": meaning, "body": word });
    words.into_iter().map(offered).collect()
}

/// Descriptions as Markdown, which editors show only where they are told that it is.
pub(super) fn in_markdown(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(in_markdown);
            let text = map.get("description").and_then(Value::as_str).map(str::to_owned);
            if let Some(text) = text.filter(|text| text.contains(['`', '_', '*', '{'])) {
                map.insert("markdownDescription".to_owned(), text.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(in_markdown),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn refused(keys: &[&str], message: &str) -> Value {
    let keys: serde_json::Map<_, _> = keys.iter().map(|key| ((*key).to_owned(), Value::Bool(false))).collect();
    json!({ "properties": keys, "errorMessage": message })
}

fn add(schema: &mut Schema, rule: Value) {
    let all = schema.ensure_object().entry("allOf").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(all) = all {
        all.push(rule);
    }
}

/// A key that is left out is left out, and not null.
pub(super) fn without_null(value: &mut Value) {
    if let Value::Object(map) = value {
        if let Some(Value::Array(kinds)) = map.get_mut("type") {
            kinds.retain(|kind| kind != "null");
            if let [one] = kinds.as_slice() {
                map["type"] = one.clone();
            }
        }
        let alternatives = map.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_null = |schema: &Value| schema["type"] == "null" && schema.as_object().is_some_and(|map| map.len() == 1);
        if let [one, null] = alternatives.as_slice()
            && is_null(null)
            && let Value::Object(one) = one
        {
            map.shift_remove("anyOf");
            map.extend(one.clone());
        }
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(without_null),
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
