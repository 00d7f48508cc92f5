//! Card data and queries, in all the ways in which they are written.

use expect_test::expect;

use crate::{check, findings_on, world::World};

#[test]
fn card_data_is_found_in_texts_and_rules() {
    check(
        "\
ferry: 1
pipeline: p
trigger: { webhook: { path: p, verify: { header: X, secret: \"${env:S}\" } }, key: $.cardNumber }
steps:
  - id: a
    map:
      v1: $.event.card.number
      v2: { rhai: \"1 + event.cardNumber\" }
      v3: { text: \"Paid with {$.event.card_number}\" }
      v4: { card: { security_code: 1, last4: $.event.card.last4 }, CardCode: C20, security_code: US0378331005 }
      v5: { rhai: '\"event.cvv\" + event.card.last4' }
      v6: { number: $.event.order.number, code: \"{$.event.code}\" }
  - { id: told, alert: { to: treasury, say: \"card {$.event.cardNumber} cvv {$.event.cvv}\" } }
  - id: b
    script: |
      let a = 1;
      a + event.card_cvv
output: { a: $.a, b: $.b, c: $.event.creditCardNumber }
",
        expect![[r#"
            3:82: error[card-data]: `cardNumber` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            7:11: error[card-data]: `number` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            8:24: error[card-data]: `cardNumber` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            9:31: error[card-data]: `card_number` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            10:21: error[card-data]: `security_code` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            12:50: warning[invalid-text]: this text is sent as it is, with its braces
              help: write `{ text: … }` around it, so that the values are put into it
            13:52: error[card-data]: `cardNumber` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            13:77: error[card-data]: `cvv` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            17:11: error[card-data]: `card_cvv` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
            18:30: error[card-data]: `creditCardNumber` is card data, and a run keeps what it reads and sends
              help: use the token that the payment provider gives for the card, or its last four digits
        "#]],
    );
}

#[test]
fn a_query_has_no_value_of_the_event_in_any_spelling() {
    let lint = |trigger: &str, query: &str| {
        format!(
            "ferry: 1\npipeline: p\ntrigger: {trigger}\nsteps:\n  - id: made\n    map: {{ cond: {{ text: \"Name = '{{$.event.Name}}'\" }}, \
             least: {{ from: $.event.Amount, as: decimal(2) }} }}\n  - id: a\n    action: salesforce.query\n    with: {{ object: Contact, \
             fields: [Id], {query} }}\noutput: [$.a, $.made]\n"
        )
    };
    let hook = "{ event: asked, key: $.id }";
    let world = World::new();
    let queries = [
        "where: { rhai: \"\\\"Name = '\\\" + event.Name + \\\"'\\\"\" }",
        "where: { concat: [\"Name = '\", $.event.Name, \"'\"], with: \"\" }",
        "where: { text: \"Amount__c > {$.event.Amount}\" }",
        "where: $.made.cond",
        "where: $.event.cond",
        "order_by: $.event.order",
    ];
    let found = queries.iter().flat_map(|query| findings_on(&world, &lint(hook, query)));
    expect![[r#"
        9:73: warning[unescaped-query]: `$.event.Name` goes into `where` as it is, and a `'` in it changes what is asked
          help: ask by an id, or make the value in a `script` step that puts a backslash before each `'` and `\`
        9:74: warning[unescaped-query]: `$.event.Name` goes into `where` as it is, and a `'` in it changes what is asked
          help: ask by an id, or make the value in a `script` step that puts a backslash before each `'` and `\`
        9:73: warning[unescaped-query]: `$.event.Amount` goes into `where` as it is, and may be more than one value there
          help: make it a number or a date in a `map` step first, with `{ from: …, as: decimal(2) }`, and read that
        6:36: warning[unescaped-query]: `$.event.Name` goes into `where` as it is, and a `'` in it changes what is asked
          help: ask by an id, or make the value in a `script` step that puts a backslash before each `'` and `\`
        9:51: warning[unescaped-query]: whoever makes the event writes all of `where`, with `$.event.cond`
          help: write it here, and let the event choose between a few of them, with `switch` or `lookup`
        9:54: warning[unescaped-query]: whoever makes the event writes all of `order_by`, with `$.event.order`
          help: write it here, and let the event choose between a few of them, with `switch` or `lookup`
    "#]].assert_eq(&found.map(|finding| finding.text).collect::<String>());
    let queries = [
        "where: { text: \"Amount__c > {$.made.least}\" }",
        "where: { rhai: \"\\\"Id = '\\\" + event.accountId + \\\"'\\\"\" }",
        "where: \"Amount__c > 5\"",
        "order_by: Name",
    ];
    let found = queries.iter().flat_map(|query| findings_on(&world, &lint(hook, query)));
    expect![""].assert_eq(&found.map(|finding| finding.text).collect::<String>());
}
