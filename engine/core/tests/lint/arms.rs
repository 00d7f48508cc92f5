//! Arms that are taken, and arms that never are.

use expect_test::expect;

use crate::check;

#[test]
fn an_arm_is_for_what_its_step_fails_with() {
    check(
        "\
steps:
  - id: sure
    check: [{ rhai: event.Amount__c > 0, class: declined, say: a }]
    on_error:
      - { class: [declined, invalid, unavailable], then: dead_letter }
      - { class: rejected, then: dead_letter }
  - id: made
    map: { a: $.event.Id }
    on_error:
      - { class: [throttled, invalid, not_found], then: continue }
  - id: created
    needs: [sure]
    action: salesforce.create
    with: { object: Case, values: { Subject: a } }
    on_error:
      - { class: [unknown, rejected], do: [{ id: told, alert: { to: treasury, say: a } }], then: dead_letter }
  - id: paid
    needs: [sure]
    action: payoneer.create_payout
    with: { client_reference_id: $.event.Id, payee_id: $.event.Id, amount: { amount: 1, currency: USD }, description: a }
    on_error: [{ class: unknown, then: continue }]
  - id: updated
    needs: [sure]
    action: salesforce.update
    with: { object: Case, id: $.event.Id, values: { Reason: a } }
    on_error: [{ class: unknown, retry: { attempts: 3 } }]
output: $.made
",
        expect![[r#"
            6:18: warning[untaken-arm]: this is never taken: `sure` calls no system, and cannot be `rejected`
              help: write `invalid`, which is what data that does not fit is, or put the arm on the step that calls
            10:19: warning[untaken-arm]: this is never taken: `made` calls no system, and cannot be `throttled`
              help: write `invalid`, which is what data that does not fit is, or put the arm on the step that calls
            16:19: warning[untaken-arm]: this is never taken: after an unknown outcome `salesforce.create` is parked
              help: remove `unknown` here; `on_failure` says who is told of a parked run
            21:25: warning[untaken-arm]: this is never taken: after an unknown outcome `payoneer.create_payout` is looked up, and parked where that gives no answer
              help: remove `unknown` here; `on_failure` says who is told of a parked run
            27:9: warning[uncertain-value]: `$.made` may be missing: `made` goes on without it after some errors
              help: say what stands for it, `{ from: $.made, default: … }`, or look first: `when: made != ()`
        "#]],
    );
}

#[test]
fn what_is_done_in_an_outage_has_a_time() {
    let read = |id: &str, rest: &str| format!("  - id: {id}\n    action: payoneer.get_balance\n{rest}");
    let arm = |arm: &str| format!("    on_error: [{{ class: [not_found, unavailable], {arm} }}]\n");
    let fallback = "fallback: { action: payoneer.get_balance }";
    let steps = [
        read("a", &arm(fallback)),
        read("b", &arm("then: continue, retry: { attempts: 10 }")),
        read("c", &arm("then: continue, retry: { attempts: 5 }")),
        read("d", &arm("then: continue, retry: { attempts: 10, within: 1h }")),
        read("e", &format!("    timeout: 10m\n{}", arm(fallback))),
        read("f", &arm("then: dead_letter")),
    ];
    check(
        &format!("steps:\n{}output: [$.a, $.b, $.c, $.d, $.e, $.f]\n", steps.concat()),
        expect![[r#"
            4:37: warning[untaken-arm]: in an outage this is not taken: `payoneer.get_balance` waits until it can be reached again
              help: say how long it is tried, with `retry: { attempts: 5, within: 10m }` here or a `timeout` of the step
            7:37: warning[untaken-arm]: in an outage this is not taken: `payoneer.get_balance` waits until it can be reached again
              help: say how long it is tried, with `retry: { attempts: 5, within: 10m }` here or a `timeout` of the step
            21:15: warning[uncertain-value]: `$.b` may be missing: `b` goes on without it after some errors
              help: say what stands for it, `{ from: $.b, default: … }`, or look first: `when: b != ()`
            21:20: warning[uncertain-value]: `$.c` may be missing: `c` goes on without it after some errors
              help: say what stands for it, `{ from: $.c, default: … }`, or look first: `when: c != ()`
            21:25: warning[uncertain-value]: `$.d` may be missing: `d` goes on without it after some errors
              help: say what stands for it, `{ from: $.d, default: … }`, or look first: `when: d != ()`
        "#]],
    );
}
