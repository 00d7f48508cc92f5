//! What was decided before goes before all rules.

use expect_test::expect;
use ferry_core::recon::{Known, Lines, reconcile};

use super::*;

/// Whoever has matched a settlement, its lines that want somebody are said.
#[test]
fn lines_of_a_settlement_that_is_kept_are_said_again() {
    let (left, right) = (side(["o1 | 50.00 | | | N-1001"]), side(["d1 | 45.00 | | | ST-1"]));
    let lines = settlement(
        "sale | a | 50.00 | | | 1001 | | 0 | 50.00 | ST-1\n refund | b | -5.00 | | | 1001 | | 0 | -5.00 | ST-1",
    );
    let spec = spec(rules());
    let told = |known: &Known| {
        let outcome = reconcile(&spec, (&left, &right), &lines, known).unwrap();
        outcome.lines.clone()
    };
    let kept = Known { kept: vec![(vec![0], vec![0])], ..Known::default() };
    assert_eq!(told(&Known::default()), told(&kept));
    assert_eq!(told(&kept).len(), 1);
}

/// Rows that a person has kept together or apart stay so.
#[test]
fn what_is_known_goes_before_all_rules() {
    let (left, right) =
        ("o1 | 50.00 | | | 1001\n o2 | 50.00 | | | 1002", "p1 | 50.00 | | | 1001\n p2 | 49.00 | | | 1002");
    let (left, right) = (side(left.lines()), side(right.lines()));
    let known = Known { kept: vec![(vec![1], vec![1])], apart: HashSet::from([(0, 0)]) };
    let spec = spec(rules());
    let outcome = reconcile(&spec, (&left, &right), &Lines::default(), &known).unwrap();
    expect![[r#"
        o1: ambiguous
        o2 = p2: kept (100)
        p1: ambiguous
    "#]]
    .assert_eq(&story(&spec.rules, (&left, &right), &Lines::default(), &outcome));
}
