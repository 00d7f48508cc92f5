//! What a reconciliation looks like to persons, to the next step and to other pipelines.

use std::collections::BTreeMap;

use ferry_contract::number;
use ferry_core::{
    plan::reconcile::Reconcile,
    recon::{Amount, Gives, Match, Outcome, Reason, Side, Total, Which},
};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::Book;

/// The output of the step: numbers and sums, never rows. The same rows give the same, whether a rule has matched them this time or before.
pub(crate) fn output(
    (reconcile, name): (&Reconcile, &str),
    book: &Book,
    outcome: &Outcome,
    left: &Side,
    [left_out, repeated]: [u64; 2],
) -> Value {
    let rules = &reconcile.spec.rules;
    let (mut by_rule, mut others, mut written_off) = (vec![0_u64; rules.len()], 0, 0_u64);
    let mut adjustments: BTreeMap<(String, String), Decimal> = BTreeMap::new();
    let mut adjust = |account: &str, currency: String, amount: Decimal| {
        if !amount.is_zero() {
            *adjustments.entry((account.to_owned(), currency)).or_default() += amount;
        }
    };
    for kept in book.kept() {
        let Some((what, adjusts)) = kept else {
            written_off += 1;
            continue;
        };
        match rules.iter().position(|rule| rule.name == what && rule.gives == Gives::Confirmed) {
            Some(rule) => by_rule[rule] += 1,
            None => others += 1,
        }
        if let Some((account, difference)) = adjusts {
            let amount = difference.get("amount").and_then(|amount| number::text_to_decimal(&amount.to_string()));
            let currency = difference.get("currency").and_then(Value::as_str).unwrap_or_default();
            adjust(account, currency.to_owned(), amount.unwrap_or_default());
        }
    }
    for found in &outcome.matches {
        let Some(rule) = found.origin.rule() else { continue };
        by_rule[rule] += 1;
        // What is only suggested moves nothing.
        if let (Some(account), Gives::Confirmed) = (rules[rule].adjust.as_deref(), rules[rule].gives) {
            let (currency, exponent) = currency_of(left, found);
            adjust(account, currency, Decimal::new(found.difference, exponent));
        }
    }
    let count = |gives: Gives| -> u64 {
        rules.iter().zip(&by_rule).filter(|(rule, _)| rule.gives == gives).map(|(_, count)| count).sum()
    };
    let reason = |wanted: Reason| outcome.exceptions.iter().filter(|exception| exception.reason == wanted).count();
    let reasons: Map<String, Value> =
        Reason::ALL.iter().map(|(name, wanted)| ((*name).to_owned(), json!(reason(*wanted)))).collect();
    let rules: Vec<Value> = rules
        .iter()
        .zip(&by_rule)
        .map(|(rule, count)| json!({ "rule": rule.name, "matches": count, "gives": gives(rule.gives) }))
        .collect();
    let adjustments: Vec<Value> = adjustments.into_iter().map(|((account, currency), sum)| {
        json!({ "account": account, "currency": currency, "amount": number::from_decimal(sum) })
    }).collect();
    json!({
        "book": name,
        "confirmed": count(Gives::Confirmed) + others,
        "suggested": count(Gives::Suggested),
        "written_off": written_off,
        "exceptions": outcome.exceptions.len(),
        "reasons": reasons,
        "rules": rules,
        "totals": outcome.totals.iter().map(total).collect::<Vec<_>>(),
        "adjustments": adjustments,
        "lines": outcome.lines.len(),
        "left_out": left_out,
        "repeated": repeated,
    })
}

fn total(total: &Total) -> Value {
    let amount = |amount: Amount| json!({ "rows": amount.rows, "amount": decimal(amount.sum, total.exponent) });
    let sides = |sides: [Amount; 2]| json!({ "left": amount(sides[0]), "right": amount(sides[1]) });
    json!({
        "currency": total.currency,
        "given": sides(total.given),
        "matched": sides(total.matched),
        "open": sides(total.open),
        "difference": decimal(total.difference, total.exponent),
    })
}

/// Confirmed or suggested.
pub(super) fn gives(gives: Gives) -> &'static str {
    match gives {
        Gives::Confirmed => "confirmed",
        Gives::Suggested => "suggested",
    }
}

/// The currency of a match, and the digits of its minor units.
pub(super) fn currency_of(left: &Side, found: &Match) -> (String, u32) {
    found
        .left
        .as_slice()
        .first()
        .map_or_else(Default::default, |row| (left.currency(*row).to_owned(), left.exponent(*row)))
}

/// Minor units as a number in major units. More than can be written is written as a text.
pub(crate) fn decimal(minor: i128, exponent: u32) -> Value {
    Decimal::try_from_i128_with_scale(minor, exponent)
        .map_or_else(|_| Value::from(minor.to_string()), number::from_decimal)
}

/// A row, with what it says.
pub(super) fn row(side: &Side, which: Which, row: u32) -> Value {
    let exponent = side.exponent(row);
    let mut shown = Map::new();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() && value.as_str() != Some("") {
            shown.insert(name.to_owned(), value);
        }
    };
    add("id", Value::from(side.id(row)));
    add("amount", decimal(i128::from(side.amount(row)), exponent));
    add("currency", Value::from(side.currency(row)));
    add("date", side.day(row).map_or(Value::Null, date));
    add("ref", Value::from(side.reference(row)));
    add("party", Value::from(side.party(row)));
    if which == Which::Right {
        add("fee", decimal(i128::from(side.fee(row)), exponent));
        add("net", decimal(i128::from(side.net(row)), exponent));
    }
    Value::Object(shown)
}

/// Days since 1970-01-01 as a date.
fn date(day: i32) -> Value {
    let epoch = jiff::civil::date(1970, 1, 1);
    let day = jiff::Span::new().try_days(day).and_then(|days| epoch.checked_add(days));
    day.map_or(Value::Null, |day| Value::from(day.to_string()))
}
