//! The whole engine in a world where time, network, disk and crashes come from one seed.
//!
//! The engine, the manifest runtime and the SQL of the store are the real ones; only the clock, the
//! wire and the disk's moment of death are made. A failing seed becomes a named test.

mod language;
mod mortal;
mod target;
mod world;

use ferry_core::once::{Guard, Guards};

use target::{Faults, Kind};
use world::{Ending, World};

/// Seeds of random faults and crashes; more by `FERRY_SIMULATION_SEEDS`.
const SEEDS: u64 = 150;

fn seeds() -> u64 {
    std::env::var("FERRY_SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

/// What must hold in every world, or the story of what did not.
fn broken(kind: Kind, world: &World) -> Option<String> {
    for payment in world.payments() {
        let story = format!("{kind:?} {}: booked {} times, run {:?}", payment.key, payment.effects, payment.ending);
        let wrong = match &payment.ending {
            _ if payment.effects > 1 => true,
            Ending::Finished => payment.effects != 1 || !payment.agrees,
            // A person decides; the money moved at most once.
            Ending::Parked => false,
            // The reason is written down, and a payment that failed did not move.
            Ending::DeadLettered { at } => at == "pay" && payment.effects != 0,
            Ending::Open => true,
        };
        if wrong {
            return Some(story);
        }
    }
    None
}

#[track_caller]
fn check(kind: Kind, world: World) {
    let seed = world.describe();
    let world = world.run();
    if let Some(story) = broken(kind, &world) {
        panic!("{seed}: {story}\n{}", world.journals());
    }
}

/// Whether some world of a mutant breaks a promise.
fn is_caught(kind: Kind, worlds: impl Iterator<Item = World>) -> bool {
    worlds.into_iter().any(|world| broken(kind, &world.run()).is_some())
}

#[test]
fn no_call_key_is_paid_twice_when_it_crashes_anywhere() {
    for kind in Kind::ALL {
        let points = World::new(kind, 0).run().points();
        assert!(points > 20, "{kind:?} has only {points} points");
        for point in 0..points {
            check(kind, World::new(kind, 0).crash_at(point));
        }
    }
}

#[test]
fn no_call_key_is_paid_twice_when_an_answer_is_lost_and_it_crashes_anywhere() {
    for kind in Kind::ALL {
        let lossy = || World::new(kind, 0).faults(Faults::FirstAnswerLost);
        let points = lossy().run().points();
        for point in 0..points {
            check(kind, lossy().crash_at(point));
        }
    }
}

#[test]
fn no_call_key_is_paid_twice_on_any_seed() {
    for seed in 0..seeds() {
        for kind in Kind::ALL {
            check(kind, World::new(kind, seed).faults(Faults::Random).random_crashes());
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_journals() {
    let journals = || World::new(Kind::Lookup, 7).faults(Faults::Random).random_crashes().run().journals();
    assert_eq!(journals(), journals());
}

#[test]
fn a_replay_never_pays_again() {
    for kind in Kind::ALL {
        check(kind, World::new(kind, 0).replayed());
    }
}

/// Each of its probes would use up an attempt, and twelve are the most.
#[test]
fn a_target_that_is_down_for_hours_makes_no_dead_letters() {
    for kind in Kind::ALL {
        // What a crash leaves of a call that cannot be looked up would be for a person.
        let point = if kind == Kind::Lookup { 12 } else { u64::MAX };
        let world = World::new(kind, 0).faults(Faults::Down).crash_at(point).run();
        let all_paid = world.payments().iter().all(|paid| (paid.effects, &paid.ending) == (1, &Ending::Finished));
        assert!(all_paid, "{kind:?}\n{}", world.journals());
        let requests = world.target.as_ref().map_or(0, |target| target.requests());
        assert!((80..200).contains(&requests), "{kind:?}: {requests} requests");
    }
}

#[test]
fn a_mutant_that_resends_an_unknown_outcome_is_caught() {
    for kind in [Kind::Lookup, Kind::Never] {
        let mutant = |guards| World::new(kind, 0).faults(Faults::FirstAnswerLost).guards(guards);
        assert!(is_caught(kind, std::iter::once(mutant(Guards::without(Guard::Unknown)))), "{kind:?}");
        assert!(!is_caught(kind, std::iter::once(mutant(Guards::ALL))), "{kind:?}");
    }
}

#[test]
fn a_mutant_that_looks_too_early_is_caught() {
    let mutant = |guards| World::new(Kind::Lookup, 0).faults(Faults::FirstEffectLate).guards(guards);
    assert!(is_caught(Kind::Lookup, std::iter::once(mutant(Guards::without(Guard::VisibleAfter)))));
    assert!(!is_caught(Kind::Lookup, std::iter::once(mutant(Guards::ALL))));
}

#[test]
fn a_mutant_that_adopts_what_differs_is_caught() {
    let mutant = |guards| World::new(Kind::Lookup, 0).faults(Faults::FirstAnswerLost).with_a_stranger().guards(guards);
    assert!(is_caught(Kind::Lookup, std::iter::once(mutant(Guards::without(Guard::Agreement)))));
    assert!(!is_caught(Kind::Lookup, std::iter::once(mutant(Guards::ALL))));
}

#[test]
fn a_mutant_that_forgets_its_calls_is_caught_on_replay() {
    for kind in [Kind::Lookup, Kind::Never] {
        let mutant = |guards| World::new(kind, 0).replayed().guards(guards);
        assert!(is_caught(kind, std::iter::once(mutant(Guards::without(Guard::Memory)))), "{kind:?}");
        assert!(!is_caught(kind, std::iter::once(mutant(Guards::ALL))), "{kind:?}");
    }
}

#[test]
fn a_mutant_that_relies_on_a_forgotten_key_is_caught() {
    let mutant = |guards| World::new(Kind::Keyed, 0).faults(Faults::AnswersLostForLong).guards(guards);
    assert!(is_caught(Kind::Keyed, std::iter::once(mutant(Guards::without(Guard::KeyWindow)))));
    assert!(!is_caught(Kind::Keyed, std::iter::once(mutant(Guards::ALL))));
}
