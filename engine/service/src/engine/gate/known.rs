//! What processes share: circuits and budgets, read now and then, and changed by compare and set.
//!
//! A store that fails is no reason to send more: what cannot be shared is kept in memory, and a probe
//! or a slice of a budget that cannot be taken there is not taken.

use std::time::Duration;

use ferry_core::gate::{Breaker, Budget, Circuit, Way};
use jiff::Timestamp;
use serde_json::Value;

use super::{Gate, locked};
use crate::{
    limits::{GATE_WAIT_MAX, SHARED_AGE_MAX, SHARED_TRIES_MAX},
    store::{Change, Shared, StoreError},
};

impl Gate {
    /// Reads what other processes may have changed, where this one has not looked for a while.
    pub(super) async fn refresh(&self, hosts: impl Iterator<Item = &String>) {
        let now = self.now();
        let is_old = |read_at: Option<Timestamp>| {
            read_at
                .is_none_or(|at| Duration::try_from(now.duration_since(at)).unwrap_or(Duration::MAX) >= SHARED_AGE_MAX)
        };
        if is_old(locked(&self.state).budget_read_at) {
            // `read` has said what is wrong; the state of before stays.
            self.read_budget().await.ok();
        }
        for host in hosts {
            if is_old(locked(&self.state).hosts.get(host).and_then(|known| known.read_at)) {
                self.read_circuit(host).await;
            }
        }
    }

    fn circuit_row(&self, host: &str) -> String {
        format!("circuit/{}/{host}", self.name)
    }

    fn budget_row(&self) -> String {
        format!("budget/{}", self.name)
    }

    async fn read(&self, name: &str) -> Result<Option<Shared>, StoreError> {
        let row = self.store.shared(name).await;
        if let Err(error) = &row {
            tracing::debug!(name, %error, "what is shared cannot be read");
        }
        row
    }

    async fn read_circuit(&self, host: &str) {
        let Ok(row) = self.read(&self.circuit_row(host)).await else { return };
        let mut state = locked(&self.state);
        let known = state.hosts.entry(host.to_owned()).or_default();
        known.read_at = Some(self.now());
        let Some(row) = row.filter(|row| row.version > known.version) else { return };
        known.version = row.version;
        if let Ok(circuit) = serde_json::from_value::<Circuit>(row.value) {
            known.breaker = Breaker::from(circuit);
        }
    }

    /// Writes the circuit of a host as it is in memory now.
    pub(super) async fn share_circuit(&self, host: &str) {
        let _changing = self.changing.lock().await;
        let (circuit, version) = self.circuit(host);
        if let Err(error) = self.write_circuit(host, circuit, version).await {
            tracing::debug!(host, %error, "a circuit could not be shared");
        }
    }

    /// Makes this process the one that probes. No where another one does, or it is not time.
    pub(super) async fn take_probe(&self, host: &str, is_write: bool) -> bool {
        let _changing = self.changing.lock().await;
        let now = self.now();
        let way = locked(&self.state).hosts.get(host).map(|known| known.breaker.way(now, is_write));
        if way != Some(Way::Probe) {
            return way.unwrap_or(Way::Go) == Way::Go;
        }
        let (circuit, version) = self.circuit(host);
        let probing = circuit.probing(now);
        let taken = self.write_circuit(host, probing, version).await.is_ok();
        if taken && let Some(known) = locked(&self.state).hosts.get_mut(host) {
            known.breaker.circuit = probing;
        }
        taken
    }

    fn circuit(&self, host: &str) -> (Circuit, u64) {
        let state = locked(&self.state);
        state.hosts.get(host).map_or_else(Default::default, |known| (known.breaker.circuit, known.version))
    }

    async fn write_circuit(&self, host: &str, circuit: Circuit, version: u64) -> Result<(), StoreError> {
        let value = serde_json::to_value(circuit).map_err(|error| StoreError::Failed(error.to_string()))?;
        let written = self.write(self.circuit_row(host), version, value).await;
        match &written {
            Ok(()) => {
                if let Some(known) = locked(&self.state).hosts.get_mut(host) {
                    known.version = version + 1;
                }
            }
            Err(StoreError::Stale(_)) => self.read_circuit(host).await,
            Err(_) => {}
        }
        written
    }

    async fn write(&self, name: String, expected: u64, value: Value) -> Result<(), StoreError> {
        self.store.commit(vec![Change::Share { name, expected, value }]).await.map(|_| ())
    }

    async fn read_budget(&self) -> Result<(), StoreError> {
        let row = self.read(&self.budget_row()).await?;
        let now = self.now();
        let mut state = locked(&self.state);
        state.budget_read_at = Some(now);
        let Some(row) = row.filter(|row| row.version > state.budget_version) else { return Ok(()) };
        state.budget_version = row.version;
        let budget = serde_json::from_value::<Budget>(row.value).ok();
        let fitted = budget.map(|budget| budget.refit(&state.windows, now));
        state.budget = fitted.unwrap_or_else(|| Budget::new(&state.windows, now));
        Ok(())
    }

    /// Changes the shared budget; gives what the change gave. Nothing is written where it gives nothing.
    pub(super) async fn change_budget<T>(
        &self,
        change: impl Fn(&mut Budget, Timestamp) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut last = StoreError::Stale(self.budget_row());
        for _ in 0..SHARED_TRIES_MAX {
            let (mut budget, version) = {
                let state = locked(&self.state);
                (state.budget.clone(), state.budget_version)
            };
            let Some(given) = change(&mut budget, self.now()) else { return Ok(None) };
            let value = serde_json::to_value(&budget).map_err(|error| StoreError::Failed(error.to_string()))?;
            match self.write(self.budget_row(), version, value).await {
                Ok(()) => {
                    let mut state = locked(&self.state);
                    (state.budget, state.budget_version) = (budget, version + 1);
                    return Ok(Some(given));
                }
                Err(error @ StoreError::Stale(_)) => {
                    last = error;
                    self.read_budget().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Takes a slice of a window for this process; else says how long until there is something.
    pub(super) async fn refill(&self, window: usize) -> Duration {
        let _changing = self.changing.lock().await;
        // A reload may have taken the window away.
        if locked(&self.state).purse.get(window).is_none_or(|purse| *purse > 0) {
            return Duration::ZERO;
        }
        let slice = |budget: &mut Budget, now| Some(budget.take_slice(window, now)).filter(|slice| *slice > 0);
        match self.change_budget(slice).await {
            Ok(Some(slice)) => {
                let mut state = locked(&self.state);
                let Some(purse) = state.purse.get_mut(window) else { return Duration::ZERO };
                *purse = purse.saturating_add(i64::try_from(slice).unwrap_or(i64::MAX));
                if *purse > 0 { Duration::ZERO } else { state.budget.pace(window) }
            }
            Ok(None) => locked(&self.state).budget.wait(window, self.now()).max(Duration::from_millis(1)),
            Err(error) => {
                tracing::debug!(%error, "no slice of a budget could be taken");
                GATE_WAIT_MAX
            }
        }
    }
}
