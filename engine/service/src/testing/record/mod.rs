//! A run that was, as a test: its event, what its targets answered and what persons did come from its journal, masked.
//!
//! The journal has no answers of questions (waits before their last, holds, preflights, look-ups): these are made of
//! what the run did next, and of the examples of the manifests. So the test is played before it is written, and what
//! it does differently from the run is said.

mod answers;
mod masked;
mod pairs;
mod yaml;

use ferry_contract::{mask::Mask, report::Source};
use ferry_core::{
    lint,
    plan::Plan,
    run::{Entry, State},
    testing::{CheckedSuite, Mismatch, Observed},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Stage, Verdict, perform_all};
use crate::store::{Store, StoredRun};
use answers::Answers;
use masked::Masked;
use pairs::Pairs;

/// A test that was made of a run.
#[derive(Debug)]
pub struct Recorded {
    /// The file of tests.
    pub text: String,
    /// What the test does differently from the run, in words.
    pub differences: Vec<String>,
}

/// Makes a test of a run.
///
/// # Errors
/// Why none can be made.
pub async fn record(stage: &Stage<'_>, store: &dyn Store, stored: &StoredRun) -> Result<Recorded, String> {
    let pipeline = stored.row.pipeline.as_str();
    let plan =
        stage.plan(pipeline).ok_or_else(|| format!("there is no pipeline `{pipeline}` here; name its project"))?;
    if stored.journal.iter().any(|(_, entry)| matches!(entry, Entry::Resumed { .. })) {
        let why = "was begun again, and one test has one beginning; record another run of the same kind";
        return Err(format!("{} {why}", stored.row.run));
    }
    let Some((began, Entry::Started { event, .. })) = stored.journal.first() else {
        return Err(format!("{} has not begun", stored.row.run));
    };
    let mask = masked(stage);
    let mut answers = Answers::new(stage, &mask);
    answers.take(plan, stored);
    let (mut children, mut journal) = (answers.begun(), stored.journal.clone());
    while let Some(child) = children.pop() {
        let Some(child) = store.run(&child).await.map_err(|error| error.to_string())? else { continue };
        let Some(plan) = stage.plan(&child.row.pipeline) else { continue };
        answers.take(plan, &child);
        children.extend(answers.begun());
        journal.extend(child.journal);
    }
    journal.sort_by_key(|(at, _)| *at);
    let pairs = Pairs::of(&journal, &mask);
    let test = Draft { plan, stored, began: *began, event: mask.value(event), answers, pairs };
    test.played(stage)
}

/// What nobody may see is no part of a test.
fn masked(stage: &Stage<'_>) -> Masked {
    let manifests = stage.project.library.manifests.values();
    let actions = manifests.flat_map(|manifest| manifest.connector.actions.values());
    let names = actions.flat_map(|action| [action.input.sensitive_names(), action.output.sensitive_names()].concat());
    Masked::new(Mask::default().names(names))
}

/// A test on the way.
struct Draft<'a> {
    plan: &'a Plan,
    stored: &'a StoredRun,
    began: Timestamp,
    event: Value,
    answers: Answers<'a>,
    pairs: Pairs,
}

