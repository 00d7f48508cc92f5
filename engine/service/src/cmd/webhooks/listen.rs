//! `ferry listen`

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use clap::Args;
use ferry_connectors::webhook::Delivery;
use ferry_contract::port::{Clock as _, HttpRequest};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Source;
use crate::{
    clock::SystemClock,
    cmd::{Envelope, Exit, Format, Outcome, print, reach::ReachArgs, start::asked_to_stop, tell},
    limits::WEBHOOK_BODY_MAX_BYTES,
    sandbox::on_this_machine,
};

/// Headers that belong to one connection and are not passed on.
const OF_ONE_HOP: [&str; 4] = ["host", "content-length", "connection", "transfer-encoding"];

/// Shows the webhooks that come: who sent them, whether that is believed, and the event that a pipeline would get.
///
/// It answers 200 and keeps nothing; with `--forward-to`, it passes each on and answers what comes back. What is believed is signed
/// anew for there, because some systems sign the URL. Point a tunnel at it to see what a system really sends.
///
/// Example: `ferry listen payoneer.payout_sent --forward-to http://127.0.0.1:8080/hooks/sent`.
#[derive(Args, Debug)]
pub(in crate::cmd) struct Listen {
    /// What comes, as a trigger names it; `ferry explain CONNECTOR` lists them.
    #[arg(value_name = "CONNECTION.WEBHOOK")]
    event: String,
    /// Where it listens; only on this machine.
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDR")]
    listen: SocketAddr,
    /// What senders call it, such as the tunnel's URL; some sign it.
    #[arg(long, env = "FERRY_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Who else gets each; only on this machine.
    #[arg(long, value_name = "URL")]
    forward_to: Option<String>,
    /// How it is printed: for people, or one JSON a line.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    of: ReachArgs,
}

/// A webhook that came.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Heard {
    /// When it came.
    pub at: String,
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Why its sender is not believed; nothing where he is.
    pub doubt: Option<String>,
    /// The event that a pipeline would get; what came, where it is not as the connector describes it.
    pub event: Option<Value>,
    /// Why it is not as the connector describes it.
    pub wrong: Option<String>,
    /// What the one it was passed on to answered.
    pub forwarded: Option<u16>,
}

struct Shared {
    source: Source,
    public: String,
    forward_to: Option<String>,
    format: Format,
}

impl Listen {
    pub(in crate::cmd) async fn run(self) -> Outcome {
        if !self.listen.ip().is_loopback() {
            return Err(anyhow!("`--listen {}` is not on this machine; a tunnel can lead here", self.listen));
        }
        if let Some(to) = &self.forward_to {
            on_this_machine(to).map_err(|error| anyhow!(error))?;
        }
        let source = Source::open(&self.of, &self.event).await?;
        let listener = tokio::net::TcpListener::bind(self.listen).await;
        let listener = listener.with_context(|| format!("{} is taken; `--listen` names another", self.listen))?;
        let addr = listener.local_addr()?;
        let public = self.public_url.unwrap_or_else(|| format!("http://{addr}")).trim_end_matches('/').to_owned();
        tell(&format!("listening for {} on http://{addr}; Ctrl-C ends it", self.event));
        let shared = Arc::new(Shared { source, public, forward_to: self.forward_to, format: self.format });
        let limit = DefaultBodyLimit::max(WEBHOOK_BODY_MAX_BYTES);
        let routes = Router::new().fallback(hear).layer(limit).with_state(shared);
        tokio::select! {
            served = axum::serve(listener, routes) => served?,
            () = asked_to_stop() => {}
        }
        Ok(Exit::Success)
    }
}

async fn hear(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let url = format!("{}{target}", shared.public);
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let delivery = Delivery { method: method.as_str(), url: &url, headers: &headers, body: &body };
    let Source { connection, webhook, reach } = &shared.source;
    let doubt = connection.believes(webhook, &delivery).err().map(|doubt| doubt.to_string());
    let (event, wrong) =
        connection.event(webhook, &delivery).map_or((None, None), |event| (Some(event.value), event.wrong));
    let mut answer = (StatusCode::OK, Vec::new());
    let mut forwarded = None;
    if let Some(to) = &shared.forward_to {
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let url = format!("{to}{query}");
        let signed = if doubt.is_none() {
            signed_anew(&shared.source, &Delivery { url: &url, ..delivery }).await
        } else {
            Vec::new()
        };
        let is_kept =
            |name: &String| !OF_ONE_HOP.contains(&name.as_str()) && !signed.iter().any(|(own, _)| own == name);
        let passed = headers.iter().filter(|(name, _)| is_kept(name)).cloned();
        let headers = passed.chain(signed.iter().cloned()).collect();
        let request = HttpRequest {
            method: method.to_string(),
            url,
            headers,
            body: Some(body.to_vec().into()),
            save: None,
            timeout: Duration::from_secs(60),
            tls: None,
        };
        answer = match reach.world.http.send(request).await {
            Ok(response) => {
                forwarded = Some(response.status);
                (StatusCode::from_u16(response.status).unwrap_or(StatusCode::BAD_GATEWAY), response.body)
            }
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string().into_bytes()),
        };
    }
    let at = SystemClock::default().now().to_string();
    let heard = Heard { at, method: method.to_string(), target, doubt, event, wrong, forwarded };
    print(&match shared.format {
        Format::Json => {
            serde_json::to_string(&Envelope::new(heard)).map_or_else(|error| error.to_string(), |line| line + "\n")
        }
        Format::Human => shown(&heard),
    });
    answer.into_response()
}

/// The headers by which a delivery is believed elsewhere too, under the name that it has here.
async fn signed_anew(source: &Source, delivery: &Delivery<'_>) -> Vec<(String, String)> {
    let Ok(now) = source.now().await else { return Vec::new() };
    let id = delivery.headers.iter().find(|(name, _)| name == "webhook-id").map(|(_, id)| id.clone());
    let id = id.unwrap_or_else(|| format!("listen_{}", now.as_microsecond()));
    source.connection.sign(&source.webhook, delivery, (&id, now), false).unwrap_or_default()
}

fn shown(heard: &Heard) -> String {
    let Heard { method, target, doubt, event, wrong, forwarded, .. } = heard;
    let believed = doubt.as_ref().map_or_else(|| "believed".to_owned(), |doubt| format!("not believed: {doubt}"));
    let passed = forwarded.map_or_else(String::new, |status| format!("; forwarded: {status}"));
    let event = event.as_ref().map_or_else(String::new, ToString::to_string);
    let wrong = wrong.as_ref().map_or_else(String::new, |wrong| format!("; a dead letter: {wrong}"));
    format!("{method} {target}  {believed}{passed}{wrong}\n  {event}\n")
}
