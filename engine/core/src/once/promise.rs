//! What the target of an action promised when a version was made, and what is made of it where the manifest says
//! something else now.
//!
//! A call that may have been done was sent under the old promise, and would be sent again under the new one: neither
//! covers both. So a run of an earlier version goes by what both say; where they agree on nothing, nothing is
//! repeated, and a person decides what is in doubt.

use std::time::Duration;

use ferry_contract::{
    catalog::{Effect, Lookup, Repeat},
    key::Digest,
};
use serde::{Deserialize, Serialize};

/// What a repeat of a call does, as its manifest said it when a version was made.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "effect", rename_all = "snake_case", deny_unknown_fields)]
pub enum Promise {
    /// It reads.
    Read,
    /// The target knows a repeat by its key.
    Keyed {
        /// The header that bears it.
        #[serde(default)]
        header: String,
        /// For how long; nothing is for ever.
        remembers: Option<Duration>,
    },
    /// The same content again changes nothing.
    Upsert,
    /// A look-up tells whether it arrived.
    Lookup {
        /// The digest of what is asked, and of what the answers mean.
        question: Digest,
        /// How long after the call it can be found.
        visible_after: Duration,
        /// Whether not finding it proves that it did not arrive.
        proves_absence: bool,
    },
    /// Nothing can tell.
    Never,
}

impl Promise {
    /// The promise of an action as its manifest says it now.
    pub fn of(effect: &Effect) -> Self {
        match effect {
            Effect::Read => Self::Read,
            Effect::Write(Repeat::Keyed { header, remembers }) => {
                Self::Keyed { header: header.clone(), remembers: *remembers }
            }
            Effect::Write(Repeat::Upsert) => Self::Upsert,
            Effect::Write(Repeat::Lookup(look_up)) => Self::Lookup {
                question: question(look_up),
                visible_after: look_up.visible_after,
                proves_absence: look_up.proves_absence,
            },
            Effect::Write(Repeat::Never) => Self::Never,
        }
    }

    /// Whether it is one of a write.
    pub fn is_write(&self) -> bool {
        *self != Self::Read
    }

    /// The effect that a run of the version may count on, where the manifest says `now`: what both say.
    ///
    /// # Errors
    /// Where it was a read, which may have been sent without a word in the journal, and writes now.
    pub fn and(&self, now: &Effect) -> Result<Effect, Broken> {
        match (self, now) {
            (Self::Read, Effect::Read) => Ok(Effect::Read),
            (Self::Read, Effect::Write(_)) => Err(Broken),
            (Self::Upsert, Effect::Write(Repeat::Upsert)) => Ok(now.clone()),
            // A key under another header is none that the target has seen.
            (Self::Keyed { header: was, remembers: before }, Effect::Write(Repeat::Keyed { header, remembers }))
                if was == header =>
            {
                let remembers = before.iter().chain(remembers).min().copied();
                Ok(Effect::Write(Repeat::Keyed { header: header.clone(), remembers }))
            }
            (
                Self::Lookup { question: asked, visible_after, proves_absence },
                Effect::Write(Repeat::Lookup(look_up)),
            ) if *asked == question(look_up) => {
                let both = Lookup {
                    visible_after: look_up.visible_after.max(*visible_after),
                    proves_absence: look_up.proves_absence && *proves_absence,
                    ..(**look_up).clone()
                };
                Ok(Effect::Write(Repeat::Lookup(Box::new(both))))
            }
            (
                Self::Keyed { .. } | Self::Upsert | Self::Lookup { .. } | Self::Never,
                Effect::Read | Effect::Write(_),
            ) => Ok(Effect::Write(Repeat::Never)),
        }
    }
}

/// What was a read writes now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("it was a read when the version was made, and writes now")]
pub struct Broken;

fn question(look_up: &Lookup) -> Digest {
    let Lookup { action, with, found, absent, proves_absence: _, visible_after: _, void } = look_up;
    let paths = |paths: &[(String, ferry_contract::path::Path)]| -> Vec<String> {
        paths.iter().map(|(field, path)| format!("{field}={}", path.text())).collect()
    };
    let void = void.iter().map(|void| format!("{} {:?} {}", void.field, void.values, void.reference));
    Digest::of(format!("{action}\n{:?}\n{:?}\n{absent}\n{:?}", paths(with), paths(found), void.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use ferry_contract::{failure::ErrorClass, path::Path};

    use super::*;

    fn look_up(field: &str, visible_s: u64, proves_absence: bool) -> Effect {
        let path = Path::parse(&format!("$.{field}")).unwrap();
        Effect::Write(Repeat::Lookup(Box::new(Lookup {
            action: "find".to_owned(),
            with: vec![("id".to_owned(), path)],
            found: Vec::new(),
            absent: ErrorClass::NotFound,
            proves_absence,
            visible_after: Duration::from_secs(visible_s),
            void: None,
        })))
    }

    fn keyed(hours: Option<u64>) -> Effect {
        keyed_by("idempotency-key", hours)
    }

    fn keyed_by(header: &str, hours: Option<u64>) -> Effect {
        Effect::Write(Repeat::Keyed { header: header.to_owned(), remembers: hours.map(Duration::from_hours) })
    }

    #[test]
    fn a_run_counts_on_what_both_say() {
        let (upsert, never) = (Effect::Write(Repeat::Upsert), Effect::Write(Repeat::Never));
        let cases = [
            (Effect::Read, Effect::Read, Some(Effect::Read)),
            (Effect::Read, upsert.clone(), None),
            (upsert.clone(), upsert.clone(), Some(upsert.clone())),
            (upsert.clone(), Effect::Read, Some(never.clone())),
            (upsert.clone(), keyed(None), Some(never.clone())),
            (never.clone(), upsert, Some(never.clone())),
            (never.clone(), keyed(None), Some(never.clone())),
            (never.clone(), look_up("id", 1, true), Some(never.clone())),
            (keyed(Some(1)), keyed(Some(2)), Some(keyed(Some(1)))),
            (keyed(None), keyed(Some(2)), Some(keyed(Some(2)))),
            (keyed(Some(1)), keyed(None), Some(keyed(Some(1)))),
            (keyed(None), keyed_by("x-request-id", None), Some(never.clone())),
            (look_up("id", 5, true), look_up("id", 9, false), Some(look_up("id", 9, false))),
            (look_up("id", 9, false), look_up("id", 5, true), Some(look_up("id", 9, false))),
            (look_up("id", 5, true), look_up("other", 5, true), Some(never)),
        ];
        for (before, now, both) in cases {
            let counted = Promise::of(&before).and(&now).ok().map(|effect| Promise::of(&effect));
            assert_eq!(counted, both.map(|effect| Promise::of(&effect)), "{before:?}, now {now:?}");
        }
    }
}
