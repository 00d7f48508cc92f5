//! What account holders let the client do: a page that asks them, codes, and tokens that rotate.
//!
//! Source: RFC 6749, sections 4.1, 5 and 6; RFC 7636 (`S256` only); RFC 7009; vendors.md, section 1.1. A refresh token is
//! good for one use: whoever shows an old one again ends the whole consent, because one of the two who have it is a thief.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::consent::{self, Asked};
use crate::access::{self, CLIENT_ID, Denied};
use crate::keys::Key;
use crate::random::Random;
use crate::wire::{Answer, Request};
use crate::{clock, limits};

/// Who signs an `id_token`.
const ISSUER: &str = "https://login.sandbox.payoneer.com";

/// The one key's name.
const KEY_ID: &str = "sandbox-1";

static KEY: LazyLock<Key> = LazyLock::new(Key::new);

/// The consents of all account holders.
#[derive(Debug)]
pub(super) struct Consents {
    random: Random,
    is_automatic: bool,
    consents: Vec<Consent>,
    codes: BTreeMap<String, Code>,
    access: BTreeMap<String, Issued>,
    refresh: BTreeMap<String, Issued>,
}

/// One person's yes, and everything that came of it.
#[derive(Debug)]
struct Consent {
    account: String,
    scope: String,
    given: Timestamp,
    is_withdrawn: bool,
}

