//! `colliding-trigger`: two pipelines want the requests to one address, or the files of one folder.

use std::collections::BTreeMap;

use super::{Check, On};
use crate::{
    language::{Drop, EventSource},
    lint::{Reports, Whole},
};

pub(super) const CHECK: Check =
    Check { name: "colliding-trigger", page: include_str!("colliding_trigger.md"), on: On::Project(check) };

/// Where files go whose rows are all durable.
const DONE: &str = "done";

fn check(whole: &Whole<'_>, reports: &mut Reports) {
    folders(whole, reports);
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for pipeline in whole.pipelines {
        let EventSource::Webhook(webhook) = &pipeline.trigger.source else { continue };
        match taken.get(webhook.path.value.as_str()) {
            Some(other) => reports.of(&pipeline.source).error(
                CHECK.name,
                webhook.path.at,
                format!("the pipeline `{other}` takes the requests to `/hooks/{}` already", webhook.path.value),
                "give each pipeline a path of its own, or let one `emit` an event for the other",
            ),
            None => {
                taken.insert(&webhook.path.value, &pipeline.name.value);
            }
        }
    }
}

/// Files are taken by one of two, and then lie in `done`.
fn folders(whole: &Whole<'_>, reports: &mut Reports) {
    let mut taken: Vec<(Vec<String>, &Drop, &str)> = Vec::new();
    for pipeline in whole.pipelines {
        let EventSource::File(drop) = &pipeline.trigger.source else { continue };
        let folder = parts(&drop.folder.value);
        for (other_folder, other, name) in &taken {
            if drop.rows.extension() != other.rows.extension() {
                continue;
            }
            let is_below = |below: &[String], above: &[String]| {
                below.split_last().is_some_and(|(last, rest)| last == DONE && rest == above)
            };
            let message = if folder == *other_folder {
                format!("the pipeline `{name}` takes the files in `{}` already", drop.folder.value)
            } else if is_below(&folder, other_folder) || is_below(other_folder, &folder) {
                format!("`{DONE}` is where files go when they are taken, here or by the pipeline `{name}`")
            } else {
                continue;
            };
            let help = "give each pipeline a folder of its own, or let one `emit` an event for the other";
            reports.of(&pipeline.source).error(CHECK.name, drop.folder.at, message, help);
            break;
        }
        taken.push((folder, drop, &pipeline.name.value));
    }
}

/// A folder as it is found, whatever way it is written.
fn parts(folder: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in folder.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match (part, parts.last().map(String::as_str)) {
            ("..", Some(last)) if last != ".." => drop(parts.pop()),
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}
