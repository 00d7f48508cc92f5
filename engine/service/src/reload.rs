//! The folders that a service runs, read again while it runs: validated whole, swapped whole, refused whole.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ferry_connectors::connection::World;
use ferry_contract::{report::Level, script::Rules};
use ferry_core::plan::{EventSource, Plan};
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    engine::{Engine, LoadedProject},
    ingress,
    load::{self, CheckedProject, LoadError, Wanted},
    render,
    sandbox::SandboxInfo,
};

/// What projects are loaded from, and into what.
pub struct Loader {
    paths: Vec<PathBuf>,
    wanted: Wanted,
    /// The environment that was loaded first: a service stays in it.
    environment: OnceLock<Option<String>>,
    rules: Arc<Rules>,
    ports: World,
    sandbox: Option<SandboxInfo>,
    /// Where webhooks are to be taken, and where they are once a pipeline takes some; nothing where nobody listens.
    door: AsyncMutex<Option<Door>>,
    /// Held while everything is read again and swapped.
    reloading: AsyncMutex<()>,
    /// Whether the last reload was taken.
    last: AtomicBool,
    taken: AtomicU64,
    refused: AtomicU64,
}

/// Where webhooks are taken.
#[derive(Clone, Debug)]
struct Door {
    asked: SocketAddr,
    /// What senders call it, where that is not the address.
    public: Option<String>,
    open: Option<SocketAddr>,
}

/// What a reload did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Swapped {
    /// Pipelines that were not there.
    pub added: Vec<String>,
    /// Pipelines that are another version now.
    pub changed: Vec<String>,
    /// Pipelines that are gone; their open runs finish.
    pub removed: Vec<String>,
    /// Where webhooks are taken from now on; nothing where that was so before, or none are taken.
    pub webhooks: Option<String>,
}

/// Why nothing was swapped, for a person.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", self.0.join("\n"))]
pub struct Refused(pub Vec<String>);

/// How reloads went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reloads {
    /// Whether the last one was taken.
    pub last_taken: bool,
    /// How many were.
    pub taken: u64,
    /// How many were not.
    pub refused: u64,
}

impl Loader {
    /// Loads from these paths, with these ports.
    pub fn new(
        (paths, wanted): (Vec<PathBuf>, Wanted),
        rules: Arc<Rules>,
        ports: World,
        sandbox: Option<SandboxInfo>,
    ) -> Self {
        let environment = OnceLock::new();
        let (last, taken, refused) = (AtomicBool::new(true), AtomicU64::new(0), AtomicU64::new(0));
        let (door, reloading) = (AsyncMutex::default(), AsyncMutex::default());
        Self { paths, wanted, environment, rules, ports, sandbox, door, reloading, last, taken, refused }
    }

    /// Whether connections lead to a sandbox.
    pub fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// Listens for webhooks at this address, once a pipeline takes some; with where that is, where one does already.
    /// Senders call it by `public`, where that is another URL.
    ///
    /// # Errors
    /// Where the address is taken.
    pub async fn take_webhooks(
        &self,
        (at, public): (SocketAddr, Option<String>),
        engine: &Arc<Engine>,
    ) -> Result<Option<String>, anyhow::Error> {
        *self.door.lock().await = Some(Door { asked: at, public, open: None });
        if engine.has_hooks() { self.open_door(engine).await } else { Ok(None) }
    }

    /// Listens for webhooks where nobody does yet; with where that is.
    async fn open_door(&self, engine: &Arc<Engine>) -> Result<Option<String>, anyhow::Error> {
        let mut door = self.door.lock().await;
        let Some(door) = door.as_mut().filter(|door| door.open.is_none()) else { return Ok(None) };
        let addr = ingress::listen((door.asked, door.public.as_deref()), Arc::clone(engine)).await?;
        door.open = Some(addr);
        Ok(Some(format!("http://{addr}/hooks/")))
    }

    /// Reads and checks the projects.
    ///
    /// # Errors
    /// Where nothing is there, or it cannot be read.
    pub fn check(&self) -> Result<Vec<CheckedProject>, LoadError> {
        load::projects(&self.paths, &self.rules, &self.wanted)
    }

    /// The environment that is loaded, where there are some.
    pub fn environment(&self) -> Option<String> {
        self.environment.get().cloned().flatten()
    }

