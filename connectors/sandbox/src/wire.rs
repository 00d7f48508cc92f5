//! Requests and answers as plain values, so that the systems know no sockets.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::limits;

/// A request that was read to its end.
#[derive(Debug)]
pub(crate) struct Request {
    /// Where the sandbox was asked, such as `http://127.0.0.1:4000`; what URLs in the answer begin with.
    pub(crate) base: String,
    /// The method.
    pub(crate) method: Method,
    /// The path as it was sent.
    pub(crate) path: String,
    /// The parts of the path, decoded, without empty ones.
    pub(crate) segments: Vec<String>,
    /// The pairs of the query string, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The `Authorization` header.
    pub(crate) authorization: Option<String>,
    /// The body.
    pub(crate) body: Bytes,
}

impl Request {
    /// Reads a request to its end.
    ///
    /// # Errors
    /// The answer to a body that is too large or was cut off.
    pub(crate) async fn read(request: axum::extract::Request, base: &str) -> Result<Self, Answer> {
        let (head, body) = request.into_parts();
        let most = limits::body_max_bytes(head.uri.path());
        let body = axum::body::to_bytes(body, most).await.map_err(|_| {
            let message = format!("a body has at most {most} bytes");
            Answer::json(StatusCode::PAYLOAD_TOO_LARGE, json!({ "error": message }))
        })?;
        let path = head.uri.path().to_owned();
        let segments = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        Ok(Self {
            base: base.to_owned(),
            method: head.method,
            segments,
            query: pairs(&head.uri),
            authorization: authorization.map(str::to_owned),
            headers: head.headers,
            body,
            path,
        })
    }

    /// Makes a request that comes within this one, from the same client.
    pub(crate) fn inner(&self, method: Method, url: &str, body: &Value) -> Self {
        let uri: Uri = url.replace(' ', "+").parse().unwrap_or_default();
        Self {
            base: self.base.clone(),
            method,
            path: uri.path().to_owned(),
            segments: uri.path().split('/').filter(|part| !part.is_empty()).map(decoded).collect(),
            query: pairs(&uri),
            headers: self.headers.clone(),
            authorization: self.authorization.clone(),
            body: Bytes::from(body.to_string()),
        }
    }

    /// Finds a header by its name, which is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Says the parts of the path after the system's own prefix.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.segments.iter().skip(1).map(String::as_str).collect()
    }

    /// Finds a parameter of the query string.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Reads the body as a form; anything else is an empty form.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(&self.body);
        format!("/?{}", text.trim()).parse().map(|uri| pairs(&uri)).unwrap_or_default()
    }
}

/// An answer before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    content: Content,
    headers: Vec<(&'static str, String)>,
    /// Where it is cut off in its middle, how it said where its end would be.
    cut: Option<Framing>,
}

#[derive(Clone, Debug)]
enum Content {
    Empty,
    Json(Value),
    File(&'static str, Bytes),
}

/// How an answer says where its body ends. Source: RFC 9112, section 6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    /// By `Content-Length`.
    Length,
    /// By the last of its chunks.
    Chunks,
}

impl Answer {
    /// Answers with JSON.
    pub(crate) fn json(status: StatusCode, body: Value) -> Self {
        Self::of(status, Content::Json(body))
    }

    /// Answers 200 with JSON.
    pub(crate) fn ok(body: Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// Answers 200 with a page for people.
    pub(crate) fn text(page: String) -> Self {
        Self::file(StatusCode::OK, "text/plain; charset=utf-8", page)
    }

    /// Answers 200 with a table.
    pub(crate) fn csv(table: Vec<u8>) -> Self {
        Self::file(StatusCode::OK, "text/csv", table)
    }

    /// Answers without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::of(status, Content::Empty)
    }

    /// Says its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Says its body of JSON; null where it has none.
    pub(crate) fn body(self) -> Value {
        match self.content {
            Content::Json(body) => body,
            Content::Empty | Content::File(..) => Value::Null,
        }
    }

    /// Answers with a file of a kind, such as `application/pdf`, or with a page of a browser.
    pub(crate) fn file(status: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self::of(status, Content::File(kind, bytes.into()))
    }

    /// Answers 302: a browser goes there.
    pub(crate) fn redirect(to: String) -> Self {
        Self::empty(StatusCode::FOUND).with("location", to)
    }

    /// Answers 204.
    pub(crate) fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// Adds a header, whose name is in lower case.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Ends in the middle of its body; one without a body is none at all.
    pub(crate) fn cut(self, framing: Framing) -> Option<Self> {
        let has_body = match &self.content {
            Content::Empty => false,
            Content::Json(_) => true,
            Content::File(_, bytes) => !bytes.is_empty(),
        };
        has_body.then_some(Self { cut: Some(framing), ..self })
    }

    fn of(status: StatusCode, content: Content) -> Self {
        Self { status, content, headers: Vec::new(), cut: None }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (kind, body) = match self.content {
            Content::Empty => (None, Bytes::new()),
            Content::Json(value) => (Some("application/json"), Bytes::from(value.to_string())),
            Content::File(kind, bytes) => (Some(kind), bytes),
        };
        let length = body.len();
        let mut response = match self.cut {
            None => Response::new(Body::from(body)),
            Some(_) => Response::new(begun(body.slice(..length / 2))),
        };
        if self.cut == Some(Framing::Length) {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        *response.status_mut() = self.status;
        if let Some(kind) = kind {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// A body that has begun, and whose connection breaks when its bytes have gone.
fn begun(bytes: Bytes) -> Body {
    let broken = stream::once(async {
        // What waits makes the server send what it has; an error at once would drop it.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    Body::from_stream(stream::iter([Ok(bytes)]).chain(broken))
}

/// Writes an amount as a JSON number that keeps its scale.
pub(crate) fn number(amount: Decimal) -> Value {
    let number = serde_json::from_str(&amount.to_string());
    Value::Number(number.expect("a decimal prints as a JSON number"))
}

/// Reads an amount from a JSON number or a text, exactly.
pub(crate) fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => Decimal::from_str_exact(&number.to_string()).ok(),
        Value::String(text) => Decimal::from_str_exact(text).ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Gives an amount two decimals.
pub(crate) fn cents(mut amount: Decimal) -> Decimal {
    amount.rescale(2);
    amount
}

fn pairs(uri: &Uri) -> Vec<(String, String)> {
    Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// Decodes `%41`; what is no such escape stays as it is.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = if first == b'%' { tail.get(..2).and_then(hex) } else { None };
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_path_are_decoded() {
        let cases = [("a%2Fb", "a/b"), ("a+b", "a+b"), ("%C3%A9", "é"), ("50%", "50%"), ("%zz", "%zz"), ("%+1", "%+1")];
        for (part, expected) in cases {
            assert_eq!(decoded(part), expected, "{part}");
        }
    }
}
