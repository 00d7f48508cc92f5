//! `invalid-id`: a step's id that no value could name, or a pipeline's name that no address could have; `duplicate-id`: one that two steps have.

use ferry_contract::{
    report::{Report, Spanned},
    script::{Form, Rules, Script},
};

use super::{Check, On};
use crate::{lint::Context, plan::Roots};

pub(super) const CHECK: Check =
    Check { name: "invalid-id", page: include_str!("invalid_id.md"), on: On::Pipeline(check) };

fn check(cx: &Context<'_>, report: &mut Report) {
    if !cx.is_version() {
        name(&cx.pipeline.name, report);
    }
    let mut seen: Vec<&Spanned<String>> = Vec::new();
    for step in cx.pipeline.all_steps() {
        if let Some(message) = wrong(cx, &step.id.value) {
            report.error(CHECK.name, step.id.at, message, "choose a short name in lower case, such as `payout`");
        }
        if let Some(first) = seen.iter().find(|first| first.value == step.id.value) {
            let message = format!("two steps have the id `{}`", step.id.value);
            let help = format!("give each step an id of its own; the first is at line {}", first.at.line);
            report.error("duplicate-id", step.id.at, message, help);
        }
        seen.push(&step.id);
    }
}

/// Names of pipelines are parts of addresses, of files and of what a person writes in a shell.
fn name(name: &Spanned<String>, report: &mut Report) {
    let is_inside = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    let is_name = name.value.starts_with(char::is_alphanumeric) && name.value.chars().all(is_inside);
    if !is_name {
        let message =
            format!("`{}` is no name of a pipeline: it is made of letters, digits, `-`, `_` and `.`", name.value);
        report.error(CHECK.name, name.at, message, "choose a short name, such as `mass-payouts`");
    }
}

fn wrong(cx: &Context<'_>, id: &str) -> Option<String> {
    let roots = [Roots::IN_ARM, Roots::IN_PROBE, Roots::IN_HOLD, "item", "trigger"];
    if !is_identifier(id) {
        Some(format!("`{id}` is not an id: it must match `[a-z][a-z0-9_]*`"))
    } else if Roots::ALWAYS.contains(&id) || roots.contains(&id) {
        Some(format!("`{id}` is a root that values read, so no step can have its name"))
    } else if !is_name_in_rhai(cx.rules, id) {
        Some(format!("`{id}` is a word of Rhai, so no step can have its name"))
    } else {
        None
    }
}

/// Rhai itself says which words it keeps.
fn is_name_in_rhai(rules: &Rules, id: &str) -> bool {
    Script::compile(rules, id, Form::Expression, &[id]).is_ok_and(|script| script.variables() == [id])
}

fn is_identifier(id: &str) -> bool {
    let mut bytes = id.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
