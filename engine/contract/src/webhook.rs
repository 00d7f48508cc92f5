//! How a webhook shows who sent it: `verify` of a trigger and of a manifest.

use std::time::Duration;

use crate::{
    limits::{WEBHOOK_SKEW, WEBHOOK_SKEW_MAX},
    report::Report,
    yaml::read::{Fields, duration, one_of, text},
};

/// Each scheme by its name, with what it is.
pub const SCHEMES: [(&str, &str); 4] = [
    ("hmac_sha256", "HMAC-SHA256 of the body in a header, in hexadecimal digits or Base64"),
    ("shared_secret", "the secret itself in a header"),
    ("standard_webhooks", "Standard Webhooks: HMAC-SHA256 over id, time and body"),
    ("payoneer_hmacauth", "Payoneer's `Authorization: hmacauth` over method, URL, time, nonce and body"),
];

/// How a request shows who sent it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// HMAC-SHA256 of the body. Source: RFC 2104.
    HmacSha256 {
        /// The header with it, in small letters.
        header: String,
    },
    /// The secret itself.
    SharedSecret {
        /// The header with it, in small letters.
        header: String,
    },
    /// `webhook-id`, `webhook-timestamp` and `webhook-signature`. Source: the specification of Standard Webhooks.
    StandardWebhooks {
        /// How far the sender's time may be from ours.
        skew: Duration,
    },
    /// `Authorization: hmacauth APP:SIGNATURE:NONCE:TIME`. Source: public clients of Payoneer; the vendor's own page is
    /// not public.
    PayoneerHmacauth {
        /// How far the sender's time may be from ours.
        skew: Duration,
    },
}

impl Scheme {
    /// Its name, and what it is.
    pub fn in_words(&self) -> (&'static str, &'static str) {
        match self {
            Self::HmacSha256 { .. } => SCHEMES[0],
            Self::SharedSecret { .. } => SCHEMES[1],
            Self::StandardWebhooks { .. } => SCHEMES[2],
            Self::PayoneerHmacauth { .. } => SCHEMES[3],
        }
    }

    /// Reads `scheme`, `header` and `skew` of `verify`; `secret` is read by whoever knows what it refers to.
    pub fn read(fields: Fields<'_>, report: &mut Report) -> Option<Self> {
        let names = SCHEMES.map(|(name, _)| name);
        let words: Vec<(&str, &str)> = names.into_iter().map(|name| (name, name)).collect();
        let name = match fields.get("scheme") {
            Some(node) => one_of(node, "a way to verify", &words, report)?,
            None => names[0],
        };
        let signs_time = name != "hmac_sha256" && name != "shared_secret";
        if signs_time {
            let help = "remove it: the scheme says which headers there are";
            fields.refuse("header", "this scheme has headers of its own", help, report);
            let skew = fields.get("skew").map_or(Some(WEBHOOK_SKEW), |node| duration(node, "`skew`", report))?;
            if let (Some(node), true) = (fields.get("skew"), skew > WEBHOOK_SKEW_MAX) {
                let message = "a request that is so old may have been kept and sent again by anybody";
                let help = format!("write at most `{}h`; the usual is `5m`", WEBHOOK_SKEW_MAX.as_secs() / 3600);
                report.error("invalid-value", node.at, message, help);
            }
            return Some(match name {
                "standard_webhooks" => Self::StandardWebhooks { skew },
                _ => Self::PayoneerHmacauth { skew },
            });
        }
        fields.refuse("skew", "this scheme signs no time", "remove it, or use `standard_webhooks`", report);
        let header = fields.need("header", "X-Signature", report).and_then(|node| text(node, "`header`", report))?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if header.value.is_empty() || !header.value.bytes().all(is_token) {
            let message = format!("`{}` is no name of a header", header.value);
            report.error("invalid-value", header.at, message, "write letters, digits and `-`, such as `X-Signature`");
        }
        let header = header.value.to_ascii_lowercase();
        Some(if name == "hmac_sha256" { Self::HmacSha256 { header } } else { Self::SharedSecret { header } })
    }
}
