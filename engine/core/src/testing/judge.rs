//! What was expected against what was observed.

use ferry_contract::report::At;
use jiff::SignedDuration;
use serde_json::Value;

use super::{
    CallExpected, DeadLetterExpected, EmittedExpected, Expect, Field, Made, Observation, Observed, StepExpected, Takes,
    expect::outcome_name, state,
};

/// One thing that is not as it was expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mismatch {
    /// Where it is expected.
    pub at: At,
    /// What was looked at.
    pub what: String,
    /// What it was to be.
    pub expected: String,
    /// What it is.
    pub actual: String,
}

/// Calls of one action that a message shows at most.
const CALLS_SHOWN_MAX: usize = 5;

struct Judge<'a> {
    observed: &'a Observed,
    wrong: Vec<Mismatch>,
}

/// All that is not as it was expected.
pub fn judge(expect: &Expect, observed: &Observed) -> Vec<Mismatch> {
    let mut judge = Judge { observed, wrong: Vec::new() };
    let Some(run) = observed.runs.first() else {
        judge.note(At::START, "the event", "begins a run", "begins none");
        return judge.wrong;
    };
    if let Some(outcome) = &expect.outcome
        && run.run.state() != outcome.value
    {
        judge.note(outcome.at, "outcome", outcome_name(outcome.value), run.described());
    }
    judge.fields("output of the run", &expect.output, &run.output());
    expect.dead_letter.iter().for_each(|expected| judge.dead_letter(expected, run));
    expect.steps.iter().for_each(|expected| judge.step(expected, run));
    expect.calls.iter().for_each(|expected| judge.calls(expected));
    judge.in_order(&expect.in_order);
    for action in &expect.not_called {
        let made = judge.calls_of(&action.value);
        if !made.is_empty() {
            let actual = format!("called {}", times(made.len()));
            judge.note(action.at, &format!("calls of `{}`", action.value), "not called", actual);
        }
    }
    expect.emitted.iter().for_each(|expected| judge.emitted(expected, run));
    for (at, pair, found) in state::wrong(&expect.state, &observed.pairs) {
        let shown =
            |to: Option<&String>| to.map_or_else(|| "no pair".to_owned(), |to| Value::from(to.as_str()).to_string());
        let what = format!("cross-reference `{}`, `{}`", pair.table, pair.key);
        judge.note(at, &what, shown(pair.to.as_ref()), shown(found));
    }
    expect.takes.iter().for_each(|expected| judge.takes(expected));
    judge.wrong
}

impl<'a> Judge<'a> {
    fn note(&mut self, at: At, what: &str, expected: impl Into<String>, actual: impl Into<String>) {
        self.wrong.push(Mismatch { at, what: what.to_owned(), expected: expected.into(), actual: actual.into() });
    }

    fn fields(&mut self, what: &str, fields: &[Field], value: &Value) {
        for field in fields.iter().filter(|field| !field.holds(value)) {
            let what =
                if field.name.value == "$" { what.to_owned() } else { format!("{what}, `{}`", field.name.value) };
            self.note(field.name.at, &what, field.expected(), field.actual(value));
        }
    }

    fn dead_letter(&mut self, expected: &DeadLetterExpected, run: &Observation) {
        let Some((step, failure)) = run.dead_letter() else {
            return self.note(expected.at, "dead letter", "a dead letter", run.described());
        };
        if let Some(wanted) = expected.class.as_ref().filter(|wanted| wanted.value != failure.class) {
            self.note(wanted.at, "class of the dead letter", wanted.value.name(), failure.to_string());
        }
        if let Some(wanted) = expected.step.as_ref().filter(|wanted| wanted.value != step) {
            self.note(wanted.at, "step of the dead letter", wanted.value.clone(), format!("{step}: {failure}"));
        }
        if let Some(wanted) = expected.message.as_ref().filter(|wanted| !failure.message.contains(&wanted.value)) {
            let expected = format!("a text with {}", Value::from(wanted.value.as_str()));
            self.note(
                wanted.at,
                "message of the dead letter",
                expected,
                Value::from(failure.message.as_str()).to_string(),
            );
        }
    }

