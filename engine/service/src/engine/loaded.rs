//! The projects that are loaded, and how they are swapped for others: whole, while runs go on.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ferry_connectors::{connection::Connection, files::Files, library::Library};
use ferry_contract::{key::Digest, webhook::Scheme};
use ferry_core::{
    plan::{EventSource, Plan, Sender, StepIndex},
    project::{Channel, Retention},
};
use secrecy::SecretString;

use super::{Engine, locked};
use crate::{
    consents::StoreConsents,
    store::{Change, StoreError, VersionFiles},
};

/// A project that is loaded: its plans and its open connections.
#[derive(Debug)]
pub struct LoadedProject {
    /// Its name.
    pub name: String,
    /// Its folder, from which names of files in it are meant.
    pub folder: PathBuf,
    /// Its plans, with the files that they were made of.
    pub plans: Vec<(Arc<Plan>, VersionFiles)>,
    /// By name.
    pub connections: BTreeMap<String, Arc<Connection>>,
    /// The folder of its files, where it has one.
    pub files: Option<Files>,
    /// The secrets of its webhooks, by pipeline.
    pub secrets: BTreeMap<String, SecretString>,
    /// Where its alerts go, by channel.
    pub alerts: BTreeMap<String, Channel>,
    /// What is forgotten, and when.
    pub retention: Retention,
    /// Its connectors, for plans of earlier versions.
    pub library: Arc<Library>,
}

impl LoadedProject {
    /// Whether a pipeline of it takes webhooks.
    pub fn takes_webhooks(&self) -> bool {
        hooks(self).next().is_some()
    }

    /// The plan of that name.
    pub(super) fn plan(&self, pipeline: &str) -> Option<Arc<Plan>> {
        self.plans.iter().map(|(plan, _)| plan).find(|plan| plan.pipeline == pipeline).cloned()
    }
}

/// A plan, and the project whose connections its calls go through.
pub(super) type Versioned = (Arc<LoadedProject>, Arc<Plan>);

/// Where webhooks are delivered.
#[derive(Clone)]
pub struct Hook {
    /// The pipeline.
    pub plan: Arc<Plan>,
    /// Who is believed.
    pub sender: Believed,
    /// The step whose output is the answer.
    pub respond: Option<StepIndex>,
}

/// Who is believed that he sent a webhook.
#[derive(Clone)]
pub enum Believed {
    /// Whoever reaches the address.
    Anybody,
    /// Who knows the secret.
    Verified(Scheme, SecretString),
    /// The system behind a connection, by what its connector says of this webhook.
    System {
        /// The connection.
        connection: Arc<Connection>,
        /// The webhook's name.
        webhook: String,
        /// Whether it does not sign.
        unsigned: bool,
    },
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("pipeline", &self.plan.pipeline).finish_non_exhaustive()
    }
}

/// All projects, as they were swapped in together.
pub(super) struct Loaded {
    projects: BTreeMap<String, Arc<LoadedProject>>,
    /// Projects that are gone, whose open runs still need their connections.
    gone: BTreeMap<String, Arc<LoadedProject>>,
    /// By version: those that are loaded, and those of earlier versions that were made with them.
    pub(super) plans: Mutex<BTreeMap<Digest, Versioned>>,
    /// By path.
    hooks: BTreeMap<String, Hook>,
    /// Whether the store has the files of all plans.
    saved: AtomicBool,
}

impl Engine {
    /// Where the connections of a project lead, as digests, by name.
    pub fn identities(&self, project: &str) -> BTreeMap<String, String> {
        let loaded = self.loaded();
        let connections = loaded.project(project).into_iter().flat_map(|project| &project.connections);
        connections.map(|(name, connection)| (name.clone(), connection.identity().to_string())).collect()
    }
}

impl Loaded {
    pub(super) fn new(projects: Vec<LoadedProject>) -> Self {
        let projects: BTreeMap<_, _> =
            projects.into_iter().map(|project| (project.name.clone(), Arc::new(project))).collect();
        let hooks = projects.values().flat_map(|project| hooks(project)).collect();
        let own = projects.values().flat_map(|project| project.plans.iter().map(move |(plan, _)| (project, plan)));
        let plans = own.map(|(project, plan)| (plan.version.clone(), (Arc::clone(project), Arc::clone(plan))));
        let (gone, plans, saved) = (BTreeMap::new(), Mutex::new(plans.collect()), AtomicBool::new(false));
        Self { projects, gone, plans, hooks, saved }
    }

    /// A project by name; one that is gone too, because its runs finish on what they began with.
    pub(super) fn project(&self, name: &str) -> Option<&Arc<LoadedProject>> {
        self.projects.get(name).or_else(|| self.gone.get(name))
    }

    /// All projects that are loaded.
    pub(super) fn projects(&self) -> impl Iterator<Item = &LoadedProject> {
        self.projects.values().map(|project| &**project)
    }

    /// All connections, also of projects that are gone, whose runs go on.
    fn connections(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.projects.values().chain(self.gone.values()).flat_map(|project| project.connections.values())
    }

