//! The whole engine in a world where time, network, disk, crashes and stalls come from one seed.
//!
//! The engine, the manifest runtime and the SQL of the store are the real ones; only the clock, the
//! wire and the disk's moment of death are made. A failing seed becomes a named test.

mod books;
mod dice;
mod language;
mod lives;
mod manifest;
mod moods;
mod mortal;
mod mutants;
mod persons;
mod process;
mod shape;
mod shelf;
mod society;
mod sweep;
mod tally;
mod target;
mod world;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use manifest::Kind;
use process::{Place, Stall};
use shape::Shape;
use tally::Tally;
use target::{Fate, Faults};
use world::{Ending, World};

/// Seeds of random faults and crashes; more by `FERRY_SIMULATION_SEEDS`.
const SEEDS: u64 = 1_000;
/// The same with persons and three banks: such a world takes as long as three others.
const SEEDS_OF_PERSONS: u64 = 300;

fn seeds() -> u64 {
    seeds_or(SEEDS)
}

fn seeds_or(default: u64) -> u64 {
    std::env::var("FERRY_SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(default)
}

/// Where they begin, by `FERRY_SIMULATION_FROM`.
fn first_seed() -> u64 {
    std::env::var("FERRY_SIMULATION_FROM").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0)
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
            // The reason is written down, and a payment that failed did not move; but where two events mean
            // one fact, the other one may have moved it.
            Ending::DeadLettered { at } => at == "pay" && payment.effects != 0 && !world.twins,
            // Where nothing can tell whether it was paid before the restore, it waits for a person.
            Ending::Open => !(world.restored && matches!(kind, Kind::Never | Kind::Keyed)),
        };
        if wrong {
            return Some(story);
        }
    }
    None
}

/// Runs a world in which every promise must be kept.
#[track_caller]
fn check(kind: Kind, world: World) -> World {
    let seed = world.describe();
    let world = world.run();
    if let Some(story) = broken(kind, &world) {
        panic!("{seed}: {story}\n{}", world.journals());
    }
    world
}

/// All seeds on all cores. A world is forgotten when it has ended, so a million of them take no more room.
fn on_any_seed(
    name: &'static str,
    kinds: impl Fn(u64) -> Vec<Kind> + Sync,
    world: impl Fn(Kind, u64) -> World + Sync,
) -> Tally {
    let tally = Tally::new(name);
    for_seeds(&tally, seeds(), |seed| {
        for kind in kinds(seed) {
            tally.add(&check(kind, world(kind, seed)));
        }
    });
    tally.tell();
    tally
}

fn for_seeds(tally: &Tally, count: u64, world: impl Fn(u64) + Sync) {
    let first = first_seed();
    let next = AtomicU64::new(first);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    world(seed);
                    tally.seed_done();
                }
            });
        }
    });
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
    let world = |kind, seed| World::new(kind, seed).faults(Faults::Random).random_crashes();
    on_any_seed("one engine", |_| Kind::ALL.to_vec(), world);
}

#[test]
fn no_call_key_is_paid_twice_by_two_engines_on_any_seed() {
    // The seed chooses the kind, because a world of two takes its time.
    let kind = |seed| vec![Kind::ALL[usize::try_from(seed / 3 % 4).unwrap()]];
    let world = |kind, seed| World::new(kind, seed).faults(Faults::Random).random_company();
    let tally = on_any_seed("two engines", kind, world);
    for fate in [Fate::LostBefore, Fate::LostAfter, Fate::Doubled, Fate::Reordered, Fate::Slow, Fate::SlowAnswer] {
        assert!(tally.count(fate) > 0 || seeds() < SEEDS, "{fate:?} never happened");
    }
}

/// A repeat that was not sent does not make the attempt before it undone: its key is forgotten meanwhile.
#[test]
fn an_attempt_that_did_nothing_says_nothing_of_the_one_before() {
    for kind in Kind::ALL {
        check(kind, World::new(kind, 0).faults(Faults::FirstAnswerLostThenUnreachable));
    }
}

/// One engine stands still, the other dies, and the store's clock is set back meanwhile: what a third one writes is
/// in a time that lags, and the first one knows better when it goes on.
#[test]
fn an_engine_that_stood_still_looks_nothing_up_by_a_time_that_lagged() {
    check(Kind::Lookup, World::new(Kind::Lookup, 152).faults(Faults::Random).random_company());
}

