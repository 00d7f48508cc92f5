//! What the linter says: the pages of all checks, then messages and places.

mod world;

use expect_test::{Expect, expect};
use ferry_contract::report::{Level, Report};
use ferry_core::lint::checks;

use world::{HEADER, PROJECT, World, completed};

/// The findings on one block: a pipeline, a fragment of one, or a `ferry.yaml`.
fn findings_on(world: &World, block: &str) -> Vec<Finding> {
    let checked = if block.lines().any(|line| line.starts_with("project:")) {
        world.lint(block, &[])
    } else {
        world.lint(PROJECT, &[&completed(block)])
    };
    checked.reports.iter().flat_map(findings).collect()
}

/// A finding, and its lines as a person reads them.
struct Finding {
    check: &'static str,
    text: String,
}

fn findings(report: &Report) -> Vec<Finding> {
    let findings = report.findings().into_iter().map(|finding| {
        let level = match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let (at, check) = (finding.at, finding.check);
        let text = format!("{at}: {level}[{check}]: {}\n  help: {}\n", finding.message, finding.help);
        Finding { check, text }
    });
    findings.collect()
}

#[track_caller]
fn check(block: &str, expected: Expect) {
    let text: String = findings_on(&World::new(), block).into_iter().map(|finding| finding.text).collect();
    expected.assert_eq(&text);
}

/// The one block of a page after a fence such as ```` ```yaml bad ````.
fn example<'a>(page: &'a str, fence: &str) -> &'a str {
    let parts: Vec<_> = page.split(fence).collect();
    assert_eq!(parts.len(), 2, "{page}\nmust have one {fence}");
    let (block, _) = parts[1].trim_start_matches('\n').split_once("```").expect("a fence is closed");
    block
}

#[test]
fn pages_show_what_they_say() {
    let world = World::new();
    for check in checks::all() {
        assert!(check.page.starts_with(&format!("# {}\n", check.name)), "{}", check.page);
        assert!(check.page.contains("\n## Why it matters\n"), "{}", check.page);
        let bad = findings_on(&world, example(check.page, "```yaml bad"));
        let names: Vec<_> = bad.iter().map(|finding| finding.check).collect();
        assert!(!names.is_empty() && names.iter().all(|name| *name == check.name), "{}: {names:?}", check.name);
        let good: String =
            findings_on(&world, example(check.page, "```yaml good")).into_iter().map(|good| good.text).collect();
        assert_eq!(good, "", "{}", check.name);
    }
}

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
              help: write one of `id`, `needs`, `when`, `each`, `timeout`, `once_per`, `action`, `with`, `map`, `check`, `script`, `wait`, `approve`, `pipeline`, `emit`, `on_error`
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
            6:18: error[invalid-value]: Payoneer has no environment `sandbx`
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
              help: write it as a map with `id`, `needs`, `when`, `each`, `timeout`, `once_per`, `action`, `with`, `map`, `check`, `script`, `wait`, `approve`, `pipeline`, `emit`, `on_error`
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
              help: add one of `action`, `map`, `check`, `script`, `wait`, `approve`, `pipeline`, `emit`
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
            4:52: error[invalid-value]: `every` must be longer than no time
              help: write `1m` or longer
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
    let header = HEADER.replace("fields: [Id, Amount__c, SystemModstamp]", "filter: $.event.Id");
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
            4:22: error[invalid-rhai]: this Rhai does not compile: `sleep` is not allowed: use a `wait` step
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
            4:77: error[missing-input]: `salesforce.create` needs `object`
              help: add `object: "Case"` to `with`: The API name of the object
            4:77: error[missing-input]: `salesforce.create` needs `values`
              help: add `values: {"Subject":"Payout declined"}` to `with`: Fields by API name
            4:77: error[write-in-question]: `salesforce.create` writes, and a question is asked again and again
              help: ask with an action that only reads
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

