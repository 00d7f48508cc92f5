//! `ferry plan`

mod document;
mod human;

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, anyhow};
use clap::Args;
use ferry_contract::failure::{ErrorClass, Failure};
use ferry_core::{plan::Plan, run::Entry};
use serde_json::Value;

pub use document::PlanDocument;
pub(super) use document::{Asked, EventPlan};

use super::{
    Envelope, Exit, Format, Outcome, StoreArgs, print, print_json,
    run::chosen,
    start::{self, Looking, Unreachable, WorldArgs},
    tell,
};
use crate::{
    engine::{Arriving, Fate, Foreseen, Known, Previewed},
    store::{self, RunId, Store, StoreAddress, Trust},
};

/// Shows the requests that a pipeline would send now: reads are live, and nothing is written.
///
/// Polls (or takes the event), and lets each event's run go on until it comes to a write: that is rendered, and what needs
/// its answer is listed behind `then`. What the store knows of a write is said: sent already, unknown, held. `ferry apply`
/// does what a saved plan says, if nothing has changed meanwhile. Ends with 0; with `--detailed-exitcode`, with 3 where
/// something would be sent.
#[derive(Args, Debug)]
pub(super) struct PlanCommand {
    /// The pipeline's name, or its file.
    #[arg(value_name = "PIPELINE")]
    pipeline: String,
    /// Where projects are.
    #[arg(long, default_value = ".", value_name = "DIR")]
    project: Vec<PathBuf>,
    /// Plan this event (a JSON file) instead of polling.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    event: Option<PathBuf>,
    /// Only the event with this business key.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Save the plan to this file, for `ferry apply`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// End with 3 where something would be sent.
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    world: WorldArgs,
}

impl PlanCommand {
    pub(super) async fn run(self) -> Outcome {
        let file = PathBuf::from(&self.pipeline);
        let projects = if file.is_file() { vec![file] } else { self.project.clone() };
        let (event, key, params) = (self.event.clone(), self.key.clone(), self.world.given.params());
        let asked = Asked { projects, event, key, params };
        let (plan, _) = made(&self.pipeline, &asked, None, (&self.store, &self.world)).await?;
        match self.format {
            Format::Human => print(&human::plan(&plan)),
            Format::Json => print_json(&Envelope::new(&plan))?,
        }
        if let Some(out) = &self.out {
            let text = serde_json::to_string_pretty(&Envelope::new(&plan))? + "\n";
            std::fs::write(out, text).with_context(|| format!("{} cannot be written", out.display()))?;
            let (name, digest) = (out.display(), plan.digest.get(..19).unwrap_or(&plan.digest));
            tell(&format!("Saved {name} {digest}…  →  ferry apply {name}   (refused if inputs or pipeline changed)"));
        }
        Ok(if self.detailed_exitcode && plan.sends() { Exit::Changes } else { Exit::Success })
    }
}

