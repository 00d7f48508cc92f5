//! Salesforce's Pub/Sub API over gRPC: places, flow control, what is refused, and what is told twice.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use ferry_sandbox::{Options, Sandbox};
use futures_util::{StreamExt as _, stream};
use proto::pub_sub_client::PubSubClient;
use proto::{FetchRequest, FetchResponse, ReplayPreset, SchemaRequest, TopicRequest};
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

#[path = "../../proto/eventbus.rs"]
mod proto;

const CASES: &str = "/data/CaseChangeEvent";
const TOKEN: &str = "grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret";

struct Reader {
    sandbox: Sandbox,
    http: reqwest::Client,
    client: PubSubClient<Channel>,
    token: String,
}

impl Reader {
    /// One of a sandbox whose clock stands still, so that no stream says anything by itself.
    async fn open() -> Self {
        let pubsub_listen = Some(([127, 0, 0, 1], 0).into());
        let sandbox = ferry_sandbox::start(Options { pubsub_listen, speed: 0, ..Options::default() }).await.unwrap();
        let endpoint = Endpoint::from_shared(sandbox.pubsub_url().unwrap()).unwrap();
        let client = PubSubClient::new(endpoint.connect().await.unwrap());
        let mut reader = Self { sandbox, http: reqwest::Client::new(), client, token: String::new() };
        reader.log_in().await;
        reader
    }

    async fn log_in(&mut self) {
        let url = format!("{}/salesforce/services/oauth2/token", self.sandbox.url());
        let answer = self.http.post(url).body(TOKEN).send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.sandbox.url())).bearer_auth(&self.token);
        let answer = request.body(body.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    async fn cases(&self, count: usize) {
        for number in 0..count {
            let body = json!({ "Subject": format!("case {number}") });
            self.post("/salesforce/services/data/v59.0/sobjects/Case", body).await;
        }
    }

    fn asked<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let instance = format!("{}/salesforce", self.sandbox.url());
        let who =
            [("accesstoken", self.token.as_str()), ("instanceurl", &instance), ("tenantid", "00D5e00000000kEAAQ")];
        for (name, value) in who {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        request
    }

    /// A stream that asks for events as these requests say, and then for no more.
    async fn subscribe(&mut self, asked: Vec<FetchRequest>) -> Result<Streaming<FetchResponse>, Status> {
        let asked = self.asked(stream::iter(asked).chain(stream::pending()));
        Ok(self.client.subscribe(asked).await?.into_inner())
    }

    async fn first(&mut self, asked: FetchRequest) -> Result<FetchResponse, Status> {
        let mut stream = self.subscribe(vec![asked]).await?;
        Ok(stream.message().await?.unwrap())
    }
}

fn fetch(preset: ReplayPreset, replay: &[u8], count: i32) -> FetchRequest {
    FetchRequest {
        topic_name: CASES.to_owned(),
        replay_preset: preset.into(),
        replay_id: replay.to_vec(),
        num_requested: count,
        auth_refresh: String::new(),
    }
}

fn code(refused: Result<FetchResponse, Status>) -> (Code, String) {
    let status = refused.unwrap_err();
    let code = status.metadata().get("error-code").map_or("", |code| code.to_str().unwrap());
    (status.code(), code.trim_start_matches("sfdc.platform.eventbus.grpc.").to_owned())
}

