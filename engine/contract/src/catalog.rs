//! What connectors say about themselves: the one catalog that lint, completion, `ferry explain`
//! and the engine read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::{Map, Value};

use crate::{
    evidence::Evidence,
    failure::ErrorClass,
    key::Digest,
    limits::{BACKOFF_FIRST, BACKOFF_MAX, CALL_ATTEMPTS_MAX},
    path::Path,
    record::Reader,
    schema::Schema,
    webhook::Scheme,
};

/// All connectors, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By name, in order.
    pub connectors: BTreeMap<String, Arc<Connector>>,
    /// Connectors whose manifest cannot be read: what is wrong is said there, and nothing else of them.
    pub broken: BTreeSet<String>,
}

/// One system.
#[derive(Debug)]
pub struct Connector {
    /// The name that `ferry.yaml` uses.
    pub name: String,
    /// The system's own name.
    pub title: String,
    /// What of the system it covers.
    pub description: Option<String>,
    /// The fields of a connection, in order.
    pub fields: Vec<(String, ConnectionField)>,
    /// The environments' names, each with the names of its addresses.
    pub environments: BTreeMap<String, Vec<String>>,
    /// By name, in order.
    pub actions: BTreeMap<String, Action>,
    /// How many requests it takes; all windows hold at once.
    pub budget: Vec<Window>,
    /// How it describes its kinds of records.
    pub records: Option<Records>,
    /// What it tells by itself, by name, in order.
    pub webhooks: BTreeMap<String, Webhook>,
    /// The fields that each way to say who we are needs, in order; a connection has those of one.
    pub ways: Vec<Vec<String>>,
    /// How a connection shows that it works.
    pub verify: Option<Verify>,
    /// Other ways to call the same actions; a connection that names none has the first.
    pub profiles: Vec<Profile>,
}

/// One way to call the actions of a connector, such as a version of its API.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it is.
    pub title: Option<String>,
    /// The actions that are called in another way than the manifest says first.
    pub changed: BTreeSet<String>,
    /// The actions that it does not have.
    pub without: BTreeSet<String>,
}

impl Connector {
    /// The profile of a connection that names this one, or none.
    pub fn profile(&self, name: Option<&str>) -> Option<&Profile> {
        match name {
            Some(name) => self.profiles.iter().find(|profile| profile.name == name),
            None => self.profiles.first(),
        }
    }

    /// What a connection needs to say who we are: `` `a`, `b` and `c`, or `d` ``.
    pub fn said_ways(&self) -> String {
        let said = |way: &Vec<String>| {
            let names: Vec<String> = way.iter().map(|name| format!("`{name}`")).collect();
            match names.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
                _ => names.concat(),
            }
        };
        self.ways.iter().map(said).collect::<Vec<_>>().join(", or ")
    }
}

/// The read by which a connection shows that it works.
#[derive(Clone, Debug)]
pub struct Verify {
    /// The action; it reads.
    pub action: String,
    /// Its input, which fits its schema.
    pub with: Map<String, Value>,
}

/// How a system describes its kinds of records.
#[derive(Clone, Debug)]
pub struct Records {
    /// The action whose answer is a snapshot.
    pub action: String,
    /// Reads one.
    pub reader: Arc<dyn Reader>,
}

/// One thing that a system tells by itself.
#[derive(Debug)]
pub struct Webhook {
    /// One sentence.
    pub summary: String,
    /// Where the facts come from.
    pub source: String,
    /// How well they are known.
    pub evidence: Option<Evidence>,
    /// How it shows who sent it.
    pub scheme: Scheme,
    /// The field of a connection with which its sender is verified.
    pub secret: String,
    /// What the event has.
    pub output: Schema,
}

/// One field of a connection in `ferry.yaml`.
#[derive(Clone, Debug)]
pub struct ConnectionField {
    /// Whether it must never be printed.
    pub secret: bool,
    /// Whether a connection can do without it.
    pub optional: bool,
    /// What it is and where to find it.
    pub doc: String,
    /// A value that shows its form.
    pub example: String,
    /// What to write instead, where it is to be left out from now on.
    pub deprecated: Option<String>,
}

