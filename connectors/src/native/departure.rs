//! Whether a write has left, of which only one of two can be true: it has, or its time is over.
//!
//! The work goes on in a thread that nobody can stop, or in a future that is dropped; whoever waits for it must know which
//! of the two came first, because that decides between `unavailable` and `unknown`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use ferry_contract::failure::{ErrorClass, Failure};

use super::unavailable;
use crate::request::{Gate, too_late};

const HERE: u8 = 0;
const LEFT: u8 = 1;
const OVER: u8 = 2;

/// The departure of one write; a read never leaves.
#[derive(Clone, Debug)]
pub(super) struct Departure {
    state: Arc<AtomicU8>,
    gate: Option<Gate>,
}

impl Departure {
    pub(super) fn new(gate: Option<&Gate>) -> Self {
        Self { state: Arc::new(AtomicU8::new(HERE)), gate: gate.cloned() }
    }

    /// Lets a write go, immediately before it does.
    ///
    /// # Errors
    /// `unavailable` where it must not any more; nothing was done.
    pub(super) fn leave(&self) -> Result<(), Failure> {
        if !self.gate.as_ref().is_none_or(Gate::is_open) {
            return Err(too_late());
        }
        match self.state.compare_exchange(HERE, LEFT, Ordering::AcqRel, Ordering::Acquire) {
            Err(OVER) => Err(unavailable("its time was over before anything was written")),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether it has left.
    pub(super) fn has_left(&self) -> bool {
        self.state.load(Ordering::Acquire) == LEFT
    }

    /// What is known where nothing is heard: `unknown` of a write that has left.
    pub(super) fn lost(&self, message: String) -> Failure {
        let class = if self.has_left() { ErrorClass::Unknown } else { ErrorClass::Unavailable };
        Failure::new(class, message)
    }

    /// Waits for work no longer than `timeout`; what has not left then never does.
    pub(super) async fn within<T>(
        &self,
        timeout: Duration,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        // Nor does it where nobody waits any more.
        let over = Over(self);
        if let Ok(done) = tokio::time::timeout(timeout, work).await {
            return done;
        }
        drop(over);
        Err(self.lost(format!("there was no answer within {} ms", timeout.as_millis())))
    }

    /// The same for work that blocks its thread.
    pub(super) async fn within_thread<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let work = tokio::task::spawn_blocking(work);
        let ended = async { work.await.unwrap_or_else(|error| Err(self.lost(format!("its thread ended: {error}")))) };
        self.within(timeout, ended).await
    }
}

/// Ends the time of a departure when it goes.
struct Over<'a>(&'a Departure);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let _ = self.0.state.compare_exchange(HERE, OVER, Ordering::AcqRel, Ordering::Acquire);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_has_not_left_when_its_time_is_over_never_leaves() {
        let class = async |leaves: bool| {
            let departure = Departure::new(None);
            let work = async {
                if leaves {
                    departure.leave()?;
                }
                std::future::pending::<Result<(), Failure>>().await
            };
            let failure = departure.within(Duration::from_secs(1), work).await.unwrap_err();
            (failure.class, departure.leave().is_ok())
        };
        assert_eq!(class(true).await, (ErrorClass::Unknown, true));
        assert_eq!(class(false).await, (ErrorClass::Unavailable, false));
    }

    #[test]
    fn nothing_leaves_through_a_gate_that_is_closed() {
        let departure = Departure::new(Some(&Gate::new(|| false)));
        assert!(departure.leave().unwrap_err().is_untried);
        assert!(!departure.has_left());
    }
}
