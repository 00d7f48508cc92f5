//! `connector.yaml` as it is written: its head.

use std::collections::BTreeMap;

use ferry_contract::limits::BUDGET_WINDOWS_MAX;
use schemars::JsonSchema;
use serde_json::json;

use super::{
    action::{Action, Described},
    arm::Class,
    pipeline::Scheme,
    profile::Profile,
    rules::{exactly_one, or_else},
    verify::{Grade, Verify},
    written::{Condition, Duration, Interval, JsonPath, Made, Text, Version},
};

/// A connector of ferry: one system, what it can do, and how to talk to it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Connector {
    /// The version of the language: `1`.
    pub ferry: Version,
    /// The name, that of its folder.
    pub connector: Text,
    /// The system's name for people.
    pub title: Text,
    /// What of the system it covers.
    pub description: Option<Text>,
    /// Hosts by environment and name: `sandbox: { api: https://… }`.
    pub environments: BTreeMap<String, BTreeMap<String, Text>>,
    /// What a connection of ferry.yaml has to say.
    pub connection: Option<BTreeMap<String, ConnectionField>>,
    /// Other ways to call the same actions; a connection that names none has the first.
    #[schemars(extend("examples" = [{ "v2": {}, "v1": { "actions": { "get_thing": { "request": { "path": "/v1/thing" } } } } }]))]
    pub profiles: Option<BTreeMap<String, Option<Profile>>>,
    /// How calls say who they are.
    pub auth: Option<Ways>,
    /// How many requests at once.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u64>,
    /// How many requests the system takes in a time; all windows hold at once.
    #[schemars(length(max = BUDGET_WINDOWS_MAX))]
    pub budget: Option<Vec<Window>>,
    /// How long to wait before a call is sent again, where the vendor says it.
    pub backoff: Option<Backoff>,
    /// What answers mean that are no success; the first rule that matches counts.
    pub errors: Option<Vec<ErrorRule>>,
    /// Rhai on `status`, `body` and `headers`: what is wrong, in words.
    pub message: Option<Condition>,
    /// Rhai on `status`, `body` and `headers`: what is wrong, as a code.
    pub code: Option<Condition>,
    /// How the system describes its kinds of records, for snapshots in `describe/`.
    pub records: Option<Records>,
    /// The read by which a connection shows that it works: an action, or one with its input.
    pub verify: Option<Verify>,
    /// What the system can do, by name.
    pub actions: BTreeMap<String, Action>,
    /// What the system tells by itself, by name.
    pub webhooks: Option<BTreeMap<String, Told>>,
}

/// One thing that the system tells by itself.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Told {
    /// What has happened, in one sentence.
    pub summary: Text,
    /// Where the facts come from.
    pub source: Text,
    /// How well they are known.
    pub evidence: Option<Grade>,
    /// How a request shows who sent it.
    pub verify: Verified,
    /// How its content is written; `json` without it. A `query` comes with GET.
    pub encoding: Option<Encoding>,
    /// Rhai on `body`: what tells it from other webhooks. Where it does not hold, the delivery is a dead letter.
    pub when: Option<Condition>,
    /// The event; `$` is the content, and Rhai has `body` and `headers`.
    pub result: Made,
    /// What the event has.
    pub output: Described,
    /// A recorded one, as a file: `body`, and the `event` that it is.
    #[schemars(extend("examples" = ["samples/webhooks/thing_changed.json"]))]
    pub sample: Text,
}

/// How a request shows who sent it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Verified {
    /// The way; `hmac_sha256` without it.
    pub scheme: Option<Scheme>,
    /// The header with the proof, for `hmac_sha256` and `shared_secret`.
    #[schemars(extend("examples" = ["X-Signature"]))]
    pub header: Option<Text>,
    /// The field of `connection` that is the secret.
    pub secret: Text,
    /// How far the sender's time may be from ours, for schemes that sign it; 5 minutes without it.
    pub skew: Option<Duration>,
}

/// How the content of a webhook is written.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Encoding {
    /// A body of JSON.
    Json,
    /// A body that is a form; all values are texts.
    Form,
    /// The query of a GET request; all values are texts.
    Query,
}

/// How the system describes its kinds of records.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Records {
    /// The action whose answer describes a kind; its input `object` is the kind's name.
    pub action: Text,
    /// The kind's name in the answer.
    pub name: JsonPath,
    /// The list of its fields in the answer.
    pub fields: JsonPath,
    /// One of them (`$`, `field`) in ferry's words: a map with `name`, `label`, `type`, `max_length`, `one_of`, `create`, `update`,
    /// `required`, `key`, `parent` and `parent_of`.
    pub field: Made,
}

/// A field of a connection.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ConnectionField {
    /// Whether it is never shown.
    pub secret: Option<bool>,
    /// Whether it may be left out.
    pub optional: Option<bool>,
    /// What it is, and where to find it.
    pub doc: Text,
    /// What it looks like.
    pub example: Text,
    /// What to write instead, where it is to be left out from now on.
    #[schemars(extend("examples" = ["use `program_id`"]))]
    pub deprecated: Option<Text>,
}

/// How calls say who they are: one way, or several, of which the first counts whose fields a connection has.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Ways {
    /// One.
    One(Auth),
    /// Several.
    Several(#[schemars(length(min = 1))] Vec<Auth>),
}

