//! That nothing is made or lost, and what the rules mean.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::eval::rules;

/// The parts in minor units, or why there are none.
fn parts(amount: i64, rows: &Value, remainder: Remainder) -> Result<Vec<i128>, String> {
    let rules = rules::parts(rows.as_array().unwrap()).unwrap();
    let whole = Money::new(Decimal::new(amount, 2), "USD").unwrap();
    let parts = allocate(whole, &rules, &facts(), remainder).map_err(|error| error.to_string())?;
    Ok(parts.iter().map(|part| part.money.amount().mantissa()).collect())
}

fn facts() -> Map<String, Value> {
    json!({ "type": "payout", "currency": "USD" }).as_object().unwrap().clone()
}

#[test]
fn parts_are_what_their_rules_say() {
    let thirds = json!([{ "to": "a", "share": 1 }, { "to": "b", "share": 1 }, { "to": "c", "share": 1 }]);
    let mixed = json!([
        { "to": "a", "fixed": 1.00 },
        { "to": "b", "percent": 10 },
        { "to": "c", "share": 0.5 },
        { "to": "d", "share": 1.5, "at_most": 2 },
        { "to": "e", "share": 9, "match": { "type": ["refund", "chargeback"] } },
    ]);
    let least = json!([{ "to": "a", "share": 1, "at_least": 6 }, { "to": "b", "share": 9 }]);
    for (amount, rows, remainder, expected) in [
        (100, &thirds, Remainder::Largest, Ok(vec![34, 33, 33])),
        (101, &thirds, Remainder::Largest, Ok(vec![34, 34, 33])),
        (101, &thirds, Remainder::First, Ok(vec![35, 33, 33])),
        (101, &thirds, Remainder::Last, Ok(vec![33, 33, 35])),
        (-100, &thirds, Remainder::Largest, Ok(vec![-34, -33, -33])),
        (0, &thirds, Remainder::Largest, Ok(vec![0, 0, 0])),
        (1000, &mixed, Remainder::Largest, Ok(vec![100, 100, 600, 200])),
        (300, &mixed, Remainder::Largest, Ok(vec![100, 30, 43, 127])),
        (
            50,
            &mixed,
            Remainder::Largest,
            Err("the fixed parts and those per hundred take 1.05 USD, and the whole is 0.50 USD"),
        ),
        (1000, &least, Remainder::Largest, Ok(vec![600, 400])),
        (500, &least, Remainder::Largest, Err("`at_least` asks for 1.00 USD more than there is")),
        (
            500,
            &json!([{ "to": "a", "share": 1, "at_most": 4 }]),
            Remainder::Largest,
            Err("`at_most` leaves 1.00 USD that go nowhere"),
        ),
        (
            500,
            &json!([{ "to": "a", "fixed": 4 }]),
            Remainder::Largest,
            Err("the parts leave 1.00 USD that go nowhere; add a rule with `share: 1`"),
        ),
        (
            500,
            &json!([{ "to": "a", "fixed": 0.001 }]),
            Remainder::Largest,
            Err("0.001 is finer than USD knows; round it first"),
        ),
        (
            500,
            &json!([{ "to": "a", "share": 1, "match": { "type": "x" } }]),
            Remainder::Largest,
            Err("no rule matches {\"type\":\"payout\",\"currency\":\"USD\"}"),
        ),
    ] {
        assert_eq!(parts(amount, rows, remainder), expected.map_err(str::to_owned), "{amount} by {rows}");
    }
}

#[test]
fn a_rule_that_says_nothing_is_refused() {
    for (row, expected) in [
        (json!({ "to": "a" }), "rule 1 must have one of `fixed`, `percent` and `share`"),
        (json!({ "to": "a", "share": 1, "fixed": 1 }), "rule 1 must have one of `fixed`, `percent` and `share`"),
        (json!({ "share": 1 }), "rule 1 says not where its part goes; write `to: \"6010\"`"),
        (json!({ "to": "a", "share": -1 }), "rule 1 has `share: -1`, which is no exact number from 0 on"),
        (json!({ "to": "a", "shares": 1 }), "rule 1 has no key `shares`: did you mean `share`?"),
        (
            json!({ "to": "a", "share": "0.1234567890123" }),
            "rule 1 has `share: 0.1234567890123`, and a number of a rule is at most 1000000000000 with 9 decimals",
        ),
        (
            json!({ "to": "a", "fixed": "1000000000001" }),
            "rule 1 has `fixed: 1000000000001`, and a number of a rule is at most 1000000000000 with 9 decimals",
        ),
        (json!({ "to": "a", "share": 1, "at_least": 2, "at_most": 1 }), "rule 1 is at least 2 and at most 1"),
        (json!(7), "rule 1 is 7, and must be a map"),
    ] {
        assert_eq!(rules::parts(&[row]).map(|_| ()).unwrap_err(), expected);
    }
}

