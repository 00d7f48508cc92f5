//! The streams: a reader says how many events it takes, and gets no more.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tonic::{Status, Streaming};

use super::proto::{ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, PublishRequest, PublishResponse};
use super::refused::{refused, unavailable};
use super::{Bus, wanted};
use crate::clock;
use crate::limits;
use crate::salesforce::bus::{self, Delivered, From, replay_id};
use crate::server::{Shared, lock};

/// What a reader gets.
pub(super) type Fetched = Pin<Box<dyn Stream<Item = Result<FetchResponse, Status>> + Send>>;

/// What a publisher gets.
pub(super) type Published = Pin<Box<dyn Stream<Item = Result<PublishResponse, Status>> + Send>>;

/// A reader of one topic.
struct Reader {
    world: Shared,
    asked: Streaming<FetchRequest>,
    /// Nothing before the first request.
    topic: Option<String>,
    /// The replay id up to which it has everything.
    after: u64,
    wanted: usize,
    told: watch::Receiver<(u64, u64)>,
    cuts: u64,
    /// Whether it may still ask for more.
    is_open: bool,
}

/// What happens next to a reader.
enum Next {
    Asked(Result<Option<FetchRequest>, Status>),
    Told,
    Silence,
}

/// Delivers what a reader asks for, until it goes or is cut off.
pub(super) fn subscription(world: Shared, asked: Streaming<FetchRequest>) -> Fetched {
    let told = lock(&world).told.subscribe();
    let cuts = told.borrow().1;
    let reader = Reader { world, asked, topic: None, after: 0, wanted: 0, told, cuts, is_open: true };
    Box::pin(stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(response)) => Some((Ok(response), Some(reader))),
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    }))
}

/// Answers each batch of a publisher.
pub(super) fn published(bus: Bus, asked: Streaming<PublishRequest>) -> Published {
    Box::pin(stream::unfold((bus, asked, None), |(bus, mut asked, topic): (_, _, Option<String>)| async move {
        let mut request = match asked.message().await {
            Ok(request) => request?,
            Err(status) => return Some((Err(status), (bus, asked, topic))),
        };
        let topic = topic.unwrap_or_else(|| request.topic_name.clone());
        request.topic_name.clone_from(&topic);
        let response = bus.publish(&request);
        Some((Ok(response), (bus, asked, Some(topic))))
    }))
}

impl Reader {
    /// What it gets next; nothing where it has all that it asked for, and asks for no more.
    async fn next(&mut self) -> Result<Option<FetchResponse>, Status> {
        loop {
            if let Some(response) = self.delivered() {
                return Ok(Some(response));
            }
            if !self.is_open && self.wanted == 0 {
                return Ok(None);
            }
            match self.wait().await {
                Next::Asked(Ok(Some(request))) => self.ask(request)?,
                Next::Asked(Ok(None)) => self.is_open = false,
                Next::Asked(Err(status)) => return Err(status),
                Next::Told if self.told.borrow_and_update().1 != self.cuts => return Err(unavailable()),
                Next::Told => {}
                Next::Silence => return Ok(Some(self.response(Vec::new()))),
            }
        }
    }

    async fn wait(&mut self) -> Next {
        let silence = self.silence();
        tokio::select! {
            asked = self.asked.message(), if self.is_open => Next::Asked(asked),
            Ok(()) = self.told.changed() => Next::Told,
            () = clock::sleep(silence) => Next::Silence,
        }
    }

    fn ask(&mut self, request: FetchRequest) -> Result<(), Status> {
        let wanted = wanted(&request)?;
        if let Some(topic) = &self.topic {
            if !request.topic_name.is_empty() && request.topic_name != *topic {
                return Err(Status::invalid_argument("The topic of a stream cannot change."));
            }
        } else {
            let from = match request.replay_preset {
                1 => From::Earliest,
                2 => From::After(request.replay_id),
                _ => From::Latest,
            };
            let mut world = lock(&self.world);
            world.settle();
            bus::topic(&request.topic_name).map_err(refused)?;
            self.after = world.salesforce.place(&from).map_err(refused)?;
            self.topic = Some(request.topic_name);
        }
        self.wanted += wanted;
        Ok(())
    }

    fn delivered(&mut self) -> Option<FetchResponse> {
        let topic = self.topic.as_deref().filter(|_| self.wanted > 0)?;
        let (events, after) = {
            let mut world = lock(&self.world);
            world.settle();
            world.salesforce.deliver(topic, self.after, self.wanted)
        };
        self.after = after;
        self.wanted -= events.len();
        if events.is_empty() { None } else { Some(self.response(events)) }
    }

    fn response(&self, events: Vec<Delivered>) -> FetchResponse {
        let latest = events.last().map_or(self.after, |event| event.replay);
        FetchResponse {
            events: events.into_iter().map(told).collect(),
            latest_replay_id: replay_id(latest),
            rpc_id: String::new(),
            pending_num_requested: i32::try_from(self.wanted).unwrap_or(i32::MAX),
        }
    }

    fn silence(&self) -> Duration {
        let speed = u64::from(lock(&self.world).clock.speed().max(1));
        Duration::from_millis((limits::PUBSUB_SILENCE_MS / speed).max(limits::PUBSUB_SILENCE_MIN_MS))
    }
}

fn told(event: Delivered) -> ConsumerEvent {
    let Delivered { id, schema, payload, replay } = event;
    let event = ProducerEvent { id, schema_id: schema, payload, headers: Vec::new() };
    ConsumerEvent { event: Some(event), replay_id: replay_id(replay) }
}
