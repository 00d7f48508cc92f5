//! The checks, one file each, and the list of them all.

mod invalid_id;
mod missing_input;
mod repeated_class;
mod silent_park;
mod unknown_action;
mod unknown_channel;
mod unknown_connection;
mod unknown_pipeline;

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

/// All checks: first those found while a file is read and compiled, then those found by looking at what was read.
const ALL: &[Check] = &[
    reading("yaml-syntax", include_str!("yaml_syntax.md")),
    reading("duplicate-key", include_str!("duplicate_key.md")),
    reading("unknown-key", include_str!("unknown_key.md")),
    reading("missing-key", include_str!("missing_key.md")),
    reading("wrong-type", include_str!("wrong_type.md")),
    reading("invalid-value", include_str!("invalid_value.md")),
    reading("step-kind", include_str!("step_kind.md")),
    reading("duplicate-id", include_str!("duplicate_id.md")),
    reading("unknown-step", include_str!("unknown_step.md")),
    reading("cycle", include_str!("cycle.md")),
    reading("unreachable-value", include_str!("unreachable_value.md")),
    reading("invalid-jsonpath", include_str!("invalid_jsonpath.md")),
    reading("invalid-rhai", include_str!("invalid_rhai.md")),
    reading("invalid-text", include_str!("invalid_text.md")),
    reading("literal-secret", include_str!("literal_secret.md")),
    reading("unknown-table", include_str!("unknown_table.md")),
    reading("write-in-question", include_str!("write_in_question.md")),
    reading("constant-condition", include_str!("constant_condition.md")),
    reading(super::allow::NAME, include_str!("bad_allowance.md")),
    reading("test-without-expectation", include_str!("test_without_expectation.md")),
    reading("unknown-in-test", include_str!("unknown_in_test.md")),
    reading("wrong-fixture", include_str!("wrong_fixture.md")),
    unknown_connection::CHECK,
    unknown_action::CHECK,
    missing_input::MISSING,
    missing_input::UNKNOWN,
    unknown_channel::CHECK,
    unknown_pipeline::CHECK,
    invalid_id::CHECK,
    repeated_class::CHECK,
    silent_park::CHECK,
];

const fn reading(name: &'static str, page: &'static str) -> Check {
    Check { name, page, on: On::Reading }
}

/// All checks.
pub fn all() -> impl Iterator<Item = &'static Check> {
    ALL.iter()
}

/// Runs the checks of a pipeline.
pub(super) fn run(cx: &Context<'_>, report: &mut Report) {
    for check in ALL {
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
