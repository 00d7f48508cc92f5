//! The accounts of account holders: what they have, where it came from and where it can go.
//!
//! Shapes: vendors.md, section 1.6. Balances and details are the vendor's; transactions, receiving accounts, statements and
//! early-payment offers have no public shape, and these are ours, by the vendor's rules for collections.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::failure;
use super::payees::Holder;
use crate::random::Random;
use crate::wire::{self, Answer};
use crate::{clock, limits};

/// The account that is asked for its consent where nobody says which one.
pub(super) const MAIN: &str = "4366181865108056";

/// Another one, of somebody else.
const OTHER: &str = "4366181865200019";

/// What a currency is worth in US dollars. Ours, and they never move.
const WORTH: [(&str, Decimal); 5] = [
    ("USD", Decimal::from_parts(10_000, 0, 0, false, 4)),
    ("EUR", Decimal::from_parts(10_842, 0, 0, false, 4)),
    ("GBP", Decimal::from_parts(12_705, 0, 0, false, 4)),
    ("CAD", Decimal::from_parts(7_318, 0, 0, false, 4)),
    ("AUD", Decimal::from_parts(6_589, 0, 0, false, 4)),
];

/// The transactions that an account starts with, and the stretch in which they happened.
const TRANSACTIONS: u64 = 120;
const HISTORY_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

const MARKETPLACES: [&str; 4] = ["Northwind Marketplace", "Contoso Ads", "Fabrikam Studio", "Example Store"];

/// All accounts.
#[derive(Debug)]
pub(super) struct Accounts {
    by_id: BTreeMap<String, Account>,
}

/// One account.
#[derive(Debug)]
pub(super) struct Account {
    /// Its number.
    pub(super) id: String,
    /// Who answers for it.
    pub(super) holder: Holder,
    /// Whose it is.
    pub(super) company: &'static str,
    /// One for each currency.
    pub(super) balances: Vec<Balance>,
    /// The banks that money can be withdrawn to.
    pub(super) banks: Vec<String>,
    /// What has happened, the oldest first.
    pub(super) transactions: Vec<Transaction>,
}

/// The money of one currency.
#[derive(Debug)]
pub(super) struct Balance {
    /// Its number.
    pub(super) id: String,
    /// ISO 4217.
    pub(super) currency: &'static str,
    /// What can be used.
    pub(super) available: Decimal,
    /// When that changed last.
    pub(super) updated: Timestamp,
}

/// One movement of money.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    /// Its number.
    pub(super) id: String,
    /// What kind of movement.
    pub(super) kind: &'static str,
    /// `credit` or `debit`.
    pub(super) direction: &'static str,
    /// When.
    pub(super) at: Timestamp,
    /// How much, above 0.
    pub(super) amount: Decimal,
    /// ISO 4217.
    pub(super) currency: String,
    /// What was taken for it, as the API writes fees.
    pub(super) fees: Vec<Value>,
    /// The rate, where there were two currencies.
    pub(super) fx: Option<Value>,
    /// From whom.
    pub(super) source: String,
    /// To whom.
    pub(super) target: String,
    /// The client's own name of it.
    pub(super) reference: Option<String>,
    /// For people.
    pub(super) description: String,
}

impl Accounts {
    /// Builds the accounts of a seed, with their last transaction at `now`.
    pub(super) fn new(seed: u64, now: Timestamp) -> Self {
        let known = [(MAIN, "Acme", &WORTH[..]), (OTHER, "Beta Trading", &WORTH[..1])];
        let build = |(id, company, currencies): (&str, &'static str, &[(&'static str, Decimal)])| {
            let mut random = Random::of(seed, &format!("account/{id}"));
            (id.to_owned(), Account::new(id, company, currencies, now, &mut random))
        };
        Self { by_id: known.into_iter().map(build).collect() }
    }

    /// Finds one.
    pub(super) fn get(&self, id: &str) -> Option<&Account> {
        self.by_id.get(id)
    }

    /// Finds one, to change it.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Account> {
        self.by_id.get_mut(id)
    }
}

