//! What a person allowed: taken once, kept sealed, renewed by one process for all, noticed when it is withdrawn.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ferry_connectors::{
    auth::{Code, Consents},
    connection::Connection,
};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::{Boxed, FreePass, Http, HttpError, HttpRequest, HttpResponse},
};
use secrecy::SecretString;
use serde_json::{Value, json};

const MANIFEST: &str = "ferry: 1
connector: acme
title: Acme
environments: { only: { api: \"https://a\", login: \"https://l\" } }
connection:
  client_id: { example: a, doc: A. }
  client_secret: { secret: true, example: b, doc: B. }
auth:
  - name: person
    oauth2: { grant: authorization_code, authorize_url: \"{login}/allow\", token_url: \"{login}/token\", scope: read openid, client: basic, claims: { account: $.account_id } }
  - oauth2: { grant: client_credentials, token_url: \"{login}/token\", client: basic }
errors: [ { when: \"status == 401\", class: auth, then: refresh_token } ]
actions:
  get:
    summary: Gets.
    source: this test
    effect: read
    auth: person
    request: { host: api, method: GET, path: \"/accounts/{account}/things/{$.id}\" }
    success: \"status == 200\"
    result: {}
    input: { type: object, required: [id], properties: { id: { type: string, description: The id., example: a } } }
    output: { type: object, properties: {} }
    sample: none
  own:
    summary: Gets.
    source: this test
    effect: read
    request: { host: api, method: GET, path: /own }
    success: \"status == 200\"
    result: {}
    input: { type: object, properties: {} }
    output: { type: object, properties: {} }
    sample: none
";

/// A provider whose tokens renew once each; a row by name.
#[derive(Default)]
struct World {
    asked: Mutex<Vec<String>>,
    /// The token that renews now, and the one that calls may carry.
    renews: Mutex<u64>,
    is_withdrawn: Mutex<bool>,
    /// Whether the access tokens of before are refused.
    has_forgotten: Mutex<bool>,
    rows: Mutex<BTreeMap<String, (u64, Value)>>,
    audience: Mutex<String>,
    /// Whether tokens take their time.
    is_slow: Arc<AtomicBool>,
    /// How long its access tokens can be used.
    life_s: Mutex<u64>,
}

impl World {
    fn token(&self, form: &str) -> (u16, Value) {
        let mut renews = self.renews.lock().unwrap();
        let is_renewal = form.contains("grant_type=refresh_token");
        if is_renewal && (*self.is_withdrawn.lock().unwrap() || !form.contains(&format!("refresh_token=r{renews}"))) {
            return (400, json!({ "error": "invalid_grant", "error_description": "used or withdrawn" }));
        }
        if form.contains("client_credentials") {
            return (200, json!({ "access_token": "app", "expires_in": 3600 }));
        }
        *renews += 1;
        *self.has_forgotten.lock().unwrap() = false;
        let audience = self.audience.lock().unwrap().clone();
        let claims = json!({ "aud": audience, "exp": 3600, "nonce": "n", "account_id": "4366 1" });
        let id_token = format!("e30.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut body = json!({ "access_token": format!("a{renews}"), "refresh_token": format!("r{renews}"), "expires_in": *self.life_s.lock().unwrap() });
        if !is_renewal {
            body["id_token"] = id_token.into();
        }
        (200, body)
    }
}

impl Http for World {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        let form = String::from_utf8(request.bytes().to_vec()).unwrap();
        let carried = request.headers.iter().find(|(name, _)| name == "authorization");
        let carried = carried.map_or("", |(_, value)| value.as_str()).to_owned();
        let is_login = request.url.starts_with("https://l");
        let said = if is_login { &form } else { &carried };
        self.asked.lock().unwrap().push(format!("{} {said}", request.url));
        let (status, body) = if is_login {
            self.token(&form)
        } else if carried.starts_with("Bearer a") && *self.has_forgotten.lock().unwrap() {
            (401, json!({}))
        } else {
            (200, json!({}))
        };
        let body = body.to_string().into_bytes();
        let is_slow = Arc::clone(&self.is_slow);
        Box::pin(async move {
            while is_login && is_slow.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
            Ok(HttpResponse { status, headers: Vec::new(), body })
        })
    }
}

impl Consents for World {
    fn read<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<(u64, Value)>, String>> {
        Box::pin(std::future::ready(Ok(self.rows.lock().unwrap().get(name).cloned())))
    }

    fn write<'a>(&'a self, name: &'a str, expected: u64, value: Value) -> Boxed<'a, Result<bool, String>> {
        let mut rows = self.rows.lock().unwrap();
        let row = rows.entry(name.to_owned()).or_insert((0, Value::Null));
        let is_expected = row.0 == expected;
        if is_expected {
            *row = (expected + 1, value);
        }
        Box::pin(std::future::ready(Ok(is_expected)))
    }
}

fn world() -> Arc<World> {
    let world = World::default();
    "us".clone_into(&mut world.audience.lock().unwrap());
    *world.life_s.lock().unwrap() = 3_600;
    Arc::new(world)
}

fn open(world: &Arc<World>, secret: &str) -> Connection {
    let fields = [("client_id", "us"), ("client_secret", secret)];
    let connection = common::open(MANIFEST.to_owned(), &fields, Arc::clone(world) as Arc<dyn Http>).unwrap();
    connection.keep_consents_in(Arc::clone(world) as Arc<dyn Consents>);
    connection
}

async fn take(connection: &Connection, nonce: &str) -> Result<BTreeMap<String, String>, Failure> {
    let verifier = SecretString::from("proof");
    let code = Code { code: "c", redirect_uri: "http://127.0.0.1:1/back", verifier: &verifier, nonce };
    connection.take_code(&FreePass, code).await
}

async fn get(connection: &Connection) -> Result<Value, Failure> {
    let call = connection.prepare("get", &json!({ "id": "x/y" }))?;
    connection.send(&FreePass, "get", &[&call]).await.pop().unwrap()
}

#[tokio::test]
async fn a_consent_is_taken_once_and_used_by_the_calls_that_ask_for_it() {
    let world = world();
    let connection = open(&world, "hush");
    let page = connection.consent_page(&[("state", "s t")]).unwrap();
    assert_eq!(page, "https://l/allow?response_type=code&client_id=us&scope=read%20openid&state=s%20t");
    assert_eq!(take(&connection, "n").await.unwrap(), BTreeMap::from([("account".to_owned(), "4366 1".to_owned())]));
    get(&connection).await.unwrap();
    let own = connection.prepare("own", &json!({})).unwrap();
    connection.send(&FreePass, "own", &[&own]).await.pop().unwrap().unwrap();
    let asked = world.asked.lock().unwrap().clone();
    let code = "https://l/token grant_type=authorization_code&code=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fback&code_verifier=proof";
    let expected = [
        code,
        "https://a/accounts/4366%201/things/x%2Fy Bearer a1",
        "https://l/token grant_type=client_credentials",
        "https://a/own Bearer app",
    ];
    assert_eq!(asked, expected);
    // Nothing of it can be read where it is kept.
    let kept = format!("{:?}", world.rows.lock().unwrap());
    assert!(["a1", "r1", "4366"].iter().all(|secret| !kept.contains(&format!("\"{secret}"))), "{kept}");
}

#[tokio::test]
async fn one_process_renews_for_all() {
    let world = world();
    let (one, other) = (open(&world, "hush"), open(&world, "hush"));
    take(&one, "n").await.unwrap();
    get(&one).await.unwrap();
    get(&other).await.unwrap();
    // Both are refused what they carry, and one token renews: the second renewal would be refused.
    *world.has_forgotten.lock().unwrap() = true;
    let (first, second) = tokio::join!(get(&one), get(&other));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(*world.renews.lock().unwrap(), 2);
    // Who starts later finds what is there.
    get(&open(&world, "hush")).await.unwrap();
    assert_eq!(*world.renews.lock().unwrap(), 2);
}

/// The engine stops, or a lease ends: whoever asked is gone, and the token that renews is used up all the same.
#[tokio::test]
async fn what_comes_of_a_renewal_is_kept_although_nobody_waits_for_it() {
    let world = world();
    let connection = open(&world, "hush");
    take(&connection, "n").await.unwrap();
    get(&connection).await.unwrap();
    *world.has_forgotten.lock().unwrap() = true;
    world.is_slow.store(true, Ordering::Relaxed);
    let (name, version) = world.rows.lock().unwrap().iter().map(|(name, row)| (name.clone(), row.0)).next().unwrap();
    let a_while = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        got = get(&connection) => panic!("it is slow, and gave {got:?}"),
        () = a_while => {}
    }
    // Nobody waits any more.
    world.is_slow.store(false, Ordering::Relaxed);
    let kept = async {
        while world.rows.lock().unwrap()[&name].0 < version + 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), kept).await.expect("what came of it is kept");
    get(&connection).await.unwrap();
    assert_eq!(*world.renews.lock().unwrap(), 2, "the consent is not lost, and nothing is renewed again");
}

#[tokio::test]
async fn a_token_that_ends_while_it_travels_is_not_carried() {
    let world = world();
    let connection = open(&world, "hush");
    *world.life_s.lock().unwrap() = 20;
    take(&connection, "n").await.unwrap();
    *world.life_s.lock().unwrap() = 3_600;
    get(&connection).await.unwrap();
    get(&connection).await.unwrap();
    let asked = world.asked.lock().unwrap().clone();
    assert!(asked[1].contains("grant_type=refresh_token") && asked.len() == 4, "{asked:?}");
    assert!(asked[2..].iter().all(|call| call.ends_with("Bearer a2")), "{asked:?}");
}

#[tokio::test]
async fn a_consent_that_is_withdrawn_is_waited_for() {
    let world = world();
    let connection = open(&world, "hush");
    let check = |result: Result<Value, Failure>, says: &str| {
        let failure = result.unwrap_err();
        assert_eq!((failure.class, failure.is_untried), (ErrorClass::Unavailable, true), "{failure:?}");
        assert!(failure.wait_ms.is_some() && failure.message.contains(says), "{failure:?}");
        assert!(failure.message.contains("ferry connect acme"), "{failure:?}");
    };
    check(get(&connection).await, "nobody has given it");
    take(&connection, "n").await.unwrap();
    get(&connection).await.unwrap();
    (*world.has_forgotten.lock().unwrap(), *world.is_withdrawn.lock().unwrap()) = (true, true);
    check(get(&connection).await, "it was withdrawn");
    let asked = world.asked.lock().unwrap().len();
    check(get(&connection).await, "it was withdrawn");
    assert_eq!(world.asked.lock().unwrap().len(), asked, "nobody is asked again");
    assert!(connection.consent().await.unwrap().unwrap().withdrawn_at.is_some());
    // Given again, it goes on.
    *world.is_withdrawn.lock().unwrap() = false;
    take(&connection, "n").await.unwrap();
    get(&connection).await.unwrap();
    // Who has another secret of the client cannot use what was given to this one.
    check(get(&open(&world, "other")).await, "the client's secret is another one");
}

/// Who carries a token that another process has renewed since gets that one, and it is refused as well: a call that needs a
/// consent waits for it, and does not fail.
#[tokio::test]
async fn a_withdrawal_is_noticed_by_who_carries_an_older_token() {
    let world = world();
    let (one, other) = (open(&world, "hush"), open(&world, "hush"));
    take(&one, "n").await.unwrap();
    get(&other).await.unwrap();
    *world.has_forgotten.lock().unwrap() = true;
    get(&one).await.unwrap();
    (*world.has_forgotten.lock().unwrap(), *world.is_withdrawn.lock().unwrap()) = (true, true);
    let waits = get(&other).await.unwrap_err();
    assert_eq!((waits.class, waits.is_untried), (ErrorClass::Unavailable, true), "{waits:?}");
    assert!(waits.message.contains("it was withdrawn"), "{waits:?}");
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    let world = world();
    let refused = |result: Result<_, Failure>, says: &str| {
        let failure: Failure = result.map(|_: BTreeMap<String, String>| ()).unwrap_err();
        assert_eq!(failure.class, ErrorClass::Auth);
        assert!(failure.message.contains(says), "{failure:?}");
    };
    refused(take(&open(&world, "hush"), "other").await, "the answer to another request");
    "them".clone_into(&mut world.audience.lock().unwrap());
    refused(take(&open(&world, "hush"), "n").await, "for another client");
    assert!(world.rows.lock().unwrap().is_empty());
}
