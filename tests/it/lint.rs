//! `ferry lint` for build servers, and beside an editor.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::{graph::xml_root, program::ferry};

const PROJECT: &str = "ferry: 1\nproject: example\n";
const PIPELINE: &str = "ferry: 1\npipeline: p\ntrigger: manual\nsteps:\n  - { id: a, map: { x: 1 } }\n";

/// A project of one pipeline.
fn project(pipeline: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ferry.yaml"), PROJECT).unwrap();
    fs::write(folder.path().join("p.yaml"), pipeline).unwrap();
    folder
}

fn junit(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = ferry(folder).args(["lint", "--format", "junit"]).args(args).output().unwrap();
    let root = xml_root(&output.stdout);
    assert_eq!(root.split(' ').next(), Some("testsuites"));
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn findings_are_told_to_build_servers() {
    let folder = project(&PIPELINE.replace("map:", "\"on_error<&\": 1, map:"));
    let (code, text) = junit(folder.path(), &[]);
    expect_test::expect![[r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="ferry lint" tests="2" failures="1" errors="0">
          <testsuite name="ferry.yaml" tests="1" failures="0" errors="0" skipped="0">
            <testcase name="no finding" classname="ferry.yaml"/>
          </testsuite>
          <testsuite name="p.yaml" tests="1" failures="1" errors="0" skipped="0">
            <testcase name="unknown-key at 5:14" classname="p.yaml"><failure type="unknown-key" message="`on_error&lt;&amp;` is not a key of a step">p.yaml:5:14: error[unknown-key] `on_error&lt;&amp;` is not a key of a step
        help: did you mean `on_error`?</failure></testcase>
          </testsuite>
        </testsuites>
    "#]].assert_eq(&text);
    assert_eq!(code, Some(1));

    let folder = project(&PIPELINE.replace("map:", "when: 1 < 2, map:"));
    let (code, text) = junit(folder.path(), &[]);
    assert!(code == Some(0) && text.contains("failures=\"0\"") && text.contains("<system-out>p.yaml:5:"), "{text}");
    let (code, text) = junit(folder.path(), &["--deny-warnings"]);
    assert!(
        code == Some(1) && text.contains("<failure type=\"constant-condition\" message=\"`1 &lt; 2` reads"),
        "{text}"
    );
}

/// It lints again after each change, prints no command of a terminal to what is none, and ends with 130.
#[test]
fn a_change_is_linted_until_ctrl_c() {
    let with_key = |key: &str| PIPELINE.replace("map:", &format!("{key}: 1, map:"));
    let folder = project(&with_key("mop"));
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let mut command = ferry(folder.path());
    command.args(["lint", "--watch", "--format", "concise", "p.yaml"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut until = |says: &str| loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it has ended before it said {says}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
        if line.contains(says) {
            break;
        }
    };
    until("`mop` is not a key of a step");
    write("p.yaml", &with_key("mup"));
    until("`mup` is not a key of a step");
    // A project that is gone for a while, or broken, ends nothing.
    fs::remove_file(folder.path().join("ferry.yaml")).unwrap();
    write("p.yaml", &with_key("mip"));
    write("ferry.yaml", &PROJECT.replace("ferry: 1", "ferry: 7"));
    write("p.yaml", &with_key("mep"));
    until("`mep` is not a key of a step");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn what_cannot_be_watched_says_why() {
    let folder = project(PIPELINE);
    for (args, code, says) in [
        (&["--watch", "--format", "sarif"][..], 2, "`--watch` prints for people"),
        (&["--watch", "nowhere"], 2, "nowhere cannot be read"),
        (&["--watch", ".", "empty"], 4, "there is no ferry.yaml in empty"),
    ] {
        fs::create_dir_all(folder.path().join("empty")).unwrap();
        let output = ferry(folder.path()).arg("lint").args(args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && stderr.contains(says), "{args:?}: {stderr}");
    }
}

/// A slip of the hand, codes that other readers of YAML take for something else, and a comment that allows nothing.
const CURES: &str = "ferry: 1
pipeline: p
trigger: { webhook: { path: p, verify: none }, key: $.id } # ferry: allow(open-webhook) tried here alone
steps:
  # It keeps its comment.
  - id: record
    mpa: { country: NO, code: 010, id: $.evnt.id } # and its own line
  - { id: told, emit: { event: a.b, key: $.event.id, data: $.record } } # ferry: allow(unused-step) long gone
";

#[test]
fn what_is_certain_is_mended_and_a_guess_only_when_it_is_asked_for() {
    let folder = project(CURES);
    let path = folder.path().join("p.yaml");
    let lint = |arguments: &[&str]| {
        let output = ferry(folder.path()).arg("lint").args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, _) = lint(&["--diff", "--unsafe-fixes"]);
    assert_eq!(code, Some(1));
    expect_test::expect![[r#"
        --- p.yaml
        +++ p.yaml
        @@ -4,5 +4,5 @@
         steps:
           # It keeps its comment.
           - id: record
        -    mpa: { country: NO, code: 010, id: $.evnt.id } # and its own line
        +    map: { country: "NO", code: "010", id: $.evnt.id } # and its own line
           - { id: told, emit: { event: a.b, key: $.event.id, data: $.record } } # ferry: allow(unused-step) long gone
    "#]]
    .assert_eq(&out);
    assert_eq!(fs::read_to_string(&path).unwrap(), CURES, "a diff changes nothing");
    let (code, _, said) = lint(&["--fix", "--unsafe-fixes"]);
    assert_eq!(code, Some(0), "{said}");
    expect_test::expect![[r#"
        ferry: 1
        pipeline: p
        trigger: { webhook: { path: p, verify: none }, key: $.id } # ferry: allow(open-webhook) tried here alone
        steps:
          # It keeps its comment.
          - id: record
            map: { country: "NO", code: "010", id: $.event.id } # and its own line
          - { id: told, emit: { event: a.b, key: $.event.id, data: $.record } }
    "#]]
    .assert_eq(&fs::read_to_string(&path).unwrap());
    assert_eq!(lint(&["--unsafe-fixes"]).0, Some(2));
    fs::write(&path, CURES.replace("mpa", "map").replace("evnt", "event")).unwrap();
    let (code, _, said) = lint(&["--fix"]);
    assert_eq!((code, fs::read_to_string(&path).unwrap().contains("code: \"010\"")), (Some(0), true), "{said}");
}
