//! `ferry plan` writes nothing, and `ferry apply` does what it said: once, and only where nothing has changed.

use std::{fs, path::Path, process::Command};

use ferry::store::{Change, RunId, Store as _, sqlite::SqliteStore};
use ferry_contract::failure::ErrorClass;
use ferry_core::run::Entry;
use ferry_tests::program::Running;
use jiff::Timestamp;
use serde_json::Value;

use crate::program::{ferry, outcome, sandbox, serve_folder};

struct Desk {
    folder: tempfile::TempDir,
    world: Running,
}

impl Desk {
    /// A folder with a shipped project or a template, and a sandbox.
    fn open(template: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = ferry(folder.path()).args(["new", template, "own"]).output().unwrap();
        assert_eq!(made.status.code(), Some(0));
        let world = sandbox(folder.path(), &["--requests", "3", "--speed", "5000"]);
        Self { folder, world }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The exit code and both outputs of a call in the sandbox's world.
    fn call(&self, args: &[&str]) -> (Option<i32>, String, String) {
        outcome(ferry(self.folder.path()).args(args).env("FERRY_SANDBOX", &self.world.address))
    }

    fn plan(&self, args: &[&str]) -> (Option<i32>, Value) {
        let fixed = ["--project", "own", "--out", "plan.json", "--format", "json", "--detailed-exitcode"];
        let (code, stdout, stderr) = self.call(&[&["plan"], args, &fixed[..]].concat());
        assert!(!stdout.is_empty(), "{stderr}");
        let printed: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(
            printed,
            serde_json::from_str::<Value>(&fs::read_to_string(self.path("plan.json")).unwrap()).unwrap()
        );
        (code, printed)
    }

    /// What the sandbox has booked, and how its payment requests are.
    fn books(&self) -> [String; 2] {
        ["ledger", "requests"].map(|what| self.asked(what))
    }

    fn asked(&self, what: &str) -> String {
        self.curl(what, &[])
    }

    fn told(&self, what: &str, body: &str) {
        self.curl(what, &["--json", body]);
    }

    fn curl(&self, what: &str, args: &[&str]) -> String {
        let url = format!("{}/_sandbox/{what}", self.world.address);
        let output = Command::new("curl").args(["-s", "--fail-with-body", &url]).args(args).output().unwrap();
        assert!(output.status.success(), "{url}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn bookings(&self) -> (u64, u64) {
        let ledger: Value = serde_json::from_str(&self.asked("ledger")).unwrap();
        let count = |name: &str| ledger["totals"][name].as_u64().unwrap();
        (count("bookings"), count("booked_twice"))
    }
}

/// The values of one field of all steps.
fn all<'a>(plan: &'a Value, field: &str) -> Vec<&'a str> {
    let events = plan["events"].as_array().unwrap().iter();
    events.flat_map(|event| event["steps"].as_array().unwrap()).filter_map(|step| step[field].as_str()).collect()
}

#[test]
fn a_plan_shows_the_requests_and_writes_nothing() {
    let desk = Desk::open("payoneer-salesforce");
    let before = desk.books();
    let (code, plan) = desk.plan(&["mass-payouts"]);
    assert_eq!(desk.books(), before);
    assert!(!desk.path(".ferry").exists(), "a plan makes no store");
    assert_eq!((code, all(&plan, "fate")), (Some(3), vec!["send"; 3]));
    assert_eq!(all(&plan, "call"), ["payoneer.create_payout"; 3]);
    assert_eq!(plan["requests"], serde_json::json!({ "payoneer": 1 }), "three payouts are one request");
    let request = &plan["events"][0]["steps"][0]["request"];
    assert!(request["url"].as_str().unwrap().ends_with("/masspayouts") && request["method"] == "POST", "{request}");
    assert_eq!(request["body"]["Payments"][0]["client_reference_id"], plan["events"][0]["key"]);
    assert_eq!(request["headers"]["authorization"], "***");
    assert_eq!(plan["events"][0]["then"], serde_json::json!(["settled", "record", "close", "reason", "transferred"]));
    let seed: Value = serde_json::from_str(&desk.asked("seed")).unwrap();
    let saved = fs::read_to_string(desk.path("plan.json")).unwrap();
    for connector in ["payoneer", "salesforce"] {
        let secret = seed[connector]["client_secret"].as_str().unwrap();
        assert!(!saved.contains(secret), "the plan holds a secret of {connector}");
    }
    let key = plan["events"][1]["key"].as_str().unwrap();
    let (_, one) = desk.plan(&["mass-payouts", "--key", key]);
    assert_eq!((one["events"].as_array().unwrap().len(), one["events"][0]["key"].as_str()), (1, Some(key)));
}

