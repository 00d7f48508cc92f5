//! What the linter takes the schemas take, and what is wrong in shape they refuse.

#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "these are our own files")]

use boon::{Compiler, SchemaIndex, Schemas};
use ferry::schemas::{Kind, Known};
use ferry_contract::{
    report::{Report, Source},
    yaml,
};
use ferry_core::{eval::operators::PAGES, lint::checks};
use serde_json::Value;

use super::{catalog, root};

/// The checks that a schema can make: of keys, of types, and of words.
const STRUCTURAL: [&str; 6] =
    ["unknown-key", "missing-key", "step-kind", "wrong-type", "invalid-value", "misplaced-key"];
/// What a part of a pipeline lacks.
const HEAD: &str = "ferry: 1\npipeline: example\ntrigger: manual\n";

/// The compiled schemas of all kinds.
pub(super) struct Oracle {
    schemas: Schemas,
    kinds: Vec<(Kind, SchemaIndex)>,
}

impl Oracle {
    fn new() -> Self {
        let catalog = catalog();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let kinds = Kind::ALL.map(|(name, kind)| {
            let url = format!("https://ferry.invalid/{name}.schema.json");
            compiler.add_resource(&url, kind.schema(&Known::shipped(&catalog))).unwrap();
            (kind, compiler.compile(&url, &mut schemas).unwrap_or_else(|error| panic!("{name}: {error:#}")))
        });
        Self { schemas, kinds: kinds.to_vec() }
    }

    fn validate(&self, kind: Kind, text: &str) -> Result<(), String> {
        let (_, index) = self.kinds.iter().find(|(known, _)| *known == kind).unwrap();
        self.schemas.validate(&value(text), *index).map_err(|error| format!("{error:#}"))
    }
}

fn value(text: &str) -> Value {
    let source = Source::new("example.yaml", text);
    let mut report = Report::new(&source);
    let root = yaml::parse(&source, &mut report);
    root.unwrap_or_else(|| panic!("this is no YAML: {:?}\n{text}", report.findings())).to_value()
}

/// The kind of file that a block is, and the whole of the file.
fn completed(block: &str) -> (Kind, String) {
    let has_key = |key: &str| block.lines().any(|line| line.starts_with(key));
    if has_key("connector:") {
        (Kind::Connector, block.to_owned())
    } else if has_key("project:") {
        (Kind::Project, block.to_owned())
    } else if has_key("tests:") {
        (Kind::Test, block.to_owned())
    } else if has_key("ferry:") {
        (Kind::Pipeline, block.to_owned())
    } else {
        (Kind::Pipeline, format!("{HEAD}{block}"))
    }
}

/// The files of a block, of which later ones begin with a line such as `# tables/status.yaml`; of those, pipelines and
/// projects are kept.
fn files(block: &str) -> Vec<String> {
    let mut files = vec![(String::new(), String::new())];
    for line in block.split_inclusive('\n') {
        let name = line.trim_end().strip_prefix("# ").filter(|name| !name.contains(' ') && name.contains('.'));
        match name {
            Some(name) => files.push((name.to_owned(), String::new())),
            None => files.last_mut().unwrap().1.push_str(line),
        }
    }
    let is_ours = |(name, text): &(String, String)| !text.trim().is_empty() && !name.contains('/');
    files.into_iter().filter(is_ours).map(|(_, text)| text).collect()
}

fn block<'a>(page: &'a str, fence: &str) -> &'a str {
    page.split_once(fence).unwrap().1.trim_start_matches('\n').split_once("```").unwrap().0
}

