//! Payoneer's `Authorization: hmacauth APP:SIGNATURE:NONCE:TIME`.
//!
//! What is signed: app, method, URL, time, nonce, and of a POST the MD5 of the body in Base64. The URL is in small letters, with
//! its query sorted, encoded as in a form, and in small letters again. Source: public clients, one of which says that it was
//! checked byte for byte against a webhook of the vendor's sandbox; the vendor's own page is not public.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::Mac as _;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Delivery, Doubt, is_near, mac, unsigned};

const HEADER: &str = "authorization";
const NAME: &str = "payoneer_hmacauth";
const SCHEME: &str = "hmacauth ";
/// Who signs in the vendor's sandbox.
const APP: &str = "Webhook-IPCNSender-sandbox";

pub(super) fn verify(
    secret: &SecretString,
    delivery: &Delivery<'_>,
    skew: Duration,
    now: Timestamp,
) -> Result<(), Doubt> {
    let unsigned = || unsigned(HEADER, NAME);
    let given = delivery.header(HEADER).and_then(|value| value.strip_prefix(SCHEME)).ok_or_else(unsigned)?;
    let parts: Vec<&str> = given.split(':').collect();
    let [app, signature, nonce, time] = parts.as_slice() else { return Err(unsigned()) };
    let signed: i64 = time.parse().map_err(|_| unsigned())?;
    let given = BASE64_STANDARD.decode(signature).map_err(|_| Doubt::Forged)?;
    let text = to_sign(delivery, (app, nonce, time));
    mac(secret.expose_secret().as_bytes(), &[text.as_bytes()]).verify_slice(&given).map_err(|_| Doubt::Forged)?;
    is_near(signed, skew, now)
}

pub(super) fn sign(
    secret: &SecretString,
    delivery: &Delivery<'_>,
    (nonce, now): (&str, Timestamp),
) -> Vec<(String, String)> {
    let time = now.as_second().to_string();
    let text = to_sign(delivery, (APP, nonce, &time));
    let digest = mac(secret.expose_secret().as_bytes(), &[text.as_bytes()]).finalize().into_bytes();
    vec![(HEADER.to_owned(), format!("{SCHEME}{APP}:{}:{nonce}:{time}", BASE64_STANDARD.encode(digest)))]
}

fn to_sign(delivery: &Delivery<'_>, (app, nonce, time): (&str, &str, &str)) -> String {
    let method = delivery.method.to_ascii_uppercase();
    let body = if method == "POST" { BASE64_STANDARD.encode(Md5::digest(delivery.body)) } else { String::new() };
    format!("{app}{method}{}{time}{nonce}{body}", canonical(delivery.url))
}

fn canonical(url: &str) -> String {
    let url = url.to_lowercase();
    let sorted = match url.split_once('?') {
        None => url,
        Some((path, query)) => {
            let mut pairs: Vec<&str> = query.split('&').collect();
            pairs.sort_unstable();
            format!("{path}?{}", pairs.join("&"))
        }
    };
    // The form encoding of the web leaves `*` as it is; the vendor's does not.
    let encoded: String = form_urlencoded::byte_serialize(sorted.as_bytes()).collect();
    encoded.replace('*', "%2A").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with another implementation of the same description.
    #[test]
    fn what_is_signed_is_what_others_sign() {
        let cases = [
            (
                ("POST", "https://example.com/webhooks", r#"{"Payee Id":"p"}"#),
                "Webhook-IPCNSender-sandboxPOSThttps%3a%2f%2fexample.com%2fwebhooks1700000000nonce-1YE113Nc4elEqiYZC+JRmgg==",
                "M2wyAni2ltbNP+LUWs3hu6jEVx9hQCP8kI17vzZJS0Q=",
            ),
            (
                (
                    "POST",
                    "https://Example.com/hooks/payoneer?b=2&a=Sent To",
                    r#"{"Payee Id":"testpayee123","Amount":"18.00","IntPaymentId":"test payment ID 123","Currency":"USD","Transaction Date":"2022-01-18T07:01:12Z"}"#,
                ),
                "Webhook-IPCNSender-sandboxPOSThttps%3a%2f%2fexample.com%2fhooks%2fpayoneer%3fa%3dsent+to%26b%3d21700000000nonce-1blX9lL54Tq7zwca22DfYdQ==",
                "/S4KtYFewqJ4MHJGaI7xA9IF788dY2eT3mhgmHt5G4c=",
            ),
            (
                (
                    "GET",
                    "https://example.com/ipcn?reasondescription=Payee%20was%20not%20found&reasoncode=10005&apuid=t1",
                    "",
                ),
                "Webhook-IPCNSender-sandboxGEThttps%3a%2f%2fexample.com%2fipcn%3fapuid%3dt1%26reasoncode%3d10005%26reasondescription%3dpayee%2520was%2520not%2520found1700000000nonce-1",
                "uqcWyBw1Afu+zEz817CAL85N7vSymhlNMk1c0ksLeqU=",
            ),
        ];
        let (secret, now) = (SecretString::from("test-secret"), Timestamp::from_second(1_700_000_000).unwrap());
        for ((method, url, body), text, signature) in cases {
            let delivery = Delivery { method, url, headers: &[], body: body.as_bytes() };
            assert_eq!(to_sign(&delivery, (APP, "nonce-1", "1700000000")), text);
            let [(name, value)] = sign(&secret, &delivery, ("nonce-1", now)).try_into().unwrap();
            assert_eq!(name, "authorization");
            assert_eq!(value, format!("hmacauth {APP}:{signature}:nonce-1:1700000000"));
        }
    }
}
