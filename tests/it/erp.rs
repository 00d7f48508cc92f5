//! Entries, invoices and payments in accounting systems: the same against the sandbox and against a real Tryton.
//!
//! The real one is there where `FERRY_TRYTON` names the file that `tests/erp/up.sh` wrote.

use std::sync::Arc;

use ferry::{
    clock::SystemClock,
    http::HttpClient,
    sandbox::{get, post},
};
use ferry_connectors::{
    connection::{Connection, Settings, World},
    library::Library,
};
use ferry_contract::{
    catalog::{Effect, Repeat},
    failure::{ErrorClass, Failure},
    number,
    port::{Clock as _, FreePass, Http, HttpRequest},
    script::NoWatch,
};
use ferry_sandbox::{Options, Sandbox};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::shipped::{self, Kept};

/// One set of books, and who reaches it.
struct Books {
    connection: Connection,
    http: Arc<HttpClient>,
    /// What is before the paths of the REST API, and its key.
    rest: (String, String),
    sandbox: Option<Arc<Sandbox>>,
    today: String,
    /// No other run has it.
    name: String,
}

impl Books {
    async fn all() -> Vec<Self> {
        let mut all = vec![Self::simulated().await];
        if let Some(file) = std::env::var_os("FERRY_TRYTON") {
            let text = std::fs::read_to_string(&file).unwrap();
            let known: Value = serde_json::from_str(&text).unwrap();
            let mut fields = known["connection"].clone();
            (fields["url"], fields["api_key"]) = (known["url"].clone(), known["api_key"].clone());
            all.push(Self::open(("tryton", "own"), &fields, None));
        }
        all
    }

    async fn simulated() -> Self {
        let sandbox = Arc::new(ferry_sandbox::start(Options::default()).await.unwrap());
        Self::in_sandbox(&sandbox, ("tryton", "own")).await
    }

    async fn in_sandbox(sandbox: &Arc<Sandbox>, (connector, environment): (&str, &str)) -> Self {
        let http = HttpClient::new().unwrap();
        let seed = get(&http, &format!("{}/_sandbox/seed", sandbox.url())).await.unwrap();
        let books = Self::open((connector, environment), &seed[connector], Some(Arc::clone(sandbox)));
        if books.connection.asks_for_consent() {
            books.connection.keep_consents_in(Arc::new(Kept::default()));
            shipped::allow(&books.connection, &books.http).await;
        }
        books
    }

    fn open((connector, environment): (&str, &str), fields: &Value, sandbox: Option<Arc<Sandbox>>) -> Self {
        let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        let (http, clock) = (Arc::new(HttpClient::new().unwrap()), SystemClock::default());
        let now = clock.now();
        let rest = (format!("{}/{}/rest/model", text("url"), text("database")), text("api_key"));
        let settings = Settings {
            name: "books".to_owned(),
            connector: connector.to_owned(),
            environment: environment.to_owned(),
            profile: None,
            sandbox: sandbox.as_ref().map(|sandbox| sandbox.url()),
            fields: fields.as_object().unwrap().keys().map(|name| (name.clone(), text(name).into())).collect(),
        };
        let world = World { http: Arc::clone(&http) as Arc<dyn Http>, clock: Arc::new(clock) };
        let (library, _) = Library::load(&[], Arc::new(NoWatch));
        let connection = Connection::open(settings, &library, world).unwrap();
        let today = now.to_zoned(TimeZone::UTC).date().to_string();
        Self { connection, http, rest, sandbox, today, name: now.as_millisecond().to_string() }
    }

    async fn call(&self, action: &str, input: Value) -> Result<Value, Failure> {
        let prepared = self.connection.prepare(action, &input)?;
        self.connection.send(&FreePass, action, &[&prepared]).await.pop().unwrap()
    }

    async fn done(&self, action: &str, input: Value) -> Value {
        let done = self.call(action, input.clone()).await;
        done.unwrap_or_else(|failure| panic!("{action} of {input}: {failure:?}"))
    }

    #[track_caller]
    fn refused(done: Result<Value, Failure>, class: ErrorClass, reason: &str) {
        let failure = done.unwrap_err();
        assert!(failure.class == class && failure.message.contains(reason), "{failure:?}");
    }

