//! `ferry run`

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use clap::Args;
use ferry_contract::suggest;
use ferry_core::{
    plan::{EventSource, Plan},
    run::{Entry, On},
};
use jiff::Timestamp;

use super::{
    Exit, Outcome, StoreArgs,
    plan::unreachable,
    start::{self, Started, WorldArgs, asked_to_stop},
    tell,
};
use crate::{
    clock::pause,
    load::CheckedProject,
    store::{Filter, RunId, RunRow, Store, StoreError},
};

/// How often it looks whether all is done, in real time.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long it leaves runs alone that wait, after it has read what for.
const LOOK_INTO_EVERY: Duration = Duration::from_millis(500);

/// Runs one pipeline now: polls once, and drives what that found.
///
/// Ends when every run has ended, is held, or waits for a person. Ctrl-C leaves the rest to the next
/// `ferry run` or `ferry serve`. Ends with 0 where all finished, 5 where some became dead letters.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// The pipeline's name, or its file.
    #[arg(value_name = "PIPELINE")]
    pipeline: String,
    /// Where projects are.
    #[arg(long, default_value = ".", value_name = "DIR")]
    project: Vec<PathBuf>,
    /// Run this event (a JSON file) instead of polling.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// What names the event of a pipeline that is begun by hand; the same key again begins nothing.
    #[arg(long, value_name = "KEY", requires = "event")]
    key: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    world: WorldArgs,
}

impl Run {
    pub(super) async fn run(self) -> Outcome {
        let file = PathBuf::from(&self.pipeline);
        let paths = if file.is_file() { vec![file.clone()] } else { self.project.clone() };
        let started = start::engine(&paths, &self.store, &self.world).await?;
        let (project, plan) = chosen(&started.projects, &self.pipeline)?;
        let engine = Arc::clone(&started.engine);
        let found = match &self.event {
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
                let event = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
                let committed = match key_of(&plan, self.key.as_deref())? {
                    Some(key) => engine.begin_by_hand(&plan, key, &event).await,
                    None => engine.receive_event(&plan, &event).await,
                };
                committed.map(|committed| (committed.started, committed.reopened, committed.known))
            }
            None => {
                engine.poll_once(&project, &plan).await.map(|report| (report.started, report.reopened, report.known))
            }
        };
        let (new, reopened, known) = found.map_err(|failure| unreachable(&failure))?;
        tell(&format!("{}: {new} new events, {reopened} corrected, {known} known", plan.pipeline));
        driven(&started, &plan.pipeline).await
    }
}

/// The key that a person gives, which is where no trigger says where it stands in the event.
fn key_of<'k>(plan: &Plan, given: Option<&'k str>) -> Result<Option<&'k str>, anyhow::Error> {
    let Plan { pipeline, trigger, .. } = plan;
    match (&trigger.source, given) {
        (EventSource::Manual, Some(key)) if !key.trim().is_empty() => Ok(Some(key)),
        (EventSource::Manual, _) => Err(anyhow!(
            "`{pipeline}` is begun by hand, so nothing names its event; add `--key KEY`, such as the number of the order"
        )),
        (_, Some(_)) => Err(anyhow!("the trigger of `{pipeline}` says where its key stands; leave `--key` out")),
        (_, None) => Ok(None),
    }
}

/// Drives what is due until it is quiet, and says how the pipeline's runs are then.
pub(super) async fn driven(started: &Started, pipeline: &str) -> Outcome {
    let engine = Arc::clone(&started.engine);
    let serving = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.work().await }
    });
    let interrupted = tokio::select! {
        ended = until_quiet(&engine, pipeline) => { ended?; false }
        () = asked_to_stop() => true,
    };
    engine.stop();
    serving.await?;
    if interrupted {
        tell("interrupted; `ferry serve` or `ferry run` goes on where it stopped");
        return Ok(Exit::Interrupted);
    }
    summary(&engine, pipeline).await
}

/// The pipeline of that name or file, and its project.
pub(super) fn chosen(projects: &[CheckedProject], pipeline: &str) -> Result<(String, Arc<Plan>), anyhow::Error> {
    let all = projects.iter().flat_map(|project| {
        let name = project.checked.project.as_ref().map(|project| project.name.clone()).unwrap_or_default();
        project.checked.plans.iter().map(move |plan| (name.clone(), Arc::clone(plan)))
    });
    let all: Vec<_> = all.collect();
    let wanted = match PathBuf::from(pipeline) {
        file if file.is_file() => pipeline_of(&file),
        _ => Some(pipeline.to_owned()),
    };
    let wanted = wanted.unwrap_or_default();
    let found = all.iter().find(|(_, plan)| plan.pipeline == wanted).cloned();
    let known: Vec<&str> = all.iter().map(|(_, plan)| plan.pipeline.as_str()).collect();
    found.ok_or_else(|| anyhow!("there is no pipeline `{pipeline}`; {}", suggest::help(&wanted, &known)))
}

