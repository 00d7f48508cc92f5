//! What is wrong with a `reconcile` step, and with a pipeline that follows its book.

use expect_test::{Expect, expect};

use crate::check;

/// A step with these rules, which stand at line 9.
#[track_caller]
fn rules(rules: &str, expected: Expect) {
    let text = format!(
        "ferry: 1
pipeline: daily
trigger: manual
inputs: {{ rows: array }}
steps:
  - id: matched
    reconcile:
      left: {{ from: {{ items: $.event.rows }}, id: $.id, amount: $.total, currency: USD, ref: $.number }}
      right: {{ from: {{ items: $.event.rows }}, id: $.id, amount: $.amount, currency: USD, ref: $.text, party: $.who }}
      rules: [{rules}]
output: $.matched
on_failure: {{ alert: finance-ops }}
"
    );
    check(&text, expected);
}

#[test]
fn a_rule_that_confirms_names_what_it_matches() {
    rules(
        "{ name: amount, days: [-1, 14], gives: confirmed }",
        expect![[r#"
            10:54: error[invalid-value]: `amount` confirms what names nothing: amount and name alone are the same by chance
              help: write `gives: suggested`, so that a person says yes, or match `by: ref`
        "#]],
    );
    rules(
        "{ name: chance, gives: suggested }",
        expect![[r#"
            10:17: error[invalid-value]: `chance` goes by the amount alone
              help: add `days: [-1, 14]`, `by: party` or `party: { at_least: 0.85 }`
        "#]],
    );
    rules(
        "{ name: any, by: party, unique: false, gives: suggested }",
        expect![[r#"
            10:47: error[invalid-value]: `any` would choose one of several that fit
              help: remove `unique`: without a reference, it is taken only where nothing else fits
        "#]],
    );
    rules(
        "{ name: late, by: party, gives: suggested }, { name: exact, by: ref, gives: confirmed }",
        expect![[r#"
            10:62: error[invalid-value]: `exact` confirms, and stands behind `late`, which only suggests
              help: move it before all rules that suggest: what is certain goes first
        "#]],
    );
}

#[test]
fn what_a_rule_says_goes_together() {
    rules(
        "{ name: both, by: ref, ref: { edits: 1 }, gives: confirmed }",
        expect![[r#"
            10:17: error[invalid-value]: `both` wants references that are the same, and nearly the same
              help: remove `ref: { edits: … }`, or make a rule of its own of it
        "#]],
    );
    rules(
        "{ name: far, ref: { edits: 5 }, gives: confirmed }",
        expect![[r#"
            10:42: error[invalid-value]: `edits` says by how many letters references may differ
              help: write a number from 1 to 2
        "#]],
    );
    rules(
        "{ name: some, many: left, gives: suggested }",
        expect![[r#"
            10:17: error[invalid-value]: `some` takes several rows, and nothing says which
              help: add `by: ref`, or write `subset_of` for sums that no reference names
        "#]],
    );
    rules(
        "{ name: settled, by: settlement, gives: confirmed }",
        expect![[r#"
            10:17: error[missing-key]: this rule goes by settlements, and there are none
              help: add `settlement: { from: …, batch: $.settlement_id, kind: $.type, … }` to `reconcile`
        "#]],
    );
    rules(
        "{ name: sums, by: party, items_max: 9, subset_of: left, gives: suggested }",
        expect![[r#"
            10:51: error[invalid-value]: `items_max` is out of bounds
              help: write a number from 2 to 4: of many, a sum is hardly ever the only one
        "#]],
    );
    rules(
        "{ name: sums, by: ref, items_max: 3, gives: confirmed }",
        expect![[r#"
            10:38: error[unknown-key]: only `subset_of` searches
              help: remove it, or write `subset_of: left`
        "#]],
    );
}

#[test]
fn numbers_and_words_of_a_rule_are_such_as_there_are() {
    rules(
        "{ name: one, by: ref, gives: confirmed }, { name: one, by: ref, gives: confirmed }",
        expect![[r#"
            10:59: error[duplicate-id]: two rules are called `one`
              help: give each its own name: every match says which rule made it
        "#]],
    );
    rules(
        "{ name: net, by: ref, amount: { right: net + tax, within: -1 }, gives: confirmed }",
        expect![[r#"
            10:54: error[invalid-value]: `tax` is no column of amounts
              help: write columns of amounts with + and -, such as `net + fee`: `amount`, `gross`, `fee`, `net`
            10:73: error[invalid-value]: `within` is out of bounds
              help: write how far amounts may be apart, such as 0.01; 1000000 is the most
        "#]],
    );
    rules(
        "{ name: when, by: ref, days: [14, -1], gives: sure }",
        expect![[r#"
            10:61: error[invalid-value]: `sure` is not what a match is
              help: write one of `confirmed`, `suggested`
        "#]],
    );
    rules(
        "{ name: alike, party: { at_least: 85 }, gives: suggested }",
        expect![[r#"
            10:49: error[invalid-value]: `at_least` says how alike names must be
              help: write a number from 0.5 to 1 with two digits, such as 0.85
        "#]],
    );
}

#[test]
fn rows_come_from_one_place_and_have_what_is_needed() {
    let text = "ferry: 1
pipeline: daily
trigger: manual
steps:
  - id: matched
    reconcile:
      left: { from: { action: salesforce.query, with: { object: Contact, fields: [Id] }, file: a.csv }, id: $.Id, currency: USD }
      right: { from: { action: salesforce.update, with: { object: Contact, id: \"003\", values: { Email: x } } }, id: $.Id, amount: $.a, gross: $.b, currency: USD }
      normalize: { ref: [capitals] }
      rules: [{ name: exact, by: ref, gives: confirmed }]
on_failure: { alert: finance-ops }
";
    check(
        text,
        expect![[r#"
        7:15: error[missing-key]: a side of `reconcile` needs `amount`
          help: add `amount: $.total`
        7:23: error[step-kind]: rows come from one place
          help: write `{ action: payoneer.list_transactions, with: … }`, `{ file: settlements.csv }` or `{ items: $.event.rows }`
        8:123: error[unknown-key]: `amount` and `gross` are the same: what the row is about
          help: remove one of them
        9:26: error[invalid-value]: `capitals` is not a way to read references
          help: write one of `upper`, `alphanumeric`, `trim_zeros`, `lookalikes`
    "#]],
    );
}

#[test]
fn rows_are_read_and_lists_are_lists() {
    let text = "ferry: 1
pipeline: daily
trigger: manual
steps:
  - id: written
    reconcile:
      left: { from: { action: salesforce.update, with: { object: Contact, id: \"003\", values: { Email: x } } }, id: $.Id, amount: $.a, currency: USD }
      right: { from: { action: payoneer.get_balance }, id: $.Id, amount: $.a, currency: USD }
      rules: [{ name: exact, by: ref, gives: confirmed }]
  - id: from_files
    reconcile:
      left: { from: { file: orders.csv }, id: $.Id, amount: $.a, currency: USD, ref: $.r }
      right: { from: { items: [] }, id: $.Id, amount: $.a, currency: USD, ref: $.r }
      rules: [{ name: exact, by: ref, gives: confirmed }]
on_failure: { alert: finance-ops }
";
    check(
        text,
        expect![[r#"
        7:31: error[write-in-question]: `salesforce.update` writes, and rows are read
          help: name an action that reads
        8:32: error[unknown-action]: `payoneer.get_balance` cannot be polled: its manifest names no items
          help: write one of `payoneer.transactions`
        12:29: error[no-files]: this reads a file, and the project has no folder of them
          help: add `files: files` to ferry.yaml: a folder beside it, whose files are named by their paths in it
    "#]],
    );
    let text = "ferry: 1
pipeline: daily
trigger: manual
inputs: { rows: array }
steps:
  - id: read
    reconcile:
      left: { from: { action: payoneer.transactions, with: {} }, id: $.id, amount: $.amout, currency: $.currency, ref: $.fees, when: row.status }
      right: { from: { items: $.event.rows }, id: $.Id, amount: $.a, currency: USD, ref: $.r }
      rules: [{ name: exact, by: ref, gives: confirmed }]
  - id: counted
    reconcile:
      left: { from: { items: $.read.confirmed }, id: $.Id, amount: $.a, currency: USD, ref: $.r }
      right: { from: { items: $.read.totals }, id: $.currency, amount: $.given, currency: USD, ref: $.r }
      rules: [{ name: exact, by: ref, gives: confirmed }]
on_failure: { alert: finance-ops }
";
    check(
        text,
        expect![[r#"
            8:120: error[wrong-input]: `ref` is a list, and a column has texts or numbers
              help: name a field that has one, such as `$.id`
            8:134: error[wrong-input]: a condition gives true or false, and this is a text
              help: compare it with something, such as `… == "x"` or `… > 0`
            13:30: error[wrong-input]: `items` needs a list, and this is of the kind `integer`
              help: read the list that is meant, such as `$.event.lines`
            14:72: error[wrong-input]: `amount` is a map, and a column has texts or numbers
              help: name a field that has one, such as `$.id`
            14:101: error[unknown-field]: `row` has no `r`
              help: write one of `currency`, `given`, `matched`, `open`, `difference`
        "#]],
    );
}

#[test]
fn a_book_is_followed_by_what_it_has() {
    let text = |trigger: &str| {
        format!(
            "ferry: 1\npipeline: review\ntrigger: {{ reconciled: {trigger} }}\nsteps:\n  - {{ id: told, emit: {{ event: e, key: $.event.key, data: {{ row: $.event.row.idd }} }} }}\non_failure: {{ alert: finance-ops }}\n"
        )
    };
    check(
        &text("{ book: daily.matched, of: exceptions, reasons: [unpayed] }"),
        expect![[r#"
        3:32: error[unknown-book]: no `reconcile` step of this project keeps the book `daily.matched`
          help: there is none to choose from
        3:73: error[invalid-value]: `unpayed` is no reason of an exception
          help: did you mean `unpaid`?
        5:66: error[unknown-field]: `event.row` has no `idd`
          help: did you mean `id`?
    "#]],
    );
    check(
        &text("{ book: daily.matched, of: matches, reasons: [unpaid] }"),
        expect![[r#"
        3:32: error[unknown-book]: no `reconcile` step of this project keeps the book `daily.matched`
          help: there is none to choose from
        3:60: error[unknown-key]: these have no reasons
          help: write `rules: [ … ]`, or remove it
        5:66: error[unknown-field]: `event` has no `row`
          help: write one of `book`, `key`, `number`, `state`, `by`, `why`, `rule`, `left`, `right`, `difference`, `adjust`
    "#]],
    );
    check(
        &text("{ book: daily.matched, of: matches }, key: $.id"),
        expect![[r#"
        3:32: error[unknown-book]: no `reconcile` step of this project keeps the book `daily.matched`
          help: there is none to choose from
        3:62: error[unknown-key]: a book has its own keys
          help: remove it: each match and each exception is one run, ever
        5:66: error[unknown-field]: `event` has no `row`
          help: write one of `book`, `key`, `number`, `state`, `by`, `why`, `rule`, `left`, `right`, `difference`, `adjust`
    "#]],
    );
}
