//! Letters, waits and posted events, as rows.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::path::{Document, Path};
use ferry_core::run;
use serde_json::Value;

use crate::store::RunId;

/// A letter.
#[derive(Clone, Debug)]
pub(in crate::store) struct MailRecord {
    pub(in crate::store) run: RunId,
    pub(in crate::store) number: i64,
    pub(in crate::store) at_ms: i64,
    pub(in crate::store) letter: String,
}

/// A step that waits for an event, or for a person.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::store) struct WaitRecord {
    pub(in crate::store) run: RunId,
    pub(in crate::store) step: String,
    /// The event's name, where in it the value is, and the value; of an approval only the name.
    pub(in crate::store) wanted: Wanted,
    /// What a person sees, as JSON.
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
}

/// The name of a posted event: its event and its key.
pub(in crate::store) type PostKey = (String, String);

/// The values of an event at the paths that are watched.
pub(in crate::store) fn values(event: &str, data: &Value, paths: &BTreeMap<String, BTreeSet<String>>) -> Vec<Wanted> {
    let value = |path: &String| {
        let found = Path::parse(path).ok()?;
        let value = match found.one(Document::Value(data)).ok()? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Wanted { event: event.to_owned(), path: path.clone(), value })
    };
    paths.get(event).into_iter().flatten().filter_map(value).collect()
}

impl From<&run::Wanted> for Wanted {
    fn from(wanted: &run::Wanted) -> Self {
        let run::Wanted { event, path, value } = wanted.clone();
        Self { event, path, value }
    }
}