/// Makes a plan now, with the events that it is of; only those with `keys`, where there are some.
pub(super) async fn made(
    pipeline: &str,
    asked: &Asked,
    keys: Option<&[String]>,
    (args, world): (&StoreArgs, &WorldArgs),
) -> Result<(PlanDocument, Vec<Value>), anyhow::Error> {
    let looking = start::looking(&asked.projects, world).await?;
    let (project, plan) = chosen(&looking.projects, pipeline)?;
    let known = known(args, &looking).await?;
    let is_wanted = |key: &str| {
        asked.key.as_deref().is_none_or(|wanted| wanted == key)
            && keys.is_none_or(|keys| keys.iter().any(|wanted| wanted == key))
    };
    let mut arriving = Vec::new();
    for event in events(&looking, &*known, (&project, &plan), asked).await? {
        let one = looking.engine.arriving(&*known, &plan, event).await?;
        if is_wanted(&one.key) {
            arriving.push(one);
        }
    }
    // What a poll does not find any more may be what has run meanwhile.
    for key in keys.unwrap_or_default() {
        if arriving.iter().all(|one| one.key != *key)
            && let Some(event) = stored_event(&*known, &plan.pipeline, key).await?
        {
            arriving.push(looking.engine.arriving(&*known, &plan, event).await?);
        }
    }
    anyhow::ensure!(
        !arriving.is_empty() || asked.key.is_none() || keys.is_some(),
        "no event has the key `{}`; `ferry plan {pipeline}` shows all that are found",
        asked.key.as_deref().unwrap_or_default()
    );
    let doubted_since = match known.trust().await? {
        Trust::New if looking.is_sandbox => None,
        trust => trust.doubted_since(),
    };
    let runs = arriving.iter().filter_map(run_of).collect();
    let previews = looking.engine.preview(&*known, &project, runs, doubted_since).await?;
    let requests = Previewed::requests(&previews);
    let sent = previews.iter().flat_map(|previewed| &previewed.steps).map(|step| &step.foreseen);
    let sums = Foreseen::sums(sent.filter(|step| step.fate == Fate::Send));
    let money = sums.into_iter().map(|(currency, sum)| format!("{sum} {currency}")).collect();
    let mut previews = previews.into_iter();
    let mut planned = |one| EventPlan::new(one, run_of(one).and_then(|_| previews.next()));
    let mut document = PlanDocument {
        digest: String::new(),
        pipeline: plan.pipeline.clone(),
        version: plan.version.to_string(),
        world: start::world_name(looking.is_sandbox, looking.environment.as_deref()),
        environment: looking.environment.clone(),
        asked: asked.clone(),
        connections: looking.engine.identities(&project),
        events: arriving.iter().map(&mut planned).collect(),
        requests,
        money,
    };
    document.digest = document.own_digest();
    Ok((document, arriving.into_iter().map(|one| one.event).collect()))
}

fn run_of(arriving: &Arriving) -> Option<ferry_core::run::Run> {
    match &arriving.known {
        Known::New(run) | Known::Corrected(run) | Known::Open(_, run) => Some((**run).clone()),
        Known::Ended(_) | Known::Refused(_) | Known::Forgotten => None,
    }
}

/// The store that knows what was sent; where there is none yet, an empty one.
async fn known(args: &StoreArgs, looking: &Looking) -> Result<Arc<dyn Store>, anyhow::Error> {
    match &args.store {
        StoreAddress::File(path) if !path.exists() => Ok(start::empty_store(&looking.clock)?),
        address => Ok(store::open(address).await?),
    }
}

async fn events(
    looking: &Looking,
    known: &dyn Store,
    (project, plan): (&str, &Arc<Plan>),
    asked: &Asked,
) -> Result<Vec<Value>, anyhow::Error> {
    if let Some(file) = &asked.event {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let event = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
        return Ok(vec![event]);
    }
    if let Some(key) = &asked.key
        && let Some(event) = stored_event(known, &plan.pipeline, key).await?
    {
        return Ok(vec![event]);
    }
    looking.engine.polled(known, project, plan).await.map_err(|failure| unreachable(&failure))
}

/// The event of a run that has begun.
async fn stored_event(known: &dyn Store, pipeline: &str, key: &str) -> Result<Option<Value>, anyhow::Error> {
    let stored = known.run(&RunId::of(pipeline, key)).await?;
    let entries = stored.iter().flat_map(|stored| stored.journal.iter().rev());
    Ok(entries.map(|(_, entry)| entry).find_map(event_of))
}

/// A system that does not answer has an exit code of its own.
pub(super) fn unreachable(failure: &Failure) -> anyhow::Error {
    match failure.class {
        ErrorClass::Unavailable | ErrorClass::Unknown | ErrorClass::Throttled => {
            Unreachable(failure.to_string()).into()
        }
        _ => anyhow!("{failure}"),
    }
}

/// The event that an entry gives its run.
fn event_of(entry: &Entry) -> Option<Value> {
    match entry {
        Entry::Started { event, .. } | Entry::Resumed { event: Some(event), .. } => Some(event.clone()),
        _ => None,
    }
}
