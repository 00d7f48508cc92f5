//! Payoneer's accounts and recipients: the shipped manifest against the sandbox.

mod runs;

use std::sync::Arc;

use ferry::{
    http::HttpClient,
    sandbox::{SandboxInfo, get, post},
};
use ferry_connectors::{connection::Connection, files::Files};
use ferry_contract::failure::{ErrorClass, Failure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shipped;

const MINUTE_MS: u64 = 60_000;

/// A sandbox whose clock stands still, and the shipped connector in it.
struct Desk {
    sandbox: ferry_sandbox::Sandbox,
    http: Arc<HttpClient>,
    connection: Connection,
    files: TempDir,
}

impl Desk {
    async fn open() -> Self {
        Self::of(None).await
    }

    async fn of(profile: Option<&str>) -> Self {
        let options = ferry_sandbox::Options { speed: 0, ..ferry_sandbox::Options::default() };
        let sandbox = ferry_sandbox::start(options).await.unwrap();
        let http = Arc::new(HttpClient::new().unwrap());
        let fields = ["program_id", "client_id", "client_secret"];
        let connection = shipped::opened((&sandbox.url(), &http), ("payoneer", profile), &fields).await;
        connection.keep_consents_in(Arc::new(shipped::Kept::default()));
        let files = tempfile::tempdir().unwrap();
        let connection = connection.with_files(Some(Files::new(files.path().to_owned())));
        Self { sandbox, http, connection, files }
    }

    /// With the consent of an account's holder.
    async fn allowed() -> Self {
        let desk = Self::open().await;
        desk.allow().await;
        desk
    }

    /// The holder of the account says yes.
    async fn allow(&self) {
        let known = shipped::allow(&self.connection, &self.http).await;
        assert_eq!(known["account_id"], "4366181865108056");
    }

    async fn control(&self, what: &str, body: Value) -> Value {
        post(&*self.http, &format!("{}/_sandbox/{what}", self.sandbox.url()), &body).await.unwrap()
    }

    async fn advance(&self, minutes: u64) {
        self.control("clock", json!({ "advance_ms": minutes * MINUTE_MS })).await;
    }

    async fn ledger(&self) -> Value {
        get(&*self.http, &format!("{}/_sandbox/ledger", self.sandbox.url())).await.unwrap()
    }

    async fn call(&self, action: &str, input: Value) -> Result<Value, Failure> {
        shipped::call(&self.connection, action, input).await
    }

    async fn class(&self, action: &str, input: Value) -> ErrorClass {
        self.call(action, input).await.unwrap_err().class
    }

    async fn dollars(&self) -> String {
        let balances = self.call("account_balances", json!({})).await.unwrap()["balances"].take();
        let own = balances.as_array().unwrap().iter().find(|balance| balance["currency"] == "USD").unwrap().clone();
        own["id"].as_str().unwrap().to_owned()
    }

    async fn quote(&self, reference: &str) -> Value {
        self.call("debit_quote", debit(reference, &self.dollars().await)).await.unwrap()
    }
}

fn debit(reference: &str, balance: &str) -> Value {
    json!({
        "client_reference_id": reference, "balance_id": balance, "partner_id": "100086190", "target_amount": true,
        "amount": { "amount": 50, "currency": "EUR" }, "description": "Invoice 7",
    })
}

#[tokio::test]
async fn lists_are_read_to_the_last_page_with_a_consent_and_not_without() {
    let desk = Desk::open().await;
    let waits = desk.call("account_balances", json!({})).await.unwrap_err();
    assert!(waits.is_untried && waits.message.contains("run `ferry connect payoneer`"), "{waits:?}");
    desk.allow().await;
    for (action, list, count) in [
        ("account_balances", "balances", 5),
        ("transactions", "transactions", 120),
        ("receiving_accounts", "receiving_accounts", 5),
        ("statements", "statements", 6),
        ("early_payment_offers", "offers", 3),
    ] {
        let output = desk.call(action, json!({})).await.unwrap();
        assert_eq!(output[list].as_array().unwrap().len(), count, "{action}");
    }
    let listed = desk.call("transactions", json!({ "type": "withdrawal" })).await.unwrap()["transactions"].take();
    let rows = listed.as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["type"] == "WITHDRAWAL"), "{listed}");
    let one = desk.call("transaction", json!({ "id": rows[0]["id"] })).await.unwrap();
    assert_eq!(one, rows[0]);
    let details = desk.call("account_details", json!({})).await.unwrap();
    assert_eq!(details["account_id"], "4366181865108056");
    let latest = desk.call("statements", json!({})).await.unwrap()["statements"][0].take();
    let input = json!({ "id": latest["id"], "file": "statements/latest.pdf" });
    let saved = desk.call("download_statement", input).await.unwrap();
    let pdf = std::fs::read(desk.files.path().join("statements/latest.pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.") && saved["bytes"] == json!(pdf.len()), "{saved}");
    let missing = desk.call("download_statement", json!({ "id": "none", "file": "none.pdf" })).await.unwrap_err();
    assert_eq!((missing.class, desk.files.path().join("none.pdf").exists()), (ErrorClass::NotFound, false));
    // A token that has expired is renewed once, and the call goes on.
    desk.advance(61).await;
    assert!(desk.call("account_details", json!({})).await.is_ok());
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_and_refused_a_second_time() {
    let desk = Desk::allowed().await;
    let quote = desk.quote("inv-7").await;
    let named = json!({ "client_reference_id": "inv-7" });
    let commit = json!({ "commit_id": quote["commit_id"], "client_reference_id": "inv-7" });
    assert_eq!(desk.class("payment_status", named.clone()).await, ErrorClass::NotFound, "a quote is no payment");
    let rule = json!({ "fault": "cut_after", "system": "payoneer", "method": "PUT", "path": "/payments/", "times": 1 });
    desk.control("faults", json!({ "rules": [rule] })).await;
    assert_eq!(desk.class("commit_payment", commit.clone()).await, ErrorClass::Unknown);
    let found = desk.call("payment_status", named.clone()).await.unwrap();
    assert_eq!((&found["status"], &found["client_reference_id"]), (&json!(2), &json!("inv-7")));
    assert_eq!(desk.class("commit_payment", commit).await, ErrorClass::Conflict);
    assert_eq!(desk.ledger().await["payoneer"]["payments"][0]["committed"], 1);
    desk.control("payoneer", json!({ "payment": { "reference": "inv-7", "status": 0 } })).await;
    assert_eq!(desk.class("payment_status", named).await, ErrorClass::Unknown, "Payoneer does not know it");
}

