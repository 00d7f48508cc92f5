//! The checklist of the mission: each row has what does it and a test that shows it, and `docs/coverage.md` says so.
//!
//! Rows are in `tests/coverage/*.yaml`. A row may stand in two files, where two projects have a part of it. Tests of pipelines are played by
//! `.ci/run`, those of Rust by `cargo test`; here they must be there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
};

use expect_test::expect_file;
use serde_json::Value;

/// The families of rows, with the first and the last of each.
const FAMILIES: [(&str, &str, u32, u32); 25] = [
    ("0-DF", "Payoneer and Salesforce: the way of data", 1, 8),
    ("0-TP", "Payoneer and Salesforce: where they touch", 1, 9),
    ("0-EM", "Payoneer and Salesforce: fields of recipients", 1, 7),
    ("0-API", "Payoneer and Salesforce: calls", 1, 6),
    ("0-TR", "Payoneer and Salesforce: conversions", 1, 6),
    ("0-ER", "Payoneer and Salesforce: what goes wrong", 1, 6),
    ("0-UC", "Payoneer and Salesforce: mass payouts, step by step", 0, 7),
    ("0-BF", "Payoneer and Salesforce: what it is good for", 1, 6),
    ("0-FQ", "Payoneer and Salesforce: what is asked about it", 1, 7),
    ("1-DF", "Payoneer, Clarity and books: the way of data", 1, 7),
    ("1-TP", "Payoneer, Clarity and books: where they touch", 1, 6),
    ("1-TR", "Payoneer, Clarity and books: conversions", 1, 5),
    ("1-ER", "Payoneer, Clarity and books: what goes wrong", 1, 5),
    ("1-UC", "Payoneer, Clarity and books: revenue reconciliation, step by step", 0, 4),
    ("1-BF", "Payoneer, Clarity and books: what it is good for", 1, 3),
    ("2-DF", "PayTrace and Salesforce: how it is built", 1, 5),
    ("2-TP", "PayTrace and Salesforce: parts", 1, 8),
    ("2-EM", "PayTrace and Salesforce: fields of payments", 1, 10),
    ("2-CF", "PayTrace and Salesforce: fields of one's own", 1, 2),
    ("2-API", "PayTrace and Salesforce: calls", 1, 5),
    ("2-TR", "PayTrace and Salesforce: conversions", 1, 6),
    ("2-ER", "PayTrace and Salesforce: what goes wrong", 1, 5),
    ("2-UC", "PayTrace and Salesforce: a sale, step by step", 0, 6),
    ("2-FQ", "PayTrace and Salesforce: what is asked about it", 1, 9),
    ("3-", "Payoneer's portal for developers", 1, 23),
];

/// Where a fact comes from that a row rests on.
const GRADES: [(&str, &str); 6] = [
    ("V", "the vendor's own page or repository"),
    ("R", "a public client, test or recorded payload"),
    ("M", "measured"),
    ("K", "well-known documentation of the vendor"),
    ("I", "inferred, or our proposal"),
    ("S", "the mission alone says it"),
];

/// A row, as its files have it.
#[derive(Default)]
struct Row {
    asks: String,
    by: BTreeSet<String>,
    tests: BTreeSet<Shown>,
    grades: BTreeSet<String>,
    notes: Vec<String>,
}

/// A test that shows a row.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
enum Shown {
    /// Of a pipeline: the file, and its name there.
    Pipeline(String, String),
    /// A function.
    Rust(String),
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let below = |path: PathBuf| if path.is_dir() { files(&path, ending) } else { vec![path] };
    let mut found: Vec<PathBuf> = entries.flat_map(|entry| below(entry.unwrap().path())).collect();
    found.retain(|path| {
        path.to_string_lossy().ends_with(ending) && !path.components().any(|part| part.as_os_str() == "target")
    });
    found.sort();
    found
}

fn yaml(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn rows() -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for path in files(&root().join("tests/coverage"), ".yaml") {
        for entry in yaml(&path).as_array().unwrap() {
            let row = rows.entry(text(&entry["id"])).or_default();
            if row.asks.is_empty() {
                row.asks = text(&entry["asks"]);
            }
            row.by.insert(text(&entry["by"]));
            row.grades.extend(text(&entry["grade"]).split(['/', ',']).map(|grade| grade.trim().to_owned()));
            row.notes.extend(entry["note"].as_str().map(str::to_owned));
            for test in entry["tests"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let (kind, name) = test.as_object().and_then(|test| test.iter().next()).unwrap();
                let name = text(name);
                row.tests.insert(if kind == "rust" { Shown::Rust(name) } else { Shown::Pipeline(kind.clone(), name) });
            }
        }
    }
    rows
}

