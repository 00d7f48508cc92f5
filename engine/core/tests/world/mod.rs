//! A project to check: the shipped connectors, a `ferry.yaml`, a table and the header of a pipeline.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{collections::BTreeMap, sync::Arc};

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
        let named = |(number, text): (usize, &&str)| (format!("{number}.yaml"), (*text).to_owned());
        let pipelines = pipelines.iter().enumerate().map(named);
        let files = [("ferry.yaml".to_owned(), project.to_owned())].into_iter().chain(pipelines);
        let table = ("tables/payout-status.yaml".to_owned(), TABLE.to_owned());
        self.lint_files(files.chain([table]))
    }

    /// A pipeline as an earlier version of it is read again.
    pub(crate) fn lint_version(&self, pipeline: &str) -> Checked {
        let files = Files {
            project: Source::new("ferry.yaml", PROJECT),
            pipelines: vec![Source::new("0.yaml", pipeline)],
            tables: BTreeMap::new(),
            is_version: true,
        };
        lint::check(&files, &self.catalog, &self.rules)
    }

    /// A project of these files, by their names: `ferry.yaml`, tables in `tables/`, manifests in `connectors/`, and
    /// pipelines.
    pub(crate) fn lint_files(&self, named: impl IntoIterator<Item = (String, String)>) -> Checked {
        let mut files = Files {
            project: Source::new("ferry.yaml", PROJECT),
            pipelines: Vec::new(),
            tables: BTreeMap::new(),
            is_version: false,
        };
        let mut own = Vec::new();
        for (name, text) in named {
            let source = Source::new(name.as_str(), text);
            let table = name.strip_prefix("tables/").and_then(|name| name.strip_suffix(".yaml"));
            match table {
                Some(table) => drop(files.tables.insert(table.to_owned(), source)),
                None if name == "ferry.yaml" => files.project = source,
                None if name.starts_with("connectors/") => own.push(source),
                None => files.pipelines.push(source),
            }
        }
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
