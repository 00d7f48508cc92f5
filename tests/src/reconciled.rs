//! A noisy world through the matcher, with the rules that the documentation shows.

use std::time::Duration;

use ferry::clock::Stopwatch;
use ferry_core::recon::{
    By, Case, Equation, Gives, Kind, Known, Lines, Match, PartyStep, References, Row, Rule, Shape, Side, Spec, Sum,
    Test, Which, reconcile,
};

use crate::noise::{
    Reason, World,
    csv::decimal,
    score::{Found, Score, score},
};

/// What came of a world: how right it was, and how long the matcher took.
#[derive(Debug)]
pub struct Judged {
    /// How right it was.
    pub score: Score,
    /// The matcher alone, without reading.
    pub took: Duration,
}

fn test(within: &str, percent: Option<&str>) -> Test {
    let number = |text: &str| text.parse().expect("it is a number");
    Test { within: Some(number(within)), percent: percent.map(number), ..Test::default() }
}

/// The rules of `docs/how-to/reconcile.md`.
#[must_use]
pub fn spec() -> Spec {
    let by = By { reference: true, party: false };
    let net = Test { right: Sum::parse("net + fee").expect("it is a sum"), ..test("0.01", None) };
    let window = Some((-1, 14));
    let subset = Shape::Subset { of: Which::Left, items_max: 3, candidates_max: 50 };
    let rules = vec![
        Rule { shape: Shape::Settlement, ..Rule::named("settled") },
        Rule { by, unique: false, ..Rule::named("exact-ref") },
        Rule { by, unique: false, amount: net, ..Rule::named("net-of-fee") },
        Rule { by, shape: Shape::ManyLeft, ..Rule::named("several-refs") },
        Rule { by, shape: Shape::ManyRight, ..Rule::named("instalments") },
        Rule { edits: Some(1), days: window, ..Rule::named("near-ref") },
        Rule { by, unique: false, amount: test("2.50", Some("1")), ..Rule::named("short-paid") },
        Rule { party: Some(85), days: window, gives: Gives::Suggested, ..Rule::named("no-ref") },
        Rule { shape: subset, party: Some(85), days: window, gives: Gives::Suggested, ..Rule::named("combined") },
    ];
    let references = References {
        case: Case::Upper,
        alphanumeric: true,
        embedded_digits: Some(6),
        trim_zeros: true,
        lookalikes: true,
    };
    let parties = vec![PartyStep::Casefold, PartyStep::DropLegalForm, PartyStep::SortWords];
    Spec { references, parties, rules, equation: Equation::default() }
}

/// Matches a world, and judges what came of it.
///
/// # Panics
/// Where the matcher refuses a row, or its control totals do not hold.
#[must_use]
pub fn judge(world: &World) -> Judged {
    let ((left, right), lines) = (sides(world), lines(world));
    let (spec, start) = (spec(), Stopwatch::start());
    let outcome = reconcile(&spec, (&left, &right), &lines, &Known::default()).expect("the control totals hold");
    let took = start.elapsed();
    let places = |rows: &[u32]| rows.iter().map(|row| place(*row)).collect::<Vec<_>>();
    let group = |found: &Match| (places(found.left.as_slice()), places(found.right.as_slice()));
    let mut found = Found::default();
    for one in &outcome.matches {
        let Some(rule) = one.origin.rule() else { continue };
        match spec.rules[rule].gives {
            Gives::Confirmed => found.confirmed.push(group(one)),
            Gives::Suggested => found.suggested.push(group(one)),
        }
    }
    for exception in &outcome.exceptions {
        let reason = Reason::from_name(exception.reason.name()).expect("both have one list of reasons");
        match exception.side {
            Which::Left => found.order_reasons.insert(place(exception.row), reason),
            Which::Right => found.payment_reasons.insert(place(exception.row), reason),
        };
    }
    Judged { score: score(world, &found), took }
}

fn place(row: u32) -> usize {
    usize::try_from(row).expect("it is a place")
}

fn sides(world: &World) -> (Side, Side) {
    let (mut left, mut right) = (Side::default(), Side::default());
    for order in &world.orders {
        let (amount, date) = (decimal(order.amount_minor), date(order.date));
        let row = Row { id: &order.id, amount: &amount, currency: order.currency, date: &date, ..Row::default() };
        left.push(&Row { reference: &order.number, party: &order.customer, ..row }).expect("the order is a row");
    }
    for payment in &world.payments {
        let amounts = [payment.gross_minor, payment.fee_minor, payment.net_minor].map(decimal);
        let [amount, fee, net] = amounts.each_ref().map(String::as_str);
        let date = date(payment.date);
        let row = Row { id: &payment.id, amount, fee, net, currency: payment.currency, date: &date, ..Row::default() };
        let batch = payment.batch.as_deref().unwrap_or_default();
        right
            .push(&Row { reference: &payment.text, party: &payment.payer, batch, ..row })
            .expect("the payment is a row");
    }
    (left, right)
}

fn lines(world: &World) -> Lines {
    let mut lines = Lines::default();
    for (number, line) in world.lines.iter().enumerate() {
        let kind = Kind::ALL.iter().find(|(name, _)| *name == line.kind.name()).expect("both have one list of kinds").1;
        // What is of no order has no gross.
        let is_own = matches!(kind, Kind::Reserve | Kind::Adjustment);
        let amount = if is_own { line.net_minor } else { line.gross_minor };
        let [amount, fee, net] = [amount, line.fee_minor, line.net_minor].map(decimal);
        let (id, reference, batch) = (number.to_string(), &line.order_number_text, &line.batch);
        let row = Row { id: &id, amount: &amount, fee: &fee, net: &net, currency: line.currency, ..Row::default() };
        lines.push(kind, &Row { reference, batch, ..row }).expect("the line is a row");
    }
    lines
}

fn date(day: i32) -> String {
    let days = jiff::Span::new().try_days(day).expect("it is a number of days");
    jiff::civil::date(1970, 1, 1).checked_add(days).expect("it is a date").to_string()
}