#[test]
fn a_plan_that_is_applied_twice_pays_once() {
    let desk = Desk::open("payoneer-salesforce");
    desk.plan(&["mass-payouts"]);
    let (code, _, stderr) = desk.call(&["apply", "plan.json"]);
    assert!(code == Some(0) && stderr.contains("mass-payouts: 3 finished"), "{stderr}");
    assert_eq!(desk.bookings(), (3, 0));
    let before = desk.books();
    let (code, _, stderr) = desk.call(&["apply", "plan.json"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("its run was `new`, and is `finished` now"), "{stderr}");
    assert_eq!(desk.books(), before);
    let (code, again) = desk.plan(&["mass-payouts"]);
    assert_eq!((code, all(&again, "fate")), (Some(0), Vec::new()), "nothing is left to be sent");
}

#[test]
fn a_plan_of_what_a_crash_has_left_looks_it_up_first() {
    let desk = Desk::open("payoneer-salesforce");
    desk.told("clock", r#"{ "speed": 1 }"#);
    desk.told(
        "faults",
        r#"{ "rules": [ { "fault": "slow", "system": "payoneer", "path": "masspayouts", "delay_ms": 20000 } ] }"#,
    );
    let mut command = ferry(desk.folder.path());
    command.args(["run", "mass-payouts", "--project", "own"]).env("FERRY_SANDBOX", &desk.world.address);
    let mut run = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let is_hit = || serde_json::from_str::<Value>(&desk.asked("faults")).unwrap()["rules"][0]["hits"] == 1;
    while !is_hit() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    desk.told("faults", "{}");
    let (code, plan) = desk.plan(&["mass-payouts"]);
    assert_eq!((code, all(&plan, "fate")), (Some(0), vec!["look_up"; 3]), "{plan}");
    assert_eq!(desk.bookings(), (3, 0));
}

/// The money that a run was released for is its own, and not that of others whose payouts come first.
#[tokio::test]
async fn a_plan_of_a_run_that_was_released_spends_what_is_reserved_for_it() {
    let desk = Desk::open("payoneer-salesforce");
    desk.told("seed", r#"{ "balance": "0.00" }"#);
    let rule = r#"{ "fault": "throttled", "system": "payoneer", "path": "masspayouts", "retry_after_s": 10000000, "times": 9 }"#;
    desk.told("faults", &format!(r#"{{ "rules": [ {rule} ] }}"#));
    let address = desk.world.address.clone();
    let service = serve_folder(desk.folder.path(), &desk.path("own"), "ferry.db", &["--sandbox", &address]);
    let store = SqliteStore::open_existing(&desk.path("ferry.db")).unwrap();
    let wait = || std::thread::sleep(std::time::Duration::from_millis(50));
    let first = loop {
        let queue = store.queue("payoneer/USD", 9).await.unwrap();
        if queue.len() == 3 {
            break queue[0].clone();
        }
        wait();
    };
    desk.told("seed", &serde_json::json!({ "deposit": first.reservation.amount.to_string() }).to_string());
    let was_refused = |(_, entry): &(Timestamp, Entry)| matches!(entry, Entry::Failed { failure, .. } if failure.class == ErrorClass::Throttled);
    while !store.run(&first.run).await.unwrap().unwrap().journal.iter().any(was_refused) {
        wait();
    }
    drop(service);
    let key = store.run(&first.run).await.unwrap().unwrap().row.event_key;
    let (code, plan) = desk.plan(&["mass-payouts", "--key", &key, "--store", "ferry.db"]);
    assert_eq!((code, all(&plan, "fate")), (Some(3), vec!["send"]), "{plan}");
    let (_, plan) = desk.plan(&["mass-payouts", "--store", "ferry.db"]);
    assert_eq!(plan["requests"], serde_json::json!({ "payoneer": 1 }), "{plan}");
}

#[test]
fn a_plan_says_that_a_payout_without_its_money_is_held_only_where_the_pipeline_holds_it() {
    let desk = Desk::open("payoneer-salesforce");
    desk.told("seed", r#"{ "balance": "0.00" }"#);
    let (code, plan) = desk.plan(&["mass-payouts"]);
    assert_eq!((code, all(&plan, "fate"), &plan["money"]), (Some(0), vec!["held"; 3], &serde_json::json!([])));
    let pipeline = desk.path("own/mass-payouts.yaml");
    let written = fs::read_to_string(&pipeline).unwrap();
    let (before, hold) = written.split_once("      - class: insufficient_funds").unwrap();
    let (_, after) = hold.split_once("      - class: [rejected").unwrap();
    fs::write(&pipeline, format!("{before}      - class: [rejected{after}")).unwrap();
    let (_, plan) = desk.plan(&["mass-payouts"]);
    assert_eq!(all(&plan, "fate"), ["refused"; 3]);
}

#[tokio::test]
async fn a_plan_of_an_event_whose_run_is_forgotten_says_that_nothing_is_sent() {
    let desk = Desk::open("webhook");
    let args = ["payees", "--event", "own/samples/payee.json", "--store", "ferry.db"];
    let (code, _, stderr) = desk.call(&[&["run"], &args[..], &["--project", "own"]].concat());
    assert_eq!(code, Some(0), "{stderr}");
    let forget = Change::Forget { run: RunId::of("payees", "P-901"), before: Timestamp::MAX };
    let store = SqliteStore::open_existing(&desk.path("ferry.db")).unwrap();
    assert_eq!(store.commit(vec![forget]).await.unwrap().forgotten, 1);
    let before = desk.books();
    let (code, plan) = desk.plan(&args);
    assert_eq!((code, all(&plan, "fate")), (Some(0), Vec::new()), "{plan}");
    assert_eq!((&plan["events"][0]["run"], &plan["requests"]), (&"forgotten".into(), &serde_json::json!({})));
    let (_, shown, _) = desk.call(&[&["plan"], &args[..], &["--project", "own"]].concat());
    assert!(shown.contains("P-901 (forgotten)\n  = its run has ended and is forgotten; nothing is sent\n"), "{shown}");
    let (code, _, stderr) = desk.call(&["apply", "plan.json", "--store", "ferry.db"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(desk.books(), before);
}

#[test]
fn what_has_changed_since_is_refused() {
    let desk = Desk::open("webhook");
    let event = desk.path("own/samples/payee.json");
    let was = fs::read_to_string(&event).unwrap();
    let pipeline = desk.path("own/payees.yaml");
    let args = ["payees", "--event", "own/samples/payee.json"];
    let (code, plan) = desk.plan(&args);
    assert_eq!((code, all(&plan, "call")), (Some(3), vec!["salesforce.upsert"]));
    let refused = |says: &str| {
        let (code, _, stderr) = desk.call(&["apply", "plan.json"]);
        assert!(code == Some(1) && stderr.contains(says), "{says}: {stderr}");
        assert!(!desk.path(".ferry").exists(), "nothing has begun");
    };
    fs::write(&event, was.replace("Almeida", "Silva")).unwrap();
    refused("P-901: the event has another content");
    fs::write(&event, was.replace("P-901", "P-902")).unwrap();
    refused("P-901: the event is not found any more");
    fs::write(&event, &was).unwrap();
    let written = fs::read_to_string(&pipeline).unwrap();
    fs::write(&pipeline, written.replace("max_length: 40", "max_length: 41")).unwrap();
    refused("the pipeline is version ");
    fs::write(&pipeline, &written).unwrap();
    let saved = fs::read_to_string(desk.path("plan.json")).unwrap();
    fs::write(desk.path("plan.json"), saved.replace("Almeida", "Silva")).unwrap();
    refused("plan.json was changed after it was made");
    fs::write(desk.path("plan.json"), &saved).unwrap();
    let (code, _, stderr) = desk.call(&["apply", "plan.json"]);
    assert!(code == Some(0) && stderr.contains("payees: 1 finished"), "{stderr}");
}

#[test]
fn a_call_that_names_no_plan_says_what_to_do() {
    let desk = Desk::open("webhook");
    fs::write(desk.path("other.json"), "{}").unwrap();
    for (args, says) in [
        (&["plan", "payees", "--project", "own"][..], "`payees` does not poll; give it an event with `--event FILE`"),
        (&["plan", "payes", "--project", "own"], "did you mean `payees`?"),
        (&["apply", "nowhere.json"], "nowhere.json"),
        (&["apply", "other.json"], "other.json is no plan of `ferry plan`"),
    ] {
        let (code, _, stderr) = desk.call(args);
        assert!(code == Some(2) && stderr.contains(says), "{args:?}: {stderr}");
    }
    assert!(!Path::new(&desk.path(".ferry")).exists());
}
