//! The card transactions and what became of them.
//!
//! The vendor knows no key of a request: whoever sends one twice has charged twice, and the ledger shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::asked::Asked;
use super::customers::Card;
use crate::wire;

/// What a transaction is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Money comes.
    Sale,
    /// Money is kept for us, and comes once it is captured.
    Authorization,
    /// Money goes back.
    Refund,
}

impl Kind {
    /// Says its name in an export. An authorization that is captured is a sale from then on.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sale => "SALE",
            Self::Authorization => "AUTHORIZATION",
            Self::Refund => "REFUND",
        }
    }
}

/// How far a transaction is. That it is settled stands beside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// The bank has said yes.
    Approved,
    /// The bank has said no.
    Declined,
    /// It was taken back before it was settled.
    Voided,
}

/// What the bank has said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// The response code.
    pub(super) code: u32,
    /// What the bank says of it, with its blanks.
    pub(super) message: &'static str,
}

/// One card transaction.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    /// Its number.
    pub(super) id: u64,
    /// What it is.
    pub(super) kind: Kind,
    /// How far it is.
    pub(super) state: State,
    /// How much.
    pub(super) amount: Decimal,
    /// The customer of the vault.
    pub(super) customer_id: String,
    /// The card.
    pub(super) card: Card,
    /// Our name of it.
    pub(super) invoice_id: String,
    /// The sale that a refund gives back.
    pub(super) of: Option<u64>,
    /// When it was made.
    pub(super) created: Timestamp,
    /// When it was settled, and in which batch.
    pub(super) settled: Option<(Timestamp, u64)>,
    /// What the bank has said.
    pub(super) word: Word,
    /// What else was sent, as it was sent.
    rest: Value,
}

/// What is to be written into the book.
#[derive(Debug)]
pub(super) struct Entry {
    /// What it is.
    pub(super) kind: Kind,
    /// How far it is at once.
    pub(super) state: State,
    /// How much.
    pub(super) amount: Decimal,
    /// Who pays.
    pub(super) payer: (String, Card),
    /// The sale that a refund gives back.
    pub(super) of: Option<u64>,
    /// What the bank has said.
    pub(super) word: Word,
}

/// All card transactions.
#[derive(Debug)]
pub(super) struct Book {
    transactions: BTreeMap<u64, Transaction>,
    next: u64,
}

impl Default for Book {
    fn default() -> Self {
        Self { transactions: BTreeMap::new(), next: 392_483_066 }
    }
}

impl Book {
    /// Writes a transaction, and returns its number.
    pub(super) fn add(&mut self, entry: Entry, asked: &Asked, now: Timestamp) -> u64 {
        let id = self.next;
        self.next += 1;
        let rest = json!({
            "description": asked.text("description").unwrap_or_default(),
            "tax_amount": asked.text("tax_amount").unwrap_or_default(),
            "customer_reference_id": asked.text("customer_reference_id").unwrap_or_default(),
            "billing_address": asked.object("billing_address"),
            "shipping_address": asked.object("shipping_address"),
            "discretionary_data": asked.object("discretionary_data"),
        });
        let Entry { kind, state, amount, payer: (customer_id, card), of, word } = entry;
        let invoice_id = asked.text("invoice_id").unwrap_or_default();
        let (created, settled) = (now, None);
        let transaction =
            Transaction { id, kind, state, amount, customer_id, card, invoice_id, of, created, settled, word, rest };
        self.transactions.insert(id, transaction);
        id
    }

    /// Finds one.
    pub(super) fn get(&self, id: u64) -> Option<&Transaction> {
        self.transactions.get(&id)
    }

    /// Finds one, to change it.
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Transaction> {
        self.transactions.get_mut(&id)
    }

