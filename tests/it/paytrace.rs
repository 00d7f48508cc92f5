//! The shipped PayTrace against its sandbox, over loopback HTTP.

mod told;

use std::sync::Arc;

use ferry::{
    clock::SystemClock,
    http::HttpClient,
    sandbox::{get, post},
};
use ferry_connectors::{connection::Connection, library::Library};
use ferry_contract::{
    catalog::{Effect, Lookup, Repeat},
    failure::{ErrorClass, Failure},
    port::Clock as _,
    script::NoWatch,
};
use ferry_core::once::{Found, Guards, compare, look_up_input};
use ferry_sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use crate::{
    program::{ferry, outcome},
    shipped,
};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// A sandbox whose clock stands still, and the shipped connector in it, as a project would open it.
struct Till {
    sandbox: Sandbox,
    http: Arc<HttpClient>,
    library: Library,
    connection: Connection,
}

impl Till {
    async fn open(profile: Option<&str>) -> Self {
        let sandbox = ferry_sandbox::start(Options { speed: 0, requests: 1, ..Options::default() }).await.unwrap();
        let http = Arc::new(HttpClient::new().unwrap());
        let (library, _) = Library::load(&[], Arc::new(NoWatch));
        let fields = ["username", "password", "integrator_id", "time_zone"];
        let connection = shipped::opened((&sandbox.url(), &http), ("paytrace", profile), &fields).await;
        let till = Self { sandbox, http, library, connection };
        till.order("paytrace", json!({ "settle_hour": far_hour() })).await;
        till
    }

    async fn call(&self, action: &str, input: Value) -> Result<Value, Failure> {
        shipped::call(&self.connection, action, input).await
    }

    async fn does(&self, action: &str, input: Value) -> Value {
        self.call(action, input).await.unwrap_or_else(|failure| panic!("{action}: {failure:?}"))
    }

    /// The class and the code of what is refused.
    async fn refused(&self, action: &str, input: Value) -> (ErrorClass, String) {
        let failure = self.call(action, input).await.unwrap_err();
        (failure.class, failure.code.unwrap_or_default())
    }

    async fn sell(&self, customer: &str, amount: &str, invoice: &str) -> Value {
        let amount: Value = serde_json::from_str(amount).unwrap();
        let sold = json!({ "customer_id": customer, "amount": amount, "invoice_id": invoice });
        self.does("sale", sold).await["transaction_id"].take()
    }

    async fn order(&self, path: &str, body: Value) -> Value {
        post(&*self.http, &format!("{}/_sandbox/{path}", self.sandbox.url()), &body).await.unwrap()
    }

    async fn advance(&self, ms: u64) {
        self.order("clock", json!({ "advance_ms": ms })).await;
    }

    async fn ledger(&self) -> Value {
        get(&*self.http, &format!("{}/_sandbox/ledger", self.sandbox.url())).await.unwrap()["paytrace"].take()
    }

    fn look_up(&self, action: &str) -> &Lookup {
        match &self.library.manifests["paytrace"].connector.actions[action].effect {
            Effect::Write(Repeat::Lookup(look_up)) => look_up,
            effect => panic!("{action} is not looked up: {effect:?}"),
        }
    }

    /// What the engine finds of a write whose answer is lost.
    async fn found(&self, action: &str, input: &Value) -> Found {
        let look_up = self.look_up(action);
        let answer = self.call(&look_up.action, look_up_input(look_up, input).unwrap()).await;
        compare(Guards::ALL, look_up, input, answer)
    }
}

/// An hour of the merchant's day that is far from now, so that nothing settles unasked.
fn far_hour() -> i8 {
    let zone = jiff::tz::TimeZone::get("America/Los_Angeles").unwrap();
    (SystemClock::default().now().to_zoned(zone).hour() + 23) % 24
}

