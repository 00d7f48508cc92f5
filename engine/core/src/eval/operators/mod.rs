//! Mapping operators: one file each, and this list.

mod from;
mod money;

use std::{collections::BTreeMap, sync::Arc};

use ferry_contract::{
    expression::{self, Compiler, Dialect, Operator},
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

/// Whether a map makes a value, and so is not itself the value.
pub(crate) fn is_operator(node: &Node) -> bool {
    written(node).is_some() || expression::is_builder(node)
}

enum Written<'n> {
    From,
    Money(&'n Node),
}

fn written(node: &Node) -> Option<Written<'_>> {
    if node.get("from").is_some() {
        return Some(Written::From);
    }
    let [(key, value)] = node.entries()? else { return None };
    match key.value.as_str() {
        "money" => Some(Written::Money(value)),
        _ => None,
    }
}

impl Dialect for Mapping<'_> {
    fn operator(&self, node: &Node, compiler: &mut Compiler<'_>) -> Option<Built> {
        Some(match written(node)? {
            Written::From => from::compile(*self, node, compiler),
            Written::Money(value) => money::compile(value, compiler),
        })
    }
}