/// At every point of its first life a backup is made, and put back when all was paid.
#[test]
fn a_store_that_was_put_back_pays_nothing_again() {
    for kind in Kind::ALL {
        let points = World::new(kind, 0).run().points();
        for point in 0..points {
            check(kind, World::new(kind, 0).crash_at(point).restored());
            if point % 4 == 0 {
                check(kind, World::new(kind, point).faults(Faults::Random).crash_at(point).restored());
            }
        }
    }
}

/// A world of two in which the first engine stands still for longer than its lease and any look-up.
fn stalled(kind: Kind, place: Place, point: u64) -> World {
    World::new(kind, 0).of_two().stalled(Stall { place, point, how_long: Duration::from_mins(20) })
}

/// The points of the first engine in a world of two without faults.
fn points_of_two(kind: Kind, place: Place) -> u64 {
    let passed = World::new(kind, 0).of_two().run().passed;
    match place {
        Place::Disk => passed[0],
        Place::Wire => passed[1],
    }
}

/// Also between the intent on disk and the check of the lease, at a target that would book it again.
#[test]
fn no_call_key_is_paid_twice_when_an_engine_stands_still_at_any_commit() {
    for kind in Kind::ALL {
        let points = points_of_two(kind, Place::Disk);
        assert!(points > 10, "{kind:?} has only {points} points");
        for point in 0..points {
            check(kind, stalled(kind, Place::Disk, point));
        }
    }
}

/// Between the check and the bytes, only the target can refuse what an engine sends that wakes too late.
#[test]
fn no_call_key_is_paid_twice_when_an_engine_stands_still_at_any_exchange_and_the_target_refuses() {
    for kind in Kind::ALL {
        for point in 0..points_of_two(kind, Place::Wire) {
            check(kind, stalled(kind, Place::Wire, point).refusing());
        }
    }
}

/// The residue is there, and it is no larger than that: a target that books what it is asked twice.
#[test]
fn a_stall_between_check_and_bytes_is_paid_twice_only_by_a_target_that_books_duplicates() {
    let pays_twice = |point| broken(Kind::Lookup, &stalled(Kind::Lookup, Place::Wire, point).run()).is_some();
    assert!((0..points_of_two(Kind::Lookup, Place::Wire)).any(pays_twice));
}

#[test]
fn the_same_seed_gives_the_same_journals() {
    let alone = || World::new(Kind::Lookup, 7).faults(Faults::Random).random_crashes().run().journals();
    assert_eq!(alone(), alone());
    let together = || World::new(Kind::Lookup, 7).faults(Faults::Random).random_company().run().journals();
    assert_eq!(together(), together());
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
        let requests = world.target.requests();
        assert!((80..200).contains(&requests), "{kind:?}: {requests} requests");
    }
}

/// The kinds of banks and the reactions take turns.
fn of_persons(seed: u64) -> World {
    let shape = Shape::ALL[usize::try_from(seed % 5).unwrap()];
    World::of_persons((Kind::ALL[usize::try_from(seed / 5 % 4).unwrap()], shape), seed)
}

/// Cancels, corrections, replays and decisions by persons who tell the truth, beside everything that can go wrong.
#[test]
fn no_fact_is_paid_twice_over_all_banks_whatever_persons_do_on_any_seed() {
    let (tally, stories) = (Tally::new("persons"), Mutex::new(Vec::new()));
    let count = seeds_or(SEEDS_OF_PERSONS);
    for_seeds(&tally, count, |seed| {
        let world = of_persons(seed);
        let told = world.describe();
        let world = world.run();
        if let Some(story) = books::broken(&world) {
            stories.lock().unwrap().push(format!("{told}: {story}\n{}", world.journals()));
        }
        tally.add(&world);
    });
    tally.tell();
    let stories = stories.into_inner().unwrap();
    let heads: Vec<_> = stories.iter().filter_map(|story| story.lines().next()).collect();
    assert!(stories.is_empty(), "{} of {} seeds:\n{}\n{}", stories.len(), count, heads.join("\n"), stories[0]);
}
