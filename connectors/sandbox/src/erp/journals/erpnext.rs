//! ERPNext's journal entries over the REST API of Frappe.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::CURRENCY;
use super::super::books::{Books, Entry};
use super::{CLIENT_ID, CLIENT_SECRET, Written, amount, balanced, body, day, named, nothing_here, place, text};
use crate::wire::{self, Answer, Request};

const NUMBERS: &str = "ACC-JV-2026-";

pub(super) fn answer(books: &mut Books, request: &Request) -> Answer {
    if request.authorization.as_deref() != Some(format!("token {CLIENT_ID}:{CLIENT_SECRET}").as_str()) {
        return failure(StatusCode::UNAUTHORIZED, "AuthenticationError", "the key is wrong");
    }
    let invalid = |message: String| failure(StatusCode::EXPECTATION_FAILED, "ValidationError", &message);
    match (request.method.as_str(), &request.parts()[..]) {
        ("GET", ["api", "resource", "Account"]) => accounts(books),
        ("POST", ["api", "resource", "Journal Entry"]) => enter(books, &body(request)).unwrap_or_else(invalid),
        ("PUT", ["api", "resource", "Journal Entry", name]) => {
            let number = name.strip_prefix(NUMBERS).map(Value::from);
            let Some(at) = number.and_then(|number| place(&number)).filter(|at| *at < books.entries.len()) else {
                return failure(StatusCode::NOT_FOUND, "DoesNotExistError", "there is none");
            };
            match books.post(at) {
                Ok(()) => Answer::ok(json!({ "data": document(books, at) })),
                Err(refused) => invalid(format!("{refused:?}")),
            }
        }
        ("GET", ["api", "method", "frappe.client.get"]) => {
            let filters = request.parameter("filters").unwrap_or_default();
            let filters: Value = serde_json::from_str(filters).unwrap_or_default();
            let wanted = filters["docstatus"].as_u64().map(|status| status == 1);
            let fits = |entry: &Entry| wanted.is_none_or(|posted| posted == entry.number.is_some());
            match named(books, &text(&filters["cheque_no"]), fits) {
                Some(at) => Answer::ok(json!({ "message": document(books, at) })),
                None => failure(StatusCode::NOT_FOUND, "DoesNotExistError", "there is none"),
            }
        }
        _ => nothing_here(),
    }
}

fn failure(status: StatusCode, kind: &str, message: &str) -> Answer {
    Answer::json(status, json!({ "exc_type": kind, "exception": format!("frappe.exceptions.{kind}: {message}") }))
}

/// Accounts have the company's abbreviation at the end of their names.
fn account_name(books: &Books, at: usize) -> String {
    format!("{} - {} - A", books.accounts[at].code, books.accounts[at].name)
}

fn accounts(books: &Books) -> Answer {
    let rows = (0..books.accounts.len()).filter(|at| books.accounts[*at].takes_lines).map(|at| {
        let kind = if books.accounts[at].needs_party { "Receivable" } else { "" };
        json!({ "name": account_name(books, at), "account_name": books.accounts[at].name, "account_type": kind })
    });
    Answer::ok(json!({ "data": rows.collect::<Vec<_>>() }))
}

fn enter(books: &mut Books, asked: &Value) -> Result<Answer, String> {
    let written = asked["accounts"].as_array().into_iter().flatten().map(|row| Written {
        account: (0..books.accounts.len()).find(|at| row["account"] == account_name(books, *at).as_str()),
        debit: amount(&row["debit_in_account_currency"]),
        credit: amount(&row["credit_in_account_currency"]),
        party: row["party"].as_str().and_then(|name| books.party(name)),
        memo: text(&row["user_remark"]),
    });
    let lines = balanced(books, written.collect())?;
    let (reference, memo) = (text(&asked["cheque_no"]), text(&asked["user_remark"]));
    let at = books.enter(Entry { reference, memo, date: day(&asked["posting_date"])?, number: None, lines });
    Ok(Answer::ok(json!({ "data": document(books, at) })))
}

fn document(books: &Books, at: usize) -> Value {
    let entry = &books.entries[at];
    let rows = entry.lines.iter().map(|line| {
        let party = line.party.map(|at| books.parties[at].name.as_str());
        json!({
            "account": account_name(books, line.account),
            "account_currency": CURRENCY,
            "debit_in_account_currency": wire::number(line.debit),
            "credit_in_account_currency": wire::number(line.credit),
            "party_type": party.map(|_| "Customer"),
            "party": party,
            "user_remark": line.memo,
        })
    });
    json!({
        "name": format!("{NUMBERS}{:05}", at + 1),
        "docstatus": u8::from(entry.number.is_some()),
        "posting_date": entry.date.to_string(),
        "cheque_no": entry.reference,
        "user_remark": entry.memo,
        "accounts": rows.collect::<Vec<_>>(),
    })
}
