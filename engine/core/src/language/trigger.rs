//! What starts runs.

use std::time::Duration;

use ferry_contract::{
    report::{Report, Spanned},
    suggest,
    webhook::Scheme,
    yaml::{
        Node,
        read::{Fields, duration, one_of, text, texts},
    },
};

use super::{
    Backfill, backfill, near,
    read::{interval, text_of},
};
use crate::{
    limits::RECONCILED_EVERY,
    plan::{CatchUp, Ended, Overlap, Rows, Settled},
    recon::Reason,
};

/// What starts runs.
#[derive(Debug)]
pub struct Trigger {
    /// Where events come from.
    pub source: EventSource,
    /// The JSONPath of the event's business key; whoever starts a manual run gives it.
    pub key: Option<Node>,
    /// The JSONPath of what tells two versions of an event apart.
    pub revision: Option<Node>,
}

/// Where events come from.
#[derive(Debug)]
pub enum EventSource {
    /// A polled action.
    Poll(Poll),
    /// Requests that others send to us.
    Webhook(Webhook),
    /// Events that steps emit.
    Event(Spanned<String>),
    /// Times of a cron expression.
    Schedule(Schedule),
    /// Ends of another pipeline's runs.
    Pipeline(Follow),
    /// Files that others drop into a folder.
    File(Drop),
    /// What reconciliations say.
    Reconciled(Reconciled),
    /// A person, or a step of another pipeline.
    Manual,
}

/// Files that others drop into a folder; each row is an event.
#[derive(Debug)]
pub struct Drop {
    /// The folder, from that of the project.
    pub folder: Spanned<String>,
    /// How rows are written.
    pub rows: Rows,
    /// How often it is looked at.
    pub every: Duration,
}

/// What reconciliations say of one book.
#[derive(Debug)]
pub struct Reconciled {
    /// The book.
    pub book: Spanned<String>,
    /// What of it.
    pub of: Settled,
    /// Only of these reasons or rules; of all where none is named.
    pub only: Vec<Spanned<String>>,
    /// How often it is looked at.
    pub every: Duration,
}

/// Ends of another pipeline's runs.
#[derive(Debug)]
pub struct Follow {
    /// The other pipeline.
    pub name: Spanned<String>,
    /// Which ends.
    pub on: Ended,
}

/// Times of a cron expression.
#[derive(Debug)]
pub struct Schedule {
    /// The expression: minute, hour, day of the month, month, day of the week.
    pub cron: Spanned<String>,
    /// The IANA zone in which it is meant.
    pub zone: Node,
    /// What a time does while a run of an earlier one has not ended.
    pub overlap: Overlap,
    /// What becomes of times at which nothing ran.
    pub catch_up: CatchUp,
}

/// Requests that others send to us.
#[derive(Debug)]
pub struct Webhook {
    /// The last part of the URL, `/hooks/PATH`.
    pub path: Spanned<String>,
    /// Who is believed.
    pub sender: Sender,
    /// The step whose output is the answer; nothing answers as soon as the event is on disk.
    pub respond: Option<Spanned<String>>,
}

/// Who is believed that he sent a webhook.
#[derive(Debug)]
pub enum Sender {
    /// Whoever reaches the address.
    Anybody,
    /// Who knows the secret: how he shows it, and the reference to it, such as `${env:HOOK_SECRET}`.
    Verified(Scheme, Spanned<String>),
    /// A system that is connected: its connector says what it sends, and how that is verified.
    System {
        /// `connection.webhook`.
        from: Spanned<String>,
        /// Whether it signs nothing: `verify: none` is written.
        unsigned: bool,
    },
}

/// An action that is asked for new events.
#[derive(Debug)]
pub struct Poll {
    /// `connection.action`.
    pub action: Spanned<String>,
    /// Its input.
    pub with: Option<Node>,
    /// How often.
    pub every: Duration,
    /// How far it has come.
    pub cursor: Cursor,
    /// Where the first poll begins; with all that there is where nothing is said.
    pub backfill: Option<Spanned<Backfill>>,
}

