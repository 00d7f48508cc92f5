//! The gate of a connection: every exchange passes it, and waits here for slot, budget and circuit.
//!
//! What it refuses was never tried, so it is in no journal and uses up no attempt: the run is due
//! later. What processes must agree on is in the store (`known`); slots are this process's own.

mod crowd;
mod known;
mod limited;
mod pass;
mod slots;
mod status;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, atomic::AtomicUsize},
    time::Duration,
};

use ferry_connectors::connection::Connection;
use ferry_contract::{
    catalog::{self, Window},
    key::Digest,
    port::Clock,
};
use ferry_core::gate::{Breaker, Budget, Circuit, Turns, Way};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use limited::{Limits, counts, is_one, limits, windows};

pub(super) use crowd::Place;
pub(super) use pass::Pass;
pub use status::{BudgetStatus, CircuitStatus, ConnectionStatus};

use super::locked;
use crate::{
    limits::{GATE_PUT_OFF_MAX, GATE_WAIT_MAX},
    store::Store,
};

/// The gates of an engine, by where connections lead: two that lead to one place share one.
pub(super) struct Gates {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    gates: Mutex<BTreeMap<Digest, Arc<Gate>>>,
    /// How many wait at all gates together.
    crowds: Arc<AtomicUsize>,
}

/// The gate of one connection.
pub(super) struct Gate {
    /// `payoneer/0a1b2c3d4e5f`: the beginning of the names of its rows in the store.
    name: String,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held while a shared row is changed, so that this process does not compete with itself.
    changing: AsyncMutex<()>,
    /// How many wait at all gates together.
    crowds: Arc<AtomicUsize>,
}

struct State {
    /// The connections' names in their projects.
    names: BTreeSet<String>,
    windows: Vec<Window>,
    at_once: usize,
    /// When each of those that have a slot got it; the earliest first.
    under_way: BTreeMap<u64, Timestamp>,
    slots_given: u64,
    /// How long calls have their slots.
    lasts: Option<Duration>,
    /// How many calls of each pipeline wait.
    crowd: BTreeMap<String, usize>,
    /// When the last of each pipeline comes again that was sent away.
    coming: BTreeMap<String, Timestamp>,
    waiting: Turns<oneshot::Sender<slots::Slot>>,
    /// Tokens of each window that this process has taken; below zero where it had to go ahead.
    purse: Vec<i64>,
    budget: Budget,
    budget_version: u64,
    budget_read_at: Option<Timestamp>,
    hosts: BTreeMap<String, Host>,
    /// When the last call of each pipeline that was put off for want of budget may go.
    put_off: BTreeMap<String, Timestamp>,
}

#[derive(Default)]
struct Host {
    breaker: Breaker,
    version: u64,
    read_at: Option<Timestamp>,
}

/// Who wants to pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    /// Pipelines take turns.
    pub(super) pipeline: &'a str,
    /// The host of the first exchange, then others that are needed; each with the names of its addresses in their
    /// order. One that can be gone to is enough.
    pub(super) hosts: &'a [Vec<String>],
    /// A write does not wait between its exchanges, and lets a read be the probe.
    pub(super) is_write: bool,
    /// Text that spreads the times of many calls.
    pub(super) seed: &'a str,
}

impl Gates {
    /// The gates of all connections.
    pub(super) fn new<'a>(
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        connections: impl Iterator<Item = &'a Arc<Connection>>,
    ) -> Self {
        let (store, clock) = (Arc::clone(store), Arc::clone(clock));
        let gates = Self { store, clock, gates: Mutex::default(), crowds: Arc::default() };
        for (connection, limits) in limits(connections).into_values() {
            gates.of(connection).take(limits);
        }
        gates
    }

    /// Takes the limits of the connections that are loaded now. Circuits, and what was counted, stay.
    pub(super) async fn swap<'a>(&self, connections: impl Iterator<Item = &'a Arc<Connection>>) {
        let now = limits(connections);
        let gone: Vec<_> = {
            let gates = locked(&self.gates);
            gates
                .iter()
                .filter(|(identity, _)| !now.contains_key(*identity))
                .map(|(_, gate)| Arc::clone(gate))
                .collect()
        };
        // Runs that are in memory may be on their way through them still.
        gone.iter().for_each(|gate| locked(&gate.state).names.clear());
        for (connection, limits) in now.into_values() {
            let gate = self.of(connection);
            let _changing = gate.changing.lock().await;
            gate.take(limits);
        }
    }

    /// The gate of a connection.
    pub(super) fn of(&self, connection: &Connection) -> Arc<Gate> {
        let identity = connection.identity();
        let mut gates = locked(&self.gates);
        let new = || Arc::new(Gate::new(connection, identity, self));
        Arc::clone(gates.entry(identity.clone()).or_insert_with(new))
    }

    /// How all connections are, by what this process and the store know.
    pub(super) async fn status(&self) -> Vec<ConnectionStatus> {
        let gates: Vec<_> = locked(&self.gates).values().cloned().collect();
        let is_used = |gate: &Arc<Gate>| {
            let state = locked(&gate.state);
            !state.names.is_empty() || !state.under_way.is_empty()
        };
        let gates = gates.into_iter().filter(is_used);
        let mut all = Vec::new();
        for gate in gates {
            all.push(gate.status().await);
        }
        all.sort_by(|one, other| one.connections.cmp(&other.connections));
        all
    }
}

