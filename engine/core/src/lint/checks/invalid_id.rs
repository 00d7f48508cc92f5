//! `invalid-id`: a step's id that no value could name; `duplicate-id`: one that two steps have.

use ferry_contract::report::Report;

use super::{Check, On};
use crate::{lint::Context, plan::Roots};

pub(super) const CHECK: Check =
    Check { name: "invalid-id", page: include_str!("invalid_id.md"), on: On::Pipeline(check) };

const RHAI_WORDS: [&str; 31] = [
    "let", "const", "if", "else", "switch", "do", "while", "until", "loop", "for", "in", "continue", "break", "fn",
    "private", "return", "throw", "try", "catch", "import", "export", "as", "global", "this", "true", "false", "eval",
    "print", "debug", "is", "new",
];

fn check(cx: &Context<'_>, report: &mut Report) {
    let mut seen: Vec<&str> = Vec::new();
    for step in cx.pipeline.all_steps() {
        let id = step.id.value.as_str();
        let roots = [Roots::IN_ARM, Roots::IN_PROBE, Roots::IN_HOLD, "item"];
        let wrong = if !is_identifier(id) {
            Some(format!("`{id}` is not an id: it must match `[a-z][a-z0-9_]*`"))
        } else if Roots::ALWAYS.contains(&id) || roots.contains(&id) {
            Some(format!("`{id}` is a root that values read, so no step can have its name"))
        } else if RHAI_WORDS.contains(&id) {
            Some(format!("`{id}` is a word of Rhai, so no step can have its name"))
        } else {
            None
        };
        if let Some(message) = wrong {
            report.error(CHECK.name, step.id.at, message, "choose a short name in lower case, such as `payout`");
        }
        if seen.contains(&id) {
            report.error(
                "duplicate-id",
                step.id.at,
                format!("two steps have the id `{id}`"),
                "give each step its own id",
            );
        }
        seen.push(id);
    }
}

fn is_identifier(id: &str) -> bool {
    let mut bytes = id.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
