//! What is known of the events that begin runs: of rows of files, and of what `inputs` say.

use expect_test::expect;

use crate::check;

/// `"5000.00" > 1000` is false in Rhai, so the approval would be skipped.
#[test]
fn cells_of_csv_are_texts() {
    check(
        "\
ferry: 1
pipeline: rows
trigger: { file: { folder: inbox, format: csv, every: 1m }, key: $.id }
steps:
  - { id: large, when: event.amount > 1000, map: { x: 1 } }
  - { id: right, when: parse_decimal(event.amount) > 1000, map: { x: 1 } }
  - { id: sent, action: payoneer.create_payout, with: { client_reference_id: $.event.id, payee_id: $.event.payee, amount: { amount: $.event.amount, currency: USD }, description: x } }
  - { id: inner, map: { x: $.event.id.part } }
on_failure: { alert: treasury }
",
        expect![[r#"
            5:39: error[mixed-comparison]: `event.amount` is a text, and is never `> 1000`
              help: read its number first, `parse_decimal(event.amount)`, or compare it with a text
            7:133: error[wrong-input]: `amount.amount` of `payoneer.create_payout` must be a number, and this is a text
              help: convert it: `{ from: …, as: decimal(2) }`
            8:28: error[unknown-field]: `event.id` is a text, which has no fields
              help: read `event.id` itself
        "#]],
    );
    check(
        "\
ferry: 1
pipeline: rows
trigger: { file: { folder: inbox, format: csv, every: 1m }, key: $.id }
inputs: { id: string, amount: number }
steps:
  - { id: read, map: { id: $.event.id, other: $.event.idd } }
output: $.read
on_failure: { alert: treasury }
",
        expect![[r#"
            4:23: error[wrong-input]: cells of CSV are texts, so no row has a number in `amount`
              help: write `amount: string`, and convert it where it is read: `{ from: $.event.amount, as: … }`
            6:47: error[unknown-field]: `event` has no `idd`
              help: did you mean `id`?
        "#]],
    );
}

#[test]
fn inputs_say_what_is_in_the_events_of_every_trigger() {
    check(
        "\
ferry: 1
pipeline: posted
trigger: { webhook: { path: posted, verify: { header: X-Signature, secret: \"${env:HOOK_SECRET}\" } }, key: $.id }
inputs: { id: string, amount: number, note: { type: string, optional: true } }
steps:
  - { id: a, when: event.amount == \"5\", map: { x: $.event.amuont, note: $.event.note } }
  - { id: b, when: '\"note\" in event', map: { x: $.event.note } }
output: { from: $.b, default: null }
on_failure: { alert: treasury }
",
        expect![[r#"
            6:36: error[mixed-comparison]: `event.amount` is a number, and is never `== "5"`
              help: compare it with a number
            6:51: error[unknown-field]: `event` has no `amuont`
              help: did you mean `amount`?
            6:73: warning[uncertain-value]: `$.event.note` may be missing: `note` is not always there
              help: say what stands for it, `{ from: $.event.note, default: … }`, or look first: `when: '"note" in event'`
        "#]],
    );
}

/// Where no input has to be there, none is.
#[test]
fn an_optional_input_may_be_missing_where_all_are() {
    check(
        "\
ferry: 1
pipeline: posted
trigger: manual
inputs: { note: { type: string, optional: true } }
steps:
  - { id: a, map: { note: $.event.note } }
output: $.a
on_failure: { alert: treasury }
",
        expect![[r#"
            6:27: warning[uncertain-value]: `$.event.note` may be missing: `note` is not always there
              help: say what stands for it, `{ from: $.event.note, default: … }`, or look first: `when: '"note" in event'`
        "#]],
    );
}
