//! PayTrace in the sandbox over real loopback HTTP, as its clients meet it.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

use ferry_sandbox::{Options, Sandbox};
use serde_json::{Map, Value, json};

const HOUR_MS: u64 = 3_600_000;

/// A client with a token.
struct Client {
    sandbox: Sandbox,
    http: reqwest::Client,
    token: String,
}

impl Client {
    /// Starts a sandbox whose clock stands still, and logs in.
    async fn open() -> Self {
        let options = Options { speed: 0, ..Options::default() };
        let sandbox = ferry_sandbox::start(options).await.expect("a free port is there");
        let mut client = Self { sandbox, http: reqwest::Client::new(), token: String::new() };
        client.log_in().await;
        client
    }

    async fn log_in(&mut self) {
        let form = "grant_type=password&username=sandbox-user&password=sandbox-password";
        let (code, body) = self.raw("POST", "/paytrace/oauth/token", form.to_owned()).await;
        assert_eq!((code, &body["token_type"], &body["expires_in"]), (200, &json!("bearer"), &json!(7200)));
        body["access_token"].as_str().expect("it has a token").clone_into(&mut self.token);
    }

    async fn raw(&self, method: &str, path: &str, body: String) -> (u16, Value) {
        let method = method.parse::<reqwest::Method>().expect("it is a method");
        let request = self.http.request(method, format!("{}{path}", self.sandbox.url()));
        let request = request.header("Authorization", format!("Bearer {}", self.token)).body(body);
        let answer = request.send().await.expect("the sandbox answers");
        let (code, text) = (answer.status().as_u16(), answer.text().await.expect("the body arrives"));
        (code, serde_json::from_str(&text).unwrap_or_default())
    }

    /// Sends a request of v1, with its integrator.
    async fn send(&self, path: &str, mut body: Value) -> (u16, Value) {
        body["integrator_id"] = json!("sandbox-integrator");
        self.raw("POST", &format!("/paytrace/v1/{path}"), body.to_string()).await
    }

    async fn own(&self, path: &str, body: &Value) -> (u16, Value) {
        self.raw("POST", &format!("/_sandbox/{path}"), body.to_string()).await
    }

    async fn advance(&mut self, ms: u64) {
        assert_eq!(self.own("clock", &json!({ "advance_ms": ms })).await.0, 200);
        self.log_in().await;
    }

    async fn ledger(&self) -> Value {
        self.raw("GET", "/_sandbox/ledger", String::new()).await.1["paytrace"].take()
    }

    /// Charges a customer, and returns the number of the transaction.
    async fn sell(&self, customer: &str, amount: &str, invoice: &str) -> u64 {
        let body = json!({ "customer_id": customer, "amount": amount, "invoice_id": invoice });
        let (_, body) = self.send("transactions/sale/by_customer", body).await;
        body["transaction_id"].as_u64().unwrap_or_else(|| panic!("it has a number: {body}"))
    }

    async fn now(&self) -> jiff::Timestamp {
        let now = self.raw("GET", "/_sandbox/clock", String::new()).await.1["now"].take();
        now.as_str().and_then(|now| now.parse().ok()).expect("a time")
    }

    /// The days around the sandbox's, as the vendor writes them.
    async fn around(&self) -> (String, String) {
        let now = self.now().await;
        let day = |days: i64| (now + jiff::SignedDuration::from_hours(24 * days)).strftime("%m/%d/%Y").to_string();
        (day(-60), day(60))
    }

    async fn exported(&self, filter: Value) -> Vec<Value> {
        let (start, end) = self.around().await;
        let mut body = filter;
        (body["start_date"], body["end_date"]) = (json!(start), json!(end));
        let (code, mut body) = self.send("transactions/export/by_date_range", body).await;
        assert_eq!((code, &body["response_code"]), (200, &json!(1)), "{body}");
        body["transactions"].as_array_mut().map(std::mem::take).expect("a list")
    }
}

