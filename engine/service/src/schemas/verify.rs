//! What a `connector.yaml` says of its own worth: how a connection shows that it works, and how well facts are known.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::{
    rules::or_else,
    written::{Plain, Text},
};

/// The read by which a connection shows that it works.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_else(|| json!({ "type": "string" })))]
pub struct Verify {
    /// An action of this connector that reads.
    pub action: Text,
    /// Its input.
    pub with: Option<BTreeMap<String, Plain>>,
}

/// How well the facts of an action are known.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Grade {
    /// The vendor's own page or repository was read.
    Vendor,
    /// It was read in a public client, a test or a recorded payload.
    Client,
    /// It was measured against the real system.
    Measured,
    /// Well-known documentation of the vendor, which was not read again.
    Known,
    /// Our inference: where it is wrong, it is changed in one place.
    Assumed,
    /// Only the customer's brief says it.
    Brief,
}
