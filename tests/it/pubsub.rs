//! Change events of Salesforce, as a public client of gRPC gets them that knows nothing of us.

use std::process::Command;

use serde_json::{Value, json};

use crate::simple_salesforce::{client_python, own, salesforce_token};

#[tokio::test]
async fn a_public_client_is_told_of_changes_over_grpc() {
    let Some(python) = tokio::task::spawn_blocking(|| client_python("pubsub")).await.unwrap() else { return };
    let listen = Some(([127, 0, 0, 1], 0).into());
    let options = ferry_sandbox::Options { pubsub_listen: listen, speed: 100, ..ferry_sandbox::Options::default() };
    let sandbox = ferry_sandbox::start(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, sandbox.ca_pem().unwrap()).unwrap();
    let address = sandbox.pubsub_url().unwrap().replace("http://", "");
    let token = salesforce_token(&sandbox.url()).await;
    let mut command = Command::new(python);
    command.arg(own("pubsub").join("drive.py"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../connectors/proto/pubsub_api.proto"));
    command.args([address.as_str(), authority.to_str().unwrap(), &sandbox.url(), &token]);
    command
        .env_remove("HTTPS_PROXY")
        .env_remove("http_proxy")
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1");
    let done = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let seen: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        seen["changes"],
        json!({
            "created": ["CREATE", "Opportunity", true, "com/salesforce/api/rest/59.0;client=driver"],
            "created_fields": [1234.1, "Prospecting", 1_798_070_400_000_i64],
            "updated": ["UPDATE", ["Amount", "Campaign_Source__c", "LastModifiedDate"]],
            "only_what_changed": [99.95, null],
            "nulled": [["Campaign_Source__c", "LastModifiedDate"], ["Campaign_Source__c"]],
            "deleted": ["DELETE", null, 6],
            "after_the_second": [true]
        })
    );
    assert_eq!(
        seen["compounds"],
        json!({
            "name": { "FirstName": null, "LastName": "Compound" },
            "changed": ["Email", "LastModifiedDate", "Name.FirstName"],
            "count": 1,
            "gap": ["GAP_UPDATE", true, null]
        })
    );
    assert_eq!(
        seen["platform_events"],
        json!({
            "may_publish": [true, false, true],
            "published": ["mine", true],
            "told": ["R-1", 0.1, "R-2"],
            "again": ["R-2", true],
            "wrong": true
        })
    );
    let refused = |status: &str, code: &str| json!([status, format!("sfdc.platform.eventbus.grpc.{code}")]);
    let replay = "subscription.fetch.replayid.corrupted";
    assert_eq!(
        seen["refusals"],
        json!({
            "token": refused("UNAUTHENTICATED", "service.auth.error"),
            "tenant": refused("UNAUTHENTICATED", "service.auth.error"),
            "topic": "NOT_FOUND",
            "no_replay": refused("INVALID_ARGUMENT", "subscription.fetch.replayid.validation.failed"),
            "garbled": refused("INVALID_ARGUMENT", replay),
            "future": refused("INVALID_ARGUMENT", replay),
            "none_wanted": refused("INVALID_ARGUMENT", "subscription.fetch.requested.events.invalid"),
            "silence": [0, true],
            "cut": "UNAVAILABLE",
            "session": "UNAUTHENTICATED",
            "too_old": refused("INVALID_ARGUMENT", replay)
        })
    );
}
