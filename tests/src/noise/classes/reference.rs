//! References that hands, shops and banks have changed.

use super::super::Reason;
use super::super::amounts::price;
use super::super::case::{Desk, FIRST_DAY, Tie};
use super::super::random::Random;
use super::super::{mangle, text};

/// The number among words.
pub(super) fn in_words(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let number = desk.number(order);
    pay_in_words(desk, order, &number);
}

/// Another case, other signs, another word in front.
pub(super) fn restyled(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let reference = mangle::restyled(desk.random, desk.numbers.prefix(), &desk.digits(order));
    pay_with(desk, order, reference, 350);
}

/// A spreadsheet has dropped the zeros in front.
pub(super) fn zeros_dropped(desk: &mut Desk<'_>) {
    let (customer, amount) = (desk.customer(), price(desk.random));
    let last = desk.numbers.zeros_until();
    let day = FIRST_DAY + desk.random.days(0, last.max(0));
    let order = desk.order(&customer, amount, day);
    let digits = desk.digits(order);
    let short = digits.trim_start_matches('0');
    let reference =
        if desk.random.chance(600) { format!("{}{short}", desk.numbers.prefix()) } else { short.to_owned() };
    pay_with(desk, order, reference, 350);
}

/// One digit is another one.
pub(super) fn digit_substituted(desk: &mut Desk<'_>) {
    mistyped(desk, mangle::substituted);
}

/// Two neighbours have changed places.
pub(super) fn digits_transposed(desk: &mut Desk<'_>) {
    mistyped(desk, mangle::transposed);
}

/// One digit is lost, or is there twice.
pub(super) fn digit_lost_or_doubled(desk: &mut Desk<'_>) {
    mistyped(desk, mangle::lost_or_doubled);
}

/// `O` for 0, `l` for 1, `S` for 5.
pub(super) fn letters_for_digits(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let lettered = mangle::lettered(desk.random, &desk.digits(order));
    let reference = format!("{}{lettered}", desk.numbers.prefix());
    pay_with(desk, order, reference, 300);
}

/// A line of a bank ends within the number.
pub(super) fn broken(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let digits = mangle::broken(desk.random, &desk.digits(order));
    let reference = format!("{}{digits}", desk.numbers.prefix());
    pay_with(desk, order, reference, 600);
}

/// The text ends within the number, so that only payer and amount tell.
pub(super) fn cut(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let digits = desk.digits(order);
    let kept = digits.len() - 2 - desk.random.index(2);
    let front = desk.random.pick(&["Zahlung fuer Bestellung ", "Payment for your order ", "SVWZ+Rechnung Nr. "]);
    let said = format!("{front}{}{}", desk.numbers.prefix(), &digits[..kept]);
    let (amount, date) = (desk.case.orders[order].amount_minor, desk.case.orders[order].date + desk.lag());
    let payer = desk.case.orders[order].customer.clone();
    let payment = desk.pay(amount, date, &payer, said, Tie::None);
    desk.matched(&[order], &[payment]);
}

/// Other numbers stand beside it: of customers, phones, accounts, days.
pub(super) fn among_numbers(desk: &mut Desk<'_>) {
    let order = desk.any_order();
    let said = text::among_numbers(desk.random, &desk.number(order), desk.case.orders[order].date);
    let payment = desk.pay_order(order, said);
    desk.matched(&[order], &[payment]);
}

/// The text names an earlier order too, which is paid; the amount says which of them it is.
pub(super) fn beside_paid_one(desk: &mut Desk<'_>) {
    let (customer, day) = (desk.customer(), desk.day());
    let earlier_amount = price(desk.random);
    let mut amount = price(desk.random);
    while amount == earlier_amount {
        amount = price(desk.random);
    }
    let later_day = day + desk.random.days(3, 40);
    let (earlier, order) = (desk.order(&customer, earlier_amount, day), desk.order(&customer, amount, later_day));
    desk.settle_plainly(earlier);
    let (paid, open) = (desk.number(earlier), desk.number(order));
    let said = match desk.random.index(3) {
        0 => format!("{open} (nach {paid})"),
        1 => format!("{paid} already paid, this is {open}"),
        _ => format!("Folgebestellung {open} zu {paid}"),
    };
    let payment = desk.pay_order(order, said);
    desk.matched(&[order], &[payment]);
}

