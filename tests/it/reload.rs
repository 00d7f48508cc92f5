//! What a reload changes for runs that have begun, and for connections that are open, with a service of its own.

use std::{
    io::{BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use ferry::clock::pause;
use ferry_tests::program::{ANY_PORT, Running, Serve};
use serde_json::{Value, json};

use crate::{
    bank::request,
    program::{ferry, outcome, program},
};

/// How a target answers: status and headers; nothing where it cuts the line after it has acted.
type Answers = Box<dyn Fn(&Value) -> Option<(u16, &'static str)> + Send + Sync>;

/// A target that acts on everything that it is asked.
pub(crate) struct Target {
    acted: Mutex<Vec<String>>,
    answers: Answers,
}

impl Target {
    /// Serves until the test ends; with its port.
    pub(crate) fn open(
        answers: impl Fn(&Value) -> Option<(u16, &'static str)> + Send + Sync + 'static,
    ) -> (Arc<Self>, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(Self { acted: Mutex::default(), answers: Box::new(answers) });
        let own = Arc::clone(&target);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let target = Arc::clone(&own);
                std::thread::spawn(move || target.serve(&stream));
            }
        });
        (target, port)
    }

    fn serve(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let (_, body) = request(&mut reader)?;
            self.acted.lock().unwrap().push(body["id"].as_str().unwrap_or_default().to_owned());
            let (status, headers) = (self.answers)(&body)?;
            let head = format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\n{headers}content-length: 2");
            write!(stream, "{head}\r\n\r\n{{}}").ok()?;
        }
    }

    /// On what it has acted, in order.
    pub(crate) fn acted(&self) -> Vec<String> {
        self.acted.lock().unwrap().clone()
    }

    /// How often it has acted on an id.
    pub(crate) fn count(&self, id: &str) -> usize {
        self.acted.lock().unwrap().iter().filter(|acted| *acted == id).count()
    }
}

