//! Tests that were made of runs: whatever a run came to, its test comes to the same, or says where it does not.

use std::{path::Path, sync::Arc};

use expect_test::{Expect, expect};
use ferry::{
    clock::BootClock,
    load,
    store::{Fence, RunId, RunRow, StoredRun, sqlite::SqliteStore},
    testing::{Played, Stage, perform_all, record::record},
};
use ferry_contract::port::Clock;
use ferry_core::once::Guards;

use super::{PAY, project};
use crate::program::payouts;

/// The run of a played test, as a store would have it.
fn stored(played: &Played) -> StoredRun {
    let observed = &played.observed.runs[0];
    let plan = observed.run.plan();
    let (started_at, updated_at) = (observed.journal[0].0, observed.journal.last().unwrap().0);
    let row = RunRow {
        run: RunId::of(&plan.pipeline, observed.run.event_key()),
        pipeline: plan.pipeline.clone(),
        version: plan.version.to_string(),
        event_key: observed.run.event_key().to_owned(),
        state: observed.run.state().name().to_owned(),
        note: String::new(),
        started_at,
        updated_at,
        due_at: None,
    };
    let (fence, letters) = (Fence::default(), std::collections::BTreeMap::new());
    StoredRun { row, journal: observed.journal.clone(), fence, owner: None, letters, mail: 0 }
}

/// Plays the tests of a folder, records each run, and says what its test does differently. A run may be said to have
/// come to something else than it did.
fn differences(folder: &Path, show: Option<&str>, state: Option<&str>) -> String {
    let rules = load::pipeline_rules();
    let projects = load::projects(&[folder.to_path_buf()], &rules, &load::Wanted::default()).unwrap();
    let stage = Stage { project: &projects[0], rules };
    let mut tests = Vec::new();
    for suite in projects[0].suites.iter().map(|checked| checked.suite.as_ref().unwrap()) {
        tests.extend(suite.tests.iter().map(|test| (&stage, suite, test)));
    }
    let clock: Arc<dyn Clock> = Arc::new(BootClock);
    let store = SqliteStore::in_memory((Arc::clone(&clock), clock), Guards::ALL).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut out = String::new();
    for verdict in perform_all(&tests) {
        assert!(verdict.is_passed(), "{}: {:?}", verdict.test.name.value, verdict.mismatches);
        let mut run = stored(verdict.played.as_ref().unwrap());
        if let Some(state) = state {
            state.clone_into(&mut run.row.state);
        }
        let recorded = runtime.block_on(record(&stage, &store, &run)).unwrap();
        let name = &verdict.test.name.value;
        if show.is_some_and(|show| name.contains(show)) {
            out += &recorded.text;
        }
        recorded.differences.iter().for_each(|difference| out += &format!("{name}: {difference}\n"));
    }
    out
}

#[track_caller]
fn check(folder: &Path, show: Option<&str>, expected: Expect) {
    expected.assert_eq(&differences(folder, show, None));
}

#[test]
fn the_shipped_pipelines_runs_become_tests() {
    let folder = tempfile::tempdir().unwrap();
    check(&payouts(folder.path()), None, expect![""]);
}

#[test]
fn what_persons_did_is_part_of_the_test() {
    let tests = "\
tests:
  - name: said and decided
    event: { Id: a, payee: P-77, Amount: 1000.01, maker: ana@acme.org, text: shoes }
    mocks:
      payoneer.get_balance: { return: { available: 2000, currency: USD } }
      payoneer.create_payout: { timeout: after_send }
      payoneer.get_payout_status: { return: { status: Pending, amount: 11, currency: USD, payee_id: P-77 } }
    approvals: [ { step: large, by: bob, decision: approve, after: 3h } ]
    decisions: [ { step: submit, by: bob, decision: done, output: { client_reference_id: b } } ]
    expect: { outcome: finished }
  - name: no
    event: { Id: a, payee: P-77, Amount: 1000.01, maker: ana@acme.org, text: shoes }
    approvals: [ { step: large, by: bob, decision: reject } ]
    expect: { outcome: dead_letter }
";
    check(
        project(PAY, tests).path(),
        Some("decided"),
        expect![[r##"
            # Recorded from a run, and masked. Answers of questions are not in its journal: they are made up.
            pipeline: pay
            tests:
              - name: as recorded on 2026-01-01
                event:
                  Id: a
                  payee: P-77
                  Amount: 1000.01
                  maker: "person-c29836@example.com"
                  text: shoes
                now: "2026-01-01T12:00:00Z"
                mocks:
                  payoneer.create_payout: { fail: unknown, message: "no answer: time-out" }
                  payoneer.get_balance:
                    - return: { available: 2000, currency: USD }
                    - return: { available: 1000000, currency: USD }
                  payoneer.get_payout_status:
                    return: { status: Transferred, amount: 0, currency: USD, payee_id: P-77 }
                approvals:
                  - { step: large, by: bob, decision: approve, reason: the test says so, after: "3h" }
                decisions:
                  - { step: submit, by: bob, decision: done, output: { client_reference_id: b } }
                expect:
                  outcome: finished
                  calls:
                    - action: payoneer.create_payout
                      times: 1
                      with:
                        client_reference_id: a
                        payee_id: P-77
                        amount: { amount: 1000.01, currency: USD }
                        description: shoes
        "##]],
    );
}

#[test]
fn what_a_recorded_test_does_differently_is_said() {
    let tests = "\
tests:
  - name: paid
    event: { Id: a, payee: P-77, Amount: 1, maker: ana }
    mocks:
      payoneer.get_balance: { return: { available: 2000, currency: USD } }
      payoneer.create_payout: { return: {} }
    expect: { outcome: finished }
";
    let said = differences(project(PAY, tests).path(), None, Some("parked"));
    expect![[r#"
        paid: outcome: the run parked, the test finished
    "#]]
    .assert_eq(&said);
}
