//! What is done with cards: sales, authorizations, captures, refunds and voids.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::json;

use super::asked::{Asked, NO_CARD, NO_PERMISSION, NOT_SETTLED, SETTLED, TRANSACTION, answered, wrong};
use super::book::{Book, Entry, Kind, State, Transaction, Word};
use super::customers::{self, Card, Vault};
use crate::wire::Answer;

const YES: Word = Word { code: 101, message: "  NO  MATCH - Approved and completed" };
const NO_TRANSACTION: &str = "Please provide a valid Transaction ID.";

/// The card's bank on this card.
fn word(card: &Card) -> (State, Word) {
    match card.last.as_str() {
        "0002" => (State::Declined, Word { code: 102, message: "    DECLINE - Do not honor" }),
        "9995" => (State::Declined, Word { code: 102, message: "    DECLINE - Insufficient funds" }),
        "0069" => (State::Declined, Word { code: 102, message: "  EXPIRED CARD - Expired card" }),
        "0127" => (State::Voided, Word { code: 103, message: "  NO  MATCH - Approved and completed" }),
        _ => (State::Approved, YES),
    }
}

/// Who pays: a customer of the vault, whoever paid before, or a card.
fn payer(way: &str, (vault, book): (&Vault, &Book), asked: &mut Asked) -> Option<(String, Card)> {
    match way {
        "by_customer" => {
            let (id, customer) = customers::find(vault, asked)?;
            let card = customer.card.clone();
            if card.is_none() {
                asked.wrong(NO_CARD, "Please provide a valid Credit Card Number.");
            }
            Some((id, card?))
        }
        "by_transaction" => {
            let before = find(book, asked)?;
            Some((before.customer_id.clone(), before.card.clone()))
        }
        _ => {
            let card = Card::read(asked);
            if card.is_none() {
                asked.wrong(NO_CARD, "Please provide a valid Credit Card Number.");
            }
            Some((asked.text("customer_id").unwrap_or_default(), card?))
        }
    }
}

fn find<'b>(book: &'b Book, asked: &mut Asked) -> Option<&'b Transaction> {
    let found = asked.id("transaction_id").and_then(|id| book.get(id));
    if found.is_none() {
        asked.wrong(TRANSACTION, NO_TRANSACTION);
    }
    found
}

/// Charges a card, or keeps money of it. Returns the transaction beside the answer.
///
/// # Errors
/// The answer with all that is wrong: nothing was written.
pub(super) fn charge(
    (kind, way): (Kind, &str),
    (vault, book): (&Vault, &mut Book),
    mut asked: Asked,
    now: Timestamp,
) -> Result<(u64, Answer), Answer> {
    let amount = asked.amount();
    let payer = payer(way, (vault, book), &mut asked);
    asked.check()?;
    let (payer, amount) = payer.zip(amount).expect("what is missing is wrong");
    let (state, word) = word(&payer.1);
    let id = book.add(Entry { kind, state, amount, payer, of: None, word }, &asked, now);
    let message = match word.code {
        101 => "Your transaction was successfully approved.",
        103 => "Your transaction was approved and then voided: the security code does not match.",
        _ => "Your transaction was not approved.",
    };
    let rest = book.get(id).map(Transaction::answer).unwrap_or_default();
    Ok((id, answered(word.code == 101, word.code, message, rest)))
}

/// Takes the money that is kept, or less.
pub(super) fn capture(book: &mut Book, mut asked: Asked) -> Result<Answer, Answer> {
    let found = find(book, &mut asked).cloned();
    let amount = asked.optional_amount();
    asked.check()?;
    let found = found.filter(Transaction::waits_for_capture).ok_or_else(|| wrong(TRANSACTION, NO_TRANSACTION))?;
    let amount = amount.unwrap_or(found.amount);
    let rest = json!({ "transaction_id": found.id, "external_transaction_id": "" });
    if found.card.last == "0113" || amount > found.amount {
        return Ok(answered(false, 113, "Your transaction was not successfully captured.", rest));
    }
    if let Some(own) = book.get_mut(found.id) {
        (own.kind, own.amount) = (Kind::Sale, amount);
    }
    Ok(answered(true, 112, "Your transaction was successfully captured.", rest))
}

