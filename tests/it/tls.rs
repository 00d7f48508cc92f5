//! Certificates of a connection, against a real server with an authority of its own.

use std::path::Path;

use ferry::{http::HttpClient, sandbox::post};
use ferry_contract::port::{Http as _, HttpRequest};
use serde_json::json;

use crate::program::{ferry, outcome};

const HOSTS: [&str; 2] = ["https://api.sandbox.payoneer.com", "https://login.sandbox.payoneer.com"];

/// A project whose own connector leads to the sandbox over TLS; `tls` is what its connection says of certificates.
fn project(folder: &Path, address: &str, tls: &str) {
    let shipped = ferry_connectors::library::shipped_file("payoneer/connector.yaml").unwrap();
    let own = HOSTS.iter().fold(shipped, |text, host| text.replace(host, &format!("{address}/payoneer")));
    std::fs::create_dir_all(folder.join("connectors/payoneer")).unwrap();
    std::fs::write(folder.join("connectors/payoneer/connector.yaml"), own).unwrap();
    let connection = "connector: payoneer, environment: sandbox, program_id: \"100086190\", client_id: sandbox-client, \
                      client_secret: \"${env:ACME_SECRET}\"";
    let text = format!("ferry: 1\nproject: bank\nconnections:\n  payoneer: {{ {connection}{tls} }}\n");
    std::fs::write(folder.join("ferry.yaml"), text).unwrap();
}

/// What `ferry connectors check` says of it.
fn tried(folder: &Path, key: &str) -> (Option<i32>, String) {
    let mut command = ferry(folder);
    command.args(["connectors", "check", "payoneer"]).env("ACME_SECRET", "sandbox-secret").env("ACME_KEY", key);
    let (code, stdout, stderr) = outcome(&mut command);
    (code, format!("{stdout}{stderr}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_know_each_other_by_their_certificates() {
    let tls_listen = Some(([127, 0, 0, 1], 0).into());
    let sandbox = ferry_sandbox::start(ferry_sandbox::Options { tls_listen, ..Default::default() }).await.unwrap();
    let (address, http) = (sandbox.tls_url().unwrap(), HttpClient::new().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("authority.pem"), sandbox.ca_pem().unwrap()).unwrap();
    let pem = page(&format!("{}/_sandbox/client.pem", sandbox.url())).await;
    let (certificate, key) = pem.split_at(pem.find("-----BEGIN PRIVATE KEY-----").unwrap());
    std::fs::write(folder.join("bank.pem"), certificate).unwrap();
    std::fs::write(folder.join("key.pem"), key).unwrap();
    let check = |tls: &str, code: i32, says: &str| {
        project(folder, &address, tls);
        for given in [key, "key.pem"] {
            let (ended, said) = tried(folder, given);
            assert_eq!(ended, Some(code), "{tls}: {said}");
            assert!(said.contains(says) && !said.contains("PRIVATE"), "{tls}: {said}");
        }
    };
    let (ca, both) = (
        ", tls: { ca: authority.pem }",
        ", tls: { ca: authority.pem, certificate: bank.pem, key: \"${env:ACME_KEY}\" }",
    );
    check("", 69, "`tls: { ca: … }` at the connection names the authority");
    check(ca, 0, "payoneer  ok");
    check(both, 0, "payoneer  ok");
    post(&http, &format!("{}/_sandbox/tls", sandbox.url()), &json!({ "client_certificates": true })).await.unwrap();
    check(ca, 69, "`tls: { certificate: …, key: … }` at the connection names it");
    check(both, 0, "payoneer  ok");
    check(", tls: { ca: ferry.yaml }", 2, "`ca` is no certificate in PEM form");
    check(
        ", tls: { certificate: bank.pem, key: \"${env:ACME_NONE:-bank.pem}\" }",
        2,
        "are not a certificate and its private key in PEM form",
    );
}

async fn page(url: &str) -> String {
    let (method, timeout) = ("GET".to_owned(), std::time::Duration::from_secs(10));
    let request =
        HttpRequest { method, url: url.to_owned(), headers: Vec::new(), body: None, save: None, timeout, tls: None };
    let answer = HttpClient::new().unwrap().send(request).await.unwrap();
    String::from_utf8(answer.body).unwrap()
}
