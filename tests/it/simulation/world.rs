//! Lives of an engine on one store, with crashes between them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ferry::{
    engine::{Engine, LoadedProject, Setup, Terms},
    store::{Change, Filter, RunId, Store, sqlite::SqliteStore},
};
use ferry_connectors::connection::{Connection, Settings, World as ConnectorWorld};
use ferry_contract::{key::Digest, port::Clock};
use ferry_core::{once::Guards, plan::Plan};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    language::{Language, language, version_files},
    mortal::{MortalStore, Points, VirtualClock},
    target::{Faults, Kind, Target},
};

/// The events of every world.
const EVENTS: [&str; 3] = ["p1", "p2", "p3"];
/// How often a life looks whether all is done.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// A life without an end is a failure.
const LOOKS_MAX: u32 = 24 * 60;
/// How long an engine lives without a sign of life.
const LEASE: Duration = Duration::from_mins(1);
/// A world without an end is a failure.
const LIVES_MAX: u32 = 20;

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
pub(super) struct World {
    kind: Kind,
    seed: u64,
    faults: Faults,
    guards: Guards,
    crashes: Vec<u64>,
    replayed: bool,
    stranger: bool,
    clock: Arc<VirtualClock>,
    points: Arc<Points>,
    store: Arc<MortalStore>,
    pub(super) target: Option<Arc<Target>>,
    lives: AtomicU64,
}

impl World {
    pub(super) fn new(kind: Kind, seed: u64) -> Self {
        let points = Arc::new(Points::default());
        points.crash_at.store(u64::MAX, Ordering::Relaxed);
        let clock = Arc::new(VirtualClock::new());
        let store = SqliteStore::in_memory(Arc::clone(&clock) as Arc<dyn Clock>, Guards::ALL).unwrap();
        let store = MortalStore::new(store, Arc::clone(&points));
        Self {
            kind,
            seed,
            faults: Faults::None,
            guards: Guards::ALL,
            crashes: Vec::new(),
            replayed: false,
            stranger: false,
            clock,
            points,
            store: Arc::new(store),
            target: None,
            lives: AtomicU64::new(0),
        }
    }

    /// With random faults, the disk refuses a commit now and then.
    pub(super) fn faults(self, faults: Faults) -> Self {
        if faults == Faults::Random {
            self.store.refuse_by(self.seed);
        }
        Self { faults, ..self }
    }

    pub(super) fn guards(self, guards: Guards) -> Self {
        Self { guards, ..self }
    }

    /// The first life ends at this point.
    pub(super) fn crash_at(self, point: u64) -> Self {
        Self { crashes: vec![point], ..self }
    }

    /// Some lives end at points that the seed chooses.
    pub(super) fn random_crashes(self) -> Self {
        let crashes =
            (0..self.seed % 4).map(|life| 5 + (self.seed.wrapping_mul(2_654_435_761) >> (life * 7)) % 60).collect();
        Self { crashes, ..self }
    }

    /// Every run fails after it has paid, and is replayed.
    pub(super) fn replayed(self) -> Self {
        Self { replayed: true, ..self }
    }

    /// Another payment has the first one's name already.
    pub(super) fn with_a_stranger(self) -> Self {
        Self { stranger: true, ..self }
    }

    pub(super) fn describe(&self) -> String {
        format!("seed {} {:?} faults {:?} crashes {:?}", self.seed, self.kind, self.faults, self.crashes)
    }

    /// Lives until nothing is left to do.
    pub(super) fn run(mut self) -> Self {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let target = Target::new(self.kind, self.faults, self.seed, clock, Arc::clone(&self.points));
        if self.stranger {
            target.stranger(EVENTS[0]);
        }
        self.target = Some(Arc::new(target));
        let mut crashes = std::mem::take(&mut self.crashes).into_iter();
        let mut lives = 0;
        let mut begun = false;
        loop {
            lives += 1;
            assert!(lives < LIVES_MAX, "no end");
            let passed = self.points.passed.load(Ordering::Relaxed);
            let crash_at = crashes.next().map_or(u64::MAX, |point| passed + point);
            self.points.crash_at.store(crash_at, Ordering::Relaxed);
            let survived = self.life(&mut begun);
            if survived && !self.replayed {
                return self;
            }
            if survived {
                self.replayed = false;
                self.points.crash_at.store(u64::MAX, Ordering::Relaxed);
                self.replay();
            }
        }
    }

