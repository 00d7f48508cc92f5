//! `hand-made-split`: parts of money that are worked out one by one, and need not sum to the whole.

use std::collections::BTreeMap;

use ferry_contract::{
    report::{At, Report},
    yaml::{Kind, Node},
};
use rust_decimal::Decimal;

use super::{Check, On};
use crate::lint::{Context, written};

pub(super) const CHECK: Check =
    Check { name: "hand-made-split", page: include_str!("hand_made_split.md"), on: On::Pipeline(check) };

/// A part of what is split: `event.Amount__c * 0.7`.
struct Share {
    of: String,
    factor: Decimal,
    at: At,
}

fn check(cx: &Context<'_>, report: &mut Report) {
    if !cx.is_version() {
        written::values(cx.pipeline).into_iter().for_each(|value| look(value, report));
    }
}

/// Parts that stand beside each other, and are the whole together.
fn look(node: &Node, report: &mut Report) {
    let inner: Vec<&Node> = match &node.kind {
        Kind::Map(entries) => entries.iter().map(|(_, inner)| inner).collect(),
        Kind::List(items) => items.iter().collect(),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => return,
    };
    let mut wholes: BTreeMap<String, Vec<Share>> = BTreeMap::new();
    for share in inner.iter().flat_map(|inner| shares(inner)) {
        wholes.entry(share.of.clone()).or_default().push(share);
    }
    let is_whole = |shares: &&Vec<Share>| {
        let sum: Decimal = shares.iter().map(|share| share.factor).sum();
        shares.len() > 1 && (sum - Decimal::ONE).abs() < Decimal::new(1, 6)
    };
    let Some(shares) = wholes.values().find(is_whole) else {
        return inner.into_iter().for_each(|inner| look(inner, report));
    };
    let last = shares.last().expect("there are two at the least");
    let message = format!(
        "`{}` is split into {} parts, each rounded by itself, so a cent may be lost or made",
        last.of,
        shares.len()
    );
    let rules: Vec<String> = shares
        .iter()
        .map(|share| format!("{{ to: …, share: {} }}", (share.factor * Decimal::ONE_HUNDRED).round_dp(2).normalize()))
        .collect();
    let help = format!(
        "split it in a step whose parts are always the whole: `allocate: {{ amount: …, by: [ {} ] }}`",
        rules.join(", ")
    );
    report.warning(CHECK.name, last.at, message, help);
}

fn shares(node: &Node) -> Vec<Share> {
    match &node.kind {
        Kind::Map(entries) => match &entries[..] {
            [(key, script)] if key.value == "rhai" => {
                script.text().and_then(|text| share(text, script.at)).into_iter().collect()
            }
            _ => entries.iter().flat_map(|(_, inner)| shares(inner)).collect(),
        },
        Kind::List(_) | Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => Vec::new(),
    }
}

/// Reads `field * 0.7`, `0.7 * field` or `field / 3`, perhaps rounded.
fn share(text: &str, at: At) -> Option<Share> {
    let text = unrounded(text.trim());
    let (of, factor) = match (text.split_once('*'), text.split_once('/')) {
        (Some((left, right)), None) => match (number(left), number(right)) {
            (None, Some(factor)) => (left, factor),
            (Some(factor), None) => (right, factor),
            _ => return None,
        },
        (None, Some((left, right))) => (left, Decimal::ONE.checked_div(number(right)?)?),
        _ => return None,
    };
    let of = of.trim();
    let is_field = of.contains('.') && of.chars().all(|letter| letter.is_alphanumeric() || "_.".contains(letter));
    (is_field && number(of).is_none()).then(|| Share { of: of.to_owned(), factor, at })
}

fn number(text: &str) -> Option<Decimal> {
    text.trim().parse().ok().filter(|number: &Decimal| number.is_sign_positive() && !number.is_zero())
}

/// What is inside of `(…).round(2)` or `round(…, 2)`.
fn unrounded(text: &str) -> &str {
    let method = text.strip_prefix('(').and_then(|rest| rest.split_once(").round")).map(|(inner, _)| inner);
    let function = || text.strip_prefix("round").and_then(|rest| Some(rest.split_once('(')?.1.rsplit_once(',')?.0));
    method.or_else(function).unwrap_or(text)
}
