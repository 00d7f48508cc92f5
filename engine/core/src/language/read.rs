//! From a file to a [`Pipeline`], with findings.

use std::{sync::Arc, time::Duration};

use ferry_contract::{
    report::{Report, Source, Spanned},
    yaml::{
        self, Node,
        read::{Fields, duration, list, text},
    },
};

use super::{Cursor, Pipeline, Poll, Trigger, step};

const KEYS: [&str; 7] = ["ferry", "pipeline", "description", "owner", "trigger", "steps", "on_failure"];

/// The version of the language that this ferry reads.
const LANGUAGE: &str = "1";

/// Reads a pipeline; nothing where its shape is wrong, which the report then says.
pub fn read(source: &Arc<Source>, report: &mut Report) -> Option<Pipeline> {
    let root = yaml::parse(source, report)?;
    let fields = Fields::open(&root, "a pipeline", &KEYS, report)?;
    language_version(fields, report);
    let name = fields.need("pipeline", "mass-payouts", report).and_then(|node| text(node, "`pipeline`", report));
    let trigger = fields.need("trigger", "{ poll: … }", report).and_then(|node| trigger(node, report));
    let steps = fields.need("steps", "[ … ]", report).and_then(|node| step::steps(node, "`steps`", report));
    let on_failure = fields.get("on_failure").and_then(|node| Fields::open(node, "`on_failure`", &["alert"], report));
    let alert = on_failure.and_then(|fields| fields.need("alert", "finance-ops", report));
    Some(Pipeline {
        source: Arc::clone(source),
        description: text_of(fields, "description", report),
        owner: text_of(fields, "owner", report),
        alert: alert.and_then(|node| text(node, "`alert`", report)),
        name: name?,
        trigger: trigger?,
        steps: steps?,
    })
}

/// Reads `ferry: 1`.
pub(crate) fn language_version(fields: Fields<'_>, report: &mut Report) {
    let Some(node) = fields.need("ferry", LANGUAGE, report) else { return };
    let Some(version) = text(node, "`ferry`", report) else { return };
    if version.value != LANGUAGE {
        let message =
            format!("this ferry reads version {LANGUAGE} of the language, and the file says {}", version.value);
        report.error("invalid-value", node.at, message, format!("write `ferry: {LANGUAGE}`"));
    }
}

fn trigger(node: &Node, report: &mut Report) -> Option<Trigger> {
    let fields = Fields::open(node, "`trigger`", &["poll", "key", "revision"], report)?;
    let poll = fields.need("poll", "{ action: salesforce.query, every: 1m, cursor: … }", report);
    let key = fields.need("key", "$.Id", report);
    Some(Trigger {
        poll: poll.and_then(|node| self::poll(node, report))?,
        key: key?.clone(),
        revision: fields.get("revision").cloned(),
    })
}

fn poll(node: &Node, report: &mut Report) -> Option<Poll> {
    let fields = Fields::open(node, "`poll`", &["action", "with", "every", "cursor"], report)?;
    let action = fields.need("action", "salesforce.query", report).and_then(|node| text(node, "`action`", report));
    let every = fields.need("every", "1m", report).and_then(|node| interval(node, "`every`", report));
    let cursor = fields.need("cursor", "{ field: $.SystemModstamp, tie_break: $.Id, lookback: 5m }", report);
    Some(Poll {
        cursor: cursor.and_then(|node| self::cursor(node, report))?,
        action: action?,
        with: fields.get("with").cloned(),
        every: every?,
    })
}

fn cursor(node: &Node, report: &mut Report) -> Option<Cursor> {
    let fields = Fields::open(node, "`cursor`", &["field", "tie_break", "lookback"], report)?;
    let field = fields.need("field", "$.SystemModstamp", report);
    let tie_break = fields.need("tie_break", "$.Id", report);
    let lookback = fields.need("lookback", "5m", report).and_then(|node| duration(node, "`lookback`", report));
    Some(Cursor { field: field?.clone(), tie_break: tie_break?.clone(), lookback: lookback? })
}

/// The text of an optional key.
pub(super) fn text_of(fields: Fields<'_>, key: &str, report: &mut Report) -> Option<Spanned<String>> {
    fields.get(key).and_then(|node| text(node, &format!("`{key}`"), report))
}

/// The time between two questions.
pub(super) fn interval(node: &Node, what: &str, report: &mut Report) -> Option<Duration> {
    let interval = duration(node, what, report)?;
    if interval.is_zero() {
        report.error("invalid-value", node.at, format!("{what} must be longer than no time"), "write `1m` or longer");
    }
    Some(interval)
}

/// The items of a list that must have one.
pub(super) fn filled<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [Node]> {
    match list(node, what, report)? {
        [] => {
            report.error("wrong-type", node.at, format!("{what} has no item"), "write at least one item");
            None
        }
        items => Some(items),
    }
}
