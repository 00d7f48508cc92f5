//! A REST API as any other: things by their paths, for the connector `http`.
//!
//! `GET`, `PUT`, `PATCH` and `DELETE` are about the thing at a path; `POST` makes another one below it. A request with an
//! `Idempotency-Key` is done once: the same again is answered as the first time, and another one with its key is refused.
//! Source: RFC 9110, section 9.3; draft-ietf-httpapi-idempotency-key-header-07. Merging is RFC 7396 for one level.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::{self, CLIENT_ID, CLIENT_SECRET, InForm};
use crate::clock;
use crate::limits;
use crate::system::{Context, Simulated};
use crate::wire::{Answer, Request};

/// The header that may have the key in the place of a login.
const KEY_HEADER: &str = "x-api-key";

/// All things, and the requests that are done once.
#[derive(Debug, Default)]
pub(crate) struct Things {
    things: BTreeMap<String, Value>,
    made: u64,
    posts: Vec<Value>,
    done: BTreeMap<String, Done>,
}

/// A request with a key, and what was said to it.
#[derive(Debug)]
struct Done {
    at: Timestamp,
    path: String,
    body: Value,
    answer: Answer,
}

impl Things {
    fn resource(&mut self, request: &Request, body: Value) -> Answer {
        let path = request.parts().join("/");
        match request.method.as_str() {
            "GET" if path.is_empty() => Answer::ok(json!({ "things": self.things.len() })),
            "GET" => self.things.get(&path).map_or_else(not_found, |thing| Answer::ok(thing.clone())),
            "POST" => self.add(&path, body),
            "PUT" => {
                let is_new = self.things.insert(path, body.clone()).is_none();
                Answer::json(if is_new { StatusCode::CREATED } else { StatusCode::OK }, body)
            }
            "PATCH" => self.things.get_mut(&path).map_or_else(not_found, |thing| {
                merge(thing, body);
                Answer::ok(thing.clone())
            }),
            "DELETE" => self.things.remove(&path).map_or_else(not_found, |_| Answer::no_content()),
            _ => refused(StatusCode::METHOD_NOT_ALLOWED, "there is no such method"),
        }
    }

    fn add(&mut self, folder: &str, body: Value) -> Answer {
        self.made += 1;
        let path = format!("{folder}/{}", self.made);
        self.posts.push(json!({ "path": path, "body": body }));
        self.things.insert(path.clone(), body.clone());
        Answer::json(StatusCode::CREATED, body).with("location", format!("/{path}"))
    }

    /// Does once what has a key.
    fn once(&mut self, key: &str, request: &Request, body: Value, now: Timestamp) -> Answer {
        self.done.retain(|_, done| clock::ms_between(done.at, now) < limits::IDEMPOTENCY_KEY_MS);
        let path = format!("{} {}", request.method, request.path);
        if let Some(done) = self.done.get(key) {
            let is_same = done.path == path && done.body == body;
            let other = || refused(StatusCode::UNPROCESSABLE_ENTITY, "this key is that of another request");
            return if is_same { done.answer.clone() } else { other() };
        }
        let answer = self.resource(request, body.clone());
        self.done.insert(key.to_owned(), Done { at: now, path, body, answer: answer.clone() });
        answer
    }
}

impl Simulated for Things {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        let is_known = access::bearer(request) == Some(CLIENT_SECRET)
            || access::is_client(request, InForm::Refused)
            || request.header(KEY_HEADER) == Some(CLIENT_SECRET);
        if !is_known {
            return refused(StatusCode::UNAUTHORIZED, "who asks is not known");
        }
        let body = if request.body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&request.body) };
        let Ok(body) = body else { return refused(StatusCode::BAD_REQUEST, "the body is no JSON") };
        match request.header("idempotency-key").map(str::to_owned) {
            Some(key) => self.once(&key, request, body, cx.now),
            None => self.resource(request, body),
        }
    }

    fn throttled(&self, retry_after_s: u64) -> Answer {
        let answer = refused(StatusCode::TOO_MANY_REQUESTS, "too many requests");
        answer.with("retry-after", retry_after_s.to_string())
    }

    fn server_error(&self) -> Answer {
        refused(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong")
    }

    fn credentials(&self, url: &str) -> Value {
        json!({
            "base_url": url, "bearer_token": CLIENT_SECRET, "username": CLIENT_ID, "password": CLIENT_SECRET,
            "api_key_header": KEY_HEADER, "api_key": CLIENT_SECRET,
        })
    }

    fn ledger(&self) -> Value {
        let thing = |(path, value): (&String, &Value)| json!({ "path": path, "value": value });
        json!({ "things": self.things.iter().map(thing).collect::<Vec<_>>(), "posts": self.posts })
    }
}

fn merge(thing: &mut Value, change: Value) {
    match (thing.as_object_mut(), change) {
        (Some(thing), Value::Object(change)) => {
            for (name, value) in change {
                if value.is_null() {
                    thing.remove(&name);
                } else {
                    thing.insert(name, value);
                }
            }
        }
        (_, change) => *thing = change,
    }
}

fn not_found() -> Answer {
    refused(StatusCode::NOT_FOUND, "there is no such thing")
}

fn refused(status: StatusCode, title: &str) -> Answer {
    Answer::json(status, json!({ "title": title, "status": status.as_u16() }))
}
