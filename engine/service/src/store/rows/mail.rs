//! Letters, waits and posted events, as rows.

use std::collections::BTreeMap;

use ferry_contract::path::{Document, Path};
use ferry_core::{plan::Use, run};
use jiff::Timestamp;
use serde_json::Value;

use crate::store::{DeadEvent, Emitter, Posted, RunId, StoreError};

/// A letter.
#[derive(Clone, Debug)]
pub(in crate::store) struct MailRecord {
    pub(in crate::store) run: RunId,
    pub(in crate::store) number: i64,
    pub(in crate::store) at_ms: i64,
    pub(in crate::store) letter: String,
}

/// What the row of a wait says that an event only wakes.
pub(in crate::store) const WAKES: &str = "wakes";

/// A step that waits for an event, or for a person.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::store) struct WaitRecord {
    pub(in crate::store) run: RunId,
    pub(in crate::store) step: String,
    /// The event's name, where in it the value is, and the value; of an approval only the name.
    pub(in crate::store) wanted: Wanted,
    /// What a person sees, as JSON; of an event that only wakes, [`WAKES`].
    pub(in crate::store) detail: String,
    pub(in crate::store) since_ms: i64,
}

/// An event by its name, a path and the value there.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::store) struct Wanted {
    pub(in crate::store) event: String,
    pub(in crate::store) path: String,
    pub(in crate::store) value: String,
}

/// An event that was posted.
#[derive(Clone, Debug)]
pub(in crate::store) struct PostRecord {
    pub(in crate::store) at_ms: i64,
    pub(in crate::store) data: String,
    /// The run that waited for it.
    pub(in crate::store) claimed_by: Option<RunId>,
    /// The step that emitted it.
    pub(in crate::store) from: Option<Emitter>,
    /// Its values at the paths that were watched when it came.
    pub(in crate::store) values: BTreeMap<String, String>,
    /// Since when it waits for a claim, while it does.
    pub(in crate::store) unclaimed_ms: Option<i64>,
    pub(in crate::store) dead: Option<Death>,
}

/// That an event is a dead letter.
#[derive(Clone, Debug)]
pub(in crate::store) struct Death {
    pub(in crate::store) at_ms: i64,
    pub(in crate::store) class: String,
}

impl PostRecord {
    pub(in crate::store) fn run(&self) -> Option<&str> {
        self.from.as_ref().map(|from| from.run.as_str())
    }

    pub(in crate::store) fn pipeline(&self) -> Option<&str> {
        self.from.as_ref().map(|from| from.pipeline.as_str())
    }

    pub(in crate::store) fn step(&self) -> Option<&str> {
        self.from.as_ref().map(|from| from.step.as_str())
    }

    /// The values, each with its event.
    pub(in crate::store) fn wanted<'a>(&'a self, event: &'a str) -> impl Iterator<Item = Wanted> + 'a {
        let wanted = |(path, value): (&String, &String)| Wanted {
            event: event.to_owned(),
            path: path.clone(),
            value: value.clone(),
        };
        self.values.iter().map(wanted)
    }

    /// The values as JSON.
    pub(in crate::store) fn found_by(&self) -> String {
        serde_json::json!(self.values).to_string()
    }

    pub(in crate::store) fn dead_ms(&self) -> Option<i64> {
        self.dead.as_ref().map(|dead| dead.at_ms)
    }

    pub(in crate::store) fn class(&self) -> Option<&str> {
        self.dead.as_ref().map(|dead| dead.class.as_str())
    }

    /// As people see it.
    pub(in crate::store) fn posted(&self, (event, key): &PostKey) -> Result<Posted, StoreError> {
        let failed = |error: jiff::Error| StoreError::Failed(error.to_string());
        let time = |ms: i64| Timestamp::from_millisecond(ms).map_err(failed);
        Ok(Posted {
            id: Posted::id_of(event, key),
            event: event.clone(),
            key: key.clone(),
            at: time(self.at_ms)?,
            from: self.from.clone(),
            values: self.values.clone(),
            claimed_by: self.claimed_by.clone(),
            unclaimed_since: self.unclaimed_ms.map(time).transpose()?,
            dead_at: self.dead.as_ref().map(|dead| time(dead.at_ms)).transpose()?,
        })
    }

    /// As the dead letter that it is.
    pub(in crate::store) fn dead_event(&self, name: &PostKey) -> Result<DeadEvent, StoreError> {
        let posted = self.posted(name)?;
        let (message, data) = (posted.why(), serde_json::from_str(&self.data));
        let data = data.map_err(|error| StoreError::Failed(error.to_string()))?;
        let class = self.dead.as_ref().map_or_else(String::new, |dead| dead.class.clone());
        Ok(DeadEvent { posted, mended_by: super::mended_by(&class), class, message, data })
    }
}

/// The name of a posted event: its event and its key.
pub(in crate::store) type PostKey = (String, String);

/// The paths that are watched, by event.
pub(in crate::store) type Paths = BTreeMap<String, BTreeMap<String, Use>>;

/// The values of an event at the paths that are watched.
pub(in crate::store) fn values(event: &str, data: &Value, paths: &Paths) -> Vec<Wanted> {
    let value = |path: &String| {
        let found = Path::parse(path).ok()?;
        let value = match found.one(Document::Value(data)).ok()? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Wanted { event: event.to_owned(), path: path.clone(), value })
    };
    paths.get(event).into_iter().flat_map(BTreeMap::keys).filter_map(value).collect()
}

impl From<&run::Wanted> for Wanted {
    fn from(wanted: &run::Wanted) -> Self {
        let run::Wanted { event, path, value } = wanted.clone();
        Self { event, path, value }
    }
}
