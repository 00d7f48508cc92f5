//! Salesforce's Pub/Sub API: a gRPC server on a listener of its own, in the clear and over TLS.
//!
//! Source: `connectors/proto/pubsub_api.proto`; Pub/Sub API, error codes in the trailer `error-code`.

mod refused;
mod stream;

use std::sync::Arc;

use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming, async_trait};

use crate::faults::{Fault, FaultRule};
use crate::limits;
use crate::salesforce::bus::{self, Caller, Refusal, replay_id};
use crate::salesforce::session::ORG_ID;
use crate::server::{Shared, lock, pause};
use crate::system::System;
use crate::world::Admission;
use proto::pub_sub_server::{PubSub, PubSubServer};
use proto::{
    Error, ErrorCode, FetchRequest, ManagedFetchRequest, ManagedFetchResponse, PublishRequest, PublishResponse,
    PublishResult, SchemaInfo, SchemaRequest, TopicInfo, TopicRequest,
};
use refused::{overloaded, refused, unavailable};
use stream::{Fetched, Published};

#[path = "../../../proto/eventbus.rs"]
mod proto;

/// The server.
#[derive(Clone, Debug)]
pub(crate) struct Bus {
    world: Shared,
}

/// The server, as connections speak to it.
pub(crate) type Service = PubSubServer<Bus>;

impl Bus {
    /// Serves the events of a world.
    pub(crate) fn server(world: Shared) -> Service {
        PubSubServer::new(Self { world })
    }

    /// Lets a call in, after the faults that meet it.
    async fn admit(&self, metadata: &MetadataMap, path: &'static str) -> Result<Caller, Status> {
        let admission = lock(&self.world).admit_stream(System::Salesforce, path);
        match admission {
            Admission::Refused(_) => return Err(overloaded()),
            Admission::Free => {}
            Admission::Hit(rule) => meet(&rule).await?,
        }
        let text = |name: &str| metadata.get(name).and_then(|text| text.to_str().ok()).unwrap_or_default().to_owned();
        let caller = Caller { token: text("accesstoken"), instance: text("instanceurl"), tenant: text("tenantid") };
        self.check(&caller).map(|()| caller)
    }

    fn check(&self, caller: &Caller) -> Result<(), Status> {
        let world = lock(&self.world);
        world.salesforce.lets_in(caller, world.clock.now()).map_err(refused)
    }

    fn publish(&self, request: &PublishRequest) -> PublishResponse {
        let mut world = lock(&self.world);
        world.settle();
        let now = world.clock.now();
        let mut schema_id = String::new();
        let mut results = Vec::new();
        for event in &request.events {
            schema_id.clone_from(&event.schema_id);
            let (topic, what) = (request.topic_name.as_str(), (event.schema_id.as_str(), event.payload.as_slice()));
            let published = world.salesforce.publish(topic, what, now);
            let error = published.as_ref().err().map(|msg| Error { code: ErrorCode::Publish.into(), msg: msg.clone() });
            let replay_id = published.map(replay_id).unwrap_or_default();
            results.push(PublishResult { replay_id, error, correlation_key: event.id.clone() });
        }
        world.announce();
        PublishResponse { results, schema_id, rpc_id: String::new() }
    }
}

#[async_trait]
impl PubSub for Bus {
    type SubscribeStream = Fetched;
    type PublishStreamStream = Published;
    type ManagedSubscribeStream = futures_util::stream::Empty<Result<ManagedFetchResponse, Status>>;

    async fn get_topic(&self, request: Request<TopicRequest>) -> Result<Response<TopicInfo>, Status> {
        self.admit(request.metadata(), "/salesforce/eventbus.v1.PubSub/GetTopic").await?;
        let name = request.into_inner().topic_name;
        let topic = bus::topic(&name).map_err(refused)?;
        Ok(Response::new(TopicInfo {
            topic_name: name,
            tenant_guid: ORG_ID.to_owned(),
            can_publish: topic.is_published,
            can_subscribe: true,
            schema_id: topic.schema,
            rpc_id: String::new(),
        }))
    }

    async fn get_schema(&self, request: Request<SchemaRequest>) -> Result<Response<SchemaInfo>, Status> {
        self.admit(request.metadata(), "/salesforce/eventbus.v1.PubSub/GetSchema").await?;
        let schema_id = request.into_inner().schema_id;
        let schema_json = bus::schema(&schema_id).map_err(refused)?.to_owned();
        Ok(Response::new(SchemaInfo { schema_json, schema_id, rpc_id: String::new() }))
    }

    async fn subscribe(&self, request: Request<Streaming<FetchRequest>>) -> Result<Response<Fetched>, Status> {
        self.admit(request.metadata(), "/salesforce/eventbus.v1.PubSub/Subscribe").await?;
        Ok(Response::new(stream::subscription(Arc::clone(&self.world), request.into_inner())))
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        self.admit(request.metadata(), "/salesforce/eventbus.v1.PubSub/Publish").await?;
        let request = request.into_inner();
        bus::topic(&request.topic_name).map_err(refused)?;
        // As in a real system, it happens also when the client has gone by then.
        Ok(Response::new(self.publish(&request)))
    }

    async fn publish_stream(&self, request: Request<Streaming<PublishRequest>>) -> Result<Response<Published>, Status> {
        self.admit(request.metadata(), "/salesforce/eventbus.v1.PubSub/PublishStream").await?;
        Ok(Response::new(stream::published(self.clone(), request.into_inner())))
    }

    async fn managed_subscribe(
        &self,
        _: Request<Streaming<ManagedFetchRequest>>,
    ) -> Result<Response<Self::ManagedSubscribeStream>, Status> {
        Err(Status::unimplemented("the sandbox keeps no replay ids for its readers; use Subscribe"))
    }
}

/// What a fault does to a call. A call that is cut off is one that nobody answers.
async fn meet(rule: &FaultRule) -> Result<(), Status> {
    pause(rule).await;
    match rule.fault {
        Fault::Slow | Fault::SlowBefore => Ok(()),
        Fault::Throttled => Err(overloaded()),
        Fault::ServerError
        | Fault::ErrorAfter
        | Fault::CutBefore
        | Fault::CutAfter
        | Fault::Truncated
        | Fault::TruncatedChunked => Err(unavailable()),
    }
}

/// How many events somebody asks for.
///
/// # Errors
/// [`Refusal::Count`].
fn wanted(request: &FetchRequest) -> Result<usize, Status> {
    let count = usize::try_from(request.num_requested).unwrap_or_default();
    if count == 0 { Err(refused(Refusal::Count)) } else { Ok(count.min(limits::PUBSUB_EVENTS_MAX)) }
}
