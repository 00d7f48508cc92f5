//! `ferry new`: each template lints, is laid out, passes its tests and runs in the sandbox as it is made.

use std::{fs, path::Path, process::Command};

use crate::program::{ferry, outcome, sandbox};

fn call(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    outcome(ferry(folder).args(args))
}

/// The names of the templates, as they are listed.
fn names(folder: &Path) -> Vec<String> {
    let (code, listed, _) = call(folder, &["new"]);
    assert_eq!(code, Some(0));
    listed.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn every_template_lints_and_passes_its_tests_as_it_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let names = names(folder.path());
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates");
    let mut folders: Vec<String> =
        fs::read_dir(own).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    let mut listed = names.clone();
    listed.sort();
    assert_eq!(listed, folders);
    for name in &names {
        assert_eq!(call(folder.path(), &["new", name]).0, Some(0), "{name}");
        let (code, stdout, stderr) = call(folder.path(), &["lint", name, "--deny-warnings"]);
        assert_eq!((code, stdout.as_str()), (Some(0), ""), "{name}: {stderr}");
        let (code, stdout, _) = call(folder.path(), &["fmt", "--check", name]);
        assert_eq!((code, stdout.as_str()), (Some(0), ""), "{name}");
        let (code, stdout, stderr) = call(folder.path(), &["test", name]);
        assert!(code == Some(0) && stdout.contains(" 0 failed"), "{name}: {stdout}{stderr}");
    }
}

/// The very commands that are printed, with the sandbox's own address.
#[test]
fn every_template_runs_in_the_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let world = sandbox(folder.path(), &["--requests", "3", "--speed", "5000"]);
    for name in names(folder.path()) {
        let (_, _, next) = call(folder.path(), &["new", &name, &format!("made/{name}")]);
        let run = next.lines().last().unwrap().trim().strip_prefix("ferry ").unwrap();
        let run = run.replace("http://127.0.0.1:8788", &world.address);
        let mut args: Vec<&str> = run.split(' ').collect();
        let store = format!("{name}.db");
        args.extend(["--store", &store]);
        let (code, _, stderr) = call(folder.path(), &args);
        assert_eq!(code, Some(0), "{name}: {stderr}");
        assert!(stderr.lines().last().unwrap().ends_with(" finished"), "{name}: {stderr}");
    }
}

/// Each file names a schema that is there, also after it has grown old; what an editor makes of it is tested by `schemas`.
#[test]
fn files_name_schemas_that_are_in_the_project_and_stay_right() {
    let folder = tempfile::tempdir().unwrap();
    for name in names(folder.path()) {
        let made = folder.path().join(&name);
        assert_eq!(call(folder.path(), &["new", &name]).0, Some(0), "{name}");
        let schema_of = |file: &str| {
            let text = fs::read_to_string(made.join(file)).unwrap();
            let named =
                text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap().to_owned();
            serde_json::from_str::<serde_json::Value>(&fs::read_to_string(made.join(named)).unwrap()).unwrap()
        };
        assert_eq!(schema_of("ferry.yaml")["properties"]["connections"]["type"], "object", "{name}");
        for file in fs::read_dir(&made).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
            let Some(stem) = file.strip_suffix(".yaml").filter(|stem| *stem != "ferry") else { continue };
            let key = if stem.strip_suffix(".test").is_some() { "tests" } else { "pipeline" };
            assert!(schema_of(&file)["properties"][key].is_object(), "{name}/{file}");
        }
    }
    // Another ferry, or another connection: `ferry lint` writes them again, and only where they are.
    let pipeline = folder.path().join("webhook/.ferry/schemas/pipeline.schema.json");
    let right = fs::read_to_string(&pipeline).unwrap();
    fs::write(&pipeline, "{}").unwrap();
    let said = "The editor's schemas in webhook/.ferry/schemas are written anew.";
    assert!(call(folder.path(), &["lint", "webhook"]).2.contains(said));
    assert_eq!(fs::read_to_string(&pipeline).unwrap(), right);
    assert!(!call(folder.path(), &["lint", "webhook"]).2.contains(said));
    fs::remove_dir_all(folder.path().join("webhook/.ferry")).unwrap();
    assert_eq!(call(folder.path(), &["lint", "webhook"]).0, Some(0));
    assert!(!pipeline.exists());
}

/// The schemas belong to the project, and the payments in the store beside them to nobody's repository.
#[test]
fn git_takes_the_schemas_and_not_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let world = sandbox(folder.path(), &[]);
    assert_eq!(call(folder.path(), &["new", "webhook", "."]).0, Some(0));
    let run = ["run", "payees", "--project", ".", "--event", "samples/payee.json", "--sandbox", &world.address];
    assert_eq!(call(folder.path(), &run).0, Some(0));
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "-q"]);
    git(&["add", "--all"]);
    assert!(folder.path().join(".ferry/ferry.db").exists());
    let taken = git(&["ls-files", ".ferry"]);
    let schemas =
        ["connector", "pipeline", "project", "test"].map(|kind| format!(".ferry/schemas/{kind}.schema.json\n"));
    assert_eq!(taken, format!(".ferry/.gitignore\n{}", schemas.concat()));
    // Who has decided otherwise is left alone.
    fs::write(folder.path().join(".ferry/.gitignore"), "").unwrap();
    assert_eq!(call(folder.path(), &run).0, Some(0));
    assert_eq!(fs::read_to_string(folder.path().join(".ferry/.gitignore")).unwrap(), "");
}

#[test]
fn no_file_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("made")).unwrap();
    fs::write(folder.path().join("made/ferry.yaml"), "mine").unwrap();
    let (code, _, stderr) = call(folder.path(), &["new", "webhook", "made"]);
    assert_eq!(code, Some(2));
    assert_eq!(stderr, "error: nothing is written, because these files exist: made/ferry.yaml; name another folder\n");
    let there: Vec<_> = fs::read_dir(folder.path().join("made")).unwrap().collect();
    assert_eq!((there.len(), fs::read_to_string(folder.path().join("made/ferry.yaml")).unwrap().as_str()), (1, "mine"));
    let (code, _, stderr) = call(folder.path(), &["new", "webhok"]);
    assert!(code == Some(2) && stderr.contains("did you mean `webhook`?"), "{stderr}");
}
