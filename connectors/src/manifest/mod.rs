//! A `connector.yaml`, checked and compiled.

mod action;
mod auth;
mod budget;
mod bundle;
mod complete;
mod job;
mod paginate;
mod profile;
mod read;
mod records;
mod request;
mod schema;
mod verify;
mod webhook;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::native::Native;
use ferry_contract::{
    catalog::{Connector, Window},
    expression::Expression,
    failure::ErrorClass,
    path::Path,
    report::At,
    script::Script,
    template::Template,
};

pub use auth::{Algorithm, Assertion, Auth, ClientAuth, Consent, Grant, OAuth2};
pub use job::{Job, Parts, Rows, Stage, StageRule, Until};
pub use read::read;
pub(crate) use request::OWN_HEADERS;
pub use request::{Download, NextDownload, Upload};
pub use webhook::{Encoding, Webhook};

/// One system: what it can do, and how to talk to it.
#[derive(Debug)]
pub struct Manifest {
    /// What the language knows of it.
    pub connector: Arc<Connector>,
    /// Hosts by environment and name.
    pub environments: BTreeMap<String, BTreeMap<String, Template>>,
    /// How calls say who we are: the first way whose fields a connection has; those with a name come last.
    pub auth: Vec<Auth>,
    /// The ways that actions ask for by name.
    pub named: BTreeMap<String, usize>,
    /// Error rules for all actions; first match wins.
    pub errors: Vec<ErrorRule>,
    /// Where the target says what is wrong, in words.
    pub message: Option<Script>,
    /// Where the target says what is wrong, as a code.
    pub code: Option<Script>,
    /// How to call each action.
    pub calls: BTreeMap<String, Call>,
    /// What it tells by itself.
    pub webhooks: BTreeMap<String, Webhook>,
    /// How many requests it takes; all windows hold at once.
    pub budget: Vec<BudgetWindow>,
    /// How many requests at once, where it says so.
    pub concurrency: Option<usize>,
    /// The same in each of its profiles.
    pub profiles: BTreeMap<String, Arc<Manifest>>,
}

impl Manifest {
    /// The manifest as a connection takes it: in the profile that it names, or in the first.
    pub fn in_profile<'a>(self: &'a Arc<Self>, name: Option<&str>) -> Option<&'a Arc<Self>> {
        match name.or(self.connector.profiles.first().map(|profile| profile.name.as_str())) {
            Some(name) => self.profiles.get(name),
            None => Some(self),
        }
    }
}

/// One window of a budget, and where the target says how full it is.
#[derive(Debug)]
pub struct BudgetWindow {
    /// The window.
    pub window: Window,
    /// Requests that it takes in all.
    pub limit: Option<Reading>,
    /// Requests that it still takes.
    pub remaining: Option<Reading>,
    /// Seconds until it is full again, or the Unix time of it.
    pub reset: Option<Reading>,
}

/// Where a number is in the headers of an answer.
#[derive(Debug)]
pub enum Reading {
    /// A header that is the number; its name in lower case.
    Header(String),
    /// Rhai over `headers`.
    Rhai(Script),
}

/// An answer that means a failure.
#[derive(Debug)]
pub struct ErrorRule {
    /// Where it is written.
    pub at: At,
    /// A condition on `status`, `body` and `headers`.
    pub when: Script,
    /// What it means.
    pub class: ErrorClass,
    /// Whether a new token and one more try may mend it; only for answers that did nothing.
    pub refresh_token: bool,
}

impl ErrorRule {
    /// Whether it can say what became of a call: a 5xx alone says nothing of a write, which may have been done before
    /// something broke; only what the target itself says in the body does.
    pub fn proves(&self, status: u16, is_write: bool) -> bool {
        let is_told = status < 500 || self.class == ErrorClass::Unknown;
        !is_write || is_told || self.when.variables().iter().any(|name| name == "body")
    }
}

/// How to call one action.
#[derive(Debug)]
pub struct Call {
    /// Whether it writes.
    pub is_write: bool,
    /// Which way to say who we are it asks for, where not the connection's.
    pub way: Option<usize>,
    /// The request.
    pub request: Request,
    /// What makes it in the place of one request; then only the host of `request` counts.
    pub job: Option<Job>,
    /// The condition on `status`, `body` and `headers` under which it succeeded.
    pub success: Script,
    /// Error rules before those of all actions.
    pub errors: Vec<ErrorRule>,
    /// The output, from the response's body.
    pub result: Expression,
    /// Real time until the whole answer is there.
    pub timeout: Duration,
    /// How to read all pages.
    pub paginate: Option<Paginate>,
    /// How a poll uses it.
    pub poll: Option<Poll>,
    /// How calls travel together.
    pub bundle: Option<Bundle>,
    /// What is asked before it is sent.
    pub preflight: Option<Preflight>,
    /// The header by which the target knows a repeat.
    pub key_header: Option<String>,
    /// The sample's file, relative to the manifest.
    pub sample: String,
}

