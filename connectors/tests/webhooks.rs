//! Webhooks: who is believed, and which event comes of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::{sync::Arc, time::Duration};

use ferry_connectors::{
    library::{Library, shipped_file},
    webhook::{Delivery, Doubt, event, sign, verify},
};
use ferry_contract::{
    number,
    report::{Report, Source},
    script::NoWatch,
    webhook::Scheme,
};
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
            let sent = sample["headers"].as_object().into_iter().flatten();
            let headers: Vec<_> =
                sent.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
            let delivery = Delivery { method: "POST", url: URL, headers: &headers, body: body.as_bytes() };
            let said = &manifest.connector.webhooks[name];
            let made = event(webhook, said, &library.rules, &delivery);
            assert!(made.wrong.is_none() && number::equal(&made.value, &sample["event"]), "{name}: {made:?}");
            assert!(said.evidence.is_some(), "{name} has no grade of evidence");
            webhooks += 1;
        }
    }
    assert!(webhooks >= 6, "{webhooks} webhooks were found");
}

/// What is not as its connector describes it is kept as it came, with the reason, and begins nothing.
#[test]
fn a_body_of_another_form_is_kept_and_never_taken_for_the_event() {
    let (library, _) = Library::load(&[], Arc::new(NoWatch));
    let manifest = &library.manifests["payoneer"];
    for (name, body, says) in [
        (
            "payout_sent",
            r#"{"Amount":"many","IntPaymentId":"r-1","Transaction Date":"x"}"#,
            "not as the connector describes",
        ),
        // A result that can be made, without what the event has to have.
        ("payout_sent", r#"{"Amount":"5.00","Payee Id":"P-1","Transaction Date":"x"}"#, "client_reference_id"),
        (
            "payee_approved",
            r#"{"Payee Id":"P-1","Payoneer Id":"1","Reason Description":"no"}"#,
            "another kind of webhook",
        ),
        (
            "payment_request_accepted",
            r#"{"Payee Id":"P-1","IntPaymentId":"r","Amount":"5.00"}"#,
            "another kind of webhook",
        ),
        ("payout_sent", "<xml/>", "the body is no JSON"),
    ] {
        let delivery = Delivery { method: "POST", url: URL, headers: &[], body: body.as_bytes() };
        let (webhook, said) = (&manifest.webhooks[name], &manifest.connector.webhooks[name]);
        let made = event(webhook, said, &library.rules, &delivery);
        let wrong = made.wrong.unwrap_or_default();
        assert!(wrong.contains(says), "{name} {body}: {wrong}");
        assert_eq!(made.value.as_str().map_or_else(|| made.value.to_string(), str::to_owned), body, "{name}");
    }
}

/// Everybody knows an empty secret.
#[test]
fn an_empty_secret_proves_nothing() {
    for scheme in schemes() {
        for secret in ["", "whsec_"] {
            let is_encoded = matches!(scheme, Scheme::StandardWebhooks { .. });
            if secret.is_empty() || is_encoded {
                let same = |_: &mut Vec<_>, _: &mut String, _: &mut Vec<u8>| {};
                assert_eq!(taken(&scheme, (secret, secret), same, 0), Err(Doubt::Forged), "{scheme:?}");
            }
        }
    }
}

/// Work before a sender is known is bounded, however much he sends.
#[test]
fn of_many_signatures_only_the_first_are_looked_at() {
    let many = |before: usize| {
        move |headers: &mut Vec<(String, String)>, _: &mut String, _: &mut Vec<u8>| {
            let signature = headers.iter_mut().find(|(name, _)| name == "webhook-signature").unwrap();
            signature.1 = format!("{}{}", "v1, ".repeat(before), signature.1);
        }
    };
    let scheme = Scheme::StandardWebhooks { skew: SKEW };
    assert_eq!(taken(&scheme, ("s3cret", "s3cret"), many(7), 0), Ok(()));
    assert_eq!(taken(&scheme, ("s3cret", "s3cret"), many(8), 0), Err(Doubt::Forged));
}

/// What a manifest says of webhooks, and what is wrong with it.
#[test]
fn a_webhook_of_a_manifest_has_a_secret_and_an_event_of_what_is_signed() {
    let manifest = |verify: &str, more: &str| {
        format!(
            "ferry: 1
connector: acme
title: Acme
environments: {{ only: {{ api: \"https://a\" }} }}
connection:
  key: {{ secret: true, doc: What both sides know., example: a text }}
  name: {{ doc: A name., example: a text }}
actions: {{}}
webhooks:
  told:
    summary: It tells.
    source: this test
    verify: {verify}
    {more}
    output: {{ type: object, properties: {{ id: {{ type: string, description: Its name., example: a }} }} }}
    sample: none
"
        )
    };
    let id = "result: { id: $.id }";
    let by_header = "result: { id: { rhai: 'headers[\"webhook-id\"]' } }";
    let query = "encoding: query\n    result: { id: $.id }";
    for (verify, more, says) in [
        ("{ header: X-Sig, secret: key }", id, ""),
        ("{ scheme: standard_webhooks, secret: key }", by_header, ""),
        ("{ header: X-Sig, secret: key }", by_header, "`headers` is not known here"),
        ("{ scheme: shared_secret, header: X-Sig, secret: key }", query, ""),
        (
            "{ scheme: payoneer_hmacauth, secret: key }",
            query,
            "`payoneer_hmacauth` does not sign a query as it is read",
        ),
        ("{ header: X-Sig, secret: key }", query, "`hmac_sha256` does not sign a query as it is read"),
        ("{ header: X-Sig, secret: name }", id, "`name` is no secret, so it proves nothing"),
        ("{ header: X-Sig, secret: kye }", id, "`kye` is no field of `connection`"),
        ("{ secret: key }", id, "`verify` of a connector needs `header`"),
        ("{ header: X Sig, secret: key }", id, "`X Sig` is no name of a header"),
        ("{ header: X-Sig, secret: key, skew: 5m }", id, "this scheme signs no time"),
        ("{ scheme: standard_webhooks, header: X, secret: key }", id, "this scheme has headers of its own"),
        ("{ scheme: standard_webhooks, secret: key, skew: 2h }", id, "a request that is so old may have been kept"),
        ("{ scheme: hmac, header: X-Sig, secret: key }", id, "`hmac` is not a way to verify"),
    ] {
        let source = Source::new("acme/connector.yaml", manifest(verify, more));
        let (_, reports) = Library::load(&[source], Arc::new(NoWatch));
        let own = reports.iter().filter(|report| report.source.name == "acme/connector.yaml");
        let found: Vec<_> = own.flat_map(Report::findings).map(|finding| finding.message.clone()).collect();
        let is_said = found.iter().any(|message| message.contains(says));
        assert!(if says.is_empty() { found.is_empty() } else { is_said }, "{verify} {more}: {found:?}");
    }
}

/// A recording with another header in front or behind is not another event.
#[test]
fn an_event_has_the_header_that_was_verified() {
    let text = "ferry: 1
connector: acme
title: Acme
environments: { only: { api: \"https://a\" } }
connection: { key: { secret: true, doc: What both sides know., example: a text } }
actions: {}
webhooks:
  told:
    summary: It tells.
    source: this test
    verify: { scheme: standard_webhooks, secret: key }
    result: { id: { rhai: 'headers[\"webhook-id\"]' }, other: { rhai: 'headers[\"x-other\"]' } }
    output: { type: object, properties: { id: { type: string, description: Its name., example: a } }, additionalProperties: true }
    sample: none
";
    let (library, _) = Library::load(&[Source::new("acme/connector.yaml", text)], Arc::new(NoWatch));
    let manifest = &library.manifests["acme"];
    let (webhook, said) = (&manifest.webhooks["told"], &manifest.connector.webhooks["told"]);
    let sent = Delivery { method: "POST", url: URL, headers: &[], body: BODY };
    let secret = SecretString::from("s3cret");
    let mut headers = sign(&webhook.scheme, &secret, &sent, ("msg_1", now()));
    headers
        .extend([("webhook-id", "msg_2"), ("x-other", "x")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    let got = Delivery { headers: &headers, ..sent };
    assert_eq!(verify(&webhook.scheme, &secret, &got, now()), Ok(()));
    let made = event(webhook, said, &library.rules, &got);
    assert_eq!(made.value.to_string(), r#"{"id":"msg_1","other":null}"#);
}
