//! `unescaped-query`: a value of the event becomes a part of a query's own text.

use ferry_contract::{
    report::Report,
    template::Template,
    yaml::{Kind, Node},
};

use super::{Check, On};
use crate::lint::Context;

pub(super) const CHECK: Check =
    Check { name: "unescaped-query", page: include_str!("unescaped_query.md"), on: On::Pipeline(check) };

/// Inputs that are written in a language of the target's own.
const QUERIES: [&str; 4] = ["where", "query", "soql", "sql"];

fn check(cx: &Context<'_>, report: &mut Report) {
    for call in cx.pipeline.calls() {
        let Some(with) = call.with else { continue };
        for name in QUERIES {
            if let Some(text) = with.get(name).and_then(|query| query.get("text")) {
                look(text, name, report);
            }
        }
    }
}

fn look(text: &Node, name: &str, report: &mut Report) {
    let Kind::Text(written) = &text.kind else { return };
    // `invalid-text` reports what is no template.
    let Ok(template) = Template::parse(&written.value) else { return };
    for path in template.paths() {
        // Ids are made by the systems themselves, and `vars` by whoever writes the project.
        let is_id = path.names().last().is_some_and(|name| name.ends_with("Id") || name.ends_with("id"));
        let quoted = format!("'{{{}}}'", path.text());
        let Some(offset) = written.value.find(&quoted).filter(|_| !is_id && path.root() != Some("vars")) else {
            continue;
        };
        let before = &written.value[..offset + 2];
        let line = u32::try_from(before.matches('\n').count() + 1).unwrap_or(1);
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
        let at = text.at_inside(&report.source, line, u32::try_from(column + 1).unwrap_or(1));
        let message = format!("`{}` goes into `{name}` as it is, and a `'` in it changes what is asked", path.text());
        let help = "ask by an id, or make the value in a `script` step that puts a backslash before each `'` and `\\`";
        report.warning(CHECK.name, at, message, help);
    }
}
