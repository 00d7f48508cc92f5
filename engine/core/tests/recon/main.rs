//! Reconciliation, as a table: two sides and a step as YAML writes it, and what comes of each row.

use std::collections::HashSet;

use expect_test::{Expect, expect};
use ferry_core::recon::{
    By, Case, Equation, Gives, Kind, Known, Lines, Outcome, PartyStep, References, Row, Rule, Shape, Side, Spec, Sum,
    Test, Which, reconcile,
};

mod kept;
mod properties;

const REF: By = By { reference: true, party: false };

fn test(within: &str, percent: Option<&str>) -> Test {
    let number = |text: &str| text.parse().expect("it is a number");
    Test { within: Some(number(within)), percent: percent.map(number), ..Test::default() }
}

/// The rules that the documentation shows.
fn rules() -> Vec<Rule> {
    let net = Test { right: Sum::parse("net + fee").expect("it is a sum"), ..test("0.01", None) };
    let subset = Shape::Subset { of: Which::Left, items_max: 3, candidates_max: 50 };
    let window = Some((-1, 14));
    vec![
        Rule { shape: Shape::Settlement, ..Rule::named("settled") },
        Rule { by: REF, unique: false, ..Rule::named("exact-ref") },
        Rule { by: REF, unique: false, amount: net, ..Rule::named("net-of-fee") },
        Rule { by: REF, shape: Shape::ManyLeft, ..Rule::named("several-refs") },
        Rule { by: REF, shape: Shape::ManyRight, ..Rule::named("instalments") },
        Rule { edits: Some(1), days: window, ..Rule::named("near-ref") },
        Rule { by: REF, unique: false, amount: test("2.50", Some("1")), ..Rule::named("short-paid") },
        Rule { party: Some(85), days: window, gives: Gives::Suggested, ..Rule::named("no-ref") },
        Rule { shape: subset, party: Some(85), days: window, gives: Gives::Suggested, ..Rule::named("combined") },
    ]
}

fn spec(rules: Vec<Rule>) -> Spec {
    let references =
        References { case: Case::Upper, alphanumeric: true, embedded_digits: Some(4), ..References::default() };
    let parties = vec![PartyStep::Casefold, PartyStep::DropLegalForm, PartyStep::SortWords];
    Spec { references, parties, rules, equation: Equation::default() }
}

/// Rows as `id | amount | currency | date | reference | party | fee | net | batch`; what is missing is empty.
fn cells(line: &str) -> Vec<&str> {
    line.split('|').map(str::trim).chain(std::iter::repeat("")).take(9).collect()
}

fn row<'r>(cells: &[&'r str]) -> Row<'r> {
    Row {
        id: cells[0],
        amount: cells[1],
        currency: if cells[2].is_empty() { "USD" } else { cells[2] },
        date: cells[3],
        reference: cells[4],
        party: cells[5],
        fee: cells[6],
        net: cells[7],
        batch: cells[8],
    }
}

fn side<'r>(lines: impl IntoIterator<Item = &'r str>) -> Side {
    let mut side = Side::default();
    for line in lines.into_iter().filter(|line| !line.trim().is_empty()) {
        side.push(&row(&cells(line))).expect("it is a row");
    }
    side
}

/// Lines of settlements: the kind first.
fn settlement(lines: &str) -> Lines {
    let mut settlement = Lines::default();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let (kind, rest) = line.split_once('|').expect("a line begins with its kind");
        let kind = Kind::ALL.iter().find(|(name, _)| *name == kind.trim()).expect("it is a kind").1;
        settlement.push(kind, &row(&cells(rest))).expect("it is a line");
    }
    settlement
}

