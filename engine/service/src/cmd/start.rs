//! What commands that run pipelines have in common: logs, runtime, world, engine.

use std::{future::Future, io::Write as _, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use clap::Args;
use ferry_connectors::connection::{Connection, World};
use ferry_contract::{
    limits::{LEASE, STACK_BYTES},
    port::{Clock, Http},
    script::Rules,
};
use ferry_core::once::Guards;
use jiff::Timestamp;
use tracing_subscriber::EnvFilter;

use super::{Global, Outcome, StoreArgs, complain, given::GivenArgs, tell};
use crate::{
    clock::{BootClock, SystemClock},
    engine::{Engine, LoadedProject, Setup, Terms, Time},
    http::HttpClient,
    limits::LOOK_EVERY,
    load::{self, CheckedProject},
    reload::Loader,
    render,
    sandbox::{self, SandboxInfo},
    store::{self, Change, Opened, Store, StoreAddress, Trust, sqlite::SqliteStore},
};

/// The rules of git for the folder of the default store: its file, its log and its lock.
const GITIGNORE: &str = "# Payments and customers are in these files.\n*.db*\nsandbox/\n";

/// Where a pipeline's connections lead.
#[derive(Args, Clone, Debug)]
pub(super) struct WorldArgs {
    /// Use a sandbox instead of the real systems, with its credentials and its clock.
    #[arg(long, env = "FERRY_SANDBOX", value_name = "URL")]
    pub(super) sandbox: Option<String>,
    /// How long an engine lives without a sign of life. For tests.
    #[arg(long, env = "FERRY_LEASE", hide = true, value_name = "MILLISECONDS")]
    lease: Option<u64>,
    #[command(flatten)]
    pub(super) given: GivenArgs,
}

/// An engine that is ready, with what must live as long.
pub(super) struct Started {
    pub(super) engine: Arc<Engine>,
    pub(super) loader: Arc<Loader>,
    pub(super) projects: Vec<CheckedProject>,
    _opened: Opened,
}

/// An engine that only looks.
pub(super) struct Looking {
    pub(super) engine: Arc<Engine>,
    pub(super) projects: Vec<CheckedProject>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) is_sandbox: bool,
    pub(super) environment: Option<String>,
}

/// A server did not answer, which has an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreachable(pub(super) String);

/// Logs go to standard error, one line each; `FERRY_LOG` says which.
pub(super) fn logging(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_from_env("FERRY_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    let _ = subscriber.try_init();
}

/// Runs a command that waits for the world.
pub(super) fn on_runtime(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK_BYTES).build();
    runtime.context("no runtime on this machine")?.block_on(command)
}

/// Projects that are loaded, and the world that their connections lead to.
struct Ready {
    rules: Arc<Rules>,
    projects: Vec<CheckedProject>,
    clock: Arc<SystemClock>,
    loader: Arc<Loader>,
    is_sandbox: bool,
}

/// Loads projects, prints what is wrong with them, and prepares an engine on the store.
pub(super) async fn engine(paths: &[PathBuf], args: &StoreArgs, world: &WorldArgs) -> Result<Started, anyhow::Error> {
    let terms = terms(world)?;
    let Ready { rules, projects, clock, loader, is_sandbox } = ready(paths, world).await?;
    let opened = store::open_to_run(&args.store, clock.now()).await?;
    keep_from_git(&args.store);
    let loaded = open(&loader, &projects)?;
    opened.store.belongs_to(&world_name(is_sandbox, loader.environment().as_deref())).await?;
    trust(&*opened.store, is_sandbox, clock.now()).await?;
    let engine = Engine::new(Setup {
        store: Arc::clone(&opened.store),
        clock,
        // A sandbox has the one clock that all engines follow.
        time: if is_sandbox { Time::Clock } else { Time::Store },
        terms,
        rules,
        projects: loaded,
        guards: Guards::ALL,
    });
    Ok(Started { engine, loader, projects, _opened: opened })
}

/// The same, for an engine that only looks: its store is its own, and its connections refuse to write.
pub(super) async fn looking(paths: &[PathBuf], world: &WorldArgs) -> Result<Looking, anyhow::Error> {
    let terms = terms(world)?;
    let Ready { rules, projects, clock, loader, is_sandbox } = ready(paths, world).await?;
    let mut loaded = open(&loader, &projects)?;
    for project in &mut loaded {
        let connections = std::mem::take(&mut project.connections).into_iter();
        let reading =
            |connection| Arc::into_inner(connection).map(|connection: Connection| Arc::new(connection.reading_only()));
        let connections = connections.map(|(name, connection)| Some((name, reading(connection)?)));
        project.connections = connections.collect::<Option<_>>().context("a connection is used already")?;
    }
    let clock: Arc<dyn Clock> = clock;
    let (store, time, guards) = (empty_store(&clock)?, Time::Clock, Guards::ALL);
    let setup = Setup { store, clock: Arc::clone(&clock), time, terms, rules, projects: loaded, guards };
    Ok(Looking { engine: Engine::new(setup), projects, clock, is_sandbox, environment: loader.environment() })
}

/// What is in a store must not be committed with a project, and `.ferry` is where the schemas are that must. One who has
/// written rules of git there has decided; that the file cannot be written keeps nothing from running.
fn keep_from_git(address: &StoreAddress) {
    let StoreAddress::File(path) = address else { return };
    if let Some(folder) = path.parent().filter(|folder| folder.ends_with(".ferry")) {
        let made = std::fs::File::create_new(folder.join(".gitignore"));
        let written = made.and_then(|mut file| file.write_all(GITIGNORE.as_bytes()));
        written.unwrap_or_else(|error| tracing::debug!(%error, "git is not told of the store"));
    }
}

