//! What an account holder reads: balances, transactions, statements.

use std::collections::BTreeSet;

use serde_json::json;

use super::{ACCOUNT, MINUTE_MS, World, cents, sub_code};

#[tokio::test]
async fn pages_lead_on_by_relative_links_to_the_last_one() {
    let world = World::open().await;
    let token = world.holder().await;
    let day_ms = 24 * 60 * MINUTE_MS;
    let (_, clock) = world.get("none", "/_sandbox/clock").await;
    let now: jiff::Timestamp = clock["now"].as_str().and_then(|now| now.parse().ok()).expect("a time");
    let back = jiff::SignedDuration::from_millis((10 * day_ms).cast_signed());
    let from = (now - back).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    for (path, total, pages) in [
        ("balances".to_owned(), 5, 3),
        ("transactions".to_owned(), 120, 3),
        (format!("transactions?from={from}&limit=7"), 40, 6),
        ("receiving-accounts".to_owned(), 5, 1),
        ("statements".to_owned(), 6, 1),
        ("early-payment-offers".to_owned(), 3, 1),
    ] {
        let mut next = Some(format!("{ACCOUNT}/{path}"));
        let (mut ids, mut seen) = (BTreeSet::new(), 0);
        while let Some(path) = next {
            let (code, body) = world.get(token.access(), &path).await;
            assert_eq!((code, &body["result"]["total"]), (200, &json!(total)), "{path}: {body}");
            let items = body["result"]["items"].as_array().expect("a list").clone();
            ids.extend(items.into_iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
            next = body["result"]["next"].as_str().map(|next| format!("/payoneer{next}"));
            seen += 1;
        }
        assert_eq!((ids.len(), seen), (total, pages), "{path}");
    }
    let (code, body) = world.get(token.access(), &format!("{ACCOUNT}/transactions?from=yesterday")).await;
    assert_eq!((code, &body["error_details"]["errors"][0]["target"]), (400, &json!("from")));
}

#[tokio::test]
async fn money_that_arrives_is_a_transaction_and_a_statement_is_a_pdf() {
    let world = World::open().await;
    let token = world.holder().await;
    let (_, before) = world.balance(token.access(), "EUR").await;
    let order = json!({ "receive": { "amount": "12.50", "currency": "EUR", "from": "Example Store" } });
    let id = world.order(order).await["transaction"].as_str().expect("a number").to_owned();
    let (code, body) = world.get(token.access(), &format!("{ACCOUNT}/transactions/{id}")).await;
    let shown = (&body["result"]["type"], body["result"]["amount"].to_string());
    assert_eq!((code, shown), (200, (&json!("RECEIVED_PAYMENT"), "12.50".to_owned())));
    let (_, after) = world.balance(token.access(), "EUR").await;
    assert_eq!(cents(&after) - cents(&before), 1_250);
    assert_eq!(sub_code(&world.get(token.access(), &format!("{ACCOUNT}/transactions/none")).await), (404, 2306));
    let (_, list) = world.get(token.access(), &format!("{ACCOUNT}/statements")).await;
    let id = list["result"]["items"][0]["id"].as_str().expect("an id").to_owned();
    let url = world.url(&format!("{ACCOUNT}/statements/{id}/download"));
    let bearer = format!("Bearer {}", token.access());
    let file = world.http.get(url).header("authorization", bearer).send().await.expect("an answer");
    assert_eq!(file.headers()["content-type"], "application/pdf");
    let bytes = file.bytes().await.expect("the file arrives");
    assert!(bytes.starts_with(b"%PDF-1.4") && bytes.ends_with(b"%%EOF\n"), "{} bytes", bytes.len());
}
