//! The connector of Salesforce against the sandbox's: what each call gets, alone and with others in one request.

use std::{sync::Arc, time::Duration};

use ferry::{http::HttpClient, sandbox::SandboxInfo};
use ferry_connectors::connection::Connection;
use ferry_contract::port::{Boxed, Clock, FreePass};
use ferry_sandbox::Sandbox;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::shipped;

/// The clock of a sandbox that stands still.
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn sleep(&self, _: Duration) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

async fn opened() -> (Sandbox, Connection) {
    let options = ferry_sandbox::Options { speed: 0, ..ferry_sandbox::Options::default() };
    let sandbox = ferry_sandbox::start(options).await.unwrap();
    let http = Arc::new(HttpClient::new().unwrap());
    let known = SandboxInfo::ask(&sandbox.url(), &*http).await.unwrap();
    let (now, _) = known.clock(&*http).await.unwrap();
    let fields = [("my_domain", Some("acme")), ("client_id", None), ("client_secret", None)];
    let clock = Arc::new(Still(now));
    let connection = shipped::opened_by((&sandbox.url(), &http), clock, ("salesforce", None), &fields).await;
    (sandbox, connection)
}

/// Sends calls as one request, and says of each what it got, ids left out.
async fn got(connection: &Connection, action: &str, inputs: &[Value]) -> Vec<String> {
    results(connection, action, inputs)
        .await
        .into_iter()
        .map(|result| result.map_or_else(|text| text, |_| "ok".to_owned()))
        .collect()
}

async fn results(connection: &Connection, action: &str, inputs: &[Value]) -> Vec<Result<Value, String>> {
    let prepared: Vec<_> = inputs.iter().map(|input| connection.prepare(action, input).unwrap()).collect();
    let calls: Vec<_> = prepared.iter().collect();
    let results = connection.send(&FreePass, action, &calls).await;
    results.into_iter().map(|result| result.map_err(|failure| format!("{failure}"))).collect()
}

