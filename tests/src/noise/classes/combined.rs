//! One payment for several orders of one customer.

use super::super::Reason;
use super::super::amounts::price;
use super::super::case::{Desk, Tie};
use super::super::text;

/// Two to five orders, each of them named.
pub(super) fn with_references(desk: &mut Desk<'_>) {
    let count = 2 + desk.random.index(4);
    let orders = orders_of_one(desk, count);
    let numbers: Vec<String> = orders.iter().map(|order| desk.number(*order)).collect();
    let said = text::several(desk.random, &numbers);
    let payment = pay_all(desk, &orders, said, Tie::Exact(orders.clone()));
    desk.matched(&orders, &[payment]);
}

/// Two or three orders: the first is named in full, the others by their last digits.
pub(super) fn shorthand(desk: &mut Desk<'_>) {
    let count = 2 + desk.random.index(2);
    let orders = orders_of_one(desk, count);
    let digits: Vec<String> = orders.iter().map(|order| desk.digits(*order)).collect();
    let all = digits[0].len();
    let front = (1..all - 1).rev().find(|front| digits.iter().all(|other| other[..*front] == digits[0][..*front]));
    let kept = (all - front.unwrap_or(0)).max(2);
    let said = text::shorthand(desk.random, desk.numbers.prefix(), &digits, kept);
    let payment = pay_all(desk, &orders, said, Tie::Exact(orders.clone()));
    desk.matched(&orders, &[payment]);
}

/// Two or three orders, and nothing but payer and sum. Now and then he has a further order that is not paid.
pub(super) fn without_references(desk: &mut Desk<'_>) {
    let count = 2 + desk.random.index(2);
    let further = usize::from(desk.random.chance(300));
    let mut orders = orders_of_one(desk, count + further);
    let sums = sums_of_some(desk, &orders);
    let open = orders.split_off(count);
    let owed: i64 = orders.iter().map(|order| desk.case.orders[*order].amount_minor).sum();
    if sums.iter().filter(|sum| **sum == owed).count() > 1 {
        // Two ways to the same sum: the further order is what is in the way.
        let amount = desk.case.orders[orders[0]].amount_minor;
        open.iter().for_each(|order| desk.case.orders[*order].amount_minor = owed + amount);
    }
    open.iter().for_each(|order| desk.order_is(*order, Reason::Unpaid));
    let date = desk.case.orders[orders[0]].date;
    let said = text::without_reference(desk.random, date);
    let payment = pay_all(desk, &orders, said, Tie::None);
    desk.matched(&orders, &[payment]);
}

/// Two pairs of orders with one sum, and one payment that names none of them.
pub(super) fn ambiguous(desk: &mut Desk<'_>) {
    let orders = orders_of_one(desk, 4);
    let sum = desk.case.orders[orders[0]].amount_minor + desk.case.orders[orders[1]].amount_minor;
    let part = desk.random.between(1, sum - 1);
    desk.case.orders[orders[2]].amount_minor = part;
    desk.case.orders[orders[3]].amount_minor = sum - part;
    orders.iter().for_each(|order| desk.order_is(*order, Reason::Ambiguous));
    let date = desk.case.orders[orders[0]].date;
    let said = text::without_reference(desk.random, date);
    let payment = pay_all(desk, &orders, said, Tie::None);
    (desk.case.payments[payment].gross_minor, desk.case.payments[payment].net_minor) = (sum, sum);
    desk.payment_is(payment, Reason::Ambiguous);
}

/// Orders of one customer within a few days, with rising numbers.
fn orders_of_one(desk: &mut Desk<'_>, count: usize) -> Vec<usize> {
    let (customer, mut day) = (desk.customer(), desk.day());
    let mut orders = Vec::new();
    for _ in 0..count {
        let amount = price(desk.random);
        orders.push(desk.order(&customer, amount, day));
        day += desk.random.days(0, 2);
    }
    orders
}

/// Pays the sum, within the window of each order.
fn pay_all(desk: &mut Desk<'_>, orders: &[usize], said: String, tie: Tie) -> usize {
    let owed = orders.iter().map(|order| desk.case.orders[*order].amount_minor).sum();
    let last = desk.case.orders.iter().map(|order| order.date).max().expect("there are orders");
    let date = last + desk.random.days(0, 5);
    let payer = match &tie {
        Tie::None => desk.case.orders[orders[0]].customer.clone(),
        _ => desk.usual_payer(orders[0]),
    };
    desk.pay(owed, date, &payer, said, tie)
}

/// The sums of all choices of one to three orders.
fn sums_of_some(desk: &Desk<'_>, orders: &[usize]) -> Vec<i64> {
    let amounts: Vec<i64> = orders.iter().map(|order| desk.case.orders[*order].amount_minor).collect();
    let choices = 1_u32..1 << amounts.len();
    let chosen = choices.filter(|choice| choice.count_ones() <= 3);
    let sum = |choice: u32| {
        amounts.iter().enumerate().filter(|(place, _)| choice >> place & 1 == 1).map(|(_, amount)| amount).sum()
    };
    chosen.map(sum).collect()
}