/// The names of all functions of Rust that are tests.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["engine", "connectors", "tests"] {
        for path in files(&root().join(folder), ".rs") {
            let text = std::fs::read_to_string(path).unwrap();
            // Attributes stand above, and so may a comment.
            let tests = text.split("#[test]").skip(1).chain(text.split("#[tokio::test").skip(1));
            let name = |test: &str| test.split_once("fn ")?.1.split(['(', '<']).next().map(str::to_owned);
            names.extend(tests.filter_map(name));
        }
    }
    names
}

/// The names of the tests of a file, with those of their cases.
fn names_in(path: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for test in yaml(path)["tests"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let name = text(&test["name"]);
        let cases = test["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
        names.extend(cases.iter().map(|case| format!("{name} › {}", text(&case["name"]))));
        names.insert(name);
    }
    names
}

fn wanted() -> Vec<String> {
    FAMILIES
        .iter()
        .flat_map(|(family, _, first, last)| (*first..=*last).map(move |number| format!("{family}{number}")))
        .collect()
}

/// What keeps a row from being shown.
fn wrong(rows: &BTreeMap<String, Row>) -> Vec<String> {
    let (functions, mut known) = (functions(), BTreeMap::new());
    let mut wrong = Vec::new();
    for id in wanted() {
        let Some(row) = rows.get(&id) else {
            wrong.push(format!("{id} is in no file of tests/coverage"));
            continue;
        };
        if row.tests.is_empty() || row.asks.is_empty() {
            wrong.push(format!("{id} has no test, or does not say what is asked"));
        }
        for by in row.by.iter().filter(|by| !root().join(by.split('#').next().unwrap()).exists()) {
            wrong.push(format!("{id}: there is no `{by}`"));
        }
        for grade in row.grades.iter().filter(|grade| !GRADES.iter().any(|(known, _)| known == grade)) {
            wrong.push(format!("{id}: `{grade}` is no grade"));
        }
        for test in &row.tests {
            let is_there = match test {
                Shown::Rust(name) => functions.contains(name),
                Shown::Pipeline(file, name) => {
                    let path = root().join(file);
                    path.exists() && known.entry(file.clone()).or_insert_with(|| names_in(&path)).contains(name)
                }
            };
            if !is_there {
                wrong.push(format!("{id}: there is no test {}", shown(test)));
            }
        }
    }
    let wanted: BTreeSet<String> = wanted().into_iter().collect();
    wrong.extend(rows.keys().filter(|id| !wanted.contains(*id)).map(|id| format!("{id} is no row of the checklist")));
    wrong
}

fn shown(test: &Shown) -> String {
    match test {
        Shown::Rust(name) => format!("`{name}`"),
        Shown::Pipeline(file, name) => format!("[{}](../{file}): {name}", file.rsplit('/').next().unwrap()),
    }
}

fn page(rows: &BTreeMap<String, Row>) -> String {
    let mut page = String::from(
        "# What is covered\n\nEach row of the mission's checklist: what does it, the tests that show it, and how sure the facts are on which it rests. \
         This page is written by a test (`coverage::`), which fails where a row has no test, or names one that does not exist. \
         `ferry test pipelines` and `cargo test --workspace` run them.\n\n",
    );
    for (grade, meaning) in GRADES {
        let count = rows.values().filter(|row| row.grades.contains(grade)).count();
        writeln!(page, "- **{grade}**: {meaning} ({count} rows)").unwrap();
    }
    for (family, title, first, last) in FAMILIES {
        writeln!(page, "\n## {title}\n\n| row | asked | done by | shown by | grade |\n|---|---|---|---|---|").unwrap();
        for id in (first..=last).map(|number| format!("{family}{number}")) {
            let Some(row) = rows.get(&id) else { continue };
            let by: Vec<String> = row.by.iter().map(|by| format!("[{by}](../{by})")).collect();
            let tests: Vec<String> = row.tests.iter().map(shown).collect();
            let grades: Vec<&str> = row.grades.iter().map(String::as_str).collect();
            let notes = row.notes.iter().map(|note| format!(" *{note}*")).collect::<String>();
            let cells = [format!("{}{notes}", row.asks), by.join("<br>"), tests.join("<br>"), grades.join(", ")];
            let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
            writeln!(page, "| {id} | {} |", cells.join(" | ")).unwrap();
        }
    }
    page.replace("](../docs/", "](")
}

#[test]
fn every_row_of_the_checklist_has_a_test_that_exists() {
    let rows = rows();
    let wrong = wrong(&rows);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    expect_file![root().join("docs/coverage.md")].assert_eq(&page(&rows));
}
