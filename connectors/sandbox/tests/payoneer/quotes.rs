//! Payments out of an account: quoted, committed, looked up.

use serde_json::{Value, json};

use super::{ACCOUNT, World, cents, sub_code};

/// A debit of the US dollars, in another currency.
fn debit(reference: &str, amount: &str) -> Value {
    let amount: Value = serde_json::from_str(amount).expect("a number");
    json!({
        "client_reference_id": reference, "amount": amount, "currency": "EUR", "target_amount": true, "description": "Invoice 7",
        "to": { "type": "partner", "id": "100086190" },
    })
}

#[tokio::test]
async fn a_quote_books_nothing_and_its_commit_pays_once() {
    let world = World::open().await;
    let token = world.holder().await;
    let token = token.access();
    let (balance, before) = world.balance(token, "USD").await;
    let path = format!("{ACCOUNT}/balances/{balance}/payments/debit");
    let (code, quote) = world.call(token, "POST", &path, debit("pay-1", "100.00")).await;
    let quote = &quote["result"];
    assert_eq!(
        (code, &quote["type"], &quote["client_reference_id"]),
        (200, &json!("debit"), &json!("pay-1")),
        "{quote}"
    );
    // 100.00 EUR at 0.9223390518 are 108.42 USD, and 1 % of that is the fee.
    let fee = &quote["fees"][0];
    assert_eq!(
        (&fee["type"], fee["amount"].to_string(), &fee["currency"]),
        (&json!("charge_fee"), "1.08".to_owned(), &json!("USD"))
    );
    assert_eq!(quote["amounts"]["charged"]["amount"].to_string(), "109.50");
    assert_eq!(quote["fx"]["rate"].to_string(), "0.9223390518");
    assert_eq!(world.balance(token, "USD").await.1, before, "a quote books nothing");
    let status = format!("{ACCOUNT}/payments/pay-1?type=client_reference_id");
    let (code, body) = world.get(token, &status).await;
    assert_eq!((code, &body["result"]["status"], &body["result"]["payment_id"]), (200, &json!(1000), &Value::Null));
    let commit = format!("{ACCOUNT}/payments/{}", quote["commit_id"].as_str().expect("a name"));
    let (code, paid) = world.call(token, "PUT", &commit, Value::Null).await;
    assert_eq!((code, &paid["result"]["status"]), (200, &json!(2)), "{paid}");
    assert_eq!(paid["result"]["fees"].as_array().map(Vec::len), Some(2));
    let (_, body) = world.get(token, &status).await;
    assert_eq!(body["result"]["payment_id"], paid["result"]["payment_id"]);
    assert_eq!(cents(&before) - cents(&world.balance(token, "USD").await.1), 10_950);
    assert_eq!(sub_code(&world.call(token, "PUT", &commit, Value::Null).await), (400, 10_304));
    world.control("faults", json!({ "duplicates": "book" })).await;
    assert_eq!(world.call(token, "PUT", &commit, Value::Null).await.0, 200);
    let ledger = world.ledger().await;
    assert_eq!(ledger["payoneer"]["payments"][0]["committed"], 2, "{ledger}");
    assert_eq!(ledger["payoneer"]["duplicates_refused"], 1);
    assert_eq!(ledger["totals"]["bookings"], 0, "no payout of a program");
}

