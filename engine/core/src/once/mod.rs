//! Whether a write may be sent, and whether it may be sent again: the only place that decides it.
//!
//! How a payout could happen twice, and what stops it: each way has a guard in [`Guard`]; in brackets is the
//! test that fails without it (`tests/it`), and the mutant that forgets the guard and is caught.
//!
//! 1. The same event is delivered twice: one run per business key, for ever; the inbox is unique
//!    (`one_run_for_one_event`, `a_mutant_that_takes_an_event_twice_is_caught`).
//! 2. Two events stand for one business fact: the call key has no run in it, and the store lets one
//!    run have it (`two_runs_share_one_call_key`, `a_mutant_that_lets_two_runs_make_one_call_is_caught`).
//! 3. A repeat after an unknown outcome: [`after_failure`] looks up or parks, and never sends where
//!    the target does not make the repeat harmless (`a_mutant_that_resends_an_unknown_outcome_is_caught`).
//! 4. A crash between call and answer: `Called` is durable before the first byte, and a call without
//!    an answer is an unknown outcome (`no_call_key_is_paid_twice_when_it_crashes_anywhere`,
//!    `fifty_kills_pay_five_hundred_requests_once`,
//!    `a_mutant_that_sends_before_its_intent_is_durable_is_caught`).
//! 5. Two engines on one run: a run is leased, each change carries its fence, and the lease is checked
//!    immediately before bytes leave
//!    (`a_lease_that_has_ended_is_taken_over_and_its_engine_is_fenced_in_every_change`,
//!    `no_call_key_is_paid_twice_when_an_engine_stands_still_at_any_commit`,
//!    `two_engines_on_one_server_pay_five_hundred_requests_once_through_kills`,
//!    `a_mutant_that_writes_and_sends_after_its_lease_is_caught`).
//! 6. A re-run or a replay: [`before_call`] adopts what was done, and refuses another content
//!    (`a_mutant_that_forgets_its_calls_is_caught_on_replay`).
//! 7. A target that forgets its keys: a key older than half its life is not relied on
//!    (`a_mutant_that_relies_on_a_forgotten_key_is_caught`).
//! 8. A look-up that comes before the write is visible: it waits `visible_after` from the call's end
//!    (`a_mutant_that_looks_too_early_is_caught`).
//! 9. A restored backup, or a new store: it is not believed that a call is the first. The call is looked up
//!    before, or waits until a person says go (`a_store_that_was_put_back_pays_nothing_again`,
//!    `a_file_that_was_put_back_is_doubted`, `a_mutant_that_believes_a_restored_store_is_caught`).
//! 10. A bundle of which a part arrived: every call of a bundle has its own key and is settled alone
//!     (`a_mutant_that_resends_a_bundle_whole_is_caught`).
//!
//! What remains: an engine that stands still between its check and its bytes, and wakes when another has
//! sent. Only the target can refuse that
//! (`a_stall_between_check_and_bytes_is_paid_twice_only_by_a_target_that_books_duplicates`).

mod guards;
mod look_up;

use std::time::Duration;

use ferry_contract::{
    catalog::{Effect, Lookup, Repeat},
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub use guards::{Guard, Guards};
pub use look_up::{Found, compare, look_up_input};

use crate::limits::{BACKOFF_FIRST, BACKOFF_MAX, CALL_ATTEMPTS_MAX};

/// What a run remembers of a call that it made.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The digest of the input that was sent.
    pub digest: Digest,
    /// Where the connection led when it was sent.
    pub target: Digest,
    /// When it was sent for the first time.
    pub first_at: Timestamp,
    /// Whether an attempt before the last one may have arrived: that the last one did nothing, says nothing of it.
    pub was_unknown: bool,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It may have arrived.
    Unknown {
        /// When the call ended, or was found interrupted.
        since: Timestamp,
    },
    /// It arrived, with this output.
    Done(Value),
    /// The target did nothing.
    NotDone {
        /// When that was found out.
        since: Timestamp,
    },
}

/// What to do before a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Before {
    /// Send it.
    Send,
    /// It was done already: take its output.
    Adopt(Value),
    /// It may have arrived, and a repeat is not harmless: it is an unknown outcome still.
    Doubt,
    /// It was done, or may have been, with another content.
    Refuse(String),
    /// The store may have forgotten it, and nothing can tell: wait until a person says go.
    Wait,
}

/// In what circumstances a call is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The time.
    pub now: Timestamp,
    /// Since when the store remembers all that was sent; nothing where it always did.
    pub doubted_since: Option<Timestamp>,
}