/// Gives back what was settled, or a part of it.
pub(super) fn refund(book: &mut Book, mut asked: Asked, now: Timestamp) -> Result<Answer, Answer> {
    let found = find(book, &mut asked).cloned();
    let amount = asked.optional_amount();
    asked.check()?;
    let is_sale = |one: &Transaction| one.kind == Kind::Sale && one.state == State::Approved;
    let sale = found.filter(is_sale).ok_or_else(|| wrong(TRANSACTION, NO_TRANSACTION))?;
    if sale.card.last == "0981" {
        return Err(wrong(NO_PERMISSION, "Log in failed for insufficient permissions."));
    }
    if sale.settled.is_none() {
        let message = "The transaction that you wish to refund has not been settled yet. Please void it instead.";
        return Err(wrong(NOT_SETTLED, message));
    }
    let left = book.refundable(&sale);
    let amount = amount.unwrap_or(left);
    // What has no name of its own keeps that of its sale.
    let asked = if asked.text("invoice_id").is_none() { asked.with("invoice_id", &sale.invoice_id) } else { asked };
    let payer = (sale.customer_id, sale.card);
    Ok(give_back(book, (payer, amount, left), Some(sale.id), (&asked, now)))
}

/// Gives money to a customer of the vault, whatever he has paid.
pub(super) fn refund_to(
    way: &str,
    (vault, book): (&Vault, &mut Book),
    mut asked: Asked,
    now: Timestamp,
) -> Result<Answer, Answer> {
    let amount = asked.amount();
    let payer = payer(way, (vault, book), &mut asked);
    asked.check()?;
    let (payer, amount) = payer.zip(amount).expect("what is missing is wrong");
    if payer.1.last == "0981" {
        return Err(wrong(NO_PERMISSION, "Log in failed for insufficient permissions."));
    }
    Ok(give_back(book, (payer, amount, amount), None, (&asked, now)))
}

fn give_back(
    book: &mut Book,
    (payer, amount, most): ((String, Card), Decimal, Decimal),
    of: Option<u64>,
    (asked, now): (&Asked, Timestamp),
) -> Answer {
    let fails = payer.1.last == "0107" || amount > most || amount.is_zero();
    let state = if fails { State::Declined } else { State::Approved };
    let word = Word { code: if fails { 107 } else { 106 }, message: "" };
    let id = book.add(Entry { kind: Kind::Refund, state, amount, payer, of, word }, asked, now);
    let rest = json!({ "transaction_id": id, "external_transaction_id": "" });
    if fails {
        return answered(false, 107, "Your transaction was not successfully refunded.", rest);
    }
    answered(true, 106, "Your transaction successfully refunded.", rest)
}

/// Takes back what is not settled.
pub(super) fn void(book: &mut Book, mut asked: Asked) -> Result<Answer, Answer> {
    let found = find(book, &mut asked).cloned();
    asked.check()?;
    let is_open = |one: &Transaction| one.state == State::Approved;
    let found = found.filter(is_open).ok_or_else(|| wrong(TRANSACTION, NO_TRANSACTION))?;
    if found.settled.is_some() {
        let message = "The transaction that you wish to void has already been settled. Please refund it instead.";
        return Err(wrong(SETTLED, message));
    }
    let rest = json!({ "transaction_id": found.id });
    if found.card.last == "0110" {
        return Ok(answered(false, 110, "Your transaction was not successfully voided.", rest));
    }
    if let Some(own) = book.get_mut(found.id) {
        own.state = State::Voided;
    }
    Ok(answered(true, 109, "Your transaction was successfully voided.", rest))
}

/// Adds the details that level 3 asks for; they are counted and not kept.
pub(super) fn level_three(book: &Book, mut asked: Asked) -> Result<Answer, Answer> {
    let found = find(book, &mut asked).map(|one| one.id);
    asked.check()?;
    let lines = asked.value("line_items").as_array().map_or(0, Vec::len);
    let id = found.unwrap_or_default();
    let message = format!(
        "Visa/MasterCard enhanced data was successfully added to Transaction ID {id}. {lines} line item records were created."
    );
    Ok(answered(true, 170, &message, json!({ "external_transaction_id": "" })))
}
