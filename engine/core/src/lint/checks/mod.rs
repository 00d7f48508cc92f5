//! The checks, one file each, and the list of them all.

mod invalid_id;
mod missing_input;
mod repeated_class;
mod silent_park;
mod unknown_action;
mod unknown_channel;
mod unknown_connection;

use ferry_contract::report::Report;

use super::Context;
use crate::{language::Step, project::Project};

/// One check: its name, its page, and when it looks.
#[derive(Debug)]
pub struct Check {
    /// The name, as in a finding and in `ferry explain NAME`.
    pub name: &'static str,
    /// Why, with one bad and one good example that run as tests.
    pub page: &'static str,
    on: On,
}

#[derive(Debug)]
enum On {
    /// The reader and the compiler find it where they stand.
    Reading,
    /// Once for each step.
    Step(fn(&Context<'_>, &Step, &mut Report)),
    /// Once for the pipeline.
    Pipeline(fn(&Context<'_>, &mut Report)),
}

macro_rules! reading {
    ($($name:literal $page:literal),* $(,)?) => {
        &[$(Check { name: $name, page: include_str!($page), on: On::Reading }),*]
    };
}

/// Found while a file is read and compiled.
const READING: &[Check] = reading![
    "yaml-syntax" "yaml_syntax.md",
    "duplicate-key" "duplicate_key.md",
    "unknown-key" "unknown_key.md",
    "missing-key" "missing_key.md",
    "wrong-type" "wrong_type.md",
    "invalid-value" "invalid_value.md",
    "step-kind" "step_kind.md",
    "duplicate-id" "duplicate_id.md",
    "unknown-step" "unknown_step.md",
    "cycle" "cycle.md",
    "unreachable-value" "unreachable_value.md",
    "invalid-jsonpath" "invalid_jsonpath.md",
    "invalid-rhai" "invalid_rhai.md",
    "invalid-text" "invalid_text.md",
    "unknown-table" "unknown_table.md",
    "write-in-question" "write_in_question.md",
];

/// Found by looking at what was read.
const LOOKING: &[Check] = &[
    unknown_connection::CHECK,
    unknown_action::CHECK,
    missing_input::MISSING,
    missing_input::UNKNOWN,
    unknown_channel::CHECK,
    invalid_id::CHECK,
    repeated_class::CHECK,
    silent_park::CHECK,
];

/// All checks.
pub fn all() -> impl Iterator<Item = &'static Check> {
    READING.iter().chain(LOOKING)
}

/// Runs the checks of a pipeline.
pub(super) fn run(cx: &Context<'_>, report: &mut Report) {
    for check in LOOKING {
        match check.on {
            On::Reading => {}
            On::Pipeline(check) => check(cx, report),
            On::Step(check) => cx.pipeline.all_steps().into_iter().for_each(|step| check(cx, step, report)),
        }
    }
}

/// Checks the connections of a project.
pub(super) fn connections(project: &Project, catalog: &ferry_contract::catalog::Catalog, report: &mut Report) {
    unknown_connection::connections(project, catalog, report);
}
