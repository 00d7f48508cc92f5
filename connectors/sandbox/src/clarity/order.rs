//! One order: its lines with what vendors and affiliates get, its payments, and how each is shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use super::catalogue::{AFFILIATES, Catalogue};
use super::status::Status;
use crate::random::Random;
use crate::wire;

/// What a vendor gets of a line, in percent.
const VENDOR_PERCENT: i64 = 80;

/// What an affiliate gets of a line, in percent.
const COMMISSION_PERCENT: i64 = 5;

const TAX_PERCENT: i64 = 8;

/// An order of a customer.
#[derive(Debug)]
pub(super) struct Order {
    /// Its number, from 1001.
    pub(super) number: u64,
    /// Where it is.
    pub(super) status: Status,
    /// What it is paid in.
    pub(super) currency: &'static str,
    /// What is to be paid.
    pub(super) total: Decimal,
    /// When it last changed.
    pub(super) updated: Timestamp,
    /// What was paid.
    pub(super) payments: Vec<Payment>,
    /// How often clients have set each status.
    pub(super) set: BTreeMap<&'static str, u32>,
    customer: String,
    lines: Vec<Value>,
    subtotal: Decimal,
    tax: Decimal,
    shipping: Decimal,
    created: Timestamp,
}

/// Money that came in for an order.
#[derive(Debug)]
pub(super) struct Payment {
    /// Its id, such as `PAY-1001-1`.
    pub(super) id: String,
    /// Who took it.
    pub(super) processor: Processor,
    /// How much.
    pub(super) amount: Decimal,
    /// How much of it went back.
    pub(super) refunded: Decimal,
    /// When it last changed.
    pub(super) updated: Timestamp,
    transaction: String,
    paid: Timestamp,
}

/// Who takes money for the shop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Processor {
    /// Cards, in US dollars.
    PayTrace,
    /// Anything else.
    Payoneer,
}

impl Order {
    /// Places an order, as its number and the seed say.
    pub(super) fn place(number: u64, catalogue: &Catalogue, random: &mut Random, now: Timestamp) -> Self {
        let (currency, factor) = match random.between(0, 9) {
            0..=6 => ("USD", Decimal::ONE),
            7 | 8 => ("EUR", Decimal::new(92, 2)),
            _ => ("GBP", Decimal::new(79, 2)),
        };
        let affiliate = random.hits(3).then(|| format!("A-{}", random.between(1, AFFILIATES)));
        let (mut lines, mut subtotal) = (Vec::new(), Decimal::ZERO);
        for index in 1..=random.between(1, 4) {
            let product = catalogue.any_product(random);
            let quantity = Decimal::from(random.between(1, 3));
            let price = cents(product.price * factor);
            let total = price * quantity;
            subtotal += total;
            let mut line = json!({
                "id": format!("{number}-{index}"),
                "productId": product.id,
                "sku": product.sku,
                "name": product.name,
                "vendorId": product.vendor,
                "quantity": wire::number(quantity),
                "unitPrice": wire::number(price),
                "total": wire::number(total),
                "vendorAmount": wire::number(percent(total, VENDOR_PERCENT)),
            });
            if let Some(affiliate) = &affiliate {
                line["affiliateId"] = json!(affiliate);
                line["commission"] = wire::number(percent(total, COMMISSION_PERCENT));
            }
            lines.push(line);
        }
        let tax = percent(subtotal, TAX_PERCENT);
        let shipping = Decimal::new([0, 490, 990][usize::try_from(random.between(0, 2)).expect("it is small")], 2);
        Self {
            number,
            status: Status::Pending,
            currency,
            total: subtotal + tax + shipping,
            updated: now,
            payments: Vec::new(),
            set: BTreeMap::new(),
            customer: catalogue.any_customer(random).to_owned(),
            lines,
            subtotal,
            tax,
            shipping,
            created: now,
        }
    }

    /// Says what is still to be paid; below 0 where too much was.
    pub(super) fn open(&self) -> Decimal {
        self.total - self.payments.iter().map(|payment| payment.amount).sum::<Decimal>()
    }

    /// Says what was paid and did not go back.
    pub(super) fn kept(&self) -> Decimal {
        self.payments.iter().map(|payment| payment.amount - payment.refunded).sum()
    }

