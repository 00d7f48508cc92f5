//! What an answer means: output, or a failure of one class. Never the HTTP status alone.

use std::time::Duration;

use ferry_contract::{
    expression::Scope,
    failure::{ErrorClass, Failure},
    path::Document,
    port::HttpResponse,
    script::{Named, Rules, Script},
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    limits::{MESSAGE_MAX_CHARS, RETRY_AFTER_MAX},
    manifest::{Accept, Call, Manifest},
    xml,
};

/// An answer with its body read as JSON; text that is no JSON stays a string.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers by name in lower case.
    pub headers: Value,
    /// The body.
    pub body: Value,
    /// What it answers.
    pub asked: Asked,
}

/// The part of a request that a failure tells of, and that rules see.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `GET`, `POST` …
    pub method: String,
    /// Absolute.
    pub url: String,
    /// What nobody needs to see whole.
    pub sensitive: Vec<String>,
    /// The call's input.
    pub input: Value,
    /// The connection's fields that are no secrets.
    pub connection: Value,
}

/// A failure, and whether a new token may mend it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// What happened.
    pub failure: Failure,
    /// Nothing was done, and the token was the reason.
    pub refresh_token: bool,
}

impl Refusal {
    /// The failure alone.
    pub fn into_failure(self) -> Failure {
        self.failure
    }
}

impl Answer {
    /// Reads bytes.
    pub fn read(response: &HttpResponse, accept: Accept, asked: Asked) -> Self {
        let headers: Map<_, _> =
            response.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let text = || Value::from(String::from_utf8_lossy(&response.body).into_owned());
        let json = || serde_json::from_slice(&response.body).unwrap_or_else(|_| text());
        let body = match accept {
            _ if response.body.is_empty() => Value::Null,
            Accept::Json => json(),
            Accept::Xml => xml::read(&response.body).unwrap_or_else(json),
            Accept::Text => text(),
        };
        Self { status: response.status, headers: Value::Object(headers), body, asked }
    }

    /// How long `Retry-After` asks to wait: seconds, or a date, which counts from the answer's own `Date`, because
    /// the target's clock may be off; without one, from `now`, and for ever unknown without that.
    ///
    /// Source: RFC 9110, sections 5.6.7, 6.6.1 and 10.2.3.
    pub fn retry_after(&self, now: Option<Timestamp>) -> Option<Duration> {
        let written = self.headers.get("retry-after")?.as_str()?.trim();
        let wait = match written.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let from = self.headers.get("date").and_then(|date| http_date(date.as_str()?)).or(now)?;
                // A time that is over asks for nothing more.
                Duration::try_from(http_date(written)?.duration_since(from)).unwrap_or_default()
            }
        };
        Some(wait.min(RETRY_AFTER_MAX))
    }
}

/// Says what an answer means for one call.
///
/// # Errors
/// [`Refusal`] by the manifest's rules in their order; then by success; a status that no rule knows
/// is `unknown`, because a write may have happened.
pub fn understand(manifest: &Manifest, call: &Call, rules: &Rules, answer: &Answer) -> Result<Value, Refusal> {
    let status = Value::from(answer.status);
    let (input, connection) = (&answer.asked.input, &answer.asked.connection);
    let names = [
        ("status", &status),
        ("body", &answer.body),
        ("headers", &answer.headers),
        ("input", input),
        ("connection", connection),
    ];
    let names = Named(&names);
    // A rule that the body's shape makes impossible to evaluate does not match.
    let holds = |script: &Script| script.test(rules, &names).unwrap_or(false);
    let matching = call.errors.iter().chain(&manifest.errors).find(|rule| holds(&rule.when));
    if let Some(rule) = matching {
        let proven = rule.proves(answer.status, call.is_write);
        let failure = failure(manifest, rules, answer, &names, if proven { rule.class } else { ErrorClass::Unknown });
        // A write that may have arrived is not sent again, with whatever token.
        return Err(Refusal { failure, refresh_token: proven && rule.refresh_token });
    }
    if !holds(&call.success) {
        let failure = failure(manifest, rules, answer, &names, ErrorClass::Unknown);
        return Err(Refusal { failure, refresh_token: false });
    }
    let scope = Scope { rules, document: Document::Value(&answer.body), names: &names };
    call.result.eval(scope).map_err(|error| {
        let message = format!("the answer is a success that cannot be read: {error}");
        Refusal { failure: Failure::new(ErrorClass::Unknown, message), refresh_token: false }
    })
}

fn failure(manifest: &Manifest, rules: &Rules, answer: &Answer, names: &Named<'_>, class: ErrorClass) -> Failure {
    let said = |script: &Option<Script>| {
        let value = script.as_ref()?.run(rules, names).ok()?;
        match value {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        }
    };
    let message = said(&manifest.message).unwrap_or_else(|| "no reason given".to_owned());
    let message = format!("{} answered {}: {}", manifest.connector.title, answer.status, clipped(message.trim()));
    let mut failure = Failure::new(class, message);
    failure.code = said(&manifest.code);
    match answer.retry_after(None) {
        Some(wait) => failure.after(wait),
        None => failure,
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text.trim()).ok()?).ok()
}

/// At most [`MESSAGE_MAX_CHARS`] of what a target says.
pub fn clipped(text: &str) -> String {
    text.chars().take(MESSAGE_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(retry_after: &str, date: Option<&str>, now: Option<&str>) -> Option<u64> {
        let mut headers = vec![("retry-after".to_owned(), retry_after.to_owned())];
        headers.extend(date.map(|date| ("date".to_owned(), date.to_owned())));
        let answer =
            Answer::read(&HttpResponse { status: 429, headers, body: Vec::new() }, Accept::Json, Asked::default());
        answer.retry_after(now.map(|now| now.parse().unwrap())).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let (date, now) = ("Sun, 06 Nov 1994 08:49:07 GMT", "1994-11-06T08:49:27Z");
        for (written, date, now, expected) in [
            ("120", None, None, Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(date), Some(now), Some(30)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(date), None, Some(30)),
            ("Sun Nov  6 08:49:37 1994", Some(date), None, Some(30)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None, Some(now), Some(10)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some("yesterday"), Some(now), Some(10)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None, None, None),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(date), None, Some(0)),
            ("Mon, 06 Nov 2034 08:00:00 GMT", Some(date), None, Some(RETRY_AFTER_MAX.as_secs())),
            ("soon", Some(date), Some(now), None),
            ("-1", Some(date), Some(now), None),
        ] {
            assert_eq!(seconds(written, date, now), expected, "{written} {date:?} {now:?}");
        }
    }
}
