//! A run in memory, and how its entries become durable in the order in which they were applied.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use ferry_core::run::{Command, Entry, Reservation, Run, State, Status, TRIGGER, UnitIndex};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{Engine, locked};
use crate::store::{Arrival, Change, EngineId, Fence, Hold, RunId, StoreError};

/// A run that is in memory.
pub(super) struct Driven {
    pub(super) id: RunId,
    /// The life of the engine that leased it, and the right to write to it.
    pub(super) engine: EngineId,
    pub(super) fence: Fence,
    /// How many letters it had been sent when it was loaded.
    mail: i64,
    state: Mutex<DrivenState>,
}

struct DrivenState {
    run: Run,
    /// Entries that need not be durable before the next write is: values, reads, ends.
    pending: Vec<Change>,
    /// Whether another copy of the run may be driven by now: this one must record nothing more.
    is_given_up: bool,
    /// Units that the gate of their connection holds back, and until when. No entry says so, because
    /// nothing has happened.
    held_back: BTreeMap<String, Timestamp>,
    /// Whether lists have it at rest.
    is_shown_at_rest: bool,
    newcomer: Option<Newcomer>,
}

/// A run that has begun in memory, and of which nothing is durable yet.
struct Newcomer {
    /// Told when its event is.
    accepted: oneshot::Sender<()>,
    /// What happened last.
    last: Option<Entry>,
}

/// One entry that is to be durable, with changes that are durable with it.
pub(super) struct Record<'a> {
    pub(super) driven: &'a Driven,
    pub(super) entry: Entry,
    pub(super) also: Vec<Change>,
}

impl Driven {
    pub(super) fn new((id, engine, fence): (RunId, EngineId, Fence), run: Run, mail: i64) -> Self {
        let (pending, held_back) = (Vec::new(), BTreeMap::new());
        let is_shown_at_rest = run.state() != State::Running;
        let state = DrivenState { run, pending, is_given_up: false, held_back, is_shown_at_rest, newcomer: None };
        Self { id, engine, fence, mail, state: Mutex::new(state) }
    }

    /// A run that begins with an event that is not durable yet: it will be, with the first thing that is.
    pub(super) fn begun(
        name: (RunId, EngineId, Fence),
        mut run: Run,
        arrival: Arrival,
        accepted: oneshot::Sender<()>,
    ) -> Self {
        run.take(arrival.at, &arrival.started());
        let driven = Self::new(name, run, 0);
        driven.add(Change::Begin(arrival));
        locked(&driven.state).newcomer = Some(Newcomer { accepted, last: None });
        driven
    }

    /// Whether nothing of it is durable yet.
    pub(super) fn is_new(&self) -> bool {
        locked(&self.state).newcomer.is_some()
    }

