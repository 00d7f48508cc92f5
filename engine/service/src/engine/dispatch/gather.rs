//! Which group a call joins, and whose turn it is.

use std::sync::Arc;

use ferry_connectors::connection::Connection;
use jiff::Timestamp;
use tokio::sync::MutexGuard as AsyncMutexGuard;

use super::{Dispatcher, Gathering, GroupKey, Member, TurnHere, locked};
use crate::{
    engine::{
        Engine,
        gate::{Ask, Gate, Pass},
        turn::Held,
    },
    limits::PAYING_TURN_MAX,
};

/// A turn in this process, and its name among the engines where what is asked before must hold for all of them.
pub(super) struct Turn {
    here: TurnHere,
    among_engines: Option<String>,
}

impl Dispatcher {
    /// Joins the open group, or opens one and gives it to whoever shall send it.
    pub(super) fn join(&self, key: &GroupKey, member: Member, max: usize) -> Option<Arc<Gathering>> {
        let mut gathering = locked(&self.gathering);
        let open = gathering.get(key).cloned();
        let group = open.clone().unwrap_or_default();
        let count = {
            let mut members = locked(&group.members);
            members.push(member);
            members.len()
        };
        if count >= max {
            gathering.remove(key);
            group.full.notify_one();
        } else if open.is_none() {
            gathering.insert(key.clone(), Arc::clone(&group));
        }
        open.is_none().then_some(group)
    }

    /// No more members for this group.
    pub(super) fn close(&self, key: &GroupKey, group: &Arc<Gathering>) {
        let mut gathering = locked(&self.gathering);
        if gathering.get(key).is_some_and(|open| Arc::ptr_eq(open, group)) {
            gathering.remove(key);
        }
    }

    /// Of an action that is gathered, or asks something before it is sent.
    pub(super) fn turn(&self, connection: &Connection, action: &str) -> Option<Turn> {
        let call = connection.action(action).ok()?;
        if call.bundle.is_none() && call.preflight.is_none() {
            return None;
        }
        // Two actions that ask the same draw on the same.
        let asked = call.preflight.as_ref().map(|preflight| preflight.action.as_str());
        let key = (connection.identity().clone(), asked.unwrap_or(action).to_owned());
        let here = Arc::clone(locked(&self.turns).entry(key).or_default());
        let among_engines = asked.map(|asked| format!("turn to pay after {asked} at {}", connection.identity()));
        Some(Turn { here, among_engines })
    }
}

impl Engine {
    /// The turn of a bundle, here and among the engines, and then its pass.
    pub(super) async fn in_turn<'a>(
        &self,
        turn: &'a Turn,
        gate: &Arc<Gate>,
        (ask, calls): (Ask<'_>, usize),
    ) -> Result<(Option<AsyncMutexGuard<'a, ()>>, Option<Held>, Pass), Timestamp> {
        let place = gate.join(ask.pipeline, calls)?;
        let here = place.wait(turn.here.lock()).await?;
        let held = match &turn.among_engines {
            Some(name) => self.wait_for_turn(name, PAYING_TURN_MAX).await?,
            None => None,
        };
        match (gate.admit_from(place.at_the_front(), ask).await, held) {
            (Ok(pass), held) => Ok((Some(here), held, pass)),
            (Err(until), held) => {
                if let Some(held) = held {
                    self.give_back(held).await;
                }
                Err(until)
            }
        }
    }
}