fn zone() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::get("America/Los_Angeles").expect("a zone")
}

/// Reads a time as the vendor writes it.
fn read(text: &Value) -> jiff::civil::DateTime {
    let text = text.as_str().expect("a text");
    jiff::civil::DateTime::strptime("%m/%d/%Y %I:%M:%S %p", text).expect("it is as the vendor writes it")
}

#[tokio::test]
async fn a_token_lives_two_hours_and_each_request_names_its_integrator() {
    let mut client = Client::open().await;
    let (code, body) = client.raw("POST", "/paytrace/oauth/token", "grant_type=password&username=x".to_owned()).await;
    assert_eq!((code, &body["error"]), (400, &json!("invalid_grant")));
    let (code, body) = client.raw("POST", "/paytrace/oauth/token", "grant_type=none".to_owned()).await;
    assert_eq!((code, &body["error"]), (400, &json!("unsupported_grant_type")));
    let wrong = json!({ "customer_id": "C-1", "amount": "1.00" });
    let (code, body) = client.raw("POST", "/paytrace/v1/transactions/sale/by_customer", wrong.to_string()).await;
    assert_eq!((code, &body["response_code"], body["errors"]["701"].is_array()), (400, &json!(1), true));
    client.own("clock", &json!({ "advance_ms": 2 * HOUR_MS })).await;
    let (code, body) = client.send("transactions/sale/by_customer", wrong).await;
    assert_eq!((code, &body["error"]), (401, &json!("invalid_token")));
    assert_eq!(client.raw("GET", "/paytrace/v1/ping", String::new()).await.0, 200, "a ping needs no token");
    client.log_in().await;
    client.sell("C-1", "1.00", "after").await;
}

