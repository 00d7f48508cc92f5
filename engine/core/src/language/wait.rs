//! Steps that wait: for a time, an answer, an event, a person.

use std::time::Duration;

use ferry_contract::{
    report::{Report, Spanned},
    suggest,
    yaml::{
        Node,
        read::{Fields, duration, one_of, text, texts},
    },
};

use super::{Probe, Then, near, read::interval};

/// A wait.
#[derive(Debug)]
pub enum Wait {
    /// For a time.
    For(Duration),
    /// Until a question has its answer.
    Poll {
        /// What is asked.
        probe: Box<Probe>,
        /// An event that makes it ask at once.
        wake: Option<Correlation>,
        /// How long it waits.
        timeout: Timeout,
    },
    /// For an event.
    Event {
        /// Which one.
        event: Correlation,
        /// How long it waits.
        timeout: Timeout,
    },
}

/// An event that belongs to this run.
#[derive(Debug)]
pub struct Correlation {
    /// The event's name.
    pub event: Spanned<String>,
    /// A JSONPath into the event.
    pub theirs: Node,
    /// The run's value that must equal it.
    pub ours: Node,
}

/// When a wait ends without what it waited for.
#[derive(Clone, Copy, Debug)]
pub struct Timeout {
    /// After this time.
    pub after: Duration,
    /// How: the step fails, or the run goes on without its output.
    pub then: Then,
}

/// A question to a person.
#[derive(Debug)]
pub struct Approve {
    /// Persons, or groups of `ferry.yaml`.
    pub by: Vec<Spanned<String>>,
    /// Who may not: the one who made what is to be approved.
    pub maker: Option<Node>,
    /// What the person sees.
    pub show: Option<Node>,
    /// How long the question stands.
    pub expires: Duration,
}

const KEYS: [&str; 7] = ["for", "poll", "event", "match", "until", "wake", "timeout"];
/// The keys that say what is waited for; exactly one is written.
const KINDS: [&str; 3] = ["for", "poll", "event"];

pub(super) fn read(node: &Node, report: &mut Report) -> Option<Wait> {
    let fields = Fields::open_near(node, "`wait`", (&KEYS, near::WAIT), report)?;
    let written: Vec<_> = KINDS.into_iter().filter(|key| fields.get(key).is_some()).collect();
    let [kind] = written.as_slice() else {
        let help = format!("write one of {}", suggest::list(&KINDS));
        report.error("step-kind", fields.at(), "a wait is for a time, for an answer or for an event", help);
        return None;
    };
    for (key, owner) in [("until", "poll"), ("wake", "poll"), ("match", "event")] {
        if owner != *kind {
            fields.refuse(key, &format!("only a wait with `{owner}` takes `{key}`"), "remove it", report);
        }
    }
    match *kind {
        "for" => {
            fields.refuse("timeout", "a wait for a time has no other time-out", "remove it", report);
            fields.get("for").and_then(|node| interval(node, "`for`", report)).map(Wait::For)
        }
        "poll" => poll(fields, report),
        _ => event(fields, report),
    }
}

fn poll(fields: Fields<'_>, report: &mut Report) -> Option<Wait> {
    let until = fields.need("until", "result.status == \"Transferred\"", report);
    let timeout = timeout(fields, report);
    let wake = fields.get("wake").map(|node| wake(node, report));
    let poll =
        Fields::open_near(fields.get("poll")?, "`poll`", (&["action", "with", "every"], near::WAIT_POLL), report)?;
    let probe = probe(poll, poll, until?, report)?;
    let wake = wake.map_or(Some(None), |wake| wake.map(Some))?;
    Some(Wait::Poll { probe: Box::new(probe), wake, timeout: timeout? })
}

fn event(fields: Fields<'_>, report: &mut Report) -> Option<Wait> {
    let timeout = timeout(fields, report);
    let event = correlation(fields, report);
    Some(Wait::Event { event: event?, timeout: timeout? })
}

fn wake(node: &Node, report: &mut Report) -> Option<Correlation> {
    correlation(Fields::open(node, "`wake`", &["event", "match"], report)?, report)
}

fn correlation(fields: Fields<'_>, report: &mut Report) -> Option<Correlation> {
    let event = fields.need("event", "payoneer.payout_status", report);
    let event = event.and_then(|node| text(node, "`event`", report));
    let example = "{ event: $.client_reference_id, run: $.payout.client_reference_id }";
    let fields = Fields::open(fields.need("match", example, report)?, "`match`", &["event", "run"], report)?;
    let theirs = fields.need("event", "$.client_reference_id", report);
    let ours = fields.need("run", "$.payout.client_reference_id", report);
    Some(Correlation { event: event?, theirs: theirs?.clone(), ours: ours?.clone() })
}

/// `5d`, or `{ after: 5d, then: continue }`.
fn timeout(fields: Fields<'_>, report: &mut Report) -> Option<Timeout> {
    let node = fields.need("timeout", "5d", report)?;
    if node.entries().is_none() {
        return duration(node, "`timeout`", report).map(|after| Timeout { after, then: Then::DeadLetter });
    }
    let fields = Fields::open(node, "`timeout`", &["after", "then"], report)?;
    let after = fields.need("after", "5d", report).and_then(|node| duration(node, "`after`", report));
    let then = fields.need("then", "dead_letter", report);
    let then = then.and_then(|node| one_of(node, "an end of a wait", &THEN, report));
    Some(Timeout { after: after?, then: then? })
}

/// How an arm or a wait may end.
pub(super) const THEN: [(&str, Then); 2] = [("continue", Then::Continue), ("dead_letter", Then::DeadLetter)];

/// `action` and `with` from one map, `every` perhaps from another.
pub(super) fn probe(asked: Fields<'_>, timed: Fields<'_>, until: &Node, report: &mut Report) -> Option<Probe> {
    let action = asked.need("action", "payoneer.get_balance", report).and_then(|node| text(node, "`action`", report));
    let every = timed.need("every", "10m", report).and_then(|node| interval(node, "`every`", report));
    Some(Probe { action: action?, with: asked.get("with").cloned(), every: every?, until: until.clone() })
}

pub(super) fn approve(node: &Node, report: &mut Report) -> Option<Approve> {
    let fields = Fields::open(node, "`approve`", &["by", "not", "show", "expires"], report)?;
    let by = fields.need("by", "[treasury]", report).and_then(|node| persons(node, report));
    let expires = fields.need("expires", "3d", report).and_then(|node| interval(node, "`expires`", report));
    let (maker, show) = (fields.get("not").cloned(), fields.get("show").cloned());
    Some(Approve { by: by?, maker, show, expires: expires.unwrap_or(Duration::MAX) })
}

/// Without a person, nobody could answer.
fn persons(node: &Node, report: &mut Report) -> Option<Vec<Spanned<String>>> {
    let persons = texts(node, "`by`", report)?;
    if persons.is_empty() {
        report.error("wrong-type", node.at, "`by` has no item", "write at least one item");
    }
    Some(persons)
}
