//! A pipeline that a slip of the hand has changed: the linter ends, says the same each time, and
//! points into the file.

mod world;

use std::sync::LazyLock;

use ferry_contract::report::Report;
use ferry_core::lint::checks;
use proptest::prelude::*;

use world::{PROJECT, World};

static WORLD: LazyLock<World> = LazyLock::new(World::new);

const PIPELINE: &str = include_str!("world/mass-payouts.yaml");
const TESTED: &str = include_str!("../../../pipelines/payoneer-salesforce/mass-payouts.yaml");
const TESTS: &str = include_str!("../../../pipelines/payoneer-salesforce/mass-payouts.test.yaml");

/// A table with keys of all kinds, and values that have the shape of something else.
const CODES: &str = "Transferred: Completed\n\"é\": NO\n010: '4111111111111111'\nde: ${env:A}\n";

/// What YAML, JSONPath, Rhai and templates take as their own.
const LETTERS: &str = "{}[]()<>:;,.'\"|-#$&*!%@`?~+=/\\ \t\n\r0aZé€😀\u{feff}\u{0}\u{85}";

#[derive(Clone, Debug)]
enum Mutation {
    DeleteLetter,
    DoubleLetter,
    ReplaceLetter(char),
    InsertLetter(char),
    DeleteLine,
    DoubleLine,
    ReplaceLine(usize),
    CutOff,
}

impl Mutation {
    fn apply(&self, text: &str, place: usize) -> String {
        match self {
            Self::DeleteLetter => letters(text, place, |_| Vec::new()),
            Self::DoubleLetter => letters(text, place, |letter| vec![letter, letter]),
            Self::ReplaceLetter(new) => letters(text, place, |_| vec![*new]),
            Self::InsertLetter(new) => letters(text, place, |letter| vec![*new, letter]),
            Self::DeleteLine => lines(text, place, |_, _| Vec::new()),
            Self::DoubleLine => lines(text, place, |_, line| vec![line, line]),
            Self::ReplaceLine(other) => lines(text, place, |all, _| vec![all[other % all.len()]]),
            Self::CutOff => text.chars().take(place % text.chars().count().max(1)).collect(),
        }
    }
}

fn letters(text: &str, place: usize, change: impl Fn(char) -> Vec<char>) -> String {
    let count = text.chars().count().max(1);
    let changed = text.chars().enumerate().flat_map(
        |(index, letter)| {
            if index == place % count { change(letter) } else { vec![letter] }
        },
    );
    changed.collect()
}

fn lines<'a>(text: &'a str, place: usize, change: impl Fn(&[&'a str], &'a str) -> Vec<&'a str>) -> String {
    let all: Vec<_> = text.split_inclusive('\n').collect();
    let changed = all
        .iter()
        .enumerate()
        .flat_map(|(index, line)| if index == place % all.len() { change(&all, line) } else { vec![*line] });
    changed.collect()
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let letter = || proptest::sample::select(LETTERS.chars().collect::<Vec<_>>());
    prop_oneof![
        Just(Mutation::DeleteLetter),
        Just(Mutation::DoubleLetter),
        letter().prop_map(Mutation::ReplaceLetter),
        letter().prop_map(Mutation::InsertLetter),
        Just(Mutation::DeleteLine),
        Just(Mutation::DoubleLine),
        any::<usize>().prop_map(Mutation::ReplaceLine),
        Just(Mutation::CutOff),
    ]
}

fn mutated(original: &str) -> impl Strategy<Value = String> {
    proptest::collection::vec((mutation(), any::<usize>()), 1..6).prop_map(move |mutations| {
        mutations.iter().fold(original.to_owned(), |text, (mutation, place)| mutation.apply(&text, *place))
    })
}

#[track_caller]
fn check(text: &str) {
    let (checked, again) = (WORLD.lint(PROJECT, &[text]), WORLD.lint(PROJECT, &[text]));
    let report = checked.reports.last().expect("a pipeline has a report");
    assert_eq!(
        format!("{:?}", report.findings()),
        format!("{:?}", again.reports.last().map(Report::findings).unwrap_or_default())
    );
    assert_eq!(report.is_ok(), checked.plans.len() == 1);
    check_places(report);
}

/// A project whose `ferry.yaml` and table a slip of the hand has changed.
#[track_caller]
fn check_project(project: &str, table: &str) {
    let named = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    let files = [("ferry.yaml", project), ("tables/payout-status.yaml", table), ("0.yaml", PIPELINE)].map(named);
    let checked = WORLD.lint_files(files);
    assert_eq!(checked.reports.len(), 3);
    checked.reports.iter().for_each(check_places);
    assert!(checked.project.is_some() == checked.reports[0].is_ok());
}

#[track_caller]
fn check_tests(text: &str) {
    let (checked, again) = (WORLD.lint_tests(TESTED, text), WORLD.lint_tests(TESTED, text));
    assert_eq!(format!("{:?}", checked.report.findings()), format!("{:?}", again.report.findings()));
    assert_eq!(checked.report.is_ok(), checked.suite.is_some());
    check_places(&checked.report);
}

/// Each finding points into the file, has a page, and says what to write instead.
#[track_caller]
fn check_places(report: &Report) {
    let text = report.source.text.as_str();
    for finding in report.findings() {
        let (start, end) = (finding.at.start as usize, finding.at.end as usize);
        if !text.contains('\r') {
            let line: usize = text.split_inclusive('\n').take(finding.at.line as usize - 1).map(str::len).sum();
            let column = text[line..start.max(line)].chars().count() + 1;
            assert!(start >= line && column == finding.at.column as usize, "{finding:?} {column}");
        }
        assert!(checks::all().any(|check| check.name == finding.check), "{} has no page", finding.check);
        assert!(finding.at.line >= 1 && finding.at.column >= 1 && text.get(start..end).is_some(), "{finding:?}");
        let is_word = finding.message.starts_with(|letter: char| letter.is_lowercase() || letter == '`');
        assert!(is_word && !finding.message.ends_with('.') && !finding.help.is_empty(), "{finding:?}");
    }
}

#[test]
fn the_pipeline_itself_has_no_finding() {
    let checked = WORLD.lint(PROJECT, &[PIPELINE]);
    let findings: Vec<_> = checked.reports.iter().flat_map(Report::findings).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    let tests = WORLD.lint_tests(TESTED, TESTS);
    assert!(tests.report.findings().is_empty(), "{:#?}", tests.report.findings());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mutation_is_checked(text in mutated(PIPELINE)) {
        check(&text);
    }

    #[test]
    fn any_mutation_of_a_project_is_checked(project in mutated(PROJECT), table in mutated(CODES)) {
        check_project(&project, &table);
    }

    #[test]
    fn any_mutation_of_tests_is_checked(text in mutated(TESTS)) {
        check_tests(&text);
    }
}
