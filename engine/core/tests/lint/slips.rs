//! Maps and texts that were meant to make a value, and would be sent as they are written.

use expect_test::expect;

use crate::check;

#[test]
fn a_builder_stands_alone_in_its_map() {
    check(
        "\
steps:
  - id: a
    map:
      v1: { rhai: \"event.Amount__c * 2\", default: 0 }
      v2: { rhai: \"event.Amount__c / 3\", as: decimal(2) }
      v3: { text: \"Hello {$.event.Name}\", max_length: 80, trim: true }
      v4: { concat: [$.event.Id, b], wiht: \",\" }
      v5: { money: { amount: $.event.Amount__c, currency: USD }, round: half_even }
      v6: { switch: [{ when: event.Amount__c > 1, value: 1 }], else: 2 }
      v7: { form: $.event.Id, trim: true }
      v8: { rihai: \"event.Amount__c * 2\" }
      v9: { rhai: \"event.Amount__c * 2\", note: a }
      v10: { first_of: [$.event.Id], default: a }
      v11: { swich: [{ when: event.Amount__c > 1, value: 1 }] }
      v12: { xref: { table: a, key: $.event.Id }, else: null }
      v13: [{ use: payee, wiht: { a: 1 } }]
",
        expect![[r#"
            4:42: error[misplaced-key]: only `from` takes `default`, so this map would be sent as it is written
              help: write `{ from: { rhai: … }, default: 0 }`, or `object: { … }` for a map with these keys
            5:42: error[misplaced-key]: only `from` takes `as`, so this map would be sent as it is written
              help: write `{ from: { rhai: … }, as: decimal(2) }`, or `object: { … }` for a map with these keys
            6:43: error[misplaced-key]: only `from` takes `max_length`, so this map would be sent as it is written
              help: write `{ from: { text: … }, max_length: 80, trim: true }`, or `object: { … }` for a map with these keys
            7:38: error[unknown-key]: `concat` takes no `wiht`
              help: did you mean `with`?
            8:66: error[misplaced-key]: `round` belongs inside of `money`
              help: write `{ money: { …, round: half_even } }`
            9:64: error[misplaced-key]: `else` belongs inside of `switch`
              help: write it as the last of the list: `- { else: 2 }`
            10:13: error[unknown-key]: `form` makes no value, so this map would be sent as it is written
              help: did you mean `from`? A map with this key is written as `object: { … }`
            11:13: error[unknown-key]: `rihai` makes no value, so this map would be sent as it is written
              help: did you mean `rhai`? A map with this key is written as `object: { … }`
            12:42: error[unknown-key]: a map with `rhai` makes one value, and takes no `note`
              help: remove `note`, or write `object: { … }` for a map with these keys
            13:38: error[misplaced-key]: only `from` takes `default`, so this map would be sent as it is written
              help: write `{ from: { first_of: … }, default: a }`, or `object: { … }` for a map with these keys
            14:14: error[unknown-key]: `swich` makes no value, so this map would be sent as it is written
              help: did you mean `switch`? A map with this key is written as `object: { … }`
            15:51: error[misplaced-key]: `else` belongs inside of `xref`
              help: write `{ xref: { …, else: null } }`
            16:27: error[unknown-key]: `use` takes no `wiht`
              help: did you mean `with`?
        "#]],
    );
}

#[test]
fn data_may_have_any_keys() {
    check(
        "\
steps:
  - id: a
    map:
      v1: { text: hello, default: true }
      v2: { text: \"Hello {$.event.Name}\", channel: \"#a\", date: 2026-03-01 }
      v3: { money: { amount: 5, currency: USD }, note: a }
      v4: { fee: $.event.Fee__c, default: 0 }
      v5: { rai: tre }
      v6: { chai: event }
      v7: { form: W-9, required: true }
      v8: { object: { rhai: event.Amount__c, default: 0 } }
      v9: { form: $.event.Id, name: $.event.Name }
      v10: { use: production, of: a }
      v11: { date: $.event.SystemModstamp, country: NO, default: true }
      v12: { concat: [$.event.Id, b], with: \",\" }
      v13: { each: { day: 1 }, note: a }
      v14: { rhai: $.event.Id, note: a }
      v15: { fee: { amount: 1, currency: EUR }, note: a }
      v16: { xref: { id: $.event.Id }, note: a }
",
        expect![[r#"
            5:26: warning[invalid-text]: this text is sent as it is, with its braces
              help: write `{ text: … }` around it, so that the values are put into it
            5:64: warning[yaml-trap]: `2026-03-01` is text here, and a date to readers of YAML 1.1
              help: put it into quotes: `"2026-03-01"`
            14:53: warning[yaml-trap]: `NO` is text here, and `false` to readers of YAML 1.1
              help: put it into quotes: `"NO"`
        "#]],
    );
}

#[test]
fn braces_are_filled_where_a_text_is_asked_for() {
    check(
        "\
steps:
  - id: a
    map:
      v1: { text: \"Hello {name}\" }
      v2: { text: \"Hello {vars}\" }
      v3: \"Hello {$.event.Id}\"
      v4: [\"{$.event.Id}\", { concat: [a, \"b {$.event.Id}\"] }]
      v5: { text: \"{{name}} {$.event.Id}\" }
      v6: \"{name} {$.a {\"
      v7: \"$${$.event.Id}\"
  - { id: told, alert: { to: treasury, say: \"{status}\" } }
  - { id: sure, check: [{ rhai: event.Id == \"a\", say: \"{id}\" }] }
",
        expect![[r#"
            4:26: error[invalid-text]: nothing gives `{name}` a value
              help: write `{$.event.name}`, or `{{name}}` for the braces themselves
            5:26: error[invalid-text]: nothing gives `{vars}` a value
              help: write `{$.vars}`, or `{{vars}}` for the braces themselves
            6:18: warning[invalid-text]: this text is sent as it is, with its braces
              help: write `{ text: … }` around it, so that the values are put into it
            7:13: warning[invalid-text]: this text is sent as it is, with its braces
              help: write `{ text: … }` around it, so that the values are put into it
            7:45: warning[invalid-text]: this text is sent as it is, with its braces
              help: write `{ text: … }` around it, so that the values are put into it
            11:46: error[invalid-text]: nothing gives `{status}` a value
              help: write `{$.event.status}`, or `{{status}}` for the braces themselves
            12:56: error[invalid-text]: nothing gives `{id}` a value
              help: write `{$.event.id}`, or `{{id}}` for the braces themselves
        "#]],
    );
}
