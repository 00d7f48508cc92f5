//! The names of writes: what has one name is one write, however often it is sent.

use std::{collections::BTreeMap, ops::Bound};

use ferry_contract::{
    catalog::{Effect, Repeat},
    key::{CallKey, Digest},
};

use super::{Memory, Outcome};
use crate::limits::GENERATIONS_MAX;

/// What names a step's write.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The connection's name.
    pub connection: &'a str,
    /// The action's name.
    pub action: &'a str,
    /// The event's key, or what the step says in its place.
    pub fact: &'a str,
    /// The step, with the item's key where it is done for each.
    pub step: &'a str,
}

/// The name of a step's write, and its generation. An upsert's content is part of its name: other
/// content is another call, and the same content again changes nothing.
///
/// A generation is raised here alone, and only where the target has said that the one before is void.
///
/// What was sent as an upsert keeps that name where its manifest says something else now: under another one it
/// would be a call that nobody has made.
pub fn call_key(
    named: Named<'_>,
    effect: &Effect,
    digest: &Digest,
    memories: &BTreeMap<CallKey, Memory>,
) -> (CallKey, u32) {
    let Named { connection, action, fact, step } = named;
    match effect {
        Effect::Write(Repeat::Upsert) => {
            (CallKey::new(connection, action, fact, &format!("{step}@{}", digest.short()), 0), 0)
        }
        Effect::Read | Effect::Write(Repeat::Keyed { .. } | Repeat::Lookup(_) | Repeat::Never) => {
            if let Some(key) = sent_as_upsert(named, (effect, digest), memories) {
                return (key, 0);
            }
            let key = |generation| CallKey::new(connection, action, fact, step, generation);
            let is_void = |generation: &u32| {
                memories.get(&key(*generation)).is_some_and(|memory| matches!(memory.outcome, Outcome::Void))
            };
            let generation = u32::try_from((0..GENERATIONS_MAX).take_while(is_void).count()).unwrap_or(GENERATIONS_MAX);
            (key(generation), generation)
        }
    }
}

/// The name under which a write that is no upsert any more was sent as one: the one that stands most in its way.
fn sent_as_upsert(
    named: Named<'_>,
    (effect, digest): (&Effect, &Digest),
    memories: &BTreeMap<CallKey, Memory>,
) -> Option<CallKey> {
    if !effect.is_write() {
        return None;
    }
    let prefix = upsert_prefix(named);
    let after = (Bound::Included(prefix.as_str()), Bound::Unbounded);
    let sent = memories.range::<str, _>(after).take_while(|(key, _)| key.as_str().starts_with(&prefix));
    let weight = |memory: &Memory| (!matches!(memory.outcome, Outcome::NotDone { .. }), memory.digest != *digest);
    sent.max_by_key(|(_, memory)| weight(memory)).map(|(key, _)| key.clone())
}

/// How the names of a step's upserts begin: the content is part of them.
fn upsert_prefix(Named { connection, action, fact, step }: Named<'_>) -> String {
    let name = CallKey::new(connection, action, fact, step, 0);
    format!("{}@", name.as_str().strip_suffix("/0").unwrap_or_default())
}

/// Whether that is a name of a step's write, in any generation and, of an upsert, with any content.
pub fn is_name_of(named: Named<'_>, effect: &Effect, key: &CallKey) -> bool {
    let Named { connection, action, fact, step } = named;
    match effect {
        Effect::Read => false,
        Effect::Write(Repeat::Upsert) => key.as_str().starts_with(&upsert_prefix(named)),
        Effect::Write(Repeat::Keyed { .. } | Repeat::Lookup(_) | Repeat::Never) => {
            (0..=GENERATIONS_MAX).any(|generation| CallKey::new(connection, action, fact, step, generation) == *key)
        }
    }
}
