//! `environments`: one folder that runs against several worlds, such as a sandbox and production.
//!
//! An environment gives values to parameters and to leaves of connections, and nothing else: what a pipeline does is the
//! same in all of them.

use std::sync::Arc;

use ferry_contract::{
    report::{Report, Source, Spanned},
    suggest,
    yaml::{
        self, Kind, Node,
        read::{Fields, flag, map},
    },
};

use crate::limits::ENVIRONMENTS_MAX;

/// What nobody may come to without having said so.
const REAL: [&str; 4] = ["production", "prod", "live", "real"];

/// An environment as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Environment<'n> {
    /// Its name.
    pub(super) name: &'n Spanned<String>,
    /// Whether it is taken where none is chosen.
    is_default: bool,
    /// Values of parameters.
    pub(super) params: &'n [(Spanned<String>, Node)],
    /// Leaves of connections.
    connections: &'n [(Spanned<String>, Node)],
}

impl<'n> Environment<'n> {
    /// What it gives to a parameter.
    pub(super) fn param(&self, name: &str) -> Option<&'n Node> {
        self.params.iter().find(|(known, _)| known.value == name).map(|(_, node)| node)
    }
}

/// The environments of a `ferry.yaml`.
pub(super) fn read<'n>(root: &'n Node, report: &mut Report) -> Vec<Environment<'n>> {
    let entries = root.get("environments").and_then(|node| map(node, "`environments`", report)).unwrap_or_default();
    if let Some((name, _)) = entries.get(ENVIRONMENTS_MAX) {
        let message = format!("a project has at most {ENVIRONMENTS_MAX} environments");
        report.error("invalid-value", name.at, message, "give what differs more finely with parameters");
    }
    let entries = entries.iter().take(ENVIRONMENTS_MAX);
    let found: Vec<Environment<'n>> = entries.filter_map(|(name, node)| environment(name, node, report)).collect();
    let mut defaults = found.iter().filter(|environment| environment.is_default);
    if let (Some(first), Some(second)) = (defaults.next(), defaults.next()) {
        let message = format!("`{}` and `{}` are both the default", first.name.value, second.name.value);
        report.error("invalid-value", second.name.at, message, "leave `default: true` at one of them");
    }
    let connections = root.get("connections").and_then(Node::entries).unwrap_or_default();
    found.iter().for_each(|environment| environment.check(connections, report));
    found
}

fn environment<'n>(name: &'n Spanned<String>, node: &'n Node, report: &mut Report) -> Option<Environment<'n>> {
    if matches!(node.kind, Kind::Null) {
        return Some(Environment { name, is_default: false, params: &[], connections: &[] });
    }
    let fields = Fields::open(node, "an environment", &["default", "params", "connections"], report)?;
    let is_default = fields.get("default").and_then(|node| flag(node, "`default`", report)).unwrap_or(false);
    let params = fields.get("params").and_then(|node| map(node, "`params`", report)).unwrap_or_default();
    let connections = fields.get("connections").and_then(|node| map(node, "`connections`", report));
    Some(Environment { name, is_default, params, connections: connections.unwrap_or_default() })
}

impl Environment<'_> {
    fn check(&self, connections: &[(Spanned<String>, Node)], report: &mut Report) {
        let known: Vec<&str> = connections.iter().map(|(name, _)| name.value.as_str()).collect();
        for (name, node) in self.connections {
            if !known.contains(&name.value.as_str()) {
                let message = format!("there is no connection `{}` in ferry.yaml", name.value);
                report.unknown("unknown-connection", name.at, message, (&name.value, &known));
            }
            for (key, _) in map(node, "a connection of an environment", report).unwrap_or_default() {
                if key.value == "connector" {
                    let message = "an environment cannot change the connector: the pipelines would be others";
                    report.error(
                        "misplaced-key",
                        key.at,
                        message,
                        "write `connector` under `connections` of the project",
                    );
                }
            }
        }
        if self.is_default && self.is_real(connections) {
            let message =
                format!("`{}` leads to real systems, and a default is chosen without a word", self.name.value);
            let help = "remove `default: true`, and choose it with `--environment` or FERRY_ENVIRONMENT";
            report.error("real-default", self.name.at, message, help);
        }
    }

    /// Whether its name or one of its connections says that money is real there.
    fn is_real(&self, connections: &[(Spanned<String>, Node)]) -> bool {
        let is_real = |word: &str| REAL.contains(&word.to_ascii_lowercase().as_str());
        let of = |node: &Node| node.get("environment").and_then(|node| Some(is_real(node.text()?)));
        let own =
            |name: &str| self.connections.iter().find(|(known, _)| known.value == name).and_then(|(_, node)| of(node));
        is_real(&self.name.value)
            || connections.iter().any(|(name, node)| own(&name.value).or_else(|| of(node)).unwrap_or(false))
    }
}

/// The chosen environment, else the default, else the first.
pub(super) fn chosen<'e, 'n>(environments: &'e [Environment<'n>], name: Option<&str>) -> Option<&'e Environment<'n>> {
    let named = environments.iter().find(|environment| Some(environment.name.value.as_str()) == name);
    named.or_else(|| environments.iter().find(|environment| environment.is_default)).or(environments.first())
}

/// Puts what an environment gives to connections over what is written there.
pub(super) fn merge(connections: &mut [(Spanned<String>, Node)], environment: &Environment<'_>) {
    for (name, over) in environment.connections {
        let found = connections.iter_mut().find(|(known, _)| known.value == name.value);
        let Some((_, Node { kind: Kind::Map(entries), .. })) = found else { continue };
        for (key, value) in over.entries().unwrap_or_default() {
            entries.retain(|(known, _)| known.value != key.value);
            entries.push((key.clone(), value.clone()));
        }
    }
}

/// The environments of a `ferry.yaml`, before anything of it is checked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Environments {
    /// Their names, in the order of the file.
    pub names: Vec<String>,
    /// The one that is taken where none is chosen.
    pub default: Option<String>,
}

impl Environments {
    /// Reads them.
    pub fn of(source: &Arc<Source>) -> Self {
        let mut unread = Report::new(source);
        let root = yaml::parse(source, &mut unread);
        let all = root.as_ref().map(|root| read(root, &mut unread)).unwrap_or_default();
        let default = all.iter().find(|environment| environment.is_default);
        Self {
            names: all.iter().map(|environment| environment.name.value.clone()).collect(),
            default: default.map(|environment| environment.name.value.clone()),
        }
    }

    /// The wanted one, the default, or the first: for what sends nothing.
    pub fn taken(&self, wanted: Option<&str>) -> Option<&str> {
        let named = self.names.iter().find(|name| Some(name.as_str()) == wanted);
        named.or(self.default.as_ref()).or(self.names.first()).map(String::as_str)
    }

    /// The one that runs: the chosen one, or the default. Nothing where there are none.
    ///
    /// # Errors
    /// What to choose, for a person.
    pub fn choose(&self, wanted: Option<&str>) -> Result<Option<String>, String> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        match wanted {
            _ if names.is_empty() => Ok(None),
            Some(wanted) if names.contains(&wanted) => Ok(Some(wanted.to_owned())),
            Some(wanted) => Err(format!("there is no environment `{wanted}`; {}", suggest::help(wanted, &names))),
            None => self.default.clone().map(Some).ok_or_else(|| {
                let names = suggest::list(&names);
                format!("it has the environments {names}, and none is chosen; add `--environment NAME`, or set FERRY_ENVIRONMENT")
            }),
        }
    }
}
