//! What was done, by day or by number, and the batches in which it was settled.
//!
//! Days are the merchant's, and both ends belong to a range. The names in a batch are an assumption after the vendor's
//! legacy report; how much one answer may have is not published, so there are no pages.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::asked::{Asked, BATCH, DATE, TRANSACTION, answered, wrong};
use super::book::{Book, Kind, Transaction};
use super::dates::{self, Calendar};
use super::recurrence;
use crate::clock;
use crate::system::Context;
use crate::wire::{self, Answer};

const DONE: &str = "Your request has been successfully completed.";

/// What was settled at once.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// Its number.
    pub(super) number: u64,
    /// When it was settled.
    pub(super) at: Timestamp,
    /// How many sales, and their sum.
    pub(super) sales: (usize, Decimal),
    /// How many refunds, and their sum.
    pub(super) refunds: (usize, Decimal),
}

impl Batch {
    /// Sums what was settled.
    pub(super) fn of(number: u64, at: Timestamp, settled: &[Transaction]) -> Self {
        let sum = |is_refund: bool| {
            let own = settled.iter().filter(|one| (one.kind == Kind::Refund) == is_refund);
            own.fold((0, Decimal::ZERO), |(count, sum), one| (count + 1, sum + one.amount))
        };
        Self { number, at, sales: sum(false), refunds: sum(true) }
    }

    /// Says what the merchant gets.
    pub(super) fn net(&self) -> Decimal {
        self.sales.1 - self.refunds.1
    }

    fn row(&self, calendar: &Calendar) -> Value {
        json!({
            "batch_number": self.number,
            "when": calendar.text(self.at),
            "transaction_count": self.sales.0 + self.refunds.0,
            "net_amount": number(self.net()),
            "sales_count": self.sales.0,
            "sales_amount": number(self.sales.1),
            "refund_count": self.refunds.0,
            "refund_amount": number(self.refunds.1),
        })
    }
}

/// What there is to show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    /// The transactions.
    pub(super) book: &'a Book,
    /// The batches, in the order of their numbers.
    pub(super) batches: &'a [Batch],
    /// The merchant's days.
    pub(super) calendar: &'a Calendar,
    /// When it is asked for.
    pub(super) cx: Context,
}

impl<'a> Shown<'a> {
    /// The transactions that were made on these days, as far as they can be seen yet.
    pub(super) fn by_date_range(self, asked: Asked) -> Result<Answer, Answer> {
        self.listed(asked, |_| true)
    }

    /// The same of those that were charged again and again.
    pub(super) fn approved_recurrences(self, asked: Asked) -> Result<Answer, Answer> {
        let is_recurrence = |one: &Transaction| recurrence::is_name(&one.invoice_id) && one.word.code == 101;
        self.listed(asked, is_recurrence)
    }

    /// The same of those that were settled on these days, whenever they were made; as the seed's report has it.
    pub(super) fn settlement(self, mut asked: Asked) -> Result<Answer, Answer> {
        let range = range(&mut asked);
        asked.check()?;
        let (from, to) = range.expect("what is missing is wrong");
        let is_in = |at: Timestamp| (from..=to).contains(&self.calendar.day(at));
        let own = self.book.iter().filter(|one| one.settled.is_some_and(|(at, _)| is_in(at)));
        let rows: Vec<Value> = own.map(|one| self.row(one, false)).collect();
        let batches: Vec<Value> =
            self.batches.iter().filter(|batch| is_in(batch.at)).map(|batch| batch.row(self.calendar)).collect();
        Ok(answered(true, 1, DONE, json!({ "transactions": rows, "batches": batches })))
    }

    /// One transaction.
    pub(super) fn by_id(self, asked: Asked) -> Result<Answer, Answer> {
        let found = asked.id("transaction_id").and_then(|id| self.book.get(id)).filter(|one| self.is_visible(one));
        let found = found.ok_or_else(|| wrong(TRANSACTION, "Please provide a valid Transaction ID."))?;
        let row = self.row(found, asked.is_on("include_bin"));
        Ok(answered(true, 1, DONE, json!({ "transactions": [row] })))
    }

    /// The batches of these days.
    pub(super) fn batches(self, mut asked: Asked) -> Result<Answer, Answer> {
        let range = range(&mut asked);
        asked.check()?;
        let (from, to) = range.expect("what is missing is wrong");
        let own = self.batches.iter().filter(|batch| (from..=to).contains(&self.calendar.day(batch.at)));
        let rows: Vec<Value> = own.map(|batch| batch.row(self.calendar)).collect();
        Ok(answered(true, 1, DONE, json!({ "batches": rows })))
    }

    /// One batch: the named one, else the last.
    pub(super) fn batch(self, asked: &Asked) -> Result<Answer, Answer> {
        let row = self.one(asked)?.row(self.calendar);
        Ok(answered(true, 1, DONE, json!({ "batches": [row] })))
    }

    /// What was settled in a batch.
    pub(super) fn of_batch(self, asked: &Asked) -> Result<Answer, Answer> {
        let number = self.one(asked)?.number;
        let own = self.book.iter().filter(|one| one.settled.is_some_and(|(_, own)| own == number));
        let rows: Vec<Value> = own.map(|one| self.row(one, asked.is_on("include_bin"))).collect();
        Ok(answered(true, 1, DONE, json!({ "transactions": rows })))
    }

    fn one(self, asked: &Asked) -> Result<&'a Batch, Answer> {
        let wanted = asked.id("batch_number");
        let mut own = self.batches.iter().filter(|batch| wanted.is_none_or(|number| number == batch.number));
        own.next_back().ok_or_else(|| wrong(BATCH, "Please provide a valid batch number."))
    }

    fn listed(self, mut asked: Asked, wanted: impl Fn(&Transaction) -> bool) -> Result<Answer, Answer> {
        let range = range(&mut asked);
        asked.check()?;
        let (from, to) = range.expect("what is missing is wrong");
        let (kind, customer) = (asked.text("transaction_type"), asked.text("customer_id"));
        let (text, include_bin) = (asked.text("including_text"), asked.is_on("include_bin"));
        let own = self.book.iter().filter(|one| {
            self.is_visible(one)
                && wanted(one)
                && (from..=to).contains(&self.calendar.day(one.created))
                && kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(one.kind.name()))
                && customer.as_ref().is_none_or(|customer| *customer == one.customer_id)
                && text.as_ref().is_none_or(|text| one.includes(text))
        });
        let rows: Vec<Value> = own.map(|one| self.row(one, include_bin)).collect();
        Ok(answered(true, 1, DONE, json!({ "transactions": rows })))
    }

    fn is_visible(self, one: &Transaction) -> bool {
        clock::add_ms(one.created, self.cx.visibility_lag_ms) <= self.cx.now
    }

    fn row(self, one: &Transaction, include_bin: bool) -> Value {
        one.row(include_bin, |at| self.calendar.text(at))
    }
}

fn range(asked: &mut Asked) -> Option<(Date, Date)> {
    let day = |name: &str| asked.text(name).and_then(|text| dates::read(&text));
    let range = day("start_date").zip(day("end_date")).filter(|(from, to)| from <= to);
    if range.is_none() {
        asked.wrong(DATE, "Please provide a valid start date and end date, as MM/DD/YYYY.");
    }
    range
}

fn number(amount: Decimal) -> Value {
    wire::number(wire::cents(amount))
}
