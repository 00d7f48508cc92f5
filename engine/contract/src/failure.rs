//! Why a step failed, in the few words that the whole engine reacts to.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::exchange::Exchange;

/// The class of a failure. One variant per reaction of the engine; fixed and few.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The project is set up wrongly: a missing secret, a wrong host. Nothing was sent.
    Config,
    /// The target does not accept who we are. A person must renew a consent or a secret.
    Auth,
    /// Our own check refused the data. Nothing was sent.
    Invalid,
    /// The target says that the request is wrong: a repeat cannot help.
    Rejected,
    /// The business said no: a declined card, a closed account.
    Declined,
    /// The target knows no such object.
    NotFound,
    /// The object is there already.
    Conflict,
    /// Too many calls: nothing was done.
    Throttled,
    /// The money for it is not there. Nothing was done.
    InsufficientFunds,
    /// Nothing was sent, or the target says that nothing was done: a repeat is free.
    Unavailable,
    /// Sent, but no usable answer came: only `once` decides whether a second call is allowed.
    Unknown,
    /// ferry or a manifest is wrong.
    Bug,
}

impl ErrorClass {
    /// All classes, for messages and completion.
    pub const ALL: [Self; 12] = [
        Self::Config,
        Self::Auth,
        Self::Invalid,
        Self::Rejected,
        Self::Declined,
        Self::NotFound,
        Self::Conflict,
        Self::Throttled,
        Self::InsufficientFunds,
        Self::Unavailable,
        Self::Unknown,
        Self::Bug,
    ];

    /// The name as YAML writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Auth => "auth",
            Self::Invalid => "invalid",
            Self::Rejected => "rejected",
            Self::Declined => "declined",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Throttled => "throttled",
            Self::InsufficientFunds => "insufficient_funds",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::Bug => "bug",
        }
    }

    /// What the class means and what a person can do, for `ferry explain`.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Config => {
                "the project is set up wrongly; nothing was sent. Fix ferry.yaml or the secret, then replay"
            }
            Self::Auth => "the target does not accept the credentials. Renew them, then replay",
            Self::Invalid => {
                "a check of the pipeline refused the data; nothing was sent. Correct the record at its source"
            }
            Self::Rejected => {
                "the target refused the request as wrong; nothing was done. Correct the record, then replay"
            }
            Self::Declined => "the business said no. Ask the customer or the bank; a repeat will be declined again",
            Self::NotFound => "the target knows no such object. Check the id or reference",
            Self::Conflict => "the object exists already. Compare it with what was to be written",
            Self::Throttled => "too many calls; nothing was done. ferry waits and repeats by itself",
            Self::InsufficientFunds => {
                "the money is not there; nothing was done. Fund the account; a hold releases by itself"
            }
            Self::Unavailable => "nothing was done. ferry repeats by itself",
            Self::Unknown => {
                "sent, but no answer came. ferry looks the write up before it repeats anything; where it cannot, the run is parked for a person"
            }
            Self::Bug => "ferry or a manifest is wrong. Please report it with the run's journal",
        }
    }

    /// Who can usually mend it.
    pub fn mended_by(self) -> &'static str {
        match self {
            Self::Config => "a consultant",
            Self::Auth | Self::Throttled | Self::Unavailable | Self::Unknown => "an operator",
            Self::Invalid
            | Self::Rejected
            | Self::Declined
            | Self::NotFound
            | Self::Conflict
            | Self::InsufficientFunds => "finance",
            Self::Bug => "the vendor of ferry or of the connector",
        }
    }

    /// The class with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One failure of one step: never holds a secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[error("{class}: {message}")]
pub struct Failure {
    /// What the engine reacts to.
    pub class: ErrorClass,
    /// For a person: lower case, no full stop.
    pub message: String,
    /// How long the target asks us to wait, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
    /// The target's own code, as it said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was asked and answered, where anything was; not shown to pipelines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Box<Exchange>>,
    /// Whether it says nothing of this call, such as that the engine was stopped before it sent it, or that a neighbour
    /// in the same request was refused: it uses up no attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_untried: bool,
}

impl Failure {
    /// A failure without a code or a wait.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), wait_ms: None, code: None, exchange: None, is_untried: false }
    }

    /// The same, which uses up no attempt.
    #[must_use]
    pub fn untried(self) -> Self {
        Self { is_untried: true, ..self }
    }

    /// Adds how long the target asks us to wait.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.wait_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Adds what was asked and answered; what is there already stays.
    #[must_use]
    pub fn with(mut self, exchange: impl FnOnce() -> Exchange) -> Self {
        self.exchange.get_or_insert_with(|| Box::new(exchange()));
        self
    }

    /// The failure as `$.error` shows it to an `on_error` arm.
    pub fn as_value(&self) -> Value {
        serde_json::json!({ "class": self.class.name(), "message": self.message, "code": self.code })
    }
}
