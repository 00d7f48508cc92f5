//! `ferry fmt` as its user meets it.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Output, Stdio},
};

use crate::program::ferry;

const GOOD: &str = "ferry: 1\nproject: example\n";
const UGLY: &str = "pipeline:   p\nferry: 1\n# why\nsteps:\n- {map: 1,id: a}\n";
const LAID_OUT: &str = "ferry: 1\npipeline: p\n# why\nsteps:\n  - { id: a, map: 1 }\n";

/// A project with a pipeline to lay out, its test, a table, a manifest, and files that are none of ferry's.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("own/ferry.yaml", GOOD);
    write("own/p.yaml", UGLY);
    write("own/p.test.yaml", "a:    1\n");
    write("own/tables/t.yaml", "a:    1\n");
    write("own/connectors/acme/connector.yaml", "a:    1\n");
    write("own/deploy/chart.yaml", "a:    {{ .Values }}\n");
    write("other.yaml", "a:    1\n");
    folder
}

fn fmt(folder: &Path, args: &[&str]) -> Output {
    ferry(folder).arg("fmt").args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_files_of_a_project_are_laid_out_once() {
    let folder = project();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let checked = fmt(folder.path(), &["--check"]);
    let names = "own/p.test.yaml\nown/p.yaml\nown/connectors/acme/connector.yaml\nown/tables/t.yaml\n";
    assert_eq!((checked.status.code(), stdout(&checked).as_str()), (Some(1), names));
    assert_eq!(read("own/p.yaml"), UGLY, "a check changes nothing");

    let first = fmt(folder.path(), &[]);
    assert_eq!((first.status.code(), stdout(&first).as_str()), (Some(0), names));
    assert_eq!((read("own/p.yaml"), read("own/tables/t.yaml")), (LAID_OUT.to_owned(), "a: 1\n".to_owned()));
    assert_eq!(read("other.yaml"), "a:    1\n", "it is in no project");
    let second = fmt(folder.path(), &["--check", "own"]);
    assert_eq!((second.status.code(), stdout(&second).as_str()), (Some(0), ""));
    assert_eq!(fmt(folder.path(), &["other.yaml"]).status.code(), Some(0));
    assert_eq!(read("other.yaml"), "a: 1\n", "it was named");
    let names: Vec<_> =
        fs::read_dir(folder.path().join("own")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 6, "nothing is left beside the files: {names:?}");
}

#[test]
fn a_difference_is_one_that_git_takes() {
    let folder = project();
    let diff = fmt(folder.path(), &["own/p.yaml", "--diff"]);
    expect_test::expect![[r#"
        --- own/p.yaml
        +++ own/p.yaml
        @@ -1,5 +1,5 @@
        -pipeline:   p
         ferry: 1
        +pipeline: p
         # why
         steps:
        -- {map: 1,id: a}
        +  - { id: a, map: 1 }
    "#]]
    .assert_eq(&stdout(&diff));
    assert_eq!(diff.status.code(), Some(1));
    fs::write(folder.path().join("p.diff"), &diff.stdout).unwrap();
    let mut git = std::process::Command::new("git");
    let applied =
        git.args(["apply", "-p0", "p.diff"]).current_dir(folder.path()).env("GIT_CEILING_DIRECTORIES", "/").output();
    assert!(applied.unwrap().status.success());
    assert_eq!(fs::read_to_string(folder.path().join("own/p.yaml")).unwrap(), LAID_OUT);
}

#[test]
fn where_a_file_is_broken_none_is_changed() {
    let folder = project();
    fs::write(folder.path().join("own/q.yaml"), "steps: [\n").unwrap();
    let output = fmt(folder.path(), &["own"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("error[yaml-syntax]") && stdout(&output).contains("own/q.yaml"), "{stderr}");
    assert!(stderr.contains("1 of 6 files cannot be laid out; nothing is changed"), "{stderr}");
    assert_eq!(fs::read_to_string(folder.path().join("own/p.yaml")).unwrap(), UGLY);
}

#[test]
fn links_and_rights_stay() {
    let folder = project();
    let (real, link) = (folder.path().join("own/p.yaml"), folder.path().join("link.yaml"));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("own/p.yaml", &link).unwrap();
    assert_eq!(fmt(folder.path(), &["link.yaml"]).status.code(), Some(0));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), LAID_OUT);
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);

    let table = folder.path().join("own/tables/t.yaml");
    fs::set_permissions(&table, fs::Permissions::from_mode(0o444)).unwrap();
    let refused = fmt(folder.path(), &["own/tables/t.yaml"]);
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && stderr.contains("own/tables/t.yaml: it may only be read"), "{stderr}");
}

/// Exit code, standard output, and a part of standard error.
#[test]
fn standard_input_becomes_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    for (args, text, code, out, says) in [
        (&["-"][..], UGLY, 0, LAID_OUT, ""),
        (&["-", "--check"], UGLY, 1, "<stdin>\n", "1 of 1 files would change"),
        (&["-", "--check"], LAID_OUT, 0, "", ""),
        (&["-"], "a: [\n", 1, "", "error[yaml-syntax]"),
        (&["-"], "? a\n: 1\n", 1, "", "<stdin>: its layout cannot be changed"),
        (&["-", "x.yaml"], "", 2, "", "`-` stands for standard input"),
        (&["."], "", 4, "", "there is nothing to lay out in ."),
        (&["nowhere"], "", 2, "", "nowhere is not there"),
    ] {
        let mut command = ferry(folder.path());
        command.arg("fmt").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A call that is refused does not read.
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(code), out), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
}

/// All YAML files of the repository, wherever they are.
#[test]
fn what_is_shipped_is_laid_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = ["pipelines", "connectors", "engine/core/tests/world/mass-payouts.yaml"];
    let output = fmt(&root, &[&["--check"], &files[..]].concat());
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("0 of "));
}