async fn order(sandbox: &Sandbox, order: Value) -> Value {
    let request = reqwest::Client::new().post(format!("{}/_sandbox/salesforce", sandbox.url())).body(order.to_string());
    let text = request.send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn calls_of_many_runs_travel_together_and_each_gets_its_own_result() {
    let (sandbox, crm) = opened().await;
    let payment = |key: &str, amount: Value| json!({ "object": "Payment__c", "external_id": { "Payment_ID__c": key }, "values": { "Amount__c": amount } });
    let calls = [payment("1", json!("1.10")), payment("2", json!("x")), payment("3", json!(3)), payment("3", json!(4))];
    assert_eq!(
        got(&crm, "upsert_many", &calls).await,
        [
            "ok",
            "rejected: Salesforce answered 200: Amount__c: cannot deserialize instance of double from \"x\"",
            "unavailable: Salesforce answered 200: Duplicate external id specified: 3",
            "unavailable: Salesforce answered 200: Duplicate external id specified: 3",
        ]
    );
    let again = results(&crm, "upsert_many", &[payment("1", json!("1.20")), payment("3", json!(4))]).await;
    let again: Vec<Value> = again.into_iter().map(Result::unwrap).collect();
    assert_eq!((&again[0]["created"], &again[1]["created"]), (&json!(false), &json!(true)));

    let account = |name: &str| json!({ "object": "Account", "values": { "Name": name } });
    order(&sandbox, json!({ "lock": { "object": "Account", "times": 1, "in_trigger": true } })).await;
    let made = results(&crm, "create_many", &[account("One"), account("Two")]).await;
    assert!(
        made[0].as_ref().is_err_and(|text| text.starts_with("unavailable: Salesforce answered 200: AccountTrigger"))
    );
    let id = made[1].as_ref().unwrap()["id"].clone();
    let named = |id: &Value, name: &str| json!({ "object": "Account", "id": id, "values": { "Name": name } });
    let gone = |id: &Value| json!({ "object": "Account", "id": id });
    let none = json!("0015e00000zzzzzAAA");
    let changed = got(&crm, "update_many", &[named(&id, "Three"), named(&none, "None")]).await;
    assert_eq!(changed, ["ok", "not_found: Salesforce answered 200: invalid cross reference id"]);
    let deleted = got(&crm, "delete_many", &[gone(&id), gone(&again[0]["id"])]).await;
    assert_eq!(deleted[0], "ok");
    assert!(deleted[1].starts_with("rejected: Salesforce answered 200: malformed id"), "{}", deleted[1]);
    assert_eq!(got(&crm, "delete_many", &[gone(&id)]).await, ["ok"], "a repeat of a delete is none");
    assert_eq!(got(&crm, "delete", &[json!({ "id": id })]).await, ["ok"]);
    let found = json!({ "object": "Account", "fields": ["Name"], "where": "IsDeleted = true" });
    let found = results(&crm, "query_all", &[found]).await.remove(0).unwrap();
    assert_eq!(found["records"][0]["Name"], "Three");

    let told = order(&sandbox, json!({ "events": { "topic": "/data/ChangeEvents" } })).await;
    let is_ours = |one: &Value| one["header"]["changeOrigin"].as_str().unwrap().ends_with("client=ferry");
    let told = told.as_array().unwrap();
    assert!(told.len() >= 6 && told.iter().all(is_ours), "{told:?}");
}

#[tokio::test]
async fn a_composite_is_done_whole_or_not_at_all() {
    let (sandbox, crm) = opened().await;
    let sent = |amount: Value| {
        json!({ "requests": [
            { "method": "PATCH", "path": "sobjects/Account/Customer_Vault_ID__c/V-9", "reference": "account", "body": { "Name": "Nine" } },
            { "method": "PATCH", "path": "sobjects/Payment__c/Payment_ID__c/P-9", "reference": "payment", "body": { "Amount__c": amount, "Account__c": "@{account.id}" } },
        ] })
    };
    order(
        &sandbox,
        json!({ "validation": { "object": "Payment__c", "field": "Amount__c", "above": 100, "message": "too much" } }),
    )
    .await;
    assert!(got(&crm, "composite", &[sent(json!(101))]).await[0].starts_with("rejected: "));
    let nine = json!({ "object": "Account", "fields": ["Id"], "where": "Name = 'Nine'" });
    let count = async || {
        results(&crm, "query", std::slice::from_ref(&nine)).await.remove(0).unwrap()["records"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count().await, 0);
    order(&sandbox, json!({ "lock": { "object": "Payment__c", "times": 1 } })).await;
    assert!(got(&crm, "composite", &[sent(json!(99))]).await[0].starts_with("throttled: "));
    assert_eq!(got(&crm, "composite", &[sent(json!(99))]).await, ["ok"]);
    assert_eq!(got(&crm, "composite", &[sent(json!(99))]).await, ["ok"], "a repeat changes nothing");
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn what_is_told_of_the_org_is_read() {
    let (sandbox, crm) = opened().await;
    let span = json!({ "object": "Account", "start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z" });
    let updated = results(&crm, "updated", std::slice::from_ref(&span)).await.remove(0).unwrap();
    assert_eq!(updated["ids"].as_array().map(Vec::len), Some(5));
    let id = updated["ids"][0].clone();
    assert_eq!(got(&crm, "delete", &[json!({ "id": id })]).await, ["ok"]);
    let deleted = results(&crm, "deleted", &[span]).await.remove(0).unwrap();
    assert_eq!(deleted["records"][0]["id"], id);
    let limits = results(&crm, "limits", &[json!({})]).await.remove(0).unwrap();
    assert!(limits["calls_left"].as_u64() < limits["calls_max"].as_u64());
    let event = json!({ "event": "Payout_Status__e", "values": { "Reference__c": "R-1" } });
    assert_eq!(got(&crm, "publish_event", &[event]).await, ["ok"]);
    order(&sandbox, json!({ "sessions": "end" })).await;
    assert_eq!(got(&crm, "limits", &[json!({})]).await, ["ok"], "it logs in again");
    order(&sandbox, json!({ "api_calls": { "max": 1 } })).await;
    let refused = got(&crm, "limits", &[json!({})]).await;
    assert_eq!(refused, ["throttled: Salesforce answered 403: TotalRequests Limit exceeded."]);
}
