//! Whole runs of the engine with Payoneer's accounts, and all that Payoneer tells.

use std::{path::Path, time::Duration};

use ferry::{
    clock::pause,
    http::HttpClient,
    sandbox::{get, post},
    store::{Store as _, sqlite::SqliteStore},
};
use serde_json::{Value, json};

use super::MINUTE_MS;
use crate::{
    consents::connect,
    program::{ferry, outcome, sandbox, serve_folder},
    told::PROJECT,
};

const PATIENCE: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A project of its own with one connection, and pipelines.
fn project(folder: &Path, pipelines: &[(&str, String)]) -> std::path::PathBuf {
    let project = folder.join("project");
    std::fs::create_dir(&project).unwrap();
    let more = "alerts:\n  finance: log\n";
    std::fs::write(project.join("ferry.yaml"), format!("{PROJECT}{more}")).unwrap();
    for (name, text) in pipelines {
        std::fs::write(project.join(format!("{name}.yaml")), format!("ferry: 1\npipeline: {name}\n{text}")).unwrap();
    }
    project
}

const PAY: &str = "inputs: { reference: string }
trigger: manual
steps:
  - { id: listed, action: payoneer.account_balances }
  - id: quote
    action: payoneer.debit_quote
    with:
      client_reference_id: $.event.reference
      balance_id: \"$.listed.balances[0].id\"
      partner_id: \"100086190\"
      amount: { object: { amount: 50.00, currency: USD } }
      target_amount: true
      description: Invoice
  - id: pay
    action: payoneer.commit_payment
    with: { commit_id: $.quote.commit_id, client_reference_id: $.event.reference }
  - { id: paid, needs: [pay], action: payoneer.payment_status, with: { client_reference_id: $.event.reference } }
output: { value: $.paid.status }
on_failure: { alert: finance }
";

/// The engine asks Payoneer before it sends a payment again, and before its first one in a new store.
#[tokio::test]
async fn a_payment_whose_answer_is_lost_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let project = project(folder, &[("pay", PAY.to_owned())]);
    let sandbox = sandbox(folder, &["--requests", "1", "--speed", "500"]);
    let http = HttpClient::new().unwrap();
    let control = async |what: &str, body: Value| {
        post(&http, &format!("{}/_sandbox/{what}", sandbox.address), &body).await.unwrap()
    };
    let said = connect(folder, (&project, "payoneer"), &sandbox.address).await;
    assert!(said.contains("may act, account_id 4366181865108056"), "{said}");
    let rule = json!({ "fault": "cut_after", "system": "payoneer", "method": "PUT", "path": "/payments/", "times": 1 });
    control("faults", json!({ "rules": [rule] })).await;
    std::fs::write(folder.join("event.json"), r#"{"reference": "inv-7"}"#).unwrap();
    let mut run = ferry(folder);
    run.args([
        "run",
        "pay",
        "--key",
        "inv-7",
        "--event",
        "event.json",
        "--sandbox",
        &sandbox.address,
        "--store",
        "ferry.db",
    ]);
    let (code, stdout, stderr) = outcome(run.arg("--project").arg(&project));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let ledger = get(&http, &format!("{}/_sandbox/ledger", sandbox.address)).await.unwrap();
    let payment = &ledger["payoneer"]["payments"][0];
    assert_eq!((&payment["reference"], &payment["committed"]), (&json!("inv-7"), &json!(1)), "{ledger}");
    assert_eq!(ledger["payoneer"]["duplicates_refused"], 0, "nobody tried twice");
}

/// Waits until so many runs have finished.
async fn finished(folder: &Path, count: u64) {
    let store = SqliteStore::open_existing(&folder.join("ferry.db")).unwrap();
    for _ in 0..PATIENCE {
        if store.counts().await.unwrap().get("finished") == Some(&count) {
            return;
        }
        pause(LOOK_EVERY).await;
    }
    panic!("not {count}: {:?}", store.counts().await);
}

const SEEN: &str = "trigger:
  poll: { action: payoneer.transactions, every: 1m, cursor: { field: $.created_at, tie_break: $.id, lookback: 5m } }
  key: $.id
steps:
  - { id: seen, map: { amount: $.event.amount, currency: $.event.currency } }
output: { value: $.seen }
";

