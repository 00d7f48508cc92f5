//! Requests at once: a slot for each, and pipelines take turns for them.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Gate, locked};

/// One of the requests that a connection makes at once; given back when it is dropped.
pub(super) struct Slot {
    gate: Arc<Gate>,
}

impl Slot {
    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        locked(&self.gate.state).under_way -= 1;
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

    /// Gives free slots to those who wait.
    pub(super) fn give_slots(self: &Arc<Self>) {
        while let Some(next) = self.next_in_turn() {
            // Whoever went away meanwhile gives it back by dropping it.
            let _ = next.send(Slot { gate: Arc::clone(self) });
        }
    }

    fn next_in_turn(&self) -> Option<oneshot::Sender<Slot>> {
        let mut state = locked(&self.state);
        while state.under_way < state.at_once {
            let next = state.waiting.pop()?;
            if !next.is_closed() {
                state.under_way += 1;
                return Some(next);
            }
        }
        None
    }
}
