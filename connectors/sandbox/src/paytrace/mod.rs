//! PayTrace's v1 API, and the seed's paths beside it.
//!
//! Shapes: vendors.md, sections 2.1 and 9.3, and the recorded bodies. What is not published, is ours and is said where it
//! is: some numbers of errors, the shape of batches and recurrences, the whole of the seed's paths and webhooks. Success is
//! `success` and `response_code`, never the HTTP status. There is no key of a request: whoever sends one twice has charged
//! twice.
//!
//! A person can order: `{"settle": true}` settles now, `{"settle_hour": 20}` each day at that hour of the merchant's day,
//! `{"chargeback": {"transaction_id": …, "reason": …}}` opens one, and `{"customer": {"customer_id": …, "card": "0002",
//! "account": "0125"}}` makes a customer or changes his last four digits, which decide what happens (see `customers`).

mod asked;
mod book;
mod cards;
mod checks;
mod customers;
mod dates;
mod export;
mod notice;
mod orders;
mod recurrence;
mod seed_paths;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::{self, Tokens};
use crate::limits;
use crate::system::{Context, Notice, Simulated};
use crate::wire::{Answer, Request};

use asked::{Asked, INTEGRATOR};
use book::{Book, Kind};
use checks::Checks;
use customers::Vault;
use dates::Calendar;
use export::{Batch, Shown};
pub(crate) use notice::KINDS;
use recurrence::{Due, Recurrences};

/// The one user. It opens nothing but this sandbox.
const USERNAME: &str = "sandbox-user";
/// Its password.
const PASSWORD: &str = "sandbox-password";
/// The integrator that each request names.
const INTEGRATOR_ID: &str = "sandbox-integrator";

/// The hour of the merchant's day at which sales are settled.
const SETTLE_HOUR: i8 = 20;
/// The hour of the merchant's day at which recurring customers are charged.
const RECUR_HOUR: i8 = 6;

/// The state of PayTrace.
#[derive(Debug)]
pub(crate) struct Paytrace {
    tokens: Tokens,
    calendar: Calendar,
    vault: Vault,
    book: Book,
    checks: Checks,
    recurrences: Recurrences,
    batches: Vec<Batch>,
    chargebacks: Vec<Value>,
    notices: Vec<Notice>,
    settle_hour: i8,
    settles: Timestamp,
    recurs: Timestamp,
}

impl Paytrace {
    /// Starts with the customers of this seed, three of whom have paid the day before.
    pub(crate) fn new(seed: u64, now: Timestamp) -> Self {
        let calendar = Calendar::open();
        let today = calendar.day(now);
        let mut paytrace = Self {
            tokens: Tokens::new(seed, limits::PAYTRACE_TOKEN_S),
            vault: customers::start(seed),
            book: Book::default(),
            checks: Checks::default(),
            recurrences: Recurrences::start(today),
            batches: Vec::new(),
            chargebacks: Vec::new(),
            notices: Vec::new(),
            settle_hour: SETTLE_HOUR,
            settles: calendar.next_hour(now, SETTLE_HOUR),
            recurs: calendar.next_hour(now, RECUR_HOUR),
            calendar,
        };
        paytrace.seed_sales(today.yesterday().unwrap_or(today));
        paytrace
    }

    /// `SEED-1` to `SEED-3`: sales that are settled, so that there is something to give back.
    fn seed_sales(&mut self, day: jiff::civil::Date) {
        let at = self.calendar.hour_of(day, 12);
        for (number, amount) in [(1, "100.00"), (2, "25.50"), (3, "310.75")] {
            let due = Due {
                invoice_id: format!("SEED-{number}"),
                customer_id: format!("C-{number}"),
                amount: amount.parse().expect("it is an amount"),
                description: "Order of the day before".to_owned(),
            };
            self.charge_again(due, at);
        }
        self.close_batch(self.calendar.hour_of(day, SETTLE_HOUR));
    }

    /// Settles what waits for it; says the number of the batch, where there was something.
    fn close_batch(&mut self, at: Timestamp) -> Option<u64> {
        self.checks.settle(at);
        let number = self.batches.len() as u64 + 1;
        let settled = self.book.settle(at, number);
        if settled.is_empty() {
            return None;
        }
        let batch = Batch::of(number, at, &settled);
        self.tell(notice::settlement_completed(&batch, &self.calendar));
        self.batches.push(batch);
        Some(number)
    }

    /// Settles at another hour from now on.
    fn settle_at(&mut self, hour: i8, now: Timestamp) {
        self.settle_hour = hour;
        self.settles = self.calendar.next_hour(now, hour);
    }

