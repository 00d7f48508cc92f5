//! Webhooks: who is believed, and which event comes of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::{sync::Arc, time::Duration};

use ferry_connectors::{
    library::{Library, shipped_file},
    webhook::{Delivery, Doubt, event, sign, verify},
};
use ferry_contract::{number, script::NoWatch, webhook::Scheme};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

const URL: &str = "https://hooks.example.com/hooks/payouts?b=2&a=1";
const BODY: &[u8] = br#"{"id": 1}"#;
const SKEW: Duration = Duration::from_mins(5);

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn schemes() -> [Scheme; 4] {
    let header = || "x-signature".to_owned();
    [
        Scheme::HmacSha256 { header: header() },
        Scheme::SharedSecret { header: header() },
        Scheme::StandardWebhooks { skew: SKEW },
        Scheme::PayoneerHmacauth { skew: SKEW },
    ]
}

/// Signs with one secret what a receiver with another gets, perhaps later.
fn taken(
    scheme: &Scheme,
    (signs, knows): (&str, &str),
    change: impl Fn(&mut Vec<(String, String)>, &mut String, &mut Vec<u8>),
    later_s: i64,
) -> Result<(), Doubt> {
    let sent = Delivery { method: "POST", url: URL, headers: &[], body: BODY };
    let mut headers = sign(scheme, &SecretString::from(signs), &sent, ("msg_1", now()));
    let (mut url, mut body) = (URL.to_owned(), BODY.to_vec());
    change(&mut headers, &mut url, &mut body);
    let got = Delivery { method: "POST", url: &url, headers: &headers, body: &body };
    let at = Timestamp::from_second(now().as_second() + later_s).unwrap();
    verify(scheme, &SecretString::from(knows), &got, at)
}

#[test]
fn only_who_knows_the_secret_is_believed_for_what_he_signed_and_not_for_long() {
    for scheme in schemes() {
        let same = |_: &mut Vec<_>, _: &mut String, _: &mut Vec<u8>| {};
        assert_eq!(taken(&scheme, ("s3cret", "s3cret"), same, 0), Ok(()), "{scheme:?}");
        assert_eq!(taken(&scheme, ("other", "s3cret"), same, 0), Err(Doubt::Forged), "{scheme:?}");
        let unsigned = taken(&scheme, ("s3cret", "s3cret"), |headers, _, _| headers.clear(), 0);
        assert!(matches!(unsigned, Err(Doubt::Unsigned { .. })), "{scheme:?}: {unsigned:?}");
        for broken in ["", "v1,", "hmacauth a:b:c", "hmacauth a:b:c:d", "hmacauth a:!:c:1700000000", "sha256=zz", "é"]
        {
            let change = |headers: &mut Vec<(String, String)>, _: &mut String, _: &mut Vec<u8>| {
                headers.iter_mut().for_each(|(_, value)| broken.clone_into(value));
            };
            let got = taken(&scheme, ("s3cret", "s3cret"), change, 0);
            assert!(matches!(got, Err(Doubt::Forged | Doubt::Unsigned { .. })), "{scheme:?} {broken}: {got:?}");
        }
        // A shared secret says nothing of the body; the others do.
        let other_body = taken(&scheme, ("s3cret", "s3cret"), |_, _, body| body.push(b' '), 0);
        let says_body = !matches!(scheme, Scheme::SharedSecret { .. });
        assert_eq!(other_body, if says_body { Err(Doubt::Forged) } else { Ok(()) }, "{scheme:?}");
        let other_url = taken(&scheme, ("s3cret", "s3cret"), |_, url, _| url.push('x'), 0);
        let says_url = matches!(scheme, Scheme::PayoneerHmacauth { .. });
        assert_eq!(other_url, if says_url { Err(Doubt::Forged) } else { Ok(()) }, "{scheme:?}");
        for (later_s, is_near) in [(300, true), (301, false), (-300, true), (-301, false)] {
            let got = taken(&scheme, ("s3cret", "s3cret"), same, later_s);
            match scheme {
                Scheme::HmacSha256 { .. } | Scheme::SharedSecret { .. } => assert_eq!(got, Ok(()), "{scheme:?}"),
                Scheme::StandardWebhooks { .. } | Scheme::PayoneerHmacauth { .. } if is_near => {
                    assert_eq!(got, Ok(()), "{scheme:?} {later_s}");
                }
                Scheme::StandardWebhooks { .. } | Scheme::PayoneerHmacauth { .. } => {
                    let stale = Doubt::Stale { seconds: 301, is_future: later_s < 0, skew: SKEW };
                    assert_eq!(got, Err(stale), "{scheme:?} {later_s}");
                }
            }
        }
    }
}

