//! A project to check: the shipped connectors, a `ferry.yaml`, a table and the header of a pipeline.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::Arc;

use ferry_connectors::library::Library;
use ferry_contract::{
    catalog::Catalog,
    report::Source,
    script::{Missing, NoWatch, Rules},
};
use ferry_core::{
    lint::{self, Checked, Files},
    testing::CheckedSuite,
};

/// A project with both shipped connectors.
pub(crate) const PROJECT: &str = include_str!("project.yaml");

const TABLE: &str = "Transferred: Completed\nCancelled: Failed\n";

/// What a fragment that begins with `steps:` lacks.
pub(crate) const HEADER: &str = include_str!("header.yaml");

/// The shipped connectors, and a Rhai engine.
pub(crate) struct World {
    catalog: Catalog,
    rules: Rules,
}

impl World {
    pub(crate) fn new() -> Self {
        let (library, _) = Library::load(&[], Arc::new(NoWatch));
        Self { catalog: library.catalog(), rules: Rules::new(Missing::Fails, Arc::new(NoWatch)) }
    }

    pub(crate) fn lint(&self, project: &str, pipelines: &[&str]) -> Checked {
        self.lint_with(project, pipelines, Vec::new())
    }

    /// With other files.
    pub(crate) fn lint_with(&self, project: &str, pipelines: &[&str], others: Vec<(String, String)>) -> Checked {
        let named = |(number, text): (usize, &&str)| (format!("{number}.yaml"), (*text).to_owned());
        let pipelines = pipelines.iter().enumerate().map(named);
        let files = [("ferry.yaml".to_owned(), project.to_owned())].into_iter().chain(pipelines);
        let table = ("tables/payout-status.yaml".to_owned(), TABLE.to_owned());
        self.lint_files(files.chain([table]).chain(others))
    }

    /// A pipeline as an earlier version of it is read again.
    pub(crate) fn lint_version(&self, pipeline: &str) -> Checked {
        let pipeline = Source::new("0.yaml", pipeline);
        let files = Files { is_version: true, ..Files::new(Source::new("ferry.yaml", PROJECT), vec![pipeline]) };
        lint::check(&files, &self.catalog, &self.rules)
    }

    /// Checks files as they are.
    pub(crate) fn check(&self, files: &Files) -> Checked {
        lint::check(files, &self.catalog, &self.rules)
    }

    /// Checks a file of tests beside a pipeline; there is one sample.
    pub(crate) fn lint_tests(&self, pipeline: &str, tests: &str) -> CheckedSuite {
        let pipeline = Source::new("0.yaml", completed(pipeline));
        let mut files = Files::new(Source::new("ferry.yaml", PROJECT), vec![pipeline]);
        files.tables.insert("payout-status".to_owned(), Source::new("tables/payout-status.yaml", TABLE));
        let checked = lint::check(&files, &self.catalog, &self.rules);
        let samples = |_: &Source, name: &str| match name {
            "samples/request.json" => Ok(serde_json::json!({ "Id": "a0P", "Amount__c": 50 })),
            _ => Err("there is no such file".to_owned()),
        };
        let source = Source::new("0.test.yaml", tests);
        lint::check_tests(&[source], (&files, &checked), &self.catalog, &samples).pop().expect("one file is one suite")
    }

    /// A project of these files, by their names: `ferry.yaml`, tables in `tables/`, manifests in `connectors/`, and
    /// pipelines.
    pub(crate) fn lint_files(&self, named: impl IntoIterator<Item = (String, String)>) -> Checked {
        let mut files = Files::new(Source::new("ferry.yaml", PROJECT), Vec::new());
        let mut own = Vec::new();
        for (name, text) in named {
            let source = Source::new(name.as_str(), text);
            let stem = name.split_once('/').and_then(|(_, name)| name.split_once('.')).map(|(stem, _)| stem.to_owned());
            match (name.split('/').next(), stem) {
                (Some("tables"), Some(stem)) => drop(files.tables.insert(stem, source)),
                (Some("describe"), Some(stem)) => drop(files.snapshots.insert(stem, source)),
                (Some("maps"), Some(stem)) => drop(files.maps.insert(stem, source)),
                (Some("scripts"), _) => drop(files.scripts.insert(name, source)),
                (Some("connectors"), _) => own.push(source),
                (Some("ferry.yaml"), _) => files.project = source,
                _ if name.ends_with(".test.yaml") => files.tests.push(source),
                _ => files.pipelines.push(source),
            }
        }
        let shares = ferry_core::project::shares(&files.project);
        files.absent.extend(shares.into_iter().filter(|share| share != "../shared"));
        if own.is_empty() {
            return lint::check(&files, &self.catalog, &self.rules);
        }
        let (library, _) = Library::load(&own, Arc::new(NoWatch));
        lint::check(&files, &library.catalog(), &self.rules)
    }
}

/// The header comes last, so that lines are those of the fragment.
pub(crate) fn completed(block: &str) -> String {
    if block.starts_with("steps:") { format!("{block}{HEADER}") } else { block.to_owned() }
}

/// The same where events come from anywhere, and so may have any fields.
pub(crate) fn completed_for_any_event(block: &str) -> String {
    let header = "ferry: 1\npipeline: example\ntrigger: { webhook: { path: example, verify: none }, key: $.Id }\n";
    format!("{block}{header}on_failure: {{ alert: finance-ops }}\n")
}
