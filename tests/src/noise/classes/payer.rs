//! Payments without a reference: payer, amount and day have to tell, or cannot.

use super::super::Reason;
use super::super::amounts::price;
use super::super::case::{Desk, Tie};
use super::super::{mangle, text};

/// The payer as the shop knows him.
pub(super) fn as_is(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let payer = desk.case.orders[order].customer.clone();
    let lag = desk.lag();
    let payment = pay_silently(desk, order, &payer, lag);
    desk.matched(&[order], &[payment]);
}

/// The payer as a bank knows him.
pub(super) fn mangled(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let payer = mangle::name(desk.random, &desk.case.orders[order].customer);
    let lag = desk.lag();
    let payment = pay_silently(desk, order, &payer, lag);
    desk.matched(&[order], &[payment]);
}

/// Somebody else pays and names nothing: nothing tells.
pub(super) fn third_party(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let payer = desk.names.stranger(desk.random);
    let lag = desk.lag();
    let payment = pay_silently(desk, order, &payer, lag);
    desk.order_is(order, Reason::Unpaid);
    desk.payment_is(payment, Reason::UnknownPayment);
}

/// Payer and amount are right, the days are not.
pub(super) fn outside_window(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let payer = desk.case.orders[order].customer.clone();
    let lag = match desk.random.index(8) {
        0 => 15,
        1 => -2,
        2 => desk.random.days(-25, -2),
        _ => desk.random.days(15, 70),
    };
    let payment = pay_silently(desk, order, &payer, lag);
    desk.both_are(order, payment, Reason::OutsideWindow);
}

/// Orders of one customer at one price, and fewer or as many payments that name none of them.
pub(super) fn ambiguous_single(desk: &mut Desk<'_>) {
    let (customer, day, amount) = (desk.customer(), desk.day(), price(desk.random));
    let orders = 2 + desk.random.index(2);
    let payments = 1 + desk.random.index(orders);
    let mut last = day;
    for _ in 0..orders {
        last = day + desk.random.days(0, 3);
        let order = desk.order(&customer, amount, last);
        desk.order_is(order, Reason::Ambiguous);
    }
    last = desk.case.orders.iter().map(|order| order.date).max().unwrap_or(last);
    for _ in 0..payments {
        let date = last + desk.random.days(0, 10);
        let said = text::without_reference(desk.random, date);
        let payment = desk.pay(amount, date, &customer, said, Tie::None);
        desk.payment_is(payment, Reason::Ambiguous);
    }
}

/// One price each month, and nothing but the days tells which month is paid. Now and then one is not.
pub(super) fn subscription(desk: &mut Desk<'_>) {
    let (customer, mut day, amount) = (desk.customer(), desk.day(), price(desk.random));
    let months = 2 + desk.random.index(4);
    let missing = if desk.random.chance(300) { desk.random.index(months) } else { months };
    for month in 0..months {
        let order = desk.order(&customer, amount, day);
        day += desk.random.days(28, 31);
        if month == missing {
            desk.order_is(order, Reason::Unpaid);
            continue;
        }
        let lag = desk.random.days(0, 9);
        let payment = pay_silently(desk, order, &customer, lag);
        desk.matched(&[order], &[payment]);
    }
}

fn pay_silently(desk: &mut Desk<'_>, order: usize, payer: &str, lag: i32) -> usize {
    let (amount, date) = (desk.case.orders[order].amount_minor, desk.case.orders[order].date + lag);
    let said = text::without_reference(desk.random, date);
    let payment = desk.pay(amount, date, payer, said, Tie::None);
    if desk.random.chance(250) {
        desk.take_fee(payment);
    }
    payment
}