impl Gate {
    fn new(connection: &Connection, identity: &Digest, gates: &Gates) -> Self {
        let (store, clock, crowds) = (Arc::clone(&gates.store), Arc::clone(&gates.clock), Arc::clone(&gates.crowds));
        let windows = windows(connection);
        let state = State {
            names: BTreeSet::from([connection.name.clone()]),
            under_way: BTreeMap::new(),
            slots_given: 0,
            lasts: None,
            crowd: BTreeMap::new(),
            coming: BTreeMap::new(),
            waiting: Turns::default(),
            purse: vec![0; windows.len()],
            budget: Budget::new(&windows, clock.now()),
            budget_version: 0,
            budget_read_at: None,
            hosts: connection.hosts().map(|host| (host, Host::default())).collect(),
            put_off: BTreeMap::new(),
            at_once: connection.concurrency(),
            windows,
        };
        Self {
            name: format!("{}/{}", connection.manifest.connector.name, identity.short()),
            store,
            clock,
            crowds,
            state: Mutex::new(state),
            changing: AsyncMutex::default(),
        }
    }

    /// Takes other limits; tokens of windows that stay are kept.
    fn take(self: &Arc<Self>, limits: Limits) {
        let now = self.now();
        let mut state = locked(&self.state);
        state.names = limits.names;
        state.at_once = limits.at_once;
        if state.windows != limits.windows {
            let tokens = |window: &Window| {
                let before = state.windows.iter().position(|before| is_one(before, window));
                before.and_then(|before| state.purse.get(before).copied()).unwrap_or_default()
            };
            state.purse = limits.windows.iter().map(tokens).collect();
            let budget = std::mem::replace(&mut state.budget, Budget::new(&[], now));
            state.budget = budget.refit(&limits.windows, now);
            state.windows = limits.windows;
            state.put_off.clear();
        }
        drop(state);
        self.give_slots();
    }

    /// Now, as it is stored: in whole milliseconds.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Waits for the right to go.
    ///
    /// # Errors
    /// When to ask again: nothing was sent, and nothing is to be journaled.
    pub(super) async fn admit(self: &Arc<Self>, ask: Ask<'_>) -> Result<Pass, Timestamp> {
        self.refresh(ask.hosts.iter().flatten()).await;
        self.closed(ask)?;
        self.admit_from(self.join(ask.pipeline, 1)?, ask).await
    }

