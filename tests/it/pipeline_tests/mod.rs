//! `ferry test`, as its user meets it: what passes, what fails and how that is said, in all formats.

mod failing;
mod recorded;
mod shapes;

use std::{path::Path, process::Output};

use expect_test::{Expect, expect};

use crate::program::{ferry, payouts, sandbox};

const PROJECT: &str = "\
ferry: 1
project: shop
connections:
  payoneer: { connector: payoneer, environment: sandbox, program_id: \"1\", client_id: a, client_secret: \"${secret:b}\" }
  treasury: { connector: payoneer, environment: sandbox, program_id: \"2\", client_id: a, client_secret: \"${secret:b}\" }
  salesforce: { connector: salesforce, environment: sandbox, my_domain: a, client_id: a, client_secret: \"${secret:b}\" }
alerts: { ops: log }
";

const PAY: &str = "\
ferry: 1
pipeline: pay
trigger: { event: order.paid, key: $.Id }
steps:
  - id: large
    when: event.Amount > 1000
    approve: { by: [ana, bob], not: $.event.maker, show: $.event, expires: 1d }
  - id: balance
    needs: [large]
    action: payoneer.get_balance
    on_error: [ { class: unavailable, retry: { attempts: 2 }, then: continue } ]
  - id: submit
    needs: [balance]
    action: payoneer.create_payout
    with:
      client_reference_id: $.event.Id
      payee_id: $.event.payee
      amount: { money: { amount: $.event.Amount, currency: USD } }
      description: { from: $.event.text, default: no text }
  - { id: told, emit: { event: payout.sent, key: $.submit.client_reference_id, data: { id: $.event.Id } } }
on_failure: { alert: ops }
";

const OPEN: &str = "tests: [ { name: a, event: { Id: a, Amount: 5000, maker: a }, expect: { outcome: waiting } } ]\n";

/// A folder with one project.
fn project(pipeline: &str, tests: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ferry.yaml"), PROJECT).unwrap();
    std::fs::write(folder.path().join("pay.yaml"), pipeline).unwrap();
    std::fs::write(folder.path().join("pay.test.yaml"), tests).unwrap();
    folder
}

fn tested(folder: &Path, args: &[&str]) -> Output {
    ferry(folder).arg("test").args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn check(tests: &str, args: &[&str], code: i32, expected: Expect) {
    let folder = project(PAY, tests);
    let output = tested(folder.path(), args);
    assert_eq!(output.status.code(), Some(code), "{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
    expected.assert_eq(&stdout(&output));
    assert_eq!(tested(folder.path(), args), output, "the same tests say the same");
}

#[test]
fn the_shipped_pipelines_pass_their_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = tested(root, &["pipelines", "--min-coverage", "95"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
    assert!(stdout(&output).contains("a time-out after the request was sent never pays twice › it had arrived"));
}

#[test]
fn exit_codes_say_how_it_went() {
    let none = "tests: []\n";
    let broken = "tests: [ { name: a, evnt: {}, expect: { outcome: waiting } } ]\n";
    for (tests, args, code, says) in [
        (OPEN, &[][..], 0, ""),
        (OPEN, &["pay.yaml"], 0, ""),
        (OPEN, &["pay.test.yaml"], 0, ""),
        (none, &[], 4, "there is no test in ."),
        (OPEN, &["-k", "b"], 4, "no test has `b` in its name"),
        (OPEN, &["--min-coverage", "50"], 1, "% of the steps were run, and 50 % is the least"),
        (OPEN, &["--min-coverage", "101"], 2, "101 is not in 0..=100"),
        (OPEN, &["nowhere"], 2, "nowhere cannot be read"),
        (broken, &[], 1, "`evnt` is not a key of a test"),
        (broken, &["pay.yaml"], 1, "`evnt` is not a key of a test"),
        (OPEN, &["--record", "x"], 2, "there is no store"),
    ] {
        let folder = project(PAY, tests);
        let output = tested(folder.path(), args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}{}", stdout(&output));
        assert!(said.contains(says), "{args:?}: {said}");
    }
}

/// Lint says what is wrong with tests, and what runs pipelines does not care.
#[test]
fn a_broken_test_keeps_no_pipeline_from_running() {
    let folder = project(PAY, "tests: [ { name: a, evnt: {}, event: {} } ]\n");
    let linted = ferry(folder.path()).args(["lint", "--format", "concise"]).output().unwrap();
    assert_eq!(linted.status.code(), Some(1));
    expect![[r#"
        ferry.yaml:5:3: warning[unused-definition] no pipeline of this project uses the connection `treasury`; remove it, or name it in a pipeline
        ferry.yaml:6:3: warning[unused-definition] no pipeline of this project uses the connection `salesforce`; remove it, or name it in a pipeline
        pay.yaml:11:26: warning[untested-arm] no test lets `payoneer.get_balance` fail so that this arm is taken; add a test with the mock `payoneer.get_balance: { fail: unavailable }`
        pay.test.yaml:1:21: error[unknown-key] `evnt` is not a key of a test; did you mean `event`?
    "#]].assert_eq(&stdout(&linted));
    let output = ferry(folder.path()).args(["run", "pay", "--event", "none.json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("evnt") && said.contains("connection `payoneer`: `client_secret` has no value"), "{said}");
}

#[test]
fn a_run_becomes_a_test_that_does_what_it_did_and_names_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path(), &["--requests", "20", "--speed", "5000"]);
    let pipelines = payouts(folder.path());
    let run = ferry(folder.path())
        .args(["run", "mass-payouts", "--sandbox", &sandbox.address, "--project"])
        .arg(&pipelines)
        .output()
        .unwrap();
    assert!(run.status.code().is_some_and(|code| code == 0 || code == 5), "{run:?}");
    let listed = ferry(folder.path()).args(["runs", "list", "--format", "json"]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let (mut states, mut persons) = (std::collections::BTreeSet::new(), 0);
    for row in listed["runs"].as_array().unwrap() {
        if !states.insert(row["state"].as_str().unwrap().to_owned()) {
            continue;
        }
        let run = row["run"].as_str().unwrap();
        let recorded = ferry(folder.path()).arg("test").arg(&pipelines).args(["--record", run]).output().unwrap();
        let (text, said) = (stdout(&recorded), String::from_utf8_lossy(&recorded.stderr).into_owned());
        assert_eq!(recorded.status.code(), Some(0), "{said}\n{text}");
        let hidden = text.matches("person-").count();
        assert_eq!(text.matches('@').count(), hidden, "{text}");
        persons += hidden;
        let outcome = row["state"].as_str().unwrap().replace("dead_lettered", "dead_letter");
        assert!(
            text.contains(&format!("outcome: {outcome}\n")) || text.contains(&format!("outcome: {outcome} }}")),
            "{text}"
        );
    }
    assert!(states.len() >= 3 && persons > 0, "{states:?} {persons}");
}
