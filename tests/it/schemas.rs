//! The JSON Schemas in `schemas/`: of what commands print, and of the files that editors and people write.
//!
//! `UPDATE_EXPECT=1 cargo test` rewrites them.

mod editor;
mod examples;
mod keys;
mod records;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use expect_test::expect_file;
use ferry::api::Status;
use ferry::cmd::{
    ActList, ApprovalList, CheckReport, ConnectorList, DeadLetterList, DeadLetterShown, Envelope, Heard, LintReport,
    MapReport, PairList, PlanDocument, PreflightReport, RunList, RunStory, WhyReport,
};
use ferry::manual::ConnectorManual;
use ferry::schemas::{self, Known};
use ferry::store::DeadEvent;
use ferry::testing::TestReport;
use ferry_connectors::library::Library;
use ferry_contract::{catalog::Catalog, script::NoWatch};
use ferry_core::graph::Picture;
use schemars::{JsonSchema, SchemaGenerator};

fn schema<T: JsonSchema>() -> String {
    let schema = SchemaGenerator::default().into_root_schema_for::<Envelope<T>>();
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn catalog() -> Catalog {
    Library::load(&[], Arc::new(NoWatch)).0.catalog()
}

#[test]
fn files_have_a_schema() {
    let all = schemas::all(&Known::shipped(&catalog()));
    for (file, schema) in &all {
        let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
        expect_file![root().join("schemas").join(file)].assert_eq(&text);
    }
    let written = std::fs::read_dir(root().join("schemas/actions")).unwrap();
    let written: BTreeSet<String> =
        written.map(|entry| format!("actions/{}", entry.unwrap().file_name().to_string_lossy())).collect();
    let known: BTreeSet<String> =
        all.into_iter().map(|(file, _)| file).filter(|file| file.starts_with("actions/")).collect();
    assert_eq!(written, known, "a schema of an action that is no more has to be removed");
}

#[test]
fn printed_json_has_a_schema() {
    expect_file!["../../schemas/lint.schema.json"].assert_eq(&schema::<LintReport>());
    expect_file!["../../schemas/runs-list.schema.json"].assert_eq(&schema::<RunList>());
    expect_file!["../../schemas/runs-show.schema.json"].assert_eq(&schema::<RunStory>());
    expect_file!["../../schemas/status.schema.json"].assert_eq(&schema::<Status>());
    expect_file!["../../schemas/dlq-list.schema.json"].assert_eq(&schema::<DeadLetterList>());
    expect_file!["../../schemas/approvals-list.schema.json"].assert_eq(&schema::<ApprovalList>());
    expect_file!["../../schemas/dlq-preflight.schema.json"].assert_eq(&schema::<PreflightReport>());
    expect_file!["../../schemas/why.schema.json"].assert_eq(&schema::<WhyReport>());
    expect_file!["../../schemas/dlq-show.schema.json"].assert_eq(&schema::<DeadLetterShown>());
    expect_file!["../../schemas/dlq-show-event.schema.json"].assert_eq(&schema::<DeadEvent>());
    expect_file!["../../schemas/test-report.schema.json"].assert_eq(&schema::<TestReport>());
    expect_file!["../../schemas/audit-list.schema.json"].assert_eq(&schema::<ActList>());
    expect_file!["../../schemas/listen.schema.json"].assert_eq(&schema::<Heard>());
    expect_file!["../../schemas/xref-list.schema.json"].assert_eq(&schema::<PairList>());
    expect_file!["../../schemas/plan.schema.json"].assert_eq(&schema::<PlanDocument>());
    expect_file!["../../schemas/map.schema.json"].assert_eq(&schema::<MapReport>());
    expect_file!["../../schemas/connectors-list.schema.json"].assert_eq(&schema::<ConnectorList>());
    expect_file!["../../schemas/connectors-show.schema.json"].assert_eq(&schema::<ConnectorManual>());
    expect_file!["../../schemas/connectors-check.schema.json"].assert_eq(&schema::<CheckReport>());
    expect_file!["../../schemas/graph.schema.json"].assert_eq(&schema::<Picture>());
}
