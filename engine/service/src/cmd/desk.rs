//! What commands that act on runs have in common: the run as the engine will see it, and the audit.
//!
//! A person's act is a letter to the run or a change of it, and an act in the audit, in one transaction. What
//! the run would not take is refused here, before anything is sent: the fold itself is asked.

use std::{path::PathBuf, sync::Arc};

use anyhow::anyhow;
use clap::Args;
use ferry_connectors::library::Library;
use ferry_contract::{key::Digest, port::Clock as _, script::Rules};
use ferry_core::{
    once::Guards,
    plan::Plan,
    run::{Letter, Receipt, Run},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{Exit, Outcome, StoreArgs, complain, given::GivenArgs, print, start::environment_of_world, tell};
use crate::{
    clock::{SystemClock, WallWatch},
    load::{self, CheckedProject, LoadError, Wanted},
    store::{self, Act, Change, Filter, RunId, Store, StoredRun, VersionFiles},
};

/// What is wanted of the projects beside a store: the environment that the store is of.
async fn wanted(store: &dyn Store, given: &GivenArgs) -> Result<Wanted, anyhow::Error> {
    let known = store.world().await?.and_then(|world| environment_of_world(&world));
    let wanted = given.clone().in_environment(known.as_ref()).to_look();
    match (known, &wanted.given.environment) {
        (Some(known), Some(chosen)) if known != *chosen => Err(anyhow!(
            "the store is that of the environment `{known}`, and not of `{chosen}`; name its own `--store`"
        )),
        _ => Ok(wanted),
    }
}

/// What commands that act on runs take.
#[derive(Args, Debug)]
pub(super) struct DeskArgs {
    /// Where projects are, for connectors of their own.
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub(super) project: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) given: GivenArgs,
}

/// Who acts, and why.
#[derive(Args, Clone, Debug)]
pub(super) struct Actor {
    /// Why, for the journal and the audit.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    /// Who, for the journal and the audit.
    #[arg(long, env = "USER", default_value = "unknown", value_name = "NAME")]
    pub(super) by: String,
}

/// Why a run was not found.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missing {
    /// None has that name.
    #[error("there is no run `{0}`; `ferry runs list` names them")]
    None(String),
    /// Several have it.
    #[error("{} runs have the event key `{}`; name one of them: {}", .1.len(), .0, .1.join(", "))]
    Several(String, Vec<String>),
}

/// A store, and what is needed to understand the runs in it.
pub(super) struct Desk {
    pub(super) store: Arc<dyn Store>,
    pub(super) rules: Arc<Rules>,
    /// For runs of projects that are not here.
    shipped: Library,
    projects: Vec<CheckedProject>,
    pub(super) clock: SystemClock,
}

impl Desk {
    /// Opens a store, and reads the connectors of the projects beside it.
    pub(super) async fn open(args: &DeskArgs) -> Result<Self, anyhow::Error> {
        let store = store::open(&args.store.store).await?;
        let rules = load::pipeline_rules();
        let wanted = wanted(&*store, &args.given).await?;
        let projects = match load::projects(&args.project, &rules, &wanted) {
            Ok(projects) => projects,
            // What is here need not be what the store is of.
            Err(LoadError::Environment(..) | LoadError::Given(_)) if args.given.is_empty() => Vec::new(),
            // Without a project, there are the connectors that are shipped.
            Err(LoadError::NoProject(_)) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let shipped = Library::load(&[], Arc::new(WallWatch)).0;
        Ok(Self { store, rules, shipped, projects, clock: SystemClock::default() })
    }

    /// The run of that name, or of that event.
    pub(super) async fn find(&self, wanted: &str) -> Result<Result<StoredRun, Missing>, anyhow::Error> {
        find(&*self.store, wanted).await
    }

    /// The plan of a version.
    ///
    /// # Errors
    /// Why it cannot be made here.
    pub(super) async fn plan(&self, version: &Digest) -> Result<Arc<Plan>, anyhow::Error> {
        let mut here = self.projects.iter().flat_map(|project| &project.checked.plans);
        if let Some(plan) = here.find(|plan| plan.version == *version) {
            return Ok(Arc::clone(plan));
        }
        let short = version.short();
        let files = self.store.version(version).await?;
        let files = files.ok_or_else(|| anyhow!("the files of version {short} are not in the store"))?;
        let name = &files.project;
        let is_own =
            |project: &&CheckedProject| project.checked.project.as_ref().is_some_and(|project| project.name == *name);
        if let Some(project) = self.projects.iter().find(is_own) {
            let plan = load::recompile(
                (version, &files),
                (&project.library, &|call| load::effect_now(project, call)),
                &self.rules,
            );
            return plan
                .map_err(|why| anyhow!("version {short} of project `{name}` cannot run here, so it waits: {why}"));
        }
        // The connectors of another project are not its own, whatever they are called.
        let plan = load::recompile((version, &files), (&self.shipped, &|call| Some(call.effect.clone())), &self.rules);
        let hint = format!("where project `{name}` has connectors of its own, `--project` names its folder");
        plan.map_err(|why| anyhow!("the plan of version {short} of `{name}` cannot be made here: {why}; {hint}"))
    }

    /// A pipeline as it is in the folders now, with its files.
    pub(super) fn current(&self, pipeline: &str) -> Option<(Arc<Plan>, VersionFiles)> {
        self.projects.iter().find_map(|project| {
            let plan = project.checked.plans.iter().find(|plan| plan.pipeline == pipeline)?;
            let files = load::version_files(project, project.checked.project.as_ref()?, plan);
            Some((Arc::clone(plan), files))
        })
    }

    /// The names of the projects.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.projects.iter().filter_map(|project| Some(project.checked.project.as_ref()?.name.as_str()))
    }

