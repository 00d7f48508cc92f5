//! What each simulated system is: plain state that answers, and can say what really happened.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::faults::Duplicates;
use crate::wire::{Answer, Request};

/// A system of the sandbox.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// Payoneer, under `/payoneer`.
    Payoneer,
    /// Salesforce, under `/salesforce`.
    Salesforce,
    /// PayTrace, under `/paytrace`.
    Paytrace,
    /// A shop of Clarity eCommerce, under `/clarity`.
    Clarity,
    /// Exchange rates, under `/fx` and the names of those who publish them.
    Fx,
    /// Incoming webhooks of chat rooms, under `/chat`.
    Chat,
    /// Accounting systems, each under its own name, such as `/tryton`.
    Erp,
    /// A REST API as any other, under `/http`.
    Http,
}

impl System {
    /// All of them.
    pub(crate) const ALL: [Self; 8] =
        [Self::Payoneer, Self::Salesforce, Self::Paytrace, Self::Clarity, Self::Fx, Self::Chat, Self::Erp, Self::Http];

    /// Says its name, which is also the first part of its paths.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Payoneer => "payoneer",
            Self::Salesforce => "salesforce",
            Self::Paytrace => "paytrace",
            Self::Clarity => "clarity",
            Self::Fx => "fx",
            Self::Chat => "chat",
            Self::Erp => "erp",
            Self::Http => "http",
        }
    }

    /// Says the connectors that it answers beside the one of its own name, each under its name.
    pub(crate) fn connectors(self) -> &'static [&'static str] {
        match self {
            Self::Payoneer | Self::Salesforce | Self::Paytrace | Self::Clarity | Self::Chat | Self::Http => &[],
            Self::Fx => &["ecb", "openexchangerates", "frankfurter"],
            Self::Erp => &crate::erp::CONNECTORS,
        }
    }

    /// Finds one by its name, or by that of a connector that it answers.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.name() == name || system.connectors().contains(&name))
    }

    /// Says what it tells by itself to those whom the sandbox was told of, by the vendor's names.
    pub(crate) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Payoneer => &crate::payoneer::KINDS,
            Self::Paytrace => &crate::paytrace::KINDS,
            Self::Salesforce | Self::Clarity | Self::Fx | Self::Chat | Self::Erp | Self::Http => &[],
        }
    }
}

/// What a request is judged by, beside the state of its system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// The sandbox time.
    pub(crate) now: Timestamp,
    /// What happens to a write that is done already.
    pub(crate) duplicates: Duplicates,
    /// How long what is written cannot be looked up.
    pub(crate) visibility_lag_ms: u64,
}

/// One thing that a system tells by itself.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// How it shows who it is.
    pub(crate) signing: Signing,
    /// What happened, by the vendor's name.
    pub(crate) kind: &'static str,
    /// What it happened to, such as `client_reference_id`.
    pub(crate) reference: String,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// What is told.
    pub(crate) body: Value,
}

/// Somebody who has registered with a system to be told.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    /// Where, on this machine.
    pub(crate) url: String,
    /// What both sides know.
    pub(crate) secret: String,
    /// Of what, by the vendor's names.
    pub(crate) kinds: Vec<&'static str>,
}

/// How a system shows that it is the one that tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signing {
    /// Payoneer's `Authorization: hmacauth …`.
    Hmacauth,
    /// `webhook-id`, `webhook-timestamp` and `webhook-signature` of Standard Webhooks.
    StandardWebhooks,
}

/// A simulated system. It knows neither sockets nor real time.
pub(crate) trait Simulated: fmt::Debug + Send {
    /// Answers one request, and has its effect.
    fn answer(&mut self, request: &Request, cx: Context) -> Answer;

    /// Lets everything happen that is due by now.
    fn settle(&mut self, _now: Timestamp) {}

    /// Says whether something goes on by itself, so that time alone changes it.
    fn is_busy(&self) -> bool {
        false
    }

    /// Takes what is to be told since it was last asked.
    fn take_notices(&mut self) -> Vec<Notice> {
        Vec::new()
    }

    /// Says who has registered to be told; nothing where it knows no registrations, and tells whom the sandbox was told of.
    fn listeners(&self) -> Option<Vec<Listener>> {
        None
    }

    /// Answers as it does when it throttles.
    fn throttled(&self, retry_after_s: u64) -> Answer;

    /// Answers as it does when its budget is used up.
    fn over_budget(&self, retry_after_s: u64) -> Answer {
        self.throttled(retry_after_s)
    }

    /// Answers as it does when it fails.
    fn server_error(&self) -> Answer;

    /// Says the fields of a connection to it; `url` is where it is.
    fn credentials(&self, url: &str) -> Value;

    /// Says what really happened, for those who check the books.
    fn ledger(&self) -> Value {
        Value::Null
    }

    /// Does what a person would do in its own pages, such as `{"settle": true}`.
    ///
    /// # Errors
    /// What is right.
    fn order(&mut self, _order: &Value, _now: Timestamp) -> Result<Value, String> {
        Err("nothing can be ordered of this system".to_owned())
    }
}
