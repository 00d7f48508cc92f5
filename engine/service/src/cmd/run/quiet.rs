//! When a pipeline has nothing more to do by itself.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use ferry_core::{
    limits::NESTING_MAX,
    run::{Entry, On, State},
};
use jiff::Timestamp;

use crate::{
    clock::pause,
    engine::Engine,
    limits::LIST_ROWS_DEFAULT,
    store::{Filter, RunId, RunRow, Store, StoreError},
};

/// How often it looks whether all is done, in real time.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long it leaves runs alone that wait, after it has read what for.
const LOOK_INTO_EVERY: Duration = Duration::from_millis(500);

/// Waits until no run of the pipeline goes on by itself, but those that are held, and none that they have begun is at work.
pub(super) async fn until_quiet(engine: &Engine, pipeline: &str) -> Result<(), StoreError> {
    let (running, under_way) = (
        of(pipeline, &[State::Running], 1),
        of(pipeline, &[State::Running, State::Waiting, State::Parked], usize::MAX),
    );
    let store = &**engine.store();
    let mut strangers = HashSet::new();
    loop {
        if !store.runs(&running).await?.is_empty() {
            pause(LOOK_EVERY).await;
            continue;
        }
        // All states at one moment, since a run goes from one to the other; and what goes on while it is looked into
        // may begin others.
        let rows = store.runs(&under_way).await?;
        let is_still = rows.iter().all(|row| row.state != State::Running.name())
            && stand_still(store, &rows).await?
            && !has_followers(store, (pipeline, engine.now()), &mut strangers).await?;
        if is_still && store.runs(&under_way).await? == rows {
            return Ok(());
        }
        pause(LOOK_INTO_EVERY).await;
    }
}

fn of(pipeline: &str, states: &[State], limit: usize) -> Filter {
    let kinds = states.iter().map(|state| state.name().to_owned()).collect();
    Filter { pipeline: Some(pipeline.to_owned()), kinds, limit, ..Filter::default() }
}

/// Whether all of these runs wait for persons alone, or for runs that do not go on by themselves either.
async fn stand_still(store: &dyn Store, rows: &[RunRow]) -> Result<bool, StoreError> {
    // A step that is parked keeps no other of its run from going on.
    let may_go_on = |row: &&RunRow| row.state != State::Parked.name() || row.due_at.is_some();
    let mut left: Vec<RunId> = rows.iter().filter(may_go_on).map(|row| row.run.clone()).collect();
    while let Some(run) = left.pop() {
        let Some(stored) = store.run(&run).await? else { continue };
        match State::named(&stored.row.state) {
            Some(State::Running) => return Ok(false),
            Some(State::Waiting | State::Parked) => {}
            _ => continue,
        }
        for on in waits(&stored.journal) {
            match on {
                On::Approval { .. } | On::Trust => {}
                On::Run { run, .. } => left.push(RunId::named(run)),
                On::Time | On::Answer { .. } | On::Event(_) => return Ok(false),
            }
        }
    }
    Ok(true)
}

/// What the steps of a run wait for.
fn waits(journal: &[(Timestamp, Entry)]) -> Vec<On> {
    let mut waits = BTreeMap::new();
    for (_, entry) in journal {
        match entry {
            Entry::Waiting { step, on } => {
                waits.insert(step.clone(), on.clone());
            }
            Entry::Resumed { .. } => waits.clear(),
            _ => {
                entry.step().and_then(|step| waits.remove(step));
            }
        }
    }
    waits.into_values().collect()
}

/// Whether a run of another pipeline that one of these has begun, such as that of an alert, is at work. What is put off is
/// not, nor are the runs of others who share the store.
async fn has_followers(
    store: &dyn Store,
    (pipeline, now): (&str, Timestamp),
    strangers: &mut HashSet<RunId>,
) -> Result<bool, StoreError> {
    let at_work = Filter { pipeline: None, ..of(pipeline, &[State::Running], LIST_ROWS_DEFAULT) };
    let rows = store.runs(&at_work).await?;
    for row in rows.iter().filter(|row| row.due_at.is_some_and(|due| due <= now)) {
        if !strangers.contains(&row.run) {
            if was_begun_by(store, pipeline, &row.run).await? {
                return Ok(true);
            }
            strangers.insert(row.run.clone());
        }
    }
    Ok(false)
}

/// Whether a run of the pipeline has begun a run, or one that has.
async fn was_begun_by(store: &dyn Store, pipeline: &str, run: &RunId) -> Result<bool, StoreError> {
    let mut run = run.clone();
    for _ in 0..=NESTING_MAX {
        let Some(stored) = store.run(&run).await? else { return Ok(false) };
        if stored.row.pipeline == pipeline {
            return Ok(true);
        }
        match stored.journal.first() {
            Some((_, Entry::Started { parent: Some(parent), .. })) => run = RunId::named(parent.run.clone()),
            _ => return Ok(false),
        }
    }
    Ok(false)
}