#[tokio::test]
async fn a_sale_is_approved_declined_or_refused() {
    let till = Till::open(None).await;
    let sale = |customer: &str| json!({ "customer_id": customer, "amount": 10.5, "invoice_id": "I-1" });
    let sold = till.does("sale", sale("C-1")).await;
    assert_eq!(sold["approval_message"], "NO  MATCH - Approved and completed");
    for (customer, class, code) in [
        ("C-DECLINED", ErrorClass::Declined, "102"),
        ("C-CSC", ErrorClass::Declined, "103"),
        ("nobody", ErrorClass::NotFound, "30"),
    ] {
        assert_eq!(till.refused("sale", sale(customer)).await, (class, code.to_owned()), "{customer}");
    }
    let failure = till.call("sale", sale("C-DECLINED")).await.unwrap_err();
    assert_eq!(failure.message, "PayTrace answered 200: DECLINE - Do not honor");
    let third = json!({ "customer_id": "C-1", "amount": 1.001, "invoice_id": "I-2" });
    assert_eq!(till.refused("sale", third).await.0, ErrorClass::Invalid, "there are no thirds of a cent");
    for raw in ["credit_card", "csc", "account_number"] {
        let mut input = sale("C-1");
        input[raw] = json!({ "number": "4012000098765439" });
        assert_eq!(till.refused("sale", input).await.0, ErrorClass::Invalid, "{raw}");
    }
    let hidden = json!({ "hpf_token": "t-0002", "enc_key": "k", "amount": 1, "invoice_id": "I-3" });
    assert_eq!(till.refused("sale", hidden).await, (ErrorClass::Declined, "102".to_owned()));
    let kept = json!({ "customer_id": "C-1", "amount": 10, "invoice_id": "I-4" });
    let kept = till.does("authorize", kept).await["transaction_id"].take();
    till.does("capture", json!({ "transaction_id": kept, "amount": 9 })).await;
    let goods = json!([{ "description": "Toner", "quantity": "1", "unit_cost": "9.00" }]);
    let said = till.does("level3_visa", json!({ "transaction_id": kept, "line_items": goods })).await;
    assert!(said["message"].as_str().unwrap().contains("1 line item"), "{said}");
    assert_eq!(till.ledger().await["charged_twice"], 0);
}

#[tokio::test]
async fn a_sale_whose_answer_is_lost_is_found_by_its_invoice() {
    let till = Till::open(None).await;
    till.sell("C-1", "10.00", "I-10").await;
    till.refused("sale", json!({ "customer_id": "C-DECLINED", "amount": 10, "invoice_id": "I-1" })).await;
    till.advance(2 * MINUTE_MS).await;
    let sale = json!({ "customer_id": "C-1", "amount": 10, "invoice_id": "I-1" });
    assert_eq!(till.found("sale", &sale).await, Found::Absent, "another has its name in its own, and one was declined");
    let rule = json!({ "fault": "cut_after", "system": "paytrace", "path": "sale", "times": 1 });
    till.order("faults", json!({ "rules": [rule] })).await;
    assert_eq!(till.refused("sale", sale.clone()).await.0, ErrorClass::Unknown);
    assert_eq!(till.found("sale", &sale).await, Found::Absent, "it cannot be seen at once");
    till.advance(2 * MINUTE_MS).await;
    assert_eq!(till.found("sale", &sale).await, Found::Agrees);
    let other = json!({ "customer_id": "C-1", "amount": 11, "invoice_id": "I-1" });
    assert!(matches!(till.found("sale", &other).await, Found::Differs(why) if why.contains("`amount` is 10")));
    let found = till.does("find_by_invoice", json!({ "invoice_id": "I-1" })).await;
    assert_eq!((&found["times"], &found["status"]), (&json!(1), &json!("pending")));
    till.does("void", json!({ "transaction_id": found["transaction_id"] })).await;
    assert!(matches!(till.found("sale", &sale).await, Found::Void(_)));
}

#[tokio::test]
async fn what_is_not_settled_is_voided_and_what_is_settled_is_refunded() {
    let till = Till::open(None).await;
    let (first, second) = (till.sell("C-1", "10.00", "I-1").await, till.sell("C-1", "4.00", "I-2").await);
    let refund = |id: &Value| json!({ "transaction_id": id, "amount": 2.5, "invoice_id": "R-1" });
    assert_eq!(till.refused("refund", refund(&first)).await, (ErrorClass::Rejected, "817".to_owned()));
    till.does("void", json!({ "transaction_id": first })).await;
    assert_eq!(till.refused("void", json!({ "transaction_id": first })).await.0, ErrorClass::NotFound);
    // The token has expired by then, which nobody notices.
    till.advance(DAY_MS).await;
    assert_eq!(
        till.refused("void", json!({ "transaction_id": second })).await,
        (ErrorClass::Rejected, "818".to_owned())
    );
    assert_eq!(till.found("refund", &refund(&second)).await, Found::NotSeen);
    till.does("refund", refund(&second)).await;
    till.advance(2 * MINUTE_MS).await;
    assert_eq!(till.found("refund", &refund(&second)).await, Found::Agrees);
    let sold = till.sell("C-NO-PERMISSION", "1.00", "I-3").await;
    till.order("paytrace", json!({ "settle": true })).await;
    assert_eq!(till.refused("refund", refund(&sold)).await, (ErrorClass::Auth, "981".to_owned()));
}

