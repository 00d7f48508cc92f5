//! Posted events as people see them: who has claimed one, and what became of one that nobody has.

use std::collections::BTreeMap;

use ferry_contract::{failure::ErrorClass, key::Digest};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::RunId;
use crate::limits::UNCLAIMED_AFTER;

/// An event that was posted.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Posted {
    /// The name of its dead letter, if it is or becomes one.
    pub id: String,
    /// Its name.
    pub event: String,
    /// Its key.
    pub key: String,
    /// When it came.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The step that emitted it.
    pub from: Option<Emitter>,
    /// Its values where pipelines looked for one when it came, by JSONPath. Only by these a wait finds it.
    pub values: BTreeMap<String, String>,
    /// The run that waited for it; nothing while nobody does.
    pub claimed_by: Option<RunId>,
    /// Since when it waits for a claim; nothing where it has one, or needs none.
    #[schemars(with = "Option<String>")]
    pub unclaimed_since: Option<Timestamp>,
    /// When it became a dead letter; nothing where it is none, or is none any more.
    #[schemars(with = "Option<String>")]
    pub dead_at: Option<Timestamp>,
}

/// The step that emitted an event.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Emitter {
    /// Its run.
    pub run: RunId,
    /// The run's pipeline.
    pub pipeline: String,
    /// The step.
    pub step: String,
}

/// A dead letter that is no run: an event that nobody has claimed in time. It can be claimed still, and is
/// settled then.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct DeadEvent {
    /// The event.
    #[serde(flatten)]
    pub posted: Posted,
    /// The error class.
    pub class: String,
    /// Who can usually mend it.
    pub mended_by: String,
    /// Why.
    pub message: String,
    /// What it says.
    pub data: Value,
}

impl Posted {
    /// The name of an event's dead letter: the same for the same event, for ever.
    pub fn id_of(event: &str, key: &str) -> String {
        format!("event_{}", &Digest::of(format!("{event}\n{key}")).as_str()[..20])
    }

    /// When it becomes a dead letter, unless somebody claims it before.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.unclaimed_since.map(|since| since + SignedDuration::try_from(UNCLAIMED_AFTER).unwrap_or_default())
    }

    /// The class of its dead letter: without a value to look for, only another pipeline can mend it.
    pub fn class(&self) -> ErrorClass {
        if self.values.is_empty() { ErrorClass::Config } else { ErrorClass::NotFound }
    }

    /// Why nobody has claimed it, for a person.
    pub fn why(&self) -> String {
        let days = UNCLAIMED_AFTER.as_secs() / 86_400;
        if self.values.is_empty() {
            return format!(
                "when `{}` came, no pipeline waited for an event of that name with a value in it",
                self.event
            );
        }
        let values: Vec<String> = self.values.iter().map(|(path, value)| format!("`{path}` {value}")).collect();
        format!("in {days} days, no run has waited for `{}` with {}", self.event, values.join(", "))
    }
}
