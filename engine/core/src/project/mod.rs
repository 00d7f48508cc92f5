//! `ferry.yaml`: connections, alert channels and values that pipelines share.

mod environments;
mod fallback;
mod given;
mod params;
mod record;
mod retention;
mod script;
mod table;
mod tls;
mod xref;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ferry_contract::{
    report::{Report, Source, Spanned},
    script::Module,
    yaml::{
        self, Kind, Node,
        read::{Fields, map, text, texts},
    },
};
use serde_json::{Map, Value};

pub use environments::Environments;
pub use fallback::Fallback;
pub use given::{Given, PARAM_VARIABLE};
pub use params::Params;
pub(crate) use params::{has_reference, references};
pub(crate) use record::read as read_record;
pub use record::{Described, Records};
pub use retention::Retention;
pub use script::read as read_script;
pub use table::read as read_table;
pub use tls::TlsText;
pub use xref::Xref;

use crate::language::{self, Pipeline};

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
    pub alerts: BTreeMap<String, Channel>,
    /// Persons by the name of their group, for approvals.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Values that pipelines read as `$.vars`.
    pub vars: Value,
    /// Cross-references by name.
    pub xref: BTreeMap<String, Xref>,
    /// What is forgotten, and when.
    pub retention: Retention,
    /// Values that are given from outside.
    pub params: Params,
    /// The environment that its connections are of, where it has some.
    pub environment: Option<String>,
    /// The folder of its files, from that of `ferry.yaml`.
    pub files: Option<Spanned<String>>,
    /// Folders whose tables, maps and scripts it uses too.
    pub shares: Vec<Spanned<String>>,
    /// Tables by name.
    pub tables: BTreeMap<String, Arc<Table>>,
    /// Map files by name.
    pub maps: BTreeMap<String, MapFile>,
    /// Rhai modules by their path, `scripts/NAME.rhai`.
    pub scripts: BTreeMap<String, ScriptFile>,
    /// What its connections say about their records.
    pub records: Records,
    /// The names of tables, maps and modules that cannot be read: what is wrong is said there, and not where they are used.
    pub broken: BTreeSet<String>,
}

/// A mapping that several pipelines use.
#[derive(Clone, Debug)]
pub struct MapFile {
    /// The file.
    pub source: Arc<Source>,
    /// What is in it.
    pub root: Node,
    /// The parameters that it refers to.
    pub params: BTreeSet<String>,
}

/// Functions that several pipelines call.
#[derive(Clone, Debug)]
pub struct ScriptFile {
    /// The file.
    pub source: Arc<Source>,
    /// What is in it.
    pub module: Module,
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
    /// The connector's profile, where it is not the first.
    pub profile: Option<Spanned<String>>,
    /// Certificates, where public authorities are not enough.
    pub tls: Option<TlsText>,
    /// How many requests at once, instead of what its connector says.
    pub concurrency: Option<usize>,
    /// Further addresses of the same system, in their order, by the name of the address.
    pub fallback: Vec<Fallback>,
    /// The fields' names, with their places.
    pub names: Vec<Spanned<String>>,
    /// Fields, with references.
    pub fields: BTreeMap<String, Spanned<String>>,
}

/// Where an alert goes, beside the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Channel {
    /// Nowhere.
    Log,
    /// To a pipeline of the project, which tells persons.
    Pipeline(Spanned<String>),
}

/// What a pipeline that tells of an alert gets; all are texts. `class` is there for a dead letter.
pub const ALERT_FIELDS: [&str; 9] = ["kind", "channel", "run", "pipeline", "key", "step", "text", "class", "at"];

/// A table of `tables/`.
#[derive(Debug, Eq, PartialEq)]
pub struct Table {
    /// What is in it.
    pub rows: Rows,
}

/// What is in a table.
#[derive(Debug, Eq, PartialEq)]
pub enum Rows {
    /// A value for each key.
    ByKey(BTreeMap<String, Value>),
    /// Rules in their order, each a map.
    Rules(Vec<Value>),
}

impl Table {
    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&Value> {
        match &self.rows {
            Rows::ByKey(rows) => rows.get(key),
            Rows::Rules(_) => None,
        }
    }

    /// The whole of it.
    pub fn to_value(&self) -> Value {
        match &self.rows {
            Rows::ByKey(rows) => Value::Object(rows.clone().into_iter().collect()),
            Rows::Rules(rules) => Value::Array(rules.clone()),
        }
    }
}

impl Project {
    /// Reads a pipeline with the values of its parameters.
    pub fn pipeline(&self, source: &Arc<Source>, report: &mut Report) -> Option<Pipeline> {
        yaml::parse(source, report).and_then(|root| language::read_with(&root, &self.params, report))
    }
}

const KEYS: [&str; 12] = [
    "ferry",
    "project",
    "params",
    "environments",
    "connections",
    "alerts",
    "groups",
    "vars",
    "xref",
    "retention",
    "files",
    "shares",
];

/// Reads `ferry.yaml` with what is given to it.
pub fn read(source: &Arc<Source>, given: &Given, report: &mut Report) -> Option<Project> {
    let written = yaml::parse(source, report)?;
    Fields::open(&written, "a project", &KEYS, report)?;
    let environments = environments::read(&written, report);
    let chosen = environments::chosen(&environments, given.environment.as_deref());
    let params = Params::read(&written, given, chosen, report);
    environments.iter().for_each(|environment| params.check(environment, report));
    let mut root = in_environment(&written, chosen);
    params.replace(&mut root, report)?;
    let project = read_tree(source, &root, report)?;
    let environment = chosen.map(|environment| environment.name.value.clone());
    Some(Project { params, environment, ..project })
}

