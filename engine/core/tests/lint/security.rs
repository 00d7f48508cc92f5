//! Secrets, card data, addresses, references and values that other readers take for something else.

use expect_test::expect;

use crate::check;

const HEAD: &str = "# ferry.yaml\nferry: 1\nproject: p\n";

#[test]
fn values_that_other_readers_take_for_something_else() {
    check(
        "\
steps:
  - id: a
    map:
      country: NO
      quoted: \"NO\"
      active: yes
      off: Off
      account: 0012
      thousand: 1_000
      exponent: 1e3
      point: 1.5e3
      day: 2026-03-01
      moment: 2026-03-01T10:00:00Z
      time: 12:30
      name: Norway 12
      words: no one
      version: 1.10
      number: 1000
      id: 003-12
      path: $.event.on
      zero: 0
      share: 0.5
      text: |
        no
",
        expect![[r#"
            4:16: warning[yaml-trap]: `NO` is text here, and `false` to readers of YAML 1.1
              help: put it into quotes: `"NO"`
            6:15: warning[yaml-trap]: `yes` is text here, and `true` to readers of YAML 1.1
              help: put it into quotes: `"yes"`
            7:12: warning[yaml-trap]: `Off` is text here, and `false` to readers of YAML 1.1
              help: put it into quotes: `"Off"`
            8:16: warning[yaml-trap]: `0012` is text here, and a number, perhaps in base 8, to readers of YAML 1.1
              help: put it into quotes: `"0012"`
            9:17: warning[yaml-trap]: `1_000` is text here, and a number to readers of YAML 1.1
              help: put it into quotes: `"1_000"`
            10:17: warning[yaml-trap]: this is a number here, and text to readers of YAML 1.1
              help: write all of its digits, such as `1000` for `1e3`
            12:12: warning[yaml-trap]: `2026-03-01` is text here, and a date to readers of YAML 1.1
              help: put it into quotes: `"2026-03-01"`
            13:15: warning[yaml-trap]: `2026-03-01T10:00:00Z` is text here, and a date to readers of YAML 1.1
              help: put it into quotes: `"2026-03-01T10:00:00Z"`
            14:13: warning[yaml-trap]: `12:30` is text here, and a number in base 60 to readers of YAML 1.1
              help: put it into quotes: `"12:30"`
            20:13: error[unknown-field]: `event` has no `on`
              help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
        "#]],
    );
    check(
        &format!(
            "{HEAD}# tables/countries.yaml\nNO: Norway\n\"SE\": Sweden\nDE: Germany\n'on': x\n010: first\n# one.yaml\nferry: 1\npipeline: one\ntrigger: manual\nsteps:\n  - {{ id: a, map: {{ from: $.event.c, lookup: countries }} }}\noutput: $.a\n"
        ),
        expect![[r#"
            tables/countries.yaml:1:1: warning[yaml-trap]: `NO` is text here, and `false` to readers of YAML 1.1
              help: put it into quotes: `"NO"`
            tables/countries.yaml:5:1: warning[yaml-trap]: `010` is text here, and a number, perhaps in base 8, to readers of YAML 1.1
              help: put it into quotes: `"010"`
        "#]],
    );
}

#[test]
fn a_reference_is_read_where_it_has_a_meaning() {
    check(
        "\
steps:
  - id: a
    map:
      whole: ${env:RATE}
      inside: \"rate ${secret:acme/the-rate}\"
      default: ${env:RATE:-5}
      note: { text: \"rate {$.vars.rate} of ${env:RATE}\" }
      rhai: $.vars.rate
      cash: $$5
  - { id: b, script: 'let rate = event.rate; `${rate}`' }
",
        expect![[r#"
            4:14: error[wrong-reference]: `${env:RATE}` is read in connections only, when a project is loaded
              help: write the value under `vars` in ferry.yaml, and read it as `$.vars.rate`
            5:15: error[wrong-reference]: `${secret:acme/the-rate}` is read in connections only, when a project is loaded
              help: write it in a field of a connection in ferry.yaml: a run keeps what its steps read, and secrets are kept nowhere
            6:16: error[wrong-reference]: `${env:RATE:-5}` is read in connections only, when a project is loaded
              help: write the value under `vars` in ferry.yaml, and read it as `$.vars.rate`
            7:21: error[wrong-reference]: `${env:RATE}` is read in connections only, when a project is loaded
              help: write the value under `vars` in ferry.yaml, and read it as `$.vars.rate`
        "#]],
    );
    check(
        "\
ferry: 1
project: p
connections:
  payoneer:
    connector: payoneer
    environment: sandbox
    program_id: $.vars.program
    client_id: ${env:CLIENT}
    client_secret: ${secret:payoneer}
vars: { rate: \"${env:RATE}\", share: 0.5 }
",
        expect![[r#"
            7:17: error[wrong-reference]: `$.vars.program` is read in a run, and this is read when the project is loaded
              help: write `${env:NAME}`, `${secret:path}` or the value itself
            10:15: error[wrong-reference]: the values of `vars` are taken as they are written, and this is a reference
              help: write the value itself, or `${param:name}`; other references are read in `connections`
        "#]],
    );
}

/// A project with one connection, of which this is one field.
pub(crate) fn with_field(value: &str) -> String {
    format!(
        "ferry: 1\nproject: p\nconnections:\n  payoneer:\n    connector: payoneer\n    environment: sandbox\n    program_id: {value}\n    \
         client_id: a\n    client_secret: ${{secret:b}}\n"
    )
}

#[test]
fn a_reference_that_nothing_reads_is_found_before_it_is_opened() {
    check(
        "ferry: 1\nproject: p\nfiles: \"${vault:x}\"\n",
        expect![[r#"
            3:8: error[wrong-reference]: `${vault:x}` is not a reference that has a value
              help: write `${env:NAME}` or `${secret:path}`, perhaps with `:-default`
        "#]],
    );
    check(
        &with_field("${vault:x}"),
        expect![[r#"
        7:17: error[wrong-reference]: `${vault:x}` is not a reference that has a value
          help: write `${env:NAME}` or `${secret:path}`, perhaps with `:-default`
    "#]],
    );
    check(
        &with_field("\"${env:A\""),
        expect![[r#"
        7:17: error[wrong-reference]: `${env:A` is not a reference that has a value
          help: write `${env:NAME}` or `${secret:path}`, perhaps with `:-default`
    "#]],
    );
    check(
        &with_field("${env:A}-${secret:}"),
        expect![[r#"
            7:5: warning[leaked-secret]: `program_id` is no secret to Payoneer, so its value is in addresses, messages and logs
              help: write `program_id: ${env:NAME}`; in a connector of your own, call the field `secret: true`
            7:17: error[wrong-reference]: `${secret:}` is not a reference that has a value
              help: write `${env:NAME}` or `${secret:path}`, perhaps with `:-default`
        "#]],
    );
    for value in ["${env:A}", "${env:A:-sand}box", "x-${env:C:-}", "$5"] {
        check(&with_field(value), expect![""]);
    }
    check(
        &with_field("x-${secret:a/b}-${env:C:-}"),
        expect![[r#"
        7:5: warning[leaked-secret]: `program_id` is no secret to Payoneer, so its value is in addresses, messages and logs
          help: write `program_id: ${env:NAME}`; in a connector of your own, call the field `secret: true`
    "#]],
    );
}

#[test]
fn what_has_the_shape_of_a_secret_is_found_and_not_printed() {
    let token = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0In0", "SflKxwRJSMeKKF2QT4fwpMeJf36P"].join(".");
    let session = format!("00D5g000004AbCd!{}", "AQcAQ".repeat(12));
    let lint = |value: &str| format!("steps:\n  - id: a # {value}\n    map: {{ a: \"{value}\" }}\n");
    let private = ["-----BEGIN RSA", "PRIVATE KEY-----"].join(" ");
    let live = ["sk", "live", "4eC39HqLyjWDarjtT1zdp7dc"].join("_");
    for (value, expected) in [
        (token.as_str(), "a token"),
        (&session, "a token"),
        (&live, "a token"),
        (&private, "a private key"),
        ("4111111111111111", "a card number"),
        ("4111-1111-1111-1111", "a card number"),
        ("378282246310005", "a card number"),
        ("4111 1111 1111 1111", "a card number"),
        ("paid with 3782 822463 10005.", "a card number"),
    ] {
        let found = crate::findings_on(&crate::world::World::new(), &lint(value));
        let texts: String = found.iter().map(|finding| finding.text.as_str()).collect();
        assert!(found.len() == 2 && texts.contains(&format!("this has the shape of {expected}")), "{value}: {texts}");
        assert!(!texts.contains(value) && found.iter().all(|finding| finding.check == "literal-secret"), "{texts}");
    }
    for value in [
        "4111111111111112",
        "1636595702",
        "100086190",
        "a4111111111111111",
        "1700000000000",
        "411111111111111",
        "sk_live_short",
        "4111 1111 1111 1112",
        "AT61 4111 1111 1111 1111",
        "4111 1111 1111 1111 22",
        "eyJ.eyJ.x",
        "0035g00000AbCdEAAV",
        "-----BEGIN PUBLIC KEY-----",
    ] {
        check(&lint(value), expect![""]);
    }
    check(
        &lint("4111111111111111"),
        expect![[r#"
            2:13: error[literal-secret]: this has the shape of a card number, and whoever reads the file has it
              help: remove it, and use the token that the payment provider gives for the card
            3:16: error[literal-secret]: this has the shape of a card number, and whoever reads the file has it
              help: remove it, and use the token that the payment provider gives for the card
        "#]],
    );
}

#[test]
fn an_address_is_read_by_nobody_on_the_way() {
    check(
        &with_field("http://api.acme.example/v1"),
        expect![[r#"
        7:17: error[plain-http]: `program_id` is sent over `http`, so whoever is on the way reads and changes it
          help: write `https://…`; to this machine itself `http` is enough
    "#]],
    );
    check(
        &with_field("http://localhost@acme.example/"),
        expect![[r#"
        7:17: error[plain-http]: `program_id` is sent over `http`, so whoever is on the way reads and changes it
          help: write `https://…`; to this machine itself `http` is enough
    "#]],
    );
    for address in ["https://api.acme.example", "http://localhost:8080/x", "http://127.0.0.1", "\"http://[::1]:80/\""] {
        check(&with_field(address), expect![""]);
    }
}

#[test]
fn card_data_stays_with_the_provider() {
    check(
        "\
steps:
  - id: a
    map:
      card_number: $.event.token
      CVV: \"123\"
      token: $.event.Card_Number__c
      inner: [{ x: $.event.card.cvc2 }]
      pan: $.event.pan
      last4: $.event.card_last4
      card: $.event.card.token
",
        expect![[r#"
            4:7: error[card-data]: `card_number` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            4:20: error[unknown-field]: `event` has no `token`
              help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
            5:7: error[card-data]: `CVV` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            6:14: error[unknown-field]: `event` has no `Card_Number__c`
              help: did you mean `card_number`?
            6:14: error[card-data]: `Card_Number__c` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            7:20: error[unknown-field]: `event` has no `card`
              help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
            7:20: error[card-data]: `cvc2` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            8:12: error[unknown-field]: `event` has no `pan`
              help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
            10:13: error[unknown-field]: `event` has no `card`
              help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
        "#]],
    );
}

#[test]
fn a_query_is_not_written_by_the_event() {
    let lint = |condition: &str| {
        format!(
            "steps:\n  - id: a\n    action: salesforce.query\n    with:\n      object: Contact\n      fields: [Id]\n      where: {condition}\n"
        )
    };
    check(
        &lint("{ text: \"Name = '{$.event.Name}' AND Kind = '{$.vars.kind}'\" }"),
        expect![[r#"
            7:32: warning[unescaped-query]: `$.event.Name` goes into `where` as it is, and a `'` in it changes what is asked
              help: ask by an id, or make the value in a `script` step that puts a backslash before each `'` and `\`
            7:60: error[unknown-field]: `vars` has no `kind`
              help: write one of `rate`
        "#]],
    );
    check(
        &lint("{ text: \"AccountId = '{$.event.AccountId}'\" }"),
        expect![[r#"
        7:37: error[unknown-field]: `event` has no `AccountId`
          help: write one of `attributes`, `Id`, `Name`, `Amount__c`, `Fee__c`, `CurrencyIsoCode`, `Country__c`, `Recipient__c`, `Status__c`, `SystemModstamp`, `lines`, `Lines`, `card_number`, `card_last4`, `card_last_four`
    "#]],
    );
    check(&lint("{ text: \"Amount__c > {$.event.Amount__c}\" }"), expect![""]);
    check(&lint("\"Status__c = 'Open'\""), expect![""]);
}

#[test]
fn a_secret_is_found_in_mappings_and_modules_too() {
    check(
        "\
steps:
  - { id: a, map: { use: m } }
  - { id: b, script: { use: scripts/s.rhai, call: f } }
output: { a: $.a, b: $.b }
# maps/m.yaml
card: \"4111111111111111\"
# scripts/s.rhai
fn f() { \"sk_live_abcdefghijklmnopqrstuvwx\" }
",
        expect![[r#"
            1:8: error[literal-secret]: this has the shape of a card number, and whoever reads the file has it
              help: remove it, and use the token that the payment provider gives for the card
            1:11: error[literal-secret]: this has the shape of a token, and whoever reads the file has it
              help: remove it, write `${secret:path}` in a connection instead, and let whoever gave it change it
        "#]],
    );
}
