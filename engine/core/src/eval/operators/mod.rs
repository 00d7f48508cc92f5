//! Mapping operators: one file each, and this list.

mod from;
mod money;

use std::{collections::BTreeMap, sync::Arc};

use ferry_contract::{
    expression::{Compiler, Dialect, Operator},
    yaml::Node,
};

use crate::project::Table;

/// The operators of pipelines, with the tables that they may look up.
#[derive(Clone, Copy, Debug)]
pub struct Mapping<'a> {
    /// Tables by name.
    pub tables: &'a BTreeMap<String, Arc<Table>>,
}

type Built = Option<Box<dyn Operator>>;

impl Dialect for Mapping<'_> {
    fn operator(&self, node: &Node, compiler: &mut Compiler<'_>) -> Option<Built> {
        if node.get("from").is_some() {
            return Some(from::compile(self, node, compiler));
        }
        let [(key, value)] = node.entries()? else { return None };
        match key.value.as_str() {
            "money" => Some(money::compile(value, compiler)),
            _ => None,
        }
    }
}
