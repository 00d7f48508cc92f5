//! Webhooks, as whoever is told of payouts receives them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use sha2::Sha256;

use super::client::{Client, payment};
use super::{MINUTE_MS, PROGRAM};

const SECRET: &str = "geheim";
/// Every payout has ended by then.
const ENDED_MS: u64 = 41 * MINUTE_MS;

/// Whoever is told: verifies signatures, and answers what it is told to at first.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    bodies: Vec<Value>,
    forged: usize,
    nonces: BTreeSet<String>,
    answers: Vec<StatusCode>,
}

async fn take(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut received = receiver.0.lock().expect("nobody panics");
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let authorization = text("authorization");
    let parts: Vec<&str> = authorization.trim_start_matches("hmacauth ").split(':').collect();
    let [app, signature, nonce, time] = parts.as_slice() else { panic!("`{authorization}` is no signature") };
    let url = format!("http%3a%2f%2f{}{}", text("host").replace(':', "%3a"), uri.path().replace('/', "%2f"));
    let digest = BASE64_STANDARD.encode(Md5::digest(&body));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key may have any length");
    mac.update(format!("{app}POST{url}{time}{nonce}{digest}").as_bytes());
    if BASE64_STANDARD.encode(mac.finalize().into_bytes()) != *signature {
        received.forged += 1;
        return StatusCode::UNAUTHORIZED;
    }
    received.nonces.insert((*nonce).to_owned());
    if let Some(answer) = received.answers.pop() {
        return answer;
    }
    received.bodies.push(serde_json::from_slice(&body).expect("the body is JSON"));
    StatusCode::ACCEPTED
}

impl Receiver {
    /// Listens, and is told by a sandbox with these faults, where nobody answers at the first URL.
    async fn told_by(client: &Client, faults: &Value) -> Self {
        let receiver = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port is there");
        let url = format!("http://{}/hooks/payout-status", listener.local_addr().expect("it listens"));
        let app = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let target = json!({ "urls": ["http://127.0.0.1:1/", url], "secret": SECRET });
        let (code, body) = client.send("POST", "/_sandbox/webhooks", &target.to_string()).await;
        assert_eq!((code, body["secret"].is_null()), (200, true), "{body}");
        client.faults(&json!({ "webhooks": faults }).to_string()).await;
        receiver
    }

    fn bodies(&self) -> Vec<Value> {
        self.0.lock().expect("nobody panics").bodies.clone()
    }

    fn references(&self) -> Vec<String> {
        self.bodies().iter().map(|body| body["IntPaymentId"].as_str().expect("it is a text").to_owned()).collect()
    }

    fn forged(&self) -> usize {
        self.0.lock().expect("nobody panics").forged
    }
}

