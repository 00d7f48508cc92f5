//! The payouts of one request, checked as a whole: one bad item refuses them all.
//!
//! Numbers 10005, 10009 and 10304 are the vendor's (vendors.md, section 1.8); the others are ours.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::book::Book;
use super::{CURRENCY, PAYOUT_MAX, Payee, PayeeState};
use crate::faults::Duplicates;
use crate::{limits, wire};

const REQUIRED: u32 = 1001;
const PAYEE_NOT_FOUND: u32 = 10005;
const PAYEE_INACTIVE: u32 = 10009;
const OVER_LIMIT: u32 = 10020;
const AMOUNT: u32 = 10021;
const OTHER_CURRENCY: u32 = 10022;
const PAYOUT_DATE: u32 = 10023;
const REFERENCE: u32 = 10303;
const EXISTS: u32 = 10304;

/// A payout that can be booked.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// `client_reference_id`.
    pub(super) reference: String,
    /// Who is paid.
    pub(super) payee_id: String,
    /// How much, in the program's currency.
    pub(super) amount: Decimal,
    /// When, as the client wrote it.
    pub(super) payout_date: Option<String>,
}

/// What the items are checked against.
#[derive(Clone, Debug)]
pub(super) struct Known<'a> {
    /// The payees by id.
    pub(super) payees: &'a BTreeMap<String, Payee>,
    /// The references that are booked.
    pub(super) book: &'a Book,
    /// What happens to a reference that is booked already.
    pub(super) duplicates: Duplicates,
}

/// Reads all items.
///
/// # Errors
/// One error object for each thing that is wrong, in the order of the items.
pub(super) fn read(items: &[Value], known: &Known<'_>) -> Result<Vec<Order>, Vec<Value>> {
    let mut reader = Reader { known, seen: BTreeSet::new(), errors: Vec::new() };
    let orders = items.iter().enumerate().filter_map(|(index, item)| {
        let reading = Item { index, fields: item };
        reader.order(reading)
    });
    let orders: Vec<Order> = orders.collect();
    if reader.errors.is_empty() { Ok(orders) } else { Err(reader.errors) }
}

/// How many of these errors are about a payout that is booked already.
pub(super) fn duplicates(errors: &[Value]) -> usize {
    errors.iter().filter(|error| error["sub_code"] == EXISTS).count()
}

/// Whether a text can be a client's name of something.
pub(super) fn is_reference(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    text.len() <= limits::REFERENCE_MAX_CHARS && text.bytes().all(plain)
}

struct Reader<'a> {
    known: &'a Known<'a>,
    seen: BTreeSet<&'a str>,
    errors: Vec<Value>,
}

#[derive(Clone, Copy)]
struct Item<'a> {
    index: usize,
    fields: &'a Value,
}

impl<'a> Reader<'a> {
    fn order(&mut self, item: Item<'a>) -> Option<Order> {
        let reference = self.reference(item);
        let payee_id = self.payee(item);
        let amount = self.amount(item);
        let currency = self.currency(item);
        let description = self.text(item, "description");
        let dated = self.check_payout_date(item);
        (currency.is_some() && description.is_some() && dated.is_some()).then_some(())?;
        Some(Order {
            reference: reference?.to_owned(),
            payee_id: payee_id?.to_owned(),
            amount: amount?,
            payout_date: item.fields["payout_date"].as_str().map(str::to_owned),
        })
    }

    fn reference(&mut self, item: Item<'a>) -> Option<&'a str> {
        let name = "client_reference_id";
        let reference = self.text(item, name)?;
        if !is_reference(reference) {
            return self.error(item, name, REFERENCE, "A reference has at most 36 of A-Z, a-z, 0-9, _ and -");
        }
        let first = self.known.book.booked_at(reference).is_none() && self.seen.insert(reference);
        match self.known.duplicates {
            Duplicates::Refuse if !first => self.error(item, name, EXISTS, "Payout already exists"),
            Duplicates::Refuse | Duplicates::Book => Some(reference),
        }
    }

    fn payee(&mut self, item: Item<'a>) -> Option<&'a str> {
        let id = self.text(item, "payee_id")?;
        match self.known.payees.get(id).map(|payee| payee.state) {
            Some(PayeeState::Active | PayeeState::Pending) => Some(id),
            Some(PayeeState::Inactive) => self.error(item, "payee_id", PAYEE_INACTIVE, "Payee is inactive"),
            None => self.error(item, "payee_id", PAYEE_NOT_FOUND, "Payee not found"),
        }
    }

    fn amount(&mut self, item: Item<'a>) -> Option<Decimal> {
        if item.fields["amount"].is_null() {
            return self.error(item, "amount", REQUIRED, "Amount is required");
        }
        let amount = wire::decimal(&item.fields["amount"]).map(|amount| amount.normalize());
        match amount {
            Some(amount) if amount <= Decimal::ZERO || amount.scale() > 2 => {
                self.error(item, "amount", AMOUNT, "Amount must be positive, with at most 2 decimals")
            }
            Some(amount) if amount > PAYOUT_MAX => {
                self.error(item, "amount", OVER_LIMIT, "Amount exceeds the limit of 20000.00 for one payout")
            }
            Some(amount) => Some(wire::cents(amount)),
            None => self.error(item, "amount", AMOUNT, "Amount must be a number"),
        }
    }

    fn currency(&mut self, item: Item<'a>) -> Option<&'a str> {
        let currency = self.text(item, "currency")?;
        if currency == CURRENCY {
            return Some(currency);
        }
        self.error(item, "currency", OTHER_CURRENCY, "Currency is not supported by the program, use USD")
    }

    fn check_payout_date(&mut self, item: Item<'a>) -> Option<()> {
        let value = &item.fields["payout_date"];
        let text = value.as_str().unwrap_or_default();
        if value.is_null() || text.parse::<Timestamp>().is_ok() || text.parse::<Date>().is_ok() {
            return Some(());
        }
        self.error(item, "payout_date", PAYOUT_DATE, "Payout date must be a date or a date with time and offset")
    }

    fn text(&mut self, item: Item<'a>, name: &str) -> Option<&'a str> {
        let text = item.fields[name].as_str().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            return self.error(item, name, REQUIRED, &format!("{name} is required, as text"));
        }
        text
    }

    fn error<T>(&mut self, item: Item<'_>, name: &str, sub_code: u32, message: &str) -> Option<T> {
        let value = &item.fields[name];
        self.errors.push(json!({
            "code": 400,
            "target": format!("Payments[{}].{name}", item.index),
            "value": value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            "message": message,
            "sub_code": sub_code,
        }));
        None
    }
}
