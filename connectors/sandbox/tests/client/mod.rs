//! A client of the sandbox that keeps it running.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferry_sandbox::{Options, Sandbox};
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// A client with a token of one system.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    sandbox: Arc<Sandbox>,
    http: reqwest::Client,
    token: Option<String>,
    name: Option<&'static str>,
}

impl Client {
    /// Starts a sandbox whose clock stands still, and gets a token of Payoneer.
    pub(crate) async fn payoneer() -> Self {
        let options = Options { speed: 0, ..Options::default() };
        let sandbox = ferry_sandbox::start(options).await.expect("a free port is there");
        let client = Self { sandbox: Arc::new(sandbox), http: reqwest::Client::new(), token: None, name: None };
        client.renewed().await
    }

    /// Gets a new token of Payoneer.
    pub(crate) async fn renewed(&self) -> Self {
        let url = format!("{}/payoneer/api/v2/oauth2/token", self.sandbox.url());
        let basic = STANDARD.encode("sandbox-client:sandbox-secret");
        let request = self.http.post(url).header("Authorization", format!("Basic {basic}"));
        self.with_token(request, "grant_type=client_credentials&scope=read%20write").await
    }

    /// Gets a token of Salesforce.
    pub(crate) async fn salesforce(&self) -> Self {
        let url = format!("{}/salesforce/services/oauth2/token", self.sandbox.url());
        let form = "grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret";
        self.with_token(self.http.post(url), form).await
    }

    /// Is the same client without a token.
    pub(crate) fn without_token(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// Is the same client, which calls itself so.
    pub(crate) fn called(&self, name: &'static str) -> Self {
        Self { name: Some(name), ..self.clone() }
    }

    /// Asks for a token of Salesforce, and is told so.
    pub(crate) async fn grant(&self, path: &str, form: &str) -> (u16, Value) {
        let request = self.http.post(format!("{}/salesforce/services/oauth2/{path}", self.sandbox.url()));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form.to_owned());
        let answer = request.send().await.expect("the sandbox answers");
        let (code, text) = (answer.status().as_u16(), answer.text().await.expect("the body arrives"));
        (code, serde_json::from_str(&text).unwrap_or_default())
    }

    /// Gets a table, with one of the headers.
    pub(crate) async fn table(&self, path: &str, header: &str) -> (String, String) {
        let request = self.http.get(format!("{}{path}", self.sandbox.url()));
        let request = request.bearer_auth(self.token.as_deref().unwrap_or_default());
        let answer = request.send().await.expect("the sandbox answers");
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let header = answer.headers().get(header).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        (answer.text().await.expect("the body arrives"), header)
    }

    /// Orders something of Salesforce.
    pub(crate) async fn order(&self, order: Value) -> Value {
        let (code, body) = self.send("POST", "/_sandbox/salesforce", &order.to_string()).await;
        assert_eq!(code, 200, "{body}");
        body
    }

    /// Sends a request that must be answered.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.try_send(method, path, body).await.expect("the sandbox answers")
    }

    /// Sends a request whose connection may be cut.
    pub(crate) async fn try_send(&self, method: &str, path: &str, body: &str) -> Result<(u16, Value), reqwest::Error> {
        let method = Method::from_bytes(method.as_bytes()).expect("it is a method");
        let mut request = self.http.request(method, format!("{}{path}", self.sandbox.url()));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if let Some(name) = self.name {
            request = request.header("Sforce-Call-Options", format!("client={name}"));
        }
        let answer = request.body(body.to_owned()).send().await?;
        let (code, text) = (answer.status().as_u16(), answer.text().await?);
        Ok((code, serde_json::from_str(&text).unwrap_or_default()))
    }

    /// Gets a path.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, "").await
    }

    /// Asks Salesforce a query.
    pub(crate) async fn query(&self, text: &str) -> (u16, Value) {
        let text = text.replace('%', "%25").replace('+', "%2B").replace(' ', "+");
        self.get(&format!("/salesforce/services/data/v59.0/query?q={text}")).await
    }

    /// Lets sandbox time pass.
    pub(crate) async fn advance(&self, ms: u64) {
        let (code, _) = self.send("POST", "/_sandbox/clock", &json!({ "advance_ms": ms }).to_string()).await;
        assert_eq!(code, 200);
    }

    /// Replaces the faults.
    pub(crate) async fn faults(&self, faults: &str) {
        let (code, body) = self.send("POST", "/_sandbox/faults", faults).await;
        assert_eq!(code, 200, "{body}");
    }

    async fn with_token(&self, request: reqwest::RequestBuilder, form: &'static str) -> Self {
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await.expect("the sandbox answers");
        let text = answer.text().await.expect("the body arrives");
        let body: Value = serde_json::from_str(&text).expect("the body is JSON");
        let token = body["access_token"].as_str().expect("it has a token").to_owned();
        Self { token: Some(token), ..self.clone() }
    }
}

/// Writes one item of a mass payout.
pub(crate) fn payment(reference: &str, payee: &str, amount: &str) -> String {
    format!(
        r#"{{"client_reference_id":"{reference}","payee_id":"{payee}","amount":{amount},"currency":"USD","description":"Invoice"}}"#
    )
}

/// Reads an amount of the sandbox's own side.
pub(crate) fn amount(value: &Value) -> Decimal {
    value.as_str().and_then(|text| text.parse().ok()).expect("amounts are texts")
}
