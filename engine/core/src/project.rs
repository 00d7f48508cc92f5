//! `ferry.yaml`: connections, alert channels and values that pipelines share.

use std::{collections::BTreeMap, sync::Arc};

use ferry_contract::{
    report::{Report, Source, Spanned},
    yaml::{
        self, Node,
        read::{Fields, map, one_of, text, texts},
    },
};
use serde_json::{Map, Value};

use crate::language;

/// A project as it is written, with its tables.
#[derive(Debug)]
pub struct Project {
    /// `ferry.yaml`.
    pub source: Arc<Source>,
    /// Its name.
    pub name: String,
    /// Connections by name.
    pub connections: BTreeMap<String, ConnectionText>,
    /// Alert channels by name.
    #[expect(clippy::zero_sized_map_values, reason = "the log is the one channel so far")]
    pub alerts: BTreeMap<String, Channel>,
    /// Persons by the name of their group, for approvals.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Values that pipelines read as `$.vars`.
    pub vars: Value,
    /// Tables by name.
    pub tables: BTreeMap<String, Arc<Table>>,
}

/// A connection before its secrets are read.
#[derive(Debug)]
pub struct ConnectionText {
    /// Where it begins.
    pub at: ferry_contract::report::At,
    /// The connector's name.
    pub connector: Spanned<String>,
    /// The environment, with references.
    pub environment: Spanned<String>,
    /// How many requests at once, instead of what its connector says.
    pub concurrency: Option<usize>,
    /// The fields' names, with their places.
    pub names: Vec<Spanned<String>>,
    /// Fields, with references.
    pub fields: BTreeMap<String, Spanned<String>>,
}

/// Where an alert goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Channel {
    /// Into the log, at level `error`.
    Log,
}

/// A table of one column: a value for each key.
#[derive(Debug, Eq, PartialEq)]
pub struct Table {
    /// Values by key.
    pub rows: BTreeMap<String, Value>,
}

const KEYS: [&str; 6] = ["ferry", "project", "connections", "alerts", "groups", "vars"];

/// Reads `ferry.yaml`.
pub fn read(source: &Arc<Source>, report: &mut Report) -> Option<Project> {
    let root = yaml::parse(source, report)?;
    let fields = Fields::open(&root, "a project", &KEYS, report)?;
    language::read_version(fields, report);
    let name = fields.need("project", "payoneer-salesforce", report).and_then(|node| text(node, "`project`", report));
    let connections = fields.get("connections").and_then(|node| map(node, "`connections`", report)).unwrap_or_default();
    let connections =
        connections.iter().filter_map(|(name, node)| Some((name.value.clone(), connection(node, report)?)));
    let connections = connections.collect();
    let alerts = fields.get("alerts").and_then(|node| map(node, "`alerts`", report)).unwrap_or_default();
    let words = [("log", Channel::Log)];
    let alerts = alerts
        .iter()
        .filter_map(|(name, node)| Some((name.value.clone(), one_of(node, "an alert channel", &words, report)?)));
    let alerts = alerts.collect();
    let groups = fields.get("groups").and_then(|node| map(node, "`groups`", report)).unwrap_or_default();
    let persons = |node, report: &mut Report| Some(texts(node, "a group", report)?.into_iter().map(|name| name.value));
    let groups = groups.iter().filter_map(|(name, node)| Some((name.value.clone(), persons(node, report)?.collect())));
    let groups = groups.collect();
    let vars = fields.get("vars").map_or_else(|| Value::Object(Map::new()), Node::to_value);
    let tables = BTreeMap::new();
    Some(Project { source: Arc::clone(source), name: name?.value, connections, alerts, groups, vars, tables })
}

/// The keys of `ferry.yaml`, in the order in which they are written.
pub(crate) fn keys() -> &'static [&'static str] {
    &KEYS
}

fn connection(node: &Node, report: &mut Report) -> Option<ConnectionText> {
    let entries = map(node, "a connection", report)?;
    let fields: BTreeMap<_, _> = entries
        .iter()
        .filter_map(|(name, node)| Some((name.value.clone(), text(node, &format!("`{}`", name.value), report)?)))
        .collect();
    let mut needed = |key: &str, example: &str| {
        let found = fields.get(key).cloned();
        if found.is_none() {
            report.error(
                "missing-key",
                node.at,
                format!("a connection needs `{key}`"),
                format!("add `{key}: {example}`"),
            );
        }
        found
    };
    let (connector, environment) = (needed("connector", "payoneer"), needed("environment", "sandbox"));
    let is_own = |name: &str| !["connector", "environment", "concurrency"].contains(&name);
    let own = fields.iter().filter(|(name, _)| is_own(name));
    Some(ConnectionText {
        at: node.at,
        names: entries.iter().map(|(name, _)| name.clone()).filter(|name| is_own(&name.value)).collect(),
        fields: own.map(|(name, value)| (name.clone(), value.clone())).collect(),
        concurrency: node.get("concurrency").and_then(|node| yaml::read::concurrency(node, report)),
        connector: connector?,
        environment: environment?,
    })
}

/// Reads a table: one map from keys to values.
pub fn read_table(source: &Arc<Source>, report: &mut Report) -> Option<Table> {
    let root = yaml::parse(source, report)?;
    let entries = map(&root, "a table", report)?;
    Some(Table { rows: entries.iter().map(|(key, value)| (key.value.clone(), value.to_value())).collect() })
}
