//! Those who are paid, and what the sandbox tells of them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::{Value, json};

use super::{PROGRAM, World, sub_code};

/// What the sandbox told, by the vendor's names of its kinds.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(String, Value)>>>);

impl Told {
    async fn by(world: &World) -> Self {
        let told = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port is there");
        let address = listener.local_addr().expect("it listens");
        let take = async |State(told): State<Self>, uri: axum::http::Uri, body: Bytes| {
            let body = serde_json::from_slice(&body).expect("the body is JSON");
            told.0.lock().expect("nobody panics").push((uri.path().trim_start_matches('/').to_owned(), body));
        };
        let app = Router::new().fallback(take).with_state(told.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let kinds = [
            "SentToBank",
            "CancelPayout",
            "AccountCardLoaded",
            "PayeeApproved",
            "PayeeDeclined",
            "PaymentRequestAccepted",
        ];
        let urls: Vec<String> = kinds.iter().map(|kind| format!("{kind}=http://{address}/{kind}")).collect();
        let (code, body) = world.control("webhooks", json!({ "urls": urls })).await;
        assert_eq!(code, 200, "{body}");
        told
    }

    /// Waits for so many; the asking takes the time.
    async fn until(&self, world: &World, count: usize) -> Vec<(String, Value)> {
        for _ in 0..20_000 {
            world.ledger().await;
            let told = self.0.lock().expect("nobody panics").clone();
            if told.len() >= count {
                return told;
            }
        }
        panic!("not {count}: {:?}", self.0.lock().expect("nobody panics"));
    }
}

fn person(id: &str) -> Value {
    json!({
        "payee_id": id,
        "payee": {
            "type": "INDIVIDUAL",
            "contact": { "first_name": "Given", "last_name": "Family", "email": "given@example.com" },
            "address": { "country": "DE" },
        },
        "payout_method": {
            "type": "BANK", "country": "DE", "currency": "EUR",
            "bank_field_details": [
                { "name": "IBAN", "value": "DE89370400440532013000" }, { "name": "swift", "value": "COBADEFFXXX" },
            ],
        },
    })
}

#[tokio::test]
async fn who_follows_the_link_is_approved_or_declined_later() {
    let world = World::open().await;
    let told = Told::by(&world).await;
    let token = world.application().await;
    let link = format!("{PROGRAM}/payees/registration-link");
    for number in 0..60 {
        let body = json!({ "payee_id": format!("N-{number}"), "client_session_id": format!("s-{number}") });
        let (code, body) = world.call(&token, "POST", &link, body).await;
        assert!(code == 200 && body["result"]["registration_link"].is_string() && body["result"]["token"].is_string());
    }
    let status = format!("{PROGRAM}/payees/N-0/status");
    assert_eq!(world.get(&token, &status).await.1["result"]["status"]["type"], 0);
    world.advance(91).await;
    let told = told.until(&world, 60).await;
    let token = world.application().await;
    let declined: Vec<&Value> = told.iter().filter(|(kind, _)| kind == "PayeeDeclined").map(|(_, body)| body).collect();
    let approved: Vec<&Value> = told.iter().filter(|(kind, _)| kind == "PayeeApproved").map(|(_, body)| body).collect();
    assert!(!declined.is_empty() && declined.len() + approved.len() == 60, "{}", declined.len());
    assert_eq!(declined[0]["Reason Description"], "Incorrect information");
    for (payee, kind) in [(declined[0], 99), (approved[0], 1)] {
        let id = payee["Payee Id"].as_str().expect("an id");
        assert_eq!(payee["Session Id"], id.replace("N-", "s-"));
        let (_, body) = world.get(&token, &format!("{PROGRAM}/payees/{id}/status")).await;
        assert_eq!(body["result"]["status"]["type"], kind, "{id}");
    }
}

#[tokio::test]
async fn a_payee_is_registered_described_and_deleted() {
    let world = World::open().await;
    let token = world.application().await;
    let register = format!("{PROGRAM}/payees/register-payee");
    let (code, body) = world.call(&token, "POST", &register, person("N-1")).await;
    assert_eq!((code, body), (200, json!({ "result": "Success" })));
    let details = format!("{PROGRAM}/payees/N-1/details");
    let (_, body) = world.get(&token, &details).await;
    assert_eq!(
        (&body["result"]["type"], &body["result"]["contact"]["email"]),
        (&json!("INDIVIDUAL"), &json!("given@example.com"))
    );
    let mut wrong = person("N-1");
    wrong["payee"]["contact"]["email"] = json!("nobody");
    wrong["payout_method"]["bank_field_details"][0]["value"] = json!("");
    let (code, body) = world.call(&token, "POST", &register, wrong).await;
    let errors = body["error_details"]["errors"].as_array().expect("it names the fields").clone();
    let codes: Vec<u64> = errors.iter().filter_map(|error| error["sub_code"].as_u64()).collect();
    assert_eq!((code, codes), (400, vec![1000, 1001, 10_601]));
    let path = format!("{PROGRAM}/payout-methods/bank/account-types/PERSONAL/countries");
    for (country, names) in [("gb", "SortCode AccountNumber"), ("DE", "IBAN Swift"), ("AU", "BSB AccountNumber")] {
        let (_, body) = world.get(&token, &format!("{path}/{country}/currencies/USD")).await;
        let items = body["result"]["payout_method"]["fields"]["items"].as_array().expect("a list").clone();
        let seen: Vec<&str> = items.iter().filter_map(|item| item["field_name"].as_str()).collect();
        assert_eq!(seen.join(" "), names);
    }
    let (code, body) = world.call(&token, "DELETE", &format!("{PROGRAM}/payees/N-1"), Value::Null).await;
    assert_eq!((code, &body["result"]["payee_id"]), (200, &json!("N-1")));
    assert_eq!(sub_code(&world.get(&token, &details).await), (404, 10_005));
    // A payee of the start is who he is in Salesforce.
    let (_, body) = world.get(&token, &format!("{PROGRAM}/payees/P-1/details")).await;
    assert!(body["result"]["contact"]["email"].as_str().is_some_and(|email| email.contains("example.com")), "{body}");
}

#[tokio::test]
async fn whoever_has_a_card_is_told_that_it_is_loaded_and_who_was_asked_pays() {
    let world = World::open().await;
    let told = Told::by(&world).await;
    let token = world.application().await;
    world.order(json!({ "payout_method": { "payee": "P-1", "type": "PREPAID_CARD" } })).await;
    world.order(json!({ "register": { "payee": "P-2", "approved": false } })).await;
    let payout =
        json!({ "client_reference_id": "c-1", "payee_id": "P-1", "amount": 5, "currency": "USD", "description": "x" });
    assert_eq!(
        world.call(&token, "POST", &format!("{PROGRAM}/masspayouts"), json!({ "Payments": [payout] })).await.0,
        201
    );
    let asked = |reference: &str| json!({ "client_reference_id": reference, "payee_id": "P-3", "amount": "7.50", "currency": "USD", "description": "x" });
    for number in 0..40 {
        let path = "/payoneer/v2/payment-requests";
        assert_eq!(world.call(&token, "POST", path, asked(&format!("q-{number}"))).await.0, 201);
        let (code, body) = world.call(&token, "POST", path, asked(&format!("q-{number}"))).await;
        assert_eq!((code, &body["error_details"]["errors"][0]["sub_code"]), (400, &json!(10_304)));
    }
    world.advance(121).await;
    let ledger = world.ledger().await;
    let rows = ledger["payoneer"]["payment_requests"].as_array().expect("a list").clone();
    let accepted: Vec<&Value> = rows.iter().filter(|row| row["status"] == "Accepted").collect();
    assert!((20..40).contains(&accepted.len()), "some are declined: {}", accepted.len());
    let told = told.until(&world, accepted.len() + 2).await;
    let count = |wanted: &str| told.iter().filter(|(kind, _)| kind == wanted).count();
    assert_eq!(
        (count("PaymentRequestAccepted"), count("AccountCardLoaded"), count("PayeeDeclined")),
        (accepted.len(), 1, 1)
    );
    assert_eq!(count("SentToBank"), 0);
    let token = world.application().await;
    let (_, body) = world.get(&token, "/payoneer/v2/transactions?limit=50&cursor=120").await;
    let items = body["result"]["items"].as_array().expect("a list").clone();
    assert_eq!(items.len(), accepted.len(), "what is accepted has arrived");
    assert_eq!(items[0]["amount"].to_string(), "7.50");
}
