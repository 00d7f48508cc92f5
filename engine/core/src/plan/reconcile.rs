//! A reconciliation: where its rows come from, and what matches them.

use ferry_contract::{expression::Expression, script::Script};

use super::Call;
use crate::recon::Spec;

/// Two sides, and what matches them.
#[derive(Debug)]
pub struct Reconcile {
    /// What the decisions of persons are kept under; the pipeline and the step where nothing is said.
    pub book: Option<String>,
    /// What is expected.
    pub left: Feed,
    /// What came.
    pub right: Feed,
    /// Lines of settlements.
    pub settlement: Option<Feed>,
    /// The rules.
    pub spec: Spec,
}

/// The rows of one side.
#[derive(Debug)]
pub struct Feed {
    /// Where they come from.
    pub from: FeedRows,
    /// Which of them count; it sees `row` and `vars`.
    pub when: Option<Script>,
    /// The value of each column that is written, in which `$` is the row.
    pub columns: Vec<(&'static str, Expression)>,
}

/// Where rows come from.
#[derive(Debug)]
pub enum FeedRows {
    /// An action that reads, page by page.
    Action(Box<Call>),
    /// A file below the project's folder of files, by its name.
    File(Expression),
    /// A list.
    Items(Expression),
}

impl Reconcile {
    /// The sides and the settlement, each with its name.
    pub fn feeds(&self) -> impl Iterator<Item = (&'static str, &Feed)> {
        [("left", &self.left), ("right", &self.right)]
            .into_iter()
            .chain(self.settlement.iter().map(|feed| ("settlement", feed)))
    }

    /// The calls by which rows are read.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.feeds().filter_map(|(_, feed)| match &feed.from {
            FeedRows::Action(call) => Some(&**call),
            FeedRows::File(_) | FeedRows::Items(_) => None,
        })
    }

    /// The same, to be changed.
    pub fn calls_mut(&mut self) -> impl Iterator<Item = &mut Call> {
        let feeds = [&mut self.left, &mut self.right].into_iter().chain(self.settlement.as_mut());
        feeds.filter_map(|feed| match &mut feed.from {
            FeedRows::Action(call) => Some(&mut **call),
            FeedRows::File(_) | FeedRows::Items(_) => None,
        })
    }
}

impl Feed {
    /// The value of the run that says which rows: the input of an action, the name of a file, or the list.
    pub fn source(&self) -> &Expression {
        match &self.from {
            FeedRows::Action(call) => &call.with,
            FeedRows::File(value) | FeedRows::Items(value) => value,
        }
    }
}