async fn pay(client: &Client, reference: &str, amount: &str) {
    let payments = format!(r#"{{"Payments":[{}]}}"#, payment(reference, "P-1", amount));
    assert_eq!(client.send("POST", &format!("{PROGRAM}/masspayouts"), &payments).await.0, 201);
}

/// Asks until so many deliveries were accepted, refused, given up and are to come; the asking takes the time.
async fn until(client: &Client, expected: [u64; 4]) -> Value {
    for _ in 0..20_000 {
        let (_, ledger) = client.get("/_sandbox/ledger").await;
        let deliveries = &ledger["webhooks"]["deliveries"];
        if ["accepted", "refused", "given_up", "to_come"].map(|name| deliveries[name].as_u64()) == expected.map(Some) {
            return ledger["webhooks"].clone();
        }
    }
    panic!("not {expected:?}: {}", client.get("/_sandbox/ledger").await.1["webhooks"]);
}

#[tokio::test]
async fn whoever_asked_is_told_how_each_payout_ended() {
    let client = Client::payoneer().await;
    client.send("POST", "/_sandbox/seed", r#"{"balance":"10.00"}"#).await;
    let receiver = Receiver::told_by(&client, &json!([])).await;
    pay(&client, "ref-1", "5.10").await;
    pay(&client, "ref-2", "5.00").await;
    client.advance(ENDED_MS).await;
    let totals = until(&client, [2, 0, 0, 0]).await;
    assert_eq!((&totals["sent"], &totals["accepted"]), (&json!(2), &json!(2)));
    let mut bodies = receiver.bodies();
    bodies.sort_by_key(|body| body["IntPaymentId"].to_string());
    let when = bodies[0]["Transaction Date"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    assert!(when.is_some(), "{bodies:?}");
    bodies[0]["Transaction Date"] = json!("");
    let paid = json!({"Payee Id": "P-1", "Amount": "5.10", "IntPaymentId": "ref-1", "Currency": "USD", "Transaction Date": ""});
    assert_eq!(bodies[0], paid);
    let when = bodies[1]["Canceled Payment Date"].as_str().expect("it is a text").to_owned();
    assert_eq!(when.matches("%3a").count(), 2, "{when}");
    bodies[1]["Canceled Payment Date"] = json!("");
    let cancelled = json!({
        "Payee Id": "P-1", "IntPaymentId": "ref-2", "Reason Code": "40001", "Reason Description": "Insufficient+funds",
        "Payment Amount": "5.00", "Canceled Payment Date": "",
    });
    assert_eq!(bodies[1], cancelled);
}

#[tokio::test]
async fn a_webhook_that_nobody_takes_is_sent_again_but_not_for_ever() {
    let client = Client::payoneer().await;
    let receiver = Receiver::told_by(&client, &json!([])).await;
    receiver.0.lock().expect("nobody panics").answers = vec![StatusCode::SERVICE_UNAVAILABLE; 14];
    pay(&client, "ref-1", "5.00").await;
    client.advance(ENDED_MS).await;
    until_tries(&client, 1).await;
    for tries in 2..=12 {
        client.advance(30 * MINUTE_MS).await;
        until_tries(&client, tries).await;
    }
    until(&client, [0, 0, 1, 0]).await;
    pay(&client.renewed().await, "ref-2", "5.00").await;
    client.advance(ENDED_MS).await;
    until_tries(&client, 1).await;
    client.advance(MINUTE_MS / 2).await;
    until_tries(&client, 2).await;
    client.advance(MINUTE_MS).await;
    until(&client, [1, 0, 1, 0]).await;
    assert_eq!(receiver.references(), ["ref-2"]);
}

/// Asks until the last webhook was tried so often.
async fn until_tries(client: &Client, tries: u64) {
    for _ in 0..20_000 {
        let (_, told) = client.get("/_sandbox/webhooks").await;
        if told["list"].as_array().and_then(|list| list.last()).is_some_and(|last| last["tries"] == tries) {
            return;
        }
    }
    panic!("not {tries}: {}", client.get("/_sandbox/webhooks").await.1);
}

#[tokio::test]
async fn webhooks_go_wrong_as_their_rules_say() {
    // The fault; what is accepted, refused, given up and to come at first, and hours later; who is told of.
    let cases = [
        ("duplicate", [3, 0, 0, 0], [3, 0, 0, 0], "one one two"),
        ("late", [1, 0, 0, 1], [2, 0, 0, 0], "two one"),
        ("reordered", [2, 0, 0, 0], [2, 0, 0, 0], "two one"),
        ("lost", [1, 0, 0, 0], [1, 0, 0, 0], "two"),
        ("badly_signed", [1, 1, 0, 0], [1, 1, 0, 0], "two"),
        ("stale", [2, 0, 0, 1], [3, 0, 0, 0], "one two one"),
    ];
    for (fault, first, later, told) in cases {
        let client = Client::payoneer().await;
        let by_ms = 3 * 60 * MINUTE_MS;
        let rule = json!({ "fault": fault, "times": 1, "by_ms": by_ms });
        let receiver = Receiver::told_by(&client, &json!([rule])).await;
        pay(&client, "one", "5.00").await;
        client.advance(ENDED_MS).await;
        let (_, told_of) = client.get("/_sandbox/webhooks").await;
        assert_eq!(told_of["list"][0]["fault"], fault);
        // A delivery that is on its way is not yet overtaken.
        let before = match fault {
            "duplicate" => [2, 0, 0, 0],
            "late" | "reordered" => [0, 0, 0, 1],
            "lost" => [0, 0, 0, 0],
            "badly_signed" => [0, 1, 0, 0],
            _ => [1, 0, 0, 1],
        };
        until(&client, before).await;
        let client = client.renewed().await;
        pay(&client, "two", "5.00").await;
        client.advance(ENDED_MS).await;
        let totals = until(&client, first).await;
        assert_eq!(totals["by_fault"][fault], 1, "{fault}");
        client.advance(by_ms).await;
        until(&client, later).await;
        assert_eq!(receiver.references().join(" "), told, "{fault}");
        assert_eq!(receiver.forged(), usize::from(fault == "badly_signed"), "{fault}");
        let (_, faults) = client.get("/_sandbox/faults").await;
        assert_eq!(faults["webhooks"][0]["hits"], 1, "{fault}");
    }
}
