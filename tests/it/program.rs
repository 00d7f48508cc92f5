//! The program as its user meets it: commands, messages, exit codes, signals.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use ferry_tests::program::{ANY_PORT, Program, Running, Serve};

/// The program under test.
pub(crate) fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_ferry-under-test"))
}

/// A call of the program.
pub(crate) fn ferry(folder: &Path) -> Command {
    program().command(folder)
}

/// Starts `ferry sandbox` on a free port.
pub(crate) fn sandbox(folder: &Path, args: &[&str]) -> Running {
    program().sandbox(folder, args).unwrap()
}

/// The project that pays, in a folder of that name; made where it is not there.
pub(crate) fn payouts(folder: &Path) -> PathBuf {
    let there = folder.join("payouts");
    if there.is_dir() { there } else { program().payouts(folder, "payouts").unwrap() }
}

/// Starts `ferry serve` on the project that pays and a file, and waits until it serves.
pub(crate) fn serve(folder: &Path, sandbox: &str) -> Running {
    serve_folder(folder, &payouts(folder), "ferry.db", &["--sandbox", sandbox])
}

/// Starts `ferry serve` on a folder of projects, and waits until it serves.
pub(crate) fn serve_folder(folder: &Path, projects: &Path, store: &str, args: &[&str]) -> Running {
    program().serve(Serve { folder, projects, store, lease_ms: 1_000, log: "off", listen: ANY_PORT, args }).unwrap()
}

