//! The HTTP port over reqwest: one request, once, with an honest answer about what left.

use std::time::Duration;

use ferry_connectors::limits::BODY_MAX_BYTES;
use ferry_contract::port::{Boxed, Http, HttpError, HttpRequest, HttpResponse};

use crate::limits::CONNECT_MAX;

/// One client with its pool of connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
}

impl HttpClient {
    /// A client that follows no redirect and repeats nothing.
    ///
    /// # Errors
    /// Where TLS cannot be set up on this machine.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(Duration::from_secs(20))
            .user_agent(concat!("ferry/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let method = request.method.parse().map_err(|_| HttpError::NotSent("no such method".to_owned()))?;
        let mut builder = self.client.request(method, &request.url).timeout(request.timeout);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let mut response = builder.send().await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_MAX_BYTES {
                return Err(HttpError::NoAnswer(format!("the answer has more than {BODY_MAX_BYTES} bytes")));
            }
        }
        Ok(HttpResponse { status, headers, body })
    }
}

impl Http for HttpClient {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        Box::pin(self.exchange(request))
    }
}

/// Only a request that could not even be connected or built is known not to have left.
fn failure(error: &reqwest::Error) -> HttpError {
    let mut reason = String::new();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    if error.is_timeout() && !error.is_connect() {
        return HttpError::NoAnswer("time-out".to_owned());
    }
    if error.is_connect() || error.is_builder() {
        return HttpError::NotSent(format!("cannot connect: {reason}"));
    }
    HttpError::NoAnswer(if reason.is_empty() { "the connection broke".to_owned() } else { reason })
}
