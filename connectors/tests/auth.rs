//! What a request carries to say who we are, for each way that a manifest can name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::sync::{Arc, Mutex};

use expect_test::{Expect, expect};
use ferry_connectors::connection::Connection;
use ferry_contract::{
    failure::Failure,
    port::{Boxed, FreePass, Http, HttpError, HttpRequest, HttpResponse},
};
use serde_json::{Value, json};

/// A connector with these ways; `refuses` is the status with which it answers each call.
fn manifest(auth: &str) -> String {
    format!(
        "ferry: 1\nconnector: acme\ntitle: Acme\nenvironments: {{ only: {{ api: \"https://a\", login: \"https://l\" }} }}\nconnection:\n  \
         client_id: {{ optional: true, example: a, doc: A. }}\n  client_secret: {{ secret: true, optional: true, example: b, doc: B. \
         }}\n  username: {{ optional: true, example: c, doc: C. }}\n  password: {{ secret: true, optional: true, example: d, doc: D. \
         }}\n  api_key: {{ secret: true, optional: true, example: e, doc: E. }}\nauth: {auth}\nerrors: [ {{ when: \"status == 401\", class: \
         auth, then: refresh_token }} ]\nactions:\n  get:\n    summary: Gets.\n    source: this test\n    effect: read\n    request: {{ \
         host: api, method: GET, path: /things }}\n    success: \"status == 200\"\n    result: {{}}\n    input: {{ type: object, \
         properties: {{}} }}\n    output: {{ type: object, properties: {{}} }}\n    sample: none\n"
    )
}

/// Writes down what is asked, gives tokens that can be used for so long, and refuses every call of `/things`.
struct Net(Mutex<Vec<String>>, Value);

impl Http for Net {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        let is_login = request.url.starts_with("https://l");
        let own = |(name, value): &(String, String)| {
            let is_ours = !["accept", "content-type"].contains(&name.as_str());
            is_ours.then(|| format!(" | {name}: {value}"))
        };
        let headers: String = request.headers.iter().filter_map(own).collect();
        let body = String::from_utf8(request.bytes().to_vec()).unwrap();
        let body = if body.is_empty() { body } else { format!(" | {body}") };
        let mut asked = self.0.lock().unwrap();
        asked.push(format!("{} {}{headers}{body}\n", request.method, request.url));
        let body = json!({ "access_token": format!("t{}", asked.len()), "expires_in": self.1 }).to_string().into();
        let status = if is_login { 200 } else { 401 };
        Box::pin(std::future::ready(Ok(HttpResponse { status, headers: Vec::new(), body })))
    }
}

fn open(auth: &str, fields: &[(&str, &str)]) -> (Arc<Net>, Result<Connection, Failure>) {
    let net = Arc::new(Net(Mutex::default(), json!(3_600)));
    let opened = common::open(manifest(auth), fields, Arc::clone(&net) as Arc<dyn Http>);
    (net, opened)
}

/// What one call asks, which the target refuses.
async fn check(auth: &str, fields: &[(&str, &str)], expected: Expect) {
    let (net, connection) = open(auth, fields);
    let connection = connection.unwrap();
    let call = connection.prepare("get", &json!({})).unwrap();
    assert!(connection.send(&FreePass, "get", &[&call]).await[0].is_err());
    expected.assert_eq(&net.0.lock().unwrap().concat());
    // What it carries is shown to nobody.
    let shown = connection.rendered(&FreePass, "get", &call).await.unwrap().headers.to_string();
    assert!(fields.iter().all(|(_, value)| !shown.contains(value)) && shown.contains("***"), "{shown}");
}

const KEY: &str = "{ api_key: { header: X-API-Key, value: \"key {api_key}\" } }";
const BASIC: &str = "{ basic: { username: \"{username}\", password: \"{password}\" } }";
const PASSWORD: &str = "{ oauth2: { grant: password, username: \"{username}\", password: \"{password}\", token_url: \"{login}/token\", client: none } }";
const CLIENT: &str =
    "{ oauth2: { grant: client_credentials, token_url: \"{login}/token\", client: form, scope: read } }";

#[tokio::test]
async fn a_request_carries_what_its_connection_has() {
    // What never changes is sent once, and a token is asked for anew where it is refused.
    check(
        KEY,
        &[("api_key", "k-1")],
        expect![[r#"
        GET https://a/things | x-api-key: key k-1
    "#]],
    )
    .await;
    check(
        BASIC,
        &[("username", "ana"), ("password", "p:w")],
        expect![[r#"
        GET https://a/things | authorization: Basic YW5hOnA6dw==
    "#]],
    )
    .await;
    check(
        PASSWORD,
        &[("username", "ana"), ("password", "p&w")],
        expect![[r#"
        POST https://l/token | grant_type=password&username=ana&password=p%26w
        GET https://a/things | authorization: Bearer t1
        POST https://l/token | grant_type=password&username=ana&password=p%26w
        GET https://a/things | authorization: Bearer t3
    "#]],
    )
    .await;
    check(
        CLIENT,
        &[("client_id", "app-7"), ("client_secret", "s=1")],
        expect![[r#"
        POST https://l/token | grant_type=client_credentials&scope=read&client_id=app-7&client_secret=s%3D1
        GET https://a/things | authorization: Bearer t1
        POST https://l/token | grant_type=client_credentials&scope=read&client_id=app-7&client_secret=s%3D1
        GET https://a/things | authorization: Bearer t3
    "#]],
    )
    .await;
}

#[tokio::test]
async fn the_first_way_whose_fields_are_there_is_taken() {
    let ways = format!("[ {CLIENT}, {BASIC}, {KEY} ]");
    let (user, key) = ([("username", "ana"), ("password", "pw")], ("api_key", "k-1"));
    check(
        &ways,
        &[key],
        expect![[r#"
        GET https://a/things | x-api-key: key k-1
    "#]],
    )
    .await;
    check(
        &ways,
        &[user[0], user[1], key],
        expect![[r#"
        GET https://a/things | authorization: Basic YW5hOnB3
    "#]],
    )
    .await;
    let said = open(&ways, &[user[0], ("client_id", "c")]).1.unwrap_err().message;
    expect!["connection `acme`: it says who it is with `client_id` and `client_secret`, or `username` and `password`, or `api_key`"].assert_eq(&said);
}

/// Some write the number of seconds as a text: a token is used as long as it says, and no longer.
#[tokio::test]
async fn a_life_that_is_written_as_a_text_is_read() {
    for (life, asked) in [(json!("3600"), 1), (json!("20"), 2), (json!(20), 2), (json!("soon"), 1)] {
        let net = Arc::new(Net(Mutex::default(), life.clone()));
        let fields = [("client_id", "a"), ("client_secret", "b")];
        let opened = common::open(manifest(CLIENT), &fields, Arc::clone(&net) as Arc<dyn Http>).unwrap();
        assert!(opened.log_in(&FreePass).await.unwrap() && opened.log_in(&FreePass).await.unwrap());
        assert_eq!(net.0.lock().unwrap().len(), asked, "{life}");
    }
}
