//! The admin listener: health and status, on this machine only.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context as _, bail};
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::engine::{ConnectionStatus, Engine};

/// How a service is, as `/api/v1/status` and `ferry status` say it.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct Status {
    /// How many runs are in each state.
    pub runs: BTreeMap<String, u64>,
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
    ready: Arc<AtomicBool>,
}

/// Starts the listener.
///
/// # Errors
/// Where the address is taken, or is not on this machine: there is no authentication yet.
pub async fn listen(addr: SocketAddr, engine: Arc<Engine>) -> Result<Admin, anyhow::Error> {
    if !addr.ip().is_loopback() {
        bail!("the admin address {addr} is not on this machine; use 127.0.0.1, because nobody is asked who he is");
    }
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("the admin address {addr} cannot be used; `--admin` names another"))?;
    let addr = listener.local_addr()?;
    let ready = Arc::new(AtomicBool::new(true));
    let shared = Shared { engine, ready: Arc::clone(&ready) };
    let routes = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/api/v1/status", get(status))
        .with_state(shared);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the admin listener stopped");
        }
    });
    Ok(Admin { addr, ready })
}

async fn readyz(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    let store = shared.engine.store().counts().await.is_ok();
    if shared.ready.load(Ordering::Relaxed) && store {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn status(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let runs = match shared.engine.store().counts().await {
        Ok(runs) => runs,
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error.to_string() }))),
    };
    let connections = shared.engine.connections().await;
    (StatusCode::OK, Json(json!({ "format_version": "1.0", "runs": runs, "connections": connections })))
}