/// What came of each row, by its name: the same whatever the order of rows is.
fn story(rules: &[Rule], (left, right): (&Side, &Side), lines: &Lines, outcome: &Outcome) -> String {
    let mut said = Vec::new();
    let names = |side: &Side, rows: &[u32]| rows.iter().map(|row| side.id(*row)).collect::<Vec<_>>().join(" ");
    for found in &outcome.matches {
        let rule = found.origin.rule().map_or("kept", |rule| rules[rule].name.as_str());
        let (left, right) = (names(left, found.left.as_slice()), names(right, found.right.as_slice()));
        let difference = if found.difference == 0 { String::new() } else { format!(" ({})", found.difference) };
        said.push(format!("{left} = {right}: {rule}{difference}"));
    }
    for exception in &outcome.exceptions {
        let side = if exception.side == Which::Left { left } else { right };
        said.push(format!("{}: {}", side.id(exception.row), exception.reason.name()));
    }
    said.extend(
        outcome.lines.iter().map(|(line, reason)| format!("line {}: {}", lines.rows().id(*line), reason.name())),
    );
    said.sort();
    said.join("\n") + "\n"
}

#[track_caller]
fn check_with(rules: Vec<Rule>, (left, right, lines): (&str, &str, &str), expected: &Expect) {
    let (left, right, lines) = (side(left.lines()), side(right.lines()), settlement(lines));
    let spec = spec(rules);
    let outcome = reconcile(&spec, (&left, &right), &lines, &Known::default()).expect("the totals hold");
    expected.assert_eq(&story(&spec.rules, (&left, &right), &lines, &outcome));
}

#[track_caller]
fn check(left: &str, right: &str, expected: Expect) {
    check_with(rules(), (left, right, ""), &expected);
}