#[tokio::test]
async fn what_is_taken_back_is_a_void_or_a_refund_and_is_found_as_what_it_was() {
    let till = Till::open(None).await;
    let (first, second) = (till.sell("C-1", "10.00", "I-1").await, till.sell("C-1", "4.00", "I-2").await);
    let back =
        |id: &Value, amount: Value, name: &str| json!({ "transaction_id": id, "amount": amount, "invoice_id": name });
    let whole = back(&first, json!(10), "R-1");
    assert_eq!(till.found("take_back", &whole).await, Found::NotSeen, "a sale is not seen at once");
    till.advance(2 * MINUTE_MS).await;
    assert_eq!(till.found("take_back", &whole).await, Found::NotSeen);
    let part = till.call("take_back", back(&first, json!(3), "R-1")).await.unwrap_err();
    assert!(part.class == ErrorClass::Rejected && part.message.contains("only the whole of 10"), "{part:?}");
    assert_eq!(till.does("take_back", whole.clone()).await["way"], "void");
    assert_eq!(till.found("take_back", &whole).await, Found::Agrees);
    assert_eq!(till.call("take_back", whole).await.unwrap_err().class, ErrorClass::Rejected, "and is not another's");

    till.order("paytrace", json!({ "settle": true })).await;
    let part = back(&second, json!(2.5), "R-2");
    assert_eq!(till.found("take_back", &part).await, Found::NotSeen);
    let lost = json!({ "fault": "cut_after", "system": "paytrace", "path": "refund/for_transaction", "times": 1 });
    till.order("faults", json!({ "rules": [lost] })).await;
    assert_eq!(till.call("take_back", part.clone()).await.unwrap_err().class, ErrorClass::Unknown);
    till.advance(2 * MINUTE_MS).await;
    assert_eq!(till.found("take_back", &part).await, Found::Agrees, "it is found, and not sent again");
    assert!(matches!(till.found("take_back", &back(&second, json!(2), "R-2")).await, Found::Differs(_)));
}

#[tokio::test]
async fn the_vault_keeps_customers_and_shows_four_digits() {
    let till = Till::open(None).await;
    let customer = json!({ "customer_id": "V-1", "hpf_token": "t-1111", "enc_key": "k", "billing_address": { "name": "Ana Costa" } });
    assert_eq!(till.does("vault_create", customer.clone()).await, json!({ "customer_id": "V-1", "last4": "1111" }));
    assert_eq!(till.refused("vault_create", customer.clone()).await, (ErrorClass::Conflict, "171".to_owned()));
    assert_eq!(till.found("vault_create", &customer).await, Found::Agrees);
    let sold = till.sell("V-1", "5.00", "I-1").await;
    let same = json!({ "customer_id": "V-2", "transaction_id": sold });
    assert_eq!(till.does("vault_create_from_transaction", same).await["last4"], "1111");
    till.does("vault_update", json!({ "customer_id": "V-1", "email": "ana@example.com" })).await;
    let shown = till.does("vault_get", json!({ "customer_id": "V-1" })).await;
    let seen = ["name", "email", "last4", "has_account"].map(|name| shown[name].clone());
    assert_eq!(seen, [json!("Ana Costa"), json!("ana@example.com"), json!("1111"), json!(false)]);
    till.does("vault_delete", json!({ "customer_id": "V-1" })).await;
    assert_eq!(till.refused("vault_get", json!({ "customer_id": "V-1" })).await.0, ErrorClass::NotFound);
}

#[tokio::test]
async fn checks_are_sold_held_and_given_back() {
    let till = Till::open(None).await;
    let check = |customer: &str| json!({ "customer_id": customer, "amount": 20, "invoice_id": "I-1" });
    let sold = till.does("ach_sale", check("C-1")).await;
    assert_eq!(till.refused("ach_sale", check("C-CHECK-FAILS")).await, (ErrorClass::Declined, "125".to_owned()));
    let back = json!({ "check_transaction_id": sold["check_transaction_id"], "amount": 20 });
    assert_eq!(till.refused("ach_refund", back.clone()).await, (ErrorClass::Rejected, "817".to_owned()));
    let held = till.does("ach_hold", check("C-2")).await;
    till.does("ach_manage_fund", json!({ "check_transaction_id": held["check_transaction_id"], "amount": 19 })).await;
    till.does("ach_manage_void", held.clone()).await;
    assert_eq!(till.refused("ach_manage_void", held).await, (ErrorClass::NotFound, "80".to_owned()));
    till.advance(DAY_MS).await;
    till.does("ach_refund", back).await;
}

