//! What goes wrong with webhooks on purpose.

use serde::{Deserialize, Serialize};

use crate::{limits, random::Random};

/// One thing that goes wrong for some webhooks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookRule {
    /// What happens.
    pub fault: WebhookFault,
    /// One in so many webhooks is hit, as the seed and the payout decide; 1 hits each.
    #[serde(default = "always")]
    pub one_in: u32,
    /// The rule stops after so many hits.
    #[serde(default)]
    pub times: Option<u32>,
    /// How much later than it should, on the sandbox clock: for `late`, `stale`, `replayed` and, at
    /// the most, `reordered`.
    #[serde(default)]
    pub by_ms: Option<u64>,
}

/// What happens to a webhook.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookFault {
    /// Sent twice at once.
    Duplicate,
    /// Sent later.
    Late,
    /// Sent after one that came later was taken.
    Reordered,
    /// Never sent.
    Lost,
    /// Sent with a signature of somebody who does not know the secret, and not otherwise.
    BadlySigned,
    /// Sent, and sent again much later.
    Stale,
    /// Sent, and sent again by somebody who has kept it: with the signature of then, and not otherwise.
    Replayed,
}

impl WebhookFault {
    /// All of them.
    pub(super) const ALL: [Self; 7] =
        [Self::Duplicate, Self::Late, Self::Reordered, Self::Lost, Self::BadlySigned, Self::Stale, Self::Replayed];

    /// Says its name in a faults file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Reordered => "reordered",
            Self::Lost => "lost",
            Self::BadlySigned => "badly_signed",
            Self::Stale => "stale",
            Self::Replayed => "replayed",
        }
    }
}

impl WebhookRule {
    /// How much later, in sandbox milliseconds.
    pub(super) fn by_ms(&self) -> u64 {
        let default_ms = match self.fault {
            WebhookFault::Stale => limits::WEBHOOK_STALE_MS,
            WebhookFault::Late | WebhookFault::Reordered | WebhookFault::Replayed => limits::WEBHOOK_LATE_MS,
            WebhookFault::Duplicate | WebhookFault::Lost | WebhookFault::BadlySigned => 0,
        };
        self.by_ms.unwrap_or(default_ms)
    }
}

/// Chooses the fault of a payout's webhook and counts it: the first rule that hits wins.
pub(super) fn choose<'a>(
    rules: &'a [WebhookRule],
    hits: &mut Vec<u32>,
    seed: u64,
    reference: &str,
) -> Option<&'a WebhookRule> {
    hits.resize(rules.len(), 0);
    for (index, (rule, hits)) in rules.iter().zip(hits).enumerate() {
        let is_open = rule.times.is_none_or(|times| *hits < times);
        if is_open && Random::of(seed, &format!("webhook {index} {reference}")).hits(rule.one_in) {
            *hits = hits.saturating_add(1);
            return Some(rule);
        }
    }
    None
}

fn always() -> u32 {
    1
}
