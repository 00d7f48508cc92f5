//! A bank of our own over loopback HTTP, a service that pays through it, and a person before both.
//!
//! The bank books each payment that it is asked for. It gives no answer for the reference `lost-…` the first
//! time, takes two seconds for `slow-…`, answers `deep-…` with a hundred levels, and refuses the account `closed`, and to settle `stuck-…`, until that is
//! opened.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ferry::clock::pause;
use ferry_tests::program::Running;
use serde_json::{Value, json};

use crate::{
    program::{ferry, serve_folder},
    service::signature,
};

const PROJECT: &str = "\
ferry: 1
project: treasury
connections:
  bank: { connector: bank, environment: local }
alerts:
  desk: log
";

pub(crate) const PAYMENTS: &str = "\
ferry: 1
pipeline: payments
trigger:
  webhook: { path: payments, verify: { header: X-Signature, secret: \"${env:HOOK_SECRET}\" } }
  key: $.id
steps:
  - id: release
    when: event.big
    approve: { by: [ana, bob], not: $.event.maker, show: { id: $.event.id }, expires: 1d }
  - id: pay
    needs: [release]
    action: bank.pay
    with:
      reference: $.event.id
      account: $.event.account
      money: { money: { amount: $.event.amount, currency: EUR } }
  - id: settle
    needs: [pay]
    action: bank.settle
    with: { reference: $.event.id, account: $.event.account }
on_failure: { alert: desk }
";

/// The head of the manifest of a bank at a port, whose connection has these fields.
pub(crate) fn head(port: u16, fields: &str) -> String {
    format!(
        "\
ferry: 1
connector: bank
title: Bank
description: A bank of the tests.
environments:
  local: {{ api: \"http://127.0.0.1:{port}\" }}
connection: {{ {fields} }}
errors:
  - {{ when: \"status == 422\", class: rejected }}
  - {{ when: \"status == 404\", class: not_found }}
message: body.message
"
    )
}

const ACTIONS: &str = "\
actions:
  pay:
    summary: Pays.
    source: the tests
    effect: { write: { repeat: never } }
    timeout: 5s
    request: { host: api, method: POST, path: /pay, body: $ }
    success: \"status == 200\"
    result: $
    input: { type: object, additionalProperties: true, properties: {} }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: samples/pay.json
  settle:
    summary: Settles.
    source: the tests
    effect: { write: { repeat: upsert } }
    timeout: 5s
    request: { host: api, method: POST, path: /settle, body: $ }
    success: \"status == 200\"
    result: $
    input: { type: object, additionalProperties: true, properties: {} }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: samples/settle.json
  transfer:
    summary: Pays with others.
    source: the tests
    effect:
      write:
        repeat: lookup
        by: { action: find, with: { reference: $.reference } }
        found: { reference: $.reference }
        absence: { class: not_found, proves: true, visible_after: 12s }
    bundle: { max: 9, within: 3s, items: $.items }
    timeout: 1s
    request: { host: api, method: POST, path: /transfer, body: { items: [$] } }
    success: \"status == 200\"
    result: {}
    input: { type: object, additionalProperties: true, properties: {} }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: samples/transfer.json
  find:
    summary: Finds a transfer.
    source: the tests
    effect: read
    timeout: 5s
    request: { host: api, method: GET, path: \"/find/{$.reference}\" }
    success: \"status == 200\"
    result: $
    input: { type: object, additionalProperties: true, properties: {} }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: samples/find.json
";

#[derive(Default)]
pub(crate) struct Bank {
    /// What it was asked for, in order.
    booked: Mutex<Vec<String>>,
    /// Whether `closed` takes money.
    pub(crate) opened: AtomicBool,
}

impl Bank {
    /// Serves until the test ends.
    fn open() -> (Arc<Self>, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bank = Arc::new(Self::default());
        let own = Arc::clone(&bank);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let bank = Arc::clone(&own);
                std::thread::spawn(move || bank.serve(stream));
            }
        });
        (bank, port)
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let (path, body) = request(&mut reader)?;
            let (status, answer) = self.answer(&path, &body)?;
            let text = answer.to_string();
            let head =
                format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}", text.len());
            write!(&stream, "{head}\r\n\r\n{text}").ok()?;
        }
    }

    /// Nothing where the answer is lost.
    fn answer(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        if let Some(reference) = path.strip_prefix("/find/") {
            let is_there = self.booked().contains(&format!("transfer {reference}"));
            return Some(if is_there { (200, json!({ "reference": reference })) } else { (404, json!({})) });
        }
        let body = body["items"].get(0).unwrap_or(body);
        let reference = body["reference"].as_str().unwrap_or_default().to_owned();
        let is_stuck = path == "/settle" && reference.starts_with("stuck-");
        if (body["account"] == "closed" || is_stuck) && !self.opened.load(Ordering::SeqCst) {
            return Some((422, json!({ "message": "the account is closed" })));
        }
        let name = format!("{} {reference}", path.trim_start_matches('/'));
        let mut booked = self.booked.lock().unwrap();
        let is_first = !booked.contains(&name);
        booked.push(name);
        drop(booked);
        if reference.starts_with("slow-") {
            std::thread::sleep(Duration::from_secs(2));
        }
        let nested = if reference.starts_with("deep-") { nested(100) } else { Value::Null };
        (!(reference.starts_with("lost-") && is_first))
            .then(|| (200, json!({ "id": format!("B-{reference}"), "nested": nested })))
    }

    /// It has done this already.
    pub(crate) fn book(&self, name: &str) {
        self.booked.lock().unwrap().push(name.to_owned());
    }

    pub(crate) fn booked(&self) -> Vec<String> {
        self.booked.lock().unwrap().clone()
    }
}

/// So many lists in one another.
pub(crate) fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::from("inside"), |value, _| Value::Array(vec![value]))
}

pub(crate) fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        length = header.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap_or(0));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

/// A service with one pipeline, and a person before it.
pub(crate) struct Desk {
    pub(crate) folder: tempfile::TempDir,
    service: Running,
    pub(crate) bank: Arc<Bank>,
    http: reqwest::Client,
}

impl Desk {
    pub(crate) fn open() -> Self {
        Self::with("", PAYMENTS)
    }

    /// With more in the connection, and another pipeline.
    pub(crate) fn with(connection: &str, pipeline: &str) -> Self {
        let mut desk = Self::untrusted(connection, pipeline);
        desk.trust();
        desk
    }

    /// The bank begins with its store, and an engine that starts knows it.
    pub(crate) fn trust(&mut self) {
        let trusted = ["store", "trust", "--store", "ferry.db", "--by", "ana", "--reason", "a new bank"];
        assert!(ferry(self.folder.path()).args(trusted).output().unwrap().status.success());
        self.service.kill().unwrap();
        self.service = serve_folder(self.folder.path(), &self.folder.path().join("treasury"), "ferry.db", &[]);
    }

    /// With a store that may have forgotten something.
    pub(crate) fn untrusted(connection: &str, pipeline: &str) -> Self {
        let (bank, port) = Bank::open();
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("treasury/connectors/bank");
        std::fs::create_dir_all(own.join("samples")).unwrap();
        std::fs::write(own.join("connector.yaml"), head(port, "") + ACTIONS).unwrap();
        let project = PROJECT.replace("environment: local", &format!("environment: local{connection}"));
        std::fs::write(folder.path().join("treasury/ferry.yaml"), project).unwrap();
        std::fs::write(folder.path().join("treasury/payments.yaml"), pipeline).unwrap();
        let service = serve_folder(folder.path(), &folder.path().join("treasury"), "ferry.db", &[]);
        Self { folder, service, bank, http: reqwest::Client::new() }
    }

    pub(crate) async fn pay(&self, id: &str, account: &str, amount: u32) {
        let event = json!({ "id": id, "account": account, "amount": amount, "big": amount >= 1000, "maker": "ana" });
        assert_eq!(self.deliver(event.to_string()).await, 202);
    }

    /// The status with which a delivery is answered.
    pub(crate) async fn deliver(&self, event: String) -> u16 {
        let request = self.http.post(format!("{}payments", self.service.hooks));
        request.header("X-Signature", signature(&event)).body(event).send().await.unwrap().status().as_u16()
    }

    /// What a command prints, and how it ends.
    pub(crate) fn says(&self, args: &[&str]) -> (i32, String) {
        let mut command = ferry(self.folder.path());
        let output = command.args(args).args(["--store", "ferry.db"]).env("USER", "carl").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let said = self.says(&[args, &["--format", "json"]].concat()).1;
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{args:?}: {error}: {said}"))
    }

    /// Waits until the run of an event is so.
    pub(crate) async fn until(&self, id: &str, state: &str) {
        for _ in 0..400 {
            if self.state(id) == state {
                return;
            }
            pause(Duration::from_millis(50)).await;
        }
        panic!("{id} is {}, and not {state}: {}", self.state(id), self.says(&["runs", "show", id]).1);
    }

    fn state(&self, id: &str) -> String {
        let (code, said) = self.says(&["runs", "show", id, "--format", "json"]);
        if code != 0 {
            return String::new();
        }
        let story: Value = serde_json::from_str(&said).unwrap();
        story["run"]["state"].as_str().unwrap().to_owned()
    }

    /// What a command that changes something says, without the run's id.
    #[track_caller]
    pub(crate) fn check(&self, args: &[&str], code: i32, expected: &str) {
        let (ended, said) = self.says(&[args, &["--project", "treasury"]].concat());
        let said: String = said.lines().filter(|line| !line.starts_with("a running engine")).collect();
        let said = said.split_once("run_").map_or(said.clone(), |(before, rest)| format!("{before}{}", &rest[20..]));
        assert_eq!((ended, said.trim()), (code, expected), "{args:?}");
    }
}
