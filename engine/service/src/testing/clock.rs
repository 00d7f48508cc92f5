//! Time that passes only where nobody has anything to do: it jumps to the next moment that somebody waits for.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use ferry_contract::port::{Boxed, Clock};
use jiff::{SignedDuration, Timestamp};

/// A clock of one test, in whole milliseconds.
#[derive(Clone)]
pub(super) struct VirtualClock(Arc<Mutex<Face>>);

struct Face {
    now: Timestamp,
    /// Who waits for what, in the order in which they came.
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    count: u64,
}

/// One who waits.
struct Sleep {
    clock: VirtualClock,
    until: Timestamp,
    number: Option<u64>,
}

impl VirtualClock {
    pub(super) fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Face { now, sleepers: BTreeMap::new(), count: 0 })))
    }

    fn face(&self) -> MutexGuard<'_, Face> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on to the next moment that somebody waits for, but not beyond another one, and wakes who waits for it.
    pub(super) fn jump(&self, at_most: Timestamp) {
        let woken: Vec<Waker> = {
            let mut face = self.face();
            let next = face.sleepers.keys().next().map_or(at_most, |(until, _)| (*until).min(at_most));
            face.now = face.now.max(next);
            let behind = (face.now, u64::MAX);
            let later = face.sleepers.split_off(&behind);
            std::mem::replace(&mut face.sleepers, later).into_values().collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.face().now
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        let whole = duration.as_nanos().div_ceil(1_000_000);
        let wait = SignedDuration::from_millis(i64::try_from(whole).unwrap_or(i64::MAX));
        let until = self.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        Box::pin(Sleep { clock: self.clone(), until, number: None })
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut face = clock.face();
        if face.now >= self.until {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| {
            face.count += 1;
            face.count
        });
        face.sleepers.insert((self.until, number), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.clock.face().sleepers.remove(&(self.until, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(sleep: &mut Boxed<'_, ()>) -> Poll<()> {
        sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn time_passes_from_one_who_waits_to_the_next() {
        let clock = VirtualClock::at(Timestamp::UNIX_EPOCH);
        let far = Timestamp::from_second(100).unwrap();
        let (mut first, mut second) =
            (clock.sleep(Duration::from_secs(5)), clock.sleep(Duration::from_micros(7_000_500)));
        assert_eq!((poll(&mut second), poll(&mut first)), (Poll::Pending, Poll::Pending));
        clock.jump(far);
        assert_eq!(clock.now(), Timestamp::from_second(5).unwrap());
        assert_eq!((poll(&mut second), poll(&mut first)), (Poll::Pending, Poll::Ready(())));
        clock.jump(Timestamp::from_second(6).unwrap());
        assert_eq!((clock.now().as_second(), poll(&mut second)), (6, Poll::Pending));
        clock.jump(far);
        assert_eq!((clock.now().as_millisecond(), poll(&mut second)), (7_001, Poll::Ready(())));
        // Whoever no longer waits is not waited for.
        let mut gone = clock.sleep(Duration::from_secs(1));
        assert_eq!(poll(&mut gone), Poll::Pending);
        drop(gone);
        clock.jump(far);
        assert_eq!(clock.now(), far);
    }
}
