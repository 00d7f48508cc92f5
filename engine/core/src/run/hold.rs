//! Holds: what a run reserves of what it waits for, and where it stands among those that wait for the same.

use ferry_contract::number;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{Run, Status, UnitIndex, unit::Hold};
use crate::plan::Reaction;

/// An amount that a unit waits for, or was released for and has not got yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Reservation {
    /// The unit's name.
    pub step: String,
    /// Those who wait for the same: a connection, and a currency (ISO 4217).
    pub queue: String,
    /// Since when; the earlier is released first.
    pub since: Timestamp,
    /// In major units of the currency.
    pub amount: Decimal,
    /// Whether it may try: its amount is reserved until its call is settled.
    pub is_released: bool,
}

/// The name of a queue.
pub fn queue(connection: &str, currency: &str) -> String {
    format!("{connection}/{currency}")
}

impl Run {
    /// One that was released and finds the money gone is held again, and has kept its place.
    pub(super) fn held(&mut self, at: Timestamp, unit: UnitIndex, what: &Value) {
        let Status::Holding { arm } = self.units[unit].status else { return };
        let fallback = self.units[unit].fallback;
        let before = self.units[unit].hold.as_ref().filter(|hold| hold.fallback == fallback);
        let since = before.map_or(at, |hold| hold.since);
        self.units[unit].hold = Some(Hold { arm, fallback, since, what: what.clone(), is_released: false });
        self.units[unit].status = Status::Held { arm, since: at, what: what.clone() };
    }

    /// Whether any unit was held since the run began, so that the store may have rows of it.
    pub fn has_held(&self) -> bool {
        self.units.iter().any(|unit| unit.hold.is_some())
    }

    /// What the run's units reserve now. A call that may have been done has its reservation still, because the
    /// money may be gone and may not.
    pub fn reservations(&self) -> Vec<Reservation> {
        self.units().filter_map(|unit| self.reservation(unit)).collect()
    }

    /// What a unit reserves now; nothing where it waits for no amount of money, or where another call has
    /// taken the place of the one that did.
    pub fn reservation(&self, unit: UnitIndex) -> Option<Reservation> {
        let hold = self.units[unit].hold.as_ref().filter(|hold| hold.fallback == self.units[unit].fallback);
        let Hold { arm, since, what, is_released, .. } = hold?;
        let is_settled = match self.units[unit].status {
            Status::Done | Status::Skipped | Status::Failed | Status::Recovering { .. } | Status::Dormant => true,
            Status::Blocked
            | Status::Ready
            | Status::Spread
            | Status::Called { .. }
            | Status::Retrying { .. }
            | Status::Unknown { .. }
            | Status::Doubted { .. }
            | Status::Parking { .. }
            | Status::Parked { .. }
            | Status::Holding { .. }
            | Status::Held { .. }
            | Status::Waiting { .. } => false,
        };
        let Reaction::Hold { probe, .. } = &self.step(unit).arms.get(*arm)?.reaction else { return None };
        if is_settled || self.end.is_some() {
            return None;
        }
        Some(Reservation {
            step: self.unit_id(unit),
            queue: queue(&probe.call.connection, what.get("currency")?.as_str()?),
            since: *since,
            amount: number::text_to_decimal(&what.get("amount")?.to_string())?,
            is_released: *is_released,
        })
    }
}
