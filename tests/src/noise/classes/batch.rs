//! Deposits of a processor with their itemised lines.
//!
//! The equation of the design: the sum of net, minus reserves, plus adjustments, is the deposit.

use super::super::amounts::{fee, price};
use super::super::case::{Desk, FIRST_DAY, Tie};
use super::super::{Kind, Reason};
use super::super::{mangle, text};

/// Sales only, and the sum is right.
pub(super) fn itemised(desk: &mut Desk<'_>) {
    let batch = open(desk, 5, 30);
    let orders: Vec<usize> = (0..desk.case.orders.len()).collect();
    let payment = deposit(desk, &batch, &orders);
    desk.matched(&orders, &[payment]);
}

/// Sales with refunds, chargebacks, fees, reserves and adjustments, and the sum is right.
pub(super) fn with_other_lines(desk: &mut Desk<'_>) {
    let batch = open(desk, 4, 20);
    let orders: Vec<usize> = (0..desk.case.orders.len()).collect();
    for _ in 0..=desk.random.index(3) {
        add_other_line(desk, &batch);
    }
    let payment = deposit(desk, &batch, &orders);
    desk.matched(&orders, &[payment]);
}

/// The deposit is not what the lines add up to, so that neither side is settled.
pub(super) fn wrong_sum(desk: &mut Desk<'_>) {
    let batch = open(desk, 3, 8);
    let orders: Vec<usize> = (0..desk.case.orders.len()).collect();
    if desk.random.chance(400) {
        add_other_line(desk, &batch);
    }
    let payment = deposit(desk, &batch, &orders);
    let off = [desk.random.between(2, 99), desk.random.between(100, 5000), 1500][desk.random.index(3)];
    let sign = if desk.random.chance(700) { -1 } else { 1 };
    desk.case.payments[payment].gross_minor += sign * off;
    desk.case.payments[payment].net_minor += sign * off;
    orders.iter().for_each(|order| desk.order_is(*order, Reason::SettlementDifference));
    desk.payment_is(payment, Reason::SettlementDifference);
}

/// One line names an order that is not there. The sum is right, so the other orders are settled.
pub(super) fn unknown_line(desk: &mut Desk<'_>) {
    let batch = open(desk, 4, 15);
    let orders: Vec<usize> = (0..desk.case.orders.len()).collect();
    let day = desk.case.orders[0].date - FIRST_DAY;
    let digits = desk.numbers.give(desk.random, day);
    let gross = price(desk.random);
    let kept = fee(desk.random, gross).min(gross / 2);
    let number = format!("{}{digits}", desk.numbers.prefix());
    desk.line(&batch, Kind::Sale, number, gross, kept);
    let payment = deposit(desk, &batch, &orders);
    desk.matched(&orders, &[payment]);
}

/// Opens a batch with so many sales within two days, and gives its name.
fn open(desk: &mut Desk<'_>, low: i64, high: i64) -> String {
    let batch = match desk.random.index(2) {
        0 => format!("po_{:010x}", desk.random.below(1 << 40)),
        _ => format!("B-{}", desk.random.between(10_000_000, 99_999_999)),
    };
    let day = desk.day();
    for _ in 0..desk.random.between(low, high) {
        let (customer, amount) = (desk.customer(), price(desk.random));
        let date = day + desk.random.days(0, 1);
        let order = desk.order(&customer, amount, date);
        let kept = fee(desk.random, amount).min(amount / 2);
        let number = number_of_processor(desk, order);
        desk.line(&batch, Kind::Sale, number, amount, kept);
    }
    batch
}

/// A processor keeps the number as the shop gave it, or in a form of its own.
fn number_of_processor(desk: &mut Desk<'_>, order: usize) -> String {
    if desk.random.chance(80) {
        return mangle::restyled(desk.random, desk.numbers.prefix(), &desk.digits(order));
    }
    desk.number(order)
}

fn add_other_line(desk: &mut Desk<'_>, batch: &str) {
    let held = desk.random.between(500, 9000);
    match desk.random.index(6) {
        0 | 1 => give_back(desk, batch, Kind::Refund),
        2 => give_back(desk, batch, Kind::Chargeback),
        3 => desk.line(batch, Kind::Fee, String::new(), 0, held / 10),
        4 => {
            let released = if desk.random.chance(250) { -held } else { held };
            desk.line(batch, Kind::Reserve, String::new(), released, 0);
        }
        _ => {
            let signed = if desk.random.chance(500) { -held } else { held };
            desk.line(batch, Kind::Adjustment, String::new(), signed, 0);
        }
    }
}

/// Money of an order goes back, which this batch has paid, or an earlier payment. The order stays matched with it.
fn give_back(desk: &mut Desk<'_>, batch: &str, kind: Kind) {
    let mut order = desk.random.index(desk.case.orders.len());
    if desk.random.chance(400) {
        let (customer, amount) = (desk.customer(), price(desk.random));
        let day = (desk.case.orders[0].date - desk.random.days(5, 40)).max(FIRST_DAY);
        order = desk.order(&customer, amount, day);
        desk.settle_plainly(order);
    }
    let amount = desk.case.orders[order].amount_minor;
    let (back, fee) = match kind {
        Kind::Chargeback => (amount, 1500),
        _ if desk.random.chance(500) => (amount, 0),
        _ => ((amount / 3).max(1), 0),
    };
    let number = desk.number(order);
    desk.line(batch, kind, number, -back, fee);
}

/// Adds the deposit of what the lines add up to. It may name its batch in the text only.
fn deposit(desk: &mut Desk<'_>, batch: &str, orders: &[usize]) -> usize {
    let signed = |kind: Kind, net: i64| if kind == Kind::Reserve { -net } else { net };
    let mut sum: i64 = desk.case.lines.iter().map(|line| signed(line.kind, line.net_minor)).sum();
    if sum <= 0 {
        // A deposit is money that comes in; the processor lends what is missing.
        desk.line(batch, Kind::Adjustment, String::new(), 10_000 - sum, 0);
        sum = 10_000;
    }
    let last = desk.case.orders.iter().map(|order| order.date).max().expect("a batch has orders");
    let date = last + desk.random.days(1, 4);
    let said = text::deposit(desk.random, batch);
    let payer = desk.random.pick(&["STRIPE PAYMENTS EUROPE LTD", "PayPal Europe S.a r.l.", "Adyen N.V.", ""]);
    let payment = desk.pay(sum, date, payer, said, Tie::Exact(orders.to_vec()));
    if desk.random.chance(600) {
        desk.case.payments[payment].batch = Some(batch.to_owned());
    }
    payment
}
