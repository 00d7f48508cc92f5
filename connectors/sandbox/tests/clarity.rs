//! The shop of Clarity over real loopback HTTP: access, pages, states without a way back, and webhooks to who registered.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

mod plain;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use plain::{Answered, Plain};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sha2::Sha256;

const KEY: (&str, &str) = ("x-api-key", "sandbox-api-key");
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

async fn get(shop: &Plain, path: &str) -> Answered {
    shop.send("GET", &format!("/clarity{path}"), KEY, "").await
}

async fn set(shop: &Plain, id: &str, status: &str) -> Answered {
    shop.send("PATCH", &format!("/clarity/orders/{id}"), KEY, &json!({ "status": status }).to_string()).await
}

/// Places an order now, and says its id.
async fn create(shop: &Plain) -> String {
    let made = shop.control("clarity", &json!({ "create": 1 })).await;
    made["orders"][0].as_str().expect("it has an id").to_owned()
}

async fn in_ledger(shop: &Plain, id: &str) -> Value {
    let ledger = shop.ask("ledger").await;
    let orders = ledger["clarity"]["orders"].as_array().expect("the ledger lists orders");
    orders.iter().find(|order| order["id"] == id).cloned().unwrap_or_default()
}

fn amount(value: &Value) -> Decimal {
    value.to_string().parse().expect("it is a number")
}

#[tokio::test]
async fn a_token_or_a_key_opens_the_shop_and_one_key_only_reads() {
    let shop = Plain::start().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let grant = "grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret";
    let token = shop.send("POST", "/clarity/oauth/token", form, grant).await.json();
    let bearer = format!("Bearer {}", token["access_token"].as_str().expect("it has a token"));
    let wrong = shop.send("POST", "/clarity/oauth/token", form, &grant.replace("secret=sandbox", "secret=x")).await;
    assert_eq!((wrong.code, wrong.json()["error"].as_str()), (401, Some("invalid_client")));
    let read = ("x-api-key", "sandbox-read-key");
    for (header, method, code) in [
        (("authorization", bearer.as_str()), "GET", 200),
        (("authorization", "Bearer x"), "GET", 401),
        (("accept", "*/*"), "GET", 401),
        (("x-api-key", "x"), "GET", 401),
        (KEY, "PATCH", 200),
        (read, "GET", 200),
        (read, "PATCH", 403),
    ] {
        let answer = shop.send(method, "/clarity/orders/1001", header, r#"{"status":"On Hold"}"#).await;
        assert_eq!(answer.code, code, "{method} {header:?}: {}", answer.text);
        let says = answer.json()["ActionSucceeded"] == false && answer.json()["Messages"][0].is_string();
        assert_eq!(says, code >= 400, "{}", answer.text);
    }
    shop.advance(61 * MINUTE_MS).await;
    let late = shop.send("GET", "/clarity/orders/1001", ("authorization", &bearer), "").await;
    assert_eq!(late.code, 401, "a token lives for an hour");
}

#[tokio::test]
async fn pages_hold_each_order_once_in_the_order_of_its_changes() {
    let shop = Plain::start().await;
    let (mut seen, mut total) = (Vec::new(), 0);
    for index in 0.. {
        let page = get(&shop, &format!("/orders?pageIndex={index}&pageSize=7")).await.json();
        let items = page["items"].as_array().expect("it has items").clone();
        total = page["total"].as_u64().expect("it has a total");
        if items.is_empty() {
            break;
        }
        assert!(items.len() <= 7);
        seen.extend(items);
    }
    assert_eq!(seen.len() as u64, total);
    assert!(total > 20, "{total}");
    let changed = |order: &Value| order["updatedAt"].as_str().map(str::to_owned).expect("it has a time");
    assert!(seen.is_sorted_by_key(|order| changed(order).parse::<jiff::Timestamp>().expect("it is a time")));
    let mut ids: Vec<&Value> = seen.iter().map(|order| &order["id"]).collect();
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len() as u64, total);
    // What is after a change does not hold the change itself.
    let from = changed(&seen[9]);
    let rest = get(&shop, &format!("/orders?updatedAfter={from}&pageSize=100")).await.json();
    let after = seen.iter().filter(|order| {
        changed(order).parse::<jiff::Timestamp>().expect("a time") > from.parse::<jiff::Timestamp>().expect("a time")
    });
    assert_eq!(rest["total"].as_u64(), Some(after.count() as u64));
    let before = get(&shop, &format!("/orders?updatedBefore={from}")).await.json();
    assert_eq!(before["total"].as_u64(), Some(9));
    for (query, code) in [("pageSize=0", 400), ("pageSize=101", 400), ("pageIndex=x", 400), ("updatedAfter=soon", 400)]
    {
        assert_eq!(get(&shop, &format!("/orders?{query}")).await.code, code, "{query}");
    }
    for list in ["customers", "products/product", "payments", "webhooks"] {
        assert!(get(&shop, &format!("/{list}")).await.json()["items"].is_array(), "{list}");
    }
    assert_eq!(get(&shop, "/customers/C-1").await.json()["id"], "C-1");
    assert_eq!(get(&shop, "/customers/C-999").await.code, 404);
}

