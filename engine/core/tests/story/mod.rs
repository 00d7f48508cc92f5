//! Stories of runs: entries and letters, and what is to be done after each.

#![allow(dead_code, reason = "each test uses a part of it")]

use expect_test::Expect;
use ferry_contract::report::Report;
use ferry_core::{
    once::Guards,
    run::{Command, Entry, Letter, Receipt, Run},
};
use jiff::Timestamp;

use super::world::{PROJECT, World, completed_for_any_event as completed};

/// The clock of a story begins here.
const BEGIN: i64 = 1_772_000_000;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + second).expect("a second of the story")
}

/// A line of a story: a second and an entry, or a second, `<` and a letter.
pub(crate) fn read<T: serde::de::DeserializeOwned>(line: &str) -> (i64, T) {
    let (second, rest) = line.trim().split_once(' ').expect("a second and the rest");
    let told = serde_json::from_str(rest.trim_start_matches("< "));
    (second.parse().expect("a second"), told.expect("an entry or a letter"))
}

/// A run of a pipeline that nothing has happened to.
#[track_caller]
pub(crate) fn begun(pipeline: &str) -> Run {
    let reserve = "connections:\n  reserve: { connector: payoneer, environment: sandbox, program_id: \"100086191\", \
                   client_id: reserve, client_secret: \"${secret:reserve}\" }\n";
    let project = PROJECT.replacen("connections:\n", reserve, 1);
    let checked = World::new().lint(&project, &[&completed(pipeline)]);
    assert!(checked.reports.iter().all(Report::is_ok), "{:#?}", checked.reports);
    let mut run = Run::new(checked.plans[0].clone(), "e1", Guards::ALL);
    run.take(at(0), &read(r#"0 {"started":{"event":{"Id":"e1"}}}"#).1);
    run
}

/// Tells a story, and says after each line what is to be done.
#[track_caller]
pub(crate) fn check(pipeline: &str, story: &str, expected: Expect) {
    let mut run = begun(pipeline);
    let mut out = String::new();
    for line in story.lines().filter(|line| !line.trim().is_empty()) {
        let second = if line.contains("< ") {
            let (second, letter) = read::<Letter>(line);
            let receipt = run.receive(&letter, at(second));
            out += &format!("{second} letter: {}\n", received(&run, &receipt));
            if let Receipt::Entry(entry) = receipt {
                run.take(at(second), &entry);
            }
            second
        } else {
            let (second, entry) = read::<Entry>(line);
            run.take(at(second), &entry);
            second
        };
        let commands: Vec<String> = run.commands(at(second)).iter().map(|command| told(&run, command)).collect();
        out += &format!("{second} {}: {}\n", run.state().name(), commands.join(", "));
    }
    expected.assert_eq(&out);
}

fn received(run: &Run, receipt: &Receipt) -> String {
    match receipt {
        Receipt::Entry(entry) => entry.name().to_owned(),
        Receipt::Ask(unit) => format!("ask {}", run.unit_id(*unit)),
        Receipt::Moot(why) => format!("moot, {why}"),
        Receipt::Later => "later".to_owned(),
    }
}

pub(crate) fn told(run: &Run, command: &Command) -> String {
    let second = |at: &Timestamp| at.as_second() - BEGIN;
    let of = |entry: &Entry| match entry {
        Entry::Failed { step, failure } => format!("failed {step}, {failure}"),
        Entry::DeadLettered { step, failure } => format!("dead letter at {step}, {failure}"),
        other => format!("{} {}", other.name(), other.step().unwrap_or("")),
    };
    match command {
        Command::Start { unit } => format!("start {}", run.unit_id(*unit)),
        Command::Call { unit, at } => format!("call {} at {}", run.unit_id(*unit), second(at)),
        Command::LookUp { unit, at } => format!("look up {} at {}", run.unit_id(*unit), second(at)),
        Command::Hold { unit, .. } => format!("hold {}", run.unit_id(*unit)),
        Command::Probe { unit, since, .. } => format!("probe {} since {}", run.unit_id(*unit), second(since)),
        Command::Timer { at, entry, .. } => format!("at {}: {}", second(at), of(entry)),
        Command::Journal(entry) => of(entry),
        Command::Finish => "finish".to_owned(),
    }
}
