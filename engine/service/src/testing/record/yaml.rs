//! Values as a person would write them in YAML: short maps on one line, words without quotes.

use serde_json::Value;

/// What fits on a line stands on one.
const LINE_MAX_CHARS: usize = 90;
/// Words that other readers of YAML take for something else.
const RESERVED: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// A value as a document.
pub(super) fn written(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(map) => {
            for (key, item) in map {
                out.push_str(&format!("{pad}{}:", text(key)));
                child(item, indent, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                let flow = flow(item);
                if is_short(item, &flow, indent) {
                    out.push_str(&format!("{pad}- {flow}\n"));
                    continue;
                }
                let mut inner = String::new();
                block(item, indent + 1, &mut inner);
                // The first line of the item stands beside the dash.
                out.push_str(&format!("{pad}- {}", inner.trim_start()));
            }
        }
        scalar => out.push_str(&format!("{pad}{}\n", flow(scalar))),
    }
}

fn child(item: &Value, indent: usize, out: &mut String) {
    let flow = flow(item);
    if is_short(item, &flow, indent) {
        out.push_str(&format!(" {flow}\n"));
    } else {
        out.push('\n');
        block(item, indent + 1, out);
    }
}

fn is_short(item: &Value, flow: &str, indent: usize) -> bool {
    let is_deep = |item: &Value| {
        matches!(item, Value::Object(_) | Value::Array(_)) && item.as_object().is_none_or(|map| map.len() > 1)
    };
    let is_flat = match item {
        Value::Object(map) => !map.is_empty() && map.values().all(|item| !is_deep(item)),
        Value::Array(items) => items.iter().all(|item| !is_deep(item) && !item.is_object()),
        _ => return true,
    };
    let is_empty = item.as_object().is_some_and(serde_json::Map::is_empty);
    is_empty || (is_flat && flow.chars().count() + 2 * indent <= LINE_MAX_CHARS)
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, item)| format!("{}: {}", text(key), flow(item))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(string) => text(string),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Plain where nothing in it means anything to YAML; else as JSON writes it, which YAML reads.
fn text(string: &str) -> String {
    let is_word = |char: char| char.is_ascii_alphanumeric() || " _.-".contains(char);
    let begins = string.starts_with(|char: char| char.is_ascii_alphabetic());
    let is_plain = begins && string.chars().all(is_word) && !string.ends_with(' ') && !string.contains("  ");
    let is_reserved = RESERVED.contains(&string.to_ascii_lowercase().as_str());
    if is_plain && !is_reserved { string.to_owned() } else { Value::from(string).to_string() }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use ferry_contract::{
        number,
        report::{Report, Source},
        yaml,
    };
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same_value() {
        let mut value = json!({
            "name": "a: b #c", "no": "NO", "empty": {}, "none": [], "null": null, "10": "010", "text": "line\nline \"x\" ü",
            "list": [[1, 2], { "a": { "b": 1, "c": [{ "d": "e" }] } }, { "one": { "two": "three" } }],
            "deep": { "values": { "Status__c": "Needs Correction", "Amount__c": 0 }, "other": "x" },
        });
        value["deep"]["values"]["Amount__c"] = serde_json::from_str("1250.10").unwrap();
        let text = written(&value);
        let source = Source::new("w.yaml", text.as_str());
        let mut report = Report::new(&source);
        let read = yaml::parse(&source, &mut report).map(|root| root.to_value());
        assert!(report.findings().is_empty(), "{:?}\n{text}", report.findings());
        assert!(number::equal(&read.unwrap(), &value), "{text}");
        expect![[r#"
            name: "a: b #c"
            "no": "NO"
            empty: {}
            none: []
            "null": null
            "10": "010"
            text: "line\nline \"x\" ü"
            list:
              - [1, 2]
              - a:
                  b: 1
                  c:
                    - { d: e }
              - { one: { two: three } }
            deep:
              values: { Status__c: Needs Correction, Amount__c: 1250.10 }
              other: x
        "#]]
        .assert_eq(&text);
    }
}
