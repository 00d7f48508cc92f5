//! How a gate is, for people and programs.

use ferry_contract::port::host_of;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Gate, locked};

/// How a connection is.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct ConnectionStatus {
    /// Its names in the projects; several where they lead to the same place.
    pub connections: Vec<String>,
    /// Requests that are under way.
    pub under_way: usize,
    /// Requests that it makes at once.
    pub at_once: usize,
    /// Calls that wait for one of them.
    pub waiting: usize,
    /// The circuit of each host.
    pub circuits: Vec<CircuitStatus>,
    /// Each window of its budget.
    pub budget: Vec<BudgetStatus>,
}

/// How the circuit of a host is.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct CircuitStatus {
    /// The host's name in the manifest; for a further address of it, with that address.
    pub host: String,
    /// `closed`, `open` or `half_open`.
    pub circuit: String,
    /// Since when it is not closed.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// When the next probe may go.
    #[schemars(with = "Option<String>")]
    pub next_probe: Option<Timestamp>,
    /// Until when the host asked us to wait.
    #[schemars(with = "Option<String>")]
    pub paused_until: Option<Timestamp>,
}

/// How full a window of a budget is.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct BudgetStatus {
    /// Requests that it still takes now.
    pub left: u64,
    /// Requests that it takes in all.
    pub limit: u64,
    /// In so many seconds.
    pub per_s: u64,
    /// Only to this host.
    pub host: Option<String>,
}

impl Gate {
    pub(super) async fn status(&self) -> ConnectionStatus {
        let hosts: Vec<String> = locked(&self.state).hosts.keys().cloned().collect();
        self.refresh(hosts.iter()).await;
        let now = self.now();
        let state = locked(&self.state);
        let circuits = state.hosts.iter().map(|(host, known)| CircuitStatus {
            host: host.clone(),
            circuit: known.breaker.circuit.name().to_owned(),
            since: known.breaker.circuit.since(),
            next_probe: known.breaker.circuit.next_probe(),
            paused_until: state.budget.blocked_until(host_of(host), now),
        });
        let windows = state.windows.iter().enumerate().map(|(index, window)| {
            let (left, limit) = state.budget.left(index, now);
            let purse = state.purse.get(index).copied().unwrap_or_default();
            let left = left + u64::try_from(purse).unwrap_or(0);
            BudgetStatus { left: left.min(limit), limit, per_s: window.per.as_secs(), host: window.host.clone() }
        });
        ConnectionStatus {
            connections: state.names.iter().cloned().collect(),
            under_way: state.under_way.len(),
            at_once: state.at_once,
            waiting: state.waiting.len(),
            circuits: circuits.collect(),
            budget: windows.collect(),
        }
    }
}
