//! What a store knows before a test, and is to know after it.

use std::collections::BTreeMap;

use ferry_contract::{
    report::{At, Report, Spanned},
    yaml::{
        Kind, Node,
        read::{Fields, map, text},
    },
};

use crate::run::Pair;

/// Pairs of a cross-reference, as a test writes them.
#[derive(Debug)]
pub struct Pairs {
    /// The cross-reference.
    pub table: Spanned<String>,
    /// Each pair with its place; of what is expected, nothing where there is to be none.
    pub pairs: Vec<(At, Pair)>,
}

/// Reads `state`; only an expectation may say that there is no pair.
pub(super) fn read(node: &Node, is_expected: bool, report: &mut Report) -> Vec<Pairs> {
    let Some(fields) = Fields::open(node, "`state`", &["xref"], report) else { return Vec::new() };
    let tables = fields.get("xref").and_then(|node| map(node, "`xref`", report)).unwrap_or_default();
    tables.iter().filter_map(|(name, node)| pairs(name, node, is_expected, report)).collect()
}

fn pairs(table: &Spanned<String>, node: &Node, is_expected: bool, report: &mut Report) -> Option<Pairs> {
    let entries = map(node, "a cross-reference", report)?;
    let pair = |(key, node): &(Spanned<String>, Node)| {
        let to = match &node.kind {
            Kind::Null if is_expected => None,
            _ => Some(text(node, "what the other system calls it", report)?.value),
        };
        Some((key.at, Pair { table: table.value.clone(), key: key.value.clone(), to }))
    };
    Some(Pairs { table: table.clone(), pairs: entries.iter().filter_map(pair).collect() })
}

/// The pairs that are not as they are expected, each with what is there.
pub(super) fn wrong<'a>(
    expected: &'a [Pairs],
    found: &'a BTreeMap<(String, String), String>,
) -> impl Iterator<Item = (At, &'a Pair, Option<&'a String>)> {
    expected.iter().flat_map(|pairs| &pairs.pairs).filter_map(|(at, pair)| {
        let there = found.get(&(pair.table.clone(), pair.key.clone()));
        (there != pair.to.as_ref()).then_some((*at, pair, there))
    })
}
