//! Every example of every page gives what it says.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use ferry_contract::{
    expression::{Compiler, EvalError, Scope},
    pairs::Pairs,
    path::{Document, Roots},
    report::{Report, Source},
    script::{Missing, NoWatch, Rules, Watch},
    yaml,
};
use serde_json::{Map, Value};

use super::{Mapping, PAGES, example_files, example_xref};

/// The names of an example, and its one pair.
struct Shown<'a>(&'a Map<String, Value>);

impl<'a> Shown<'a> {
    fn scope(&'a self, rules: &'a Rules) -> Scope<'a> {
        Scope { rules, document: Document::Roots(self), names: self }
    }
}

impl Roots for Shown<'_> {
    fn root(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn pairs(&self) -> Option<&dyn Pairs> {
        Some(self)
    }
}

impl Pairs for Shown<'_> {
    fn other(&self, table: &str, key: &str) -> Result<Option<String>, EvalError> {
        Ok((table == "contacts" && key == "003").then(|| "P-1".to_owned()))
    }

    fn refuses(&self, _: &str) {}
}

/// The value as JSON, or the error.
fn evaluate(written: &str, event: &str) -> String {
    evaluate_by(&Rules::new(Missing::Fails, Arc::new(NoWatch)), written, event)
}

fn evaluate_by(rules: &Rules, written: &str, event: &str) -> String {
    let (tables, maps) = example_files();
    let mapping = Mapping {
        tables: &tables,
        maps: &maps,
        broken: &BTreeSet::new(),
        used: RefCell::default(),
        xref: &BTreeMap::from([("contacts".to_owned(), example_xref())]),
        reads_xref: Cell::new(true),
        uses: Cell::default(),
        inside: RefCell::default(),
    };
    let file = Source::new("example.yaml", written);
    let mut report = Report::new(&file);
    let node = yaml::parse(&file, &mut report).unwrap();
    let names = ["event", "vars"];
    let mut compiler = Compiler { rules, dialect: &mapping, names: &names, roots: Some(&names), report: &mut report };
    let expression = compiler.expression(&node);
    assert!(report.is_ok(), "{written}: {:?}", report.findings());
    let roots = Map::from_iter([("event".to_owned(), serde_json::from_str::<Value>(event).unwrap())]);
    match expression.unwrap().eval(Shown(&roots).scope(rules)) {
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

/// Counts how often Rhai's engine is asked. Values are converted for nothing else: `script` keeps the conversion to itself.
#[derive(Default)]
struct Asked(AtomicUsize);

impl Watch for Asked {
    fn begin(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn is_late(&self) -> bool {
        false
    }
}

#[test]
fn a_mapping_without_rhai_makes_no_rhai_values() {
    let asked = Arc::new(Asked::default());
    let rules = Rules::new(Missing::Fails, Arc::clone(&asked) as Arc<dyn Watch>);
    for page in PAGES {
        for example in page.examples {
            evaluate_by(&rules, example.written, example.event);
            let is_rhai = ["rhai:", "when:"].iter().any(|key| example.written.contains(key));
            assert!(is_rhai || asked.0.load(Relaxed) == 0, "{} asks Rhai: {}", page.name, example.written);
            asked.0.store(0, Relaxed);
        }
    }
    for (written, times) in [("{ rhai: event.x * 2 + 0.5 }", 0), ("{ rhai: event.x.to_string() }", 1)] {
        evaluate_by(&rules, written, r#"{"x": 1.5}"#);
        assert_eq!(asked.0.swap(0, Relaxed), times, "{written}");
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
