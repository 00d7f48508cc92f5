//! The sandbox over TLS: who trusts whom, and what URLs it answers with.

use ferry_sandbox::{Options, Sandbox, StartError};
use reqwest::{Certificate, Client, ClientBuilder, Identity};
use serde_json::{Value, json};

const TOKEN: &str = "grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret";

async fn started(client_certificates: bool) -> Sandbox {
    let tls_listen = Some(([127, 0, 0, 1], 0).into());
    let options = Options { tls_listen, client_certificates, speed: 0, ..Options::default() };
    ferry_sandbox::start(options).await.expect("a free port is there")
}

fn trusting(sandbox: &Sandbox) -> ClientBuilder {
    let ca = sandbox.ca_pem().expect("it has one");
    Client::builder().tls_certs_only([Certificate::from_pem(ca.as_bytes()).expect("it is a certificate")])
}

async fn page(sandbox: &Sandbox, client: ClientBuilder) -> Option<u16> {
    let url = format!("{}/_sandbox/clock", sandbox.tls_url().expect("it has one"));
    let answer = client.build().expect("a client can be made").get(url).send().await;
    answer.ok().map(|answer| answer.status().as_u16())
}

async fn plain(sandbox: &Sandbox, path: &str) -> String {
    let answer = reqwest::get(format!("{}{path}", sandbox.url())).await.expect("the sandbox answers");
    answer.text().await.expect("the body arrives")
}

async fn demand(sandbox: &Sandbox, is_demanded: bool) {
    let url = format!("{}/_sandbox/tls", sandbox.url());
    let body = json!({ "client_certificates": is_demanded }).to_string();
    let answer = Client::new().post(url).body(body).send().await.expect("the sandbox answers");
    assert_eq!(answer.status().as_u16(), 200);
}

#[tokio::test]
async fn who_trusts_the_authority_gets_an_answer_and_nobody_else() {
    let sandbox = started(false).await;
    assert_eq!(plain(&sandbox, "/_sandbox/ca.pem").await, sandbox.ca_pem().expect("it has one"));
    assert_eq!(page(&sandbox, trusting(&sandbox)).await, Some(200));
    assert_eq!(page(&sandbox, Client::builder()).await, None, "nobody knows the authority");
    let other = started(false).await;
    assert_eq!(page(&sandbox, trusting(&other)).await, None, "each sandbox has another");
}

#[tokio::test]
async fn a_client_shows_a_certificate_where_one_is_demanded() {
    let sandbox = started(true).await;
    let pem = plain(&sandbox, "/_sandbox/client.pem").await;
    let shown = |sandbox| trusting(sandbox).identity(Identity::from_pem(pem.as_bytes()).expect("it is a certificate"));
    assert_eq!(page(&sandbox, trusting(&sandbox)).await, None);
    assert_eq!(page(&sandbox, shown(&sandbox)).await, Some(200));
    let other = plain(&started(true).await, "/_sandbox/client.pem").await;
    let foreign = trusting(&sandbox).identity(Identity::from_pem(other.as_bytes()).expect("it is a certificate"));
    assert_eq!(page(&sandbox, foreign).await, None, "that of another sandbox is no good");
    demand(&sandbox, false).await;
    assert_eq!(page(&sandbox, trusting(&sandbox)).await, Some(200));
    demand(&sandbox, true).await;
    assert_eq!(page(&sandbox, trusting(&sandbox)).await, None);
}

#[tokio::test]
async fn urls_are_those_of_the_door_through_which_was_asked() {
    let sandbox = started(false).await;
    let client = trusting(&sandbox).build().expect("a client can be made");
    for base in [sandbox.url(), sandbox.tls_url().expect("it has one")] {
        let form = client.post(format!("{base}/salesforce/services/oauth2/token")).body(TOKEN);
        let text = form.send().await.expect("the sandbox answers").text().await.expect("the body arrives");
        let body: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(body["instance_url"], format!("{base}/salesforce"));
        let seed = client.get(format!("{base}/_sandbox/seed")).send().await.expect("the sandbox answers");
        let seed: Value = serde_json::from_str(&seed.text().await.expect("the body arrives")).expect("it is JSON");
        assert_eq!(seed["payoneer"]["url"], format!("{base}/payoneer"));
    }
}

#[tokio::test]
async fn only_a_sandbox_with_tls_speaks_of_it() {
    let sandbox = ferry_sandbox::start(Options::default()).await.expect("a free port is there");
    assert_eq!((sandbox.tls_url(), sandbox.ca_pem()), (None, None));
    for path in ["ca.pem", "client.pem", "tls"] {
        assert!(plain(&sandbox, &format!("/_sandbox/{path}")).await.contains("--tls-listen"), "{path}");
    }
    let options = Options { client_certificates: true, ..Options::default() };
    assert!(matches!(ferry_sandbox::start(options).await, Err(StartError::Option { .. })));
    let options = Options { tls_listen: Some(([0, 0, 0, 0], 0).into()), ..Options::default() };
    assert!(matches!(ferry_sandbox::start(options).await, Err(StartError::NotLoopback { .. })));
}
