//! Profiles: the same actions, called in another way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};

use ferry_connectors::{
    connection::{Connection, Settings, World},
    library::Library,
};
use ferry_contract::{
    failure::Failure,
    port::{Boxed, Clock, FreePass, Http, HttpError, HttpRequest, HttpResponse},
    report::Source,
    script::NoWatch,
};
use jiff::Timestamp;
use serde_json::json;

/// A connector with these profiles.
fn manifest(profiles: &str) -> String {
    format!(
        "ferry: 1\nconnector: acme\ntitle: Acme\nenvironments: {{ only: {{ api: \"https://a\" }} }}\nerrors: [ {{ when: \
         \"status >= 400\", class: rejected }} ]\nprofiles: {profiles}\nactions:\n  get:\n{ACTIONS}"
    )
}

const ACTIONS: &str = "    summary: Gets.
    source: this test
    effect: read
    request: { host: api, method: GET, path: /v2/things, query: { page: $.page } }
    success: \"status == 200\"
    result: { name: $.name }
    input: { type: object, properties: { page: { type: integer, description: The page., example: 1 } } }
    output: { type: object, properties: { name: { type: string, description: The name., example: a } } }
    sample: none
  count:
    summary: Counts.
    source: this test
    effect: read
    request: { host: api, method: GET, path: /v2/count }
    success: \"status == 200\"
    result: {}
    input: { type: object, properties: {} }
    output: { type: object, properties: {} }
    sample: none
";

const PROFILES: &str = "{ v2: {}, v1: { title: The old one., actions: { get: { request: { path: /v1/thing, query: ~ }, result: { name: \
                        $.old_name } } }, without: [count] } }";

#[derive(Default)]
struct Net(Mutex<Vec<String>>);

impl Http for Net {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        self.0.lock().unwrap().push(format!("{} {}", request.method, request.url));
        let body = json!({ "name": "new", "old_name": "old" }).to_string().into_bytes();
        Box::pin(std::future::ready(Ok(HttpResponse { status: 200, headers: Vec::new(), body })))
    }
}

impl Clock for Net {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn sleep(&self, _: std::time::Duration) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn open(net: &Arc<Net>, profile: Option<&str>) -> Result<Connection, Failure> {
    let (library, _) = Library::load(&[Source::new("acme.yaml", manifest(PROFILES))], Arc::new(NoWatch));
    let settings = Settings {
        name: "acme".to_owned(),
        connector: "acme".to_owned(),
        environment: "only".to_owned(),
        profile: profile.map(str::to_owned),
        sandbox: None,
        fields: std::collections::BTreeMap::new(),
    };
    let world = World { http: Arc::clone(net) as Arc<dyn Http>, clock: Arc::clone(net) as Arc<dyn Clock> };
    Connection::open(settings, &library, world)
}

async fn got(profile: Option<&str>) -> (String, String) {
    let net = Arc::new(Net::default());
    let connection = open(&net, profile).unwrap();
    let call = connection.prepare("get", &json!({ "page": 2 })).unwrap();
    let output = connection.send(&FreePass, "get", &[&call]).await.pop().unwrap().unwrap();
    (net.0.lock().unwrap().concat(), output["name"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_connection_calls_as_its_profile_says() {
    let expected = ("GET https://a/v2/things?page=2".to_owned(), "new".to_owned());
    assert_eq!(got(None).await, expected);
    assert_eq!(got(Some("v2")).await, expected);
    assert_eq!(got(Some("v1")).await, ("GET https://a/v1/thing".to_owned(), "old".to_owned()));
    let net = Arc::new(Net::default());
    assert_eq!(open(&net, Some("v3")).unwrap_err().message, "connection `acme`: there is no profile `v3`");
    assert!(open(&net, Some("v1")).unwrap().prepare("count", &json!({})).is_err());
    // Another profile leads elsewhere; the first one does not.
    let identity = |profile| open(&net, profile).unwrap().identity().clone();
    assert_ne!(identity(None), identity(Some("v1")));
}

#[test]
fn what_is_wrong_with_a_profile_is_said_once() {
    for (profiles, says) in [
        ("{ v2: { without: [cuont] } }", "`cuont` is not an action of this connector; did you mean `count`?"),
        ("{ v2: { actions: { gte: { timeout: 1m } } } }", "`gte` is not an action of this connector"),
        (
            "{ v2: { actions: { get: { effect: read } } } }",
            "`effect` is not a key of an action of a profile, but is one elsewhere; move it to the action itself",
        ),
        ("{ v2: { actions: { get: { success: \"statsu == 200\" } } } }", "`statsu` is not known here"),
        ("{ v2: { paths: {} } }", "`paths` is not a key of a profile"),
    ] {
        let (_, reports) = Library::load(&[Source::new("acme.yaml", manifest(profiles))], Arc::new(NoWatch));
        let own = reports.iter().filter(|report| report.source.name == "acme.yaml");
        let findings = own.flat_map(|report| report.findings());
        let said: Vec<String> = findings.map(|finding| format!("{}; {}", finding.message, finding.help)).collect();
        assert_eq!(said.iter().filter(|said| said.contains(says)).count(), 1, "{profiles}: {said:?}");
        assert_eq!(said.len(), 1, "{profiles}: {said:?}");
    }
}
