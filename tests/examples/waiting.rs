//! `cargo run --release -p ferry-tests --example waiting -- [RUNS]`: brings in so many runs that wait for an
//! event for weeks, and prints what they cost the service: memory while they wait, and the time from a kill
//! to a service that is ready again and wakes one of them.
//!
//! This executable is the program, too, where it is started as such.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures are what this prints")]

use std::{path::Path, process::ExitCode, time::Duration};

use ferry::{
    clock::{Stopwatch, pause},
    store::{self, StoreAddress},
};
use ferry_tests::{
    postgres::Server,
    program::{ANY_PORT, IS_PROGRAM, Program, Running, Serve},
};
use tokio::task::JoinSet;

/// Runs, unless another number is given.
const RUNS: usize = 100_000;
/// Deliveries at once.
const SENDERS: usize = 32;
/// How long the service rests before its memory is read.
const REST: Duration = Duration::from_secs(5);
/// How long a woken run may take to end.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LEASE_MS: u64 = 10_000;

const PROJECT: &str = "ferry: 1\nproject: waiting\n";
const ORDERS: &str = "\
ferry: 1
pipeline: orders
trigger:
  webhook: { path: orders, verify: none }
  key: $.id
steps:
  - { id: noted, map: { id: $.event.id, amount: { rhai: event.amount * 2 }, note: $.event.note } }
  - id: paid
    needs: [noted]
    wait: { event: order.paid, match: { event: $.id, run: $.event.id }, timeout: { after: 21d, then: dead_letter } }
";
const PAYMENTS: &str = "\
ferry: 1
pipeline: payments
trigger:
  webhook: { path: payments, verify: none }
  key: $.id
steps:
  - { id: told, emit: { event: order.paid, key: $.event.id, data: { id: $.event.id } } }
";

fn main() -> ExitCode {
    if std::env::var_os(IS_PROGRAM).is_some() {
        return ferry::cmd::main();
    }
    let runs = std::env::args().nth(1).map_or(Ok(RUNS), |text| text.parse());
    let Ok(runs) = runs else {
        eprintln!("error: the number of runs is no number; `waiting -- {RUNS}`");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("the machine has threads");
    match runtime.block_on(measure(runs)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(runs: usize) -> Result<(), String> {
    let server = Server::start()?;
    for (name, address) in [("SQLite", "ferry.db".to_owned()), ("PostgreSQL", server.database())] {
        let folder = tempfile::tempdir().map_err(said)?;
        println!("{name}, {runs} runs that wait for an event:");
        on(&Place { folder: folder.path(), address: &address }, runs).await?;
    }
    Ok(())
}

/// Where a service works.
struct Place<'a> {
    folder: &'a Path,
    address: &'a str,
}

impl Place<'_> {
    fn serve(&self) -> Result<Running, String> {
        let project = self.folder.join("project");
        std::fs::create_dir_all(&project).map_err(said)?;
        for (name, text) in [("ferry.yaml", PROJECT), ("orders.yaml", ORDERS), ("payments.yaml", PAYMENTS)] {
            std::fs::write(project.join(name), text).map_err(said)?;
        }
        Program::own()?.serve(Serve {
            folder: self.folder,
            projects: &project,
            store: self.address,
            lease_ms: LEASE_MS,
            log: "error",
            listen: ANY_PORT,
            args: &[],
        })
    }

    /// The number of runs in a state.
    async fn count(&self, state: &str) -> Result<u64, String> {
        let address = match self.address {
            "ferry.db" => StoreAddress::File(self.folder.join(self.address)),
            server => StoreAddress::Server(server.to_owned()),
        };
        let counts = store::open(&address).await.map_err(said)?.counts().await.map_err(said)?;
        Ok(counts.get(state).copied().unwrap_or(0))
    }
}

async fn on(place: &Place<'_>, runs: usize) -> Result<(), String> {
    let mut service = place.serve()?;
    line("memory of an empty service, MB", &format!("{}", memory_mb(&service)?));
    let begun = Stopwatch::start();
    bring(&service.hooks, runs).await?;
    while place.count("waiting").await? < runs as u64 {
        pause(LOOK_EVERY).await;
    }
    let per_second = runs as u128 * 1_000 / begun.elapsed().as_millis().max(1);
    line("runs a second, until each of them waits", &per_second.to_string());
    pause(REST).await;
    line("memory while they wait, MB", &format!("{}", memory_mb(&service)?));
    service.kill()?;
    let begun = Stopwatch::start();
    service = place.serve()?;
    until_ready(&service).await?;
    line("from the start after a kill to ready, ms", &begun.elapsed().as_millis().to_string());
    let begun = Stopwatch::start();
    deliver(&reqwest::Client::new(), &format!("{}payments", service.hooks), 0).await?;
    while place.count("waiting").await? + 1 > runs as u64 {
        if begun.elapsed() > PATIENCE {
            return Err("the run did not wake".to_owned());
        }
        pause(LOOK_EVERY).await;
    }
    line("from an event to the end of the run that it wakes, ms", &begun.elapsed().as_millis().to_string());
    pause(REST).await;
    line("memory after the restart, MB", &format!("{}", memory_mb(&service)?));
    Ok(())
}

async fn bring(hooks: &str, runs: usize) -> Result<(), String> {
    let (client, url) = (reqwest::Client::new(), format!("{hooks}orders"));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (client, url) = (client.clone(), url.clone());
        senders.spawn(async move {
            for index in (sender..runs).step_by(SENDERS) {
                deliver(&client, &url, index).await?;
            }
            Ok::<_, String>(())
        });
    }
    senders.join_all().await.into_iter().collect()
}

async fn deliver(client: &reqwest::Client, url: &str, index: usize) -> Result<(), String> {
    let body = format!(r#"{{"id":"order-{index:08}","amount":{index}.25,"note":"as long as a short note is"}}"#);
    let answer = client.post(url).body(body).send().await.map_err(said)?;
    let status = answer.status();
    answer.bytes().await.map_err(said)?;
    if status.is_success() { Ok(()) } else { Err(format!("a delivery was answered {status}")) }
}

async fn until_ready(service: &Running) -> Result<(), String> {
    let (client, url) = (reqwest::Client::new(), format!("{}/readyz", service.address));
    loop {
        if client.get(&url).send().await.map_err(said)?.status().is_success() {
            return Ok(());
        }
        pause(LOOK_EVERY).await;
    }
}

/// Resident memory in MB of 10^6 bytes. Source: proc(5), `VmRSS` in kB of 1,024 bytes.
fn memory_mb(service: &Running) -> Result<u64, String> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.child.id())).map_err(said)?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("there is no VmRSS")?;
    let kib: u64 = resident.trim().trim_end_matches(" kB").trim().parse().map_err(said)?;
    Ok(kib * 1_024 / 1_000_000)
}

fn line(name: &str, value: &str) {
    println!("{name:>56}: {value}");
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
