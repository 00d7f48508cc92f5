//! Every fault of the sandbox at once, and how often each of them struck.

use std::collections::BTreeMap;

use ferry_sandbox::{Fault, FaultRule, Faults, System, WebhookFault, WebhookRule};
use serde_json::Value;

use super::Trial;

/// Storms of 429, and the real time from one to the next.
const STORMS: u64 = 8;
const STORM_EVERY_MS: u64 = 8_000;
/// How long a storm lasts, on the sandbox's clock.
const STORM_MS: u64 = 2 * 60 * 1_000;
/// What a target in a storm asks for.
const RETRY_AFTER_S: u32 = 20;
/// So much longer than a client waits: the effect comes when it has gone.
const TOO_LATE_MS: u64 = 300;
/// How much later webhooks come, on the sandbox's clock: another poll may have been quicker.
const WEBHOOK_LATE_MS: u64 = 20 * 60 * 1_000;
/// More than any budget of these systems, so that only rules refuse.
const BUDGET_PER_MINUTE: u32 = 60_000;

/// What goes wrong, besides kills.
pub(super) fn all(trial: &Trial) -> Faults {
    let payouts = "masspayouts";
    let storm = |storm: u64| {
        let rule = rule(Fault::Throttled, System::Payoneer, "", 1);
        let (after_ms, for_ms) = (Some((storm + 1) * STORM_EVERY_MS * u64::from(trial.speed)), Some(STORM_MS));
        FaultRule { after_ms, for_ms, retry_after_s: Some(RETRY_AFTER_S), ..rule }
    };
    let rest = [
        // Payouts: the effect that nobody hears of, and the one that comes when nobody waits for it any more.
        rule(Fault::CutAfter, System::Payoneer, payouts, 12),
        rule(Fault::ErrorAfter, System::Payoneer, payouts, 14),
        late(rule(Fault::SlowBefore, System::Payoneer, payouts, 40), trial.timeout_ms() + TOO_LATE_MS),
        late(rule(Fault::SlowBefore, System::Payoneer, payouts, 10), 120),
        late(rule(Fault::Slow, System::Payoneer, payouts, 3), 80),
        rule(Fault::CutBefore, System::Payoneer, payouts, 16),
        rule(Fault::ServerError, System::Payoneer, payouts, 16),
        rule(Fault::Throttled, System::Payoneer, payouts, 16),
        // Questions.
        rule(Fault::CutBefore, System::Payoneer, "status", 60),
        rule(Fault::ServerError, System::Payoneer, "", 80),
        late(rule(Fault::Slow, System::Payoneer, "", 60), 100),
        // The other side.
        rule(Fault::Throttled, System::Salesforce, "", 60),
        rule(Fault::CutAfter, System::Salesforce, "sobjects", 50),
        rule(Fault::ErrorAfter, System::Salesforce, "sobjects", 60),
        rule(Fault::CutBefore, System::Salesforce, "", 80),
        late(rule(Fault::Slow, System::Salesforce, "Contact", 1), trial.contact_ms()),
    ];
    let rules = (0..STORMS).map(storm).chain(rest).collect();
    let budget_per_minute = Some(BUDGET_PER_MINUTE);
    Faults { duplicates: trial.duplicates, rules, budget_per_minute, webhooks: webhooks(), ..Faults::default() }
}

fn webhooks() -> Vec<WebhookRule> {
    let by_ms = Some(WEBHOOK_LATE_MS);
    let rules = [
        (WebhookFault::Duplicate, 4),
        (WebhookFault::Stale, 8),
        (WebhookFault::Late, 8),
        (WebhookFault::Reordered, 8),
        (WebhookFault::Lost, 10),
        (WebhookFault::BadlySigned, 10),
    ];
    rules.into_iter().map(|(fault, one_in)| WebhookRule { fault, one_in, times: None, by_ms }).collect()
}

fn rule(fault: Fault, system: System, path: &str, one_in: u32) -> FaultRule {
    let path = path.to_owned();
    let (method, times, retry_after_s, delay_ms, after_ms) = (None, None, None, None, None);
    FaultRule { fault, system, path, method, one_in, times, retry_after_s, delay_ms, after_ms, for_ms: None }
}

fn late(rule: FaultRule, delay_ms: u64) -> FaultRule {
    FaultRule { delay_ms: Some(delay_ms), ..rule }
}

/// How often each fault struck, by what it is in words.
pub(super) fn hits(faults: &Value, trial: &Trial) -> BTreeMap<String, u64> {
    let mut hits = BTreeMap::new();
    for rule in faults["rules"].as_array().into_iter().flatten() {
        let name = format!("{}: {}", rule["system"].as_str().unwrap_or("?"), what(rule, trial));
        *hits.entry(name).or_default() += rule["hits"].as_u64().unwrap_or(0);
    }
    hits
}

fn what(rule: &Value, trial: &Trial) -> String {
    let of_payouts = if rule["path"] == "masspayouts" { "payouts, " } else { "" };
    let is_too_late = rule["delay_ms"].as_u64().is_some_and(|delay_ms| delay_ms > trial.timeout_ms());
    let what = match rule["fault"].as_str().unwrap_or("?") {
        "cut_after" => "done, then cut",
        "error_after" => "done, then 500",
        "slow_before" if is_too_late => "done after the time-out",
        "slow_before" => "done late",
        "slow" => "answered late",
        "cut_before" => "cut, not done",
        "server_error" => "500, not done",
        "throttled" if !rule["for_ms"].is_null() => "429 in a storm",
        "throttled" => "429",
        other => other,
    };
    format!("{of_payouts}{what}")
}
