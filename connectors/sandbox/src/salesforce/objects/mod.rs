//! The objects of the org and their fields.

mod custom;
mod platform_events;
mod standard;

use super::schema::{Field, Kind, Need, Object, field};
use platform_events::{PAYMENT_RECEIVED_EVENT, PAYOUT_STATUS_EVENT};

pub(crate) use custom::{
    BULK_TARGET, CASH_POSITION, EXPENSE_LINE, PAYMENT, PAYMENT_REQUEST, PAYMENT_TRANSACTION, PAYOUT_LINE, REFUND,
    REVENUE, SETTLEMENT_LINE, SUBSCRIPTION,
};
pub(crate) use standard::{
    ACCOUNT, CASE, CONTACT, CURRENCY_TYPE, DATED_CONVERSION_RATE, OPPORTUNITY, ORDER, ORDER_ITEM, ORGANIZATION, USER,
};

const NAME: Field = field("Name", Kind::Text(80));
const AMOUNT: Field = field("Amount__c", Kind::Number);
const CURRENCIES: Kind = Kind::Picklist(&["USD", "EUR", "GBP"]);
const CURRENCY: Field = field("CurrencyIsoCode", CURRENCIES).need(Need::Or("USD"));

/// All of them.
pub(super) static OBJECTS: [&Object; 21] = [
    &ACCOUNT,
    &CONTACT,
    &OPPORTUNITY,
    &ORDER,
    &ORDER_ITEM,
    &CASE,
    &USER,
    &PAYMENT,
    &REFUND,
    &SUBSCRIPTION,
    &PAYMENT_REQUEST,
    &PAYMENT_TRANSACTION,
    &PAYOUT_LINE,
    &EXPENSE_LINE,
    &REVENUE,
    &CASH_POSITION,
    &SETTLEMENT_LINE,
    &CURRENCY_TYPE,
    &DATED_CONVERSION_RATE,
    &BULK_TARGET,
    &ORGANIZATION,
];

/// Finds a platform event by its name, in any case.
pub(super) fn event(name: &str) -> Option<&'static Object> {
    platform_events().find(|event| event.name.eq_ignore_ascii_case(name))
}

/// All platform events.
pub(super) fn platform_events() -> impl Iterator<Item = &'static Object> {
    [&PAYOUT_STATUS_EVENT, &PAYMENT_RECEIVED_EVENT].into_iter()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// An id says by its prefix of which object it is.
    #[test]
    fn no_two_objects_have_one_prefix() {
        let all: Vec<&Object> = OBJECTS.into_iter().chain(platform_events()).collect();
        let prefixes: BTreeSet<&str> = all.iter().map(|object| object.prefix).collect();
        assert_eq!(prefixes.len(), all.len());
    }
}
