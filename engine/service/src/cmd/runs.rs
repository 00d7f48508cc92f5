//! `ferry runs`

use clap::{Args, Subcommand};
use ferry_core::run::{Entry, Pair, State};
use serde::Serialize;
use serde_json::Value;

use super::{
    Envelope, Exit, Format, ListArgs, Outcome, StoreArgs, complain,
    decide::{Cancel, Decide},
    desk::find,
    print, print_json, tell,
};
use crate::{
    render,
    store::{self, DeadEvent, DeadLetter, RunRow, Store},
};

/// Lists runs, or shows the story of one.
#[derive(Args, Debug)]
pub(super) struct Runs {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// Lists runs, the latest first.
    List {
        /// Only in this state.
        #[arg(long, value_name = "STATE", value_parser = states())]
        state: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Shows what happened in one run.
    Show {
        /// The run's id, or the event's key.
        #[arg(value_name = "RUN")]
        run: String,
        /// How it is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Ends a run that is open: nothing that it has not begun is done.
    Cancel(Cancel),
    /// Says what had become of a parked step's call, after a person has looked at the target.
    Decide(Decide),
}

fn states() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(State::ALL.map(|(name, _)| name))
}

/// The answer of `ferry runs list --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RunList {
    /// The runs, the latest first.
    pub runs: Vec<RunRow>,
}

/// The answer of `ferry dlq list --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DeadLetterList {
    /// The runs that are dead letters, the latest first.
    pub dead_letters: Vec<DeadLetter>,
    /// The events that are dead letters because nobody has claimed them, the latest first.
    pub dead_events: Vec<DeadEvent>,
}

/// The answer of `ferry runs show --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RunStory {
    /// The run.
    pub run: RunRow,
    /// What happened, in order.
    pub journal: Vec<Moment>,
}

/// One entry of a journal.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Moment {
    /// When.
    #[schemars(with = "String")]
    pub at: jiff::Timestamp,
    /// What happened.
    pub entry: Value,
}

impl Runs {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            RunsCommand::List { state, list: args } => {
                let store = store::open(&args.store.store).await?;
                list(store.runs(&args.filter(state)).await?, args.format)
            }
            RunsCommand::Show { run, format, store } => {
                let store = store::open(&store.store).await?;
                show(&*store, &run, format).await
            }
            RunsCommand::Cancel(cancel) => cancel.run().await,
            RunsCommand::Decide(decide) => decide.run().await,
        }
    }
}

fn list(runs: Vec<RunRow>, format: Format) -> Outcome {
    if format == Format::Json {
        print_json(&Envelope::new(RunList { runs }))?;
        return Ok(Exit::Success);
    }
    if runs.is_empty() {
        tell("no runs; `ferry run PIPELINE` makes some");
        return Ok(Exit::Nothing);
    }
    let first = runs[0].run.clone();
    let row = |run: RunRow| {
        let note = run.note.chars().take(80).collect();
        vec![run.run.to_string(), run.pipeline, run.event_key, run.state, run.updated_at.to_string(), note]
    };
    print(&render::table(&["RUN", "PIPELINE", "EVENT", "STATE", "UPDATED", "AT"], runs.into_iter().map(row).collect()));
    tell(&format!("ferry runs show {first}"));
    Ok(Exit::Success)
}

pub(super) async fn show(store: &dyn Store, wanted: &str, format: Format) -> Outcome {
    let stored = match find(store, wanted).await? {
        Ok(stored) => stored,
        Err(missing) => {
            complain(&missing.to_string());
            return Ok(Exit::Nothing);
        }
    };
    if format == Format::Json {
        let moment = |(at, entry): (jiff::Timestamp, Entry)| Ok(Moment { at, entry: serde_json::to_value(entry)? });
        let journal = stored.journal.into_iter().map(moment).collect::<Result<_, serde_json::Error>>()?;
        print_json(&Envelope::new(RunStory { run: stored.row, journal }))?;
        return Ok(Exit::Success);
    }
    let row = &stored.row;
    print(&format!(
        "{} {} {} {}\nevent {} version {}\n",
        row.run,
        row.pipeline,
        row.state,
        row.note,
        row.event_key,
        &row.version[..12]
    ));
    let rows = stored.journal.iter().enumerate().map(|(index, (at, entry))| {
        vec![
            index.to_string(),
            at.to_string(),
            entry.name().to_owned(),
            entry.step().unwrap_or("").to_owned(),
            detail(entry),
        ]
    });
    print(&render::table(&["#", "AT", "ENTRY", "STEP", "WHAT"], rows.collect()));
    Ok(Exit::Success)
}

fn detail(entry: &Entry) -> String {
    let text = match entry {
        Entry::Started { event, .. } => event.to_string(),
        Entry::Evaluated { output, .. } | Entry::Answered { output, .. } | Entry::Arrived { output, .. } => {
            output.to_string()
        }
        Entry::Called { attempt, key, is_probe, .. } => {
            format!("attempt {attempt}{} {key}", if *is_probe { " as a probe" } else { "" })
        }
        Entry::Failed { failure, .. } | Entry::DeadLettered { failure, .. } => failure.to_string(),
        Entry::LookedUp { found, .. } => serde_json::to_string(found).unwrap_or_default(),
        Entry::Held { what, .. } => what.to_string(),
        Entry::Parked { reason, .. } => reason.clone(),
        Entry::Resumed { by, reason, .. } | Entry::Cancelled { by, reason } | Entry::Approved { by, reason, .. } => {
            format!("by {by}: {reason}")
        }
        Entry::Spread { items, .. } => format!("{} items", items.len()),
        Entry::Linked { table, key, to, was: None, .. } => format!("{table}: {key} is {to}"),
        Entry::Linked { table, key, to, was: Some(was), .. } => format!("{table}: {key} is {to}, and was {was}"),
        Entry::Referenced { pairs, .. } => {
            let shown =
                |pair: &Pair| format!("{}: {} is {}", pair.table, pair.key, pair.to.as_deref().unwrap_or("unknown"));
            pairs.iter().map(shown).collect::<Vec<_>>().join(", ")
        }
        Entry::Emitted { event, key, .. } => format!("{event} {key}"),
        Entry::Doubted { key, .. } => key.to_string(),
        Entry::Waiting { on, .. } => serde_json::to_string(on).unwrap_or_default(),
        Entry::Decided { by, reason, decision, .. } => {
            format!("by {by}: {} ({reason})", serde_json::to_string(decision).unwrap_or_default())
        }
        Entry::Finished { output } => {
            if output.is_null() {
                String::new()
            } else {
                output.to_string()
            }
        }
        Entry::Skipped { .. } | Entry::Released { .. } => String::new(),
    };
    text.chars().take(120).collect()
}
