//! Secrets that people would see, and addresses that lead to no partner.

use expect_test::expect;

use crate::{check, security::with_field};

/// A connector whose answer has an account number, and what is done with it.
fn with_account(steps: &str) -> String {
    format!(
        "\
# ferry.yaml
ferry: 1
project: p
connections: {{ bank: {{ connector: bank, environment: only }} }}
alerts: {{ desk: log }}
# connectors/bank/connector.yaml
ferry: 1
connector: bank
title: Bank
description: A bank.
environments: {{ only: {{ api: \"https://bank.example\" }} }}
budget: [ {{ limit: 10, per: 1m }} ]
errors: [ {{ when: \"status >= 400 && status < 500\", class: rejected }} ]
actions:
  read:
    summary: Reads.
    source: this test
    effect: read
    request: {{ host: api, method: GET, path: /x }}
    success: \"status == 200\"
    result: $
    input: {{ type: object, properties: {{}} }}
    output:
      type: object
      required: [iban, name]
      properties:
        iban: {{ type: string, sensitive: true, description: The account., example: NO93 }}
        name: {{ type: string, description: The name., example: Ana }}
    sample: samples/read.json
# a.yaml
ferry: 1
pipeline: a
trigger: {{ event: a.b, key: $.id }}
on_failure: {{ alert: desk }}
steps:
  - {{ id: account, action: bank.read }}
{steps}
"
    )
}

#[test]
fn a_secret_is_told_to_nobody() {
    check(
        &with_account("  - { id: told, alert: { to: desk, say: \"{$.account.name} has {$.account.iban}\" } }"),
        expect![[r#"
            a.yaml:7:64: error[leaked-secret]: `account.iban` is what its connector calls sensitive, and persons and the log get this text
              help: make a part of it in a `map` step, `{ from: $.account.iban, mask: last4 }`, and read that
        "#]],
    );
    check(
        &with_account(
            "  - { id: short, map: { iban: { from: $.account.iban, mask: last4 } } }\n  - { id: told, alert: { to: desk, say: \"{$.account.name} has {$.short.iban}\" } }",
        ),
        expect![""],
    );
    check(&with_account("  - { id: told, emit: { event: c.d, key: $.event.id, data: $.account } }"), expect![""]);
    check(
        &with_account(
            "output: { login: { token: $.event.Access_Token }, card: $.event.token, account: $.account.name }",
        ),
        expect![[r#"
            a.yaml:7:27: error[leaked-secret]: `event.Access_Token` is a secret, and this leaves the run
              help: leave it out, or name what it belongs to, such as the id of the account
        "#]],
    );
}

#[test]
fn an_address_leads_to_a_partner() {
    check(
        &with_field("https://10.1.2.3/v1"),
        expect![[r#"
            7:17: warning[private-host]: `10.1.2.3` is a host of a private network, which is not there from everywhere
              help: write the system's public address; where it is meant, say so with `# ferry: allow(private-host) our own ERP`
        "#]],
    );
    check(
        &with_field("https://169.254.169.254/latest"),
        expect![[r#"
            7:17: error[private-host]: `169.254.169.254` is no host of a partner: a cloud gives out the keys of a machine there
              help: write the system's own address
        "#]],
    );
    check(&with_field("https://10.1.2.3/v1 # ferry: allow(private-host) our ERP"), expect![""]);
    for address in ["https://172.32.0.1", "https://localhost:8443", "\"https://[::1]\"", "10.1.2.3"] {
        check(&with_field(address), expect![""]);
    }
}
