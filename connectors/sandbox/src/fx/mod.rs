//! Those who publish exchange rates: the ECB, openexchangerates and frankfurter, all from one seeded walk.
//!
//! Source: vendors.md, section 6. A rate is of a working day and is published at about 16:00 in Frankfurt, on the sandbox
//! clock.

mod ecb;
mod walk;

use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::system::{Context, Simulated};
use crate::wire::{self, Answer, Request};

use walk::{BASE, Walk};

/// The app id of openexchangerates. It opens nothing but this sandbox.
const APP_ID: &str = "sandbox-app-id";

/// The base of openexchangerates.
const DOLLAR: &str = "USD";

/// How many decimals a rate has that is computed of two.
const DECIMALS: u32 = 6;

/// The state of all of them.
#[derive(Debug)]
pub(crate) struct Fx {
    walk: Walk,
}

impl Fx {
    /// Starts the walk of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { walk: Walk::new(seed) }
    }

    /// openexchangerates: rates against the dollar, for whoever has an app id.
    fn open_exchange(&self, request: &Request, date: Option<&str>, now: Timestamp) -> Answer {
        let in_header = access_token(request);
        if request.parameter("app_id").or(in_header) != Some(APP_ID) {
            let missing = request.parameter("app_id").is_none() && in_header.is_none();
            return if missing {
                refused(StatusCode::UNAUTHORIZED, "missing_app_id", "No App ID provided.")
            } else {
                refused(StatusCode::UNAUTHORIZED, "invalid_app_id", "Invalid App ID provided.")
            };
        }
        let latest = walk::published(now);
        let day = match date.map(str::parse::<Date>) {
            None => latest,
            Some(Ok(day)) if day <= latest && day >= walk::FIRST => walk::working_day(day),
            Some(Ok(_)) => {
                return refused(StatusCode::BAD_REQUEST, "not_available", "Historical rates are not available.");
            }
            Some(Err(_)) => return refused(StatusCode::BAD_REQUEST, "invalid_date", "The date is no YYYY-MM-DD."),
        };
        let rates = self.against(DOLLAR, day, request.parameter("symbols"));
        Answer::ok(json!({
            "disclaimer": "Rates of a sandbox",
            "license": "Of no use outside of it",
            "timestamp": walk::published_at(day).as_second(),
            "base": DOLLAR,
            "rates": rates,
        }))
    }

    /// frankfurter: rates of the ECB, against any of its currencies.
    fn frankfurter(&self, request: &Request, date: &str, now: Timestamp) -> Answer {
        let latest = walk::published(now);
        let day = match (date, date.parse::<Date>()) {
            ("latest", _) => latest,
            (_, Ok(day)) if day >= walk::FIRST => walk::working_day(day.min(latest)),
            (_, Ok(_) | Err(_)) => return not_found(),
        };
        let base = request.parameter("base").unwrap_or(BASE);
        if base != BASE && self.walk.rate(base, day).is_none() {
            return not_found();
        }
        let mut rates = self.against(base, day, request.parameter("symbols"));
        rates.remove(base);
        Answer::ok(json!({ "amount": 1.0, "base": base, "date": day.to_string(), "rates": rates }))
    }

    /// The rates of a day against a currency, all or those that are asked for.
    fn against(&self, base: &str, day: Date, symbols: Option<&str>) -> Map<String, Value> {
        let unit = self.walk.rate(base, day).unwrap_or(Decimal::ONE);
        let is_wanted = |currency: &str| symbols.is_none_or(|symbols| symbols.split(',').any(|one| one == currency));
        let own = std::iter::once((BASE, Decimal::ONE)).chain(self.walk.rates(day));
        let mut rates: Vec<_> = own.filter(|(currency, _)| is_wanted(currency)).collect();
        rates.sort_by_key(|(currency, _)| *currency);
        let rate = |(currency, rate): (&str, Decimal)| {
            let rate = if base == BASE { rate } else { (rate / unit).round_dp(DECIMALS).normalize() };
            (currency.to_owned(), wire::number(rate))
        };
        rates.into_iter().map(rate).collect()
    }
}

impl Simulated for Fx {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        if request.method != "GET" {
            return not_found();
        }
        match request.parts()[..] {
            ["stats", "eurofxref", file] => ecb::file(&self.walk, file, cx.now).unwrap_or_else(not_found),
            ["api", "latest.json"] => self.open_exchange(request, None, cx.now),
            ["api", "historical", file] => {
                let date = file.strip_suffix(".json").unwrap_or(file);
                self.open_exchange(request, Some(date), cx.now)
            }
            ["v1", date] => self.frankfurter(request, date, cx.now),
            _ => not_found(),
        }
    }

    fn throttled(&self, retry_after_s: u64) -> Answer {
        let body = refused(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests.");
        body.with("retry-after", retry_after_s.to_string())
    }

    fn server_error(&self) -> Answer {
        Answer::file(StatusCode::INTERNAL_SERVER_ERROR, "text/html", "<html><h1>500</h1></html>".to_owned())
    }

    fn credentials(&self, url: &str) -> Value {
        json!({ "url": url, "app_id": APP_ID })
    }
}

/// `Authorization: Token APP_ID`.
fn access_token(request: &Request) -> Option<&str> {
    request.authorization.as_deref()?.strip_prefix("Token ")
}

fn refused(status: StatusCode, message: &str, description: &str) -> Answer {
    let body = json!({ "error": true, "status": status.as_u16(), "message": message, "description": description });
    Answer::json(status, body)
}

fn not_found() -> Answer {
    Answer::json(StatusCode::NOT_FOUND, json!({ "message": "not found" }))
}
