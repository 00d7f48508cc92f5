//! A request of an action in a `connector.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{
    rules::exactly_one,
    written::{JsonPath, Made, Text},
};

/// A request as a template over the action's input.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = exactly_one(&["method", "native"], "write a `method` and a `path`, or a `native`"))]
pub struct Request {
    /// The host's name in `environments`, or in the token's `hosts`.
    pub host: Text,
    /// What makes the exchange in the place of HTTP; it takes the whole input of the action.
    pub native: Option<Text>,
    /// The HTTP method.
    pub method: Option<Method>,
    /// Names for `path`, computed from `input`.
    pub r#let: Option<BTreeMap<String, Made>>,
    /// The path from `/`; `{$.id}` is a field of the input, `{name}` one of the connection.
    pub path: Option<Text>,
    /// The query's parameters; those that are null are left out.
    pub query: Option<Named>,
    /// Headers of the action's own; those that are null are left out. Who we are is said by `auth`.
    pub headers: Option<Named>,
    /// How the body is written; JSON where it is left out.
    pub encoding: Option<BodyEncoding>,
    /// How the answer is written; JSON where it is left out.
    pub accept: Option<Accept>,
    /// The body, from `input` (the action's input, also `$`) and `connection` (its fields that are no secrets).
    pub body: Option<Made>,
    /// A file of the project's `files` that is sent in the place of a body.
    pub upload: Option<Upload>,
    /// A file of the project's `files` that the body of a success goes into; rules and `result` read of it `file`, `bytes` and
    /// `sha256`.
    pub download: Option<Download>,
}

/// A file that is sent.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Upload {
    /// The input that names it.
    pub file: JsonPath,
    /// The input that says which part of it, as a job makes them.
    pub part: Option<JsonPath>,
    /// What it holds.
    #[schemars(extend("examples" = ["text/csv"]))]
    pub media_type: Made,
}

/// A file that an answer goes into.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Download {
    /// The input that names it.
    pub file: JsonPath,
    /// What it holds; an answer of another type is none of it.
    #[schemars(extend("examples" = ["application/pdf", "text/csv"]))]
    pub media_type: Made,
    /// Whether each page begins with the line that the first one begins with.
    pub heads: Option<bool>,
    /// How an answer says where the next page is.
    pub next: Option<NextDownload>,
}

/// A header with a cursor to the next page.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NextDownload {
    /// Its name; it is absent on the last page.
    pub header: Text,
    /// The parameter of the query that takes it.
    pub parameter: Text,
    /// What it says on the last page, where it is there.
    pub last: Option<Text>,
}

/// Values by their names, or the place of the input that has a map of them.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Named {
    /// Each with its name.
    Each(BTreeMap<String, Made>),
    /// All of them.
    All(JsonPath),
}

/// How the body of a request is written.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum BodyEncoding {
    /// JSON.
    Json,
    /// A form: a map without maps in it.
    Form,
}

/// How an answer is written.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Accept {
    /// JSON.
    Json,
    /// XML, which rules read as a map of its elements: attributes are `@name`, a text beside them is `#text`.
    Xml,
    /// A text.
    Text,
}

/// An HTTP method.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Writes the whole.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
}
