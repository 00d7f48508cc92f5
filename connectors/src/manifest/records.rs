//! How a system describes its kinds of records: `records` of a manifest, and the reader that it makes.

use std::sync::Arc;

use ferry_contract::{
    catalog::Records,
    expression::{Expression, Made, Scope},
    path::{Document, Path},
    record::{Field, Parent, Reader, Record},
    schema::Kind,
    script::{Form, Named, Rules},
    yaml::{Node, read::Fields},
};
use serde_json::Value;

use super::read;

/// The one name that `field` may use, beside `$`.
const FIELD: &str = "field";

/// Reads snapshots as a manifest says.
#[derive(Debug)]
struct Snapshots {
    rules: Arc<Rules>,
    name: Path,
    fields: Path,
    field: Expression,
}

impl read::Reader<'_> {
    /// `known` are the connector's actions.
    pub(super) fn records(&mut self, node: &Node, known: &[&str]) -> Option<Records> {
        let fields = Fields::open(node, "`records`", &["action", "name", "fields", "field"], self.report)?;
        let action = self.action_name(fields, known);
        let name = fields.need("name", "$.name", self.report).and_then(|node| self.path(node));
        let all = fields.need("fields", "$.fields", self.report).and_then(|node| self.path(node));
        let field = fields.need("field", "{ name: $.name, type: $.type }", self.report);
        let field = field.and_then(|node| self.field_of(node));
        let reader = Snapshots { rules: Arc::clone(self.rules), name: name?, fields: all?, field: field? };
        Some(Records { action: action?, reader: Arc::new(reader) })
    }
}

impl read::Reader<'_> {
    /// What tells types of a vendor apart is long enough for statements.
    fn field_of(&mut self, node: &Node) -> Option<Expression> {
        let Some(script) = node.get("rhai") else { return self.compiler(&[FIELD]).expression(node) };
        let made = self.compiler(&[FIELD]).script(script, Form::Statements)?;
        Some(Expression { at: script.at, made: Made::Rhai(made) })
    }
}

impl Reader for Snapshots {
    fn read(&self, text: &str) -> Result<Record, String> {
        let answer: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        let at = |path: &Path| path.one(Document::Value(&answer)).map_err(|error| error.to_string());
        let name = at(&self.name)?.as_str().map(str::to_owned);
        let name = name.ok_or_else(|| format!("`{}` is no text", self.name.text()))?;
        let fields = at(&self.fields)?;
        let fields = fields.as_array().ok_or_else(|| format!("`{}` is no list", self.fields.text()))?;
        let fields = fields.iter().enumerate().map(|(index, field)| self.field(index, field));
        Ok(Record { name, fields: fields.collect::<Result<_, _>>()? })
    }
}

impl Snapshots {
    fn field(&self, index: usize, field: &Value) -> Result<Field, String> {
        let names = [(FIELD, field)];
        let names = Named(&names);
        let scope = Scope { rules: &self.rules, document: Document::Value(field), names: &names };
        let told = self.field.eval(scope).map_err(|error| format!("its field {index} cannot be read: {error}"))?;
        neutral(&told).ok_or_else(|| format!("its field {index} has no name"))
    }
}

/// What is left out, null or of another type is unknown.
fn neutral(told: &Value) -> Option<Field> {
    let text = |key: &str| told.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let flag = |key: &str| told.get(key).and_then(Value::as_bool);
    let list = |key: &str| told.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let of: Vec<String> = list("parent_of").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let parent = Parent { name: text("parent"), of };
    let length_max = told.get("max_length").and_then(Value::as_u64).filter(|length| *length > 0);
    Some(Field {
        name: Some(text("name")).filter(|name| !name.is_empty())?,
        label: text("label"),
        kind: Kind::ALL.into_iter().find(|(name, _)| *name == text("type")).map(|(_, kind)| kind),
        length_max: length_max.and_then(|length| usize::try_from(length).ok()),
        values: list("one_of"),
        create: flag("create").unwrap_or(true),
        update: flag("update").unwrap_or(true),
        required: flag("required").unwrap_or(false),
        // Where nothing is said of keys, each field may be one.
        key: flag("key").unwrap_or(true),
        parent: (!parent.name.is_empty()).then_some(parent),
    })
}
