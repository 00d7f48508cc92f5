//! The rest of the org at its start: users, currencies, and what was sold to whom.
//!
//! It draws its numbers from a stream of its own, so that it changes nothing of the payment requests.

use jiff::{Timestamp, ToSpan as _};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::objects::{ACCOUNT, CURRENCY_TYPE, OPPORTUNITY, ORDER, ORDER_ITEM, USER};
use super::records::{Record, Store};
use crate::random::Random;
use crate::{assertion, wire};

const ACCOUNTS: [&str; 5] = ["Northwind Traders", "Blue Yonder", "Fabrikam", "Tailspin Toys", "Wide World Importers"];

const STAGES: [&str; 4] = ["Prospecting", "Proposal/Price Quote", "Negotiation/Review", "Closed Won"];

/// Adds it.
pub(crate) fn add(store: &mut Store, seed: u64, now: Timestamp) {
    let mut random = Random::of(seed, "org");
    let user = Record::from([
        ("Username", Value::from(assertion::USERNAME)),
        ("LastName", Value::from("Integration")),
        ("IsActive", Value::Bool(true)),
    ]);
    let user = store.seed(&USER, user, now);
    for (code, rate, is_corporate) in [("USD", 1_000_000, true), ("EUR", 920_000, false), ("GBP", 790_000, false)] {
        let currency = Record::from([
            ("IsoCode", Value::from(code)),
            ("ConversionRate", wire::number(Decimal::new(rate, 6))),
            ("DecimalPlaces", json!(2)),
            ("IsActive", Value::Bool(true)),
            ("IsCorporate", Value::Bool(is_corporate)),
        ]);
        store.seed(&CURRENCY_TYPE, currency, now);
    }
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    for (index, name) in ACCOUNTS.into_iter().enumerate() {
        let account = Record::from([
            ("Name", Value::from(name)),
            ("Type", Value::from("Customer")),
            ("BillingCountry", Value::from("US")),
            ("CurrencyIsoCode", Value::from("USD")),
            ("Customer_Vault_ID__c", Value::from(format!("V-{}", index + 1))),
        ]);
        let account = store.seed(&ACCOUNT, account, now);
        for (number, stage) in STAGES.into_iter().enumerate() {
            let amount = Decimal::new(i64::try_from(random.between(10_000, 900_000)).unwrap_or_default(), 2);
            let close = today.saturating_add((i64::try_from(number).unwrap_or_default() * 7).days());
            let opportunity = Record::from([
                ("Name", Value::from(format!("{name} {}", number + 1))),
                ("AccountId", Value::from(account.as_str())),
                ("StageName", Value::from(stage)),
                ("CloseDate", Value::from(close.to_string())),
                ("Amount", wire::number(amount)),
                ("CurrencyIsoCode", Value::from("USD")),
                ("OwnerId", Value::from(user.as_str())),
            ]);
            let opportunity = store.seed(&OPPORTUNITY, opportunity, now);
            if stage == "Closed Won" {
                order(store, (&account, &opportunity), amount, now);
            }
        }
    }
}

/// Adds the order of a sale, half of it in each of two lines.
fn order(store: &mut Store, (account, opportunity): (&str, &str), amount: Decimal, now: Timestamp) {
    let number = format!("{:08}", store.created(&ORDER) + 1);
    let order = Record::from([
        ("OrderNumber", Value::from(number)),
        ("AccountId", Value::from(account)),
        ("OpportunityId", Value::from(opportunity)),
        ("EffectiveDate", Value::from(now.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())),
        ("Status", Value::from("Draft")),
        ("TotalAmount", wire::number(amount)),
        ("CurrencyIsoCode", Value::from("USD")),
    ]);
    let order = store.seed(&ORDER, order, now);
    let half = (amount / Decimal::TWO).round_dp(2);
    for part in [half, amount - half] {
        let item = Record::from([
            ("OrderId", Value::from(order.as_str())),
            ("Quantity", json!(1)),
            ("UnitPrice", wire::number(part)),
            ("TotalPrice", wire::number(wire::cents(part))),
        ]);
        store.seed(&ORDER_ITEM, item, now);
    }
}
