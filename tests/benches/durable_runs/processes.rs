//! Durable runs through real processes: polled from a Salesforce over loopback HTTP, three steps, one of them a
//! write to it.
//!
//! Beside them, in the same minute on the same machine: the store alone, with the rows of these runs in the groups in
//! which the engine hands them over, and a bare HTTP client that makes the same writes and nothing else.

use std::{path::Path, sync::Arc, time::Duration};

use ferry::{
    clock::{Stopwatch, pause},
    http::HttpClient,
    sandbox::get,
    store::{Filter, Store, StoreAddress, open},
};
use ferry_core::run::Entry;
use ferry_tests::{
    postgres::Server,
    program::{ANY_PORT, Program, Running, Serve},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    common::{finished, folder, median, per_second, store},
    targets::{alone, steps_of},
};

/// Samples of each line; the median counts.
const SAMPLES: usize = 3;
/// Requests at once of the bare client: as many as a connection makes where nobody says how many.
const CLIENTS: usize = ferry_contract::limits::CONNECTION_REQUESTS_DEFAULT;
const LEASE_MS: u64 = 10_000;
const LOOK_EVERY: Duration = Duration::from_millis(20);

const PROJECT: &str = "\
ferry: 1
project: benchmark
connections:
  salesforce:
    connector: salesforce
    environment: sandbox
    my_domain: acme
    client_id: a
    client_secret: '${secret:b}'
    # A call has its slot while its intent is on the way to the disk, too.
    concurrency: 64
";

const PIPELINE: &str = "\
ferry: 1
pipeline: three-steps
trigger:
  poll:
    action: salesforce.query
    with:
      object: Payment_Request__c
      fields: [Id, Name, Amount__c, CurrencyIsoCode, SystemModstamp]
      where: \"Status__c = 'Approved for Payout'\"
    every: 1s
    cursor: { field: $.SystemModstamp, tie_break: $.Id, lookback: 5m }
  key: $.Id