/// The manifest of a bank, whose limits and effect are written here.
pub(crate) fn bank(port: u16, limits: &str, repeat: &str) -> String {
    format!(
        "\
ferry: 1
connector: bank
title: Bank
environments: {{ only: {{ api: \"http://127.0.0.1:{port}\" }} }}
{limits}
errors: [ {{ when: \"status == 429\", class: throttled }} ]
actions:
  pay:
    summary: Pays.
    source: the tests
    effect: {{ write: {{ repeat: {repeat} }} }}
    timeout: 30s
    request: {{ host: api, method: POST, path: /pay, body: $ }}
    success: \"status == 201\"
    result: {{}}
    input: {{ type: object, additionalProperties: true, properties: {{}} }}
    output: {{ type: object, additionalProperties: true, properties: {{}} }}
    sample: none
"
    )
}

pub(crate) fn project(name: &str) -> String {
    format!(
        "ferry: 1\nproject: {name}\nconnections: {{ bank: {{ connector: bank, environment: only }} }}\n\
         alerts: {{ ops: log }}\n"
    )
}

/// Pays when a person has said so; what it gives is of another version.
fn payments(version: u32) -> String {
    format!(
        "\
ferry: 1
pipeline: payments
trigger: {{ webhook: {{ path: payments, verify: none }}, key: $.id }}
steps:
  - {{ id: release, when: event.asks, approve: {{ by: [ana], expires: 1d }} }}
  - {{ id: pay, needs: [release], action: bank.pay, with: {{ id: $.event.id }} }}
output: {{ version: {version} }}
on_failure: {{ alert: ops }}
"
    )
}

/// A folder of projects, and a service that runs them.
pub(crate) struct Shop {
    folder: tempfile::TempDir,
    pub(crate) service: Option<Running>,
    http: reqwest::Client,
}

impl Shop {
    /// A service whose store is trusted.
    pub(crate) fn open(files: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut shop = Self { folder, service: None, http: reqwest::Client::new() };
        files.iter().for_each(|(path, text)| shop.write(path, text));
        shop.serve("projects");
        let trusted = ["store", "trust", "--store", "ferry.db", "--by", "ana", "--reason", "a new bank"];
        assert!(ferry(shop.folder.path()).args(trusted).output().unwrap().status.success());
        shop.serve("projects");
        shop
    }

    pub(crate) fn serve(&mut self, projects: &str) {
        drop(self.service.take());
        let (folder, projects) = (self.folder.path(), self.folder.path().join(projects));
        let how = Serve {
            folder,
            projects: &projects,
            store: "ferry.db",
            lease_ms: 1_000,
            log: "off",
            listen: ANY_PORT,
            args: &[],
        };
        self.service = Some(program().serve(how).unwrap());
    }

    fn service(&self) -> &Running {
        self.service.as_ref().unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join("projects").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) async fn deliver(&self, path: &str, event: &Value) -> u16 {
        let request = self.http.post(format!("{}{path}", self.service().hooks)).body(event.to_string());
        request.send().await.unwrap().status().as_u16()
    }

    /// How a command ends, and what it says.
    pub(crate) fn says(&self, args: &[&str]) -> (i32, String) {
        let (code, stdout, stderr) = outcome(ferry(self.folder.path()).env("FERRY_STORE", "ferry.db").args(args));
        (code.unwrap(), stdout + stderr.as_str())
    }

    #[track_caller]
    pub(crate) fn reload(&self) -> String {
        let (code, said) = self.says(&["reload", "--admin", self.admin()]);
        assert_eq!(code, 0, "{said}");
        said
    }

    pub(crate) fn status(&self) -> Value {
        let (code, said) = self.says(&["status", "--format", "json", "--admin", self.admin()]);
        assert_eq!(code, 0, "{said}");
        serde_json::from_str(&said).unwrap()
    }

    /// Requests at once, and each window: left, limit, seconds.
    fn limits(&self) -> Value {
        let status = self.status();
        let connection = &status["connections"][0];
        let windows = connection["budget"].as_array().unwrap().iter();
        let windows = windows.map(|window| json!([window["left"], window["limit"], window["per_s"]]));
        json!([connection["at_once"], windows.collect::<Vec<_>>()])
    }

    fn admin(&self) -> &str {
        self.service().address.trim_start_matches("http://")
    }

    #[track_caller]
    pub(crate) fn approve(&self, id: &str) {
        let (code, said) =
            self.says(&["approvals", "approve", id, "--by", "ana", "--reason", "seen", "--project", "projects"]);
        assert_eq!(code, 0, "{said}");
    }

    /// Waits until the run of an event is so.
    pub(crate) async fn until(&self, id: &str, state: &str) {
        let mut said = String::new();
        for _ in 0..400 {
            said = self.says(&["runs", "show", id, "--format", "json"]).1;
            let story: Value = serde_json::from_str(&said).unwrap_or_default();
            if story["run"]["state"] == state {
                return;
            }
            pause(Duration::from_millis(50)).await;
        }
        panic!("{id} is not {state}: {said}");
    }
}

fn asks(id: &str) -> Value {
    json!({ "id": id, "asks": true })
}

/// Two projects call different banks by one name; a payment of the one is an upsert.
#[tokio::test]
async fn a_run_goes_on_with_the_connectors_of_its_own_project() {
    let (target, port) = Target::open(|_| None);
    let other = "ferry: 1\npipeline: other\ntrigger: manual\nsteps:\n  - { id: pay, action: bank.pay, with: { id: \"1\" } }\n\
                 on_failure: { alert: ops }\n";
    let mut shop = Shop::open(&[
        ("aa/ferry.yaml", project("aa")),
        ("aa/other.yaml", other.to_owned()),
        ("aa/connectors/bank/connector.yaml", bank(1, "", "upsert")),
        ("bb/ferry.yaml", project("bb")),
        ("bb/payments.yaml", payments(1)),
        ("bb/connectors/bank/connector.yaml", bank(port, "", "never")),
    ]);
    assert_eq!(shop.deliver("payments", &asks("p1")).await, 202);
    shop.until("p1", "waiting").await;
    shop.write("bb/payments.yaml", &payments(2));
    shop.reload();
    // Beside a folder that has only the other project, its plan is not made of that one's connectors.
    let (_, said) = shop.says(&["why", "p1", "--project", "projects/aa"]);
    assert!(said.contains("where project `bb` has connectors of its own, `--project` names its folder"), "{said}");
    // Nor does an engine that has only the other one go on with it.
    shop.approve("p1");
    shop.until("p1", "parked").await;
    assert_eq!(target.count("p1"), 1);
    // The same for an engine that begins with the new version, and where the project is not there at all.
    shop.write("bb/payments.yaml", &payments(1));
    shop.reload();
    assert_eq!(shop.deliver("payments", &asks("p2")).await, 202);
    shop.until("p2", "waiting").await;
    shop.write("bb/payments.yaml", &payments(2));
    shop.serve("projects/aa");
    shop.approve("p2");
    shop.serve("projects");
    shop.until("p2", "parked").await;
    assert_eq!(target.count("p2"), 1);
}

/// The first version is paid by a bank that knows no repeat; since then its manifest says that it knows
/// repeats by their keys.
#[tokio::test]
async fn a_run_of_an_earlier_version_is_not_paid_by_what_a_manifest_says_since() {
    let (target, port) = Target::open(|_| None);
    let shop = Shop::open(&[
        ("bb/ferry.yaml", project("bb")),
        ("bb/payments.yaml", payments(1)),
        ("bb/connectors/bank/connector.yaml", bank(port, "", "never")),
    ]);
    assert_eq!(shop.deliver("payments", &asks("p1")).await, 202);
    shop.until("p1", "waiting").await;
    let keyed = "keyed, header: Idempotency-Key, remembers: 1d";
    shop.write("bb/connectors/bank/connector.yaml", &bank(port, "", keyed));
    assert_eq!(shop.reload(), "reloaded: 0 added, 1 changed (payments), 0 removed\n");
    shop.approve("p1");
    shop.until("p1", "parked").await;
    assert_eq!(target.count("p1"), 1);
    // Nor is it by a replay on what is there now: it was sent without a key.
    let by = ["--project", "projects", "--by", "ana", "--reason", "nobody knows"];
    let (code, said) = shop.says(&[&["runs", "decide", "p1", "--give-up"], &by[..]].concat());
    assert_eq!(code, 0, "{said}");
    shop.until("p1", "dead_lettered").await;
    let current = ["dlq", "replay", "p1", "--version", "current", "--yes"];
    let (code, said) = shop.says(&[&current, &by[..]].concat());
    assert!(code == 1 && said.contains("`pay` has made a call that may have been done"), "{said}");
    assert_eq!(target.count("p1"), 1);
    // What begins now has a key, and is sent again.
    assert_eq!(shop.deliver("payments", &json!({ "id": "p2", "asks": false })).await, 202);
    for _ in 0..400 {
        if target.count("p2") > 1 {
            return;
        }
        pause(Duration::from_millis(50)).await;
    }
    panic!("what has a key is not sent again");
}

/// One more window, which the target speaks of, and other limits.
#[tokio::test]
async fn a_reload_reaches_the_limits_of_connections_that_are_open() {
    let (target, port) = Target::open(|_| Some((201, "x-limit: 40\r\nx-left: 0\r\n")));
    let manifest = |limits: &str| bank(port, limits, "never");
    let mut shop = Shop::open(&[
        ("bb/ferry.yaml", project("bb")),
        ("bb/payments.yaml", payments(1)),
        ("bb/connectors/bank/connector.yaml", manifest("concurrency: 9\nbudget: [ { limit: 100, per: 1h } ]")),
    ]);
    for id in ["p1", "p2"] {
        assert_eq!(shop.deliver("payments", &json!({ "id": id, "asks": false })).await, 202);
        shop.until(id, "finished").await;
    }
    assert_eq!(shop.limits(), json!([9, [[98, 100, 3_600]]]));
    let says = "{ limit: 60, per: 1d, says: { limit: x-limit, remaining: x-left } }";
    let limits = format!("concurrency: 2\nbudget: [ {{ limit: 50, per: 1h }}, {says} ]");
    shop.write("bb/connectors/bank/connector.yaml", &manifest(&limits));
    assert_eq!(shop.reload(), "reloaded: 0 added, 0 changed, 0 removed\n");
    // What was counted before is counted still.
    assert_eq!(shop.limits(), json!([2, [[48, 50, 3_600], [60, 60, 86_400]]]));
    assert_eq!(shop.deliver("payments", &json!({ "id": "p3", "asks": false })).await, 202);
    shop.until("p3", "finished").await;
    assert_eq!((shop.limits(), target.count("p3")), (json!([2, [[47, 50, 3_600], [0, 40, 86_400]]]), 1));
    // Nor does what the store has of it keep another limit out of a service that begins anew.
    shop.write("bb/connectors/bank/connector.yaml", &manifest("concurrency: 3\nbudget: [ { limit: 20, per: 1h } ]"));
    shop.serve("projects");
    let limits = shop.limits();
    assert_eq!((&limits[0], &limits[1][0][1]), (&json!(3), &json!(20)));
}

#[tokio::test]
async fn the_first_webhook_that_a_reload_brings_is_listened_for() {
    let by_hand = "ferry: 1\npipeline: by-hand\ntrigger: manual\nsteps:\n  - { id: m, map: { x: 1 } }\n";
    let hook = "ferry: 1\npipeline: hook\ntrigger: { webhook: { path: hook, verify: none, respond: m }, key: $.id }\n\
                steps:\n  - { id: m, map: { x: 1 } }\n";
    let mut shop =
        Shop::open(&[("cc/ferry.yaml", "ferry: 1\nproject: cc\n".to_owned()), ("cc/by-hand.yaml", by_hand.to_owned())]);
    assert_eq!(shop.service().hooks, "");
    shop.write("cc/hook.yaml", hook);
    let said = shop.reload();
    let hooks = said.trim().strip_prefix("reloaded: 1 added (hook), 0 changed, 0 removed; webhooks ");
    shop.service.as_mut().unwrap().hooks = hooks.unwrap_or_else(|| panic!("{said}")).to_owned();
    assert_eq!(shop.deliver("hook", &json!({ "id": "h1" })).await, 200);
    // It is said once, and what nobody takes is not found.
    std::fs::remove_file(shop.folder.path().join("projects/cc/hook.yaml")).unwrap();
    assert_eq!(shop.reload(), "reloaded: 0 added, 0 changed, 1 removed (hook)\n");
    assert_eq!(shop.deliver("hook", &json!({ "id": "h2" })).await, 404);
}
