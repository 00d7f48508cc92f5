//! What a running sandbox says about itself: credentials and its clock.

use std::{sync::Arc, time::Duration};

use ferry_contract::port::{Http, HttpRequest};
use jiff::Timestamp;
use serde_json::Value;

use crate::clock::{SystemClock, pause};

/// How often the clock of a sandbox is looked at, in real time.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

/// A sandbox that answers.
#[derive(Clone, Debug)]
pub struct SandboxInfo {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    seed: Value,
}

/// Refuses a URL that is not on this machine: what a sandbox gets, nobody else may get.
///
/// # Errors
/// What to write instead.
pub fn on_this_machine(url: &str) -> Result<(), String> {
    let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().any(|local| url.starts_with(local));
    if local {
        Ok(())
    } else {
        Err(format!("`{url}` is not on this machine; a sandbox listens on http://127.0.0.1:PORT"))
    }
}

impl SandboxInfo {
    /// Asks a sandbox for its credentials.
    ///
    /// # Errors
    /// What to do where no sandbox answers.
    pub async fn ask(url: &str, http: &dyn Http) -> Result<Self, String> {
        let url = url.trim_end_matches('/').to_owned();
        let seed = get(http, &format!("{url}/_sandbox/seed")).await;
        let seed =
            seed.map_err(|error| format!("no sandbox answers at {url} ({error}); start one with `ferry sandbox`"))?;
        Ok(Self { url, seed })
    }

    /// The value of a connection's field that this sandbox wants.
    pub fn field(&self, connector: &str, field: &str) -> Option<String> {
        Some(self.seed.get(connector)?.get(field)?.as_str()?.to_owned())
    }

    /// The sandbox's clock: its time and its speed.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn clock(&self, http: &dyn Http) -> Result<(Timestamp, u32), String> {
        let answer = get(http, &format!("{}/_sandbox/clock", self.url)).await?;
        let now = answer["now"].as_str().and_then(|now| now.parse().ok());
        let speed = answer["speed"].as_u64().and_then(|speed| u32::try_from(speed).ok());
        now.zip(speed).ok_or_else(|| "the sandbox's clock cannot be read".to_owned())
    }

    /// Follows the sandbox's clock for ever.
    pub async fn follow(self, clock: Arc<SystemClock>, http: Arc<dyn Http>) {
        loop {
            if let Ok((now, speed)) = self.clock(&*http).await {
                clock.follow(now, speed);
            }
            pause(FOLLOW_EVERY).await;
        }
    }
}

/// Reads JSON from a sandbox.
///
/// # Errors
/// What went wrong, in words.
pub async fn get(http: &dyn Http, url: &str) -> Result<Value, String> {
    exchange(http, "GET", url, None).await
}

/// Tells a sandbox something.
///
/// # Errors
/// What went wrong, in words.
pub async fn post(http: &dyn Http, url: &str, body: &Value) -> Result<Value, String> {
    exchange(http, "POST", url, Some(body)).await
}

async fn exchange(http: &dyn Http, method: &str, url: &str, body: Option<&Value>) -> Result<Value, String> {
    let request = HttpRequest {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.map(|body| body.to_string().into_bytes().into()),
        save: None,
        timeout: Duration::from_secs(10),
        tls: None,
    };
    let response = http.send(request).await.map_err(|error| error.to_string())?;
    let answer: Value =
        serde_json::from_slice(&response.body).map_err(|_| format!("HTTP {} without JSON", response.status))?;
    if response.status >= 300 {
        return Err(format!("HTTP {}: {answer}", response.status));
    }
    Ok(answer)
}
