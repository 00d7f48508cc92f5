//! What the seed chooses.

use std::time::Duration;

use ferry_contract::key::Digest;
use ferry_sandbox::{Duplicates, Fault, FaultRule, Faults, System};
use rust_decimal::Decimal;

/// The choices of one seed.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    seed: u64,
    /// The real time of the second kill.
    pub(super) second_kill: Duration,
    /// What treasury adds when only holds are left.
    pub(super) deposit: Decimal,
}

impl Choice {
    pub(super) fn of(seed: u64) -> Self {
        let second_kill = Duration::from_millis(1_500 + draw(seed, "kill", 5_000));
        let deposit = Decimal::from(15_000 + draw(seed, "deposit", 10_000));
        Self { seed, second_kill, deposit }
    }

    /// A sandbox that books a reference as often as it is asked to, and loses answers.
    pub(super) fn faults(&self) -> Faults {
        let payouts = "masspayouts";
        // The first answer comes late, so that the first kill falls between booking and answer.
        let late = rule(Fault::Slow, System::Payoneer, payouts, 1).times(1).delay(800);
        let lost = match draw(self.seed, "lost", 3) {
            0 => rule(Fault::CutAfter, System::Payoneer, payouts, 1),
            1 => rule(Fault::CutBefore, System::Payoneer, payouts, 1),
            _ => rule(Fault::ErrorAfter, System::Payoneer, payouts, 1),
        };
        let rules = vec![
            late,
            lost.times(1),
            rule(Fault::CutAfter, System::Payoneer, payouts, 2).times(2),
            rule(Fault::ServerError, System::Payoneer, payouts, 3).times(2),
            rule(Fault::Throttled, System::Payoneer, "", 12),
            rule(Fault::ServerError, System::Payoneer, "", 25),
            rule(Fault::CutBefore, System::Payoneer, "status", 25),
            rule(Fault::Throttled, System::Salesforce, "", 20),
            rule(Fault::CutAfter, System::Salesforce, "sobjects", 20),
            rule(Fault::ErrorAfter, System::Salesforce, "sobjects", 25),
            rule(Fault::CutBefore, System::Salesforce, "", 30),
        ];
        let rules = rules.into_iter().map(|rule| rule.0).collect();
        Faults { duplicates: Duplicates::Book, rules, ..Faults::default() }
    }
}

/// A number below `below`, by the seed and a name.
fn draw(seed: u64, name: &str, below: u64) -> u64 {
    let digest = Digest::of(format!("{seed}/{name}"));
    u64::from_str_radix(digest.short(), 16).unwrap_or(0) % below
}

struct Rule(FaultRule);

fn rule(fault: Fault, system: System, path: &str, one_in: u32) -> Rule {
    let path = path.to_owned();
    let (method, times, retry_after_s, delay_ms, after_ms) = (None, None, None, None, None);
    Rule(FaultRule { fault, system, path, method, one_in, times, retry_after_s, delay_ms, after_ms, for_ms: None })
}

impl Rule {
    fn times(self, times: u32) -> Self {
        Self(FaultRule { times: Some(times), ..self.0 })
    }

    fn delay(self, delay_ms: u64) -> Self {
        Self(FaultRule { delay_ms: Some(delay_ms), ..self.0 })
    }
}