/// A run of orders without gaps: who mistypes a number writes that of another order.
pub(super) fn dense_numbers(desk: &mut Desk<'_>) {
    let day = desk.day();
    let count = 4 + desk.random.index(6);
    let run = desk.numbers.run(desk.random, day - FIRST_DAY, count);
    let mut orders = Vec::new();
    for digits in &run {
        let (customer, amount) = (desk.customer(), price(desk.random));
        orders.push(desk.numbered_order(digits, &customer, amount, day));
    }
    let mistyped_one = desk.random.index(count);
    let neighbour = near_in_run(desk.random, &run, mistyped_one);
    let mistyped_order = orders.remove(mistyped_one);
    pay_mistyped(desk, mistyped_order, neighbour);
    for order in orders {
        // Now and then the other order is not paid, and still this is not its payment.
        if desk.random.chance(150) {
            desk.order_is(order, Reason::Unpaid);
        } else {
            desk.settle_plainly(order);
        }
    }
}

/// The number of an order that is not there, such as one that was cancelled.
pub(super) fn unknown(desk: &mut Desk<'_>) {
    let (customer, day, amount) = (desk.customer(), desk.day(), price(desk.random));
    let digits = desk.numbers.give(desk.random, day - FIRST_DAY);
    let reference = format!("{}{digits}", desk.numbers.prefix());
    let date = day + desk.lag();
    let said = if desk.random.chance(500) { text::among_words(desk.random, &reference, date) } else { reference };
    let payer = if desk.random.chance(500) { desk.names.stranger(desk.random) } else { customer };
    let payment = desk.pay(amount, date, &payer, said, Tie::Unknown(digits));
    desk.payment_is(payment, Reason::UnknownReference);
}

fn mistyped(desk: &mut Desk<'_>, change: fn(&mut Random, &str) -> String) {
    let order = desk.any_order();
    let wrong = change(desk.random, &desk.digits(order));
    pay_mistyped(desk, order, wrong);
}

/// Pays an order with digits that are not its own. The payer is known, for else nothing would tell.
fn pay_mistyped(desk: &mut Desk<'_>, order: usize, wrong: String) {
    let reference = format!("{}{wrong}", desk.numbers.prefix());
    let customer = desk.case.orders[order].customer.clone();
    let payer = match desk.random.index(10) {
        0 | 1 => mangle::bank_letters(&customer),
        2 => mangle::name(desk.random, &customer),
        _ => customer,
    };
    let payment = pay_with(desk, order, reference, 400);
    desk.case.payments[payment].payer = payer;
    desk.case.ties[payment] = Tie::Near(order, wrong);
}

fn near_in_run(random: &mut Random, run: &[String], place: usize) -> String {
    let own: Vec<char> = run[place].chars().collect();
    let is_near = |other: &&String| {
        let letters: Vec<char> = other.chars().collect();
        **other != run[place] && super::super::alike::edits(&own, &letters) == 1
    };
    let near: Vec<&String> = run.iter().filter(is_near).collect();
    if near.is_empty() { mangle::substituted(random, &run[place]) } else { near[random.index(near.len())].clone() }
}

fn pay_in_words(desk: &mut Desk<'_>, order: usize, reference: &str) -> usize {
    let said = text::among_words(desk.random, reference, desk.case.orders[order].date);
    let payment = desk.pay_order(order, said);
    desk.matched(&[order], &[payment]);
    payment
}

/// Pays with a reference that stands among words so often in a thousand, else alone.
fn pay_with(desk: &mut Desk<'_>, order: usize, reference: String, in_words_per_mille: u64) -> usize {
    if desk.random.chance(in_words_per_mille) {
        return pay_in_words(desk, order, &reference);
    }
    let payment = desk.pay_order(order, reference);
    desk.matched(&[order], &[payment]);
    payment
}
