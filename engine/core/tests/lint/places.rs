//! Where a finding points: into texts, paths and scripts, in the order of the file.

use expect_test::expect;

use crate::check;

#[test]
fn jsonpath_that_does_not_compile() {
    check(
        "\
steps:
  - id: payout
    map:
      a: $.event[
      b: $50
      c: $
      d: $.event.
      e: $$50
  - id: present
    check:
      - { field: event.Id, is: present }
",
        expect![[r#"
            4:10: error[invalid-jsonpath]: `$.event[` is not a JSONPath: it ends too early
              help: write it like `$.event.Id`; `$$` begins a text with a dollar sign
            5:10: error[invalid-jsonpath]: `$50` is not a JSONPath: it goes wrong at `50`
              help: write it like `$.event.Id`; `$$` begins a text with a dollar sign
            6:10: error[invalid-jsonpath]: `$` does not begin with a name
              help: begin with a root such as `$.event`
            7:10: error[invalid-jsonpath]: `$.event.` is not a JSONPath: it ends too early
              help: write it like `$.event.Id`; `$$` begins a text with a dollar sign
            11:18: error[invalid-jsonpath]: `event.Id` is not a JSONPath: it does not begin with `$`
              help: write it like `$.event.Id`; `$$` begins a text with a dollar sign
        "#]],
    );
}

#[test]
fn texts_are_places_too() {
    check(
        "\
steps:
  - id: note
    map:
      one: { text: \"Payout {$.event.Name\" }
      two: { text: \"Payout {$.event.}\" }
      three:
        text: |
          Dear recipient,

          your payout {event.Name} is on its way, {$.evnt.Name}.
",
        expect![[r#"
            4:28: error[invalid-text]: a brace has no partner; write `{{` for a brace
              help: write values as `{$.event.Name}`
            5:29: error[invalid-text]: `$.event.` is not a JSONPath: it ends too early
              help: write values as `{$.event.Name}`
            10:24: error[invalid-text]: `{event.Name}` is neither a path like `{$.event.Id}` nor a name
              help: write values as `{$.event.Name}`
        "#]],
    );
}

#[test]
fn rhai_is_placed_inside_a_block() {
    check(
        "\
steps:
  - id: fee
    script: |
      let amount = event.Amount__c;
      let fee = amount * ;
      fee
",
        expect![[r#"
            5:26: error[invalid-rhai]: this Rhai does not compile: unexpected ';'
              help: see `ferry explain rhai` for what a rule may use
        "#]],
    );
    check(
        "\
steps:
  - id: fee
    script: |


      // A fee of two per cent.
      let fee = event.Amount__c * 0.02;

      fee + boom
",
        expect![[r#"
            9:13: error[invalid-rhai]: this Rhai does not compile: `boom` is not known here
              help: write one of `event`, `vars`, `fee`
        "#]],
    );
    check(
        "\
steps:
  - id: fee
    script: |-

        let fee = (event.Amount__c;
        fee
",
        expect![[r#"
            5:35: error[invalid-rhai]: this Rhai does not compile: expecting ')' for a matching ( in this expression
              help: see `ferry explain rhai` for what a rule may use
        "#]],
    );
    check(
        "steps:\n  - id: fee\n    script: |\n      if event.Amount__c > 5 {\n        1\n",
        expect![[r#"
        5:10: error[invalid-rhai]: this Rhai does not compile: expecting ';' to terminate this statement
          help: see `ferry explain rhai` for what a rule may use
    "#]],
    );
    check(
        "steps:\n  - id: fee\n    script: >\n      let a = 1;\n      boom\n",
        expect![[r#"
        4:7: error[invalid-rhai]: this Rhai does not compile: `boom` is not known here
          help: write one of `event`, `vars`, `fee`
    "#]],
    );
}

#[test]
fn places_count_letters_in_any_line_ending() {
    check(
        &"steps:\n  - id: fee\n    map: { a: \"é\", b: $.é.x }\n  - id: gebühr\n    script: |\n\n      // Gebühr\n      \"ü\" + boom\n"
            .replace('\n', "\r\n"),
        expect![[r#"
            3:23: error[unknown-step]: there is no `é` to read here, so `$.é.x` gives nothing
              help: write one of `event`, `vars`, `fee`, `gebühr`
            4:9: error[invalid-id]: `gebühr` is not an id: it must match `[a-z][a-z0-9_]*`
              help: choose a short name in lower case, such as `payout`
            8:13: error[invalid-rhai]: this Rhai does not compile: `boom` is not known here
              help: write one of `event`, `vars`, `fee`, `gebühr`
        "#]],
    );
}

#[test]
fn rhai_on_one_line() {
    check(
        "\
steps:
  - id: fee
    when: evnt.Amount__c > 5
    script: \"let x = sleep(5); x\"
  - id: rate
    when: 'event.Amount__c >'
    map: { rhai: vars.rate *** 2 }
  - id: settled
    wait:
      poll: { action: payoneer.get_balance, every: 15m }
      until: reslt.available > 0
      timeout: 5d
",
        expect![[r#"
            3:11: error[invalid-rhai]: this Rhai does not compile: `evnt` is not known here
              help: did you mean `event`?
            4:22: error[forbidden-function]: `sleep` is not allowed: use a `wait` step
              help: see `ferry explain rhai` for what a rule may use
            6:29: error[invalid-rhai]: this Rhai does not compile: script is incomplete
              help: see `ferry explain rhai` for what a rule may use
            7:30: error[invalid-rhai]: this Rhai does not compile: unexpected '*'
              help: see `ferry explain rhai` for what a rule may use
            11:14: error[invalid-rhai]: this Rhai does not compile: `reslt` is not known here
              help: did you mean `result`?
        "#]],
    );
}

#[test]
fn findings_are_in_the_order_of_the_file() {
    check(
        "\
steps:
  - id: payout
    map: { a: $.nothing.x, b: { rhai: 1 + } }
    on_error: [{ class: rejected, hold: { for: $.event.Id, until: { action: salesforce.create, passes: 'true' }, every: 1m, alert: none } }]
  - id: Payout
    with: 1
    map: { c: { from: $.event.Id, lookup: nothing } }
",
        expect![[r#"
            3:15: error[unknown-step]: there is no `nothing` to read here, so `$.nothing.x` gives nothing
              help: write one of `event`, `vars`, `payout`, `Payout`
            3:42: error[invalid-rhai]: this Rhai does not compile: script is incomplete
              help: see `ferry explain rhai` for what a rule may use
            4:25: warning[untaken-arm]: this is never taken: `payout` calls no system, and cannot be `rejected`
              help: write `invalid`, which is what data that does not fit is, or put the arm on the step that calls
            4:77: error[missing-input]: `salesforce.create` needs `object`
              help: add `object: "Case"` to `with`: The API name of the object
            4:77: error[missing-input]: `salesforce.create` needs `values`
              help: add `values: {"Subject":"Payout declined"}` to `with`: Fields by API name
            4:77: error[write-in-question]: `salesforce.create` writes, and a question is asked again and again
              help: ask with an action that only reads
            4:104: warning[constant-condition]: `true` reads nothing, so it is always the same
              help: compare a value of the run, such as `event.Amount__c > 0`, or remove the condition
            4:132: error[unknown-channel]: there is no alert channel `none` in ferry.yaml
              help: write one of `finance-ops`, `treasury`
            5:9: error[invalid-id]: `Payout` is not an id: it must match `[a-z][a-z0-9_]*`
              help: choose a short name in lower case, such as `payout`
            6:5: error[unknown-key]: only an action or a pipeline takes `with`
              help: move it into the step's own map, or remove it
            7:43: error[unknown-table]: there is no table `nothing` in `tables/`
              help: write one of `payout-status`
        "#]],
    );
}
