//! The checks, one file each, and the list of them all.

mod alike_names;
mod card_data;
mod colliding_trigger;
mod deprecated;
mod echo_loop;
mod endless_hold;
mod hand_made_split;
mod ignored_failures;
mod invalid_id;
mod leaked_secret;
mod literal_secret;
mod lost_currency;
mod missing_input;
mod no_budget;
mod no_files;
mod open_webhook;
mod plain_http;
mod racing_writes;
mod recursive_pipeline;
mod repeated_class;
mod silent_dead_letter;
mod silent_park;
mod swallowed_error;
mod timeout_order;
mod unescaped_query;
mod unfit_channel;
mod unguarded_write;
mod unknown_action;
mod unknown_book;
mod unknown_channel;
mod unknown_connection;
mod unknown_event;
mod unknown_pipeline;
mod unknown_webhook;
mod unsafe_retry;
mod unstable_key;
mod untaken_arm;
mod untested;
mod unused_definition;
mod unused_step;
mod weak_cursor;
mod wrong_reference;
mod yaml_trap;

use ferry_contract::{
    report::{At, Report},
    yaml,
};

use super::{Context, File, FileKind, Files, Reports, Whole};
use crate::{language::Step, plan::Plan, project::Project};

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
    /// Once for the plan that a pipeline without an error has become.
    Plan(fn(&Context<'_>, &Plan, &mut Report)),
    /// Once for each file that is YAML, whatever else is wrong with it.
    File(fn(&File<'_>, &mut Report)),
    /// Once for the project.
    Project(fn(&Whole<'_>, &mut Reports)),
}

/// All checks: first those found while a file is read and compiled, then those found by looking at what was read.
const ALL: &[Check] = &[
    reading("yaml-syntax", include_str!("yaml_syntax.md")),
    reading("duplicate-key", include_str!("duplicate_key.md")),
    reading("unknown-key", include_str!("unknown_key.md")),
    reading("misplaced-key", include_str!("misplaced_key.md")),
    reading("missing-key", include_str!("missing_key.md")),
    reading("wrong-type", include_str!("wrong_type.md")),
    reading("invalid-value", include_str!("invalid_value.md")),
    reading("step-kind", include_str!("step_kind.md")),
    alike_names::CHECK,
    reading("unknown-step", include_str!("unknown_step.md")),
    reading("cycle", include_str!("cycle.md")),
    reading("unreachable-value", include_str!("unreachable_value.md")),
    reading("invalid-jsonpath", include_str!("invalid_jsonpath.md")),
    reading("invalid-rhai", include_str!("invalid_rhai.md")),
    reading("forbidden-function", include_str!("forbidden_function.md")),
    reading("untidy-rhai", include_str!("untidy_rhai.md")),
    reading("unsaid-rounding", include_str!("unsaid_rounding.md")),
    reading("several-values", include_str!("several_values.md")),
    reading("ambiguous-date", include_str!("ambiguous_date.md")),
    reading("invalid-text", include_str!("invalid_text.md")),
    reading("unknown-table", include_str!("unknown_table.md")),
    reading("unknown-xref", include_str!("unknown_xref.md")),
    reading("unknown-map", include_str!("unknown_map.md")),
    reading("unknown-script", include_str!("unknown_script.md")),
    reading("unknown-share", include_str!("unknown_share.md")),
    reading("unknown-param", include_str!("unknown_param.md")),
    reading("missing-param", include_str!("missing_param.md")),
    reading("invalid-param", include_str!("invalid_param.md")),
    reading("real-default", include_str!("real_default.md")),
    reading("csv-syntax", include_str!("csv_syntax.md")),
    reading("bad-rules", include_str!("bad_rules.md")),
    reading("bad-snapshot", include_str!("bad_snapshot.md")),
    reading("unknown-field", include_str!("unknown_field.md")),
    reading("uncertain-value", include_str!("uncertain_value.md")),
    reading("wrong-input", include_str!("wrong_input.md")),
    reading("mixed-comparison", include_str!("mixed_comparison.md")),
    reading("partial-table", include_str!("partial_table.md")),
    reading("write-in-question", include_str!("write_in_question.md")),
    reading("constant-condition", include_str!("constant_condition.md")),
    reading("undocumented-field", include_str!("undocumented_field.md")),
    reading("wrong-example", include_str!("wrong_example.md")),
    reading("incomplete-action", include_str!("incomplete_action.md")),
    reading("unreachable-rule", include_str!("unreachable_rule.md")),
    reading(super::allow::NAME, include_str!("bad_allowance.md")),
    reading("test-without-expectation", include_str!("test_without_expectation.md")),
    reading("unknown-in-test", include_str!("unknown_in_test.md")),
    reading("wrong-fixture", include_str!("wrong_fixture.md")),
    reading("unused-mock", include_str!("unused_mock.md")),
    reading(super::environment::NAME, include_str!("unset_reference.md")),
    unknown_connection::CHECK,
    unknown_action::CHECK,
    missing_input::MISSING,
    missing_input::UNKNOWN,
    deprecated::CHECK,
    unknown_channel::CHECK,
    unfit_channel::CHECK,
    unknown_pipeline::CHECK,
    invalid_id::CHECK,
    repeated_class::CHECK,
    silent_park::CHECK,
    unused_definition::CHECK,
    untested::CHECK,
    untested::ARM,
    recursive_pipeline::CHECK,
    unknown_book::CHECK,
    unknown_event::CHECK,
    unknown_webhook::CHECK,
    colliding_trigger::CHECK,
    unsafe_retry::CHECK,
    unsafe_retry::POINTLESS,
    untaken_arm::CHECK,
    swallowed_error::CHECK,
    silent_dead_letter::CHECK,
    timeout_order::CHECK,
    open_webhook::CHECK,
    unstable_key::CHECK,
    unused_step::CHECK,
    unguarded_write::CHECK,
    racing_writes::CHECK,
    racing_writes::OVERWRITTEN,
    yaml_trap::CHECK,
    wrong_reference::CHECK,
    literal_secret::CHECK,
    plain_http::CHECK,
    plain_http::PRIVATE,
    leaked_secret::CHECK,
    lost_currency::CHECK,
    lost_currency::MIXED,
    hand_made_split::CHECK,
    card_data::CHECK,
    unescaped_query::CHECK,
    no_budget::CHECK,
    no_files::CHECK,
    no_budget::FREQUENT,
    echo_loop::CHECK,
    endless_hold::CHECK,
    weak_cursor::CHECK,
    ignored_failures::CHECK,
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
            On::Pipeline(check) => check(cx, report),
            On::Step(check) => cx.pipeline.all_steps().into_iter().for_each(|step| check(cx, step, report)),
            On::Reading | On::Plan(_) | On::File(_) | On::Project(_) => {}
        }
    }
}

/// Runs the checks of a plan.
pub(super) fn plan(cx: &Context<'_>, plan: &Plan, report: &mut Report) {
    for check in ALL {
        if let On::Plan(check) = check.on {
            check(cx, plan, report);
        }
    }
}

/// Runs the checks of single files on `ferry.yaml` and the tables.
pub(super) fn files(files: &Files, reports: &mut Reports) {
    let tables = files.tables.values().map(|source| (source, FileKind::Table));
    for (source, kind) in [(&files.project, FileKind::Project)].into_iter().chain(tables) {
        // Who read the file has said what is wrong with its YAML.
        let Some(root) = yaml::parse(source, &mut Report::new(source)) else { continue };
        file(&File { root: &root, kind }, reports.of(source));
    }
    files.maps.values().chain(files.scripts.values()).for_each(|source| words(reports.of(source)));
}

/// The references in a text, as they are written.
pub(super) use wrong_reference::all_references;

/// Looks through a file that is no pipeline for what has the shape of a secret.
pub(super) fn words(report: &mut Report) {
    literal_secret::look(report);
}

/// Runs the checks of single files on one.
pub(super) fn file(file: &File<'_>, report: &mut Report) {
    for check in ALL {
        if let On::File(check) = check.on {
            check(file, report);
        }
    }
}

/// Runs the checks of the whole project.
pub(super) fn project(whole: &Whole<'_>, reports: &mut Reports) {
    for check in ALL {
        if let On::Project(check) = check.on {
            check(whole, reports);
        }
    }
}

/// Checks what a project takes from other folders.
pub(super) fn shares(project: &Project, files: &Files, report: &mut Report) {
    for share in project.shares.iter().filter(|share| files.absent.contains(&share.value)) {
        let message = format!("there is no folder `{}`", share.value);
        report.error("unknown-share", share.at, message, "write its path from this folder, such as `../shared`");
    }
    for (first, second) in &files.doubles {
        let at = project.shares.first().map_or(At::START, |share| share.at);
        let message = format!("`{first}` and `{second}` have one name");
        report.error("duplicate-id", at, message, "rename one of the two: a name means one file");
    }
}

/// Checks the connections of a project.
pub(super) fn connections(project: &Project, catalog: &ferry_contract::catalog::Catalog, report: &mut Report) {
    unknown_connection::connections(project, catalog, report);
}
