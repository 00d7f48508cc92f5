//! One case: some orders, some payments, and what is true of them, before it is put into a world.

use super::names::Names;
use super::numbers::Numbers;
use super::random::Random;
use super::{Kind, Line, Order, Payment, Reason};
use super::{amounts, mangle};

/// 2024-01-01. The year of all orders begins here.
pub(super) const FIRST_DAY: i32 = 19_723;
/// How many days have orders.
pub(super) const DAYS: i32 = 366;

/// What the text of a payment points to. Only the generator knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Tie {
    /// To nothing.
    None,
    /// To these orders, and a person reads their very numbers.
    Exact(Vec<usize>),
    /// To this order, by these digits that are not its own.
    Near(usize, String),
    /// To an order that is not there, by these digits.
    Unknown(String),
}

/// A case that is being made. Places are places in its own lists.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) class: &'static str,
    pub(super) orders: Vec<Order>,
    pub(super) payments: Vec<Payment>,
    pub(super) ties: Vec<Tie>,
    pub(super) lines: Vec<Line>,
    pub(super) matches: Vec<(Vec<usize>, Vec<usize>)>,
    pub(super) order_reasons: Vec<(usize, Reason)>,
    pub(super) payment_reasons: Vec<(usize, Reason)>,
    pub(super) twins: Vec<(usize, usize)>,
}

/// What a class makes its case with.
pub(super) struct Desk<'world> {
    pub(super) random: &'world mut Random,
    pub(super) numbers: &'world mut Numbers,
    pub(super) names: &'world Names,
    pub(super) case: Case,
    currency: &'static str,
}