#[tokio::test]
async fn a_commit_that_cannot_be_says_of_which_kind_that_is() {
    let desk = Desk::allowed().await;
    let (late, asked) = (desk.quote("late").await, desk.quote("asked").await);
    let commit =
        |quote: &Value| json!({ "commit_id": quote["commit_id"], "client_reference_id": quote["client_reference_id"] });
    desk.control("payoneer", json!({ "challenge": true })).await;
    let refused = desk.call("commit_payment", commit(&asked)).await.unwrap_err();
    assert_eq!((refused.class, refused.code.as_deref()), (ErrorClass::Auth, Some("1803")));
    let mut large = debit("large", &desk.dollars().await);
    large["amount"]["amount"] = json!(900_000);
    let large = desk.call("debit_quote", large).await.unwrap();
    assert_eq!(desk.class("commit_payment", commit(&large)).await, ErrorClass::InsufficientFunds);
    desk.advance(5).await;
    assert_eq!(desk.class("commit_payment", commit(&late)).await, ErrorClass::Rejected);
    let none = json!({ "commit_id": "none", "client_reference_id": "none" });
    assert_eq!(desk.class("commit_payment", none).await, ErrorClass::NotFound);
    assert!(desk.ledger().await["payoneer"].is_null(), "nothing was paid");
}

#[tokio::test]
async fn a_withdrawal_is_in_progress_and_then_not() {
    let desk = Desk::allowed().await;
    let known = SandboxInfo::ask(&desk.sandbox.url(), &*desk.http).await.unwrap();
    let quote = json!({
        "client_reference_id": "w-1", "balance_id": desk.dollars().await, "amount": 30.50,
        "bank_id": known.field("payoneer", "bank_id").unwrap(), "description": "Week 12",
    });
    let quote = desk.call("withdraw_quote", quote).await.unwrap();
    assert_eq!(quote["fees"][0]["type"], "transfer_fee");
    let commit = json!({ "commit_id": quote["commit_id"], "client_reference_id": "w-1" });
    desk.call("commit_payment", commit).await.unwrap();
    let named = json!({ "client_reference_id": "w-1" });
    assert_eq!(desk.call("payment_status", named.clone()).await.unwrap()["status"], 1);
    desk.advance(41).await;
    assert_eq!(desk.call("payment_status", named).await.unwrap()["status"], 2);
}

