//! A plan as it is kept: what would be sent, and the digests of all that this depends on. It holds no secret.

use std::{collections::BTreeMap, path::PathBuf};

use ferry_contract::{failure::Failure, key::Digest};
use ferry_core::run::TRIGGER;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::{Arriving, Fate, Foreseen, Known, Previewed, StepAhead};

/// What would be sent for some events, and what it depends on.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct PlanDocument {
    /// The SHA-256 of all of this but itself.
    pub digest: String,
    /// The pipeline.
    pub pipeline: String,
    /// Its version: the digest of its file, the project's values, tables, maps and scripts.
    pub version: String,
    /// `sandbox`, the environment, or `real systems`.
    pub world: String,
    /// The environment, where the project has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What was asked for.
    pub asked: Asked,
    /// The digests of where connections lead, by name.
    pub connections: BTreeMap<String, String>,
    /// The events, in the order in which they would be taken.
    pub events: Vec<EventPlan>,
    /// Requests that would write, by connection: bundled as they would be.
    pub requests: BTreeMap<String, usize>,
    /// The money that they move, by currency.
    pub money: Vec<String>,
}

/// Where the events come from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Asked {
    /// Where projects are.
    pub projects: Vec<PathBuf>,
    /// The file of one event; without it, the pipeline polls.
    pub event: Option<PathBuf>,
    /// The one event that was asked for.
    pub key: Option<String>,
    /// What `--param` gave.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

/// What would come of one event.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct EventPlan {
    /// Its business key.
    pub key: String,
    /// The digest of its content.
    pub digest: String,
    /// `new`, `corrected`, `refused`, `forgotten`, or how its run is already.
    pub run: String,
    /// What its run comes to.
    pub steps: Vec<StepPlan>,
    /// Steps that need what others give first.
    pub then: Vec<String>,
}

/// One step that a run comes to.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct StepPlan {
    /// What would become of it.
    #[serde(flatten)]
    pub foreseen: Foreseen,
    /// The request.
    pub request: Option<RequestPlan>,
}

/// A request, masked.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct RequestPlan {
    /// `POST`, `PATCH` …
    pub method: String,
    /// Absolute.
    pub url: String,
    /// By name in lower case.
    pub headers: Value,
    /// What this call has in the body.
    pub body: Option<Value>,
    /// The digest of the request as it would be sent, without its token.
    pub digest: String,
}

impl PlanDocument {
    /// The digest of all but the digest.
    pub fn own_digest(&self) -> String {
        let bare = Self { digest: String::new(), ..self.clone() };
        let value = serde_json::to_value(bare).unwrap_or_default();
        format!("sha256:{}", Digest::of_value(&value))
    }

    /// Whether anything would be sent.
    pub fn sends(&self) -> bool {
        self.events.iter().flat_map(|event| &event.steps).any(|step| step.foreseen.fate == Fate::Send)
    }

    /// In what a plan that is made now differs; nothing where all is as it was.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.version != now.version {
            let short = |version: &str| Digest::named(version).short().to_owned();
            found.push(format!(
                "the pipeline is version {} now, and was {}",
                short(&now.version),
                short(&self.version)
            ));
        }
        if self.world != now.world {
            found.push(format!("it was made for the {}, and not for the {}", self.world, now.world));
        }
        for (name, identity) in &self.connections {
            if now.connections.get(name) != Some(identity) {
                found.push(format!("the connection `{name}` leads elsewhere now"));
            }
        }
        for event in &self.events {
            match now.events.iter().find(|other| other.key == event.key) {
                None => found.push(format!("{}: the event is not found any more", event.key)),
                Some(other) => {
                    found.extend(event.differences(other).into_iter().map(|why| format!("{}: {why}", event.key)));
                }
            }
        }
        found
    }
}

impl EventPlan {
    pub(super) fn new(arriving: &Arriving, previewed: Option<Previewed>) -> Self {
        let run = match &arriving.known {
            Known::New(_) => "new",
            Known::Corrected(_) => "corrected",
            Known::Refused(_) => "refused",
            Known::Forgotten => "forgotten",
            Known::Open(state, _) | Known::Ended(state) => state.name(),
        };
        let mut steps: Vec<StepPlan> = match &arriving.known {
            Known::Refused(failure) => vec![StepPlan::refused(failure)],
            _ => Vec::new(),
        };
        let (ahead, then) = previewed.map(|previewed| (previewed.steps, previewed.then)).unwrap_or_default();
        steps.extend(ahead.into_iter().map(StepPlan::new));
        let (key, digest) = (arriving.key.clone(), Digest::of_value(&arriving.event).to_string());
        Self { key, digest, run: run.to_owned(), steps, then }
    }

    fn differences(&self, now: &Self) -> Vec<String> {
        if self.digest != now.digest {
            return vec!["the event has another content".to_owned()];
        }
        if self.run != now.run {
            return vec![format!("its run was `{}`, and is `{}` now", self.run, now.run)];
        }
        let mut found = Vec::new();
        for step in &self.steps {
            let (own, name) = (&step.foreseen, &step.foreseen.step);
            let Some(other) = now.steps.iter().find(|other| other.is_of(step)) else {
                found.push(format!("the run does not come to `{name}` any more"));
                continue;
            };
            let digest = |step: &StepPlan| step.request.as_ref().map(|request| request.digest.clone());
            if other.foreseen.fate != own.fate {
                let words = (own.fate.in_words(), other.foreseen.fate.in_words());
                found.push(format!("`{name}`: `{}` before, and `{}` now", words.0, words.1));
            } else if other.foreseen.key != own.key || digest(other) != digest(step) {
                found.push(format!("`{name}` would send another request"));
            }
        }
        let new = now.steps.iter().filter(|other| self.steps.iter().all(|step| !step.is_of(other)));
        found.extend(new.map(|other| format!("the run comes to `{}` now", other.foreseen.step)));
        found
    }
}

impl StepPlan {
    /// An event that cannot begin a run.
    fn refused(failure: &Failure) -> Self {
        let (step, call, why) = (TRIGGER.to_owned(), String::new(), Some(failure.to_string()));
        let (fate, is_known) = (Fate::Fails, true);
        Self {
            foreseen: Foreseen { step, call, fate, why, key: None, money: None, amount: None, is_known },
            request: None,
        }
    }

    fn new(StepAhead { foreseen, write }: StepAhead) -> Self {
        let request = write.map(|write| RequestPlan {
            method: write.request.method,
            url: write.request.url,
            headers: write.request.headers,
            body: write.request.body,
            digest: write.request.digest.to_string(),
        });
        Self { foreseen, request }
    }

    /// Whether both are the same call of the same step: where another call takes the place of one, there are two.
    fn is_of(&self, other: &Self) -> bool {
        (&self.foreseen.step, &self.foreseen.call) == (&other.foreseen.step, &other.foreseen.call)
    }
}
