//! `ferry.yaml` as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::written::{Duration, PlainMap, Text, Texts, Version};

/// A project of ferry: connections, alert channels, and values that its pipelines share.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Project {
    /// The version of the language: `1`.
    pub ferry: Version,
    /// The project's name.
    pub project: Text,
    /// Connections by the name that pipelines call them, mostly that of their connector.
    pub connections: Option<BTreeMap<String, Connection>>,
    /// Alert channels by name. The log, at level `error`, is the one kind so far.
    pub alerts: Option<BTreeMap<String, Channel>>,
    /// Persons by the name of their group, for approvals.
    pub groups: Option<BTreeMap<String, Texts>>,
    /// Values that pipelines read as `$.vars`.
    pub vars: Option<PlainMap>,
    /// How long what is over is kept; for ever where nothing is said.
    pub retention: Option<Retention>,
    /// Folders whose tables, maps and scripts this project uses too.
    #[schemars(extend("examples" = ["../shared"]))]
    pub shares: Option<Texts>,
}

/// A connection: a connector, its environment, and the fields that the connector asks for.
///
/// Fields of `connector` are added by the catalog.
#[derive(Debug, JsonSchema)]
#[schemars(extend("additionalProperties" = { "type": ["string", "number"] }))]
pub struct Connection {
    /// The connector's name.
    pub connector: Text,
    /// The environment, such as `sandbox` or `production`.
    #[schemars(extend("examples" = ["${env:ENVIRONMENT:-sandbox}"]))]
    pub environment: Text,
    /// How many requests at once, instead of what the connector says.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u64>,
}

/// What is forgotten, and when.
///
/// Dead letters stay until somebody is done with them. The names of events and calls stay for ever, so that none
/// happens again.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Retention {
    /// How long after their end the stories of runs are kept that finished or were cancelled; a day at least.
    #[schemars(extend("examples" = ["180d"]))]
    pub runs: Duration,
}

/// Where an alert goes.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Channel {
    /// Into the log, at level `error`.
    Log,
}
