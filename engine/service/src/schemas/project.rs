//! `ferry.yaml` as it is written.

use std::collections::BTreeMap;

use ferry_core::limits::ENVIRONMENTS_MAX;
use schemars::JsonSchema;

use super::{
    rules::or_word,
    written::{Duration, Plain, PlainMap, Text, Texts, Version},
};

/// A project of ferry: connections, alert channels, and values that its pipelines share.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Project {
    /// The version of the language: `1`.
    pub ferry: Version,
    /// The project's name.
    pub project: Text,
    /// What whoever runs the folder gives to it, by name: `${param:name}` in a value of any of its files is replaced.
    pub params: Option<BTreeMap<String, Param>>,
    /// The worlds that the folder runs against, such as `sandbox` and `production`, one at a time: `--environment`
    /// chooses.
    #[schemars(extend("maxProperties" = ENVIRONMENTS_MAX))]
    pub environments: Option<BTreeMap<String, Option<Environment>>>,
    /// Connections by the name that pipelines call them, mostly that of their connector.
    pub connections: Option<BTreeMap<String, Connection>>,
    /// Alert channels by name. All are in the log; a channel with a `pipeline` begins it.
    pub alerts: Option<BTreeMap<String, Channel>>,
    /// Persons by the name of their group, for approvals.
    pub groups: Option<BTreeMap<String, Texts>>,
    /// Values that pipelines read as `$.vars`.
    pub vars: Option<PlainMap>,
    /// Cross-references by name: what two systems call the same record. A step `link` records a pair, `xref` reads it.
    pub xref: Option<BTreeMap<String, Xref>>,
    /// How long what is over is kept; for ever where nothing is said.
    pub retention: Option<Retention>,
    /// The folder of the files that actions send and save, from that of this file.
    #[schemars(extend("examples" = ["files"]))]
    pub files: Option<Text>,
    /// Folders whose tables, maps and scripts this project uses too.
    #[schemars(extend("examples" = ["../shared"]))]
    pub shares: Option<Texts>,
}

/// A parameter. Its value comes from `--param NAME=VALUE`, else from `FERRY_PARAM_NAME`, else from the environment, else
/// from `default`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Param {
    /// What its values are; a text, where nothing is said.
    pub r#type: Option<ParamType>,
    /// The value where nobody gives one. Without it, somebody has to.
    pub default: Option<Plain>,
    /// All values that it may have.
    pub allowed: Option<Vec<Plain>>,
    /// What it is for.
    pub doc: Option<Text>,
}

/// The type of a parameter.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum ParamType {
    /// A text, without braces and without `$` at its beginning.
    String,
    /// A whole number.
    Integer,
    /// An exact number.
    Decimal,
    /// `true` or `false`.
    Boolean,
    /// A date such as `2026-03-01`.
    Date,
}

/// An environment: what is another one in it. A store belongs to one environment.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Environment {
    /// Whether it is taken where none is chosen; never for one with real money.
    pub default: Option<bool>,
    /// Values of parameters, by name.
    pub params: Option<PlainMap>,
    /// Fields of connections, by the connection's name: they take the place of those that are written there.
    pub connections: Option<BTreeMap<String, Fields>>,
}

/// Fields of a connection, all but `connector`.
#[derive(Debug, JsonSchema)]
#[schemars(extend("additionalProperties" = { "type": ["string", "number"] }))]
pub struct Fields {
    /// The environment of the connector, such as `sandbox` or `production`.
    pub environment: Option<Text>,
    /// The profile of the connector, such as a version of its API; the first where it is left out.
    pub profile: Option<Text>,
    /// Certificates, where public authorities are not enough.
    pub tls: Option<Tls>,
    /// How many requests at once, instead of what the connector says.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u64>,
    /// Further addresses of the same system by the name of the address, such as `api`, in the order in which they are
    /// tried where nothing could be sent to the one before.
    #[schemars(extend("examples" = [{ "api": ["https://api-2.acme.example"] }]))]
    pub fallback: Option<BTreeMap<String, Texts>>,
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
    pub environment: Option<Text>,
    /// The profile of the connector, such as a version of its API; the first where it is left out.
    pub profile: Option<Text>,
    /// Certificates, where public authorities are not enough.
    pub tls: Option<Tls>,
    /// How many requests at once, instead of what the connector says.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u64>,
    /// Further addresses of the same system by the name of the address, such as `api`, in the order in which they are
    /// tried where nothing could be sent to the one before.
    #[schemars(extend("examples" = [{ "api": ["https://api-2.acme.example"] }]))]
    pub fallback: Option<BTreeMap<String, Texts>>,
}

/// Certificates of a connection: files of the project, or references.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Tls {
    /// The authorities that vouch for the system, in the place of the public ones.
    #[schemars(extend("examples" = ["certificates/authority.pem"]))]
    pub ca: Option<Text>,
    /// Our certificate, with those that vouch for it.
    #[schemars(extend("examples" = ["certificates/acme.pem"]))]
    pub certificate: Option<Text>,
    /// Its private key.
    #[schemars(extend("examples" = ["${secret:acme/key}"]))]
    pub key: Option<Text>,
}

/// A cross-reference between the ids of two systems.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Xref {
    /// What its keys name, and what its values name.
    #[schemars(length(min = 2, max = 2), extend("examples" = [["salesforce Contact", "payoneer payee"]]))]
    pub between: Texts,
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

/// Where an alert goes: `log`, at level `error` or `warn`, or to a pipeline as well.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_word(&["log"]))]
pub struct Channel {
    /// The pipeline that an alert begins, with the alert as its event: one with `trigger: manual`, whose `inputs` are
    /// among `kind`, `channel`, `run`, `pipeline`, `key`, `step`, `text`, `class` and `at`.
    #[schemars(extend("examples" = ["tell-treasury"]))]
    pub pipeline: Text,
}
