//! What a retry, a time-out, a key or an arm does to payments: positive and negative, with places.

use expect_test::expect;

use crate::check;

const MANUAL: &str = "ferry: 1\npipeline: p\ntrigger: manual\n";

#[test]
fn a_retry_is_what_the_engine_would_do() {
    check(
        "\
steps:
  - id: payout
    action: payoneer.create_payout
    with: { client_reference_id: $.event.Id, payee_id: a, amount: { money: { amount: 1, currency: USD } }, description: a }
    on_error:
      - { class: [unknown, unavailable], retry: { attempts: 3 } }
      - { class: [conflict, declined], retry: { attempts: 3 } }
  - id: ticket
    action: salesforce.create
    with: { object: Case, values: { Subject: a } }
    on_error:
      - class: unknown
        retry: { attempts: 3 }
  - id: record
    action: salesforce.update
    with: { object: Case, id: $.event.Id, values: { Subject: a } }
    on_error:
      - { class: [unknown, throttled, not_found, auth], retry: { attempts: 3 } }
      - { class: [insufficient_funds, config], retry: { attempts: 1 } }
",
        expect![[r#"
            6:19: error[unsafe-retry]: `payoneer.create_payout` may have been done after an unknown outcome, so it is never just sent again
              help: remove `unknown` here: ferry looks it up by itself before anything is sent again
            7:19: warning[pointless-retry]: `payoneer.create_payout` is not tried again after `conflict`, whatever is asked
              help: remove the class here, or give it an arm of its own
            7:29: warning[pointless-retry]: the same call again is `declined` again
              help: tell who can correct it, with `do: …` and `then: dead_letter`; a replay sends it again
            12:16: error[unsafe-retry]: `salesforce.create` may have been done after an unknown outcome, and nothing can tell
              help: remove `unknown` here: the run is parked, and `on_failure` says who is told
            19:19: warning[pointless-retry]: the same call again is `insufficient_funds` again
              help: write `hold: …`: it asks for the balance, and sends when it covers the amount
            19:39: warning[pointless-retry]: the same call again is `config` again
              help: remove the class: a person must mend it first, and then replays the run
        "#]],
    );
}

#[test]
fn only_a_call_is_tried_again() {
    check(
        "\
steps:
  - id: fee
    script: event.Amount__c * 2
    on_error:
      - { class: bug, retry: { attempts: 3 } }
  - id: settled
    wait: { poll: { action: payoneer.get_balance, every: 1m }, until: result.available > fee, timeout: 1d }
    on_error:
      - { class: unavailable, retry: { attempts: 3 } }
",
        expect![[r#"
            5:11: warning[pointless-retry]: only a call is tried again, and `fee` makes none
              help: remove `retry`, or put it on the step that calls
        "#]],
    );
}

#[test]
fn what_fails_every_run_is_not_swallowed() {
    check(
        "\
steps:
  - id: balance
    action: payoneer.get_balance
    on_error:
      - { class: [rejected, auth], then: continue }
      - { class: [bug], then: dead_letter }
      - class: config
        do: [{ id: note, map: { text: \"{$.error.message}\" } }]
        then: continue
",
        expect![[r#"
            5:29: error[swallowed-error]: `auth` fails every run until somebody mends it, and nobody would notice
              help: remove the class here: the events become dead letters, and are replayed once it is mended
            7:16: error[swallowed-error]: `config` fails every run until somebody mends it, and nobody would notice
              help: remove the class here: the events become dead letters, and are replayed once it is mended
        "#]],
    );
}

#[test]
fn a_dead_letter_is_told_to_somebody() {
    let update = "  - id: a\n    action: salesforce.update\n    with: { object: Case, id: $.event.Id, values: { Subject: a } }\n";
    check(
        &format!("{MANUAL}steps:\n{update}"),
        expect![[r#"
        6:13: warning[silent-dead-letter]: nobody is told when `salesforce.update` cannot be done, and the event becomes a dead letter
          help: say whom to tell with `on_failure: { alert: … }`
    "#]],
    );
    check(&format!("{MANUAL}on_failure: {{ alert: treasury }}\nsteps:\n{update}"), expect![""]);
    // A write that may wait for a person is an error already, and one finding is enough.
    let create = "  - id: b\n    action: salesforce.create\n    with: { object: Case, values: { Subject: a } }\n";
    check(
        &format!("{MANUAL}steps:\n{update}{create}"),
        expect![[r#"
        9:13: error[silent-park]: `salesforce.create` may have to wait for a person, and no one is told
          help: say whom to tell with `on_failure: { alert: … }`
    "#]],
    );
    check(&format!("{MANUAL}steps:\n  - {{ id: a, action: payoneer.get_balance }}\noutput: $.a\n"), expect![""]);
}

#[test]
fn what_is_inside_a_time_out_is_shorter() {
    let lint = |steps: &str| format!("{MANUAL}timeout: 1d\n{steps}");
    check(
        &lint(
            "\
steps:
  - { id: pause, wait: { for: 1d } }
  - { id: short, wait: { for: 23h } }
  - { id: settled, wait: { event: paid, match: { event: $.id, run: $.event.id }, timeout: 30h } }
  - { id: ask, approve: { by: [ana], expires: 3d } }
  - { id: open, approve: { by: [ana], expires: 2h } }
  - { id: slow, timeout: 2d, action: payoneer.get_balance }
  - id: tried
    timeout: 1m
    action: payoneer.get_balance
    on_error:
      - { class: unavailable, retry: { attempts: 10 } }
      - { class: throttled, retry: { attempts: 5, first: 10s } }
      - { class: unknown, retry: { attempts: 2, first: 90s } }
",
        ),
        expect![[r#"
            6:11: warning[timeout-order]: the wait is 1d, and the pipeline ends after 1d
              help: make it shorter, or the `timeout` of the pipeline longer
            8:11: warning[timeout-order]: the wait may take 30h, and the pipeline ends after 1d
              help: make it shorter, or the `timeout` of the pipeline longer
            9:11: warning[timeout-order]: the question stands for 3d, and the pipeline ends after 1d
              help: make it shorter, or the `timeout` of the pipeline longer
            11:11: warning[timeout-order]: `slow` may take 2d, and the pipeline ends after 1d
              help: make it shorter, or the `timeout` of the pipeline longer
            16:11: warning[timeout-order]: the waits of this `retry` are at least 255s, and the step ends after 1m
              help: make it shorter, or the `timeout` of the step longer
            17:11: warning[timeout-order]: the waits of this `retry` are at least 75s, and the step ends after 1m
              help: make it shorter, or the `timeout` of the step longer
        "#]],
    );
    check(
        &format!(
            "{MANUAL}steps:\n  - {{ id: pause, wait: {{ for: 30d }} }}\n  - {{ id: other, timeout: 1h, action: payoneer.get_balance }}\n"
        ),
        expect![""],
    );
}

#[test]
fn keys_tell_apart_what_they_name() {
    check(
        "\
steps:
  - id: one
    action: salesforce.update
    with: { object: Case, id: $.event.Id, values: { Subject: a } }
    once_per: { rhai: \"2 * 2\" }
  - id: batch
    action: salesforce.update
    with: { object: Case, id: $.event.Id, values: { Reason: a } }
    once_per: $.vars.rate
  - id: two
    each: { in: $.event.lines, as: line, key: $.event.Id }
    action: salesforce.update
    with: { object: Case, id: $.line.id, values: { Subject: a } }
    once_per: $.line.id
  - { id: three, emit: { event: paid, key: paid } }
  - { id: four, emit: { event: paid, key: { rhai: one.to_string() } } }
  - id: five
    each: { in: $.event.lines, as: line, key: $.line.id }
    emit: { event: line, key: { text: \"{$.event.Id}/{$.line.id}\" } }
",
        expect![[r#"
            5:15: error[unstable-key]: this key is the same in every run, so only the first run's call is made
              help: read it from the event or from a step, such as `$.event.Id`
            11:47: error[unstable-key]: this key is the same for each `line`, so a list of two fails
              help: name what tells them apart, such as `$.line.id`
            15:44: error[unstable-key]: this key is the same in every run, so only the first run's event is made
              help: read it from the event or from a step, such as `$.event.Id`
        "#]],
    );
}

#[test]
fn a_step_is_there_for_something() {
    check(
        "\
steps:
  - { id: unread, map: { a: 1 } }
  - { id: unread_too, action: payoneer.get_balance }
  - { id: refuses, script: 'if event.Amount__c > 5 { throw \"too much\" } 1' }
  - { id: refuses_too, check: [{ field: $.event.Id, is: present }] }
  - { id: waited_for, action: payoneer.get_balance }
  - { id: read, map: { a: 1 } }
  - id: record
    needs: [waited_for, refuses_too]
    when: read.a == 1
    action: salesforce.update
    with: { object: Case, id: $.event.Id, values: { Subject: a } }
    on_error:
      - class: rejected
        do: [{ id: note, map: { text: \"{$.error.message}\" } }]
        then: dead_letter
",
        expect![[r#"
            2:11: warning[unused-step]: nothing reads `unread` or waits for it, and it changes nothing
              help: remove it, or name it in a value or in `needs`
            3:11: warning[unused-step]: nothing reads `unread_too` or waits for it, and it changes nothing
              help: remove it, or name it in a value or in `needs`
        "#]],
    );
    // What answers a webhook or a calling pipeline is read there.
    let of = |trigger: &str, rest: &str| {
        format!(
            "ferry: 1\npipeline: p\ntrigger: {trigger}\nsteps:\n  - {{ id: a, map: {{ a: 1 }} }}\n  - {{ id: told, emit: {{ event: e, \
             key: $.event.id }} }}\n{rest}"
        )
    };
    let hook = "{ webhook: { path: p, verify: { header: X, secret: '${env:S}' }, respond: a }, key: $.id }";
    check(&of(hook, ""), expect![""]);
    check(&of("manual", "output: { sum: $.a.a }\n"), expect![""]);
    check(
        &of("manual", ""),
        expect![[r#"
        5:11: warning[unused-step]: nothing reads `a` or waits for it, and it changes nothing
          help: remove it, or name it in a value or in `needs`
    "#]],
    );
}

#[test]
fn writes_of_one_field_have_an_order() {
    check(
        "\
steps:
  - { id: one, action: salesforce.update, with: { object: Case, id: $.event.Id, values: { Status: a, Subject: b } } }
  - { id: two, action: salesforce.update, with: { object: Case, id: $.event.Id, values: { Status: c } } }
  - { id: other_record, action: salesforce.update, with: { object: Case, id: $.event.Other, values: { Status: c } } }
  - { id: other_field, action: salesforce.update, with: { object: Case, id: $.event.Id, values: { Reason: c } } }
  - { id: later, needs: [two], action: salesforce.update, with: { object: Case, id: $.event.Id, values: { Status: d } } }
  - { id: perhaps, when: event.x, action: salesforce.update, with: { object: Case, id: $.event.Id, values: { Status: d } } }
",
        expect![[r#"
            4:78: error[unknown-field]: `event` has no `Other`
              help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
            7:32: error[unknown-field]: `event` has no `x`
              help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
        "#]],
    );
}

#[test]
fn an_open_webhook_is_a_decision_with_a_reason() {
    let hook = |rest: &str| {
        format!(
            "ferry: 1\npipeline: p\ntrigger:\n  webhook: {{ path: p, verify: none }}{rest}\n  key: $.id\nsteps:\n  - {{ id: told, emit: {{ \
             event: e, key: $.event.id }} }}\n"
        )
    };
    check(
        &hook(""),
        expect![[r#"
        4:31: warning[open-webhook]: whoever finds the address of this webhook can begin runs
          help: write `verify: { header: X-Signature, secret: "${env:HOOK_SECRET}" }`
    "#]],
    );
    check(&hook(" # ferry: allow(open-webhook) only our proxy reaches it"), expect![""]);
}

#[test]
fn a_hold_ends_or_somebody_knows() {
    let step = |timeout: &str, alert: &str| {
        format!(
            "steps:\n  - id: a\n{timeout}    action: payoneer.get_balance\n    on_error:\n      - class: insufficient_funds\n        \
             hold: {{ for: $.event.Amount__c, until: {{ action: payoneer.get_balance, passes: result.a > reserved }}, every: \
             1m{alert} }}\n"
        )
    };
    check(
        &step("", ""),
        expect![[r#"
            6:58: warning[endless-hold]: nobody is told when `a` is held, and nothing ends the hold
              help: say whom to tell with `alert: …` in the hold, or give the step a `timeout`
            6:95: error[unknown-field]: `result` has no `a`
              help: write one of `available`, `currency`
        "#]],
    );
    check(
        &step("", ", alert: treasury"),
        expect![[r#"
        6:95: error[unknown-field]: `result` has no `a`
          help: write one of `available`, `currency`
    "#]],
    );
    check(
        &step("    timeout: 5d\n", ""),
        expect![[r#"
        7:95: error[unknown-field]: `result` has no `a`
          help: write one of `available`, `currency`
    "#]],
    );
}

#[test]
fn a_poll_misses_nothing() {
    let lint = |cursor: &str, key: &str| {
        format!(
            "ferry: 1\npipeline: p\ntrigger:\n  poll:\n    action: salesforce.query\n    with: {{ object: Case, fields: [Id, \
             SystemModstamp] }}\n    every: 1m\n    cursor: {{ {cursor} }}\n  key: {key}\nsteps:\n  - {{ id: a, map: {{ a: $.event.Id \
             }} }}\n"
        )
    };
    check(
        &lint("field: $.SystemModstamp, tie_break: $.SystemModstamp, lookback: 0s", "$.Id"),
        expect![[r#"
        8:22: warning[weak-cursor]: a record that becomes visible after a later one is never seen
          help: look back as long as a transaction of the target may take, such as `lookback: 5m`
        8:51: warning[weak-cursor]: records of one instant have one `tie_break`, so a page may end between them and lose the rest
          help: name what no two records share, such as `$.Id`
    "#]],
    );
    check(
        &lint("field: $.SystemModstamp, tie_break: $.Id, lookback: 1m", "$.SystemModstamp"),
        expect![[r#"
        9:8: error[unstable-key]: each change of a record has another key, and records that change together have one
          help: name the record, such as `$.Id`, and write this as `revision`
    "#]],
    );
    check(&lint("field: $.SystemModstamp, tie_break: $.Id, lookback: 1m", "$.Id"), expect![""]);
}

#[test]
fn failures_that_are_collected_are_read() {
    let lint = |errors: &str, rest: &str| {
        format!(
            "steps:\n  - id: lines\n    each: {{ in: $.event.lines, as: line, key: $.line.id{errors} }}\n    emit: {{ event: e, key: \
             $.line.id }}\n{rest}"
        )
    };
    check(
        &lint(", errors: collect", ""),
        expect![[r#"
            2:9: warning[ignored-failures]: items of `lines` that fail are a part of its output, and nothing reads that
              help: read the output in a later step, or remove `errors: collect`, so that a failed item fails the step
        "#]],
    );
    check(&lint(", errors: fail", ""), expect![""]);
    check(
        &lint(", errors: collect", "  - { id: told, emit: { event: f, key: $.event.Id, data: { all: $.lines } } }\n"),
        expect![""],
    );
}

#[test]
fn whoever_calls_a_pipeline_hears_of_its_failure() {
    let called = "ferry: 1\npipeline: p\ntrigger: manual\ninputs: { id: string }\nsteps:\n  - { id: a, action: salesforce.update, with: { \
                  object: Case, id: $.event.id, values: { Subject: a } } }\n";
    check(called, expect![""]);
}
