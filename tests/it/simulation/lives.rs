//! Lives of one engine or two on one store, with crashes between them.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ferry::{
    engine::{Engine, LoadedProject, Setup, Terms, Time},
    store::{Arrival, Change},
};
use ferry_connectors::connection::{Connection, Settings, World as ConnectorWorld};
use ferry_contract::{key::Digest, port::Clock};
use ferry_core::{plan::Plan, project::Retention};

use super::{
    language::{Language, language},
    mortal::MortalStore,
    process::{Place, Process, ShownClock, TrueClock, wait},
    shape::BANKS,
    shelf::Shelf,
    target::{Target, Wire},
    world::{EVENTS, World, judge},
};

/// How often a life looks whether all is done.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// A life without an end is a failure.
const LOOKS_MAX: u32 = 24 * 60;
/// The same where payments may wait for a person.
const LOOKS_OF_RESTORED_MAX: u32 = 120;
/// How long an engine lives without a sign of life.
const LEASE: Duration = Duration::from_mins(1);
/// A world without an end is a failure.
const LIVES_MAX: u32 = 20;
/// How long two engines live until somebody sets the clock of the store's machine.
const SET_AFTER: Duration = Duration::from_mins(3);
/// How long it takes until a dead engine is followed by another.
const RESTARTS_AFTER: Duration = Duration::from_secs(20);

impl World {
    /// Lives until nothing is left to do.
    pub(super) fn run(self) -> Self {
        let world = self.prepared();
        if world.shape.is_some() {
            return world.among_persons();
        }
        match (world.engines, world.restored) {
            (1, false) => world.alone(),
            (1, true) => world.with_a_backup(),
            _ => world.together(),
        }
    }

    fn alone(mut self) -> Self {
        let mut crashes = std::mem::take(&mut self.crashes).into_iter().flatten();
        let mut lives = 0;
        let mut begun = false;
        loop {
            lives += 1;
            assert!(lives < LIVES_MAX, "no end");
            let crash_at = crashes.next().map_or(u64::MAX, |point| self.points().saturating_add(point));
            self.process = self.process.reborn(crash_at);
            let survived = self.life(&mut begun);
            if survived && !self.replayed {
                return self;
            }
            if survived {
                // Once more, with the last check corrected.
                self.replayed = false;
                self.process = self.process.reborn(u64::MAX);
                self.replay();
            } else {
                self.clock.set(self.set_clock_ms);
            }
        }
    }

    /// What the first life left is kept, and put back when all was done: payments were made of which it does
    /// not know. That it is doubted then is the business of whoever opens it.
    fn with_a_backup(mut self) -> Self {
        let crash_at = self.crashes.iter().flatten().next().copied().unwrap_or(u64::MAX);
        self.process = self.process.reborn(crash_at);
        let mut begun = false;
        self.life(&mut begun);
        let Shelf::Memory(store) = &self.shelf else { panic!("only a store in memory is copied") };
        let backup = Shelf::Memory(Arc::new(store.copy_in_memory(self.guards).unwrap()));
        self.lives_on(&mut begun);
        judge(&backup, false, self.clock.true_now());
        self.shelf = backup;
        // The trigger finds all events again.
        self.lives_on(&mut false);
        self
    }

    /// Lives without crashes, until one ends by itself.
    fn lives_on(&mut self, begun: &mut bool) {
        for _ in 0..LIVES_MAX {
            self.process = self.process.reborn(u64::MAX);
            if self.life(begun) {
                return;
            }
        }
    }

    /// One life; whether it ended by itself.
    fn life(&self, begun: &mut bool) -> bool {
        let runtime = runtime();
        let survived = runtime.block_on(async {
            self.clock.begin();
            let (engine, plans) = self.engine(&self.process);
            let life = async {
                if !*begun && !self.bring_events(&engine, &plans).await {
                    return false;
                }
                *begun = true;
                let mut working = tokio::spawn({
                    let engine = Arc::clone(&engine);
                    async move { engine.work().await }
                });
                tokio::select! {
                    biased;
                    // A disk that refuses the versions ends the engine: another life begins.
                    _ = &mut working => false,
                    () = self.until_quiet() => true,
                }
            };
            let survived = tokio::select! {
                biased;
                () = self.process.crashed.notified() => false,
                ended = life => ended,
            };
            self.clock.end();
            survived
        });
        // Dropping the runtime drops every task where it stands.
        drop(runtime);
        survived
    }

    /// Engines that live and die beside each other.
    fn together(mut self) -> Self {
        let runtime = runtime();
        self.passed = runtime.block_on(async {
            self.clock.begin();
            let first = Process::new(Arc::clone(&self.clock), self.crash_point(0, 0), self.stalls_of(0));
            let ended = async {
                self.until_quiet().await;
                // An engine that stands still may do harm yet when all seems to be done.
                let longest = self.stalls.iter().flatten().map(|stall| stall.how_long).max();
                wait(longest.unwrap_or_default()).await;
                self.until_quiet().await;
            };
            tokio::select! {
                biased;
                () = self.slot(0, Arc::clone(&first)) => {}
                () = self.slot(1, Process::new(Arc::clone(&self.clock), self.crash_point(1, 0), self.stalls_of(1))) => {}
                () = self.set_clock_later() => {}
                () = ended => {}
            }
            self.clock.end();
            [Place::Disk, Place::Wire].map(|place| first.points(place))
        });
        drop(runtime);
        self
    }