    /// Says all of them, in the order in which they were made.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Transaction> {
        self.transactions.values()
    }

    /// Says what can still be given back of a sale.
    pub(super) fn refundable(&self, sale: &Transaction) -> Decimal {
        let refunds = self.iter().filter(|one| one.of == Some(sale.id) && one.state == State::Approved);
        sale.amount - refunds.map(|one| one.amount).sum::<Decimal>()
    }

    /// Settles what was made before, and returns it.
    pub(super) fn settle(&mut self, at: Timestamp, batch: u64) -> Vec<Transaction> {
        let due = self.transactions.values_mut().filter(|one| one.waits_for_settlement() && one.created <= at);
        due.map(|one| {
            one.settled = Some((at, batch));
            one.clone()
        })
        .collect()
    }

    /// Says how often each invoice was charged, and by how much.
    pub(super) fn invoices(&self) -> Value {
        let mut invoices: BTreeMap<&str, (u64, u64, u64, Decimal)> = BTreeMap::new();
        // What was voided at once for its security code never was a charge.
        let is_booked = |one: &&Transaction| one.state != State::Declined && one.word.code != 103;
        for one in self.iter().filter(is_booked).filter(|one| !one.invoice_id.is_empty()) {
            let (charges, voided, refunds, amount) = invoices.entry(&one.invoice_id).or_default();
            let is_refund = one.kind == Kind::Refund;
            let sum = if is_refund { -one.amount } else { one.amount };
            *(if is_refund { refunds } else { charges }) += 1;
            *voided += u64::from(one.state == State::Voided);
            *amount += if one.state == State::Voided { Decimal::ZERO } else { sum };
        }
        let row = |(id, (charges, voided, refunds, amount)): (&&str, &(u64, u64, u64, Decimal))| {
            json!({
                "invoice_id": id,
                "charged": charges,
                "voided": voided,
                "refunded": refunds,
                "amount": wire::cents(*amount).to_string(),
            })
        };
        let twice = invoices.values().filter(|(charges, ..)| *charges > 1).count();
        json!({ "invoices": invoices.iter().map(row).collect::<Vec<_>>(), "charged_twice": twice })
    }
}

impl Transaction {
    /// Whether its money is to move, and has not.
    pub(super) fn waits_for_settlement(&self) -> bool {
        self.state == State::Approved && self.kind != Kind::Authorization && self.settled.is_none()
    }

    /// Whether it can be captured.
    pub(super) fn waits_for_capture(&self) -> bool {
        self.state == State::Approved && self.kind == Kind::Authorization
    }

    /// What the answer to it says beside its code.
    pub(super) fn answer(&self) -> Value {
        json!({
            "transaction_id": self.id,
            "approval_code": self.approval_code(),
            "approval_message": self.word.message,
            "avs_response": "No Match",
            "csc_response": if self.word.code == 103 { "No Match" } else { "" },
            "external_transaction_id": "",
            "masked_card_number": self.card.masked(),
        })
    }

    fn approval_code(&self) -> String {
        if matches!(self.state, State::Declined) { String::new() } else { format!("TAS{}", self.id % 1_000) }
    }

    /// Its row in an export; `text` writes times in the merchant's zone. That the status is written so is ours: the vendor's
    /// sample has none.
    pub(super) fn row(&self, include_bin: bool, text: impl Fn(Timestamp) -> String) -> Value {
        let (month, year) = &self.card.expires;
        let (code, message) = match (self.state, self.settled) {
            (State::Declined, _) => ("D", "Declined"),
            (State::Voided, _) => ("V", "Voided"),
            (State::Approved, Some(_)) => ("S", "Settled"),
            (State::Approved, None) => ("P", "Pending settlement"),
        };
        let mut row = json!({
            "transaction_id": self.id,
            "credit_card": { "masked_number": self.card.masked(), "expiration_month": month, "expiration_year": year },
            "transaction_type": self.kind.name(),
            "amount": wire::number(self.amount),
            "invoice_id": self.invoice_id,
            "receipt_emailed_to": "",
            "approval_code": self.approval_code(),
            "approval_message": self.word.message,
            "avs_response": "No Match",
            "csc_response": "",
            "status_code": code,
            "status_message": message,
            "created": { "through": "API", "at": text(self.created), "by": "sandbox", "from_ip": "127.0.0.1" },
            "settled": self.settled.map(|(at, _)| text(at)).unwrap_or_default(),
            "customer_id": self.customer_id,
        });
        if let (Some(row), Value::Object(rest)) = (row.as_object_mut(), self.rest.clone()) {
            row.extend(rest);
        }
        if include_bin {
            row["credit_card"]["bin"] = json!(self.card.bin);
        }
        row
    }

    /// Whether a text is in one of its fields, as `including_text` asks.
    pub(super) fn includes(&self, text: &str) -> bool {
        let wanted = text.to_lowercase();
        let in_rest = self.rest.as_object().into_iter().flat_map(|rest| rest.values()).map(Value::to_string);
        let mut fields = in_rest.chain([self.invoice_id.clone(), self.customer_id.clone(), self.id.to_string()]);
        fields.any(|field| field.to_lowercase().contains(&wanted))
    }
}
