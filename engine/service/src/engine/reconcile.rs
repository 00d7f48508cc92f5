//! Reconciliations of runs: rows are read, matched, and what came of them is kept in the book, before the step has its output.
//!
//! A crash on the way costs time and nothing else: the same rows give the same items again. What somebody else changes of the book
//! meanwhile is seen before anything is kept, and everything is read and matched anew.

mod rows;

use std::{collections::BTreeMap, sync::Arc};

use ferry_connectors::{connection::Connection, files::Files};
use ferry_contract::failure::{ErrorClass, Failure};
use ferry_core::{
    plan::{Plan, Work, reconcile::Reconcile},
    recon::{self, Known, Outcome, Which},
    run::{Entry, UnitIndex},
};
use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};

use rows::{Parts, Rows};

use super::{
    Engine, LoadedProject,
    dispatch::Sent,
    drive::{Drive, Performed},
    journal::Shared,
    question::bug,
};
use crate::{
    limits::{RECON_BATCH_ITEMS, RECON_TRIES_MAX},
    recon::{Book, Changes, output},
    store::{Change, ItemFilter, ItemKind, ItemName, Itemizing, StoreError, StoredItem},
};

/// What a step has evaluated of its sources: the input of an action, the name of a file, or a list.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    pub(super) left: Value,
    pub(super) right: Value,
    pub(super) settlement: Option<Value>,
}

/// What one reconciliation goes by.
struct Job {
    engine: Arc<Engine>,
    plan: Arc<Plan>,
    driven: Shared,
    step: String,
    index: usize,
    project: String,
    connections: BTreeMap<String, Arc<Connection>>,
    files: Option<Files>,
    sources: Sources,
}

/// Why it did not come to its end.
enum Stop {
    /// It has failed.
    Failure(Failure),
    /// The store has failed, or the run is somebody else's.
    Store(StoreError),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn reconcile_of(plan: &Plan, index: usize) -> Result<&Reconcile, Failure> {
    match &plan.steps[index].work {
        Work::Reconcile(reconcile) => Ok(reconcile),
        _ => Err(bug("this step reconciles nothing")),
    }
}

/// Work that takes long, on a thread of its own; where there is one thread only, as in tests of pipelines, at once.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return work();
    }
    let lost = |error: tokio::task::JoinError| Failure::new(ErrorClass::Bug, error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(lost)?
}

impl Drive<'_> {
    pub(super) fn reconcile(&mut self, unit: UnitIndex, sources: Sources) -> Performed {
        let (plan, index) = self.driven.with(|run| (Arc::clone(run.plan()), run.step_index(unit)));
        let LoadedProject { name, connections, files, .. } = self.project;
        let job = Job {
            engine: Arc::clone(self.engine),
            plan,
            driven: Arc::clone(&self.driven),
            step: self.driven.unit_id(unit),
            index,
            project: name.clone(),
            connections: connections.clone(),
            files: files.clone(),
            sources,
        };
        self.effects.push(Box::pin(async move { (unit, job.run().await) }));
        Performed::UnderWay
    }
}

impl Job {
    async fn run(self) -> Sent {
        let step = self.step.clone();
        for _ in 0..RECON_TRIES_MAX {
            match Box::pin(self.once()).await {
                Ok(output) => return Ok(Some(Entry::Evaluated { step, output })),
                Err(Stop::Store(StoreError::Stale(what))) => {
                    tracing::debug!(step, what, "the book has changed meanwhile; the rows are read again");
                }
                Err(Stop::Store(error)) => return Err(error),
                // It begins anew with the next engine.
                Err(Stop::Failure(_)) if self.engine.stop.is_cancelled() => return Ok(None),
                Err(Stop::Failure(failure)) => return Ok(Some(Entry::Failed { step, failure })),
            }
        }
        let message = format!(
            "the book changed {RECON_TRIES_MAX} times while the rows were read; let runs of one book go one after another with `concurrency`"
        );
        Ok(Some(Entry::Failed { step, failure: Failure::new(ErrorClass::Conflict, message) }))
    }

