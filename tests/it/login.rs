//! A client that signs in the place of a secret, against the sandbox, which knows its key.

use std::{sync::Arc, time::Duration};

use ferry::{http::HttpClient, sandbox::SandboxInfo};
use ferry_connectors::{
    connection::{Connection, Settings, World},
    library::Library,
};
use ferry_contract::{
    failure::ErrorClass,
    port::{Boxed, Clock, FreePass},
    script::NoWatch,
};
use ferry_sandbox::Sandbox;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::shipped;

/// A clock beside that of the sandbox.
struct Beside(Timestamp, i64);

impl Clock for Beside {
    fn now(&self) -> Timestamp {
        self.0 + SignedDuration::from_secs(self.1)
    }

    fn sleep(&self, _: Duration) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A sandbox, the connectors, and the time in it.
async fn desk() -> (Sandbox, Arc<HttpClient>, SandboxInfo, Timestamp) {
    let options = ferry_sandbox::Options { speed: 0, ..ferry_sandbox::Options::default() };
    let sandbox = ferry_sandbox::start(options).await.unwrap();
    let http = Arc::new(HttpClient::new().unwrap());
    let known = SandboxInfo::ask(&sandbox.url(), &*http).await.unwrap();
    let (now, _) = known.clock(&*http).await.unwrap();
    (sandbox, http, known, now)
}

/// NetSuite takes it as the client's own, with the name of the certificate, and gives an hour.
#[tokio::test]
async fn a_client_is_known_by_what_it_has_signed_in_the_place_of_a_secret() {
    let (sandbox, http, known, now) = desk().await;
    for (certificate, late_s, is_believed) in
        [(None, 0, true), (None, -179, true), (None, -181, false), (Some("other"), 0, false)]
    {
        let fields = [
            ("account", None),
            ("client_id", None),
            ("certificate_id", certificate),
            ("private_key", None),
            ("subsidiary", None),
            ("currency", None),
        ];
        let clock = Arc::new(Beside(now, late_s));
        let books = shipped::opened_by((&sandbox.url(), &http), clock, ("netsuite", None), &fields).await;
        let got = shipped::call(&books, "list_accounts", json!({})).await;
        assert_eq!(got.is_ok(), is_believed, "{certificate:?} {late_s}: {got:?}");
        let Err(failure) = got else { continue };
        assert!(failure.class == ErrorClass::Auth && failure.message.contains("invalid_client"), "{failure:?}");
        assert!(!format!("{failure:?}").contains("PRIVATE KEY"), "{failure:?}");
    }
    // A token that something else renews does in its place, and is not asked for anew.
    let token = known.field("netsuite", "access_token").unwrap();
    for (token, is_believed) in [(token.as_str(), true), ("none", false)] {
        let fields = [("account", None), ("access_token", Some(token)), ("subsidiary", None), ("currency", None)];
        let clock = Arc::new(Beside(now, 0));
        let books = shipped::opened_by((&sandbox.url(), &http), clock, ("netsuite", None), &fields).await;
        let got = shipped::call(&books, "list_accounts", json!({})).await;
        assert_eq!(got.is_ok(), is_believed, "{got:?}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn a_client_that_signs_is_believed_for_three_minutes() {
    let (sandbox, http, known, now) = desk().await;
    let (library, _) = Library::load(&[], Arc::new(NoWatch));
    let own = |name: &str| known.field("salesforce", name).unwrap();
    let (key, other) = (own("private_key"), own("private_key").replace('A', "B"));
    for (username, key, late_s, says) in [
        (own("username"), &key, 0, None),
        (own("username"), &key, -179, None),
        (own("username"), &key, -181, Some("has expired, or lives too long")),
        (own("username"), &key, 60, Some("has expired, or lives too long")),
        ("eve@sandbox.example".to_owned(), &key, 0, Some("hasn't approved this consumer")),
        (own("username"), &other, 0, Some("the private key is no RSA key in PEM form")),
        (own("username"), &"secret".to_owned(), 0, Some("the private key is no RSA key in PEM form")),
    ] {
        let fields =
            [("my_domain", "acme"), ("client_id", &own("client_id")), ("username", &username), ("private_key", key)];
        let settings = Settings {
            name: "crm".to_owned(),
            connector: "salesforce".to_owned(),
            environment: "sandbox".to_owned(),
            profile: None,
            sandbox: Some(sandbox.url()),
            fields: fields.map(|(name, value)| (name.to_owned(), value.into())).into(),
        };
        let world = World { http: Arc::clone(&http) as _, clock: Arc::new(Beside(now, late_s)) };
        let connection = Connection::open(settings, &library, world).unwrap();
        let call = connection.prepare("query", &json!({ "object": "Contact", "fields": ["Id"] })).unwrap();
        let got = connection.send(&FreePass, "query", &[&call]).await.pop().unwrap();
        let Some(says) = says else {
            assert!(got.is_ok(), "{username} {late_s}: {got:?}");
            continue;
        };
        let failure = got.unwrap_err();
        assert!(failure.message.contains(says), "{}", failure.message);
        assert!(matches!(failure.class, ErrorClass::Auth | ErrorClass::Config), "{failure:?}");
        assert!(!format!("{failure:?}").contains(key.as_str()), "{failure:?}");
    }
    sandbox.stop().await;
}
