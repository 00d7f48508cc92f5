//! QuickBooks Online's journal entries over its Accounting API v3; they are posted at once. Somebody who administers the
//! company has to allow it.

use axum::http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::books::{Books, Entry};
use super::{Doors, Written, amount, balanced, body, day, named, nothing_here, place, text};
use crate::access::{self, InForm};
use crate::consent::{Consents, Holder, Manner, Worth};
use crate::limits;
use crate::wire::{self, Answer, Request};

/// The id of the company; it has not the shape of a card number, which lint would refuse.
pub(super) const COMPANY: &str = "4620816365000000011";

/// How its administrator is asked.
pub(super) const MANNER: Manner = Manner {
    title: "QuickBooks",
    scope: "com.intuit.quickbooks.accounting",
    client: InForm::Refused,
    code_s: limits::INTUIT_CODE_S,
    access_s: limits::INTUIT_TOKEN_S,
    refresh_s: limits::INTUIT_REFRESH_S,
};

/// The longest number of an entry.
const NUMBER_MAX_CHARS: usize = 21;

/// What is selected of entries, before the number and its quote.
const BY_NUMBER: &str = "select * from JournalEntry where DocNumber = '";

pub(super) fn answer(books: &mut Books, doors: &mut Doors, request: &Request, now: Timestamp) -> Answer {
    let parts = request.parts();
    match (request.method.as_str(), &parts[..]) {
        ("GET" | "POST", ["connect", "oauth2"]) => {
            let holder = Holder { id: COMPANY, is_known: true, said: &[("realmId", COMPANY)] };
            doors.intuit.authorize(request, holder, now)
        }
        ("POST", ["oauth2", "v1", "tokens", "bearer"]) => token(&mut doors.intuit, request, now),
        (method, ["v3", "company", company, path @ ..]) => {
            if let Err(refused) = check(&doors.intuit, (request, company), now) {
                return refused;
            }
            match (method, path) {
                ("GET", ["query"]) => query(books, request.parameter("query").unwrap_or_default()),
                ("POST", ["journalentry"]) => match enter(books, &body(request), doors.are_numbers_unique) {
                    Ok(at) => Answer::ok(json!({ "JournalEntry": record(books, at), "time": now.to_string() })),
                    Err((code, message)) => failure(code, &message),
                },
                _ => nothing_here(),
            }
        }
        _ => nothing_here(),
    }
}

fn token(consents: &mut Consents, request: &Request, now: Timestamp) -> Answer {
    let denied = match consents.token(request, now) {
        Some(Ok(granted)) => {
            return Answer::ok(json!({
                "token_type": "bearer",
                "access_token": granted.access,
                "expires_in": limits::INTUIT_TOKEN_S,
                "refresh_token": granted.refresh,
                "x_refresh_token_expires_in": limits::INTUIT_REFRESH_S,
            }));
        }
        Some(Err(denied)) => denied,
        None => access::Denied::Grant,
    };
    let (error, description) = denied.texts();
    Answer::json(denied.status(), json!({ "error": error, "error_description": description }))
}

/// Lets a request in that somebody has allowed for this company.
fn check(consents: &Consents, (request, company): (&Request, &str), now: Timestamp) -> Result<(), Answer> {
    let worth = access::bearer(request).map_or(Worth::Nothing, |token| consents.worth(token, now));
    let (status, code, word) = match worth {
        Worth::Opens(own) if own == company => return Ok(()),
        Worth::Opens(_) => (StatusCode::FORBIDDEN, "3100", "ApplicationAuthorizationFailed"),
        Worth::Withdrawn | Worth::Nothing => (StatusCode::UNAUTHORIZED, "3200", "AuthenticationFailed"),
    };
    let message = format!("message={word}; errorCode=00{code}; statusCode={}", status.as_u16());
    let error = json!({ "message": message, "detail": word, "code": code, "element": null });
    Err(Answer::json(status, json!({ "fault": { "error": [error], "type": "AUTHENTICATION" } })))
}

fn failure(code: &str, detail: &str) -> Answer {
    let message = detail.split(" : ").next();
    let error = json!({ "Message": message, "Detail": detail, "code": code });
    Answer::json(StatusCode::BAD_REQUEST, json!({ "Fault": { "Error": [error], "type": "ValidationFault" } }))
}

