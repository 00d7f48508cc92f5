//! What a client signs to be believed. Source: RFC 7523, section 3; RFC 7518, sections 3.3 (RS256) and 3.5 (PS256).

use ferry_contract::failure::{ErrorClass, Failure};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;

use crate::{limits::ASSERTION_LIFE, manifest::Algorithm};

/// What is signed.
#[derive(Serialize)]
pub(super) struct Claims<'a> {
    pub(super) iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub: Option<&'a str>,
    pub(super) aud: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<&'a str>,
    iat: i64,
    exp: i64,
}

impl<'a> Claims<'a> {
    /// Names for the issuer and the audience, which can be used from now on for a few minutes.
    pub(super) fn new((iss, aud): (&'a str, &'a str), now: Timestamp) -> Self {
        let life = SignedDuration::try_from(ASSERTION_LIFE).expect("minutes fit");
        let exp = now.checked_add(life).unwrap_or(now).as_second();
        Self { iss, sub: None, aud, scope: None, iat: now.as_second(), exp }
    }

    /// Signs with an RSA key in PEM form, and says which one that is where it has a name.
    ///
    /// # Errors
    /// [`ErrorClass::Config`] for what is no such key; what it is instead is not said, since it is a secret.
    pub(super) fn signed(&self, algorithm: Algorithm, kid: Option<String>, pem: &str) -> Result<String, Failure> {
        let wrong = |_| Failure::new(ErrorClass::Config, "the private key is no RSA key in PEM form (`-----BEGIN …`)");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(wrong)?;
        let algorithm = match algorithm {
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
        };
        encode(&Header { kid, ..Header::new(algorithm) }, self, &key).map_err(wrong)
    }
}
