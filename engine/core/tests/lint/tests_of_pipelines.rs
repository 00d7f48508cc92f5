//! What the linter says of files of tests.

use expect_test::{Expect, expect};

use super::{check, findings, world::World};

const PIPELINE: &str = "\
steps:
  - id: release
    approve: { by: [ana], expires: 1d }
  - id: submit
    needs: [release]
    action: payoneer.get_payout_status
    with: { client_reference_id: $.event.Id }
  - id: settled
    needs: [submit]
    wait: { event: payoneer.payout_status, match: { event: $.id, run: $.event.Id }, timeout: 5d }
";

#[track_caller]
fn check_beside(tests: &str, expected: Expect) {
    let text: String =
        findings(&World::new().lint_tests(PIPELINE, tests).report).into_iter().map(|finding| finding.text).collect();
    expected.assert_eq(&text);
}

#[test]
fn a_key_that_means_nothing_has_its_place() {
    check(
        "\
tests:
  - name: one
    evnt: { Id: a }
    event: { Id: a }
    mocks:
      salesforce.get: { retrun: {} }
      payoneer.get_balance: { return: { available: 1, currency: USD }, message: no }
    expect: { outcome: finsihed, takes: { at_least: soon } }
  - name: one
    event: { Id: b }
    expect: { steps: { recipient: dun } }
",
        expect![[r#"
            3:5: error[unknown-key]: `evnt` is not a key of a test
              help: did you mean `event`?
            6:25: error[unknown-key]: `retrun` is not a key of an answer
              help: did you mean `return`?
            6:25: error[step-kind]: an answer gives one thing
              help: write one of `return`, `fail`, `timeout`, such as `{ return: {} }`
            7:72: error[unknown-key]: only `fail` takes `message`
              help: remove it, or write `fail: CLASS`
            8:24: error[invalid-value]: `finsihed` is not an outcome
              help: did you mean `finished`?
            8:53: error[wrong-type]: `at_least` must be a duration, and this is `soon`
              help: write a whole number and a unit: `500ms`, `30s`, `15m`, `2h` or `5d`
            9:11: error[duplicate-id]: another test of this file is named `one` already
              help: give each test and each case a name of its own
            11:35: error[invalid-value]: `dun` is not the status of a step
              help: write one of `done`, `skipped`, `failed`, `held`, `waiting`, `parked`, `not_reached`
        "#]],
    );
}

#[test]
fn a_name_that_is_not_there_has_its_nearest() {
    check_beside(
        "\
tests:
  - name: all names are wrong
    event: { file: samples/requset.json }
    mocks:
      payoner.get_balance: { return: { available: 1, currency: USD } }
      payoneer.get_balanse: { timeout: after_send }
      balance: { fail: unavailabel }
    approvals: [ { step: submit, by: ana, decision: approve } ]
    decisions: [ { step: sumbit, decision: not_done } ]
    events: [ { event: payoneer.payout_state, data: { id: a } } ]
    expect:
      calls: [ { action: payoneer.get_balanc } ]
      not_called: [ salesforce.upsrt ]
      steps: { setled: done }
      dead_letter: { step: relaese }
",
        expect![[r#"
            3:20: error[unknown-in-test]: the sample `samples/requset.json` cannot be read: there is no such file
              help: name a JSON file beside this one, such as `samples/request.json`
            5:7: error[unknown-in-test]: there is no connection `payoner` in ferry.yaml
              help: did you mean `payoneer`?
            6:7: error[unknown-in-test]: `get_balanse` is not an action of connector `payoneer`
              help: did you mean `get_balance`?
            7:7: error[unknown-in-test]: `balance` is no action
              help: write it as `connection.action`, such as `payoneer.create_payout`
            7:24: error[invalid-value]: `unavailabel` is not an error class
              help: did you mean `unavailable`?
            8:26: error[unknown-in-test]: no step `submit` of this pipeline asks a person
              help: write one of `release`
            9:26: error[unknown-in-test]: there is no step `sumbit` in this pipeline
              help: did you mean `submit`?
            10:24: error[unknown-in-test]: nothing in this project waits for an event `payoneer.payout_state`
              help: did you mean `payoneer.payout_status`?
            12:26: error[unknown-in-test]: `get_balanc` is not an action of connector `payoneer`
              help: did you mean `get_balance`?
            13:21: error[unknown-in-test]: `upsrt` is not an action of connector `salesforce`
              help: did you mean `upsert`?
            14:16: error[unknown-in-test]: there is no step `setled` in this pipeline
              help: did you mean `settled`?
            15:28: error[unknown-in-test]: there is no step `relaese` in this pipeline
              help: did you mean `release`?
        "#]],
    );
}

#[test]
fn a_fixture_is_measured_at_the_schema_of_its_action() {
    check_beside(
        "\
tests:
  - name: two answers
    event: { file: samples/request.json, with: { Amount__c: 7 } }
    mocks:
      payoneer.get_payout_status:
        - return: { status: Pending, amount: 50.00, currency: USD, payee_id: P-77 }
        - return:
            status: Transferred
            amount: fifty
            payee_id: P-77
    expect: { outcome: finished }
",
        expect![[r#"
            8:13: error[wrong-fixture]: `payoneer.get_payout_status` never gives this: `$.currency` is required
              help: `ferry explain payoneer.get_payout_status` says what it gives
            9:21: error[wrong-fixture]: `payoneer.get_payout_status` never gives this: `$.amount` must be number, and is a string
              help: `ferry explain payoneer.get_payout_status` says what it gives
        "#]],
    );
}

#[test]
fn a_case_is_its_test_with_some_keys_written_anew() {
    let tests = "\
tests:
  - name: table
    event: { file: samples/request.json }
    mocks:
      payoneer.get_payout_status: { timeout: before_send }
      payoneer.get_balance: { return: { available: 1, currency: USD } }
    expect: { outcome: finished, not_called: [payoneer.create_payout] }
    cases:
      - { name: as it is }
      - name: another amount
        event: { Amount__c: 7 }
        mocks: { payoneer.get_payout_status: { fail: not_found } }
        expect: { outcome: dead_letter }
      - { name: another event, event: { file: samples/request.json, with: { Id: b } } }
";
    let checked = World::new().lint_tests(PIPELINE, tests);
    let suite = checked.suite.unwrap_or_else(|| panic!("{:?}", checked.report.findings()));
    let shown: String = suite
        .tests
        .iter()
        .map(|test| {
            let mocks: Vec<String> =
                test.mocks.iter().map(|mock| format!("{} {:?}", mock.action.value, mock.answers[0].result())).collect();
            let expect = (&test.expect.outcome.as_ref().map(|outcome| outcome.value), test.expect.not_called.len());
            format!("{} {} {expect:?}\n  {}\n", test.name.value, test.event.value, mocks.join("\n  "))
        })
        .collect();
    expect![[r#"
        table › as it is {"Id":"a0P","Amount__c":50} (Some(Finished), 1)
          payoneer.get_payout_status Err(Failure { class: Unavailable, message: "not sent: time-out", wait_ms: None, code: None, exchange: None, is_untried: false })
          payoneer.get_balance Ok(Object {"available": Number(1), "currency": String("USD")})
        table › another amount {"Id":"a0P","Amount__c":7} (Some(DeadLettered), 1)
          payoneer.get_payout_status Err(Failure { class: NotFound, message: "the test says so", wait_ms: None, code: None, exchange: None, is_untried: false })
          payoneer.get_balance Ok(Object {"available": Number(1), "currency": String("USD")})
        table › another event {"Id":"b","Amount__c":50} (Some(Finished), 1)
          payoneer.get_payout_status Err(Failure { class: Unavailable, message: "not sent: time-out", wait_ms: None, code: None, exchange: None, is_untried: false })
          payoneer.get_balance Ok(Object {"available": Number(1), "currency": String("USD")})
    "#]].assert_eq(&shown);
}

/// What is reckoned from a moment must be a moment still.
#[test]
fn no_test_begins_or_lasts_beyond_all_times() {
    check_beside(
        "\
tests:
  - name: bounds
    event: { Id: a }
    now: 9999-12-30T00:00:00Z
    for: 367d
    mocks: { payoneer.get_payout_status: { fail: throttled, wait: 99999999d } }
    events: [ { event: payoneer.payout_status, data: { id: a }, after: 18446744073709551615ms } ]
    expect: { outcome: finished }
  - { name: before, event: { Id: a }, now: 1969-12-31T23:59:59Z, expect: { outcome: finished } }
",
        expect![[r#"
            4:10: error[invalid-value]: `9999-12-30T00:00:00Z` is no moment at which a test can begin
              help: write it like `2026-03-01T10:00:00Z`
            7:72: error[invalid-value]: `after` is longer than a test lasts
              help: write `366d` at most
            9:44: error[invalid-value]: `1969-12-31T23:59:59Z` is no moment at which a test can begin
              help: write it like `2026-03-01T10:00:00Z`
        "#]],
    );
}

#[test]
fn a_file_of_tests_belongs_to_a_pipeline() {
    check_beside(
        "pipeline: exampel\ntests: [ { name: a, event: {}, expect: { outcome: finished } } ]\n",
        expect![[r#"
            1:11: error[unknown-in-test]: there is no pipeline `exampel` in this project
              help: did you mean `example`?
        "#]],
    );
    check_beside(
        "tests: [ { event: {} } ]\n",
        expect![[r#"
        1:12: error[missing-key]: a test needs `name`
          help: add `name: a time-out never pays twice`
    "#]],
    );
    check_beside(
        "tests: [ { name: a, expect: { outcome: finished } } ]\n",
        expect![[r#"
        1:12: error[missing-key]: a test needs `event`
          help: add `event: { Id: a0P…, Amount__c: 50.00 }`
    "#]],
    );
}

/// What names a step or a time and says nothing of it expects nothing.
#[test]
fn an_expectation_says_something() {
    check_beside(
        "tests: [ { name: a, event: {}, expect: { takes: {} } }, { name: b, event: {}, expect: { steps: { submit: {} } } } ]\n",
        expect![[r#"
            1:18: warning[test-without-expectation]: the test `a` expects nothing, so it would pass whatever happens
              help: add `expect: { outcome: finished }`
            1:65: warning[test-without-expectation]: the test `b` expects nothing, so it would pass whatever happens
              help: add `expect: { outcome: finished }`
        "#]],
    );
}