impl Draft<'_> {
    /// Plays it for the inputs of its calls, and once more with all that it expects.
    fn played(&self, stage: &Stage<'_>) -> Result<Recorded, String> {
        let outcome = json!({ "outcome": self.outcome()? });
        let first = self.perform(stage, &outcome, |verdict| match &verdict.played {
            Ok(played) => Ok(self.expectations(&played.observed)),
            Err(error) => Err(error.clone()),
        })?;
        let expect = first?;
        let differences = self.perform(stage, &expect, differences)?;
        let text = self.text(&expect);
        Ok(Recorded { text, differences })
    }

    fn perform<T>(&self, stage: &Stage<'_>, expect: &Value, look: impl FnOnce(&Verdict<'_>) -> T) -> Result<T, String> {
        let file = stage.project.folder.join("recorded.test.yaml");
        let source = Source::new(file.display().to_string(), self.text(expect));
        let samples = |_: &Source, _: &str| Err("a recorded test has no sample".to_owned());
        let parts = (&stage.project.files, &stage.project.checked);
        let catalog = stage.project.library.catalog();
        let checked = lint::check_tests(&[source], parts, &catalog, &samples).pop();
        let Some(CheckedSuite { suite: Some(suite), .. }) = &checked else {
            let findings = checked.iter().flat_map(|checked| checked.report.findings());
            let messages: Vec<String> = findings.map(|finding| finding.message.clone()).collect();
            return Err(format!("what the run was answered is no test: {}", messages.join("; ")));
        };
        let test = suite.tests.first().ok_or("a recorded file has one test")?;
        Ok(look(&perform_all(&[(stage, suite, test)])[0]))
    }

    fn outcome(&self) -> Result<&'static str, String> {
        Ok(match State::named(&self.stored.row.state) {
            Some(State::Finished) => "finished",
            Some(State::DeadLettered) => "dead_letter",
            Some(State::Parked) => "parked",
            Some(State::Held) => "held",
            Some(State::Waiting) => "waiting",
            Some(State::Running | State::Cancelled) | None => {
                let hint = "record a run that has ended, or rests";
                return Err(format!("{} is {}; {hint}", self.stored.row.run, self.stored.row.state));
            }
        })
    }

    /// The outcome and the writes of the run; the input of each write is the one that the test makes.
    fn expectations(&self, observed: &Observed) -> Value {
        let mut expect = Map::new();
        expect.insert("outcome".to_owned(), json!(self.outcome().unwrap_or_default()));
        let dead = self.stored.journal.iter().rev().find_map(|(_, entry)| match entry {
            Entry::DeadLettered { step, failure } => Some(json!({ "class": failure.class.name(), "step": step })),
            _ => None,
        });
        dead.into_iter().for_each(|dead| {
            expect.insert("dead_letter".to_owned(), dead);
        });
        let calls: Vec<Value> = self
            .answers
            .writes
            .iter()
            .map(|(action, times)| {
                let made = observed.calls.iter().find(|made| made.action == *action);
                let mut call = json!({ "action": action, "times": times });
                if let (Some(made), 1) = (made, times) {
                    call["with"] = made.input.clone();
                }
                call
            })
            .collect();
        if !calls.is_empty() {
            expect.insert("calls".to_owned(), Value::from(calls));
        }
        if let Some(state) = self.pairs.after.clone() {
            expect.insert("state".to_owned(), state);
        }
        Value::Object(expect)
    }

    fn text(&self, expect: &Value) -> String {
        let mut test = Map::new();
        test.insert("name".to_owned(), json!(format!("as recorded on {}", self.began.strftime("%F"))));
        test.insert("event".to_owned(), self.event.clone());
        if self.plan.trigger.key.is_none() {
            test.insert("key".to_owned(), json!(self.answers.mask.text(&self.stored.row.event_key)));
        }
        test.insert("now".to_owned(), json!(self.began.to_string()));
        if let Some(state) = self.pairs.before.clone() {
            test.insert("state".to_owned(), state);
        }
        test.insert("mocks".to_owned(), self.answers.mocks());
        for (key, acts) in &self.answers.acts {
            test.insert((*key).to_owned(), Value::from(acts.clone()));
        }
        test.insert("expect".to_owned(), expect.clone());
        let note =
            "# Recorded from a run, and masked. Answers of questions are not in its journal: they are made up.\n";
        let head = format!("{note}pipeline: {}\n", self.stored.row.pipeline);
        head + yaml::written(&json!({ "tests": [test] })).as_str()
    }
}

/// What a played test does differently from its run.
fn differences(verdict: &Verdict<'_>) -> Vec<String> {
    match &verdict.played {
        Err(error) => vec![error.clone()],
        Ok(played) => {
            // Where it was stopped, nothing else is as it was.
            if let Some(call) = played.unmocked.first() {
                return vec![format!("nothing answers `{}`", call.action)];
            }
            let said =
                |wrong: &Mismatch| format!("{}: the run {}, the test {}", wrong.what, wrong.expected, wrong.actual);
            verdict.mismatches.iter().map(said).collect()
        }
    }
}