/// A query in another order is the same URL to Payoneer.
#[test]
fn the_order_of_a_query_is_not_signed() {
    let reordered = |_: &mut Vec<_>, url: &mut String, _: &mut Vec<u8>| {
        *url = url.replace("b=2&a=1", "a=1&b=2").replace("hooks.example", "Hooks.Example");
    };
    assert_eq!(taken(&Scheme::PayoneerHmacauth { skew: SKEW }, ("s", "s"), reordered, 0), Ok(()));
}

/// Source: the test vector of Standard Webhooks; RFC 4231, test case 2.
#[test]
fn signatures_of_others_are_believed() {
    let signature = |given: &str| {
        let headers = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", given),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let delivery = Delivery { method: "POST", url: URL, headers: &headers, body: br#"{"test": 2432232314}"# };
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        verify(&Scheme::StandardWebhooks { skew: SKEW }, &secret, &delivery, at)
    };
    assert_eq!(signature("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), Ok(()));
    // While a secret is changed, and beside signatures of other kinds.
    assert_eq!(signature("v1,AAAA v1a,xx v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), Ok(()));
    assert_eq!(signature("v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), Err(Doubt::Forged));

    let digits = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let base64 = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
    for given in [digits.to_owned(), format!("sha256={digits}"), base64.to_owned()] {
        let headers = [("x-signature".to_owned(), given)];
        let body = b"what do ya want for nothing?";
        let delivery = Delivery { method: "POST", url: URL, headers: &headers, body };
        let scheme = Scheme::HmacSha256 { header: "x-signature".to_owned() };
        assert_eq!(verify(&scheme, &SecretString::from("Jefe"), &delivery, now()), Ok(()), "{headers:?}");
    }
}

#[test]
fn every_webhook_is_the_event_that_its_sample_says() {
    let (library, _) = Library::load(&[], Arc::new(NoWatch));
    let mut webhooks = 0;
    for manifest in library.manifests.values() {
        for (name, webhook) in &manifest.webhooks {
            let path = format!("{}/{}", manifest.connector.name, webhook.sample);
            let text = shipped_file(&path).unwrap_or_else(|| panic!("{path} is missing"));
            let sample: Value = serde_json::from_str(&text).unwrap();
            let body = sample["body"].to_string();
            let delivery = Delivery { method: "POST", url: URL, headers: &[], body: body.as_bytes() };
            let made = event(webhook, &library.rules, &delivery).unwrap();
            assert!(number::equal(&made, &sample["event"]), "{name}: {made}");
            let said = &manifest.connector.webhooks[name];
            assert!(said.evidence.is_some(), "{name} has no grade of evidence");
            assert_eq!(said.output.violations(&made), Vec::<String>::new(), "{name}");
            webhooks += 1;
        }
    }
    assert!(webhooks >= 6, "{webhooks} webhooks were found");
}

/// A body that nobody has described is an event as it came: its run says what is wrong, and nothing is lost.
#[test]
fn a_body_of_another_form_is_not_lost() {
    let (library, _) = Library::load(&[], Arc::new(NoWatch));
    let webhook = &library.manifests["payoneer"].webhooks["payout_sent"];
    let body = r#"{"Amount": "many", "IntPaymentId": "r-1"}"#;
    let delivery = Delivery { method: "POST", url: URL, headers: &[], body: body.as_bytes() };
    let made = event(webhook, &library.rules, &delivery).unwrap();
    assert_eq!(made.to_string(), r#"{"Amount":"many","IntPaymentId":"r-1"}"#);
    let no_json = Delivery { body: b"<xml/>", ..delivery };
    assert!(event(webhook, &library.rules, &no_json).unwrap_err().starts_with("the body is no JSON"));
}