    /// All plans, with their projects.
    pub(super) fn plans(&self) -> impl Iterator<Item = (&LoadedProject, &Arc<Plan>)> {
        let plans = |project: &'_ Arc<LoadedProject>| project.plans.len();
        self.projects
            .values()
            .flat_map(move |project| (0..plans(project)).map(move |index| (&**project, &project.plans[index].0)))
    }
}

fn hooks(project: &LoadedProject) -> impl Iterator<Item = (String, Hook)> {
    project.plans.iter().filter_map(|(plan, _)| {
        let EventSource::Webhook(hook) = &plan.trigger.source else { return None };
        let sender = match &hook.sender {
            Sender::Anybody => Believed::Anybody,
            // Without its secret nothing could be verified, so nothing is taken.
            Sender::Verified(scheme, _) => {
                Believed::Verified(scheme.clone(), project.secrets.get(&plan.pipeline)?.clone())
            }
            Sender::System { connection, webhook, unsigned } => Believed::System {
                connection: Arc::clone(project.connections.get(connection)?),
                webhook: webhook.clone(),
                unsigned: *unsigned,
            },
        };
        Some((hook.path.clone(), Hook { plan: Arc::clone(plan), sender, respond: hook.respond }))
    })
}

impl Engine {
    /// What is loaded now.
    pub(super) fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where deliveries at a path go.
    pub fn hook(&self, path: &str) -> Option<Hook> {
        self.loaded().hooks.get(path).cloned()
    }

    /// The pipelines that are loaded, each with its version.
    pub fn versions(&self) -> Vec<(String, String)> {
        self.loaded().plans().map(|(_, plan)| (plan.pipeline.clone(), plan.version.to_string())).collect()
    }

    /// Whether any pipeline takes webhooks.
    pub fn has_hooks(&self) -> bool {
        !self.loaded().hooks.is_empty()
    }

    /// Swaps all projects for others. Runs finish on the version that they began with, and with the
    /// connections that they have; events from now on begin runs of the new one.
    ///
    /// # Errors
    /// The failure of the store: then nothing is swapped.
    pub async fn swap(self: &Arc<Self>, projects: Vec<LoadedProject>) -> Result<(), StoreError> {
        let consents = StoreConsents::new(&self.store);
        let connections = projects.iter().flat_map(|project| project.connections.values());
        connections.for_each(|connection| connection.keep_consents_in(consents.clone()));
        let mut next = Loaded::new(projects);
        self.commit_versions(&next).await?;
        next.saved = AtomicBool::new(true);
        {
            let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
            let before = loaded.projects.iter().chain(&loaded.gone);
            let gone = before.filter(|(name, _)| !next.projects.contains_key(*name));
            next.gone = gone.map(|(name, project)| (name.clone(), Arc::clone(project))).collect();
            *loaded = Arc::new(next);
        }
        self.gates.swap(self.loaded().connections()).await;
        locked(&self.polls).cancel();
        *locked(&self.polls) = self.stop.child_token();
        let loaded = self.loaded();
        let has_times = |plan: &Plan| matches!(plan.trigger.source, EventSource::Schedule(_));
        self.awake.retain(|name| loaded.plans().any(|(_, plan)| plan.pipeline == name && has_times(plan)));
        self.start_polls();
        Ok(())
    }

    /// Polls for each pipeline that polls, and keeps the times of each that has a schedule, until the next swap.
    pub(super) fn start_polls(self: &Arc<Self>) {
        let until = locked(&self.polls).clone();
        for (project, plan) in self.loaded().plans() {
            let (engine, until) = (Arc::clone(self), until.clone());
            match &plan.trigger.source {
                EventSource::Poll(_) => {
                    let poll = engine.poll_for_ever(project.name.clone(), Arc::clone(plan), until);
                    self.tasks.spawn(poll);
                }
                EventSource::Schedule(_) => drop(self.tasks.spawn(engine.keep_schedule(Arc::clone(plan), until))),
                EventSource::File(_) => {
                    let folder = engine.keep_folder(project.folder.clone(), Arc::clone(plan), until);
                    self.tasks.spawn(folder);
                }
                EventSource::Reconciled(_) => {
                    let follow = engine.follow_book(project.name.clone(), Arc::clone(plan), until);
                    self.tasks.spawn(follow);
                }
                EventSource::Webhook(_)
                | EventSource::Event(_)
                | EventSource::Pipeline { .. }
                | EventSource::Manual => {}
            }
        }
    }

    /// Once for what is loaded, before the first event that names one of its versions.
    pub(super) async fn save_versions(&self) -> Result<(), StoreError> {
        let loaded = self.loaded();
        if loaded.saved.load(Ordering::Acquire) {
            return Ok(());
        }
        self.commit_versions(&loaded).await?;
        loaded.saved.store(true, Ordering::Release);
        Ok(())
    }

    async fn commit_versions(&self, loaded: &Loaded) -> Result<(), StoreError> {
        let plans = loaded.projects.values().flat_map(|project| &project.plans);
        let mut group = Vec::new();
        for (plan, files) in plans {
            group.push(Change::Version { version: plan.version.clone(), files: files.clone() });
            group.extend(plan.correlations().map(Change::watch));
        }
        self.store.commit(group).await.map(|_| ())
    }
}