#[tokio::test]
async fn an_order_adds_up_and_says_what_vendors_and_affiliates_get() {
    let shop = Plain::start().await;
    let page = get(&shop, "/orders?pageSize=100").await.json();
    let orders = page["items"].as_array().expect("it has items");
    let mut affiliates = 0;
    for order in orders {
        let lines = order["lines"].as_array().expect("it has lines");
        let subtotal: Decimal = lines.iter().map(|line| amount(&line["total"])).sum();
        assert_eq!(subtotal, amount(&order["subtotal"]), "{order}");
        let total = subtotal + amount(&order["tax"]) + amount(&order["shipping"]);
        assert_eq!(total, amount(&order["total"]), "{order}");
        for line in lines {
            assert!(line["vendorId"].as_str().is_some_and(|vendor| vendor.starts_with("V-")), "{line}");
            assert!(amount(&line["vendorAmount"]) < amount(&line["total"]), "{line}");
            assert_eq!(line["affiliateId"].is_null(), line["commission"].is_null(), "{line}");
            affiliates += usize::from(line["affiliateId"].is_string());
        }
    }
    assert!(affiliates > 5, "{affiliates}");
    let all = get(&shop, "/payments?pageSize=100").await.json();
    let payments = all["items"].as_array().expect("it has items");
    let has = |key: &str, value: &str| payments.iter().any(|payment| payment[key] == value);
    assert!(has("processor", "PayTrace") && has("processor", "Payoneer"), "{all}");
    assert!(payments.iter().all(|payment| amount(&payment["fee"]) > Decimal::ZERO), "{all}");
    assert!(has("status", "Captured") && (has("status", "Refunded") || has("status", "Partially Refunded")), "{all}");
    let count = |status: &str| orders.iter().filter(|order| order["status"] == status).count();
    assert!(count("Pending") > 0 && count("Completed") + count("Shipped") + count("Processing") > 10);
}