    fn tell(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Charges a customer whose time has come; one who has left the vault is not charged.
    fn charge_again(&mut self, due: Due, at: Timestamp) {
        let asked = Asked::of_fields([
            ("customer_id", due.customer_id),
            ("amount", due.amount.to_string()),
            ("invoice_id", due.invoice_id),
            ("description", due.description),
        ]);
        let charged = self.charge((Kind::Sale, "by_customer"), asked, at);
        tracing::debug!(is_charged = charged.is_ok(), "a recurring customer");
    }

    fn charge(&mut self, what: (Kind, &str), asked: Asked, now: Timestamp) -> Result<Answer, Answer> {
        let (id, answer) = cards::charge(what, (&self.vault, &mut self.book), asked, now)?;
        let failed = self.book.get(id).filter(|one| one.word.code != 101);
        if let Some(notice) = failed.map(|one| notice::payment_failed(one, now)) {
            self.tell(notice);
        }
        Ok(answer)
    }

    fn token(&mut self, request: &Request, now: Timestamp) -> Answer {
        let form = request.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if request.method != "POST" || field("grant_type") != Some("password") {
            let message = "The authorization grant type is not supported by the authorization server.";
            return oauth_error(StatusCode::BAD_REQUEST, "unsupported_grant_type", message);
        }
        if (field("username"), field("password")) != (Some(USERNAME), Some(PASSWORD)) {
            let message = "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI \
                           used in the authorization request, or was issued to another client.";
            return oauth_error(StatusCode::BAD_REQUEST, "invalid_grant", message);
        }
        let token = self.tokens.issue(now);
        let (first, rest) = token.split_at(8);
        let (second, third) = rest.split_at(12);
        Answer::ok(json!({
            "access_token": format!("{first}:{second}:{third}"),
            "token_type": "bearer",
            "expires_in": limits::PAYTRACE_TOKEN_S,
        }))
    }

    fn is_known(&self, request: &Request, now: Timestamp) -> bool {
        access::bearer(request).is_some_and(|token| self.tokens.accepts(&token.replace(':', ""), now))
    }

    fn v1(&mut self, path: &[&str], request: &Request, cx: Context) -> Result<Answer, Answer> {
        if request.method != "POST" {
            return Err(nothing_here(request));
        }
        let asked = named(Asked::read(request))?;
        let answer = match path {
            ["transactions", rest @ ..] => self.transactions(rest, asked, cx),
            ["level_three", "visa" | "mastercard"] => Some(cards::level_three(&self.book, asked)),
            ["customer", rest @ ..] => self.customer(rest, asked),
            ["recurrence", rest @ ..] => self.recurrence(rest, asked, cx),
            ["checks", rest @ ..] => self.checks.answer(rest, (&self.vault, asked), cx.now),
            ["batches", "export"] => Some(self.shown(cx).batches(asked)),
            ["batches", "export_one"] => Some(self.shown(cx).batch(&asked)),
            ["batches", "transaction_list"] => Some(self.shown(cx).of_batch(&asked)),
            _ => None,
        };
        answer.unwrap_or_else(|| Err(nothing_here(request)))
    }

    fn transactions(&mut self, path: &[&str], asked: Asked, cx: Context) -> Option<Result<Answer, Answer>> {
        let both = (&self.vault, &mut self.book);
        Some(match path {
            ["sale", way @ ("keyed" | "pt_protect" | "by_customer" | "by_transaction")] => {
                self.charge((Kind::Sale, way), asked, cx.now)
            }
            ["authorization", way @ ("keyed" | "pt_protect" | "by_customer")] => {
                self.charge((Kind::Authorization, way), asked, cx.now)
            }
            ["authorization", "capture"] => cards::capture(&mut self.book, asked),
            ["refund", "for_transaction"] => cards::refund(&mut self.book, asked, cx.now),
            ["refund", "to_customer"] => cards::refund_to("by_customer", both, asked, cx.now),
            ["refund", "keyed"] => cards::refund_to("keyed", both, asked, cx.now),
            ["void"] => cards::void(&mut self.book, asked),
            ["export", "by_date_range"] => self.shown(cx).by_date_range(asked),
            ["export", "by_id"] => self.shown(cx).by_id(asked),
            _ => return None,
        })
    }

    fn customer(&mut self, path: &[&str], asked: Asked) -> Option<Result<Answer, Answer>> {
        Some(match path {
            ["create" | "pt_protect_create"] => customers::create(&mut self.vault, asked, None),
            ["create", "from_transaction"] => {
                let one = asked.id("transaction_id").and_then(|id| self.book.get(id));
                let Some(card) = one.map(|one| one.card.clone()) else {
                    return Some(Err(asked.refuse(asked::TRANSACTION, "Please provide a valid Transaction ID.")));
                };
                customers::create(&mut self.vault, asked, Some(card))
            }
            ["update"] => customers::update(&mut self.vault, asked),
            ["delete"] => customers::delete(&mut self.vault, asked),
            ["export"] => customers::export(&self.vault, asked),
            _ => return None,
        })
    }

    fn recurrence(&mut self, path: &[&str], asked: Asked, cx: Context) -> Option<Result<Answer, Answer>> {
        Some(match path {
            ["create"] => self.recurrences.create(&self.vault, asked),
            ["update"] => self.recurrences.update(asked),
            ["delete"] => self.recurrences.delete(&asked),
            ["export"] => self.recurrences.export(&asked),
            ["export_approved"] => self.shown(cx).approved_recurrences(asked),
            _ => return None,
        })
    }

    fn shown(&self, cx: Context) -> Shown<'_> {
        Shown { book: &self.book, batches: &self.batches, calendar: &self.calendar, cx }
    }
}

