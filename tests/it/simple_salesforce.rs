//! The sandbox's Salesforce as a public client meets it that knows nothing of us: simple-salesforce, as it is published.
//!
//! It needs Python, and a package index. Where there is no Python nothing is tested, unless `FERRY_TEST_CLIENTS` says
//! that it must be.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

const TOKEN: &str = "grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret";

/// The folder of a client's own files.
pub(crate) fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("it").join(name)
}

/// A Python that has a client, installed once; nothing where there is no Python.
pub(crate) async fn client_python(name: &'static str) -> Option<PathBuf> {
    tokio::task::spawn_blocking(move || installed(name)).await.unwrap()
}

fn installed(name: &str) -> Option<PathBuf> {
    if !Command::new("python3").args(["-c", "import ensurepip, venv"]).output().is_ok_and(|done| done.status.success())
    {
        let is_wanted = std::env::var_os("FERRY_TEST_CLIENTS").is_some();
        assert!(!is_wanted, "`FERRY_TEST_CLIENTS` is set, and there is no `python3` with `venv`; install both");
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (python, done) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let wanted = std::fs::read(own(name).join("requirements.txt")).unwrap();
    if std::fs::read(&done).ok().as_ref() == Some(&wanted) {
        return Some(python);
    }
    let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run(Command::new(&python).args(install).arg(own(name).join("requirements.txt")));
    std::fs::write(done, wanted).unwrap();
    Some(python)
}

#[tokio::test]
async fn a_public_client_finds_a_salesforce_over_tls() {
    let Some(python) = client_python("simple_salesforce").await else { return };
    let tls_listen = Some(([127, 0, 0, 1], 0).into());
    let options = ferry_sandbox::Options { tls_listen, speed: 20, ..ferry_sandbox::Options::default() };
    let sandbox = ferry_sandbox::start(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, sandbox.ca_pem().unwrap()).unwrap();
    let token = salesforce_token(&sandbox.url()).await;
    let mut command = Command::new(python);
    command.arg(own("simple_salesforce").join("drive.py")).args([sandbox.tls_url().unwrap(), token]);
    command.env("REQUESTS_CA_BUNDLE", authority).env_remove("HTTPS_PROXY").env("NO_PROXY", "127.0.0.1");
    let done = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let seen: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        seen["records"],
        json!({
            "created": true,
            "read": "Driven",
            "read_by_key": true,
            "updated": 204,
            "upsert_new": 201,
            "upsert_again": 200,
            "refused": "REQUIRED_FIELD_MISSING",
            "no_such_field": "INVALID_FIELD",
            "no_such_record": "NOT_FOUND",
            "described": "string",
            "ambiguous": 2,
            "deleted": 204,
            "told_deleted": [true],
            "told_updated": 6
        })
    );
    assert_eq!(
        seen["queries"],
        json!({
            "first_page": 50,
            "second_page": 50,
            "all": 200,
            "one_by_one": 200,
            "with_deleted": 1,
            "without_deleted": 0,
            "escaped": true,
            "malformed": "MALFORMED_QUERY"
        })
    );
    assert_eq!(
        seen["collections"],
        json!({
            "results": [true, false, true],
            "why": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "created": [false],
            "read": [0, 2],
            "gone": [true, true]
        })
    );
    assert_eq!(
        seen["bulk"],
        json!({
            "inserted": [2500, 2500, 0],
            "upserted": [2, 1],
            "failed": [1, true],
            "successful": 2500,
            "parts": [1000, 1000, 500],
            "one": "\"seen\""
        })
    );
    assert_eq!((&seen["calls_are_counted"], &seen["usage"]), (&json!(true), &json!(true)));
    assert_eq!(seen["expired"], "INVALID_SESSION_ID");
}

/// A token of Salesforce.
pub(crate) async fn salesforce_token(url: &str) -> String {
    let request = reqwest::Client::new().post(format!("{url}/salesforce/services/oauth2/token")).body(TOKEN);
    let body = request.send().await.unwrap().text().await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}
