//! From a file to a [`Suite`], with findings. A case of a table is its test with some keys written anew.

use std::{sync::Arc, time::Duration};

use ferry_contract::{
    report::{Report, Source, Spanned},
    yaml::{
        self, Kind, Node,
        read::{Fields, duration, list, one_of, text},
    },
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Act, Deed, Event, Suite, Test, expect, mock, state};
use crate::{
    language,
    limits::{TEST_LASTS_MAX, TEST_NOW_BEFORE},
    run::Decision,
};

const KEYS: [&str; 3] = ["ferry", "pipeline", "tests"];
const TEST_KEYS: [&str; 12] =
    ["name", "event", "key", "now", "for", "state", "mocks", "approvals", "decisions", "events", "cases", "expect"];
const CASE_KEYS: [&str; 11] =
    ["name", "event", "key", "now", "for", "state", "mocks", "approvals", "decisions", "events", "expect"];
/// Keys of which a case writes only what differs.
const MERGED: [&str; 3] = ["state", "mocks", "expect"];
/// When a test begins that does not say it: always the same, so that it always gives the same.
const NOW_DEFAULT: &str = "2026-01-01T12:00:00Z";
/// The business key of a run that a person begins.
const KEY_DEFAULT: &str = "test";

/// Reads a file of tests; nothing where its shape is wrong, which the report then says.
pub fn read(source: &Arc<Source>, report: &mut Report) -> Option<Suite> {
    let root = yaml::parse(source, report)?;
    let fields = Fields::open(&root, "a file of tests", &KEYS, report)?;
    if fields.get("ferry").is_some() {
        language::read_version(fields, report);
    }
    let named = fields.get("pipeline").and_then(|node| text(node, "`pipeline`", report));
    let written = fields.need("tests", "[ { name: …, event: …, expect: … } ]", report)?;
    let mut tests: Vec<Test> = Vec::new();
    for (entry, node) in list(written, "`tests`", report)?.iter().enumerate() {
        for test in entry_of(node, entry, report) {
            if tests.iter().any(|known| known.name.value == test.name.value) {
                let message = format!("another test of this file is named `{}` already", test.name.value);
                report.error("duplicate-id", test.name.at, message, "give each test and each case a name of its own");
            }
            tests.push(test);
        }
    }
    Some(Suite { source: Arc::clone(source), named, pipeline: String::new(), tests })
}

/// A test, or each case of a table.
fn entry_of(node: &Node, entry: usize, report: &mut Report) -> Vec<Test> {
    let Some(fields) = Fields::open(node, "a test", &TEST_KEYS, report) else { return Vec::new() };
    let name = fields.need("name", "a time-out never pays twice", report);
    let Some(name) = name.and_then(|node| text(node, "`name`", report)) else { return Vec::new() };
    let Some(cases) = fields.get("cases") else {
        return test(node, (name, entry), fields.get("event"), None, report).into_iter().collect();
    };
    let mut tests = Vec::new();
    for case in list(cases, "`cases`", report).unwrap_or_default() {
        let Some(own) = Fields::open(case, "a case", &CASE_KEYS, report) else { continue };
        let own_name = own.need("name", "without an e-mail address", report);
        let Some(own_name) = own_name.and_then(|node| text(node, "`name`", report)) else { continue };
        let full = Spanned::new(format!("{} › {}", name.value, own_name.value), own_name.at);
        tests.extend(test(&merged(node, case), (full, entry), fields.get("event"), own.get("event"), report));
    }
    tests
}

