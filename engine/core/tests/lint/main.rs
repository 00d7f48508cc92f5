//! What the linter says: the pages of all checks here, messages and places in the modules.

mod allow;
mod arms;
mod deprecated;
mod events;
mod files;
mod guards;
mod inputs;
mod keys;
mod leaks;
mod messages;
mod misplaced;
mod money;
mod names;
mod params;
mod pipelines_in_pipelines;
mod places;
mod presence;
mod project;
mod reconcile;
mod records;
mod reference;
mod reliability;
mod security;
mod silent;
mod slips;
mod spellings;
mod tests_of_pipelines;
mod triggers;
mod types;
mod untested;
#[path = "../world/mod.rs"]
mod world;

use std::sync::Arc;

use expect_test::Expect;
use ferry_connectors::library::Library;
use ferry_contract::{
    report::{Level, Report, Source},
    script::NoWatch,
};
use ferry_core::lint::{self, Files, checks};

use world::{PROJECT, World, completed};

/// The pipeline beside the files of tests on pages.
const TESTED: &str = include_str!("../world/tested.yaml");

/// What a fragment is not blamed for: the project around it defines more than it uses.
const OF_WHOLE_PROJECTS: [&str; 1] = ["unused-definition"];

/// The findings on one block: a pipeline, a fragment of one, a `ferry.yaml`, a manifest or a file of tests; then perhaps other files, each
/// below a line such as `# tables/status.yaml`. A block that begins with such a line is a whole project.
fn findings_on(world: &World, block: &str) -> Vec<Finding> {
    let (block, files) = several(block);
    let has_key = |key: &str| block.lines().any(|line| line.starts_with(key));
    if block.trim().is_empty() {
        let name = |report: &Report| format!("{}:", report.source.name);
        let reports = world.lint_files(files).reports;
        return reports.iter().flat_map(|report| findings_in(report, &name(report))).collect();
    }
    if has_key("tests:") {
        return findings(&world.lint_tests(TESTED, &block).report);
    }
    if has_key("connector:") {
        let (_, mut reports) = Library::load(&[Source::new("connector.yaml", block)], Arc::new(NoWatch));
        reports.iter_mut().for_each(lint::allow);
        return reports.iter().flat_map(findings).collect();
    }
    let checked = if has_key("project:") {
        world.lint_with(&block, &[], files)
    } else {
        world.lint_with(PROJECT, &[&completed(&block)], files)
    };
    let unset = lint::unset(&Files::new(Source::new("ferry.yaml", block.as_str()), Vec::new()), &|reference| {
        reference.contains("FERRY_EXAMPLE_UNSET").then(|| "set the environment variable FERRY_EXAMPLE_UNSET".to_owned())
    });
    let all = checked.reports.iter().chain(&unset).flat_map(findings);
    all.filter(|finding| !OF_WHOLE_PROJECTS.contains(&finding.check)).collect()
}

/// What stands before the first line such as `# ferry.yaml`, and the files that such lines begin.
fn several(block: &str) -> (String, Vec<(String, String)>) {
    let (mut first, mut files) = (String::new(), Vec::<(String, String)>::new());
    let is_name = |name: &&str| {
        [".yaml", ".csv", ".rhai", ".json"]
            .iter()
            .any(|end| name.strip_suffix(end).is_some_and(|stem| !stem.contains(' ')))
    };
    for line in block.split_inclusive('\n') {
        let name = line.trim_end().strip_prefix("# ").filter(is_name);
        match (name, files.last_mut()) {
            (Some(name), _) => files.push((name.to_owned(), String::new())),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => first.push_str(line),
        }
    }
    (first, files)
}

/// A finding, and its lines as a person reads them.
struct Finding {
    check: &'static str,
    text: String,
}

fn findings(report: &Report) -> Vec<Finding> {
    findings_in(report, "")
}

fn findings_in(report: &Report, file: &str) -> Vec<Finding> {
    let findings = report.findings().into_iter().map(|finding| {
        let level = match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let (at, check) = (finding.at, finding.check);
        let text = format!("{file}{at}: {level}[{check}]: {}\n  help: {}\n", finding.message, finding.help);
        Finding { check, text }
    });
    findings.collect()
}

#[track_caller]
fn check(block: &str, expected: Expect) {
    let text: String = findings_on(&World::new(), block).into_iter().map(|finding| finding.text).collect();
    expected.assert_eq(&text);
}

/// The one block of a page after a fence such as ```` ```yaml bad ````.
fn example<'a>(page: &'a str, fence: &str) -> &'a str {
    let parts: Vec<_> = page.split(fence).collect();
    assert_eq!(parts.len(), 2, "{page}\nmust have one {fence}");
    let (block, _) = parts[1].trim_start_matches('\n').split_once("```").expect("a fence is closed");
    block
}

#[test]
fn pages_show_what_they_say() {
    let world = World::new();
    for check in checks::all() {
        assert!(check.page.starts_with(&format!("# {}\n", check.name)), "{}", check.page);
        assert!(check.page.contains("\n## Why it matters\n"), "{}", check.page);
        let bad = findings_on(&world, example(check.page, "```yaml bad"));
        let names: Vec<_> = bad.iter().map(|finding| finding.check).collect();
        assert!(!names.is_empty() && names.iter().all(|name| *name == check.name), "{}: {names:?}", check.name);
        let good: String =
            findings_on(&world, example(check.page, "```yaml good")).into_iter().map(|good| good.text).collect();
        assert_eq!(good, "", "{}", check.name);
    }
}
