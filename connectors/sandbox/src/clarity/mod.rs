//! A shop of Clarity eCommerce: orders, payments, customers, products and webhooks.
//!
//! Clarity publishes no reference for integrators: the shape is the conventional one of vendors.md, section 4, which each
//! customer's own site may have otherwise. Orders come about on the sandbox clock; `POST /_sandbox/clarity` does what people
//! do: `{"create": 3}`, `{"pay": {"order": "1001", "amount": "5.00", "processor": "PayTrace"}}`, `{"refund": {"order": "1001",
//! "amount": "5.00"}}`, where an amount may be left out. The key `sandbox-read-key` may only read.

mod catalogue;
mod cef;
mod hooks;
mod order;
mod orders;
mod pages;
mod status;

use axum::http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::access::{self, CLIENT_ID, CLIENT_SECRET, InForm, Tokens};
use crate::limits;
use crate::system::{Context, Listener, Notice, Simulated};
use crate::wire::{self, Answer, Request};

use catalogue::Catalogue;
use hooks::Hooks;
use order::Processor;
use orders::{Orders, Refused};

/// The key of an integration. It opens nothing but this sandbox.
const API_KEY: &str = "sandbox-api-key";

/// The key of somebody who may only read.
const READ_KEY: &str = "sandbox-read-key";

/// The state of the shop.
#[derive(Debug)]
pub(crate) struct Clarity {
    tokens: Tokens,
    catalogue: Catalogue,
    orders: Orders,
    hooks: Hooks,
}

impl Clarity {
    /// Opens the shop of a seed, which has been there for a while.
    pub(crate) fn new(seed: u64, now: Timestamp) -> Self {
        let catalogue = Catalogue::new(seed, now);
        let orders = Orders::new(seed, &catalogue, now);
        Self { tokens: Tokens::new(seed, limits::CLARITY_TOKEN_S), orders, catalogue, hooks: Hooks::new(seed) }
    }

    fn token(&mut self, request: &Request, now: Timestamp) -> Answer {
        match access::check_client(request, InForm::Accepted) {
            Ok(()) => Answer::ok(json!({
                "access_token": self.tokens.issue(now),
                "token_type": "Bearer",
                "expires_in": limits::CLARITY_TOKEN_S,
            })),
            Err(denied) => {
                let (error, description) = denied.texts();
                Answer::json(denied.status(), json!({ "error": error, "error_description": description }))
            }
        }
    }

    fn check_access(&self, request: &Request, now: Timestamp) -> Result<(), Answer> {
        let is_token = access::bearer(request).is_some_and(|token| self.tokens.accepts(token, now));
        match request.header("x-api-key") {
            Some(API_KEY) => Ok(()),
            Some(READ_KEY) if request.method == "GET" => Ok(()),
            Some(READ_KEY) => Err(failure(StatusCode::FORBIDDEN, "This key may only read")),
            _ if is_token => Ok(()),
            _ => Err(failure(StatusCode::UNAUTHORIZED, "The token or the key is missing, wrong or expired")),
        }
    }

    fn resource(&mut self, request: &Request, cx: Context) -> Result<Answer, Answer> {
        self.check_access(request, cx.now)?;
        let list = |page: Result<Value, String>| {
            page.map(Answer::ok).map_err(|message| failure(StatusCode::BAD_REQUEST, &message))
        };
        match (request.method.as_str(), &request.parts()[..]) {
            ("GET", ["orders"]) => {
                list(pages::page(request, self.orders.iter().map(|order| (order.updated, order.shown()))))
            }
            ("GET", ["orders", id]) => found(self.orders.get(id).map(order::Order::shown)),
            ("PATCH", ["orders", id]) => self.change(id, request, cx.now),
            ("GET", ["payments"]) => list(pages::page(request, self.payments(request.parameter("orderId")))),
            ("GET", ["customers"]) => list(pages::page(request, self.catalogue.customers())),
            ("GET", ["customers", id]) => found(self.catalogue.customer(id)),
            ("GET", ["products", "product"]) => list(pages::page(request, self.catalogue.products())),
            ("GET", ["webhooks"]) => list(pages::page(request, self.hooks.shown(request.parameter("url")))),
            ("POST", ["webhooks"]) => {
                let made = self.hooks.register(&body_of(request)?, cx.now);
                let made = made.map_err(|message| failure(StatusCode::BAD_REQUEST, &message))?;
                Ok(Answer::json(StatusCode::CREATED, made))
            }
            ("DELETE", ["webhooks", id]) => {
                self.hooks.delete(id).map(|()| Answer::no_content()).ok_or_else(|| nothing(request))
            }
            (_, ["Ordering", "SalesOrder", path @ ..]) => {
                cef::answer(&mut self.orders, path, request, cx.now).ok_or_else(|| nothing(request))
            }
            _ => Err(nothing(request)),
        }
    }

    fn payments<'a>(&'a self, order: Option<&'a str>) -> impl Iterator<Item = (Timestamp, Value)> + 'a {
        let orders = self.orders.iter().filter(move |one| order.is_none_or(|id| one.number.to_string() == id));
        orders.flat_map(|order| order.payments.iter().map(|payment| payment.updated).zip(order.payments()))
    }