    /// Enters what the connector would not let through.
    async fn enter_unchecked(&self, reference: &str, lines: &[(&str, &str, &str)]) {
        let names = ["journal", "date", "period", "description", "lines/account", "lines/debit", "lines/credit"];
        let row = |(index, (account, debit, credit)): (usize, &(&str, &str, &str))| {
            let head = if index == 0 { ["MISC", &self.today, &self.today[..7], reference] } else { [""; 4] };
            head.into_iter().chain([*account, *debit, *credit]).map(Value::from).collect::<Vec<_>>()
        };
        let rows: Vec<_> = lines.iter().enumerate().map(row).collect();
        let body = json!({ "fields_names": names, "data": rows }).to_string().into_bytes();
        let headers = vec![
            ("authorization".to_owned(), format!("bearer {}", self.rest.1)),
            ("content-type".to_owned(), "application/json".to_owned()),
            // {"company":1,"companies":[1]}
            ("x-tryton-context".to_owned(), "eyJjb21wYW55IjoxLCJjb21wYW5pZXMiOlsxXX0=".to_owned()),
        ];
        let url = format!("{}/account.move/import_data", self.rest.0);
        let timeout = std::time::Duration::from_secs(30);
        let request = HttpRequest {
            method: "POST".to_owned(),
            url,
            headers,
            body: Some(body.into()),
            save: None,
            timeout,
            tls: None,
        };
        let answer = self.http.send(request).await.unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }

    fn entry(&self, reference: &str, lines: Value) -> Value {
        json!({ "ref": reference, "date": self.today, "currency": "USD", "memo": "Order 1001", "lines": lines })
    }
}