    /// Looks at the run.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Run) -> T) -> T {
        look(&locked(&self.state).run)
    }

    /// The commands that are open now.
    pub(super) fn commands(&self, now: Timestamp) -> Vec<Command> {
        self.with(|run| run.commands(now))
    }

    /// The name of its pipeline.
    pub(super) fn pipeline(&self) -> String {
        self.with(|run| run.plan().pipeline.clone())
    }

    /// Nothing of a unit is to be tried before a time.
    pub(super) fn hold_back(&self, unit: &str, until: Timestamp) {
        locked(&self.state).held_back.insert(unit.to_owned(), until);
    }

    /// Until when a unit is held back.
    pub(super) fn held_back(&self, unit: UnitIndex, now: Timestamp) -> Option<Timestamp> {
        let state = locked(&self.state);
        if state.held_back.is_empty() {
            return None;
        }
        state.held_back.get(&state.run.unit_id(unit)).copied().filter(|until| *until > now)
    }

    /// The name of a unit.
    pub(super) fn unit_id(&self, unit: UnitIndex) -> String {
        self.with(|run| run.unit_id(unit))
    }

    fn apply(&self, at: Timestamp, entry: Entry, also: Vec<Change>) {
        let mut state = locked(&self.state);
        let sequence = state.run.length();
        state.run.take(at, &entry);
        if let Some(newcomer) = &mut state.newcomer {
            newcomer.last = Some(entry.clone());
        }
        if let Entry::DeadLettered { step, failure } = &entry {
            let event = state.run.event().clone();
            let (step, failure) = (step.clone(), failure.clone());
            state.pending.push(Change::DeadLetter { run: self.id.clone(), step, failure, event, at });
        }
        state.pending.push(Change::Append { run: self.id.clone(), fence: self.fence, sequence, at, entry });
        state.pending.extend(also);
    }

    /// A change that is durable with the next entry, or when the run is let go.
    pub(super) fn add(&self, change: Change) {
        locked(&self.state).pending.push(change);
    }

    /// Whether this copy of the run was given up.
    pub(super) fn is_given_up(&self) -> bool {
        locked(&self.state).is_given_up
    }

    /// What is not durable yet. What lists say of a run changes with the first of it that lets it go on.
    fn take(&self) -> Vec<Change> {
        let (mut group, goes_on) = {
            let mut state = locked(&self.state);
            let group = std::mem::take(&mut state.pending);
            let goes_on = !group.is_empty() && state.is_shown_at_rest && state.run.state() == State::Running;
            state.is_shown_at_rest &= !goes_on;
            (group, goes_on)
        };
        if goes_on {
            group.push(self.projection(None, Hold::Keep));
        }
        group
    }

    /// What the run reserves; nothing where it was never held. `released` is a unit that is just being released.
    pub(super) fn reserve(&self, released: Option<UnitIndex>) -> Option<Change> {
        let reservations = self.with(|run| run.has_held().then(|| run.reservations()))?;
        let released = released.map(|unit| self.unit_id(unit));
        let reserved = |reservation: Reservation| {
            let is_released = reservation.is_released || released.as_ref() == Some(&reservation.step);
            Reservation { is_released, ..reservation }
        };
        let reservations = reservations.into_iter().map(reserved).collect();
        Some(Change::Reserve { run: self.id.clone(), fence: self.fence, reservations })
    }

    fn projection(&self, due: Option<Timestamp>, hold: Hold) -> Change {
        self.with(|run| {
            let state = run.state();
            let due = if state.is_ended() { None } else { due };
            let note = note(run, state);
            Change::Project {
                run: self.id.clone(),
                fence: self.fence,
                state,
                due,
                note,
                hold,
                mail: self.mail,
                is_active: run.is_active(),
            }
        })
    }
}

/// Where a run is, in a few words.
fn note(run: &Run, state: State) -> String {
    let is_open = |unit: &UnitIndex| {
        let status = run.status(*unit);
        let rests = matches!(status, Status::Dormant | Status::Blocked | Status::Skipped | Status::Spread);
        !rests && run.output(*unit).is_none()
    };
    let is_parked = |unit: &UnitIndex| matches!(run.status(*unit), Status::Parked { .. });
    let parked = run.units().find(is_parked).filter(|_| state == State::Parked);
    let last = parked.or_else(|| run.units().find(is_open)).map(|unit| (unit, run.unit_id(unit)));
    match (state, last) {
        (State::DeadLettered, _) if run.refused().is_some() => {
            run.refused().map(|failure| format!("{TRIGGER}: {failure}")).unwrap_or_default()
        }
        (State::Finished, _) | (_, None) => String::new(),
        (_, Some((unit, id))) => match run.failure(unit) {
            Some(failure) => format!("{id}: {failure}"),
            None => id,
        },
    }
}

impl Engine {
    /// Applies an entry now, and makes it durable with the next write of this run.
    pub(super) fn note(&self, driven: &Driven, entry: Entry) {
        driven.apply(self.now(), entry.clone(), Vec::new());
        self.answers.tell(driven, &entry);
    }

