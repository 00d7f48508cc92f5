//! Work with webhooks before a pipeline goes live: `ferry listen`, `ferry trigger`, and what lint and serve refuse.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use ferry_tests::program::address_to_keep;
use serde_json::{Value, json};

use crate::{
    program::{ferry, outcome, serve_folder},
    told::{PROJECT, SENT},
};

/// What a consultant does before a pipeline goes live: looks at what comes, and passes it on.
#[test]
fn a_listener_shows_what_comes_and_passes_it_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("told")).unwrap();
    std::fs::write(folder.join("told/ferry.yaml"), PROJECT).unwrap();
    std::fs::write(folder.join("told/sent.yaml"), SENT).unwrap();
    let service = serve_folder(folder, &folder.join("told"), "ferry.db", &[]);
    let address = address_to_keep().unwrap();
    let call = |args: &[&str]| {
        let mut command = ferry(folder);
        command.args(args).args(["--project", "told"]);
        command
    };
    let mut listening = call(&["listen", "payoneer.payout_sent", "--listen", &address, "--format", "json"]);
    listening.args(["--forward-to", &format!("{}sent", service.hooks)]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut listener = listening.spawn().unwrap();
    let mut said = BufReader::new(listener.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains(&format!("http://{address}")), "{line}");
    let to = format!("http://{address}/anything");
    let mut heard = BufReader::new(listener.stdout.take().unwrap());
    for (args, code, doubt, forwarded) in [
        (&["--set", "IntPaymentId=r-1"][..], 0, Value::Null, 202),
        (&["--bad-signature"], 1, json!("the signature does not fit the request"), 401),
    ] {
        let mut trigger = call(&["trigger", "payoneer.payout_sent", "--to", &to]);
        let (status, stdout, stderr) = outcome(trigger.args(args));
        assert_eq!(status, Some(code), "{stdout}{stderr}");
        assert!(stdout.starts_with(&forwarded.to_string()), "{stdout}");
        let mut line = String::new();
        heard.read_line(&mut line).unwrap();
        let heard: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&heard["doubt"], &heard["forwarded"]), (&doubt, &json!(forwarded)), "{line}");
        assert_eq!(heard["event"]["payee_id"], "P-77", "{line}");
    }
    listener.kill().unwrap();
    listener.wait().unwrap();
    for (args, says) in [
        (&["trigger", "payoneer.payout_snt"][..], "did you mean `payout_sent`?"),
        (&["trigger", "payonee.payout_sent"], "did you mean `payoneer`?"),
        (&["trigger", "payoneer.card_loaded"], "no pipeline of the project takes `payoneer.card_loaded`"),
        (&["trigger", "payoneer.payout_sent", "--set", "Int=1"], "the recorded body has no field `Int`; it has"),
        (&["trigger", "payoneer.payout_sent", "--to", "https://hooks.example.com/x"], "is not on this machine"),
        (&["listen", "payoneer.payout_sent", "--listen", "0.0.0.0:1"], "is not on this machine"),
    ] {
        let (status, _, stderr) = outcome(&mut call(args));
        assert!(status == Some(2) && stderr.contains(says), "{args:?}: {status:?} {stderr}");
    }
    std::fs::write(folder.join("told/ferry.yaml"), PROJECT.replace("NOBODY:-c", "NOBODY:-")).unwrap();
    let (status, _, stderr) = outcome(&mut call(&["trigger", "payoneer.payout_sent", "--to", &to]));
    assert!(status == Some(2) && stderr.contains("`webhook_secret` of the connection is empty"), "{status:?} {stderr}");
}

/// What a trigger says of its sender, and what is wrong with it.
#[test]
fn a_trigger_that_nobody_can_verify_is_refused_before_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("told")).unwrap();
    let pipeline = |webhook: &str| SENT.replace("{ from: payoneer.payout_sent, path: sent }", webhook);
    let unsigned = PROJECT.replace("    webhook_secret: ${env:NOBODY:-c}\n", "");
    let hook = r#"path: sent, verify: { header: X-Sig, secret: "${env:NOBODY:-}" }"#;
    for (project, webhook, code, says) in [
        (
            PROJECT,
            "{ from: payoneer.payout_sent, path: sent, verify: { header: X, secret: \"${env:A}\" } }",
            1,
            "the connector says how this webhook is verified",
        ),
        (
            PROJECT,
            "{ from: payoneer.payout_sent, path: sent, verify: none }",
            0,
            "remove `verify`: the connector says how",
        ),
        (PROJECT, "{ from: payoneer, path: sent }", 1, "`payoneer` names no webhook of a connection"),
        (PROJECT, "{ from: payonee.payout_sent, path: sent }", 1, "there is no connection `payonee` in ferry.yaml"),
        (
            &unsigned,
            "{ from: payoneer.payout_sent, path: sent }",
            1,
            "the connection `payoneer` has no `webhook_secret`",
        ),
        (PROJECT, "{ path: sent }", 1, "`webhook` needs `verify`"),
        (
            PROJECT,
            "{ path: sent, verify: { scheme: standard, secret: \"${env:A}\" } }",
            1,
            "`standard` is not a way to verify",
        ),
    ] {
        std::fs::write(folder.join("told/ferry.yaml"), project).unwrap();
        std::fs::write(folder.join("told/sent.yaml"), pipeline(webhook)).unwrap();
        let (status, stdout, stderr) = outcome(ferry(folder).args(["lint", "told"]));
        let said = format!("{stdout}{stderr}");
        assert!(status == Some(code) && said.contains(says), "{webhook}: {status:?} {said}");
    }
    // Everybody knows an empty secret.
    let empty = PROJECT.replace("webhook_secret: ${env:NOBODY:-c}", "webhook_secret: ${env:NOBODY:-}");
    for (project, webhook, says) in [
        (
            &empty[..],
            "{ from: payoneer.payout_sent, path: sent }",
            "`webhook_secret` is empty, and pipeline `sent` verifies",
        ),
        (PROJECT, &format!("{{ {hook} }}"), "is empty, and everybody knows an empty secret"),
    ] {
        std::fs::write(folder.join("told/ferry.yaml"), project).unwrap();
        std::fs::write(folder.join("told/sent.yaml"), pipeline(webhook)).unwrap();
        let args = ["serve", "told", "--store", "ferry.db", "--admin", "127.0.0.1:0", "--listen", "127.0.0.1:0"];
        let (status, _, stderr) = outcome(ferry(folder).args(args));
        assert!(status == Some(2) && stderr.contains(says), "{webhook}: {status:?} {stderr}");
    }
}
