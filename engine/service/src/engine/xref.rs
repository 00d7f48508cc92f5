//! Cross-references of a run: pairs are read before values that see them are made, and recorded with the entry of the
//! step that says them.

use std::sync::Arc;

use ferry_contract::failure::{ErrorClass, Failure};
use ferry_core::run::{Entry, Pair, Run, UnitIndex};

use super::{
    Engine,
    drive::{ASK_AGAIN, Drive, Performed},
    journal::{Record, Shared},
};
use crate::store::{Change, PairName, Pairing, Store, StoreError};

/// A pair that a step wants to record.
#[derive(Clone, Debug)]
pub(super) struct Linking {
    pub(super) table: String,
    pub(super) key: String,
    pub(super) to: String,
    pub(super) replace: bool,
}

/// What comes of a pair that is to be recorded.
enum Linked {
    /// It is there already.
    Known,
    /// It is new, or takes the place of what was there.
    New { was: Option<String> },
    /// Another value is there.
    Conflict(Failure),
}

impl Linking {
    fn against(&self, known: Option<String>) -> Linked {
        match known {
            Some(known) if known == self.to => Linked::Known,
            Some(known) if !self.replace => {
                let Self { table, key, to, .. } = self;
                let hint = "write `replace: true` where the newer one is right, or correct it with `ferry xref set`";
                let message = format!("`{table}` has `{known}` for `{key}`, and this would make it `{to}`; {hint}");
                Linked::Conflict(Failure::new(ErrorClass::Conflict, message))
            }
            was => Linked::New { was },
        }
    }

    fn entry(&self, step: String, was: Option<String>) -> Entry {
        let Self { table, key, to, .. } = self.clone();
        Entry::Linked { step, table, key, to, was }
    }
}

impl Drive<'_> {
    /// Reads what a unit's values want to see. What the run itself is about to record is waited for.
    pub(super) fn read_pairs(&mut self, unit: UnitIndex, wanted: Vec<(String, String)>) -> Performed {
        if self.is_linking() {
            return Performed::NotBefore(self.engine.now() + ASK_AGAIN);
        }
        let (engine, step) = (Arc::clone(self.engine), self.driven.unit_id(unit));
        let project = self.project.name.clone();
        self.effects.push(Box::pin(async move {
            let read = referenced(&*engine.store, &project, step, wanted).await;
            (unit, read.map(Some))
        }));
        Performed::UnderWay
    }

    /// Records a pair. Where somebody else records one for the same key meanwhile, the run is read again and decides anew.
    pub(super) fn link(&mut self, unit: UnitIndex, linking: Linking) -> Performed {
        let (engine, driven) = (Arc::clone(self.engine), Arc::clone(&self.driven));
        let (step, project) = (self.driven.unit_id(unit), self.project.name.clone());
        self.effects.push(Box::pin(async move { (unit, engine.link(&driven, &project, step, linking).await) }));
        Performed::UnderWay
    }
}

impl Engine {
    async fn link(
        &self,
        driven: &Shared,
        project: &str,
        step: String,
        linking: Linking,
    ) -> Result<Option<Entry>, StoreError> {
        let name = PairName::new(project, &linking.table, &linking.key);
        let known = self.store.pairs(std::slice::from_ref(&name)).await?.pop().flatten();
        match linking.against(known.map(|pair| pair.to)) {
            Linked::Known => Ok(Some(linking.entry(step, None))),
            Linked::Conflict(failure) => Ok(Some(Entry::Failed { step, failure })),
            Linked::New { was } => {
                let (by, at) = (driven.id.to_string(), self.now());
                let run = Some((driven.id.clone(), driven.fence));
                let pairing = Pairing { was: was.clone(), to: Some(linking.to.clone()), by, run, at };
                let entry = linking.entry(step, was);
                let record = Record { driven, entry, also: vec![Change::Pair(name, pairing)] };
                self.record(vec![record]).await.map(|_| None)
            }
        }
    }
}

/// What a unit has read.
pub(super) async fn referenced(
    store: &dyn Store,
    project: &str,
    step: String,
    wanted: Vec<(String, String)>,
) -> Result<Entry, StoreError> {
    let names: Vec<PairName> = wanted.iter().map(|(table, key)| PairName::new(project, table, key)).collect();
    let found = store.pairs(&names).await?.into_iter().map(|pair| pair.map(|pair| pair.to));
    let pairs = wanted.into_iter().zip(found).map(|((table, key), to)| Pair { table, key, to });
    Ok(Entry::Referenced { step, pairs: pairs.collect() })
}

/// Whether a unit's step records a pair.
pub(super) fn links(run: &Run, unit: UnitIndex) -> bool {
    matches!(run.step(unit).work, ferry_core::plan::Work::Link { .. })
}