impl<'world> Desk<'world> {
    /// Begins a case. Its currency is one for all of it.
    pub(super) fn new(
        class: &'static str,
        random: &'world mut Random,
        numbers: &'world mut Numbers,
        names: &'world Names,
    ) -> Self {
        let currency = random.pick(&["EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "USD", "USD", "GBP", "PLN"]);
        let case = Case {
            class,
            orders: Vec::new(),
            payments: Vec::new(),
            ties: Vec::new(),
            lines: Vec::new(),
            matches: Vec::new(),
            order_reasons: Vec::new(),
            payment_reasons: Vec::new(),
            twins: Vec::new(),
        };
        Self { random, numbers, names, case, currency }
    }

    /// Draws a customer.
    pub(super) fn customer(&mut self) -> String {
        self.names.customer(self.random)
    }

    /// Draws a day of the year.
    pub(super) fn day(&mut self) -> i32 {
        FIRST_DAY + self.random.days(0, DAYS - 1)
    }

    /// Draws how many days later a payment comes: mostly few, at the ends of the window now and then.
    pub(super) fn lag(&mut self) -> i32 {
        match self.random.index(20) {
            0 => -1,
            1..=5 => 0,
            6..=12 => self.random.days(1, 3),
            13..=17 => self.random.days(2, 10),
            18 => 14,
            _ => self.random.days(8, 14),
        }
    }

    /// Adds an order of a customer.
    pub(super) fn order(&mut self, customer: &str, amount_minor: i64, date: i32) -> usize {
        let digits = self.numbers.give(self.random, date - FIRST_DAY);
        self.numbered_order(&digits, customer, amount_minor, date)
    }

    /// Adds an order with a number that was given before.
    pub(super) fn numbered_order(&mut self, digits: &str, customer: &str, amount_minor: i64, date: i32) -> usize {
        let number = format!("{}{digits}", self.numbers.prefix());
        let (currency, customer) = (self.currency, customer.to_owned());
        self.case.orders.push(Order { id: String::new(), number, amount_minor, currency, date, customer });
        self.case.orders.len() - 1
    }

    /// Adds an order of anybody, at any price, on any day.
    pub(super) fn any_order(&mut self) -> usize {
        let amount = amounts::price(self.random);
        self.priced_order(amount)
    }

    /// Adds an order of anybody at a price, on any day.
    pub(super) fn priced_order(&mut self, amount_minor: i64) -> usize {
        let (customer, day) = (self.customer(), self.day());
        self.order(&customer, amount_minor, day)
    }

    /// The digits of an order's number.
    pub(super) fn digits(&self, order: usize) -> String {
        self.case.orders[order].number[self.numbers.prefix().len()..].to_owned()
    }

    /// The number of an order as the shop writes it.
    pub(super) fn number(&self, order: usize) -> String {
        self.case.orders[order].number.clone()
    }

    /// Adds a payment without a fee.
    pub(super) fn pay(&mut self, gross_minor: i64, date: i32, payer: &str, text: String, tie: Tie) -> usize {
        self.case.payments.push(Payment {
            id: String::new(),
            gross_minor,
            fee_minor: 0,
            net_minor: gross_minor,
            currency: self.currency,
            date,
            text,
            payer: payer.to_owned(),
            batch: None,
        });
        self.case.ties.push(tie);
        self.case.payments.len() - 1
    }

    /// Adds a payment of what is owed that names its order in this text.
    pub(super) fn pay_order(&mut self, order: usize, text: String) -> usize {
        let amount = self.case.orders[order].amount_minor;
        self.pay_part(order, amount, text)
    }

    /// Adds a payment of any amount that names its order in this text, from whom and when is usual.
    pub(super) fn pay_part(&mut self, order: usize, gross_minor: i64, text: String) -> usize {
        let date = self.case.orders[order].date + self.lag();
        let payer = self.usual_payer(order);
        let payment = self.pay(gross_minor, date, &payer, text, Tie::Exact(vec![order]));
        if self.random.chance(400) {
            self.take_fee(payment);
        }
        payment
    }

    /// Pays an order with its very number, and matches the two.
    pub(super) fn settle_plainly(&mut self, order: usize) -> usize {
        let text = self.number(order);
        let payment = self.pay_order(order, text);
        self.matched(&[order], &[payment]);
        payment
    }

    /// Lets the processor keep its fee.
    pub(super) fn take_fee(&mut self, payment: usize) {
        let gross = self.case.payments[payment].gross_minor;
        let fee = amounts::fee(self.random, gross).min(gross / 2);
        let payment = &mut self.case.payments[payment];
        (payment.fee_minor, payment.net_minor) = (fee, gross - fee);
    }

    /// The payer of a payment that has a reference: the customer as is, in some other form, or nobody.
    pub(super) fn usual_payer(&mut self, order: usize) -> String {
        let customer = self.case.orders[order].customer.clone();
        match self.random.index(20) {
            0 => String::new(),
            1..=3 => mangle::bank_letters(&customer),
            4 | 5 => mangle::name(self.random, &customer),
            _ => customer,
        }
    }

    /// Adds a settlement line.
    pub(super) fn line(
        &mut self,
        batch: &str,
        kind: Kind,
        order_number_text: String,
        gross_minor: i64,
        fee_minor: i64,
    ) {
        self.case.lines.push(Line {
            batch: batch.to_owned(),
            kind,
            order_number_text,
            gross_minor,
            fee_minor,
            net_minor: gross_minor - fee_minor,
            currency: self.currency,
        });
    }

    /// Says that these belong together.
    pub(super) fn matched(&mut self, orders: &[usize], payments: &[usize]) {
        self.case.matches.push((orders.to_vec(), payments.to_vec()));
    }

    /// Says why an order is in no match.
    pub(super) fn order_is(&mut self, order: usize, reason: Reason) {
        self.case.order_reasons.push((order, reason));
    }

    /// Says why a payment is in no match.
    pub(super) fn payment_is(&mut self, payment: usize, reason: Reason) {
        self.case.payment_reasons.push((payment, reason));
    }

    /// Says why an order and a payment are in no match.
    pub(super) fn both_are(&mut self, order: usize, payment: usize, reason: Reason) {
        self.order_is(order, reason);
        self.payment_is(payment, reason);
    }
}

impl Case {
    /// Whether a payment points to this order, so that a payment without a reference is not its partner.
    pub(super) fn is_tied(&self, order: usize) -> bool {
        self.ties.iter().any(|tie| match tie {
            Tie::Exact(orders) => orders.contains(&order),
            Tie::Near(near, _) => *near == order,
            Tie::None | Tie::Unknown(_) => false,
        })
    }

    /// Whether a payment is in a match, names each of its orders, and is what the one order costs.
    pub(super) fn is_plainly_right(&self, payment: usize) -> bool {
        let Tie::Exact(orders) = &self.ties[payment] else { return false };
        let is_exception = self.payment_reasons.iter().any(|(place, _)| *place == payment);
        match orders.as_slice() {
            [order] => !is_exception && self.orders[*order].amount_minor == self.payments[payment].gross_minor,
            _ => true,
        }
    }
}
