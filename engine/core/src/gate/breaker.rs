//! The circuit of one host of one connection: closed, open, half open. A pure function of time.
//!
//! It opens when too much goes wrong in a row, stays open for a wait that doubles, and then lets one
//! probe through, which closes it or opens it again. What is refused meanwhile was never tried.

use std::time::Duration;

use ferry_contract::{
    catalog::{Backoff, BackoffKind},
    failure::ErrorClass,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::limits::{CIRCUIT_FIRST, CIRCUIT_MAX, PROBE_MAX, PROBE_READ_FIRST, STRAIN_MAX, UNWELL_WEIGHT};

/// Where a circuit is; this much is shared between processes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "circuit")]
pub enum Circuit {
    /// Calls go.
    #[default]
    Closed,
    /// No call goes.
    Open {
        /// Since it was last closed.
        since: Timestamp,
        /// When a probe may go.
        until: Timestamp,
        /// Waits so far, this one included.
        waits: u32,
    },
    /// One probe is under way, and no other call goes.
    HalfOpen {
        /// Since it was last closed.
        since: Timestamp,
        /// When its end is no longer waited for.
        until: Timestamp,
        /// Waits so far.
        waits: u32,
    },
}

/// A circuit, and what this process has seen since it last went well.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Breaker {
    /// Where it is.
    pub circuit: Circuit,
    strain: u32,
}

/// What a call may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// Go.
    Go,
    /// Go as the one probe, once that is noted.
    Probe,
    /// Wait.
    NotBefore(Timestamp),
}

/// What an exchange says about its target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Health {
    /// It answers, whatever the answer.
    Well,
    /// It does not answer, or says that it cannot.
    Unwell,
    /// It wants fewer calls: many of those in a row are a storm.
    Strained,
    /// The exchange says nothing about it.
    Silent,
}

impl Health {
    /// What a class says; none is a success.
    pub fn of(class: Option<ErrorClass>) -> Self {
        match class {
            Some(ErrorClass::Unavailable | ErrorClass::Unknown) => Self::Unwell,
            Some(ErrorClass::Throttled) => Self::Strained,
            Some(ErrorClass::Config | ErrorClass::Bug) => Self::Silent,
            None
            | Some(
                ErrorClass::Auth
                | ErrorClass::Invalid
                | ErrorClass::Rejected
                | ErrorClass::Declined
                | ErrorClass::NotFound
                | ErrorClass::Conflict
                | ErrorClass::InsufficientFunds,
            ) => Self::Well,
        }
    }
}

impl Circuit {
    /// The name in outputs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }

    /// Since when it is not closed.
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Closed => None,
            Self::Open { since, .. } | Self::HalfOpen { since, .. } => Some(*since),
        }
    }

    /// When the next probe may go.
    pub fn next_probe(&self) -> Option<Timestamp> {
        match self {
            Self::Closed => None,
            Self::Open { until, .. } | Self::HalfOpen { until, .. } => Some(*until),
        }
    }

    /// The same circuit while a probe is under way.
    #[must_use]
    pub fn probing(self, now: Timestamp) -> Self {
        match self {
            Self::Closed => Self::Closed,
            Self::Open { since, waits, .. } | Self::HalfOpen { since, waits, .. } => {
                Self::HalfOpen { since, until: now + signed(PROBE_MAX), waits }
            }
        }
    }
}

impl From<Circuit> for Breaker {
    /// A circuit as another process left it.
    fn from(circuit: Circuit) -> Self {
        Self { circuit, strain: 0 }
    }
}

impl Breaker {
    /// What a call may do now. A read is the better probe, so a write waits a little for one.
    pub fn way(&self, now: Timestamp, is_write: bool) -> Way {
        let Some(until) = self.circuit.next_probe() else { return Way::Go };
        // No wait is that long: the clock was set back.
        let is_absurd = until > now + signed(CIRCUIT_MAX.max(PROBE_MAX));
        let until = if is_write { until + signed(PROBE_READ_FIRST) } else { until };
        if until <= now || is_absurd { Way::Probe } else { Way::NotBefore(until) }
    }

    /// Takes what an exchange showed; gives the circuit that follows, where it is another one.
    ///
    /// While the circuit is not closed only its probe counts: other answers are to older calls.
    pub fn seen(&mut self, health: Health, is_probe: bool, now: Timestamp, seed: &str) -> Option<Circuit> {
        match (self.circuit, health) {
            (_, Health::Silent) => None,
            (Circuit::Closed, Health::Well) => {
                self.strain = 0;
                None
            }
            (Circuit::Closed, Health::Unwell | Health::Strained) => {
                self.strain += if health == Health::Unwell { UNWELL_WEIGHT } else { 1 };
                (self.strain >= STRAIN_MAX).then(|| self.open(now, 1, now, seed))
            }
            (Circuit::Open { .. } | Circuit::HalfOpen { .. }, _) if !is_probe => None,
            (Circuit::Open { .. } | Circuit::HalfOpen { .. }, Health::Well) => {
                *self = Self::default();
                Some(self.circuit)
            }
            (
                Circuit::Open { since, waits, .. } | Circuit::HalfOpen { since, waits, .. },
                Health::Unwell | Health::Strained,
            ) => Some(self.open(since, waits.saturating_add(1), now, seed)),
        }
    }