    /// Applies an entry with changes that are durable with it.
    pub(super) fn note_with(&self, driven: &Driven, entry: Entry, also: Vec<Change>) {
        driven.apply(self.now(), entry.clone(), also);
        self.answers.tell(driven, &entry);
    }

    /// What a run has begun with is durable: whoever brought the event is told, and so is who waits for an answer
    /// that the run has by now.
    fn accepted(&self, driven: &Driven) {
        let Some(Newcomer { accepted, last }) = locked(&driven.state).newcomer.take() else { return };
        // Whoever brought it has hung up; the run goes on all the same.
        let _ = accepted.send(());
        if let Some(last) = last {
            self.answers.tell(driven, &last);
        }
    }

    /// Gives a copy of a run up, so that what it still has under way records nothing.
    pub(super) fn give_up(&self, driven: &Driven) {
        let _order = locked(&self.order);
        locked(&driven.state).is_given_up = true;
    }

    /// Applies entries of several runs, and makes them durable together: all or none. Runs that were
    /// given up meanwhile are left out; says which were recorded. What their runs have noted before is
    /// durable with them, and without them where another run has made one of the calls, or recorded the same key.
    pub(super) async fn record(&self, records: Vec<Record<'_>>) -> Result<Vec<bool>, StoreError> {
        let (mut recorded, mut noted) = (Vec::new(), Vec::new());
        let durable = {
            let _order = locked(&self.order);
            let now = self.now();
            let mut group = Vec::new();
            for record in records {
                let goes = !record.driven.is_given_up() && !self.member.is_over(&record.driven.engine);
                recorded.push(goes);
                if goes {
                    let before = record.driven.take();
                    group.extend(before.iter().cloned());
                    noted.push((record.driven, before));
                    record.driven.apply(now, record.entry.clone(), record.also);
                    self.answers.tell(record.driven, &record.entry);
                    group.extend(record.driven.take());
                }
            }
            self.store.commit(group)
        };
        let durable = durable.await;
        if let Err(StoreError::CallTaken { .. } | StoreError::Stale(_)) = &durable {
            for (driven, before) in std::mem::take(&mut noted).into_iter().filter(|(_, before)| !before.is_empty()) {
                match self.store.commit(before).await {
                    Ok(_) => self.accepted(driven),
                    // Whoever has the run by now has read what is durable, and goes on from there.
                    Err(error) => tracing::debug!(%error, "what a run has noted is not durable"),
                }
            }
        }
        durable?;
        noted.iter().for_each(|(driven, _)| self.accepted(driven));
        Ok(recorded)
    }

    /// Makes durable what a run has noted, if anything, unless it was given up.
    pub(super) async fn save(&self, driven: &Driven) -> Result<(), StoreError> {
        let durable = {
            let _order = locked(&self.order);
            let goes = !driven.is_given_up() && !self.member.is_over(&driven.engine);
            let group = if goes { driven.take() } else { Vec::new() };
            if group.is_empty() {
                return Ok(());
            }
            self.store.commit(group)
        };
        durable.await?;
        self.accepted(driven);
        Ok(())
    }

    /// Without the guard of the intent: what is recorded is durable some time later. For tests.
    pub(super) fn record_later(&self, records: Vec<Record<'_>>) -> Vec<bool> {
        let now = self.now();
        records.into_iter().map(|record| record.driven.apply(now, record.entry, record.also)).map(|()| true).collect()
    }

    /// Makes durable what a run has noted, and where it is.
    pub(super) async fn flush(&self, driven: &Driven, due: Option<Timestamp>) -> Result<(), StoreError> {
        let durable = {
            let _order = locked(&self.order);
            let mut group = driven.take();
            group.extend(driven.reserve(None));
            group.push(driven.projection(due, Hold::Release));
            self.store.commit(group)
        };
        durable.await?;
        self.accepted(driven);
        Ok(())
    }
}

/// A run that several tasks hold: its own, and the dispatcher's for its calls.
pub(super) type Shared = Arc<Driven>;
