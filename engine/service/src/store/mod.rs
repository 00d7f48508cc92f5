//! What must not be forgotten, as a port: inbox, journal, calls, cursors, dead letters, versions, leases.
//!
//! A store fetches rows, lets [`decide`] say what a group of changes does to them, and writes them in one
//! transaction: no rule is written twice. Only who drives a run (`lease`) is decided by each store itself,
//! because its database must choose between engines that ask at once.

mod address;
mod change;
mod decide;
mod item;
mod lease;
mod pair;
mod posted;
pub mod postgres;
mod rows;
pub mod sqlite;
mod trust;

use std::{collections::BTreeMap, fmt, time::Duration};

use ferry_contract::{key::Digest, port::Boxed};
use ferry_core::run::{Entry, Letter, On, Reservation};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use address::{Opened, StoreAddress, open, open_to_run};
pub use change::{Act, Again, Arrival, Change, Committed, Hold, Pairing, Shared, VersionFiles};
pub(crate) use decide::{Reception, corrected};
pub use item::{Item, ItemFilter, ItemKind, ItemName, ItemState, Itemizing, StoredItem};
pub use lease::{EngineId, Fence, Leased, Member, Taken};
pub use pair::{PairName, StoredPair};
pub use posted::{DeadEvent, Emitter, Posted};
pub use trust::Trust;

/// The name of a run: the same for the same pipeline and business key, for ever.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The run of an event.
    pub fn of(pipeline: &str, event_key: &str) -> Self {
        let digest = Digest::of(format!("{pipeline}\n{event_key}"));
        Self(format!("run_{}", &digest.as_str()[..20]))
    }

    /// A run named by a person.
    pub fn named(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A run as it is stored.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// The row.
    pub row: RunRow,
    /// Its journal in order.
    pub journal: Vec<(Timestamp, Entry)>,
    /// The right to write to it.
    pub fence: Fence,
    /// Who has that right; nobody while it waits.
    pub owner: Option<EngineId>,
    /// The letters that are not done with, by number.
    pub letters: BTreeMap<i64, Letter>,
    /// How many letters were sent to it so far.
    pub mail: i64,
}

impl StoredRun {
    /// How many entries its journal has.
    pub fn length(&self) -> u64 {
        self.journal.len() as u64
    }
}

/// A question that a person may answer.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Approval {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: String,
    /// The pipeline.
    pub pipeline: String,
    /// The business key.
    pub event_key: String,
    /// Since when.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// Who may answer, and what there is to see.
    #[schemars(with = "Value")]
    pub on: On,
}

/// A reservation in its queue.
#[derive(Clone, Debug, PartialEq)]
pub struct InQueue {
    /// The run.
    pub run: RunId,
    /// What one of its units reserves.
    pub reservation: Reservation,
}

impl InQueue {
    /// Whether both are the same unit of the same run.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        self.run == other.run && self.reservation.step == other.reservation.step
    }

    /// What all reserve together. More than can be written is more than anybody has.
    pub(crate) fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Decimal {
        all.into_iter().fold(Decimal::ZERO, |sum, one| sum.saturating_add(one.reservation.amount))
    }
}

/// A run in a list.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// The pipeline.
    pub pipeline: String,
    /// The version it runs on.
    pub version: String,
    /// The business key.
    pub event_key: String,
    /// How it is.
    pub state: String,
    /// Where it is, in words.
    pub note: String,
    /// When it began.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// When something last happened.
    #[schemars(with = "String")]
    pub updated_at: Timestamp,
    /// When it goes on by itself.
    #[schemars(with = "Option<String>")]
    pub due_at: Option<Timestamp>,
}

/// A dead letter.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct DeadLetter {
    /// The run, which is also the dead letter's name.
    pub run: RunId,
    /// The pipeline.
    pub pipeline: String,
    /// The business key.
    pub event_key: String,
    /// The step that failed.
    pub step: String,
    /// The error class.
    pub class: String,
    /// Who can usually mend it.
    pub mended_by: String,
    /// Why.
    pub message: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The original event.
    pub event: Value,
}

/// Which runs or dead letters to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this pipeline.
    pub pipeline: Option<String>,
    /// Only in one of these states, or of one of these classes; of any where none is named. As of one moment.
    pub kinds: Vec<String>,
    /// Only of this event; of dead letters also the one of this run.
    pub event_key: Option<String>,
    /// At most that many.
    pub limit: usize,
}

