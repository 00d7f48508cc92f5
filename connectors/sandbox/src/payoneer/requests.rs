//! Requests for payment: somebody is asked to pay, and accepts or declines it later.
//!
//! Only the customer's brief and the webhook speak of it; the shape is ours (vendors.md, sections 1.6 and 9.1).

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::accounts::Accounts;
use super::fields::Fields;
use super::{failure, refused, result};
use crate::clock;
use crate::faults::Duplicates;
use crate::random::Random;
use crate::system::{Context, Notice};
use crate::wire::{self, Answer};

/// The shortest and the longest time until somebody answers, in sandbox time.
const ANSWER_MS: (u64, u64) = (20 * 60_000, 120 * 60_000);

/// One request in so many is declined.
const DECLINED_ONE_IN: u32 = 8;

const EXISTS: u32 = 10304;

/// All requests.
#[derive(Debug)]
pub(super) struct Requests {
    seed: u64,
    by_reference: BTreeMap<String, Asked>,
    refused: usize,
}

#[derive(Debug)]
struct Asked {
    account: String,
    payee: String,
    amount: Decimal,
    currency: String,
    description: String,
    at: Vec<Timestamp>,
    ends_at: Timestamp,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Pending,
    Accepted,
    Declined,
}

impl Requests {
    /// Starts with none.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, by_reference: BTreeMap::new(), refused: 0 }
    }

    /// Asks somebody to pay into an account.
    pub(super) fn add(&mut self, account: &str, body: &Value, cx: Context) -> Result<Answer, Answer> {
        let mut fields = Fields::new(body);
        let (reference, amount) = (fields.reference("client_reference_id"), fields.amount("amount"));
        let (payee, currency) = (fields.text("payee_id"), fields.text("currency"));
        let description = fields.text("description");
        fields.done("Invalid payment request")?;
        let reference = reference.unwrap_or_default();
        if let Some(known) = self.by_reference.get_mut(reference) {
            if cx.duplicates == Duplicates::Refuse {
                self.refused += 1;
                let error = json!({
                    "code": 400, "target": "client_reference_id", "value": reference,
                    "message": "Payment request already exists", "sub_code": EXISTS,
                });
                return Err(refused("Payment request already exists", vec![error]));
            }
            known.at.push(cx.now);
            return Ok(Answer::json(StatusCode::CREATED, json!({ "result": known.json(reference) })));
        }
        let asked = Asked {
            account: account.to_owned(),
            payee: payee.unwrap_or_default().to_owned(),
            amount: amount.unwrap_or_default(),
            currency: currency.unwrap_or_default().to_ascii_uppercase(),
            description: description.unwrap_or_default().to_owned(),
            at: vec![cx.now],
            ends_at: clock::add_ms(cx.now, fate(self.seed, reference).0),
            state: State::Pending,
        };
        let body = json!({ "result": asked.json(reference) });
        self.by_reference.insert(reference.to_owned(), asked);
        Ok(Answer::json(StatusCode::CREATED, body))
    }

    /// Says how far a request is.
    pub(super) fn status(&self, account: &str, reference: &str) -> Result<Answer, Answer> {
        let none = || failure(StatusCode::NOT_FOUND, 2306, "Payment request not found");
        let found = self.by_reference.get(reference).filter(|asked| asked.account == account).ok_or_else(none)?;
        Ok(result(&found.json(reference)))
    }

    /// Lets each be answered whose time has come; money that is accepted arrives at once.
    pub(super) fn settle(&mut self, accounts: &mut Accounts, now: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (reference, asked) in &mut self.by_reference {
            if asked.state != State::Pending || asked.ends_at > now {
                continue;
            }
            if fate(self.seed, reference).1 {
                asked.state = State::Declined;
                continue;
            }
            asked.state = State::Accepted;
            if let Some(account) = accounts.get_mut(&asked.account) {
                let money = (asked.amount, asked.currency.as_str());
                account.receive(money, &asked.payee, Some(reference), asked.ends_at);
            }
            notices.push(Notice::payment_request_accepted(reference, &asked.payee, asked.ends_at));
        }
        notices
    }

    /// Says each request, and how often it was made.
    pub(super) fn ledger(&self) -> Value {
        let row = |(reference, asked): (&String, &Asked)| {
            json!({
                "reference": reference,
                "amount": wire::cents(asked.amount).to_string(),
                "currency": asked.currency,
                "status": asked.state.word(),
                "made": asked.at.len(),
            })
        };
        self.by_reference.iter().map(row).collect()
    }

    /// Says how many were refused because they were made already.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Accepted => "Accepted",
            Self::Declined => "Declined",
        }
    }
}

impl Asked {
    fn json(&self, reference: &str) -> Value {
        json!({
            "client_reference_id": reference,
            "payee_id": self.payee,
            "amount": wire::number(self.amount),
            "currency": self.currency,
            "description": self.description,
            "status": self.state.word(),
            "created_at": self.at.first().map(|at| clock::seconds_text(*at)),
        })
    }
}

/// How long somebody thinks about it, and whether he declines in the end.
fn fate(seed: u64, reference: &str) -> (u64, bool) {
    let mut random = Random::of(seed, &format!("request/{reference}"));
    let (shortest, longest) = ANSWER_MS;
    (random.between(shortest, longest), random.hits(DECLINED_ONE_IN))
}
