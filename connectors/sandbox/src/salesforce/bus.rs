//! The event bus, as a reader of the Pub/Sub API sees it: topics, places in them, and what follows after a place.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::avro::Known;
use super::events::{ALL_CHANGES, Event};
use super::{Order, Salesforce, StreamOrder, checked, session};
use crate::limits;

/// The bytes of a replay id.
const REPLAY_BYTES: usize = 8;

/// Who asks, as the metadata of a call says it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// `accesstoken`.
    pub(crate) token: String,
    /// `instanceurl`.
    pub(crate) instance: String,
    /// `tenantid`.
    pub(crate) tenant: String,
}

/// From where somebody reads.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// What is told from now on.
    Latest,
    /// All that there is.
    Earliest,
    /// After the event with this replay id.
    After(Vec<u8>),
}

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    /// The schema of its events; nothing where they have several.
    pub(crate) schema: String,
    /// Whether anybody may publish in it.
    pub(crate) is_published: bool,
}

/// An event that is delivered.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// What it is known by, however often it is delivered.
    pub(crate) id: String,
    /// Its schema.
    pub(crate) schema: String,
    /// Avro.
    pub(crate) payload: Vec<u8>,
    /// From where a reader goes on.
    pub(crate) replay: u64,
}

/// Why a call is refused. One variant per code of the vendor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// The metadata lets nobody in.
    Auth,
    /// There is no such topic.
    Topic,
    /// There is no such schema.
    Schema,
    /// A replay id is needed.
    NoReplay,
    /// The replay id is none, or its event is kept no longer.
    Replay,
    /// A number of events must be positive.
    Count,
}

/// Writes a replay id.
pub(crate) fn replay_id(replay: u64) -> Vec<u8> {
    replay.to_be_bytes().to_vec()
}

/// Finds a topic.
///
/// # Errors
/// [`Refusal::Topic`].
pub(crate) fn topic(name: &str) -> Result<Topic, Refusal> {
    if name == ALL_CHANGES {
        return Ok(Topic { schema: String::new(), is_published: false });
    }
    let known = Known::of_topic(name).ok_or(Refusal::Topic)?;
    Ok(Topic { schema: known.id.clone(), is_published: known.is_published })
}

/// Finds a schema by its id.
///
/// # Errors
/// [`Refusal::Schema`].
pub(crate) fn schema(id: &str) -> Result<&'static str, Refusal> {
    Known::of_id(id).map(|known| known.text.as_str()).ok_or(Refusal::Schema)
}

impl Salesforce {
    /// Lets a caller in whose session has not ended.
    ///
    /// # Errors
    /// [`Refusal::Auth`].
    pub(crate) fn lets_in(&self, caller: &Caller, now: Timestamp) -> Result<(), Refusal> {
        let is_ours = caller.instance.ends_with("/salesforce") && caller.tenant == session::ORG_ID;
        if is_ours && self.sessions.accepts(&caller.token, now) { Ok(()) } else { Err(Refusal::Auth) }
    }

    /// Says after which replay id a reader begins.
    ///
    /// # Errors
    /// [`Refusal::NoReplay`] and [`Refusal::Replay`].
    pub(crate) fn place(&self, from: &From) -> Result<u64, Refusal> {
        let bytes = match from {
            From::Latest => return Ok(self.org.events.last()),
            From::Earliest => return Ok(0),
            From::After(bytes) if bytes.is_empty() => return Err(Refusal::NoReplay),
            From::After(bytes) => bytes,
        };
        let bytes: [u8; REPLAY_BYTES] = bytes.as_slice().try_into().map_err(|_| Refusal::Replay)?;
        let replay = u64::from_be_bytes(bytes);
        if self.org.events.is_kept(replay) { Ok(replay) } else { Err(Refusal::Replay) }
    }

    /// Says the events of a topic after a place, at most so many; and where a reader of all of them stands then.
    pub(crate) fn deliver(&self, topic: &str, after: u64, most: usize) -> (Vec<Delivered>, u64) {
        let most = most.min(limits::PUBSUB_EVENTS_MAX);
        let mut events = self.org.events.after(topic, after);
        let delivered: Vec<Delivered> = events.by_ref().take(most).filter_map(delivered).collect();
        let last = delivered.last().map_or(after, |event| event.replay);
        let is_all = events.next().is_none();
        (delivered, if is_all { self.org.events.last() } else { last })
    }

    /// Takes an event that somebody publishes, and returns its replay id.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn publish(
        &mut self,
        topic: &str,
        (schema, payload): (&str, &[u8]),
        now: Timestamp,
    ) -> Result<u64, String> {
        let known =
            Known::of_topic(topic).filter(|known| known.is_published).ok_or("nobody publishes in this topic")?;
        if known.id != schema {
            return Err(format!("the schema of `{topic}` is `{}`", known.id));
        }
        let fields = known.read(payload).map_err(|err| err.to_string())?;
        let record = checked::new(&self.org.store, known.object, &fields).map_err(|problem| problem.message)?;
        let fields = record.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.org.events.publish(known.object.name, fields, now);
        Ok(self.org.events.last())
    }

    /// Says what readers must know of: the last replay id, and how often their streams were cut.
    pub(crate) fn told(&self) -> (u64, u64) {
        (self.org.events.last(), self.cuts)
    }

    /// Does an order that is about events.
    pub(super) fn order_events(&mut self, order: Order, now: Timestamp) -> Result<Value, String> {
        match order {
            Order::Events { topic, after } => {
                let events = self.org.events.after(&topic, after.unwrap_or_default());
                return Ok(events.map(Event::shown).collect());
            }
            Order::Gap { id, kind } => {
                let mut by = self.org.by(now, None);
                self.org.events.gap(&id, kind.unwrap_or_default(), &mut by)?;
            }
            Order::Again { topic, count } => self.org.events.again(&topic, count.unwrap_or(1)),
            Order::Streams(StreamOrder::Cut) => self.cuts += 1,
            _ => return Err("this is no order about events".to_owned()),
        }
        Ok(json!({ "done": true }))
    }
}

fn delivered(event: &Event) -> Option<Delivered> {
    let known = Known::of_topic(&event.topic)?;
    match known.written(event) {
        Ok(payload) => Some(Delivered { id: event.id(), schema: known.id.clone(), payload, replay: event.replay }),
        Err(err) => {
            tracing::error!(%err, topic = event.topic, "an event does not fit its schema");
            None
        }
    }
}
