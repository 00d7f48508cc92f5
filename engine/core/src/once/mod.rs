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
//!    (`a_mutant_that_forgets_its_calls_is_caught_on_replay`). A run of an earlier version counts on no more than
//!    what its manifests said then and say now ([`Promise`],
//!    `a_run_of_an_earlier_version_is_not_paid_by_what_a_manifest_says_since`).
//! 7. A target that forgets its keys: a key older than half its life is not relied on
//!    (`a_mutant_that_relies_on_a_forgotten_key_is_caught`), by a time that all engines share
//!    (`a_mutant_that_goes_by_its_machines_clock_is_caught_with_a_key`).
//! 8. A look-up that comes before the write is visible: it waits `visible_after` from the call's end
//!    (`a_mutant_that_looks_too_early_is_caught`), and again from when the time was set
//!    (`a_mutant_that_goes_by_its_machines_clock_is_caught_by_a_look_up`).
//! 9. A restored backup, or a new store: it is not believed that a call is the first. The call is looked up
//!    before, or waits until a person says go (`a_store_that_was_put_back_pays_nothing_again`,
//!    `a_file_that_was_put_back_is_doubted`, `a_mutant_that_believes_a_restored_store_is_caught`).
//! 10. A bundle of which a part arrived: every call of a bundle has its own key and is settled alone
//!     (`a_mutant_that_resends_a_bundle_whole_is_caught`).
//! 11. Something takes the place of a write that was done or may have been: a fallback, the steps of an arm, or that the
//!     run goes on without it, after a refusal, the last attempt or a time-out, in this life of the run or a later one.
//!     Whoever ends a step asks first what stands
//!     (`a_mutant_that_pays_elsewhere_beside_an_attempt_that_may_have_arrived_is_caught`,
//!     `a_mutant_that_goes_on_at_a_time_out_beside_a_write_that_may_have_arrived_is_caught`,
//!     `a_mutant_that_goes_on_without_what_it_has_paid_is_caught`). That a repeat was refused makes what was done no less
//!     done (`a_refused_repeat_of_what_was_done_makes_it_no_less_done`).
//! 12. A run is cancelled, and a call of it goes out or arrives afterwards: what is in doubt is settled first, nothing
//!     begins meanwhile, and what is gathered goes before the end (`a_mutant_that_cancels_what_is_in_doubt_is_caught`,
//!     `a_mutant_that_begins_a_call_beside_a_cancel_is_caught`).
//!
//! What remains: an engine that stands still between its check and its bytes, and wakes when another has
//! sent. Only the target can refuse that
//! (`a_stall_between_check_and_bytes_is_paid_twice_only_by_a_target_that_books_duplicates`).

mod guards;
mod look_up;
mod memory;
mod names;
mod promise;

use std::time::Duration;

