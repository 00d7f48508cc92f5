//! Tryton's REST API, as far as entries, invoices and payments need it.
//!
//! Shapes and texts were measured with Tryton 8.2. A refusal of what is asked is a 400 with its reason in JSON; whatever else
//! is wrong is a page.

mod domain;
mod import;
mod records;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::books::{Books, Refused};
use crate::access::{self, CLIENT_SECRET};
use crate::wire::{Answer, Request};

/// The one database.
pub(super) const DATABASE: &str = "erp";

/// The one company.
const COMPANY: u64 = 1;

/// What there are records of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Model {
    Move,
    Invoice,
    Statement,
    Account,
    Party,
}

impl Model {
    fn named(name: &str) -> Option<Self> {
        let all = [Self::Move, Self::Invoice, Self::Statement, Self::Account, Self::Party];
        all.into_iter().find(|model| model.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Move => "account.move",
            Self::Invoice => "account.invoice",
            Self::Statement => "account.statement",
            Self::Account => "account.account",
            Self::Party => "party.party",
        }
    }

    /// What messages call it.
    fn title(self) -> &'static str {
        match self {
            Self::Move => "Account Move",
            Self::Invoice => "Account Invoice",
            Self::Statement => "Account Statement",
            Self::Account => "Account",
            Self::Party => "Party",
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Refusal {
    /// What is asked is wrong, and this says why.
    User(String),
    /// It is not allowed to anybody.
    Forbidden,
    /// There is no such record.
    NotFound,
    /// The request cannot be read, which Tryton finds out too late.
    Broken,
}

impl Refusal {
    fn answer(self) -> Answer {
        match self {
            Self::User(message) => {
                let body = json!({ "status": 400, "message": message, "description": "" });
                Answer::json(StatusCode::BAD_REQUEST, body)
            }
            Self::Forbidden => page(StatusCode::FORBIDDEN),
            Self::NotFound => page(StatusCode::NOT_FOUND),
            Self::Broken => page(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// Answers one request.
pub(super) fn answer(books: &mut Books, request: &Request, today: Date) -> Answer {
    let parts = request.parts();
    let [DATABASE, "rest", "model", model, ref path @ ..] = parts[..] else { return page(StatusCode::NOT_FOUND) };
    if access::bearer(request) != Some(CLIENT_SECRET) {
        return page(StatusCode::UNAUTHORIZED);
    }
    let Some(model) = Model::named(model) else { return Refusal::Broken.answer() };
    let answered = match (request.method.as_str(), path) {
        ("GET", []) => records::search(books, model, request),
        ("GET", [id]) => place(id).and_then(|index| records::one(books, model, index, request)),
        ("POST", ["import_data"]) => import::import(books, model, request, today),
        ("POST", [id, action]) => place(id).and_then(|index| {
            act(books, model, (index, action), today)?;
            records::one(books, model, index, request)
        }),
        _ => Err(Refusal::NotFound),
    };
    answered.map_or_else(Refusal::answer, Answer::ok)
}

/// Answers with a page, as Tryton's server does where no program is meant to read it.
pub(super) fn page(status: StatusCode) -> Answer {
    let title = status.canonical_reason().unwrap_or_default();
    let code = status.as_u16();
    let text = format!("<!doctype html>\n<html lang=en>\n<title>{code} {title}</title>\n<h1>{title}</h1>\n");
    Answer::file(status, "text/html; charset=utf-8", text)
}

/// The place of a record in its list.
fn place(id: &str) -> Result<usize, Refusal> {
    id.parse().ok().and_then(|id: usize| id.checked_sub(1)).ok_or(Refusal::NotFound)
}

fn act(books: &mut Books, model: Model, (index, action): (usize, &str), today: Date) -> Result<(), Refusal> {
    let name = records::name(books, model, index).ok_or(Refusal::NotFound)?;
    let done = match (model, action) {
        (Model::Move, "post") => books.post(index),
        (Model::Invoice, "post") => books.post_invoice(index, today),
        (Model::Statement, "validate_statement") => books.validate_payment(index),
        (Model::Statement, "post") => books.post_payment(index),
        _ => return Err(Refusal::Forbidden),
    };
    done.map_err(|refused| {
        Refusal::User(match refused {
            Refused::State => format!("You can not call \"{action}\" on \"{name}\" of \"{}\".", model.title()),
            Refused::Unbalanced => {
                format!("To post move \"{name}\", you must balance all its lines debits and credits.")
            }
            Refused::Overpaid => {
                let invoice = books.payments.get(index).map(|payment| payment.invoice).unwrap_or_default();
                let invoice = records::name(books, Model::Invoice, invoice).unwrap_or_default();
                format!("Payment lines amount on invoice \"{invoice}\" can not be greater than the invoice amount.")
            }
        })
    })
}

/// Reads JSON from base64 with the URL's letters, whose padding Tryton needs and of which it takes more.
fn decoded(text: &str) -> Result<Value, Refusal> {
    let bare = text.trim_end_matches('=');
    if text.len() - bare.len() < (4 - bare.len() % 4) % 4 {
        return Err(Refusal::Broken);
    }
    let bytes = URL_SAFE_NO_PAD.decode(bare).map_err(|_| Refusal::Broken)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_needed_and_more_of_it_is_taken() {
        for (text, is_read) in
            [("W10=", true), ("W10", false), ("W10===", true), ("WzFd", true), ("WzFd==", true), ("!", false)]
        {
            assert_eq!(decoded(text).is_ok(), is_read, "{text}");
        }
    }
}
