//! The JSON Schemas of what commands print, in `schemas/`; `UPDATE_EXPECT=1 cargo test` rewrites them.

use expect_test::expect_file;
use ferry::api::Status;
use ferry::cmd::{
    ActList, ApprovalList, DeadLetterList, DeadLetterShown, Envelope, LintReport, MapReport, PlanDocument,
    PreflightReport, RunList, RunStory, WhyReport,
};
use ferry::store::DeadEvent;
use ferry::testing::TestReport;
use ferry_core::graph::Picture;
use schemars::{JsonSchema, SchemaGenerator};

fn schema<T: JsonSchema>() -> String {
    let schema = SchemaGenerator::default().into_root_schema_for::<Envelope<T>>();
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
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
    expect_file!["../../schemas/plan.schema.json"].assert_eq(&schema::<PlanDocument>());
    expect_file!["../../schemas/map.schema.json"].assert_eq(&schema::<MapReport>());
    expect_file!["../../schemas/graph.schema.json"].assert_eq(&schema::<Picture>());
}
