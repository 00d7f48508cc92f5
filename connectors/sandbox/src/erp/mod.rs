//! Accounting systems that share the books of one company: Tryton under `/tryton`, and the entries alone of ERPNext, Odoo,
//! NetSuite, Business Central and QuickBooks, each under its connector's name.
//!
//! Nothing happens by itself. What a person does in their pages is ordered, one thing an order:
//! - `{"party": "Initech"}` adds a customer and says its code;
//! - `{"post": "ref-1"}` posts the entry with that reference;
//! - `{"consent": "auto" | "ask" | "withdraw"}`: who administers the company in QuickBooks says yes at once, is shown a page, or
//!   takes back what he allowed;
//! - `{"unique_numbers": true}`: QuickBooks refuses a number that another entry has.

mod books;
mod journals;
mod tryton;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::access::CLIENT_SECRET;
use crate::system::{Context, Simulated};
use crate::wire::{Answer, Request};
use books::Books;
use journals::Doors;

/// The connectors that are answered, each under its name.
pub(crate) const CONNECTORS: [&str; 6] = {
    let [first, second, third, fourth, fifth] = journals::CONNECTORS;
    [first, second, third, fourth, fifth, "tryton"]
};

/// The currency of the books.
const CURRENCY: &str = "USD";

/// The state of all of them.
#[derive(Debug)]
pub(crate) struct Erp {
    books: Books,
    doors: Doors,
}

impl Erp {
    /// Starts with a chart of accounts and nothing booked.
    pub(crate) fn new(seed: u64) -> Self {
        Self { books: Books::new(), doors: Doors::new(seed) }
    }
}

impl Simulated for Erp {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        if request.segments.first().is_some_and(|name| journals::CONNECTORS.contains(&name.as_str())) {
            return journals::answer(&mut self.books, &mut self.doors, request, cx);
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
        match order["consent"].as_str() {
            Some(says @ ("auto" | "ask")) => {
                self.doors.intuit.set_automatic(says == "auto");
                return Ok(json!({ "consent": says }));
            }
            Some("withdraw") => return Ok(json!({ "withdrawn": self.doors.withdraw() })),
            Some(_) | None => {}
        }
        if let Some(are_unique) = order["unique_numbers"].as_bool() {
            self.doors.are_numbers_unique = are_unique;
            return Ok(json!({ "unique_numbers": are_unique }));
        }
        let reference =
            order["post"].as_str().ok_or("send `party`, `post`, or `consent` with `auto`, `ask` or `withdraw`")?;
        let found = self.books.entries.iter().position(|entry| entry.reference == reference);
        let entry = found.ok_or_else(|| format!("there is no entry `{reference}`"))?;
        self.books.post(entry).map_err(|refused| format!("`{reference}` is not posted: {refused:?}"))?;
        Ok(json!({ "number": self.books.entries[entry].number }))
    }
}
