//! One quote: what it costs, and what the vendor says of it and of the payment that it becomes.
//!
//! Shapes: vendors.md, section 1.6. The rates and the fees are ours.

use axum::http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::accounts::{Account, Transaction, fee_json, rate};
use super::failure;
use super::fields::Fields;
use crate::wire::{self, Answer};
use crate::{clock, limits};

/// What a payment would cost, and what became of it.
#[derive(Debug)]
pub(super) struct Quote {
    /// Out of which account.
    pub(super) account: String,
    /// Out of which of its balances.
    pub(super) balance: String,
    /// To whom.
    pub(super) kind: Kind,
    /// The client's name of it.
    pub(super) reference: String,
    /// What leaves the balance, with the fee.
    pub(super) charged: Money,
    /// How it stands.
    pub(super) state: State,
    /// Whether a person is asked.
    pub(super) challenge: Challenge,
    /// When it was committed: one time, or the money left more than once.
    pub(super) committed: Vec<Timestamp>,
    description: String,
    to: String,
    request: Value,
    target: Money,
    fee: Decimal,
    rate: Option<Decimal>,
    made: Timestamp,
}

/// To whom money goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A partner.
    Debit,
    /// The account holder's own bank.
    Withdraw,
}

/// An amount of a currency.
#[derive(Clone, Debug)]
pub(super) struct Money {
    /// In major units.
    pub(super) amount: Decimal,
    /// ISO 4217.
    pub(super) currency: String,
}

/// How a payment stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// It is a quote.
    Quoted,
    /// A person has set it so.
    Unknown,
    /// It ends then.
    InProgress(Timestamp),
    /// The money has arrived.
    Completed,
    /// The money is back.
    Cancelled,
}

/// Whether a person is asked before a commit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Challenge {
    /// Nobody is.
    None,
    /// He is, in a session.
    Open(String),
    /// He has said yes.
    Passed,
}

/// Reads what is asked for, and works out what it costs.
///
/// # Errors
/// The answer that names what is wrong.
pub(super) fn read(
    (account, balance, source): (&Account, String, &str),
    kind: Kind,
    body: &Value,
    now: Timestamp,
) -> Result<Quote, Answer> {
    let mut fields = Fields::new(body);
    let reference = fields.reference("client_reference_id");
    let amount = fields.amount("amount");
    let description = fields.text("description");
    if description.is_some_and(|text| text.chars().count() >= 200) {
        fields.wrong("description", 1000, "A description has less than 200 characters");
    }
    let (to_type, to) = (fields.text("to.type"), fields.text("to.id"));
    let wanted = if kind == Kind::Debit { "partner" } else { "bank_id" };
    if to_type.is_some_and(|kind| !kind.eq_ignore_ascii_case(wanted)) {
        fields.wrong("to.type", 1000, &format!("`to.type` must be `{wanted}`"));
    }
    if let Some(bank) = to.filter(|id| kind == Kind::Withdraw && !account.banks.iter().any(|bank| bank == id)) {
        fields.wrong("to.id", 1000, &format!("The account has no bank `{bank}`"));
    }
    let currency = body["currency"].as_str().unwrap_or(source).to_owned();
    let rate = rate(source, &currency);
    if rate.is_none() {
        fields.wrong("currency", 1000, "The currency is not traded");
    }
    fields.done("Invalid payment data")?;
    let none = || failure(StatusCode::BAD_REQUEST, 1000, "Invalid payment data");
    let (amount, rate) = (amount.ok_or_else(none)?, rate.ok_or_else(none)?);
    // The rate is above zero, and amounts are bounded.
    let back = wire::cents((amount / rate).round_dp(2));
    let fee = wire::cents((back / Decimal::ONE_HUNDRED).round_dp(2)).max(Decimal::new(1, 2));
    let is_target = kind == Kind::Withdraw || body["target_amount"] == true;
    let (charged, target) =
        if is_target { (back + fee, amount) } else { (back, wire::cents(((back - fee) * rate).round_dp(2))) };
    if target <= Decimal::ZERO {
        return Err(failure(StatusCode::BAD_REQUEST, 1000, "The amount does not cover the fee"));
    }
    Ok(Quote {
        account: account.id.clone(),
        balance,
        kind,
        reference: reference.ok_or_else(none)?.to_owned(),
        description: description.unwrap_or_default().to_owned(),
        to: to.unwrap_or_default().to_owned(),
        request: body.clone(),
        charged: Money { amount: charged, currency: source.to_owned() },
        target: Money { amount: target, currency: currency.clone() },
        fee,
        rate: (currency != source).then_some(rate),
        made: now,
        state: State::Quoted,
        challenge: Challenge::None,
        committed: Vec::new(),
    })
}