    /// One life; whether it ended by itself.
    fn life(&self, begun: &mut bool) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let survived = runtime.block_on(async {
            self.clock.begin();
            let (engine, plan) = self.engine();
            let life = async {
                if !*begun && !self.bring_events(&engine, &plan).await {
                    return false;
                }
                *begun = true;
                let mut working = tokio::spawn({
                    let engine = Arc::clone(&engine);
                    async move { engine.work().await }
                });
                for _ in 0..LOOKS_MAX {
                    tokio::select! {
                        biased;
                        // A disk that refuses the versions ends the engine: another life begins.
                        _ = &mut working => return false,
                        () = self.clock.sleep(LOOK_EVERY) => {}
                    }
                    if self.is_quiet().await {
                        return true;
                    }
                }
                true
            };
            let survived = tokio::select! {
                biased;
                () = self.points.crashed.notified() => false,
                ended = life => ended,
            };
            self.clock.end();
            survived
        });
        // Dropping the runtime drops every task where it stands.
        drop(runtime);
        survived
    }

    /// Brings the events in; not all of them where the disk refuses.
    async fn bring_events(&self, engine: &Arc<Engine>, plan: &Plan) -> bool {
        for id in EVENTS {
            if engine.receive_event(plan, &self.event(id)).await.is_err() {
                return false;
            }
        }
        true
    }

    async fn is_quiet(&self) -> bool {
        let counts = self.store.store.counts().await.unwrap();
        counts.keys().all(|state| ["finished", "dead_lettered", "parked"].contains(&state.as_str()))
    }

    fn event(&self, id: &str) -> Value {
        json!({ "id": id, "at": "2026-03-01T10:00:00Z", "amount": amount(id), "last_check": !self.replayed })
    }

    /// Each dead letter starts again, its event corrected.
    fn replay(&self) {
        for id in EVENTS {
            let arrival = ferry::store::Arrival {
                pipeline: "pay".to_owned(),
                version: Digest::of("unused"),
                event_key: id.to_owned(),
                revision: "2".to_owned(),
                event: self.event(id),
                refused: None,
                at: self.clock.now(),
                owner: None,
                parent: None,
                lane: None,
            };
            let committed = self.store.store.commit(vec![Change::Receive(arrival)]);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(committed).unwrap();
        }
    }

    fn engine(&self) -> (Arc<Engine>, Arc<Plan>) {
        let Language { rules, library, plan } = language(self.kind);
        let settings = Settings {
            name: "target".to_owned(),
            connector: "target".to_owned(),
            environment: "only".to_owned(),
            sandbox: None,
            fields: BTreeMap::new(),
        };
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let http = Arc::clone(self.target.as_ref().unwrap());
        let world = ConnectorWorld { http, clock: Arc::clone(&clock) };
        let connection = Arc::new(Connection::open(settings, library, world).unwrap());
        let project = LoadedProject {
            name: "simulation".to_owned(),
            plans: vec![(Arc::clone(plan), version_files())],
            connections: BTreeMap::from([("target".to_owned(), connection)]),
            secrets: BTreeMap::new(),
        };
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        let setup = Setup {
            store,
            terms: Terms {
                process: format!("life-{}", self.lives.fetch_add(1, Ordering::Relaxed)),
                lease: LEASE,
                clock: Arc::clone(&clock),
            },
            clock,
            rules: Arc::clone(rules),
            projects: vec![project],
            recompile: Box::new(|_| None),
            guards: self.guards,
        };
        (Engine::new(setup), Arc::clone(plan))
    }

    /// How many points were passed.
    pub(super) fn points(&self) -> u64 {
        self.points.passed.load(Ordering::Relaxed)
    }

    /// Every payment from both sides.
    pub(super) fn payments(&self) -> Vec<Payment> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let all = Filter { limit: usize::MAX, ..Filter::default() };
        let runs = runtime.block_on(self.store.store.runs(&all)).unwrap();
        let letters = runtime.block_on(self.store.store.dead_letters(&all)).unwrap();
        let payment = |key: &'static str| {
            let state = runs.iter().find(|run| run.event_key == key).map_or("", |run| run.state.as_str());
            let (booked, agrees) = self.target.as_ref().unwrap().booked(key, &amount(key));
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
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut out = String::new();
        for id in EVENTS {
            let run = runtime.block_on(self.store.store.run(&RunId::of("pay", id))).unwrap();
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

fn amount(id: &str) -> Value {
    serde_json::from_str(&format!("1{}.50", &id[1..])).unwrap()
}
