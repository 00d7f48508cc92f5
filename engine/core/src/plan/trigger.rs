//! What starts runs, and which of them go one after another.

use std::time::Duration;

use ferry_contract::{expression::Expression, path::Path, webhook::Scheme};

use super::{Schedule, StepIndex};
use crate::language::Backfill;

/// Which runs go one after another.
#[derive(Debug)]
pub struct Concurrency {
    /// What they have in common, in the event.
    pub key: Path,
    /// How many of them at once.
    pub limit: u32,
}

/// What starts runs.
#[derive(Debug)]
pub struct Trigger {
    /// Where events come from.
    pub source: EventSource,
    /// The business key, in the event; whoever starts a manual run gives it.
    pub key: Option<Path>,
    /// What tells two versions of an event apart, in the event.
    pub revision: Option<Path>,
}

/// Where events come from.
#[derive(Debug)]
pub enum EventSource {
    /// A polled action.
    Poll(Box<Poll>),
    /// Requests that others send to us.
    Webhook(Webhook),
    /// Events of this name that steps emit.
    Event(String),
    /// Times of a cron expression.
    Schedule(Box<Schedule>),
    /// Ends of another pipeline's runs.
    Pipeline {
        /// The other pipeline.
        name: String,
        /// Which ends.
        on: Ended,
    },
    /// Files that others drop into a folder.
    File(Drop),
    /// What reconciliations say.
    Reconciled(Reconciled),
    /// A person, or a step of another pipeline.
    Manual,
}

/// What reconciliations say of one book.
#[derive(Debug)]
pub struct Reconciled {
    /// The book.
    pub book: String,
    /// What of it.
    pub of: Settled,
    /// Only of these reasons or rules; of all where none is named.
    pub only: Vec<String>,
    /// How often it is looked at.
    pub every: Duration,
}

/// What a book has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Settled {
    /// Matches that a rule, or a person, is sure of.
    Matches,
    /// Matches for a person to say.
    Suggestions,
    /// Rows that are in no match.
    Exceptions,
    /// Rows that a person has written off.
    WriteOffs,
}

/// A folder into which others drop files; each row is an event.
#[derive(Debug)]
pub struct Drop {
    /// The folder, from that of the project.
    pub folder: String,
    /// How rows are written.
    pub rows: Rows,
    /// How often it is looked at.
    pub every: Duration,
}

/// How the rows of a file are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rows {
    /// As CSV with a header; cells are texts.
    Csv,
    /// A JSON value a line.
    JsonLines,
}

impl Rows {
    /// How names of such files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }
}

/// How a run that others follow has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// It has done all it was to do.
    Finished,
    /// It is a dead letter.
    DeadLettered,
}

impl Ended {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::DeadLettered => "dead_letter",
        }
    }
}

/// An action that is asked for new events.
#[derive(Debug)]
pub struct Poll {
    /// The connection's name.
    pub connection: String,
    /// The action's name.
    pub action: String,
    /// The action's input.
    pub with: Expression,
    /// How often.
    pub every: Duration,
    /// How far it has come.
    pub cursor: Cursor,
    /// Where the first poll begins, and how far one query reaches.
    pub backfill: Option<Backfill>,
}

/// The place up to which all events are on disk.
#[derive(Debug)]
pub enum Cursor {
    /// The last value of a field that grows.
    Field(Growing),
    /// What the target itself calls the place, which nobody else understands.
    Token {
        /// Where it is in the answer.
        token: Path,
        /// The field of the next input that it becomes.
        into: String,
    },
}

/// A field of events that grows.
#[derive(Debug)]
pub struct Growing {
    /// The growing field, in the event.
    pub field: Path,
    /// What orders events with the same value.
    pub tie_break: Path,
    /// How far before the last value each poll begins.
    pub lookback: Duration,
}

impl Poll {
    /// The growing field, where the cursor is one.
    pub fn growing(&self) -> Option<&Growing> {
        match &self.cursor {
            Cursor::Field(growing) => Some(growing),
            Cursor::Token { .. } => None,
        }
    }
}

/// Who is believed that he sent a webhook.
#[derive(Debug)]
pub enum Sender {
    /// Whoever reaches the address.
    Anybody,
    /// Who knows a secret: how he shows it, and the reference to it.
    Verified(Scheme, String),
    /// A system that is connected: its connector says what it sends, and how that is verified.
    System {
        /// The connection's name.
        connection: String,
        /// The webhook's name.
        webhook: String,
        /// Whether it does not sign: whoever reaches the address is believed.
        unsigned: bool,
    },
}

/// Requests that others send to us.
#[derive(Debug)]
pub struct Webhook {
    /// The last part of the URL.
    pub path: String,
    /// Who is believed.
    pub sender: Sender,
    /// The step whose output is the answer.
    pub respond: Option<StepIndex>,
}
