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
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

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

#[tokio::test]
async fn a_client_that_signs_is_believed_for_three_minutes() {
    let options = ferry_sandbox::Options { speed: 0, ..ferry_sandbox::Options::default() };
    let sandbox = ferry_sandbox::start(options).await.unwrap();
    let http = Arc::new(HttpClient::new().unwrap());
    let known = SandboxInfo::ask(&sandbox.url(), &*http).await.unwrap();
    let (now, _) = known.clock(&*http).await.unwrap();
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