/// A request as a template over the action's input.
#[derive(Debug)]
pub struct Request {
    /// The host's name in `environments`, or in the token's `hosts`.
    pub host: String,
    /// What makes the exchange in the place of HTTP; then only the host counts of all others.
    pub native: Option<&'static dyn Native>,
    /// `GET`, `POST` …
    pub method: String,
    /// Names for `path`, computed from `input`.
    pub lets: Vec<(String, Expression)>,
    /// The path, from `/`.
    pub path: Template,
    /// The query's parameters; those that are null are left out.
    pub query: Vec<(String, Expression)>,
    /// A map of further parameters, whose names the input says.
    pub query_of: Option<Path>,
    /// Headers by name in lower case; those that are null are left out.
    pub headers: Vec<(String, Expression)>,
    /// A map of further headers, whose names the input says.
    pub headers_of: Option<Path>,
    /// The body.
    pub body: Option<Expression>,
    /// How the body is written.
    pub encoding: BodyEncoding,
    /// How the answer is written.
    pub accept: Accept,
    /// The file that is sent in the place of a body.
    pub upload: Option<Upload>,
    /// The file that the body of a success goes into.
    pub download: Option<Download>,
}

impl Call {
    /// Whether it is one exchange over HTTP.
    pub fn is_http(&self) -> bool {
        self.request.native.is_none() && self.job.is_none()
    }
}

impl Request {
    /// All values that it is made of, but those in its path.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let named = self.lets.iter().chain(&self.query).chain(&self.headers).map(|(_, by)| by);
        named.chain(&self.body)
    }
}

impl BodyEncoding {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

impl Accept {
    /// The media types that are asked for; the first is the one.
    pub fn media_types(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml, text/xml",
            Self::Text => "text/plain, */*",
        }
    }
}

/// How the body of a request is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyEncoding {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`: a map without maps in it.
    Form,
}

/// How an answer is written. What is written otherwise, such as an error of a gateway, is read as what it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accept {
    /// JSON.
    Json,
    /// XML, which rules see as a map of its elements.
    Xml,
    /// A text.
    Text,
}

/// How an answer leads to the next page.
#[derive(Debug)]
pub struct Paginate {
    /// The list of items in the body.
    pub items: Path,
    /// Where the next page is.
    pub next: Next,
    /// How many items there are on all pages, where the body says it.
    pub total: Option<Path>,
}

/// How an answer, or the page that it is, says where the next one is.
#[derive(Debug)]
pub enum Next {
    /// Its URL in the body, absolute or from `/`; absent or null on the last page.
    Url(Path),
    /// A cursor in the body, for a parameter of the query; absent, null or empty on the last page.
    Cursor {
        /// Where it is in the body.
        at: Path,
        /// The parameter.
        parameter: String,
    },
    /// A parameter of the query that counts the items before the page, from 0.
    Offset {
        /// The parameter.
        parameter: String,
    },
    /// A parameter of the query that counts pages.
    Page {
        /// The parameter.
        parameter: String,
        /// The number of the first page.
        first: u64,
    },
}

/// How a poll trigger uses an action.
#[derive(Debug)]
pub struct Poll {
    /// The events in the action's output.
    pub items: Path,
    /// How a time is written into `cursor.from`, in `strftime` words.
    pub time_format: Option<String>,
}

/// How calls of many runs travel as one request.
#[derive(Debug)]
pub struct Bundle {
    /// The most calls in one request.
    pub max: usize,
    /// How long the first call waits for others.
    pub within: Duration,
    /// The list in the request's body that grows; requests must be equal but for it.
    pub items: Path,
    /// What the items of one request are sorted by, from a call's input; in the order of the calls without it.
    pub order: Option<Expression>,
    /// Whether the target does nothing of a request that it refuses. Else what it refuses may have been done in part.
    pub is_atomic: bool,
    /// How a refusal names the items that are wrong.
    pub refused: Option<Refused>,
    /// Where an answer has a result for each call; without it, an answer means the same for all.
    pub results: Option<Results>,
}

/// Where an answer has a result for each call of a bundle. Each is then understood as an answer of its own.
#[derive(Debug)]
pub struct Results {
    /// The condition on `status`, `body` and `headers` under which there are results.
    pub when: Script,
    /// The list of results in the body.
    pub items: Path,
    /// Whose each is.
    pub by: By,
}

/// Whose result is whose.
#[derive(Debug)]
pub enum By {
    /// They are in the order of the calls.
    Index,
    /// They have what a call has.
    Key {
        /// In the result.
        theirs: Path,
        /// In the call's input.
        ours: Path,
    },
}

/// How a refusal of a whole bundle names the wrong items.
#[derive(Debug)]
pub struct Refused {
    /// The list of errors in the body.
    pub errors: Path,
    /// In an error: a number, or a text with the item's index in brackets.
    pub index: Path,
    /// In an error: what is wrong, in words.
    pub message: Path,
    /// In an error: the target's code.
    pub code: Path,
    /// Classes by code; all others are `rejected`.
    pub classes: Vec<(String, ErrorClass)>,
}

/// A question asked before a write is sent.
#[derive(Debug)]
pub struct Preflight {
    /// The action of the same connector that answers it.
    pub action: String,
    /// The amount in the write's input that adds up over a bundle.
    pub sums: Path,
    /// What must hold, in order.
    pub rules: Vec<PreflightRule>,
}

/// One condition of a preflight.
#[derive(Debug)]
pub struct PreflightRule {
    /// The condition on `result` (the answer), `input` and `total` (the sum so far with this one).
    pub passes: Script,
    /// The class of a call that does not pass. Nothing was sent.
    pub class: ErrorClass,
    /// Why, in words.
    pub message: String,
}