impl Account {
    fn new(
        id: &str,
        company: &'static str,
        currencies: &[(&'static str, Decimal)],
        now: Timestamp,
        random: &mut Random,
    ) -> Self {
        let number = |random: &mut Random| (4_366_181_900_000_000 + random.between(0, 99_999_999)).to_string();
        let balance = |(currency, _): &(&'static str, Decimal)| Balance {
            id: number(random),
            currency,
            available: wire::cents(Decimal::from(random.between(100_000, 2_000_000)) / Decimal::ONE_HUNDRED),
            updated: now,
        };
        let balances: Vec<Balance> = currencies.iter().map(balance).collect();
        let holder = Holder {
            first_name: "Account".to_owned(),
            last_name: "Holder".to_owned(),
            email: format!("{}@example.com", company.to_lowercase().replace(' ', "-")),
            country: "US".to_owned(),
        };
        let banks = vec![number(random), number(random)];
        let mut account = Self { id: id.to_owned(), holder, company, balances, banks, transactions: Vec::new() };
        for index in 0..TRANSACTIONS {
            let age_ms = HISTORY_MS - HISTORY_MS * index / TRANSACTIONS;
            let at = Timestamp::from_millisecond(now.as_millisecond() - age_ms.cast_signed()).unwrap_or(now);
            account.begin_with(at, random);
        }
        account
    }

    /// Adds a transaction of the past, which the balance has in it already.
    fn begin_with(&mut self, at: Timestamp, random: &mut Random) {
        let pick = |random: &mut Random, length: usize| {
            usize::try_from(random.between(0, length as u64 - 1)).expect("it is an index")
        };
        let currency = self.balances[pick(random, self.balances.len())].currency;
        let amount = wire::cents(Decimal::from(random.between(1_000, 300_000)) / Decimal::ONE_HUNDRED);
        let marketplace = MARKETPLACES[pick(random, MARKETPLACES.len())];
        let fee = wire::cents((amount / Decimal::ONE_HUNDRED).round_dp(2));
        let is_received = !random.hits(4);
        let (kind, direction) = if is_received { ("RECEIVED_PAYMENT", "credit") } else { ("WITHDRAWAL", "debit") };
        let (source, target) = if is_received { (marketplace, self.company) } else { (self.company, "Bank account") };
        let fee_kind = if is_received { "receiving_fee" } else { "transfer_fee" };
        self.add(Transaction {
            id: String::new(),
            kind,
            direction,
            at,
            amount,
            currency: currency.to_owned(),
            fees: vec![fee_json(fee_kind, fee, currency)],
            fx: None,
            source: source.to_owned(),
            target: target.to_owned(),
            reference: None,
            description: if is_received { format!("Payment from {marketplace}") } else { "Withdrawal".to_owned() },
        });
    }

    /// Adds what has happened; its number follows.
    pub(super) fn add(&mut self, transaction: Transaction) {
        let number = self.transactions.len() as u64 + 1;
        let id = format!("{}{number:06}", &self.id[self.id.len() - 4..]);
        self.transactions.push(Transaction { id, ..transaction });
    }

    /// Takes money in from somebody; says the number of the transaction.
    pub(super) fn receive(
        &mut self,
        (amount, currency): (Decimal, &str),
        source: &str,
        reference: Option<&str>,
        at: Timestamp,
    ) -> Option<String> {
        let target = self.company;
        let balance = self.balances.iter_mut().find(|balance| balance.currency == currency)?;
        balance.available += amount;
        balance.updated = at;
        self.add(Transaction {
            id: String::new(),
            kind: "RECEIVED_PAYMENT",
            direction: "credit",
            at,
            amount,
            currency: currency.to_owned(),
            fees: Vec::new(),
            fx: None,
            source: source.to_owned(),
            target: target.to_owned(),
            reference: reference.map(str::to_owned),
            description: format!("Payment from {source}"),
        });
        self.transactions.last().map(|added| added.id.clone())
    }

    /// Finds a balance by its number.
    pub(super) fn balance_mut(&mut self, id: &str) -> Option<&mut Balance> {
        self.balances.iter_mut().find(|balance| balance.id == id)
    }

    /// Says who it belongs to.
    pub(super) fn details(&self) -> Value {
        json!({
            "account_id": self.id,
            "type": "COMPANY",
            "status": { "type": 1, "description": "Active" },
            "company": { "name": self.company },
            "contact": self.holder.contact(),
            "address": self.holder.address(),
        })
    }
}

impl Balance {
    /// Says it as the API does; the amount is a text.
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "type": "BALANCE",
            "currency": self.currency,
            "status": "2",
            "status_description": "Active",
            "available_balance": wire::cents(self.available).to_string(),
            "update_time": clock::seconds_text(self.updated),
        })
    }
}

impl Transaction {
    /// Says it in our shape.
    pub(super) fn json(&self) -> Value {
        let mut body = json!({
            "id": self.id,
            "type": self.kind,
            "direction": self.direction,
            "status": "Completed",
            "created_at": clock::seconds_text(self.at),
            "amount": wire::number(self.amount),
            "currency": self.currency,
            "fees": self.fees,
            "source": { "name": self.source },
            "target": { "name": self.target },
            "description": self.description,
        });
        let more = [("fx", self.fx.clone()), ("client_reference_id", self.reference.clone().map(Value::from))];
        more.into_iter().for_each(|(name, value)| {
            if let Some(value) = value {
                body[name] = value;
            }
        });
        body
    }
}

/// Writes a fee as the API does.
pub(super) fn fee_json(kind: &str, amount: Decimal, currency: &str) -> Value {
    json!({ "type": kind, "amount": wire::number(amount), "currency": currency })
}

/// Says the rate between two currencies, with ten decimals; `None` where one is not traded.
pub(super) fn rate(source: &str, target: &str) -> Option<Decimal> {
    let worth = |wanted: &str| WORTH.iter().find(|(currency, _)| *currency == wanted).map(|(_, worth)| *worth);
    worth(source)?.checked_div(worth(target)?).map(|rate| rate.round_dp(10))
}

/// Says the page of a list that a request asks for. `next` is relative, and absent on the last page.
pub(super) fn page(
    items: &[Value],
    (path, query): (&str, &[(String, String)]),
    default: usize,
) -> Result<Answer, Answer> {
    let number = |name: &str, default: usize| match query.iter().find(|(key, _)| key == name) {
        Some((_, text)) => {
            text.parse().map_err(|_| failure(StatusCode::BAD_REQUEST, 1000, &format!("`{name}` must be a number")))
        }
        None => Ok(default),
    };
    let (start, length) = (number("cursor", 0)?, number("limit", default)?.clamp(1, limits::PAYONEER_PAGE_ITEMS));
    let shown: Vec<&Value> = items.iter().skip(start).take(length).collect();
    let end = start.saturating_add(shown.len());
    let mut result = json!({ "items": shown, "total": items.len() });
    if end < items.len() {
        let others = query.iter().filter(|(name, _)| name != "cursor");
        let mut next = reqwest::Url::parse("http://relative").expect("it is an address");
        next.set_path(path.strip_prefix("/payoneer").unwrap_or(path));
        next.query_pairs_mut().extend_pairs(others).append_pair("cursor", &end.to_string());
        result["next"] = json!(next.as_str().trim_start_matches("http://relative"));
    }
    Ok(super::result(&result))
}
