//! NetSuite's journal entries over its REST record API; they are posted at once. A token is one that is known, or was given for what
//! the client had signed.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::CURRENCY;
use super::super::books::{Books, Entry};
use super::{CLIENT_SECRET, Tokens, Written, amount, balanced, body, day, named, nothing_here, place, text};
use crate::wire::{self, Answer, Request};
use crate::{access, assertion, limits};

/// The path of the token endpoint.
const TOKEN: [&str; 6] = ["services", "rest", "auth", "oauth2", "v1", "token"];

pub(super) fn answer(books: &mut Books, tokens: &mut Tokens, request: &Request, now: Timestamp) -> Answer {
    if request.parts() == TOKEN {
        return token(tokens, request, now);
    }
    if !access::bearer(request).is_some_and(|token| token == CLIENT_SECRET || tokens.accepts(token, now)) {
        return failure(StatusCode::UNAUTHORIZED, "Invalid login attempt.");
    }
    match (request.method.as_str(), &request.parts()[..]) {
        ("POST", ["services", "rest", "query", "v1", "suiteql"]) => accounts(books),
        (method, ["services", "rest", "record", "v1", "journalEntry", name]) => {
            let Some(reference) = name.strip_prefix("eid:") else { return nothing_here() };
            let known = named(books, reference, |_| true);
            match (method, known) {
                ("PUT", _) => match upsert(books, (reference, known), &body(request)) {
                    Ok(()) => Answer::no_content(),
                    Err(message) => failure(StatusCode::BAD_REQUEST, &message),
                },
                ("GET", Some(at)) => Answer::ok(record(&books.entries[at], at)),
                ("GET", None) => failure(StatusCode::NOT_FOUND, "The record instance does not exist."),
                _ => nothing_here(),
            }
        }
        _ => nothing_here(),
    }
}

fn token(tokens: &mut Tokens, request: &Request, now: Timestamp) -> Answer {
    let form = request.form();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let denied = |status, error: &str| Answer::json(status, json!({ "error": error }));
    if request.method != "POST" || field("grant_type") != "client_credentials" {
        return denied(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let audience = format!("{}/netsuite/{}", request.base, TOKEN.join("/"));
    let is_shown = field("client_assertion_type") == assertion::CLIENT_TYPE
        && assertion::is_client(field("client_assertion"), &audience, now);
    if !is_shown {
        return denied(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    // The vendor writes the number as a text.
    let life = limits::NETSUITE_TOKEN_S.to_string();
    Answer::ok(json!({ "access_token": tokens.issue(now), "expires_in": life, "token_type": "bearer" }))
}

fn failure(status: StatusCode, message: &str) -> Answer {
    let title = status.canonical_reason();
    let details = json!([{ "detail": message, "o:errorCode": "USER_ERROR" }]);
    Answer::json(status, json!({ "title": title, "status": status.as_u16(), "o:errorDetails": details }))
}

fn accounts(books: &Books) -> Answer {
    let rows = books.accounts.iter().enumerate().filter(|(_, account)| account.takes_lines).map(|(at, account)| {
        let name = format!("{} {}", account.code, account.name);
        json!({ "id": (at + 1).to_string(), "acctnumber": account.code, "accountsearchdisplayname": name })
    });
    Answer::ok(json!({ "items": rows.collect::<Vec<_>>(), "hasMore": false }))
}

/// The same external id is the same entry, whose lines are replaced.
fn upsert(books: &mut Books, (reference, known): (&str, Option<usize>), asked: &Value) -> Result<(), String> {
    let items = asked["line"]["items"].as_array().into_iter().flatten();
    let written = items.map(|item| Written {
        account: place(&item["account"]["id"]).filter(|at| *at < books.accounts.len()),
        debit: amount(&item["debit"]),
        credit: amount(&item["credit"]),
        party: place(&item["entity"]["id"]).filter(|at| *at < books.parties.len()),
        memo: text(&item["memo"]),
    });
    let lines = balanced(books, written.collect())?;
    let (date, memo) = (day(&asked["tranDate"])?, text(&asked["memo"]));
    let entry = Entry { reference: reference.to_owned(), memo, date, number: None, lines };
    match known {
        Some(at) => books.entries[at] = Entry { number: books.entries[at].number.clone(), ..entry },
        None => {
            let at = books.enter(entry);
            books.post(at).map_err(|refused| format!("{refused:?}"))?;
        }
    }
    Ok(())
}

fn record(entry: &Entry, at: usize) -> Value {
    let items = entry.lines.iter().map(|line| {
        let mut item = json!({ "account": { "id": (line.account + 1).to_string() }, "memo": line.memo });
        let (side, amount) = if line.debit.is_zero() { ("credit", line.credit) } else { ("debit", line.debit) };
        item[side] = wire::number(amount);
        if let Some(party) = line.party {
            item["entity"] = json!({ "id": (party + 1).to_string() });
        }
        item
    });
    json!({
        "id": (at + 1).to_string(),
        "externalId": entry.reference,
        "tranId": entry.number.as_ref().map(|number| format!("JE{number}")),
        "tranDate": entry.date.to_string(),
        "memo": entry.memo,
        "approved": entry.number.is_some(),
        "currency": { "id": "1", "refName": CURRENCY },
        "line": { "items": items.collect::<Vec<_>>() },
    })
}
