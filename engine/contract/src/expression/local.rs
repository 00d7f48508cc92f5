//! Scopes with names of their own.

use serde_json::{Map, Value};

use super::Scope;
use crate::{
    pairs::Pairs,
    path::{Document, Roots},
    script::Rules,
};

/// A scope in which one more name has a value.
#[derive(Clone, Copy)]
pub struct Local<'a> {
    /// The scope around it.
    pub outer: Scope<'a>,
    /// The name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a Value,
}

impl<'a> Local<'a> {
    /// The scope with it.
    pub fn scope(&'a self) -> Scope<'a> {
        Scope { rules: self.outer.rules, document: Document::Roots(self), names: self }
    }
}

impl Roots for Local<'_> {
    fn root(&self, name: &str) -> Option<&Value> {
        if name == self.name { Some(self.value) } else { self.outer.names.value(name) }
    }

    fn pairs(&self) -> Option<&dyn Pairs> {
        self.outer.names.pairs()
    }
}

/// A scope of which all names are in a map.
#[derive(Clone, Copy, Debug)]
pub struct Locals<'a>(pub &'a Map<String, Value>);

impl<'a> Locals<'a> {
    /// The scope.
    pub fn scope(&'a self, rules: &'a Rules) -> Scope<'a> {
        Scope { rules, document: Document::Roots(self), names: self }
    }
}

impl Roots for Locals<'_> {
    fn root(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// The same inside of another scope, whose cross-references it reads.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The names.
    pub names: &'a Map<String, Value>,
    /// The scope around it.
    pub outer: Scope<'a>,
}

impl<'a> Given<'a> {
    /// The scope.
    pub fn scope(&'a self) -> Scope<'a> {
        Scope { rules: self.outer.rules, document: Document::Roots(self), names: self }
    }
}

impl Roots for Given<'_> {
    fn root(&self, name: &str) -> Option<&Value> {
        self.names.get(name)
    }

    fn pairs(&self) -> Option<&dyn Pairs> {
        self.outer.names.pairs()
    }
}