#[tokio::test]
async fn no_order_comes_back_from_reconciled_or_void() {
    for last in ["Reconciled", "Void"] {
        let shop = Plain::start().await;
        let id = create(&shop).await;
        assert_eq!(set(&shop, &id, "Shipped to the moon").await.code, 400);
        assert_eq!(set(&shop, "7", "Void").await.code, 404);
        let more = shop.send("PATCH", &format!("/clarity/orders/{id}"), KEY, r#"{"status":"Void","total":1}"#).await;
        assert_eq!(more.code, 400, "a status is all that can change");
        for _ in 0..2 {
            let answer = set(&shop, &id, last).await;
            assert_eq!((answer.code, &answer.json()["status"]), (200, &json!(last)));
        }
        let back = set(&shop, &id, "Processing").await;
        assert_eq!((back.code, back.json()["ActionSucceeded"].as_bool()), (409, Some(false)));
        shop.control("clarity", &json!({ "pay": { "order": id } })).await;
        shop.control("clarity", &json!({ "refund": { "order": id } })).await;
        shop.advance(100 * HOUR_MS).await;
        let order = in_ledger(&shop, &id).await;
        assert_eq!((&order["status"], &order["set"]), (&json!(last), &json!({ last: 2 })));
    }
}

#[tokio::test]
async fn the_older_generation_says_no_with_200() {
    let shop = Plain::start().await;
    let id = create(&shop).await;
    let update = async |id: &str, status: &str| {
        let path = format!("/clarity/Ordering/SalesOrder/PendingSalesOrders/{id}/Update");
        let answer = shop.send("PATCH", &path, KEY, &json!({ "StatusUpdate": status }).to_string()).await;
        (answer.code, answer.json()["ActionSucceeded"].as_bool())
    };
    assert_eq!(update(&id, "Reconciled").await, (200, Some(true)));
    assert_eq!(update(&id, "Reconciled").await, (200, Some(true)));
    assert_eq!(update(&id, "Processing").await, (200, Some(false)));
    assert_eq!(update("7", "Processing").await, (200, Some(false)));
    let order = get(&shop, &format!("/Ordering/SalesOrder/{id}")).await.json();
    assert_eq!((order["ID"].to_string(), &order["StatusName"]), (id, &json!("Reconciled")));
    assert_eq!(get(&shop, "/Ordering/SalesOrder/7").await.json()["ActionSucceeded"], false);
}

#[tokio::test]
async fn people_pay_and_get_money_back_in_parts() {
    let shop = Plain::start().await;
    let id = create(&shop).await;
    let pay = json!({ "pay": { "order": id, "amount": "1.00", "processor": "Payoneer" } });
    let paid = shop.control("clarity", &pay).await;
    assert_eq!((&paid["processor"], amount(&paid["amount"]).to_string()), (&json!("Payoneer"), "1.00".to_owned()));
    assert_eq!(in_ledger(&shop, &id).await["status"], "Partial Payment Received");
    shop.control("clarity", &json!({ "pay": { "order": id } })).await;
    assert_eq!(in_ledger(&shop, &id).await["status"], "Full Payment Received");
    shop.control("clarity", &json!({ "refund": { "order": id, "amount": "0.50" } })).await;
    assert_eq!(in_ledger(&shop, &id).await["status"], "Full Payment Received");
    shop.control("clarity", &json!({ "refund": { "order": id } })).await;
    let order = in_ledger(&shop, &id).await;
    assert_eq!(order["status"], "Refunded");
    let kept = order["payments"].as_array().expect("it has payments").iter();
    assert!(kept.clone().count() == 2 && kept.clone().all(|payment| payment["status"] == "Refunded"), "{order}");
    let more = shop.send("POST", "/_sandbox/clarity", KEY, &json!({ "refund": { "order": id } }).to_string()).await;
    assert_eq!(more.code, 400, "nothing is left to go back");
}

#[tokio::test]
async fn what_goes_wrong_is_said_in_the_shops_own_words() {
    for (fault, code, retry_after) in [("throttled", 429, Some("7")), ("server_error", 500, None)] {
        let shop = Plain::start().await;
        let rule = json!({ "fault": fault, "system": "clarity", "retry_after_s": 7 });
        shop.control("faults", &json!({ "rules": [rule] })).await;
        let answer = get(&shop, "/orders").await;
        assert_eq!((answer.code, answer.retry_after.as_deref()), (code, retry_after));
        assert_eq!(answer.json()["ActionSucceeded"], false, "{}", answer.text);
    }
}

/// Whoever has registered: verifies the signature of Standard Webhooks with its secret.
#[derive(Clone)]
struct Receiver(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    key: Vec<u8>,
    bodies: Vec<Value>,
    ids: Vec<String>,
    forged: usize,
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut received = receiver.0.lock().expect("nobody panics");
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut mac = Hmac::<Sha256>::new_from_slice(&received.key).expect("a key may have any length");
    mac.update(format!("{}.{}.", text("webhook-id"), text("webhook-timestamp")).as_bytes());
    mac.update(&body);
    let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    if signature != text("webhook-signature") {
        received.forged += 1;
        return StatusCode::UNAUTHORIZED;
    }
    received.ids.push(text("webhook-id"));
    received.bodies.push(serde_json::from_slice(&body).expect("the body is JSON"));
    StatusCode::OK
}

impl Receiver {
    /// Listens, and registers for these events, with its own secret or the account's.
    async fn register(shop: &Plain, events: &[&str], secret: Option<&str>) -> (Self, Value) {
        let receiver = Self(Arc::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port is there");
        let url = format!("http://{}/hooks", listener.local_addr().expect("it listens"));
        let app = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut body = json!({ "url": url, "events": events });
        if let Some(secret) = secret {
            body["secret"] = json!(secret);
        }
        let made = shop.send("POST", "/clarity/webhooks", KEY, &body.to_string()).await;
        assert_eq!(made.code, 201, "{}", made.text);
        let key = made.json()["secret"].as_str().expect("it is shown once").trim_start_matches("whsec_").to_owned();
        receiver.0.lock().expect("nobody panics").key = BASE64_STANDARD.decode(key).expect("it is Base64");
        (receiver, made.json())
    }

    fn kinds(&self) -> Vec<String> {
        let received = self.0.lock().expect("nobody panics");
        received.bodies.iter().map(|body| body["type"].as_str().expect("it has a type").to_owned()).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics").ids.clone()
    }

    fn forged(&self) -> usize {
        self.0.lock().expect("nobody panics").forged
    }
}

/// Asks until so many deliveries were accepted and refused; the asking takes the time.
async fn until(shop: &Plain, expected: [u64; 2]) {
    for _ in 0..20_000 {
        let told = shop.ask("webhooks").await;
        let list = told["list"].as_array().expect("it lists webhooks");
        let sum = |name: &str| list.iter().filter_map(|one| one[name].as_u64()).sum::<u64>();
        if [sum("accepted"), sum("refused")] == expected {
            return;
        }
    }
    panic!("not {expected:?}: {}", shop.ask("webhooks").await);
}

#[tokio::test]
async fn whoever_has_registered_is_told_of_what_he_wants_until_he_goes() {
    let shop = Plain::start().await;
    let own = format!("whsec_{}", BASE64_STANDARD.encode("a secret of one's own"));
    let all = ["order.created", "payment.processed", "order.refunded"];
    let (everything, first) = Receiver::register(&shop, &all, None).await;
    let (refunds, second) = Receiver::register(&shop, &["order.refunded"], Some(&own)).await;
    assert_eq!(second["secret"], own);
    assert_eq!(first["secret"], shop.ask("seed").await["clarity"]["webhook_secret"]);
    let id = create(&shop).await;
    shop.control("clarity", &json!({ "pay": { "order": id } })).await;
    shop.control("clarity", &json!({ "refund": { "order": id, "amount": "0.10" } })).await;
    until(&shop, [4, 0]).await;
    assert_eq!(refunds.kinds(), ["order.refunded"]);
    let mut kinds = everything.kinds();
    kinds.sort();
    assert_eq!(kinds, ["order.created", "order.refunded", "payment.processed"]);
    let refund = refunds.0.lock().expect("nobody panics").bodies[0]["data"].clone();
    assert_eq!((&refund["orderId"], amount(&refund["amount"]).to_string()), (&json!(id), "0.10".to_owned()));

    let listed = get(&shop, "/webhooks").await.json();
    assert_eq!(listed["total"], 2);
    assert!(listed["items"][0]["secret"].is_null(), "a secret is shown once: {listed}");
    let url = first["url"].as_str().expect("it has a URL");
    let found = get(&shop, &format!("/webhooks?url={url}")).await.json();
    assert_eq!((&found["total"], &found["items"][0]["id"]), (&json!(1), &first["id"]));
    let path = format!("/clarity/webhooks/{}", first["id"].as_str().expect("it has an id"));
    assert_eq!(shop.send("DELETE", &path, KEY, "").await.code, 204);
    assert_eq!(shop.send("DELETE", &path, KEY, "").await.code, 404);
    shop.control("clarity", &json!({ "refund": { "order": id, "amount": "0.10" } })).await;
    until(&shop, [5, 0]).await;
    assert_eq!((everything.kinds().len(), refunds.kinds().len()), (3, 2));

    for body in [
        json!({ "url": "http://example.com/x", "events": ["order.created"] }),
        json!({ "url": url, "events": ["order.eaten"] }),
        json!({ "url": url, "events": [] }),
        json!({ "url": url, "events": ["order.created"], "secret": "short" }),
    ] {
        assert_eq!(shop.send("POST", "/clarity/webhooks", KEY, &body.to_string()).await.code, 400, "{body}");
    }
}

#[tokio::test]
async fn orders_come_about_on_the_clock_and_their_webhooks_go_wrong_as_the_rules_say() {
    // The fault, what is accepted and refused of one order, and how many ids there are.
    for (fault, expected, ids) in
        [("duplicate", [2, 0], 1), ("lost", [0, 0], 0), ("badly_signed", [0, 1], 0), ("replayed", [2, 0], 1)]
    {
        let shop = Plain::start().await;
        let (receiver, _) = Receiver::register(&shop, &["order.created"], None).await;
        shop.control("faults", &json!({ "webhooks": [{ "fault": fault, "by_ms": 1 }] })).await;
        create(&shop).await;
        shop.advance(2).await;
        until(&shop, expected).await;
        let mut all = receiver.ids();
        all.dedup();
        assert_eq!((all.len(), receiver.forged()), (ids, usize::from(fault == "badly_signed")), "{fault}");
    }
    let shop = Plain::start().await;
    let (receiver, _) = Receiver::register(&shop, &["order.created"], None).await;
    shop.advance(10 * HOUR_MS).await;
    let before = get(&shop, "/orders").await.json()["total"].as_u64().expect("it has a total");
    for _ in 0..20_000 {
        if shop.ask("ledger").await["webhooks"]["deliveries"]["to_come"] == 0 {
            break;
        }
    }
    let told = receiver.kinds().len();
    assert!((6..=30).contains(&told) && before > told as u64, "{told} of {before}");
}
