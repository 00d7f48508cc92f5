//! Salesforce's Pub/Sub API over gRPC: reads the events of a topic after a place, and publishes.
//!
//! A read waits for events a while and gives the place up to which it has come: whoever has those events on disk goes on
//! from there, so nothing is lost. Source: `connectors/proto/pubsub_api.proto`; Pub/Sub API Developer Guide.

mod event;
mod refusal;
mod schema;
mod session;
mod value;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::Boxed,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::timeout;
use tonic::Streaming;

use super::{Native, Work, rejected};
use crate::{
    auth::Token,
    limits::{PUBSUB_EVENTS_MAX, PUBSUB_FIRST_WAIT, PUBSUB_PAUSE, PUBSUB_WAIT_DEFAULT},
    request::too_late,
};
use proto::{ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, PublishRequest, ReplayPreset};
use refusal::{Sent, failure};
use session::Session;

#[path = "../../../proto/eventbus.rs"]
mod proto;

/// What can be done with a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PubSub {
    /// Reads the events after a place.
    Fetch,
    /// Publishes one event.
    Publish,
}

impl Native for PubSub {
    fn name(&self) -> &'static str {
        match self {
            Self::Fetch => "pubsub_fetch",
            Self::Publish => "pubsub_publish",
        }
    }

    fn has_sandbox(&self) -> bool {
        true
    }

    fn call<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let token = token(&work, None).await?;
            let done = self.once(&work, &token).await;
            // What was refused so has done nothing.
            if !done.as_ref().is_err_and(|failure| failure.class == ErrorClass::Auth) {
                return done;
            }
            let renewed = token_after(&work, &token).await?;
            match renewed {
                Some(token) => self.once(&work, &token).await,
                None => done,
            }
        })
    }
}

impl PubSub {
    async fn once(self, work: &Work<'_>, token: &Token) -> Result<Value, Failure> {
        let session = Session::open(work.address, work.connection.tls.as_deref(), token);
        let late = |sent: Sent| move |_| sent.failure("the call took too long".to_owned());
        match self {
            Self::Fetch => {
                let read = async { Reading::of(work).read(&mut session.await?).await };
                timeout(work.timeout, read).await.map_err(late(Sent::Nothing))?
            }
            Self::Publish => {
                let mut session = timeout(work.timeout, session).await.map_err(late(Sent::Nothing))??;
                let event = timeout(work.timeout, written(work, &mut session)).await.map_err(late(Sent::Nothing))??;
                if !work.may_go() {
                    return Err(too_late());
                }
                timeout(work.timeout, published(work, &mut session, event)).await.map_err(late(Sent::Maybe))?
            }
        }
    }
}

async fn token(work: &Work<'_>, stale: Option<u64>) -> Result<Token, Failure> {
    let token = work.connection.token(work.pass, work.way, stale).await?;
    token.ok_or_else(|| Failure::new(ErrorClass::Config, "a login is needed, and the connection has none"))
}

/// Another token in the place of one that was refused; nothing where there is no other.
async fn token_after(work: &Work<'_>, refused: &Token) -> Result<Option<Token>, Failure> {
    let token = token(work, Some(refused.number)).await?;
    Ok(Some(token).filter(|token| token.number != refused.number))
}

/// What is to be read.
struct Reading {
    topic: String,
    /// After this replay id.
    after: Option<Vec<u8>>,
    is_latest: bool,
    most: usize,
    wait: Duration,
    skip_origin: Option<String>,
}

/// What was read so far.
#[derive(Default)]
struct Read {
    events: Vec<Value>,
    /// How many events came, with those that are left out.
    count: usize,
    /// Up to where everything is here.
    replay: Option<Vec<u8>>,
}

impl Reading {
    fn of(work: &Work<'_>) -> Self {
        let text = |name: &str| work.input.get(name).and_then(Value::as_str);
        let number = |name: &str| work.input.get(name).and_then(Value::as_u64);
        let most = number("max").and_then(|most| usize::try_from(most).ok()).unwrap_or(PUBSUB_EVENTS_MAX);
        let after = text("replay_id").map(|id| URL_SAFE_NO_PAD.decode(id).unwrap_or_default());
        let is_latest = text("from") == Some("latest");
        let wait = number("wait_s").map_or(PUBSUB_WAIT_DEFAULT, Duration::from_secs);
        // Without a place to go on from, what is told between two reads would be lost: the first answer has one.
        let wait = if is_latest && after.is_none() { PUBSUB_FIRST_WAIT } else { wait.min(PUBSUB_FIRST_WAIT) };
        Self {
            topic: work.text("topic").to_owned(),
            after,
            is_latest,
            most: most.clamp(1, PUBSUB_EVENTS_MAX),
            wait,
            skip_origin: text("skip_origin").map(str::to_owned),
        }
    }

