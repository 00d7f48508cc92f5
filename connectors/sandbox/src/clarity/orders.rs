//! The orders of the shop, and what becomes of them on the sandbox clock.
//!
//! What will happen to an order is planned when it is placed, from the seed and its number alone, so that the same run ends
//! the same. It happens in `settle`, unless a person has done it before.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::catalogue::Catalogue;
use super::order::{Order, Processor};
use super::status::Status;
use crate::random::Random;
use crate::{clock, limits, wire};

const FIRST_NUMBER: u64 = 1_001;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// One order in so many is never paid.
const UNPAID_ONE_IN: u32 = 20;

/// One order in so many is paid in two parts.
const PARTS_ONE_IN: u32 = 8;

/// Of one order in so many, money goes back later.
const REFUNDED_ONE_IN: u32 = 12;

/// All orders.
#[derive(Debug)]
pub(super) struct Orders {
    seed: u64,
    orders: Vec<Order>,
    next_at: Timestamp,
    due: BTreeMap<(Timestamp, u64), Due>,
    planned: u64,
    refunds: u64,
    events: Vec<Event>,
}

/// Something that will happen to the order at an index.
#[derive(Clone, Copy, Debug)]
enum Due {
    Pay(usize, Processor, Decimal),
    Refund(usize, Decimal),
    Move(usize, Status),
}

/// Something that others may want to know.
#[derive(Debug)]
pub(super) struct Event {
    /// Its kind.
    pub(super) kind: &'static str,
    /// What it happened to.
    pub(super) reference: String,
    /// When.
    pub(super) at: Timestamp,
    /// What is told.
    pub(super) data: Value,
}

/// Why a status is not set. One variant per answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// There is no such order.
    NoOrder,
    /// There is no such status.
    NoStatus,
    /// No order comes back from this one.
    Final(Status),
}

impl Orders {
    /// Starts with the orders of three days, of which nobody is told.
    pub(super) fn new(seed: u64, catalogue: &Catalogue, now: Timestamp) -> Self {
        let begin = Timestamp::from_millisecond(now.as_millisecond() - (72 * HOUR_MS).cast_signed()).unwrap_or(now);
        let mut orders = Self {
            seed,
            orders: Vec::new(),
            next_at: begin,
            due: BTreeMap::new(),
            planned: 0,
            refunds: 0,
            events: Vec::new(),
        };
        orders.settle(now, catalogue);
        orders.events.clear();
        orders
    }

    /// Lets everything happen that is due, in the order of its time.
    pub(super) fn settle(&mut self, now: Timestamp, catalogue: &Catalogue) {
        loop {
            let due_at = self.due.first_key_value().map(|((at, _), _)| *at).filter(|at| *at <= now);
            let places = self.next_at <= now && self.orders.len() < limits::ORDERS_MAX;
            if places && due_at.is_none_or(|at| self.next_at <= at) {
                let at = self.next_at;
                self.place(at, catalogue);
                let mut random = Random::of(self.seed, &format!("clarity/wait/{}", self.orders.len()));
                self.next_at = clock::add_ms(at, random.between(20, 100) * MINUTE_MS);
            } else if due_at.is_some() {
                let ((at, _), due) = self.due.pop_first().expect("the first one is due");
                self.happen(due, at);
            } else {
                break;
            }
        }
    }

    /// Takes what happened since it was last asked.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Places the next order, plans what becomes of it, and says its number.
    pub(super) fn place(&mut self, now: Timestamp, catalogue: &Catalogue) -> u64 {
        let (index, number) = (self.orders.len(), FIRST_NUMBER + self.orders.len() as u64);
        let mut random = Random::of(self.seed, &format!("clarity/order/{number}"));
        let order = Order::place(number, catalogue, &mut random, now);
        self.events.push(Event { kind: "order.created", reference: number.to_string(), at: now, data: order.shown() });
        let (total, in_dollars) = (order.total, order.currency == "USD");
        self.orders.push(order);
        self.plan(index, (total, in_dollars), &mut random, now);
        number
    }

    fn plan(&mut self, index: usize, (total, in_dollars): (Decimal, bool), random: &mut Random, now: Timestamp) {
        let is_card = in_dollars && random.between(0, 9) < 6;
        let processor = if is_card { Processor::PayTrace } else { Processor::Payoneer };
        if random.hits(UNPAID_ONE_IN) {
            return;
        }
        let mut paid_at = clock::add_ms(now, random.between(MINUTE_MS, 10 * MINUTE_MS));
        if random.hits(PARTS_ONE_IN) {
            let first = wire::cents((total * Decimal::from(random.between(30, 70)) / Decimal::ONE_HUNDRED).round_dp(2));
            self.later(paid_at, Due::Pay(index, processor, first));
            paid_at = clock::add_ms(paid_at, random.between(2 * HOUR_MS, 6 * HOUR_MS));
            self.later(paid_at, Due::Pay(index, processor, total - first));
        } else {
            self.later(paid_at, Due::Pay(index, processor, total));
        }
        let packed_at = clock::add_ms(paid_at, random.between(HOUR_MS, 4 * HOUR_MS));
        let shipped_at = clock::add_ms(packed_at, random.between(4 * HOUR_MS, 12 * HOUR_MS));
        let there_at = clock::add_ms(shipped_at, random.between(24 * HOUR_MS, 72 * HOUR_MS));
        self.later(packed_at, Due::Move(index, Status::Processing));
        self.later(shipped_at, Due::Move(index, Status::Shipped));
        self.later(there_at, Due::Move(index, Status::Completed));
        if random.hits(REFUNDED_ONE_IN) {
            let part = if random.hits(2) { Decimal::ONE } else { Decimal::new(25, 2) };
            let refunded_at = clock::add_ms(paid_at, random.between(6 * HOUR_MS, 30 * HOUR_MS));
            self.later(refunded_at, Due::Refund(index, wire::cents((total * part).round_dp(2))));
        }
    }