#[test]
fn a_reference_and_an_amount_make_a_match() {
    check(
        "o1 | 50.00 | USD | 2026-03-01 | ORD-1001 | Ana Ruiz\n o2 | 70.00 | USD | 2026-03-01 | ORD-1002",
        "p1 | 50.00 | USD | 2026-03-02 | payment for ord 1001 | ana\n p2 | 70.00 | USD | 2026-03-02 | 1002 | | 2.10 | 67.90",
        expect![[r#"
            o1 = p1: exact-ref
            o2 = p2: exact-ref
        "#]],
    );
}

/// Of two payments with one reference, the earlier one paid; the other is a duplicate and never merged with it.
#[test]
fn a_second_payment_is_a_duplicate() {
    check(
        "o1 | 50.00 | USD | 2026-03-01 | ORD-1001",
        "p2 | 50.00 | USD | 2026-03-05 | 1001\n p1 | 50.00 | USD | 2026-03-02 | 1001\n p3 | 20.00 | USD | 2026-03-09 | 1001",
        expect![[r#"
            o1 = p1: exact-ref
            p2: duplicate_payment
            p3: overpaid
        "#]],
    );
}

#[test]
fn amounts_that_are_off_say_how() {
    check(
        "o1 | 100.00 | | | A 1001\n o2 | 100.00 | | | A 1002\n o3 | 100.00 | | | A 1003\n o4 | 100.00 | | | A 1004\n o5 | 1000.00 | | | A 1005\n o6 | 100.00 | | | A 1006",
        "p1 | 60.00 | | | 1001\n p2 | 130.00 | | | 1002\n p3 | 100.00 | EUR | | 1003\n p4 | 99.50 | | | 1004\n p5 | 995.00 | | | 1005\n p6 | 100.00 | | | 1006 | | 3.00 | 96.00",
        expect![[r#"
            o1: partially_paid
            o2: overpaid
            o3: currency_mismatch
            o4 = p4: short-paid (50)
            o5: amount_differs
            o6: fee_difference
            p1: partially_paid
            p2: overpaid
            p3: currency_mismatch
            p5: amount_differs
            p6: fee_difference
        "#]],
    );
}

#[test]
fn several_are_put_together_by_what_they_name() {
    check(
        "o1 | 10.00 | | | R-1001\n o2 | 20.00 | | | R-1002\n o3 | 90.00 | | | R-1003\n l1 | 5.00 | | | S-7777\n l2 | 6.00 | | | S-7777",
        "p1 | 30.00 | | | 1001 and 1002\n p2 | 40.00 | | | 1003 part 1\n p3 | 50.00 | | | 1003 part 2\n p4 | 11.00 | | | settlement 7777",
        expect![[r#"
            l1 l2 = p4: several-refs
            o1 o2 = p1: several-refs
            o3 = p2 p3: instalments
        "#]],
    );
}

/// A batch of one line is a batch, and one whose lines come to something else says so.
#[test]
fn the_lines_of_a_batch_come_to_its_sum_or_say_how_they_do_not() {
    check(
        "l1 | 5.00 | | | S-7001\n l2 | 6.00 | | | S-7002\n l3 | 7.00 | | | S-7002\n l4 | -3.00 | | | S-7003\n l5 | 9.00 | | | S-7004\n l6 | 9.00 | | | S-7004",
        "b1 | 5.00 | | | 7001\n b2 | 20.00 | | | 7002\n b3 | -3.00 | | | 7003\n b4 | 9.00 | | | 7004",
        expect![[r#"
            b2: overpaid
            b4: ambiguous
            l1 = b1: exact-ref
            l2: overpaid
            l3: overpaid
            l4 = b3: exact-ref
            l5: ambiguous
            l6: ambiguous
        "#]],
    );
}

/// The mistyped number is another order's: the amount tells whose payment it is.
#[test]
fn a_slip_in_a_reference_is_found_where_nothing_else_fits() {
    check(
        "o1 | 50.00 | | 2026-03-01 | 100234\n o2 | 70.00 | | 2026-03-01 | 100243\n o3 | 9.00 | | 2026-03-01 | 200111\n o4 | 9.00 | | 2026-03-01 | 200113",
        "p1 | 50.00 | | 2026-03-02 | 100243\n p2 | 70.00 | | 2026-03-02 | 100243\n p3 | 9.00 | | 2026-03-02 | 200112",
        expect![[r#"
            o1 = p1: near-ref
            o2 = p2: exact-ref
            o3: ambiguous
            o4: ambiguous
            p3: ambiguous
        "#]],
    );
}

#[test]
fn without_a_reference_a_match_is_suggested_and_only_where_it_is_the_only_one() {
    check(
        "o1 | 50.00 | | 2026-03-01 | | Müller GmbH\n o2 | 51.00 | | 2026-03-01 | | Ana Ruiz\n o3 | 51.00 | | 2026-03-02 | | Ana Ruiz\n o4 | 75.00 | | 2026-01-01 | | Ben Li\n o5 | 30.00 | | 2026-03-01 | | Zoe Ito\n o6 | 12.00 | | 2026-03-01 | | Zoe Ito",
        "p1 | 50.00 | | 2026-03-04 | | MUELLER\n p2 | 51.00 | | 2026-03-04 | | RUIZ ANA\n p3 | 75.00 | | 2026-03-04 | | Ben Li\n p4 | 42.00 | | 2026-03-05 | | zoe ito\n p5 | 8.00 | | 2026-03-05 | thanks | Eve\n p6 | 8.00 | | 2026-03-05 | 9999 | Eve",
        expect![[r#"
            o1 = p1: no-ref
            o2: ambiguous
            o3: ambiguous
            o4: outside_window
            o5 o6 = p4: combined
            p2: ambiguous
            p3: outside_window
            p5: unknown_payment
            p6: unknown_payment
        "#]],
    );
}

/// Two sums that come to the same prove nothing.
#[test]
fn a_sum_is_taken_only_where_it_is_the_only_one() {
    check(
        "o1 | 10.00 | | 2026-03-01 | | Ana\n o2 | 20.00 | | 2026-03-01 | | Ana\n o3 | 12.00 | | 2026-03-01 | | Ana\n o4 | 18.00 | | 2026-03-01 | | Ana",
        "p1 | 30.00 | | 2026-03-02 | | Ana",
        expect![[r#"
            o1: ambiguous
            o2: ambiguous
            o3: ambiguous
            o4: ambiguous
            p1: ambiguous
        "#]],
    );
}

#[test]
fn a_settlement_is_taken_whole_or_not_at_all() {
    check_with(
        rules(),
        (
            "o1 | 50.00 | | | N-1001\n o2 | 70.00 | | | N-1002\n o3 | 20.00 | | | N-1003",
            "d1 | 106.40 | | | payout ST-1 \n d2 | 19.00 | | | ST-2",
            "sale | a | 50.00 | | | 1001 | | 1.50 | 48.50 | ST-1
             sale | b | 70.00 | | | 1002 | | 2.10 | 67.90 | ST-1
             sale | c | 5.00 | | | 4444 | | 0 | 5.00 | ST-1
             refund | d | -5.00 | | | 1002 | | 0 | -5.00 | ST-1
             reserve | e | 10.00 | | | | | | | ST-1
             sale | f | 20.00 | | | 1003 | | 0.60 | 19.40 | ST-2",
        ),
        &expect![[r#"
            d2: settlement_difference
            line c: unknown_reference
            line d: refund_or_chargeback
            o1 o2 = d1: settled (1360)
            o3: settlement_difference
        "#]],
    );
}

/// Lines go through the settlement's own currency and order; whoever names one order twice proves nothing.
#[test]
fn a_settlement_matches_its_own_currency_and_no_order_twice() {
    let lines = "sale | a | 50.00 | | | 1001 | | 0 | 50.00 | ST-1
         sale | b | 50.00 | | | 1002 | | 0 | 50.00 | ST-2
         sale | c | 20.00 | | | 1003 | | 0 | 20.00 | ST-2
         sale | d | 50.00 | | | 1002 | | 0 | 50.00 | ST-3";
    let turned = lines.lines().rev().collect::<Vec<_>>().join("\n");
    let orders = "o1 | 50.00 | EUR | | N-1001\n o2 | 50.00 | | | N-1002\n o3 | 20.00 | | | N-1003";
    let deposits = "d1 | 50.00 | | | ST-1\n d2 | 70.00 | | | ST-2\n d3 | 50.00 | | | ST-3";
    let expected = expect![[r#"
        d1: settlement_difference
        d2: ambiguous
        d3: ambiguous
        o1: unpaid
        o2: ambiguous
        o3: ambiguous
    "#]];
    for lines in [lines, &turned] {
        check_with(rules(), (orders, deposits, lines), &expected);
    }
}

/// A duplicate of one order is no payment of its neighbour.
#[test]
fn a_duplicate_is_not_taken_for_a_slip_in_another_reference() {
    check(
        "o2 | 70.00 | | 2026-03-01 | ORD-1002\n o3 | 70.00 | | 2026-03-01 | ORD-1003",
        "p2 | 70.00 | | 2026-03-02 | 1002\n p3 | 70.00 | | 2026-03-02 | 1002",
        expect![[r#"
            o2 = p2: exact-ref
            o3: unpaid
            p3: duplicate_payment
        "#]],
    );
}

#[test]
fn a_date_is_no_reference() {
    check(
        "o1 | 70.00 | | 2026-03-01 | ORD-1001\n o2 | 30.00 | | 2026-03-01 | ORD-1002",
        "p1 | 70.00 | | 2026-03-02 | Transfer 2026-10-01\n p2 | 30.00 | | 2026-03-02 | 1002 on 2026-10-01",
        expect![[r#"
            o1: unpaid
            o2 = p2: exact-ref
            p1: unknown_reference
        "#]],
    );
}

/// What a rule says of names holds in every kind of rule.
#[test]
fn names_are_looked_at_wherever_a_rule_asks_for_them() {
    let party = Some(85);
    let named = vec![
        Rule { edits: Some(1), party, ..Rule::named("near-ref") },
        Rule { by: REF, shape: Shape::ManyRight, party, ..Rule::named("instalments") },
    ];
    check_with(
        named,
        (
            "o1 | 50.00 | | | 100234 | Ana Ruiz\n o2 | 70.00 | | | 200111 | Ben Li\n o3 | 9.00 | | | 300777 | Eve\n o4 | 3.00 | | | 400888 | --",
            "p1 | 50.00 | | | 100235 | RUIZ ANA\n p2 | 70.00 | | | 200112 | Zoe Ito\n p3 | 4.00 | | | 300777 | Eve\n p4 | 5.00 | | | 300777 | Carl\n p5 | 3.00 | | | 400889 | ...",
            "",
        ),
        &expect![[r#"
            o1 = p1: near-ref
            o2: unpaid
            o3: ambiguous
            o4: unpaid
            p2: unknown_reference
            p3: ambiguous
            p4: ambiguous
            p5: unknown_reference
        "#]],
    );
}
