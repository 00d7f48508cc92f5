//! `ferry status`

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Args;

use super::{Envelope, Exit, Format, Outcome, print, print_json, start::Unreachable};
use crate::{
    api::Status,
    engine::{BudgetStatus, CircuitStatus, ConnectionStatus},
    http::HttpClient,
    render,
    sandbox::get,
};

/// Shows how a running service is: its runs, and the circuits and budgets of its connections.
///
/// It asks the admin listener of `ferry serve` on this machine.
#[derive(Args, Debug)]
pub(super) struct StatusCommand {
    /// Where the service's admin listener is.
    #[arg(long, env = "FERRY_ADMIN", default_value = "127.0.0.1:9090", value_name = "ADDR")]
    admin: SocketAddr,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl StatusCommand {
    pub(super) async fn run(self) -> Outcome {
        let http = HttpClient::new().context("TLS cannot be set up")?;
        let admin = self.admin;
        let silent = |error| Unreachable(format!("no service answers at {admin} ({error}); `--admin` names another"));
        let answer = get(&http, &format!("http://{admin}/api/v1/status")).await.map_err(silent)?;
        let status: Status = serde_json::from_value(answer).context("this service is of another version")?;
        match self.format {
            Format::Json => print_json(&Envelope::new(status))?,
            Format::Human => print(&human(&status)),
        }
        Ok(Exit::Success)
    }
}

fn human(status: &Status) -> String {
    let runs: Vec<String> =
        status.runs.iter().map(|(state, count)| format!("{count} {}", state.replace('_', "-"))).collect();
    let dead = (status.dead_events > 0).then(|| format!("{} events that nobody claimed", status.dead_events));
    let runs: Vec<String> = runs.into_iter().chain(dead).collect();
    let runs = if runs.is_empty() { "no runs".to_owned() } else { runs.join(", ") };
    let rows = status
        .connections
        .iter()
        .flat_map(|connection| connection.circuits.iter().map(move |circuit| row(connection, circuit)));
    let header = ["CONNECTION", "HOST", "CIRCUIT", "SINCE", "GOES ON", "UNDER WAY", "BUDGET LEFT"];
    format!("{runs}\n{}", render::table(&header, rows.collect()))
}

fn row(connection: &ConnectionStatus, circuit: &CircuitStatus) -> Vec<String> {
    let time = |at: Option<jiff::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let applies = |window: &&BudgetStatus| window.host.as_ref().is_none_or(|host| *host == circuit.host);
    let budget: Vec<String> = connection.budget.iter().filter(applies).map(window).collect();
    vec![
        connection.connections.join(", "),
        circuit.host.clone(),
        circuit.circuit.replace('_', "-"),
        time(circuit.since),
        time(circuit.next_probe.max(circuit.paused_until)),
        format!("{} of {}", connection.under_way, connection.at_once),
        if budget.is_empty() { "-".to_owned() } else { budget.join(", ") },
    ]
}

/// `598 of 600 in 1m`.
fn window(window: &BudgetStatus) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let (unit_s, unit) = units.into_iter().find(|(unit_s, _)| window.per_s.is_multiple_of(*unit_s)).unwrap_or((1, "s"));
    let per = format!("{}{unit}", window.per_s / unit_s);
    format!("{} of {} in {per}", window.left, window.limit)
}
