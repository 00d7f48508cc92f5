//! Accounting systems that share the books of one company: Tryton under `/tryton`, and the entries alone of ERPNext, Odoo,
//! NetSuite and Business Central, each under its connector's name.
//!
//! Nothing happens by itself. What a person does in their pages is ordered: `{"party": "Initech"}` adds a customer and says
//! its code, `{"post": "ref-1"}` posts the entry with that reference.

mod books;
mod journals;
mod tryton;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::access::{CLIENT_SECRET, Tokens};
use crate::limits;
use crate::system::{Context, Simulated};
use crate::wire::{Answer, Request};
use books::Books;

/// The connectors that are answered, each under its name.
pub(crate) const CONNECTORS: [&str; 5] = {
    let [first, second, third, fourth] = journals::CONNECTORS;
    [first, second, third, fourth, "tryton"]
};

/// The currency of the books.
const CURRENCY: &str = "USD";

/// The state of all of them.
#[derive(Debug)]
pub(crate) struct Erp {
    books: Books,
    tokens: Tokens,
}

impl Erp {
    /// Starts with a chart of accounts and nothing booked.
    pub(crate) fn new(seed: u64) -> Self {
        Self { books: Books::new(), tokens: Tokens::new(seed, limits::ENTRA_TOKEN_S) }
    }
}

impl Simulated for Erp {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        if request.segments.first().is_some_and(|name| journals::CONNECTORS.contains(&name.as_str())) {
            return journals::answer(&mut self.books, &mut self.tokens, request, cx);
        }
        let today = cx.now.to_zoned(TimeZone::UTC).date();
        tryton::answer(&mut self.books, request, today)
    }

    fn throttled(&self, retry_after_s: u64) -> Answer {
        tryton::page(axum::http::StatusCode::TOO_MANY_REQUESTS).with("retry-after", retry_after_s.to_string())
    }

    fn server_error(&self) -> Answer {
        tryton::page(axum::http::StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn credentials(&self, url: &str) -> Value {
        if let Some(connector) = journals::CONNECTORS.into_iter().find(|name| url.ends_with(&format!("/{name}"))) {
            return journals::credentials(connector, url);
        }
        json!({
            "url": url,
            "database": tryton::DATABASE,
            "api_key": CLIENT_SECRET,
            "company": "1",
            "currency": CURRENCY,
            "entry_journal": "MISC",
            "invoice_journal": "REV",
            "statement_journal": "Processor",
            "receivable_account": books::RECEIVABLE,
        })
    }

    fn ledger(&self) -> Value {
        self.books.ledger()
    }

    fn order(&mut self, order: &Value, _: Timestamp) -> Result<Value, String> {
        if let Some(name) = order["party"].as_str() {
            return Ok(json!({ "code": self.books.welcome(name) }));
        }
        let reference = order["post"].as_str().ok_or("send `party` or `post`")?;
        let found = self.books.entries.iter().position(|entry| entry.reference == reference);
        let entry = found.ok_or_else(|| format!("there is no entry `{reference}`"))?;
        self.books.post(entry).map_err(|refused| format!("`{reference}` is not posted: {refused:?}"))?;
        Ok(json!({ "number": self.books.entries[entry].number }))
    }
}