/// Why the store did not do something. One variant per reaction.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// Another process uses the store.
    #[error("{0}")]
    InUse(String),
    /// The file cannot be opened, or is of another version.
    #[error("{0}")]
    Open(String),
    /// Another run has made this call.
    #[error("the call `{key}` was made by {run} already")]
    CallTaken {
        /// The call's name.
        key: String,
        /// The other run.
        run: String,
    },
    /// The right to write has ended: someone else drives the run, or the engine was taken out.
    #[error("{0} has gone on without this engine")]
    Fenced(String),
    /// The run is not one that can start again.
    #[error("{0}")]
    NotEnded(String),
    /// Another process has changed a shared row since it was read: read it again.
    #[error("`{0}` was changed by another process")]
    Stale(String),
    /// The disk or the connection failed. The group may be durable all the same: whoever gets this must
    /// read what the store has before it goes on.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// The port.
pub trait Store: Send + Sync {
    /// Takes a group in the order of the calls; the future ends when it is durable.
    fn commit(&self, group: Vec<Change>) -> Boxed<'static, Result<Committed, StoreError>>;
    /// A run with its journal.
    fn run<'a>(&'a self, run: &'a RunId) -> Boxed<'a, Result<Option<StoredRun>, StoreError>>;
    /// The revision of a run's event that came last. It is known for ever, also of a run that is forgotten; nothing
    /// where no event came.
    fn revision<'a>(&'a self, run: &'a RunId) -> Boxed<'a, Result<Option<String>, StoreError>>;
    /// The time of all engines on this store: that of its machine's clock, but never before what an engine has
    /// known already. From now on `known` is known too.
    fn time(&self, known: Timestamp) -> Boxed<'_, Result<Timestamp, StoreError>>;
    /// Makes a new engine known, which may then lease runs for as long as it renews in time.
    fn join<'a>(&'a self, engine: &'a EngineId, lease: Duration) -> Boxed<'a, Result<(), StoreError>>;
    /// Prolongs an engine's life from now, by the store's own clock, which no business clock can hurry.
    /// Refused with [`StoreError::Fenced`] where it was taken out meanwhile: it is dead for ever.
    fn renew<'a>(&'a self, engine: &'a EngineId, lease: Duration) -> Boxed<'a, Result<(), StoreError>>;
    /// Takes an engine out by its own wish: its runs are free at once.
    fn leave<'a>(&'a self, engine: &'a EngineId) -> Boxed<'a, Result<(), StoreError>>;
    /// Gives an engine runs that are due and that nobody drives, after it has taken out every engine whose
    /// life has ended: their runs are due at once. Refused with [`StoreError::Fenced`] as in `renew`.
    fn lease<'a>(&'a self, engine: &'a EngineId, now: Timestamp, limit: usize) -> Boxed<'a, Result<Taken, StoreError>>;
    /// The runs that an engine has: also those of a commit or a lease whose answer was lost.
    fn owned<'a>(&'a self, engine: &'a EngineId) -> Boxed<'a, Result<Vec<Leased>, StoreError>>;
    /// Ends when another process may have made a run due; never where none can tell.
    fn woken(&self) -> Boxed<'_, ()>;
    /// The engines that are known, and how they are.
    fn members(&self) -> Boxed<'_, Result<Vec<Member>, StoreError>>;
    /// What was said last of the store's memory.
    fn trust(&self) -> Boxed<'_, Result<Trust, StoreError>>;
    /// Notes what world the store's calls go to; refuses another one with [`StoreError::Open`], because
    /// they would be looked up there in vain.
    fn belongs_to<'a>(&'a self, world: &'a str) -> Boxed<'a, Result<(), StoreError>>;
    /// The world that the store's calls go to, where one was noted.
    fn world(&self) -> Boxed<'_, Result<Option<String>, StoreError>>;
    /// Calls a world by another name, where it is still called `from`; gives whether it was.
    fn rename_world<'a>(&'a self, from: &'a str, to: &'a str) -> Boxed<'a, Result<bool, StoreError>>;
    /// How far a trigger has come.
    fn cursor<'a>(&'a self, trigger: &'a str) -> Boxed<'a, Result<Option<String>, StoreError>>;
    /// The files of a version.
    fn version<'a>(&'a self, version: &'a Digest) -> Boxed<'a, Result<Option<VersionFiles>, StoreError>>;
    /// Whether other processes may drive its runs at the same time.
    fn is_shared(&self) -> bool;
    /// A row that processes share.
    fn shared<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Shared>, StoreError>>;
    /// Pairs of cross-references, in the order of their names; nothing where there is none of that name.
    fn pairs<'a>(&'a self, names: &'a [PairName]) -> Boxed<'a, Result<Vec<Option<StoredPair>>, StoreError>>;
    /// The pairs of a project, of one cross-reference where it is named, by table and key.
    fn pairs_of<'a>(
        &'a self,
        project: &'a str,
        table: Option<&'a str>,
        limit: usize,
    ) -> Boxed<'a, Result<Vec<StoredPair>, StoreError>>;
    /// Items of reconciliations, in the order of their last changes.
    fn items<'a>(&'a self, filter: &'a ItemFilter) -> Boxed<'a, Result<Vec<StoredItem>, StoreError>>;
    /// Questions that persons may answer, the oldest first.
    fn approvals(&self, limit: usize) -> Boxed<'_, Result<Vec<Approval>, StoreError>>;
    /// What is released in a queue, and the first `held_max` of what is held, in the order of the queue; of each
    /// at most [`QUEUE_ROWS_MAX`](crate::limits::QUEUE_ROWS_MAX).
    fn queue<'a>(&'a self, queue: &'a str, held_max: usize) -> Boxed<'a, Result<Vec<InQueue>, StoreError>>;
    /// What persons did, the latest first.
    fn acts(&self, limit: usize) -> Boxed<'_, Result<Vec<Act>, StoreError>>;
    /// Events that were posted with that key, or with that value where it is looked at.
    fn posted<'a>(&'a self, text: &'a str) -> Boxed<'a, Result<Vec<Posted>, StoreError>>;
    /// The names of posted events, by event and key, of which not all who wait for them are told yet.
    fn untold(&self, limit: usize) -> Boxed<'_, Result<Vec<(String, String)>, StoreError>>;
    /// Events that wait for a claim, the oldest first.
    fn unclaimed(&self, limit: usize) -> Boxed<'_, Result<Vec<Posted>, StoreError>>;
    /// Events that are dead letters because nobody has claimed them, the latest first. A filter by an event's key
    /// is none here.
    fn dead_events<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<DeadEvent>, StoreError>>;
    /// The number of these.
    fn dead_events_count(&self) -> Boxed<'_, Result<u64, StoreError>>;
    /// Runs in whose journal this text stands as a value, the latest first, among so many that changed last:
    /// nothing indexes the values, so that more are not looked at.
    fn runs_with<'a>(&'a self, text: &'a str, among: usize) -> Boxed<'a, Result<Vec<RunRow>, StoreError>>;
    /// Runs, the latest first.
    fn runs<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<RunRow>, StoreError>>;
    /// Runs of a pipeline, or of all, that finished or were cancelled before then, the first to begin first: so many are skipped,
    /// and at most so many given.
    fn over<'a>(
        &'a self,
        pipeline: Option<&'a str>,
        before: Timestamp,
        part: (usize, usize),
    ) -> Boxed<'a, Result<Vec<RunId>, StoreError>>;
    /// Event and key of posted events that came before then, that nobody waits for, and that no run which is still
    /// known has claimed.
    fn settled(&self, before: Timestamp, limit: usize) -> Boxed<'_, Result<Vec<(String, String)>, StoreError>>;
    /// The number of runs in each state.
    fn counts(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, StoreError>>;
    /// Runs that are dead letters, the latest first.
    fn dead_letters<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<DeadLetter>, StoreError>>;
}