fn pipeline_of(file: &std::path::Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let source = ferry_contract::report::Source::new("", text);
    let root = ferry_contract::yaml::parse(&source, &mut ferry_contract::report::Report::new(&source))?;
    root.get("pipeline")?.text().map(str::to_owned)
}

/// Waits until no run of the pipeline goes on by itself, but those that are held, and none that they have begun is at work.
async fn until_quiet(engine: &crate::engine::Engine, pipeline: &str) -> Result<(), anyhow::Error> {
    let of = |states: &[&str], limit: usize| Filter {
        pipeline: Some(pipeline.to_owned()),
        kinds: states.iter().map(|state| (*state).to_owned()).collect(),
        limit,
        ..Filter::default()
    };
    let (running, under_way) = (of(&["running"], 1), of(&["running", "waiting", "parked"], usize::MAX));
    let at_work = Filter { pipeline: None, ..of(&["running"], usize::MAX) };
    let (store, began) = (&**engine.store(), engine.now());
    loop {
        if !store.runs(&running).await?.is_empty() {
            pause(LOOK_EVERY).await;
            continue;
        }
        // All states at one moment, since a run goes from one to the other; and what goes on while it is looked into
        // may begin others.
        let rows = store.runs(&under_way).await?;
        let is_still = rows.iter().all(|row| row.state != "running") && stand_still(store, &rows).await?;
        let is_still = is_still && !store.runs(&at_work).await?.iter().any(|row| row.started_at >= began);
        if is_still && store.runs(&under_way).await? == rows {
            return Ok(());
        }
        pause(LOOK_INTO_EVERY).await;
    }
}

/// Whether all of these runs wait for persons alone, or for runs that do not go on by themselves either.
async fn stand_still(store: &dyn Store, rows: &[RunRow]) -> Result<bool, StoreError> {
    // A step that is parked keeps no other of its run from going on.
    let may_go_on = |row: &&RunRow| row.state != "parked" || row.due_at.is_some();
    let mut left: Vec<RunId> = rows.iter().filter(may_go_on).map(|row| row.run.clone()).collect();
    while let Some(run) = left.pop() {
        let Some(stored) = store.run(&run).await? else { continue };
        match stored.row.state.as_str() {
            "running" => return Ok(false),
            "waiting" | "parked" => {}
            _ => continue,
        }
        for on in waits(&stored.journal) {
            match on {
                On::Approval { .. } | On::Trust => {}
                On::Run { run, .. } => left.push(RunId::named(run)),
                On::Time | On::Answer { .. } | On::Event(_) => return Ok(false),
            }
        }
    }
    Ok(true)
}

/// What the steps of a run wait for.
fn waits(journal: &[(Timestamp, Entry)]) -> Vec<On> {
    let mut waits = BTreeMap::new();
    for (_, entry) in journal {
        match entry {
            Entry::Waiting { step, on } => {
                waits.insert(step.clone(), on.clone());
            }
            Entry::Resumed { .. } => waits.clear(),
            _ => {
                entry.step().and_then(|step| waits.remove(step));
            }
        }
    }
    waits.into_values().collect()
}

async fn summary(engine: &crate::engine::Engine, pipeline: &str) -> Outcome {
    let mut counts = Vec::new();
    let mut dead = 0;
    for (state, _) in ferry_core::run::State::ALL {
        let kinds = vec![state.to_owned()];
        let filter = Filter { pipeline: Some(pipeline.to_owned()), kinds, limit: usize::MAX, ..Filter::default() };
        let count = engine.store().runs(&filter).await?.len();
        if count > 0 {
            counts.push(format!("{count} {}", state.replace('_', "-")));
        }
        if state == "dead_lettered" {
            dead = count;
        }
    }
    let asked = engine.store().approvals(usize::MAX).await?;
    tell(&format!("{pipeline}: {}", if counts.is_empty() { "no runs".to_owned() } else { counts.join(", ") }));
    if dead > 0 {
        tell("`ferry dlq list` says why");
    }
    if !asked.is_empty() {
        tell("`ferry approvals list` says what waits for a person");
    }
    Ok(if dead > 0 { Exit::Partial } else { Exit::Success })
}
