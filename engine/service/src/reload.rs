//! The folders that a service runs, read again while it runs: validated whole, swapped whole, refused whole.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ferry_connectors::{connection::World, library::Library};
use ferry_contract::{report::Level, script::Rules};
use ferry_core::plan::{EventSource, Plan};

use crate::{
    clock::WallWatch,
    engine::{Engine, LoadedProject, Recompile},
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
    /// The connectors that are loaded now, for plans of earlier versions.
    libraries: Mutex<Vec<Arc<Library>>>,
    /// Whether the last reload was taken.
    last: AtomicBool,
    taken: AtomicU64,
    refused: AtomicU64,
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
        Self { paths, wanted, environment, rules, ports, sandbox, libraries: Mutex::default(), last, taken, refused }
    }

    /// Whether connections lead to a sandbox.
    pub fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
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
        let shipped = Arc::new(Library::load(&[], Arc::new(WallWatch)).0);
        let own = projects.iter().map(|project| Arc::clone(&project.library));
        *self.libraries.lock().unwrap_or_else(PoisonError::into_inner) = own.chain([shipped]).collect();
        Ok(opened)
    }

    /// Makes plans of earlier versions again, with the connectors of today.
    pub fn recompile(self: &Arc<Self>) -> Recompile {
        let loader = Arc::clone(self);
        Box::new(move |files| {
            let libraries = loader.libraries.lock().unwrap_or_else(PoisonError::into_inner).clone();
            libraries.iter().find_map(|library| load::recompile(files, library, &loader.rules))
        })
    }

    /// Reads everything again. Any error refuses all of it, and what runs goes on as it was.
    ///
    /// # Errors
    /// All findings, or what else is in the way.
    pub async fn reload(&self, engine: &Arc<Engine>) -> Result<Swapped, Refused> {
        let reloaded = self.try_reload(engine).await;
        self.last.store(reloaded.is_ok(), Ordering::Relaxed);
        match &reloaded {
            Ok(swapped) => {
                self.taken.fetch_add(1, Ordering::Relaxed);
                let Swapped { added, changed, removed } = swapped;
                tracing::info!(?added, ?changed, ?removed, "reloaded");
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
        engine.swap(opened).await.map_err(|error| refused(error.to_string()))?;
        let after = engine.versions();
        let missing_in = |other: &[(String, String)], name: &String| other.iter().all(|(known, _)| known != name);
        let names = |plans: &[(String, String)], other: &[(String, String)]| {
            plans.iter().map(|(name, _)| name.clone()).filter(|name| missing_in(other, name)).collect()
        };
        let is_other = |plan: &&(String, String)| !before.contains(plan) && !missing_in(&before, &plan.0);
        let changed = after.iter().filter(is_other).map(|(name, _)| name.clone()).collect();
        Ok(Swapped { added: names(&after, &before), changed, removed: names(&before, &after) })
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
