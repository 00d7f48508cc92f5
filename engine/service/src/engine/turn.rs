//! Turns that the engines on one store take: who polls a trigger, and who asks how much there is before it pays.
//!
//! A turn needs no fence. Where a stalled engine believes that it still has one, events are known by their keys, and what
//! is paid beyond a balance is refused by the target, so that nothing is paid twice and no event is lost.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::{
    limits::{SHARED_TRIES_MAX, TURN_LOOK_EVERY, TURN_SLICE},
    store::{Change, EngineId, Store, StoreError},
};

/// A turn that an engine has.
pub(super) struct Held {
    name: String,
    version: u64,
    row: Row,
}

/// What is stored of a turn.
#[derive(Clone, Deserialize, Serialize)]
struct Row {
    engine: String,
    /// Since when nobody else had it.
    since: Timestamp,
    until: Timestamp,
}

impl Engine {
    /// Takes a turn for a time, or takes it for longer; nothing where no other engine could want it. Else says until when
    /// another one has it.
    pub(super) async fn take_turn(&self, name: &str, lasts: Duration) -> Result<Option<Held>, Timestamp> {
        if !self.store.is_shared() {
            return Ok(None);
        }
        let now = self.now();
        let later = now + signed(TURN_LOOK_EVERY);
        let Some(engine) = self.member.alive() else { return Err(later) };
        match take(&*self.store, &engine, name, (now, now + signed(lasts))).await {
            Ok(taken) => taken.map(Some),
            Err(error) => {
                tracing::debug!(%error, name, "no turn could be taken");
                Err(later)
            }
        }
    }

    /// Waits for a turn; nothing was taken where the engine stops.
    pub(super) async fn wait_for_turn(&self, name: &str, lasts: Duration) -> Result<Option<Held>, Timestamp> {
        loop {
            let until = match self.take_turn(name, lasts).await {
                Ok(held) => return Ok(held),
                Err(until) => until,
            };
            // Whoever has it may give it back before.
            let rest = Duration::try_from(until.duration_since(self.now())).unwrap_or_default();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(self.now()),
                () = self.clock.sleep(rest.min(TURN_LOOK_EVERY)) => {}
            }
        }
    }

    /// Leaves a turn to the others before its time.
    pub(super) async fn give_back(&self, held: Held) {
        let Held { name, version, row } = held;
        // Where it cannot be given back, or was taken anew, it ends by time.
        if let Err(error) = write(&*self.store, &name, version, Row { until: self.now(), ..row }).await {
            tracing::debug!(%error, name, "a turn was not given back");
        }
    }
}

async fn take(
    store: &dyn Store,
    engine: &EngineId,
    name: &str,
    (now, until): (Timestamp, Timestamp),
) -> Result<Result<Held, Timestamp>, StoreError> {
    let mut last = StoreError::Stale(name.to_owned());
    for _ in 0..SHARED_TRIES_MAX {
        let found = store.shared(name).await?;
        let version = found.as_ref().map_or(0, |found| found.version);
        let row = found.and_then(|found| serde_json::from_value::<Row>(found.value).ok());
        let mut since = now;
        match row {
            Some(row) if row.engine == engine.as_str() && now <= row.until + gap() => since = row.since,
            Some(row) if row.until > now && row.engine != engine.as_str() && lives(store, &row).await? => {
                return Ok(Err(row.until));
            }
            Some(_) | None => {}
        }
        if now.duration_since(since) > signed(TURN_SLICE) {
            if store.members().await?.len() > 1 {
                return Ok(Err(now + gap() + gap()));
            }
            since = now;
        }
        let row = Row { engine: engine.to_string(), since, until };
        match write(store, name, version, row.clone()).await {
            Ok(()) => return Ok(Ok(Held { name: name.to_owned(), version: version + 1, row })),
            Err(error @ StoreError::Stale(_)) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// How long whoever has had it for a slice leaves it to the others: they look more often than that.
fn gap() -> SignedDuration {
    signed(TURN_LOOK_EVERY.saturating_mul(2))
}

async fn lives(store: &dyn Store, row: &Row) -> Result<bool, StoreError> {
    Ok(store.members().await?.iter().any(|member| member.engine.as_str() == row.engine))
}

async fn write(store: &dyn Store, name: &str, expected: u64, row: Row) -> Result<(), StoreError> {
    let value = serde_json::to_value(row).map_err(|error| StoreError::Failed(error.to_string()))?;
    store.commit(vec![Change::Share { name: name.to_owned(), expected, value }]).await.map(|_| ())
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ferry_core::once::Guards;

    use super::*;
    use crate::{clock::BootClock, store::sqlite::SqliteStore};

    const LEASE: Duration = Duration::from_mins(1);

    async fn taken(store: &dyn Store, engine: &EngineId, times: (i64, i64)) -> Result<Held, i64> {
        let (now, until) = (Timestamp::from_second(times.0).unwrap(), Timestamp::from_second(times.1).unwrap());
        take(store, engine, "poll pay", (now, until)).await.unwrap().map_err(Timestamp::as_second)
    }

    #[tokio::test]
    async fn a_turn_is_one_engine_s_until_it_ends_is_given_back_or_the_engine_is_gone() {
        let store = SqliteStore::in_memory((Arc::new(BootClock), Arc::new(BootClock)), Guards::ALL).unwrap();
        let store: &dyn Store = &store;
        let (one, other) = (EngineId::named("one"), EngineId::named("other"));
        for engine in [&one, &other] {
            store.join(engine, LEASE).await.unwrap();
        }
        taken(store, &one, (10, 11)).await.unwrap();
        assert_eq!(taken(store, &other, (10, 30)).await.err(), Some(11));
        let prolonged = taken(store, &one, (11, 40)).await.unwrap();
        assert_eq!(taken(store, &other, (11, 30)).await.err(), Some(40));
        assert!(taken(store, &one, (14, 40)).await.is_err(), "it has had it long enough");
        let Held { name, version, row } = prolonged;
        write(store, &name, version, Row { until: Timestamp::from_second(14).unwrap(), ..row }).await.unwrap();
        taken(store, &other, (14, 90)).await.unwrap();
        assert_eq!(taken(store, &one, (22, 30)).await.err(), Some(90));
        store.leave(&other).await.unwrap();
        taken(store, &one, (23, 30)).await.unwrap();
        taken(store, &one, (30, 40)).await.unwrap();
    }
}
