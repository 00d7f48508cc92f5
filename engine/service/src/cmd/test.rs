//! `ferry test`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use ferry_contract::report::{Level, Source};
use ferry_core::testing::{CheckedSuite, Observation, Suite, Test as PipelineTest};

use super::{Envelope, Exit, Outcome, StoreArgs, complain, desk, given::GivenArgs, print, print_json, start, tell};
use crate::{
    load::{self, CheckedProject, LoadError},
    render::{self, tests},
    store,
    testing::{CoverageJson, Stage, TestReport, Verdict, perform_all, record},
};

/// Plays the tests of pipelines: the engine itself, with answers, time and persons that the tests make.
///
/// Reads every NAME.test.yaml beside the pipelines in or below the paths. No call leaves the machine: what no mock
/// answers fails its test. Ends with 0 where all went as expected, 1 where something did not or too little was
/// covered, and 4 where no test matched.
#[derive(Args, Debug)]
pub(super) struct Test {
    /// Projects, folders of projects, pipelines, or files of tests.
    #[arg(default_value = ".", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only tests whose pipeline or name contains this.
    #[arg(short, long = "filter", value_name = "TEXT")]
    k: Option<String>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: TestFormat,
    /// End with 1 where less than so much of the steps, arms, conditions or mappings was run.
    #[arg(long, value_name = "PERCENT", conflicts_with = "k", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: Option<u8>,
    /// Write a test of this run, or of the run of this event key, instead.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["k", "min_coverage", "format"])]
    record: Option<String>,
    /// Where the recorded test is written; standard output where nothing is said.
    #[arg(long, value_name = "FILE", requires = "record")]
    out: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    given: GivenArgs,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum TestFormat {
    /// For people.
    #[default]
    Human,
    /// For programs; stable, with a format version.
    Json,
    /// JUnit XML, for build servers.
    Junit,
    /// As annotations of GitHub Actions.
    Github,
}

impl Test {
    pub(super) fn run(self, color: bool) -> Outcome {
        if let Some(run) = &self.record {
            return start::on_runtime(self.record(run));
        }
        let rules = load::pipeline_rules();
        let projects = match load::projects(&self.paths, &rules, &self.given.to_look()) {
            Ok(projects) => projects,
            Err(error @ LoadError::NoProject(_)) => {
                complain(&error.to_string());
                return Ok(Exit::Nothing);
            }
            Err(error) => return Err(error.into()),
        };
        let stages: Vec<Stage<'_>> = projects.iter().map(|project| Stage { project, rules: rules.clone() }).collect();
        let tests = self.chosen(&stages);
        let broken = self.broken(&projects);
        if tests.is_empty() && broken.is_empty() {
            let hint = "a file of tests is named NAME.test.yaml and stands beside NAME.yaml";
            complain(&self.k.as_ref().map_or_else(
                || format!("there is no test in {}; {hint}", self.shown_paths()),
                |text| format!("no test has `{text}` in its name; without `-k`, `ferry test` names them all"),
            ));
            return Ok(Exit::Nothing);
        }
        let verdicts = perform_all(&tests);
        let mut report = TestReport::new(&verdicts, broken, self.coverage(&stages, &verdicts));
        if self.k.is_some() {
            // Another case of the table may ask it.
            report.unused.clear();
        }
        self.print(&report, color)?;
        let is_short = self.too_little(&report);
        let failed = report.failed > 0 || !report.broken.is_empty() || is_short;
        Ok(if failed { Exit::Findings } else { Exit::Success })
    }

    /// Writes a test of a run, and says what it does differently.
    async fn record(&self, wanted: &str) -> Outcome {
        let store = store::open(&self.store.store).await?;
        let rules = load::pipeline_rules();
        let projects = load::projects(&self.paths, &rules, &self.given.to_look())?;
        let stored = match desk::find(&*store, wanted).await? {
            Ok(stored) => stored,
            Err(missing) => {
                complain(&missing.to_string());
                return Ok(Exit::Nothing);
            }
        };
        let has =
            |project: &&CheckedProject| project.checked.plans.iter().any(|plan| plan.pipeline == stored.row.pipeline);
        let project = projects.iter().find(has).ok_or_else(|| {
            anyhow!("there is no pipeline `{}` in {}; name its project", stored.row.pipeline, self.shown_paths())
        })?;
        let stage = Stage { project, rules };
        let recorded = record::record(&stage, &*store, &stored).await.map_err(|why| anyhow!(why))?;
        match &self.out {
            None => print(&recorded.text),
            Some(file) if file.exists() => {
                return Err(anyhow!("{} is there already; name another file", file.display()));
            }
            Some(file) => {
                std::fs::write(file, &recorded.text).with_context(|| file.display().to_string())?;
                tell(&format!("{} written   ·   ferry test {}", file.display(), file.display()));
            }
        }
        for difference in &recorded.differences {
            complain(&format!("the test does not do what the run did: {difference}"));
        }
        Ok(if recorded.differences.is_empty() { Exit::Success } else { Exit::Findings })
    }

