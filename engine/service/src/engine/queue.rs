//! Queues of runs that are held for money: who may ask, and what is reserved.
//!
//! A queue is a connection and a currency. Only its first may ask, and what it asks for covers all that is
//! released in it and has not left yet. Who is released wakes the next; that each asks at its own times
//! anyway is what holds where a letter finds nobody.

use std::collections::{BTreeMap, BTreeSet};

use ferry_connectors::{connection::Connection, request::Prepared};
use ferry_core::run::{self, Letter, Run, Status, UnitIndex};
use rust_decimal::Decimal;

use super::{Engine, journal::Driven};
use crate::{
    limits::QUEUE_ROWS_MAX,
    store::{Change, InQueue, RunId, Store, StoreError},
};

/// Of those that are held: the first, which may ask, and the next, whom it wakes.
const FRONT: usize = 2;

/// Where a held unit stands in its queue.
#[derive(Debug, PartialEq)]
pub(super) struct Place {
    /// Whether it may ask: nobody before it is held, and the released ones can be counted.
    pub(super) is_first: bool,
    /// Its own amount, and those of all who are released and have not got them yet.
    pub(super) reserved: Decimal,
    /// Who stands next behind it.
    next: Option<InQueue>,
}

impl Place {
    /// `front` is what is released, and the first of what is held. One that is not among them is not first: it
    /// stands further back, or its run has not been let go since it was held.
    fn of(own: &InQueue, front: Vec<InQueue>) -> Self {
        // Its own row may still say that it is released, where it was and the money had gone meanwhile.
        let others = |other: &InQueue| other.reservation.is_released && !other.is_of(own);
        let reserved = InQueue::sum(front.iter().filter(|other| others(other)).chain([own]));
        let is_counted = front.iter().filter(|other| other.reservation.is_released).count() < QUEUE_ROWS_MAX;
        let mut held = front.into_iter().filter(|other| !other.reservation.is_released);
        let first = held.next();
        let is_first = is_counted && first.is_some_and(|first| first.is_of(own));
        Self { is_first, reserved, next: held.next() }
    }
}

impl Engine {
    /// The place of a held unit; nothing where it waits for no amount of money.
    pub(super) async fn place(&self, driven: &Driven, unit: UnitIndex) -> Result<Option<Place>, StoreError> {
        let held = |run: &Run| match run.status(unit) {
            Status::Held { .. } => run.reservation(unit),
            _ => None,
        };
        let Some(reservation) = driven.with(held) else { return Ok(None) };
        let front = self.store.queue(&reservation.queue, FRONT).await?;
        Ok(Some(Place::of(&InQueue { run: driven.id.clone(), reservation }, front)))
    }

    /// Its money is reserved from now on, and the next one in its queue asks at once.
    pub(super) fn release(&self, driven: &Driven, unit: UnitIndex, place: Place) {
        driven.reserve(Some(unit)).into_iter().for_each(|change| driven.add(change));
        if let Some(InQueue { run, reservation }) = place.next {
            let letter = Letter::Turn { step: reservation.step };
            driven.add(Change::Send { run, letter, at: self.now() });
        }
    }
}

/// What is released to others in the queues of these calls' money, by currency, and has not left yet:
/// newcomers must not spend it. Calls, each of a step of a run, that are among those released have their own.
///
/// # Errors
/// The store's: what is reserved is not known then, and the calls must not go.
pub(super) async fn reserved_by_others(
    store: &dyn Store,
    (connection, action): (&Connection, &str),
    calls: &[(&RunId, &str, &Prepared)],
) -> Result<BTreeMap<String, Decimal>, StoreError> {
    let is_called =
        |other: &InQueue| calls.iter().any(|(run, step, _)| **run == other.run && *step == other.reservation.step);
    let currencies = calls.iter().filter_map(|(.., prepared)| connection.currency(action, prepared));
    let mut reserved = BTreeMap::new();
    for currency in currencies.collect::<BTreeSet<_>>() {
        let released = store.queue(&run::queue(&connection.name, &currency), 0).await?;
        reserved.insert(currency, InQueue::sum(released.iter().filter(|other| !is_called(other))));
    }
    Ok(reserved)
}

#[cfg(test)]
mod tests {
    use ferry_core::run::Reservation;
    use jiff::Timestamp;

    use super::*;
    use crate::store::RunId;

    fn one(run: &str, amount: &str, is_released: bool) -> InQueue {
        let (queue, amount) = ("payoneer/USD".to_owned(), amount.parse().unwrap());
        let reservation =
            Reservation { step: "submit".to_owned(), queue, since: Timestamp::UNIX_EPOCH, amount, is_released };
        InQueue { run: RunId::named(run), reservation }
    }

    #[track_caller]
    fn check(front: &[InQueue], is_first: bool, reserved: &str, next: Option<&InQueue>) {
        let place = Place::of(&one("own", "10", false), front.to_vec());
        let expected = Place { is_first, reserved: reserved.parse().unwrap(), next: next.cloned() };
        assert_eq!(place, expected);
    }

    #[test]
    fn only_the_first_that_is_held_asks() {
        let (own, next) = (one("own", "10", false), one("next", "1", false));
        check(&[own.clone(), next.clone()], true, "10", Some(&next));
        check(&[one("gone", "5.50", true), own.clone()], true, "15.50", None);
        check(&[one("large", "900", false), own.clone()], false, "10", Some(&own));
    }

    /// One that is held again keeps its place, and its row may come after those behind it were released.
    #[test]
    fn the_first_leaves_what_was_released_behind_it() {
        check(&[one("own", "10", false), one("behind", "50", true)], true, "60", None);
    }

    #[test]
    fn a_row_that_is_not_there_yet_is_not_first() {
        let next = one("next", "1", false);
        check(&[], false, "10", None);
        check(std::slice::from_ref(&next), false, "10", None);
        check(&[one("own", "10", true), next], false, "10", None);
    }

    #[test]
    fn nobody_is_released_while_those_who_are_cannot_be_counted() {
        let gone = std::iter::repeat_n(one("gone", "1", true), QUEUE_ROWS_MAX);
        let front: Vec<_> = gone.chain([one("own", "10", false)]).collect();
        check(&front[1..], true, "10009", None);
        check(&front, false, "10010", None);
    }

    #[test]
    fn more_than_can_be_written_is_not_there() {
        let all = Decimal::MAX.to_string();
        check(&[one("gone", &all, true), one("own", "10", false)], true, &all, None);
    }
}
