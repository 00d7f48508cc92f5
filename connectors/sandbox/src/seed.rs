//! The world at its start: whom the org pays, what it wants to pay, and from what balance.
//!
//! The seed and the number of requests decide everything but the times, which end at the start.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::payoneer::{CURRENCY, Holder, Method, Payee, PayeeState};
use crate::random::Random;
use crate::salesforce::records::{Record, Store};
use crate::salesforce::{self, CONTACT, ORGANIZATION, PAYMENT_REQUEST};
use crate::{clock, wire};

/// The stretch before the start in which the requests were last changed.
const HISTORY_MS: u64 = 60 * 60 * 1_000;

/// So many requests in a row were changed at the same instant.
const SAME_INSTANT: usize = 3;

/// What the balance has left after all normal requests. Two decimals: 5,000.00.
const SPARE: Decimal = Decimal::from_parts(500_000, 0, 0, false, 2);

const FIRST_NAMES: [&str; 20] = [
    "Ana", "Bruno", "Chidi", "Dilara", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jakub", "Keiko", "Lars", "Mei",
    "Nikhil", "Olga", "Pablo", "Rosa", "Samir", "Tereza", "Wanjiru",
];

const LAST_NAMES: [&str; 20] = [
    "Almeida", "Bauer", "Costa", "Demir", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanova", "Jensen", "Kowalski",
    "Lopez", "Mutua", "Novak", "Okafor", "Patel", "Rossi", "Silva", "Tanaka", "Wong",
];

/// What is special about a request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Nothing: it can be paid.
    Normal,
    /// Its recipient's payee is inactive.
    InactivePayee,
    /// Its recipient's e-mail address is broken.
    BadEmail,
    /// Its amount is over the limit of one payout.
    OverLimit,
    /// Its amount is more than the balance has to spare.
    Large,
}

/// A payment request of the start.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// Its id in Salesforce.
    pub(crate) id: String,
    /// Its name, such as `PR-0001`.
    pub(crate) name: String,
    /// How much is asked for.
    pub(crate) amount: Decimal,
    /// What is special about it.
    pub(crate) kind: Kind,
}

/// The world at its start.
#[derive(Debug)]
pub(crate) struct Start {
    /// Salesforce's records.
    pub(crate) store: Store,
    /// Payoneer's payees by id.
    pub(crate) payees: BTreeMap<String, Payee>,
    /// The balance of Payoneer's program.
    pub(crate) balance: Decimal,
    /// The payment requests in the order of their names.
    pub(crate) requests: Vec<Planned>,
}

/// Builds the world of a seed, with its last change at `now`.
pub(crate) fn build(seed: u64, count: usize, now: Timestamp) -> Start {
    let mut random = Random::of(seed, "requests");
    let kinds = kinds(count, &mut random);
    let mut start = Start { store: Store::default(), payees: BTreeMap::new(), balance: SPARE, requests: Vec::new() };
    start.store.seed(
        &ORGANIZATION,
        Record::from([("Name", Value::from("Acme")), ("DefaultCurrencyIsoCode", Value::from(CURRENCY))]),
        now,
    );
    let specials = kinds.iter().filter(|kind| **kind != Kind::Normal).count();
    let normal: Vec<String> = (0..(count / 3).saturating_sub(specials).max(3))
        .map(|_| contact(&mut start, Kind::Normal, now, &mut random))
        .collect();
    for (index, kind) in kinds.into_iter().enumerate() {
        let recipient = if kind == Kind::Normal {
            normal[usize::try_from(random.between(0, normal.len() as u64 - 1)).expect("it is an index")].clone()
        } else {
            contact(&mut start, kind, now, &mut random)
        };
        let steps = (index / SAME_INSTANT * SAME_INSTANT) as u64;
        let age_ms = HISTORY_MS - HISTORY_MS * steps / count as u64;
        let at = Timestamp::from_millisecond(now.as_millisecond() - age_ms.cast_signed()).unwrap_or(now);
        request(&mut start, kind, &recipient, at, &mut random);
    }
    salesforce::add_org(&mut start.store, seed, now);
    start
}