/// A store that knows nothing, and is gone with the process.
pub(super) fn empty_store(clock: &Arc<dyn Clock>) -> Result<Arc<dyn Store>, anyhow::Error> {
    Ok(Arc::new(SqliteStore::in_memory((Arc::clone(clock), Arc::clone(clock)), Guards::ALL)?))
}

/// What a store is told of where its calls go.
pub(super) fn world_name(is_sandbox: bool, environment: Option<&str>) -> String {
    match environment {
        _ if is_sandbox => "sandbox".to_owned(),
        Some(environment) => format!("environment `{environment}`"),
        None => "real systems".to_owned(),
    }
}

/// The environment of a world that is one.
pub(super) fn environment_of_world(world: &str) -> Option<String> {
    let name = world.strip_prefix("environment `")?.strip_suffix('`')?;
    Some(name.to_owned())
}

fn open(loader: &Loader, projects: &[CheckedProject]) -> Result<Vec<LoadedProject>, anyhow::Error> {
    let hint = "or try it with a sandbox: `ferry sandbox`, then `--sandbox URL`";
    loader.open(projects).map_err(|refused| anyhow!("{refused}\n  {hint}"))
}

async fn ready(paths: &[PathBuf], world: &WorldArgs) -> Result<Ready, anyhow::Error> {
    let rules = load::pipeline_rules();
    // In a sandbox nothing is real, so the environment matters for its values only.
    let wanted = if world.sandbox.is_some() { world.given.to_look() } else { world.given.to_send() };
    let projects = load::projects(paths, &rules, &wanted)?;
    let errors: usize = projects.iter().map(print_findings).sum();
    if errors > 0 {
        tell(&format!("{errors} errors; a file with an error is not loaded, and keeps no other from running"));
    }
    if projects.iter().all(|project| project.checked.plans.is_empty()) {
        return Err(anyhow!("there is no pipeline to run; `ferry lint` says what is wrong"));
    }
    let http: Arc<dyn Http> = Arc::new(HttpClient::new().context("TLS cannot be set up")?);
    let clock = Arc::new(SystemClock::default());
    let sandbox = match &world.sandbox {
        Some(url) => Some(follow(url, &http, &clock).await?),
        None => None,
    };
    let ports = World { http, clock: Arc::clone(&clock) as Arc<dyn Clock> };
    let is_sandbox = sandbox.is_some();
    let loader = Arc::new(Loader::new((paths.to_vec(), wanted), Arc::clone(&rules), ports, sandbox));
    Ok(Ready { rules, projects, clock, loader, is_sandbox })
}

/// The world of a sandbox begins with its store. For any other, a person says whether it remembers all.
async fn trust(store: &dyn Store, is_sandbox: bool, now: Timestamp) -> Result<(), anyhow::Error> {
    let hint = "payments are looked up before they are sent, and those that cannot be looked up wait; `ferry store trust` \
                ends that";
    match store.trust().await? {
        Trust::New if is_sandbox => {
            let (by, reason) = ("ferry".to_owned(), "the world of a sandbox begins with its store".to_owned());
            store.commit(vec![Change::Judge { is_trusted: true, by, reason, at: now }]).await?;
        }
        Trust::New => tell(&format!("the store is new: {hint}")),
        Trust::Doubted { why, .. } => tell(&format!("the store is not trusted ({why}): {hint}")),
        Trust::Trusted => {}
    }
    Ok(())
}

/// Manifests are checked to wait for longer than the usual lease, and on a sandbox's clock their waits are what its
/// speed makes of them.
///
/// Each process has a name of its own, which no restart and no copy of the machine repeats.
fn terms(world: &WorldArgs) -> Result<Terms, anyhow::Error> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| anyhow!("the machine has no random numbers: {error}"))?;
    let process = format!("engine-{:016x}", u64::from_ne_bytes(random));
    let lease = world.lease.map_or(LEASE, Duration::from_millis);
    if lease > LEASE && world.sandbox.is_none() {
        let most = LEASE.as_millis();
        return Err(anyhow!("manifests are checked for a lease of {most} ms, and `--lease` is longer; shorten it"));
    }
    Ok(Terms { process, lease, look_every: LOOK_EVERY, clock: Arc::new(BootClock) })
}

async fn follow(url: &str, http: &Arc<dyn Http>, clock: &Arc<SystemClock>) -> Result<SandboxInfo, anyhow::Error> {
    sandbox::on_this_machine(url).map_err(|error| anyhow!(error))?;
    let sandbox = SandboxInfo::ask(url, &**http).await.map_err(Unreachable)?;
    let (now, speed): (Timestamp, u32) = sandbox.clock(&**http).await.map_err(Unreachable)?;
    clock.follow(now, speed);
    tokio::spawn(sandbox.clone().follow(Arc::clone(clock), Arc::clone(http)));
    Ok(sandbox)
}

/// Prints the findings of a project on standard error; gives how many errors there are.
fn print_findings(project: &CheckedProject) -> usize {
    let mut errors = 0;
    for report in project.reports() {
        // What no test has seen is for whoever writes it, and not for whoever runs it.
        for finding in report.findings().into_iter().filter(|finding| !finding.check.starts_with("untested-")) {
            errors += usize::from(finding.level == ferry_contract::report::Level::Error);
            tell(&render::full(report, finding, false));
        }
    }
    errors
}

/// Ends when the process is asked to stop.
pub(super) async fn asked_to_stop() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                complain(&format!("SIGTERM cannot be listened for: {error}"));
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
