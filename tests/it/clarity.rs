//! The manifests of the shop, of exchange rates and of chat rooms against their sandboxes, over loopback HTTP.

use std::sync::Arc;

use ferry::{
    clock::SystemClock,
    http::HttpClient,
    sandbox::{SandboxInfo, get, post},
};
use ferry_connectors::{
    connection::Connection,
    webhook::{Delivery, Doubt},
};
use ferry_contract::{failure::ErrorClass, number, port::FreePass};
use ferry_sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::shipped::{self, call};

/// A sandbox whose clock stands still, and what it says of itself.
struct Systems {
    sandbox: Sandbox,
    http: Arc<HttpClient>,
    known: SandboxInfo,
}

impl Systems {
    async fn start() -> Self {
        let options = Options { speed: 0, requests: 1, ..Options::default() };
        let sandbox = ferry_sandbox::start(options).await.unwrap();
        let http = Arc::new(HttpClient::new().unwrap());
        let known = SandboxInfo::ask(&sandbox.url(), &*http).await.unwrap();
        Self { sandbox, http, known }
    }

    /// A connection with these fields, as the sandbox wants them unless they are given.
    async fn open(&self, by: (&str, Option<&str>), fields: &[(&str, Option<&str>)]) -> Connection {
        let clock = Arc::new(SystemClock::default());
        shipped::opened_by((&self.sandbox.url(), &self.http), clock, by, fields).await
    }

    async fn control(&self, what: &str, body: Value) -> Value {
        post(&*self.http, &format!("{}/_sandbox/{what}", self.sandbox.url()), &body).await.unwrap()
    }

    async fn ledger(&self) -> Value {
        get(&*self.http, &format!("{}/_sandbox/ledger", self.sandbox.url())).await.unwrap()
    }
}

const BY_KEY: [(&str, Option<&str>); 3] = [("domain", None), ("api_key", None), ("webhook_secret", None)];
const BY_TOKEN: [(&str, Option<&str>); 3] = [("domain", None), ("client_id", None), ("client_secret", None)];

#[tokio::test]
async fn a_shop_is_read_to_its_last_page_and_a_status_is_set_once_however_often() {
    let systems = Systems::start().await;
    systems.control("clarity", json!({ "create": 150 })).await;
    let (by_key, by_token) =
        (systems.open(("clarity", None), &BY_KEY).await, systems.open(("clarity", None), &BY_TOKEN).await);
    let listed = call(&by_token, "list_orders", json!({})).await.unwrap();
    let orders = listed["orders"].as_array().unwrap();
    let booked = systems.ledger().await["clarity"]["orders"].as_array().unwrap().len();
    assert!(orders.len() == booked && booked > 200, "{} of {booked}", orders.len());

    let id = orders.last().unwrap()["id"].clone();
    let order = call(&by_key, "get_order", json!({ "id": id })).await.unwrap();
    assert!(number::equal(&order, orders.last().unwrap()), "{order}");
    let cursor = json!({ "field": "updatedAt", "tie_break": "id", "from": orders[10]["updatedAt"] });
    let page = by_key.page(&FreePass, "list_orders", &json!({ "cursor": cursor }), None).await.unwrap();
    assert_eq!(page.output["orders"][0]["id"], orders[11]["id"], "the next change is the first of a poll");
    let payments = call(&by_key, "list_payments", json!({ "order_id": orders[0]["id"] })).await.unwrap();
    assert!(number::equal(&payments["payments"], &orders[0]["payments"]), "{payments}");
    for action in ["list_customers", "list_products"] {
        let listed = call(&by_key, action, json!({})).await.unwrap();
        let schema = &by_key.manifest.connector.actions[action].output;
        assert_eq!(schema.violations(&listed), Vec::<String>::new(), "{action}");
    }

    for _ in 0..2 {
        call(&by_token, "set_order_status", json!({ "id": id, "status": "Reconciled" })).await.unwrap();
    }
    let refused = call(&by_key, "set_order_status", json!({ "id": id, "status": "Processing" })).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Conflict, "{refused:?}");
    assert!(refused.message.contains("is Reconciled and cannot become Processing"), "{refused:?}");
    let ledger = systems.ledger().await;
    let order = ledger["clarity"]["orders"].as_array().unwrap().iter().find(|order| order["id"] == id).unwrap();
    assert_eq!((&order["status"], &order["set"]), (&json!("Reconciled"), &json!({ "Reconciled": 2 })));

    let reads = systems.open(("clarity", None), &[("domain", None), ("api_key", Some("sandbox-read-key"))]).await;
    let refused = call(&reads, "set_order_status", json!({ "id": id, "status": "Reconciled" })).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Auth, "{refused:?}");
    let missing = call(&reads, "get_order", json!({ "id": "7" })).await.unwrap_err();
    assert_eq!(missing.class, ErrorClass::NotFound, "{missing:?}");
}