#[test]
fn a_broken_file_keeps_no_other_from_loading() {
    let good = completed("steps:\n  - { id: a, map: { a: 1 } }\n");
    let checked = World::new().lint(PROJECT, &["steps: [", &good, &good]);
    let plans: Vec<_> = checked.plans.iter().map(|plan| plan.pipeline.as_str()).collect();
    assert_eq!(plans, ["example"]);
    let text: String = checked
        .reports
        .iter()
        .flat_map(|report| {
            findings(report).into_iter().map(|finding| format!("{}:{}", report.source.name, finding.text))
        })
        .collect();
    expect![[r#"
        0.yaml:2:1: error[yaml-syntax]: this is not YAML: while parsing a node, did not find expected node content
          help: close the `[` of line 1, or put the text into quotes
        2.yaml:4:11: error[duplicate-id]: another file of this project is the pipeline `example` already
          help: give each pipeline a name of its own
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_broken_project_still_has_its_pipelines_read() {
    let checked = World::new().lint("ferry: 1\n", &["steps: []\n"]);
    let text: String = checked.reports.iter().flat_map(findings).map(|finding| finding.text).collect();
    assert!(checked.project.is_none() && checked.plans.is_empty());
    expect![[r#"
        1:1: error[missing-key]: a project needs `project`
          help: add `project: payoneer-salesforce`
        1:1: error[missing-key]: a pipeline needs `ferry`
          help: add `ferry: 1`
        1:1: error[missing-key]: a pipeline needs `pipeline`
          help: add `pipeline: mass-payouts`
        1:1: error[missing-key]: a pipeline needs `trigger`
          help: add `trigger: { poll: … }`
        1:8: error[wrong-type]: `steps` has no item
          help: write at least one item
    "#]]
    .assert_eq(&text);
}

#[test]
fn text_that_is_not_yaml() {
    check(
        "steps:\n\t- id: a\n",
        expect![[r#"
        2:2: error[yaml-syntax]: this is not YAML: tabs disallowed within this context (block indentation)
          help: indent with spaces: YAML allows no tab here
    "#]],
    );
    check(
        "steps:\n  - id: a\n    map:\n\t  a: 1\n",
        expect![[r#"
        4:4: error[yaml-syntax]: this is not YAML: tabs disallowed within this context (block indentation)
          help: indent with spaces: YAML allows no tab here
    "#]],
    );
    check(
        "steps:\n  - id: a\n    map: { a: [1, 2 }\n",
        expect![[r#"
        3:21: error[yaml-syntax]: this is not YAML: while parsing a flow sequence, expected ',' or ']'
          help: close the `[` of line 3, or put the text into quotes
    "#]],
    );
    check(
        "steps:\n  - id: a\n    map: { a: 1\n",
        expect![[r#"
        4:6: error[yaml-syntax]: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
          help: close the `{` of line 3, or put the text into quotes
    "#]],
    );
    check(
        "ferry: 1\nsteps: [\n",
        expect![[r#"
        3:1: error[yaml-syntax]: this is not YAML: while parsing a node, did not find expected node content
          help: close the `[` of line 2, or put the text into quotes
    "#]],
    );
    check(
        "steps:\n  - id: a\n    map: { text: one: two }\n",
        expect![[r#"
        3:21: error[yaml-syntax]: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
          help: put a text that holds `: ` into quotes
    "#]],
    );
    check(
        "steps:\n  - id: a\n    map: { text: Payout {$.event.Id} }\n",
        expect![[r#"
        3:25: error[yaml-syntax]: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
          help: put a text that holds `{` into quotes
    "#]],
    );
    check(
        "steps:\n  - id: a\n    note: Amount: 5\n",
        expect![[r#"
        3:17: error[yaml-syntax]: this is not YAML: mapping values are not allowed in this context
          help: put a text that holds `: ` into quotes
    "#]],
    );
}

#[test]
fn text_that_is_something_else() {
    check(
        "steps:\n  - id: a\n   map: {}\n",
        expect![[r#"
        3:4: error[yaml-syntax]: this is not YAML: while parsing a block collection, did not find expected '-' indicator
          help: check the indentation of this line and of the one above it
    "#]],
    );
    check(
        "steps:\n  - id: \"a\n",
        expect![[r#"
        2:9: error[yaml-syntax]: this is not YAML: invalid indentation in quoted scalar
          help: close the quote that begins here
    "#]],
    );
    check(
        "steps: *all\n",
        expect![[r#"
        1:8: error[yaml-syntax]: this is not YAML: while parsing node, found unknown anchor
          help: write the value itself: aliases are not read
    "#]],
    );
    check(
        "{\"ferry\": 1}\n",
        expect![[r#"
        1:2: error[missing-key]: a pipeline needs `pipeline`
          help: add `pipeline: mass-payouts`
        1:2: error[missing-key]: a pipeline needs `trigger`
          help: add `trigger: { poll: … }`
        1:2: error[missing-key]: a pipeline needs `steps`
          help: add `steps: [ … ]`
    "#]],
    );
    check(
        "\u{0}\u{1}PK\u{3}\u{4}",
        expect![[r#"
        1:1: error[yaml-syntax]: this is not YAML: found unprintable character
          help: save the file as text, in UTF-8
    "#]],
    );
    check(
        "Dear colleagues, pay them all.\n",
        expect![[r#"
            1:1: error[wrong-type]: a pipeline must be a map, and this is text
              help: write it as a map with `ferry`, `pipeline`, `description`, `owner`, `trigger`, `inputs`, `output`, `timeout`, `concurrency`, `steps`, `on_failure`
        "#]],
    );
}

#[test]
fn empty_files_say_so() {
    check(
        "",
        expect![[r#"
        1:1: error[yaml-syntax]: the file is empty
          help: write something into it, or delete it
    "#]],
    );
    check(
        "# Nothing yet.\n",
        expect![[r#"
        1:1: error[yaml-syntax]: the file is empty
          help: write something into it, or delete it
    "#]],
    );
    check(
        "---\n",
        expect![[r#"
            2:1: error[wrong-type]: a pipeline must be a map, and this is nothing
              help: write it as a map with `ferry`, `pipeline`, `description`, `owner`, `trigger`, `inputs`, `output`, `timeout`, `concurrency`, `steps`, `on_failure`
        "#]],
    );
}

#[test]
fn files_and_pipelines_have_a_size() {
    check(
        &"# a comment\n".repeat((2 << 20) / 12),
        expect![[r#"
        1:1: error[yaml-syntax]: the file has 2097144 bytes, and 1048576 are the most
          help: split it, or move tables to files of their own
    "#]],
    );
    let steps: String = (0..201).map(|number| format!("  - {{ id: s{number}, map: {{ a: 1 }} }}\n")).collect();
    check(
        &format!("steps:\n{steps}"),
        expect![[r#"
        202:11: error[invalid-value]: the pipeline has 201 steps, and 200 are the most
          help: split it into several pipelines
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
          help: write one of `poll`, `webhook`, `event`, or `trigger: manual`
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
