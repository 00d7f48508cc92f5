//! What a connector is, for whoever connects it or audits it: one description of its manifest, with two renderings.
//!
//! `facts` reads it from the manifest, `pages` says it in words as a document, and a document is text or Markdown.

mod document;
mod facts;
pub mod openapi;
mod outline;
mod pages;
pub mod postman;
mod words;

use std::collections::BTreeMap;

use ferry_contract::{evidence::Evidence, failure::ErrorClass};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

pub use document::Document;
pub use facts::connector;
pub use pages::{action, only_field, reference, summary, webhook};

/// A connector as its manifest says it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConnectorManual {
    /// The name that `ferry.yaml` uses.
    pub name: String,
    /// The system's own name.
    pub title: String,
    /// What of the system it covers.
    pub description: Option<String>,
    /// `shipped`, or the file of a project's own manifest.
    pub origin: String,
    /// What a connection has to say, in order.
    pub connection: Vec<ConnectionManual>,
    /// Hosts by environment and name; `{name}` is a field of the connection.
    pub environments: BTreeMap<String, BTreeMap<String, String>>,
    /// The ways to log in; the first whose fields a connection has counts.
    pub logins: Vec<Login>,
    /// The fields that they need, in words.
    pub said_ways: String,
    /// How many requests the system takes in a time; all windows hold at once.
    pub budget: Vec<BudgetManual>,
    /// How many requests at once.
    pub concurrency: usize,
    /// Whether the manifest says how many at once; else it is the default of all connections.
    pub concurrency_is_said: bool,
    /// How long calls wait before they are sent again.
    pub backoff: String,
    /// What answers mean that are no success; the first that matches counts.
    pub errors: Vec<RuleManual>,
    /// Other ways to call its actions; a connection that names none has the first.
    pub profiles: Vec<ProfileManual>,
    /// The read by which a connection shows that it works.
    pub verify: Option<VerifyManual>,
    /// The action that describes kinds of records.
    pub records: Option<String>,
    /// By name.
    pub actions: Vec<ActionManual>,
    /// What the system tells by itself, by name.
    pub webhooks: Vec<WebhookManual>,
}

/// Another way to call the same actions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProfileManual {
    /// Its name, for `profile` at a connection.
    pub name: String,
    /// What it is.
    pub title: Option<String>,
    /// What is called in another way: method, host and path by action.
    pub changed: BTreeMap<String, String>,
    /// The actions that it does not have.
    pub without: Vec<String>,
}

/// One thing that the system tells by itself.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WebhookManual {
    /// `connector.webhook`.
    pub name: String,
    /// What has happened.
    pub summary: String,
    /// How a request shows who sent it.
    pub scheme: String,
    /// The same in words.
    pub scheme_in_words: String,
    /// The field of the connection that is its secret.
    pub secret: String,
    /// Where the facts come from.
    pub source: String,
    /// How well they are known.
    pub evidence: Option<Evidence>,
    /// What the event has.
    pub output: Vec<FieldManual>,
    /// Whether it has other fields, too.
    pub output_is_open: bool,
}

/// One field of a connection.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConnectionManual {
    /// Its name.
    pub name: String,
    /// Whether it is never shown.
    pub secret: bool,
    /// Whether it may be left out.
    pub optional: bool,
    /// What it is, and where to find it.
    pub doc: String,
    /// What it looks like.
    pub example: String,
    /// What to write instead.
    pub deprecated: Option<String>,
}

/// One way to log in.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Login {
    /// The name by which actions ask for it; the first of the others that has its fields is for all the rest.
    pub name: Option<String>,
    /// `client_credentials`, `password`, `jwt_bearer`, `authorization_code`, `basic` or `api_key`.
    pub kind: String,
    /// The fields of the connection that it needs.
    pub fields: Vec<String>,
    /// What is sent, and where.
    pub how: String,
    /// Hosts that the token's answer names, as JSONPath.
    pub hosts: BTreeMap<String, String>,
}

/// One window of a budget.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BudgetManual {
    /// That many requests.
    pub limit: u64,
    /// In that time.
    pub per_ms: u64,
    /// Only to this host.
    pub host: Option<String>,
    /// Whether answers say how full it is.
    pub is_told: bool,
}

/// What an answer means.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RuleManual {
    /// The condition in Rhai on `status`, `body` and `headers`.
    pub when: String,
    /// The class of the failure.
    pub class: ErrorClass,
    /// Whether a new token is fetched, and the call sent once more.
    pub refresh_token: bool,
}

/// The read by which a connection shows that it works.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerifyManual {
    /// The action.
    pub action: String,
    /// Its input.
    pub with: Map<String, Value>,
}

/// An action as its manifest says it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionManual {
    /// `connector.action`.
    pub name: String,
    /// What it does.
    pub summary: String,
    /// What to use instead.
    pub deprecated: Option<String>,
    /// `read`, or what a write's repeat does: `keyed`, `upsert`, `lookup` or `never`.
    pub effect: String,
    /// The same in words.
    pub effect_in_words: String,
    /// What a repeat relies on, a sentence each.
    pub repeat: Vec<String>,
    /// The HTTP method.
    pub method: String,
    /// The name of the host.
    pub host: String,
    /// The path; `{$.id}` is a field of the input, `{name}` one of the connection.
    pub path: String,
    /// The condition of success.
    pub success: String,
    /// Its own error rules, before those of the connector.
    pub errors: Vec<RuleManual>,
    /// What is asked before it is sent.
    pub preflight: Vec<String>,
    /// How long until the whole answer is there.
    pub timeout_ms: u64,
    /// The most calls in one request, where they travel together.
    pub bundle_max: Option<usize>,
    /// What else bounds it, a sentence each.
    pub limits: Vec<String>,
    /// Where the facts come from.
    pub source: String,
    /// How well they are known.
    pub evidence: Option<Evidence>,
    /// What it takes.
    pub input: Vec<FieldManual>,
    /// Whether it takes other fields, too.
    pub input_is_open: bool,
    /// What it gives.
    pub output: Vec<FieldManual>,
    /// Whether it gives the target's own fields, too.
    pub output_is_open: bool,
}

/// One field of an input or an output.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FieldManual {
    /// Its path, such as `amount.currency` or `records[].Id`.
    pub name: String,
    /// Its JSON type.
    pub kind: String,
    /// Whether it is always there.
    pub required: bool,
    /// Whether it is masked wherever it is kept.
    pub sensitive: bool,
    /// What it is.
    pub description: String,
    /// What it looks like.
    pub example: Option<Value>,
    /// What it can be, where that is known.
    pub values: Vec<Value>,
    /// The most characters.
    pub length_max: Option<usize>,
    /// What to write instead.
    pub deprecated: Option<String>,
}