/// What a request is answered: path, body, HTTP status, success, response code and the numbers of what is wrong.
#[tokio::test]
async fn every_code_has_somebody_who_gets_it() {
    let client = Client::open().await;
    let sale = |customer: &str| json!({ "customer_id": customer, "amount": "1.00" });
    let card = json!({ "encrypted_number": "abc5439", "expiration_month": "9", "expiration_year": "2031" });
    let check = json!({ "account_number": "123456", "routing_number": "325070760" });
    let cases = [
        ("transactions/sale/by_customer", sale("C-1"), 200, true, 101, ""),
        ("transactions/sale/by_customer", sale("C-DECLINED"), 200, false, 102, ""),
        ("transactions/sale/by_customer", sale("C-NO-FUNDS"), 200, false, 102, ""),
        ("transactions/sale/by_customer", sale("C-EXPIRED"), 200, false, 102, ""),
        ("transactions/sale/by_customer", sale("C-CSC"), 200, false, 103, ""),
        ("transactions/sale/by_customer", sale("nobody"), 400, false, 1, "30"),
        (
            "transactions/sale/by_customer",
            json!({ "customer_id": "nobody", "amount": "0.001" }),
            400,
            false,
            1,
            "30,51",
        ),
        ("transactions/sale/keyed", json!({ "amount": 2.5, "credit_card": card }), 200, true, 101, ""),
        ("transactions/sale/keyed", json!({ "amount": "2.50" }), 400, false, 1, "35"),
        ("transactions/sale/by_transaction", json!({ "amount": "2.50", "transaction_id": 7 }), 400, false, 1, "58"),
        ("transactions/authorization/by_customer", sale("C-1"), 200, true, 101, ""),
        ("transactions/authorization/capture", json!({ "transaction_id": 7 }), 400, false, 1, "58"),
        ("transactions/refund/for_transaction", json!({ "transaction_id": 7 }), 400, false, 1, "58"),
        ("transactions/refund/to_customer", sale("C-1"), 200, true, 106, ""),
        ("transactions/refund/to_customer", sale("C-NO-REFUND"), 200, false, 107, ""),
        ("transactions/refund/to_customer", sale("C-NO-PERMISSION"), 400, false, 1, "981"),
        ("customer/create", json!({ "customer_id": "new", "credit_card": card }), 200, true, 160, ""),
        ("customer/create", json!({ "customer_id": "C-1", "credit_card": card }), 400, false, 1, "171"),
        ("customer/update", json!({ "customer_id": "C-2", "email": "a@example.com" }), 200, true, 161, ""),
        ("customer/delete", json!({ "customer_id": "C-3" }), 200, true, 162, ""),
        ("customer/export", json!({ "customer_id": "C-3" }), 400, false, 1, "30"),
        ("checks/sale/by_customer", sale("C-1"), 200, true, 120, ""),
        ("checks/sale/by_customer", sale("C-CHECK-FAILS"), 200, false, 125, ""),
        ("checks/sale/by_account", json!({ "amount": "1.00" }), 400, false, 1, "45,46"),
        ("checks/hold/by_account", json!({ "amount": "1.00", "check": check }), 200, true, 120, ""),
        ("checks/refund/by_customer", sale("C-1"), 200, true, 122, ""),
        ("checks/manage/fund", json!({ "check_transaction_id": 7 }), 400, false, 1, "80"),
        ("checks/manage/void", json!({ "check_transaction_id": 981_619 }), 200, true, 124, ""),
        ("checks/manage/void", json!({ "check_transaction_id": 981_619 }), 400, false, 1, "80"),
        ("level_three/visa", json!({ "transaction_id": 392_483_066, "line_items": [{}] }), 200, true, 170, ""),
        ("recurrence/delete", json!({ "recurrence": { "id": 7 } }), 400, false, 1, "240"),
        ("transactions/export/by_date_range", json!({ "start_date": "2026-01-01" }), 400, false, 1, "90"),
        ("batches/export_one", json!({ "batch_number": 99 }), 400, false, 1, "91"),
    ];
    for (path, body, status, success, code, errors) in cases {
        let shown = body.to_string();
        let (got, body) = client.send(path, body).await;
        let numbers: Vec<&str> =
            body["errors"].as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let seen = (got, &body["success"], &body["response_code"], numbers.join(","));
        assert_eq!(seen, (status, &json!(success), &json!(code), errors.to_owned()), "{path} {shown}: {body}");
    }
    let (_, body) = client.send("transactions/sale/by_customer", sale("C-DECLINED")).await;
    assert_eq!(body["approval_message"], "    DECLINE - Do not honor");
    assert_eq!((&body["approval_code"], &body["masked_card_number"]), (&json!(""), &json!("xxxxxxxxxxxx0002")));
}

#[tokio::test]
async fn what_is_not_settled_is_voided_and_what_is_settled_is_refunded() {
    let mut client = Client::open().await;
    let sale = client.sell("C-1", "10.00", "I-1").await;
    let voided = client.sell("C-1", "4.00", "I-2").await;
    let refund = |id: u64, amount: &str| json!({ "transaction_id": id, "amount": amount });
    let number = |body: &Value| body["errors"].as_object().and_then(|errors| errors.keys().next().cloned());
    let (code, body) = client.send("transactions/refund/for_transaction", refund(sale, "4.00")).await;
    assert_eq!((code, number(&body).as_deref()), (400, Some("817")));
    let (_, body) = client.send("transactions/void", json!({ "transaction_id": voided })).await;
    assert_eq!(body["response_code"], 109);
    client.advance(24 * HOUR_MS).await;
    let (code, body) = client.send("transactions/void", json!({ "transaction_id": sale })).await;
    assert_eq!((code, number(&body).as_deref()), (400, Some("818")));
    for (amount, expected) in [("4.00", 106), ("6.01", 107), ("6.00", 106), ("0.01", 107)] {
        let (_, body) = client.send("transactions/refund/for_transaction", refund(sale, amount)).await;
        assert_eq!(body["response_code"], expected, "{amount}: {body}");
    }
    let ledger = client.ledger().await;
    let own = |id: &str| ledger["invoices"].as_array().into_iter().flatten().find(|row| row["invoice_id"] == id);
    let row = |id: &str, charged: u64, voided: u64, refunded: u64| json!({ "invoice_id": id, "charged": charged, "voided": voided, "refunded": refunded, "amount": "0.00" });
    assert_eq!(own("I-1"), Some(&row("I-1", 1, 0, 2)));
    assert_eq!(own("I-2"), Some(&row("I-2", 1, 1, 0)));
    let failing = client.sell("C-NO-VOID", "1.00", "I-3").await;
    let (_, body) = client.send("transactions/void", json!({ "transaction_id": failing })).await;
    assert_eq!(body["response_code"], 110);
}