/// Chooses which requests are special, in a seeded order.
fn kinds(count: usize, random: &mut Random) -> Vec<Kind> {
    let least = usize::from(count >= 20);
    let shares = [(Kind::InactivePayee, 3), (Kind::BadEmail, 3), (Kind::OverLimit, 2), (Kind::Large, 2)];
    let mut kinds: Vec<Kind> =
        shares.into_iter().flat_map(|(kind, percent)| vec![kind; (count * percent / 100).max(least)]).collect();
    kinds.resize(count, Kind::Normal);
    random.shuffle(&mut kinds);
    kinds
}

/// Draws the name of a person.
pub(crate) fn person(random: &mut Random) -> String {
    let mut pick = |names: &[&'static str; 20]| names[usize::try_from(random.between(0, 19)).expect("it is an index")];
    format!("{} {}", pick(&FIRST_NAMES), pick(&LAST_NAMES))
}

/// Adds a contact with its payee, and returns its id in Salesforce.
fn contact(start: &mut Start, kind: Kind, now: Timestamp, random: &mut Random) -> String {
    let number = start.payees.len() + 1;
    let mut pick = |names: &[&'static str; 20]| names[usize::try_from(random.between(0, 19)).expect("it is an index")];
    let (first, last) = (pick(&FIRST_NAMES), pick(&LAST_NAMES));
    let at = if kind == Kind::BadEmail { "." } else { "@" };
    let email = format!("{}.{}{number}{at}example.com", first.to_lowercase(), last.to_lowercase());
    let payee_id = format!("P-{number}");
    let country = String::new();
    let holder = Holder { first_name: first.to_owned(), last_name: last.to_owned(), email: email.clone(), country };
    let record = Record::from([
        ("FirstName", Value::from(first)),
        ("LastName", Value::from(last)),
        ("Email", Value::from(email)),
        ("External_Payoneer_ID__c", Value::from(payee_id.as_str())),
    ]);
    let state = if kind == Kind::InactivePayee { PayeeState::Inactive } else { PayeeState::Active };
    let account = (4_366_181_800_000_000 + random.between(0, 99_999_999)).to_string();
    let year_ms = 365 * 24 * 60 * 60 * 1_000;
    let registered = Timestamp::from_millisecond(now.as_millisecond() - year_ms).unwrap_or(now);
    let registered = clock::add_ms(registered, random.between(0, year_ms.unsigned_abs() / 2));
    let payee = Payee { account, state, registered, holder, method: Method::Bank };
    start.payees.insert(payee_id, payee);
    let created = Timestamp::from_millisecond(now.as_millisecond() - HISTORY_MS.cast_signed()).unwrap_or(now);
    start.store.seed(&CONTACT, record, created)
}

/// Adds a payment request that was approved at `at`.
fn request(start: &mut Start, kind: Kind, recipient: &str, at: Timestamp, random: &mut Random) {
    let (least, most) = cents_of(kind);
    let amount = Decimal::from(random.between(least, most)) / Decimal::ONE_HUNDRED;
    let amount = wire::cents(amount);
    let name = format!("PR-{:04}", start.requests.len() + 1);
    let record = Record::from([
        ("Name", Value::from(name.as_str())),
        ("Amount__c", wire::number(amount)),
        ("CurrencyIsoCode", Value::from(CURRENCY)),
        ("Recipient__c", Value::from(recipient)),
        ("Status__c", Value::from("Approved for Payout")),
    ]);
    let id = start.store.seed(&PAYMENT_REQUEST, record, at);
    if kind == Kind::Normal {
        start.balance += amount;
    }
    start.requests.push(Planned { id, name, amount, kind });
}

fn cents_of(kind: Kind) -> (u64, u64) {
    match kind {
        Kind::Normal | Kind::InactivePayee | Kind::BadEmail => (1_000, 250_000),
        Kind::OverLimit => (2_000_001, 4_000_000),
        Kind::Large => (900_000, 1_500_000),
    }
}