    /// Somebody sets the clock of the store's machine, and nothing ends by that.
    async fn set_clock_later(&self) {
        wait(SET_AFTER).await;
        self.clock.set(self.set_clock_ms);
        std::future::pending::<()>().await;
    }

    pub(super) fn crash_point(&self, slot: usize, life: usize) -> u64 {
        self.crashes.get(slot).and_then(|crashes| crashes.get(life)).copied().unwrap_or(u64::MAX)
    }

    pub(super) fn stalls_of(&self, slot: usize) -> Vec<super::process::Stall> {
        self.stalls.get(slot).cloned().unwrap_or_default()
    }

    /// One engine after another in one place.
    pub(super) async fn slot(&self, slot: usize, first: Arc<Process>) {
        let mut process = first;
        for life in 1.. {
            // Somebody sets it between lives, to the other side.
            let skew_ms = self.skews_ms[slot] * if life % 2 == 1 { 1 } else { -1 };
            process.ahead_ms.store(skew_ms, Ordering::Relaxed);
            let (engine, plans) = self.engine(&process);
            let living = async {
                let working = tokio::spawn({
                    let engine = Arc::clone(&engine);
                    async move { engine.work().await }
                });
                // Twice, and so does the other: only one of them begins a run.
                while !(self.bring_events(&engine, &plans).await && self.bring_events(&engine, &plans).await) {
                    wait(LOOK_EVERY).await;
                }
                let _ = working.await;
            };
            tokio::select! {
                biased;
                () = process.crashed.notified() => {}
                () = living => {}
            }
            wait(RESTARTS_AFTER).await;
            process = Process::new(Arc::clone(&self.clock), self.crash_point(slot, life), Vec::new());
        }
    }

    /// Brings the events in; not all of them where the disk refuses.
    async fn bring_events(&self, engine: &Arc<Engine>, plans: &[Arc<Plan>]) -> bool {
        for plan in plans {
            for id in EVENTS {
                if engine.receive_event(plan, &self.event(id)).await.is_err() {
                    return false;
                }
            }
        }
        true
    }

    async fn until_quiet(&self) {
        // What waits for a person's word after a restore has no end.
        let looks_max = if self.restored { LOOKS_OF_RESTORED_MAX } else { LOOKS_MAX };
        for _ in 0..looks_max {
            wait(LOOK_EVERY).await;
            let counts = self.shelf.ask(self.shelf.store().counts()).await.unwrap();
            let ended = |state: &String| ["finished", "dead_lettered", "parked"].contains(&state.as_str());
            let all: u64 = counts.values().sum();
            if counts.keys().all(ended) && all >= EVENTS.len() as u64 {
                return;
            }
        }
    }

    /// Each dead letter starts again, its event corrected.
    fn replay(&self) {
        for id in EVENTS {
            let arrival = Arrival {
                pipeline: "pay".to_owned(),
                version: Digest::of("unused"),
                event_key: id.to_owned(),
                revision: "2".to_owned(),
                event: self.event(id),
                refused: None,
                at: self.clock.true_now(),
                owner: None,
                parent: None,
                lane: None,
            };
            self.shelf.at_once(self.shelf.store().commit(vec![Change::Receive(arrival)])).unwrap();
        }
    }

    fn engine(&self, process: &Arc<Process>) -> (Arc<Engine>, Vec<Arc<Plan>>) {
        let Language { rules, library, plan, twin, files } = language(self.kind, self.shape);
        let clock: Arc<dyn Clock> = Arc::new(ShownClock(Arc::clone(&self.clock), Arc::clone(process)));
        let connect = |((name, connector), target): (&(&str, &str), &Arc<Target>)| {
            let settings = Settings {
                name: (*name).to_owned(),
                connector: (*connector).to_owned(),
                environment: "only".to_owned(),
                profile: None,
                sandbox: None,
                fields: BTreeMap::new(),
            };
            let http = Arc::new(Wire { target: Arc::clone(target), process: Arc::clone(process) });
            let connection = Connection::open(settings, library, ConnectorWorld { http, clock: Arc::clone(&clock) });
            ((*name).to_owned(), Arc::new(connection.unwrap()))
        };
        let connections = BANKS.iter().zip(self.banks()).map(connect).collect();
        let mut plans = vec![Arc::clone(plan)];
        plans.extend(twin.iter().filter(|_| self.twins).map(Arc::clone));
        let project = LoadedProject {
            folder: std::path::PathBuf::new(),
            name: "simulation".to_owned(),
            plans: plans.iter().map(|plan| (Arc::clone(plan), files.clone())).collect(),
            connections,
            files: None,
            secrets: BTreeMap::new(),
            alerts: BTreeMap::new(),
            retention: Retention::default(),
            library: Arc::clone(library),
        };
        let terms = Terms {
            process: format!("life-{}", self.lives.fetch_add(1, Ordering::Relaxed)),
            lease: LEASE,
            look_every: LOOK_EVERY,
            clock: Arc::new(TrueClock(Arc::clone(&self.clock), Some(Arc::clone(process)))),
        };
        let setup = Setup {
            store: MortalStore::new(&self.shelf, process, (&self.commits, self.refuse_by)),
            clock,
            time: Time::Store,
            terms,
            rules: Arc::clone(rules),
            projects: vec![project],
            guards: self.guards,
        };
        (Engine::new(setup), plans)
    }
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}
