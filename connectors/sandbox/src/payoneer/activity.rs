//! What an account holder can read of his account, beside the payments that he makes.
//!
//! The vendor names these services and publishes no shape of them, so this one is ours (vendors.md, sections 1.6 and 9.5).

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::accounts::{self, Account};
use super::{failure, pdf, refused, result};
use crate::wire::{self, Answer, Request};
use crate::{clock, limits};

/// The months for which there are statements.
const STATEMENTS: i32 = 6;

/// Answers a read of an account; `None` where the path is not one of these.
pub(super) fn answer(
    account: &Account,
    path: &[&str],
    request: &Request,
    now: Timestamp,
) -> Option<Result<Answer, Answer>> {
    let asked = (request.path.as_str(), request.query.as_slice());
    let list = |items: Vec<Value>| accounts::page(&items, asked, limits::PAYONEER_PAGE_ITEMS);
    if request.method != axum::http::Method::GET {
        return None;
    }
    Some(match path {
        ["balances"] => {
            let items: Vec<Value> = account.balances.iter().map(accounts::Balance::json).collect();
            accounts::page(&items, asked, limits::PAYONEER_BALANCES_PER_PAGE)
        }
        ["details"] => Ok(result(&account.details())),
        ["transactions"] => transactions(account, request),
        ["transactions", id] | ["transactions", id, "details"] => transaction(account, id),
        ["receiving-accounts"] => list(receiving_accounts(account)),
        ["statements"] => list(statements(account, now)),
        ["statements", id, "download"] => statement(account, id, now),
        ["early-payment-offers"] => list(offers(account, now)),
        _ => return None,
    })
}

fn transactions(account: &Account, request: &Request) -> Result<Answer, Answer> {
    let mut errors = Vec::new();
    let mut time = |name: &str| {
        let text = request.parameter(name)?;
        let read = text.parse::<Timestamp>().ok();
        if read.is_none() {
            let message = "A time is written as in RFC 3339, such as 2026-03-01T09:00:00Z";
            errors.push(json!({ "code": 400, "target": name, "value": text, "message": message, "sub_code": 1000 }));
        }
        read
    };
    let (from, to) = (time("from"), time("to"));
    if !errors.is_empty() {
        return Err(refused("Invalid filter", errors));
    }
    // The vendor's enumerations do not tell letters by their case.
    let kind = request.parameter("type");
    let wanted = account.transactions.iter().filter(|one| {
        from.is_none_or(|from| one.at >= seconds(from))
            && to.is_none_or(|to| one.at < to)
            && kind.is_none_or(|kind| one.kind.eq_ignore_ascii_case(kind))
    });
    let items: Vec<Value> = wanted.map(accounts::Transaction::json).collect();
    accounts::page(&items, (&request.path, &request.query), limits::PAYONEER_PAGE_ITEMS)
}

/// What is shown in whole seconds is compared in whole seconds.
fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn transaction(account: &Account, id: &str) -> Result<Answer, Answer> {
    let found = account.transactions.iter().find(|one| one.id == id);
    let none = || failure(StatusCode::NOT_FOUND, 2306, "Transaction not found");
    found.map(|found| result(&found.json())).ok_or_else(none)
}

/// The examples of the IBAN registry, and the numbers of nobody.
fn receiving_accounts(account: &Account) -> Vec<Value> {
    let shown = |balance: &accounts::Balance| {
        let (country, fields) = match balance.currency {
            "EUR" => ("DE", json!({ "iban": "DE89370400440532013000", "bic": "COBADEFFXXX" })),
            "GBP" => ("GB", json!({ "account_number": "31926819", "sort_code": "601613" })),
            "CAD" => {
                ("CA", json!({ "account_number": "0000001", "institution_number": "000", "transit_number": "00000" }))
            }
            "AUD" => ("AU", json!({ "account_number": "000000001", "bsb": "000000" })),
            _ => ("US", json!({ "account_number": "000000001", "routing_number": "000000000" })),
        };
        json!({
            "id": format!("{}01", balance.id),
            "currency": balance.currency,
            "country": country,
            "status": "Active",
            "bank_name": "Sandbox Bank",
            "account_holder": account.company,
            "account_details": fields,
        })
    };
    account.balances.iter().map(shown).collect()
}

/// One for each whole month, the latest first.
fn statements(account: &Account, now: Timestamp) -> Vec<Value> {
    months(now)
        .map(|(first, last)| {
            let id = format!("{}-{}", &account.id[account.id.len() - 4..], first.strftime("%Y-%m"));
            json!({ "id": id, "from": first.to_string(), "to": last.to_string(), "format": "PDF" })
        })
        .collect()
}

fn months(now: Timestamp) -> impl Iterator<Item = (jiff::civil::Date, jiff::civil::Date)> {
    let this = now.to_zoned(jiff::tz::TimeZone::UTC).date().first_of_month();
    (1..=STATEMENTS).filter_map(move |back| {
        let first = this.checked_sub(jiff::Span::new().months(back)).ok()?;
        Some((first, first.last_of_month()))
    })
}

fn statement(account: &Account, id: &str, now: Timestamp) -> Result<Answer, Answer> {
    let known = statements(account, now);
    let Some(found) = known.iter().find(|one| one["id"] == id) else {
        return Err(failure(StatusCode::NOT_FOUND, 2306, "Statement not found"));
    };
    let text = |name: &str| found[name].as_str().unwrap_or_default();
    let mut lines = vec![
        format!("Account statement {id}"),
        format!("{} ({})", account.company, account.id),
        format!("From {} to {}", text("from"), text("to")),
    ];
    lines.extend(
        account.balances.iter().map(|balance| format!("{} {}", balance.currency, wire::cents(balance.available))),
    );
    let name = format!("attachment; filename=\"statement-{id}.pdf\"");
    Ok(Answer::file(StatusCode::OK, "application/pdf", pdf::of(&lines)).with("content-disposition", name))
}

/// One for each of the last payments of marketplaces, as if the next one could be had today.
fn offers(account: &Account, now: Timestamp) -> Vec<Value> {
    let received = account.transactions.iter().rev().filter(|one| one.direction == "credit");
    let shown = received.take(3).enumerate().map(|(index, one)| {
        let fee = wire::cents((one.amount * Decimal::new(2, 2)).round_dp(2));
        let until = now.checked_add(SignedDuration::from_hours(48)).unwrap_or(now);
        json!({
            "id": format!("EP-{}-{}", &account.id[account.id.len() - 4..], index + 1),
            "status": "Open",
            "payer": { "name": one.source },
            "amount": wire::number(one.amount),
            "fee": wire::number(fee),
            "net_amount": wire::number(one.amount - fee),
            "currency": one.currency,
            "expires_at": clock::seconds_text(until),
        })
    });
    shown.collect()
}