fn test(
    node: &Node,
    (name, entry): (Spanned<String>, usize),
    event: Option<&Node>,
    changed: Option<&Node>,
    report: &mut Report,
) -> Option<Test> {
    let mut unread = Report::new(&report.source);
    // Unknown keys were reported where they stand.
    let fields = Fields::open(node, "a test", &TEST_KEYS, &mut unread)?;
    if event.is_none() && changed.is_none() {
        fields.need("event", "{ Id: a0P…, Amount__c: 50.00 }", report);
    }
    let event =
        overlaid(event.and_then(|node| self::event(node, report)), changed.and_then(|node| self::event(node, report)));
    let now = fields.get("now").map_or_else(|| NOW_DEFAULT.parse().ok(), |node| moment(node, report));
    let key = fields.get("key").and_then(|node| text(node, "`key`", report));
    let acts = acts(fields, report);
    Some(Test {
        name,
        entry,
        event: event?,
        key: key.map_or_else(|| KEY_DEFAULT.to_owned(), |key| key.value),
        now: now?,
        lasts: fields.get("for").and_then(|node| span(node, "`for`", report)),
        state: fields.get("state").map_or_else(Vec::new, |node| state::read(node, false, report)),
        mocks: fields.get("mocks").map_or_else(Vec::new, |node| mock::mocks(node, report)),
        acts,
        expect: fields.get("expect").map_or_else(expect::Expect::default, |node| expect::read(node, report)),
    })
}

/// The test with the keys of a case in the place of its own.
fn merged(test: &Node, case: &Node) -> Node {
    let (Some(base), Some(over)) = (test.entries(), case.entries()) else { return case.clone() };
    let mut entries: Vec<(Spanned<String>, Node)> =
        base.iter().filter(|(key, _)| key.value != "cases").cloned().collect();
    for (key, value) in over {
        let known = entries.iter_mut().find(|(known, _)| known.value == key.value);
        match known {
            Some((_, node)) if MERGED.contains(&key.value.as_str()) => *node = merged(node, value),
            Some((_, node)) => *node = value.clone(),
            None => entries.push((key.clone(), value.clone())),
        }
    }
    Node { at: case.at, kind: Kind::Map(entries) }
}

/// An event as it is, or `{ file: samples/x.json, with: { … } }`.
fn event(node: &Node, report: &mut Report) -> Option<Event> {
    let keys: Vec<&str> = node.entries().unwrap_or_default().iter().map(|(key, _)| key.value.as_str()).collect();
    let is_file = keys.contains(&"file") && keys.iter().all(|key| ["file", "with"].contains(key));
    if !is_file {
        return Some(Event { file: None, value: node.to_value() });
    }
    let file = text(node.get("file")?, "`file`", report)?;
    let value = node.get("with").map_or_else(|| Value::Object(Map::new()), Node::to_value);
    Some(Event { file: Some(file), value })
}

/// The event of a case: fields of it take the place of those of the test's, and a sample that of the whole.
fn overlaid(base: Option<Event>, over: Option<Event>) -> Option<Event> {
    match (base, over) {
        (Some(base), Some(over)) if over.file.is_none() => {
            Some(Event { value: replaced(base.value, over.value), file: base.file })
        }
        (_, Some(over)) => Some(over),
        (base, None) => base,
    }
}

/// A map with the fields of another one in the place of its own.
pub(super) fn replaced(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            base.extend(over);
            Value::Object(base)
        }
        (_, over) => over,
    }
}

fn moment(node: &Node, report: &mut Report) -> Option<Timestamp> {
    let written = text(node, "`now`", report)?;
    let before: Timestamp = TEST_NOW_BEFORE.parse().expect("the bound is a moment");
    let moment: Option<Timestamp> = written.value.parse().ok();
    let moment = moment.filter(|moment| (Timestamp::UNIX_EPOCH..before).contains(moment));
    if moment.is_none() {
        let message = format!("`{}` is no moment at which a test can begin", written.value);
        report.error("invalid-value", node.at, message, "write it like `2026-03-01T10:00:00Z`");
    }
    moment.and_then(|moment| Timestamp::from_millisecond(moment.as_millisecond()).ok())
}

type Reader = fn(&Node, &mut Report) -> Option<Act>;