/// The place up to which all events are on disk.
#[derive(Debug)]
pub enum Cursor {
    /// The last value of a field that grows.
    Field(Growing),
    /// What the target itself calls the place, which nobody else understands.
    Token(Token),
}

/// A field of events that grows.
#[derive(Debug)]
pub struct Growing {
    /// The JSONPath of the growing field.
    pub field: Node,
    /// The JSONPath of what orders events with the same value.
    pub tie_break: Node,
    /// How far before the last value each poll begins.
    pub lookback: Duration,
}

/// What the target calls a place.
#[derive(Debug)]
pub struct Token {
    /// Its JSONPath in the answer.
    pub token: Node,
    /// The field of the next input that it becomes.
    pub into: Spanned<String>,
}

/// The keys that say where events come from; exactly one is written.
const SOURCES: [&str; 7] = ["poll", "webhook", "event", "schedule", "pipeline", "file", "reconciled"];

pub(super) fn read(node: &Node, report: &mut Report) -> Option<Trigger> {
    if node.entries().is_none() {
        one_of(node, "a trigger", &[("manual", ())], report)?;
        return Some(Trigger { source: EventSource::Manual, key: None, revision: None });
    }
    let keys = ["poll", "webhook", "event", "schedule", "pipeline", "file", "reconciled", "key", "revision"];
    let fields = Fields::open_near(node, "`trigger`", (&keys, near::TRIGGER), report)?;
    if fields.get("schedule").is_some() {
        let help = "remove it: each time of a schedule is one run, ever";
        for key in ["key", "revision"] {
            fields.refuse(key, "a schedule has its times as keys", help, report);
        }
        return Some(Trigger { source: source(fields, report)?, key: None, revision: None });
    }
    if fields.get("pipeline").is_some() {
        let help = "remove it: its runs have the keys of the runs that they follow";
        for key in ["key", "revision"] {
            fields.refuse(key, "a pipeline that follows another has its keys", help, report);
        }
        return Some(Trigger { source: source(fields, report)?, key: None, revision: None });
    }
    if fields.get("reconciled").is_some() {
        let help = "remove it: each match and each exception is one run, ever";
        for key in ["key", "revision"] {
            fields.refuse(key, "a book has its own keys", help, report);
        }
        return Some(Trigger { source: source(fields, report)?, key: None, revision: None });
    }
    let key = fields.need("key", "$.Id", report);
    let source = source(fields, report);
    Some(Trigger { source: source?, key: Some(key?.clone()), revision: fields.get("revision").cloned() })
}

fn source(fields: Fields<'_>, report: &mut Report) -> Option<EventSource> {
    let written: Vec<_> = SOURCES.into_iter().filter(|key| fields.get(key).is_some()).collect();
    let [kind] = written.as_slice() else {
        let help = format!("write one of {}, or `trigger: manual`", suggest::list(&SOURCES));
        report.error("step-kind", fields.at(), "a trigger has one source of events", help);
        return None;
    };
    let node = fields.get(kind)?;
    match *kind {
        "poll" => poll(node, report).map(EventSource::Poll),
        "webhook" => webhook(node, report).map(EventSource::Webhook),
        "schedule" => schedule(node, report).map(EventSource::Schedule),
        "pipeline" => follow(node, report).map(EventSource::Pipeline),
        "file" => drop(node, report).map(EventSource::File),
        "reconciled" => reconciled(node, report).map(EventSource::Reconciled),
        _ => text(node, "`event`", report).map(EventSource::Event),
    }
}