/// What to do after a failed call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum After {
    /// Send the same call again, not before that time.
    Retry {
        /// Not before.
        at: Timestamp,
    },
    /// Look whether it arrived, not before that time.
    LookUp {
        /// Not before.
        at: Timestamp,
    },
    /// A person decides.
    Park {
        /// What to check, and why.
        reason: String,
    },
    /// The step has failed.
    Fail,
}

/// The name of a step's write. An upsert's content is part of its name: other content is another
/// call, and the same content again changes nothing.
pub fn call_key(
    connection: &str,
    action: &str,
    event_key: &str,
    step: &str,
    effect: &Effect,
    digest: &Digest,
) -> CallKey {
    match effect {
        Effect::Write(Repeat::Upsert) => {
            CallKey::new(connection, action, event_key, &format!("{step}@{}", digest.short()), 0)
        }
        Effect::Read | Effect::Write(Repeat::Keyed { .. } | Repeat::Lookup(_) | Repeat::Never) => {
            CallKey::new(connection, action, event_key, step, 0)
        }
    }
}

/// Whether a call may be sent now, given what the run remembers of its key.
///
/// A call is its digest and where the connection leads.
pub fn before_call(
    guards: Guards,
    effect: &Effect,
    memory: Option<&Memory>,
    (digest, target): (&Digest, &Digest),
    circumstances: Circumstances,
) -> Before {
    let Circumstances { now, doubted_since } = circumstances;
    let doubted_since = doubted_since.filter(|_| guards.has(Guard::Trust));
    let Some(memory) = memory.filter(|_| effect.is_write() && guards.has(Guard::Memory)) else {
        return first_call(effect, doubted_since.is_some());
    };
    let same = memory.digest == *digest;
    match (&memory.outcome, same) {
        (Outcome::NotDone { since }, _) => first_call(effect, doubted_since.is_some_and(|doubted| *since < doubted)),
        // Its record may have been changed since, and the same content again is harmless.
        (Outcome::Done(_), true) if matches!(effect, Effect::Write(Repeat::Upsert)) => Before::Send,
        (Outcome::Done(output), true) => Before::Adopt(output.clone()),
        (Outcome::Unknown { .. }, true) if memory.target != *target => {
            Before::Refuse("this call may have been done where the connection led before; find out there".to_owned())
        }
        (Outcome::Unknown { .. }, true) if repeat_is_harmless(guards, effect, memory.first_at, now) => Before::Send,
        (Outcome::Unknown { .. }, true) => Before::Doubt,
        (Outcome::Done(_), false) => {
            Before::Refuse("this call was done already with another content; correct the difference by hand".to_owned())
        }
        (Outcome::Unknown { .. }, false) => Before::Refuse(
            "this call may have been done with another content; find out before you change it".to_owned(),
        ),
    }
}

/// Whether a call that seems to be the first may be sent, where the store may have forgotten another one.
fn first_call(effect: &Effect, is_doubted: bool) -> Before {
    match effect {
        Effect::Write(Repeat::Lookup(_)) if is_doubted => Before::Doubt,
        Effect::Write(Repeat::Never | Repeat::Keyed { remembers: Some(_) }) if is_doubted => Before::Wait,
        Effect::Read | Effect::Write(_) => Before::Send,
    }
}

/// Whether the target itself makes a second call of the same write harmless now.
fn repeat_is_harmless(guards: Guards, effect: &Effect, first_at: Timestamp, now: Timestamp) -> bool {
    if !guards.has(Guard::Unknown) {
        return true;
    }
    match effect {
        Effect::Read | Effect::Write(Repeat::Upsert) => true,
        Effect::Write(Repeat::Keyed { remembers }) => {
            let age = now.duration_since(first_at);
            let forgotten = remembers.is_some_and(|remembers| age >= signed(remembers) / 2);
            !(forgotten && guards.has(Guard::KeyWindow))
        }
        Effect::Write(Repeat::Lookup(_) | Repeat::Never) => false,
    }
}

/// What a failed call was.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The action's effect.
    pub effect: &'a Effect,
    /// The number of the attempt, from 1.
    pub number: u32,
    /// When the first attempt of this key was made.
    pub first_at: Timestamp,
    /// When this one ended, or was found interrupted.
    pub ended_at: Timestamp,
    /// Text that spreads the waits of many calls.
    pub seed: &'a str,
}

