//! One world: what is to go wrong in it, and what is left of it in the end.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ferry::store::{Change, Filter, RunId, sqlite::SqliteStore};
use ferry_contract::port::Clock;
use ferry_core::once::Guards;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    manifest::Kind,
    process::{Place, Process, SetClock, Stall, TrueClock, VirtualClock},
    shape::Shape,
    shelf::Shelf,
    target::{Faults, Target},
};

/// The events of every world.
pub(super) const EVENTS: [&str; 3] = ["p1", "p2", "p3"];

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    Finished,
    Parked,
    DeadLettered {
        /// The step.
        at: String,
    },
    Open,
}

/// One payment, from the target's side and from ours.
pub(super) struct Payment {
    pub(super) key: &'static str,
    pub(super) effects: usize,
    pub(super) agrees: bool,
    pub(super) ending: Ending,
}

/// One world.
#[expect(clippy::struct_excessive_bools, reason = "each setting of a world stands alone")]
pub(super) struct World {
    pub(super) kind: Kind,
    pub(super) seed: u64,
    pub(super) faults: Faults,
    pub(super) guards: Guards,
    /// The points at which lives end; one list an engine.
    pub(super) crashes: Vec<Vec<u64>>,
    /// What each engine of the first life suffers.
    pub(super) stalls: Vec<Vec<Stall>>,
    pub(super) engines: usize,
    pub(super) refuses: bool,
    pub(super) refuse_by: u64,
    /// How far somebody sets the machine's clock between lives, or the store's machine's while two engines live.
    pub(super) set_clock_ms: i64,
    /// How far the clocks of the engines' machines are from the store's; they are set between lives.
    pub(super) skews_ms: [i64; 2],
    pub(super) replayed: bool,
    pub(super) twins: bool,
    pub(super) restored: bool,
    pub(super) stranger: bool,
    pub(super) clock: Arc<VirtualClock>,
    /// Of the one engine, over its lives.
    pub(super) process: Arc<Process>,
    pub(super) shelf: Shelf,
    pub(super) commits: Arc<AtomicU64>,
    pub(super) target: Arc<Target>,
    /// What the payment's step does where it fails, where the world has persons.
    pub(super) shape: Option<Shape>,
    /// The banks that pay in the place of the first.
    pub(super) others: Vec<Arc<Target>>,
    /// The events as their source has them now, where it corrects them.
    pub(super) records: Mutex<BTreeMap<&'static str, Value>>,
    pub(super) lives: AtomicU64,
    /// What the first engines of a world of many passed, by place.
    pub(super) passed: [u64; 2],
}

impl World {
    pub(super) fn new(kind: Kind, seed: u64) -> Self {
        let clock = Arc::new(VirtualClock::new());
        Self {
            kind,
            seed,
            faults: Faults::None,
            guards: Guards::ALL,
            crashes: Vec::new(),
            stalls: Vec::new(),
            engines: 1,
            refuses: false,
            refuse_by: 0,
            set_clock_ms: 0,
            skews_ms: [0; 2],
            replayed: false,
            twins: false,
            restored: false,
            stranger: false,
            process: Process::new(Arc::clone(&clock), u64::MAX, Vec::new()),
            shelf: in_memory(&clock, Guards::ALL),
            commits: Arc::default(),
            target: target(kind, Faults::None, seed, false, &clock),
            shape: None,
            others: Vec::new(),
            records: Mutex::default(),
            lives: AtomicU64::new(0),
            passed: [0; 2],
            clock,
        }
    }

    /// With random faults, the disk refuses a commit now and then.
    pub(super) fn faults(self, faults: Faults) -> Self {
        let refuse_by = if faults == Faults::Random { self.seed } else { 0 };
        Self { faults, refuse_by, ..self }
    }

    pub(super) fn guards(self, guards: Guards) -> Self {
        Self { guards, ..self }
    }

    /// The first life ends at this point.
    pub(super) fn crash_at(self, point: u64) -> Self {
        Self { crashes: vec![vec![point]], ..self }
    }

