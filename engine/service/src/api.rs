//! The admin listener: health, status, metrics and reload, on this machine only.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context as _, bail};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    engine::{ConnectionStatus, Engine},
    reload::{Loader, Swapped},
    store::StoreError,
};

/// How a service is, as `/api/v1/status` and `ferry status` say it.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct Status {
    /// How many runs are in each state.
    pub runs: BTreeMap<String, u64>,
    /// How many events are dead letters because nobody has claimed them.
    pub dead_events: u64,
    /// How its connections are.
    pub connections: Vec<ConnectionStatus>,
}

/// A listener that answers.
#[derive(Debug)]
pub struct Admin {
    /// Where.
    pub addr: SocketAddr,
    ready: Arc<AtomicBool>,
}

impl Admin {
    /// From now on /readyz says no.
    pub fn not_ready(&self) {
        self.ready.store(false, Ordering::Relaxed);
    }
}

#[derive(Clone)]
struct Shared {
    engine: Arc<Engine>,
    loader: Arc<Loader>,
    ready: Arc<AtomicBool>,
}

/// Starts the listener.
///
/// # Errors
/// Where the address is taken, or is not on this machine: there is no authentication yet.
pub async fn listen(addr: SocketAddr, engine: Arc<Engine>, loader: Arc<Loader>) -> Result<Admin, anyhow::Error> {
    if !addr.ip().is_loopback() {
        bail!("the admin address {addr} is not on this machine; use 127.0.0.1, because nobody is asked who he is");
    }
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("the admin address {addr} cannot be used; `--admin` names another"))?;
    let addr = listener.local_addr()?;
    let ready = Arc::new(AtomicBool::new(true));
    let shared = Shared { engine, loader, ready: Arc::clone(&ready) };
    let routes = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/reload", post(reload))
        .with_state(shared);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the admin listener stopped");
        }
    });
    Ok(Admin { addr, ready })
}

async fn readyz(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    // One row says that the store answers; to count all would take the longer the more there are.
    let store = shared.engine.store().trust().await.is_ok();
    if shared.ready.load(Ordering::Relaxed) && store {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

/// The runs in each state, and the dead letters that are no runs.
async fn counts(engine: &Engine) -> Result<(BTreeMap<String, u64>, u64), StoreError> {
    Ok((engine.store().counts().await?, engine.store().dead_events_count().await?))
}

async fn status(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let (runs, dead_events) = match counts(&shared.engine).await {
        Ok(counts) => counts,
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error.to_string() }))),
    };
    let connections = shared.engine.connections().await;
    let status = json!({
        "format_version": "1.0", "runs": runs, "dead_events": dead_events, "connections": connections
    });
    (StatusCode::OK, Json(status))
}

async fn reload(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    match shared.loader.reload(&shared.engine).await {
        Ok(swapped) => {
            let Swapped { added, changed, removed, webhooks } = swapped;
            let swapped = json!({ "added": added, "changed": changed, "removed": removed, "webhooks": webhooks });
            (StatusCode::OK, Json(swapped))
        }
        Err(refused) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "errors": refused.0 }))),
    }
}

/// In the text format of Prometheus.
async fn metrics(State(shared): State<Shared>) -> (StatusCode, String) {
    let (runs, dead_events) = match counts(&shared.engine).await {
        Ok(counts) => counts,
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, format!("# {error}\n")),
    };
    let reloads = shared.loader.reloads();
    let mut out = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, values: &[(String, u64)]| {
        out.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        values.iter().for_each(|(labels, value)| out.push_str(&format!("{name}{labels} {value}\n")));
    };
    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    metric("ferry_build_info", "gauge", "The version that runs.", &[(version, 1)]);
    let states: Vec<_> = runs.into_iter().map(|(state, runs)| (format!("{{state=\"{state}\"}}"), runs)).collect();
    metric("ferry_runs", "gauge", "Runs in the store, by state.", &states);
    let help = "Events that are dead letters because nobody has claimed them.";
    metric("ferry_dead_events", "gauge", help, &[(String::new(), dead_events)]);
    let last = u64::from(reloads.last_taken);
    let help = "Whether the folders that were read last are those that run.";
    metric("ferry_config_last_reload_successful", "gauge", help, &[(String::new(), last)]);
    let outcome = |name: &str| format!("{{outcome=\"{name}\"}}");
    let counts = [(outcome("taken"), reloads.taken), (outcome("refused"), reloads.refused)];
    metric("ferry_config_reloads_total", "counter", "Reloads, by outcome.", &counts);
    (StatusCode::OK, out)
}
