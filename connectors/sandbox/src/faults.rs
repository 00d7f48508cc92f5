//! What goes wrong on purpose, and the seeded choice of when.
//!
//! A rule that does not match draws no number, so that other traffic does not change its hits.

use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::system::System;
use crate::webhooks::WebhookRule;

/// What the sandbox does wrong.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// What Payoneer does with a reference that it has booked already.
    pub duplicates: Duplicates,
    /// The rules in order: the first that matches and hits wins.
    pub rules: Vec<FaultRule>,
    /// The requests each system takes in one sandbox minute; 6000 where absent.
    pub budget_per_minute: Option<u32>,
    /// The sandbox time before a booked payout can be looked up; 60 000 where absent.
    pub visibility_lag_ms: Option<u64>,
    /// The rules of webhooks in order: the first that hits wins.
    pub webhooks: Vec<WebhookRule>,
}

/// What Payoneer does with a reference that it has booked already.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Refuses the whole request, with `sub_code` 10304.
    #[default]
    Refuse,
    /// Pays once more.
    Book,
}

/// One thing that goes wrong for some requests.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What happens.
    pub fault: Fault,
    /// The system it happens to.
    pub system: System,
    /// A part of the request's path, such as `masspayouts`; empty for every path.
    #[serde(default)]
    pub path: String,
    /// The request's method, such as `POST`; absent for every method.
    #[serde(default)]
    pub method: Option<String>,
    /// One in so many matching requests is hit, by the seeded generator; 1 hits each.
    #[serde(default = "always")]
    pub one_in: u32,
    /// The rule stops after so many hits.
    #[serde(default)]
    pub times: Option<u32>,
    /// The `Retry-After` of `throttled`, in seconds; 2 where absent.
    #[serde(default)]
    pub retry_after_s: Option<u32>,
    /// The delay in real time; 1000 where absent for `slow` and `slow_before`, else none.
    #[serde(default)]
    pub delay_ms: Option<u64>,
    /// The rule begins so long after the start, on the sandbox clock.
    #[serde(default)]
    pub after_ms: Option<u64>,
    /// The rule ends so long after its first hit, on the sandbox clock: a storm, an outage.
    #[serde(default)]
    pub for_ms: Option<u64>,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 429 with `Retry-After`; nothing is done.
    Throttled,
    /// 500; nothing is done.
    ServerError,
    /// The effect happens at once, the answer comes late.
    Slow,
    /// The effect happens late, even where the client has gone by then.
    SlowBefore,
    /// The connection is closed without an answer; nothing is done.
    CutBefore,
    /// The effect happens, then the connection is closed without an answer.
    CutAfter,
    /// The effect happens, but the answer is 500.
    ErrorAfter,
    /// The effect happens, and the connection is closed in the middle of an answer that said its length.
    Truncated,
    /// The effect happens, and the connection is closed in the middle of an answer in chunks, of which none is the last.
    TruncatedChunked,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// The system that is called.
    pub(crate) system: System,
    /// The request's method.
    pub(crate) method: &'a str,
    /// The request's path, with the system's prefix.
    pub(crate) path: &'a str,
    /// The sandbox time since the start.
    pub(crate) elapsed_ms: u64,
}

/// The faults in force, with their hits so far.
#[derive(Debug)]
pub(crate) struct Injector {
    faults: Faults,
    hits: Vec<Hits>,
    random: Random,
}

/// How often a rule has hit, and when first.
#[derive(Clone, Copy, Debug, Default)]
struct Hits {
    count: u32,
    first_ms: Option<u64>,
}

impl Faults {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// What must be written instead, with its place.
    pub fn check(&self) -> Result<(), String> {
        let rules = never("rules", self.rules.iter().map(|rule| rule.one_in));
        let webhooks = || never("webhooks", self.webhooks.iter().map(|rule| rule.one_in));
        if let Some(wrong) = rules.or_else(webhooks) {
            return Err(wrong);
        }
        if self.budget_per_minute == Some(0) {
            return Err("`budget_per_minute` must be 1 or more; to refuse every request, use `throttled`".to_owned());
        }
        Ok(())
    }
}

