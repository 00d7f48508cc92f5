//! What the sandbox's client signs in the place of a secret.
//!
//! Source: RFC 7523; Salesforce, OAuth 2.0 JWT bearer flow; NetSuite, OAuth 2.0 client credentials flow.

use std::sync::LazyLock;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use crate::access::CLIENT_ID;
use crate::keys::Key;
use crate::limits::{ASSERTION_LIFE_MAX_S, CLIENT_ASSERTION_LIFE_MAX_S};

/// The grant that takes one.
pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The user that a client may act for.
pub(crate) const USERNAME: &str = "integration@sandbox.example";

/// The type of one that is shown in the place of a client's secret.
pub(crate) const CLIENT_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The certificate of the key, as NetSuite calls it.
pub(crate) const CERTIFICATE_ID: &str = "sandbox-certificate";

/// Another one in each process; it opens nothing but this sandbox.
static KEY: LazyLock<Key> = LazyLock::new(Key::new);

/// The key with which it signs, as PEM.
pub(crate) fn private_key() -> &'static str {
    KEY.private()
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
}

#[derive(Deserialize)]
struct ClientClaims {
    iss: String,
    aud: String,
    scope: String,
    iat: i64,
    exp: i64,
}

/// Whether one for this audience shows the client, as NetSuite wants it.
pub(crate) fn is_client(assertion: &str, audience: &str, now: Timestamp) -> bool {
    let named = decode_header(assertion).ok().and_then(|header| header.kid);
    let Ok(signed) = decode::<ClientClaims>(assertion, KEY.public(), &by(Algorithm::PS256)) else { return false };
    let (claims, now) = (signed.claims, now.as_second());
    named.as_deref() == Some(CERTIFICATE_ID)
        && claims.iss == CLIENT_ID
        && claims.aud == audience
        && claims.scope.split(',').any(|scope| scope == "rest_webservices")
        && claims.exp > now
        && claims.exp - claims.iat < CLIENT_ASSERTION_LIFE_MAX_S
}

/// How one is checked. The sandbox has a clock of its own.
fn by(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

/// Why an assertion is not believed, in the vendor's words.
pub(crate) fn refused(assertion: &str, audience: &str, now: Timestamp) -> Option<&'static str> {
    let signed = decode::<Claims>(assertion, KEY.public(), &by(Algorithm::RS256));
    let Ok(signed) = signed else { return Some("invalid assertion") };
    let claims = signed.claims;
    let left_s = claims.exp - now.as_second();
    match () {
        () if claims.iss != CLIENT_ID => Some("client identifier invalid"),
        () if claims.aud != audience => Some("audience is invalid"),
        () if claims.sub != USERNAME => Some("user hasn't approved this consumer"),
        () if !(1..=ASSERTION_LIFE_MAX_S).contains(&left_s) => Some("assertion has expired, or lives too long"),
        () => None,
    }
}
