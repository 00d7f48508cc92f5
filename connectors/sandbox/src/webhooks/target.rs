//! Who is told, and how he knows who tells it.
//!
//! The signature is the one that ferry verifies today: HMAC-SHA256 of the body in hexadecimal digits, in a header.
//! Payoneer itself signs with `Authorization: hmacauth …` over method, URL, time, nonce and body (vendors.md,
//! section 1.7), which neither side speaks yet.

use axum::http::{HeaderName, Uri};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::limits;

/// What an engine that is started with `--sandbox` takes for the secret of every webhook.
const SECRET: &str = "sandbox";

/// Who is told of payouts that have ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// URLs on this machine, such as `http://127.0.0.1:8080/hooks/payout-status`. A webhook goes to one after
    /// the other until one takes it, as through a load balancer; nobody is told where there is none.
    pub urls: Vec<String>,
    /// The header with the signature.
    pub header: String,
    /// What both sides know.
    #[serde(skip_serializing)]
    pub secret: String,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { urls: Vec::new(), header: "X-Signature".to_owned(), secret: SECRET.to_owned() }
    }
}

impl Webhooks {
    /// Checks what the types cannot say.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.urls.len() > limits::WEBHOOK_URLS_MAX {
            return Err(format!("webhooks go to at most {} URLs", limits::WEBHOOK_URLS_MAX));
        }
        if let Some(url) = self.urls.iter().find(|url| !is_on_this_machine(url)) {
            return Err(format!("`{url}` is not on this machine; write `http://127.0.0.1:PORT/hooks/PATH`"));
        }
        let header = HeaderName::try_from(self.header.as_str());
        header.map(drop).map_err(|_| format!("`{}` is no name of a header, such as `X-Signature`", self.header))
    }

    /// Says the URLs, each time beginning with another one.
    pub(super) fn turned(&self, number: u64) -> Vec<String> {
        let mut urls = self.urls.clone();
        let turns = number % (urls.len().max(1) as u64);
        urls.rotate_left(usize::try_from(turns).expect("it is less than the number of URLs"));
        urls
    }

    /// Signs a body, or does as who does not know the secret would.
    pub(super) fn signature(&self, body: &str, knows_the_secret: bool) -> String {
        let secret = if knows_the_secret { self.secret.clone() } else { format!("not {}", self.secret) };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key may have any length");
        mac.update(body.as_bytes());
        let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={digits}")
    }
}

/// What a sandbox tells, nobody else may hear.
fn is_on_this_machine(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.is_some_and(|uri| {
        uri.scheme_str() == Some("http") && matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_others_sign_it() {
        // Source: RFC 4231, test case 2.
        let target = Webhooks { secret: "Jefe".to_owned(), ..Webhooks::default() };
        let digits = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = "what do ya want for nothing?";
        assert_eq!(target.signature(body, true), format!("sha256={digits}"));
        assert_ne!(target.signature(body, false), target.signature(body, true));
    }

    #[test]
    fn only_this_machine_is_told() {
        let cases = [
            ("http://127.0.0.1:8080/hooks/a", true),
            ("http://localhost:1/", true),
            ("http://[::1]:1/", true),
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
