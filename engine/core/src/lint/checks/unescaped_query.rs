//! `unescaped-query`: a value of the event becomes a part of a query's own text.

use ferry_contract::{
    path::Path,
    report::{At, Report},
    schema,
    script::without_texts,
    template::Template,
    yaml::{Kind, Node},
};

use super::{Check, On};
use crate::{
    language::{EventSource, Pipeline, Work},
    lint::Context,
};

pub(super) const CHECK: Check =
    Check { name: "unescaped-query", page: include_str!("unescaped_query.md"), on: On::Pipeline(check) };

/// Inputs that are written in a language of the target's own.
const QUERIES: [&str; 5] = ["where", "query", "soql", "sql", "order_by"];
/// From maps into maps that they read: a circle is found elsewhere.
const WAYS_MAX: usize = 8;

/// One input of one call.
struct Query<'a> {
    name: &'a str,
    pipeline: &'a Pipeline,
}

fn check(cx: &Context<'_>, report: &mut Report) {
    for call in cx.pipeline.calls() {
        let Some(with) = call.with else { continue };
        for name in QUERIES {
            if let Some(node) = with.get(name) {
                Query { name, pipeline: cx.pipeline }.look(node, WAYS_MAX, report);
            }
        }
    }
}

impl Query<'_> {
    fn look(&self, node: &Node, ways: usize, report: &mut Report) {
        if let Some(text) = node.get("text") {
            self.text(text, report);
        } else if let Some(rhai) = node.get("rhai") {
            self.rhai(rhai, report);
        } else if let Some(Kind::List(items)) = node.get("concat").map(|list| &list.kind) {
            self.parts(items, report);
        } else if let Some(inner) = node.get("from") {
            self.look(inner, ways, report);
        } else if let Some(path) = path(node) {
            self.whole(&path, node, ways, report);
        }
    }

    /// A value that is the query: the event writes it, or a step that is looked at in its place.
    fn whole(&self, path: &Path, node: &Node, ways: usize, report: &mut Report) {
        if path.root() == Some("event") {
            // One of a few, a number, or what a system has typed is no condition.
            if !self.may_be_any_text(path) {
                return;
            }
            let message = format!("whoever makes the event writes all of `{}`, with `{}`", self.name, path.text());
            let help = "write it here, and let the event choose between a few of them, with `switch` or `lookup`";
            return report.warning(CHECK.name, node.at, message, help);
        }
        let steps = self.pipeline.all_steps();
        let step = steps.iter().find(|step| path.root() == Some(step.id.value.as_str()) && step.each.is_none());
        let Some(Work::Map(map)) = step.map(|step| &step.work) else { return };
        let made = path.names().iter().try_fold(map, |map, name| map.get(name));
        if let (Some(made), Some(ways)) = (made, ways.checked_sub(1)) {
            self.look(made, ways, report);
        }
    }

    fn text(&self, text: &Node, report: &mut Report) {
        let Kind::Text(written) = &text.kind else { return };
        // `invalid-text` reports what is no template.
        let Ok(template) = Template::parse(&written.value) else { return };
        for path in template.paths() {
            let braces = format!("{{{}}}", path.text());
            let Some(offset) = written.value.find(&braces) else { continue };
            let is_quoted = written.value[..offset].ends_with('\'');
            self.part(path, is_quoted, text.at_offset(&report.source, offset + 1), report);
        }
    }

    fn parts(&self, items: &[Node], report: &mut Report) {
        for (index, item) in items.iter().enumerate() {
            let Some(path) = path(item) else { continue };
            let before = index.checked_sub(1).and_then(|before| items[before].text());
            self.part(&path, before.is_some_and(|before| before.ends_with('\'')), item.at, report);
        }
    }

    /// A rule that reads the event; what takes the quotes out of a value has a `replace`.
    fn rhai(&self, rhai: &Node, report: &mut Report) {
        let Some(text) = rhai.text().filter(|text| !text.contains("replace(")) else { return };
        for (offset, word) in super::card_data::read(&without_texts(text)) {
            let path = Path::parse(&format!("$.{word}")).ok().filter(|path| path.root() == Some("event"));
            let Some(path) = path else { continue };
            let before = text[..offset].trim_end().trim_end_matches('+').trim_end();
            self.part(&path, before.ends_with("'\""), rhai.at_offset(&report.source, offset), report);
        }
    }

    /// A value inside of a query.
    fn part(&self, path: &Path, is_quoted: bool, at: At, report: &mut Report) {
        // Ids are made by the systems themselves, and `vars` by whoever writes the project.
        let is_id = path.names().last().is_some_and(|name| name.ends_with("Id") || name.ends_with("id"));
        if is_id || path.root() == Some("vars") {
            return;
        }
        let name = self.name;
        let what = path.text();
        if is_quoted {
            let message = format!("`{what}` goes into `{name}` as it is, and a `'` in it changes what is asked");
            let help =
                "ask by an id, or make the value in a `script` step that puts a backslash before each `'` and `\\`";
            report.warning(CHECK.name, at, message, help);
        } else if path.root() == Some("event") && self.may_be_any_text(path) {
            let message = format!("`{what}` goes into `{name}` as it is, and may be more than one value there");
            let help =
                "make it a number or a date in a `map` step first, with `{ from: …, as: decimal(2) }`, and read that";
            report.warning(CHECK.name, at, message, help);
        }
    }

    /// Whether a field of the event can hold a condition. `inputs` say what it has; what a poll gives has the types of its system.
    fn may_be_any_text(&self, path: &Path) -> bool {
        let names = path.names();
        if let Some(input) = self.pipeline.inputs.iter().find(|input| names.first() == Some(&input.name.value.as_str()))
        {
            return names.len() == 1 && input.kind == schema::Kind::String && input.one_of.is_empty();
        }
        match &self.pipeline.trigger.source {
            EventSource::Webhook(_) | EventSource::Event(_) | EventSource::File(_) | EventSource::Reconciled(_) => true,
            EventSource::Manual | EventSource::Poll(_) | EventSource::Schedule(_) | EventSource::Pipeline(_) => false,
        }
    }
}

fn path(node: &Node) -> Option<Path> {
    node.text().filter(|text| text.starts_with("$.")).and_then(|text| Path::parse(text).ok())
}