steps:
  - id: payment
    map:
      reference: $.event.Id
      amount: { money: { amount: $.event.Amount__c, currency: $.event.CurrencyIsoCode } }
      description: { text: \"Payment request {$.event.Name}\" }
  - id: submit
    action: salesforce.update
    with:
      object: Payment_Request__c
      id: $.payment.reference
      values: { Status__c: Submitted, Payout_Error__c: $.payment.description }
  - id: receipt
    needs: [submit]
    map: { reference: $.payment.reference, amount: $.payment.amount, status: submitted }
";

/// No fault, and no budget that anybody would notice.
const FAULTS: &str = "budget_per_minute: 4000000000\n";

/// Measures each store and number of processes, and prints.
pub(crate) async fn measure(runs: usize) {
    let server = Server::start().expect("PostgreSQL is installed");
    println!("Durable runs a second, {runs} runs of three steps, one of them a write over loopback HTTP:");
    for (name, processes) in [("SQLite", 1), ("PostgreSQL", 1), ("PostgreSQL", 3)] {
        let mut figures = Figures::default();
        for _ in 0..SAMPLES {
            let place = Place::new(name, &server, runs);
            let bare = place.bare().await;
            let (through, journal) = place.through(processes).await;
            let alone = place.alone(name, &server, &journal).await;
            figures.bare.push(bare);
            figures.through.push(through);
            figures.alone.push(alone);
            figures.shares.push(100 * through / bare.min(alone).max(1));
        }
        figures.print(name, processes);
    }
}

#[derive(Default)]
struct Figures {
    through: Vec<u64>,
    alone: Vec<u64>,
    bare: Vec<u64>,
    /// In per cent of the lower limit of the same sample.
    shares: Vec<u64>,
}

impl Figures {
    fn print(mut self, name: &str, processes: usize) {
        let word = if processes == 1 { "process" } else { "processes" };
        let figures = [&mut self.through, &mut self.alone, &mut self.bare, &mut self.shares];
        let [through, alone, bare, share] = figures.map(|values| median(values));
        println!(
            "{:>58}: {through}, {share} % of the lower limit (store alone {alone}, bare client {bare})",
            format!("{name}, {processes} {word}")
        );
    }
}

/// A sandbox with approved requests, and a store that is empty.
struct Place {
    folder: tempfile::TempDir,
    program: Program,
    sandbox: Running,
    address: String,
    runs: usize,
}

impl Place {
    fn new(name: &str, server: &Server, runs: usize) -> Self {
        let folder = folder();
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("it can be written");
        std::fs::create_dir(folder.path().join("project")).expect("the folder can be written");
        file("project/ferry.yaml", PROJECT);
        file("project/three-steps.yaml", PIPELINE);
        file("faults.yaml", FAULTS);
        let program = Program::own().expect("this is the program");
        let requests = runs.to_string();
        let sandbox = program.sandbox(folder.path(), &["--requests", &requests, "--faults", "faults.yaml"]);
        let address = if name == "SQLite" { "ferry.db".to_owned() } else { server.database() };
        Self { folder, program, sandbox: sandbox.expect("the sandbox starts"), address, runs }
    }

    async fn ask(&self, what: &str) -> Value {
        let http = HttpClient::new().expect("TLS can be set up");
        get(&http, &format!("{}/_sandbox/{what}", self.sandbox.address)).await.expect("the sandbox answers")
    }

    /// The same writes, but such as change nothing, by a client that does nothing else.
    async fn bare(&self) -> u64 {
        let (seed, client) = (self.ask("seed").await, reqwest::Client::new());
        let own = &seed["salesforce"];
        let secret = |name: &str| own[name].as_str().unwrap_or_default().to_owned();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            secret("client_id"),
            secret("client_secret")
        );
        let token = client.post(format!("{}/services/oauth2/token", secret("url")));
        let token = token.header("content-type", "application/x-www-form-urlencoded").body(form).send().await;
        let token: Value =
            serde_json::from_slice(&token.expect("a token").bytes().await.expect("a token")).expect("JSON");
        let (token, host) = (token["access_token"].clone(), token["instance_url"].clone());
        let (token, host) = (token.as_str().expect("a token").to_owned(), host.as_str().expect("a URL").to_owned());
        let requests = self.ask("requests").await;
        let ids: Vec<String> = requests.as_array().expect("a list").iter().map(|row| text(&row["id"])).collect();
        let (begun, mut clients) = (Stopwatch::start(), JoinSet::new());
        for part in ids.chunks(ids.len().div_ceil(CLIENTS)) {
            let (client, part, token, host) = (client.clone(), part.to_vec(), token.clone(), host.clone());
            clients.spawn(async move {
                for id in part {
                    let url = format!("{host}/services/data/v59.0/sobjects/Payment_Request__c/{id}");
                    let body =
                        json!({ "Status__c": "Approved for Payout", "Payout_Error__c": format!("Payment {id}") });
                    let request = client.patch(url).bearer_auth(&token).header("content-type", "application/json");
                    let answer = request.body(body.to_string()).send().await.expect("the sandbox answers");
                    assert_eq!(answer.status(), 204);
                }
            });
        }
        clients.join_all().await;
        per_second(self.runs, begun)
    }

    /// From the first event to the end of the last run, by the store's own times; with the journal of one run.
    async fn through(&self, processes: usize) -> (u64, Vec<Entry>) {
        let start = |_| {
            let projects = self.folder.path().join("project");
            self.program.serve(Serve {
                folder: self.folder.path(),
                projects: &projects,
                store: &self.address,
                lease_ms: LEASE_MS,
                log: "error",
                listen: ANY_PORT,
                args: &["--sandbox", &self.sandbox.address],
            })
        };
        let services: Result<Vec<Running>, String> = (0..processes).map(start).collect();
        let services = services.expect("the services start");
        let store = opened(&self.address, self.folder.path()).await;
        while finished(&*store).await < self.runs {
            pause(LOOK_EVERY).await;
        }
        drop(services);
        let rows = store.runs(&Filter { limit: self.runs, ..Filter::default() }).await.expect("the store can be read");
        let began = rows.iter().map(|row| row.started_at).min().expect("there are runs");
        let ended = rows.iter().map(|row| row.updated_at).max().expect("there are runs");
        let millis = ended.duration_since(began).as_millis().max(1);
        let stored = store.run(&rows[0].run).await.expect("the store can be read").expect("the run is there");
        let through = u64::try_from(self.runs as i128 * 1_000 / millis).unwrap_or(0);
        (through, stored.journal.into_iter().map(|(_, entry)| entry).collect())
    }

    async fn alone(&self, name: &str, server: &Server, journal: &[Entry]) -> u64 {
        let folder = folder();
        let empty: Arc<dyn Store> = match name {
            "SQLite" => store(&folder),
            _ => opened(&server.database(), folder.path()).await,
        };
        alone(empty, journal, self.runs).await / steps_of(journal).max(1)
    }
}

async fn opened(address: &str, folder: &Path) -> Arc<dyn Store> {
    let address = match address {
        "ferry.db" => StoreAddress::File(folder.join(address)),
        server => StoreAddress::Server(server.to_owned()),
    };
    open(&address).await.expect("the store opens")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
