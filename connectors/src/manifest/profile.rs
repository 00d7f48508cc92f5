//! `profiles`: other ways in which the same actions are called, such as the paths of another version of an API.
//!
//! A profile is the manifest with parts of some actions replaced, read as a whole. What an action is to the engine, its
//! effect, its input and its output, is the same in all of them: a connection may change its profile, and its pipelines stay.

use std::collections::BTreeSet;

use ferry_contract::{
    catalog::Profile,
    report::{Report, Spanned},
    yaml::{
        Kind, Node,
        read::{Fields, Near, map, text, texts},
    },
};

/// What of an action may be other in a profile.
const CHANGES: [&str; 10] =
    ["request", "job", "success", "errors", "result", "paginate", "timeout", "sample", "source", "evidence"];

/// What of a request may be.
const REQUEST: [&str; 11] =
    ["host", "method", "let", "path", "query", "headers", "encoding", "accept", "body", "upload", "download"];

/// What is the same in all of them.
const SAME: &[Near] = &[Near {
    keys: &["effect", "input", "output", "preflight", "bundle", "poll", "record", "selects", "summary", "deprecated"],
    place: "to the action itself: pipelines rely on it, so it is the same in all profiles",
}];

/// One profile, and the whole manifest as it is there.
pub(super) struct Written {
    pub(super) profile: Profile,
    pub(super) root: Node,
}

/// All profiles in their order; the first is the one of a connection that names none.
pub(super) fn read(root: &Node, report: &mut Report) -> Vec<Written> {
    let Some(node) = root.get("profiles") else { return Vec::new() };
    let entries = map(node, "`profiles`", report).unwrap_or_default();
    entries.iter().filter_map(|(name, node)| profile(root, (name, node), report)).collect()
}

fn profile(root: &Node, (name, node): (&Spanned<String>, &Node), report: &mut Report) -> Option<Written> {
    let fields = Fields::open(node, "a profile", &["title", "actions", "without"], report)?;
    let title = fields.get("title").and_then(|node| text(node, "`title`", report)).map(|title| title.value);
    let changes =
        fields.get("actions").and_then(|node| map(node, "`actions` of a profile", report)).unwrap_or_default();
    let without = fields.get("without").and_then(|node| texts(node, "`without`", report)).unwrap_or_default();
    let own = root.get("actions").and_then(Node::entries).unwrap_or_default();
    let known: Vec<&str> = own.iter().map(|(name, _)| name.value.as_str()).collect();
    for wrong in without.iter().chain(changes.iter().map(|(name, _)| name)) {
        if !known.contains(&wrong.value.as_str()) {
            let message = format!("`{}` is not an action of this connector", wrong.value);
            report.unknown("unknown-action", wrong.at, message, (&wrong.value, &known));
        }
    }
    let mut root = root.clone();
    if let Kind::Map(entries) = &mut root.kind {
        entries.retain(|(key, _)| key.value != "profiles");
        let actions = entries.iter_mut().find(|(key, _)| key.value == "actions");
        if let Some((_, Node { kind: Kind::Map(actions), .. })) = actions {
            actions.retain(|(action, _)| without.iter().all(|name| name.value != action.value));
            actions.iter_mut().for_each(|(action, node)| {
                let change = changes.iter().find(|(name, _)| name.value == action.value);
                change.into_iter().for_each(|(_, change)| changed(node, change, report));
            });
        }
    }
    let changed: BTreeSet<String> = changes.iter().map(|(name, _)| name.value.clone()).collect();
    let without = without.into_iter().map(|name| name.value).collect();
    Some(Written { profile: Profile { name: name.value.clone(), title, changed, without }, root })
}

/// Puts what a profile says of an action in the place of what is there.
fn changed(node: &mut Node, change: &Node, report: &mut Report) {
    if Fields::open_near(change, "an action of a profile", (&CHANGES, SAME), report).is_none() {
        return;
    }
    for (key, value) in change.entries().unwrap_or_default() {
        let Kind::Map(entries) = &mut node.kind else { continue };
        match entries.iter_mut().find(|(known, _)| known.value == key.value) {
            Some((_, known)) if key.value == "request" => merge(known, value, report),
            Some((_, known)) if CHANGES.contains(&key.value.as_str()) => *known = value.clone(),
            Some(_) | None => {}
        }
        let is_new = node.get(&key.value).is_none() && CHANGES.contains(&key.value.as_str());
        if let (true, Kind::Map(entries)) = (is_new, &mut node.kind) {
            entries.push((key.clone(), value.clone()));
        }
    }
}

/// Keys of a map replace those that are there; `null` takes one away.
fn merge(node: &mut Node, change: &Node, report: &mut Report) {
    let is_map = Fields::open(change, "`request` of a profile", &REQUEST, report).is_some();
    let (true, Kind::Map(entries)) = (is_map, &mut node.kind) else { return };
    for (key, value) in
        change.entries().unwrap_or_default().iter().filter(|(key, _)| REQUEST.contains(&key.value.as_str()))
    {
        entries.retain(|(known, _)| known.value != key.value);
        if !matches!(value.kind, Kind::Null) {
            entries.push((key.clone(), value.clone()));
        }
    }
}
