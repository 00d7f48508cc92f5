//! Engines that forget one guard: each is caught in some world, in which the whole engine breaks no promise.

use std::time::Duration;

use ferry_core::once::{Guard, Guards};

use super::{
    SEEDS, books, broken,
    manifest::Kind,
    of_persons, points_of_two,
    process::{Place, Stall},
    shape::Shape,
    stalled,
    target::Faults,
    world::World,
};

/// Some of these worlds catch the mutant, and none of them the engine that has all guards.
#[track_caller]
fn check(guard: Guard, kind: Kind, worlds: impl Fn() -> Vec<World>) {
    let is_caught = |guards: Guards| {
        let stories = worlds().into_iter().map(|world| broken(kind, &world.guards(guards).run()));
        stories.flatten().next()
    };
    assert!(is_caught(Guards::without(guard)).is_some(), "{kind:?} without {guard:?} breaks nothing");
    assert_eq!(is_caught(Guards::ALL), None, "{kind:?} with all guards");
}

#[test]
fn a_mutant_that_takes_an_event_twice_is_caught() {
    for kind in [Kind::Lookup, Kind::Never] {
        check(Guard::Inbox, kind, || vec![World::new(kind, 0).of_two()]);
    }
}

#[test]
fn a_mutant_that_lets_two_runs_make_one_call_is_caught() {
    for kind in [Kind::Lookup, Kind::Never] {
        check(Guard::Claim, kind, || vec![World::new(kind, 0).with_twins()]);
    }
}

#[test]
fn a_mutant_that_resends_an_unknown_outcome_is_caught() {
    for kind in [Kind::Lookup, Kind::Never] {
        check(Guard::Unknown, kind, || vec![World::new(kind, 0).faults(Faults::FirstAnswerLost)]);
    }
}

#[test]
fn a_mutant_that_sends_before_its_intent_is_durable_is_caught() {
    for kind in [Kind::Lookup, Kind::Never] {
        let points = World::new(kind, 0).run().points();
        let worlds = (0..4).flat_map(|seed| (0..points).map(move |point| World::new(kind, seed).crash_at(point)));
        check(Guard::Intent, kind, || worlds.clone().collect());
    }
}

#[test]
fn a_mutant_that_writes_and_sends_after_its_lease_is_caught() {
    let points = points_of_two(Kind::Lookup, Place::Disk);
    let worlds = || (0..points).map(|point| stalled(Kind::Lookup, Place::Disk, point)).collect();
    check(Guard::Fence, Kind::Lookup, worlds);
}

#[test]
fn a_mutant_that_forgets_its_calls_is_caught_on_replay() {
    for kind in [Kind::Lookup, Kind::Never] {
        check(Guard::Memory, kind, || vec![World::new(kind, 0).replayed()]);
    }
}

#[test]
fn a_mutant_that_relies_on_a_forgotten_key_is_caught() {
    check(Guard::KeyWindow, Kind::Keyed, || vec![World::new(Kind::Keyed, 0).faults(Faults::AnswersLostForLong)]);
}

#[test]
fn a_mutant_that_looks_too_early_is_caught() {
    check(Guard::VisibleAfter, Kind::Lookup, || vec![World::new(Kind::Lookup, 0).faults(Faults::FirstEffectLate)]);
}

#[test]
fn a_mutant_that_believes_a_restored_store_is_caught() {
    for kind in [Kind::Lookup, Kind::Never] {
        check(Guard::Trust, kind, || vec![World::new(kind, 0).crash_at(3).restored()]);
    }
}

#[test]
fn a_mutant_that_resends_a_bundle_whole_is_caught() {
    check(Guard::Items, Kind::Lookup, || vec![World::new(Kind::Lookup, 0).faults(Faults::FirstBundlePartly)]);
}

#[test]
fn a_mutant_that_adopts_what_differs_is_caught() {
    let world = || World::new(Kind::Lookup, 0).faults(Faults::FirstAnswerLost).with_a_stranger();
    check(Guard::Agreement, Kind::Lookup, || vec![world()]);
}

/// Each machine has a time of its own, and a forgotten key looks young by another's.
#[test]
fn a_mutant_that_goes_by_its_machines_clock_is_caught_with_a_key() {
    let how_long = Duration::from_mins(20);
    let world = |point| {
        let world = World::new(Kind::Keyed, 0).of_two().faults(Faults::AnswersLostForLong).skewed([0, -30]);
        world.stalled(Stall { place: Place::Disk, point, how_long })
    };
    check(Guard::Clock, Kind::Keyed, || (0..points_of_two(Kind::Keyed, Place::Disk)).map(world).collect());
}

/// Somebody sets the clock forward while a write is under way.
#[test]
fn a_mutant_that_goes_by_its_machines_clock_is_caught_by_a_look_up() {
    check(Guard::Clock, Kind::Lookup, || {
        vec![World::new(Kind::Lookup, 0).of_two().faults(Faults::FirstEffectLate).set_forward(30)]
    });
}

/// Some seed of those that every run of the tests takes catches the mutant; the whole engine has all of them in
/// `no_fact_is_paid_twice_over_all_banks_whatever_persons_do_on_any_seed`.
#[track_caller]
fn check_among_persons(guard: Guard, shapes: &[Shape]) {
    let worlds = (0..SEEDS).map(of_persons).filter(|world| world.shape.is_some_and(|shape| shapes.contains(&shape)));
    let mut stories = worlds.filter_map(|world| books::broken(&world.guards(Guards::without(guard)).run()));
    assert!(stories.next().is_some(), "{shapes:?} without {guard:?} breaks nothing");
}

#[test]
fn a_mutant_that_pays_elsewhere_beside_an_attempt_that_may_have_arrived_is_caught() {
    check_among_persons(Guard::Place, &[Shape::Fallback]);
    check_among_persons(Guard::Place, &[Shape::Instead]);
}

#[test]
fn a_mutant_that_goes_on_at_a_time_out_beside_a_write_that_may_have_arrived_is_caught() {
    check_among_persons(Guard::Place, &[Shape::Hurry]);
}

#[test]
fn a_mutant_that_goes_on_without_what_it_has_paid_is_caught() {
    check_among_persons(Guard::Place, &[Shape::Tell]);
}

#[test]
fn a_mutant_that_cancels_what_is_in_doubt_is_caught() {
    check_among_persons(Guard::Doubt, &Shape::ALL);
}

#[test]
fn a_mutant_that_begins_a_call_beside_a_cancel_is_caught() {
    check_among_persons(Guard::Ending, &Shape::ALL);
}
