//! An event in the first line, a mapping in the rest: whatever compiles gives a value or says why not.

#![no_main]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use ferry_contract::{
    expression::{Compiler, Locals},
    report::{Report, Source},
    script::{Missing, NoWatch, Rules},
    yaml,
};
use ferry_core::{
    eval::{Mapping, operators::example_files},
    project::{MapFile, Table},
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::new(Missing::Fails, Arc::new(NoWatch)));

static FILES: LazyLock<(BTreeMap<String, Arc<Table>>, BTreeMap<String, MapFile>)> = LazyLock::new(example_files);

fuzz_target!(|input: &str| {
    let (event, written) = input.split_once('\n').unwrap_or(("{}", input));
    let Ok(event) = serde_json::from_str::<Value>(event) else { return };
    let (tables, maps) = &*FILES;
    let broken = BTreeSet::new();
    let mapping =
        Mapping { tables, maps, broken: &broken, used: RefCell::default(), inside: RefCell::default() };
    let source = Source::new("fuzz.yaml", written);
    let mut report = Report::new(&source);
    let Some(node) = yaml::parse(&source, &mut report) else { return };
    let names = ["event", "vars"];
    let mut compiler =
        Compiler { rules: &RULES, dialect: &mapping, names: &names, roots: Some(&names), report: &mut report };
    let Some(expression) = compiler.expression(&node) else { return };
    let roots = Map::from_iter([("event".to_owned(), event)]);
    let _ = expression.eval(Locals(&roots).scope(&RULES));
});