    /// Some lives end at points that the seed chooses, and between them somebody sets the clock: forward or back.
    pub(super) fn random_crashes(self) -> Self {
        let crashes =
            (0..self.seed % 4).map(|life| 5 + (self.seed.wrapping_mul(2_654_435_761) >> (life * 7)) % 60).collect();
        let minutes = i64::try_from(self.seed.wrapping_mul(0x9E37_79B9) >> 7 & 0xFF).unwrap() - 60;
        Self { crashes: vec![crashes], set_clock_ms: minutes * 60_000, ..self }
    }

    /// Two engines share the store, and each brings in every event.
    pub(super) fn of_two(self) -> Self {
        Self { engines: 2, ..self }
    }

    /// Somebody sets the clock of the store's machine forward by so many minutes.
    pub(super) fn set_forward(self, minutes: i64) -> Self {
        Self { set_clock_ms: minutes * 60_000, ..self }
    }

    /// The clocks of the engines' machines differ from the store's by so many minutes.
    pub(super) fn skewed(self, minutes: [i64; 2]) -> Self {
        Self { skews_ms: minutes.map(|minutes| minutes * 60_000), ..self }
    }

    /// The first engine stands still at a point.
    pub(super) fn stalled(self, stall: Stall) -> Self {
        Self { stalls: vec![vec![stall]], ..self }
    }

    /// The target refuses a payment that it has already.
    pub(super) fn refusing(self) -> Self {
        Self { refuses: true, ..self }
    }

