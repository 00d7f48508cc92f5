//! The one client that both systems know, and the tokens that they gave it.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::random::Random;
use crate::wire::Request;
use crate::{assertion, clock};

/// The client id of both systems. It opens nothing but this sandbox.
pub(crate) const CLIENT_ID: &str = "sandbox-client";

/// The client secret of both systems. It opens nothing but this sandbox.
pub(crate) const CLIENT_SECRET: &str = "sandbox-secret";

/// The tokens of one system.
#[derive(Debug)]
pub(crate) struct Tokens {
    random: Random,
    life_s: u64,
    until: BTreeMap<String, Timestamp>,
}

impl Tokens {
    /// Starts with no token.
    pub(crate) fn new(seed: u64, life_s: u64) -> Self {
        Self { random: Random::of(seed, "tokens"), life_s, until: BTreeMap::new() }
    }

    /// Issues a token, and forgets those that have expired.
    pub(crate) fn issue(&mut self, now: Timestamp) -> String {
        self.until.retain(|_, until| *until > now);
        // The time is part of it, so that no token of an earlier world with the same seed fits.
        let token = format!("{:016x}{:016x}", now.as_millisecond(), self.random.draw());
        self.until.insert(token.clone(), clock::add_ms(now, self.life_s * 1_000));
        token
    }

    /// Takes a token back; says whether it was issued.
    pub(crate) fn forget(&mut self, token: &str) -> bool {
        self.until.remove(token).is_some()
    }

    /// Takes all tokens back.
    pub(crate) fn forget_all(&mut self) {
        self.until.clear();
    }

    /// Says whether the token was issued and has not expired.
    pub(crate) fn accepts(&self, token: &str, now: Timestamp) -> bool {
        self.until.get(token).is_some_and(|until| *until > now)
    }
}

/// Why no token is given. One variant per error of OAuth 2.0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Denied {
    /// `unsupported_grant_type`.
    Grant,
    /// `invalid_client`.
    Client,
    /// `invalid_grant`, and why.
    Given(&'static str),
}

impl Denied {
    /// Source: RFC 6749, section 5.2.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Grant | Self::Given(_) => StatusCode::BAD_REQUEST,
            Self::Client => StatusCode::UNAUTHORIZED,
        }
    }

    /// Says the error's name and what is right.
    pub(crate) fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Grant => ("unsupported_grant_type", "POST a form with `grant_type=client_credentials`"),
            Self::Client => ("invalid_client", "the client id or secret is wrong; see GET /_sandbox/seed"),
            Self::Given(why) => ("invalid_grant", why),
        }
    }
}

/// Checks the client of a token request: HTTP Basic, else the form's own fields where `in_form`.
pub(crate) fn check_client(request: &Request, in_form: InForm) -> Result<(), Denied> {
    let form = request.form();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if request.method != Method::POST || field("grant_type") != Some("client_credentials") {
        return Err(Denied::Grant);
    }
    if is_client(request, in_form) { Ok(()) } else { Err(Denied::Client) }
}

/// Whether a request names the one client, with its secret: HTTP Basic, else the form's own fields where `in_form`.
pub(crate) fn is_client(request: &Request, in_form: InForm) -> bool {
    let form = request.form();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let basic = basic(request);
    let client = match (&basic, in_form) {
        (Some(text), InForm::Accepted | InForm::Refused) => text.split_once(':'),
        (None, InForm::Accepted) => field("client_id").zip(field("client_secret")),
        (None, InForm::Refused) => None,
    };
    client == Some((CLIENT_ID, CLIENT_SECRET))
}

/// Checks a token request with an assertion for this audience, where it has one.
pub(crate) fn check_assertion(request: &Request, audience: &str, now: Timestamp) -> Option<Result<(), Denied>> {
    let form = request.form();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let is_asked = request.method == Method::POST && field("grant_type") == Some(assertion::GRANT);
    let assertion = field("assertion").unwrap_or_default();
    is_asked.then(|| assertion::refused(assertion, audience, now).map_or(Ok(()), |why| Err(Denied::Given(why))))
}

/// Whether a client may name itself in the form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum InForm {
    /// Basic or form.
    Accepted,
    /// Basic only.
    Refused,
}

/// Reads the token of `Authorization: Bearer`.
pub(crate) fn bearer(request: &Request) -> Option<&str> {
    scheme(request, "bearer").filter(|token| !token.is_empty())
}

fn basic(request: &Request) -> Option<String> {
    let bytes = STANDARD.decode(scheme(request, "basic")?).ok()?;
    String::from_utf8(bytes).ok()
}

fn scheme<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let (scheme, rest) = request.authorization.as_deref()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then(|| rest.trim())
}