#[tokio::test]
async fn each_movement_of_an_account_is_an_event_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let project = project(folder, &[("seen", SEEN.to_owned())]);
    let sandbox = sandbox(folder, &["--requests", "1", "--speed", "200"]);
    let http = HttpClient::new().unwrap();
    let order =
        async |order: Value| post(&http, &format!("{}/_sandbox/payoneer", sandbox.address), &order).await.unwrap();
    connect(folder, (&project, "payoneer"), &sandbox.address).await;
    let _service = serve_folder(folder, &project, "ferry.db", &["--sandbox", &sandbox.address]);
    finished(folder, 120).await;
    order(json!({ "receive": { "amount": "12.50", "currency": "EUR", "from": "Example Store" } })).await;
    finished(folder, 121).await;
}

/// The sandbox tells each kind as Payoneer does, and the manifest knows what is what.
#[tokio::test]
async fn each_kind_of_webhook_is_believed_and_understood() {
    let kinds = [
        ("SentToBank", "payout_sent", "$.client_reference_id"),
        ("CancelPayout", "payout_cancelled", "$.client_reference_id"),
        ("AccountCardLoaded", "card_loaded", "$.client_reference_id"),
        ("PaymentRequestAccepted", "payment_request_accepted", "$.client_reference_id"),
        ("PayeeApproved", "payee_approved", "$.payee_id"),
        ("PayeeDeclined", "payee_declined", "$.payee_id"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = |(_, webhook, key): &(&str, &str, &str)| {
        format!(
            "trigger: {{ webhook: {{ from: payoneer.{webhook}, path: {webhook} }}, key: {key} }}\n\
             steps: [ {{ id: told, map: {{ payee: $.event.payee_id }} }} ]\noutput: {{ value: $.told }}\n"
        )
    };
    let pipelines: Vec<(&str, String)> = kinds.iter().map(|kind| (kind.1, text(kind))).collect();
    let project = project(folder, &pipelines);
    let sandbox = sandbox(folder, &["--requests", "20", "--speed", "60"]);
    let service = serve_folder(folder, &project, "ferry.db", &["--sandbox", &sandbox.address]);
    let http = HttpClient::new().unwrap();
    let control = async |what: &str, body: Value| {
        post(&http, &format!("{}/_sandbox/{what}", sandbox.address), &body).await.unwrap()
    };
    let urls = kinds.map(|(kind, webhook, _)| format!("{kind}={}{webhook}", service.hooks));
    control("webhooks", json!({ "urls": urls })).await;
    control("payoneer", json!({ "payout_method": { "payee": "P-2", "type": "PREPAID_CARD" } })).await;
    for (payee, approved) in [("P-3", true), ("P-4", false)] {
        control("payoneer", json!({ "register": { "payee": payee, "approved": approved } })).await;
    }
    let asked =
        json!({ "client_reference_id": "q-1", "payee_id": "P-1", "amount": 5, "currency": "USD", "description": "x" });
    let token = token(&sandbox.address).await;
    let send = async |path: &str, body: &Value| {
        let request = reqwest::Client::new().post(format!("{}/payoneer{path}", sandbox.address)).bearer_auth(&token);
        assert_eq!(request.body(body.to_string()).send().await.unwrap().status(), 201, "{path}");
    };
    send("/v2/payment-requests", &asked).await;
    let payout = |reference: &str, payee: &str, amount: &str| json!({ "client_reference_id": reference, "payee_id": payee, "amount": amount, "currency": "USD", "description": "x" });
    let payments = [payout("s-1", "P-1", "1.00"), payout("c-1", "P-2", "1.00")];
    send("/v4/programs/100086190/masspayouts", &json!({ "Payments": payments })).await;
    control("seed", json!({ "balance": "0.00" })).await;
    send("/v4/programs/100086190/masspayouts", &json!({ "Payments": [payout("n-1", "P-1", "1.00")] })).await;
    control("clock", json!({ "advance_ms": 121 * MINUTE_MS })).await;
    finished(folder, 6).await;
}

async fn token(sandbox: &str) -> String {
    let request = reqwest::Client::new().post(format!("{sandbox}/payoneer/api/v2/oauth2/token"));
    let request = request.basic_auth("sandbox-client", Some("sandbox-secret")).body("grant_type=client_credentials");
    let answer = request.send().await.unwrap().text().await.unwrap();
    serde_json::from_str::<Value>(&answer).unwrap()["access_token"].as_str().unwrap().to_owned()
}
