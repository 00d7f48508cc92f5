//! What holds whatever the rows are.

use std::collections::BTreeMap;

use ferry_core::recon::{Gives, Known, Lines, Match, Outcome, Which, reconcile};
use proptest::prelude::*;

use super::{rules, side, spec, story};

/// Many rows of one amount and one name are told apart by nothing, and are looked at once each.
#[test]
fn ten_thousand_equal_amounts_are_ambiguous_and_quick() {
    let rows = |letter: char| {
        (0..10_000)
            .map(move |n| format!("{letter}{n} | 20.00 | | 2026-03-0{} | | Ana Ruiz", 1 + n % 9))
            .collect::<Vec<_>>()
    };
    let (left, right) = (rows('o'), rows('p'));
    let (left, right) = (side(left.iter().map(String::as_str)), side(right.iter().map(String::as_str)));
    let outcome = reconcile(&spec(rules()), (&left, &right), &Lines::default(), &Known::default()).unwrap();
    assert_eq!(outcome.matches, Vec::<Match>::new());
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    outcome.exceptions.iter().for_each(|exception| *reasons.entry(exception.reason.name()).or_default() += 1);
    assert_eq!(reasons, BTreeMap::from([("ambiguous", 20_000)]));
}

/// Many rows of one reference, or of references that several share, are looked at once each, too.
#[test]
fn ten_thousand_rows_of_one_reference_are_quick() {
    let rows = |letter: char, amount: &str, reference: fn(u32) -> u32| {
        let line = |n| format!("{letter}{n} | {amount} | | 2026-03-01 | {}", reference(n));
        side((0..10_000).map(line).collect::<Vec<_>>().iter().map(String::as_str))
    };
    for reference in [|_| 1001, |n| 100_000 + n / 2] {
        let (left, right) = (rows('o', "20.00", reference), rows('p', "7.00", reference));
        let outcome = reconcile(&spec(rules()), (&left, &right), &Lines::default(), &Known::default()).unwrap();
        assert_eq!((outcome.matches.len(), outcome.exceptions.len()), (0, 20_000));
    }
}

/// Rows with few values each, so that references, amounts, names and days meet often.
fn any_rows(letter: char) -> impl Strategy<Value = Vec<String>> {
    let reference = prop::sample::select(vec!["", "1001", "1002", "1003", "1010", "1001 1002", "x 1004 y", "ST-1"]);
    let amount = prop::sample::select(vec!["10.00", "20.00", "30.00", "29.80", "50.00", "-10.00"]);
    let party = prop::sample::select(vec!["", "Ana Ruiz", "Ana Ruis", "Ben Li", "Ruiz, Ana"]);
    let currency = prop::sample::select(vec!["USD", "USD", "USD", "EUR"]);
    let row = (amount, currency, 1..28_u8, reference, party);
    let line = move |(n, (amount, currency, day, reference, party))| {
        format!("{letter}{n} | {amount} | {currency} | 2026-03-{day:02} | {reference} | {party}")
    };
    prop::collection::vec(row, 0..14).prop_map(move |rows| rows.into_iter().enumerate().map(line).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the order in which rows come, and however often, each has the same story.
    #[test]
    fn the_order_of_rows_says_nothing(left in any_rows('o'), right in any_rows('p'), turn in 0_usize..14, again in 0_usize..14) {
        let spec = spec(rules());
        let none = Lines::default();
        let told = |left: &[String], right: &[String]| {
            let (left, right) = (side(left.iter().map(String::as_str)), side(right.iter().map(String::as_str)));
            let outcome = reconcile(&spec, (&left, &right), &none, &Known::default()).unwrap();
            let shown = outcome.exceptions.iter().map(|exception| {
                let (own, other) = if exception.side == Which::Left { (&left, &right) } else { (&right, &left) };
                let others: Vec<_> = exception.others.iter().map(|row| other.id(*row).to_owned()).collect();
                (own.id(exception.row).to_owned(), others)
            });
            (story(&spec.rules, (&left, &right), &none, &outcome), shown.collect::<BTreeMap<_, _>>())
        };
        let other = |rows: &[String]| {
            let mut rows: Vec<String> = rows.iter().rev().cloned().collect();
            let places = rows.len().max(1);
            rows.rotate_left(turn % places);
            let repeated = rows.get(again).cloned();
            rows.extend(repeated);
            rows
        };
        prop_assert_eq!(told(&left, &right), told(&other(&left), &other(&right)));
    }

    /// What was matched and is kept is matched again with nothing else, and the rest stays as it was.
    #[test]
    fn a_second_time_changes_nothing(left in any_rows('o'), right in any_rows('p')) {
        let spec = spec(rules());
        let none = Lines::default();
        let (left, right) = (side(left.iter().map(String::as_str)), side(right.iter().map(String::as_str)));
        let first = reconcile(&spec, (&left, &right), &none, &Known::default()).unwrap();
        let is_sure = |found: &&Match| found.origin.rule().is_some_and(|rule| spec.rules[rule].gives == Gives::Confirmed);
        let kept: Vec<_> = first.matches.iter().filter(is_sure).map(|found| (found.left.as_slice().to_vec(), found.right.as_slice().to_vec())).collect();
        let second = reconcile(&spec, (&left, &right), &none, &Known { kept: kept.clone(), ..Known::default() }).unwrap();
        let pairs = |outcome: &Outcome| {
            let mut pairs: Vec<_> = outcome.matches.iter().map(|found| (found.left.as_slice().to_vec(), found.right.as_slice().to_vec())).collect();
            pairs.sort();
            pairs
        };
        prop_assert_eq!(pairs(&first), pairs(&second));
        prop_assert_eq!(first.exceptions, second.exceptions);
    }
}
