//! `verify` of a manifest: the read by which a connection shows that it works.

use std::collections::BTreeMap;

use ferry_contract::{
    catalog::{Action, Verify},
    schema::Schema,
    suggest,
    yaml::{
        Node,
        read::{Fields, map, text},
    },
};
use serde_json::Map;

use super::read::Reader;

impl Reader<'_> {
    /// The name of an action, or a map with its input; `actions` are those that are `written`, and could be read.
    pub(super) fn verify(
        &mut self,
        node: &Node,
        (written, actions): (&Node, &BTreeMap<String, Action>),
    ) -> Option<Verify> {
        let (named, with) = if node.entries().is_some() {
            let fields = Fields::open(node, "`verify`", &["action", "with"], self.report)?;
            (fields.need("action", "get_balance", self.report)?, fields.get("with"))
        } else {
            (node, None)
        };
        let name = text(named, "`verify`", self.report)?.value;
        let Some(action) = actions.get(&name) else {
            // What is wrong with an action that is there is said there.
            if written.get(&name).is_none() {
                let known = written.entries().unwrap_or_default().iter().map(|(name, _)| name.value.as_str());
                self.unknown_action(named, &name, &known.collect::<Vec<_>>());
            }
            return None;
        };
        if action.effect.is_write() {
            let reads: Vec<&str> =
                actions.iter().filter(|(_, action)| !action.effect.is_write()).map(|(name, _)| name.as_str()).collect();
            let help = match reads.as_slice() {
                [] => "add an action with `effect: read`, or remove `verify`".to_owned(),
                reads => format!("name an action that reads: {}", suggest::list(reads)),
            };
            let message = format!("`{name}` writes, and whoever looks whether a connection works must change nothing");
            self.report.error("invalid-value", named.at, message, help);
            return None;
        }
        self.check_input(node, with, action);
        let entries = with.and_then(|node| map(node, "`with`", self.report)).unwrap_or_default();
        let with: Map<_, _> = entries.iter().map(|(name, node)| (name.value.clone(), node.to_value())).collect();
        Some(Verify { action: name, with })
    }

    /// What is given is what the action takes, and all that it needs.
    fn check_input(&mut self, node: &Node, with: Option<&Node>, action: &Action) {
        let given = with.and_then(Node::entries).unwrap_or_default();
        let is_given = |name: &String| given.iter().any(|(known, _)| known.value == *name);
        for name in action.input.required.iter().filter(|name| !is_given(name)) {
            let example = action.input.property(name).and_then(|field| field.example.as_ref());
            let example = example.map_or_else(|| "…".to_owned(), ToString::to_string);
            let message = format!("`{}` needs `{name}`", action.name);
            let help = format!("add `{name}: {example}` to `with` of `verify`");
            self.report.error("missing-input", with.unwrap_or(node).at, message, help);
        }
        let known: Vec<&str> = action.input.properties.iter().map(|(name, _)| name.as_str()).collect();
        for (name, node) in given {
            match action.input.property(&name.value) {
                Some(schema) => self.check_value(&name.value, node, schema),
                None if action.input.open => {}
                None => {
                    let message = format!("`{}` takes no `{}`", action.name, name.value);
                    self.report.unknown("unknown-input", name.at, message, (&name.value, &known));
                }
            }
        }
    }

    fn check_value(&mut self, name: &str, node: &Node, schema: &Schema) {
        let example = schema.example.as_ref().map_or_else(String::new, |example| format!(", such as `{example}`"));
        for violation in schema.violations(&node.to_value()) {
            let message = format!("`{name}` is not as its action wants it: {violation}");
            self.report.error("wrong-input", node.at, message, format!("write what `{name}` takes{example}"));
        }
    }
}