#[test]
fn sums_for_each_place_are_part_of_the_output() {
    let rows = json!([{ "to": "a", "fixed": 1 }, { "to": "b", "share": 1 }, { "to": "a", "share": 1 }]);
    let whole = Money::new(Decimal::new(500, 2), "USD").unwrap();
    let rules = rules::parts(rows.as_array().unwrap()).unwrap();
    let parts = allocate(whole, &rules, &facts(), Remainder::Largest).unwrap();
    let expected = r#"{"total":{"amount":5.00,"currency":"USD"},"parts":[{"to":"a","amount":1.00,"currency":"USD"},{"to":"b","amount":2.00,"currency":"USD"},{"to":"a","amount":2.00,"currency":"USD"}],"by":{"a":{"amount":3.00,"currency":"USD"},"b":{"amount":2.00,"currency":"USD"}}}"#;
    assert_eq!(to_value(whole, &parts).to_string(), expected);
}

/// A rule with any size and bounds, as far as such a rule can hold at all.
fn row() -> impl Strategy<Value = Value> {
    let bound = || prop::option::of(0_i64..5_000);
    (0..3_u8, 1_i64..2_000, bound(), bound()).prop_map(|(kind, size, least, most)| {
        let cents = |amount: i64| ferry_contract::number::from_decimal(Decimal::new(amount, 2));
        let mut row = Map::new();
        row.insert("to".to_owned(), json!("a"));
        row.insert(["fixed", "percent", "share"][usize::from(kind)].to_owned(), cents(size));
        if kind > 0 {
            row.extend(least.map(|least| ("at_least".to_owned(), cents(least))));
            row.extend(most.map(|most| ("at_most".to_owned(), cents(most.max(least.unwrap_or(0))))));
        }
        Value::Object(row)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the rules are, the parts are the whole, within their bounds, and have its sign; or there are none.
    #[test]
    fn nothing_is_made_or_lost(
        amount in -10_000_000_i64..10_000_000,
        rows in prop::collection::vec(row(), 1..6),
        remainder in prop::sample::select(vec![Remainder::Largest, Remainder::First, Remainder::Last]),
    ) {
        let rules = rules::parts(&rows).unwrap();
        let whole = Money::new(Decimal::new(amount, 2), "USD").unwrap();
        let Ok(parts) = allocate(whole, &rules, &facts(), remainder) else { return Ok(()) };
        prop_assert_eq!(parts.iter().map(|part| part.money.amount()).sum::<Decimal>(), whole.amount());
        for (part, rule) in parts.iter().zip(&rules) {
            let size = part.money.amount().abs();
            prop_assert!(part.money.amount().is_zero() || part.money.amount().is_sign_negative() == (amount < 0));
            prop_assert!(rule.bounds.at_least.is_none_or(|least| size >= least), "{} of {:?}", size, rule);
            prop_assert!(rule.bounds.at_most.is_none_or(|most| size <= most), "{} of {:?}", size, rule);
        }
    }

    /// Without bounds, a share is never a whole minor unit away from its exact part.
    #[test]
    fn a_share_is_as_near_as_minor_units_allow(amount in 0_i64..10_000_000, weights in prop::collection::vec(1_i64..1_000, 1..8)) {
        let rows: Vec<Value> = weights.iter().map(|weight| json!({ "to": "a", "share": weight })).collect();
        let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        let parts = parts(amount, &Value::from(rows), Remainder::Largest).unwrap();
        for (part, weight) in parts.iter().zip(weights) {
            let exact = i128::from(amount) * i128::from(weight);
            prop_assert!((part * sum - exact).abs() < sum);
        }
    }
}

/// What is too large for an exact answer is refused, and never reckoned wrongly.
#[test]
fn the_largest_amounts_are_exact_or_refused() {
    let rows = json!([{ "to": "a", "share": "0.333333333" }, { "to": "b", "share": "999999999999.666666667" }]);
    let rules = rules::parts(rows.as_array().unwrap()).unwrap();
    for units in [10_i128.pow(12), 10_i128.pow(15), 10_i128.pow(20), 10_i128.pow(27)] {
        let whole = Money::new(Decimal::from_i128_with_scale(units, 2), "USD").unwrap();
        match allocate(whole, &rules, &facts(), Remainder::Largest) {
            Ok(parts) => assert_eq!(parts[0].money.amount() + parts[1].money.amount(), whole.amount()),
            Err(error) => assert_eq!(error.to_string(), format!("{whole} is too large to be shared exactly")),
        }
    }
}
