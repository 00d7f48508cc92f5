//! Who is told, and how he knows who tells it.
//!
//! Signed as Payoneer does, `Authorization: hmacauth APP:SIGNATURE:NONCE:TIME` over app, method, URL, time, nonce and body
//! (vendors.md, section 1.7), or as Standard Webhooks say, over id, time and body. Nothing here is shared with the engine's
//! own reading of those descriptions.

use axum::http::Uri;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::limits;
use crate::system::{Signing, System};

/// What an engine that is started with `--sandbox` takes for the secret of every webhook.
const SECRET: &str = "sandbox";
/// Who signs in the vendor's sandbox.
const APP: &str = "Webhook-IPCNSender-sandbox";

/// Who is told of payouts that have ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// URLs on this machine, such as `http://127.0.0.1:8080/hooks/payouts`, each told of everything, or of one kind:
    /// `SentToBank=http://127.0.0.1:8080/hooks/sent`. A webhook goes to one after the other until one takes it, as through
    /// a load balancer; nobody is told where there is none.
    pub urls: Vec<String>,
    /// What both sides know.
    #[serde(skip_serializing)]
    pub secret: String,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { urls: Vec::new(), secret: SECRET.to_owned() }
    }
}

impl Webhooks {
    /// Checks what the types cannot say.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.urls.len() > limits::WEBHOOK_URLS_MAX {
            return Err(format!("webhooks go to at most {} URLs", limits::WEBHOOK_URLS_MAX));
        }
        for (kind, url) in self.urls.iter().map(|url| parts(url)) {
            let known: Vec<&str> = System::ALL.into_iter().flat_map(System::kinds).copied().collect();
            if let Some(kind) = kind.filter(|kind| !known.contains(kind)) {
                return Err(format!("`{kind}` is no kind of webhook; there are {}", known.join(", ")));
            }
            if !is_on_this_machine(url) {
                return Err(format!("`{url}` is not on this machine; write `http://127.0.0.1:PORT/hooks/PATH`"));
            }
        }
        Ok(())
    }

    /// Says the URLs for a kind, each time beginning with another one.
    pub(super) fn turned(&self, kind: &str, number: u64) -> Vec<String> {
        let wanted = self.urls.iter().map(|url| parts(url)).filter(|(own, _)| own.is_none_or(|own| own == kind));
        let mut urls: Vec<String> = wanted.map(|(_, url)| url.to_owned()).collect();
        let turns = number % (urls.len().max(1) as u64);
        urls.rotate_left(usize::try_from(turns).expect("it is less than the number of URLs"));
        urls
    }
}

/// How one delivery is signed, wherever it goes.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    /// In which way.
    pub(super) signing: Signing,
    /// The same for each delivery of one webhook.
    pub(super) id: String,
    /// What the receiver knows, or something else where he is not to believe it.
    pub(super) secret: String,
    /// Used once.
    pub(super) nonce: String,
    /// When it is signed.
    pub(super) at: Timestamp,
}

impl Signer {
    /// The headers that sign a POST to this URL.
    pub(super) fn headers(&self, url: &str, body: &str) -> Vec<(&'static str, String)> {
        match self.signing {
            Signing::Hmacauth => vec![("authorization", self.authorization(url, body))],
            Signing::StandardWebhooks => {
                let time = self.at.as_second();
                let signature = standard_signature(&key(&self.secret), (&self.id, time), body);
                let (id, time) = (self.id.clone(), time.to_string());
                vec![("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)]
            }
        }
    }

    fn authorization(&self, url: &str, body: &str) -> String {
        let (nonce, time) = (&self.nonce, self.at.as_second());
        let digest = BASE64_STANDARD.encode(Md5::digest(body.as_bytes()));
        let text = format!("{APP}POST{}{time}{nonce}{digest}", encoded(&url.to_lowercase()));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("a key may have any length");
        mac.update(text.as_bytes());
        format!("hmacauth {APP}:{}:{nonce}:{time}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// Source: Standard Webhooks, "Signature scheme"; a receiver that wants text has `whsec_` and the key in Base64.
fn standard_signature(key: &[u8], (id, time): (&str, i64), body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(format!("{id}.{time}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// `whsec_` and Base64, or the bytes of any other text.
fn key(secret: &str) -> Vec<u8> {
    let encoded = secret.strip_prefix("whsec_").and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
    encoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

/// A URL without a query, encoded as in a form, in small letters; ours have none.
fn encoded(url: &str) -> String {
    let sign = |byte: u8| match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        b' ' => "+".to_owned(),
        other => format!("%{other:02x}"),
    };
    url.bytes().map(sign).collect()
}

/// The kind and the URL.
fn parts(written: &str) -> (Option<&str>, &str) {
    match written.split_once('=') {
        Some((kind, url)) if !kind.contains("://") => (Some(kind), url),
        _ => (None, written),
    }
}

/// What a sandbox tells, nobody else may hear.
pub(crate) fn is_on_this_machine(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.is_some_and(|uri| {
        uri.scheme_str() == Some("http") && matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_what_others_sign() {
        // Computed with a third implementation of the same description.
        let at = Timestamp::from_second(1_700_000_000).expect("a time");
        let (secret, nonce, id) = ("test-secret".to_owned(), "nonce-1".to_owned(), String::new());
        let signer = Signer { signing: Signing::Hmacauth, id, secret, nonce, at };
        let expected = "M2wyAni2ltbNP+LUWs3hu6jEVx9hQCP8kI17vzZJS0Q=";
        let authorization = signer.authorization("https://example.com/webhooks", r#"{"Payee Id":"p"}"#);
        assert_eq!(authorization, format!("hmacauth {APP}:{expected}:nonce-1:1700000000"));
    }

    #[test]
    fn a_standard_webhook_is_signed_as_its_libraries_sign() {
        // The example of the standard, computed again with its Python library.
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        let signature = standard_signature(&key, signed, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn only_this_machine_is_told() {
        let cases = [
            ("http://127.0.0.1:8080/hooks/a", true),
            ("http://localhost:1/", true),
            ("http://[::1]:1/", true),
            ("SentToBank=http://127.0.0.1:1/hooks/a", true),
            ("SentToBnak=http://127.0.0.1:1/hooks/a", false),
            ("https://127.0.0.1:1/", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://127.0.0.1@example.com/", false),
            ("127.0.0.1:1", false),
        ];
        for (url, expected) in cases {
            let target = Webhooks { urls: vec![url.to_owned()], ..Webhooks::default() };
            assert_eq!(target.check().is_ok(), expected, "{url}");
        }
    }
}
