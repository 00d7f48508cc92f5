//! What the sandbox says about its objects, against what it takes.

use serde_json::json;

use crate::client::Client;

#[tokio::test]
async fn an_object_is_described_as_it_is_checked() {
    let client = Client::payoneer().await.salesforce().await;
    let path = "/salesforce/services/data/v59.0/sobjects";
    let (code, told) = client.get(&format!("{path}/Payment_Transaction__c/describe")).await;
    assert_eq!((code, told["name"].as_str()), (200, Some("Payment_Transaction__c")));
    let fields = told["fields"].as_array().unwrap();
    let of = |name: &str, keys: [&str; 4]| {
        let field = fields.iter().find(|field| field["name"] == name).unwrap();
        json!(keys.map(|key| field[key].clone()))
    };
    let writes = ["nillable", "createable", "updateable", "defaultedOnCreate"];
    assert_eq!(of("Id", writes), json!([false, false, false, true]));
    assert_eq!(of("Client_Reference__c", writes), json!([false, true, true, false]));
    assert_eq!(of("CurrencyIsoCode", writes), json!([false, true, true, true]));
    let kinds = ["type", "length", "externalId", "relationshipName"];
    assert_eq!(of("Client_Reference__c", kinds), json!(["string", 64, true, null]));
    assert_eq!(of("Payment_Request__c", kinds), json!(["reference", 18, false, "Payment_Request__r"]));
    assert_eq!(of("Amount__c", kinds), json!(["currency", 0, false, null]));
    let status = fields.iter().find(|field| field["name"] == "Status__c").unwrap();
    // Each value that is described is taken, and no other.
    for value in status["picklistValues"].as_array().unwrap().iter().chain([&json!({ "value": "Payed" })]) {
        let body = json!({ "Client_Reference__c": value["value"], "Status__c": value["value"] });
        let (code, _) = client.send("POST", &format!("{path}/Payment_Transaction__c"), &body.to_string()).await;
        assert_eq!(code == 201, value["active"] == true, "{value}");
    }
    assert_eq!(client.get(&format!("{path}/Nope__c/describe")).await.0, 404);
}
