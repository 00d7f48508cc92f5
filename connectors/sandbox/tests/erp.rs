//! The accounting systems of the sandbox over real loopback HTTP. Tryton's texts are those that a real Tryton 8.2 gave.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use ferry_sandbox::{Options, Sandbox};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

const ENTRY: [&str; 8] =
    ["journal", "date", "period", "description", "lines/account", "lines/debit", "lines/credit", "lines/party"];

/// A client with its key and the context of the one company.
struct Client {
    sandbox: Sandbox,
    http: reqwest::Client,
    key: &'static str,
    company: u64,
}

impl Client {
    async fn start() -> Self {
        let options = Options { speed: 0, ..Options::default() };
        let sandbox = ferry_sandbox::start(options).await.expect("a free port is there");
        Self { sandbox, http: reqwest::Client::new(), key: "sandbox-secret", company: 1 }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let context = URL_SAFE.encode(json!({ "company": self.company, "companies": [self.company] }).to_string());
        let request = self.http.request(method, format!("{}{path}", self.sandbox.url()));
        let request =
            request.header("authorization", format!("bearer {}", self.key)).header("x-tryton-context", context);
        let answer = request.body(body.to_string()).send().await.expect("the sandbox answers");
        let (code, text) = (answer.status().as_u16(), answer.text().await.expect("the body arrives"));
        (code, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(Method::POST, &format!("/tryton/erp/rest/model/{path}"), body).await
    }

    async fn import(&self, model: &str, names: &[&str], rows: Value) -> (u16, Value) {
        self.post(&format!("{model}/import_data"), &json!({ "fields_names": names, "data": rows })).await
    }

    async fn find(&self, model: &str, domain: Value, fields: &str) -> (u16, Value) {
        let domain = URL_SAFE.encode(domain.to_string());
        self.send(Method::GET, &format!("/tryton/erp/rest/model/{model}?d={domain}&{fields}"), &Value::Null).await
    }

    async fn today(&self) -> String {
        let (_, clock) = self.send(Method::GET, "/_sandbox/clock", &Value::Null).await;
        clock["now"].as_str().expect("it is a text")[..10].to_owned()
    }

    /// Enters amounts in cents, debits above zero.
    async fn enter(&self, reference: &str, lines: &[(&str, &str, &str, &str)]) -> (u16, Value) {
        let date = self.today().await;
        let head = |index: usize| {
            if index == 0 {
                [json!("MISC"), json!(date), json!(date[..7]), json!(reference)]
            } else {
                [const { Value::Null }; 4]
            }
        };
        let rows = lines.iter().enumerate().map(|(index, (account, debit, credit, party))| {
            let own = [account, debit, credit, party].map(|text| json!(text));
            head(index).into_iter().chain(own).collect::<Vec<Value>>()
        });
        let rows: Vec<_> = rows.collect();
        self.import("account.move", &ENTRY, json!(rows)).await
    }

    async fn ledger(&self) -> Value {
        self.send(Method::GET, "/_sandbox/ledger", &Value::Null).await.1["erp"].take()
    }
}

fn said((code, body): &(u16, Value)) -> (u16, &str) {
    (*code, body["message"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_balanced_entry_is_posted_once_and_another_one_never() {
    let client = Client::start().await;
    let lines = [("1.1.9", "97.50", "0", ""), ("6.9.1", "2.50", "0", ""), ("4.1.1", "0", "100.00", "")];
    assert_eq!(client.enter("ref-1", &lines).await, (200, json!(1)));
    let (_, found) = client
        .find("account.move", json!([["description", "=", "ref-1"]]), "f=state&f=lines.debit&f=lines.account.code")
        .await;
    assert_eq!(found[0]["state"], "draft");
    let decimal = |text: &str| json!({ "__class__": "Decimal", "decimal": text });
    assert_eq!(found[0]["lines"][2]["debit"], decimal("97.50"));
    assert_eq!(found[0]["lines"][2]["account"], json!({ "id": 3, "__name__": "account.account", "code": "1.1.9" }));
    assert_eq!(client.post("account.move/1/post?f=number&f=state", &json!({})).await.1["number"], "1");
    let again = client.post("account.move/1/post", &json!({})).await;
    assert_eq!(said(&again), (400, "You can not call \"post\" on \"1\" of \"Account Move\"."));

    assert_eq!(client.enter("ref-2", &lines[1..]).await, (200, json!(1)));
    let refused = client.post("account.move/2/post", &json!({})).await;
    assert_eq!(said(&refused), (400, "To post move \"(2)\", you must balance all its lines debits and credits."));
    assert_eq!(client.enter("ref-2", &lines).await, (200, json!(1)));
    let ledger = client.ledger().await;
    assert_eq!(ledger["entered_twice"], 1);
    assert_eq!(ledger["entries"][0], json!({ "reference": "ref-1", "entered": 1, "posted": 1 }));
    assert_eq!(ledger["accounts"]["1.1.9"], json!({ "debit": "97.50", "credit": "0.00" }));
    let (code, done) = client.send(Method::POST, "/_sandbox/erp", &json!({ "post": "ref-1" })).await;
    assert_eq!(code, 400, "{done}");
}

#[tokio::test]
async fn what_tryton_refuses_is_refused_in_its_words() {
    let client = Client::start().await;
    let other = ("4.1.1", "0", "1.00", "");
    for (line, code, message) in [
        (
            ("1.1.9x", "1.00", "0", ""),
            400,
            "Could not find relation for '1.1.9x' in \"Account\" at row 1 and column 5.",
        ),
        (
            ("1.1.9", "x", "0", ""),
            400,
            "Syntax error for 'x' in \"Debit\" of \"Account Move Line\" at row 1 and column 6.",
        ),
        (("1.1.9", "1.00", "", ""), 400, "A value is required for field \"Credit\" in \"Account Move Line\"."),
        (("1.1.9", "1.00", "1.00", ""), 400, "You cannot set both debit and credit on the line."),
        (
            ("1.2.1", "1.00", "0", ""),
            400,
            "A value is required for field \"Party\" in record \"$1.00 @ 1.2.1\" of \"Account Move Line\".",
        ),
        (("1.2.1", "1.00", "0", "77"), 400, "Could not find relation for '77' in \"Party\" at row 1 and column 8."),
        (("1.1.9", "1.00", "0", "2"), 403, ""),
        (
            ("1.1.9", "1.005", "0", ""),
            400,
            "The number of digits in the value \"'1.005'\" for field \"Debit\" in record \"$1.005 @ 1.1.9\" of \"Account Move Line\" exceeds the limit of \"(None, 2)\".",
        ),
        (
            ("1.1.0", "1.00", "0", ""),
            400,
            "The value \"1.1.0 - Cash And Financial Assets\" for field \"Account\" in record \"$1.00 @ 1.1.0\" of \"Account Move Line\" is not valid according to its domain.",
        ),
    ] {
        let refused = client.enter("ref-1", &[line, other]).await;
        assert_eq!(said(&refused), (code, message), "{line:?}");
    }
    let row = json!([["MISC", "1990-01-01", "1990-01", "old", "1.1.9", "1", "0", ""]]);
    let refused = client.import("account.move", &ENTRY, row).await;
    assert_eq!(
        said(&refused),
        (400, "Could not find relation for '1990-01' in \"Account Period\" at row 1 and column 3.")
    );
    let refused = client.import("account.move", &ENTRY, json!([["MISC"]])).await;
    assert_eq!(said(&refused), (400, "Missing values for 7 last columns at row 1."));
    assert_eq!(client.import("account.move", &["nope"], json!([["x"]])).await.0, 500);
    assert_eq!(client.find("party.party", json!([["nope", "=", 1]]), "").await.0, 500);
    assert_eq!(client.post("account.move/9/post", &json!({})).await.0, 404);
    assert_eq!(client.post("account.move/9/nope", &json!({})).await.0, 404);
    assert_eq!(client.ledger().await["entries"], json!([]), "nothing was entered");
    let client = Client { company: 2, ..client };
    let refused = client.enter("ref-1", &[("1.1.9", "1.00", "0", ""), other]).await;
    assert_eq!(said(&refused), (400, "A value is required for field \"Company\" in \"Account Move\"."));
    let client = Client { key: "nope", ..client };
    assert_eq!(client.find("account.move", json!([]), "").await.0, 401);
}

async fn invoice(client: &Client, reference: &str) -> (u16, Value) {
    let names = [
        "type",
        "party",
        "invoice_address",
        "currency",
        "journal",
        "account",
        "reference",
        "invoice_date",
        "description",
        "lines/description",
        "lines/quantity",
        "lines/unit_price",
        "lines/account",
    ];
    let row =
        json!([["out", "2", "2", "USD", "REV", "1.2.1", reference, "", "memo", "Order 1001", "2", "50.00", "4.1.1"]]);
    client.import("account.invoice", &names, row).await
}

async fn pay(client: &Client, reference: &str, invoice: &str, amount: &str) -> (u16, Value) {
    let names =
        ["name", "journal", "date", "total_amount", "lines/amount", "lines/account", "lines/party", "lines/related_to"];
    let related = format!("account.invoice,{invoice}");
    let row = json!([[reference, "Processor", "2026-11-28", amount, amount, "1.2.1", "2", related]]);
    client.import("account.statement", &names, row).await
}

#[tokio::test]
async fn an_invoice_is_paid_in_parts_and_never_beyond_what_is_owed() {
    let client = Client::start().await;
    assert_eq!(invoice(&client, "I-1").await, (200, json!(1)));
    let unfit = "for field \"Related To\" in record \"P-0\" of \"Account Statement Line\" is not valid according to its domain.";
    let refused = pay(&client, "P-0", "I-1", "1.00").await;
    assert_eq!(said(&refused), (400, format!("The value \"[I-1]\" {unfit}").as_str()), "it is a draft");
    assert_eq!(client.post("account.invoice/1/post?f=number", &json!({})).await.1["number"], "1");
    let refused = client.post("account.invoice/1/post", &json!({})).await;
    assert_eq!(said(&refused), (400, "You can not call \"post\" on \"1 [I-1]\" of \"Account Invoice\"."));

    let states = ["draft", "validated", "posted"];
    for (number, (amount, open, state)) in
        [("40.00", "60.00", "posted"), ("60.00", "0.00", "paid")].into_iter().enumerate()
    {
        let id = number + 1;
        assert_eq!(pay(&client, &format!("P-{id}"), "I-1", amount).await, (200, json!(1)));
        let early = client.post(&format!("account.statement/{id}/post"), &json!({})).await;
        assert_eq!(said(&early).1, format!("You can not call \"post\" on \"P-{id}\" of \"Account Statement\"."));
        for (action, expected) in [("validate_statement", states[1]), ("post", states[2])] {
            let (_, statement) = client.post(&format!("account.statement/{id}/{action}?f=state"), &json!({})).await;
            assert_eq!(statement["state"], expected);
            let (_, found) =
                client.find("account.invoice", json!([["reference", "=", "I-1"]]), "f=state&f=amount_to_pay").await;
            assert_eq!((&found[0]["state"], &found[0]["amount_to_pay"]["decimal"]), (&json!(state), &json!(open)));
        }
    }
    let refused = pay(&client, "P-0", "I-1", "1.00").await;
    assert_eq!(said(&refused), (400, format!("The value \"1 [I-1]\" {unfit}").as_str()), "it is paid");
    let refused = pay(&client, "P-0", "I-9", "1.00").await;
    assert_eq!(
        said(&refused),
        (400, "Could not find relation for 'I-9' in \"Account Invoice\" at row 1 and column 8.")
    );

    assert_eq!(invoice(&client, "I-2").await.0, 200);
    assert_eq!(client.post("account.invoice/2/post", &json!({})).await.0, 200);
    assert_eq!(pay(&client, "P-3", "I-2", "100.01").await.0, 200);
    let refused = client.post("account.statement/3/validate_statement", &json!({})).await;
    assert_eq!(
        said(&refused),
        (400, "Payment lines amount on invoice \"2 [I-2]\" can not be greater than the invoice amount.")
    );
    let ledger = client.ledger().await;
    assert_eq!(ledger["accounts"]["1.2.1"], json!({ "debit": "200.00", "credit": "100.00" }));
    assert_eq!(ledger["payments"][2], json!({ "reference": "P-3", "amount": "100.01", "state": "draft" }));
}

/// Sends as one of the other systems, whose ways to say who calls differ.
async fn other(client: &Client, (method, path): (Method, &str), header: (&str, &str), body: &Value) -> (u16, Value) {
    let request = client.http.request(method, format!("{}{path}", client.sandbox.url()));
    let request =
        request.header("authorization", header.0).header("x-odoo-database", "erp").header("isolation", header.1);
    let answer = request.body(body.to_string()).send().await.expect("the sandbox answers");
    let (code, text) = (answer.status().as_u16(), answer.text().await.expect("the body arrives"));
    (code, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[tokio::test]
async fn other_systems_refuse_strangers_and_what_is_not_balanced() {
    let client = Client::start().await;
    let (date, difference) = (client.today().await, "debits are not credits, the difference is 1");
    let erpnext = json!({ "posting_date": date, "accounts": [{ "account": "1.1.9 - Processor clearing - A", "debit_in_account_currency": 1 }] });
    let odoo = json!({ "vals_list": [{ "date": date, "line_ids": [[0, 0, { "account_id": 3, "debit": 1 }]] }] });
    let netsuite = json!({ "tranDate": date, "line": { "items": [{ "account": { "id": "3" }, "debit": 1 }] } });
    for (method, path, key, body, code, reason) in [
        (
            Method::POST,
            "/erpnext/api/resource/Journal%20Entry",
            "token sandbox-client:sandbox-secret",
            &erpnext,
            417,
            "/exception",
        ),
        (Method::POST, "/odoo/json/2/account.move/create", "bearer sandbox-secret", &odoo, 422, "/message"),
        (
            Method::PUT,
            "/netsuite/services/rest/record/v1/journalEntry/eid:a",
            "Bearer sandbox-secret",
            &netsuite,
            400,
            "/o:errorDetails/0/detail",
        ),
    ] {
        assert_eq!(other(&client, (method.clone(), path), ("bearer nope", ""), body).await.0, 401, "{path}");
        let (status, answer) = other(&client, (method, path), (key, ""), body).await;
        let said = answer.pointer(reason).and_then(Value::as_str).unwrap_or_default();
        assert!(status == code && said.contains(difference), "{path}: {status} {answer}");
    }
    assert_eq!(client.ledger().await["entries"], json!([]), "nothing was entered");
}

#[tokio::test]
async fn a_batch_is_one_transaction_where_it_says_so_and_its_journal_is_posted_whole() {
    let client = Client::start().await;
    let (_, seed) = client.send(Method::GET, "/_sandbox/seed", &Value::Null).await;
    let known = |name: &str| seed["business_central"][name].as_str().expect("it is a text").to_owned();
    let (tenant, company, journal) = (known("tenant"), known("company"), known("journal"));
    let form = "grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret";
    let url = format!("{}/business_central/{tenant}/oauth2/v2.0/token", client.sandbox.url());
    let answer = client.http.post(url).body(form).send().await.expect("the sandbox answers");
    let answer: Value = serde_json::from_str(&answer.text().await.expect("it has a body")).expect("it is JSON");
    let key = format!("Bearer {}", answer["access_token"].as_str().expect("it has a token"));
    let api = format!("/business_central/v2.0/{tenant}/Production/api/v2.0");
    let date = client.today().await;
    let line = |account: &str, amount: i64| {
        let body = json!({ "accountNumber": account, "amount": amount, "documentNumber": "D-1", "postingDate": date });
        json!({ "id": account, "method": "POST", "url": "journalLines", "body": body })
    };
    let batch = |lines: Vec<Value>| json!({ "requests": lines });
    let wrong = batch(vec![line("1.1.9", 5), line("9.9.9", -5), line("4.1.1", -5)]);
    for (isolation, entered) in [("snapshot", 0), ("", 1)] {
        let path = (Method::POST, &*format!("{api}/$batch"));
        let (code, answer) = other(&client, path, (&key, isolation), &wrong).await;
        let statuses: Vec<_> =
            answer["responses"].as_array().expect("it is a list").iter().map(|one| &one["status"]).collect();
        assert_eq!(
            (code, statuses),
            (200, vec![&json!(201), &json!(400)]),
            "what is after a refused request is not tried"
        );
        assert_eq!(client.ledger().await["entries"].as_array().map(Vec::len), Some(entered), "{isolation}");
    }
    let post = format!("{api}/companies({company})/journals({journal})/Microsoft.NAV.post");
    let (code, answer) = other(&client, (Method::POST, &post), (&key, ""), &Value::Null).await;
    assert_eq!((code, &answer["error"]["message"]), (400, &json!("Document D-1 is out of balance.")));
    let rest = batch(vec![line("4.1.1", -5)]);
    assert_eq!(other(&client, (Method::POST, &*format!("{api}/$batch")), (&key, "snapshot"), &rest).await.0, 200);
    assert_eq!(other(&client, (Method::POST, &post), (&key, ""), &Value::Null).await.0, 204);
    assert_eq!(client.ledger().await["entries"], json!([{ "reference": "D-1", "entered": 1, "posted": 1 }]));
}

/// What a client signs for NetSuite, and what it gets for it.
#[tokio::test]
async fn netsuite_gives_an_hour_for_what_its_certificate_has_signed_with_pss() {
    let client = Client::start().await;
    let (_, seed) = client.send(Method::GET, "/_sandbox/seed", &Value::Null).await;
    let (_, clock) = client.send(Method::GET, "/_sandbox/clock", &Value::Null).await;
    let now = clock["now"].as_str().expect("a text").parse::<jiff::Timestamp>().expect("a time").as_second();
    let url = format!("{}/netsuite/services/rest/auth/oauth2/v1/token", client.sandbox.url());
    let key = EncodingKey::from_rsa_pem(seed["netsuite"]["private_key"].as_str().expect("a text").as_bytes());
    let key = key.expect("the key is PEM");
    let signed = |algorithm: Algorithm, kid: &str, change: &Value| {
        let mut claims = json!({ "iss": "sandbox-client", "scope": "restlets,rest_webservices", "aud": url, "iat": now, "exp": now + 3_599 });
        change.as_object().expect("a map").iter().for_each(|(name, value)| claims[name] = value.clone());
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, &claims, &key).expect("it is signed")
    };
    let ask = async |assertion: String| {
        let form = format!(
            "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
        );
        let answer = client.http.post(&url).body(form).send().await.expect("the sandbox answers");
        let (status, text) = (answer.status().as_u16(), answer.text().await.expect("it has a body"));
        (status, serde_json::from_str::<Value>(&text).expect("it is JSON"))
    };
    let right = signed(Algorithm::PS256, "sandbox-certificate", &json!({}));
    let (status, given) = ask(right.clone()).await;
    assert_eq!((status, &given["expires_in"]), (200, &json!("3600")), "{given}");
    let header = format!("Bearer {}", given["access_token"].as_str().expect("it has a token"));
    let accounts = async || {
        other(&client, (Method::POST, "/netsuite/services/rest/query/v1/suiteql"), (&header, ""), &Value::Null).await.0
    };
    assert_eq!(accounts().await, 200);
    let (status, _) = client.send(Method::POST, "/_sandbox/clock", &json!({ "advance_ms": 3_601_000 })).await;
    assert_eq!((status, accounts().await), (200, 401), "an hour is over");

    assert_eq!(ask(right).await, (401, json!({ "error": "invalid_client" })), "it has ended by now");
    let now = now + 3_601;
    let fresh = json!({ "iat": now, "exp": now + 60 });
    let with = |name: &str, value: Value| {
        let mut change = fresh.clone();
        change[name] = value;
        change
    };
    let right = signed(Algorithm::PS256, "sandbox-certificate", &fresh);
    let (body, signature) = right.rsplit_once('.').expect("it has three parts");
    let forged = format!("{body}.{}", signature.chars().rev().collect::<String>());
    assert_eq!(ask(right.clone()).await.0, 200);
    for (wrong, why) in [
        (forged, "its signature is another one"),
        (signed(Algorithm::RS256, "sandbox-certificate", &fresh), "it is not signed with PSS"),
        (signed(Algorithm::PS256, "another", &fresh), "the certificate is not known"),
        (signed(Algorithm::PS256, "sandbox-certificate", &with("iss", json!("another"))), "the client is not known"),
        (signed(Algorithm::PS256, "sandbox-certificate", &with("aud", json!("https://a"))), "it is for others"),
        (signed(Algorithm::PS256, "sandbox-certificate", &with("scope", json!("restlets"))), "it opens no REST API"),
        (signed(Algorithm::PS256, "sandbox-certificate", &with("exp", json!(now + 3_600))), "it lives too long"),
    ] {
        assert_eq!(ask(wrong).await.0, 401, "{why}");
    }
}
