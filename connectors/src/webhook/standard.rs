//! Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
//!
//! Source: the specification of Standard Webhooks, "Webhook scheme" and "Signature scheme".

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::Mac as _;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Delivery, Doubt, is_near, mac, unsigned};
use crate::limits::WEBHOOK_SIGNATURES_MAX;

pub(super) const ID: &str = "webhook-id";
pub(super) const TIME: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
const NAME: &str = "standard_webhooks";
/// The one version with a shared secret.
const VERSION: &str = "v1,";

pub(super) fn verify(
    secret: &SecretString,
    delivery: &Delivery<'_>,
    skew: Duration,
    now: Timestamp,
) -> Result<(), Doubt> {
    let header = |name: &str| delivery.header(name).ok_or_else(|| unsigned(name, NAME));
    let (id, time, signatures) = (header(ID)?, header(TIME)?, header(SIGNATURE)?);
    let signed: i64 = time.parse().map_err(|_| unsigned(TIME, NAME))?;
    // One pass over the body, however many signatures there are: while a secret is changed, a sender signs with both.
    let signature = mac(&key(secret)?, &parts(id, time, delivery.body));
    let is_one = |given: &str| {
        let given = given.strip_prefix(VERSION).and_then(|digest| BASE64_STANDARD.decode(digest).ok());
        given.is_some_and(|given| signature.clone().verify_slice(&given).is_ok())
    };
    if !signatures.split(' ').take(WEBHOOK_SIGNATURES_MAX).any(is_one) {
        return Err(Doubt::Forged);
    }
    is_near(signed, skew, now)
}

pub(super) fn sign(
    secret: &SecretString,
    delivery: &Delivery<'_>,
    (name, now): (&str, Timestamp),
) -> Vec<(String, String)> {
    let time = now.as_second().to_string();
    let key = key(secret).unwrap_or_default();
    let digest = mac(&key, &parts(name, &time, delivery.body)).finalize().into_bytes();
    let signature = format!("{VERSION}{}", BASE64_STANDARD.encode(digest));
    [(ID, name.to_owned()), (TIME, time), (SIGNATURE, signature)].map(|(name, value)| (name.to_owned(), value)).into()
}

fn parts<'a>(id: &'a str, time: &'a str, body: &'a [u8]) -> [&'a [u8]; 5] {
    [id.as_bytes(), b".", time.as_bytes(), b".", body]
}

/// `whsec_` and Base64; a secret of another form is its own bytes. What has no bytes is no secret.
fn key(secret: &SecretString) -> Result<Vec<u8>, Doubt> {
    let secret = secret.expose_secret();
    let encoded = secret.strip_prefix("whsec_").and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
    let key = encoded.unwrap_or_else(|| secret.as_bytes().to_vec());
    if key.is_empty() { Err(Doubt::Forged) } else { Ok(key) }
}
