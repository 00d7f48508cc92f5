//! A process that dies or freezes at a chosen point, and the machine's time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use ferry_contract::port::{Boxed, Clock};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// Where something can happen to a process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// Before or after a commit: between a call's intent and the check of the lease, among others.
    Disk,
    /// Before or after an exchange: between the check of the lease and the bytes, among others.
    Wire,
}

/// A process stands still, and goes on later as if nothing had been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stall {
    pub(super) place: Place,
    /// The number of the point among those of its place.
    pub(super) point: u64,
    pub(super) how_long: Duration,
}

/// One process. Every commit and every exchange passes here, before and after.
pub(super) struct Process {
    clock: Arc<VirtualClock>,
    pub(super) passed: AtomicU64,
    pub(super) crash_at: AtomicU64,
    disk: AtomicU64,
    wire: AtomicU64,
    stalls: Vec<Stall>,
    frozen_until: Mutex<Option<Timestamp>>,
    is_dead: AtomicBool,
    pub(super) crashed: Notify,
    /// How far its machine's clock is from that of the store's machine.
    pub(super) ahead_ms: AtomicI64,
}

impl Process {
    pub(super) fn new(clock: Arc<VirtualClock>, crash_at: u64, stalls: Vec<Stall>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            passed: AtomicU64::new(0),
            crash_at: AtomicU64::new(crash_at),
            disk: AtomicU64::new(0),
            wire: AtomicU64::new(0),
            stalls,
            frozen_until: Mutex::new(None),
            is_dead: AtomicBool::new(false),
            crashed: Notify::new(),
            ahead_ms: AtomicI64::new(0),
        })
    }

    /// The next life, which counts on.
    pub(super) fn reborn(&self, crash_at: u64) -> Arc<Self> {
        let next = Self::new(Arc::clone(&self.clock), crash_at, Vec::new());
        next.ahead_ms.store(self.ahead_ms.load(Ordering::Relaxed), Ordering::Relaxed);
        next.passed.store(self.passed.load(Ordering::Relaxed), Ordering::Relaxed);
        next
    }

    /// How many points of a place were passed.
    pub(super) fn points(&self, place: Place) -> u64 {
        match place {
            Place::Disk => self.disk.load(Ordering::Relaxed),
            Place::Wire => self.wire.load(Ordering::Relaxed),
        }
    }

    /// Passes a point: goes on, freezes, or at the chosen point never goes on.
    pub(super) async fn pass(&self, place: Place) {
        self.reach(place);
        self.goes_on().await;
    }

    /// The point before bytes leave. Where another task's point has just frozen the process, these bytes left
    /// before that: the check of the lease, which is behind them, was not made by a frozen process.
    pub(super) async fn pass_on_the_way_out(&self) {
        let was_frozen = self.is_frozen();
        self.reach(Place::Wire);
        if !was_frozen || self.is_dead() {
            self.goes_on().await;
        }
    }

    /// Notes what happens at a point.
    pub(super) fn reach(&self, place: Place) {
        if self.passed.fetch_add(1, Ordering::Relaxed) >= self.crash_at.load(Ordering::Relaxed) {
            if !self.is_dead.swap(true, Ordering::Relaxed) {
                self.clock.deaths.fetch_add(1, Ordering::Relaxed);
            }
            self.crashed.notify_one();
        }
        let count = match place {
            Place::Disk => &self.disk,
            Place::Wire => &self.wire,
        };
        let point = count.fetch_add(1, Ordering::Relaxed);
        for stall in self.stalls.iter().filter(|stall| stall.place == place && stall.point == point) {
            let until = self.clock.true_now() + SignedDuration::try_from(stall.how_long).unwrap();
            *self.frozen_until.lock().unwrap() = Some(until);
            self.clock.stalls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The time of its world.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.true_now()
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen_until.lock().unwrap().is_some_and(|until| until > self.clock.true_now())
    }

    /// Waits until it is not frozen; for ever where it is dead.
    pub(super) async fn goes_on(&self) {
        loop {
            if self.is_dead() {
                std::future::pending::<()>().await;
            }
            let until = *self.frozen_until.lock().unwrap();
            let now = self.clock.true_now();
            let Some(until) = until.filter(|until| *until > now) else { return };
            wait(Duration::try_from(until.duration_since(now)).unwrap()).await;
        }
    }
}

/// When every world begins.
const BEGAN_MS: i64 = 1_772_000_000_000;

/// Virtual time: tokio's paused clock, continued over the lives. What it shows may be set between them.
pub(super) struct VirtualClock {
    /// How many processes died in this time, and how often one stood still.
    pub(super) deaths: AtomicU64,
    pub(super) stalls: AtomicU64,
    base_ms: AtomicI64,
    ahead_ms: AtomicI64,
    life: Mutex<Option<tokio::time::Instant>>,
}

impl VirtualClock {
    pub(super) fn new() -> Self {
        Self {
            deaths: AtomicU64::new(0),
            stalls: AtomicU64::new(0),
            base_ms: AtomicI64::new(BEGAN_MS),
            ahead_ms: AtomicI64::new(0),
            life: Mutex::new(None),
        }
    }

    /// How much time has passed.
    pub(super) fn passed(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.true_now().as_millisecond() - BEGAN_MS).unwrap())
    }

    #[allow(clippy::disallowed_methods, reason = "the simulation's clock is tokio's paused one")]
    pub(super) fn begin(&self) {
        *self.life.lock().unwrap() = Some(tokio::time::Instant::now());
    }

    pub(super) fn end(&self) {
        let now = self.true_now().as_millisecond();
        *self.life.lock().unwrap() = None;
        self.base_ms.store(now, Ordering::Relaxed);
    }

    /// The time of the world, which nobody sets.
    pub(super) fn true_now(&self) -> Timestamp {
        let life = *self.life.lock().unwrap();
        let elapsed = life.map_or(0, |life| i64::try_from(life.elapsed().as_millis()).unwrap());
        Timestamp::from_millisecond(self.base_ms.load(Ordering::Relaxed) + elapsed).unwrap()
    }

    /// Somebody sets the machine's clock, forward or back.
    pub(super) fn set(&self, ahead_ms: i64) {
        self.ahead_ms.fetch_add(ahead_ms, Ordering::Relaxed);
    }
}

/// Waits in the time of the world.
#[allow(clippy::disallowed_methods, reason = "the simulation's clock is tokio's paused one")]
pub(super) async fn wait(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// What the clock of the store's machine shows: somebody may set it.
pub(super) struct SetClock(pub(super) Arc<VirtualClock>);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        self.0.true_now() + SignedDuration::from_millis(self.0.ahead_ms.load(Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(wait(duration))
    }
}

/// What its own machine's clock shows to a process, which may be frozen when it should wake.
pub(super) struct ShownClock(pub(super) Arc<VirtualClock>, pub(super) Arc<Process>);

impl Clock for ShownClock {
    fn now(&self) -> Timestamp {
        let ahead_ms = [&self.0.ahead_ms, &self.1.ahead_ms].map(|ahead| ahead.load(Ordering::Relaxed));
        self.0.true_now() + SignedDuration::from_millis(ahead_ms.iter().sum())
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(async move {
            wait(duration).await;
            self.1.goes_on().await;
        })
    }
}

/// The same without what somebody has set: for leases, and for the target.
pub(super) struct TrueClock(pub(super) Arc<VirtualClock>, pub(super) Option<Arc<Process>>);

impl Clock for TrueClock {
    fn now(&self) -> Timestamp {
        self.0.true_now()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(async move {
            wait(duration).await;
            if let Some(process) = &self.1 {
                process.goes_on().await;
            }
        })
    }
}
