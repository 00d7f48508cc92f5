//! Salesforce's REST API over real loopback HTTP, as its clients meet it.

mod client;

use client::Client;
use serde_json::{Value, json};

const DATA: &str = "/salesforce/services/data/v59.0";

async fn salesforce() -> Client {
    Client::payoneer().await.salesforce().await
}

async fn sent(client: &Client, method: &str, path: &str, body: Value) -> (u16, Value) {
    client.send(method, &format!("{DATA}/{path}"), &body.to_string()).await
}

/// Creates a record, and returns its id.
async fn create(client: &Client, object: &str, body: Value) -> String {
    let (code, made) = sent(client, "POST", &format!("sobjects/{object}"), body).await;
    assert_eq!(code, 201, "{made}");
    made["id"].as_str().expect("it is a text").to_owned()
}

async fn field(client: &Client, object: &str, id: &str, field: &str) -> Value {
    client.get(&format!("{DATA}/sobjects/{object}/{id}?fields={field}")).await.1[field].clone()
}

async fn count(client: &Client, rest: &str) -> Value {
    client.query(&format!("SELECT COUNT() FROM {rest}")).await.1["totalSize"].clone()
}

#[tokio::test]
async fn the_api_says_what_it_has() {
    let client = salesforce().await;
    let (_, versions) = client.without_token().get("/salesforce/services/data").await;
    assert_eq!(versions[0]["version"], "59.0");
    let (_, resources) = client.get(&format!("{DATA}/")).await;
    assert_eq!(resources["sobjects"], "/services/data/v59.0/sobjects");
    let (_, objects) = client.get(&format!("{DATA}/sobjects")).await;
    let names: Vec<&Value> = objects["sobjects"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    for name in ["Account", "Opportunity", "Order", "OrderItem", "Case", "Payment__c", "CurrencyType", "User"] {
        assert!(names.contains(&&json!(name)), "{name}");
    }
    assert!(!names.contains(&&json!("DatedConversionRate")));
    let (_, described) = client.get(&format!("{DATA}/sobjects/Opportunity/describe")).await;
    let stage = described["fields"].as_array().unwrap().iter().find(|field| field["name"] == "StageName").unwrap();
    assert_eq!((&stage["nillable"], &stage["type"]), (&json!(false), &json!("picklist")));
    assert_eq!(client.query("SELECT Account.Name, Owner.Username FROM Opportunity LIMIT 1").await.0, 200);
}

#[tokio::test]
async fn a_deleted_record_is_kept_for_those_who_ask() {
    let client = salesforce().await;
    let id = create(&client, "Account", json!({ "Name": "Gone", "Customer_Vault_ID__c": "V-gone" })).await;
    let path = format!("sobjects/Account/{id}");
    assert_eq!(sent(&client, "DELETE", &path, json!({})).await.0, 204);
    let (code, body) = sent(&client, "PATCH", &path, json!({ "Name": "Back" })).await;
    assert_eq!((code, &body[0]["errorCode"]), (404, &json!("ENTITY_IS_DELETED")));
    assert_eq!(count(&client, "Account WHERE Name = 'Gone'").await, 0);
    let query = "queryAll?q=SELECT+Id,IsDeleted+FROM+Account+WHERE+Name='Gone'";
    let (_, found) = client.get(&format!("{DATA}/{query}")).await;
    assert_eq!((&found["totalSize"], &found["records"][0]["IsDeleted"]), (&json!(1), &json!(true)));
    let span = "start=2020-01-01T00:00:00%2B00:00&end=2100-01-01T00:00:00Z";
    let (_, deleted) = client.get(&format!("{DATA}/sobjects/Account/deleted/?{span}")).await;
    assert_eq!(deleted["deletedRecords"][0]["id"], id);
    let (_, updated) = client.get(&format!("{DATA}/sobjects/Account/updated?{span}")).await;
    assert_eq!(updated["ids"].as_array().map(Vec::len), Some(5), "the deleted one is not among them");
    let (code, made) =
        sent(&client, "PATCH", "sobjects/Account/Customer_Vault_ID__c/V-gone", json!({ "Name": "New" })).await;
    assert_eq!((code, &made["created"]), (201, &json!(true)), "its key is free again");
}

#[tokio::test]
async fn a_collection_has_a_result_for_each_record_in_order() {
    let client = salesforce().await;
    let account = |name: Value| json!({ "attributes": { "type": "Account" }, "Name": name });
    let records = |all_or_none: bool| json!({ "allOrNone": all_or_none, "records": [account(json!("A")), account(json!(null)), account(json!("C"))] });
    let (code, body) = sent(&client, "POST", "composite/sobjects", records(false)).await;
    let success: Vec<&Value> = body.as_array().unwrap().iter().map(|one| &one["success"]).collect();
    assert_eq!((code, success), (200, vec![&json!(true), &json!(false), &json!(true)]));
    assert_eq!(
        body[1]["errors"][0],
        json!({ "statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [Name]", "fields": ["Name"] })
    );
    let before = count(&client, "Account").await;
    let (code, body) = sent(&client, "POST", "composite/sobjects", records(true)).await;
    assert_eq!((code, &body[0]["errors"][0]["statusCode"]), (200, &json!("ALL_OR_NONE_OPERATION_ROLLED_BACK")));
    assert_eq!(count(&client, "Account").await, before, "nothing of it has happened");

    let ids = [&records_ids(&client, "A").await, &records_ids(&client, "C").await].map(String::as_str).join(",");
    let (_, found) = client.get(&format!("{DATA}/composite/sobjects/Account?ids={ids},001x&fields=Name")).await;
    assert_eq!((&found[0]["Name"], &found[2]), (&json!("A"), &json!(null)));
    let (_, gone) = client.send("DELETE", &format!("{DATA}/composite/sobjects?ids={ids}"), "").await;
    assert_eq!((&gone[0]["success"], &gone[1]["success"]), (&json!(true), &json!(true)));

    let row = |key: &str, amount: &str| json!({ "attributes": { "type": "Payment__c" }, "Payment_ID__c": key, "Amount__c": amount });
    let path = "composite/sobjects/Payment__c/Payment_ID__c";
    let twice = json!({ "records": [row("1", "1.00"), row("2", "2.00"), row("2", "3.00"), row("3", "x")] });
    let (code, body) = sent(&client, "PATCH", path, twice).await;
    let codes: Vec<&Value> = body.as_array().unwrap().iter().map(|one| &one["errors"][0]["statusCode"]).collect();
    assert_eq!((code, &body[0]["created"]), (200, &json!(true)));
    assert_eq!(
        codes,
        [&json!(null), &json!("DUPLICATE_VALUE"), &json!("DUPLICATE_VALUE"), &json!("JSON_PARSER_ERROR")]
    );
    let (_, body) = sent(&client, "PATCH", path, json!({ "records": [row("1", "5.00")] })).await;
    assert_eq!(body[0]["created"], false);
    let many: Vec<Value> = (0..201).map(|number| row(&number.to_string(), "1")).collect();
    let (code, body) = sent(&client, "PATCH", path, json!({ "records": many })).await;
    assert_eq!((code, &body[0]["errorCode"]), (400, &json!("EXCEEDED_ID_LIMIT")));
}

async fn records_ids(client: &Client, name: &str) -> String {
    let (_, found) = client.query(&format!("SELECT Id FROM Account WHERE Name = '{name}'")).await;
    found["records"][0]["Id"].as_str().expect("it is there").to_owned()
}

#[tokio::test]
async fn a_composite_uses_what_it_has_got_or_undoes_it() {
    let client = salesforce().await;
    let url = |path: &str| format!("/services/data/v59.0/{path}");
    let requests = |all_or_none: bool, amount: &str| {
        json!({ "allOrNone": all_or_none, "compositeRequest": [
        { "method": "POST", "url": url("sobjects/Account"), "referenceId": "account", "body": { "Name": "Composed" } },
        { "method": "POST", "url": url("sobjects/Payment__c"), "referenceId": "payment", "body": { "Account__c": "@{account.id}", "Amount__c": amount } },
        { "method": "GET", "url": url("query/?q=SELECT Id FROM Payment__c WHERE Id = '@{payment.id}'"), "referenceId": "found" },
        { "method": "PATCH", "url": url("sobjects/Payment__c/@{found.records[0].Id}"), "referenceId": "changed", "body": { "Status__c": "Completed" } },
    ] })
    };
    let codes = |body: &Value| -> Vec<u64> {
        body["compositeResponse"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["httpStatusCode"].as_u64().unwrap())
            .collect()
    };
    let (code, body) = sent(&client, "POST", "composite", requests(true, "12.50")).await;
    assert_eq!((code, codes(&body)), (200, vec![201, 201, 200, 204]), "{body}");
    assert!(
        body["compositeResponse"][0]["httpHeaders"]["Location"].as_str().unwrap().contains("/sobjects/Account/001")
    );
    let payment = body["compositeResponse"][1]["body"]["id"].as_str().unwrap();
    assert_eq!(field(&client, "Payment__c", payment, "Status__c").await, "Completed");

    let (_, body) = sent(&client, "POST", "composite", requests(true, "x")).await;
    assert_eq!(codes(&body), [400, 400, 400, 400]);
    assert_eq!(body["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(body["compositeResponse"][1]["body"][0]["errorCode"], "JSON_PARSER_ERROR");
    assert_eq!(count(&client, "Account WHERE Name = 'Composed'").await, 1, "it is undone");
    let (_, body) = sent(&client, "POST", "composite", requests(false, "x")).await;
    assert_eq!(codes(&body), [201, 400, 400, 400]);
    assert_eq!(count(&client, "Account WHERE Name = 'Composed'").await, 2);
}

#[tokio::test]
async fn changes_and_published_events_are_told_once_and_in_order() {
    let client = salesforce().await;
    let told = |topic: &str, after: u64| client.order(json!({ "events": { "topic": topic, "after": after } }));
    let id = create(
        &client,
        "Opportunity",
        json!({ "Name": "Told", "StageName": "Prospecting", "CloseDate": "2026-05-01", "Amount": 10 }),
    )
    .await;
    let path = format!("sobjects/Opportunity/{id}");
    let change = json!({ "StageName": "Closed Won", "Amount": null });
    assert_eq!(sent(&client.called("ferry"), "PATCH", &path, change).await.0, 204);
    assert_eq!(sent(&client, "PATCH", &path, json!({ "Name": "" })).await.0, 400, "it tells nothing");
    assert_eq!(sent(&client, "DELETE", &path, json!({})).await.0, 204);
    let list = told("/data/OpportunityChangeEvent", 0).await;
    let kinds: Vec<&Value> = list.as_array().unwrap().iter().map(|one| &one["header"]["changeType"]).collect();
    assert_eq!(kinds, ["CREATE", "UPDATE", "DELETE"]);
    assert_eq!(list[1]["header"]["changedFields"], json!(["StageName", "Amount"]));
    assert_eq!(
        (&list[1]["fields"], &list[1]["header"]["nulledFields"]),
        (&json!({ "StageName": "Closed Won" }), &json!(["Amount"]))
    );
    assert!(list[1]["header"]["changeOrigin"].as_str().unwrap().ends_with(";client=ferry"));
    assert!(!list[0]["header"]["changeOrigin"].as_str().unwrap().contains("client="));
    let rest = told("/data/ChangeEvents", list[1]["replay"].as_u64().unwrap()).await;
    assert_eq!(rest.as_array().map(Vec::len), Some(1), "a reader goes on where it was");

    let event = json!({ "Reference__c": "R-1", "Amount__c": 12.50 });
    let (code, body) = sent(&client, "POST", "sobjects/Payout_Status__e", event).await;
    assert_eq!((code, &body["errors"][0]["statusCode"]), (201, &json!("OPERATION_ENQUEUED")));
    assert_eq!(told("/event/Payout_Status__e", 0).await[0]["fields"]["Reference__c"], "R-1");
    assert_eq!(sent(&client, "POST", "sobjects/Payout_Status__e", json!({})).await.0, 400);
    assert_eq!(sent(&client, "POST", "sobjects/Nope__e", json!({})).await.0, 404);
    client.advance(73 * 60 * 60_000).await;
    assert_eq!(told("/event/Payout_Status__e", 0).await, json!([]), "it is kept for 72 hours");
}

#[tokio::test]
async fn others_hold_locks_and_rules_refuse() {
    let client = salesforce().await;
    let account = records_ids(&client, "Fabrikam").await;
    let payment = || json!({ "Account__c": account.as_str(), "Amount__c": 2000 });
    client.order(json!({ "lock": { "object": "Payment__c", "parent": account.as_str(), "times": 1 } })).await;
    client.order(json!({ "lock": { "object": "Payment__c", "times": 1, "in_trigger": true } })).await;
    for code in ["UNABLE_TO_LOCK_ROW", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"] {
        let (status, body) = sent(&client, "POST", "sobjects/Payment__c", payment()).await;
        assert_eq!((status, &body[0]["errorCode"]), (400, &json!(code)));
        assert!(body.to_string().contains("unable to obtain exclusive access to this record"), "{body}");
    }
    assert_eq!(count(&client, "Payment__c").await, 0);
    let rule = json!({ "object": "Payment__c", "field": "Amount__c", "above": "1000", "message": "too much" });
    client.order(json!({ "validation": rule })).await;
    let (status, body) = sent(&client, "POST", "sobjects/Payment__c", payment()).await;
    let problem =
        json!({ "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "too much", "fields": ["Amount__c"] });
    assert_eq!((status, &body[0]), (400, &problem));
    client.order(json!({ "lock": { "object": "Payment__c", "one_in": 4 } })).await;
    let mut met = 0;
    for _ in 0..40 {
        let (_, body) = sent(&client, "POST", "sobjects/Payment__c", json!({ "Amount__c": 1 })).await;
        met += u32::from(body[0]["errorCode"] == "UNABLE_TO_LOCK_ROW");
    }
    assert!((3..20).contains(&met), "about 1 in 4, not {met} of 40");
    client.order(json!({ "rules": "none" })).await;
    assert_eq!(sent(&client, "POST", "sobjects/Payment__c", payment()).await.0, 201);
}

#[tokio::test]
async fn the_calls_of_a_day_are_counted_and_run_out() {
    let client = salesforce().await;
    client.order(json!({ "api_calls": { "used": 98, "max": 100 } })).await;
    let (_, header) = client.table(&format!("{DATA}/limits"), "sforce-limit-info").await;
    assert_eq!(header, "api-usage=99/100");
    let (_, limits) = client.get(&format!("{DATA}/limits")).await;
    assert_eq!(limits["DailyApiRequests"], json!({ "Max": 100, "Remaining": 0 }));
    let (code, body) = client.get(&format!("{DATA}/limits")).await;
    assert_eq!((code, &body[0]["errorCode"]), (403, &json!("REQUEST_LIMIT_EXCEEDED")));
    client.advance(25 * 60 * 60_000).await;
    assert_eq!(client.salesforce().await.get(&format!("{DATA}/limits")).await.0, 200);
}

#[tokio::test]
async fn sessions_end_and_a_consent_opens_another() {
    let client = salesforce().await;
    let refresh = "grant_type=refresh_token&client_id=sandbox-client&refresh_token=sandbox-refresh";
    let (code, token) = client.grant("token", refresh).await;
    assert_eq!((code, &token["refresh_token"]), (200, &json!(null)));
    let token = token["access_token"].as_str().unwrap();
    assert_eq!(client.grant("revoke", &format!("token={token}")).await.0, 200);
    assert_eq!(client.grant("revoke", &format!("token={token}")).await.0, 400, "it is gone");
    client.order(json!({ "sessions": "end" })).await;
    let (code, body) = client.get(&format!("{DATA}/limits")).await;
    assert_eq!((code, &body[0]["errorCode"]), (401, &json!("INVALID_SESSION_ID")));
    assert_eq!(client.grant("token", refresh).await.0, 200);
    assert_eq!(client.grant("revoke", "token=sandbox-refresh").await.0, 200);
    let (code, body) = client.grant("token", refresh).await;
    assert_eq!((code, &body["error"]), (400, &json!("invalid_grant")));
    let wrong = refresh.replace("sandbox-client", "other");
    assert_eq!(client.grant("token", &wrong).await.1["error"], "invalid_client");
}

#[tokio::test]
async fn currencies_are_told_whole_and_rates_have_days() {
    let client = salesforce().await;
    let (_, found) = client.query("SELECT Id, IsCorporate FROM CurrencyType ORDER BY IsoCode").await;
    let id = |index: usize| found["records"][index]["Id"].as_str().unwrap().to_owned();
    let (euro, dollar) = (id(0), id(2));
    let path = format!("sobjects/CurrencyType/{euro}");
    assert_eq!(sent(&client, "PATCH", &path, json!({ "ConversionRate": "0.9112345" })).await.0, 204);
    assert_eq!(field(&client, "CurrencyType", &euro, "IsActive").await, false, "it was left out");
    assert_eq!(field(&client, "CurrencyType", &euro, "ConversionRate").await.to_string(), "0.911235");
    let (code, _) =
        sent(&client, "PATCH", &format!("sobjects/CurrencyType/{dollar}"), json!({ "ConversionRate": 2 })).await;
    assert_eq!(code, 400, "the corporate currency is worth itself");
    let rate = |day: &str| json!({ "IsoCode": "EUR", "StartDate": day, "ConversionRate": 0.9 });
    assert_eq!(sent(&client, "POST", "sobjects/DatedConversionRate", rate("2026-01-01")).await.0, 404);
    client.order(json!({ "dated_rates": true })).await;
    let first = create(&client, "DatedConversionRate", rate("2026-01-01")).await;
    assert_eq!(field(&client, "DatedConversionRate", &first, "NextStartDate").await, "9999-12-31");
    create(&client, "DatedConversionRate", rate("2026-02-01")).await;
    assert_eq!(field(&client, "DatedConversionRate", &first, "NextStartDate").await, "2026-02-01");
    assert_eq!(count(&client, "DatedConversionRate WHERE StartDate >= 2026-02-01").await, 1);
}

#[tokio::test]
async fn parents_are_named_by_a_key_and_totals_follow() {
    let client = salesforce().await;
    let (_, found) = client.query("SELECT Id, TotalAmount FROM Order LIMIT 1").await;
    let order = found["records"][0]["Id"].as_str().unwrap().to_owned();
    let before = found["records"][0]["TotalAmount"].to_string().parse::<rust_decimal::Decimal>().unwrap();
    let item = json!({ "OrderId": order.as_str(), "Quantity": 3, "UnitPrice": "10.10", "Payee__r": { "External_Payoneer_ID__c": "P-1" } });
    let item = create(&client, "OrderItem", item).await;
    assert_eq!(field(&client, "OrderItem", &item, "TotalPrice").await.to_string(), "30.30");
    assert!(field(&client, "OrderItem", &item, "Payee__c").await.is_string());
    let total = field(&client, "Order", &order, "TotalAmount").await.to_string();
    assert_eq!(total.parse::<rust_decimal::Decimal>().unwrap(), before + rust_decimal::Decimal::new(3030, 2));
    let (code, body) = sent(
        &client,
        "PATCH",
        &format!("sobjects/OrderItem/{item}"),
        json!({ "Payee__r": { "External_Payoneer_ID__c": "none" } }),
    )
    .await;
    assert_eq!((code, &body[0]["errorCode"]), (400, &json!("INVALID_FIELD")));
    let (code, _) = client.get(&format!("{DATA}/sobjects/Contact/External_Payoneer_ID__c/P-1")).await;
    assert_eq!(code, 200);
}
