//! Up to 25 requests in one, each of which can use what an earlier one has answered: `/composite`.
//!
//! Source: REST API v59.0, Composite; the answer as a whole is 200.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{By, DATA, Problem, Salesforce};
use crate::wire::{Answer, Request};

/// The requests in one.
const REQUESTS_MAX: usize = 25;

const FOLLOWS: &str = "The transaction was rolled back since another operation in the same transaction failed.";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    #[serde(default)]
    all_or_none: bool,
    composite_request: Vec<Part>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    method: String,
    url: String,
    reference_id: String,
    #[serde(default)]
    body: Value,
}

/// What a request within another one came to.
#[derive(Debug)]
struct Came {
    status: StatusCode,
    body: Value,
}

impl Salesforce {
    /// Answers `POST /composite`.
    pub(super) fn composite(&mut self, request: &Request, by: &mut By<'_>) -> Result<Answer, Problem> {
        let sent: Sent =
            serde_json::from_slice(&request.body).map_err(|err| Problem::bad("JSON_PARSER_ERROR", err.to_string()))?;
        if sent.composite_request.len() > REQUESTS_MAX {
            let message = format!("no more than {REQUESTS_MAX} subrequests are taken in one request");
            return Err(Problem::bad("LIMIT_EXCEEDED", message));
        }
        let mark = self.org.begin();
        let mut came: BTreeMap<&str, Came> = BTreeMap::new();
        let mut has_failed = false;
        for part in &sent.composite_request {
            let one =
                if has_failed && sent.all_or_none { halted(FOLLOWS) } else { self.part(part, request, &came, by) };
            has_failed |= !one.is_success();
            if came.insert(&part.reference_id, one).is_some() {
                self.org.end(&mark, false);
                let message = format!("Duplicate referenceId provided: {}", part.reference_id);
                return Err(Problem::bad("INVALID_INPUT", message));
            }
        }
        let is_kept = !(has_failed && sent.all_or_none);
        self.org.end(&mark, is_kept);
        let shown = sent.composite_request.iter().map(|part| {
            let one = &came[part.reference_id.as_str()];
            let undone = halted(FOLLOWS);
            let one = if is_kept || !one.is_success() { one } else { &undone };
            json!({
                "body": one.body,
                "httpHeaders": headers(one),
                "httpStatusCode": one.status.as_u16(),
                "referenceId": part.reference_id,
            })
        });
        Ok(Answer::ok(json!({ "compositeResponse": shown.collect::<Vec<Value>>() })))
    }

    fn part(&mut self, part: &Part, outer: &Request, came: &BTreeMap<&str, Came>, by: &mut By<'_>) -> Came {
        let resolved =
            resolve(&Value::from(part.url.as_str()), came).and_then(|url| Ok((url, resolve(&part.body, came)?)));
        let (url, body) = match resolved {
            Ok((url, body)) => (url.as_str().unwrap_or_default().to_owned(), body),
            Err(message) => return halted(&message),
        };
        let Some(path) = url.strip_prefix(DATA).filter(|path| path.starts_with('/')) else {
            return Problem::not_found().into();
        };
        let Ok(method) = Method::from_bytes(part.method.as_bytes()) else { return Problem::not_found().into() };
        let inner = outer.inner(method, path, &body);
        let parts: Vec<&str> = inner.segments.iter().map(String::as_str).collect();
        let is_taken = matches!(parts.first(), Some(&("sobjects" | "query" | "queryAll")))
            || parts.starts_with(&["composite", "sobjects"]);
        if !is_taken {
            return Problem::not_found().into();
        }
        match self.route(&parts, &inner, by) {
            Ok(answer) => Came { status: answer.status(), body: answer.body() },
            Err(problem) => problem.into(),
        }
    }
}

impl Came {
    fn is_success(&self) -> bool {
        self.status.is_success()
    }
}

impl From<Problem> for Came {
    fn from(problem: Problem) -> Self {
        Self { status: problem.status, body: problem.body() }
    }
}

fn halted(message: &str) -> Came {
    Problem::bad("PROCESSING_HALTED", message).into()
}

fn headers(one: &Came) -> Value {
    let id = one.body["id"].as_str().filter(|_| one.status == StatusCode::CREATED);
    id.and_then(super::schema::Object::of_id).map_or_else(
        || json!({}),
        |object| json!({ "Location": super::rest::record_url(object, id.unwrap_or_default()) }),
    )
}

/// Puts what earlier requests have answered in the place of `@{…}`.
fn resolve(value: &Value, came: &BTreeMap<&str, Came>) -> Result<Value, String> {
    match value {
        Value::String(text) => resolve_text(text, came),
        Value::Array(items) => items.iter().map(|item| resolve(item, came)).collect::<Result<_, _>>().map(Value::Array),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), resolve(value, came)?)));
            fields.collect::<Result<Map<_, _>, String>>().map(Value::Object)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
    }
}

fn resolve_text(text: &str, came: &BTreeMap<&str, Came>) -> Result<Value, String> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let (path, after) = after.split_once('}').ok_or_else(|| format!("Invalid reference specified: {text}"))?;
        let value = referred(path, came)?;
        if before.is_empty() && after.is_empty() && resolved.is_empty() {
            return Ok(value);
        }
        resolved.push_str(before);
        resolved.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rest = after;
    }
    resolved.push_str(rest);
    Ok(Value::from(resolved))
}

/// Finds `new.id` or `found.records[0].Id`.
fn referred(path: &str, came: &BTreeMap<&str, Came>) -> Result<Value, String> {
    let missing =
        |name: &str| format!("Invalid reference specified. No value for {name} found in {path}. Provided path: {path}");
    let name = path.split(['.', '[']).next().unwrap_or_default();
    let one = came.get(name).ok_or_else(|| missing(name))?;
    if !one.is_success() {
        return Err(FOLLOWS.to_owned());
    }
    let mut value = &one.body;
    for step in path[name.len()..].split(['.', '[']).filter(|step| !step.is_empty()) {
        let next = match step.strip_suffix(']') {
            Some(index) => index.parse::<usize>().ok().and_then(|index| value.get(index)),
            None => value.get(step),
        };
        value = next.ok_or_else(|| missing(step))?;
    }
    Ok(value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_what_was_answered() {
        let ok = |body: Value| Came { status: StatusCode::OK, body };
        let came = BTreeMap::from([
            ("new", ok(json!({ "id": "001" }))),
            ("found", ok(json!({ "records": [ { "Amount": 12 } ] }))),
            ("gone", Came { status: StatusCode::NOT_FOUND, body: json!([]) }),
        ]);
        let cases = [
            ("@{new.id}", Ok(json!("001"))),
            ("/sobjects/Account/@{new.id}/x", Ok(json!("/sobjects/Account/001/x"))),
            ("@{found.records[0].Amount}", Ok(json!(12))),
            ("plain", Ok(json!("plain"))),
            ("@{gone.id}", Err(FOLLOWS)),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve_text(text, &came), expected.map_err(str::to_owned), "{text}");
        }
        for wrong in ["@{none.id}", "@{new.name}", "@{found.records[1].Amount}", "@{new.id"] {
            assert!(resolve_text(wrong, &came).is_err(), "{wrong}");
        }
    }
}
