//! Money that goes back, beside the payment of its order.

use super::super::Reason;
use super::super::case::{Desk, Tie};
use super::super::text;

/// A shop gives money back, all of it or a part, with the reference or without.
pub(super) fn refund(desk: &mut Desk<'_>) {
    go_back(desk, &["Refund", "Gutschrift", "Erstattung", "remboursement"], 0);
}

/// A bank takes money back, and the processor takes a fee for it.
pub(super) fn chargeback(desk: &mut Desk<'_>) {
    go_back(desk, &["CHARGEBACK", "Rücklastschrift", "dispute", "Rückbuchung"], 1500);
}

fn go_back(desk: &mut Desk<'_>, words: &[&str], fee_minor: i64) {
    let order = desk.any_order();
    let paid = desk.settle_plainly(order);
    let amount = desk.case.orders[order].amount_minor;
    let back = if fee_minor == 0 && desk.random.chance(400) { (amount / 2).max(1) } else { amount };
    let date = desk.case.payments[paid].date + desk.random.days(0, 45);
    let word = desk.random.pick(words);
    let said = match desk.random.index(4) {
        0 => text::without_reference(desk.random, date),
        1 => desk.number(order),
        _ => format!("{word} {}", desk.number(order)),
    };
    let customer = desk.case.orders[order].customer.clone();
    let payment = desk.pay(-back, date, &customer, said, Tie::None);
    desk.case.payments[payment].fee_minor = fee_minor;
    desk.case.payments[payment].net_minor = -back - fee_minor;
    desk.payment_is(payment, Reason::RefundOrChargeback);
}
