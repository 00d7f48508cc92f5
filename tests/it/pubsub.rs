//! Change events of Salesforce: as a public client of gRPC gets them that knows nothing of us, and as pipelines do.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use ferry::{
    clock::pause,
    store::{Filter, Store as _, sqlite::SqliteStore},
};
use ferry_core::run::Entry;
use serde_json::{Value, json};

use crate::{
    program::serve_folder,
    simple_salesforce::{client_python, own, salesforce_token},
};

const PROJECT: &str = "\
ferry: 1
project: sales
connections:
  sf: { connector: salesforce, environment: sandbox, my_domain: acme, client_id: a, client_secret: \"${env:NONE:-b}\" }
alerts: { ops: log }
";

/// Each change is noted in the record, which is a change of our own.
const PIPELINE: &str = "\
ferry: 1
pipeline: stages
trigger:
  poll:
    action: sf.change_events
    with: { topic: /data/OpportunityChangeEvent, wait_s: 2, max: 3, skip_origin: ferry }
    every: 2s
    cursor: { token: $.replay_id, into: replay_id }
  key: $.id
steps:
  - id: note
    action: sf.update
    with: { object: Opportunity, id: \"$.event.record_ids[0]\", values: { Campaign_Source__c: $.event.id } }
on_failure: { alert: ops }
";

/// Changes records over REST as somebody else, and gives orders to the sandbox.
struct Org {
    sandbox: ferry_sandbox::Sandbox,
    http: reqwest::Client,
    token: String,
}

impl Org {
    async fn open() -> Self {
        let pubsub_listen = Some(([127, 0, 0, 1], 0).into());
        let options = ferry_sandbox::Options { pubsub_listen, ..ferry_sandbox::Options::default() };
        let sandbox = ferry_sandbox::start(options).await.unwrap();
        let token = salesforce_token(&sandbox.url()).await;
        Self { sandbox, http: reqwest::Client::new(), token }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.sandbox.url())).bearer_auth(&self.token);
        let response = request.body(body.to_string()).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default()
    }

    /// A new sale; its id.
    async fn sale(&self, name: &str) -> String {
        let body = json!({ "Name": name, "StageName": "Prospecting", "CloseDate": "2026-12-24", "Amount": 1234.1 });
        let made = self.send("POST", "/salesforce/services/data/v59.0/sobjects/Opportunity", body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    async fn order(&self, order: Value) -> Value {
        self.send("POST", "/_sandbox/salesforce", order).await
    }
}

/// How often each of the events has begun a run, and what was read of them.
async fn noted(store: &SqliteStore) -> BTreeMap<String, Vec<Value>> {
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in store.runs(&Filter { limit: 99, ..Filter::default() }).await.unwrap() {
        let stored = store.run(&row.run).await.unwrap().unwrap();
        let event = stored.journal.iter().find_map(|(_, entry)| match entry {
            Entry::Started { event, .. } => Some(event.clone()),
            _ => None,
        });
        let event = event.unwrap();
        assert_eq!((row.state.as_str(), &event["entity"]), ("finished", &json!("Opportunity")), "{event}");
        events.entry(event["id"].as_str().unwrap().to_owned()).or_default().push(event);
    }
    events
}

/// Waits until so many events have each had a run that has ended.
async fn wait_for(folder: &Path, count: usize) -> BTreeMap<String, Vec<Value>> {
    for _ in 0..300 {
        let store = SqliteStore::open(&folder.join("ferry.db")).unwrap();
        let rows = store.runs(&Filter { limit: 99, ..Filter::default() }).await.unwrap();
        if rows.len() >= count && rows.iter().all(|row| row.state.as_str() == "finished") {
            return noted(&store).await;
        }
        pause(Duration::from_millis(100)).await;
    }
    panic!("there were never {count} runs that have ended")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_is_one_run_through_restarts_cuts_and_duplicates() {
    let org = Org::open().await;
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("sales");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("ferry.yaml"), PROJECT).unwrap();
    std::fs::write(project.join("stages.yaml"), PIPELINE).unwrap();
    let url = org.sandbox.url();
    let serve = || serve_folder(folder.path(), &project, "ferry.db", &["--sandbox", &url]);

    let first = org.sale("first").await;
    let mut service = serve();
    let events = wait_for(folder.path(), 1).await;
    let event = &events.values().next().unwrap()[0];
    assert_eq!((&event["change_type"], &event["record_ids"]), (&json!("CREATE"), &json!([first])));
    assert_eq!(event["fields"]["Amount"].to_string(), "1234.1");

    // What happens while nothing runs is read afterwards; what is told twice is one run all the same.
    service.child.kill().unwrap();
    service.child.wait().unwrap();
    for name in ["a", "b", "c", "d"] {
        org.sale(name).await;
    }
    org.order(json!({ "again": { "topic": "/data/OpportunityChangeEvent", "count": 3 } })).await;
    let _service = serve();
    wait_for(folder.path(), 5).await;
    for name in ["e", "f"] {
        org.order(json!({ "streams": "cut" })).await;
        org.sale(name).await;
    }
    org.order(json!({ "gap": { "id": first } })).await;
    // Sessions end, and a token that is refused is renewed.
    org.order(json!({ "sessions": "end" })).await;
    let events = wait_for(folder.path(), 8).await;
    // What ferry has changed itself is left out, so it never ends in a circle.
    pause(Duration::from_secs(4)).await;
    assert_eq!(wait_for(folder.path(), 8).await.len(), 8, "{events:#?}");
    let all = org.order(json!({ "events": { "topic": "/data/OpportunityChangeEvent" } })).await;
    let ours = all.as_array().unwrap().iter().filter(|event| {
        event["header"]["changeOrigin"].as_str().is_some_and(|origin| origin.ends_with("client=ferry"))
    });
    assert_eq!(ours.count(), 8, "each run has noted its event once");
    let gap = events.values().flatten().find(|event| event["is_gap"] == true).unwrap();
    assert_eq!((&gap["record_ids"], &gap["fields"]), (&json!([first]), &json!({})));
}

#[tokio::test]
async fn a_public_client_is_told_of_changes_over_grpc() {
    let Some(python) = client_python("pubsub").await else { return };
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