#[test]
fn what_is_shipped_is_as_its_schema_says() {
    let oracle = Oracle::new();
    let mut seen = 0;
    for folder in ["pipelines", "connectors"] {
        for project in std::fs::read_dir(root().join(folder)).unwrap() {
            let project = project.unwrap().path();
            for entry in std::fs::read_dir(&project).into_iter().flatten() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let kind = match name.as_str() {
                    "ferry.yaml" => Kind::Project,
                    "connector.yaml" => Kind::Connector,
                    name if name.ends_with(".test.yaml") => Kind::Test,
                    name if name.ends_with(".yaml") => Kind::Pipeline,
                    _ => continue,
                };
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!(oracle.validate(kind, &text), Ok(()), "{}", path.display());
                let modeline = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=");
                let schema = modeline.unwrap_or_else(|| panic!("{} names its schema first", path.display()));
                assert!(path.parent().unwrap().join(schema).is_file(), "{} names {schema}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 4, "only {seen} files were seen");
}

#[test]
fn pages_of_checks_agree_with_the_schemas() {
    let oracle = Oracle::new();
    for check in checks::all() {
        for file in files(block(check.page, "```yaml good")) {
            let (kind, text) = completed(&file);
            assert_eq!(oracle.validate(kind, &text), Ok(()), "{}:\n{text}", check.name);
        }
        if STRUCTURAL.contains(&check.name) {
            let wrong = files(block(check.page, "```yaml bad"));
            let is_refused = |file: &String| {
                let (kind, text) = completed(file);
                oracle.validate(kind, &text).is_err()
            };
            assert!(wrong.iter().any(is_refused), "{}: {wrong:?}", check.name);
        }
    }
    let known = |name: &str| checks::all().any(|check| check.name == name);
    assert!(STRUCTURAL.iter().all(|name| known(name)), "a check has another name now");
}

#[test]
fn examples_of_operators_are_values() {
    let oracle = Oracle::new();
    for example in PAGES.iter().flat_map(|page| page.examples) {
        let text = format!("{HEAD}steps: [ {{ id: a, map: {} }} ]\n", example.written);
        assert_eq!(oracle.validate(Kind::Pipeline, &text), Ok(()), "{}", example.written);
    }
}

#[track_caller]
fn check(text: &str, is_right: bool) {
    let (kind, text) = completed(text);
    let outcome = Oracle::new().validate(kind, &text);
    assert_eq!(outcome.is_ok(), is_right, "{outcome:?}\n{text}");
}

#[test]
fn other_connections_may_be_there_and_other_actions_of_known_ones_may_not() {
    check("steps: [ { id: a, action: crm.get, with: { object: Contact } } ]\n", true);
    check("steps: [ { id: a, action: salesforce.gett, with: { object: Contact } } ]\n", false);
    check("steps: [ { id: a, action: salesforce } ]\n", false);
}

#[test]
fn inputs_are_of_their_type_or_paths_or_operators() {
    let payout = |amount: &str| {
        let with = format!("{{ client_reference_id: a, payee_id: b, description: c, amount: {amount} }}");
        format!("steps: [ {{ id: a, action: payoneer.create_payout, with: {with} }} ]\n")
    };
    check(&payout("{ amount: 1, currency: EUR }"), true);
    check(&payout("$.event.amount"), true);
    check(&payout("{ money: { amount: 1, currency: EUR } }"), true);
    check(&payout("{ amount: { from: $.event.amount, as: decimal(2) }, currency: EUR }"), true);
    check(&payout("{ amount: one, currency: EUR }"), false);
    check(&payout("{ amount: { sum: 1 }, currency: EUR }"), false);
    check(&payout("1"), false);
    check("steps: [ { id: a, action: payoneer.create_payout, with: $.event } ]\n", true);
    check("steps: [ { id: a, action: payoneer.create_payout } ]\n", false);
}

#[test]
fn a_map_that_only_looks_like_an_operator_is_data() {
    check("steps: [ { id: a, map: { fee: $.event.fee } } ]\n", true);
    check("steps: [ { id: a, map: { fee: { of: $.event.x } } } ]\n", false);
    check("steps: [ { id: a, map: { fee: { of: $.event.x }, other: 1 } } ]\n", true);
    check("steps: [ { id: a, map: { from: $.event.x, trimm: true } } ]\n", false);
}
