//! The manifest of a target: what a repeat of its payment does, and what it reads.

/// The beginning that all kinds have.
const MANIFEST: &str = r#"
ferry: 1
connector: target
title: Target
environments: { only: { api: "https://target" } }
errors:
  - { when: "status == 429", class: throttled }
  - { when: "status == 404", class: not_found }
  - { when: "status == 409", class: conflict }
  - { when: "status == 402", class: insufficient_funds }
  - { when: "status == 422", class: declined }
  - { when: "status >= 400 && status < 500", class: rejected }
actions:
  list:
    summary: Lists events.
    source: the simulation
    effect: read
    request: { host: api, method: GET, path: /events }
    success: "status == 200"
    result: $
    poll: { items: $.events }
    input: { type: object, additionalProperties: true, properties: {} }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: none
  balance:
    summary: Tells what there is.
    source: the simulation
    effect: read
    request: { host: api, method: GET, path: /balance }
    success: "status == 200"
    result: $
    input: { type: object, additionalProperties: true, properties: {} }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: none
  find:
    summary: Finds a payment.
    source: the simulation
    effect: read
    request: { host: api, method: GET, path: "/payments/{$.id}" }
    success: "status == 200"
    result: $
    input: &input
"#;

/// What a repeat does at the target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Keyed,
    Upsert,
    Lookup,
    Never,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Keyed, Self::Upsert, Self::Lookup, Self::Never];

    /// The `effect` of the action `pay`.
    fn effect(self) -> &'static str {
        match self {
            Self::Keyed => "{ write: { repeat: keyed, header: Idempotency-Key, remembers: 5m } }",
            Self::Upsert => "{ write: { repeat: upsert } }",
            Self::Lookup => {
                "{ write: { repeat: lookup, by: { action: find, with: { id: $.id } }, found: { amount: $.amount }, \
                 absence: { class: not_found, proves: true, visible_after: 10m } } }"
            }
            Self::Never => "{ write: { repeat: never } }",
        }
    }

    /// The manifest of a target whose `pay` is of this kind.
    pub(super) fn manifest(self) -> String {
        let (head, _) = MANIFEST.split_once("    input: &input").expect("the marker");
        let schema = r#"{ type: object, additionalProperties: true, properties: {} }"#;
        let bundle = match self {
            Self::Lookup => {
                "    bundle:\n      max: 10\n      within: 1s\n      items: $.payments\n      atomic: true\n      \
                 refused: { errors: $.errors, index: $.index, message: $.message, code: $.code }\n"
            }
            Self::Keyed | Self::Upsert | Self::Never => "",
        };
        format!(
            "{head}    input: {schema}\n    output: {schema}\n    sample: none\n  pay:\n    summary: Pays.\n    source: the simulation\n    \
             effect: {}\n{bundle}    request: {{ host: api, method: POST, path: /payments, body: {{ payments: [$] }} }}\n    \
             success: \"status == 201\"\n    result: {{}}\n    input: {schema}\n    output: {schema}\n    sample: none\n  note:\n    \
             summary: Notes.\n    source: the simulation\n    effect: {{ write: {{ repeat: upsert }} }}\n    \
             request: {{ host: api, method: PUT, path: /notes, body: $ }}\n    success: \"status == 201\"\n    result: {{}}\n    \
             input: {schema}\n    output: {schema}\n    sample: none\n",
            self.effect()
        )
    }
}