    fn reconcile(&self) -> Result<&Reconcile, Failure> {
        reconcile_of(&self.plan, self.index)
    }

    /// The name of the book.
    fn book(&self) -> Result<String, Failure> {
        let own = || format!("{}.{}", self.plan.pipeline, self.plan.steps[self.index].id);
        Ok(self.reconcile()?.book.clone().unwrap_or_else(own))
    }

    async fn once(&self) -> Result<Value, Stop> {
        let name = self.book()?;
        let turn = format!("book {} {name}", self.project);
        let version = self.engine.store.shared(&turn).await?.map_or(0, |row| row.version);
        let (mut book, parts) = self.read_book(&name).await?;
        let rows = Box::pin(self.rows(&parts)).await?;
        let known = book.known(&rows.left, &rows.right);
        let (rows, outcome) = self.matched(rows, known).await?;
        self.keep(&name, (&turn, version), (&book, &rows, &outcome)).await?;
        let repeated = rows.left.repeated() + rows.right.repeated();
        Ok(output((self.reconcile()?, &name), &book, &outcome, &rows.left, [rows.left_out, repeated]))
    }

    /// What is known of the book; rows that persons have cut, by side.
    async fn read_book(&self, name: &str) -> Result<(Book, Parts), Stop> {
        let (mut book, mut after) = (Book::default(), 0);
        let mut parts = [BTreeMap::new(), BTreeMap::new()];
        loop {
            let filter = ItemFilter {
                project: self.project.clone(),
                book: Some(name.to_owned()),
                after,
                limit: RECON_BATCH_ITEMS,
                ..ItemFilter::default()
            };
            let items: Vec<StoredItem> = self.engine.store.items(&filter).await?;
            let Some(last) = items.last() else { return Ok((book, Arc::new(parts))) };
            after = last.number;
            if items.iter().any(|stored| stored.item.kind == ItemKind::Split) {
                parts[0].extend(Book::parts(&items, Which::Left));
                parts[1].extend(Book::parts(&items, Which::Right));
            }
            book.note(items);
        }
    }

    async fn matched(&self, rows: Rows, known: Known) -> Result<(Rows, Outcome), Stop> {
        let (plan, index) = (Arc::clone(&self.plan), self.index);
        let matched = beside(move || {
            let spec = &reconcile_of(&plan, index)?.spec;
            let outcome = recon::reconcile(spec, (&rows.left, &rows.right), &rows.lines, &known);
            let outcome = outcome.map_err(|error| Failure::new(ErrorClass::Bug, error.to_string()))?;
            Ok((rows, outcome))
        });
        Ok(matched.await?)
    }

    /// Keeps what has changed, some at a time, unless somebody else has changed the book.
    async fn keep(
        &self,
        name: &str,
        (turn, mut version): (&str, u64),
        (book, rows, outcome): (&Book, &Rows, &Outcome),
    ) -> Result<(), Stop> {
        // A run that has just begun is in memory only, and what it may write to is not known to the store.
        self.engine.save(&self.driven).await?;
        let (run, fence) = (self.driven.id.clone(), self.driven.fence);
        let (by, at) = (run.to_string(), self.engine.now());
        let sides = ([&rows.left, &rows.right], rows.lines.rows());
        let changes = Changes::of(book, self.reconcile()?, sides, outcome, (&by, at));
        let mut changes = changes.iter();
        loop {
            let part = changes.by_ref().take(RECON_BATCH_ITEMS).map(|(key, was, to)| {
                Change::Item(
                    ItemName::new(&self.project, name, &key),
                    Itemizing { was, to, run: Some((run.clone(), fence)) },
                )
            });
            let mut group: Vec<Change> = part.collect();
            if group.is_empty() {
                return Ok(());
            }
            group.push(Change::Share { name: turn.to_owned(), expected: version, value: Value::from(by.as_str()) });
            self.engine.store.commit(group).await?;
            version += 1;
        }
    }
}
