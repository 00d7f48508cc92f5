//! What a target answers in a test: a value, a failure of one class, or no answer.

use std::time::Duration;

use ferry_contract::{
    failure::{ErrorClass, Failure},
    report::{At, Report, Spanned},
    suggest,
    yaml::{
        Kind, Node,
        read::{Fields, map, one_of, text},
    },
};
use serde_json::Value;

use super::{
    field::{Field, fields},
    read::span,
};

/// The answers of one action, in order; the last one stays.
#[derive(Clone, Debug)]
pub struct Mock {
    /// `connection.action`.
    pub action: Spanned<String>,
    /// Its answers.
    pub answers: Vec<Answer>,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where it is written.
    pub at: At,
    /// Which calls it answers, by their input.
    pub with: Vec<Field>,
    /// What it gives.
    pub gives: Gives,
}

/// What an answer gives.
#[derive(Clone, Debug)]
pub enum Gives {
    /// The action's output.
    Output(Node),
    /// Why there is none.
    Failure(Failure),
}

const KEYS: [&str; 7] = ["with", "return", "fail", "message", "code", "wait", "timeout"];
/// The keys of which an answer has one.
const KINDS: [&str; 3] = ["return", "fail", "timeout"];

impl Mock {
    /// The answer to a call. `used` counts how often each answer was given; one more is counted.
    pub fn answer(&self, input: &Value, used: &mut Vec<usize>) -> Option<&Answer> {
        used.resize(self.answers.len(), 0);
        let fits = |index: &usize| self.answers[*index].with.iter().all(|field| field.holds(input));
        let fitting: Vec<usize> = (0..self.answers.len()).filter(fits).collect();
        let chosen = fitting.iter().find(|index| used[**index] == 0).or(fitting.last())?;
        used[*chosen] += 1;
        Some(&self.answers[*chosen])
    }
}

impl Answer {
    /// What the call gets.
    ///
    /// # Errors
    /// The failure that it is to get.
    pub fn result(&self) -> Result<Value, Failure> {
        match &self.gives {
            Gives::Output(node) => Ok(node.to_value()),
            Gives::Failure(failure) => Err(failure.clone()),
        }
    }
}

/// Reads `mocks`: answers by action.
pub(super) fn mocks(node: &Node, report: &mut Report) -> Vec<Mock> {
    let entries = map(node, "`mocks`", report).unwrap_or_default();
    entries.iter().map(|(action, node)| Mock { action: action.clone(), answers: answers(node, report) }).collect()
}

fn answers(node: &Node, report: &mut Report) -> Vec<Answer> {
    match &node.kind {
        Kind::List(items) if items.is_empty() => {
            report.error("wrong-type", node.at, "a mock has no answer", "write at least one, such as `{ return: {} }`");
            Vec::new()
        }
        Kind::List(items) => items.iter().filter_map(|item| answer(item, report)).collect(),
        _ => answer(node, report).into_iter().collect(),
    }
}

fn answer(node: &Node, report: &mut Report) -> Option<Answer> {
    let fields_of = Fields::open(node, "an answer", &KEYS, report)?;
    let written: Vec<_> = KINDS.into_iter().filter(|key| fields_of.get(key).is_some()).collect();
    let [kind] = written.as_slice() else {
        let help = format!("write one of {}, such as `{{ return: {{}} }}`", suggest::list(&KINDS));
        report.error("step-kind", fields_of.at(), "an answer gives one thing", help);
        return None;
    };
    if *kind != "fail" {
        for key in ["message", "code", "wait"] {
            fields_of.refuse(key, &format!("only `fail` takes `{key}`"), "remove it, or write `fail: CLASS`", report);
        }
    }
    let value = fields_of.get(kind)?;
    let gives = match *kind {
        "return" => Gives::Output(value.clone()),
        "fail" => Gives::Failure(failure(value, fields_of, report)?),
        _ => Gives::Failure(timeout(value, report)?),
    };
    let with = fields_of.get("with").map_or_else(Vec::new, |node| fields(node, "`with`", report));
    Some(Answer { at: fields_of.at(), with, gives })
}

/// A failure of one of the fixed classes, as if the connector had made it of an answer.
fn failure(class: &Node, fields: Fields<'_>, report: &mut Report) -> Option<Failure> {
    let words: Vec<_> = ErrorClass::ALL.into_iter().map(|class| (class.name(), class)).collect();
    let class = one_of(class, "an error class", &words, report)?;
    let mut text_of = |key: &str| fields.get(key).and_then(|node| text(node, &format!("`{key}`"), report));
    let message = text_of("message").map_or_else(|| "the test says so".to_owned(), |message| message.value);
    let code = text_of("code").map(|code| code.value);
    let wait: Option<Duration> = fields.get("wait").and_then(|node| span(node, "`wait`", report));
    let failure = Failure { code, ..Failure::new(class, message) };
    Some(match wait {
        Some(wait) => failure.after(wait),
        None => failure,
    })
}

/// The same failures as those of a wire on which no answer comes.
fn timeout(node: &Node, report: &mut Report) -> Option<Failure> {
    let kinds =
        [("before_send", (ErrorClass::Unavailable, "not sent")), ("after_send", (ErrorClass::Unknown, "no answer"))];
    let (class, what) = one_of(node, "a time-out", &kinds, report)?;
    Some(Failure::new(class, format!("{what}: time-out")))
}
