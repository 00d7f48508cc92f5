//! Webhooks: who sent one, and which event it is.
//!
//! Nothing is kept of a delivery here. That the same delivery may come again, from its sender or from somebody who has kept
//! it, is harmless because its event has a key, and a store takes each key once; `skew` bounds how long it is believed.

mod hmacauth;
mod standard;

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ferry_contract::{
    catalog,
    expression::Scope,
    path::Document,
    script::{Named, Rules, Script},
    webhook::Scheme,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::manifest::{Encoding, Webhook};

/// A request as it came, or as it is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Where the sender sent it: the public URL, with its query.
    pub url: &'a str,
    /// Names in small letters.
    pub headers: &'a [(String, String)],
    /// The body as it came.
    pub body: &'a [u8],
}

impl Delivery<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why a delivery is not believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Doubt {
    /// A header is not there, or is not of the form of its scheme.
    #[error("the request has no `{header}` as {scheme} wants it")]
    Unsigned {
        /// The header.
        header: String,
        /// The scheme's name.
        scheme: &'static str,
    },
    /// Whoever sent it does not know the secret, or somebody has changed it since.
    #[error("the signature does not fit the request")]
    Forged,
    /// The time that was signed is too far from ours.
    #[error("the request was signed {seconds} s {}, and {} s are believed", if *.is_future { "in the future" } else { "ago" }, .skew.as_secs())]
    Stale {
        /// How far.
        seconds: u64,
        /// Whether its time is still to come.
        is_future: bool,
        /// What is believed.
        skew: Duration,
    },
}

/// Whether whoever sent a delivery knows the secret; compared in constant time.
///
/// # Errors
/// Why it is not believed. The secret is in none of it.
pub fn verify(scheme: &Scheme, secret: &SecretString, delivery: &Delivery<'_>, now: Timestamp) -> Result<(), Doubt> {
    // Everybody knows an empty secret.
    if secret.expose_secret().is_empty() {
        return Err(Doubt::Forged);
    }
    match scheme {
        Scheme::HmacSha256 { header } => {
            let given = delivery.header(header).ok_or_else(|| unsigned(header, "hmac_sha256"))?;
            let given = given.strip_prefix("sha256=").unwrap_or(given);
            let given = bytes(given).ok_or(Doubt::Forged)?;
            let mac = mac(secret.expose_secret().as_bytes(), &[delivery.body]);
            mac.verify_slice(&given).map_err(|_| Doubt::Forged)
        }
        Scheme::SharedSecret { header } => {
            let given = delivery.header(header).ok_or_else(|| unsigned(header, "shared_secret"))?;
            // Digests of both, so that neither length nor content shows in the time that it takes.
            let expected = mac(b"", &[secret.expose_secret().as_bytes()]);
            let given = mac(b"", &[given.as_bytes()]).finalize().into_bytes();
            expected.verify_slice(&given).map_err(|_| Doubt::Forged)
        }
        Scheme::StandardWebhooks { skew } => standard::verify(secret, delivery, *skew, now),
        Scheme::PayoneerHmacauth { skew } => hmacauth::verify(secret, delivery, *skew, now),
    }
}

/// The headers by which whoever knows the secret shows it; `name` names the delivery once.
pub fn sign(
    scheme: &Scheme,
    secret: &SecretString,
    delivery: &Delivery<'_>,
    (name, now): (&str, Timestamp),
) -> Vec<(String, String)> {
    match scheme {
        Scheme::HmacSha256 { header } => {
            let digest = mac(secret.expose_secret().as_bytes(), &[delivery.body]).finalize().into_bytes();
            let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            vec![(header.clone(), format!("sha256={digits}"))]
        }
        Scheme::SharedSecret { header } => vec![(header.clone(), secret.expose_secret().to_owned())],
        Scheme::StandardWebhooks { .. } => standard::sign(secret, delivery, (name, now)),
        Scheme::PayoneerHmacauth { .. } => hmacauth::sign(secret, delivery, (name, now)),
    }
}

/// The event that a delivery is.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// As the connector describes it; where it is not so, the content as it came.
    pub value: Value,
    /// Why it is not as described, and must begin nothing.
    pub wrong: Option<String>,
}

/// Reads a delivery. Of what is not as its connector describes it, nothing is lost: it is kept as it came, with the reason.
pub fn event(webhook: &Webhook, said: &catalog::Webhook, rules: &Rules, delivery: &Delivery<'_>) -> Event {
    let as_it_came = |value: Value, wrong: String| Event { value, wrong: Some(wrong) };
    let query = delivery.url.split_once('?').map_or("", |(_, query)| query);
    let body = match webhook.encoding {
        Encoding::Json => match serde_json::from_slice(delivery.body) {
            Ok(body) => body,
            Err(error) => {
                let text = String::from_utf8_lossy(delivery.body).into_owned();
                return as_it_came(Value::from(text), format!("the body is no JSON: {error}"));
            }
        },
        Encoding::Form => form(delivery.body),
        Encoding::Query => form(query.as_bytes()),
    };
    let headers = signed_headers(&webhook.scheme, delivery);
    let names = [("body", &body), ("headers", &headers)];
    let names = Named(&names);
    let is_other = |when: &Script| !when.test(rules, &names).unwrap_or(false);
    if let Some(when) = webhook.when.as_ref().filter(|when| is_other(when)) {
        let wrong = format!("`{}` does not hold, so it is another kind of webhook", when.text().trim());
        return as_it_came(body, wrong);
    }
    let made = webhook.result.eval(Scope { rules, document: Document::Value(&body), names: &names });
    match made {
        Err(error) => as_it_came(body, format!("the body is not as the connector describes it: {error}")),
        Ok(value) => match said.output.violations(&value).as_slice() {
            [] => Event { value, wrong: None },
            wrong => as_it_came(body, format!("the event is not as the connector describes it: {}", wrong.join("; "))),
        },
    }
}

/// The headers that an event may be made of: only what is signed, or a recording with another header would be another
/// event.
fn signed_headers(scheme: &Scheme, delivery: &Delivery<'_>) -> Value {
    let names: &[&str] = match scheme {
        Scheme::StandardWebhooks { .. } => &[standard::ID, standard::TIME],
        Scheme::HmacSha256 { .. } | Scheme::SharedSecret { .. } | Scheme::PayoneerHmacauth { .. } => &[],
    };
    let headers = names.iter().filter_map(|name| Some(((*name).to_owned(), Value::from(delivery.header(name)?))));
    Value::Object(headers.collect())
}

fn form(text: &[u8]) -> Value {
    let pairs = form_urlencoded::parse(text);
    Value::Object(pairs.map(|(name, value)| (name.into_owned(), Value::from(value))).collect::<Map<_, _>>())
}

fn unsigned(header: &str, scheme: &'static str) -> Doubt {
    Doubt::Unsigned { header: header.to_owned(), scheme }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// Whether a time in Unix seconds is near enough.
fn is_near(signed: i64, skew: Duration, now: Timestamp) -> Result<(), Doubt> {
    let seconds = now.as_second().abs_diff(signed);
    if seconds <= skew.as_secs() {
        return Ok(());
    }
    Err(Doubt::Stale { seconds, is_future: signed > now.as_second(), skew })
}

/// Bytes of a digest: 64 hexadecimal digits, or Base64.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return BASE64_STANDARD.decode(text).ok();
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
