//! What connectors say about themselves: the one catalog that lint, completion, `ferry explain`
//! and the engine read.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::Value;

use crate::{failure::ErrorClass, path::Path, schema::Schema};

/// All connectors, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By name, in order.
    pub connectors: BTreeMap<String, Arc<Connector>>,
}

/// One system.
#[derive(Debug)]
pub struct Connector {
    /// The name that `ferry.yaml` uses.
    pub name: String,
    /// The system's own name.
    pub title: String,
    /// The fields of a connection, in order.
    pub fields: Vec<(String, ConnectionField)>,
    /// The environments' names.
    pub environments: Vec<String>,
    /// By name, in order.
    pub actions: BTreeMap<String, Action>,
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
    /// What it does to the target.
    pub effect: Effect,
    /// What it takes.
    pub input: Schema,
    /// What it gives.
    pub output: Schema,
    /// Whether a poll can page through it, and what its events are.
    pub items: bool,
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
}

impl Effect {
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
