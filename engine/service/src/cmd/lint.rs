//! `ferry lint`

mod fix;
mod watch;

use std::{path::PathBuf, sync::Arc};

use clap::{Args, ValueEnum};
use ferry_contract::report::{Finding, Level, Report};
use serde::Serialize;

use super::{Envelope, Exit, Outcome, editor, given::GivenArgs, print, print_json, start, tell};
use crate::{
    clock::Stopwatch,
    load::{self, LoadError},
    render::{self, FindingJson},
};

/// Says what is wrong with projects before anything runs.
///
/// Reads every folder with a ferry.yaml in or below the paths. Ends with 0 where nothing is wrong,
/// 1 where something is, and 4 where there is no project.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Lint {
    /// Projects, folders of projects, or single pipelines.
    #[arg(default_value = ".", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: LintFormat,
    /// End with 1 for warnings too.
    #[arg(long)]
    deny_warnings: bool,
    /// End with 0 whatever is found.
    #[arg(long, conflicts_with = "deny_warnings")]
    exit_zero: bool,
    /// Write what is certain into the files, and say what is left. Comments and layout stay.
    #[arg(long, conflicts_with_all = ["watch", "diff"])]
    fix: bool,
    /// Change nothing; print what `--fix` would write, and end with 1 if there is something.
    #[arg(long, conflicts_with = "watch")]
    diff: bool,
    /// With `--fix` or `--diff`: guesses too, such as the nearest name.
    #[arg(long)]
    unsafe_fixes: bool,
    /// Ask too whether each `${env:…}` and `${secret:…}` without a default has a value on this machine.
    #[arg(long, conflicts_with_all = ["diff"])]
    env: bool,
    /// Check again whenever a file changes, until Ctrl-C; ends with 130.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    given: GivenArgs,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum LintFormat {
    /// With the line and a caret.
    #[default]
    Full,
    /// One line each.
    Concise,
    /// For programs; stable, with a format version.
    Json,
    /// As annotations of GitHub Actions.
    Github,
    /// SARIF 2.1.0, for code hosts; ends with 0 whatever it finds, so that the file is uploaded.
    Sarif,
    /// JUnit XML, for build servers: a suite for each file.
    Junit,
}

/// The answer of `ferry lint --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct LintReport {
    /// The files that were read.
    pub files: usize,
    /// What is wrong.
    pub findings: Vec<FindingJson>,
}

impl Lint {
    pub(super) fn run(self, color: bool) -> Outcome {
        if self.unsafe_fixes && !(self.fix || self.diff) {
            anyhow::bail!("`--unsafe-fixes` says what `--fix` or `--diff` takes; add one of them");
        }
        let looked = match (self.watch, self.diff) {
            (true, _) => start::on_runtime(watch::watch(self, color)),
            (false, true) => self.diff(),
            (false, false) => self.once(color),
        };
        looked.or_else(|error| match error.downcast::<LoadError>()? {
            missing @ LoadError::NoProject(_) => {
                super::complain(&missing.to_string());
                Ok(Exit::Nothing)
            }
            other => Err(other.into()),
        })
    }

    fn once(&self, color: bool) -> Outcome {
        let watch = Stopwatch::start();
        if self.fix {
            self.fix()?;
        }
        let rules = load::pipeline_rules();
        let projects = load::projects(&self.paths, &rules, &self.given.to_look())?;
        let unset: Vec<Report> = projects.iter().filter(|_| self.env).flat_map(load::CheckedProject::unset).collect();
        let with_unset = |report: &Report| {
            let mut all = report.clone();
            let same = unset.iter().filter(|unset| Arc::ptr_eq(&unset.source, &report.source));
            same.for_each(|unset| all.absorb(unset));
            all
        };
        let reports: Vec<Report> = projects
            .iter()
            .flat_map(load::CheckedProject::all_reports)
            .filter(|report| self.asked_for(report))
            .map(with_unset)
            .collect();
        let reports: Vec<&Report> = reports.iter().collect();
        let findings: Vec<(&Report, &Finding)> = reports
            .iter()
            .flat_map(|report| report.findings().into_iter().map(move |finding| (*report, finding)))
            .collect();
        self.print(&reports, &findings, color)?;
        projects.iter().for_each(editor::bring_up_to_date);
        let count = |level: Level| findings.iter().filter(|(_, finding)| finding.level == level).count();
        let (errors, warnings) = (count(Level::Error), count(Level::Warning));
        if matches!(self.format, LintFormat::Full | LintFormat::Concise) {
            let left_out: usize = reports.iter().map(|report| report.left_out()).sum();
            let more = if left_out > 0 { format!(" ({left_out} more are not listed)") } else { String::new() };
            let ms = watch.elapsed().as_millis();
            let (files, errors) = (counted(reports.len(), "file"), counted(errors, "error"));
            tell(&format!("Checked {files} in {ms} ms: {errors}, {}{more}.", counted(warnings, "warning")));
            let fixable = findings.iter().filter(|(_, finding)| finding.fix.is_some()).count();
            let safe =
                findings.iter().filter(|(_, finding)| finding.fix.as_ref().is_some_and(|fix| fix.is_safe)).count();
            match (safe, fixable) {
                (0, 0) => {}
                (0, guesses) => tell(&format!("`--fix --unsafe-fixes` mends {guesses} of them by the nearest name.")),
                (safe, _) => tell(&format!("`--fix` mends {safe} of them.")),
            }
            if let Some((_, first)) = findings.first() {
                tell(&format!("`ferry explain {}` tells more.", first.check));
            }
        }
        let counts = !self.exit_zero && self.format != LintFormat::Sarif;
        let failed = counts && (errors > 0 || (self.deny_warnings && warnings > 0));
        Ok(if failed { Exit::Findings } else { Exit::Success })
    }

    /// A path that is a file asks for that file alone.
    fn asked_for(&self, report: &Report) -> bool {
        let files: Vec<&PathBuf> = self.paths.iter().filter(|path| path.is_file()).collect();
        let same = |path: &&PathBuf| path.display().to_string().trim_start_matches("./") == report.source.name;
        files.is_empty() || files.len() < self.paths.len() || files.iter().any(same)
    }

    fn print(&self, reports: &[&Report], findings: &[(&Report, &Finding)], color: bool) -> Result<(), anyhow::Error> {
        match self.format {
            LintFormat::Full => {
                findings.iter().for_each(|(report, finding)| print(&render::full(report, finding, color)));
            }
            LintFormat::Concise => {
                findings.iter().for_each(|(report, finding)| print(&render::concise(report, finding)));
            }
            LintFormat::Github => findings.iter().for_each(|(report, finding)| print(&render::github(report, finding))),
            LintFormat::Junit => print(&render::junit(reports, self.deny_warnings)),
            LintFormat::Sarif => print_json(&render::sarif(findings))?,
            LintFormat::Json => {
                let findings = findings.iter().map(|(report, finding)| FindingJson::new(report, finding)).collect();
                print_json(&Envelope::new(LintReport { files: reports.len(), findings }))?;
            }
        }
        Ok(())
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
