//! The clock port: the only place that reads the machine's time.
#![allow(clippy::disallowed_methods, reason = "this is the clock port")]

use std::{
    cell::Cell,
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use ferry_contract::{limits::SCRIPT_WALL_MAX_MS, port::Boxed, port::Clock, script::Watch};
use jiff::{SignedDuration, Timestamp};

/// The machine's clock, or one that runs faster from a given moment on.
#[derive(Debug)]
pub struct SystemClock {
    face: RwLock<Face>,
}

#[derive(Clone, Copy, Debug)]
struct Face {
    real: Instant,
    shown: Timestamp,
    speed: u32,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::at(Timestamp::now(), 1)
    }
}

impl SystemClock {
    /// A clock that shows `shown` now and runs `speed` times as fast as the machine's.
    pub fn at(shown: Timestamp, speed: u32) -> Self {
        Self { face: RwLock::new(Face { real: Instant::now(), shown, speed: speed.max(1) }) }
    }

    /// Follows another clock; never backwards.
    pub fn follow(&self, shown: Timestamp, speed: u32) {
        let now = self.now();
        let face = Face { real: Instant::now(), shown: shown.max(now), speed: speed.max(1) };
        *self.face.write().unwrap_or_else(PoisonError::into_inner) = face;
    }

    fn face(&self) -> Face {
        *self.face.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let face = self.face();
        let elapsed = face.real.elapsed().saturating_mul(face.speed);
        face.shown + SignedDuration::try_from(elapsed).unwrap_or_default()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        let real = duration / self.face().speed;
        Box::pin(tokio::time::sleep(real))
    }
}

/// What the machine says the time is: somebody may set it at any moment.
#[derive(Clone, Copy, Debug)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock for leases: it shows the time since the machine began, suspensions included, and nobody sets it.
#[derive(Clone, Copy, Debug)]
pub struct BootClock;

impl Clock for BootClock {
    fn now(&self) -> Timestamp {
        // Apple's monotonic clock runs during suspension; Linux has another one that does.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(id);
        let nanosecond = i32::try_from(time.tv_nsec).unwrap_or_default();
        Timestamp::new(time.tv_sec, nanosecond).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Waits for real time: for polling a terminal or a process, never for business.
pub async fn pause(real: Duration) {
    tokio::time::sleep(real).await;
}

/// Measures real time for a person to read.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Real time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Stops a script that takes too long, by real time.
#[derive(Clone, Copy, Debug)]
pub struct WallWatch;

thread_local! {
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl Watch for WallWatch {
    fn begin(&self) {
        BEGAN.with(|began| began.set(Some(Instant::now())));
    }

    fn is_late(&self) -> bool {
        BEGAN.with(|began| began.get().is_some_and(|began| began.elapsed() > Duration::from_millis(SCRIPT_WALL_MAX_MS)))
    }
}
