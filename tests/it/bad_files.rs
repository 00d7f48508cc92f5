//! Every wrong file of this repository in one run: the bad example of each check's page, linted as projects of one folder.

#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "these are our own files")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use expect_test::expect_file;
use ferry_core::lint::checks;

use crate::program::ferry;

/// A project with both shipped connectors.
const PROJECT: &str = include_str!("../../engine/core/tests/world/project.yaml");
/// What a part of a pipeline lacks.
const HEAD: &str = include_str!("../../engine/core/tests/world/header.yaml");
/// What stands beside a file of tests.
const TESTED: &str = include_str!("../../engine/core/tests/world/tested.yaml");

/// The bad example of a page.
fn bad(page: &str) -> &str {
    let block = page.split("```yaml bad\n").nth(1).unwrap_or_default();
    block.split("```").next().unwrap_or_default()
}

/// The files of an example by their names: those that it begins with lines such as `# tables/status.yaml`, and what stands
/// before them as the file that it is.
fn files(block: &str) -> Vec<(String, String)> {
    let is_name =
        |name: &&str| [".yaml", ".csv", ".rhai", ".json"].iter().any(|end| name.ends_with(end) && !name.contains(' '));
    let mut files = vec![(String::new(), String::new())];
    for line in block.split_inclusive('\n') {
        match line.trim_end().strip_prefix("# ").filter(is_name) {
            Some(name) => files.push((name.to_owned(), String::new())),
            None => files.last_mut().unwrap().1.push_str(line),
        }
    }
    let first = files.remove(0).1;
    let has_key = |key: &str| first.lines().any(|line| line.starts_with(key));
    let whole = match () {
        () if first.trim().is_empty() => return files,
        () if has_key("connector:") => vec![("connectors/acme/connector.yaml", first)],
        () if has_key("project:") => vec![("ferry.yaml", first)],
        () if has_key("tests:") => {
            vec![("example.test.yaml", first), ("example.yaml", format!("{TESTED}{HEAD}"))]
        }
        () if first.starts_with("steps:") => vec![("example.yaml", format!("{first}{HEAD}"))],
        () => vec![("example.yaml", first)],
    };
    files.extend(whole.into_iter().map(|(name, text)| (name.to_owned(), text)));
    if files.iter().all(|(name, _)| name != "ferry.yaml") {
        files.push(("ferry.yaml".to_owned(), PROJECT.to_owned()));
    }
    files
}

fn write(folder: &Path, block: &str) {
    for (name, text) in files(block) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The findings as `ferry lint` prints them for these projects.
fn linted(folder: &Path, projects: &[PathBuf]) -> String {
    let output = ferry(folder).args(["lint", "--format", "concise"]).args(projects).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_wrong_file_is_linted_in_one_run_and_always_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut projects = Vec::new();
    for check in checks::all() {
        projects.push(PathBuf::from(check.name));
        write(&folder.path().join(check.name), bad(check.page));
    }
    projects.sort();
    let text = linted(folder.path(), &[]);
    // What belongs to one file is sorted by its place, and files by their names.
    let places: Vec<(&str, u32)> = text
        .lines()
        .map(|line| {
            let mut parts = line.splitn(3, ':');
            (parts.next().unwrap(), parts.next().unwrap().parse().unwrap())
        })
        .collect();
    assert!(places.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].1 <= pair[1].1), "{text}");
    projects.reverse();
    assert_eq!(linted(folder.path(), &projects), text, "the same again, whatever is named first");
    for check in checks::all().filter(|check| check.name != "unset-reference") {
        let own = format!("[{}]", check.name);
        let has = text.lines().any(|line| line.starts_with(&format!("{}/", check.name)) && line.contains(&own));
        assert!(has, "nothing is found by {}", check.name);
    }
    // The project around an example defines more than that uses.
    let is_own = |line: &&str| line.starts_with("unused-definition/") || !line.contains("[unused-definition]");
    let own: Vec<&str> = text.lines().filter(is_own).collect();
    expect_file!["bad_files.txt"].assert_eq(&(own.join("\n") + "\n"));
}
