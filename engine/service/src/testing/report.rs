//! What tests came to, as a program reads it; all other forms are made of this.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::report::At;
use ferry_core::testing::{Coverage, Mismatch, Part};
use serde::Serialize;

use super::{Unmocked, Verdict};
use crate::limits::TEST_CALLS_MAX;

/// The answer of `ferry test --format json`.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub struct TestReport {
    /// Tests that went as expected.
    pub passed: usize,
    /// Tests that did not.
    pub failed: usize,
    /// Files of tests with errors, of which no test was run.
    pub broken: Vec<String>,
    /// Each test, in the order of the files.
    pub tests: Vec<TestJson>,
    /// Mocks that no test of theirs has asked.
    pub unused: Vec<UnusedJson>,
    /// What was run of each pipeline.
    pub coverage: Vec<CoverageJson>,
}

/// One test.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct TestJson {
    /// The pipeline.
    pub pipeline: String,
    /// The test's name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// Whether all went as expected.
    pub passed: bool,
    /// What did not.
    pub failures: Vec<FailureJson>,
}

/// One thing that is not as expected.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct FailureJson {
    /// The line of the expectation.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What was looked at.
    pub what: String,
    /// What it was to be.
    pub expected: String,
    /// What it is.
    pub actual: String,
}

/// A mock that is never asked.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct UnusedJson {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// The action.
    pub action: String,
    /// The test that it stands in, or the table.
    pub test: String,
}

/// What was run of one pipeline.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct CoverageJson {
    /// The pipeline.
    pub pipeline: String,
    /// Its file.
    pub file: String,
    /// By kind: `steps`, `arms`, `conditions`, `mappings`.
    pub parts: BTreeMap<String, PartJson>,
    /// What was not run, in the order of the file.
    pub missed: Vec<MissedJson>,
}

/// How much of a kind was run.
#[derive(Clone, Copy, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct PartJson {
    /// What was run.
    pub covered: usize,
    /// What there is.
    pub all: usize,
}

/// Something that no test has run.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct MissedJson {
    /// Its kind.
    pub part: String,
    /// From 1.
    pub line: u32,
    /// What it is.
    pub name: String,
}

impl TestReport {
    /// Takes what came of tests together.
    pub fn new(verdicts: &[Verdict<'_>], broken: Vec<String>, coverage: Vec<CoverageJson>) -> Self {
        let passed = verdicts.iter().filter(|verdict| verdict.is_passed()).count();
        let tests = verdicts.iter().map(test).collect();
        Self { passed, failed: verdicts.len() - passed, broken, tests, unused: unused(verdicts), coverage }
    }

    /// How much was run of a kind, of all pipelines together.
    pub fn part(&self, kind: &str) -> PartJson {
        let own = self.coverage.iter().filter_map(|coverage| coverage.parts.get(kind));
        own.fold(PartJson::default(), |sum, part| PartJson {
            covered: sum.covered + part.covered,
            all: sum.all + part.all,
        })
    }
}

impl PartJson {
    /// How much of a hundred was run; nothing is all of nothing.
    pub fn percent(self) -> usize {
        (self.covered * 100).checked_div(self.all).unwrap_or(100)
    }
}

impl CoverageJson {
    /// What was run of a pipeline.
    pub fn new(pipeline: &str, file: &str, coverage: &Coverage) -> Self {
        let part = |(name, part): (&str, Part)| {
            let (covered, all) = coverage.count(part);
            (name.to_owned(), PartJson { covered, all })
        };
        let name = |part: Part| Part::ALL.iter().find(|(_, known)| *known == part).map_or("", |(name, _)| name);
        let missed = coverage.missed().into_iter();
        let missed = missed.map(|missed| MissedJson {
            part: name(missed.part).to_owned(),
            line: missed.line,
            name: missed.name,
        });
        Self {
            pipeline: pipeline.to_owned(),
            file: file.to_owned(),
            parts: Part::ALL.into_iter().map(part).collect(),
            missed: missed.collect(),
        }
    }
}

fn test(verdict: &Verdict<'_>) -> TestJson {
    TestJson {
        pipeline: verdict.suite.pipeline.clone(),
        name: verdict.test.name.value.clone(),
        file: verdict.suite.source.name.clone(),
        line: verdict.test.name.at.line,
        passed: verdict.is_passed(),
        failures: failures(verdict),
    }
}

fn failures(verdict: &Verdict<'_>) -> Vec<FailureJson> {
    let at = verdict.test.name.at;
    let own = |what: &str, expected: &str, actual: String| vec![failure(at, what, expected, &actual)];
    match &verdict.played {
        Err(error) => own("the test", "to be played", error.clone()),
        // The run was stopped there, so that nothing else is as expected.
        Ok(played) if !played.unmocked.is_empty() => {
            let missing = |unmocked: &Unmocked| {
                let why = if unmocked.is_mocked_otherwise { "a mock whose `with` fits" } else { "a mock" };
                let what = format!("calls of `{}`", unmocked.action);
                failure(at, &what, why, &format!("called with {}, and nothing answers", unmocked.input))
            };
            played.unmocked.iter().take(1).map(missing).collect()
        }
        Ok(_) if verdict.test.expect.is_empty() => {
            own("expectations", "at least one", "nothing is expected".to_owned())
        }
        Ok(played) if played.is_endless => {
            let actual = format!("{TEST_CALLS_MAX} calls were answered without one; `for: 1d` would end it");
            own("the run", "an end", actual)
        }
        Ok(_) => verdict.mismatches.iter().map(mismatch).collect(),
    }
}

fn mismatch(wrong: &Mismatch) -> FailureJson {
    failure(wrong.at, &wrong.what, &wrong.expected, &wrong.actual)
}

fn failure(at: At, what: &str, expected: &str, actual: &str) -> FailureJson {
    let (what, expected, actual) = (what.to_owned(), expected.to_owned(), actual.to_owned());
    FailureJson { line: at.line, column: at.column, what, expected, actual }
}

/// Mocks that stand in a test, or in a table and in no case of it, for nothing. Of a test that failed nobody knows.
fn unused(verdicts: &[Verdict<'_>]) -> Vec<UnusedJson> {
    let mut asked: BTreeMap<(&str, At), (bool, UnusedJson)> = BTreeMap::new();
    let failed = verdicts.iter().filter(|verdict| !verdict.is_passed());
    let failed: BTreeSet<_> = failed.map(|verdict| (verdict.suite.source.name.as_str(), verdict.test.entry)).collect();
    for verdict in verdicts {
        let file = verdict.suite.source.name.as_str();
        let Ok(played) = &verdict.played else { continue };
        for (number, mock) in verdict.test.mocks.iter().enumerate() {
            let test = verdict.test.name.value.split(" › ").next().unwrap_or_default().to_owned();
            let unused = UnusedJson {
                file: file.to_owned(),
                line: mock.action.at.line,
                action: mock.action.value.clone(),
                test,
            };
            let known = asked.entry((file, mock.action.at)).or_insert((false, unused));
            known.0 |= played.asked.contains(&number) || failed.contains(&(file, verdict.test.entry));
        }
    }
    asked.into_values().filter(|(is_asked, _)| !is_asked).map(|(_, unused)| unused).collect()
}