    /// Takes money, and shows the payment.
    pub(super) fn pay(&mut self, (processor, amount): (Processor, Decimal), seed: u64, now: Timestamp) -> Value {
        let id = format!("PAY-{}-{}", self.number, self.payments.len() + 1);
        let drawn = Random::of(seed, &format!("clarity/{id}")).draw();
        let transaction = match processor {
            Processor::PayTrace => (100_000_000 + drawn % 900_000_000).to_string(),
            Processor::Payoneer => format!("{drawn:016x}"),
        };
        let payment = Payment { id, processor, amount, refunded: Decimal::ZERO, updated: now, transaction, paid: now };
        self.payments.push(payment);
        self.updated = now;
        if !self.status.is_final() {
            self.status = if self.open() > Decimal::ZERO { Status::PartlyPaid } else { Status::Paid };
        }
        self.payment(self.payments.len() - 1)
    }

    /// Gives money back, the latest first; shows what was given back of each payment.
    pub(super) fn refund(&mut self, mut amount: Decimal, now: Timestamp) -> Vec<Value> {
        let mut parts = Vec::new();
        for payment in self.payments.iter_mut().rev() {
            let part = amount.min(payment.amount - payment.refunded);
            if part > Decimal::ZERO {
                amount -= part;
                payment.refunded += part;
                payment.updated = now;
                parts.push(json!({ "paymentId": payment.id, "amount": wire::number(part) }));
            }
        }
        self.updated = now;
        // What is in the books stays there; the refund is another entry.
        if self.kept() <= Decimal::ZERO && !self.status.is_final() {
            self.status = Status::Refunded;
        }
        parts
    }

    /// Shows the order.
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.number.to_string(),
            "orderNumber": self.label(),
            "customerId": self.customer,
            "status": self.status.name(),
            "currency": self.currency,
            "subtotal": wire::number(self.subtotal),
            "tax": wire::number(self.tax),
            "shipping": wire::number(self.shipping),
            "total": wire::number(self.total),
            "createdAt": self.created,
            "updatedAt": self.updated,
            "lines": self.lines,
            "payments": self.payments().collect::<Vec<_>>(),
        })
    }

    /// Shows the order as the CEF generation does: numbers as ids, and other names.
    pub(super) fn shown_as_cef(&self) -> Value {
        json!({
            "ID": self.number,
            "CustomKey": self.label(),
            "AccountKey": self.customer,
            "StatusName": self.status.name(),
            "CurrencyKey": self.currency,
            "Totals": {
                "SubTotal": wire::number(self.subtotal),
                "Tax": wire::number(self.tax),
                "Shipping": wire::number(self.shipping),
                "Total": wire::number(self.total),
            },
            "BalanceDue": wire::number(self.open().max(Decimal::ZERO)),
            "CreatedDate": self.created,
            "UpdatedDate": self.updated,
        })
    }

    /// Shows its payments.
    pub(super) fn payments(&self) -> impl Iterator<Item = Value> {
        (0..self.payments.len()).map(|index| self.payment(index))
    }

    /// Says what people call it.
    pub(super) fn label(&self) -> String {
        format!("SO-{}", self.number)
    }

    fn payment(&self, index: usize) -> Value {
        let payment = &self.payments[index];
        json!({
            "id": payment.id,
            "orderId": self.number.to_string(),
            "orderNumber": self.label(),
            "processor": payment.processor.name(),
            "processorTransactionId": payment.transaction,
            "method": payment.processor.method(),
            "amount": wire::number(payment.amount),
            "fee": wire::number(payment.processor.fee(payment.amount)),
            "refundedAmount": wire::number(payment.refunded),
            "currency": self.currency,
            "status": payment.status(),
            "paidAt": payment.paid,
            "updatedAt": payment.updated,
        })
    }
}

impl Payment {
    fn status(&self) -> &'static str {
        if self.refunded.is_zero() {
            "Captured"
        } else if self.refunded < self.amount {
            "Partially Refunded"
        } else {
            "Refunded"
        }
    }
}

impl Processor {
    /// Finds one by its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::PayTrace, Self::Payoneer].into_iter().find(|processor| processor.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::PayTrace => "PayTrace",
            Self::Payoneer => "Payoneer",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::PayTrace => "Card",
            Self::Payoneer => "Payoneer Checkout",
        }
    }

    /// What it keeps for itself: 2.9 % and 0.30, or 3 %.
    fn fee(self, amount: Decimal) -> Decimal {
        match self {
            Self::PayTrace => cents(amount * Decimal::new(29, 3) + Decimal::new(30, 2)),
            Self::Payoneer => percent(amount, 3),
        }
    }
}

fn percent(amount: Decimal, percent: i64) -> Decimal {
    cents(amount * Decimal::new(percent, 2))
}

fn cents(amount: Decimal) -> Decimal {
    wire::cents(amount.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven))
}
