//! Webhooks among what goes wrong, and their books: what was accepted is a run, what was forged is none.
//!
//! The sandbox tells another pipeline of each payout that has ended, by its kind; its event wakes the run that waits. A
//! delivery that was answered 2xx is an event that must not be lost, through any kill; how often it came makes
//! no difference; what was lost is found by the poll, which the other books would show.

use std::collections::BTreeMap;

use ferry::store::{Filter, RunRow};
use serde_json::Value;

use super::world::World;
use crate::program::said;

/// The pipeline that pays.
pub(super) const PAYS: &str = "mass-payouts";

/// A pipeline that is told of one kind of end.
pub(super) struct Told {
    /// The pipeline, and the last part of its URL.
    pub(super) name: &'static str,
    /// The vendor's name of it.
    pub(super) kind: &'static str,
    /// The connector's.
    webhook: &'static str,
}

/// Both of them.
pub(super) const TOLD: [Told; 2] = [
    Told { name: "payout-sent", kind: "SentToBank", webhook: "payout_sent" },
    Told { name: "payout-cancelled", kind: "CancelPayout", webhook: "payout_cancelled" },
];

impl Told {
    /// One run for each payout, however often it is told of; what it says is asked of Payoneer, and not believed.
    pub(super) fn pipeline(&self) -> String {
        let (name, webhook) = (self.name, self.webhook);
        format!(
            "ferry: 1
pipeline: {name}
trigger:
  webhook: {{ from: payoneer.{webhook}, path: {name} }}
  key: $.client_reference_id
steps:
  - id: ended
    emit:
      event: payoneer.payout_ended
      key: $.event.client_reference_id
      data: {{ reference: $.event.client_reference_id }}
on_failure: {{ alert: finance-ops }}
"
        )
    }
}

/// What the shipped pipeline says of its wait, and what it says here.
const WAITS: &str = "      timeout: 5d\n";
const WAITS_FOR_THE_EVENT: &str = "      wake:
        event: payoneer.payout_ended
        match: { event: $.reference, run: $.submit.client_reference_id }
      timeout: 5d
";

/// The shipped pipeline, which a webhook wakes.
pub(super) fn woken(pipeline: &str) -> Result<String, String> {
    let is_known = pipeline.matches(WAITS).count() == 1;
    is_known
        .then(|| pipeline.replace(WAITS, WAITS_FOR_THE_EVENT))
        .ok_or("the shipped pipeline waits otherwise".to_owned())
}

/// What was told, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    /// Webhooks that were sent at least once.
    pub(super) sent: u64,
    /// Webhooks by their fault.
    pub(super) by_fault: BTreeMap<String, u64>,
    /// Webhooks that were answered 2xx.
    pub(super) accepted: u64,
    /// Deliveries that were answered 2xx.
    pub(super) deliveries_accepted: u64,
    /// Deliveries that were answered 401.
    pub(super) deliveries_refused: u64,
    /// Runs that waited when they were told, or were told before.
    pub(super) woken: usize,
    /// What is wrong, in sentences.
    pub(super) wrongs: Vec<String>,
}

/// Whether no delivery is to come any more.
pub(super) async fn are_delivered(world: &World<'_>) -> Result<bool, String> {
    Ok(world.ask("ledger").await?["webhooks"]["deliveries"]["to_come"] == 0)
}

/// How many requests have a run.
pub(super) async fn requests_with_runs(world: &World<'_>) -> Result<usize, String> {
    world.store().await?.runs(&all_of(PAYS)).await.map(|runs| runs.len()).map_err(said)
}

/// All of a pipeline.
pub(super) fn all_of(pipeline: &str) -> Filter {
    Filter { pipeline: Some(pipeline.to_owned()), limit: usize::MAX, ..Filter::default() }
}

impl Hooks {
    /// Reads and compares both sides.
    pub(super) async fn collect(world: &World<'_>) -> Result<Self, String> {
        let totals = world.ask("ledger").await?["webhooks"].clone();
        let count = |value: &Value| value.as_u64().unwrap_or(0);
        let by_fault = totals["by_fault"].as_object().into_iter().flatten();
        let mut hooks = Self {
            sent: count(&totals["sent"]),
            by_fault: by_fault.map(|(name, value)| (name.clone(), count(value))).collect(),
            accepted: count(&totals["accepted"]),
            deliveries_accepted: count(&totals["deliveries"]["accepted"]),
            deliveries_refused: count(&totals["deliveries"]["refused"]),
            ..Self::default()
        };
        if count(&totals["dropped"]) > 0 {
            hooks.wrongs.push("the sandbox did not tell of all payouts".to_owned());
        }
        let list = world.ask("webhooks").await?["list"].clone();
        let store = world.store().await?;
        let mut runs: BTreeMap<String, Vec<RunRow>> = BTreeMap::new();
        for told in TOLD {
            for run in store.runs(&all_of(told.name)).await.map_err(said)? {
                runs.entry(run.event_key.clone()).or_default().push(run);
            }
        }
        for (reference, webhooks) in by_reference(&list) {
            hooks.wrongs.extend(wrong(&reference, &webhooks, &runs.remove(&reference).unwrap_or_default()));
            let posted = store.posted(&reference).await.map_err(said)?;
            hooks.woken += usize::from(posted.iter().any(|posted| posted.claimed_by.is_some()));
        }
        hooks.wrongs.extend(runs.into_keys().map(|reference| format!("nobody told of {reference}, and it has a run")));
        Ok(hooks)
    }

    /// How many webhooks had this fault.
    pub(super) fn with(&self, fault: &str) -> u64 {
        self.by_fault.get(fault).copied().unwrap_or(0)
    }
}

/// A payout that was booked twice is told of twice, by the same name.
fn by_reference(list: &Value) -> BTreeMap<String, Vec<&Value>> {
    let mut all: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for webhook in list.as_array().into_iter().flatten() {
        all.entry(webhook["reference"].as_str().unwrap_or_default().to_owned()).or_default().push(webhook);
    }
    all
}

/// What is wrong with the runs of one payout's webhooks, as the sandbox lists these, if anything.
pub fn wrong(reference: &str, webhooks: &[&Value], runs: &[RunRow]) -> Option<String> {
    let sum = |name: &str| webhooks.iter().map(|webhook| webhook[name].as_u64().unwrap_or(0)).sum::<u64>();
    let is_of = |faults: &[&str]| webhooks.iter().any(|webhook| faults.iter().any(|fault| webhook["fault"] == *fault));
    let (tries, accepted, refused, given_up) = (sum("tries"), sum("accepted"), sum("refused"), sum("given_up"));
    let states: Vec<&str> = runs.iter().map(|run| run.state.as_str()).collect();
    let what = match states[..] {
        _ if is_of(&["badly_signed"]) && (accepted > 0 || !runs.is_empty()) => "somebody else's word was taken",
        _ if !is_of(&["badly_signed"]) && given_up > 0 && accepted == 0 && runs.is_empty() => {
            "Payoneer's word was not taken"
        }
        [] if accepted > 0 => "it was accepted and is lost",
        [_] if tries == 0 => "nothing was sent, and it has a run",
        [] | ["finished"] => return None,
        [_] => "it was accepted and has come to no end",
        _ => "it has more than one run",
    };
    Some(format!("webhook of {reference}: {what}; accepted {accepted} times, refused {refused} times, runs {states:?}"))
}