/// One way to say who they are: `oauth2`, `basic` or `api_key`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = exactly_one(&["oauth2", "basic", "api_key"], "say who we are in one way: `oauth2`, `basic` or `api_key`"))]
pub struct Auth {
    /// A name by which actions ask for it with `auth`; one without a name is for all others.
    pub name: Option<Text>,
    /// A token of OAuth 2.0.
    pub oauth2: Option<OAuth2>,
    /// HTTP Basic.
    pub basic: Option<Basic>,
    /// A header that is a secret, or has one in it.
    pub api_key: Option<ApiKey>,
}

/// HTTP Basic.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Basic {
    /// Who; `{username}` is a field of `connection`.
    pub username: Text,
    /// The secret, such as `{password}`.
    pub password: Text,
}

/// A header that is a secret, or has one in it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ApiKey {
    /// Its name.
    #[schemars(extend("examples" = ["X-API-Key", "Authorization"]))]
    pub header: Text,
    /// Its value; `{api_key}` is a field of `connection`.
    #[schemars(extend("examples" = ["{api_key}", "Bearer {access_token}"]))]
    pub value: Text,
}

/// A token of OAuth 2.0.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OAuth2 {
    /// What is given for a token.
    pub grant: Grant,
    /// Where tokens come from; `{login}` is a host of `environments`.
    pub token_url: Text,
    /// The scope.
    pub scope: Option<Text>,
    /// How the client shows who it is.
    pub client: Client,
    /// Hosts that the token's answer names, as JSONPath.
    pub hosts: Option<BTreeMap<String, Text>>,
    /// Who, with `grant: password`.
    pub username: Option<Text>,
    /// The secret, with `grant: password`.
    pub password: Option<Text>,
    /// What the client signs, with `grant: jwt_bearer` or `client: assertion`.
    pub assertion: Option<Assertion>,
    /// The page on which a person is asked, with `grant: authorization_code`.
    pub authorize_url: Option<Text>,
    /// Names for paths of requests, out of the claims of the id_token, as JSONPath, with `grant: authorization_code`.
    #[schemars(extend("examples" = [{ "account_id": "$.account_id" }]))]
    pub claims: Option<BTreeMap<String, Text>>,
}

/// What the client signs with an RSA key; it can be used for three minutes.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Assertion {
    /// How it is signed; `RS256` where nothing is said.
    pub algorithm: Option<Algorithm>,
    /// The name of the key, or of its certificate.
    pub kid: Option<Text>,
    /// The issuer, which is the client.
    pub iss: Text,
    /// The subject: the user that it acts for. Needed with `grant: jwt_bearer`.
    pub sub: Option<Text>,
    /// The audience: who is to believe it.
    pub aud: Text,
    /// The scope, where the system reads it here.
    pub scope: Option<Text>,
    /// The private key, as PEM.
    pub key: Text,
}

/// How something is signed with an RSA key.
#[derive(Debug, JsonSchema)]
pub enum Algorithm {
    /// PKCS #1 1.5 with SHA-256.
    #[schemars(rename = "RS256")]
    Rs256,
    /// PSS with SHA-256.
    #[schemars(rename = "PS256")]
    Ps256,
}

/// What is given for a token.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Grant {
    /// The client's own id and secret.
    ClientCredentials,
    /// The name and the password of a user.
    Password,
    /// A text that the client has signed.
    JwtBearer,
    /// What a person allows in a browser, by `ferry connect`; renewed from then on.
    AuthorizationCode,
}

/// How the client shows who it is.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Client {
    /// Its id and secret as HTTP Basic.
    Basic,
    /// Its id and secret in the form.
    Form,
    /// By what it has signed, in the place of a secret.
    Assertion,
    /// Not at all: the grant says who it is.
    None,
}

/// How many requests the system takes in a time.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Window {
    /// That many.
    #[schemars(range(min = 1))]
    pub limit: u64,
    /// In that time.
    pub per: Interval,
    /// Only to this host; without it, to all hosts together.
    pub host: Option<Text>,
    /// Where answers say how full it is.
    pub says: Option<Says>,
}

/// Where answers say how full a window is.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Says {
    /// Requests that it takes in all.
    pub limit: Option<Reading>,
    /// Requests that it still takes.
    pub remaining: Option<Reading>,
    /// Seconds until it is full again, or the Unix time of it.
    pub reset: Option<Reading>,
}

/// The name of a header, or Rhai over `headers`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_else(|| json!({ "type": ["string", "number"] })))]
pub struct Reading {
    /// The Rhai.
    pub rhai: Condition,
}

/// The waits before a call is sent again.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Backoff {
    /// The waits in order; the last one stays.
    #[schemars(length(min = 1))]
    pub statistical: Vec<Interval>,
}

/// What an answer means.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ErrorRule {
    /// The condition in Rhai on `status`, `body` and `headers`.
    pub when: Condition,
    /// The class of the failure.
    pub class: Class,
    /// What may mend it; only for answers that did nothing.
    pub then: Option<Then>,
}

/// What may mend a failure.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Then {
    /// A new token, and one more try.
    RefreshToken,
}
