//! Where a number, a flag or a text of a certain form is written, a reference to a parameter may stand.

use serde_json::{Map, Value, json};

/// What such a reference looks like.
const REFERENCE: &str = "^\\$\\{param:";
/// How the pattern of a JSONPath begins.
const PATH: &str = "^\\$($";
/// What a schema only asks, and does not want.
const QUESTIONS: [&str; 2] = ["if", "not"];

/// Lets a reference stand wherever the schema wants more than a text.
pub(super) fn add_references(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            of_type(map);
            let parts = map.iter_mut().filter(|(key, _)| !QUESTIONS.contains(&key.as_str()));
            parts.for_each(|(_, part)| add_references(part));
        }
        Value::Array(items) => items.iter_mut().for_each(add_references),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn of_type(map: &mut Map<String, Value>) {
    let types: Vec<String> = match map.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        // A property that is called `type` is a schema, too.
        Some(_) => return,
        None => Vec::new(),
    };
    let is_exact = |name: &String| ["integer", "number", "boolean"].contains(&name.as_str());
    let takes_text = types.iter().any(|name| name == "string");
    // A parameter is never a path.
    let pattern = map.get("pattern").and_then(Value::as_str).filter(|pattern| !pattern.starts_with(PATH));
    let pattern = pattern.map(|pattern| format!("(?:{pattern})|{REFERENCE}"));
    if types.iter().any(is_exact) && !takes_text {
        let more = types.into_iter().chain(["string".to_owned()]);
        map.insert("type".to_owned(), more.collect());
        map.insert("pattern".to_owned(), json!(REFERENCE));
    } else if let Some(pattern) = pattern {
        map.insert("pattern".to_owned(), json!(pattern));
    }
}
