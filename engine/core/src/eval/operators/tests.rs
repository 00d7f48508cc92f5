//! Every example of every page gives what it says.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ferry_contract::{
    expression::{Compiler, Locals},
    report::{Report, Source},
    script::{Missing, NoWatch, Rules},
    yaml,
};
use serde_json::{Map, Value};

use super::{Mapping, PAGES};
use crate::project::{self, MapFile};

const TABLES: [(&str, &str); 3] = [
    ("payout-status.yaml", "Transferred: Completed\nCancelled: Failed\n"),
    ("rates.yaml", "EUR/USD: { rate: 1.0825, date: 2026-03-01, source: ECB }\n"),
    ("card-fees.csv", "match.currency,percent,fixed,at_most\nUSD,2.9,0.30,50\nEUR,1.4,0.25,\n"),
];
const MAP: &str = "payee_id: $.contact.Id\nemail: { from: $.contact.Email, lower: true }\n";

/// The value as JSON, or the error.
fn evaluate(written: &str, event: &str) -> String {
    let rules = Rules::new(Missing::Fails, Arc::new(NoWatch));
    let source = |name: &str, text: &str| Source::new(name, text);
    let tables = TABLES.map(|(name, text)| {
        let source = source(&format!("tables/{name}"), text);
        let mut report = Report::new(&source);
        let table = project::read_table(&source, &mut report).unwrap_or_else(|| panic!("{:?}", report.findings()));
        (name.split_once('.').unwrap().0.to_owned(), Arc::new(table))
    });
    let map = source("maps/payee.yaml", MAP);
    let root = yaml::parse(&map, &mut Report::new(&map)).unwrap();
    let (tables, maps) =
        (BTreeMap::from(tables), BTreeMap::from([("payee".to_owned(), MapFile { source: map, root })]));
    let mapping = Mapping {
        tables: &tables,
        maps: &maps,
        broken: &BTreeSet::new(),
        used: RefCell::default(),
        inside: RefCell::default(),
    };
    let file = source("example.yaml", written);
    let mut report = Report::new(&file);
    let node = yaml::parse(&file, &mut report).unwrap();
    let names = ["event", "vars"];
    let mut compiler =
        Compiler { rules: &rules, dialect: &mapping, names: &names, roots: Some(&names), report: &mut report };
    let expression = compiler.expression(&node);
    assert!(report.is_ok(), "{written}: {:?}", report.findings());
    let roots = Map::from_iter([("event".to_owned(), serde_json::from_str::<Value>(event).unwrap())]);
    match expression.unwrap().eval(Locals(&roots).scope(&rules)) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn examples_give_what_they_say() {
    for page in PAGES {
        assert!(!page.examples.is_empty(), "{} shows nothing", page.name);
        for example in page.examples {
            assert_eq!(evaluate(example.written, example.event), example.gives, "{}: {}", page.name, example.written);
        }
    }
}

/// Whoever writes `upper` before `trim` means the same.
#[test]
fn the_order_of_modifiers_is_fixed() {
    let event = r#"{"x": " transferred "}"#;
    let written = "{ from: $.event.x, lookup: payout-status, trim: true, pattern: Completed }";
    assert_eq!(evaluate(written, r#"{"x": " Transferred "}"#), r#""Completed""#);
    assert_eq!(evaluate("{ from: $.event.x, max_length: 11, upper: true, trim: true }", event), r#""TRANSFERRED""#);
}