    fn step(&mut self, expected: &StepExpected, run: &Observation) {
        let id = expected.id.value.as_str();
        let what = format!("step `{id}`");
        let Some(status) = run.status(id) else {
            return self.note(expected.id.at, &what, "to be there", "there is no such item");
        };
        if let Some(wanted) = expected.status.as_ref().filter(|wanted| wanted.value != status) {
            let error = run.error_of(id);
            let why = error["message"].as_str().map_or_else(String::new, |message| format!(": {message}"));
            self.note(wanted.at, &format!("{what}, status"), wanted.value.name(), format!("{}{why}", status.name()));
        }
        self.fields(&format!("{what}, output"), &expected.output, &run.output_of(id));
        self.fields(&format!("{what}, error"), &expected.error, &run.error_of(id));
        self.fields(&format!("{what}, held for"), &expected.held_for, &run.held_for(id));
        let attempts = run.attempts(id);
        if let Some(wanted) = expected.attempts.as_ref().filter(|wanted| wanted.value != attempts) {
            self.note(wanted.at, &format!("{what}, attempts"), wanted.value.to_string(), attempts.to_string());
        }
    }

    fn calls_of(&self, action: &str) -> Vec<&'a Made> {
        self.observed.calls.iter().filter(|made| made.action == action).collect()
    }

    fn calls(&mut self, expected: &CallExpected) {
        let made = self.calls_of(&expected.action.value);
        let fitting = made.iter().filter(|made| is_meant(expected, made)).count();
        let is_right = expected.times.as_ref().map_or(fitting > 0, |times| times.value == fitting);
        if is_right {
            return;
        }
        let at = expected.times.as_ref().map_or(expected.action.at, |times| times.at);
        let what = format!("calls of `{}`", expected.action.value);
        let wanted = expected
            .times
            .as_ref()
            .map_or_else(|| "called".to_owned(), |wanted| format!("called {}", times(wanted.value)));
        // Where there is one call, the fields in which it differs say more than its whole input.
        if let ([one], true) = (made.as_slice(), fitting == 0) {
            return self.fields(&format!("input of `{}`", expected.action.value), &expected.with, &one.input);
        }
        let described: Vec<String> =
            expected.with.iter().map(|field| format!("`{}` {}", field.name.value, field.expected())).collect();
        let with = if described.is_empty() { String::new() } else { format!(" with {}", described.join(", ")) };
        self.note(at, &what, format!("{wanted}{with}"), shown(&made, fitting, !expected.with.is_empty()));
    }

    /// Each after the one before, whatever is between them.
    fn in_order(&mut self, expected: &[CallExpected]) {
        let mut rest = self.observed.calls.iter();
        let mut before = "the beginning".to_owned();
        for call in expected {
            if !rest.any(|made| made.action == call.action.value && is_meant(call, made)) {
                let made: Vec<&str> = self.observed.calls.iter().map(|made| made.action.as_str()).collect();
                let expected = format!("`{}` after {before}", call.action.value);
                return self.note(call.action.at, "calls in order", expected, made.join(", "));
            }
            before = format!("`{}`", call.action.value);
        }
    }

    fn emitted(&mut self, expected: &EmittedExpected, run: &Observation) {
        let of_name: Vec<_> = run.emitted().filter(|(event, ..)| *event == expected.event.value).collect();
        let is_right = of_name.iter().any(|(_, key, data)| {
            expected.key.as_ref().is_none_or(|wanted| wanted.value == **key)
                && expected.data.iter().all(|field| field.holds(data))
        });
        if !is_right {
            let all: Vec<String> = run.emitted().map(|(event, key, data)| format!("{event} {key} {data}")).collect();
            let actual = if all.is_empty() { "nothing".to_owned() } else { all.join("; ") };
            let key = expected.key.as_ref().map_or_else(String::new, |key| format!(" with the key `{}`", key.value));
            self.note(expected.event.at, "emitted", format!("{}{key}", expected.event.value), actual);
        }
    }

    fn takes(&mut self, expected: &Takes) {
        let took = self.observed.ended.duration_since(self.observed.began);
        let signed = |limit| SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
        if let Some(least) = expected.at_least.map(signed).filter(|least| took < *least) {
            self.note(expected.at, "time", format!("at least {least:#}"), format!("{took:#}"));
        }
        if let Some(most) = expected.at_most.map(signed).filter(|most| took > *most) {
            self.note(expected.at, "time", format!("at most {most:#}"), format!("{took:#}"));
        }
    }
}

fn is_meant(expected: &CallExpected, made: &Made) -> bool {
    expected.with.iter().all(|field| field.holds(&made.input))
}

fn times(count: usize) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

/// The calls that were made, and how many of them have the input.
fn shown(made: &[&Made], fitting: usize, has_input: bool) -> String {
    let mut out = format!("called {}", times(made.len()));
    if !has_input || made.is_empty() {
        return out;
    }
    out += &format!(", {} with that", times(fitting));
    for call in made.iter().take(CALLS_SHOWN_MAX) {
        out += &format!("\n{}", call.input);
    }
    if made.len() > CALLS_SHOWN_MAX {
        out += &format!("\n… and {} more", made.len() - CALLS_SHOWN_MAX);
    }
    out
}