/// What to do after a failed call.
pub fn after_failure(guards: Guards, attempt: Attempt<'_>, failure: &Failure) -> After {
    match failure.class {
        ErrorClass::Throttled | ErrorClass::Unavailable => again(attempt, failure),
        ErrorClass::Unknown => after_unknown(guards, attempt, failure),
        // Somebody has done it: perhaps we have.
        ErrorClass::Conflict => match attempt.effect {
            Effect::Write(Repeat::Lookup(look_up)) => {
                After::LookUp { at: attempt.ended_at + signed(wait_before_look_up(guards, look_up)) }
            }
            Effect::Read | Effect::Write(Repeat::Keyed { .. } | Repeat::Upsert | Repeat::Never) => After::Fail,
        },
        ErrorClass::Config
        | ErrorClass::Auth
        | ErrorClass::Invalid
        | ErrorClass::Rejected
        | ErrorClass::Declined
        | ErrorClass::NotFound
        | ErrorClass::InsufficientFunds
        | ErrorClass::Bug => After::Fail,
    }
}

fn after_unknown(guards: Guards, attempt: Attempt<'_>, failure: &Failure) -> After {
    if repeat_is_harmless(guards, attempt.effect, attempt.first_at, attempt.ended_at) {
        return again(attempt, failure);
    }
    match attempt.effect {
        Effect::Read | Effect::Write(Repeat::Upsert | Repeat::Keyed { .. }) => {
            let reason = "the target may have forgotten the key by now; look there whether it has been done";
            After::Park { reason: reason.to_owned() }
        }
        Effect::Write(Repeat::Lookup(look_up)) => {
            After::LookUp { at: attempt.ended_at + signed(wait_before_look_up(guards, look_up)) }
        }
        Effect::Write(Repeat::Never) => {
            let reason =
                format!("{}; nothing can tell by itself whether it has been done, so look there", failure.message);
            After::Park { reason }
        }
    }
}

/// How long after a call's end a look-up may begin.
pub fn wait_before_look_up(guards: Guards, look_up: &Lookup) -> Duration {
    if guards.has(Guard::VisibleAfter) { look_up.visible_after } else { Duration::ZERO }
}

/// The same call again after a wait that doubles, or as long as the target asks.
fn again(attempt: Attempt<'_>, failure: &Failure) -> After {
    if attempt.number >= CALL_ATTEMPTS_MAX {
        return match (attempt.effect, failure.class) {
            (Effect::Write(_), ErrorClass::Unknown) => After::Park {
                reason: format!(
                    "{} after {CALL_ATTEMPTS_MAX} attempts; look there whether it has been done",
                    failure.message
                ),
            },
            (Effect::Read | Effect::Write(_), _) => After::Fail,
        };
    }
    let asked = Duration::from_millis(failure.wait_ms.unwrap_or(0));
    let wait = backoff(attempt.number, attempt.seed).max(asked);
    After::Retry { at: attempt.ended_at + signed(wait) }
}

