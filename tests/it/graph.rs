//! `ferry graph` as its user meets it.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::program::ferry;

const PROJECT: &str = "ferry: 1\nproject: example\nalerts: { ops: log }\n";
const PIPELINE: &str = "ferry: 1\npipeline: NAME\ntrigger: manual\nsteps:\n  - { id: one, map: { x: 1 } }\n  \
                        - { id: two, needs: [one], wait: { for: 1d } }\non_failure: { alert: ops }\n";

/// A project with the pipelines `good`, `other` and, in `bad.yaml`, one that waits for a step that is not there.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("ferry.yaml", PROJECT.to_owned());
    write("good.yaml", PIPELINE.replace("NAME", "good"));
    write("other.yaml", PIPELINE.replace("NAME", "other"));
    write("bad.yaml", PIPELINE.replace("NAME", "bad").replace("[one]", "[onne]"));
    folder
}

fn graph(folder: &Path, args: &[&str]) -> Output {
    ferry(folder).arg("graph").args(args).env("LC_ALL", "C.UTF-8").output().unwrap()
}

/// Whether another reader takes it for XML; gives what it has to say of the root.
pub(crate) fn xml_root(text: &[u8]) -> String {
    let script = "import sys, xml.etree.ElementTree as tree\n\
                  root = tree.fromstring(sys.stdin.buffer.read())\n\
                  print(root.tag.split('}')[-1], *(f'{k}={v}' for k, v in sorted(root.attrib.items())))";
    let mut python =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(text).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "this is no XML: {}", String::from_utf8_lossy(text));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_pipeline_is_drawn_for_each_reader() {
    let folder = project();
    let text = graph(folder.path(), &["good.yaml"]);
    expect_test::expect![[r#"
        good

        ┌───────────────────┐
        │ trigger           │
        │ by hand, or by    │
    "#]]
    .assert_eq(&(String::from_utf8(text.stdout).unwrap().lines().take(5).collect::<Vec<_>>().join("\n") + "\n"));
    let plain = ferry(folder.path()).args(["graph", "good.yaml"]).env("LC_ALL", "C").output().unwrap();
    assert!(plain.stdout.is_ascii() && String::from_utf8_lossy(&plain.stdout).contains("| waits for 1d "));
    let narrow = graph(folder.path(), &["good.yaml", "--width", "10"]);
    assert!(String::from_utf8_lossy(&narrow.stdout).contains("● two\n    waits for 1d\n    needs one\n"));
    let svg = xml_root(&graph(folder.path(), &["--pipeline", "good", "--format", "svg"]).stdout);
    assert!(svg.starts_with("svg ") && svg.contains("role=img"), "{svg}");
    let json = graph(folder.path(), &["--pipeline", "other", "--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!((&json["format_version"], &json["pipeline"]), (&"1.0".into(), &"other".into()));
    assert_eq!(json["edges"][1]["kind"], "needs");
}

/// The exit code, and what is said.
#[test]
fn what_cannot_be_drawn_says_why() {
    let folder = project();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for (args, code, says) in [
        (&["bad.yaml"][..], 1, "there is no step `onne` to wait for here"),
        (&["--pipeline", "bad"], 1, "help: did you mean `one`?"),
        (&["."], 2, "there are 3 pipelines; name one with `--pipeline`: "),
        (&["--pipeline", "god"], 4, "there is no pipeline `god` here; did you mean `good`?"),
        (&["ferry.yaml"], 4, "ferry.yaml is no pipeline"),
        (&["empty"], 4, "there is no ferry.yaml in empty or below it"),
        (&["nowhere"], 2, "nowhere cannot be read"),
    ] {
        let output = graph(folder.path(), args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
}

/// What is wrong with the project keeps each of its pipelines from being checked, and so from being drawn.
#[test]
fn an_error_of_the_project_is_said() {
    let folder = project();
    std::fs::write(folder.path().join("ferry.yaml"), PROJECT.replace("log", "lgo")).unwrap();
    let output = graph(folder.path(), &["good.yaml"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && stderr.contains("`lgo` is not an alert channel"), "{stderr}");
}
