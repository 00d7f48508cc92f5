//! `xref` of `ferry.yaml`: which cross-references there are, and between what.

use std::collections::BTreeMap;

use ferry_contract::{
    report::Report,
    yaml::{
        Node,
        read::{Fields, map, texts},
    },
};

use crate::limits::XREF_TABLES_MAX;

/// A cross-reference between the ids of two systems.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Xref {
    /// What its keys name, such as `salesforce Contact`.
    pub of: String,
    /// What its values name.
    pub to: String,
}

/// Reads the declarations.
pub(super) fn read(node: &Node, report: &mut Report) -> BTreeMap<String, Xref> {
    let entries = map(node, "`xref`", report).unwrap_or_default();
    if entries.len() > XREF_TABLES_MAX {
        let message = format!("there are {} cross-references, and {XREF_TABLES_MAX} are the most", entries.len());
        report.error("invalid-value", node.at, message, "keep one for each pair of systems and kind of record");
    }
    entries.iter().filter_map(|(name, node)| Some((name.value.clone(), one(node, report)?))).collect()
}

fn one(node: &Node, report: &mut Report) -> Option<Xref> {
    const EXAMPLE: &str = "[ salesforce Contact, payoneer payee ]";
    let fields = Fields::open(node, "a cross-reference", &["between"], report)?;
    let between = fields.need("between", EXAMPLE, report)?;
    let sides = texts(between, "`between`", report)?;
    let [of, to] = sides.as_slice() else {
        let message = format!("a cross-reference is between two sides, and this has {}", sides.len());
        report.error("invalid-value", between.at, message, format!("write `between: {EXAMPLE}`"));
        return None;
    };
    Some(Xref { of: of.value.clone(), to: to.value.clone() })
}