    fn later(&mut self, at: Timestamp, due: Due) {
        self.planned += 1;
        self.due.insert((at, self.planned), due);
    }

    fn happen(&mut self, due: Due, at: Timestamp) {
        match due {
            Due::Pay(index, processor, amount) => {
                let order = &self.orders[index];
                let amount = amount.min(order.open());
                if amount > Decimal::ZERO && order.status != Status::Void {
                    self.pay_at(index, (processor, amount), at);
                }
            }
            Due::Refund(index, amount) => {
                let amount = amount.min(self.orders[index].kept());
                if amount > Decimal::ZERO {
                    self.refund_at(index, amount, at);
                }
            }
            Due::Move(index, status) => {
                let order = &mut self.orders[index];
                let may = matches!(order.status, Status::Paid | Status::Processing | Status::Shipped);
                if may && order.status < status {
                    (order.status, order.updated) = (status, at);
                }
            }
        }
    }

    fn pay_at(&mut self, index: usize, paid: (Processor, Decimal), at: Timestamp) -> Value {
        let data = self.orders[index].pay(paid, self.seed, at);
        let reference = data["id"].as_str().unwrap_or_default().to_owned();
        self.events.push(Event { kind: "payment.processed", reference, at, data: data.clone() });
        data
    }

    fn refund_at(&mut self, index: usize, amount: Decimal, at: Timestamp) -> Value {
        self.refunds += 1;
        let order = &mut self.orders[index];
        let reference = format!("REF-{}-{}", order.number, self.refunds);
        let parts = order.refund(amount, at);
        let data = json!({
            "id": reference,
            "orderId": order.number.to_string(),
            "orderNumber": order.label(),
            "amount": wire::number(amount),
            "currency": order.currency,
            "orderStatus": order.status.name(),
            "payments": parts,
            "refundedAt": at,
        });
        self.events.push(Event { kind: "order.refunded", reference, at, data: data.clone() });
        data
    }

    /// Finds an order by its number.
    pub(super) fn get(&self, id: &str) -> Option<&Order> {
        self.orders.get(index(id)?)
    }

    /// All orders, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter()
    }

    /// Sets a status as a client asks; the same once more changes nothing.
    pub(super) fn set(&mut self, id: &str, status: &str, now: Timestamp) -> Result<&Order, Refused> {
        let order = index(id).and_then(|index| self.orders.get_mut(index)).ok_or(Refused::NoOrder)?;
        let status = Status::named(status).ok_or(Refused::NoStatus)?;
        if status != order.status && order.status.is_final() {
            return Err(Refused::Final(order.status));
        }
        *order.set.entry(status.name()).or_default() += 1;
        if status != order.status {
            (order.status, order.updated) = (status, now);
        }
        Ok(order)
    }

    /// Lets somebody pay, what is open where no amount is named.
    ///
    /// # Errors
    /// What is right.
    pub(super) fn pay(
        &mut self,
        id: &str,
        amount: Option<Decimal>,
        by: Processor,
        now: Timestamp,
    ) -> Result<Value, String> {
        let index = self.index_of(id)?;
        let amount = amount.unwrap_or_else(|| self.orders[index].open());
        if amount <= Decimal::ZERO {
            return Err(format!("the order `{id}` is paid; name an `amount` to pay too much"));
        }
        Ok(self.pay_at(index, (by, amount), now))
    }

    /// Lets money go back, all where no amount is named.
    ///
    /// # Errors
    /// What is right.
    pub(super) fn refund(&mut self, id: &str, amount: Option<Decimal>, now: Timestamp) -> Result<Value, String> {
        let index = self.index_of(id)?;
        let kept = self.orders[index].kept();
        let amount = amount.unwrap_or(kept);
        if amount <= Decimal::ZERO || amount > kept {
            return Err(format!("of the order `{id}`, {kept} can go back"));
        }
        Ok(self.refund_at(index, amount, now))
    }

    fn index_of(&self, id: &str) -> Result<usize, String> {
        let found = index(id).filter(|index| *index < self.orders.len());
        found.ok_or_else(|| format!("no order `{id}`; they are `{FIRST_NUMBER}` and so on"))
    }
}

fn index(id: &str) -> Option<usize> {
    usize::try_from(id.parse::<u64>().ok()?.checked_sub(FIRST_NUMBER)?).ok()
}
