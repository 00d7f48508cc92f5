//! The short cut beside Rhai itself.

use std::sync::Arc;

use proptest::{prelude::*, test_runner::Config};
use rust_decimal::Decimal;
use serde_json::json;

use super::*;
use crate::script::{Form, Named, NoWatch, Rules, Script, ScriptError};

/// What Rhai says, without the short cut.
fn rhai(script: &Script, rules: &Rules, names: &Named<'_>) -> (Result<Value, ScriptError>, Result<bool, ScriptError>) {
    let slow = Script { quick: None, ..script.clone() };
    (slow.run(rules, names), slow.test(rules, names))
}

fn leaf() -> impl Strategy<Value = String> {
    const CONSTANTS: [&str; 18] = [
        "()",
        "true",
        "0",
        "1",
        "-1",
        "3",
        "1.0",
        "1.50",
        "0.00",
        "-0.015",
        "9223372036854775807",
        "79228162514264337593543950335.0",
        "0.0000000000000000000000000007",
        "\"\"",
        "\"a\"",
        "\"b\"",
        "'a'",
        "[1]",
    ];
    const FIELDS: [&str; 20] = [
        "status",
        "gone",
        "body",
        "body.a",
        "body.b",
        "body.a.c",
        "body.list",
        "body.list[0]",
        "body.list[1].a",
        "body.list[7]",
        "body[0].a",
        "body[0]",
        "body?.a",
        "(body.a).c",
        "body.a[body.n]",
        "body.list[body.n]",
        "body.list[body.n].a",
        "body.s.len",
        "body.list[(0)].a",
        "body[\"a\"]",
    ];
    prop_oneof![2 => prop::sample::select(&CONSTANTS[..]), 5 => prop::sample::select(&FIELDS[..])]
        .prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(
            &["==", "!=", "<", "<=", ">", ">=", "&&", "||", "??", "+", "-", "*", "/", "%", "**"][..],
        );
        let function = prop::sample::select(&["min", "max"][..]);
        let change = prop::sample::select(&["-", "abs", "!", "+"][..]);
        prop_oneof![
            8 => (inner.clone(), operator, inner.clone()).prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            2 => (function, inner.clone(), inner.clone()).prop_map(|(name, left, right)| format!("{name}({left}, {right})")),
            2 => (change, inner.clone()).prop_map(|(name, operand)| format!("{name}({operand})")),
            1 => (inner.clone(), -1..4).prop_map(|(operand, places)| format!("({operand}).round({places})")),
            1 => inner.prop_map(|item| format!("({item} in [1, \"a\", ()])")),
        ]
    })
}

/// Sums of numbers, of which nearly all are certain.
fn sum() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(&["body.a", "body.b", "body.n", "status", "2", "0.015", "-1.50", "0.0", "7"][..]);
    leaf.prop_map(str::to_owned).prop_recursive(4, 16, 2, |inner| {
        let operator = prop::sample::select(&["+", "-", "*", "/", "%", "??", "<", "=="][..]);
        let function = prop::sample::select(&["min", "max"][..]);
        prop_oneof![
            6 => (inner.clone(), operator, inner.clone()).prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            1 => (function, inner.clone(), inner.clone()).prop_map(|(name, left, right)| format!("{name}({left}, {right})")),
            1 => inner.clone().prop_map(|operand| format!("abs(-{operand})")),
            1 => (inner, 0..4).prop_map(|(operand, places)| format!("({operand}).round({places})")),
        ]
    })
}

/// An amount as JSON may write it.
fn amount() -> impl Strategy<Value = Value> {
    let plain = (any::<i64>(), 0_u32..12).prop_map(|(digits, scale)| Decimal::new(digits, scale).to_string());
    let small = (-2_000_i64..2_000, 0_u32..4).prop_map(|(digits, scale)| Decimal::new(digits, scale).to_string());
    let power = (-99_i32..99, -9_i32..9).prop_map(|(digits, power)| format!("{digits}e{power}"));
    prop_oneof![2 => plain, 4 => small, 1 => power]
        .prop_map(|text| serde_json::from_str(&text).expect("the text is a number"))
}

