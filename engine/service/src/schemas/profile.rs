//! A profile of a `connector.yaml`: another way to call the same actions.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{
    action::Paginate,
    connector::ErrorRule,
    job::Job,
    request::{Accept, BodyEncoding, Download, Method, Upload},
    rules::may_be_null,
    verify::Grade,
    written::{Condition, Duration, Made, Text},
};

/// Another way to call the same actions, such as the paths of another version of an API.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Profile {
    /// What it is.
    pub title: Option<Text>,
    /// What is other, by action.
    pub actions: Option<BTreeMap<String, Change>>,
    /// The actions that it does not have.
    pub without: Option<Vec<Text>>,
}

/// What of an action is other. Its effect, its input and its output are the same in all profiles.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Change {
    /// What of the request is other, key by key; `null` takes one away.
    pub request: Option<RequestChange>,
    /// Another job.
    pub job: Option<Job>,
    /// The condition under which it succeeded.
    pub success: Option<Condition>,
    /// Rules before those of the connector.
    pub errors: Option<Vec<ErrorRule>>,
    /// The output, from the answer's body.
    pub result: Option<Made>,
    /// How to read all pages.
    pub paginate: Option<Paginate>,
    /// How long until the whole answer is there.
    pub timeout: Option<Duration>,
    /// A recorded answer.
    pub sample: Option<Text>,
    /// Where the facts come from.
    pub source: Option<Text>,
    /// How well they are known.
    pub evidence: Option<Grade>,
}

/// What of a request is other.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, transform = may_be_null)]
pub struct RequestChange {
    /// The host's name.
    pub host: Option<Text>,
    /// The HTTP method.
    pub method: Option<Method>,
    /// Names for `path`.
    pub r#let: Option<BTreeMap<String, Made>>,
    /// The path from `/`.
    pub path: Option<Text>,
    /// The query's parameters.
    pub query: Option<BTreeMap<String, Made>>,
    /// Headers of the action's own.
    pub headers: Option<BTreeMap<String, Made>>,
    /// How the body is written.
    pub encoding: Option<BodyEncoding>,
    /// How the answer is written.
    pub accept: Option<Accept>,
    /// The body.
    pub body: Option<Made>,
    /// The file that is sent.
    pub upload: Option<Upload>,
    /// The file that the body of a success goes into.
    pub download: Option<Download>,
}
