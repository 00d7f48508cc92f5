//! What may be missing, and what shows that it is there.

use expect_test::expect;

use crate::check;

/// A field that is not there cannot be read, so a comparison with `()` does not look for it.
#[test]
fn a_comparison_with_nothing_does_not_look_for_a_field() {
    check(
        "\
steps:
  - { id: st, action: payoneer.get_payout_status, with: { client_reference_id: $.event.Id } }
  - { id: a, when: st.payout_id != (), map: { x: $.st.payout_id } }
  - { id: b, when: 'st?.payout_id == \"x\"', map: { x: 1 } }
  - { id: c, map: { rhai: 'st.payout_id ?? \"none\"' } }
  - { id: d, when: st.payout_id == () || st.load_date == (), map: { x: 1 } }
  - { id: rec, when: event.Amount__c > 5, map: { id: 1 } }
  - { id: e, map: { concat: [$.rec.id, x] } }
  - { id: f, when: rec.id != (), map: { x: 1 } }
  - { id: g, when: '\"id\" in rec', map: { x: 1 } }
  - { id: h, map: { rhai: 'rec?.id ?? 0' } }
  - { id: i, map: { rhai: 'rec == () || st.payout_id == \"x\"' } }
  - { id: j, map: { rhai: 'rec != () && st.payout_id != \"x\" && rec.id == 1' } }
",
        expect![[r#"
            3:23: warning[uncertain-value]: `st.payout_id` may be missing: `payout_id` is not always there
              help: look first: `"payout_id" in st`; `()`, `??` and `?.` are for what is there and null
            4:25: warning[uncertain-value]: `st.payout_id` may be missing: `payout_id` is not always there
              help: look first: `"payout_id" in st`; `()`, `??` and `?.` are for what is there and null
            5:31: warning[uncertain-value]: `st.payout_id` may be missing: `payout_id` is not always there
              help: look first: `"payout_id" in st`; `()`, `??` and `?.` are for what is there and null
            6:23: warning[uncertain-value]: `st.payout_id` may be missing: `payout_id` is not always there
              help: look first: `"payout_id" in st`; `()`, `??` and `?.` are for what is there and null
            6:45: warning[uncertain-value]: `st.load_date` may be missing: `load_date` is not always there
              help: look first: `"load_date" in st`; `()`, `??` and `?.` are for what is there and null
            8:30: warning[uncertain-value]: `$.rec.id` may be missing: `rec` is skipped where its `when` does not hold
              help: say what stands for it, `{ from: $.rec.id, default: … }`, or look first: `when: rec != ()`
            9:24: warning[uncertain-value]: `rec.id` may be missing: `rec` is skipped where its `when` does not hold
              help: look first: `rec != ()`
            10:29: warning[uncertain-value]: `rec` may be missing: `rec` is skipped where its `when` does not hold
              help: look first: `rec != ()`
            12:44: warning[uncertain-value]: `st.payout_id` may be missing: `payout_id` is not always there
              help: look first: `"payout_id" in st`
            13:44: warning[uncertain-value]: `st.payout_id` may be missing: `payout_id` is not always there
              help: look first: `"payout_id" in st`
        "#]],
    );
}

/// Each of these works at run time.
#[test]
fn what_looks_first_reads_what_is_there() {
    check(
        "\
steps:
  - { id: st, action: payoneer.get_payout_status, with: { client_reference_id: $.event.Id } }
  - { id: rec, when: event.Amount__c > 5, map: { id: 1 } }
  - { id: a, when: '\"payout_id\" in st', map: { x: $.st.payout_id } }
  - { id: b, when: '\"payout_id\" in st && st.payout_id != ()', map: { x: $.st.payout_id } }
  - { id: c, script: 'if st.contains(\"payout_id\") { st.payout_id } else { \"\" }' }
  - { id: d, when: 'rec == () || rec.id == 1', map: { x: 1 } }
  - { id: e, map: { switch: [{ when: rec != (), value: $.rec.id }, { else: 0 }] } }
  - { id: f, map: { switch: [{ when: rec == (), value: 0 }, { when: rec.id == 1, value: 1 }, { else: $.rec.id }] } }
  - { id: g, when: 'event.Amount__c > 5 && rec.id == 1', map: { x: $.rec.id } }
  - { id: h, when: 'event.Name == \"x\" && event.Amount__c > 5', map: { x: $.rec.id } }
  - { id: i, when: '!(rec == ())', map: { x: $.rec.id } }
  - { id: j, script: 'if !(\"payout_id\" in st) { return 0; } st.payout_id' }
  - { id: k, map: { rhai: 'rec.type_of() == \"()\" || false == (rec == ())' } }
  - { id: l, check: [{ field: $.st.load_date, is: present }] }
  - { id: m, needs: [l], when: 'st.load_date > \"2026\"', map: { x: $.st.load_date } }
",
        expect![[r#""#]],
    );
}

/// The order in which the parts of a condition are looked at.
#[test]
fn a_step_has_run_only_after_its_condition_was_seen_to_hold() {
    check(
        "\
steps:
  - { id: rec, when: event.Amount__c > 5, map: { id: 1 } }
  - { id: a, when: 'rec.id == 1 && event.Amount__c > 5', map: { x: $.rec.id } }
  - { id: b, when: 'event.Amount__c > 5 || rec.id == 1', map: { x: 1 } }
  - id: late
    when: event.Name == \"x\"
    action: salesforce.get
    with: { object: Contact, id: $.event.Recipient__c, fields: [Email] }
    on_error: [{ class: not_found, then: continue }]
  - { id: c, when: event.Name == \"x\", map: { x: $.late.Email } }
",
        expect![[r#"
            3:25: warning[uncertain-value]: `rec.id` may be missing: `rec` is skipped where its `when` does not hold
              help: look first: `rec != ()`
            4:48: warning[uncertain-value]: `rec.id` may be missing: `rec` is skipped where its `when` does not hold
              help: look first: `rec != ()`
            10:49: warning[uncertain-value]: `$.late.Email` may be missing: `late` is skipped where its `when` does not hold
              help: say what stands for it, `{ from: $.late.Email, default: … }`, or look first: `when: late != ()`
        "#]],
    );
}

/// Rhai has functions that change what they are called on; as a value they empty the field.
#[test]
fn a_function_that_gives_nothing_is_no_value() {
    check(
        "\
steps:
  - { id: a, map: { x: { rhai: 'event.Name.replace(\"-\", \"\")' }, y: { rhai: event.Name.trim() } } }
  - { id: b, script: 'let names = [event.Name]; names.push(event.Id); names.sort()' }
  - { id: c, script: 'let names = [event.Name]; names.push(event.Id); names.order()' }
  - { id: d, when: 'event.Name.pad(3, \"0\") == 1', map: { x: 1 } }
",
        expect![[r#"
            2:44: error[invalid-rhai]: `replace` changes in place and gives nothing
              help: write a `script` that changes a copy and gives it: `let text = …; text.replace(…); text`
            2:87: error[invalid-rhai]: `trim` changes in place and gives nothing
              help: write `{ from: …, trim: true }`
            3:77: error[invalid-rhai]: `sort` changes in place and gives nothing
              help: write `.order()`
            5:32: error[invalid-rhai]: `pad` changes in place and gives nothing
              help: write a `script` that changes a copy and gives it: `let copy = …; copy.pad(…); copy`
        "#]],
    );
}

/// Each of these failed at run time, and nobody had said so.
#[test]
fn what_may_be_missing_is_so_wherever_it_goes() {
    check(
        "\
# ferry.yaml
ferry: 1
project: shop
connections:
  salesforce: { connector: salesforce, environment: sandbox, my_domain: acme, client_id: a, client_secret: \"${secret:b}\" }
  payoneer: { connector: payoneer, environment: sandbox, program_id: \"1\", client_id: a, client_secret: \"${secret:b}\" }
# a.yaml
ferry: 1
pipeline: a
trigger: manual
inputs: { id: string, note: { type: string, optional: true } }
steps:
  - { id: whole, pipeline: b, with: $.event }
  - { id: looked, when: '\"note\" in event', pipeline: b, with: $.event }
  - id: rec
    action: salesforce.get
    with: { object: Contact, id: $.event.id, fields: [Email] }
    on_error:
      - class: not_found
        fallback: { action: payoneer.get_payee_status, with: { payee_id: $.event.id } }
  - { id: read, map: { a: $.rec.Email, b: $.rec.nothing } }
  - id: paid
    action: payoneer.create_payout
    with:
      client_reference_id: $.event.id
      payee_id: { from: $.event.note, default: null }
      amount: { amount: 5, currency: USD }
      description: { from: $.event.note, default: none }
# b.yaml
ferry: 1
pipeline: b
trigger: manual
inputs: { id: string, note: string }
steps:
  - { id: read, map: { a: $.event.note } }
output: $.read
",
        expect![[r#"
            a.yaml:6:37: warning[uncertain-value]: `b` needs `note`, and what is given does not always have it
              help: give its fields by name, and say what stands for `note` with a `default`, or look first
            a.yaml:14:27: warning[uncertain-value]: `$.rec.Email` may be missing: `Email` is not always there
              help: say what stands for it, `{ from: $.rec.Email, default: … }`, or look first: `when: '"Email" in rec'`
            a.yaml:14:43: error[unknown-field]: `rec` has no `nothing`
              help: write one of `type`, `description`, `attributes`, `Email`
            a.yaml:16:13: error[silent-park]: `payoneer.create_payout` may have to wait for a person, and no one is told
              help: say whom to tell with `on_failure: { alert: … }`
            a.yaml:19:17: warning[uncertain-value]: `payee_id` of `payoneer.create_payout` may not be null, and this may be: its `default` is null
              help: give it a value, or refuse what has none: `required: true`
        "#]],
    );
}

/// Fields that are certainly not there, and items that may not be.
#[test]
fn what_is_certainly_not_there_is_found() {
    check(
        "\
ferry: 1
pipeline: wrong
trigger: manual
inputs: { id: string }
on_failure: { alert: treasury }
steps:
  - id: up
    action: salesforce.update
    with: { object: Contact, id: $.event.id, values: { Name: x } }
    on_error: [{ class: not_found, do: [{ id: told, alert: { to: treasury, say: \"{$.error.mesage} {$.error.code}\" } }], then: continue }]
  - id: found
    action: salesforce.query
    with: { object: Contact, where: \"Name = 'x'\", fields: [Id, Email] }
  - { id: a, map: { x: $.up.id, y: \"$.found[0].Id\", z: \"$.found.records[0].Id\" } }
  - { id: b, map: { x: { from: \"$.found.records[?@.Idd == 'x'].Emial\" }, y: { from: \"$.found.records[0].Id\", default: none } } }
  - { id: c, when: found.records.len() > 0, map: { x: \"$.found.records[0].Id\" } }
  - { id: d, when: '!found.records.is_empty()', map: { x: \"$.found.records[0].Idd\" } }
  - { id: e, map: { x: \"$.found.records[?@.Id == 'x'].Email\" } }
output: { a: $.a, b: $.b, e: $.e }
",
        expect![[r#"
            10:83: error[unknown-field]: `error` has no `mesage`
              help: did you mean `message`?
            14:24: error[unknown-field]: `up` has no fields, and so no `id`
              help: read what has it, or remove it
            14:36: error[unknown-field]: `found` is a map, and has no items
              help: read the list in it: `found.records[0]`
            14:56: warning[uncertain-value]: `$.found.records[0].Id` may be missing: `found.records` may have no such item
              help: say what stands for it, `{ from: $.found.records[0].Id, default: … }`, or look first with a `check` that it is `present`
            15:32: error[unknown-field]: `found.records[]` has no `Idd`
              help: did you mean `Id`?
            15:32: error[unknown-field]: `found.records[]` has no `Emial`
              help: did you mean `Email`?
            17:59: error[unknown-field]: `found.records[]` has no `Idd`
              help: did you mean `Id`?
        "#]],
    );
    check(
        "\
# ferry.yaml
ferry: 1
project: bare
# a.yaml
ferry: 1
pipeline: a
trigger: manual
steps:
  - { id: a, map: { x: $.vars.rate } }
output: $.a
",
        expect![[r#"
            a.yaml:5:24: error[unknown-field]: `vars` has no fields, and so no `rate`
              help: read what has it, or remove it
        "#]],
    );
}