fn acts(fields: Fields<'_>, report: &mut Report) -> Vec<Act> {
    let mut acts = Vec::new();
    let readers: [(&str, Reader); 3] = [("approvals", approval), ("decisions", decision), ("events", posted)];
    for (key, read) in readers {
        let items = fields.get(key).and_then(|node| list(node, &format!("`{key}`"), report)).unwrap_or_default();
        acts.extend(items.iter().filter_map(|item| read(item, report)));
    }
    acts
}

fn approval(node: &Node, report: &mut Report) -> Option<Act> {
    let fields = Fields::open(node, "an answer of a person", &["step", "by", "decision", "reason", "after"], report)?;
    let step = fields.need("step", "release", report).and_then(|node| text(node, "`step`", report));
    let by = fields.need("by", "ana", report).and_then(|node| text(node, "`by`", report));
    let words = [("approve", true), ("reject", false)];
    let yes = fields.need("decision", "approve", report);
    let yes = yes.and_then(|node| one_of(node, "an answer of a person", &words, report));
    let (after, reason) = (after(fields, report), reason(fields, report));
    Some(Act { at: fields.at(), after, what: Deed::Answer { step: step?, by: by?.value, yes: yes?, reason } })
}

/// What a person knows of a parked call.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Known {
    Done,
    NotDone,
    Nothing,
}

fn decision(node: &Node, report: &mut Report) -> Option<Act> {
    let fields = Fields::open(node, "a decision", &["step", "by", "decision", "output", "after"], report)?;
    let step = fields.need("step", "submit", report).and_then(|node| text(node, "`step`", report));
    let by = fields.get("by").and_then(|node| text(node, "`by`", report));
    let words = [("done", Known::Done), ("not_done", Known::NotDone), ("give_up", Known::Nothing)];
    let word = fields.need("decision", "not_done", report);
    let word = word.and_then(|node| one_of(node, "a decision", &words, report))?;
    if word != Known::Done {
        fields.refuse("output", "only what was done has an output", "remove it, or write `decision: done`", report);
    }
    let decision = match word {
        Known::Done => Decision::Done(fields.get("output").map_or_else(|| Value::Object(Map::new()), Node::to_value)),
        Known::NotDone => Decision::NotDone,
        Known::Nothing => Decision::GiveUp,
    };
    let by = by.map_or_else(|| "a person".to_owned(), |by| by.value);
    Some(Act { at: fields.at(), after: after(fields, report), what: Deed::Decide { step: step?, by, decision } })
}

fn posted(node: &Node, report: &mut Report) -> Option<Act> {
    let fields = Fields::open(node, "an event", &["event", "key", "data", "after"], report)?;
    let event = fields.need("event", "payoneer.payout_status", report).and_then(|node| text(node, "`event`", report));
    let key = fields.get("key").and_then(|node| text(node, "`key`", report));
    let data = fields.need("data", "{ client_reference_id: a0P… }", report)?.to_value();
    let key = key.map_or_else(|| format!("{}:{}", node.at.line, node.at.column), |key| key.value);
    Some(Act { at: fields.at(), after: after(fields, report), what: Deed::Post { event: event?, key, data } })
}

fn after(fields: Fields<'_>, report: &mut Report) -> Duration {
    fields.get("after").and_then(|node| span(node, "`after`", report)).unwrap_or_default()
}

/// A duration that a test can last.
pub(super) fn span(node: &Node, what: &str, report: &mut Report) -> Option<Duration> {
    let span = duration(node, what, report)?;
    if span <= TEST_LASTS_MAX {
        return Some(span);
    }
    let days = TEST_LASTS_MAX.as_secs() / 86_400;
    report.error(
        "invalid-value",
        node.at,
        format!("{what} is longer than a test lasts"),
        format!("write `{days}d` at most"),
    );
    None
}

fn reason(fields: Fields<'_>, report: &mut Report) -> String {
    let reason = fields.get("reason").and_then(|node| text(node, "`reason`", report));
    reason.map_or_else(|| "the test says so".to_owned(), |reason| reason.value)
}