    /// Two engines that crash and stand still where the seed says. One that stands still between its lease
    /// check and its bytes can only be stopped by the target, so that is done where the target refuses.
    pub(super) fn random_company(self) -> Self {
        let refuses = self.seed.is_multiple_of(3);
        let mut random = self.seed.wrapping_mul(0x2545_F491_4F6C_DD1D) | 1;
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 11) % below
        };
        let crashes = (0..2).map(|_| (0..next(3)).map(|_| 3 + next(80)).collect()).collect();
        let stalls = (0..2).map(|_| {
            let stall = |place, point, minutes| Stall { place, point, how_long: Duration::from_mins(minutes) };
            let place = if refuses && next(2) == 0 { Place::Wire } else { Place::Disk };
            (0..next(3)).map(|_| stall(place, next(40), 1 + next(30))).collect()
        });
        let stalls = stalls.collect();
        let mut minutes = || i64::try_from(next(120)).unwrap() - 60;
        let (skews, set) = ([minutes(), minutes()], minutes());
        // While no engine lives to know better, a key looks younger by a store's clock that is set back.
        let set = if self.kind == Kind::Keyed { set.max(0) } else { set };
        Self { engines: 2, refuses, crashes, stalls, set_clock_ms: set * 60_000, ..self }.skewed(skews)
    }

    /// Every run fails after it has paid, and is replayed.
    pub(super) fn replayed(self) -> Self {
        Self { replayed: true, ..self }
    }

    /// Another pipeline finds the same events, and makes the same calls.
    pub(super) fn with_twins(self) -> Self {
        Self { twins: true, ..self }
    }

    /// The store as the first life left it is put back after all was done.
    pub(super) fn restored(self) -> Self {
        Self { restored: true, ..self }
    }

    /// What is to be remembered stands there, and nothing stands there yet.
    pub(super) fn on(self, shelf: Shelf) -> Self {
        Self { shelf, ..self }
    }

    /// Another payment has the first one's name already.
    pub(super) fn with_a_stranger(self) -> Self {
        Self { stranger: true, ..self }
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "seed {} {:?} {:?} faults {:?} engines {} refuses {} crashes {:?} stalls {:?} clock {} ms, skewed by {:?} ms",
            self.seed,
            self.kind,
            self.shape,
            self.faults,
            self.engines,
            self.refuses,
            self.crashes,
            self.stalls,
            self.set_clock_ms,
            self.skews_ms
        )
    }

    /// Makes what the settings ask for.
    pub(super) fn prepared(self) -> Self {
        let others = if self.shape.is_some() { 1..3 } else { 0..0 };
        let other =
            |number: u64| target(Kind::Lookup, self.faults, self.seed ^ number << 40, self.refuses, &self.clock);
        let others = others.map(other).collect();
        let target = target(self.kind, self.faults, self.seed, self.refuses, &self.clock);
        if self.stranger {
            target.stranger(EVENTS[0]);
        }
        let shelf = match &self.shelf {
            Shelf::Memory(_) => in_memory(&self.clock, self.guards),
            real @ Shelf::Real(..) => real.clone(),
        };
        judge(&shelf, true, self.clock.true_now());
        Self { shelf, target, others, ..self }
    }

    /// All banks.
    pub(super) fn banks(&self) -> impl Iterator<Item = &Arc<Target>> {
        std::iter::once(&self.target).chain(&self.others)
    }

    pub(super) fn event(&self, id: &str) -> Value {
        if let Some(record) = self.records.lock().unwrap().get(id) {
            return record.clone();
        }
        json!({ "id": id, "at": "2026-03-01T10:00:00Z", "amount": amount(id), "last_check": !self.replayed })
    }

    /// How many points were passed.
    pub(super) fn points(&self) -> u64 {
        self.process.passed.load(Ordering::Relaxed)
    }

    /// Every payment from both sides.
    pub(super) fn payments(&self) -> Vec<Payment> {
        let all = Filter { limit: usize::MAX, ..Filter::default() };
        let runs = self.shelf.at_once(self.shelf.store().runs(&all)).unwrap();
        let letters = self.shelf.at_once(self.shelf.store().dead_letters(&all)).unwrap();
        let payment = |key: &'static str| {
            let own = |run: &&ferry::store::RunRow| run.event_key == key && run.pipeline == "pay";
            let state = runs.iter().find(own).map_or("", |run| run.state.as_str());
            let (booked, agrees) = self.target.booked(key, &amount(key));
            // What somebody else booked is not ours.
            let strangers = usize::from(self.stranger && key == EVENTS[0]);
            let ending = match state {
                "finished" => Ending::Finished,
                "parked" => Ending::Parked,
                "dead_lettered" => {
                    let letter = letters.iter().find(|letter| letter.event_key == key);
                    Ending::DeadLettered { at: letter.map(|letter| letter.step.clone()).unwrap_or_default() }
                }
                _ => Ending::Open,
            };
            Payment { key, effects: booked - strangers, agrees, ending }
        };
        EVENTS.into_iter().map(payment).collect()
    }

    /// All journals, to read and to compare.
    pub(super) fn journals(&self) -> String {
        let mut out = String::new();
        for id in EVENTS {
            let run = self.shelf.at_once(self.shelf.store().run(&RunId::of("pay", id))).unwrap();
            let Some(run) = run else { continue };
            out += &format!("{id} {}\n", run.row.state);
            for (at, entry) in run.journal {
                out += &format!(
                    "  {} {}\n",
                    at.duration_since(Timestamp::UNIX_EPOCH).as_millis(),
                    serde_json::to_string(&entry).unwrap()
                );
            }
        }
        out
    }
}

fn in_memory(clock: &Arc<VirtualClock>, guards: Guards) -> Shelf {
    let machine = Arc::new(SetClock(Arc::clone(clock)));
    let clock = Arc::new(TrueClock(Arc::clone(clock), None));
    Shelf::Memory(Arc::new(SqliteStore::in_memory((clock, machine), guards).unwrap()))
}

/// A world begins with its store, so that is trusted; one that was put back is not.
pub(super) fn judge(shelf: &Shelf, is_trusted: bool, at: Timestamp) {
    let verdict = Change::Judge { is_trusted, by: "the world".into(), reason: String::new(), at };
    shelf.at_once(shelf.store().commit(vec![verdict])).unwrap();
}

fn target(kind: Kind, faults: Faults, seed: u64, refuses: bool, clock: &Arc<VirtualClock>) -> Arc<Target> {
    let clock: Arc<dyn Clock> = Arc::new(TrueClock(Arc::clone(clock), None));
    Arc::new(Target::new(kind, faults, seed, refuses, clock))
}

pub(super) fn amount(id: &str) -> Value {
    serde_json::from_str(&format!("1{}.50", &id[1..])).unwrap()
}