    /// A status is all that a client may change.
    fn change(&mut self, id: &str, request: &Request, now: Timestamp) -> Result<Answer, Answer> {
        let body = body_of(request)?;
        let only = body.as_object().filter(|fields| fields.len() == 1);
        let Some(status) = only.and_then(|fields| fields.get("status")?.as_str()) else {
            return Err(failure(StatusCode::BAD_REQUEST, "Send {\"status\": …}: nothing else of an order can change"));
        };
        match self.orders.set(id, status, now) {
            Ok(order) => Ok(Answer::ok(order.shown())),
            Err(Refused::NoOrder) => Err(nothing(request)),
            Err(Refused::NoStatus) => Err(failure(StatusCode::BAD_REQUEST, &format!("There is no status '{status}'"))),
            Err(Refused::Final(now)) => {
                let message = format!("Order {id} is {} and cannot become {status}", now.name());
                Err(failure(StatusCode::CONFLICT, &message))
            }
        }
    }

    fn create(&mut self, count: &Value, now: Timestamp) -> Result<Value, String> {
        let count = count.as_u64().filter(|count| (1..=1_000).contains(count));
        let count = count.ok_or("`create` is a number of orders, from 1 to 1000")?;
        let place = |_| self.orders.place(now, &self.catalogue).to_string();
        Ok(json!({ "orders": (0..count).map(place).collect::<Vec<_>>() }))
    }
}

impl Simulated for Clarity {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        self.settle(cx.now);
        if request.parts() == ["oauth", "token"] {
            return self.token(request, cx.now);
        }
        self.resource(request, cx).unwrap_or_else(|failure| failure)
    }

    fn settle(&mut self, now: Timestamp) {
        self.orders.settle(now, &self.catalogue);
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        self.orders.take_events().into_iter().map(hooks::notice).collect()
    }

    fn listeners(&self) -> Option<Vec<Listener>> {
        Some(self.hooks.listeners())
    }

    fn throttled(&self, retry_after_s: u64) -> Answer {
        let body = failure(StatusCode::TOO_MANY_REQUESTS, "Too many requests");
        body.with("retry-after", retry_after_s.to_string())
    }

    fn server_error(&self) -> Answer {
        failure(StatusCode::INTERNAL_SERVER_ERROR, "An unexpected error occurred")
    }

    fn credentials(&self, url: &str) -> Value {
        json!({
            "url": url,
            "domain": "shop.example.com",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "api_key": API_KEY,
            "webhook_secret": self.hooks.secret(),
        })
    }

    fn ledger(&self) -> Value {
        let order = |order: &order::Order| {
            json!({
                "id": order.number.to_string(),
                "status": order.status.name(),
                "set": order.set,
                "total": order.total.to_string(),
                "currency": order.currency,
                "payments": order.payments().collect::<Vec<_>>(),
            })
        };
        let webhooks: Vec<Value> = self.hooks.shown(None).map(|(_, shown)| shown).collect();
        json!({ "orders": self.orders.iter().map(order).collect::<Vec<_>>(), "webhooks": webhooks })
    }

    fn order(&mut self, order: &Value, now: Timestamp) -> Result<Value, String> {
        let what = order.as_object().filter(|what| what.len() == 1).and_then(|what| what.iter().next());
        let Some((what, with)) = what else { return Err("send one of `create`, `pay` and `refund`".to_owned()) };
        if what == "create" {
            return self.create(with, now);
        }
        let id = with["order"].as_str().ok_or("`order` is the id of an order, such as `\"1001\"`")?;
        let amount = match &with["amount"] {
            Value::Null => None,
            amount => Some(wire::cents(self::amount(amount).ok_or("`amount` is a text such as `\"5.00\"`")?)),
        };
        match what.as_str() {
            "pay" => {
                let by = with["processor"].as_str().unwrap_or("PayTrace");
                let by = Processor::named(by).ok_or("`processor` is `PayTrace` or `Payoneer`")?;
                self.orders.pay(id, amount, by, now)
            }
            "refund" => self.orders.refund(id, amount, now),
            _ => Err("send one of `create`, `pay` and `refund`".to_owned()),
        }
    }
}

fn amount(value: &Value) -> Option<Decimal> {
    let most = Decimal::from(1_000_000);
    wire::decimal(value).filter(|amount| *amount > Decimal::ZERO && *amount <= most && amount.normalize().scale() <= 2)
}

fn found(shown: Option<Value>) -> Result<Answer, Answer> {
    shown.map(Answer::ok).ok_or_else(|| failure(StatusCode::NOT_FOUND, "There is no such record"))
}

/// Reads a JSON body.
///
/// # Errors
/// The answer to anything else.
fn body_of(request: &Request) -> Result<Value, Answer> {
    serde_json::from_slice(&request.body)
        .map_err(|err| failure(StatusCode::BAD_REQUEST, &format!("The body is not JSON: {err}")))
}

fn failure(status: StatusCode, message: &str) -> Answer {
    Answer::json(status, json!({ "ActionSucceeded": false, "Messages": [message] }))
}

fn nothing(request: &Request) -> Answer {
    let message = format!("There is no {} {}", request.method, request.path);
    failure(StatusCode::NOT_FOUND, &message)
}