    async fn read(self, session: &mut Session) -> Result<Value, Failure> {
        let mut stream = self.subscribed(session).await?;
        let mut read = Read { replay: self.after.clone(), ..Read::default() };
        // Who has waited in vain knows all that he did before.
        timeout(self.wait, self.take_first(session, &mut stream, &mut read)).await.unwrap_or(Ok(()))?;
        while read.count > 0 && read.count < self.most {
            // What is here already is whole; the next read says what is wrong.
            let Ok(Ok(Some(response))) = timeout(PUBSUB_PAUSE, stream.message()).await else { break };
            self.take(session, &mut read, response).await?;
        }
        let mut given = json!({ "events": read.events, "pending": read.count >= self.most });
        if let Some(replay) = read.replay {
            given["replay_id"] = Value::from(URL_SAFE_NO_PAD.encode(replay));
        }
        Ok(given)
    }

    /// Waits for the first events; for a reader that begins now, for its first place.
    async fn take_first(
        &self,
        session: &mut Session,
        stream: &mut Streaming<FetchResponse>,
        read: &mut Read,
    ) -> Result<(), Failure> {
        let needs_place = self.after.is_none() && self.is_latest;
        while let Some(response) = stream.message().await.map_err(|status| failure(&status, Sent::Nothing))? {
            self.take(session, read, response).await?;
            if read.count > 0 || needs_place {
                break;
            }
        }
        Ok(())
    }

    async fn subscribed(&self, session: &mut Session) -> Result<Streaming<FetchResponse>, Failure> {
        let preset = match (&self.after, self.is_latest) {
            (Some(_), _) => ReplayPreset::Custom,
            (None, true) => ReplayPreset::Latest,
            (None, false) => ReplayPreset::Earliest,
        };
        let first = FetchRequest {
            topic_name: self.topic.clone(),
            replay_preset: preset.into(),
            replay_id: self.after.clone().unwrap_or_default(),
            num_requested: i32::try_from(self.most).unwrap_or(1),
            auth_refresh: String::new(),
        };
        // A stream that asks for nothing more stays open until it is dropped.
        let asked = stream::once(async { first }).chain(stream::pending());
        let stream = session.client.subscribe(session.request(asked)).await;
        stream.map(tonic::Response::into_inner).map_err(|status| failure(&status, Sent::Nothing))
    }

    async fn take(&self, session: &mut Session, read: &mut Read, response: FetchResponse) -> Result<(), Failure> {
        let latest = Some(response.latest_replay_id).filter(|latest| !latest.is_empty());
        let last = response.events.last().map(|event| event.replay_id.clone());
        for event in response.events {
            let event = self.event(session, event).await?;
            read.count += 1;
            let is_echo = |event: &Value| {
                let origin = event["origin"].as_str().unwrap_or_default();
                self.skip_origin.as_deref().is_some_and(|client| event::client_of(origin) == Some(client))
            };
            read.events.extend(Some(event).filter(|event| !is_echo(event)));
        }
        read.replay = last.or(latest).or_else(|| read.replay.take());
        Ok(())
    }

    async fn event(&self, session: &mut Session, event: ConsumerEvent) -> Result<Value, Failure> {
        let replay = URL_SAFE_NO_PAD.encode(&event.replay_id);
        let told = event.event.unwrap_or_default();
        let known = session.schema(&told.schema_id).await?;
        let value = event::read(&known, &told.payload).map_err(|error| {
            Failure::new(ErrorClass::Bug, format!("an event does not fit its schema `{}`: {error}", told.schema_id))
        })?;
        Ok(event::shown(&known, value, (&replay, &told.id)))
    }
}

/// The event that is published, in the form that its topic wants.
async fn written(work: &Work<'_>, session: &mut Session) -> Result<ProducerEvent, Failure> {
    let schema_id = session.topic(work.text("topic")).await?;
    let known = session.schema(&schema_id).await?;
    let created = (work.connection.world.clock.now(), session.user.as_str());
    let fields = work.input.get("fields").and_then(Value::as_object);
    let payload = fields.map_or_else(|| Ok(Vec::new()), |fields| event::written(&known, fields, created));
    let payload = payload.map_err(|wrong| Failure::new(ErrorClass::Invalid, wrong))?;
    let id = work.key.map_or_else(|| work.text("id").to_owned(), str::to_owned);
    Ok(ProducerEvent { id, schema_id, payload, headers: Vec::new() })
}

async fn published(work: &Work<'_>, session: &mut Session, event: ProducerEvent) -> Result<Value, Failure> {
    let id = event.id.clone();
    let request =
        PublishRequest { topic_name: work.text("topic").to_owned(), events: vec![event], auth_refresh: String::new() };
    let response = session.client.publish(session.request(request)).await;
    let response = response.map_err(|status| failure(&status, Sent::Maybe))?.into_inner();
    let unclear = || Failure::new(ErrorClass::Unknown, "the answer has no result for this event");
    let result = response.results.into_iter().next().ok_or_else(unclear)?;
    match result.error {
        Some(error) => Err(Failure { code: Some("PUBLISH".to_owned()), ..rejected(error.msg) }),
        None => Ok(json!({ "id": id, "replay_id": URL_SAFE_NO_PAD.encode(&result.replay_id) })),
    }
}
