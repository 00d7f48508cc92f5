//! Rules of a reconciliation, as they are written.

use std::collections::BTreeMap;

use ferry_contract::{
    number,
    report::{At, Report, Spanned},
    suggest,
    yaml::{
        Kind, Node,
        read::{Fields, flag, list, one_of, text, whole, wrong},
    },
};
use rust_decimal::Decimal;

use crate::{
    language::read::filled,
    limits::{
        RECON_CANDIDATES_MAX, RECON_DAYS_MAX, RECON_EDITS_MAX, RECON_ITEMS_MAX, RECON_PERCENT_MAX, RECON_RULES_MAX,
        RECON_WITHIN_MAX,
    },
    recon::{By, Gives, Rule, Shape, Sum, Test, Which},
};

/// All rules, in their order.
pub(super) fn rules(node: &Node, has_settlement: bool, report: &mut Report) -> Option<Vec<Spanned<Rule>>> {
    let nodes = filled(node, "`rules`", report)?;
    if nodes.len() > RECON_RULES_MAX {
        let message = format!("there are {} rules, and {RECON_RULES_MAX} are the most", nodes.len());
        report.error("invalid-value", node.at, message, "make two steps of it, the second for what the first leaves");
        return None;
    }
    let rules: Vec<_> = nodes.iter().map(|node| rule(node, has_settlement, report)).collect();
    let rules: Vec<Spanned<Rule>> = rules.into_iter().collect::<Option<_>>()?;
    if let Some(first) = rules.iter().position(|rule| rule.value.gives == Gives::Suggested)
        && let Some(late) = rules[first..].iter().find(|rule| rule.value.gives == Gives::Confirmed)
    {
        let message = format!(
            "`{}` confirms, and stands behind `{}`, which only suggests",
            late.value.name, rules[first].value.name
        );
        report.error(
            "invalid-value",
            late.at,
            message,
            "move it before all rules that suggest: what is certain goes first",
        );
    }
    let mut seen: BTreeMap<&str, At> = BTreeMap::new();
    for rule in &rules {
        if seen.insert(&rule.value.name, rule.at).is_some() {
            let message = format!("two rules are called `{}`", rule.value.name);
            report.error(
                "duplicate-id",
                rule.at,
                message,
                "give each its own name: every match says which rule made it",
            );
        }
    }
    Some(rules)
}

const RULE: [&str; 13] = [
    "name",
    "by",
    "many",
    "subset_of",
    "items_max",
    "candidates_max",
    "ref",
    "party",
    "amount",
    "days",
    "unique",
    "adjust",
    "gives",
];

fn rule(node: &Node, has_settlement: bool, report: &mut Report) -> Option<Spanned<Rule>> {
    let fields = Fields::open(node, "a rule of `reconcile`", &RULE, report)?;
    let name = fields.need("name", "exact-ref", report).and_then(|node| text(node, "`name`", report))?;
    let words = [
        ("ref", Key::Reference),
        ("party", Key::Party),
        ("settlement", Key::Settlement),
        ("currency", Key::Always),
        ("amount", Key::Always),
    ];
    let by = fields.get("by").map_or(Some(Vec::new()), |node| keys(node, &words, report))?;
    let edits = fields.get("ref").map_or(Some(None), |node| edits(node, report).map(Some))?;
    let party = fields.get("party").map_or(Some(None), |node| at_least(node, report).map(Some))?;
    let has = |key: Key| by.contains(&key);
    let shape = shape(&fields, has(Key::Settlement), report)?;
    let by = By { reference: has(Key::Reference), party: has(Key::Party) };
    let names = by.reference || edits.is_some() || shape == Shape::Settlement;
    let gives = fields.need("gives", "confirmed", report)?;
    let words = [("confirmed", Gives::Confirmed), ("suggested", Gives::Suggested)];
    let gives = Spanned::new(one_of(gives, "what a match is", &words, report)?, gives.at);
    let unique = fields.get("unique").map_or(Some(!by.reference), |node| flag(node, "`unique`", report))?;
    let rule = Rule {
        name: name.value,
        shape,
        by,
        edits,
        amount: fields.get("amount").map_or(Some(exact()), |node| test(node, report))?,
        days: fields.get("days").map_or(Some(None), |node| days(node, report).map(Some))?,
        party,
        unique,
        adjust: fields
            .get("adjust")
            .map_or(Some(None), |node| text(node, "`adjust`", report).map(|text| Some(text.value)))?,
        gives: gives.value,
    };
    if shape == Shape::Settlement && !has_settlement {
        let help = "add `settlement: { from: …, batch: $.settlement_id, kind: $.type, … }` to `reconcile`";
        report.error("missing-key", fields.at(), "this rule goes by settlements, and there are none", help);
    }
    report_certainty(&rule, names, gives.at, &fields, report);
    Some(Spanned::new(rule, fields.at()))
}

