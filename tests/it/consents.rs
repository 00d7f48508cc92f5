//! What a person allows in a browser: asked for by `ferry connect`, over loopback, for each system that asks one.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use ferry::{
    clock::SystemClock,
    consents::StoreConsents,
    http::HttpClient,
    load,
    sandbox::{SandboxInfo, post},
    store::{Store, sqlite::SqliteStore},
};
use ferry_connectors::connection::World;
use ferry_contract::{failure::ErrorClass, port::Http as _};
use serde_json::{Value, json};

use crate::{
    program::{ferry, outcome, sandbox},
    shipped::{self, Kept, allow, request},
};

/// `ferry connect`, and a browser whose person says yes; gives what it prints.
pub(crate) async fn connect(folder: &Path, (project, connection): (&Path, &str), sandbox: &str) -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let back = format!("http://127.0.0.1:{port}/callback");
    let mut command = ferry(folder);
    command.args(["connect", connection, "--sandbox", sandbox, "--store", "ferry.db", "--redirect-uri", &back]);
    let mut asking =
        command.arg("--project").arg(project).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut said, mut lines) =
        (String::new(), BufReader::new(asking.stderr.take().unwrap()).lines().map(Result::unwrap));
    let page = lines.find(|line| {
        said.push_str(line);
        line.trim().starts_with("http")
    });
    let page = page.unwrap_or_else(|| panic!("{said}")).trim().to_owned();
    let http = HttpClient::new().unwrap();
    let answer = http.send(request("GET", format!("{page}&consent=auto"))).await.unwrap();
    // Somebody else who comes first changes nothing.
    let other = http.send(request("GET", format!("{back}?code=x&state=y"))).await.unwrap();
    assert_eq!(other.status, 400);
    let home = http.send(request("GET", answer.header("location").unwrap().to_owned())).await.unwrap();
    assert_eq!(home.status, 200);
    let ended = asking.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{said}");
    said
}

/// A system that asks a person, with nothing else by which calls could say who they are.
struct Asks {
    connector: &'static str,
    /// The fields of its connection; those without a value are as the sandbox says.
    fields: &'static [(&'static str, Option<&'static str>)],
    read: (&'static str, Value),
    /// What is ordered where, so that the consent is withdrawn.
    withdraw: (&'static str, Value),
    /// How long a token of calls is good.
    life_ms: u64,
}

fn systems() -> [Asks; 2] {
    [
        Asks {
            connector: "quickbooks",
            fields: &[("client_id", None), ("client_secret", None), ("company", None), ("currency", None)],
            read: ("list_accounts", json!({})),
            withdraw: ("erp", json!({ "consent": "withdraw" })),
            life_ms: 3_600_000,
        },
        Asks {
            connector: "salesforce",
            fields: &[("my_domain", Some("acme")), ("client_id", None), ("client_secret", None), ("consent_of", None)],
            read: ("query", json!({ "object": "Organization", "fields": ["Id"] })),
            withdraw: ("salesforce", json!({ "sessions": "revoke" })),
            life_ms: 7_200_000,
        },
    ]
}

/// A project with one connection.
async fn project(folder: &Path, asks: &Asks, sandbox: &str, http: &HttpClient) -> PathBuf {
    let known = SandboxInfo::ask(sandbox, http).await.unwrap();
    let line = |(name, own): &(&str, Option<&str>)| {
        let value = own.map_or_else(|| known.field(asks.connector, name).unwrap(), str::to_owned);
        // A secret stands in no file.
        if *name == "client_secret" {
            format!("    {name}: ${{env:NOBODY:-{value}}}\n")
        } else {
            format!("    {name}: \"{value}\"\n")
        }
    };
    let (connector, fields) = (asks.connector, asks.fields.iter().map(line).collect::<String>());
    let connection = format!("  {connector}:\n    connector: {connector}\n    environment: sandbox\n{fields}");
    let project = folder.join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("ferry.yaml"), format!("ferry: 1\nproject: asks\nconnections:\n{connection}")).unwrap();
    project
}

#[tokio::test]
async fn calls_carry_what_a_person_allowed_until_he_takes_it_back_and_then_say_what_to_do() {
    for asks in systems() {
        let (folder, http) = (tempfile::tempdir().unwrap(), Arc::new(HttpClient::new().unwrap()));
        let folder = folder.path();
        let running = sandbox(folder, &["--requests", "1", "--speed", "1"]);
        let address = running.address.as_str();
        let control =
            async |what: &str, body: &Value| post(&*http, &format!("{address}/_sandbox/{what}"), body).await.unwrap();
        let project = project(folder, &asks, address, &http).await;
        let said = connect(folder, (&project, asks.connector), address).await;
        assert!(said.contains("may act"), "{said}");

        // Another process, such as a service, shares the store.
        let projects =
            load::projects(std::slice::from_ref(&project), &load::pipeline_rules(), &load::Wanted::default()).unwrap();
        let world = World { http: Arc::clone(&http) as _, clock: Arc::new(SystemClock::default()) };
        let known = SandboxInfo::ask(address, &*http).await.unwrap();
        let connection = load::open_one(&projects[0], asks.connector, &world, Some(&known)).unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open_existing(&folder.join("ferry.db")).unwrap());
        connection.keep_consents_in(StoreConsents::new(&store));
        let read = async || shipped::call(&connection, asks.read.0, asks.read.1.clone()).await;
        read().await.unwrap();
        // Twice: what renews may be another one each time, or the same for ever.
        for _ in 0..2 {
            control("clock", &json!({ "advance_ms": asks.life_ms + 60_000 })).await;
            read().await.unwrap();
        }

        // To try the connection, its store has to be known.
        let check = |more: &[&str]| {
            let mut check = ferry(folder);
            check.args(["connectors", "check", asks.connector, "--sandbox", address]).args(more);
            outcome(check.arg("--project").arg(&project))
        };
        let (code, tried, _) = check(&["--store", "ferry.db"]);
        assert!(code == Some(0) && tried.contains("ok"), "{tried}");
        let (code, tried, _) = check(&[]);
        assert!(code == Some(2) && tried.contains("name its store with `--store`"), "{tried}");

        control(asks.withdraw.0, &asks.withdraw.1).await;
        let waits = read().await.unwrap_err();
        let says = format!("run `ferry connect {}`", asks.connector);
        assert_eq!((waits.class, waits.is_untried), (ErrorClass::Unavailable, true), "{waits:?}");
        assert!(waits.message.contains("it was withdrawn") && waits.message.contains(&says), "{waits:?}");
        let mut show = ferry(folder);
        show.args(["connect", asks.connector, "--show", "--sandbox", address, "--store", "ferry.db", "--project"]);
        let (code, shown, stderr) = outcome(show.arg(&project));
        assert!(code == Some(1) && shown.contains("found withdrawn at"), "{shown}{stderr}");
        connect(folder, (&project, asks.connector), address).await;
        read().await.unwrap();
    }
}

