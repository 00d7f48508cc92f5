//! A plan as it is kept: what would be sent, and the digests of all that this depends on. It holds no secret.

use std::{collections::BTreeMap, path::PathBuf};

use ferry_contract::{key::Digest, money::Money};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::{Ahead, Arriving, Fate, Known, Previewed, StepAhead};

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
    /// `new`, `corrected`, `refused`, or how its run is already.
    pub run: String,
    /// What its run comes to.
    pub steps: Vec<StepPlan>,
    /// Steps that need what others give first.
    pub then: Vec<String>,
}

/// What would become of a step.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// It would be sent.
    Send,
    /// It was sent already, and is skipped by its key.
    Done,
    /// It may have arrived: the target is asked first.
    LookUp,
    /// It may have arrived, and a person decides.
    Park,
    /// It waits until the money is there.
    Held,
    /// It would not be sent: its content is another one, or the preflight says no.
    Refused,
    /// The step fails, or what it reads does.
    Fails,
    /// The run waits here.
    Waits,
}

/// One step that a run comes to.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct StepPlan {
    /// The step, with the item's key.
    pub step: String,
    /// Its connection and action; empty where it calls none.
    pub call: String,
    /// What would become of it.
    pub outlook: Outlook,
    /// Why.
    pub why: Option<String>,
    /// The name of the call, for ever.
    pub key: Option<String>,
    /// The money that it moves, such as `50.00 EUR`.
    pub money: Option<String>,
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
        self.events.iter().flat_map(|event| &event.steps).any(|step| step.outlook == Outlook::Send)
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
    pub(super) fn new(arriving: &Arriving, previewed: Previewed) -> Self {
        let refused = match &arriving.known {
            Known::Refused(failure) => Some(StepPlan::bare("trigger", Outlook::Fails, &failure.to_string())),
            _ => None,
        };
        let run = match &arriving.known {
            Known::New(_) => "new",
            Known::Corrected(_) => "corrected",
            Known::Refused(_) => "refused",
            Known::Open(state, _) | Known::Ended(state) => state.name(),
        };
        Self {
            key: arriving.key.clone(),
            digest: Digest::of_value(&arriving.event).to_string(),
            run: run.to_owned(),
            steps: refused.into_iter().chain(previewed.steps.iter().map(StepPlan::new)).collect(),
            then: previewed.then,
        }
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
            let Some(other) = now.steps.iter().find(|other| other.step == step.step) else {
                found.push(format!("the run does not come to `{}` any more", step.step));
                continue;
            };
            let digest = |step: &StepPlan| step.request.as_ref().map(|request| request.digest.clone());
            if other.outlook != step.outlook {
                let words = (step.outlook.in_words(), other.outlook.in_words());
                found.push(format!("`{}`: `{}` before, and `{}` now", step.step, words.0, words.1));
            } else if other.key != step.key || digest(other) != digest(step) {
                found.push(format!("`{}` would send another request", step.step));
            }
        }
        let new = now.steps.iter().filter(|other| self.steps.iter().all(|step| step.step != other.step));
        found.extend(new.map(|other| format!("the run comes to `{}` now", other.step)));
        found
    }
}

impl StepPlan {
    fn bare(step: &str, outlook: Outlook, why: &str) -> Self {
        let (step, why) = (step.to_owned(), Some(why.to_owned()));
        Self { step, call: String::new(), outlook, why, key: None, money: None, request: None }
    }

    fn new(ahead: &StepAhead) -> Self {
        let write = match &ahead.ahead {
            Ahead::Fails(failure) => {
                return Self {
                    call: ahead.call.clone(),
                    ..Self::bare(&ahead.step, Outlook::Fails, &failure.to_string())
                };
            }
            Ahead::Waits(why) => {
                return Self { call: ahead.call.clone(), ..Self::bare(&ahead.step, Outlook::Waits, why) };
            }
            Ahead::Write(write) => write,
        };
        let outlook = match (write.fate, &write.refused) {
            (Fate::Send, None) => Outlook::Send,
            (Fate::Send, Some(failure)) if failure.class == ferry_contract::failure::ErrorClass::InsufficientFunds => {
                Outlook::Held
            }
            (Fate::Send, Some(_)) | (Fate::Refused, _) => Outlook::Refused,
            (Fate::Done, _) => Outlook::Done,
            (Fate::LookUp, _) => Outlook::LookUp,
            (Fate::Park, _) => Outlook::Park,
            (Fate::Fails, _) => Outlook::Fails,
        };
        let request = &write.request;
        Self {
            step: ahead.step.clone(),
            call: ahead.call.clone(),
            outlook,
            why: write.why.clone().or_else(|| write.refused.as_ref().map(ToString::to_string)),
            key: Some(write.key.to_string()),
            money: write.money.map(|money| money.to_string()),
            request: Some(RequestPlan {
                method: request.method.clone(),
                url: request.url.clone(),
                headers: request.headers.clone(),
                body: request.body.clone(),
                digest: request.digest.to_string(),
            }),
        }
    }
}

impl Outlook {
    /// In words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Send => "would be sent",
            Self::Done => "sent already: skipped by its key",
            Self::LookUp => "unknown: looked up first",
            Self::Park => "unknown: a person decides",
            Self::Held => "held until the money is there",
            Self::Refused => "would not be sent",
            Self::Fails => "fails",
            Self::Waits => "waits",
        }
    }
}

/// The money that would move, by currency.
pub(super) fn money_out(all: &[Previewed]) -> Vec<String> {
    let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
    for money in all.iter().flat_map(Previewed::sent).filter_map(|write| write.money) {
        let sum = sums.entry(money.currency()).or_default();
        *sum = sum.saturating_add(money.amount());
    }
    let shown = |(currency, sum): (&str, Decimal)| Money::rounded(sum, currency).ok().map(|money| money.to_string());
    sums.into_iter().filter_map(shown).collect()
}