use ferry_contract::{
    catalog::{Backoff, Effect, Lookup, Repeat},
    failure::{ErrorClass, Failure},
    key::Digest,
    limits::CLOCK_SKEW_MAX,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub use guards::{Guard, Guards};
pub use look_up::{Found, compare, generated, look_up_input};
pub use memory::{Memory, Outcome};
pub use names::{Named, call_key, is_name_of};
pub use promise::{Broken, Promise};

/// What to do before a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Before {
    /// Send it.
    Send,
    /// It was done already: take its output.
    Adopt(Value),
    /// It may have arrived, and a repeat is not harmless: it is an unknown outcome still.
    Doubt,
    /// It was done already: ask the target whether that still stands, before its output is taken.
    Confirm,
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
    /// Whether a person has begun the run again.
    pub is_replayed: bool,
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

/// Whether a call may be sent now, given what the run remembers of its key.
///
/// A call is its digest and where the connection leads. What was done is confirmed where a person
/// has begun the run again, and the target can say that it has cancelled it.
pub fn before_call(
    guards: Guards,
    effect: &Effect,
    memory: Option<&Memory>,
    (digest, target): (&Digest, &Digest),
    circumstances: Circumstances,
) -> Before {
    let Circumstances { now, is_replayed, doubted_since } = circumstances;
    let doubted_since = doubted_since.filter(|_| guards.has(Guard::Trust));
    let Some(memory) = memory.filter(|_| effect.is_write() && guards.has(Guard::Memory)) else {
        return first_call(effect, doubted_since.is_some());
    };
    let same = memory.digest == *digest;
    match (&memory.outcome, same) {
        // A void one is never asked for: its next generation is.
        (Outcome::Void, _) => Before::Send,
        (Outcome::NotDone { since }, _) => first_call(effect, doubted_since.is_some_and(|doubted| *since < doubted)),
        // Its record may have been changed since, and the same content again is harmless.
        (Outcome::Done(_), true) if matches!(effect, Effect::Write(Repeat::Upsert)) => Before::Send,
        (Outcome::Done(_), true) if is_replayed && can_be_void(effect) => Before::Confirm,
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

fn can_be_void(effect: &Effect) -> bool {
    matches!(effect, Effect::Write(Repeat::Lookup(look_up)) if look_up.void.is_some())
}

/// Whether a call that seems to be the first may be sent, where the store may have forgotten another one.
fn first_call(effect: &Effect, is_doubted: bool) -> Before {
    match effect {
        Effect::Write(Repeat::Lookup(_)) if is_doubted => Before::Doubt,
        Effect::Write(Repeat::Never | Repeat::Keyed { remembers: Some(_), .. }) if is_doubted => Before::Wait,
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
        Effect::Write(Repeat::Keyed { remembers, .. }) => {
            let age = now.duration_since(first_at) + signed(CLOCK_SKEW_MAX);
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
    /// When the step could start.
    pub began: Timestamp,
    /// Whether it uses up no attempt: it was the probe of an open circuit, and the target's outage is no fault of this
    /// call; or nothing of it was tried.
    pub is_free: bool,
    /// How often, and after what waits, the call is sent again.
    pub backoff: &'a Backoff,
    /// Whether the pipeline asks for that, whatever the class.
    pub is_asked: bool,
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
        // Nothing was done; whether it is worth another try, the pipeline knows.
        ErrorClass::Config
        | ErrorClass::Auth
        | ErrorClass::Invalid
        | ErrorClass::Rejected
        | ErrorClass::Declined
        | ErrorClass::NotFound
        | ErrorClass::InsufficientFunds
        | ErrorClass::Bug => {
            if attempt.is_asked {
                again(attempt, failure)
            } else {
                After::Fail
            }
        }
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

/// How long after a call's end a look-up may begin: that end may be in the time of another engine.
pub fn wait_before_look_up(guards: Guards, look_up: &Lookup) -> Duration {
    if guards.has(Guard::VisibleAfter) { look_up.visible_after + CLOCK_SKEW_MAX } else { Duration::ZERO }
}

/// The same call again after a wait, or as long as the target asks.
fn again(attempt: Attempt<'_>, failure: &Failure) -> After {
    let asked = Duration::from_millis(failure.wait_ms.unwrap_or(0));
    let at = attempt.ended_at + signed(attempt.backoff.wait(attempt.number, attempt.seed).max(asked));
    let used_up = attempt.number >= attempt.backoff.attempts_max && !attempt.is_free;
    let too_late = attempt.backoff.within.is_some_and(|within| at > attempt.began + signed(within));
    if !used_up && !too_late {
        return After::Retry { at };
    }
    match (attempt.effect, failure.class) {
        (Effect::Write(_), ErrorClass::Unknown) => After::Park {
            reason: format!(
                "{} after {} attempts; look there whether it has been done",
                failure.message, attempt.number
            ),
        },
        (Effect::Read | Effect::Write(_), _) => After::Fail,
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use ferry_contract::{limits::CALL_ATTEMPTS_MAX, path::Path};

    use std::collections::BTreeMap;

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
            void: None,
        }))
    }

    fn effect(name: &str) -> Effect {
        match name {
            "read" => Effect::Read,
            "upsert" => Effect::Write(Repeat::Upsert),
            "lookup" => Effect::Write(look_up()),
            "never" => Effect::Write(Repeat::Never),
            _ => Effect::Write(Repeat::Keyed {
                header: "idempotency-key".to_owned(),
                remembers: Some(Duration::from_secs(1_000)),
            }),
        }
    }

    /// What follows a failure at second 100, in one word.
    fn follows(name: &str, class: ErrorClass, number: u32, first_second: i64) -> String {
        follows_with(&Backoff::default(), false, (name, class, number, first_second))
    }

    fn follows_with(
        backoff: &Backoff,
        is_free: bool,
        (name, class, number, first): (&str, ErrorClass, u32, i64),
    ) -> String {
        let effect = effect(name);
        let (first_at, ended_at) = (at(first), at(100));
        let (began, is_asked) = (first_at, false);
        let attempt =
            Attempt { effect: &effect, number, first_at, ended_at, began, is_free, backoff, is_asked, seed: "s" };
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
            ("keyed", Unknown, 1, -389, "retry"),
            ("keyed", Unknown, 1, -390, "park"),
            ("lookup", Unknown, 1, 100, "look up 710"),
            ("lookup", Unknown, CALL_ATTEMPTS_MAX, 100, "look up 710"),
            ("lookup", Conflict, 1, 100, "look up 710"),
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
                step: "s".to_owned(),
                digest: same.clone(),
                target: here.clone(),
                first_at: at(100),
                was_unknown: false,
                was_done: None,
                outcome: outcome(before),
            };
            let circumstances = Circumstances { now: at(101), is_replayed: false, doubted_since: None };
            let found = match before_call(Guards::ALL, &effect(name), Some(&memory), (digest, target), circumstances) {
                Before::Send => "send",
                Before::Confirm => "confirm",
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
            step: "s".to_owned(),
            digest: digest.clone(),
            target: digest.clone(),
            first_at: at(0),
            was_unknown: false,
            was_done: None,
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
            let circumstances = Circumstances { now: at(100), is_replayed: false, doubted_since: Some(at(50)) };
            let found = before_call(Guards::ALL, &effect(name), memory.as_ref(), (&digest, &digest), circumstances);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn a_probe_uses_up_no_attempt_and_time_runs_out_all_the_same() {
        use ErrorClass::{Throttled, Unavailable, Unknown};
        let in_time = Backoff { within: Some(Duration::from_secs(100)), ..Backoff::default() };
        for (backoff, is_free, effect, class, first, expected) in [
            (Backoff::default(), true, "read", Unavailable, 100, "retry"),
            (Backoff::default(), true, "upsert", Unknown, 100, "retry"),
            (Backoff::default(), true, "never", Throttled, 100, "retry"),
            (Backoff::default(), true, "never", Unknown, 100, "park"),
            (Backoff::default(), false, "read", Unavailable, 100, "fail"),
            (in_time.clone(), true, "read", Unavailable, 0, "fail"),
            (in_time, true, "upsert", Unknown, 0, "park"),
        ] {
            let found = follows_with(&backoff, is_free, (effect, class, CALL_ATTEMPTS_MAX, first));
            assert_eq!(found, expected, "{effect} {class} free {is_free} since {first}");
        }
    }

    #[test]
    fn what_was_sent_as_an_upsert_keeps_its_name() {
        let named = Named { connection: "bank", action: "pay", fact: "e", step: "pay" };
        let (sent, other) = (Digest::of("sent"), Digest::of("other"));
        let (key, _) = call_key(named, &effect("upsert"), &sent, &BTreeMap::new());
        let memory = Memory {
            step: "s".to_owned(),
            digest: sent.clone(),
            target: Digest::of("target"),
            first_at: at(0),
            was_unknown: false,
            was_done: None,
            outcome: Outcome::Unknown { since: at(1) },
        };
        let target = memory.target.clone();
        let memories = BTreeMap::from([(key.clone(), memory)]);
        let circumstances = Circumstances { now: at(2), is_replayed: false, doubted_since: None };
        for name in ["never", "keyed", "lookup"] {
            for (digest, is_same) in [(&sent, true), (&other, false)] {
                let effect = effect(name);
                assert_eq!(call_key(named, &effect, digest, &memories), (key.clone(), 0), "{name}");
                let memory = memories.get(&key);
                let before = before_call(Guards::ALL, &effect, memory, (digest, &target), circumstances);
                let may_send = is_same && name == "keyed";
                assert!(before != Before::Send || may_send, "{name}: {before:?}");
            }
            let step = Named { step: "other", ..named };
            assert_ne!(call_key(step, &effect(name), &sent, &memories).0, key, "of another step");
        }
    }
}