impl State {
    /// Says it by number and in words. Source: vendors.md, section 1.6.
    pub(super) fn words(self) -> (u32, &'static str) {
        match self {
            Self::Unknown => (0, "unknown"),
            Self::InProgress(_) => (1, "in progress"),
            Self::Completed => (2, "completed"),
            Self::Cancelled => (3, "cancelled"),
            Self::Quoted => (1000, "pending_commit"),
        }
    }
}

impl Quote {
    /// Says until when it can be committed.
    pub(super) fn expires(&self) -> Timestamp {
        clock::add_ms(self.made, limits::PAYONEER_QUOTE_S * 1_000)
    }

    fn name(&self) -> &'static str {
        if self.kind == Kind::Debit { "debit" } else { "withdraw" }
    }

    /// Says the answer to a request for a quote.
    pub(super) fn offer(&self, commit_id: &str) -> Value {
        let mut body = json!({
            "type": self.name(),
            "commit_id": commit_id,
            "client_reference_id": self.reference,
            "last_status": clock::seconds_text(self.made),
            "created_at": clock::seconds_text(self.made),
            "request_details": self.request,
            "fees": self.fees(),
            "amounts": self.amounts(),
            "expires_at": clock::seconds_text(self.expires()),
        });
        self.add_rate(&mut body, commit_id);
        body
    }

    /// Says the answer to a commit.
    pub(super) fn payment(&self, commit_id: &str) -> Value {
        let (status, words) = self.state.words();
        let mut body = json!({
            "payment_id": payment_id(commit_id),
            "client_reference_id": self.reference,
            "status": status,
            "status_description": words,
            "fees": self.fees(),
            "amounts": self.amounts(),
        });
        self.add_rate(&mut body, commit_id);
        body
    }

    /// Says the answer to a look-up.
    pub(super) fn standing(&self, commit_id: &str) -> Value {
        let mut body = self.payment(commit_id);
        if self.committed.is_empty() {
            body["payment_id"] = Value::Null;
        }
        body
    }

    fn fees(&self) -> Vec<Value> {
        let currency = &self.charged.currency;
        match self.kind {
            Kind::Debit if self.committed.is_empty() => vec![fee_json("charge_fee", self.fee, currency)],
            Kind::Debit => {
                vec![fee_json("charge_fee", self.fee, currency), fee_json("partner_fee", Decimal::new(0, 2), currency)]
            }
            Kind::Withdraw => {
                let mut fee = fee_json("transfer_fee", self.fee, currency);
                fee["is_estimated"] = json!(self.committed.is_empty());
                vec![fee]
            }
        }
    }

    fn amounts(&self) -> Value {
        let money = |money: &Money| json!({ "amount": wire::number(money.amount), "currency": money.currency });
        json!({ "charged": money(&self.charged), "target": money(&self.target) })
    }

    fn fx(&self, commit_id: &str) -> Option<Value> {
        let mut fx = json!({
            "quote": commit_id,
            "rate": wire::number(self.rate?),
            "source_currency": self.charged.currency,
            "target_currency": self.target.currency,
        });
        if self.kind == Kind::Withdraw {
            fx["is_estimated"] = json!(self.committed.is_empty());
        }
        Some(fx)
    }

    fn add_rate(&self, body: &mut Value, commit_id: &str) {
        if let Some(fx) = self.fx(commit_id) {
            body["fx"] = fx;
        }
    }

    /// Says what the account's list tells of it.
    pub(super) fn transaction(&self, (company, commit_id): (&str, &str), at: Timestamp) -> Transaction {
        let kind = if self.kind == Kind::Debit { "PAYMENT" } else { "WITHDRAWAL" };
        Transaction {
            id: String::new(),
            kind,
            direction: "debit",
            at,
            amount: self.charged.amount,
            currency: self.charged.currency.clone(),
            fees: self.fees(),
            fx: self.fx(commit_id),
            source: company.to_owned(),
            target: self.to.clone(),
            reference: Some(self.reference.clone()),
            description: self.description.clone(),
        }
    }
}

/// Another name than that of the quote.
fn payment_id(commit_id: &str) -> String {
    let digits = u64::from_str_radix(commit_id, 16).unwrap_or_default() % 100_000_000;
    format!("43661819{digits:08}")
}
