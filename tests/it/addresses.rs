//! A system with two addresses, over loopback HTTP: the sandbox at one of them, something else at the other.

use std::{
    io::{BufReader, Write as _},
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
};

use ferry::{http::HttpClient, sandbox::get};
use serde_json::{Value, json};

use crate::{
    bank::request,
    program::{ferry, sandbox},
};

/// Where nobody listens.
const DEAD: &str = "http://127.0.0.1:1";

const PAYOUTS: &str = "\
ferry: 1
pipeline: payouts
trigger:
  webhook: { path: payouts, verify: { header: X-Signature, secret: \"${env:HOOK_SECRET}\" } }
  key: $.id
steps:
  - id: pay
    action: acme.create_payout
    with:
      client_reference_id: $.event.id
      payee_id: $.event.payee
      amount: { amount: $.event.amount, currency: USD }
      description: A payout
on_failure: { alert: desk }
";

/// A project whose connection has two addresses of a Payoneer, with the shipped manifest but for its waits.
fn project(folder: &Path, addresses: [&str; 2], credentials: &Value) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/payoneer/connector.yaml");
    let shipped = std::fs::read_to_string(shipped).unwrap();
    let [first, second] = addresses.map(|address| format!("{address}/payoneer"));
    let local = format!("environments:\n  local: {{ api: \"{first}\", login: \"{first}\" }}");
    let (head, rest) = shipped.split_once("environments:\n").unwrap();
    let (_, rest) = rest.split_once("\n\n").unwrap();
    let manifest = format!("{head}{local}\n\n{rest}").replace("connector: payoneer", "connector: acme");
    let manifest = manifest.replace("statistical: [2m, 4m, 8m]", "statistical: [200ms]");
    let manifest = manifest.replace("visible_after: 15m", "visible_after: 12s").replace("timeout: 60s", "timeout: 1s");
    std::fs::create_dir_all(folder.join("shop/connectors/acme")).unwrap();
    std::fs::write(folder.join("shop/connectors/acme/connector.yaml"), manifest).unwrap();
    let text = |name: &str| credentials["payoneer"][name].as_str().unwrap().to_owned();
    let ferry = format!(
        "ferry: 1\nproject: shop\nconnections:\n  acme:\n    connector: acme\n    environment: local\n    \
         program_id: \"{}\"\n    client_id: \"{}\"\n    client_secret: \"${{env:ACME_SECRET}}\"\n    \
         fallback: {{ api: [\"{second}\"], login: [\"{second}\"] }}\nalerts: {{ desk: log }}\n",
        text("program_id"),
        text("client_id"),
    );
    std::fs::write(folder.join("shop/ferry.yaml"), ferry).unwrap();
    std::fs::write(folder.join("shop/payouts.yaml"), PAYOUTS).unwrap();
    let begin = "ferry: 1\npipeline: begin\ntrigger: { webhook: { path: begin }, key: $.id }\nsteps: [ { id: a, map: { b: 1 } } ]\n";
    std::fs::write(folder.join("shop/begin.yaml"), begin).unwrap();
    let event = json!({ "id": "T-1", "payee": "P-1", "amount": 12.5 });
    std::fs::write(folder.join("event.json"), event.to_string()).unwrap();
}

/// An address that answers 404 to all, and notes what it was asked for.
fn elsewhere() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let notes = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let reader = stream.try_clone().map(BufReader::new);
            if let Some((path, _)) = reader.ok().and_then(|mut reader| request(&mut reader)) {
                notes.lock().unwrap().push(path);
                _ = write!(&stream, "HTTP/1.1 404 x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}");
            }
        }
    });
    (address, asked)
}

/// Pays once where the sandbox is at one of the addresses, and does with payouts what the faults say.
async fn pay(addresses: impl Fn(&str) -> [String; 2], faults: &str) -> (String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("faults.yaml"), faults).unwrap();
    let sandbox = sandbox(folder, &["--requests", "1", "--faults", "faults.yaml"]);
    let http = HttpClient::new().unwrap();
    let seed = get(&http, &format!("{}/_sandbox/seed", sandbox.address)).await.unwrap();
    let payee = json!({ "payee": { "id": "P-1", "type": 1 } });
    ferry::sandbox::post(&http, &format!("{}/_sandbox/seed", sandbox.address), &payee).await.unwrap();
    let [first, second] = addresses(&sandbox.address);
    project(folder, [&first, &second], &seed);
    let secret = seed["payoneer"]["client_secret"].as_str().unwrap();
    let says = |args: &[&str]| {
        let output = ferry(folder).args(args).env("ACME_SECRET", secret).env("HOOK_SECRET", "x").output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    // The system begins with its store.
    says(&["run", "begin", "--project", "shop", "--event", "event.json", "--store", "ferry.db"]);
    says(&["store", "trust", "--store", "ferry.db", "--by", "ana", "--reason", "a new system"]);
    let said = says(&["run", "payouts", "--project", "shop", "--event", "event.json", "--store", "ferry.db"]);
    (said, get(&http, &format!("{}/_sandbox/ledger", sandbox.address)).await.unwrap())
}

#[tokio::test]
async fn a_payout_goes_to_the_second_address_where_the_first_is_dead() {
    let (said, ledger) = pay(|sandbox| [DEAD.to_owned(), sandbox.to_owned()], "visibility_lag_ms: 0\n").await;
    assert!(said.contains("1 finished"), "{said}");
    assert_eq!(ledger["totals"]["bookings"], 1, "{ledger}");
}

#[tokio::test]
async fn a_payout_that_was_lost_at_the_first_address_is_not_made_at_the_second() {
    let (other, asked) = elsewhere();
    // The first one cannot say so at once, and the second one does not know of it.
    let faults = "visibility_lag_ms: 0\nduplicates: book\nrules:\n  - { fault: cut_after, system: payoneer, path: masspayouts, \
                  method: POST, times: 1 }\n  - { fault: cut_before, system: payoneer, path: T-1/status, times: 1 }\n";
    let (said, ledger) = pay(|sandbox| [sandbox.to_owned(), other.clone()], faults).await;
    assert!(said.contains("1 finished"), "{said}");
    assert_eq!(ledger["totals"]["bookings"], 1, "{ledger}");
    let asked = asked.lock().unwrap();
    assert!(!asked.is_empty() && asked.iter().all(|path| path.ends_with("T-1/status")), "{asked:?}");
}