    /// The same for one that has a place already.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn admit_from(self: &Arc<Self>, place: Place, ask: Ask<'_>) -> Result<Pass, Timestamp> {
        self.refresh(ask.hosts.iter().flatten()).await;
        self.closed(ask)?;
        let slot = place.wait(self.slot(ask.pipeline)).await.inspect_err(|_| self.forget_gone())?;
        drop(place);
        self.closed(ask)?;
        let host = ask.hosts.first().and_then(|addresses| addresses.first()).map_or("", String::as_str);
        self.afford(host, ask).await?;
        match self.take_probes(ask).await {
            Ok((first, probes)) => Ok(Pass::new(slot, first, ask.is_write, probes)),
            Err(at) => {
                self.spend(host, -1);
                Err(at)
            }
        }
    }

    /// Until when nothing may go to these hosts, as far as this process knows.
    pub(super) fn closed_until(&self, ask: Ask<'_>) -> Option<Timestamp> {
        self.closed(ask).err()
    }

    fn closed(&self, ask: Ask<'_>) -> Result<(), Timestamp> {
        let now = self.now();
        let state = locked(&self.state);
        let closed = |address: &String| {
            let known = state.hosts.get(address)?;
            match known.breaker.way(now, ask.is_write) {
                Way::NotBefore(until) => Some(later(&known.breaker.circuit, until, now, ask.seed)),
                Way::Go | Way::Probe => None,
            }
        };
        let way = |addresses: &Vec<String>| {
            // What is `None` is open, and less than any time.
            let circuit = addresses.iter().map(closed).min().flatten();
            let asked = addresses.first().and_then(|host| state.budget.blocked_until(host, now));
            circuit.max(asked.map(|until| spread(until, now, ask.seed)))
        };
        ask.hosts.iter().filter_map(way).max().map_or(Ok(()), Err)
    }

    /// Makes this call the probe of the circuits that are due for one; with the address that the first exchange goes to.
    async fn take_probes<'a>(&self, ask: Ask<'a>) -> Result<(&'a str, BTreeSet<String>), Timestamp> {
        let (mut first, mut probes) = (None, BTreeSet::new());
        for addresses in ask.hosts {
            let Some((address, is_probe)) = self.passable(addresses, ask.is_write).await else {
                let now = self.now();
                return Err(self.closed_until(ask).unwrap_or_else(|| spread(now, now, ask.seed)));
            };
            first = first.or(Some(address));
            probes.extend(is_probe.then(|| address.to_owned()));
        }
        Ok((first.unwrap_or_default(), probes))
    }

    /// The first of these addresses that can be gone to, and whether as the probe of its circuit.
    async fn passable<'a>(&self, addresses: &'a [String], is_write: bool) -> Option<(&'a str, bool)> {
        for address in addresses {
            let way = locked(&self.state).hosts.get(address).map(|known| known.breaker.way(self.now(), is_write));
            if way.unwrap_or(Way::Go) == Way::Go {
                return Some((address, false));
            }
            if self.take_probe(address, is_write).await {
                return Some((address, true));
            }
        }
        None
    }

    /// Waits for a token of each window of a host, and takes it.
    async fn afford(&self, host: &str, ask: Ask<'_>) -> Result<(), Timestamp> {
        loop {
            let wait = self.token(host).await;
            if wait.is_zero() {
                locked(&self.state).put_off.remove(ask.pipeline);
                return Ok(());
            }
            if wait > GATE_WAIT_MAX {
                return Err(self.put_off(host, wait, ask.pipeline));
            }
            self.clock.sleep(wait).await;
        }
    }

    /// When a call that cannot be afforded now may go: behind those of its pipeline that were put off
    /// before it, at the pace of the budget.
    fn put_off(&self, host: &str, wait: Duration, pipeline: &str) -> Timestamp {
        let now = self.now();
        let mut state = locked(&self.state);
        let paces = state.windows.iter().enumerate().filter(|(_, window)| counts(window, host));
        let pace = paces.map(|(window, _)| state.budget.pace(window)).max().unwrap_or_default();
        let first = now + signed(wait);
        let last = state.put_off.get(pipeline).copied().unwrap_or(first);
        let at = (last + signed(pace)).clamp(first, first.max(now + signed(GATE_PUT_OFF_MAX)));
        state.put_off.insert(pipeline.to_owned(), at);
        at
    }

    /// Takes a token of each window of a host; else says how long until there is one.
    async fn token(&self, host: &str) -> Duration {
        for window in self.windows_of(host) {
            if locked(&self.state).purse.get(window).is_some_and(|purse| *purse <= 0) {
                let wait = self.refill(window).await;
                if !wait.is_zero() {
                    return wait;
                }
            }
        }
        self.spend(host, 1);
        Duration::ZERO
    }

    fn spend(&self, host: &str, tokens: i64) {
        let mut state = locked(&self.state);
        let State { windows, purse, .. } = &mut *state;
        let own = purse.iter_mut().zip(windows).filter(|(_, window)| counts(window, host));
        own.for_each(|(purse, _)| *purse -= tokens);
    }

    /// The windows that count requests to a host.
    fn windows_of(&self, host: &str) -> Vec<usize> {
        let state = locked(&self.state);
        let own = state.windows.iter().enumerate().filter(|(_, window)| counts(window, host));
        own.map(|(index, _)| index).collect()
    }
}

/// When to ask again while a circuit is not closed. A probe that is under way may end at any time.
fn later(circuit: &Circuit, until: Timestamp, now: Timestamp, seed: &str) -> Timestamp {
    match circuit {
        Circuit::HalfOpen { .. } => spread(until.min(now + SignedDuration::from_secs(5)), now, seed),
        Circuit::Open { .. } | Circuit::Closed => spread(until, now, seed),
    }
}

/// A little after a time, so that not all that wait come at once: up to a quarter of the wait.
fn spread(until: Timestamp, now: Timestamp, seed: &str) -> Timestamp {
    let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    until + signed(catalog::spread(wait / 4 + Duration::from_secs(1), seed))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or_default()
}
