//! What the sandbox's client signs in the place of a secret. Source: RFC 7523; Salesforce, OAuth 2.0 JWT bearer flow.

use std::sync::LazyLock;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Validation, decode};
use serde::Deserialize;

use crate::access::CLIENT_ID;
use crate::keys::Key;
use crate::limits::ASSERTION_LIFE_MAX_S;

/// The grant that takes one.
pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The user that a client may act for.
pub(crate) const USERNAME: &str = "integration@sandbox.example";

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

/// Why an assertion is not believed, in the vendor's words.
pub(crate) fn refused(assertion: &str, audience: &str, now: Timestamp) -> Option<&'static str> {
    let mut validation = Validation::new(Algorithm::RS256);
    // The sandbox has a clock of its own.
    validation.validate_exp = false;
    validation.validate_aud = false;
    let Ok(signed) = decode::<Claims>(assertion, KEY.public(), &validation) else { return Some("invalid assertion") };
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
