//! Odoo's entries over its External JSON-2 API.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::CURRENCY;
use super::super::books::{Books, Entry, Line, Refused};
use super::super::tryton::DATABASE;
use super::{CLIENT_SECRET, Written, amount, balanced, body, day, nothing_here, place, text};
use crate::access;
use crate::wire::{self, Answer, Request};

pub(super) fn answer(books: &mut Books, request: &Request) -> Answer {
    if access::bearer(request) != Some(CLIENT_SECRET) || request.header("x-odoo-database") != Some(DATABASE) {
        return failure(StatusCode::UNAUTHORIZED, "werkzeug.exceptions.Unauthorized", "Invalid apikey");
    }
    let asked = body(request);
    let invalid = |message: String| failure(StatusCode::UNPROCESSABLE_ENTITY, "odoo.exceptions.UserError", &message);
    match (request.method.as_str(), &request.parts()[..]) {
        ("POST", ["json", "2", "account.account", "search_read"]) => accounts(books),
        ("POST", ["json", "2", "account.move", "create"]) => {
            enter(books, &asked["vals_list"][0]).map_or_else(invalid, |at| Answer::ok(json!([at + 1])))
        }
        ("POST", ["json", "2", "account.move", "action_post"]) => {
            let at = place(&asked["ids"][0]).filter(|at| *at < books.entries.len());
            match at.map(|at| books.post(at)) {
                Some(Ok(())) => Answer::ok(json!(false)),
                Some(Err(Refused::State)) => invalid("The entry must be in draft.".to_owned()),
                Some(Err(refused)) => invalid(format!("{refused:?}")),
                None => failure(StatusCode::NOT_FOUND, "odoo.exceptions.MissingError", "Record does not exist"),
            }
        }
        ("POST", ["json", "2", "account.move.line", "search_read"]) => found(books, &asked["domain"]),
        _ => nothing_here(),
    }
}

fn failure(status: StatusCode, name: &str, message: &str) -> Answer {
    Answer::json(status, json!({ "name": name, "message": message, "arguments": [message], "context": {} }))
}

fn accounts(books: &Books) -> Answer {
    let rows = books.accounts.iter().enumerate().filter(|(_, account)| account.takes_lines).map(|(at, account)| {
        let kind = if account.needs_party { "asset_receivable" } else { "asset_cash" };
        json!({ "id": at + 1, "code": account.code, "name": account.name, "account_type": kind })
    });
    Answer::ok(rows.collect())
}

fn enter(books: &mut Books, asked: &Value) -> Result<usize, String> {
    let commands = asked["line_ids"].as_array().into_iter().flatten();
    let written = commands.map(|command| Written {
        account: place(&command[2]["account_id"]).filter(|at| *at < books.accounts.len()),
        debit: amount(&command[2]["debit"]),
        credit: amount(&command[2]["credit"]),
        party: place(&command[2]["partner_id"]).filter(|at| *at < books.parties.len()),
        memo: text(&command[2]["name"]),
    });
    let lines = balanced(books, written.collect())?;
    let entry =
        Entry { reference: text(&asked["ref"]), memo: String::new(), date: day(&asked["date"])?, number: None, lines };
    Ok(books.enter(entry))
}

/// The lines of all entries with the reference and the state of a domain.
fn found(books: &Books, domain: &Value) -> Answer {
    let wanted = |field: &str| {
        let clauses = domain.as_array().into_iter().flatten();
        clauses.filter(|clause| clause[0] == field && clause[1] == "=").map(|clause| text(&clause[2])).next()
    };
    let (reference, state) = (wanted("move_id.ref").unwrap_or_default(), wanted("parent_state"));
    let fits = |entry: &Entry| {
        entry.reference == reference && state.as_deref().is_none_or(|state| state == self::state(entry))
    };
    let entries = books.entries.iter().enumerate().filter(|(_, entry)| fits(entry));
    let rows = entries.flat_map(|(at, entry)| entry.lines.iter().map(move |line| row(books, (at, entry), line)));
    Answer::ok(rows.collect())
}

fn state(entry: &Entry) -> &'static str {
    if entry.number.is_some() { "posted" } else { "draft" }
}

fn row(books: &Books, (at, entry): (usize, &Entry), line: &Line) -> Value {
    let name = entry.number.as_ref().map_or_else(|| "/".to_owned(), |number| format!("MISC/{number}"));
    let party = line.party.map_or(json!(false), |at| json!([at + 1, books.parties[at].name]));
    json!({
        "id": line.id,
        "ref": entry.reference,
        "move_id": [at + 1, name],
        "move_name": name,
        "parent_state": state(entry),
        "date": entry.date.to_string(),
        "currency_id": [1, CURRENCY],
        "account_id": [line.account + 1, books.accounts[line.account].name],
        "debit": wire::number(line.debit),
        "credit": wire::number(line.credit),
        "partner_id": party,
        "name": if line.memo.is_empty() { json!(false) } else { json!(line.memo) },
    })
}