fn person(id: &str) -> Value {
    let bank =
        json!([{ "name": "IBAN", "value": "DE89370400440532013000" }, { "name": "Swift", "value": "COBADEFFXXX" }]);
    json!({
        "payee_id": id,
        "payee": {
            "type": "INDIVIDUAL", "address": { "country": "DE" },
            "contact": { "first_name": "First", "last_name": "Last", "email": "payee@example.com" },
        },
        "payout_method": { "type": "BANK", "country": "DE", "currency": "EUR", "bank_field_details": bank },
    })
}

#[tokio::test]
async fn a_recipient_is_registered_once_approved_and_removed() {
    let desk = Desk::open().await;
    let id = json!({ "payee_id": "N-1" });
    assert_eq!(desk.class("payee_details", id.clone()).await, ErrorClass::NotFound);
    let country = json!({ "account_type": "PERSONAL", "country": "DE", "currency": "EUR" });
    let fields = desk.call("payout_method_fields", country).await.unwrap();
    assert_eq!(fields["fields"][0]["field_name"], "IBAN");
    let rule = json!({ "fault": "error_after", "system": "payoneer", "path": "register-payee", "times": 1 });
    desk.control("faults", json!({ "rules": [rule] })).await;
    assert_eq!(desk.class("register_payee", person("N-1")).await, ErrorClass::Unknown);
    let found = desk.call("payee_details", id.clone()).await.unwrap();
    assert_eq!((&found["type"], &found["email"]), (&json!("INDIVIDUAL"), &json!("payee@example.com")));
    assert_eq!(desk.class("register_payee", person("N-1")).await, ErrorClass::Conflict);
    let mut wrong = person("N-2");
    wrong["payee"]["contact"]["email"] = json!("nobody");
    assert_eq!(desk.class("register_payee", wrong).await, ErrorClass::Rejected);
    assert_eq!(desk.call("get_payee_status", id.clone()).await.unwrap()["type"], 0);
    desk.advance(91).await;
    assert_eq!(desk.call("get_payee_status", id.clone()).await.unwrap()["type"], 1);
    let link = desk.call("registration_link", json!({ "payee_id": "N-3", "client_session_id": "s-3" })).await.unwrap();
    assert!(link["registration_link"].as_str().unwrap().starts_with("https://"), "{link}");
    desk.call("delete_payee", id.clone()).await.unwrap();
    assert_eq!(desk.class("delete_payee", id).await, ErrorClass::NotFound);
}

/// Each action of the brief's own paths does what it does elsewhere.
#[tokio::test]
async fn the_paths_of_the_brief_are_those_of_the_profile_seed() {
    let (v4, seed) = (Desk::allowed().await, Desk::of(Some("seed")).await);
    seed.allow().await;
    let amount = json!({ "amount": 7.50, "currency": "USD" });
    let asked = json!({ "client_reference_id": "r-7", "payee_id": "P-1", "amount": amount, "description": "x" });
    assert_eq!(v4.class("payment_request", asked.clone()).await, ErrorClass::Bug, "only the brief has it");
    seed.call("payment_request", asked.clone()).await.unwrap();
    assert_eq!(seed.class("payment_request", asked.clone()).await, ErrorClass::Conflict);
    let named = json!({ "client_reference_id": "r-7" });
    let status = seed.call("payment_request_status", named.clone()).await.unwrap();
    assert_eq!((&status["status"], status["amount"].to_string()), (&json!("Pending"), "7.50".to_owned()));
    for desk in [&v4, &seed] {
        desk.call("create_payout", asked.clone()).await.unwrap();
        assert_eq!(desk.class("cancel_payout", named.clone()).await, ErrorClass::NotFound, "it is not visible yet");
        desk.advance(1).await;
        desk.call("cancel_payout", named.clone()).await.unwrap();
        desk.advance(41).await;
        assert_eq!(desk.call("get_payout_status", named.clone()).await.unwrap()["status"], "Cancelled");
        let count = |output: Value, list: &str| output[list].as_array().unwrap().len();
        assert_eq!(count(desk.call("account_balances", json!({})).await.unwrap(), "balances"), 5);
        let from = json!({ "type": "received_payment" });
        let listed = desk.call("transactions", from).await.unwrap()["transactions"].take();
        let one = desk.call("transaction", json!({ "id": listed[0]["id"] })).await.unwrap();
        assert_eq!(one, listed[0]);
    }
}