impl Simulated for Paytrace {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        self.settle(cx.now);
        let path = request.parts();
        let answer = match path[..] {
            ["oauth", "token"] => Ok(self.token(request, cx.now)),
            ["v1", "ping"] => Ok(Answer::ok(json!({ "success": true, "status_message": "pong" }))),
            ["v1" | "api", ..] if !self.is_known(request, cx.now) => {
                let message = "The access token provided is invalid or has expired.";
                Err(oauth_error(StatusCode::UNAUTHORIZED, "invalid_token", message))
            }
            ["v1", ref rest @ ..] => self.v1(rest, request, cx),
            ["api", "v1", ref rest @ ..] => seed_paths::answer(self, rest, request, cx),
            _ => Err(nothing_here(request)),
        };
        answer.unwrap_or_else(|failure| failure)
    }

    /// Charges and settles, each at its hour, in their order.
    fn settle(&mut self, now: Timestamp) {
        while self.settles.min(self.recurs) <= now {
            if self.recurs <= self.settles {
                let at = self.recurs;
                for due in self.recurrences.take_due(self.calendar.day(at)) {
                    self.charge_again(due, at);
                }
                self.recurs = self.calendar.next_hour(at, RECUR_HOUR);
            } else {
                let at = self.settles;
                self.close_batch(at);
                self.settles = self.calendar.next_hour(at, self.settle_hour);
            }
        }
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn throttled(&self, retry_after_s: u64) -> Answer {
        let body = json!({ "success": false, "status_message": "Too many requests." });
        Answer::json(StatusCode::TOO_MANY_REQUESTS, body).with("retry-after", retry_after_s.to_string())
    }

    fn server_error(&self) -> Answer {
        let body = json!({ "success": false, "status_message": "An error has occurred." });
        Answer::json(StatusCode::INTERNAL_SERVER_ERROR, body)
    }

    fn credentials(&self, url: &str) -> Value {
        json!({
            "url": url,
            "username": USERNAME,
            "password": PASSWORD,
            "integrator_id": INTEGRATOR_ID,
            "time_zone": dates::ZONE,
        })
    }

    fn ledger(&self) -> Value {
        let mut body = self.book.invoices();
        body["checks"] = self.checks.standings();
        body["chargebacks"] = Value::Array(self.chargebacks.clone());
        body["batches"] = json!(self.batches.len());
        body
    }

    fn order(&mut self, order: &Value, now: Timestamp) -> Result<Value, String> {
        let order = serde_json::from_value(order.clone()).map_err(|err| format!("{err}; {}", orders::ORDERS))?;
        orders::carry_out(self, order, now)
    }
}

/// Each request names its integrator.
fn named(asked: Asked) -> Result<Asked, Answer> {
    if asked.text("integrator_id").as_deref() == Some(INTEGRATOR_ID) {
        return Ok(asked);
    }
    Err(asked.refuse(INTEGRATOR, "Please provide a valid integrator ID."))
}

fn oauth_error(status: StatusCode, error: &str, description: &str) -> Answer {
    Answer::json(status, json!({ "error": error, "error_description": description }))
}

fn nothing_here(request: &Request) -> Answer {
    let message = format!("The sandbox has no `{} {}`; see GET /", request.method, request.path);
    Answer::json(StatusCode::NOT_FOUND, json!({ "success": false, "status_message": message }))
}
