//! What the parts of this benchmark share.

use std::sync::Arc;

use ferry::{
    clock::{BootClock, Stopwatch},
    engine::Terms,
    limits::LOOK_EVERY,
    store::{EngineId, Store, sqlite::SqliteStore},
};
use ferry_contract::limits::LEASE;
use ferry_core::run::State;
use tempfile::TempDir;

pub(crate) fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

pub(crate) fn per_second(count: usize, since: Stopwatch) -> u64 {
    let per_second = count as u128 * 1_000_000_000 / since.elapsed().as_nanos().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

pub(crate) async fn finished(store: &dyn Store) -> usize {
    let counts = store.counts().await.expect("the store can be read");
    counts.get(State::Finished.name()).map_or(0, |count| usize::try_from(*count).unwrap_or(usize::MAX))
}

/// On the disk of the target folder: `/tmp` may be memory, where everything is durable at once.
pub(crate) fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder can be written")
}

pub(crate) fn store(folder: &TempDir) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(&folder.path().join("ferry.db")).expect("the store opens"))
}

/// On what terms an engine shares its store.
pub(crate) fn terms() -> Terms {
    Terms { process: "bench".to_owned(), lease: LEASE, look_every: LOOK_EVERY, clock: Arc::new(BootClock) }
}

pub(crate) async fn joined(store: &dyn Store) -> EngineId {
    let engine = EngineId::named("bench");
    store.join(&engine, LEASE).await.expect("the store takes the engine");
    engine
}
