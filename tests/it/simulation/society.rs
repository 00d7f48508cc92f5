//! Worlds with persons: engines that die and stand still, banks with moods, and people who act on what they see.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    dice::Dice,
    lives::runtime,
    manifest::Kind,
    process::{Place, Process, Stall},
    shape::Shape,
    target::Faults,
    world::{EVENTS, World, amount},
};

impl World {
    /// A world of persons, in which the seed says the rest.
    pub(super) fn of_persons((kind, shape): (Kind, Shape), seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let engines = 1 + usize::try_from(dice.below(2)).unwrap();
        let crashes = (0..engines).map(|_| (0..dice.below(4)).map(|_| 3 + dice.below(90)).collect()).collect();
        let stalls = (0..engines).map(|_| {
            let stall = |dice: &mut Dice| {
                let how_long = Duration::from_mins(1 + dice.below(30));
                Stall { place: Place::Disk, point: dice.below(60), how_long }
            };
            (0..dice.below(3)).map(|_| stall(&mut dice)).collect()
        });
        let stalls = stalls.collect();
        let minutes = |dice: &mut Dice| i64::try_from(dice.below(120)).unwrap() - 60;
        let skews = [minutes(&mut dice), minutes(&mut dice)];
        let (shape, refuses) = (Some(shape), dice.one_in(3));
        let world = Self { crashes, stalls, engines, refuses, shape, ..Self::new(kind, seed) };
        let records = EVENTS.into_iter().map(|id| (id, record(id, dice.below(3) > 0)));
        world.records.lock().unwrap().extend(records);
        world.faults(Faults::Moody).skewed(skews)
    }

    /// Engines live and die beside persons, until those have nothing left to do.
    pub(super) fn among_persons(self) -> Self {
        let runtime = runtime();
        runtime.block_on(async {
            self.clock.begin();
            let process = |slot| Process::new(Arc::clone(&self.clock), self.crash_point(slot, 0), self.stalls_of(slot));
            let second = async {
                if self.engines > 1 {
                    self.slot(1, process(1)).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                biased;
                () = self.slot(0, process(0)) => {}
                () = second => {}
                () = self.persons() => {}
            }
            self.clock.end();
        });
        drop(runtime);
        self
    }
}

/// An event as its source has it first.
fn record(id: &str, passes: bool) -> Value {
    json!({ "id": id, "at": "2026-03-01T10:00:00Z", "amount": amount(id), "last_check": passes, "revision": "1" })
}
