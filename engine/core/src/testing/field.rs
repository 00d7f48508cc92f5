//! One field of a value, and what it must be: `values.Status__c: Completed`.

use ferry_contract::{
    number,
    path::{Document, Path},
    report::{Report, Spanned},
    yaml::{Kind, Node, read::map},
};
use serde_json::Value;

/// One field, and what it must be.
#[derive(Clone, Debug)]
pub struct Field {
    /// As it is written: a JSONPath, or names joined by dots.
    pub name: Spanned<String>,
    path: Path,
    wanted: Wanted,
}

#[derive(Clone, Debug)]
enum Wanted {
    Equal(Value),
    Contains(String),
    /// There and not null, or not.
    Present(bool),
}

/// Reads fields with what they must be.
pub(super) fn fields(node: &Node, what: &str, report: &mut Report) -> Vec<Field> {
    let entries = map(node, what, report).unwrap_or_default();
    entries.iter().filter_map(|(name, value)| field(name, value, report)).collect()
}

/// Reads what a value must be: fields of it, or the whole of what is no map.
pub(super) fn whole_or_fields(node: &Node, what: &str, report: &mut Report) -> Vec<Field> {
    match node.entries() {
        Some([]) | None => {
            let wanted = Wanted::Equal(node.to_value());
            let path = Path::parse("$").expect("the root is a path");
            vec![Field { name: Spanned::new("$".to_owned(), node.at), path, wanted }]
        }
        Some(_) => fields(node, what, report),
    }
}

fn field(name: &Spanned<String>, value: &Node, report: &mut Report) -> Option<Field> {
    let path = match Path::parse(&as_path(&name.value)) {
        Ok(path) => path,
        Err(message) => {
            let message = format!("`{}` names no field: {message}", name.value);
            report.error("invalid-jsonpath", name.at, message, "write `values.Status__c`, or `$.values['Status__c']`");
            return None;
        }
    };
    Some(Field { name: name.clone(), path, wanted: wanted(value) })
}

/// `{ contains: TEXT }` and `{ present: true }` say something of a value; everything else is the value.
fn wanted(node: &Node) -> Wanted {
    let only = match node.entries() {
        Some([(key, value)]) => Some((key.value.as_str(), &value.kind)),
        _ => None,
    };
    match only {
        Some(("contains", Kind::Text(text))) => Wanted::Contains(text.value.clone()),
        Some(("present", Kind::Bool(is_present))) => Wanted::Present(*is_present),
        _ => Wanted::Equal(node.to_value()),
    }
}

/// A JSONPath as it is; names joined by dots, of which a number is a place in a list.
fn as_path(name: &str) -> String {
    if name.starts_with('$') {
        return name.to_owned();
    }
    let step = |part: &str| match part.parse::<u32>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!("['{}']", part.replace('\\', "\\\\").replace('\'', "\\'")),
    };
    name.split('.').map(step).fold("$".to_owned(), |path, step| path + step.as_str())
}

impl Field {
    /// Whether the value has it as it must be.
    pub fn holds(&self, value: &Value) -> bool {
        let found = self.path.one(Document::Value(value)).ok();
        match &self.wanted {
            Wanted::Equal(wanted) => found.is_some_and(|found| number::equal(found, wanted)),
            Wanted::Contains(part) => found.and_then(Value::as_str).is_some_and(|text| text.contains(part.as_str())),
            Wanted::Present(wanted) => found.is_some_and(|found| !found.is_null()) == *wanted,
        }
    }

    /// What it must be, for a person.
    pub fn expected(&self) -> String {
        match &self.wanted {
            Wanted::Equal(wanted) => wanted.to_string(),
            Wanted::Contains(part) => format!("a text with {}", Value::from(part.as_str())),
            Wanted::Present(true) => "a value".to_owned(),
            Wanted::Present(false) => "nothing".to_owned(),
        }
    }

    /// What it is, for a person.
    pub fn actual(&self, value: &Value) -> String {
        self.path.one(Document::Value(value)).map_or_else(|_| "nothing".to_owned(), Value::to_string)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ferry_contract::{report::Source, yaml};
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(written: &str, value: &Value, holds: bool) {
        let source: Arc<Source> = Source::new("f.yaml", written);
        let mut report = Report::new(&source);
        let node = yaml::parse(&source, &mut report).unwrap();
        let fields = fields(&node, "fields", &mut report);
        assert!(report.findings().is_empty(), "{:?}", report.findings());
        assert_eq!(fields.iter().all(|field| field.holds(value)), holds, "{written}");
    }

    #[test]
    fn a_field_is_found_by_names_or_by_a_path() {
        let value = json!({ "a": { "b c": [1, { "d": "it's late" }] }, "n": null, "amount": 50.0 });
        check("a.b c.0: 1", &value, true);
        check("a.b c.1.d: it's late", &value, true);
        check("$.a['b c'][1].d: { contains: late }", &value, true);
        check("a.b c.1.d: { contains: soon }", &value, false);
        check("amount: 50.00", &value, true);
        check("amount: 50.01", &value, false);
        check("amount: \"50\"", &value, false);
        check("n: null", &value, true);
        check("n: { present: true }", &value, false);
        check("x: { present: false }", &value, true);
        check("x: null", &value, false);
        check("a: { b c: [1, { d: it's late }] }", &value, true);
    }
}
