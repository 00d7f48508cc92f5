//! What has a right reference, and what has no partner at all.

use super::super::Reason;
use super::super::amounts::price;
use super::super::case::{Desk, Tie};
use super::super::text;

/// The number as it is, the amount as it is.
pub(super) fn clean(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    desk.settle_plainly(order);
}

/// A processor keeps its fee. Taxes are rounded line by line, so gross is a cent off now and then.
pub(super) fn net_of_fee(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let cent = if desk.random.chance(150) { desk.random.between(0, 1) * 2 - 1 } else { 0 };
    let number = desk.number(order);
    let reference = if desk.random.chance(300) { format!("Order {number}") } else { number };
    let gross = desk.case.orders[order].amount_minor + cent;
    let payment = desk.pay_part(order, gross, reference);
    desk.take_fee(payment);
    desk.matched(&[order], &[payment]);
}

/// Paid weeks after the window. The reference decides.
pub(super) fn late_with_reference(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let payment = desk.settle_plainly(order);
    desk.case.payments[payment].date = desk.case.orders[order].date + desk.random.days(15, 75);
}

/// Somebody else pays, and names the order. The reference decides.
pub(super) fn third_party_with_reference(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let payment = desk.settle_plainly(order);
    let stranger = desk.random.chance(700);
    let payer = if stranger { desk.names.stranger(desk.random) } else { desk.customer() };
    desk.case.payments[payment].payer = payer;
}

/// Two orders of one amount on one day, of two customers or of one, each paid with its reference.
pub(super) fn lookalikes_with_reference(desk: &mut Desk<'_>) {
    let (day, amount) = (desk.day(), price(desk.random));
    let first = desk.customer();
    let second = if desk.random.chance(700) { desk.customer() } else { first.clone() };
    let (one, other) = (desk.order(&first, amount, day), desk.order(&second, amount, day));
    let payment = desk.settle_plainly(one);
    let same = desk.settle_plainly(other);
    desk.case.payments[same].date = desk.case.payments[payment].date;
}

/// Nobody paid.
pub(super) fn unpaid(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    desk.order_is(order, Reason::Unpaid);
}

/// Money that belongs to no order, from strangers and from customers.
pub(super) fn unknown_payment(desk: &mut Desk<'_>) {
    let (day, amount) = (desk.day(), price(desk.random));
    let payer = match desk.random.index(10) {
        0 => String::new(),
        1..=3 => desk.customer(),
        _ => desk.names.stranger(desk.random),
    };
    let said = text::unrelated(desk.random, day);
    let payment = desk.pay(amount, day, &payer, said, Tie::None);
    if desk.random.chance(200) {
        desk.take_fee(payment);
    }
    desk.payment_is(payment, Reason::UnknownPayment);
}
