//! Who is let in: grants of OAuth 2.0, the life of a session, and its end.
//!
//! Source: vendors.md, section 3.1; Salesforce Help, OAuth 2.0 web server flow, refresh token flow, and revoke OAuth tokens.
//! What renews stays the same, unless the org rotates it.

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Problem, USER_ID};
use crate::access::{self, CLIENT_ID, CLIENT_SECRET, Denied, InForm, Tokens};
use crate::consent::{Consents, Holder, Manner, Worth};
use crate::random::Random;
use crate::wire::{Answer, Request};
use crate::{assertion, limits};

/// The id of the org.
pub(crate) const ORG_ID: &str = "00D5e00000000kEAAQ";

/// The consent that somebody has given to the sandbox's client already. It opens nothing but this sandbox.
const REFRESH_TOKEN: &str = "sandbox-refresh";

/// How a user is asked.
const MANNER: Manner = Manner {
    title: "Salesforce",
    scope: "api refresh_token",
    client: InForm::Accepted,
    code_s: limits::SALESFORCE_CODE_S,
    access_s: limits::SALESFORCE_TOKEN_S,
    refresh_s: limits::SALESFORCE_REFRESH_S,
};

/// The token of a session, the one that renews it where it is a new one, and what they allow.
type Session = (String, Option<String>, String);

/// The sessions of the org.
#[derive(Debug)]
pub(super) struct Sessions {
    tokens: Tokens,
    signatures: Random,
    has_consent: bool,
    consents: Consents,
}

impl Sessions {
    /// None, and the consent of the start.
    pub(super) fn new(seed: u64) -> Self {
        let mut consents = Consents::new(seed, MANNER);
        consents.set_rotating(false);
        Self {
            tokens: Tokens::new(seed, limits::SALESFORCE_TOKEN_S),
            signatures: Random::of(seed, "signatures"),
            has_consent: true,
            consents,
        }
    }

    /// Asks the user whom the client names, or the one that the org has.
    pub(super) fn authorize(&mut self, request: &Request, now: Timestamp) -> Answer {
        let id = request.parameter("login_hint").unwrap_or(assertion::USERNAME);
        let holder = Holder { id, is_known: id == assertion::USERNAME, said: &[] };
        self.consents.authorize(request, holder, now)
    }

    /// Whether each renewal brings another token that renews.
    pub(super) fn set_rotating(&mut self, is_rotating: bool) {
        self.consents.set_rotating(is_rotating);
    }

    /// Answers a request for a token.
    pub(super) fn token(&mut self, request: &Request, now: Timestamp) -> Answer {
        let instance = format!("{}/salesforce", request.base);
        let (access, refresh, scope) = match self.session(request, &instance, now) {
            Ok(session) => session,
            Err(denied) => {
                let (error, description) = denied.texts();
                return Answer::json(denied.status(), json!({ "error": error, "error_description": description }));
            }
        };
        let mut body = json!({
            "access_token": access,
            "instance_url": instance,
            "id": format!("{instance}/id/{ORG_ID}/{USER_ID}"),
            "token_type": "Bearer",
            "issued_at": now.as_millisecond().to_string(),
            "signature": format!("{:016x}", self.signatures.draw()),
            "scope": scope,
        });
        if let Some(refresh) = refresh {
            body["refresh_token"] = refresh.into();
        }
        Answer::ok(body)
    }

    fn session(&mut self, request: &Request, instance: &str, now: Timestamp) -> Result<Session, Denied> {
        if let Some(checked) = access::check_assertion(request, instance, now).or_else(|| self.check_start(request)) {
            checked?;
        } else if let Some(granted) = self.consents.token(request, now) {
            let granted = granted?;
            return Ok((granted.access, granted.refresh, granted.consent.scope.clone()));
        } else {
            access::check_client(request, InForm::Accepted)?;
        }
        Ok((self.tokens.issue(now), None, "api".to_owned()))
    }

    /// Answers a request to end a session, or a consent.
    pub(super) fn revoke(&mut self, request: &Request) -> Answer {
        let form = request.form();
        let token = form.iter().chain(&request.query).find(|(key, _)| key == "token").map(|(_, value)| value.as_str());
        match token {
            Some(REFRESH_TOKEN) if self.has_consent => self.end_all(),
            Some(token) if self.tokens.forget(token) || self.consents.revoke(token) => {}
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
        self.tokens.accepts(token, now) || matches!(self.consents.worth(token, now), Worth::Opens(_))
    }

    /// Ends every session, and the consents.
    pub(super) fn end_all(&mut self) {
        self.tokens.forget_all();
        self.consents.withdraw(assertion::USERNAME);
        self.has_consent = false;
    }

    /// Ends every session, as an administrator does; the consents stay.
    pub(super) fn log_out(&mut self) {
        self.tokens.forget_all();
        self.consents.log_out();
    }

    /// Gives the consent of the start again.
    pub(super) fn consent(&mut self) {
        self.has_consent = true;
    }

    /// Checks a request with the consent of the start, where it is one; its app does not ask for the secret.
    fn check_start(&self, request: &Request) -> Option<Result<(), Denied>> {
        let form = request.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if request.method != Method::POST || field("refresh_token") != Some(REFRESH_TOKEN) {
            return None;
        }
        let is_wrong = field("client_secret").is_some_and(|secret| secret != CLIENT_SECRET);
        Some(match () {
            () if field("client_id") != Some(CLIENT_ID) || is_wrong => Err(Denied::Client),
            () if !self.has_consent => Err(Denied::Given("expired access/refresh token")),
            () => Ok(()),
        })
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
        "consent_of": assertion::USERNAME,
    })
}