fn reconciled(node: &Node, report: &mut Report) -> Option<Reconciled> {
    let fields = Fields::open(node, "`reconciled`", &["book", "of", "reasons", "rules", "every"], report)?;
    let book = fields.need("book", "orders", report).and_then(|node| text(node, "`book`", report));
    let words = [
        ("matches", Settled::Matches),
        ("suggestions", Settled::Suggestions),
        ("exceptions", Settled::Exceptions),
        ("write_offs", Settled::WriteOffs),
    ];
    let of = fields.need("of", "matches", report).and_then(|node| one_of(node, "what a book has", &words, report));
    let (of, every) =
        (of?, fields.get("every").map_or(Some(RECONCILED_EVERY), |node| interval(node, "`every`", report)));
    let is_reasoned = matches!(of, Settled::Exceptions | Settled::WriteOffs);
    let (own, other) = if is_reasoned { ("reasons", "rules") } else { ("rules", "reasons") };
    fields.refuse(other, &format!("these have no {other}"), &format!("write `{own}: [ … ]`, or remove it"), report);
    let only = fields.get(own).map_or_else(|| Some(Vec::new()), |node| texts(node, &format!("`{own}`"), report))?;
    let known: Vec<&str> = Reason::ALL.iter().map(|(name, _)| *name).collect();
    for reason in only.iter().filter(|reason| own == "reasons" && !known.contains(&reason.value.as_str())) {
        let message = format!("`{}` is no reason of an exception", reason.value);
        report.unknown("invalid-value", reason.at, message, (&reason.value, &known));
    }
    Some(Reconciled { book: book?, of, only, every: every? })
}

fn poll(node: &Node, report: &mut Report) -> Option<Poll> {
    let fields =
        Fields::open_near(node, "`poll`", (&["action", "with", "every", "cursor", "backfill"], near::POLL), report)?;
    let action = fields.need("action", "salesforce.query", report).and_then(|node| text(node, "`action`", report));
    let every = fields.need("every", "1m", report).and_then(|node| interval(node, "`every`", report));
    let cursor = fields.need("cursor", "{ field: $.SystemModstamp, tie_break: $.Id, lookback: 5m }", report);
    let cursor = cursor.and_then(|node| self::cursor(node, report));
    if matches!(cursor, Some(Cursor::Token(_))) {
        let message = "a backfill goes by times, and a `token` says none";
        fields.refuse("backfill", message, "remove it; say in `with` where the first poll begins", report);
    }
    let backfill = fields.get("backfill").map(|node| Some(Spanned::new(backfill::read(node, report)?, node.at)));
    Some(Poll {
        backfill: backfill.map_or(Some(None), |backfill| backfill.map(Some))?,
        cursor: cursor?,
        action: action?,
        with: fields.get("with").cloned(),
        every: every?,
    })
}

fn cursor(node: &Node, report: &mut Report) -> Option<Cursor> {
    let keys = ["field", "tie_break", "lookback", "token", "into"];
    let fields = Fields::open_near(node, "`cursor`", (&keys, near::CURSOR), report)?;
    if fields.get("token").is_some() || fields.get("into").is_some() {
        return token(fields, report).map(Cursor::Token);
    }
    let field = fields.need("field", "$.SystemModstamp", report);
    let tie_break = fields.need("tie_break", "$.Id", report);
    let lookback = fields.need("lookback", "5m", report).and_then(|node| duration(node, "`lookback`", report));
    Some(Cursor::Field(Growing { field: field?.clone(), tie_break: tie_break?.clone(), lookback: lookback? }))
}

fn token(fields: Fields<'_>, report: &mut Report) -> Option<Token> {
    for key in ["field", "tie_break", "lookback"] {
        let message = "the target says the place itself, with `token`";
        fields.refuse(key, message, "remove it, or write `field`, `tie_break` and `lookback` alone", report);
    }
    let token = fields.need("token", "$.replay_id", report).cloned();
    let into = fields.need("into", "replay_id", report).and_then(|node| text(node, "`into`", report));
    Some(Token { token: token?, into: into? })
}

fn drop(node: &Node, report: &mut Report) -> Option<Drop> {
    let fields = Fields::open(node, "`file`", &["folder", "format", "every"], report)?;
    let folder = fields.need("folder", "inbox", report).and_then(|node| text(node, "`folder`", report));
    let words = [("csv", Rows::Csv), ("json_lines", Rows::JsonLines)];
    let rows = fields.need("format", "csv", report).and_then(|node| one_of(node, "a format of rows", &words, report));
    let every = fields.need("every", "10s", report).and_then(|node| interval(node, "`every`", report));
    Some(Drop { folder: folder?, rows: rows?, every: every? })
}

