//! What a store knows of an event before it is taken in: for a look ahead.

use std::sync::Arc;

use ferry_contract::{failure::Failure, key::Digest};
use ferry_core::{
    plan::{EventSource, Plan},
    run::{Entry, Run, State},
};
use serde_json::Value;

use super::{
    Engine,
    trigger::{order, store_failure, text_at},
};
use crate::store::{Arrival, Change, Filter, Reception, RunId, Store, StoreError, corrected};

/// An event, and what would become of it if it were taken in now.
#[derive(Debug)]
pub struct Arriving {
    /// Its business key.
    pub key: String,
    /// The event.
    pub event: Value,
    /// How its run is.
    pub known: Known,
}

/// How the run of an event is.
#[derive(Debug)]
pub enum Known {
    /// There is none: it begins.
    New(Box<Run>),
    /// It is a dead letter, and the event was corrected since: it begins again.
    Corrected(Box<Run>),
    /// It is under way.
    Open(State, Box<Run>),
    /// It has ended, and a known event changes nothing.
    Ended(State),
    /// It has ended, and only its name is known: a known event changes nothing.
    Forgotten,
    /// The event cannot begin a run, and becomes a dead letter.
    Refused(Failure),
}

impl Engine {
    /// The events that a poll finds now, in their order; this engine's own store takes them in, and `known` says how far the
    /// polls came.
    ///
    /// # Errors
    /// Those of [`Engine::poll_once`].
    pub async fn polled(
        self: &Arc<Self>,
        known: &dyn Store,
        project: &str,
        plan: &Plan,
    ) -> Result<Vec<Value>, Failure> {
        let failed = |error: StoreError| store_failure(&error);
        if let Some(value) = known.cursor(&plan.pipeline).await.map_err(failed)? {
            let cursor = Change::Cursor { trigger: plan.pipeline.clone(), value };
            self.store.commit(vec![cursor]).await.map_err(failed)?;
        }
        self.poll_once(project, plan).await?;
        let filter = Filter { pipeline: Some(plan.pipeline.clone()), limit: usize::MAX, ..Filter::default() };
        let mut events = Vec::new();
        for row in self.store.runs(&filter).await.map_err(failed)? {
            let stored = self.store.run(&row.run).await.map_err(failed)?;
            events.extend(stored.iter().flat_map(|stored| &stored.journal).find_map(|(_, entry)| match entry {
                Entry::Started { event, .. } => Some(event.clone()),
                _ => None,
            }));
        }
        if let EventSource::Poll(poll) = &plan.trigger.source
            && let Some(growing) = poll.growing()
        {
            let place = |event: &Value| [&growing.field, &growing.tie_break].map(|path| text_at(path, event));
            events.sort_by(|one, other| {
                let pairs = place(one).into_iter().zip(place(other));
                pairs
                    .map(|(one, other)| order(&one.unwrap_or_default(), &other.unwrap_or_default()))
                    .fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            });
        }
        Ok(events)
    }

    /// What would become of an event, by what `known` has of it.
    ///
    /// # Errors
    /// The store's, or where the version of a run cannot be made here.
    pub async fn arriving(&self, known: &dyn Store, plan: &Arc<Plan>, event: Value) -> Result<Arriving, StoreError> {
        let arrival = self.arrival(plan, &event, None);
        let (key, id) = (arrival.event_key.clone(), RunId::of(&arrival.pipeline, &arrival.event_key));
        let (revision, stored) = (known.revision(&id).await?, known.run(&id).await?);
        let state = stored.as_ref().map(|stored| stored.row.state.as_str());
        let reception = Reception::of(&arrival, revision.as_deref(), state);
        let known = match (reception, stored) {
            (Reception::Begins, _) => match arrival.refused {
                Some(failure) => Known::Refused(failure),
                None => Known::New(Box::new(begun(plan, &arrival))),
            },
            (_, None) => Known::Forgotten,
            (reception, Some(stored)) => {
                let of_run = self.version(known, &Digest::named(&stored.row.version)).await?.1;
                let mut run = Run::new(of_run, key.clone(), self.guards);
                stored.journal.iter().for_each(|(at, entry)| run.take(*at, entry));
                match run.state() {
                    _ if reception == Reception::Reopens => {
                        run.take(self.now(), &corrected(event.clone()));
                        Known::Corrected(Box::new(run))
                    }
                    state if state.is_ended() => Known::Ended(state),
                    state => Known::Open(state, Box::new(run)),
                }
            }
        };
        Ok(Arriving { key, event, known })
    }
}

fn begun(plan: &Arc<Plan>, arrival: &Arrival) -> Run {
    let mut run = Run::new(Arc::clone(plan), arrival.event_key.clone(), ferry_core::once::Guards::ALL);
    run.take(arrival.at, &arrival.started());
    run
}
