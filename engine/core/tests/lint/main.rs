//! What the linter says: the pages of all checks here, messages and places in the modules.

mod allow;
mod files;
mod keys;
mod names;
mod places;
mod tests_of_pipelines;
#[path = "../world/mod.rs"]
mod world;

use expect_test::Expect;
use ferry_contract::report::{Level, Report};
use ferry_core::lint::checks;

use world::{PROJECT, World, completed};

/// The pipeline beside the files of tests on pages.
const TESTED: &str = "steps:\n  - id: recipient\n    action: salesforce.get\n    with: { object: Contact, id: $.event.Recipient__c, fields: [Email] }\n";

/// The findings on one block: a pipeline, a fragment of one, a `ferry.yaml`, or a file of tests.
fn findings_on(world: &World, block: &str) -> Vec<Finding> {
    if block.lines().any(|line| line.starts_with("tests:")) {
        return findings(&world.lint_tests(TESTED, block).report);
    }
    let checked = if block.lines().any(|line| line.starts_with("project:")) {
        world.lint(block, &[])
    } else {
        world.lint(PROJECT, &[&completed(block)])
    };
    checked.reports.iter().flat_map(findings).collect()
}

/// A finding, and its lines as a person reads them.
struct Finding {
    check: &'static str,
    text: String,
}

fn findings(report: &Report) -> Vec<Finding> {
    let findings = report.findings().into_iter().map(|finding| {
        let level = match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let (at, check) = (finding.at, finding.check);
        let text = format!("{at}: {level}[{check}]: {}\n  help: {}\n", finding.message, finding.help);
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
