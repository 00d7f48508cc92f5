//! `ferry run`

mod quiet;

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, anyhow};
use clap::Args;
use ferry_contract::suggest;
use ferry_core::{
    plan::{EventSource, Plan},
    run::State,
};

use super::{
    Exit, Outcome, StoreArgs,
    plan::unreachable,
    start::{self, Started, WorldArgs, asked_to_stop},
    tell,
};
use crate::{load::CheckedProject, store::Filter};

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
                let text = std::fs::read_to_string(file).with_context(|| {
                    format!("`--event` names a file of JSON, and {} cannot be read", file.display())
                })?;
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
        ended = quiet::until_quiet(&engine, pipeline) => { ended?; false }
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

async fn summary(engine: &crate::engine::Engine, pipeline: &str) -> Outcome {
    let all = Filter { pipeline: Some(pipeline.to_owned()), limit: usize::MAX, ..Filter::default() };
    let rows = engine.store().runs(&all).await?;
    let count = |state: State| rows.iter().filter(|row| row.state == state.name()).count();
    let counts = State::ALL.map(|(name, state)| (count(state), name.replace('_', "-")));
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    let dead = count(State::DeadLettered);
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
