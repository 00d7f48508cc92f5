//! Parameters and environments as their user meets them: a run keeps the values that it began with, and what was sent in
//! one environment never counts in another.

use std::{fs, path::Path};

use serde_json::Value;

use crate::program::ferry;

const HEAD: &str = "ferry: 1\nproject: orders\nparams:\n  limit: { type: decimal, default: 10.50 }\n  payer: { doc: Who pays }\n\
                    alerts: { ops: log }\nvars: { limit: '${param:limit}' }\n";
const ENVIRONMENTS: &str = "environments:\n  sandbox: { params: { payer: ACME-TEST } }\n  production: {}\n";
const PIPELINE: &str = "ferry: 1\npipeline: order\ntrigger: { webhook: { path: orders, verify: none }, key: $.id }\nsteps:\n  - { id: \
                        release, approve: { by: [ana], expires: 1h } }\n  - { id: paid, needs: [release], when: event.amount <= \
                        vars.limit, map: { who: '${param:payer}', note: { text: 'up to ${param:limit}' } } }\n";

/// The exit code, and both outputs.
fn call(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = ferry(folder).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[track_caller]
fn check(folder: &Path, args: &[&str], code: i32, says: &str) {
    let (ended, text) = call(folder, args);
    assert!(ended == Some(code) && text.contains(says), "{args:?} ended with {ended:?}:\n{text}");
}

fn folder(project: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ferry.yaml"), project).unwrap();
    fs::write(folder.path().join("order.yaml"), PIPELINE).unwrap();
    for key in ["a", "b"] {
        let event = format!("{{ \"id\": \"{key}\", \"amount\": 10.5 }}");
        fs::write(folder.path().join(format!("{key}.json")), event).unwrap();
    }
    folder
}

/// What the step `paid` of a run gave.
fn paid(folder: &Path, key: &str) -> Value {
    let (_, text) = call(folder, &["runs", "show", key, "--format", "json"]);
    let story: Value = serde_json::from_str(&text).unwrap();
    let entries = story["entries"].as_array().unwrap().iter();
    let of = |entry: &&Value| entry.to_string().contains("ACME");
    entries.rev().find(of).unwrap_or_else(|| panic!("{text}")).clone()
}

#[test]
fn a_run_keeps_the_values_that_it_began_with() {
    let folder = folder(HEAD);
    let folder = folder.path();
    let run = |event: &str, given: &[&str]| call(folder, &[&["run", "order", "--event", event], given].concat());
    let (code, text) = run("a.json", &[]);
    assert!(code == Some(2) && text.contains("the parameter `payer` has no value"), "{text}");
    let (code, text) = run("a.json", &["--param", "payr=x"]);
    assert!(
        code == Some(2) && text.contains("no project here has a parameter `payr`; did you mean `payer`?"),
        "{text}"
    );
    let (code, text) = run("a.json", &["--param", "payer=ACME-EU"]);
    assert_eq!(code, Some(0), "{text}");
    check(folder, &["approvals", "approve", "a", "--by", "ana", "--reason", "right"], 0, "");
    // It goes on with other values around it, and a new one begins with those.
    let (code, text) = run("b.json", &["--param", "payer=ACME-US", "--param", "limit=11"]);
    assert_eq!(code, Some(0), "{text}");
    check(folder, &["approvals", "approve", "b", "--by", "ana", "--reason", "right"], 0, "");
    let (code, text) = run("b.json", &["--param", "payer=ACME-UK"]);
    assert_eq!(code, Some(0), "{text}");
    let (first, second) = (paid(folder, "a").to_string(), paid(folder, "b").to_string());
    assert!(first.contains("ACME-EU") && first.contains("up to 10.50"), "{first}");
    assert!(second.contains("ACME-US") && second.contains("up to 11"), "{second}");
}

#[test]
fn a_plan_is_applied_with_its_own_values() {
    let folder = folder(&format!("{HEAD}{ENVIRONMENTS}"));
    let folder = folder.path();
    let given = ["--param", "payer=ACME-EU", "--environment", "sandbox"];
    let plan = ["plan", "order", "--event", "a.json", "--out", "plan.json"];
    check(folder, &[&plan[..], &given].concat(), 0, "against the environment `sandbox`");
    check(folder, &["apply", "plan.json", "--param", "payer=ACME-US"], 1, "the pipeline is version");
    check(
        folder,
        &["apply", "plan.json", "--environment", "production"],
        1,
        "it was made for the environment `sandbox`",
    );
    check(folder, &["apply", "plan.json"], 0, "1 events of the plan");
}

#[test]
fn a_store_is_of_one_environment() {
    let folder = folder(HEAD);
    let folder = folder.path();
    let run = ["run", "order", "--event", "a.json", "--param", "payer=ACME"];
    let environment = |name| [&run[..], &["--environment", name]].concat();
    check(folder, &run, 0, "");
    fs::write(folder.join("ferry.yaml"), format!("{HEAD}{ENVIRONMENTS}")).unwrap();
    check(folder, &run, 2, "it has the environments `sandbox`, `production`, and none is chosen");
    check(folder, &environment("prod"), 2, "there is no environment `prod`");
    check(folder, &environment("production"), 2, "`ferry store assign production`");
    check(folder, &["store", "assign", "production"], 0, "is that of the environment `production` from now on");
    check(folder, &environment("production"), 0, "1 known");
    check(folder, &environment("sandbox"), 2, "the store was used with the environment `production`");
    check(folder, &["store", "assign", "sandbox"], 1, "what was sent there was not sent elsewhere");
    check(folder, &["store", "show"], 0, "used with the environment `production`");
    // A replay and an answer are of the environment that the store is of.
    check(
        folder,
        &["approvals", "approve", "a", "--by", "ana", "--reason", "right", "--environment", "sandbox"],
        2,
        "name its own",
    );
    check(folder, &["approvals", "approve", "a", "--by", "ana", "--reason", "right"], 0, "");
}
