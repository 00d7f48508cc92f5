//! Any store in virtual time: while it works, no time passes.
//!
//! tokio's paused clock goes on whenever nobody has anything to do, and so would while a disk or a server
//! works. So whoever asks such a store waits for it as for a calculation, and each question is
//! answered when it is asked.

use std::{sync::Arc, time::Duration};

use ferry::store::{Store, sqlite::SqliteStore};
use ferry_contract::port::Boxed;
use tokio::runtime::Handle;

/// Where a world keeps what must not be forgotten.
#[derive(Clone)]
pub(super) enum Shelf {
    /// In memory, by the clock of the world.
    Memory(Arc<SqliteStore>),
    /// On a disk or a server, which have their own threads and their own clock.
    Real(Arc<dyn Store>, Handle),
}

impl Shelf {
    pub(super) fn store(&self) -> &dyn Store {
        match self {
            Self::Memory(store) => &**store,
            Self::Real(store, _) => &**store,
        }
    }

    /// What a question to the store comes to.
    pub(super) fn ask<'a, T: Send + 'a>(&self, question: Boxed<'a, T>) -> Boxed<'a, T> {
        match self {
            Self::Memory(_) => question,
            Self::Real(_, real) => {
                let answered = || std::thread::scope(|scope| scope.spawn(|| real.block_on(question)).join());
                Box::pin(std::future::ready(answered().expect("the store does not panic")))
            }
        }
    }

    /// The same outside of the world's time.
    pub(super) fn at_once<'a, T: Send + 'a>(&self, question: Boxed<'a, T>) -> T {
        futures_util::FutureExt::now_or_never(self.ask(question)).expect("a store in memory answers at once")
    }

    /// A store with a clock of its own would let an engine that crashed live on in real time.
    pub(super) fn lease(&self, lease: Duration) -> Duration {
        match self {
            Self::Memory(_) => lease,
            Self::Real(..) => Duration::ZERO,
        }
    }
}