/// The tree with the connections of an environment, and without what was read for that.
fn in_environment(written: &Node, chosen: Option<&environments::Environment<'_>>) -> Node {
    let mut root = written.clone();
    if let Kind::Map(entries) = &mut root.kind {
        entries.retain(|(name, _)| !["params", "environments"].contains(&name.value.as_str()));
        let connections = entries.iter_mut().find(|(name, _)| name.value == "connections");
        if let (Some((_, Node { kind: Kind::Map(connections), .. })), Some(chosen)) = (connections, chosen) {
            environments::merge(connections, chosen);
        }
    }
    root
}

fn channel(node: &Node, report: &mut Report) -> Option<Channel> {
    match node.text() {
        Some("log") => return Some(Channel::Log),
        Some(other) => {
            let help = "write `log`, or `{ pipeline: … }` with the pipeline that tells persons";
            report.error("invalid-value", node.at, format!("`{other}` is not an alert channel"), help);
            return None;
        }
        None => {}
    }
    let fields = Fields::open(node, "an alert channel", &["pipeline"], report)?;
    let pipeline = fields.need("pipeline", "tell-finance", report)?;
    Some(Channel::Pipeline(text(pipeline, "`pipeline`", report)?))
}

fn read_tree(source: &Arc<Source>, root: &Node, report: &mut Report) -> Option<Project> {
    let fields = Fields::open(root, "a project", &KEYS, report)?;
    language::read_version(fields, report);
    let name = fields.need("project", "payoneer-salesforce", report).and_then(|node| text(node, "`project`", report));
    let connections = fields.get("connections").and_then(|node| map(node, "`connections`", report)).unwrap_or_default();
    let connections =
        connections.iter().filter_map(|(name, node)| Some((name.value.clone(), connection(node, report)?)));
    let connections = connections.collect();
    let alerts = fields.get("alerts").and_then(|node| map(node, "`alerts`", report)).unwrap_or_default();
    let alerts = alerts.iter().filter_map(|(name, node)| Some((name.value.clone(), channel(node, report)?)));
    let alerts = alerts.collect();
    let groups = fields.get("groups").and_then(|node| map(node, "`groups`", report)).unwrap_or_default();
    let persons = |node, report: &mut Report| Some(texts(node, "a group", report)?.into_iter().map(|name| name.value));
    let groups = groups.iter().filter_map(|(name, node)| Some((name.value.clone(), persons(node, report)?.collect())));
    let groups = groups.collect();
    let vars = fields.get("vars").map_or_else(|| Value::Object(Map::new()), Node::to_value);
    let xref = fields.get("xref").map_or_else(BTreeMap::new, |node| xref::read(node, report));
    let retention = fields.get("retention").map_or_else(Retention::default, |node| retention::read(node, report));
    let files = fields.get("files").and_then(|node| text(node, "`files`", report));
    let shares = fields.get("shares").and_then(|node| texts(node, "`shares`", report)).unwrap_or_default();
    Some(Project {
        source: Arc::clone(source),
        name: name?.value,
        connections,
        alerts,
        groups,
        vars,
        xref,
        retention,
        params: Params::default(),
        environment: None,
        files,
        shares,
        tables: BTreeMap::new(),
        maps: BTreeMap::new(),
        scripts: BTreeMap::new(),
        records: Records::default(),
        broken: BTreeSet::new(),
    })
}

/// The keys of `ferry.yaml`, in the order in which they are written.
pub(crate) fn keys() -> &'static [&'static str] {
    &KEYS
}

fn connection(node: &Node, report: &mut Report) -> Option<ConnectionText> {
    let entries = map(node, "a connection", report)?;
    let fields: BTreeMap<_, _> = entries
        .iter()
        .filter(|(name, _)| !["fallback", "tls"].contains(&name.value.as_str()))
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
    let is_own =
        |name: &str| !["connector", "environment", "profile", "concurrency", "fallback", "tls"].contains(&name);
    let own = fields.iter().filter(|(name, _)| is_own(name));
    Some(ConnectionText {
        at: node.at,
        names: entries.iter().map(|(name, _)| name.clone()).filter(|name| is_own(&name.value)).collect(),
        fields: own.map(|(name, value)| (name.clone(), value.clone())).collect(),
        fallback: node.get("fallback").map(|node| fallback::read(node, report)).unwrap_or_default(),
        concurrency: node.get("concurrency").and_then(|node| yaml::read::concurrency(node, report)),
        tls: node.get("tls").and_then(|node| tls::read(node, report)),
        profile: fields.get("profile").cloned(),
        connector: connector?,
        environment: environment?,
    })
}

/// The folders that a `ferry.yaml` shares, before anything of it is checked.
pub fn shares(source: &Arc<Source>) -> Vec<String> {
    let mut unread = Report::new(source);
    let root = yaml::parse(source, &mut unread);
    let shares = root.and_then(|root| texts(root.get("shares")?, "`shares`", &mut unread));
    shares.unwrap_or_default().into_iter().map(|share| share.value).collect()
}

/// Reads a map file with the parameters of its project.
pub fn read_map(source: &Arc<Source>, params: &Params, report: &mut Report) -> Option<MapFile> {
    let mut root = yaml::parse(source, report)?;
    let params = params.replace(&mut root, report)?;
    Some(MapFile { source: Arc::clone(source), root, params })
}
