//! What is named must be there: steps, connections, actions, inputs; and nothing may wait for itself.

use expect_test::expect;

use crate::{check, world::HEADER};

#[test]
fn ids_can_be_named_in_values() {
    check(
        "\
steps:
  - { id: Payout, map: { a: 1 } }
  - { id: event, map: { a: 1 } }
  - { id: match, map: { a: 1 } }
  - { id: fee, map: { a: 1 } }
  - { id: fee, map: { a: 1 } }
",
        expect![[r#"
            2:11: error[invalid-id]: `Payout` is not an id: it must match `[a-z][a-z0-9_]*`
              help: choose a short name in lower case, such as `payout`
            3:11: error[invalid-id]: `event` is a root that values read, so no step can have its name
              help: choose a short name in lower case, such as `payout`
            4:11: error[invalid-id]: `match` is a word of Rhai, so no step can have its name
              help: choose a short name in lower case, such as `payout`
            6:11: error[duplicate-id]: two steps have the id `fee`
              help: give each step an id of its own; the first is at line 5
        "#]],
    );
}

#[test]
fn unknown_names_are_found_where_they_are_written() {
    check(
        "\
steps:
  - id: recipient
    action: salesforce.get
    with: { object: Contact, id: $.event.Id, fields: [Id] }
  - id: payout
    needs: [recipeint]
    map:
      payee_id: $.recipeint.Id
      note: { text: \"for {$.evnt.Name}\" }
      status: { from: $.event.Status__c, lookup: payout-staus }
  - id: submit
    action: payoner.create_payout
    with: $.payout
  - id: balance
    action: payoneer.get_balence
    on_error:
      - class: insufficient_funds
        hold:
          for: $.event.Amount__c
          until: { action: payoneer.get_balance, passes: result.available >= reserved }
          every: 10m
          alert: tresury
  - id: nowhere
    action: create_payout
",
        expect![[r#"
            6:13: error[unknown-step]: there is no step `recipeint` to wait for here
              help: did you mean `recipient`?
            8:17: error[unknown-step]: there is no `recipeint` to read here, so `$.recipeint.Id` gives nothing
              help: did you mean `recipient`?
            9:27: error[unknown-step]: there is no `evnt` to read here, so `$.evnt.Name` gives nothing
              help: did you mean `event`?
            10:50: error[unknown-table]: there is no table `payout-staus` in `tables/`
              help: did you mean `payout-status`?
            12:13: error[unknown-connection]: there is no connection `payoner` in ferry.yaml
              help: did you mean `payoneer`?
            15:13: error[unknown-action]: `get_balence` is not an action of connector `payoneer`
              help: did you mean `get_balance`?
            22:18: error[unknown-channel]: there is no alert channel `tresury` in ferry.yaml
              help: did you mean `treasury`?
            24:13: error[unknown-connection]: `create_payout` names no connection
              help: write `connection.action`; the connections are `payoneer`, `salesforce`
        "#]],
    );
}

#[test]
fn a_trigger_is_checked_like_a_step() {
    let header = HEADER.replace("salesforce.query", "salesforce.get").replace("finance-ops", "finance");
    check(
        &format!("steps:\n  - {{ id: a, map: {{ a: 1 }} }}\n{header}").replace("steps:\n", "owner: me\nsteps:\n"),
        expect![[r#"
        1:8: error[unknown-channel]: there is no alert channel `me` in ferry.yaml
          help: write one of `finance-ops`, `treasury`
        8:13: error[missing-input]: `salesforce.get` needs `id`
          help: add `id: "0035g00000AbCdEAAV"` to `with`: The record's id of 15 or 18 characters
        8:13: error[unknown-action]: `salesforce.get` cannot be polled: its manifest names no items
          help: did you mean `salesforce.query`?
        13:22: error[unknown-channel]: there is no alert channel `finance` in ferry.yaml
          help: did you mean `finance-ops`?
    "#]],
    );
    let header = HEADER.replace(
        "fields: [Id, Name, Amount__c, Fee__c, CurrencyIsoCode, Country__c, Recipient__c, Status__c, SystemModstamp, lines, Lines, card_number, card_last4, card_last_four]",
        "filter: $.event.Id",
    );
    check(
        &format!("description: ''\nsteps:\n  - {{ id: a, map: {{ a: 1 }} }}\n{header}"),
        expect![[r#"
        8:13: error[missing-input]: `salesforce.query` needs `fields`
          help: add `fields: ["Id","Name"]` to `with`: API names; a parent's field is `Account.Name`
        9:41: error[unknown-input]: `salesforce.query` takes no `filter`
          help: write one of `object`, `fields`, `where`, `order_by`, `cursor`
        9:49: error[unknown-step]: there is no `event` to read here, so `$.event.Id` gives nothing
          help: write one of `vars`
    "#]],
    );
}

#[test]
fn cycles_are_printed_as_paths() {
    check(
        "steps:\n  - { id: a, map: { x: $.a.x } }\n",
        expect![[r#"
        2:11: error[cycle]: `a` waits for itself: `a` → `a`
          help: a step reads only steps that do not wait for it; remove one of these references
    "#]],
    );
    check(
        "steps:\n  - { id: a, map: { x: $.b.x } }\n  - { id: b, map: { x: { rhai: a.x } } }\n",
        expect![[r#"
            2:11: error[cycle]: `a` waits for itself: `a` → `b` → `a`
              help: a step reads only steps that do not wait for it; remove one of these references
        "#]],
    );
    check(
        "\
steps:
  - { id: first, map: { x: 1 } }
  - { id: a, map: { x: $.b.x, y: $.first.x } }
  - { id: b, needs: [c], map: { x: 1 } }
  - { id: c, when: a.x > 1, map: { x: 1 } }
  - { id: last, map: { x: $.c.x } }
",
        expect![[r#"
            3:11: error[cycle]: `a` waits for itself: `a` → `b` → `c` → `a`
              help: a step reads only steps that do not wait for it; remove one of these references
        "#]],
    );
}

#[test]
fn a_cycle_is_found_beside_other_errors() {
    check(
        "\
steps:
  - { id: a, map: { x: $.b.x } }
  - { id: b, map: { x: $.a.x } }
  - { id: c, map: { x: $.d.x } }
",
        expect![[r#"
            2:11: error[cycle]: `a` waits for itself: `a` → `b` → `a`
              help: a step reads only steps that do not wait for it; remove one of these references
            4:24: error[unknown-step]: there is no `d` to read here, so `$.d.x` gives nothing
              help: write one of `event`, `vars`, `a`, `b`, `c`
        "#]],
    );
}

#[test]
fn inputs_are_what_the_action_takes() {
    check(
        "\
steps:
  - id: recipient
    action: salesforce.get
    with: { object: Contact }
  - id: close
    action: salesforce.update
    with: { object: Contact, id: ~, value: { Status__c: Done }, values: { Status__c: Done } }
  - id: status
    action: payoneer.get_payout_status
",
        expect![[r#"
            3:13: error[missing-input]: `salesforce.get` needs `id`
              help: add `id: "0035g00000AbCdEAAV"` to `with`: The record's id of 15 or 18 characters
            3:13: error[missing-input]: `salesforce.get` needs `fields`
              help: add `fields: ["Id","Email"]` to `with`: API names
            6:13: error[missing-input]: `salesforce.update` needs `id`
              help: add `id: "a0P5g00000AbCdEEAV"` to `with`: The record's id of 15 or 18 characters
            7:37: error[unknown-input]: `salesforce.update` takes no `value`
              help: did you mean `values`?
            9:13: error[missing-input]: `payoneer.get_payout_status` needs `client_reference_id`
              help: add `client_reference_id: "a0P5g00000AbCdEEAV"` to `with`: The name that `create_payout` gave it
        "#]],
    );
    check(
        "\
steps:
  - id: payout
    map:
      client_reference: $.event.Id
      payee_id: $.event.Recipient__c
      description: Payout
  - id: submit
    action: payoneer.create_payout
    with: $.payout
",
        expect![[r#"
            4:7: error[unknown-input]: `payoneer.create_payout` takes no `client_reference`
              help: did you mean `client_reference_id`?
            8:13: error[missing-input]: `payoneer.create_payout` needs `client_reference_id`
              help: add `client_reference_id: "a0P5g00000AbCdEEAV"` to the map of `payout`: Our name of this payout, for ever; letters, digits, `-` and `_`. The length is an assumption
            8:13: error[missing-input]: `payoneer.create_payout` needs `amount`
              help: add `amount: {"amount":50.00,"currency":"USD"}` to the map of `payout`: What the recipient gets
        "#]],
    );
}

#[test]
fn an_input_that_only_a_run_knows_is_not_judged() {
    check(
        "\
steps:
  - { id: made, script: '#{ client_reference_id: event.Id }' }
  - { id: status, action: payoneer.get_payout_status, with: $.made }
  - { id: again, action: payoneer.get_payout_status, with: { rhai: made } }
",
        expect![[r#""#]],
    );
}

#[test]
fn arms_read_only_what_is_done() {
    check(
        "\
steps:
  - { id: early, map: { a: 1 } }
  - { id: other, map: { a: 1 } }
  - id: balance
    needs: [early]
    action: payoneer.get_balance
    on_error:
      - class: rejected
        do:
          - { id: fine, map: { a: $.early.a, b: $.error.message } }
          - { id: also_fine, map: { a: $.fine.a } }
          - { id: wrong, map: { a: $.other.a } }
          - { id: failed, map: { a: $.balance.available } }
        then: dead_letter
  - { id: outside, map: { a: $.fine.a, b: $.error.message } }
",
        expect![[r#"
            15:30: error[unknown-step]: there is no `fine` to read here, so `$.fine.a` gives nothing
              help: write one of `event`, `vars`, `early`, `other`, `balance`, `outside`
            15:43: error[unknown-step]: there is no `error` to read here, so `$.error.message` gives nothing
              help: write one of `event`, `vars`, `early`, `other`, `balance`, `outside`
        "#]],
    );
    check(
        "\
steps:
  - { id: early, map: { a: 1 } }
  - { id: other, map: { a: 1 } }
  - id: balance
    needs: [early]
    action: payoneer.get_balance
    on_error:
      - class: rejected
        do:
          - id: fine
            action: payoneer.get_balance
            on_error:
              - class: rejected
                do: [{ id: inner, map: { a: $.early.a, b: $.other.a } }]
                then: continue
          - { id: wrong, map: { a: $.other.a } }
          - { id: failed, map: { a: $.balance.available } }
        then: dead_letter
",
        expect![[r#"
            14:28: error[unreachable-value]: `inner` runs when `fine` has failed, and `other` need not be done by then
              help: read `$.error`, steps of the same arm, or steps that `fine` reads or needs
            16:19: error[unreachable-value]: `wrong` runs when `balance` has failed, and `other` need not be done by then
              help: read `$.error`, steps of the same arm, or steps that `balance` reads or needs
            17:19: error[unreachable-value]: `failed` runs when `balance` has failed, so `balance` has no value by then
              help: read `$.error`, steps of the same arm, or steps that `balance` reads or needs
        "#]],
    );
}