#[derive(Debug)]
struct Code {
    asked: Asked,
    until: Timestamp,
    /// The consent that it was used for.
    consent: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Issued {
    consent: usize,
    until: Timestamp,
    is_used: bool,
}

/// What a token of an account holder is worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Worth<'a> {
    /// It opens this account.
    Opens(&'a str),
    /// Its holder has withdrawn his consent.
    Withdrawn,
    /// It was never issued to an account holder, or has expired.
    Nothing,
}

impl Consents {
    /// Starts with none; each has to be asked for.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::of(seed, "consents"),
            is_automatic: false,
            consents: Vec::new(),
            codes: BTreeMap::new(),
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
        }
    }

    /// Says yes for everyone who is asked from now on, or leaves it to a person.
    pub(super) fn set_automatic(&mut self, is_automatic: bool) {
        self.is_automatic = is_automatic;
    }

    /// Withdraws every consent of an account; says how many there were.
    pub(super) fn withdraw(&mut self, account: &str) -> usize {
        let own = self.consents.iter_mut().filter(|consent| consent.account == account && !consent.is_withdrawn);
        own.map(|consent| consent.is_withdrawn = true).count()
    }

    /// Says what a token is worth.
    pub(super) fn worth(&self, token: &str, now: Timestamp) -> Worth<'_> {
        let issued = self.access.get(token).filter(|issued| issued.until > now);
        match issued.map(|issued| &self.consents[issued.consent]) {
            Some(consent) if consent.is_withdrawn => Worth::Withdrawn,
            Some(consent) => Worth::Opens(&consent.account),
            None => Worth::Nothing,
        }
    }

    /// Asks a person, in a page; or sends his browser back with an answer.
    pub(super) fn authorize(&mut self, request: &Request, is_known: impl Fn(&str) -> bool, now: Timestamp) -> Answer {
        let asked = match Asked::read(request) {
            Ok(asked) if is_known(&asked.account) => asked,
            Ok(asked) => return consent::page_of_error(&format!("there is no account `{}`", asked.account)),
            Err(answer) => return answer,
        };
        let is_posted = request.method == Method::POST;
        let says = |word: &str| request.form().iter().any(|(name, _)| name == word);
        if is_posted && says("deny") {
            return asked.back(&[("error", "access_denied"), ("error_description", "the account holder said no")]);
        }
        let is_said = is_posted && says("allow");
        if is_said || self.is_automatic || request.parameter("consent") == Some("auto") {
            let code = self.secret(now);
            let back = asked.back(&[("code", &code)]);
            let until = clock::add_ms(now, limits::PAYONEER_CODE_S * 1_000);
            self.codes.insert(code, Code { asked, until, consent: None });
            return back;
        }
        asked.page()
    }

    /// Gives tokens for a code or for a refresh token; `None` where the request is for another grant.
    pub(super) fn token(&mut self, request: &Request, now: Timestamp) -> Option<Answer> {
        let form = request.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let grant = field("grant_type").filter(|_| request.method == Method::POST)?;
        let granted = match grant {
            "authorization_code" | "refresh_token" if !access::is_client(request) => {
                return Some(super::token_denied(Denied::Client));
            }
            "authorization_code" => self.redeem(field("code").unwrap_or_default(), &field, now),
            "refresh_token" => self.rotate(field("refresh_token").unwrap_or_default(), now),
            _ => return None,
        };
        Some(match granted {
            Ok(consent) => self.issue(consent, now),
            Err(why) => refused("invalid_grant", why),
        })
    }

    /// Revokes a token; one that is not known is revoked already.
    pub(super) fn revoke(&mut self, request: &Request) -> Answer {
        if !access::is_client(request) {
            return super::token_denied(Denied::Client);
        }
        let form = request.form();
        let token = form.iter().find(|(name, _)| name == "token").map(|(_, value)| value.as_str());
        let Some(token) = token else { return refused("invalid_request", "send the `token` to revoke, as a form") };
        if let Some(issued) = self.refresh.get(token) {
            self.consents[issued.consent].is_withdrawn = true;
        }
        self.access.remove(token);
        Answer::ok(json!({ "status": "success" }))
    }

    /// The consent that a code stands for, once.
    fn redeem<'f>(
        &mut self,
        code: &str,
        field: &impl Fn(&str) -> Option<&'f str>,
        now: Timestamp,
    ) -> Result<usize, &'static str> {
        let known = self.codes.get_mut(code).ok_or("the code is not known")?;
        if let Some(consent) = known.consent {
            self.consents[consent].is_withdrawn = true;
            return Err("the code was used before, so all that it gave is revoked");
        }
        if known.until <= now {
            return Err("the code has expired");
        }
        if field("redirect_uri") != Some(known.asked.redirect_uri.as_str()) {
            return Err("`redirect_uri` is not the one that was authorized");
        }
        let challenged = field("code_verifier").map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
        if known.asked.challenge.is_some() && known.asked.challenge != challenged {
            return Err("`code_verifier` does not fit the `code_challenge`");
        }
        let number = self.consents.len();
        known.consent = Some(number);
        let (account, scope) = (known.asked.account.clone(), known.asked.scope.clone());
        self.consents.push(Consent { account, scope, given: now, is_withdrawn: false });
        Ok(number)
    }

    /// The consent that a refresh token stands for, which is used up by that.
    fn rotate(&mut self, token: &str, now: Timestamp) -> Result<usize, &'static str> {
        let issued = self.refresh.get_mut(token).ok_or("the refresh token is not known")?;
        let consent = &mut self.consents[issued.consent];
        if consent.is_withdrawn {
            return Err("the account holder has withdrawn his consent");
        }
        if issued.is_used {
            consent.is_withdrawn = true;
            return Err("the refresh token was used before, so the consent is revoked");
        }
        if issued.until <= now {
            return Err("the refresh token has expired");
        }
        issued.is_used = true;
        Ok(issued.consent)
    }

    fn issue(&mut self, consent: usize, now: Timestamp) -> Answer {
        let until = |life_s: u64| clock::add_ms(now, life_s * 1_000);
        let issued = |life_s: u64| Issued { consent, until: until(life_s), is_used: false };
        self.access.retain(|_, issued| issued.until > now);
        let (access, refresh) = (self.secret(now), self.secret(now));
        self.access.insert(access.clone(), issued(limits::PAYONEER_TOKEN_S));
        self.refresh.insert(refresh.clone(), issued(limits::PAYONEER_REFRESH_S));
        let Consent { account, scope, given, .. } = &self.consents[consent];
        let is_openid = scope.split(' ').any(|scope| scope == "openid");
        Answer::ok(json!({
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": limits::PAYONEER_TOKEN_S,
            "consented_on": given.as_second(),
            "scope": scope,
            "refresh_token": refresh,
            "refresh_token_expires_in": limits::PAYONEER_REFRESH_S,
            "id_token": is_openid.then(|| id_token(account, now)),
            "error": null,
            "error_description": null,
        }))
    }

    /// A text that nobody guesses; the time is part of it, as in those of the application.
    fn secret(&mut self, now: Timestamp) -> String {
        format!("{:016x}{:016x}", now.as_millisecond(), self.random.draw())
    }
}

/// The keys by which an `id_token` is believed. Source: RFC 7517.
pub(super) fn keys() -> Answer {
    let mut key = Jwk::from_encoding_key(&KEY.signs(), Algorithm::RS256).expect("the key is RSA");
    key.common.key_id = Some(KEY_ID.to_owned());
    Answer::ok(json!({ "keys": [key] }))
}

/// Says to whom which account belongs. Source: OpenID Connect Core 1.0, section 2; the claim `account_id` is Payoneer's.
fn id_token(account: &str, now: Timestamp) -> String {
    let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::RS256) };
    let seconds = now.as_second();
    let claims: Value = json!({
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "sub": format!("user-{account}"),
        "account_id": account,
        "iat": seconds,
        "exp": seconds + limits::PAYONEER_TOKEN_S.cast_signed(),
    });
    encode(&header, &claims, &KEY.signs()).expect("the claims are JSON, and the key signs")
}

fn refused(error: &str, description: &str) -> Answer {
    Answer::json(StatusCode::BAD_REQUEST, json!({ "error": error, "error_description": description }))
}