#[tokio::test]
async fn the_older_generation_is_one_line_of_a_connection() {
    let systems = Systems::start().await;
    let made = systems.control("clarity", json!({ "create": 1 })).await;
    let id = made["orders"][0].clone();
    let (newer, older) =
        (systems.open(("clarity", None), &BY_KEY).await, systems.open(("clarity", Some("cef")), &BY_KEY).await);
    let now = call(&newer, "get_order", json!({ "id": id })).await.unwrap();
    let then = call(&older, "get_order", json!({ "id": id })).await.unwrap();
    for (name, value) in then.as_object().unwrap() {
        assert!(number::equal(value, &now[name]), "{name}: {value} and {}", now[name]);
    }
    let set = async |status: &str| call(&older, "set_order_status", json!({ "id": id, "status": status })).await;
    assert_eq!(set("Reconciled").await, Ok(json!({})));
    let refused = set("Processing").await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Rejected, "{refused:?}");
    let missing = call(&older, "get_order", json!({ "id": "7" })).await.unwrap_err();
    assert_eq!(missing.class, ErrorClass::NotFound, "{missing:?}");
}

/// One request as it came.
#[derive(Debug)]
struct Got {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Takes one request after the other, and accepts each.
async fn take(listener: &TcpListener) -> Got {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the request ends early");
        bytes.extend_from_slice(&buffer[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let pairs = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers: Vec<(String, String)> = pairs.map(|(name, value)| (name.to_lowercase(), value.into())).collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").unwrap().1.parse::<usize>().unwrap();
        if bytes.len() >= end + 4 + length {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
            return Got { headers, body: bytes[end + 4..].to_vec() };
        }
    }
}

#[tokio::test]
async fn a_shop_tells_whom_it_was_asked_to_and_only_its_own_word_is_taken() {
    let systems = Systems::start().await;
    let shop = systems.open(("clarity", None), &BY_KEY).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/orders", listener.local_addr().unwrap());
    let missing = call(&shop, "get_webhook", json!({ "url": url })).await.unwrap_err();
    assert_eq!(missing.class, ErrorClass::NotFound, "{missing:?}");
    let events = json!(["order.created", "payment.processed", "order.refunded"]);
    let made = call(&shop, "register_webhook", json!({ "url": url, "events": events })).await.unwrap();
    let found = call(&shop, "get_webhook", json!({ "url": url })).await.unwrap();
    assert_eq!(found, json!({ "id": made["id"], "url": url, "events": events }));

    let made = systems.control("clarity", json!({ "create": 1 })).await;
    let id = made["orders"][0].clone();
    let orders = json!({ "order": id });
    let happens = [("create", "order_created"), ("pay", "payment_processed"), ("refund", "order_refunded")];
    for (what, webhook) in happens {
        if what != "create" {
            systems.control("clarity", json!({ what: orders })).await;
        }
        let Got { headers, body } = take(&listener).await;
        let delivery = Delivery { method: "POST", url: &url, headers: &headers, body: &body };
        assert_eq!(shop.believes(webhook, &delivery), Ok(()), "{webhook}");
        let event = shop.event(webhook, &delivery).unwrap();
        let order = if what == "create" { &event.value["id"] } else { &event.value["orderId"] };
        assert_eq!((&event.wrong, order), (&None, &id), "{webhook}");
        for (_, other) in happens.iter().filter(|(_, other)| *other != webhook) {
            assert!(shop.event(other, &delivery).unwrap().wrong.is_some(), "{webhook} is no {other}");
        }
        let longer = [&body[..], b" "].concat();
        let changed = Delivery { body: &longer, ..delivery };
        assert_eq!(shop.believes(webhook, &changed), Err(Doubt::Forged), "{webhook}");
    }
    systems.control("faults", json!({ "webhooks": [{ "fault": "badly_signed" }] })).await;
    systems.control("clarity", json!({ "create": 1 })).await;
    let Got { headers, body } = take(&listener).await;
    let delivery = Delivery { method: "POST", url: &url, headers: &headers, body: &body };
    assert_eq!(shop.believes("order_created", &delivery), Err(Doubt::Forged));

    for _ in 0..2 {
        let registration = found["id"].clone();
        assert_eq!(call(&shop, "delete_webhook", json!({ "id": registration })).await, Ok(json!({})));
    }
    assert_eq!(call(&shop, "list_webhooks", json!({})).await, Ok(json!({ "webhooks": [] })));
}

#[tokio::test]
async fn three_publishers_tell_the_same_rates_in_one_shape() {
    let systems = Systems::start().await;
    let ecb = systems.open(("ecb", None), &[]).await;
    let today = call(&ecb, "daily_rates", json!({})).await.unwrap();
    let days = call(&ecb, "rates_90d", json!({})).await.unwrap();
    let last = &days["days"][0];
    assert!(last["date"] == today["date"] && number::equal(&last["rates"], &today["rates"]), "{last}");
    assert!(number::equal(&last["pairs"]["EUR/JPY"], &today["pairs"]["EUR/JPY"]["rate"]), "{last}");
    assert!(days["days"].as_array().is_some_and(|days| days.len() > 60));
    let frankfurter = systems.open(("frankfurter", None), &[]).await;
    let same = call(&frankfurter, "latest", json!({})).await.unwrap();
    let dollar = |output: &Value| output["pairs"]["EUR/USD"]["rate"].to_string();
    assert_eq!((&same["date"], dollar(&same)), (&today["date"], dollar(&today)));
    let then = call(&frankfurter, "historical", json!({ "date": "2024-06-02", "base": "USD", "symbols": ["EUR"] }));
    let then = then.await.unwrap();
    assert_eq!((&then["date"], &then["base"]), (&json!("2024-05-31"), &json!("USD")), "{then}");
    let paid = systems.open(("openexchangerates", None), &[("app_id", None)]).await;
    let rates = call(&paid, "latest", json!({ "symbols": ["EUR", "JPY"] })).await.unwrap();
    assert_eq!(rates["rates"].as_array().map(Vec::len), Some(2), "{rates}");
    assert!(rates["date"].as_str().is_some_and(|date| date.ends_with(":00:00Z")), "{rates}");
    let unknown = systems.open(("openexchangerates", None), &[("app_id", Some("somebody-elses"))]).await;
    let refused = call(&unknown, "latest", json!({})).await.unwrap_err();
    assert_eq!((refused.class, refused.code.as_deref()), (ErrorClass::Auth, Some("invalid_app_id")), "{refused:?}");
    assert!(!format!("{refused:?}").contains("somebody-elses"), "{refused:?}");
}

#[tokio::test]
async fn a_room_hears_a_text_and_nobody_its_address() {
    let systems = Systems::start().await;
    for profile in ["slack", "teams", "plain"] {
        let hook = systems.known.field("chat", profile).unwrap();
        let room = systems.open(("chat", Some(profile)), &[("host", None), ("hook", Some(&hook))]).await;
        call(&room, "check", json!({})).await.unwrap();
        call(&room, "post", json!({ "text": "<!channel> paid", "title": "Payouts" })).await.unwrap();
        let soon = call(&room, "post", json!({ "text": "again" })).await.unwrap_err();
        assert_eq!(soon.class, ErrorClass::Throttled, "{soon:?}");
        assert!(!format!("{soon:?}").contains("sandbox-"), "{soon:?}");
        systems.control("clock", json!({ "advance_ms": 1_000 })).await;
        let empty = call(&room, "post", json!({ "text": " " })).await.unwrap_err();
        assert_eq!(empty.class, ErrorClass::Rejected, "{empty:?}");
        let gone = systems.open(("chat", Some(profile)), &[("host", None), ("hook", Some("services/gone"))]).await;
        assert_eq!(call(&gone, "check", json!({})).await.unwrap_err().class, ErrorClass::Auth);
    }
    let ledger = systems.ledger().await;
    let heard: Vec<&str> =
        ledger["chat"]["messages"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!(heard, ["*Payouts*\n&lt;!channel&gt; paid", "Payouts\n<!channel> paid", "<!channel> paid"]);
}
