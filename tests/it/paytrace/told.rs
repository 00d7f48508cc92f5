//! What PayTrace's profile of the customer's brief tells by itself: each thing is one run, however often it comes.

use std::{path::Path, sync::Arc, time::Duration};

use ferry::{clock::pause, http::HttpClient, sandbox::post};
use ferry_contract::number;
use serde_json::{Value, json};

use crate::{
    program::{ferry, sandbox, serve_folder},
    shipped,
    told::until,
};

const PATIENCE: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(50);

const PROJECT: &str = "ferry: 1
project: told
connections:
  paytrace:
    connector: paytrace
    environment: sandbox
    profile: seed
    username: ${env:NOBODY:-a}
    password: ${env:NOBODY:-b}
    integrator_id: ${env:NOBODY:-c}
    time_zone: America/New_York
    webhook_secret: ${env:NOBODY:-d}
";

/// Each webhook, and what its pipeline makes of it.
const TOLD: [(&str, &str); 3] = [
    ("payment_failed", "{ invoice: $.event.invoice_id, amount: $.event.amount, why: $.event.response_code }"),
    ("settlement_completed", "{ net: $.event.net, count: $.event.count }"),
    ("chargeback_opened", "{ invoice: $.event.invoice_id, amount: $.event.amount, why: $.event.reason }"),
];

/// What the runs of a pipeline have given, once they are over and one of them has given this.
async fn outputs(folder: &Path, pipeline: &str, (field, value): (&str, Value)) -> Vec<Value> {
    let printed = |args: &[&str]| {
        let printed = ferry(folder).args(args).args(["--store", "ferry.db", "--format", "json"]).output().unwrap();
        serde_json::from_slice::<Value>(&printed.stdout).unwrap()
    };
    let mut given = Vec::new();
    for _ in 0..PATIENCE {
        let listed = printed(&["runs", "list", "--pipeline", pipeline])["runs"].take();
        let keys: Vec<String> =
            listed.as_array().unwrap().iter().map(|run| run["event_key"].as_str().unwrap().to_owned()).collect();
        let output = |key: &String| {
            let shown = printed(&["runs", "show", key]);
            let last = shown["journal"].as_array().and_then(|journal| journal.last());
            last.map_or(Value::Null, |last| last["entry"]["finished"]["output"]["value"].clone())
        };
        given = keys.iter().map(output).collect();
        if given.iter().all(Value::is_object) && given.iter().any(|given| number::equal(&given[field], &value)) {
            break;
        }
        pause(LOOK_EVERY).await;
    }
    given.retain(|given| number::equal(&given[field], &value));
    given
}

#[tokio::test]
async fn paytraces_word_is_one_run_however_often_it_comes_and_a_forgery_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let project = folder.join("told");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("ferry.yaml"), PROJECT).unwrap();
    for (webhook, map) in TOLD {
        let text = format!(
            "ferry: 1\npipeline: {webhook}\ntrigger: {{ webhook: {{ from: paytrace.{webhook}, path: {webhook} }}, key: $.id }}\n\
             steps: [ {{ id: told, map: {map} }} ]\noutput: {{ value: $.told }}\n"
        );
        std::fs::write(project.join(format!("{webhook}.yaml")), text).unwrap();
    }
    let sandbox = sandbox(folder, &["--requests", "1", "--speed", "60"]);
    let service = serve_folder(folder, &project, "ferry.db", &["--sandbox", &sandbox.address]);
    let http = Arc::new(HttpClient::new().unwrap());
    let control = async |what: &str, body: Value| {
        post(&*http, &format!("{}/_sandbox/{what}", sandbox.address), &body).await.unwrap()
    };
    let urls = TOLD.map(|(webhook, _)| format!("{webhook}={}{webhook}", service.hooks));
    control("webhooks", json!({ "urls": urls })).await;
    let fields = ["username", "password", "integrator_id", "time_zone"];
    let paytrace = shipped::opened((&sandbox.address, &http), ("paytrace", Some("seed")), &fields).await;
    let sale = async |customer: &str, invoice: &str| {
        let amount = json!({ "customer_id": customer, "amount": 12.5, "invoice_id": invoice });
        shipped::call(&paytrace, "sale", amount).await
    };
    let settled = shipped::call(&paytrace, "find_by_invoice", json!({ "invoice_id": "SEED-1" })).await.unwrap();
    let transaction: u64 = settled["transaction_id"].as_str().unwrap().parse().unwrap();
    let chargeback = |reason: &str| json!({ "chargeback": { "transaction_id": transaction, "reason": reason } });

    // Twice at once; what somebody has kept and sends again later; and what nobody has sent who knows the secret.
    control("faults", json!({ "webhooks": [{ "fault": "duplicate" }] })).await;
    sale("C-DECLINED", "I-1").await.unwrap_err();
    until(&sandbox.address, ("kind", "payment_failed"), [2, 0]).await;
    control("faults", json!({ "webhooks": [{ "fault": "replayed", "by_ms": 600_000 }] })).await;
    sale("C-1", "I-2").await.unwrap();
    control("paytrace", json!({ "settle": true })).await;
    until(&sandbox.address, ("kind", "settlement_completed"), [1, 1]).await;
    control("faults", json!({ "webhooks": [{ "fault": "badly_signed" }] })).await;
    control("paytrace", chargeback("forged")).await;
    until(&sandbox.address, ("kind", "chargeback_opened"), [0, 1]).await;
    control("faults", json!({ "webhooks": [{ "fault": "duplicate" }] })).await;
    control("paytrace", chargeback("again")).await;
    until(&sandbox.address, ("kind", "chargeback_opened"), [2, 0]).await;

    // Others may have been told of as well: the sandbox has customers who are charged by themselves.
    for (pipeline, (field, value), expected) in [
        ("payment_failed", ("invoice", json!("I-1")), json!({ "invoice": "I-1", "amount": 12.5, "why": 102 })),
        ("settlement_completed", ("net", json!(12.5)), json!({ "net": 12.5, "count": 1 })),
        (
            "chargeback_opened",
            ("why", json!("again")),
            json!({ "invoice": "SEED-1", "amount": settled["amount"], "why": "again" }),
        ),
        (
            "chargeback_opened",
            ("invoice", json!("SEED-1")),
            json!({ "invoice": "SEED-1", "amount": settled["amount"], "why": "again" }),
        ),
    ] {
        let given = outputs(folder, pipeline, (field, value)).await;
        assert!(given.len() == 1 && number::equal(&given[0], &expected), "{pipeline}: {given:?}");
    }
}
