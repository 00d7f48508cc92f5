//! What may be written: keys, what they need beside them, and the types of their values.

use expect_test::expect;

use crate::{
    check, findings,
    world::{PROJECT, World},
};

#[test]
fn unknown_key_names_the_nearest() {
    check(
        "steps:\n  - id: payout\n    mapp: { a: 1 }\n    map: { a: 1 }\n",
        expect![[r#"
        3:5: error[unknown-key]: `mapp` is not a key of a step
          help: did you mean `map`?
    "#]],
    );
    check(
        "steps:\n  - id: payout\n    colour: red\n    map: { a: 1 }\n",
        expect![[r#"
            3:5: error[unknown-key]: `colour` is not a key of a step
              help: write one of `id`, `needs`, `when`, `each`, `timeout`, `once_per`, `action`, `with`, `map`, `check`, `script`, `allocate`, `reconcile`, `wait`, `approve`, `pipeline`, `emit`, `link`, `alert`, `on_error`
        "#]],
    );
    check(
        "steps:\n  - id: status\n    map: { from: $.event.Id, uppper: true }\n",
        expect![[r#"
        3:30: error[unknown-key]: `uppper` is not a key of a mapping with `from`
          help: did you mean `upper`?
    "#]],
    );
}

#[test]
fn keys_that_mean_nothing_beside_the_others() {
    check(
        "\
steps:
  - id: status
    map: { from: $.event.Status__c, else: Open }
    with: { a: 1 }
  - id: checked
    check:
      - { rhai: event.Id != \"\", is: present, say: no id }
      - { field: $.event.Id, is: { one_of: [a], decimal: { scale: 2 } } }
  - id: balance
    action: payoneer.get_balance
    on_error:
      - class: throttled
        hold: { for: $.event.Id, until: { action: payoneer.get_balance, passes: 'true' }, every: 10m }
        then: continue
",
        expect![[r#"
            3:37: error[unknown-key]: only a `lookup` takes `else`
              help: write `default` for a value that is missing
            4:5: error[unknown-key]: only an action or a pipeline takes `with`
              help: move it into the step's own map, or remove it
            7:33: error[unknown-key]: only a `field` takes `is`
              help: say it in the Rhai, or remove it
            8:49: error[unknown-key]: a rule tests `one_of` or `decimal`, not both
              help: make a rule of each, or remove one
            13:51: warning[endless-hold]: nobody is told when `balance` is held, and nothing ends the hold
              help: say whom to tell with `alert: …` in the hold, or give the step a `timeout`
            13:81: warning[constant-condition]: `true` reads nothing, so it is always the same
              help: compare a value of the run, such as `event.Amount__c > 0`, or remove the condition
            14:9: error[unknown-key]: only `do` takes `then`
              help: remove it: after a hold the step is tried again
        "#]],
    );
}

#[test]
fn missing_keys_come_with_an_example() {
    check(
        "steps:\n  - map: { a: 1 }\n",
        expect![[r#"
        2:5: error[missing-key]: a step needs `id`
          help: add `id: payout`
    "#]],
    );
    check(
        "pipeline: example\n",
        expect![[r#"
        1:1: error[missing-key]: a pipeline needs `ferry`
          help: add `ferry: 1`
        1:1: error[missing-key]: a pipeline needs `trigger`
          help: add `trigger: { poll: … }`
        1:1: error[missing-key]: a pipeline needs `steps`
          help: add `steps: [ … ]`
    "#]],
    );
    check(
        "ferry: 1\nproject: example\nconnections:\n  payoneer:\n    connector: payoneer\n",
        expect![[r#"
        5:5: error[missing-key]: a connection needs `environment`
          help: add `environment: sandbox`
    "#]],
    );
    check(
        "\
ferry: 1
project: example
connections:
  payoneer:
    connector: payoneer
    environment: sandbx
    programm_id: 1
    client_id: a
    client_secret: ${secret:b}
",
        expect![[r#"
            5:5: error[missing-key]: a Payoneer connection needs `program_id`
              help: add `program_id: 100086190`
            6:18: error[invalid-value]: a Payoneer connection has no environment `sandbx`
              help: did you mean `sandbox`?
            7:5: error[unknown-key]: `programm_id` is not a field of a Payoneer connection
              help: did you mean `program_id`?
        "#]],
    );
}

#[test]
fn wrong_types_say_what_is_wanted() {
    check(
        "steps: payout\n",
        expect![[r#"
        1:8: error[wrong-type]: `steps` must be a list, and this is text
          help: write a list here
    "#]],
    );
    check(
        "steps: []\n",
        expect![[r#"
        1:8: error[wrong-type]: `steps` has no item
          help: write at least one item
    "#]],
    );
    check(
        "steps:\n  - payout\n",
        expect![[r#"
            2:5: error[wrong-type]: a step must be a map, and this is text
              help: write it as a map with `id`, `needs`, `when`, `each`, `timeout`, `once_per`, `action`, `with`, `map`, `check`, `script`, `allocate`, `reconcile`, `wait`, `approve`, `pipeline`, `emit`, `link`, `alert`, `on_error`
        "#]],
    );
    check(
        "\
steps:
  - id: [payout]
    needs: { a: b }
    map: { a: 1 }
  - id: settled
    wait:
      poll: { action: payoneer.get_balance, every: 15 }
      until: 'true'
      timeout: 5 days
",
        expect![[r#"
            2:9: error[wrong-type]: `id` must be text, and this is a list
              help: write text here
            3:12: error[wrong-type]: `needs` must be a list of texts, and this is a map
              help: write a list of texts here
            7:52: error[wrong-type]: `every` must be a duration, and this is `15`
              help: write a whole number and a unit: `500ms`, `30s`, `15m`, `2h` or `5d`
            9:16: error[wrong-type]: `timeout` must be a duration, and this is `5 days`
              help: write a whole number and a unit: `500ms`, `30s`, `15m`, `2h` or `5d`
        "#]],
    );
}

#[test]
fn wrong_types_inside_operators() {
    check(
        "\
steps:
  - id: name
    map: { from: $.event.Id, max_length: -1 }
  - id: status
    map: { from: $.event.Id, as: decimal(99), trim: yes }
  - id: amount
    map: { money: { amount: 1 } }
",
        expect![[r#"
            3:42: error[wrong-type]: `max_length` must be a whole number, and this is `-1`
              help: write a whole number from 0 on
            5:34: error[invalid-value]: `decimal(99)` is not a type
              help: did you mean `decimal(2)`?
            5:53: error[wrong-type]: `trim` must be `true` or `false`, and this is text
              help: write `true` or `false` here
            7:21: error[missing-key]: `money` needs `currency`
              help: add `currency: $.event.CurrencyIsoCode`
        "#]],
    );
}

#[test]
fn what_a_step_does_is_one_thing() {
    check(
        "steps:\n  - id: payout\n",
        expect![[r#"
            2:9: error[step-kind]: this step does nothing
              help: add one of `action`, `map`, `check`, `script`, `allocate`, `reconcile`, `wait`, `approve`, `pipeline`, `emit`, `link`, `alert`
        "#]],
    );
    check(
        "steps:\n  - id: payout\n    map: { a: 1 }\n    script: '1'\n",
        expect![[r#"
        2:9: error[step-kind]: this step does 2 things at once
          help: make a step of each
    "#]],
    );
    check(
        "\
steps:
  - id: balance
    action: payoneer.get_balance
    on_error:
      - class: rejected
      - { class: [throttld], do: [{ id: a, map: { a: 1 } }], then: done }
",
        expect![[r#"
            5:9: error[step-kind]: an arm holds, falls back, or does steps
              help: write `retry: …`, `hold: …`, `fallback: …`, `do: …` with `then: …`, or `then: …` alone
            6:19: error[invalid-value]: `throttld` is not an error class
              help: did you mean `throttled`?
            6:68: error[invalid-value]: `done` is not an end of an arm
              help: write one of `continue`, `dead_letter`
        "#]],
    );
}

#[test]
fn a_question_is_never_asked_without_a_pause() {
    check(
        "\
steps:
  - id: settled
    wait:
      poll: { action: payoneer.get_balance, every: 0s }
      until: 'true'
      timeout: 5d
",
        expect![[r#"
            4:23: warning[frequent-poll]: this asks 60000 times in 60 s, and Payoneer takes 600 calls in that time
              help: ask more seldom: `every: 1s` leaves half of them to others
            4:52: error[invalid-value]: `every` must be longer than no time
              help: write `1m` or longer
            5:14: warning[constant-condition]: `true` reads nothing, so it is always the same
              help: compare a value of the run, such as `event.Amount__c > 0`, or remove the condition
        "#]],
    );
}

#[test]
fn duplicate_keys_are_all_found() {
    check(
        "steps:\n  - id: payout\n    id: payment\n    map: { amount: 1, amount: 2 }\n",
        expect![[r#"
            3:5: error[duplicate-key]: `id` is written twice in one map
              help: remove one of the two; the first is at line 2
            4:23: error[duplicate-key]: `amount` is written twice in one map
              help: remove one of the two; the first is at line 4
        "#]],
    );
}

#[test]
fn what_waits_and_repeats_is_checked() {
    check(
        "\
steps:
  - id: pause
    wait: { for: 3d, timeout: 1d }
  - id: nothing
    wait: { timeout: 1d }
  - id: paid
    wait: { event: order.paid, until: x > 1, match: { event: $.id }, timeout: 1d }
  - id: release
    approve: { expires: 0s }
  - id: orders
    each: { in: $.event.orders, as: release, concurrency: 0 }
    map: { x: $.release }
  - id: lines
    each: { in: $.event.lines, as: line, key: $.line.id }
    action: payoneer.get_balance
    on_error:
      - class: rejected
        do: [{ id: inner, each: { in: $.line.x, key: $.item }, map: { x: 1 } }]
        then: continue
  - id: again
    action: payoneer.get_balance
    on_error:
      - { class: declined, retry: { attempts: 1000 } }
      - { class: rejected, fallback: { action: salesforce.upsert } }
      - { class: invalid }
  - id: told
    emit: { event: order.paid }
    with: { x: 1 }
  - id: called
    pipeline: nowhere
",
        expect![[r#"
            3:22: error[unknown-key]: a wait for a time has no other time-out
              help: remove it
            5:13: error[step-kind]: a wait is for a time, for an answer or for an event
              help: write one of `for`, `poll`, `event`
            7:32: error[unknown-key]: only a wait with `poll` takes `until`
              help: remove it
            7:55: error[missing-key]: `match` needs `run`
              help: add `run: $.payout.client_reference_id`
            9:16: error[missing-key]: `approve` needs `by`
              help: add `by: [treasury]`
            9:25: error[invalid-value]: `expires` must be longer than no time
              help: write `1m` or longer
            11:13: error[missing-key]: `each` needs `key`
              help: add `key: $.item.id`
            23:47: error[invalid-value]: `attempts` is 1000
              help: write a whole number from 1 to 100
            25:11: error[step-kind]: an arm holds, falls back, or does steps
              help: write `retry: …`, `hold: …`, `fallback: …`, `do: …` with `then: …`, or `then: …` alone
            27:13: error[missing-key]: `emit` needs `key`
              help: add `key: $.event.Id`
            28:5: error[unknown-key]: only an action or a pipeline takes `with`
              help: move it into the step's own map, or remove it
        "#]],
    );
}

#[test]
fn a_trigger_has_one_source() {
    let lint = |trigger: &str| {
        format!("ferry: 1\npipeline: p\ntrigger: {trigger}\nsteps:\n  - {{ id: a, map: {{ x: 1 }} }}\n")
    };
    check(
        &lint("automatic"),
        expect![[r#"
        3:10: error[invalid-value]: `automatic` is not a trigger
          help: write one of `manual`
    "#]],
    );
    check(
        &lint("{ event: a, webhook: { path: b, verify: none }, key: $.id }"),
        expect![[r#"
            3:12: error[step-kind]: a trigger has one source of events
              help: write one of `poll`, `webhook`, `event`, `schedule`, `pipeline`, `file`, `reconciled`, or `trigger: manual`
            3:50: warning[open-webhook]: whoever finds the address of this webhook can begin runs
              help: write `verify: { header: X-Signature, secret: "${env:HOOK_SECRET}" }`
        "#]],
    );
    check(
        &lint("{ webhook: { path: A/b, verify: { header: X-Sig, secret: abc }, respond: b }, key: $.id }"),
        expect![[r#"
            3:29: error[invalid-value]: `A/b` is not a path of a webhook
              help: write small letters, digits and `-`, such as `payout-status`
            3:67: error[literal-secret]: the secret of a webhook is written in the file
              help: refer to it: `${env:NAME}` or `${secret:path}`
            3:83: error[unknown-step]: there is no step `b` to answer with
              help: write one of `a`
        "#]],
    );
    check(
        &lint("{ event: order.paid }"),
        expect![[r#"
        3:12: error[missing-key]: `trigger` needs `key`
          help: add `key: $.Id`
    "#]],
    );
    check(&lint("manual"), expect![[r#""#]]);
}

#[test]
fn a_connection_makes_a_few_requests_at_once() {
    let project =
        |concurrency: &str| PROJECT.replacen("connector:", &format!("concurrency: {concurrency}, connector:"), 1);
    let report = |concurrency: &str| World::new().lint(&project(concurrency), &[]).reports.swap_remove(0);
    assert!(findings(&report("4")).is_empty());
    expect![[r#"
        4:30: error[invalid-value]: `concurrency` is 99, and a connection makes 1 to 64 requests at once
          help: write a number from 1 to 64
    "#]]
    .assert_eq(&findings(&report("99")).into_iter().map(|finding| finding.text).collect::<String>());
}