/// What a rule may say of its matches.
fn report_certainty(rule: &Rule, names: bool, gives: At, fields: &Fields<'_>, report: &mut Report) {
    if !names && rule.gives == Gives::Confirmed {
        let message =
            format!("`{}` confirms what names nothing: amount and name alone are the same by chance", rule.name);
        report.error(
            "invalid-value",
            gives,
            message,
            "write `gives: suggested`, so that a person says yes, or match `by: ref`",
        );
    }
    if !names && !rule.unique {
        let help = "remove `unique`: without a reference, it is taken only where nothing else fits";
        let at = fields.get("unique").map_or(fields.at(), |node| node.at);
        report.error("invalid-value", at, format!("`{}` would choose one of several that fit", rule.name), help);
    }
    if let Shape::OneToOne = rule.shape
        && !names
        && !rule.by.party
        && rule.party.is_none()
        && rule.days.is_none()
    {
        let help = "add `days: [-1, 14]`, `by: party` or `party: { at_least: 0.85 }`";
        report.error("invalid-value", fields.at(), format!("`{}` goes by the amount alone", rule.name), help);
    }
    if rule.edits.is_some() && (rule.by.reference || rule.shape != Shape::OneToOne) {
        let help = "remove `ref: { edits: … }`, or make a rule of its own of it";
        report.error(
            "invalid-value",
            fields.at(),
            format!("`{}` wants references that are the same, and nearly the same", rule.name),
            help,
        );
    }
    if matches!(rule.shape, Shape::Subset { .. }) && (rule.by.reference || rule.edits.is_some()) {
        let help = "write `many: left` for rows that a reference ties together, or remove the reference";
        let message = format!("`{}` looks for sums, which go by no reference", rule.name);
        report.error("invalid-value", fields.at(), message, help);
    }
    if rule.shape == Shape::Settlement && (rule.days.is_some() || rule.by.party || rule.party.is_some()) {
        let help = "remove `days` and `party`: the lines of a settlement say whose it is";
        let message = format!("`{}` goes by the lines of a settlement alone", rule.name);
        report.error("invalid-value", fields.at(), message, help);
    }
    if matches!(rule.shape, Shape::ManyLeft | Shape::ManyRight) && !rule.by.reference {
        let help = "add `by: ref`, or write `subset_of` for sums that no reference names";
        report.error(
            "invalid-value",
            fields.at(),
            format!("`{}` takes several rows, and nothing says which", rule.name),
            help,
        );
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Key {
    Reference,
    Party,
    Settlement,
    /// The currency must be the same in any case, and the amount is compared in any case.
    Always,
}

/// One word, or a list of them.
fn keys(node: &Node, words: &[(&str, Key)], report: &mut Report) -> Option<Vec<Key>> {
    let what = "what rows have in common";
    match &node.kind {
        Kind::List(nodes) => nodes.iter().map(|node| one_of(node, what, words, report)).collect(),
        _ => one_of(node, what, words, report).map(|key| vec![key]),
    }
}

fn shape(fields: &Fields<'_>, is_settlement: bool, report: &mut Report) -> Option<Shape> {
    let sides = [("left", Which::Left), ("right", Which::Right)];
    let written: Vec<&str> = ["many", "subset_of"].into_iter().filter(|key| fields.get(key).is_some()).collect();
    if written.len() + usize::from(is_settlement) > 1 {
        let help = "make a rule of each";
        report.error("invalid-value", fields.at(), "a rule is one of `many`, `subset_of` and `by: settlement`", help);
        return None;
    }
    if fields.get("subset_of").is_none() {
        for key in ["items_max", "candidates_max"] {
            fields.refuse(key, "only `subset_of` searches", "remove it, or write `subset_of: left`", report);
        }
    }
    if is_settlement {
        return Some(Shape::Settlement);
    }
    if let Some(node) = fields.get("many") {
        let which = one_of(node, "a side", &sides, report)?;
        return Some(if which == Which::Left { Shape::ManyLeft } else { Shape::ManyRight });
    }
    let Some(node) = fields.get("subset_of") else { return Some(Shape::OneToOne) };
    let of = one_of(node, "a side", &sides, report)?;
    let items_max = bounded(fields, "items_max", (3, 2, RECON_ITEMS_MAX), report)?;
    let candidates_max = bounded(fields, "candidates_max", (50, 2, RECON_CANDIDATES_MAX), report)?;
    Some(Shape::Subset { of, items_max, candidates_max })
}

/// A whole number within bounds; what is not written is the first.
fn bounded(
    fields: &Fields<'_>,
    key: &str,
    (default, least, most): (usize, usize, usize),
    report: &mut Report,
) -> Option<usize> {
    let Some(node) = fields.get(key) else { return Some(default) };
    let number = whole(node, &format!("`{key}`"), report)?;
    let number = usize::try_from(number).ok().filter(|number| (least..=most).contains(number));
    if number.is_none() {
        let help = format!("write a number from {least} to {most}: of many, a sum is hardly ever the only one");
        report.error("invalid-value", node.at, format!("`{key}` is out of bounds"), help);
    }
    number
}

fn edits(node: &Node, report: &mut Report) -> Option<usize> {
    let fields = Fields::open(node, "`ref` of a rule", &["edits"], report)?;
    let node = fields.need("edits", "1", report)?;
    let edits = whole(node, "`edits`", report)?;
    let edits = usize::try_from(edits).ok().filter(|edits| (1..=RECON_EDITS_MAX).contains(edits));
    if edits.is_none() {
        let help = format!("write a number from 1 to {RECON_EDITS_MAX}");
        report.error("invalid-value", node.at, "`edits` says by how many letters references may differ", help);
    }
    edits
}

/// `0.85` as 85 hundredths.
fn at_least(node: &Node, report: &mut Report) -> Option<u32> {
    let fields = Fields::open(node, "`party` of a rule", &["at_least"], report)?;
    let node = fields.need("at_least", "0.85", report)?;
    let hundredths = decimal(node, "`at_least`", report)? * Decimal::ONE_HUNDRED;
    let known = (50..=100_u32).find(|number| Decimal::from(*number) == hundredths);
    if known.is_none() {
        let help = "write a number from 0.5 to 1 with two digits, such as 0.85";
        report.error("invalid-value", node.at, "`at_least` says how alike names must be", help);
    }
    known
}

fn exact() -> Test {
    Test { left: Sum::amount(), right: Sum::amount(), within: None, percent: None }
}

fn test(node: &Node, report: &mut Report) -> Option<Test> {
    if node.entries().is_none() {
        one_of(node, "how amounts compare", &[("exact", ())], report)?;
        return Some(exact());
    }
    let fields = Fields::open(node, "`amount` of a rule", &["left", "right", "within", "percent"], report)?;
    let mut sum = |key: &str| {
        let Some(node) = fields.get(key) else { return Some(Sum::amount()) };
        let text = text(node, &format!("`{key}`"), report)?;
        let columns = ["amount", "gross", "fee", "net"];
        let read = Sum::parse(&text.value);
        read.map_err(|word| {
            let help =
                format!("write columns of amounts with + and -, such as `net + fee`: {}", suggest::list(&columns));
            report.error("invalid-value", text.at, format!("`{word}` is no column of amounts"), help);
        })
        .ok()
    };
    let (left, right) = (sum("left"), sum("right"));
    let mut number = |key: &str| {
        let Some(node) = fields.get(key) else { return Some(None) };
        let number = decimal(node, &format!("`{key}`"), report)?;
        let most = if key == "percent" { RECON_PERCENT_MAX } else { RECON_WITHIN_MAX };
        if number < Decimal::ZERO || number > Decimal::from(most) {
            let help = format!("write how far amounts may be apart, such as 0.01; {most} is the most");
            report.error("invalid-value", node.at, format!("`{key}` is out of bounds"), help);
            return None;
        }
        Some(Some(number))
    };
    let (within, percent) = (number("within"), number("percent"));
    Some(Test { left: left?, right: right?, within: within?, percent: percent? })
}

fn decimal(node: &Node, what: &str, report: &mut Report) -> Option<Decimal> {
    match &node.kind {
        Kind::Number(_) => number::text_to_decimal(&node.to_value().to_string()),
        Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => {
            wrong(node, what, "a number", report)
        }
    }
}

/// `[-1, 14]`: from and to how many days behind the left.
fn days(node: &Node, report: &mut Report) -> Option<(i32, i32)> {
    let day = |node: &Node| -> Option<i32> { node.to_value().as_i64().and_then(|day| i32::try_from(day).ok()) };
    let days: Vec<Option<i32>> = list(node, "`days`", report)?.iter().map(day).collect();
    match days.as_slice() {
        [Some(from), Some(to)] if from <= to && from.abs() <= RECON_DAYS_MAX && to.abs() <= RECON_DAYS_MAX => {
            Some((*from, *to))
        }
        _ => {
            let help = "write `days: [-1, 14]`: from one day before the left row to fourteen after it";
            report.error("invalid-value", node.at, "`days` are two whole numbers, the smaller first", help);
            None
        }
    }
}
