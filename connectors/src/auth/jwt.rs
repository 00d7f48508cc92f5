//! What a client signs to be believed. Source: RFC 7523, section 3; RFC 7518, section 3.3 (RS256).

use ferry_contract::failure::{ErrorClass, Failure};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::limits::ASSERTION_LIFE;

/// What is signed.
#[derive(Serialize)]
pub(super) struct Claims<'a> {
    pub(super) iss: &'a str,
    pub(super) sub: &'a str,
    pub(super) aud: &'a str,
    exp: i64,
}

impl<'a> Claims<'a> {
    /// Names for the issuer, the subject and the audience, which can be used from now on for a few minutes.
    pub(super) fn new((iss, sub, aud): (&'a str, &'a str, &'a str), now: Timestamp) -> Self {
        let life = SignedDuration::try_from(ASSERTION_LIFE).expect("minutes fit");
        Self { iss, sub, aud, exp: now.checked_add(life).unwrap_or(now).as_second() }
    }

    /// Signs with an RSA key in PEM form.
    ///
    /// # Errors
    /// [`ErrorClass::Config`] for what is no such key; what it is instead is not said, since it is a secret.
    pub(super) fn signed(&self, pem: &str) -> Result<String, Failure> {
        let wrong = |_| Failure::new(ErrorClass::Config, "the private key is no RSA key in PEM form (`-----BEGIN …`)");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(wrong)?;
        encode(&Header::new(Algorithm::RS256), self, &key).map_err(wrong)
    }
}
