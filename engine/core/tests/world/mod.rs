//! A project to check: the shipped connectors, a `ferry.yaml`, a table and the header of a pipeline.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{collections::BTreeMap, sync::Arc};

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
pub(crate) const PROJECT: &str = "\
ferry: 1
project: example
connections:
  salesforce: { connector: salesforce, environment: sandbox, my_domain: acme, client_id: a, client_secret: \"${secret:b}\" }
  payoneer: { connector: payoneer, environment: sandbox, program_id: \"100086190\", client_id: a, client_secret: \"${secret:b}\" }
alerts: { finance-ops: log, treasury: log }
vars: { rate: 0.985 }
";

const TABLE: &str = "Transferred: Completed\nCancelled: Failed\n";

/// What a fragment that begins with `steps:` lacks.
pub(crate) const HEADER: &str = "\
ferry: 1
pipeline: example
trigger:
  poll:
    action: salesforce.query
    with: { object: Payment_Request__c, fields: [Id, Amount__c, SystemModstamp] }
    every: 1m
    cursor: { field: $.SystemModstamp, tie_break: $.Id, lookback: 5m }
  key: $.Id
on_failure: { alert: finance-ops }
";

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
        lint::check(&files(project, pipelines), &self.catalog, &self.rules)
    }

    /// Checks a file of tests beside a pipeline; there is one sample.
    pub(crate) fn lint_tests(&self, pipeline: &str, tests: &str) -> CheckedSuite {
        let files = files(PROJECT, &[&completed(pipeline)]);
        let checked = lint::check(&files, &self.catalog, &self.rules);
        let samples = |_: &Source, name: &str| match name {
            "samples/request.json" => Ok(serde_json::json!({ "Id": "a0P", "Amount__c": 50 })),
            _ => Err("there is no such file".to_owned()),
        };
        let source = Source::new("0.test.yaml", tests);
        lint::check_tests(&[source], (&files, &checked), &self.catalog, &samples).pop().expect("one file is one suite")
    }
}

fn files(project: &str, pipelines: &[&str]) -> Files {
    let named = |(number, text): (usize, &&str)| Source::new(format!("{number}.yaml"), *text);
    Files {
        project: Source::new("ferry.yaml", project),
        pipelines: pipelines.iter().enumerate().map(named).collect(),
        tables: BTreeMap::from([("payout-status".to_owned(), Source::new("tables/payout-status.yaml", TABLE))]),
        is_version: false,
    }
}

/// The header comes last, so that lines are those of the fragment.
pub(crate) fn completed(block: &str) -> String {
    if block.starts_with("steps:") { format!("{block}{HEADER}") } else { block.to_owned() }
}