/// No column takes a NUL in every store; in JSON it is escaped anyway.
pub(crate) fn printable(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}

/// A value as JSON writes it: as a text, and as a number where it is one.
fn as_value(text: &str) -> (String, String) {
    let quoted = serde_json::Value::from(text).to_string();
    let is_number = serde_json::from_str::<serde_json::Number>(text).is_ok();
    let number = if is_number { format!(":{text}") } else { quoted.clone() };
    (quoted, number)
}

/// Why a store does not belong to a world.
fn other_world(known: &str, world: &str) -> StoreError {
    // Before a folder has environments, nobody says which one its store is of.
    let hint = match (known, world.strip_prefix("environment ")) {
        ("real systems", Some(name)) => {
            let name = name.trim_matches('`');
            format!(
                "where these are one and the same, say so with `ferry store assign {name}`; else give this one another `--store`"
            )
        }
        _ => "give this one another `--store`".to_owned(),
    };
    StoreError::Open(format!("the store was used with the {known}, and not with the {world}: {hint}"))
}

/// Why a store of another layout is not opened.
fn other_layout(found: &str, known: &str) -> String {
    let hint = "no release has made such a store, so nothing converts it: begin a new one with another `--store`";
    format!("the store has layout {found}, and this ferry knows layout {known}; {hint}")
}

/// Notes that a store is not to be believed any more; what was said of it before is over.
async fn doubt(store: &dyn Store, why: &str, now: Timestamp) -> Result<(), StoreError> {
    if store.trust().await? == Trust::New {
        return Ok(());
    }
    let (by, reason) = ("ferry".to_owned(), why.to_owned());
    store.commit(vec![Change::Judge { is_trusted: false, by, reason, at: now }]).await.map(|_| ())
}
