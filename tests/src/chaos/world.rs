//! The processes of a trial, and what is done to them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ferry::{
    clock::{Stopwatch, pause},
    http::HttpClient,
    sandbox::{get, post},
    store::{self, Store, StoreAddress},
};
use ferry_contract::number;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Trial, faults, hooks};
use crate::{
    postgres::Server,
    program::{Program, Running, Serve, address_to_keep, said},
};

/// The shipped connectors, which get other time-outs.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// How often the store is asked once more, while its server comes back.
const TRIES_MAX: u32 = 100;
/// A connection that was refused is tried again after that.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// What comes in at a time, for each approved request: large requests are a fiftieth, of 12,000 each.
const DEPOSIT_PER_PAYOUT: u64 = 60;

/// A sandbox, a store, and services on it.
pub(super) struct World<'a> {
    pub(super) http: HttpClient,
    program: &'a Program,
    trial: &'a Trial,
    server: Option<&'a Server>,
    folder: TempDir,
    address: String,
    sandbox: Running,
    services: Vec<Running>,
    /// Where each of them takes webhooks, in each of its lives.
    listens: Vec<String>,
    watch: Stopwatch,
    /// When each kill and each stop was, since the start.
    pub(super) cuts: Vec<Duration>,
    /// What the sandbox's clock showed at first.
    pub(super) began: jiff::Timestamp,
    /// The balance before anybody could pay.
    pub(super) opening: Decimal,
}

impl<'a> World<'a> {
    pub(super) async fn new(
        program: &'a Program,
        trial: &'a Trial,
        server: Option<&'a Server>,
    ) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("ferry-chaos-").tempdir().map_err(said)?;
        project(program, folder.path(), trial)?;
        let text = serde_json::to_string(&faults::all(trial)).map_err(said)?;
        std::fs::write(folder.path().join("faults.yaml"), text).map_err(said)?;
        let (requests, speed, seed) = (trial.payouts.to_string(), trial.speed.to_string(), trial.seed.to_string());
        let listens = (0..trial.processes).map(|_| address_to_keep()).collect::<Result<Vec<_>, _>>()?;
        let told = |listen: &String| {
            hooks::TOLD.map(|told| format!("--webhook={}=http://{listen}/hooks/{}", told.kind, told.name))
        };
        let told: Vec<String> = listens.iter().flat_map(told).collect();
        let args = ["--requests", &requests, "--speed", &speed, "--seed", &seed, "--faults", "faults.yaml"];
        let args: Vec<&str> = args.into_iter().chain(told.iter().map(String::as_str)).collect();
        let sandbox = program.sandbox(folder.path(), &args)?;
        let address = server.map_or_else(|| "ferry.db".to_owned(), Server::database);
        let http = HttpClient::new().map_err(said)?;
        let began = get(&http, &format!("{}/_sandbox/clock", sandbox.address)).await?;
        let began = began["now"].as_str().and_then(|now| now.parse().ok()).ok_or("the sandbox has no clock")?;
        let opening = decimal(&get(&http, &format!("{}/_sandbox/seed", sandbox.address)).await?["balance"]);
        let (watch, cuts, services) = (Stopwatch::start(), Vec::new(), Vec::new());
        let mut world = Self {
            http,
            program,
            trial,
            server,
            folder,
            address,
            sandbox,
            services,
            listens,
            watch,
            cuts,
            began,
            opening,
        };
        for process in 0..trial.processes {
            let service = world.serve(process)?;
            world.services.push(service);
        }
        Ok(world)
    }

    fn serve(&self, process: usize) -> Result<Running, String> {
        self.program.serve(Serve {
            folder: self.folder.path(),
            projects: &self.folder.path().join("project"),
            store: &self.address,
            lease_ms: self.trial.lease_ms(),
            log: "error",
            listen: &self.listens[process],
            args: &["--sandbox", &self.sandbox.address],
        })
    }

    pub(super) fn url(&self, what: &str) -> String {
        format!("{}/_sandbox/{what}", self.sandbox.address)
    }

    pub(super) async fn ask(&self, what: &str) -> Result<Value, String> {
        get(&self.http, &self.url(what)).await
    }

    pub(super) fn kill(&mut self, victim: usize) -> Result<(), String> {
        self.services[victim].kill()?;
        self.cuts.push(self.watch.elapsed());
        self.services[victim] = self.serve(victim)?;
        Ok(())
    }

    /// The others take over what it had, and do it; then it goes on where it was.
    pub(super) async fn stop(&mut self, victim: usize, time: Duration) -> Result<(), String> {
        self.services[victim].signal("STOP")?;
        self.cuts.push(self.watch.elapsed());
        pause(time).await;
        self.services[victim].signal("CONT")
    }

    pub(super) fn kill_database(&self) -> Result<(), String> {
        self.server.ok_or("there is no database server to kill")?.kill()
    }

    /// No connection to the sandbox for a while.
    pub(super) async fn refuse(&self, closed_ms: u64) -> Result<(), String> {
        post(&self.http, &self.url("listener"), &json!({ "closed_ms": closed_ms })).await?;
        pause(Duration::from_millis(closed_ms)).await;
        for _ in 0..TRIES_MAX {
            if self.ask("clock").await.is_ok() {
                return Ok(());
            }
            pause(TRY_AGAIN).await;
        }
        Err("the sandbox does not listen again".to_owned())
    }

    /// Some of the money that is wanting; gives how much.
    pub(super) async fn deposit(&self) -> Result<Decimal, String> {
        let amount = Decimal::from(DEPOSIT_PER_PAYOUT * self.trial.payouts as u64);
        post(&self.http, &self.url("seed"), &json!({ "deposit": amount.to_string() })).await?;
        Ok(amount)
    }

    /// The store, from outside.
    pub(super) async fn store(&self) -> Result<Arc<dyn Store>, String> {
        let address = match self.server {
            None => StoreAddress::File(self.folder.path().join(&self.address)),
            Some(_) => StoreAddress::Server(self.address.clone()),
        };
        store::open(&address).await.map_err(said)
    }

    pub(super) async fn counts(&self) -> Result<BTreeMap<String, u64>, String> {
        self.store().await?.counts().await.map_err(said)
    }

    pub(super) fn stop_services(&mut self) {
        self.services.clear();
    }

    /// Leaves store and log where they are, and says where.
    pub(super) fn keep(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }
}