#[tokio::test]
async fn a_balanced_entry_is_posted_and_found_by_its_name() {
    for books in Books::all().await {
        let accounts = books.done("list_accounts", json!({})).await;
        let clearing = json!({ "account": "1.1.9", "name": "Processor clearing", "needs_party": false });
        assert!(accounts["accounts"].as_array().unwrap().contains(&clearing), "{accounts}");
        let party = books.done("find_party", json!({ "name": "Acme Marketplace" })).await["party"].take();
        Books::refused(books.call("find_party", json!({ "name": "Nobody" })).await, ErrorClass::NotFound, "");

        let reference = format!("payout-{}", books.name);
        let named = json!({ "ref": reference });
        Books::refused(books.call("find_entry", named.clone()).await, ErrorClass::NotFound, "");
        let lines: Value = serde_json::from_str(
            r#"[{"account": "1.1.9", "debit": 97.50, "tag": "order-1001"}, {"account": "6.9.1", "debit": 2.5}, {"account": "1.2.1", "credit": 100}]"#,
        )
        .unwrap();
        let mut entry = books.entry(&reference, lines);
        entry["lines"][2]["party"] = party;
        books.done("journal_entry", entry.clone()).await;
        let found = books.done("find_entry", named.clone()).await;
        for field in ["ref", "date", "currency", "memo", "lines"] {
            assert!(number::equal(&found[field], &entry[field]), "{field}: {found}");
        }
        assert_eq!((&found["status"], &found["number"]), (&json!("draft"), &Value::Null));
        let is_posted = json!({ "ref": reference, "status": "posted" });
        Books::refused(books.call("find_entry", is_posted.clone()).await, ErrorClass::NotFound, "");
        let post = json!({ "id": found["id"], "ref": reference, "status": "posted" });
        books.done("post_entry", post.clone()).await;
        let posted = books.done("find_entry", is_posted).await;
        assert!(posted["number"].is_string() && posted["id"] == found["id"], "{posted}");
        Books::refused(books.call("post_entry", post).await, ErrorClass::Rejected, "You can not call \"post\"");

        books.enter_unchecked(&reference, &[("1.1.9", "1", "0"), ("4.1.1", "0", "1")]).await;
        Books::refused(books.call("find_entry", named).await, ErrorClass::Conflict, "");
        if let Some(sandbox) = &books.sandbox {
            let ledger = get(&*books.http, &format!("{}/_sandbox/ledger", sandbox.url())).await.unwrap();
            assert_eq!(ledger["erp"]["entered_twice"], 1);
            assert_eq!(ledger["erp"]["accounts"]["6.9.1"], json!({ "debit": "2.50", "credit": "0.00" }));
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_before_it_is_sent_or_by_the_books() {
    for books in Books::all().await {
        let reference = format!("wrong-{}", books.name);
        let sent = async |lines: Value| books.call("journal_entry", books.entry(&reference, lines)).await;
        let sold = json!({ "account": "4.1.1", "credit": 100 });
        for (line, reason) in [
            (json!({ "account": "1.1.9", "debit": 97.5 }), "the debits are not the credits, by -2.5"),
            (json!({ "account": "1.1.9", "debit": 100, "credit": 100 }), "a line has either a debit or a credit"),
            (json!({ "account": "1.1.9", "debit": -100 }), "a line has either a debit or a credit"),
            (json!({ "account": "1.1.9" }), "a line has either a debit or a credit"),
            (json!({ "account": "1.1.9", "debit": 100, "tag": "a|b" }), "cannot be told apart"),
        ] {
            Books::refused(sent(json!([line, sold])).await, ErrorClass::Invalid, reason);
        }
        let mut foreign = books.entry(&reference, json!([{ "account": "1.1.9", "debit": 100 }, sold]));
        foreign["currency"] = json!("EUR");
        Books::refused(books.call("journal_entry", foreign).await, ErrorClass::Invalid, "the books are kept in USD");
        for (line, reason) in [
            (json!({ "account": "9.9.9", "debit": 100 }), "Could not find relation for '9.9.9'"),
            (json!({ "account": "1.2.1", "debit": 100 }), "A value is required for field \"Party\""),
            (json!({ "account": "1.1.9", "debit": 100, "party": "2" }), ""),
        ] {
            Books::refused(sent(json!([line, sold])).await, ErrorClass::Rejected, reason);
        }
        let named = json!({ "ref": reference });
        Books::refused(books.call("find_entry", named.clone()).await, ErrorClass::NotFound, "");

        books.enter_unchecked(&reference, &[("1.1.9", "97.50", "0"), ("4.1.1", "0", "100.00")]).await;
        let found = books.done("find_entry", named).await;
        let post = json!({ "id": found["id"], "ref": reference, "status": "posted" });
        Books::refused(books.call("post_entry", post).await, ErrorClass::Rejected, "you must balance all its lines");
    }
}

#[tokio::test]
async fn an_invoice_is_created_posted_and_paid() {
    for books in Books::all().await {
        let (order, payment) = (format!("order-{}", books.name), format!("payment-{}", books.name));
        let named = json!({ "ref": order });
        let lines = json!([{ "description": "Chair", "quantity": 2, "unit_price": 50.25, "account": "4.1.1" }]);
        let invoice = json!({ "ref": order, "date": books.today, "currency": "USD", "party": "2", "memo": "Two chairs", "lines": lines });
        books.done("create_invoice", invoice.clone()).await;
        let found = books.done("find_invoice", named.clone()).await;
        for field in ["ref", "date", "currency", "party", "memo", "lines"] {
            assert!(number::equal(&found[field], &invoice[field]), "{field}: {found}");
        }
        let pay = |amount: Value| json!({ "ref": payment, "invoice": order, "date": books.today, "currency": "USD", "amount": amount, "party": "2" });
        Books::refused(books.call("pay_invoice", pay(json!(100.5))).await, ErrorClass::Rejected, "\"Related To\"");
        let at = |status: &str| json!({ "ref": order, "status": status });
        books.done("post_invoice", json!({ "id": found["id"], "ref": order, "status": "posted" })).await;
        let posted = books.done("find_invoice", at("posted")).await;
        assert!(number::equal(&posted["open"], &json!(100.5)) && posted["number"].is_string(), "{posted}");
        Books::refused(books.call("find_invoice", at("paid")).await, ErrorClass::NotFound, "");

        books.done("pay_invoice", pay(json!(100.5))).await;
        let paid = books.done("find_payment", json!({ "ref": payment })).await;
        for (field, expected) in [("invoice", &named["ref"]), ("date", &invoice["date"]), ("amount", &json!(100.5))] {
            assert!(number::equal(&paid[field], expected), "{field}: {paid}");
        }
        for status in ["validated", "posted"] {
            let wanted = json!({ "ref": payment, "status": status });
            Books::refused(books.call("find_payment", wanted.clone()).await, ErrorClass::NotFound, "");
            let post = json!({ "id": paid["id"], "ref": payment, "status": status });
            books.done("post_payment", post.clone()).await;
            assert_eq!(books.done("find_payment", wanted).await["id"], paid["id"]);
            Books::refused(books.call("post_payment", post).await, ErrorClass::Rejected, "You can not call");
        }
        let found = books.done("find_invoice", at("posted")).await;
        assert!(found["status"] == "paid" && number::equal(&found["open"], &json!(0)), "{found}");
    }
}

const SYSTEMS: [(&str, &str); 6] = [
    ("tryton", "own"),
    ("erpnext", "own"),
    ("odoo", "own"),
    ("netsuite", "account"),
    ("business_central", "cloud"),
    ("quickbooks", "sandbox"),
];

/// A pipeline changes its accounting system with its connection alone.
#[tokio::test]
async fn the_same_entry_is_made_and_found_in_every_system() {
    let sandbox = Arc::new(ferry_sandbox::start(Options::default()).await.unwrap());
    for (index, system) in SYSTEMS.into_iter().enumerate() {
        let books = Books::in_sandbox(&sandbox, system).await;
        let accounts = books.done("list_accounts", json!({})).await["accounts"].take();
        let account = |name: &str| {
            let found =
                accounts.as_array().unwrap().iter().find(|account| account["name"].as_str().unwrap().contains(name));
            found.unwrap_or_else(|| panic!("{system:?} has no {name}: {accounts}"))["account"].clone()
        };
        let (clearing, fees) = (account("Processor clearing"), account("Payment processing fees"));
        let debits =
            json!([{ "account": clearing, "debit": 97.5, "tag": "order-1001" }, { "account": fees, "debit": 2.5 }]);
        let reference = format!("{index}-{}", books.name);
        let mut entry = books.entry(&reference, debits);
        let unbalanced = books.call("journal_entry", entry.clone()).await;
        Books::refused(unbalanced, ErrorClass::Invalid, "the debits are not the credits, by 100");
        entry["lines"].as_array_mut().unwrap().push(json!({ "account": account("Goods"), "credit": 100 }));
        let named = json!({ "ref": reference });
        Books::refused(books.call("find_entry", named.clone()).await, ErrorClass::NotFound, "");
        books.done("journal_entry", entry.clone()).await;
        let mut found = books.done("find_entry", named).await;
        let actions = &books.connection.manifest.connector.actions;
        if actions.contains_key("post_entry") {
            assert_eq!(found["status"], "draft", "{system:?}");
            let post = json!({ "id": found["id"], "ref": reference, "status": "posted" });
            books.done("post_entry", post.clone()).await;
            found = books.done("find_entry", json!({ "ref": reference, "status": "posted" })).await;
            Books::refused(books.call("post_entry", post).await, ErrorClass::Rejected, "");
        } else if matches!(actions["journal_entry"].effect, Effect::Write(Repeat::Upsert)) {
            books.done("journal_entry", entry.clone()).await;
        }
        assert_eq!(found["status"], "posted", "{system:?}");
        for field in ["ref", "date", "currency", "memo", "lines"] {
            assert!(number::equal(&found[field], &entry[field]), "{field} of {system:?}: {found}");
        }
        let ledger = get(&*books.http, &format!("{}/_sandbox/ledger", sandbox.url())).await.unwrap()["erp"].take();
        let row = json!({ "reference": reference, "entered": 1, "posted": 1 });
        assert!(ledger["entries"].as_array().unwrap().contains(&row), "{system:?}: {ledger}");
        let wrong = books.entry("w", json!([{ "account": "9999", "debit": 1 }, { "account": "9999", "credit": 1 }]));
        Books::refused(books.call("journal_entry", wrong).await, ErrorClass::Rejected, "");
    }
}

/// The number of an entry is all by which QuickBooks tells that it is there already.
#[tokio::test]
async fn quickbooks_finds_by_number_and_says_where_two_have_it() {
    let sandbox = Arc::new(ferry_sandbox::start(Options::default()).await.unwrap());
    let books = Books::in_sandbox(&sandbox, ("quickbooks", "sandbox")).await;
    let order = async |what: &str, body: Value| {
        post(&*books.http, &format!("{}/_sandbox/{what}", sandbox.url()), &body).await.unwrap();
    };
    let lines =
        |party: &str| json!([{ "account": "4", "debit": 12.5, "party": party }, { "account": "6", "credit": 12.5 }]);
    let entry = |reference: &str| books.entry(reference, lines("Customer/2"));
    let named = |reference: &str| json!({ "ref": reference });
    // The answer is lost, and the look-up finds what is there.
    order(
        "faults",
        json!({ "rules": [{ "fault": "cut_after", "system": "erp", "path": "/journalentry", "times": 1 }] }),
    )
    .await;
    Books::refused(books.call("journal_entry", entry("q-1")).await, ErrorClass::Unknown, "");
    let found = books.done("find_entry", named("q-1")).await;
    assert!(number::equal(&found["lines"], &entry("q-1")["lines"]), "{found}");

    order("erp", json!({ "unique_numbers": true })).await;
    Books::refused(books.call("journal_entry", entry("q-1")).await, ErrorClass::Conflict, "Duplicate Document Number");
    order("erp", json!({ "unique_numbers": false })).await;
    books.done("journal_entry", entry("q-1")).await;
    Books::refused(books.call("find_entry", named("q-1")).await, ErrorClass::Conflict, "");

    for (wrong, class, reason) in [
        (books.entry("q-2", lines("2")), ErrorClass::Invalid, "a party is written with its type"),
        (books.entry("q-2", lines("Vendor/2")), ErrorClass::Rejected, "takes no such line"),
        (entry("a-name-of-23-characters"), ErrorClass::Invalid, "21 are the most"),
    ] {
        Books::refused(books.call("journal_entry", wrong).await, class, reason);
    }
    Books::refused(books.call("find_entry", named("a'b")).await, ErrorClass::Invalid, "a name has no quote");
}