    fn chosen<'a>(&self, stages: &'a [Stage<'a>]) -> Vec<(&'a Stage<'a>, &'a Suite, &'a PipelineTest)> {
        let mut chosen = Vec::new();
        for stage in stages {
            let suites = stage.project.suites.iter().filter_map(|checked| checked.suite.as_ref());
            for suite in
                suites.filter(|suite| self.asks_for(stage.project, Some(&suite.source.name), Some(&suite.pipeline)))
            {
                let named = |test: &&PipelineTest| {
                    let name = format!("{} › {}", suite.pipeline, test.name.value);
                    self.k.as_ref().is_none_or(|text| name.contains(text))
                };
                chosen.extend(suite.tests.iter().filter(named).map(|test| (stage, suite, test)));
            }
        }
        chosen
    }

    /// A path that is a file asks for its own tests alone: a pipeline's, or those in it.
    fn asks_for(&self, project: &CheckedProject, tests: Option<&str>, pipeline: Option<&str>) -> bool {
        let files: Vec<String> = self.paths.iter().filter(|path| path.is_file()).map(|path| shown(path)).collect();
        let own = pipeline.and_then(|pipeline| file_of(project, pipeline));
        let is_asked = |file: &String| Some(file.as_str()) == tests || Some(file) == own.as_ref();
        files.is_empty() || files.len() < self.paths.len() || files.iter().any(is_asked)
    }

    /// Prints what is wrong with files of tests; those with errors are not run.
    fn broken(&self, projects: &[CheckedProject]) -> Vec<String> {
        let mut broken = Vec::new();
        for project in projects {
            // Of a project that is wrong no test can be played, and none of them is left out in silence.
            if project.checked.project.is_none() {
                for report in project.reports().filter(|report| !report.is_ok()) {
                    let errors = report.findings().into_iter().filter(|finding| finding.level == Level::Error);
                    errors.for_each(|finding| tell(&render::full(report, finding, false)));
                    broken.push(report.source.name.clone());
                }
            }
            let asked = |checked: &&CheckedSuite| {
                self.asks_for(project, Some(&checked.report.source.name), checked.pipeline.as_deref())
            };
            for CheckedSuite { report, .. } in project.suites.iter().filter(asked) {
                let errors = report.findings().into_iter().filter(|finding| finding.level == Level::Error);
                errors.for_each(|finding| tell(&render::full(report, finding, false)));
                if !report.is_ok() {
                    broken.push(report.source.name.clone());
                }
            }
        }
        broken
    }

    /// Of each pipeline that was asked for, also where it has no test.
    fn coverage(&self, stages: &[Stage<'_>], verdicts: &[Verdict<'_>]) -> Vec<CoverageJson> {
        let played = verdicts.iter().filter_map(|verdict| verdict.played.as_ref().ok());
        let runs: Vec<_> = played.flat_map(|played| &played.observed.runs).collect();
        let mut all = Vec::new();
        for stage in stages {
            for plan in &stage.project.checked.plans {
                let name = plan.pipeline.as_str();
                let is_own = |run: &&&Observation| {
                    let own = run.run.plan();
                    (own.version == plan.version) && own.pipeline == name
                };
                let own: Vec<_> = runs.iter().filter(is_own).collect();
                let is_asked = self.k.is_none() && self.asks_for(stage.project, None, Some(name));
                let Some(mut coverage) = stage.coverage(name).filter(|_| is_asked || !own.is_empty()) else { continue };
                own.into_iter().for_each(|run| coverage.add(run));
                all.push(CoverageJson::new(name, &file_of(stage.project, name).unwrap_or_default(), &coverage));
            }
        }
        all
    }

    fn print(&self, report: &TestReport, color: bool) -> Result<(), anyhow::Error> {
        match self.format {
            TestFormat::Human => print(&tests::human(report, &again(report), self.k.is_none(), color)),
            TestFormat::Json => print_json(&Envelope::new(report))?,
            TestFormat::Junit => print(&tests::junit(report)),
            TestFormat::Github => print(&tests::github(report)),
        }
        Ok(())
    }

    /// Says which kinds were run too little.
    fn too_little(&self, report: &TestReport) -> bool {
        let Some(least) = self.min_coverage.map(usize::from) else { return false };
        let kinds = ferry_core::testing::Part::ALL.map(|(kind, _)| (kind, report.part(kind)));
        let short: Vec<_> = kinds.into_iter().filter(|(_, part)| part.percent() < least).collect();
        for (kind, part) in &short {
            complain(&format!("{} % of the {kind} were run, and {least} % is the least", part.percent()));
        }
        !short.is_empty()
    }

    fn shown_paths(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// The call that repeats what failed first.
fn again(report: &TestReport) -> String {
    let first = report.tests.iter().find(|test| !test.passed);
    first.map_or_else(String::new, |test| {
        // A shell changes nothing between single quotes.
        format!("ferry test {} -k '{}'", test.file, test.name.replace('\'', "'\\''"))
    })
}

/// A path as files are named in findings.
fn shown(path: &Path) -> String {
    path.display().to_string().trim_start_matches("./").to_owned()
}

/// The file of a pipeline.
fn file_of(project: &CheckedProject, pipeline: &str) -> Option<String> {
    let named = |source: &&std::sync::Arc<Source>| {
        let mut unread = ferry_contract::report::Report::new(source);
        let root = ferry_contract::yaml::parse(source, &mut unread);
        root.and_then(|root| root.get("pipeline")?.text().map(|name| name == pipeline)).unwrap_or(false)
    };
    project.files.pipelines.iter().find(named).map(|source| source.name.clone())
}