#[tokio::test]
async fn a_reader_gets_no_more_than_it_asks_for_and_goes_on_where_it_was() {
    let mut reader = Reader::open().await;
    reader.cases(5).await;
    let mut stream = reader.subscribe(vec![fetch(ReplayPreset::Earliest, b"", 2)]).await.unwrap();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!((first.events.len(), first.pending_num_requested), (2, 0));
    let more = tokio::time::timeout(Duration::from_millis(300), stream.message()).await;
    assert!(more.is_err(), "nobody has asked for {more:?}");
    let rest = reader.first(fetch(ReplayPreset::Custom, &first.events[1].replay_id, 10)).await.unwrap();
    assert_eq!((rest.events.len(), rest.pending_num_requested), (3, 7));
    assert_eq!(rest.latest_replay_id, rest.events[2].replay_id);
    // A second request adds to the first one; a stream is of one topic.
    let more = FetchRequest { topic_name: String::new(), ..fetch(ReplayPreset::Latest, b"", 3) };
    let mut stream = reader.subscribe(vec![fetch(ReplayPreset::Earliest, b"", 2), more]).await.unwrap();
    let mut count = 0;
    while count < 5 {
        count += stream.message().await.unwrap().unwrap().events.len();
    }
    let other =
        FetchRequest { topic_name: "/data/ContactChangeEvent".to_owned(), ..fetch(ReplayPreset::Latest, b"", 1) };
    let mut stream = reader.subscribe(vec![fetch(ReplayPreset::Latest, b"", 1), other]).await.unwrap();
    assert_eq!(stream.message().await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_place_is_good_for_72_hours() {
    let mut reader = Reader::open().await;
    reader.cases(2).await;
    let first = reader.first(fetch(ReplayPreset::Earliest, b"", 1)).await.unwrap().events.remove(0).replay_id;
    reader.post("/_sandbox/clock", json!({ "advance_ms": 71 * 3_600_000_u64 })).await;
    reader.log_in().await;
    assert_eq!(reader.first(fetch(ReplayPreset::Custom, &first, 1)).await.unwrap().events.len(), 1);
    reader.post("/_sandbox/clock", json!({ "advance_ms": 2 * 3_600_000_u64 })).await;
    reader.log_in().await;
    let corrupted = (Code::InvalidArgument, "subscription.fetch.replayid.corrupted".to_owned());
    assert_eq!(code(reader.first(fetch(ReplayPreset::Custom, &first, 1)).await), corrupted);
}

#[tokio::test]
async fn whoever_is_not_let_in_learns_nothing() {
    let mut reader = Reader::open().await;
    reader.cases(1).await;
    reader.post("/_sandbox/salesforce", json!({ "sessions": "end" })).await;
    let refused = (Code::Unauthenticated, "service.auth.error".to_owned());
    assert_eq!(code(reader.first(fetch(ReplayPreset::Earliest, b"", 1)).await), refused);
    let topic = reader.asked(TopicRequest { topic_name: CASES.to_owned() });
    assert_eq!(reader.client.get_topic(topic).await.unwrap_err().code(), Code::Unauthenticated);
    reader.log_in().await;
    let schema = reader.asked(SchemaRequest { schema_id: "none".to_owned() });
    assert_eq!(reader.client.get_schema(schema).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn streams_are_cut_and_events_told_again_by_order() {
    let mut reader = Reader::open().await;
    reader.cases(2).await;
    let mut stream = reader.subscribe(vec![fetch(ReplayPreset::Earliest, b"", 100)]).await.unwrap();
    let first = stream.message().await.unwrap().unwrap().events;
    reader.post("/_sandbox/salesforce", json!({ "again": { "topic": CASES, "count": 2 } })).await;
    let again = stream.message().await.unwrap().unwrap().events;
    let ids = |events: &[proto::ConsumerEvent]| -> Vec<String> {
        events.iter().map(|event| event.event.as_ref().unwrap().id.clone()).collect()
    };
    assert_eq!(ids(&first), ids(&again));
    assert!(first[1].replay_id < again[0].replay_id);
    reader.post("/_sandbox/salesforce", json!({ "streams": "cut" })).await;
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn faults_meet_calls_of_grpc_too() {
    let mut reader = Reader::open().await;
    let rule =
        json!({ "fault": "throttled", "system": "salesforce", "path": "PubSub/GetTopic", "one_in": 1, "times": 1 });
    reader.post("/_sandbox/faults", json!({ "rules": [rule] })).await;
    let topic = |reader: &Reader| reader.asked(TopicRequest { topic_name: CASES.to_owned() });
    let asked = topic(&reader);
    assert_eq!(reader.client.get_topic(asked).await.unwrap_err().code(), Code::ResourceExhausted);
    let asked = topic(&reader);
    assert!(reader.client.get_topic(asked).await.is_ok());
}