/// One thing that a system can do.
#[derive(Debug)]
pub struct Action {
    /// `connector.action`.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// Where the facts come from.
    pub source: String,
    /// How well they are known, where the manifest says it.
    pub evidence: Option<Evidence>,
    /// What to use instead, where it is not to be used any more.
    pub deprecated: Option<String>,
    /// What it does to the target.
    pub effect: Effect,
    /// What it takes.
    pub input: Schema,
    /// What it gives.
    pub output: Schema,
    /// Whether a poll can page through it.
    pub items: bool,
    /// What is known of one item, which is the event of a poll.
    pub item: Option<Schema>,
    /// The input that lists the fields which the output, or each item, has.
    pub selects: Option<String>,
    /// The input that names the kind of record.
    pub record: Option<String>,
    /// The amount in its input that is summed before it is sent; its currency stands beside it.
    pub sums: Option<Path>,
    /// How long it waits before it is sent again, and how often.
    pub backoff: Backoff,
    /// Whether it sends a file of the project, or saves one.
    pub uses_files: bool,
}

/// How often a call is sent again after a failure that did nothing, and how long it waits before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Backoff {
    /// How the waits grow.
    pub kind: BackoffKind,
    /// Calls of one step for one outcome, before it fails.
    pub attempts_max: u32,
    /// How long after the first attempt the last one may begin; none is for ever.
    pub within: Option<Duration>,
}

/// How the waits between attempts grow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BackoffKind {
    /// The wait doubles; its second half is spread.
    Exponential {
        /// The first wait.
        first: Duration,
        /// The longest wait.
        at_most: Duration,
    },
    /// The waits that a vendor asks for, in order; the last one stays. Some more is added to spread them.
    Statistical(Vec<Duration>),
}

impl Default for Backoff {
    fn default() -> Self {
        let kind = BackoffKind::Exponential { first: BACKOFF_FIRST, at_most: BACKOFF_MAX };
        Self { kind, attempts_max: CALL_ATTEMPTS_MAX, within: None }
    }
}

impl Backoff {
    /// How long to wait after an attempt (from 1); `seed` spreads the waits of many calls.
    pub fn wait(&self, attempt: u32, seed: &str) -> Duration {
        let least = self.least_wait(attempt);
        let most = match &self.kind {
            BackoffKind::Exponential { .. } => least,
            BackoffKind::Statistical(_) => least / 8,
        };
        least + spread(most, &format!("{seed}/{attempt}"))
    }

    /// The wait after an attempt (from 1), before it is spread.
    pub fn least_wait(&self, attempt: u32) -> Duration {
        match &self.kind {
            BackoffKind::Exponential { first, at_most } => {
                first.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(*at_most) / 2
            }
            BackoffKind::Statistical(waits) => {
                let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
                waits.get(index).or(waits.last()).copied().unwrap_or(BACKOFF_MAX)
            }
        }
    }
}

/// A part of `most`, the same for the same seed, so that what waits together does not come together.
pub fn spread(most: Duration, seed: &str) -> Duration {
    let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX).max(1);
    let drawn = u64::from_str_radix(Digest::of(seed).short(), 16).unwrap_or(0);
    Duration::from_millis(drawn % most_ms)
}

/// How many requests a target takes in a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Window {
    /// That many, from 1.
    pub limit: u64,
    /// In that time.
    pub per: Duration,
    /// Only to this host; none is all hosts of the connection together.
    pub host: Option<String>,
}

/// What a call does to the target.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Nothing: a repeat is harmless.
    Read,
    /// Something; what a repeat would do.
    Write(Repeat),
}

