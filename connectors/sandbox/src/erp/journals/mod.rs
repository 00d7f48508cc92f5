//! Other accounting systems, as far as entries of the general ledger need them: the same books, said in other words.
//!
//! Shapes are those that their connectors write; none was held against the real system.

mod business_central;
mod erpnext;
mod netsuite;
mod odoo;
mod quickbooks;

use axum::http::StatusCode;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::books::{Books, Entry, Line, is_balanced};
use crate::access::{CLIENT_ID, CLIENT_SECRET, Tokens};
use crate::consent::Consents;
use crate::system::Context;
use crate::wire::{self, Answer, Request};
use crate::{assertion, limits};

/// The connectors that are answered, each under its name.
pub(super) const CONNECTORS: [&str; 5] = ["business_central", "erpnext", "netsuite", "odoo", "quickbooks"];

/// Whom those let in that give tokens, and what their companies are set to.
#[derive(Debug)]
pub(super) struct Doors {
    entra: Tokens,
    netsuite: Tokens,
    /// What somebody allowed who administers the company in QuickBooks.
    pub(super) intuit: Consents,
    /// Whether QuickBooks refuses a number that another entry has.
    pub(super) are_numbers_unique: bool,
}

impl Doors {
    /// Nobody yet.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            entra: Tokens::new(seed, limits::ENTRA_TOKEN_S),
            netsuite: Tokens::new(seed, limits::NETSUITE_TOKEN_S),
            intuit: Consents::new(seed, quickbooks::MANNER),
            are_numbers_unique: false,
        }
    }

    /// Takes back what was allowed for the books in QuickBooks; says how many there were.
    pub(super) fn withdraw(&mut self) -> usize {
        self.intuit.withdraw(quickbooks::COMPANY)
    }
}

/// Answers a request for one of them.
pub(super) fn answer(books: &mut Books, doors: &mut Doors, request: &Request, cx: Context) -> Answer {
    match request.segments.first().map(String::as_str) {
        Some("erpnext") => erpnext::answer(books, request),
        Some("odoo") => odoo::answer(books, request),
        Some("netsuite") => netsuite::answer(books, &mut doors.netsuite, request, cx.now),
        Some("quickbooks") => quickbooks::answer(books, doors, request, cx.now),
        _ => business_central::answer(books, &mut doors.entra, request, cx.now),
    }
}

/// The fields of a connection to one of them.
pub(super) fn credentials(connector: &str, url: &str) -> Value {
    match connector {
        "erpnext" => json!({
            "url": url, "api_key": CLIENT_ID, "api_secret": CLIENT_SECRET, "company": "Acme", "currency": super::CURRENCY,
        }),
        "odoo" => json!({
            "url": url, "database": super::tryton::DATABASE, "api_key": CLIENT_SECRET, "company": "1",
            "currency": super::CURRENCY, "entry_journal": "3",
        }),
        "netsuite" => json!({
            "url": url, "account": "sandbox", "client_id": CLIENT_ID, "certificate_id": assertion::CERTIFICATE_ID,
            "private_key": assertion::private_key(), "access_token": CLIENT_SECRET, "subsidiary": "1",
            "currency": super::CURRENCY,
        }),
        "quickbooks" => json!({
            "url": url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "company": quickbooks::COMPANY,
            "currency": super::CURRENCY,
        }),
        _ => json!({
            "url": url, "tenant": business_central::TENANT, "environment_name": "Production", "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET, "company": business_central::COMPANY, "journal": business_central::JOURNAL,
            "currency": super::CURRENCY,
        }),
    }
}

/// One line as a system wrote it, before its account is known.
#[derive(Clone, Debug, Default)]
struct Written {
    account: Option<usize>,
    debit: Decimal,
    credit: Decimal,
    party: Option<usize>,
    memo: String,
}

/// The lines of an entry.
///
/// # Errors
/// What is wrong with them, in words.
fn lines(books: &Books, written: Vec<Written>) -> Result<Vec<Line>, String> {
    let line = |written: Written| {
        let account = written.account.ok_or("the account does not exist")?;
        let (needs, takes) = (books.accounts[account].needs_party, books.accounts[account].takes_lines);
        if !takes || (needs && written.party.is_none()) {
            return Err(format!("the account {} takes no such line", books.accounts[account].code));
        }
        let Written { debit, credit, party, memo, .. } = written;
        Ok(Line { id: 0, account, debit, credit, party, memo })
    };
    written.into_iter().map(line).collect()
}

/// The same, where the debits must be the credits.
fn balanced(books: &Books, written: Vec<Written>) -> Result<Vec<Line>, String> {
    let lines = lines(books, written)?;
    let difference = lines.iter().map(|line| line.debit - line.credit).sum::<Decimal>();
    if is_balanced(&lines) { Ok(lines) } else { Err(format!("debits are not credits, the difference is {difference}")) }
}

/// The last entry with a name that fits.
fn named(books: &Books, reference: &str, fits: impl Fn(&Entry) -> bool) -> Option<usize> {
    books.entries.iter().rposition(|entry| entry.reference == reference && fits(entry))
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

fn amount(value: &Value) -> Decimal {
    wire::decimal(value).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn day(value: &Value) -> Result<Date, String> {
    text(value).parse().map_err(|_| format!("{value} is no date"))
}

/// A place in a list, from an id of a JSON number or a text.
fn place(id: &Value) -> Option<usize> {
    let number = id.as_u64().or_else(|| id.as_str()?.parse().ok())?;
    usize::try_from(number).ok()?.checked_sub(1)
}

fn nothing_here() -> Answer {
    Answer::json(StatusCode::NOT_FOUND, json!({ "error": "the sandbox has nothing here; see GET /" }))
}
