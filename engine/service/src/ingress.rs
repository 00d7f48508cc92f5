//! The public listener: webhooks, and nothing else.
//!
//! A delivery is answered with 2xx only when its event is on disk; whatever else happens, the sender
//! tries again, and the same event makes no second run.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::Context as _;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, RawQuery, State},
    http::{
        HeaderMap, Method, StatusCode,
        header::{ALLOW, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use ferry_connectors::webhook::{self, Doubt, Event};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    engine::{Believed, Delivery, Engine, Hook},
    limits::{WEBHOOK_BODY_MAX_BYTES, WEBHOOKS_AT_ONCE_MAX},
};

#[derive(Clone)]
struct Shared {
    engine: Arc<Engine>,
    /// What senders call this listener, which some of them sign: without `/` at its end.
    url: Arc<str>,
    /// Deliveries at once: the others are told to come again.
    room: Arc<Semaphore>,
}

/// Starts the listener, and says where it answers. `public` is what senders call it; else it is its own address.
///
/// # Errors
/// Where the address is taken.
pub async fn listen(
    (addr, public): (SocketAddr, Option<&str>),
    engine: Arc<Engine>,
) -> Result<SocketAddr, anyhow::Error> {
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("the address {addr} cannot be used for webhooks; `--listen` names another"))?;
    let addr = listener.local_addr()?;
    // Nobody calls an address that stands for all of them.
    let own = if addr.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, addr.port())) } else { addr };
    let url = public.map_or_else(|| format!("http://{own}"), |url| url.trim_end_matches('/').to_owned());
    if public.is_none() && !addr.ip().is_loopback() {
        tracing::info!(url, "senders that sign the URL have to call it so; `--public-url` says another");
    }
    let shared = Shared { engine, url: url.into(), room: Arc::new(Semaphore::new(WEBHOOKS_AT_ONCE_MAX)) };
    let routes = Router::new()
        .route("/hooks/{path}", get(deliver).post(deliver))
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
    method: Method,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let Ok(_room) = shared.room.try_acquire() else { return Err(Refusal::Busy) };
    let hook = shared.engine.hook(&path).ok_or(Refusal::Unknown)?;
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let url = format!("{}/hooks/{path}{query}", shared.url);
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let delivery = webhook::Delivery { method: method.as_str(), url: &url, headers: &headers, body: &body };
    let event = event(&shared.engine, &hook, &delivery).inspect_err(|refusal| match refusal {
        // Without the query, in which a sender may have what nobody else is to read.
        Refusal::Doubted(doubt) => tracing::warn!(path, %doubt, called = %shared.url, "a delivery was not believed"),
        Refusal::Unread(error) => tracing::warn!(path, error, "a delivery is no event"),
        Refusal::Busy | Refusal::Unknown | Refusal::Method(_) | Refusal::NotStored => {}
    })?;
    if let Some(wrong) = &event.wrong {
        tracing::error!(path, wrong, "a delivery is kept as a dead letter");
    }
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

/// The event of a delivery whose sender is believed.
fn event(engine: &Engine, hook: &Hook, delivery: &webhook::Delivery<'_>) -> Result<Event, Refusal> {
    let method = match &hook.sender {
        Believed::System { connection, webhook, .. } => connection.method_of(webhook),
        Believed::Anybody | Believed::Verified(..) => "POST",
    };
    if delivery.method != method {
        return Err(Refusal::Method(method));
    }
    match &hook.sender {
        Believed::Anybody => {}
        Believed::Verified(scheme, secret) => webhook::verify(scheme, secret, delivery, engine.now())?,
        Believed::System { connection, webhook, unsigned } => {
            if !unsigned {
                connection.believes(webhook, delivery)?;
            }
            return connection.event(webhook, delivery).ok_or(Refusal::Unknown);
        }
    }
    let value: Value = serde_json::from_slice(delivery.body)
        .map_err(|error| Refusal::Unread(format!("the body is no JSON: {error}")))?;
    Ok(Event { value, wrong: None })
}

/// Why a delivery was not taken. The sender learns no more than he needs.
enum Refusal {
    Busy,
    Unknown,
    Method(&'static str),
    Doubted(Doubt),
    Unread(String),
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
            Self::Method(method) => {
                let error = json!({ "error": format!("deliveries are sent here with {method}") });
                (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, method)], Json(error)).into_response()
            }
            Self::Doubted(doubt) => say(StatusCode::UNAUTHORIZED, &doubt.to_string()),
            Self::Unread(error) => say(StatusCode::BAD_REQUEST, &error),
            Self::NotStored => say(StatusCode::SERVICE_UNAVAILABLE, "the event could not be stored; send it again"),
        }
    }
}

impl From<Doubt> for Refusal {
    fn from(doubt: Doubt) -> Self {
        Self::Doubted(doubt)
    }
}