/// What a second call of the same write would do.
#[derive(Clone, Debug)]
pub enum Repeat {
    /// The target knows the key and answers the repeat without acting again.
    Keyed {
        /// The header that bears the key, in small letters.
        header: String,
        /// How long the target remembers keys; none is for ever.
        remembers: Option<Duration>,
    },
    /// The same content again changes nothing.
    Upsert,
    /// It would act again, and a look-up can tell whether the first one arrived.
    Lookup(Box<Lookup>),
    /// It would act again, and nothing can tell.
    Never,
}

/// How a write is found again.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The action of the same connector that looks.
    pub action: String,
    /// Its input, from the write's input.
    pub with: Vec<(String, Path)>,
    /// What must agree: fields of the look-up's output with paths into the write's input.
    pub found: Vec<(String, Path)>,
    /// The class by which the look-up says that there is none.
    pub absent: ErrorClass,
    /// Whether not finding it proves that it did not arrive.
    pub proves_absence: bool,
    /// How long after the call a write becomes visible to the look-up.
    pub visible_after: Duration,
    /// How the target says that a write is cancelled, so that another generation may be sent.
    pub void: Option<Void>,
}

/// How a target says that a write is cancelled or refused for good.
#[derive(Clone, Debug)]
pub struct Void {
    /// The field of the look-up's output.
    pub field: String,
    /// The values that say it.
    pub values: Vec<Value>,
    /// The field of the write's input that names it at the target; later generations add `-2`, `-3` ….
    pub reference: String,
}

impl Catalog {
    /// The action that a step names as `connector.action`.
    pub fn action(&self, connector: &str, action: &str) -> Option<&Action> {
        self.connectors.get(connector)?.actions.get(action)
    }

    /// The webhook that a trigger names as `connector.webhook`.
    pub fn webhook(&self, connector: &str, webhook: &str) -> Option<&Webhook> {
        self.connectors.get(connector)?.webhooks.get(webhook)
    }
}

impl Effect {
    /// Whether a call that one address of the target did not get may go to another one. What a repeat would do must be
    /// known: where nothing tells a payout that was made from one that was not, nothing is tried.
    pub fn may_go_elsewhere(&self) -> bool {
        match self {
            Self::Read | Self::Write(Repeat::Keyed { .. } | Repeat::Upsert | Repeat::Lookup(_)) => true,
            Self::Write(Repeat::Never) => false,
        }
    }

    /// Whether it changes the target.
    pub fn is_write(&self) -> bool {
        matches!(self, Self::Write(_))
    }

    /// In words, for people.
    pub fn in_words(&self) -> &'static str {
        match self {
            Self::Read => "reads; a repeat is harmless",
            Self::Write(Repeat::Keyed { .. }) => "writes; the target knows a repeat by its key",
            Self::Write(Repeat::Upsert) => "writes; the same content again changes nothing",
            Self::Write(Repeat::Lookup(_)) => {
                "writes; after an unknown outcome it is looked up before anything is sent again"
            }
            Self::Write(Repeat::Never) => "writes; after an unknown outcome a person decides",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_spread() {
        let backoff = Backoff::default();
        let waits: Vec<u128> = (1..=12).map(|attempt| backoff.wait(attempt, "a").as_millis()).collect();
        for (index, wait) in waits.iter().enumerate() {
            let full = (1_000_u128 << index).min(300_000);
            assert!((full / 2..=full).contains(wait), "{waits:?}");
        }
        assert_ne!(backoff.wait(5, "a"), backoff.wait(5, "b"));
    }

    #[test]
    fn waits_of_a_vendor_are_never_shorter_than_it_asks() {
        let minutes = |minutes| Duration::from_mins(minutes);
        let kind = BackoffKind::Statistical(vec![minutes(2), minutes(4), minutes(8)]);
        let backoff = Backoff { kind, ..Backoff::default() };
        for (attempt, asked) in [(1, 2), (2, 4), (3, 8), (4, 8), (12, 8)] {
            let wait = backoff.wait(attempt, "a");
            assert!((minutes(asked)..=minutes(asked) * 9 / 8).contains(&wait), "{attempt}: {wait:?}");
        }
    }
}
