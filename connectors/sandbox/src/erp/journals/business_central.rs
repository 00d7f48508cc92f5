//! Business Central's general journal over its API v2.0: lines by document number, posted with their whole batch.

use axum::http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::books::{Books, Entry};
use super::{Tokens, Written, amount, body, day, lines, named, nothing_here, text};
use crate::access::{self, InForm};
use crate::limits;
use crate::wire::{self, Answer, Request};

pub(super) const TENANT: &str = "00000000-0000-4000-8000-0000000000e0";
pub(super) const COMPANY: &str = "00000000-0000-4000-8000-0000000000c0";
pub(super) const JOURNAL: &str = "00000000-0000-4000-8000-0000000000a0";

pub(super) fn answer(books: &mut Books, tokens: &mut Tokens, request: &Request, now: Timestamp) -> Answer {
    let parts = request.parts();
    let path = match parts[..] {
        [TENANT, "oauth2", "v2.0", "token"] => return token(tokens, request, now),
        ["v2.0", TENANT, "Production", "api", "v2.0", ref path @ ..] => path,
        _ => return nothing_here(),
    };
    if !access::bearer(request).is_some_and(|token| tokens.accepts(token, now)) {
        return failure(StatusCode::UNAUTHORIZED, "The server has rejected the client credentials.");
    }
    let (company, journal) = (format!("companies({COMPANY})"), format!("journals({JOURNAL})"));
    match (request.method.as_str(), path) {
        ("POST", ["$batch"]) => {
            batch(books, &body(request)["requests"], request.header("isolation") == Some("snapshot"))
        }
        ("GET", [own, "accounts"]) if *own == company => accounts(books),
        ("POST", [own, batch, "Microsoft.NAV.post"]) if *own == company && *batch == journal => post(books),
        _ => nothing_here(),
    }
}

fn token(tokens: &mut Tokens, request: &Request, now: Timestamp) -> Answer {
    if let Err(denied) = access::check_client(request, InForm::Accepted) {
        let (error, description) = denied.texts();
        return Answer::json(denied.status(), json!({ "error": error, "error_description": description }));
    }
    let (token, life) = (tokens.issue(now), limits::ENTRA_TOKEN_S);
    Answer::ok(json!({ "token_type": "Bearer", "access_token": token, "expires_in": life, "ext_expires_in": life }))
}

fn error(message: &str) -> Value {
    json!({ "error": { "code": "Application_DialogException", "message": message } })
}

fn failure(status: StatusCode, message: &str) -> Answer {
    Answer::json(status, error(message))
}

fn accounts(books: &Books) -> Answer {
    let rows = books.accounts.iter().filter(|account| account.takes_lines && !account.needs_party);
    let rows = rows.map(|account| json!({ "number": account.code, "displayName": account.name }));
    Answer::ok(json!({ "value": rows.collect::<Vec<_>>() }))
}

/// Posts all that is not posted, or nothing.
fn post(books: &mut Books) -> Answer {
    let open: Vec<usize> = (0..books.entries.len()).filter(|at| books.entries[*at].number.is_none()).collect();
    let wrong = open.iter().find(|at| !super::is_balanced(&books.entries[**at].lines));
    if let Some(at) = wrong {
        let message = format!("Document {} is out of balance.", books.entries[*at].reference);
        return failure(StatusCode::BAD_REQUEST, &message);
    }
    if open.is_empty() {
        return failure(StatusCode::BAD_REQUEST, "There is nothing to post.");
    }
    for at in open {
        // Each was looked at before the first was posted.
        let _ = books.post(at);
    }
    Answer::no_content()
}

/// Answers each request of a batch up to the first that is refused; where it is one transaction, nothing of it stays.
fn batch(books: &mut Books, requests: &Value, is_atomic: bool) -> Answer {
    let before = (books.entries.clone(), is_atomic);
    let mut responses = Vec::new();
    for asked in requests.as_array().into_iter().flatten() {
        let done = if asked["method"] == "POST" { enter(books, &asked["body"]) } else { Ok(found(books, asked)) };
        let (status, body) = match done {
            Ok(body) => (if asked["method"] == "POST" { 201 } else { 200 }, body),
            Err(message) => (400, error(&message)),
        };
        responses.push(json!({ "id": asked["id"], "status": status, "body": body }));
        if status == 400 {
            if before.1 {
                books.entries = before.0;
            }
            break;
        }
    }
    Answer::ok(json!({ "responses": responses }))
}

/// Adds a line to the document that is not posted.
fn enter(books: &mut Books, asked: &Value) -> Result<Value, String> {
    let (reference, amount) = (text(&asked["documentNumber"]), amount(&asked["amount"]));
    let (debit, credit) = (amount.max(Decimal::ZERO), (-amount).max(Decimal::ZERO));
    let account = books.accounts.iter().position(|account| asked["accountNumber"] == account.code.as_str());
    let written = Written { account, debit, credit, party: None, memo: text(&asked["description"]) };
    let line = lines(books, vec![written])?;
    let entry = Entry { reference, memo: String::new(), date: day(&asked["postingDate"])?, number: None, lines: line };
    match named(books, &entry.reference, |known| known.number.is_none()) {
        Some(at) => books.entries[at].lines.extend(entry.lines),
        None => {
            books.enter(entry);
        }
    }
    Ok(asked.clone())
}

/// The lines of a document in the journal, or in the ledger.
fn found(books: &Books, asked: &Value) -> Value {
    let url = text(&asked["url"]).replace("%20", " ");
    let reference = url.split('\'').nth(1).unwrap_or_default();
    let is_posted = url.contains("generalLedgerEntries");
    let fits = |entry: &&Entry| entry.reference == reference && entry.number.is_some() == is_posted;
    let rows = books.entries.iter().filter(fits).flat_map(|entry| entry.lines.iter().map(move |line| (entry, line)));
    let rows = rows.enumerate().map(|(index, (entry, line))| {
        let mut row = json!({
            "id": format!("00000000-0000-4000-8000-{:012}", line.id + index),
            "accountNumber": books.accounts[line.account].code,
            "postingDate": entry.date.to_string(),
            "documentNumber": entry.reference,
            "description": line.memo,
        });
        if is_posted {
            row["debitAmount"] = wire::number(line.debit);
            row["creditAmount"] = wire::number(line.credit);
        } else {
            row["amount"] = wire::number(line.debit - line.credit);
        }
        row
    });
    json!({ "value": rows.collect::<Vec<_>>() })
}