    /// The cross-references of each project in the folders.
    pub(super) fn xrefs(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        let projects = self.projects.iter().filter_map(|project| project.checked.project.as_ref());
        projects.map(|project| (project.name.as_str(), project.xref.keys().map(String::as_str).collect()))
    }

    /// A run as its journal makes it.
    pub(super) async fn fold(&self, stored: &StoredRun) -> Result<Run, anyhow::Error> {
        Ok(folded(stored, self.plan(&Digest::named(&stored.row.version)).await?))
    }

    /// The time, which is never before what the run has seen.
    pub(super) fn now(&self, stored: &StoredRun) -> Timestamp {
        let now = self.clock.now();
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        now.max(stored.row.updated_at)
    }

    /// The run as it will be when it has read the letters that are on their way.
    pub(super) async fn ahead(&self, stored: &StoredRun) -> Result<Run, anyhow::Error> {
        let mut run = self.fold(stored).await?;
        let now = self.now(stored);
        for letter in stored.letters.values() {
            match run.receive(letter, now) {
                Receipt::Entry(entry) => run.take(now, &entry),
                Receipt::Ask(_) | Receipt::Moot(_) | Receipt::Later => {}
            }
        }
        Ok(run)
    }

    /// Sends a letter that the run would take, and notes the act beside it.
    pub(super) async fn send(
        &self,
        (stored, run): (&StoredRun, &Run),
        letter: Letter,
        (act, step): (&str, Option<&str>),
        actor: &Actor,
    ) -> Outcome {
        let at = self.now(stored);
        let is_later = match run.receive(&letter, at) {
            Receipt::Moot(why) => return Ok(refused(&stored.row.run, &why)),
            Receipt::Later => true,
            Receipt::Entry(_) | Receipt::Ask(_) => false,
        };
        let id = &stored.row.run;
        let detail = step.map_or(Value::Null, |step| serde_json::json!({ "step": step }));
        let act = actor.act(act, id.as_str(), detail, at);
        let done = act.act.clone();
        let send = Change::Send { run: id.clone(), letter, at };
        self.store.commit(vec![send, Change::Audit(act)]).await?;
        let step = step.map_or_else(String::new, |step| format!(" `{step}`"));
        print(&format!("{id}{step} {done}\n"));
        if is_later {
            tell("a call is under way; it is settled first");
        }
        tell(&format!("a running engine takes it up by itself   ·   ferry runs show {id}"));
        Ok(Exit::Success)
    }
}

impl Actor {
    /// An act for the audit.
    pub(super) fn act(&self, act: &str, subject: &str, detail: Value, at: Timestamp) -> Act {
        let (by, reason) = (self.by.clone(), self.reason.clone());
        Act { by, act: act.to_owned(), subject: subject.to_owned(), reason, detail, at }
    }
}

/// A run as its journal makes it on a plan.
pub(super) fn folded(stored: &StoredRun, plan: Arc<Plan>) -> Run {
    let mut run = Run::new(plan, stored.row.event_key.clone(), Guards::ALL);
    for (at, entry) in &stored.journal {
        run.take(*at, entry);
    }
    run
}

/// The run of that name, or of that event.
pub(super) async fn find(store: &dyn Store, wanted: &str) -> Result<Result<StoredRun, Missing>, anyhow::Error> {
    if let Some(stored) = store.run(&RunId::named(wanted)).await? {
        return Ok(Ok(stored));
    }
    let filter = Filter { event_key: Some(wanted.to_owned()), limit: usize::MAX, ..Filter::default() };
    let rows = store.runs(&filter).await?;
    let found = match rows.as_slice() {
        [row] => store.run(&row.run).await?,
        [] => None,
        several => {
            let names = several.iter().map(|row| format!("{} ({})", row.run, row.pipeline)).collect();
            return Ok(Err(Missing::Several(wanted.to_owned(), names)));
        }
    };
    Ok(found.ok_or_else(|| Missing::None(wanted.to_owned())))
}

/// Says why nothing was done.
pub(super) fn refused(run: &RunId, why: &str) -> Exit {
    complain(&format!("{run}: {why}; nothing was changed"));
    Exit::Findings
}