/// 1 s, 2 s, 4 s … up to 5 minutes, of which the second half is spread by the seed.
pub fn backoff(attempt: u32, seed: &str) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(BACKOFF_MAX);
    let half = u64::try_from(doubled.as_millis() / 2).unwrap_or(u64::MAX).max(1);
    let spread = Digest::of(format!("{seed}/{attempt}"));
    let spread = u64::from_str_radix(&spread.as_str()[..12], 16).unwrap_or(0) % half;
    Duration::from_millis(half + spread)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use ferry_contract::path::Path;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn look_up() -> Repeat {
        Repeat::Lookup(Box::new(Lookup {
            action: "find".to_owned(),
            with: Vec::new(),
            found: vec![("amount".to_owned(), Path::parse("$.amount").unwrap())],
            absent: ErrorClass::NotFound,
            proves_absence: true,
            visible_after: Duration::from_secs(600),
        }))
    }

    fn effect(name: &str) -> Effect {
        match name {
            "read" => Effect::Read,
            "upsert" => Effect::Write(Repeat::Upsert),
            "lookup" => Effect::Write(look_up()),
            "never" => Effect::Write(Repeat::Never),
            _ => Effect::Write(Repeat::Keyed { remembers: Some(Duration::from_secs(1_000)) }),
        }
    }

    /// What follows a failure at second 100, in one word.
    fn follows(name: &str, class: ErrorClass, number: u32, first_second: i64) -> String {
        let effect = effect(name);
        let attempt = Attempt { effect: &effect, number, first_at: at(first_second), ended_at: at(100), seed: "s" };
        match after_failure(Guards::ALL, attempt, &Failure::new(class, "x")) {
            After::Retry { .. } => "retry".to_owned(),
            After::LookUp { at } => format!("look up {}", at.as_second()),
            After::Park { .. } => "park".to_owned(),
            After::Fail => "fail".to_owned(),
        }
    }

    #[test]
    fn a_failure_is_followed_by_what_its_effect_allows() {
        use ErrorClass::{Conflict, InsufficientFunds, Rejected, Throttled, Unavailable, Unknown};
        for (effect, class, number, first, expected) in [
            ("read", Unknown, 1, 100, "retry"),
            ("read", Unknown, CALL_ATTEMPTS_MAX, 100, "fail"),
            ("upsert", Unknown, 1, 100, "retry"),
            ("upsert", Unknown, CALL_ATTEMPTS_MAX, 100, "park"),
            ("keyed", Unknown, 1, 100, "retry"),
            ("keyed", Unknown, 1, -399, "retry"),
            ("keyed", Unknown, 1, -400, "park"),
            ("lookup", Unknown, 1, 100, "look up 700"),
            ("lookup", Unknown, CALL_ATTEMPTS_MAX, 100, "look up 700"),
            ("lookup", Conflict, 1, 100, "look up 700"),
            ("never", Unknown, 1, 100, "park"),
            ("never", Conflict, 1, 100, "fail"),
            ("never", Throttled, 1, 100, "retry"),
            ("lookup", Unavailable, 1, 100, "retry"),
            ("lookup", Unavailable, CALL_ATTEMPTS_MAX, 100, "fail"),
            ("lookup", Rejected, 1, 100, "fail"),
            ("lookup", InsufficientFunds, 1, 100, "fail"),
        ] {
            assert_eq!(
                follows(effect, class, number, first),
                expected,
                "{effect} {class} attempt {number} since {first}"
            );
        }
    }

    #[test]
    fn a_call_is_sent_only_where_memory_allows() {
        let (here, there) = (Digest::of("here"), Digest::of("there"));
        let (same, other) = (Digest::of("same"), Digest::of("other"));
        let outcome = |name: &str| match name {
            "done" => Outcome::Done(Value::from(1)),
            "unknown" => Outcome::Unknown { since: at(100) },
            _ => Outcome::NotDone { since: at(100) },
        };
        for (name, before, digest, target, expected) in [
            ("lookup", "not done", &other, &there, "send"),
            ("lookup", "done", &same, &here, "adopt"),
            ("lookup", "done", &other, &here, "refuse"),
            ("lookup", "unknown", &same, &here, "doubt"),
            ("lookup", "unknown", &same, &there, "refuse"),
            ("lookup", "unknown", &other, &here, "refuse"),
            ("never", "unknown", &same, &here, "doubt"),
            ("upsert", "unknown", &same, &here, "send"),
            ("upsert", "done", &same, &here, "send"),
            ("keyed", "unknown", &same, &here, "send"),
            ("read", "unknown", &same, &here, "send"),
        ] {
            let memory = Memory {
                digest: same.clone(),
                target: here.clone(),
                first_at: at(100),
                was_unknown: false,
                outcome: outcome(before),
            };
            let circumstances = Circumstances { now: at(101), doubted_since: None };
            let found = match before_call(Guards::ALL, &effect(name), Some(&memory), (digest, target), circumstances) {
                Before::Send => "send",
                Before::Adopt(_) => "adopt",
                Before::Doubt => "doubt",
                Before::Refuse(_) => "refuse",
                Before::Wait => "wait",
            };
            assert_eq!(found, expected, "{name} {before}");
        }
    }

    #[test]
    fn a_store_that_may_have_forgotten_is_not_believed() {
        let digest = Digest::of("same");
        let not_done = |second| Memory {
            digest: digest.clone(),
            target: digest.clone(),
            first_at: at(0),
            was_unknown: false,
            outcome: Outcome::NotDone { since: at(second) },
        };
        for (name, memory, expected) in [
            ("lookup", None, Before::Doubt),
            ("lookup", Some(not_done(49)), Before::Doubt),
            ("lookup", Some(not_done(50)), Before::Send),
            ("never", None, Before::Wait),
            ("keyed", None, Before::Wait),
            ("upsert", None, Before::Send),
            ("read", None, Before::Send),
        ] {
            let circumstances = Circumstances { now: at(100), doubted_since: Some(at(50)) };
            let found = before_call(Guards::ALL, &effect(name), memory.as_ref(), (&digest, &digest), circumstances);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn waits_double_and_are_spread() {
        let waits: Vec<u128> = (1..=12).map(|attempt| backoff(attempt, "a").as_millis()).collect();
        for (index, wait) in waits.iter().enumerate() {
            let full = (1_000_u128 << index).min(300_000);
            assert!((full / 2..=full).contains(wait), "{waits:?}");
        }
        assert_ne!(backoff(5, "a"), backoff(5, "b"));
    }
}
