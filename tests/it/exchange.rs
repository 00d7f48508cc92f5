//! A dead letter has what was sent and answered, and nothing in it that nobody may see.

use std::{
    io::{BufReader, Write as _},
    net::{TcpListener, TcpStream},
};

use serde_json::{Value, json};

use crate::{
    bank::{head, request},
    program::ferry,
};

const SECRET: &str = "k3y-of-the-bank";
const IBAN: &str = "DE89370400440532013000";
const CARD: &str = "4111 1111 1111 1111";

const PROJECT: &str = "\
ferry: 1
project: treasury
connections:
  bank: { connector: bank, environment: local, key: \"${env:BANK_KEY}\" }
alerts:
  desk: log
";

const PAYMENTS: &str = "\
ferry: 1
pipeline: payments
trigger:
  webhook: { path: payments, verify: { header: X-Signature, secret: \"${env:BANK_KEY}\" } }
  key: $.id
steps:
  - id: pay
    action: bank.pay
    with: { to: $.event.to, reference: $.event.id }
on_failure: { alert: desk }
";

const ACTIONS: &str = "\
actions:
  pay:
    summary: Pays.
    source: the tests
    effect: { write: { repeat: upsert } }
    timeout: 5s
    request:
      host: api
      method: POST
      path: \"/{key}/pay/{$.to}\"
      body: { creditor: { account: $.to }, reference: $.reference, csc: { rhai: \"123\" } }
    success: \"status == 200\"
    result: $
    input:
      type: object
      required: [to, reference]
      properties:
        to: { type: string, description: Where to., example: DE1, sensitive: true }
        reference: { type: string, description: Our name., example: P-1 }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: samples/pay.json
";

/// Refuses one payment, and says everything that it should not.
fn refuse(stream: TcpStream) -> Option<()> {
    let (path, body) = request(&mut BufReader::new(stream.try_clone().ok()?))?;
    let answer = json!({
        "message": format!("the account {IBAN} of card {CARD} is closed"),
        "sent": body,
        "path": path,
        "key": format!("Key {SECRET}"),
        "iban": IBAN,
        "trace": "T-1",
    });
    let text = answer.to_string();
    let head = "HTTP/1.1 422 x\r\ncontent-type: application/json\r\nx-request-id: R-7\r\nset-cookie: s=1";
    write!(&stream, "{head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}", text.len()).ok()
}

#[test]
fn a_dead_letter_has_what_was_sent_and_answered_and_no_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| _ = refuse(stream)));
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("treasury/connectors/bank");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(
        own.join("connector.yaml"),
        head(port, "key: { secret: true, example: abc, doc: A key. }") + ACTIONS,
    )
    .unwrap();
    std::fs::write(folder.path().join("treasury/ferry.yaml"), PROJECT).unwrap();
    std::fs::write(folder.path().join("treasury/payments.yaml"), PAYMENTS).unwrap();
    std::fs::write(folder.path().join("event.json"), json!({ "id": "P-1", "to": IBAN }).to_string()).unwrap();
    let says = |args: &[&str]| {
        let output = ferry(folder.path()).args(args).env("BANK_KEY", SECRET).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let run = ["run", "payments", "--project", "treasury", "--event", "event.json", "--store", "ferry.db"];
    assert!(says(&run).contains("1 dead-lettered"), "{}", says(&run));

    let shown = says(&["dlq", "show", "P-1", "--project", "treasury", "--store", "ferry.db", "--format", "json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(shown["message"], "Bank answered 422: the account ***3000 of card ***1111 is closed");
    assert_eq!(shown["mended_by"], "finance");
    assert_eq!(
        shown["exchange"],
        json!({
            "method": "POST",
            "url": format!("http://127.0.0.1:{port}/***/pay/***3000"),
            "body": { "creditor": { "account": "***3000" }, "reference": "P-1", "csc": "***" },
            "others": 0,
            "answer": {
                "status": 422,
                "headers": { "content-type": "application/json", "x-request-id": "R-7" },
                "body": {
                    "message": "the account ***3000 of card ***1111 is closed",
                    "sent": { "creditor": { "account": "***3000" }, "reference": "P-1", "csc": "***" },
                    "path": "/***/pay/***3000",
                    "key": "Key ***",
                    "iban": "***3000",
                    "trace": "T-1",
                },
            },
        })
    );
    let shown = says(&["dlq", "show", "P-1", "--project", "treasury", "--store", "ferry.db"]);
    let url = format!("request, masked: POST http://127.0.0.1:{port}/***/pay/***3000\n");
    for part in [
        url.as_str(),
        "\nanswer: 422\n  content-type: application/json\n  x-request-id: R-7\n  {\n",
        "\"csc\": \"***\"",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let listed = says(&["dlq", "list", "--store", "ferry.db"]);
    assert!(listed.contains("FIX BY") && listed.contains("finance"), "{listed}");

    let stored = std::fs::read(folder.path().join("ferry.db")).unwrap();
    let stored = [stored, std::fs::read(folder.path().join("ferry.db-wal")).unwrap_or_default()].concat();
    let stored = String::from_utf8_lossy(&stored);
    for hidden in [SECRET, CARD] {
        assert!(!stored.contains(hidden), "{hidden} is in the store");
    }
}
