//! An event in the first line, an expression in the rest: it ends, and the short cut says what Rhai says.

#![no_main]

use std::{
    cell::Cell,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use ferry_contract::{
    limits::SCRIPT_WALL_MAX_MS,
    script::{Form, Missing, Module, Named, Rules, Script, Watch, untidy},
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

thread_local! {
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// As the service stops scripts.
struct WallWatch;

impl Watch for WallWatch {
    fn begin(&self) {
        BEGAN.set(Some(Instant::now()));
    }

    fn is_late(&self) -> bool {
        BEGAN.get().is_some_and(|began| began.elapsed() > Duration::from_millis(SCRIPT_WALL_MAX_MS))
    }
}

static RULES: LazyLock<[Rules; 2]> =
    LazyLock::new(|| [Missing::Fails, Missing::IsNothing].map(|missing| Rules::new(missing, Arc::new(WallWatch))));

/// The name that the long way takes for the value.
const OWN: &str = "fuzz_value";

fuzz_target!(|input: &str| {
    let (event, text) = input.split_once('\n').unwrap_or(("{}", input));
    let Ok(event) = serde_json::from_str::<Value>(event) else { return };
    let named = [("event", &event), ("status", &event)];
    let names = Named(&named);
    for rules in &*RULES {
        if let Ok(script) = Script::compile(rules, text, Form::Statements, &["event", "status"]) {
            let _ = script.run(rules, &names);
        }
        if let Ok(script) = Script::compile(rules, text, Form::Expression, &["event", "status"]) {
            agrees(rules, &script, &names);
        }
        let _ = Module::compile(rules, text);
    }
    let _ = untidy(text, Form::Statements, &[]);
});

/// A statement beside the expression keeps it from the short cut.
fn agrees(rules: &Rules, script: &Script, names: &Named<'_>) {
    let text = script.text();
    let (told, truth) = (script.run(rules, names), script.test(rules, names));
    // A comment that is not closed goes on to the end, and would take the rest of the long way with it.
    if text.contains(OWN) || text.contains("/*") {
        return;
    }
    let long = format!("let {OWN} = {text}\n; {OWN}");
    let Ok(long) = Script::compile(rules, &long, Form::Statements, &["event", "status"]) else { return };
    match (told, long.run(rules, names)) {
        (Ok(told), Ok(said)) => assert_eq!(told.to_string(), said.to_string(), "{text}"),
        // What Rhai converts and the short cut does not look at, and what took too long once.
        (_, Err(error)) if error.message.contains("has more digits") || error.message.contains("stopped") => {}
        (Err(error), _) if error.message.contains("stopped") => {}
        (Err(told), Err(said)) => assert_eq!(told.message, said.message, "{text}"),
        (told, said) => panic!("{text} gives {told:?}, and Rhai {said:?}"),
    }
    if let (Ok(truth), Ok(said)) = (truth, long.test(rules, names)) {
        assert_eq!(truth, said, "{text}");
    }
}
