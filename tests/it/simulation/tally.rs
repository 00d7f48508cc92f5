//! What all worlds of a long run came to, so that a figure can be given; as large for a million as for one.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Mutex, atomic::Ordering},
    time::Duration,
};

use ferry::clock::Stopwatch;

use super::{target::Fate, world::World};

/// How many seeds pass between two lines of a long run.
const LINE_EVERY_SEEDS: u64 = 10_000;

/// Sums over worlds.
pub(super) struct Tally {
    name: &'static str,
    began: Stopwatch,
    sums: Mutex<Sums>,
}

#[derive(Default)]
struct Sums {
    seeds: u64,
    worlds: u64,
    deaths: u64,
    stalls: u64,
    requests: u64,
    fates: BTreeMap<Fate, u64>,
    passed: Duration,
}

impl Tally {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, began: Stopwatch::start(), sums: Mutex::default() }
    }

    /// Adds a world that has ended.
    pub(super) fn add(&self, world: &World) {
        let mut sums = self.sums.lock().unwrap();
        sums.worlds += 1;
        sums.deaths += world.clock.deaths.load(Ordering::Relaxed);
        sums.stalls += world.clock.stalls.load(Ordering::Relaxed);
        sums.passed += world.clock.passed();
        for bank in world.banks() {
            sums.requests += bank.requests();
            for (fate, count) in bank.fates() {
                *sums.fates.entry(fate).or_default() += count;
            }
        }
    }

    /// A seed is done; now and then that is told.
    pub(super) fn seed_done(&self) {
        let seeds = {
            let mut sums = self.sums.lock().unwrap();
            sums.seeds += 1;
            sums.seeds
        };
        if seeds.is_multiple_of(LINE_EVERY_SEEDS) {
            self.tell();
        }
    }

    /// Tells all that happened so far.
    pub(super) fn tell(&self) {
        let sums = self.sums.lock().unwrap();
        let (real_ms, days) = (self.began.elapsed().as_millis(), sums.passed.as_secs() / 86_400);
        let Sums { seeds, worlds, deaths, stalls, requests, fates, .. } = &*sums;
        let per_second = u128::from(*worlds) * 1_000 / real_ms.max(1);
        let name = self.name;
        let line = format!(
            "{name}: {seeds} seeds, {worlds} worlds, {deaths} crashes, {stalls} stalls, {requests} requests {fates:?}, {days} \
             days of their time in {} s, {per_second} worlds a second",
            real_ms / 1_000
        );
        // Where it cannot be told, nobody is there to read it.
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    /// How often this happened to a request.
    pub(super) fn count(&self, fate: Fate) -> u64 {
        self.sums.lock().unwrap().fates.get(&fate).copied().unwrap_or(0)
    }
}
