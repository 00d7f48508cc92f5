//! A sandbox whose clock stands still, and a client of it that sends what it is told.

use ferry_sandbox::{Options, Sandbox};
use reqwest::Method;
use serde_json::{Value, json};

/// A running sandbox.
pub(crate) struct Plain {
    sandbox: Sandbox,
    http: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The HTTP status.
    pub(crate) code: u16,
    /// `Retry-After`, where it is there.
    pub(crate) retry_after: Option<String>,
    /// The body.
    pub(crate) text: String,
}

impl Answered {
    /// Reads the body as JSON; null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Plain {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let options = Options { speed: 0, requests: 1, ..Options::default() };
        let sandbox = ferry_sandbox::start(options).await.expect("a free port is there");
        Self { sandbox, http: reqwest::Client::new() }
    }

    /// Sends a request that must be answered.
    pub(crate) async fn send(&self, method: &str, path: &str, header: (&str, &str), body: &str) -> Answered {
        self.send_with(method, path, &[header], body).await
    }

    /// The same with more headers.
    pub(crate) async fn send_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        let method = Method::from_bytes(method.as_bytes()).expect("it is a method");
        let mut request = self.http.request(method, format!("{}{path}", self.sandbox.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_owned()).send().await.expect("the sandbox answers");
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let code = answer.status().as_u16();
        Answered { code, retry_after, text: answer.text().await.expect("the body arrives") }
    }

    /// Tells the sandbox's own side something that it does.
    pub(crate) async fn control(&self, what: &str, body: &Value) -> Value {
        let answer = self.send("POST", &format!("/_sandbox/{what}"), ("accept", "*/*"), &body.to_string()).await;
        assert_eq!(answer.code, 200, "{what}: {}", answer.text);
        answer.json()
    }

    /// Asks the sandbox's own side.
    pub(crate) async fn ask(&self, what: &str) -> Value {
        self.send("GET", &format!("/_sandbox/{what}"), ("accept", "*/*"), "").await.json()
    }

    /// Lets sandbox time pass.
    pub(crate) async fn advance(&self, ms: u64) {
        self.control("clock", &json!({ "advance_ms": ms })).await;
    }
}