/// The shipped pipeline and connectors, with time-outs that fit the clock, and a pipeline that webhooks are for.
fn project(program: &Program, folder: &Path, trial: &Trial) -> Result<(), String> {
    let (shipped, own) = (Path::new(SHIPPED), folder.join("project"));
    program.payouts(folder, "project")?;
    let text = std::fs::read_to_string(own.join("ferry.yaml")).map_err(said)?;
    let at_once = format!("connector: salesforce\n    concurrency: {}", trial.at_once());
    let signed = "program_id:";
    let secret = format!("webhook_secret: ${{env:PAYONEER_WEBHOOK_SECRET}}\n    {signed}");
    let text = text.replace("connector: salesforce", &at_once).replace(signed, &secret);
    std::fs::write(own.join("ferry.yaml"), text).map_err(said)?;
    let pays = own.join("mass-payouts.yaml");
    let text = std::fs::read_to_string(&pays).map_err(said)?;
    std::fs::write(&pays, hooks::woken(&text)?).map_err(said)?;
    for told in hooks::TOLD {
        std::fs::write(own.join(format!("{}.yaml", told.name)), told.pipeline()).map_err(said)?;
    }
    for connector in ["payoneer", "salesforce"] {
        let to = own.join("connectors").join(connector);
        copy(&shipped.join("connectors").join(connector), &to)?;
        copy(&shipped.join("connectors").join(connector).join("samples"), &to.join("samples"))?;
        let webhooks = shipped.join("connectors").join(connector).join("samples/webhooks");
        if webhooks.is_dir() {
            copy(&webhooks, &to.join("samples/webhooks"))?;
        }
        let manifest = to.join("connector.yaml");
        let text = std::fs::read_to_string(&manifest).map_err(said)?;
        std::fs::write(&manifest, changed(text, trial)).map_err(said)?;
    }
    Ok(())
}

/// A manifest with other time-outs, and with time for a delivery on a clock that is fast; a mutant says what is not so, though no reader of manifests could know.
fn changed(manifest: String, trial: &Trial) -> String {
    let timeout = format!("timeout: {}ms", trial.timeout_ms());
    let manifest = manifest.replace("timeout: 60s", &timeout).replace("timeout: 30s", &timeout);
    let manifest = manifest.replace("skew: 5m", "skew: 1h");
    if trial.is_mutant { manifest.replace("visible_after: 15m", "visible_after: 15s") } else { manifest }
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    std::fs::create_dir_all(to).map_err(said)?;
    for entry in std::fs::read_dir(from).map_err(|error| format!("{}: {error}", from.display()))? {
        let path = entry.map_err(said)?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            std::fs::copy(&path, to.join(name)).map_err(said)?;
        }
    }
    Ok(())
}

/// An amount of the sandbox, which writes them as text.
pub(super) fn decimal(value: &Value) -> Decimal {
    value.as_str().and_then(number::text_to_decimal).unwrap_or_default()
}