fn never(list: &str, mut one_in: impl Iterator<Item = u32>) -> Option<String> {
    let index = one_in.position(|one_in| one_in == 0)?;
    Some(format!("`{list}[{index}].one_in` must be 1 (each one is hit) or more"))
}

impl Injector {
    /// Starts with no hits.
    pub(crate) fn new(faults: Faults, seed: u64) -> Self {
        let hits = vec![Hits::default(); faults.rules.len()];
        Self { faults, hits, random: Random::of(seed, "faults") }
    }

    /// Says the faults in force.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Says the hits of each rule, in the order of the rules.
    pub(crate) fn hits(&self) -> impl Iterator<Item = u32> {
        self.hits.iter().map(|hits| hits.count)
    }

    /// Chooses the fault of a call and counts it.
    pub(crate) fn decide(&mut self, call: &Call<'_>) -> Option<FaultRule> {
        for (rule, hits) in self.faults.rules.iter().zip(&mut self.hits) {
            if is_open(rule, *hits, call) && matches(rule, call) && self.random.hits(rule.one_in) {
                hits.count = hits.count.saturating_add(1);
                hits.first_ms.get_or_insert(call.elapsed_ms);
                return Some(rule.clone());
            }
        }
        None
    }
}

fn is_open(rule: &FaultRule, hits: Hits, call: &Call<'_>) -> bool {
    let since_ms = hits.first_ms.map_or(0, |first_ms| call.elapsed_ms.saturating_sub(first_ms));
    rule.times.is_none_or(|times| hits.count < times) && rule.for_ms.is_none_or(|for_ms| since_ms < for_ms)
}

fn matches(rule: &FaultRule, call: &Call<'_>) -> bool {
    rule.system == call.system
        && call.path.contains(&rule.path)
        && rule.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(call.method))
        && rule.after_ms.is_none_or(|after| call.elapsed_ms >= after)
}

fn always() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(fields: &str) -> FaultRule {
        let text = format!(r#"{{"fault":"cut_after","system":"payoneer",{fields}}}"#);
        serde_json::from_str(&text).expect("the rule is well formed")
    }

    /// Writes `x` for each of 12 calls that is hit.
    fn hits(rule: FaultRule, seed: u64) -> String {
        let faults = Faults { rules: vec![rule], ..Faults::default() };
        let mut injector = Injector::new(faults, seed);
        let path = "/payoneer/v4/programs/1/masspayouts";
        let calls = (0..12).map(|n| Call { system: System::Payoneer, method: "POST", path, elapsed_ms: n * 10 });
        calls.map(|call| if injector.decide(&call).is_some() { 'x' } else { '.' }).collect()
    }

    #[test]
    fn rule_hits_what_it_matches() {
        let cases = [
            (r#""path":"masspayouts""#, "xxxxxxxxxxxx"),
            (r#""path":"balance""#, "............"),
            (r#""method":"post""#, "xxxxxxxxxxxx"),
            (r#""method":"GET""#, "............"),
            (r#""times":2"#, "xx.........."),
            (r#""after_ms":100"#, "..........xx"),
            (r#""after_ms":25,"times":1"#, "...x........"),
            (r#""for_ms":30"#, "xxx........."),
            (r#""after_ms":50,"for_ms":20"#, ".....xx....."),
        ];
        for (fields, expected) in cases {
            assert_eq!(hits(rule(fields), 1), expected, "{fields}");
        }
    }

    #[test]
    fn same_seed_gives_the_same_hits() {
        let seen: Vec<String> = [1, 1, 2].into_iter().map(|seed| hits(rule(r#""one_in":3"#), seed)).collect();
        assert_eq!(seen[0], seen[1]);
        assert_ne!(seen[0], seen[2]);
        assert!(seen[0].contains('x') && seen[0].contains('.'), "{}", seen[0]);
    }
}
