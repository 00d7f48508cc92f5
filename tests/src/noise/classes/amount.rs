//! Right references, and amounts that are not.

use super::super::Reason;
use super::super::amounts::{Verdict, price, price_from, verdict};
use super::super::case::Desk;
use super::super::text;

/// An order paid in two to four parts.
pub(super) fn instalments_complete(desk: &mut Desk<'_>) {
    let amount = price_from(desk.random, 1000);
    let order = desk.priced_order(amount);
    let parts = parts(desk, amount);
    let payments = pay_parts(desk, order, &parts);
    desk.matched(&[order], &payments);
}

/// An order of which a part, or several, are still missing.
pub(super) fn instalments_incomplete(desk: &mut Desk<'_>) {
    let amount = price_from(desk.random, 1500);
    let order = desk.priced_order(amount);
    let mut parts = parts(desk, amount);
    let missing = desk.random.index(parts.len());
    parts.remove(missing);
    while verdict(amount, parts.iter().sum()) != Verdict::Under {
        parts[0] /= 2;
    }
    for payment in pay_parts(desk, order, &parts) {
        desk.payment_is(payment, Reason::PartiallyPaid);
    }
    desk.order_is(order, Reason::PartiallyPaid);
}

/// A bank on the way has kept something, within both bounds.
pub(super) fn short_paid(desk: &mut Desk<'_>) {
    let amount = price_from(desk.random, 500);
    let order = desk.priced_order(amount);
    let most = (amount / 100).min(250);
    let kept = if desk.random.chance(200) { most } else { desk.random.between(1, most) };
    let payment = off_by(desk, order, -kept);
    desk.case.payments[payment].fee_minor = 0;
    desk.case.payments[payment].net_minor = amount - kept;
    desk.matched(&[order], &[payment]);
}

/// Off by more than one bound, and not by more than the other one.
pub(super) fn slightly_off(desk: &mut Desk<'_>) {
    let large = desk.random.chance(250);
    let mut amount = price_from(desk.random, if large { 27_000 } else { 300 });
    while amount / 100 == 250 {
        // At such a price both bounds are one, so nothing lies between them.
        amount = price_from(desk.random, 300);
    }
    let order = desk.priced_order(amount);
    let (one, other) = (amount / 100, 250);
    let off = desk.random.between(one.min(other) + 1, one.max(other).min(amount / 2));
    let sign = if desk.random.chance(700) { -1 } else { 1 };
    let payment = off_by(desk, order, sign * off);
    desk.both_are(order, payment, Reason::AmountDiffers);
}

/// Too much in one payment, by more than every tolerance.
pub(super) fn overpaid(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let amount = desk.case.orders[order].amount_minor;
    let more = match desk.random.index(3) {
        0 => amount,
        1 => 1000,
        _ => desk.random.between(300, 300 + amount / 2),
    };
    let payment = off_by(desk, order, more.max(amount / 100 + 251));
    desk.both_are(order, payment, Reason::Overpaid);
}

/// An order that is paid in full, and a further payment of another amount that names it.
pub(super) fn extra_payment(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let first = desk.settle_plainly(order);
    let amount = desk.case.orders[order].amount_minor;
    let mut further = price(desk.random);
    while verdict(amount, further) != Verdict::Under && verdict(amount, further) != Verdict::Over {
        further = price(desk.random);
    }
    let said = text::among_words(desk.random, &desk.number(order), desk.case.orders[order].date);
    let payment = desk.pay_part(order, further, said);
    desk.case.payments[payment].date = desk.case.payments[first].date + desk.random.days(0, 20);
    desk.payment_is(payment, Reason::Overpaid);
}

/// The right reference in another currency, converted or not.
pub(super) fn wrong_currency(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let payment = off_by(desk, order, 0);
    let own = desk.case.orders[order].currency;
    let payment_row = &mut desk.case.payments[payment];
    payment_row.currency = if own == "USD" { "EUR" } else { "USD" };
    if desk.random.chance(500) {
        let rate_per_mille = desk.random.between(880, 1280);
        payment_row.gross_minor = payment_row.gross_minor * rate_per_mille / 1000;
        payment_row.net_minor = payment_row.gross_minor - payment_row.fee_minor;
    }
    desk.both_are(order, payment, Reason::CurrencyMismatch);
}

/// The payer paid what he owed, and what arrived is not gross minus fee.
pub(super) fn fee_difference(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let payment = off_by(desk, order, 0);
    desk.take_fee(payment);
    let off = desk.random.between(2, 90);
    let sign = if desk.random.chance(800) { -1 } else { 1 };
    desk.case.payments[payment].net_minor += sign * off;
    desk.both_are(order, payment, Reason::FeeDifference);
}

/// Paid twice on one day. Nothing says which of the two is the duplicate.
pub(super) fn duplicate_same_day(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let first = desk.settle_plainly(order);
    let mut again = desk.case.payments[first].clone();
    if desk.random.chance(300) {
        again.text = text::among_words(desk.random, &desk.number(order), again.date);
    }
    let tie = desk.case.ties[first].clone();
    desk.case.payments.push(again);
    desk.case.ties.push(tie);
    desk.payment_is(first + 1, Reason::DuplicatePayment);
    desk.case.twins.push((first, first + 1));
}

/// Paid again days later. The later one is the duplicate.
pub(super) fn duplicate_later(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let first = desk.settle_plainly(order);
    let again = off_by(desk, order, 0);
    desk.case.payments[again].date = desk.case.payments[first].date + desk.random.days(1, 35);
    desk.payment_is(again, Reason::DuplicatePayment);
}

/// Pays what is owed and so much more, with the number alone or among words.
fn off_by(desk: &mut Desk<'_>, order: usize, more: i64) -> usize {
    let number = desk.number(order);
    let day = desk.case.orders[order].date;
    let said = if desk.random.chance(350) { text::among_words(desk.random, &number, day) } else { number };
    let gross = desk.case.orders[order].amount_minor + more;
    desk.pay_part(order, gross, said)
}

/// Splits an amount into two to four parts: equal ones, a deposit and the rest, or any.
fn parts(desk: &mut Desk<'_>, amount: i64) -> Vec<i64> {
    let count = desk.random.between(2, 4);
    let deposit = [amount / count, amount / 2, amount * 3 / 10, amount / 5][desk.random.index(4)];
    let rest = amount - deposit;
    let mut parts = vec![deposit];
    for _ in 2..count {
        parts.push(rest / (count - 1));
    }
    parts.push(amount - parts.iter().sum::<i64>());
    parts
}

/// Pays parts one after the other; each names the order.
fn pay_parts(desk: &mut Desk<'_>, order: usize, parts: &[i64]) -> Vec<usize> {
    let number = desk.number(order);
    let mut date = desk.case.orders[order].date;
    let mut payments = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let said = match desk.random.index(4) {
            0 => format!("{number} Rate {}", place + 1),
            1 => format!("Teilzahlung {number}"),
            _ => number.clone(),
        };
        let payment = desk.pay_part(order, *part, said);
        date += desk.random.days(0, 30);
        desk.case.payments[payment].date = date;
        payments.push(payment);
    }
    payments
}