#[tokio::test]
async fn what_was_made_and_settled_is_listed_by_the_merchants_days() {
    let till = Till::open(None).await;
    till.sell("C-1", "20.00", "I-1").await;
    till.does("refund", json!({ "customer_id": "C-2", "amount": 5, "invoice_id": "R-1" })).await;
    till.advance(2 * MINUTE_MS).await;
    let listed = till.does("export_transactions", json!({ "including_text": "I-1", "include_bin": true })).await;
    let row = &listed["transactions"][0];
    assert_eq!(
        (&row["status"], &row["card_type"], &row["amount"].to_string()),
        (&json!("pending"), &json!("visa"), &"20.00".to_owned())
    );
    let now: jiff::Timestamp =
        till.order("clock", json!({ "advance_ms": 1 })).await["now"].as_str().unwrap().parse().unwrap();
    let made: jiff::Timestamp = row["created"].as_str().unwrap().parse().unwrap();
    assert_eq!(now.duration_since(made).as_secs() / 60, 2, "the merchant's time is an instant again");
    // A poll asks for whole days, and gets what came since.
    let since = |from: &Value| json!({ "cursor": { "field": "created", "tie_break": "transaction_id", "from": from } });
    let polled = till.does("export_transactions", since(&row["created"])).await;
    assert_eq!(polled["transactions"].as_array().unwrap().len(), 2, "{polled}");

    let batch = till.order("paytrace", json!({ "settle": true })).await["batch_number"].to_string();
    let zone = jiff::tz::TimeZone::get("America/Los_Angeles").unwrap();
    let day = now.to_zoned(zone).date().to_string();
    let settled = till.does("settlement", json!({ "from": day, "to": day, "made_from": "2020-01-01" })).await;
    let sums = ["count", "sales", "refunds", "net"].map(|name| settled[name].to_string());
    assert_eq!(sums, ["2", "20.00", "5.00", "15.00"]);
    let batches = till.does("batches", json!({ "from": day, "to": day })).await;
    let own = batches["batches"].as_array().unwrap().iter().find(|one| one["batch_number"] == batch).unwrap();
    assert_eq!(own["net"].to_string(), "15.00");
    let inside = till.does("batch_transactions", json!({ "batch_number": batch })).await;
    assert_eq!(inside["transactions"], settled["transactions"]);
    let one =
        till.does("get_transaction", json!({ "transaction_id": inside["transactions"][0]["transaction_id"] })).await;
    assert_eq!(one["settled"], own["closed"]);
    let plan = json!({ "customer_id": "C-4", "amount": 49, "frequency": "3", "next": "2030-01-31", "total_count": 12 });
    let plan = till.does("recurrence_create", plan).await["recurrence_id"].take();
    till.does("recurrence_update", json!({ "recurrence_id": plan, "amount": 59.5 })).await;
    let plans = till.does("recurrence_list", json!({ "customer_id": "C-4" })).await;
    assert_eq!(
        (&plans["recurrences"][0]["next"], plans["recurrences"][0]["amount"].to_string()),
        (&json!("2030-01-31"), "59.50".to_owned())
    );
    till.does("recurrence_delete", json!({ "recurrence_id": plan })).await;
}

#[tokio::test]
async fn the_paths_of_the_brief_do_the_same() {
    let till = Till::open(Some("seed")).await;
    let sold = till.sell("C-1", "20.00", "I-1").await;
    till.does("ach_sale", json!({ "customer_id": "C-1", "amount": 3 })).await;
    let kept = json!({ "customer_id": "C-1", "amount": 7, "invoice_id": "I-2" });
    let kept = till.does("authorize", kept).await["transaction_id"].take();
    till.does("capture", json!({ "transaction_id": kept })).await;
    till.does("void", json!({ "transaction_id": kept })).await;
    let refund = json!({ "transaction_id": sold, "amount": 2, "invoice_id": "R-1" });
    assert_eq!(till.refused("refund", refund.clone()).await, (ErrorClass::Rejected, "817".to_owned()));
    till.advance(DAY_MS).await;
    till.does("refund", refund).await;
    assert_eq!(till.does("find_by_invoice", json!({ "invoice_id": "I-1" })).await["status"], "settled");
    let settled = till.does("settlement", json!({ "from": "2020-01-01", "to": "2099-12-31" })).await;
    assert!(settled["transactions"].as_array().unwrap().iter().any(|row| row["invoice_id"] == "I-1"), "{settled}");
    till.does("vault_create", json!({ "customer_id": "V-1", "encrypted_number": "e-1111" })).await;
    assert_eq!(till.does("vault_get", json!({ "customer_id": "V-1" })).await["last4"], "1111");
}