#[tokio::test]
async fn a_quote_that_cannot_be_paid_says_why() {
    let world = World::open().await;
    let token = world.holder().await;
    let token = token.access();
    let (balance, _) = world.balance(token, "USD").await;
    let path = format!("{ACCOUNT}/balances/{balance}/payments/debit");
    let quote = async |reference: &str, amount: &str| {
        let (_, body) = world.call(token, "POST", &path, debit(reference, amount)).await;
        format!("{ACCOUNT}/payments/{}", body["result"]["commit_id"].as_str().expect("a name"))
    };
    let (late, large) = (quote("late", "1.00").await, quote("large", "999999.00").await);
    assert_eq!(sub_code(&world.call(token, "PUT", &large, Value::Null).await), (400, 10_502));
    world.advance(5).await;
    assert_eq!(sub_code(&world.call(token, "PUT", &late, Value::Null).await), (400, 10_501));
    let none = format!("{ACCOUNT}/payments/none");
    assert_eq!(sub_code(&world.call(token, "PUT", &none, Value::Null).await), (404, 2306));
    assert_eq!(sub_code(&world.get(token, &format!("{none}?type=client_reference_id")).await), (404, 2306));
    let wrong = json!({ "client_reference_id": "a b", "amount": -1, "currency": "XXX", "to": { "type": "bank_id" } });
    let (code, body) = world.call(token, "POST", &path, wrong).await;
    let errors = body["error_details"]["errors"].as_array().expect("it names the fields").clone();
    let targets: Vec<&str> = errors.iter().filter_map(|error| error["target"].as_str()).collect();
    let expected = ["client_reference_id", "amount", "description", "to.id", "to.type", "currency"];
    assert_eq!((code, targets.as_slice()), (400, &expected[..]));
    // Another balance's money may not be taken by its number alone.
    let other = format!("{ACCOUNT}/balances/1/payments/debit");
    assert_eq!(sub_code(&world.call(token, "POST", &other, debit("x", "1.00")).await), (404, 2306));
}

#[tokio::test]
async fn a_person_who_is_asked_lets_the_commit_pass() {
    let world = World::open().await;
    let token = world.holder().await;
    let token = token.access();
    let (balance, _) = world.balance(token, "USD").await;
    let path = format!("{ACCOUNT}/balances/{balance}/payments/debit");
    let (_, body) = world.call(token, "POST", &path, debit("pay-1", "1.00")).await;
    let commit = format!("{ACCOUNT}/payments/{}", body["result"]["commit_id"].as_str().expect("a name"));
    world.order(json!({ "challenge": true })).await;
    let (code, body) = world.call(token, "PUT", &commit, Value::Null).await;
    assert_eq!(
        (code, &body["error"], &body["error_details"]["code"]),
        (403, &json!("challenge_required"), &json!(1803))
    );
    assert_eq!(world.call(token, "PUT", &commit, Value::Null).await.0, 403, "until he says yes");
    world.order(json!({ "confirm": body["challenge"]["session_id"] })).await;
    assert_eq!(world.call(token, "PUT", &commit, Value::Null).await.0, 200);
    assert_eq!(world.control("payoneer", json!({ "confirm": "none" })).await.0, 400);
}

#[tokio::test]
async fn a_withdrawal_takes_its_time_and_a_refused_one_gives_the_money_back() {
    let world = World::open().await;
    let token = world.holder().await;
    let (_, seed) = world.get("none", "/_sandbox/seed").await;
    let (balance, before) = world.balance(token.access(), "GBP").await;
    let path = format!("{ACCOUNT}/balances/{balance}/payments/withdraw");
    for number in 0..60 {
        let body = json!({
            "client_reference_id": format!("w-{number}"), "amount": "1.00", "description": "To our bank",
            "to": { "type": "bank_id", "id": seed["payoneer"]["bank_id"] },
        });
        let (_, quote) = world.call(token.access(), "POST", &path, body).await;
        assert_eq!(quote["result"]["fees"][0]["is_estimated"], true, "{quote}");
        let commit = format!("{ACCOUNT}/payments/{}", quote["result"]["commit_id"].as_str().expect("a name"));
        let (_, paid) = world.call(token.access(), "PUT", &commit, Value::Null).await;
        assert_eq!(paid["result"]["status"], 1, "{paid}");
    }
    world.advance(41).await;
    let ledger = world.ledger().await;
    let rows = ledger["payoneer"]["payments"].as_array().expect("a list").clone();
    let cancelled = rows.iter().filter(|row| row["status"] == "cancelled").count();
    let completed = rows.iter().filter(|row| row["status"] == "completed").count();
    assert!(cancelled > 0 && cancelled + completed == 60, "{cancelled} of {}", rows.len());
    assert_eq!(
        cents(&before) - cents(&world.balance(token.access(), "GBP").await.1),
        i64::try_from(completed).expect("a count") * 101
    );
    world.order(json!({ "payment": { "reference": "w-1", "status": 0 } })).await;
    let (_, body) = world.get(token.access(), &format!("{ACCOUNT}/payments/w-1?type=client_reference_id")).await;
    assert_eq!(body["result"]["status"], 0);
}