    fn open(&mut self, since: Timestamp, waits: u32, now: Timestamp, seed: &str) -> Circuit {
        let kind = BackoffKind::Exponential { first: CIRCUIT_FIRST, at_most: CIRCUIT_MAX };
        let wait = Backoff { kind, ..Backoff::default() }.wait(waits, seed);
        *self = Self { circuit: Circuit::Open { since, until: now + signed(wait), waits }, strain: 0 };
        self.circuit
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    /// Where a circuit is after exchanges, one a second: `+` well, `-` unwell, `~` too many calls,
    /// `.` says nothing; a capital `P` or `N` is a probe that goes well or not.
    fn after(exchanges: &str) -> Breaker {
        let mut breaker = Breaker::default();
        for (second, exchange) in exchanges.chars().enumerate() {
            let now = at(i64::try_from(second).unwrap());
            let (health, is_probe) = match exchange {
                '+' => (Health::Well, false),
                '-' => (Health::Unwell, false),
                '~' => (Health::Strained, false),
                'P' => (Health::Well, true),
                'N' => (Health::Unwell, true),
                _ => (Health::Silent, false),
            };
            if is_probe {
                breaker.circuit = breaker.circuit.probing(now);
            }
            breaker.seen(health, is_probe, now, "seed");
        }
        breaker
    }

    #[test]
    fn it_opens_when_enough_goes_wrong_in_a_row() {
        for (exchanges, expected) in [
            ("", "closed"),
            ("----", "closed"),
            ("-----", "open"),
            ("--.--.-", "open"),
            ("----+----", "closed"),
            ("~~~~~~~~~~~~~~~~~~~", "closed"),
            ("~~~~~~~~~~~~~~~~~~~~", "open"),
            ("~~~~-~~~~-~~~", "closed"),
            ("~~~~~----", "open"),
            // Late answers to calls of before change nothing.
            ("-----+++", "open"),
            ("-----N", "open"),
            ("-----P", "closed"),
            ("-----NNNP----", "closed"),
            ("-----NNNP-----", "open"),
        ] {
            assert_eq!(after(exchanges).circuit.name(), expected, "{exchanges}");
        }
    }

    #[test]
    fn the_waits_double_up_to_a_cap_and_begin_anew_when_it_has_closed() {
        for (exchanges, least_s, most_s) in [
            ("-----", 2, 5),
            ("-----N", 5, 10),
            ("-----NN", 10, 20),
            ("-----NNNNNNNNNNNNNN", 150, 300),
            ("-----NNNNNNP-----", 2, 5),
        ] {
            let ended = at(i64::try_from(exchanges.len()).unwrap() - 1);
            let wait = after(exchanges).circuit.next_probe().unwrap().duration_since(ended).as_secs();
            assert!((least_s..=most_s).contains(&wait), "{exchanges}: {wait}");
        }
    }

    #[test]
    fn only_a_probe_goes_when_it_is_time_and_a_read_goes_first() {
        let open = after("-----");
        let until = open.circuit.next_probe().unwrap();
        let half = Breaker::from(open.circuit.probing(until));
        let probe_ends = until + SignedDuration::from_mins(2);
        let write = SignedDuration::from_secs(5);
        let second = SignedDuration::from_secs(1);
        for (breaker, now, is_write, expected) in [
            (&Breaker::default(), at(0), true, Way::Go),
            (&open, until - second, false, Way::NotBefore(until)),
            (&open, until, false, Way::Probe),
            (&open, until, true, Way::NotBefore(until + write)),
            (&open, until + write, true, Way::Probe),
            (&half, until + second, false, Way::NotBefore(probe_ends)),
            // A clock that was set back by a day closes nothing for a day.
            (&open, until - SignedDuration::from_hours(24), true, Way::Probe),
            // A probe that never came back: its process has ended.
            (&half, probe_ends, false, Way::Probe),
        ] {
            assert_eq!(breaker.way(now, is_write), expected, "{breaker:?} {is_write}");
        }
        assert_eq!(half.circuit.since(), Some(at(4)));
    }

    #[test]
    fn only_a_target_that_is_not_well_opens_it() {
        let unwell: Vec<&str> = ErrorClass::ALL
            .into_iter()
            .filter(|class| matches!(Health::of(Some(*class)), Health::Unwell | Health::Strained))
            .map(ErrorClass::name)
            .collect();
        assert_eq!(unwell, ["throttled", "unavailable", "unknown"]);
        assert_eq!(Health::of(None), Health::Well);
    }

    #[test]
    fn what_is_shared_is_read_again() {
        for exchanges in ["", "-----", "-----NN"] {
            let circuit = after(exchanges).circuit;
            for circuit in [circuit, circuit.probing(at(9))] {
                let text = serde_json::to_string(&circuit).unwrap();
                assert_eq!(serde_json::from_str::<Circuit>(&text).unwrap(), circuit, "{text}");
            }
        }
    }
}
