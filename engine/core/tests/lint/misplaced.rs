//! Keys that are right and stand elsewhere, and what a version or a byte order mark says.

use expect_test::expect;

use crate::check;

#[test]
fn a_key_of_another_level_is_told_where_it_belongs() {
    check(
        "\
ferry: 1
pipeline: p
alert: treasury
every: 1m
trigger:
  poll:
    action: salesforce.query
    with: { object: Case, fields: [Id, SystemModstamp] }
    every: 1m
    key: $.Id
    lookback: 5m
    cursor: { field: $.SystemModstamp, tie_break: $.Id, lookback: 5m, with: 1 }
  key: $.Id
  path: orders
  steps: []
steps:
  - { id: a, map: { a: 1 } }
on_failure: { alert: treasury }
",
        expect![[r#"
            3:1: error[misplaced-key]: `alert` is not a key of a pipeline, but is one elsewhere
              help: move it inside `on_failure`
            4:1: error[misplaced-key]: `every` is not a key of a pipeline, but is one elsewhere
              help: move it inside `poll` of `trigger`
            10:5: error[misplaced-key]: `key` is not a key of `poll`, but is one elsewhere
              help: move it one level up, beside `poll`
            11:5: error[misplaced-key]: `lookback` is not a key of `poll`, but is one elsewhere
              help: move it inside `cursor`
            12:71: error[misplaced-key]: `with` is not a key of `cursor`, but is one elsewhere
              help: move it one level up, beside `cursor`
            14:3: error[misplaced-key]: `path` is not a key of `trigger`, but is one elsewhere
              help: move it inside `webhook`
            15:3: error[misplaced-key]: `steps` is not a key of `trigger`, but is one elsewhere
              help: move it one level up, beside `trigger`
        "#]],
    );
}

#[test]
fn a_key_of_another_level_of_a_step_is_told_where_it_belongs() {
    check(
        "\
steps:
  - id: settled
    until: result.available > 0
    retry: { attempts: 5, then: dead_letter }
    on_failure: { alert: treasury }
    each: { in: $.event.lines, key: $.item.id, map: 1 }
    wait:
      poll: { action: payoneer.get_balance, every: 1m, timeout: 5d }
      every: 1m
      until: result.available > 0
      timeout: 5d
    on_error:
      - { class: rejected, id: a, then: dead_letter, within: 5m }
      - class: insufficient_funds
        hold: { for: $.event.a, passes: x, until: { action: payoneer.get_balance, passes: result.a > 0 }, every: 1m, class: a }
  - { id: checked, check: [{ field: $.event.a, is: present, one_of: [a] }] }
on_failure: { alert: treasury }
",
        expect![[r#"
            3:5: error[misplaced-key]: `until` is not a key of a step, but is one elsewhere
              help: move it inside `wait`
            4:5: error[misplaced-key]: `retry` is not a key of a step, but is one elsewhere
              help: move it inside an arm of `on_error`
            5:5: error[misplaced-key]: `on_failure` is not a key of a step, but is one elsewhere
              help: move it to the pipeline, beside `steps`
            6:48: error[misplaced-key]: `map` is not a key of `each`, but is one elsewhere
              help: move it one level up, beside `each`
            8:56: error[misplaced-key]: `timeout` is not a key of `poll`, but is one elsewhere
              help: move it one level up, beside `poll`
            9:7: error[misplaced-key]: `every` is not a key of `wait`, but is one elsewhere
              help: move it inside `poll`
            13:28: error[misplaced-key]: `id` is not a key of an `on_error` arm, but is one elsewhere
              help: move it inside a step of `do`
            13:54: error[misplaced-key]: `within` is not a key of an `on_error` arm, but is one elsewhere
              help: move it inside `retry`
            15:22: error[unknown-field]: `event` has no `a`
              help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
            15:33: error[misplaced-key]: `passes` is not a key of `hold`, but is one elsewhere
              help: move it inside `until`
            15:61: warning[endless-hold]: nobody is told when `settled` is held, and nothing ends the hold
              help: say whom to tell with `alert: …` in the hold, or give the step a `timeout`
            15:98: error[unknown-field]: `result` has no `a`
              help: write one of `available`, `currency`
            15:118: error[misplaced-key]: `class` is not a key of `hold`, but is one elsewhere
              help: move it one level up, beside `hold`
            16:37: error[unknown-field]: `event` has no `a`
              help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
            16:61: error[misplaced-key]: `one_of` is not a key of a rule, but is one elsewhere
              help: move it inside `is`
            27:1: error[duplicate-key]: `on_failure` is written twice in one map
              help: remove one of the two; the first is at line 17
        "#]],
    );
}

/// A slip of the hand and a key of nowhere stay what they are.
#[test]
fn other_keys_are_unknown() {
    check(
        "steps:\n  - { id: a, untill: 1, colour: red, map: { a: 1 } }\n",
        expect![[r#"
            2:14: error[unknown-key]: `untill` is not a key of a step
              help: write one of `id`, `needs`, `when`, `each`, `timeout`, `once_per`, `action`, `with`, `map`, `check`, `script`, `allocate`, `reconcile`, `wait`, `approve`, `pipeline`, `emit`, `link`, `alert`, `on_error`
            2:25: error[unknown-key]: `colour` is not a key of a step
              help: write one of `id`, `needs`, `when`, `each`, `timeout`, `once_per`, `action`, `with`, `map`, `check`, `script`, `allocate`, `reconcile`, `wait`, `approve`, `pipeline`, `emit`, `link`, `alert`, `on_error`
        "#]],
    );
}

#[test]
fn a_newer_version_asks_for_a_newer_ferry() {
    let lint = |version: &str| {
        format!("ferry: {version}\npipeline: p\ntrigger: manual\nsteps:\n  - {{ id: a, map: {{ a: 1 }} }}\n")
    };
    check(
        &lint("2"),
        expect![[r#"
            1:8: error[invalid-value]: this ferry reads version 1 of the language, and the file says `2`
              help: the file is for a newer ferry: install that one, or write the file for `ferry: 1`
        "#]],
    );
    check(
        &lint("0"),
        expect![[r#"
            1:8: error[invalid-value]: this ferry reads version 1 of the language, and the file says `0`
              help: write `ferry: 1`
        "#]],
    );
    check(
        &lint("1.5"),
        expect![[r#"
            1:8: error[invalid-value]: this ferry reads version 1 of the language, and the file says `1.5`
              help: write `ferry: 1`
        "#]],
    );
    check(&lint("1"), expect![""]);
}

#[test]
fn a_byte_order_mark_is_named() {
    check(
        "\u{feff}ferry: 1\npipeline: p\n",
        expect![[r#"
        1:1: error[yaml-syntax]: the file begins with a byte order mark
          help: save the file as UTF-8 without a byte order mark
    "#]],
    );
}

#[test]
fn what_needs_an_item_has_one() {
    check(
        "\
steps:
  - id: a
    check: []
  - id: b
    action: payoneer.get_balance
    on_error: []
  - id: c
    action: payoneer.get_balance
    on_error:
      - { class: [], then: dead_letter }
      - { class: rejected, do: [], then: dead_letter }
  - id: d
    check: [{ field: $.event.Id, is: { one_of: [] } }]
  - id: e
    needs: []
    approve: { by: [], expires: 1d }
",
        expect![[r#"
            3:12: error[wrong-type]: `check` has no item
              help: write at least one item
            6:15: error[wrong-type]: `on_error` has no item
              help: write at least one item
            10:18: error[wrong-type]: `class` has no item
              help: write at least one item
            11:32: error[wrong-type]: `do` has no item
              help: write at least one item
            13:48: error[wrong-type]: `one_of` has no item
              help: write at least one item
            16:20: error[wrong-type]: `by` has no item
              help: write at least one item
        "#]],
    );
}
