//! `unused-definition`: what `ferry.yaml` or `tables/` has and no pipeline names.

use std::{collections::BTreeSet, sync::Arc};

use ferry_contract::{
    report::{At, Report, Source, Spanned},
    yaml::{self, Kind, Node},
};

use super::{Check, On};
use crate::{
    lint::{File, FileKind, Reports, Whole},
    project::references,
};

pub(super) const CHECK: Check =
    Check { name: "unused-definition", page: include_str!("unused_definition.md"), on: On::Project(check) };

/// The maps of `ferry.yaml` whose keys pipelines name, and what one of them is called.
const DEFINED: [(&str, &str); 5] = [
    ("connections", "connection"),
    ("alerts", "alert channel"),
    ("groups", "group"),
    ("vars", "value of `vars`"),
    ("xref", "cross-reference"),
];

fn check(whole: &Whole<'_>, reports: &mut Reports) {
    let files = whole.files;
    let maps: Vec<Option<Node>> = files.maps.values().map(parse).collect();
    let parsed: Option<Vec<&Node>> = whole.trees.iter().chain(&maps).map(Option::as_ref).collect();
    // A project without pipelines has just begun, and a file that cannot be read may name anything.
    let Some(pipelines) = parsed.filter(|_| !files.pipelines.is_empty()) else { return };
    let given = whole.project.params.values();
    let words = pipelines.iter().copied().flat_map(words).chain(given.values().map(String::as_str));
    let words: BTreeSet<&str> = words.collect();
    let Some(project) = parse(&whole.files.project) else { return };
    params(whole, &pipelines, &project, reports.of(&whole.files.project));
    let takes_all_vars = pipelines.iter().copied().any(reads_all_vars);
    for (key, what) in DEFINED.into_iter().filter(|(key, _)| *key != "vars" || !takes_all_vars) {
        for (name, _) in project.get(key).and_then(Node::entries).unwrap_or_default() {
            report_unused(&words, name, what, reports.of(&whole.files.project));
        }
    }
    for (what, library) in [("table", &files.tables), ("mapping", &files.maps), ("module", &files.scripts)] {
        // What lies in a folder that is shared is for other projects, too.
        for (name, source) in library.iter().filter(|(_, source)| !files.shared.contains(&source.name)) {
            let name = Spanned::new(name.clone(), At::START);
            report_unused(&words, &name, what, reports.of(source));
        }
    }
}

/// A parameter may be used in tables and in the project itself, too.
fn params(whole: &Whole<'_>, pipelines: &[&Node], project: &Node, report: &mut Report) {
    let texts = pipelines.iter().copied().chain([project]).flat_map(texts);
    let tables = whole.files.tables.values().map(|source| source.text.as_str());
    let used: BTreeSet<&str> = texts.chain(tables).flat_map(references).collect();
    let declared = project.get("params").and_then(Node::entries).unwrap_or_default();
    // A name that is none may be meant for any of them.
    if !used.iter().all(|used| declared.iter().any(|(name, _)| name.value == *used)) {
        return;
    }
    for (name, _) in declared {
        if !used.contains(name.value.as_str()) {
            let message = format!("nothing in this project uses the parameter `{}`", name.value);
            let help = format!("remove it, or write `${{param:{}}}` where it is meant", name.value);
            report.warning(CHECK.name, name.at, message, help);
        }
    }
}

fn parse(source: &Arc<Source>) -> Option<Node> {
    yaml::parse(source, &mut Report::new(source))
}

fn report_unused(words: &BTreeSet<&str>, name: &Spanned<String>, what: &str, report: &mut Report) {
    if !words.contains(name.value.as_str()) {
        let message = format!("no pipeline of this project uses the {what} `{}`", name.value);
        report.warning(CHECK.name, name.at, message, "remove it, or name it in a pipeline");
    }
}

/// Every word of every value: whatever a name is written in, it is not missed.
fn words(pipeline: &Node) -> Vec<&str> {
    let is_apart = |letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '-');
    let mut found = Vec::new();
    for text in texts(pipeline) {
        found.extend(text.split(is_apart));
        found.push(text);
    }
    found
}

fn reads_all_vars(pipeline: &Node) -> bool {
    let reads = |text: &str| {
        let mut after = text.match_indices("vars").map(|(start, name)| &text[start + name.len()..]);
        after.any(|rest| !rest.starts_with('.') || rest.starts_with(".."))
    };
    texts(pipeline).into_iter().any(reads)
}

fn texts(pipeline: &Node) -> Vec<&str> {
    let leaves = File { root: pipeline, kind: FileKind::Pipeline }.leaves();
    let text = |node: &Node| matches!(node.kind, Kind::Text(_));
    leaves.into_iter().filter(|(_, node)| text(node)).filter_map(|(_, node)| node.text()).collect()
}
