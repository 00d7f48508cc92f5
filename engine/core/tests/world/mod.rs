//! A project to check: the shipped connectors, a `ferry.yaml`, a table and the header of a pipeline.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::Arc;

use ferry_connectors::library::Library;
use ferry_contract::{
    catalog::Catalog,
    report::Source,
    script::{Missing, NoWatch, Rules},
};
use ferry_core::lint::{self, Checked, Files};

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
    with: { object: Payment_Request__c, fields: [Id, Name, Amount__c, CurrencyIsoCode, Recipient__c, Status__c, SystemModstamp] }
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
        self.lint_with(project, pipelines, &[])
    }

    /// With files of `tables/`, `maps/` and `scripts/`.
    pub(crate) fn lint_with(&self, project: &str, pipelines: &[&str], others: &[(&str, &str)]) -> Checked {
        let named = |(number, text): (usize, &&str)| Source::new(format!("{number}.yaml"), *text);
        let pipelines = pipelines.iter().enumerate().map(named).collect();
        let mut files = Files::new(Source::new("ferry.yaml", project), pipelines);
        for (path, text) in [("tables/payout-status.yaml", TABLE)].iter().chain(others) {
            let name = path.split_once('/').and_then(|(_, name)| name.split_once('.')).map_or(*path, |(name, _)| name);
            let source = Source::new(*path, *text);
            match path.split('/').next() {
                Some("tables") => files.tables.insert(name.to_owned(), source),
                Some("maps") => files.maps.insert(name.to_owned(), source),
                _ => files.scripts.insert((*path).to_owned(), source),
            };
        }
        let shares = ferry_core::project::shares(&files.project);
        files.absent.extend(shares.into_iter().filter(|share| share != "../shared"));
        lint::check(&files, &self.catalog, &self.rules)
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
