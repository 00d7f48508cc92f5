//! Who is let in: grants of OAuth 2.0, the life of a session, and its end.
//!
//! Source: vendors.md, section 3.1; Salesforce Help, OAuth 2.0 refresh token flow, and revoke OAuth tokens.

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Problem, USER_ID};
use crate::access::{self, CLIENT_ID, CLIENT_SECRET, Denied, InForm, Tokens};
use crate::random::Random;
use crate::wire::{Answer, Request};
use crate::{assertion, limits};

/// The id of the org.
pub(crate) const ORG_ID: &str = "00D5e00000000kEAAQ";

/// The consent that somebody has given to the sandbox's client. It opens nothing but this sandbox.
const REFRESH_TOKEN: &str = "sandbox-refresh";

/// The sessions of the org.
#[derive(Debug)]
pub(super) struct Sessions {
    tokens: Tokens,
    signatures: Random,
    has_consent: bool,
}

impl Sessions {
    /// None, and the consent of the start.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            tokens: Tokens::new(seed, limits::SALESFORCE_TOKEN_S),
            signatures: Random::of(seed, "signatures"),
            has_consent: true,
        }
    }

    /// Answers a request for a token.
    pub(super) fn token(&mut self, request: &Request, now: Timestamp) -> Answer {
        let instance = format!("{}/salesforce", request.base);
        let checked = access::check_assertion(request, &instance, now).unwrap_or_else(|| self.check_form(request));
        if let Err(denied) = checked {
            let (error, description) = denied.texts();
            return Answer::json(denied.status(), json!({ "error": error, "error_description": description }));
        }
        Answer::ok(json!({
            "access_token": self.tokens.issue(now),
            "instance_url": instance,
            "id": format!("{instance}/id/{ORG_ID}/{USER_ID}"),
            "token_type": "Bearer",
            "issued_at": now.as_millisecond().to_string(),
            "signature": format!("{:016x}", self.signatures.draw()),
            "scope": "api",
        }))
    }

    /// Answers a request to end a session, or a consent.
    pub(super) fn revoke(&mut self, request: &Request) -> Answer {
        let form = request.form();
        let token = form.iter().chain(&request.query).find(|(key, _)| key == "token").map(|(_, value)| value.as_str());
        match token {
            Some(REFRESH_TOKEN) if self.has_consent => self.end_all(),
            Some(token) if self.tokens.forget(token) => {}
            Some(_) | None => {
                let body = json!({ "error": "invalid_token", "error_description": "invalid token" });
                return Answer::json(StatusCode::BAD_REQUEST, body);
            }
        }
        Answer::empty(StatusCode::OK)
    }

    /// Lets a request in whose session has not ended.
    ///
    /// # Errors
    /// `INVALID_SESSION_ID`.
    pub(super) fn check(&self, request: &Request, now: Timestamp) -> Result<(), Problem> {
        if access::bearer(request).is_some_and(|token| self.accepts(token, now)) {
            return Ok(());
        }
        let problem = Problem::bad("INVALID_SESSION_ID", "Session expired or invalid");
        Err(Problem { status: StatusCode::UNAUTHORIZED, ..problem })
    }

    /// Says whether the session of a token has not ended.
    pub(super) fn accepts(&self, token: &str, now: Timestamp) -> bool {
        self.tokens.accepts(token, now)
    }

    /// Ends every session, and the consent.
    pub(super) fn end_all(&mut self) {
        self.tokens.forget_all();
        self.has_consent = false;
    }

    /// Ends every session, as an administrator does; the consent stays.
    pub(super) fn log_out(&mut self) {
        self.tokens.forget_all();
    }

    /// Gives the consent again.
    pub(super) fn consent(&mut self) {
        self.has_consent = true;
    }

    fn check_form(&self, request: &Request) -> Result<(), Denied> {
        let form = request.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if request.method != Method::POST || field("grant_type") != Some("refresh_token") {
            return access::check_client(request, InForm::Accepted);
        }
        if field("client_id") != Some(CLIENT_ID) || field("client_secret").is_some_and(|secret| secret != CLIENT_SECRET)
        {
            return Err(Denied::Client);
        }
        let is_known = self.has_consent && field("refresh_token") == Some(REFRESH_TOKEN);
        if is_known { Ok(()) } else { Err(Denied::Assertion("expired access/refresh token")) }
    }
}

/// The fields of a connection.
pub(super) fn credentials(url: &str) -> Value {
    json!({
        "url": url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "username": assertion::USERNAME,
        "private_key": assertion::private_key(),
        "refresh_token": REFRESH_TOKEN,
    })
}
