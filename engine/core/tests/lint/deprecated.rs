//! What a connector says to leave, wherever it is used.

use expect_test::expect;

use crate::check;

/// A connector with something deprecated of each kind.
const CONNECTOR: &str = "\
# connectors/acme/connector.yaml
ferry: 1
connector: acme
title: Acme
environments: { live: { api: https://api.acme.example } }
connection:
  account: { example: a, doc: The account. }
  team: { example: a, optional: true, doc: The account., deprecated: \"write `account`\" }
budget: [ { limit: 60, per: 1m } ]
errors: [ { when: \"status == 404\", class: not_found } ]
actions:
  get: &get
    summary: Reads a payout.
    source: Acme API, version 2
    effect: read
    timeout: 10s
    request: { host: api, method: GET, path: /payout }
    success: \"status == 200\"
    result: $
    input:
      type: object
      properties:
        parts:
          type: array
          description: Parts of it.
          items:
            type: object
            properties:
              id: { type: string, description: Its name., example: P-1 }
              reference: { type: string, description: Its name., example: P-1, deprecated: \"write `id`\" }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: samples/get.json
";

#[test]
fn what_is_deprecated_is_found_at_its_place() {
    let (_, action) = CONNECTOR.split_once("  get: &get\n").unwrap();
    let connector = CONNECTOR.replace(" &get", "");
    let old = format!("  read:\n    deprecated: \"use `acme.get`, which reads parts\"\n{action}");
    let project = "# ferry.yaml\nferry: 1\nproject: p\nconnections:\n  acme: { connector: acme, environment: live, account: a, team: b }\n";
    let pipeline = "# one.yaml\nferry: 1\npipeline: one\ntrigger: manual\nsteps:\n  \
                    - { id: a, action: acme.get, with: { parts: [ { id: x }, { reference: y } ] } }\n  \
                    - { id: made, map: { parts: [ { reference: z } ] } }\n  \
                    - { id: b, action: acme.read, with: $.made, on_error: [ { class: not_found, fallback: { action: acme.read } } ] }\n\
                    output: [$.a, $.b]\n";
    check(
        &format!("{connector}{old}{project}{pipeline}"),
        expect![[r#"
        ferry.yaml:4:59: warning[deprecated]: `team` is deprecated
          help: write `account`
        one.yaml:5:62: warning[deprecated]: `reference` is deprecated
          help: write `id`
        one.yaml:6:35: warning[deprecated]: `reference` is deprecated
          help: write `id`
        one.yaml:7:22: warning[deprecated]: `acme.read` is deprecated
          help: use `acme.get`, which reads parts
        one.yaml:7:99: warning[deprecated]: `acme.read` is deprecated
          help: use `acme.get`, which reads parts
    "#]],
    );
}
