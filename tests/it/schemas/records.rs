//! The canonical records: each has an example that is right, and the tables of statuses speak their words.

use std::{collections::BTreeSet, path::Path};

use boon::{Compiler, Schemas};
use ferry::load;
use ferry_contract::{
    report::{Report, Source},
    yaml,
};
use serde_json::{Map, Value};

use super::root;

const RECORDS: [&str; 9] =
    ["balance", "fee", "fx-rate", "journal-entry", "order", "payment", "payout", "recipient", "settlement"];

fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(root().join("schemas/records").join(path)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn validator(name: &str) -> impl Fn(&Value) -> Result<(), String> {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    for file in [name, "common"] {
        let schema = read(&format!("{file}.schema.json"));
        compiler.add_resource(&format!("https://ferry.invalid/{file}.schema.json"), schema).unwrap();
    }
    let index = compiler.compile(&format!("https://ferry.invalid/{name}.schema.json"), &mut schemas);
    let index = index.unwrap_or_else(|error| panic!("{name}: {error:#}"));
    move |value| schemas.validate(value, index).map_err(|error| format!("{error:#}"))
}

fn map(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

#[test]
fn each_record_has_an_example_and_refuses_what_is_none() {
    for name in RECORDS {
        let (validate, example) = (validator(name), read(&format!("examples/{name}.json")));
        let schema = read(&format!("{name}.schema.json"));
        assert_eq!(validate(&example), Ok(()), "{name}");
        for field in schema["required"].as_array().unwrap() {
            let mut without = map(&example).clone();
            without.shift_remove(field.as_str().unwrap()).unwrap_or_else(|| panic!("{name} has {field}"));
            assert!(validate(&without.into()).is_err(), "{name} without {field}");
        }
        let mut more = map(&example).clone();
        more.insert("another".to_owned(), 1.into());
        assert!(validate(&more.into()).is_err(), "{name} with a field that nobody knows");
    }
}

#[test]
fn money_is_exact_and_its_direction_is_said() {
    let (validate, example) = (validator("payout"), read("examples/payout.json"));
    let with = |amount: &str| {
        let mut record = map(&example).clone();
        record.insert("instructed_amount".to_owned(), serde_json::from_str(amount).unwrap());
        validate(&record.into())
    };
    assert_eq!(with(r#"{"amount": 0.01, "currency": "EUR"}"#), Ok(()));
    for wrong in [
        r#"{"amount": "0.01", "currency": "EUR"}"#,
        r#"{"amount": -1, "currency": "EUR"}"#,
        r#"{"amount": 1, "currency": "euro"}"#,
        r#"{"amount": 1}"#,
    ] {
        assert!(with(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn each_field_says_its_element_or_that_it_is_ours() {
    let says = ["pain.", "camt.", "CcyXchg/", "schema.org", "Ours", "Cdtr/Id"];
    for name in RECORDS {
        for (field, schema) in map(&read(&format!("{name}.schema.json"))["properties"]) {
            let text = schema["description"].as_str().unwrap_or_default();
            assert!(says.iter().any(|word| text.contains(word)), "{name}.{field}: {text}");
        }
    }
}

#[test]
fn each_record_is_listed() {
    let names = std::fs::read_dir(root().join("schemas/records")).unwrap();
    let names = names.filter_map(|entry| {
        entry.unwrap().file_name().to_string_lossy().strip_suffix(".schema.json").map(str::to_owned)
    });
    let known = RECORDS.iter().chain(&["common"]).map(|name| (*name).to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), known.collect::<BTreeSet<_>>());
}

fn table(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join(format!("pipelines/shared/tables/{name}.yaml"))).unwrap();
    let source = Source::new(name, text);
    yaml::parse(&source, &mut Report::new(&source)).unwrap().to_value()
}

#[test]
fn the_tables_of_statuses_have_the_words_of_the_records() {
    let codes = read("common.schema.json")["$defs"]["status"]["enum"].clone();
    let codes: BTreeSet<&str> = codes.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let (to_code, to_picklist) = (table("payment-status"), table("payment-status-salesforce"));
    let used: BTreeSet<&str> = map(&to_code).values().filter_map(Value::as_str).collect();
    assert_eq!(used, codes);
    assert_eq!(map(&to_picklist).keys().map(String::as_str).collect::<BTreeSet<_>>(), codes);
}

/// The status of a payout as a project would map it, with the shared tables.
const PIPELINE: &str = "\
ferry: 1
pipeline: status
trigger: manual
steps:
  - id: canonical
    map: { status: { from: { concat: [payoneer/, $.event.status] }, lookup: payment-status } }
  - id: picklist
    map: { from: $.canonical.status, lookup: payment-status-salesforce }
  - id: tell
    alert: { to: finance-ops, say: \"{$.picklist}\" }
on_failure: { alert: finance-ops }
";

#[test]
fn a_project_can_share_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for name in ["payment-status", "payment-status-salesforce"] {
        let path = format!("shared/tables/{name}.yaml");
        write(&path, &std::fs::read_to_string(root().join("pipelines").join(&path)).unwrap());
    }
    write("own/ferry.yaml", "ferry: 1\nproject: own\nalerts: { finance-ops: log }\nshares: [../shared]\n");
    write("own/status.yaml", PIPELINE);
    let projects =
        load::projects(&[folder.path().join("own")], &load::pipeline_rules(), &load::Wanted::default()).unwrap();
    let findings: Vec<String> =
        projects[0].reports().flat_map(Report::findings).map(|found| found.message.clone()).collect();
    assert_eq!(findings, Vec::<String>::new());
    assert_eq!(projects[0].checked.plans.len(), 1);
}