fn follow(node: &Node, report: &mut Report) -> Option<Follow> {
    let fields = Fields::open(node, "`pipeline`", &["name", "on"], report)?;
    let name = fields.need("name", "mass-payouts", report).and_then(|node| text(node, "`name`", report));
    let words = [("finished", Ended::Finished), ("dead_letter", Ended::DeadLettered)];
    let on = fields.need("on", "finished", report).and_then(|node| one_of(node, "an end of a run", &words, report));
    Some(Follow { name: name?, on: on? })
}

fn schedule(node: &Node, report: &mut Report) -> Option<Schedule> {
    let fields = Fields::open(node, "`schedule`", &["cron", "zone", "overlap", "catch_up"], report)?;
    let cron = fields.need("cron", "\"0 6 * * 1-5\"", report).and_then(|node| text(node, "`cron`", report));
    let zone = fields.need("zone", "Europe/Berlin", report);
    let words = [("skip", Overlap::Skip), ("queue", Overlap::Queue), ("allow", Overlap::Allow)];
    let overlap = fields.need("overlap", "skip", report);
    let overlap = overlap.and_then(|node| one_of(node, "what happens while a run has not ended", &words, report));
    let words = [("none", CatchUp::None), ("last", CatchUp::Last), ("all", CatchUp::All)];
    let catch_up = fields.need("catch_up", "last", report);
    let catch_up = catch_up.and_then(|node| one_of(node, "what is made up for", &words, report));
    Some(Schedule { cron: cron?, zone: zone?.clone(), overlap: overlap?, catch_up: catch_up? })
}

fn webhook(node: &Node, report: &mut Report) -> Option<Webhook> {
    let keys = ["from", "path", "verify", "respond"];
    let fields = Fields::open_near(node, "`webhook`", (&keys, near::WEBHOOK), report)?;
    let path = fields.need("path", "payout-status", report).and_then(|node| text(node, "`path`", report))?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if path.value.is_empty() || !path.value.bytes().all(is_name) {
        let message = format!("`{}` is not a path of a webhook", path.value);
        report.error("invalid-value", path.at, message, "write small letters, digits and `-`, such as `payout-status`");
    }
    let sender = match (text_of(fields, "from", report), fields.get("verify")) {
        (Some(from), None) => Some(Sender::System { from, unsigned: false }),
        (Some(from), Some(node)) if node.text() == Some("none") => Some(Sender::System { from, unsigned: true }),
        (Some(from), Some(_)) => {
            let message = "the connector says how this webhook is verified";
            let help = "remove it; its secret is a field of the connection. Beside `from` there is only `verify: none`";
            fields.refuse("verify", message, help, report);
            Some(Sender::System { from, unsigned: false })
        }
        (None, _) => {
            let verify = fields.need("verify", "{ header: X-Signature, secret: \"${env:HOOK_SECRET}\" }", report)?;
            self::verify(verify, report)
        }
    };
    Some(Webhook { sender: sender?, respond: text_of(fields, "respond", report), path })
}

/// `none` has to be written: an open address is a decision.
fn verify(node: &Node, report: &mut Report) -> Option<Sender> {
    if node.entries().is_none() {
        return one_of(node, "a way to verify", &[("none", ())], report).map(|()| Sender::Anybody);
    }
    let fields = Fields::open(node, "`verify`", &["scheme", "header", "secret", "skew"], report)?;
    let scheme = Scheme::read(fields, report);
    let secret = fields.need("secret", "\"${env:HOOK_SECRET}\"", report)?;
    let secret = text(secret, "`secret`", report)?;
    if !secret.value.contains("${") {
        let message = "the secret of a webhook is written in the file";
        report.error("literal-secret", secret.at, message, "refer to it: `${env:NAME}` or `${secret:path}`");
    }
    Some(Sender::Verified(scheme?, secret))
}
