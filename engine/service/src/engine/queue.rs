//! Queues of runs that are held for money: who may ask, and what is reserved.
//!
//! A queue is a connection and a currency. Only its first may ask, and what it asks for covers all that was
//! released before it and has not left yet. Who is released wakes the next; that each asks at its own times
//! anyway is what holds where a letter finds nobody.

use std::sync::Arc;

use ferry_connectors::connection::Connection;
use ferry_core::run::{self, Letter, Run, Status, UnitIndex};
use rust_decimal::Decimal;

use super::{Engine, dispatch::Outgoing, journal::Driven};
use crate::store::{Change, InQueue, StoreError};

/// Where a held unit stands in its queue.
pub(super) struct Place {
    /// Whether nobody before it is held still.
    pub(super) is_first: bool,
    /// Its own amount, and those of who was released before it and has not got them yet.
    pub(super) reserved: Decimal,
    /// Who stands next behind it.
    next: Option<InQueue>,
}

impl Engine {
    /// The place of a held unit; nothing where it waits for no amount of money.
    pub(super) async fn place(&self, driven: &Driven, unit: UnitIndex) -> Result<Option<Place>, StoreError> {
        let held = |run: &Run| match run.status(unit) {
            Status::Held { .. } => run.reservation(unit),
            _ => None,
        };
        let Some(own) = driven.with(held) else { return Ok(None) };
        let rank = |other: &InQueue| (other.reservation.since, other.run.clone(), other.reservation.step.clone());
        let own_rank = (own.since, driven.id.clone(), own.step.clone());
        let queue = self.store.queue(&own.queue).await?;
        let is_own = |other: &&InQueue| rank(other) == own_rank;
        // A row that is not there yet, or beyond the bound: its run has not been let go since it was held.
        let is_known = queue.iter().any(|other| is_own(&other));
        let (before, behind): (Vec<InQueue>, Vec<InQueue>) =
            queue.into_iter().filter(|other| !is_own(&other)).partition(|other| rank(other) < own_rank);
        Ok(Some(Place {
            is_first: is_known && before.iter().all(|other| other.reservation.is_released),
            reserved: before.iter().map(|other| other.reservation.amount).sum::<Decimal>() + own.amount,
            next: behind.into_iter().find(|other| !other.reservation.is_released),
        }))
    }

    /// Its money is reserved from now on, and the next one in its queue asks at once.
    pub(super) fn release(&self, driven: &Driven, unit: UnitIndex, place: Place) {
        driven.reserve(Some(unit)).into_iter().for_each(|change| driven.add(change));
        if let Some(InQueue { run, reservation }) = place.next {
            let letter = Letter::Turn { step: reservation.step };
            driven.add(Change::Send { run, letter, at: self.now() });
        }
    }

    /// What was released to other runs in the queue of these calls' money, and has not left yet: newcomers must
    /// not spend it.
    pub(super) async fn reserved_by_others(
        &self,
        connection: &Connection,
        action: &str,
        calls: &[Arc<Outgoing>],
    ) -> Decimal {
        let currency = calls.first().and_then(|call| connection.currency(action, &call.prepared));
        let Some(currency) = currency else { return Decimal::ZERO };
        let queue = self.store.queue(&run::queue(&connection.name, &currency)).await;
        let queue = queue.inspect_err(|error| tracing::debug!(%error, "what is reserved is not known"));
        let is_other = |other: &InQueue| {
            let own = |call: &Arc<Outgoing>| call.driven.id == other.run && call.step == other.reservation.step;
            other.reservation.is_released && !calls.iter().any(own)
        };
        let others = queue.into_iter().flatten().filter(is_other);
        others.map(|other| other.reservation.amount).sum()
    }
}
