//! What is known of values: fields, presence, types, and what they go into.

use expect_test::expect;

use crate::check;

#[test]
fn fields_are_those_that_were_asked_for() {
    check(
        "\
steps:
  - id: contact
    action: salesforce.get
    with: { object: Contact, id: $.event.Recipient__c, fields: [Id, Email, Account.Name] }
  - id: record
    map:
      email: $.contact.Emial
      account: $.contact.Account.Name
      city: $.contact.Account.BillingCity
      letter: $.contact.Email.First
      event: $.event.Amont__c
  - id: open
    script: '#{ anything: 1 }'
  - id: unknown
    map: { value: $.open.whatever.it.is, rate: $.vars.rat }
",
        expect![[r#"
            7:14: error[unknown-field]: `contact` has no `Emial`
              help: did you mean `Email`?
            9:13: error[unknown-field]: `contact.Account` has no `BillingCity`
              help: write one of `Name`
            11:14: error[unknown-field]: `event` has no `Amont__c`
              help: did you mean `Amount__c`?
            15:48: error[unknown-field]: `vars` has no `rat`
              help: did you mean `rate`?
        "#]],
    );
}

/// As a run has it: each item with its key, and what came of it.
#[test]
fn an_item_of_a_step_for_each_has_a_key_and_its_output() {
    check(
        "\
steps:
  - id: contacts
    each: { in: $.event.Contacts, as: one, key: $.one.Id }
    action: salesforce.get
    with: { object: Contact, id: $.one.Id, fields: [Id, Email] }
  - id: tried
    each: { in: $.contacts, as: contact, key: $.contact.key, errors: collect }
    map: { mail: $.contact.output.Email, wrong: $.contact.Email, worse: $.contact.output.Emial }
  - id: first
    map: { key: \"$.tried[0].key\", mail: \"$.tried[0].output.mail\", why: \"$.tried[0].error.message\" }
output: $.first
",
        expect![[r#"
            3:17: error[unknown-field]: `event` has no `Contacts`
              help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
            8:49: error[unknown-field]: `contact` has no `Email`
              help: write one of `key`, `ok`, `output`, `error`
            8:73: error[unknown-field]: `contact.output` has no `Emial`
              help: did you mean `Email`?
            10:41: warning[uncertain-value]: `$.tried[0].output.mail` may be missing: `output` is not always there
              help: say what stands for it, `{ from: $.tried[0].output.mail, default: … }`, or look first with a `check` that it is `present`
            10:72: warning[uncertain-value]: `$.tried[0].error.message` may be missing: `error` is not always there
              help: say what stands for it, `{ from: $.tried[0].error.message, default: … }`, or look first with a `check` that it is `present`
        "#]],
    );
}

#[test]
fn places_inside_scripts_and_texts_are_exact() {
    check(
        "\
steps:
  - id: payout
    map: { amount: $.event.Amount__c, to: { name: $.event.Name } }
  - id: fee
    script: |
      // A share of the amount.
      let share = payout.amuont * 0.015;
      if payout.to.nam == \"x\" { share } else { payout.to.name.len() }
  - id: said
    map: { text: \"Payment {$.event.Name} of {$.payout.amoumt} to {$.payout.to}\" }
",
        expect![[r#"
            7:26: error[unknown-field]: `payout` has no `amuont`
              help: did you mean `amount`?
            8:20: error[unknown-field]: `payout.to` has no `nam`
              help: did you mean `name`?
            10:46: error[unknown-field]: `payout` has no `amoumt`
              help: did you mean `amount`?
            10:67: error[wrong-input]: `$.payout.to` is a map, and a text needs one value
              help: name the field that is meant
        "#]],
    );
}

#[test]
fn what_may_be_missing_is_not_read_as_certain() {
    check(
        "\
steps:
  - id: status
    action: payoneer.get_payout_status
    with: { client_reference_id: $.event.Id }
  - { id: id, map: { id: $.status.payout_id, reason: { from: $.status.cancel_reason_description, default: none } } }
  - { id: first, map: { first_of: [$.status.load_date, $.status.payout_date, $.event.SystemModstamp] } }
  - { id: sometimes, when: status.payout_id != (), map: { id: $.status.payout_id, at: $.status.load_date } }
  - { id: same, when: 'status.payout_id != ()', map: { id: $.sometimes.id } }
  - { id: other, map: { id: $.sometimes.id } }
  - { id: script, script: 'status.cancel_reason_code + (sometimes ?? #{}).len()' }
  - { id: there, check: [{ field: $.status.load_date, is: present }] }
  - { id: checked, needs: [there], map: { at: $.status.load_date, by: $.status.payout_date } }
  - id: waits
    wait: { event: order.done, match: { event: $.id, run: $.event.Id }, timeout: { after: 5d, then: continue } }
  - { id: told, map: { text: \"{$.waits.id}\" } }
",
        expect![[r#"
            5:26: warning[uncertain-value]: `$.status.payout_id` may be missing: `payout_id` is not always there
              help: say what stands for it, `{ from: $.status.payout_id, default: … }`, or look first: `when: '"payout_id" in status'`
            7:35: warning[uncertain-value]: `status.payout_id` may be missing: `payout_id` is not always there
              help: look first: `"payout_id" in status`; `()`, `??` and `?.` are for what is there and null
            7:87: warning[uncertain-value]: `$.status.load_date` may be missing: `load_date` is not always there
              help: say what stands for it, `{ from: $.status.load_date, default: … }`, or look first: `when: '"load_date" in status'`
            8:31: warning[uncertain-value]: `status.payout_id` may be missing: `payout_id` is not always there
              help: look first: `"payout_id" in status`; `()`, `??` and `?.` are for what is there and null
            9:29: warning[uncertain-value]: `$.sometimes.id` may be missing: `sometimes` is skipped where its `when` does not hold
              help: say what stands for it, `{ from: $.sometimes.id, default: … }`, or look first: `when: sometimes != ()`
            10:35: warning[uncertain-value]: `status.cancel_reason_code` may be missing: `cancel_reason_code` is not always there
              help: look first: `"cancel_reason_code" in status`
            12:71: warning[uncertain-value]: `$.status.payout_date` may be missing: `payout_date` is not always there
              help: say what stands for it, `{ from: $.status.payout_date, default: … }`, or look first: `when: '"payout_date" in status'`
            15:32: warning[uncertain-value]: `$.waits.id` may be missing: `waits` goes on without it after its time-out
              help: say what stands for it, `{ from: $.waits.id, default: … }`, or look first: `when: waits != ()`
        "#]],
    );
}

#[test]
fn values_fit_where_they_go() {
    check(
        "\
steps:
  - id: payout
    map:
      client_reference_id: $.event.Id
      payee_id: 77
      amount: { amount: $.event.Amount__c, curency: USD }
      description: { from: $.event.Name, split: \",\" }
  - id: submit
    action: payoneer.create_payout
    with: $.payout
  - id: again
    action: payoneer.create_payout
    with:
      client_reference_id: an id that is longer than thirty-six characters are
      payee_id: { from: $.event.Recipient__c, as: integer }
      amount: { money: { amount: true, currency: EURO } }
      description: [a]
  - id: contact
    action: salesforce.get
    with: { object: Contact, id: $.event.Recipient__c, fields: Id }
  - id: split
    allocate: { amount: $.event.Amount__c, by: [{ to: a, share: 1 }] }
  - id: parts
    map: { each: { in: $.split.total, map: $.item.to } }
  - id: lines
    map: { each: { in: $.split.parts, map: { account: $.item.acount, b: $.split.by.b } } }
",
        expect![[r#"
            5:17: error[wrong-input]: `payee_id` of `payoneer.create_payout` must be a text, and this is a whole number
              help: convert it: `{ from: …, as: string }`, or put a constant into quotes
            6:15: error[missing-input]: `amount` of `payoneer.create_payout` needs `currency`
              help: add `currency: "USD"`: ISO 4217 code; the program's currency
            6:44: error[unknown-input]: `amount` of `payoneer.create_payout` takes no `curency`
              help: did you mean `currency`?
            7:20: error[wrong-input]: `description` of `payoneer.create_payout` must be a text, and this is a list
              help: give it a text
            14:28: error[wrong-input]: `client_reference_id` of `payoneer.create_payout` has 36 characters at the most, and this has 51
              help: write a shorter text
            15:17: error[wrong-input]: `payee_id` of `payoneer.create_payout` must be a text, and this is a whole number
              help: convert it: `{ from: …, as: string }`, or put a constant into quotes
            16:34: error[wrong-input]: the amount of `money` must be a number
              help: read the field that has the amount
            16:50: error[wrong-input]: `EURO` is not an ISO 4217 currency code
              help: write one such as `USD`
            17:20: error[wrong-input]: `description` of `payoneer.create_payout` must be a text, and this is a list
              help: give it a text
            20:64: error[wrong-input]: `fields` of `salesforce.get` must be a list, and this is a text
              help: write it as a list: `[…]`
            24:24: error[wrong-input]: `in` of `each` must be a list, and this is a map
              help: read the field of it that is meant
            26:55: error[unknown-field]: `item` has no `acount`
              help: did you mean `amount`?
            26:73: error[unknown-field]: `split.by` has no `b`
              help: write one of `a`
        "#]],
    );
}

#[test]
fn conditions_compare_what_can_be_equal() {
    check(
        "\
steps:
  - id: payee
    action: payoneer.get_payee_status
    with: { payee_id: P-77 }
  - id: size
    map: { switch: [{ when: payee.description > 3, value: large }, { else: small }] }
  - { id: a, when: payee.type == 2, map: { x: 1 } }
  - { id: b, when: 'payee.type in [1, \"99\"]', map: { x: 1 } }
  - { id: c, when: 'size == \"lrge\" || payee.description == \"Active\"', map: { x: 1 } }
  - { id: d, when: 10 < payee.type && payee.type != (), map: { x: 1 } }
  - { id: e, when: 'payee.description.len() > 3 && payee.description[0] != 5 && payee.len() < 9', map: { x: 1 } }
",
        expect![[r#"
            6:49: error[mixed-comparison]: `payee.description` is a text, and is never `> 3`
              help: read its number first, `parse_decimal(payee.description)`, or compare it with a text
            7:34: error[mixed-comparison]: `payee.type` is never 2
              help: write one of `0`, `1`, `99`
            8:35: error[mixed-comparison]: `payee.type` is a whole number, and is never `in "99"`
              help: compare it with a whole number
            9:29: error[mixed-comparison]: `size` is never "lrge"
              help: did you mean `large`?
        "#]],
    );
}

#[test]
fn a_mapping_is_checked_where_it_is_used() {
    check(
        "\
steps:
  - id: contact
    action: salesforce.get
    with: { object: Contact, id: $.event.Recipient__c, fields: [Id, Email] }
  - { id: payee, map: { use: payee, with: { contact: $.contact } } }
  - { id: copy, map: { id: $.payee.ids } }
# maps/payee.yaml
id: $.contact.Id
name: { concat: [$.contact.FirstName, $.contact.LastName], with: \" \" }
other: $.event.Id
",
        expect![[r#"
            3:8: error[unknown-step]: there is no `event` to read here, so `$.event.Id` gives nothing
              help: write one of `contact`, `vars`
            5:30: error[unknown-map]: the mapping `payee` has errors here
              help: mend `maps/payee.yaml`
        "#]],
    );
    check(
        "\
steps:
  - { id: payee, map: { use: payee, with: { contact: { Id: 1 } } } }
# maps/payee.yaml
id: $.contact.Id
name: $.contact.Name
more: $.vars.rate
",
        expect![[r#"
            2:7: error[unknown-field]: `contact` has no `Name`
              help: write one of `Id`
        "#]],
    );
}

/// What is right, and was called wrong before.
#[test]
fn what_is_right_is_left_alone() {
    check(
        "\
steps:
  - id: made
    map: { n: text, amount: 12.50, list: [1, 2] }
  - { id: getters, when: 'made.n.len > 3 && made.amount.floor > 3 && made.list.len > 1', map: { x: 1 } }
  - { id: mode, when: 'vars.rate == 1 || vars.rate > 5', map: { x: 1 } }
  - { id: both, when: 'getters != () && getters.x == 1', map: { x: $.getters.x } }
  - { id: inside, script: 'if getters != () { getters.x } else { 0 }' }
  - { id: texts, map: { convert: { money: { amount: \"1.00\", currency: USD }, to: USD, rates: { EUR/USD: 2 } } } }
  - id: all
    action: salesforce.get
    with: { object: Contact, id: $.event.Recipient__c, fields: [\"FIELDS(STANDARD)\"] }
  - { id: any, map: { email: $.all.Email } }
",
        expect![[r#""#]],
    );
}

/// Each level was looked at twice, so that one line of YAML had no end.
#[test]
fn lists_in_lists_are_looked_at_once() {
    let nested =
        (0..25).fold("$.event.lines".to_owned(), |inner, _| format!("{{ each: {{ in: {inner}, map: $.item }} }}"));
    check(&format!("steps:\n  - {{ id: deep, map: {nested} }}\n"), expect![[r#""#]]);
}

/// Mappings that use others twice, and so on, double with each.
#[test]
fn mappings_that_use_others_are_counted() {
    let files: String = (0..20)
        .map(|number| {
            format!("# maps/m{number}.yaml\na: {{ use: m{next} }}\nb: {{ use: m{next} }}\n", next = number + 1)
        })
        .collect();
    let text = format!("steps:\n  - {{ id: all, map: {{ use: m0 }} }}\n{files}# maps/m20.yaml\nx: 1\n");
    let findings = crate::findings_on(&crate::world::World::new(), &text);
    assert!(findings.iter().any(|finding| finding.text.contains("use others more than 1000 times")));
}

/// Rhai compares what is of two kinds, and says no; it joins a text and a number; and it fails where a run is.
#[test]
fn what_a_condition_calculates_has_kinds() {
    check(
        "\
ferry: 1
pipeline: kinds
trigger: manual
inputs: { a: string, n: number, flag: boolean, list: array }
on_failure: { alert: treasury }
steps:
  - { id: a, when: event.a, map: { x: 1 } }
  - { id: b, when: event.n + 1, map: { x: 1 } }
  - { id: c, when: event.a == event.n, map: { x: 1 } }
  - { id: d, when: event.n.contains(\"x\"), map: { x: { rhai: event.a * 2 } } }
  - { id: e, when: event.flag && event.n, map: { x: { rhai: event.a + event.n } } }
  - { id: f, check: [{ rhai: \"!event.a\", say: wrong }] }
  - { id: g, map: { switch: [{ when: event.n, value: 1 }, { else: 2 }] } }
  - { id: h, each: { in: $.event.a, key: $.item }, map: { x: 1 } }
  - { id: i, wait: { poll: { action: payoneer.get_payout_status, with: { client_reference_id: $.event.a }, every: 1h }, until: 'event.a == \"X\"', timeout: { after: 5d, then: dead_letter } } }
",
        expect![[r#"
            7:20: error[wrong-input]: a condition gives true or false, and this is a text
              help: compare it with something, such as `… == "x"` or `… > 0`
            8:20: error[wrong-input]: a condition gives true or false, and this is a number
              help: compare it with something, such as `… == "x"` or `… > 0`
            9:20: error[mixed-comparison]: `event.a` is a text and `event.n` is a number, so `==` never holds
              help: read the number of the text first: `parse_decimal(event.a)`
            10:20: error[wrong-input]: `event.n` is a number, which has no `contains`
              help: make a text of it first: `.to_string()`
            10:61: error[wrong-input]: `*` needs numbers, and `event.a` is a text
              help: read its number first: `parse_decimal(event.a)`
            11:34: error[wrong-input]: `&&` needs true or false, and `event.n` is a number
              help: compare it with something, such as `event.n != 0`
            11:61: warning[wrong-input]: `event.a` is a text, so this `+` joins two texts, and adds nothing
              help: add its number, `parse_decimal(event.a)`, or write the text with `${…}` in backticks
            12:32: error[wrong-input]: `!` needs true or false, and `event.a` is a text
              help: compare it with something, such as `event.a != ""`
            13:38: error[wrong-input]: a condition gives true or false, and this is a number
              help: compare it with something, such as `… == "x"` or `… > 0`
            14:26: error[wrong-input]: `each` needs a list, and this is of the kind `string`
              help: read the list that is meant, such as `$.event.lines`
            15:129: warning[constant-condition]: this never reads the answer, so it is the same each time, and asks until the time-out
              help: read the answer: `result.status == "…"`
        "#]],
    );
    check(
        "\
ferry: 1
pipeline: kinds
trigger: manual
inputs: { a: string, n: number, i: integer, flag: boolean, list: array }
on_failure: { alert: treasury }
steps:
  - { id: a, when: 'event.flag && !(event.n > 5) || event.a == \"x\"', map: { x: { rhai: '\"INV-\" + event.a + event.n' } } }
  - { id: b, when: event.i == event.n && event.a.len() > event.i, map: { x: { rhai: parse_decimal(event.a) * event.n } } }
  - { id: c, when: '\"x\" in event.a && event.list.contains(1)', map: { x: { rhai: event.a - \"x\" } } }
  - { id: d, when: event.a.starts_with(\"x\"), map: { x: { rhai: (event.n * 2).round(2) } } }
  - { id: e, when: 'event.a.to_upper() == event.a || event.a > \"b\"', map: { x: { rhai: '`${event.a} ${event.n}`' } } }
",
        expect![[r#""#]],
    );
}
