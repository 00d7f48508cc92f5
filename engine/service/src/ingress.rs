//! The public listener: webhooks, and nothing else.
//!
//! A delivery is answered with 2xx only when its event is on disk; whatever else happens, the sender
//! tries again, and the same event makes no second run.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::post,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    engine::{Delivery, Engine},
    limits::{WEBHOOK_BODY_MAX_BYTES, WEBHOOKS_AT_ONCE_MAX},
};

#[derive(Clone)]
struct Shared {
    engine: Arc<Engine>,
    /// Deliveries at once: the others are told to come again.
    room: Arc<Semaphore>,
}

/// Starts the listener, and says where it answers.
///
/// # Errors
/// Where the address is taken.
pub async fn listen(addr: SocketAddr, engine: Arc<Engine>) -> Result<SocketAddr, anyhow::Error> {
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("the address {addr} cannot be used for webhooks; `--listen` names another"))?;
    let addr = listener.local_addr()?;
    let shared = Shared { engine, room: Arc::new(Semaphore::new(WEBHOOKS_AT_ONCE_MAX)) };
    let routes = Router::new()
        .route("/hooks/{path}", post(deliver))
        .layer(DefaultBodyLimit::max(WEBHOOK_BODY_MAX_BYTES))
        .with_state(shared);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the listener of webhooks stopped");
        }
    });
    Ok(addr)
}

async fn deliver(
    State(shared): State<Shared>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let Ok(_room) = shared.room.try_acquire() else { return Err(Refusal::Busy) };
    let hook = shared.engine.hook(&path).ok_or(Refusal::Unknown)?;
    if let Some((header, secret)) = &hook.verify {
        let signature = headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default();
        verify(secret, signature, &body)?;
    }
    let event: Value = serde_json::from_slice(&body).map_err(|error| Refusal::NoJson(error.to_string()))?;
    let delivered = shared.engine.deliver(&hook, &event).await;
    let delivered = delivered.map_err(|failure| {
        tracing::error!(path, %failure, "a delivery could not be stored");
        Refusal::NotStored
    })?;
    Ok(match delivered {
        Delivery::Answered(output) => (StatusCode::OK, Json(output)).into_response(),
        Delivery::Accepted(run) => (StatusCode::ACCEPTED, Json(json!({ "run": run }))).into_response(),
        Delivery::Failed(run, reason) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "run": run, "error": reason }))).into_response()
        }
    })
}

/// Whether whoever sent a body knows the secret: HMAC-SHA256, in hexadecimal digits, perhaps after
/// `sha256=`. Source: RFC 2104; compared in constant time.
fn verify(secret: &SecretString, signature: &str, body: &[u8]) -> Result<(), Refusal> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).map_err(|_| Refusal::Forged)?;
    mac.update(body);
    let given = bytes(signature.strip_prefix("sha256=").unwrap_or(signature)).ok_or(Refusal::Forged)?;
    mac.verify_slice(&given).map_err(|_| Refusal::Forged)
}

/// Bytes from hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

/// Why a delivery was not taken. The sender learns no more than he needs.
enum Refusal {
    Busy,
    Unknown,
    Forged,
    NoJson(String),
    NotStored,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let say = |status: StatusCode, error: &str| (status, Json(json!({ "error": error }))).into_response();
        match self {
            Self::Busy => {
                let again = [(RETRY_AFTER, "1")];
                (StatusCode::SERVICE_UNAVAILABLE, again, "too many deliveries at once\n").into_response()
            }
            Self::Unknown => say(StatusCode::NOT_FOUND, "no pipeline takes deliveries here"),
            Self::Forged => say(StatusCode::UNAUTHORIZED, "the signature does not fit the body"),
            Self::NoJson(error) => say(StatusCode::BAD_REQUEST, &format!("the body is no JSON: {error}")),
            Self::NotStored => say(StatusCode::SERVICE_UNAVAILABLE, "the event could not be stored; send it again"),
        }
    }
}
