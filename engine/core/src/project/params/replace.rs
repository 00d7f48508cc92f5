//! `${param:name}` in the leaves of a file.

use std::collections::BTreeSet;

use ferry_contract::{
    report::{At, Report},
    yaml::{Kind, Node, Style, Text},
};
use serde_json::Value;

use super::{Found, Param, Params, text_of, to_give};

/// What a reference begins with.
const BEGIN: &str = "${param:";
/// What is code: a text put into it would be read as code, too.
const CODE: [&str; 5] = ["rhai", "script", "when", "until", "passes"];

/// A reference inside of a text.
struct Reference<'t> {
    name: &'t str,
    default: Option<&'t str>,
}

impl Params {
    /// Replaces the references of a tree, and gives the names of those that were there.
    ///
    /// Nothing where one of them has no value, which the report says: then nobody knows what the file means.
    pub(crate) fn replace(&self, root: &mut Node, report: &mut Report) -> Option<BTreeSet<String>> {
        let mut replacing = Replacing { params: self, report, used: BTreeSet::new(), is_complete: true };
        replacing.node(root, "");
        replacing.is_complete.then_some(replacing.used)
    }

    /// Replaces the references of a text that is no part of a tree.
    pub(crate) fn replace_text(&self, text: &str, at: At, report: &mut Report) -> Option<String> {
        let mut replacing = Replacing { params: self, report, used: BTreeSet::new(), is_complete: true };
        let replaced = replacing.text(text, at, false);
        replaced.filter(|_| replacing.is_complete)
    }
}

/// The names of the parameters that a text refers to.
pub(crate) fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split(BEGIN).skip(1).map(|rest| {
        let inside = rest.split_once('}').map_or(rest, |(inside, _)| inside);
        inside.split_once(":-").map_or(inside, |(name, _)| name)
    })
}

/// Whether a tree refers to a parameter.
pub(crate) fn has_reference(node: &Node) -> bool {
    match &node.kind {
        Kind::List(items) => items.iter().any(has_reference),
        Kind::Map(entries) => entries.iter().any(|(name, node)| name.value.contains(BEGIN) || has_reference(node)),
        Kind::Text(text) => text.value.contains(BEGIN),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => false,
    }
}

struct Replacing<'a> {
    params: &'a Params,
    report: &'a mut Report,
    used: BTreeSet<String>,
    is_complete: bool,
}

impl Replacing<'_> {
    fn node(&mut self, node: &mut Node, key: &str) {
        match &mut node.kind {
            Kind::List(items) => items.iter_mut().for_each(|item| self.node(item, key)),
            Kind::Map(entries) => {
                for (name, value) in entries {
                    if name.value.contains(BEGIN) {
                        let message = "a key is never a reference, and this is one";
                        self.refuse("wrong-reference", name.at, message, "write the key itself; its value may be one");
                    }
                    self.node(value, &name.value);
                }
            }
            Kind::Text(text) if text.value.contains(BEGIN) => {
                let written = std::mem::take(&mut text.value);
                let is_code = CODE.contains(&key);
                // Places inside of what was replaced are not those of the file any more.
                let kind = match whole(&written).filter(|_| !is_code) {
                    Some(reference) => self.value(&reference, node.at).map(as_kind),
                    None => self.text(&written, node.at, is_code).map(text_kind),
                };
                node.kind = kind.unwrap_or(Kind::Null);
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
        }
    }

    /// A text with its references replaced.
    fn text(&mut self, text: &str, at: At, is_code: bool) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(BEGIN) {
            out.push_str(before);
            let Some((inside, after)) = after.split_once('}') else {
                let message = format!("`{BEGIN}` has no end");
                self.refuse("wrong-reference", at, &message, "write `${param:name}`, perhaps with `:-default`");
                return None;
            };
            out.push_str(&text_of(&self.value_in(&reference(inside), at, is_code)?));
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    fn value_in(&mut self, reference: &Reference<'_>, at: At, is_code: bool) -> Option<Value> {
        let value = self.value(reference, at)?;
        if is_code && value.is_string() {
            let name = reference.name;
            let message = format!("`{name}` is a text, and in Rhai a text would be read as code");
            let help =
                format!("write `vars: {{ {name}: ${{param:{name}}} }}` in ferry.yaml, and read `vars.{name}` here");
            self.refuse("wrong-reference", at, &message, &help);
            return None;
        }
        Some(value)
    }

    fn value(&mut self, reference: &Reference<'_>, at: At) -> Option<Value> {
        let Some(param) = self.params.all.get(reference.name) else {
            self.params.unknown(reference.name, at, self.report);
            self.is_complete = false;
            return None;
        };
        self.used.insert(reference.name.to_owned());
        let value = match (&param.found, reference.default) {
            (Found::Value(value), _) => Some(value.clone()),
            (Found::Missing, Some(default)) => self.default(param, (reference.name, default), at),
            (Found::Missing, None) => {
                let message = format!("the parameter `{}` has no value", reference.name);
                self.report.error("missing-param", at, message, to_give(reference.name));
                None
            }
            (Found::Wrong, _) => None,
        };
        self.is_complete &= value.is_some();
        value
    }

    fn default(&mut self, param: &Param, (name, default): (&str, &str), at: At) -> Option<Value> {
        param.checked(param.kind.read(default), ("the default here", name), at, self.report)
    }

    fn refuse(&mut self, check: &'static str, at: At, message: &str, help: &str) {
        self.report.error(check, at, message, help);
        self.is_complete = false;
    }
}

/// The reference that is all of a text.
fn whole(text: &str) -> Option<Reference<'_>> {
    let inside = text.strip_prefix(BEGIN)?.strip_suffix('}')?;
    (!inside.contains('}')).then(|| reference(inside))
}

fn reference(inside: &str) -> Reference<'_> {
    let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
    Reference { name, default }
}

fn as_kind(value: Value) -> Kind {
    match value {
        Value::Bool(flag) => Kind::Bool(flag),
        Value::Number(number) => Kind::Number(number),
        other => text_kind(text_of(&other)),
    }
}

fn text_kind(value: String) -> Kind {
    Kind::Text(Text { value, style: Style::Folded })
}
