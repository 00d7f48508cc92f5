//! No card number and no account number gets into a pipeline by a shipped action: none of them takes one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use ferry_connectors::library::Library;
use ferry_contract::{schema::Schema, script::NoWatch};
use serde_json::json;

/// Fields of PayTrace that have the thing itself.
const RAW: [&str; 8] =
    ["number", "card_number", "credit_card", "csc", "account_number", "routing_number", "check", "swipe"];

fn names(schema: &Schema, found: &mut Vec<String>) {
    for (name, inner) in &schema.properties {
        found.push(name.clone());
        names(inner, found);
    }
    schema.items.iter().for_each(|items| names(items, found));
}

#[test]
fn paytrace_takes_tokens_and_what_is_encrypted_and_nothing_else() {
    let (library, _) = Library::load(&[], Arc::new(NoWatch));
    let connector = &library.manifests["paytrace"].connector;
    assert!(connector.actions.len() > 25);
    for (name, action) in &connector.actions {
        let mut known = Vec::new();
        names(&action.input, &mut known);
        let raw: Vec<_> = known.iter().filter(|name| RAW.contains(&name.as_str())).collect();
        assert!(raw.is_empty(), "{name} takes {raw:?}");
        // What has no fields sends nothing of its input.
        for field in RAW.into_iter().filter(|_| !action.input.properties.is_empty()) {
            let input = json!({ field: { "number": "4012000098765439" } });
            let violations = action.input.violations(&input).join("; ");
            assert!(violations.contains(field), "{name} takes `{field}`: {violations}");
        }
    }
    for hidden in ["encrypted_number", "encrypted_csc", "hpf_token", "enc_key"] {
        let field = connector.actions["sale"].input.property(hidden);
        assert!(field.is_some_and(|field| field.sensitive), "{hidden} is hidden");
    }
}
