//! How it is said that something is not as expected.

use expect_test::expect;

use super::{PAY, check, project, stdout, tested};

const FAILING: &str = "\
tests:
  - name: what is expected and does not come
    event: { Id: a, payee: P-77, Amount: 10.10, maker: ana }
    mocks:
      payoneer.get_balance: { return: { available: 100, currency: USD } }
      payoneer.create_payout: { fail: rejected, message: no, code: 7 }
      salesforce.query: { return: { records: [] } }
    expect:
      outcome: finished
      dead_letter: { class: invalid, step: balance, message: never }
      steps: { submit: { status: done, attempts: 2, error: { code: \"8\" } }, balance: { output: { available: 99 } } }
      calls:
        - { action: payoneer.create_payout, with: { amount.amount: 10.1, payee_id: P-78 } }
        - { action: payoneer.get_balance, times: 7 }
      calls_in_order: [payoneer.create_payout, payoneer.get_balance, payoneer.create_payout]
      not_called: [payoneer.get_balance]
      emitted: [ { event: payout.sent, key: a } ]
      takes: { at_least: 1h }
  - name: a call that no mock answers
    event: { Id: a, payee: P-77, Amount: 10, maker: ana }
    mocks: { payoneer.create_payout: { return: {} } }
    expect: { outcome: finished }
  - name: a call that only another mock answers
    event: { Id: a, payee: P-77, Amount: 10, maker: ana }
    mocks:
      payoneer.get_balance: { return: { available: 100, currency: USD } }
      payoneer.create_payout: { with: { payee_id: P-78 }, return: {} }
    expect: { outcome: finished }
  - name: nothing is expected
    event: { Id: a, payee: P-77, Amount: 10, maker: ana }
    mocks:
      payoneer.get_balance: { return: { available: 100, currency: USD } }
      payoneer.create_payout: { return: {} }
";

#[test]
fn what_fails_is_said_where_it_is_expected() {
    check(
        FAILING,
        &[],
        1,
        expect![[r#"
            pay.test.yaml
              FAIL what is expected and does not come
                   outcome  pay.test.yaml:9
                     expected  finished
                     actual    dead_letter at `submit`: rejected: no
                   class of the dead letter  pay.test.yaml:10
                     expected  invalid
                     actual    rejected: no
                   step of the dead letter  pay.test.yaml:10
                     expected  balance
                     actual    submit: rejected: no
                   message of the dead letter  pay.test.yaml:10
                     expected  a text with "never"
                     actual    "no"
                   step `submit`, status  pay.test.yaml:11
                     expected  done
                     actual    failed: no
                   step `submit`, error, `code`  pay.test.yaml:11
                     expected  "8"
                     actual    "7"
                   step `submit`, attempts  pay.test.yaml:11
                     expected  2
                     actual    1
                   step `balance`, output, `available`  pay.test.yaml:11
                     expected  99
                     actual    100
                   input of `payoneer.create_payout`, `payee_id`  pay.test.yaml:13
                     expected  "P-78"
                     actual    "P-77"
                   calls of `payoneer.get_balance`  pay.test.yaml:14
                     expected  called 7 times
                     actual    called twice
                   calls in order  pay.test.yaml:15
                     expected  `payoneer.get_balance` after `payoneer.create_payout`
                     actual    payoneer.get_balance, payoneer.get_balance, payoneer.create_payout
                   calls of `payoneer.get_balance`  pay.test.yaml:16
                     expected  not called
                     actual    called twice
                   emitted  pay.test.yaml:17
                     expected  payout.sent with the key `a`
                     actual    nothing
                   time  pay.test.yaml:18
                     expected  at least 1h
                     actual    2s
              FAIL a call that no mock answers
                   calls of `payoneer.get_balance`  pay.test.yaml:19
                     expected  a mock
                     actual    called with {}, and nothing answers
              FAIL a call that only another mock answers
                   calls of `payoneer.create_payout`  pay.test.yaml:23
                     expected  a mock whose `with` fits
                     actual    called with {"client_reference_id":"a","payee_id":"P-77","amount":{"amount":10.00,"currency":"USD"},"description":"no text"}, and nothing answers
              FAIL nothing is expected
                   expectations  pay.test.yaml:29
                     expected  at least one
                     actual    nothing is expected
            0 passed, 4 failed · steps 3/4 · arms 0/1 · conditions 1/2 · mappings 4/5
              not covered: pay.yaml:5 large
              not covered: pay.yaml:6 large when true
              not covered: pay.yaml:11 balance on unavailable
              not covered: pay.yaml:19 submit description
            rerun: ferry test pay.test.yaml -k 'what is expected and does not come'
        "#]],
    );
}

#[test]
fn build_servers_read_the_same() {
    check(
        FAILING,
        &["--format", "junit"],
        1,
        expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="ferry test" tests="4" failures="4" errors="0">
              <testsuite name="pay.test.yaml" tests="4" failures="4" errors="0">
                <testcase classname="pay" name="what is expected and does not come" file="pay.test.yaml" line="2">
                  <failure message="outcome: expected finished, actual dead_letter at `submit`: rejected: no">pay.test.yaml:9</failure>
                  <failure message="class of the dead letter: expected invalid, actual rejected: no">pay.test.yaml:10</failure>
                  <failure message="step of the dead letter: expected balance, actual submit: rejected: no">pay.test.yaml:10</failure>
                  <failure message="message of the dead letter: expected a text with &quot;never&quot;, actual &quot;no&quot;">pay.test.yaml:10</failure>
                  <failure message="step `submit`, status: expected done, actual failed: no">pay.test.yaml:11</failure>
                  <failure message="step `submit`, error, `code`: expected &quot;8&quot;, actual &quot;7&quot;">pay.test.yaml:11</failure>
                  <failure message="step `submit`, attempts: expected 2, actual 1">pay.test.yaml:11</failure>
                  <failure message="step `balance`, output, `available`: expected 99, actual 100">pay.test.yaml:11</failure>
                  <failure message="input of `payoneer.create_payout`, `payee_id`: expected &quot;P-78&quot;, actual &quot;P-77&quot;">pay.test.yaml:13</failure>
                  <failure message="calls of `payoneer.get_balance`: expected called 7 times, actual called twice">pay.test.yaml:14</failure>
                  <failure message="calls in order: expected `payoneer.get_balance` after `payoneer.create_payout`, actual payoneer.get_balance, payoneer.get_balance, payoneer.create_payout">pay.test.yaml:15</failure>
                  <failure message="calls of `payoneer.get_balance`: expected not called, actual called twice">pay.test.yaml:16</failure>
                  <failure message="emitted: expected payout.sent with the key `a`, actual nothing">pay.test.yaml:17</failure>
                  <failure message="time: expected at least 1h, actual 2s">pay.test.yaml:18</failure>
                </testcase>
                <testcase classname="pay" name="a call that no mock answers" file="pay.test.yaml" line="19">
                  <failure message="calls of `payoneer.get_balance`: expected a mock, actual called with {}, and nothing answers">pay.test.yaml:19</failure>
                </testcase>
                <testcase classname="pay" name="a call that only another mock answers" file="pay.test.yaml" line="23">
                  <failure message="calls of `payoneer.create_payout`: expected a mock whose `with` fits, actual called with {&quot;client_reference_id&quot;:&quot;a&quot;,&quot;payee_id&quot;:&quot;P-77&quot;,&quot;amount&quot;:{&quot;amount&quot;:10.00,&quot;currency&quot;:&quot;USD&quot;},&quot;description&quot;:&quot;no text&quot;}, and nothing answers">pay.test.yaml:23</failure>
                </testcase>
                <testcase classname="pay" name="nothing is expected" file="pay.test.yaml" line="29">
                  <failure message="expectations: expected at least one, actual nothing is expected">pay.test.yaml:29</failure>
                </testcase>
              </testsuite>
            </testsuites>
        "#]],
    );
    check(
        FAILING,
        &["--format", "github", "-k", "no mock"],
        1,
        expect![[r#"
        ::error title=ferry test,file=pay.test.yaml,line=19,col=11::a call that no mock answers: calls of `payoneer.get_balance`%0Aexpected a mock%0Aactual called with {}, and nothing answers
    "#]],
    );
}

#[test]
fn a_test_ends_where_it_would_have_no_end() {
    let tests = "\
tests:
  - name: it never comes
    event: { Id: a, payee: P-77, Amount: 10, maker: ana }
    mocks: { payoneer.get_balance: { return: { available: 9, currency: USD } } }
    expect: { outcome: finished }
    cases: [ { name: for ever }, { name: for a day, for: 1d, expect: { outcome: held, takes: { at_least: 1d } } } ]
";
    let hold = "    on_error:
      - class: insufficient_funds
        hold: { for: 10, until: { action: payoneer.get_balance, passes: result.available >= reserved }, every: 10m }
    with:
      client";
    let held = PAY.replace("    with:\n      client", hold);
    let folder = project(&held, tests);
    let output = tested(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    expect![[r#"
        pay.test.yaml
          FAIL it never comes › for ever
               the run  pay.test.yaml:6
                 expected  an end
                 actual    1000 calls were answered without one; `for: 1d` would end it
          PASS it never comes › for a day
        1 passed, 1 failed · steps 2/4 · arms 1/2 · conditions 1/2 · mappings 0/5
          not covered: pay.yaml:5 large
          not covered: pay.yaml:6 large when true
          not covered: pay.yaml:11 balance on unavailable
          not covered: pay.yaml:19 submit client_reference_id
          not covered: pay.yaml:20 submit payee_id
          not covered: pay.yaml:21 submit amount
          not covered: pay.yaml:22 submit description
          not covered: pay.yaml:23 told
          not covered: pay.yaml:23 told id
        rerun: ferry test pay.test.yaml -k 'it never comes › for ever'
    "#]]
    .assert_eq(&stdout(&output));
}