fn value() -> impl Strategy<Value = Value> {
    let number = |text: &str| serde_json::from_str::<Value>(text).expect("a number");
    let leaf = prop::sample::select(vec![
        Value::Null,
        json!(true),
        json!(1),
        json!(3),
        json!(-7),
        json!(i64::MAX),
        json!(i64::MIN),
        number("0.00"),
        number("-12.345"),
        number("0.0000000000000000000000000001"),
        number("79228162514264337593543950335"),
        number("1.50"),
        number("1.5"),
        number("1e0"),
        number("12345678901234567890123456789012"),
        json!(""),
        json!("a"),
        json!("b"),
        json!([]),
        json!({}),
    ]);
    leaf.prop_recursive(3, 12, 4, |inner| {
        let name = prop::sample::select(vec!["a", "b", "c", "list", "n", "s"]);
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            4 => prop::collection::vec((name, inner), 0..5)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// A sum that lost its places, `2 + 0.0`, is an integer to the short cut and a decimal to Rhai.
#[test]
fn a_quotient_has_no_idle_zeros_however_its_numbers_came_about() {
    let body = json!({ "a": 3 });
    let names = [("body", &body)];
    let rules = Rules::new(Missing::Fails, Arc::new(NoWatch));
    for (text, quotient) in [
        ("3 / 2", "1.5"),
        ("3.0 / 2.0", "1.5"),
        ("body.a / (2 + 0.0)", "1.5"),
        ("body.a / 2.50", "1.2"),
        ("4.00 / body.a / 2", "0.6666666666666666666666666666"),
        ("let x = 3.00; x /= 2; x", "1.5"),
        ("let x = 3.00; x /= 2.0; x", "1.5"),
    ] {
        let form = if text.contains("let") { Form::Statements } else { Form::Expression };
        let script = Script::compile(&rules, text, form, &["body"]).expect(text);
        let quotient = Ok(serde_json::from_str(quotient).expect("a number"));
        assert_eq!(script.run(&rules, &Named(&names)), quotient, "{text}");
        assert_eq!(rhai(&script, &rules, &Named(&names)).0, quotient, "{text}, by Rhai itself");
    }
}

/// Whether both ways say the same.
fn check(text: &str, body: &Value, missing: Missing) -> Result<(), TestCaseError> {
    let rules = Rules::new(missing, Arc::new(NoWatch));
    let status = json!(3);
    let names = [("status", &status), ("body", body)];
    let names = Named(&names);
    if let Ok(script) = Script::compile(&rules, text, Form::Expression, &["status", "body", "gone"]) {
        let (value, truth) = rhai(&script, &rules, &names);
        // A field that is not asked for is not converted here, and so does no harm.
        let is_too_long = |error: &ScriptError| error.message.contains("has more digits");
        prop_assume!(!value.as_ref().is_err_and(is_too_long));
        prop_assert_eq!(script.run(&rules, &names), value);
        prop_assert_eq!(script.test(&rules, &names), truth);
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 4_000, ..Config::default() })]

    #[test]
    fn a_quick_condition_says_what_rhai_says(text in text(), body in value(), lenient in any::<bool>()) {
        check(&text, &body, if lenient { Missing::IsNothing } else { Missing::Fails })?;
    }

    #[test]
    fn a_quick_sum_gives_what_rhai_gives(text in sum(), a in amount(), b in amount(), n in amount()) {
        check(&text, &json!({ "a": a, "b": b, "n": n }), Missing::Fails)?;
    }
}

/// Without this, the property above would hold of a short cut that is never taken.
#[test]
fn rules_of_manifests_and_sums_of_mappings_are_quick() {
    let rules = Rules::new(Missing::IsNothing, Arc::new(NoWatch));
    let body =
        serde_json::from_str::<Value>(r#"[{ "errorCode": "UNABLE_TO_LOCK_ROW", "available": 1.50, "count": 7 }]"#);
    let (body, status) = (body.unwrap(), json!(503));
    let names = [("status", &status), ("body", &body)];
    for (text, expected) in [
        ("status == 401 && body.error_details.sub_code == 4016", "false"),
        ("status == 503 && body[0].errorCode == \"UNABLE_TO_LOCK_ROW\"", "true"),
        ("(status == 200 || status >= 500) && !(body[0].available < 1.5)", "true"),
        ("body[0].errorCode in [\"A\", \"UNABLE_TO_LOCK_ROW\"]", "true"),
        ("body[0].nothing ?? body[0].errorCode", "\"UNABLE_TO_LOCK_ROW\""),
        ("body[0].available * 0.015 + 0.25", "0.27250"),
        ("body[0].available - status", "-501.50"),
        ("body[0].count / 2", "3.5"),
        ("body[0].count % 4 * -1", "-3"),
        ("max(body[0].available * 2, 2.5)", "3.00"),
        ("min(body[0].nothing ?? 7.0, body[0].count)", "7.0"),
        ("abs(-body[0].available)", "1.50"),
        ("(body[0].available * 0.985).round(2)", "1.48"),
    ] {
        let script = Script::compile(&rules, text, Form::Expression, &["status", "body"]).unwrap();
        let names = Named(&names);
        let quick = script.quick.as_ref().expect(text).value(Missing::IsNothing, &names).and_then(Given::into_value);
        assert_eq!(quick.map(|value| value.to_string()).as_deref(), Some(expected), "{text}");
    }
}
