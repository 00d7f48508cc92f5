//! Parameters and environments as their user meets them: a run keeps the values that it began with, and what was sent in
//! one environment never counts in another.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::program::{ferry, outcome};

const HEAD: &str = "ferry: 1\nproject: orders\nparams:\n  limit: { type: decimal, default: 10.50 }\n  payer: { doc: Who pays }\n\
                    alerts: { ops: log }\nvars: { limit: '${param:limit}' }\n";
const ENVIRONMENTS: &str = "environments:\n  sandbox: { params: { payer: ACME-TEST } }\n  production: {}\n";
const PIPELINE: &str = "ferry: 1\npipeline: order\ntrigger: { webhook: { path: orders, verify: none }, key: $.id }\nsteps:\n  - { id: \
                        paid, when: event.amount <= vars.limit, map: { who: '${param:payer}', note: { text: 'up to ${param:limit}' } \
                        } }\n";
/// What stops a run before it is paid.
const WAIT: &str = "steps:\n  - { id: later, wait: { for: 2s } }\n";

/// The exit code, and both outputs.
fn call(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let (code, stdout, stderr) = outcome(ferry(folder).args(args));
    (code, stdout + stderr.as_str())
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

/// All that is known of a run.
fn story(folder: &Path, key: &str) -> String {
    call(folder, &["runs", "show", key, "--format", "json"]).1
}

#[test]
fn a_run_keeps_the_values_that_it_began_with() {
    let folder = folder(HEAD);
    let folder = folder.path();
    let waits = PIPELINE.replace("steps:\n", WAIT).replace("id: paid,", "id: paid, needs: [later],");
    fs::write(folder.join("order.yaml"), waits).unwrap();
    let run = |event: &str, given: &[&str]| call(folder, &[&["run", "order", "--event", event], given].concat());
    let (code, text) = run("a.json", &[]);
    assert!(code == Some(2) && text.contains("the parameter `payer` has no value"), "{text}");
    let (code, text) = run("a.json", &["--param", "payr=x"]);
    assert!(
        code == Some(2) && text.contains("no project here has a parameter `payr`; did you mean `payer`?"),
        "{text}"
    );
    let mut first = ferry(folder);
    first.args(["run", "order", "--event", "a.json", "--param", "payer=ACME-EU"]);
    let mut first = first.stderr(Stdio::null()).spawn().unwrap();
    while !call(folder, &["runs", "list"]).1.contains("waiting") {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(Command::new("kill").args(["-INT", &first.id().to_string()]).status().unwrap().success());
    first.wait().unwrap();
    // It goes on with other values around it, and a new one begins with those.
    let (code, text) = run("b.json", &["--param", "payer=ACME-US", "--param", "limit=11"]);
    assert!(code == Some(0) && text.contains("2 finished"), "{text}");
    let (first, second) = (story(folder, "a"), story(folder, "b"));
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
    // Whoever looks at a run does so in the environment that its store is of.
    check(folder, &["why", "a", "--environment", "sandbox"], 2, "name its own `--store`");
    check(folder, &["why", "a"], 0, "");
}
