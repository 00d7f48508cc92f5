//! What is durable before a write leaves: that it was called, and that no other run does the same.

use std::sync::Arc;

use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
};
use ferry_core::{once::Guard, run::Entry};

use super::{
    Engine,
    dispatch::{Outgoing, Sent},
    journal::{Driven, Record},
    locked,
};
use crate::store::{Change, StoreError};

/// What a call is, before it is one.
pub(super) struct Intent {
    pub(super) step: String,
    pub(super) attempt: u32,
    pub(super) key: CallKey,
    pub(super) digest: Digest,
    /// Where the connection leads.
    pub(super) target: Digest,
    /// The names that other ways to do the same would have: whoever takes one way takes them all.
    pub(super) others: Vec<CallKey>,
}

impl Intent {
    /// The entry that says so.
    pub(super) fn called(&self, is_probe: bool) -> Entry {
        let Self { step, attempt, key, digest, target, .. } = self;
        let (step, key, digest, target) = (step.clone(), key.clone(), digest.clone(), target.clone());
        Entry::Called { step, attempt: *attempt, key, digest, target, is_probe }
    }

    fn record<'d>(&self, driven: &'d Driven, is_probe: bool) -> Record<'d> {
        let claim =
            |key: &CallKey| Change::Claim { key: key.clone(), run: driven.id.clone(), digest: self.digest.clone() };
        Record { driven, also: self.keys().map(claim).collect(), entry: self.called(is_probe) }
    }

    fn keys(&self) -> impl Iterator<Item = &CallKey> {
        std::iter::once(&self.key).chain(&self.others)
    }
}

impl Engine {
    /// That another run has made a call, where the store has said so before.
    pub(super) fn taken(&self, driven: &Driven, intent: &Intent) -> Option<Entry> {
        let mut taken = locked(&self.dispatcher.taken);
        let run = intent.keys().find_map(|key| taken.tell(key.as_str())).filter(|run| run != driven.id.as_str());
        run.map(|run| taken_by(intent.step.clone(), &run))
    }

    /// Makes the intent of calls durable; says which may go.
    pub(super) async fn intend(&self, calls: &[Arc<Outgoing>], is_probe: bool) -> Result<Vec<bool>, StoreError> {
        let records = calls.iter().map(|call| call.intent.record(&call.driven, is_probe)).collect();
        if self.guards.has(Guard::Intent) { self.claim(records).await } else { Ok(self.record_later(records)) }
    }

    /// Takes a call over that may have been made before: it is this run's, and what became of it is looked up.
    pub(super) async fn doubt(&self, driven: &Driven, intent: Intent) -> Sent {
        if let Some(taken) = self.taken(driven, &intent) {
            return Ok(Some(taken));
        }
        match self.claim(vec![intent.record(driven, false)]).await?.as_slice() {
            [true] => {
                let failure = Failure::new(ErrorClass::Unknown, "an earlier attempt may have arrived");
                Ok(Some(Entry::Failed { step: intent.step, failure }))
            }
            _ => Err(StoreError::Fenced(driven.id.to_string())),
        }
    }

    async fn claim(&self, records: Vec<Record<'_>>) -> Result<Vec<bool>, StoreError> {
        let recorded = self.record(records).await;
        if let Err(StoreError::CallTaken { key, run }) = &recorded {
            locked(&self.dispatcher.taken).note(key, run);
        }
        recorded
    }
}

/// A call that another run has made.
pub(super) fn taken_by(step: String, run: &str) -> Entry {
    let failure = Failure::new(ErrorClass::Conflict, format!("{run} has made this call already"));
    Entry::Failed { step, failure }
}