/// An org may rotate what renews; then each is good once, and the next one is kept.
#[tokio::test]
async fn salesforce_may_rotate_what_renews_and_the_user_is_the_one_that_is_named() {
    let options = ferry_sandbox::Options { speed: 0, ..ferry_sandbox::Options::default() };
    let sandbox = ferry_sandbox::start(options).await.unwrap();
    let http = Arc::new(HttpClient::new().unwrap());
    let opened = async |user: Option<&str>| {
        let clock = Arc::new(SystemClock::default());
        // A key beside it is not used: who names a user to ask means him.
        let fields = [
            ("my_domain", Some("acme")),
            ("client_id", None),
            ("client_secret", None),
            ("username", None),
            ("private_key", None),
            ("consent_of", user),
        ];
        let connection = shipped::opened_by((&sandbox.url(), &http), clock, ("salesforce", None), &fields).await;
        connection.keep_consents_in(Arc::new(Kept::default()));
        connection
    };
    let order = async |what: &str, body: Value| {
        post(&*http, &format!("{}/_sandbox/{what}", sandbox.url()), &body).await.unwrap();
    };
    let connection = opened(None).await;
    let limits = async || shipped::call(&connection, "limits", json!({})).await;
    let waits = limits().await.unwrap_err();
    assert!(waits.message.contains("nobody has given it"), "{waits:?}");
    order("salesforce", json!({ "rotation": true })).await;
    assert!(allow(&connection, &http).await.is_empty());
    for _ in 0..2 {
        limits().await.unwrap();
        order("salesforce", json!({ "sessions": "end" })).await;
    }
    limits().await.unwrap();

    let page = opened(Some("a+b&x@acme.com")).await.consent_page(&[("redirect_uri", "http://127.0.0.1:1/")]).unwrap();
    let answer = http.send(request("GET", page)).await.unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    assert!(answer.status == 400 && text.contains("there is no account `a+b&amp;x@acme.com`"), "{text}");
    sandbox.stop().await;
}
