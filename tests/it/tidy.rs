//! Rules of style that no compiler knows.

use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 400;

/// All files of Rust, by their paths in the repository.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for folder in ["engine", "connectors", "tests"] {
        walk(&root.join(folder), &mut found);
    }
    found
        .iter()
        .map(|path| (path.strip_prefix(root).unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_source_file_begins_with_what_it_is_and_is_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
        if !text.starts_with("//! ") {
            wrong.push(format!("{} has no `//!` header", path.display()));
        }
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{} has {lines} lines without its tests", path.display()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn imports_go_one_way() {
    let allowed = [
        ("engine/contract", &[][..]),
        ("engine/core/src", &["ferry_contract"]),
        ("connectors/src", &["ferry_contract"]),
        ("connectors/sandbox", &[]),
        ("engine/service/src", &["ferry_contract", "ferry_core", "ferry_connectors", "ferry_sandbox"]),
    ];
    let crates = ["ferry_contract", "ferry_core", "ferry_connectors", "ferry_sandbox", "ferry_tests"];
    for (path, text) in sources() {
        let Some((folder, may)) = allowed.iter().find(|(folder, _)| path.starts_with(folder)) else { continue };
        let own = format!("{}::", text_crate(folder));
        for name in crates.iter().filter(|name| !may.contains(name) && !own.starts_with(**name)) {
            assert!(!text.contains(&format!("{name}::")), "{} imports {name}", path.display());
        }
    }
}

fn text_crate(folder: &str) -> &'static str {
    match folder {
        "engine/contract" => "ferry_contract",
        "engine/core/src" => "ferry_core",
        "connectors/src" => "ferry_connectors",
        "connectors/sandbox" => "ferry_sandbox",
        _ => "ferry",
    }
}

/// The ways of `once` name tests that exist.
#[test]
fn every_guard_names_a_test_that_exists() {
    let once = include_str!("../../engine/core/src/once/mod.rs");
    let all: String = sources().into_iter().map(|(_, text)| text).collect();
    let header: String = once.lines().take_while(|line| line.starts_with("//!")).collect();
    let named: Vec<&str> =
        header.split('`').skip(1).step_by(2).filter(|word| word.contains('_') && !word.contains('/')).collect();
    assert!(named.len() >= 8, "{named:?}");
    for name in named.iter().filter(|name| !["before_call", "after_failure", "visible_after"].contains(*name)) {
        assert!(all.contains(&format!("fn {name}")), "`{name}` is named in `once`, and is no test");
    }
}
