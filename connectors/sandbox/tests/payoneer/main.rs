//! Payoneer beside mass payouts, over real loopback HTTP: consent, accounts, payees, v2 and the paths of the brief.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

mod accounts;
mod consent;
mod older;
mod payees;
mod quotes;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferry_sandbox::{Options, Sandbox};
use reqwest::redirect::Policy;
use reqwest::{Response, Url};
use serde_json::{Value, json};

const LOGIN: &str = "/payoneer/api/v2/oauth2";
const PROGRAM: &str = "/payoneer/v4/programs/100086190";
const ACCOUNT: &str = "/payoneer/v4/accounts/4366181865108056";
const SCOPE: &str = "read%20write%20openid%20personal-details";
const BACK: &str = "http://127.0.0.1:9/back";
const MINUTE_MS: u64 = 60_000;

/// A sandbox whose clock stands still.
struct World {
    sandbox: Sandbox,
    http: reqwest::Client,
}

/// The tokens of one login.
#[derive(Clone, Debug)]
struct Tokens(Value);

impl Tokens {
    fn access(&self) -> &str {
        self.0["access_token"].as_str().expect("it has a token")
    }

    fn refresh(&self) -> &str {
        self.0["refresh_token"].as_str().expect("it has a token")
    }
}

impl World {
    async fn open() -> Self {
        let options = Options { speed: 0, ..Options::default() };
        let sandbox = ferry_sandbox::start(options).await.expect("a free port is there");
        let http = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client");
        Self { sandbox, http }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.url())
    }

    async fn call(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = method.parse().expect("it is a method");
        let request = self.http.request(method, self.url(path)).header("authorization", format!("Bearer {token}"));
        read(
            request
                .body(if body.is_null() { String::new() } else { body.to_string() })
                .send()
                .await
                .expect("an answer"),
        )
        .await
    }

    async fn get(&self, token: &str, path: &str) -> (u16, Value) {
        self.call(token, "GET", path, Value::Null).await
    }

    async fn control(&self, path: &str, body: Value) -> (u16, Value) {
        self.call("none", "POST", &format!("/_sandbox/{path}"), body).await
    }

    async fn order(&self, order: Value) -> Value {
        let (code, body) = self.control("payoneer", order).await;
        assert_eq!(code, 200, "{body}");
        body
    }

    async fn advance(&self, minutes: u64) {
        assert_eq!(self.control("clock", json!({ "advance_ms": minutes * MINUTE_MS })).await.0, 200);
    }

    async fn ledger(&self) -> Value {
        self.get("none", "/_sandbox/ledger").await.1
    }

    /// Sends a form as the client.
    async fn form(&self, path: &str, form: &str) -> (u16, Value) {
        let basic = format!("Basic {}", STANDARD.encode("sandbox-client:sandbox-secret"));
        let request = self.http.post(self.url(&format!("{LOGIN}/{path}"))).header("authorization", basic);
        read(request.body(form.to_owned()).send().await.expect("an answer")).await
    }

    /// Where a browser is sent by the page of consent.
    async fn authorize(&self, more: &str) -> Url {
        let path =
            format!("{LOGIN}/authorize?client_id=sandbox-client&redirect_uri={BACK}&scope={SCOPE}&state=s1{more}");
        location(&self.http.get(self.url(&path)).send().await.expect("an answer"))
    }

    /// The code of an account holder who says yes at once.
    async fn code(&self, more: &str) -> String {
        let url = self.authorize(&format!("&response_type=code&consent=auto{more}")).await;
        assert_eq!(parameter(&url, "state").as_deref(), Some("s1"));
        parameter(&url, "code").expect("he says yes")
    }

    /// Logs an account holder in.
    async fn holder(&self) -> Tokens {
        let form = format!("grant_type=authorization_code&code={}&redirect_uri={BACK}", self.code("").await);
        let (code, body) = self.form("token", &form).await;
        assert_eq!(code, 200, "{body}");
        Tokens(body)
    }

    async fn application(&self) -> String {
        let (_, body) = self.form("token", "grant_type=client_credentials&scope=read%20write").await;
        body["access_token"].as_str().expect("it has a token").to_owned()
    }

    async fn balance(&self, token: &str, currency: &str) -> (String, String) {
        let (_, body) = self.get(token, &format!("{ACCOUNT}/balances?limit=50")).await;
        let items = body["result"]["items"].as_array().expect("a list").clone();
        let own = items.iter().find(|item| item["currency"] == currency).expect("there is one");
        let text = |name: &str| own[name].as_str().expect("a text").to_owned();
        (text("id"), text("available_balance"))
    }
}

async fn read(answer: Response) -> (u16, Value) {
    let (code, text) = (answer.status().as_u16(), answer.text().await.expect("the body arrives"));
    (code, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn location(answer: &Response) -> Url {
    let to = answer.headers().get("location").and_then(|to| to.to_str().ok());
    to.and_then(|to| to.parse().ok()).unwrap_or_else(|| panic!("{} leads nowhere", answer.status()))
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn sub_code((code, body): &(u16, Value)) -> (u16, u64) {
    (*code, body["error_details"]["sub_code"].as_u64().unwrap_or_default())
}

/// The cents of an amount that is a text.
fn cents(amount: &str) -> i64 {
    amount.replace('.', "").parse().expect("an amount")
}

#[tokio::test]
async fn a_wrong_order_says_what_is_right() {
    let world = World::open().await;
    for (order, message) in [
        (json!({ "consnt": "auto" }), "`consent`"),
        (json!({ "payment": { "reference": "x", "status": 7 } }), "0, 1, 2 or 3"),
        (json!({ "payment": { "reference": "x", "status": 2 } }), "nothing was committed"),
        (json!({ "receive": { "amount": "x", "currency": "USD", "from": "a" } }), "`\"12.50\"`"),
        (json!({ "receive": { "amount": "1.00", "currency": "XXX", "from": "a" } }), "no balance in `XXX`"),
        (json!({ "register": { "payee": "nobody", "approved": true } }), "no payee `nobody`"),
        (json!({ "payout_method": { "payee": "P-1", "type": "x" } }), "`PREPAID_CARD`"),
    ] {
        let (code, body) = world.control("payoneer", order).await;
        assert!(code == 400 && body["error"].as_str().is_some_and(|text| text.contains(message)), "{body}");
    }
}
