//! What account holders let the client do: whose account it is, and what the token's answer says.
//!
//! Source: vendors.md, section 1.1; OpenID Connect Core 1.0. The parameter `account_id` of the page says whose page it is, and
//! the main account's where it is left out.

use std::sync::LazyLock;

use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::{Value, json};

use crate::access::{CLIENT_ID, InForm};
use crate::consent::{Granted, Manner};
use crate::keys::Key;
use crate::limits;
use crate::wire::Answer;

/// Who signs an `id_token`.
const ISSUER: &str = "https://login.sandbox.payoneer.com";

/// The one key's name.
const KEY_ID: &str = "sandbox-1";

static KEY: LazyLock<Key> = LazyLock::new(Key::new);

/// How holders are asked.
pub(super) const MANNER: Manner = Manner {
    title: "Payoneer",
    scope: "read write",
    client: InForm::Refused,
    code_s: limits::PAYONEER_CODE_S,
    access_s: limits::PAYONEER_TOKEN_S,
    refresh_s: limits::PAYONEER_REFRESH_S,
};

/// What is said with a token.
pub(super) fn answer(granted: &Granted<'_>, now: Timestamp) -> Answer {
    let consent = granted.consent;
    let is_openid = consent.scope.split(' ').any(|scope| scope == "openid");
    Answer::ok(json!({
        "token_type": "Bearer",
        "access_token": granted.access,
        "expires_in": limits::PAYONEER_TOKEN_S,
        "consented_on": consent.given.as_second(),
        "scope": consent.scope,
        "refresh_token": granted.refresh,
        "refresh_token_expires_in": limits::PAYONEER_REFRESH_S,
        "id_token": is_openid.then(|| id_token(&consent.holder, now)),
        "error": null,
        "error_description": null,
    }))
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
