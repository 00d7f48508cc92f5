//! Requests at once: a slot for each, and pipelines take turns for them.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{Gate, locked};

/// One of the requests that a connection makes at once; given back when it is dropped.
pub(super) struct Slot {
    gate: Arc<Gate>,
    number: u64,
}

impl Slot {
    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let now = self.gate.now();
        let mut state = locked(&self.gate.state);
        if let Some(began) = state.under_way.remove(&self.number) {
            state.lasted(Duration::try_from(now.duration_since(began)).unwrap_or_default());
        }
        drop(state);
        self.gate.give_slots();
    }
}

impl Gate {
    /// Waits for a slot, in the turn of its pipeline.
    pub(super) async fn slot(self: &Arc<Self>, pipeline: &str) -> Slot {
        loop {
            let (sender, slot) = oneshot::channel();
            locked(&self.state).waiting.push(pipeline, sender);
            self.give_slots();
            // The sender is in the queue until it has sent.
            if let Ok(slot) = slot.await {
                return slot;
            }
        }
    }

    /// Whoever has gone away waits no more.
    pub(super) fn forget_gone(&self) {
        locked(&self.state).waiting.retain(|sender| !sender.is_closed());
    }

    /// Gives free slots to those who wait.
    pub(super) fn give_slots(self: &Arc<Self>) {
        while let Some((next, number)) = self.next_in_turn() {
            // Whoever went away meanwhile gives it back by dropping it.
            let _ = next.send(Slot { gate: Arc::clone(self), number });
        }
    }

    fn next_in_turn(&self) -> Option<(oneshot::Sender<Slot>, u64)> {
        let now = self.now();
        let mut state = locked(&self.state);
        while state.under_way.len() < state.at_once {
            let next = state.waiting.pop()?;
            if !next.is_closed() {
                let number = state.slots_given;
                state.slots_given += 1;
                state.under_way.insert(number, now);
                return Some((next, number));
            }
        }
        None
    }
}
