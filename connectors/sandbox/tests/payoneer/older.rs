//! The older API, and the same payout by the paths of the customer's brief.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{World, read};

#[tokio::test]
async fn v2_answers_in_its_own_envelope() {
    let world = World::open().await;
    let call = async |method: &str, path: &str, body: &str| {
        let method: reqwest::Method = method.parse().expect("it is a method");
        let url = world.url(&format!("/payoneer/v2/programs/100086190/{path}"));
        let basic = format!("Basic {}", STANDARD.encode("sandbox-client:sandbox-secret"));
        let request = world.http.request(method, url).header("authorization", basic).body(body.to_owned());
        read(request.send().await.expect("an answer")).await
    };
    world.control("seed", json!({ "payee": { "id": "P-3", "type": 99 } })).await;
    let payout = |reference: &str, payee: &str| {
        let body = json!({
            "payee_id": payee, "amount": "5.00", "client_reference_id": reference, "description": "d", "currency": "USD",
        });
        body.to_string()
    };
    let (code, body) = call("POST", "payouts", &payout("r1", "P-1")).await;
    assert_eq!((code, &body["code"], &body["description"]), (200, &json!(0), &json!("Success")));
    assert!(body["audit_id"].is_u64() && body["payout_id"].is_string(), "{body}");
    for (reference, payee, status, wrong) in
        [("r1", "P-1", 400, 10_304), ("r2", "P-none", 404, 10_005), ("r3", "P-3", 400, 10_009)]
    {
        let (code, body) = call("POST", "payouts", &payout(reference, payee)).await;
        assert_eq!((code, &body["code"]), (status, &json!(wrong)), "{body}");
    }
    let (code, none) = call("GET", "payouts/none", "").await;
    assert_eq!((code, &none["code"]), (404, &json!(10_311)));
    world.advance(41).await;
    let (_, status) = call("GET", "payouts/r1", "").await;
    assert_eq!((&status["status"], &status["code"]), (&json!("Funded"), &json!(0)), "{status}");
    assert_eq!(call("GET", "payees/P-3/status", "").await.1["status"], "INACTIVE");
    assert!(call("GET", "balance", "").await.1["fees_due"].is_number());
    let token = world.application().await;
    let path = "/payoneer/v2/programs/100086190/balance";
    assert_eq!(world.get(&token, path).await.0, 401, "v2 knows no tokens");
    // The brief names the same payout by its id or by its reference.
    for name in [body["payout_id"].as_str().expect("a name"), "r1"] {
        let (_, body) = world.get(&token, &format!("/payoneer/v2/payouts/{name}/status")).await;
        assert_eq!(body["result"]["status"], "Transferred", "{name}");
    }
}