    /// Opens the connections of checked projects; what is wrong with any of them refuses all.
    ///
    /// # Errors
    /// What is missing, or stands twice.
    pub fn open(&self, projects: &[CheckedProject]) -> Result<Vec<LoadedProject>, Refused> {
        one_of_each(projects)?;
        let environment = load::environment_of(projects).map_err(|error| Refused(vec![error]))?;
        let first = self.environment.get_or_init(|| environment.clone());
        if *first != environment {
            let name = |environment: &Option<String>| {
                environment.as_ref().map_or("none".to_owned(), |name| format!("`{name}`"))
            };
            let (was, is) = (name(first), name(&environment));
            let help = "restart the service with the `--store` of that environment";
            return Err(Refused(vec![format!("the environment was {was}, and is {is} now; {help}")]));
        }
        let mut opened = Vec::new();
        let mut wrong = Vec::new();
        for project in projects {
            match load::open(project, &self.ports, self.sandbox.as_ref()) {
                Ok(project) => opened.push(project),
                Err(failure) => wrong.push(failure.message),
            }
        }
        if !wrong.is_empty() {
            return Err(Refused(wrong));
        }
        Ok(opened)
    }

    /// Reads everything again. Any error refuses all of it, and what runs goes on as it was.
    ///
    /// # Errors
    /// All findings, or what else is in the way.
    pub async fn reload(&self, engine: &Arc<Engine>) -> Result<Swapped, Refused> {
        // One behind the other: the last one that was asked for is the one that goes on.
        let reloaded = {
            let _one = self.reloading.lock().await;
            self.try_reload(engine).await
        };
        self.last.store(reloaded.is_ok(), Ordering::Relaxed);
        match &reloaded {
            Ok(swapped) => {
                self.taken.fetch_add(1, Ordering::Relaxed);
                let Swapped { added, changed, removed, webhooks } = swapped;
                tracing::info!(?added, ?changed, ?removed, webhooks, "reloaded");
            }
            Err(refused) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tracing::error!(errors = refused.0.len(), "the reload is refused; what was loaded goes on");
            }
        }
        reloaded
    }

    /// How reloads went so far.
    pub fn reloads(&self) -> Reloads {
        Reloads {
            last_taken: self.last.load(Ordering::Relaxed),
            taken: self.taken.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    async fn try_reload(&self, engine: &Arc<Engine>) -> Result<Swapped, Refused> {
        let refused = |error: String| Refused(vec![error]);
        let projects = self.check().map_err(|error| refused(error.to_string()))?;
        let findings: Vec<String> = projects.iter().flat_map(errors).collect();
        if !findings.is_empty() {
            return Err(Refused(findings));
        }
        let before = engine.versions();
        let opened = self.open(&projects)?;
        // Before the swap: where it cannot be listened, nothing is swapped.
        let takes_webhooks = opened.iter().any(LoadedProject::takes_webhooks);
        let webhooks = if takes_webhooks { self.open_door(engine).await } else { Ok(None) };
        let webhooks = webhooks.map_err(|error| refused(format!("{error:#}")))?;
        engine.swap(opened).await.map_err(|error| refused(error.to_string()))?;
        let after = engine.versions();
        let missing_in = |other: &[(String, String)], name: &String| other.iter().all(|(known, _)| known != name);
        let names = |plans: &[(String, String)], other: &[(String, String)]| {
            plans.iter().map(|(name, _)| name.clone()).filter(|name| missing_in(other, name)).collect()
        };
        let is_other = |plan: &&(String, String)| !before.contains(plan) && !missing_in(&before, &plan.0);
        let changed = after.iter().filter(is_other).map(|(name, _)| name.clone()).collect();
        Ok(Swapped { added: names(&after, &before), changed, removed: names(&before, &after), webhooks })
    }
}

/// The errors of a project, as a person reads them.
fn errors(project: &CheckedProject) -> Vec<String> {
    let of = |report| {
        let findings = ferry_contract::report::Report::findings(report).into_iter();
        findings.filter(|finding| finding.level == Level::Error).map(|finding| render::full(report, finding, false))
    };
    project.reports().flat_map(|report| of(report).collect::<Vec<_>>()).collect()
}

/// Runs, cursors and call keys are kept by pipeline, so a name stands for one pipeline in a store, and a
/// path for one webhook.
fn one_of_each(projects: &[CheckedProject]) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    let plans = || projects.iter().flat_map(|project| &project.checked.plans);
    let path = |plan: &Arc<Plan>| match &plan.trigger.source {
        EventSource::Webhook(hook) => Some(hook.path.clone()),
        EventSource::Poll(_)
        | EventSource::Event(_)
        | EventSource::Schedule(_)
        | EventSource::Pipeline { .. }
        | EventSource::File(_)
        | EventSource::Reconciled(_)
        | EventSource::Manual => None,
    };
    let names = projects.iter().filter_map(|project| project.checked.project.as_ref());
    let names = names.map(|project| ("projects are called", project.name.clone()));
    let pipelines = plans().map(|plan| ("pipelines are called", plan.pipeline.clone()));
    let paths = plans().filter_map(path).map(|path| ("webhooks have the path", path));
    for (what, name) in names.chain(pipelines).chain(paths) {
        if !seen.insert((what, name.clone())) {
            let help = "rename one, or serve them with another `--store`";
            return Err(Refused(vec![format!("two {what} `{name}`; {help}")]));
        }
    }
    Ok(())
}