#[tokio::test]
async fn kept_money_is_captured_once_and_not_more_than_was_kept() {
    let client = Client::open().await;
    let keep = |customer: &str| json!({ "customer_id": customer, "amount": "10.00" });
    let (_, kept) = client.send("transactions/authorization/by_customer", keep("C-1")).await;
    let capture = |amount: &str| json!({ "transaction_id": kept["transaction_id"], "amount": amount });
    for (amount, status, expected) in [("10.01", 200, 113), ("9.00", 200, 112), ("9.00", 400, 1)] {
        let (code, body) = client.send("transactions/authorization/capture", capture(amount)).await;
        assert_eq!((code, &body["response_code"]), (status, &json!(expected)), "{amount}");
    }
    let (_, kept) = client.send("transactions/authorization/by_customer", keep("C-NO-CAPTURE")).await;
    let body = json!({ "transaction_id": kept["transaction_id"] });
    assert_eq!(client.send("transactions/authorization/capture", body).await.1["response_code"], 113);
}

#[tokio::test]
async fn an_export_has_the_merchants_days_and_shows_a_charge_after_a_while() {
    let mut client = Client::open().await;
    let hour = (client.now().await.to_zoned(zone()).hour() + 6) % 24;
    client.own("paytrace", &json!({ "settle_hour": hour })).await;
    let sale = client.sell("C-5", "110.00", "INV-77").await;
    client.sell("C-5", "1.00", "INV-8").await;
    client.sell("C-DECLINED", "3.00", "INV-9").await;
    assert_eq!(client.exported(json!({ "including_text": "INV-" })).await.len(), 0, "they cannot be seen yet");
    client.advance(60_000).await;
    let ids = |rows: &[Value]| {
        rows.iter().map(|row| row["invoice_id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let cases = [
        (json!({ "including_text": "inv-" }), vec!["INV-77", "INV-8", "INV-9"]),
        (json!({ "including_text": "INV-7" }), vec!["INV-77"]),
        (json!({ "customer_id": "C-5" }), vec!["INV-77", "INV-8"]),
        (json!({ "transaction_type": "Refund" }), vec![]),
        (json!({}), vec!["SEED-1", "SEED-2", "SEED-3", "INV-77", "INV-8", "INV-9"]),
    ];
    for (filter, expected) in cases {
        let shown = filter.to_string();
        assert_eq!(ids(&client.exported(filter).await), expected, "{shown}");
    }
    let row = client.exported(json!({ "including_text": "INV-77", "include_bin": "true" })).await.remove(0);
    assert_eq!((&row["transaction_id"], &row["amount"].to_string()), (&json!(sale), &"110.00".to_owned()));
    assert_eq!((&row["settled"], &row["status_message"]), (&json!(""), &json!("Pending settlement")));
    assert_eq!(row["credit_card"]["bin"], "401200");
    let made = client.now().await.to_zoned(zone()).datetime().duration_since(read(&row["created"]["at"]));
    assert_eq!(made.as_secs(), 60, "it is the merchant's time");
    client.advance(24 * HOUR_MS).await;
    let settled = client.exported(json!({ "including_text": "INV-77" })).await.remove(0);
    let at = read(&settled["settled"]);
    assert_eq!((at.hour(), at.minute(), at.second()), (hour, 0, 0));
    let body = json!({ "transaction_id": sale });
    assert_eq!(client.send("transactions/export/by_id", body).await.1["transactions"][0], settled);
}

#[tokio::test]
async fn a_day_is_settled_as_one_batch_and_recurring_customers_are_charged() {
    let mut client = Client::open().await;
    client.sell("C-6", "20.00", "B-1").await;
    let (_, body) =
        client.send("transactions/refund/to_customer", json!({ "customer_id": "C-6", "amount": "5.00" })).await;
    assert_eq!(body["response_code"], 106);
    let (code, ordered) = client.own("paytrace", &json!({ "settle": true })).await;
    assert_eq!((code, ordered), (200, json!({ "batch_number": 2 })));
    let (_, body) = client.send("batches/export_one", json!({ "batch_number": 2 })).await;
    let batch = &body["batches"][0];
    let sums = ["transaction_count", "net_amount", "sales_amount", "refund_amount"].map(|name| batch[name].to_string());
    assert_eq!(sums, ["2", "15.00", "20.00", "5.00"]);
    let (_, body) = client.send("batches/transaction_list", json!({ "batch_number": 2 })).await;
    assert_eq!(body["transactions"].as_array().map(Vec::len), Some(2));

    let today = client.around().await.1;
    let plan = json!({ "amount": "7.00", "frequency": "6", "next": today, "total_count": 1 });
    let (_, body) = client.send("recurrence/create", json!({ "customer_id": "C-7", "recurrence": plan })).await;
    assert_eq!((&body["response_code"], &body["recurrence"]["id"]), (&json!(150), &json!(1004)));
    client.advance(48 * HOUR_MS).await;
    let rows = client.exported(json!({ "including_text": "R1002-" })).await;
    assert_eq!(rows.len(), 1, "C-2 is charged from tomorrow on, each month");
    assert_eq!(rows[0]["amount"].to_string(), "120.00");
    let declined = client.exported(json!({ "including_text": "R1003-" })).await;
    assert_eq!(declined[0]["approval_code"], "");
    assert_eq!(client.exported(json!({ "including_text": "R1004-" })).await.len(), 0);
    client.advance(60 * 24 * HOUR_MS).await;
    assert_eq!(client.exported(json!({ "including_text": "R1004-" })).await.len(), 1, "it was to be one");
    let (_, body) =
        client.send("batches/export", json!({ "start_date": "01/01/2020", "end_date": "12/31/2099" })).await;
    assert!(body["batches"].as_array().is_some_and(|batches| batches.len() > 5), "{body}");
}

#[tokio::test]
async fn whoever_sends_twice_has_charged_twice() {
    let client = Client::open().await;
    client.sell("C-1", "10.00", "twice").await;
    client.sell("C-1", "10.00", "twice").await;
    client.sell("C-1", "10.00", "once").await;
    assert_eq!(client.ledger().await["charged_twice"], 1);
}

#[tokio::test]
async fn the_paths_of_the_seed_answer_the_same() {
    let mut client = Client::open().await;
    let integrator = json!("sandbox-integrator");
    let pay = json!({ "integrator_id": integrator, "customer_id": "C-1", "amount": "30.00", "invoice_id": "S-1" });
    let (_, paid) = client.raw("POST", "/paytrace/api/v1/payments", pay.to_string()).await;
    assert_eq!(paid["response_code"], 101);
    let check = json!({ "integrator_id": integrator, "customer_id": "C-1", "amount": "30.00", "method": "ach" });
    let (_, body) = client.raw("POST", "/paytrace/api/v1/payments", check.to_string()).await;
    assert_eq!(body["response_code"], 120);
    let refund = format!("/paytrace/api/v1/transactions/{}/refund", paid["transaction_id"]);
    let part = json!({ "integrator_id": integrator, "amount": "10.00" });
    let (_, body) = client.raw("POST", &refund, part.to_string()).await;
    assert!(body["errors"]["817"].is_array(), "{body}");
    client.advance(24 * HOUR_MS).await;
    let (_, body) = client.raw("POST", &refund, part.to_string()).await;
    assert_eq!(body["response_code"], 106, "{body}");
    let (_, body) = client.raw("GET", "/paytrace/api/v1/customer_vault/C-1/payments", String::new()).await;
    assert_eq!(body["customers"][0]["customer_id"], "C-1");
    let path = "/paytrace/api/v1/reports/settlement?start_date=01/01/2020&end_date=12/31/2099";
    let (_, body) = client.raw("GET", path, String::new()).await;
    let rows = body["transactions"].as_array().expect("a list");
    assert!(rows.iter().any(|row| row["invoice_id"] == "S-1") && rows.iter().all(|row| row["settled"] != ""));
    assert!(body["batches"].as_array().is_some_and(|batches| batches.len() >= 2));
    let vault = json!({ "integrator_id": integrator, "customer_id": "V-1", "hpf_token": "t-5439", "enc_key": "k" });
    let (_, body) = client.raw("POST", "/paytrace/api/v1/customer_vault", vault.to_string()).await;
    assert_eq!(body["response_code"], 160);
}

#[tokio::test]
async fn what_happens_is_told_and_a_person_can_order_it() {
    let client = Client::open().await;
    let urls = json!({ "urls": ["payment_failed=http://127.0.0.1:9/hooks/failed"] });
    assert_eq!(client.own("webhooks", &urls).await.0, 200);
    let failed = client.sell("C-DECLINED", "3.00", "W-1").await;
    let sold = client.sell("C-1", "3.00", "W-2").await;
    let back = json!({ "chargeback": { "transaction_id": sold } });
    assert_eq!(client.own("paytrace", &back).await.0, 400, "it is not settled");
    client.own("paytrace", &json!({ "settle": true })).await;
    let (code, body) = client.own("paytrace", &back).await;
    assert_eq!((code, &body["chargeback_id"], &body["invoice_id"]), (200, &json!("CB-1"), &json!("W-2")));
    let told = client.raw("GET", "/_sandbox/webhooks", String::new()).await.1["list"].take();
    let told: Vec<_> =
        told.as_array().into_iter().flatten().map(|one| (one["kind"].clone(), one["reference"].clone())).collect();
    let kind = |kind: &str, reference: String| (json!(kind), json!(reference));
    let expected = [
        kind("payment_failed", failed.to_string()),
        kind("settlement_completed", "2".to_owned()),
        kind("chargeback_opened", sold.to_string()),
    ];
    assert_eq!(told, expected);
    for (order, expected) in [
        (json!({}), 400),
        (json!({ "settle_hour": 24 }), 400),
        (json!({ "settle_hour": 23 }), 200),
        (json!({ "customer": { "customer_id": "C-99", "card": "2" } }), 400),
        (json!({ "customer": { "customer_id": "C-99", "card": "0002" } }), 200),
    ] {
        assert_eq!(client.own("paytrace", &order).await.0, expected, "{order}");
    }
    let body = json!({ "customer_id": "C-99", "amount": "1.00" });
    assert_eq!(client.send("transactions/sale/by_customer", body).await.1["response_code"], 102);
}

#[tokio::test]
async fn nobody_hears_of_it_who_has_not_logged_in() {
    let sandbox = ferry_sandbox::start(Options { speed: 0, ..Options::default() }).await.expect("a free port is there");
    let client = Client { sandbox, http: reqwest::Client::new(), token: String::new() };
    let urls = json!({ "urls": ["http://127.0.0.1:9/hooks/all"] });
    client.own("webhooks", &urls).await;
    client.own("clock", &json!({ "advance_ms": 90 * 24 * HOUR_MS })).await;
    assert_eq!(client.ledger().await, Value::Null);
    assert_eq!(client.raw("GET", "/_sandbox/webhooks", String::new()).await.1["list"], json!([]));
}