const PROJECT: &str = "ferry: 1
project: till
connections:
  paytrace:
    connector: paytrace
    environment: sandbox
    username: ${env:NOBODY:-a}
    password: ${env:NOBODY:-b}
    integrator_id: ${env:NOBODY:-c}
    time_zone: America/Los_Angeles
alerts: { desk: log }
";

const CHARGE: &str = "ferry: 1
pipeline: charge
inputs: { invoice: string, amount: number }
trigger: manual
steps:
  - id: sold
    action: paytrace.sale
    with: { customer_id: C-1, amount: $.event.amount, invoice_id: $.event.invoice }
on_failure: { alert: desk }
";

const GIVE_BACK: &str = "ferry: 1
pipeline: give-back
inputs: { invoice: string }
trigger: manual
steps:
  - { id: found, action: paytrace.find_by_invoice, with: { invoice_id: $.event.invoice } }
  - id: back
    needs: [found]
    when: found.status == \"settled\"
    action: paytrace.refund
    with: { transaction_id: $.found.transaction_id, amount: $.found.amount, invoice_id: { text: \"R-{$.event.invoice}\" } }
  - id: undone
    needs: [found]
    when: found.status == \"pending\"
    action: paytrace.void
    with: { transaction_id: $.found.transaction_id }
on_failure: { alert: desk }
";

/// The whole engine: the answer of the sale is lost, and it is charged once; what is not settled is voided.
#[tokio::test]
async fn a_lost_answer_charges_once_and_a_pipeline_chooses_between_refund_and_void() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("till")).unwrap();
    let files = [("ferry.yaml", PROJECT), ("charge.yaml", CHARGE), ("give-back.yaml", GIVE_BACK)];
    files.iter().for_each(|(name, text)| std::fs::write(folder.join("till").join(name), text).unwrap());
    std::fs::write(folder.join("event.json"), r#"{ "invoice": "I-1", "amount": 12.50 }"#).unwrap();
    std::fs::write(folder.join("back.json"), r#"{ "invoice": "I-1" }"#).unwrap();
    let sandbox = ferry_sandbox::start(Options { speed: 1_000, requests: 1, ..Options::default() }).await.unwrap();
    let (url, http) = (sandbox.url(), HttpClient::new().unwrap());
    let rule = json!({ "fault": "cut_after", "system": "paytrace", "path": "sale", "times": 1 });
    post(&http, &format!("{url}/_sandbox/faults"), &json!({ "rules": [rule] })).await.unwrap();
    post(&http, &format!("{url}/_sandbox/paytrace"), &json!({ "settle_hour": far_hour() })).await.unwrap();
    let run = |pipeline: &str, event: &str| {
        let args = [
            "run",
            pipeline,
            "--project",
            "till",
            "--event",
            event,
            "--key",
            "I-1",
            "--store",
            "ferry.db",
            "--sandbox",
            &url,
        ];
        let mut command = ferry(folder);
        command.args(args);
        tokio::task::spawn_blocking(move || outcome(&mut command))
    };
    let (code, said, errors) = run("charge", "event.json").await.unwrap();
    assert_eq!(code, Some(0), "{said}{errors}");
    let ledger = async || get(&http, &format!("{url}/_sandbox/ledger")).await.unwrap()["paytrace"].take();
    let own = |ledger: &Value| {
        ledger["invoices"].as_array().unwrap().iter().find(|row| row["invoice_id"] == "I-1").cloned().unwrap()
    };
    let charged = own(&ledger().await);
    assert_eq!((&charged["charged"], &charged["amount"]), (&json!(1), &json!("12.50")));
    let trusted = ["store", "trust", "--store", "ferry.db", "--by", "ana", "--reason", "a new till"];
    assert!(ferry(folder).args(trusted).output().unwrap().status.success());
    post(&http, &format!("{url}/_sandbox/clock"), &json!({ "speed": 10 })).await.unwrap();
    let (code, said, errors) = run("give-back", "back.json").await.unwrap();
    assert_eq!(code, Some(0), "{said}{errors}");
    assert_eq!(own(&ledger().await)["voided"], 1, "{}", ledger().await);
}
