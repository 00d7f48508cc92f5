//! `wrong-reference`: what is read when a project is loaded, written where a run reads, or the other way round.

use ferry_contract::{expression::wrong_reference, report::Report};

use super::{Check, On};
use crate::{
    lint::{File, FileKind},
    project::references,
};

pub(super) const CHECK: Check =
    Check { name: "wrong-reference", page: include_str!("wrong_reference.md"), on: On::File(check) };

/// Rhai has a `${…}` of its own, and in texts whoever compiles them finds it.
const COMPILED: [&str; 7] = ["rhai", "script", "when", "until", "passes", "text", "say"];

fn check(file: &File<'_>, report: &mut Report) {
    for (keys, node) in file.leaves() {
        let Some(text) = node.text() else { continue };
        match (file.kind, keys.as_slice()) {
            (FileKind::Project, ["connections", ..] | ["environments", _, "connections", ..] | ["files"])
                if text.starts_with("$.") =>
            {
                let message = format!("`{text}` is read in a run, and this is read when the project is loaded");
                report.error(CHECK.name, node.at, message, "write `${env:NAME}`, `${secret:path}` or the value itself");
            }
            (FileKind::Project, ["connections", ..] | ["environments", _, "connections", ..] | ["files"]) => {
                if let Some(reference) = malformed(text) {
                    let message = format!("`{reference}` is not a reference that has a value");
                    let help = "write `${env:NAME}` or `${secret:path}`, perhaps with `:-default`";
                    report.error(CHECK.name, node.at, message, help);
                }
            }
            (FileKind::Project, ["vars", ..]) if unread(text).is_some() => {
                let message = "the values of `vars` are taken as they are written, and this is a reference";
                report.error(
                    CHECK.name,
                    node.at,
                    message,
                    "write the value itself, or `${param:name}`; other references are read in `connections`",
                );
            }
            (FileKind::Project, ["project"] | ["shares", ..]) | (FileKind::Pipeline, ["pipeline"])
                if references(text).next().is_some() =>
            {
                let message = "what a file is called does not depend on a parameter";
                report.error(CHECK.name, node.at, message, "write the name itself");
            }
            (FileKind::Project, _) | (FileKind::Pipeline, ["trigger", "webhook", "verify", "secret"]) => {}
            // Where the whole value is a reference, whoever compiles it has said so.
            (FileKind::Pipeline | FileKind::Table, keys) => {
                let is_compiled = keys.last().is_some_and(|key| COMPILED.contains(key));
                if let Some(begin) = unread(text).filter(|begin| *begin > 0 && !is_compiled) {
                    wrong_reference(&text[begin..], node.at, report);
                }
            }
        }
    }
}

/// Where a reference begins that is read in connections only.
fn unread(text: &str) -> Option<usize> {
    ["${env:", "${secret:"].iter().filter_map(|begin| text.find(begin)).min()
}

/// What begins like a reference, to its bracket.
pub(in crate::lint) fn all_references(text: &str) -> Vec<&str> {
    let begins = text.match_indices("${").map(|(start, _)| &text[start..]);
    begins.map(|rest| rest.split_inclusive('}').next().unwrap_or(rest)).collect()
}

/// What begins like a reference, and whoever opens the connection cannot read.
fn malformed(text: &str) -> Option<&str> {
    all_references(text).into_iter().find(|reference| {
        let name = reference.strip_suffix('}').map(|inner| &inner[2..]).unwrap_or_default();
        let named = name.split_once(":-").map_or(name, |(name, _)| name).split_once(':');
        let is_known = named.is_some_and(|(kind, name)| ["env", "secret", "param"].contains(&kind) && !name.is_empty());
        !is_known
    })
}