fn query(books: &Books, text: &str) -> Answer {
    let number = text.strip_prefix(BY_NUMBER).and_then(|rest| rest.strip_suffix('\''));
    let (kind, rows): (&str, Vec<Value>) = match number {
        Some(number) => {
            let own = (0..books.entries.len()).filter(|at| books.entries[*at].reference == number);
            ("JournalEntry", own.map(|at| record(books, at)).collect())
        }
        None if text.starts_with("select * from Account ") => ("Account", accounts(books)),
        None => return failure("4000", "Error parsing query : the sandbox knows no such query"),
    };
    // Where nothing is found, not even the list is there.
    let found = if rows.is_empty() { json!({}) } else { json!({ kind: rows, "startPosition": 1 }) };
    Answer::ok(json!({ "QueryResponse": found }))
}

fn accounts(books: &Books) -> Vec<Value> {
    let own = books.accounts.iter().enumerate().filter(|(_, account)| account.takes_lines);
    let row = |(at, account): (usize, &super::super::books::Account)| {
        let kind = if account.needs_party { "Accounts Receivable" } else { "Other Current Asset" };
        json!({
            "Id": (at + 1).to_string(),
            "Name": account.name,
            "FullyQualifiedName": account.name,
            "AcctNum": account.code,
            "AccountType": kind,
            "Active": true,
        })
    };
    own.map(row).collect()
}

/// Enters and posts.
///
/// # Errors
/// The vendor's number of what is wrong, and words.
fn enter(books: &mut Books, asked: &Value, are_unique: bool) -> Result<usize, (&'static str, String)> {
    let reference = text(&asked["DocNumber"]);
    if reference.chars().count() > NUMBER_MAX_CHARS {
        return Err(("2050", format!("String length is too long : at most {NUMBER_MAX_CHARS} characters")));
    }
    if let Some(at) = named(books, &reference, |_| true).filter(|_| are_unique) {
        let said =
            format!("You must specify a different number. This number has already been used. DocNumber={reference}");
        let detail = format!(
            "Duplicate Document Number Error : {said} is assigned to TxnType=Journal Entry with TxnId={}",
            at + 1
        );
        return Err(("6140", detail));
    }
    let written = asked["Line"].as_array().into_iter().flatten().map(|row| {
        let detail = &row["JournalEntryLineDetail"];
        let (is_debit, amount) = (detail["PostingType"] == "Debit", amount(&row["Amount"]));
        let customer = Some(&detail["Entity"]).filter(|entity| entity["Type"] == "Customer");
        Written {
            account: place(&detail["AccountRef"]["value"]).filter(|at| *at < books.accounts.len()),
            debit: if is_debit { amount } else { Decimal::ZERO },
            credit: if is_debit { Decimal::ZERO } else { amount },
            party: customer
                .and_then(|entity| place(&entity["EntityRef"]["value"]))
                .filter(|at| *at < books.parties.len()),
            memo: text(&row["Description"]),
        }
    });
    let wrong = |message: String| ("6000", format!("A business validation error has occurred : {message}"));
    let lines = balanced(books, written.collect()).map_err(wrong)?;
    let date = day(&asked["TxnDate"]).map_err(wrong)?;
    let at = books.enter(Entry { reference, memo: text(&asked["PrivateNote"]), date, number: None, lines });
    books.post(at).map_err(|refused| wrong(format!("{refused:?}")))?;
    Ok(at)
}

/// A company with one currency does not say it.
fn record(books: &Books, at: usize) -> Value {
    let entry = &books.entries[at];
    let rows = entry.lines.iter().enumerate().map(|(index, line)| {
        let is_debit = !line.debit.is_zero();
        let mut detail = json!({
            "PostingType": if is_debit { "Debit" } else { "Credit" },
            "AccountRef": { "value": (line.account + 1).to_string(), "name": books.accounts[line.account].name },
        });
        if let Some(party) = line.party {
            detail["Entity"] = json!({ "Type": "Customer", "EntityRef": { "value": (party + 1).to_string() } });
        }
        json!({
            "Id": index.to_string(),
            "Amount": wire::number(if is_debit { line.debit } else { line.credit }),
            "Description": line.memo,
            "DetailType": "JournalEntryLineDetail",
            "JournalEntryLineDetail": detail,
        })
    });
    json!({
        "Id": (at + 1).to_string(),
        "SyncToken": "0",
        "DocNumber": entry.reference,
        "TxnDate": entry.date.to_string(),
        "PrivateNote": entry.memo,
        "Line": rows.collect::<Vec<_>>(),
    })
}
