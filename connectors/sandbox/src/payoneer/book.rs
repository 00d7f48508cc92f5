//! The bookings of the program, and what becomes of them.
//!
//! A booking is pending until its time comes; `settle` then ends it. Its end and its time depend
//! on the seed and the reference alone, so that the same run ends the same.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::methods::Method;
use super::orders::Order;
use super::{CURRENCY, Payee, PayeeState};
use crate::random::Random;
use crate::system::Notice;
use crate::{clock, wire};

/// The shortest and the longest processing of a payout, in sandbox time.
const PROCESSING_MS: (u64, u64) = (10 * 60_000, 40 * 60_000);

/// One payout in so many fails at the bank.
const BANK_FAILS_ONE_IN: u32 = 60;

/// The wait before a payout is looked at again whose payee has not registered.
const PAYEE_WAIT_MS: u64 = 10 * 60_000;

/// All bookings and the balance that they drain.
#[derive(Debug)]
pub(super) struct Book {
    seed: u64,
    balance: Decimal,
    payouts: BTreeMap<String, Vec<Booking>>,
    due: BTreeSet<(Timestamp, String, usize)>,
    bookings: u64,
    notices: Vec<Notice>,
}

#[derive(Clone, Debug)]
struct Booking {
    number: u64,
    at: Timestamp,
    payee_id: String,
    amount: Decimal,
    payout_date: String,
    funds: Funds,
    wish: Wish,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Funds {
    Taken,
    Insufficient,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wish {
    Pay,
    Cancel,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Pending,
    Transferred(Timestamp),
    Cancelled { code: u32, description: &'static str },
}

/// One reference of the book, as the ledger shows it.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// `client_reference_id`.
    pub(crate) reference: String,
    /// Who is paid by the first booking.
    pub(crate) payee_id: String,
    /// The amount of the first booking.
    pub(crate) amount: Decimal,
    /// The amount of all bookings.
    pub(crate) amount_booked: Decimal,
    /// The status of the first booking.
    pub(crate) status: &'static str,
    /// The payout of the first booking, once it has ended.
    pub(crate) payout_id: Option<String>,
    /// When it was booked: one time, or the money left more than once.
    pub(crate) booked_at: Vec<Timestamp>,
}

impl Book {
    /// Starts with a balance and no bookings.
    pub(super) fn new(seed: u64, balance: Decimal) -> Self {
        Self { seed, balance, payouts: BTreeMap::new(), due: BTreeSet::new(), bookings: 0, notices: Vec::new() }
    }

    /// Says what can still be paid.
    pub(super) fn balance(&self) -> Decimal {
        self.balance
    }

    /// Sets what can be paid.
    pub(super) fn set_balance(&mut self, balance: Decimal) {
        self.balance = balance;
    }

    /// Says when a reference was booked first.
    pub(super) fn booked_at(&self, reference: &str) -> Option<Timestamp> {
        Some(self.first(reference)?.at)
    }

    /// Books a payout, once more where its reference is booked already. Takes its amount from the
    /// balance where that suffices.
    pub(super) fn add(&mut self, order: Order, now: Timestamp) {
        let funds = if order.amount <= self.balance { Funds::Taken } else { Funds::Insufficient };
        if funds == Funds::Taken {
            self.balance -= order.amount;
        }
        self.bookings += 1;
        let booking = Booking {
            number: self.bookings,
            at: now,
            payee_id: order.payee_id,
            amount: order.amount,
            payout_date: order.payout_date.unwrap_or_else(|| clock::seconds_text(now)),
            funds,
            wish: Wish::Pay,
            state: State::Pending,
        };
        let ends_at = clock::add_ms(now, self.fate(&order.reference).0);
        let same = self.payouts.entry(order.reference.clone()).or_default();
        self.due.insert((ends_at, order.reference, same.len()));
        same.push(booking);
    }

    /// Asks to cancel a payout, which matters only while it is pending.
    pub(super) fn ask_to_cancel(&mut self, reference: &str) {
        for booking in self.payouts.get_mut(reference).into_iter().flatten() {
            booking.wish = Wish::Cancel;
        }
    }

    /// Ends every booking whose time has come, in the order of their times.
    pub(super) fn settle(&mut self, now: Timestamp, payees: &BTreeMap<String, Payee>) {
        while self.due.first().is_some_and(|(at, ..)| *at <= now) {
            let (at, reference, index) = self.due.pop_first().expect("the first one is due");
            let booking = &self.payouts[&reference][index];
            if waits_for_payee(booking, payees) {
                self.due.insert((clock::add_ms(now, PAYEE_WAIT_MS), reference, index));
                continue;
            }
            let state = self.end(&reference, booking, at);
            let method = payees.get(&booking.payee_id).map(|payee| payee.method).unwrap_or_default();
            self.notices.extend(booking.notice((&reference, method), state, at));
            let back = matches!(state, State::Cancelled { .. }) && booking.funds == Funds::Taken;
            self.balance += if back { booking.amount } else { Decimal::ZERO };
            let same = self.payouts.get_mut(&reference).expect("what is due is booked");
            same[index].state = state;
        }
    }

    /// Takes what there is to tell since the last time.
    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Says the `result` of a status look-up, for the first booking.
    pub(super) fn status(&self, reference: &str, payees: &BTreeMap<String, Payee>) -> Option<Value> {
        let booking = self.first(reference)?;
        let waits = waits_for_payee(booking, payees);
        let mut body = json!({
            "payout_date": booking.payout_date,
            "amount": wire::number(booking.amount),
            "currency": CURRENCY,
            "status": if waits { "Pending Payee" } else { booking.status() },
            "payee_id": booking.payee_id,
        });
        match booking.state {
            State::Pending => {}
            State::Transferred(at) => {
                body["payout_id"] = json!(booking.payout_id());
                body["load_date"] = json!(clock::seconds_text(at));
            }
            State::Cancelled { code, description } => {
                body["payout_id"] = json!(booking.payout_id());
                body["cancel_reason_code"] = json!(code);
                body["cancel_reason_description"] = json!(description);
            }
        }
        Some(body)
    }

    /// Says what v2 calls the first booking of a reference.
    pub(super) fn name(&self, reference: &str) -> Option<String> {
        self.first(reference).map(Booking::name)
    }

    /// Finds the reference of a booking by what v2 calls it.
    pub(super) fn reference_of(&self, name: &str) -> Option<&str> {
        let found = self.payouts.iter().find(|(_, same)| same.iter().any(|booking| booking.name() == name));
        found.map(|(reference, _)| reference.as_str())
    }

    /// Says all references, sorted.
    pub(super) fn standings(&self) -> Vec<Standing> {
        self.payouts.iter().filter_map(|(reference, same)| standing(reference, same)).collect()
    }

    fn first(&self, reference: &str) -> Option<&Booking> {
        self.payouts.get(reference)?.first()
    }

    fn end(&self, reference: &str, booking: &Booking, at: Timestamp) -> State {
        let (_, bank_fails) = self.fate(reference);
        if booking.wish == Wish::Cancel {
            State::Cancelled { code: 50001, description: "Cancelled by the program" }
        } else if booking.funds == Funds::Insufficient {
            State::Cancelled { code: 40001, description: "Insufficient funds" }
        } else if bank_fails {
            State::Cancelled { code: 30013, description: "Bank details - Invalid Branch Code" }
        } else {
            State::Transferred(at)
        }
    }

    /// Says how long a reference is processed, and whether the bank refuses it in the end.
    fn fate(&self, reference: &str) -> (u64, bool) {
        let mut random = Random::of(self.seed, reference);
        let (shortest, longest) = PROCESSING_MS;
        (random.between(shortest, longest), random.hits(BANK_FAILS_ONE_IN))
    }
}

impl Booking {
    fn status(&self) -> &'static str {
        match self.state {
            State::Pending => "Pending",
            State::Transferred(_) => "Transferred",
            State::Cancelled { .. } => "Cancelled",
        }
    }

    /// What is told of an end.
    fn notice(&self, (reference, method): (&str, Method), end: State, at: Timestamp) -> Option<Notice> {
        let paid = (self.payee_id.as_str(), self.amount);
        match end {
            State::Pending => None,
            State::Transferred(_) => Some(Notice::paid(method, reference, paid, at)),
            State::Cancelled { code, description } => {
                Some(Notice::cancel_payout(reference, paid, (code, description), at))
            }
        }
    }

    fn payout_id(&self) -> Option<String> {
        (self.state != State::Pending).then(|| self.name())
    }

    /// What it is called once it has ended; v2 says so at once.
    fn name(&self) -> String {
        (1_636_000_000 + self.number).to_string()
    }
}

fn waits_for_payee(booking: &Booking, payees: &BTreeMap<String, Payee>) -> bool {
    let payee = payees.get(&booking.payee_id);
    booking.state == State::Pending
        && booking.wish == Wish::Pay
        && payee.is_some_and(|payee| payee.state == PayeeState::Pending)
}

fn standing(reference: &str, same: &[Booking]) -> Option<Standing> {
    let first = same.first()?;
    Some(Standing {
        reference: reference.to_owned(),
        payee_id: first.payee_id.clone(),
        amount: first.amount,
        amount_booked: same.iter().map(|booking| booking.amount).sum(),
        status: first.status(),
        payout_id: first.payout_id(),
        booked_at: same.iter().map(|booking| booking.at).collect(),
    })
}
