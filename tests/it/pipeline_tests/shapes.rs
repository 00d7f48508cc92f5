//! Tables of cases, persons, lists, pipelines in pipelines, and events.

use expect_test::expect;

use super::{OPEN, PAY, check, project, stdout, tested};

#[test]
fn a_table_is_a_test_for_each_case() {
    let tests = "\
tests:
  - name: amounts
    event: { Id: a, payee: P-77, Amount: 10, maker: ana, text: shoes }
    mocks:
      payoneer.get_balance: { return: { available: 2000, currency: USD } }
      payoneer.create_payout: { return: {} }
      salesforce.query: { return: { records: [] } }
    expect:
      outcome: finished
      calls: [ { action: payoneer.create_payout, times: 1, with: { description: shoes } } ]
      emitted: [ { event: payout.sent, key: a, data: { id: a } } ]
      steps: { large: skipped }
    cases:
      - { name: small }
      - name: another maker's, said by two
        event: { Amount: 1000.01 }
        approvals:
          - { step: large, by: ana, decision: approve }
          - { step: large, by: bob, decision: approve, after: 3h }
        expect: { steps: { large: { output: { by: bob } } }, takes: { at_least: 3h, at_most: 181m } }
      - name: nobody says a word
        event: { Amount: 1000.01 }
        expect: { outcome: dead_letter, calls: [], emitted: [], steps: { large: failed }, takes: { at_least: 1d } }
      - name: no
        event: { Amount: 1000.01 }
        approvals: [ { step: large, by: bob, decision: reject, reason: too much } ]
        expect: { outcome: dead_letter, dead_letter: { class: declined, message: too much }, calls: [], emitted: [], steps: {} }
      - name: left open
        event: { Amount: 1000.01 }
        expect: { outcome: waiting, calls: [], emitted: [], steps: { large: waiting, submit: not_reached } }
      - name: the balance is not told, and nobody needs it
        mocks:
          payoneer.get_balance:
            [{ timeout: before_send }, { timeout: before_send }, { return: { available: 2000, currency: USD } }]
        expect: { steps: { balance: { status: skipped, attempts: 2, error: { class: unavailable } } } }
      - name: decided by a person
        mocks:
          payoneer.create_payout: { timeout: after_send }
          payoneer.get_payout_status: { return: { status: Pending, amount: 11, currency: USD, payee_id: P-77 } }
        decisions: [ { step: submit, by: ana, decision: done, output: { client_reference_id: b }, after: 1h } ]
        expect: { emitted: [ { event: payout.sent, key: b } ] }
";
    check(
        tests,
        &["--min-coverage", "70"],
        0,
        expect![[r#"
        pay.test.yaml
          PASS amounts › small
          PASS amounts › another maker's, said by two
          PASS amounts › nobody says a word
          PASS amounts › no
          PASS amounts › left open
          PASS amounts › the balance is not told, and nobody needs it
          PASS amounts › decided by a person
        pay.test.yaml:7: the mock of `salesforce.query` is never asked
        7 passed, 0 failed · steps 4/4 · arms 1/1 · conditions 2/2 · mappings 5/5
    "#]],
    );
    check(
        tests,
        &["-k", "a person"],
        0,
        expect![[r#"
            pay.test.yaml
              PASS amounts › decided by a person
            1 passed, 0 failed
        "#]],
    );
}

const ORDERS: &str = "\
ferry: 1
pipeline: orders
trigger: { webhook: { path: orders, verify: none }, key: $.id }
steps:
  - id: lines
    each: { in: $.event.lines, as: line, key: $.line.sku, errors: collect }
    pipeline: line
    with: { sku: $.line.sku, amount: $.line.amount }
  - id: shipped
    needs: [lines]
    wait:
      { event: parcel.sent, match: { event: $.order, run: $.event.id }, timeout: { after: 2d, then: continue } }
  - { id: note, needs: [shipped], map: { parcel: { from: $.shipped.parcel, default: none } } }
";

const ORDERS_TESTS: &str = "\
tests:
  - name: lines
    event: { id: o1, lines: [ { sku: a, amount: 0.1 }, { sku: b, amount: 0 } ] }
    expect:
      outcome: finished
      steps:
        'lines[a]': { status: done, output: { twice: 0.2 } }
        lines: { output: { 1.ok: false, 1.error.message: { contains: nothing to pay } } }
    cases:
      - name: no parcel
        expect: { steps: { shipped: skipped, note: { output: { parcel: none } } }, takes: { at_least: 2d } }
      - name: a parcel
        events: [ { event: parcel.sent, data: { order: o1, parcel: DHL-1 }, after: 1d } ]
        expect: { steps: { note: { output: { parcel: DHL-1 } } }, takes: { at_least: 1d, at_most: 25h } }
";

const LINE: &str = "\
ferry: 1
pipeline: line
trigger: manual
inputs: { sku: string, amount: number }
steps:
  - id: payable
    check: [ { field: $.event.amount, is: { decimal: { above: 0 } }, say: nothing to pay } ]
  - { id: total, needs: [payable], map: { twice: { rhai: event.amount * 2 } } }
output: $.total
";

const RATES: &str = "\
ferry: 1
pipeline: rates
trigger: { event: rates.wanted, key: $.id }
concurrency: { key: $.id, limit: 1 }
steps:
  - { id: pause, wait: { for: 1h } }
  - id: rate
    needs: [pause]
    action: payoneer.get_balance
    on_error:
      - { class: [unavailable, throttled], retry: { attempts: 2 }, fallback: { action: treasury.get_balance } }
      - { class: not_found, then: continue }
  - { id: note, needs: [rate], map: { available: { from: $.rate.available, default: 0 } } }
";

const RATES_TESTS: &str = "\
tests:
  - name: rates
    event: { id: r1 }
    mocks:
      payoneer.get_balance: { return: { available: 7, currency: USD } }
      treasury.get_balance: { return: { available: 8, currency: USD } }
    expect: { outcome: finished, calls: [ { action: payoneer.get_balance, times: 1 } ], not_called: [treasury.get_balance] }
    cases:
      - { name: the first, expect: { takes: { at_least: 1h, at_most: 61m } } }
      - name: the other one
        mocks: { payoneer.get_balance: { fail: unavailable } }
        expect:
          calls: [ { action: payoneer.get_balance, times: 2 }, { action: treasury.get_balance, times: 1 } ]
          not_called: []
          steps: { note: { output: { available: 8 } } }
      - name: neither
        mocks: { payoneer.get_balance: { fail: not_found } }
        expect: { steps: { rate: { status: skipped, error: { class: not_found } }, note: { output: { available: 0 } } } }
";

const LINE_TESTS: &str = "\
tests:
  - { name: twice, event: { sku: a, amount: 7 }, expect: { output: { twice: 14 } } }
  - { name: of the wrong type, event: { sku: a, amount: seven }, expect: { outcome: finished } }
";

#[test]
fn lists_pipelines_and_events_are_tested_too() {
    let folder = project(PAY, OPEN);
    let files = [
        ("orders.yaml", ORDERS),
        ("orders.test.yaml", ORDERS_TESTS),
        ("line.yaml", LINE),
        ("line.test.yaml", LINE_TESTS),
        ("rates.yaml", RATES),
        ("rates.test.yaml", RATES_TESTS),
    ];
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    let output = tested(folder.path(), &[]);
    expect![[r#"
        line.test.yaml
          PASS twice
          FAIL of the wrong type
               the test  line.test.yaml:3
                 expected  to be played
                 actual    `line` does not take this event: `$.amount` must be number, and is a string
        orders.test.yaml
          PASS lines › no parcel
          PASS lines › a parcel
        pay.test.yaml
          PASS a
        rates.test.yaml
          PASS rates › the first
          PASS rates › the other one
          PASS rates › neither
        7 passed, 1 failed · steps 9/12 · arms 2/3 · conditions 1/2 · mappings 5/10
          not covered: pay.yaml:6 large when false
          not covered: pay.yaml:8 balance
          not covered: pay.yaml:11 balance on unavailable
          not covered: pay.yaml:12 submit
          not covered: pay.yaml:16 submit client_reference_id
          not covered: pay.yaml:17 submit payee_id
          not covered: pay.yaml:18 submit amount
          not covered: pay.yaml:19 submit description
          not covered: pay.yaml:20 told
          not covered: pay.yaml:20 told id
        rerun: ferry test line.test.yaml -k 'of the wrong type'
    "#]]
    .assert_eq(&stdout(&output));
}

const MAKER_TESTS: &str = "\
tests:
  - name: release
    event: { id: a, maker: null }
    APPROVALS
    expect: { outcome: OUTCOME, steps: { release: STATUS } }
";

/// Who made it is not guessed: nobody may be the maker only where the pipeline says so.
#[test]
fn a_maker_who_is_null_is_nobody_where_the_pipeline_says_so() {
    let approved = "approvals: [ { step: release, by: ana, decision: approve } ]";
    for (not, approvals, outcome, status) in [
        ("{ from: $.event.maker, default: null }", approved, "finished", "{ output: { by: ana } }"),
        (
            "$.event.maker",
            "",
            "dead_letter",
            "{ error: { class: invalid, message: { contains: \"`default: null`\" } } }",
        ),
    ] {
        let pipeline = format!(
            "ferry: 1\npipeline: pay\ntrigger: {{ event: order.paid, key: $.id }}\nsteps:\n  - {{ id: release, approve: \
             {{ by: [ana], not: {not}, expires: 1d }} }}\non_failure: {{ alert: ops }}\n"
        );
        let tests = MAKER_TESTS.replace("APPROVALS", approvals).replace("OUTCOME", outcome).replace("STATUS", status);
        let folder = project(&pipeline, &tests);
        let output = tested(folder.path(), &[]);
        assert_eq!(output.status.code(), Some(0), "{not}: {}", stdout(&output));
    }
}

const ASK: &str = "\
ferry: 1
pipeline: pay
trigger: { event: order.paid, key: $.id }
steps:
  - id: asked
    action: payoneer.payment_request
    with:
      client_reference_id: $.event.id
      payee_id: $.event.payee
      amount: { money: { amount: $.event.amount, currency: USD } }
      description: shoes
on_failure: { alert: ops }
";

const ASK_TESTS: &str = "\
tests:
  - name: asked
    event: { id: a, payee: P-77, amount: 10 }
    mocks: { payoneer.payment_request: { return: {} } }
    expect: { outcome: finished, calls: [ { action: payoneer.payment_request, times: 1, with: { payee_id: P-77 } } ] }
";

/// An action that only one profile has is there in a test whose connection names that profile.
#[test]
fn a_connection_is_tested_in_the_profile_that_it_names() {
    let folder = project(ASK, ASK_TESTS);
    let named = super::PROJECT.replacen("connector: payoneer,", "connector: payoneer, profile: seed,", 1);
    std::fs::write(folder.path().join("ferry.yaml"), named).unwrap();
    let output = tested(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}