/// How a call ends, and what it prints on standard output and on standard error.
pub(crate) fn outcome(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn output(folder: &Path, args: &[&str]) -> Output {
    ferry(folder).args(args).output().unwrap()
}

/// The exit code and the first line of standard error, of calls that a stranger would make.
#[test]
fn a_wrong_call_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::create_dir(folder.path().join("broken")).unwrap();
    std::fs::write(folder.path().join("broken/ferry.yaml"), "ferry: 1\nproject: broken\n").unwrap();
    std::fs::write(folder.path().join("broken/p.yaml"), "steps: [\n").unwrap();
    let never = "webhooks: [ { fault: late }, { fault: lost, one_in: 0 } ]";
    std::fs::write(folder.path().join("never.yaml"), never).unwrap();
    program().payouts(folder.path(), "ok").unwrap();
    for (args, code, says) in [
        (&["lint", "empty"][..], 4, "there is no ferry.yaml in empty or below it"),
        (&["lint", "nowhere"], 2, "a pipeline that is there"),
        (&["lint", "--frmat", "json"], 2, "a similar argument exists: '--format'"),
        (&["lint", "broken"], 1, ""),
        (&["-C", "broken", "lint", "p.yaml"], 1, "1 error"),
        (&["serve", "broken", "--admin", "127.0.0.1:0"], 2, "there is no pipeline to run"),
        (&["runs", "list"], 2, "there is no store at .ferry/ferry.db"),
        (&["dlq", "list", "--store", "none.db"], 2, "there is no store at none.db"),
        (&["runs", "list", "--state", "flying"], 2, "[possible values: running"),
        (&["explain", "unknwon-key"], 4, "did you mean `unknown-key`?"),
        (&["explain", "payoneer.create_payout"], 0, ""),
        (&["explain"], 0, ""),
        (&["sandbox", "--listen", "0.0.0.0:0"], 2, "loopback"),
        (&["sandbox", "--faults", "broken/p.yaml"], 2, "broken/p.yaml"),
        (&["sandbox", "--faults", "never.yaml"], 2, "never.yaml: `webhooks[1].one_in` must be 1"),
        (&["sandbox", "--webhook", "http://example.com/x"], 2, "write `http://127.0.0.1:PORT/hooks/PATH`"),
        (&["dlq", "list", "--store", "never.yaml/ferry.db"], 2, "cannot be seen: Not a directory"),
        (&["serve", "empty", "--sandbox", "http://127.0.0.1:1"], 2, "there is no ferry.yaml in empty"),
        (&["serve", "ok", "--lease", "20000"], 2, "manifests are checked for a lease of 10000 ms"),
        (&["serve", "ok", "--sandbox", "http://example.com"], 2, "is not on this machine"),
        (&["serve", "ok", "--sandbox", "http://127.0.0.1:1"], 69, "no sandbox answers"),
        (&["status", "--admin", "127.0.0.1:1"], 69, "no service answers at 127.0.0.1:1"),
        (&["-C", "nowhere", "lint"], 2, "nowhere: "),
        (&["frobnicate"], 2, "unrecognized subcommand"),
        (&["--version"], 0, ""),
    ] {
        let output = output(folder.path(), args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
}

#[test]
fn the_shipped_pipelines_have_no_finding() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = output(&root, &["lint", "pipelines", "--deny-warnings", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
    assert_eq!((output.status.code(), &report["format_version"]), (Some(0), &serde_json::json!("1.0")));
}

/// A copy of the shipped project with a slip of the hand in the name of an action.
fn misspelt() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    program().payouts(folder.path(), ".").unwrap();
    // What is tested is what is said of the pipeline, and not of its tests.
    std::fs::remove_file(folder.path().join("mass-payouts.test.yaml")).unwrap();
    let pipeline = folder.path().join("mass-payouts.yaml");
    let text = std::fs::read_to_string(&pipeline).unwrap();
    std::fs::write(&pipeline, text.replace("payoneer.create_payout ", "payoneer.create_payuot ")).unwrap();
    folder
}

#[test]
fn a_finding_shows_its_line_and_what_to_write() {
    let folder = misspelt();
    let output = output(folder.path(), &["lint"]);
    expect_test::expect![[r#"
        error[unknown-action]: `create_payuot` is not an action of connector `payoneer`
          --> mass-payouts.yaml:70:13
           |
        70 |     action: payoneer.create_payuot      # bundled by the connector: up to 500 a request
           |             ^^^^^^^^^^^^^^^^^^^^^^
           |
           = help: did you mean `create_payout`?
    "#]]
    .assert_eq(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_finding_is_told_to_code_hosts() {
    let folder = misspelt();
    let github = output(folder.path(), &["lint", "--format", "github"]);
    expect_test::expect![[r#"
        ::error title=ferry (unknown-action),file=mass-payouts.yaml,line=70,col=13,endLine=70,endColumn=35::mass-payouts.yaml:70:13: unknown-action `create_payuot` is not an action of connector `payoneer`%0A  help: did you mean `create_payout`?
    "#]]
    .assert_eq(&String::from_utf8_lossy(&github.stdout));
    assert_eq!(github.status.code(), Some(1));
    let none = output(folder.path(), &["lint", "--format", "github", "--exit-zero"]);
    assert_eq!((none.status.code(), none.stdout), (Some(0), github.stdout));

    let sarif = output(folder.path(), &["lint", "--format", "sarif"]);
    let mut log: serde_json::Value = serde_json::from_slice(&sarif.stdout).unwrap();
    let run = &mut log["runs"][0];
    let rule = run["tool"]["driver"]["rules"][0].take();
    assert_eq!(rule["id"], "unknown-action");
    assert!(rule["help"]["markdown"].as_str().unwrap().starts_with("# unknown-action\n"), "{rule}");
    expect_test::expect![[r#"
        [
          {
            "ruleId": "unknown-action",
            "level": "error",
            "message": {
              "text": "`create_payuot` is not an action of connector `payoneer`\nhelp: did you mean `create_payout`?"
            },
            "locations": [
              {
                "physicalLocation": {
                  "artifactLocation": {
                    "uri": "mass-payouts.yaml"
                  },
                  "region": {
                    "startLine": 70,
                    "startColumn": 13,
                    "endLine": 70,
                    "endColumn": 35
                  }
                }
              }
            ],
            "ruleIndex": 0
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", run["results"]));
    assert_eq!(sarif.status.code(), Some(0));
}

/// What follows from a broken manifest is not said beside what is wrong in it.
#[test]
fn a_broken_manifest_is_the_only_finding() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let copy = |from: &str, to: &str| {
        assert!(
            Command::new("cp").arg("-r").arg(root.join(from)).arg(folder.path().join(to)).status().unwrap().success()
        );
    };
    program().payouts(folder.path(), "own").unwrap();
    std::fs::create_dir(folder.path().join("own/connectors")).unwrap();
    copy("connectors/payoneer", "own/connectors/payoneer");
    let manifest = folder.path().join("own/connectors/payoneer/connector.yaml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen("maxLength: 36,", "sensitiv: true,", 1)).unwrap();
    let output = output(folder.path(), &["lint", "own", "--format", "concise"]);
    let found = String::from_utf8_lossy(&output.stdout);
    assert_eq!((output.status.code(), found.lines().count()), (Some(1), 1), "{found}");
    assert!(found.contains("error[unknown-key] `sensitiv` is not a key of a schema"), "{found}");
}

/// One run through the whole program, and what can be asked about it afterwards.
#[test]
fn a_run_can_be_listed_shown_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path(), &["--requests", "20", "--speed", "2000", "--seed", "3"]);
    let project = payouts(folder.path());
    let project = project.to_str().unwrap();
    let run = |args: &[&str]| {
        let mut command = ferry(folder.path());
        command.args(args).args(["--store", "ferry.db"]).env("FERRY_LOG", "off").env("USER", "tester").output().unwrap()
    };
    let output = run(&["run", "mass-payouts", "--project", project, "--sandbox", &sandbox.address]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("20 new events"), "{stderr}");

    let json = |args: &[&str]| -> serde_json::Value { serde_json::from_slice(&run(args).stdout).unwrap() };
    let runs = json(&["runs", "list", "--format", "json", "--state", "finished"]);
    let first = runs["runs"][0]["run"].as_str().unwrap();
    let story = json(&["runs", "show", first, "--format", "json"]);
    let entries = story["journal"].as_array().unwrap();
    assert!(entries[0]["entry"].get("started").is_some() && entries.last().unwrap()["entry"].get("finished").is_some());

    let letters = json(&["dlq", "list", "--format", "json"]);
    let letters = letters["dead_letters"].as_array().unwrap();
    assert_eq!(
        letters.len(),
        20 - runs["runs"].as_array().unwrap().len()
            - held(&json(&["runs", "list", "--format", "json", "--state", "held"]))
    );
    let letter = letters.iter().find(|letter| letter["step"] == "payable").unwrap();
    let key = letter["event_key"].as_str().unwrap();
    assert!(letter["message"].as_str().unwrap().contains("is not an e-mail address") && letter["event"]["Id"] == key);

    assert_eq!(run(&["dlq", "replay", key, "--yes", "--reason", "tried again"]).status.code(), Some(0));
    assert_eq!(
        run(&["dlq", "replay", key, "--yes", "--reason", "twice"]).status.code(),
        Some(4),
        "it is no dead letter any more"
    );
    run(&["run", "mass-payouts", "--project", project, "--sandbox", &sandbox.address]);
    let story = String::from_utf8_lossy(&run(&["runs", "show", key]).stdout).into_owned();
    assert!(story.contains("by tester: tried again"), "{story}");
    // The e-mail is still wrong, so it is a dead letter again, for the same reason.
    assert!(story.lines().last().unwrap().contains("dead_lettered"), "{story}");
}

fn held(list: &serde_json::Value) -> usize {
    list["runs"].as_array().unwrap().len()
}

#[test]
fn a_second_engine_is_refused_and_a_stopped_one_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path(), &["--requests", "20"]);
    let mut first = serve(folder.path(), &sandbox.address);
    let mut second = ferry(folder.path());
    second.arg("serve").arg(payouts(folder.path())).args([
        "--store",
        "ferry.db",
        "--sandbox",
        &sandbox.address,
        "--admin",
        "127.0.0.1:0",
    ]);
    let refused = second.output().unwrap();
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("another ferry runs the store ferry.db"), "{stderr}");

    let terminated = Command::new("kill").args(["-TERM", &first.child.id().to_string()]).status().unwrap();
    assert!(terminated.success());
    assert_eq!(first.child.wait().unwrap().code(), Some(0));
}

/// What is secret is in no output, no log and no file.
#[test]
fn a_secret_never_appears() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "s3cr3t-that-nobody-may-see";
    let pipelines = payouts(folder.path());
    let mut command = ferry(folder.path());
    command.arg("run").arg("mass-payouts").arg("--project").arg(&pipelines).args(["--store", "ferry.db", "-vv"]);
    for name in ["PAYONEER_PROGRAM_ID", "PAYONEER_CLIENT_ID", "SALESFORCE_MY_DOMAIN", "SALESFORCE_CLIENT_ID"] {
        command.env(name, "127.0.0.1:1/x");
    }
    for name in ["FERRY_SECRET_PAYONEER_CLIENT_SECRET", "FERRY_SECRET_SALESFORCE_CLIENT_SECRET"] {
        command.env(name, secret);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(69), "no such host answers");
    let mut seen = [output.stdout, output.stderr].concat();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        seen.extend(std::fs::read(file.unwrap().path()).unwrap_or_default());
    }
    assert!(!String::from_utf8_lossy(&seen).contains(secret));
}

const ASKS: &str = "\
ferry: 1
pipeline: refund
trigger: manual
inputs: { id: string }
steps:
  - { id: asked, approve: { by: [ana], expires: 1d, show: { id: $.event.id } } }
on_failure: { alert: ops }
";

/// It has no trigger that would say where the key stands, and ends where only a person can go on, also for whoever waits
/// for that run.
#[test]
fn a_pipeline_that_is_begun_by_hand_has_the_key_that_a_person_gives() {
    let folder = tempfile::tempdir().unwrap();
    let outer = ASKS.replace("refund", "returns").replace(
        "{ id: asked, approve: { by: [ana], expires: 1d, show: { id: $.event.id } } }",
        "{ id: back, pipeline: refund, with: { id: $.event.id } }",
    );
    for (file, text) in [
        ("ferry.yaml", "ferry: 1\nproject: shop\nalerts: { ops: log }\n"),
        ("refund.yaml", ASKS),
        ("returns.yaml", outer.as_str()),
        ("event.json", r#"{ "id": "r1" }"#),
        ("other.json", r#"{ "id": 1 }"#),
    ] {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    for (args, code, says) in [
        (&["refund"][..], 2, "does not poll; give it an event with `--event FILE`"),
        (&["refund", "--event", "event.json"], 2, "is begun by hand, so nothing names its event; add `--key KEY`"),
        (&["refund", "--key", "r1"], 2, "--event <FILE>"),
        (
            &["refund", "--event", "other.json", "--key", "r1"],
            2,
            "`refund` does not take this event: `$.id` must be string",
        ),
        (&["refund", "--event", "event.json", "--key", "r1"], 0, "refund: 1 new events, 0 corrected, 0 known"),
        (&["refund", "--event", "event.json", "--key", "r1"], 0, "refund: 0 new events, 0 corrected, 1 known"),
        (
            &["returns", "--event", "event.json", "--key", "r2"],
            0,
            "`ferry approvals list` says what waits for a person",
        ),
    ] {
        let output = output(folder.path(), &[&["run"], args].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
}
