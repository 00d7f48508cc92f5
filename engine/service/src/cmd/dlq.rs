//! `ferry dlq`

pub(super) mod event;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use ferry_contract::{exchange::Exchange, failure::ErrorClass};
use ferry_core::run::{Entry, From};
use serde::Serialize;
use serde_json::Value;

use super::{
    DeadLetterList, Envelope, Exit, Format, ListArgs, Outcome, complain,
    desk::{Desk, DeskArgs},
    print, print_json,
    replay::Replay,
    tell,
};
use crate::{
    engine::{Foreseen, foresee},
    render,
    store::{self, DeadEvent, DeadLetter, Filter, Store, StoreError},
};

/// Lists, shows and replays dead letters.
#[derive(Args, Debug)]
pub(super) struct Dlq {
    #[command(subcommand)]
    command: DlqCommand,
}

#[derive(Debug, Subcommand)]
enum DlqCommand {
    /// Lists dead letters, the latest first.
    List {
        /// Only of this error class.
        #[arg(long, value_name = "CLASS", value_parser = classes())]
        class: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Shows one dead letter: why, who can mend it, what was sent and answered, what a replay would do, and its event.
    Show {
        /// The id of its run or its event, or the event's key.
        #[arg(value_name = "RUN")]
        run: String,
        /// How it is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        desk: DeskArgs,
    },
    /// Starts dead letters again; what was written stays written, and nothing is paid twice.
    Replay(Box<Replay>),
}

/// The answer of `ferry dlq show --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DeadLetterShown {
    /// The dead letter.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// What the step asked of its target, and what that answered; nothing where it asked nothing.
    pub exchange: Option<Exchange>,
    /// How many calls each step has made.
    pub attempts: BTreeMap<String, u64>,
    /// What a replay from the failed step would do.
    pub replay: Option<Vec<Foreseen>>,
    /// Why that is not known.
    pub unknown: Option<String>,
}

pub(super) fn classes() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(
        ferry_contract::failure::ErrorClass::ALL.map(ferry_contract::failure::ErrorClass::name),
    )
}

impl Dlq {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            DlqCommand::List { class, list: args } => {
                let store = store::open(&args.store.store).await?;
                let filter = args.filter(class);
                let events = store.dead_events(&filter).await?;
                list((store.dead_letters(&filter).await?, events), &filter, args.format)
            }
            DlqCommand::Show { run, format, desk } => {
                let desk = Desk::open(&desk).await?;
                let Some(letter) = find(&*desk.store, &run).await? else {
                    return event::show(&*desk.store, &run, format).await;
                };
                let shown = looked_into(&desk, letter).await?;
                show(&shown, format)
            }
            DlqCommand::Replay(replay) => replay.run().await,
        }
    }
}

fn list((letters, events): (Vec<DeadLetter>, Vec<DeadEvent>), filter: &Filter, format: Format) -> Outcome {
    if format == Format::Json {
        print_json(&Envelope::new(DeadLetterList { dead_letters: letters, dead_events: events }))?;
        return Ok(Exit::Success);
    }
    let row = |letter: DeadLetter| {
        let row = vec![
            letter.run.to_string(),
            letter.pipeline,
            letter.event_key,
            letter.step,
            letter.class,
            letter.mended_by,
            letter.message,
            letter.at.to_string(),
        ];
        (letter.at, row)
    };
    let first_run = letters.first().map(|letter| letter.run.clone());
    let mut rows: Vec<_> = letters.into_iter().map(row).chain(events.into_iter().map(event::row)).collect();
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    rows.truncate(filter.limit);
    let Some((_, first)) = rows.first() else {
        tell("no dead letters");
        return Ok(Exit::Nothing);
    };
    let replay = first_run.map_or_else(String::new, |run| format!("   ·   ferry dlq replay {run} --reason \"…\""));
    let hint = format!("ferry dlq show {}{replay}", first[0]);
    let header = ["RUN", "PIPELINE", "EVENT", "STEP", "CLASS", "FIX BY", "CAUSE", "AT"];
    print(&render::table(&header, rows.into_iter().map(|(_, row)| row).collect()));
    tell(&hint);
    Ok(Exit::Success)
}

/// What the journal and the fold add to a dead letter; without its plan, only the journal does.
async fn looked_into(desk: &Desk, letter: DeadLetter) -> Result<DeadLetterShown, anyhow::Error> {
    let mut shown = DeadLetterShown { letter, exchange: None, attempts: BTreeMap::new(), replay: None, unknown: None };
    let Some(stored) = desk.store.run(&shown.letter.run).await? else { return Ok(shown) };
    for (_, entry) in &stored.journal {
        match entry {
            Entry::Called { step, .. } => *shown.attempts.entry(step.clone()).or_default() += 1,
            Entry::DeadLettered { failure, .. } => shown.exchange = failure.exchange.as_deref().cloned(),
            _ => {}
        }
    }
    match desk.fold(&stored).await {
        Ok(run) => {
            let now = desk.now(&stored);
            let (by, reason) = (String::new(), String::new());
            let again = Entry::Resumed { by, reason, event: None, from: From::Failed, by_person: true };
            shown.replay = Some(foresee(&desk.rules, &run, &stored.journal, (now, &again)).await?);
        }
        Err(error) => shown.unknown = Some(format!("{error:#}")),
    }
    Ok(shown)
}

fn show(shown: &DeadLetterShown, format: Format) -> Outcome {
    if format == Format::Json {
        print_json(&Envelope::new(shown))?;
        return Ok(Exit::Success);
    }
    let letter = &shown.letter;
    let event = serde_json::to_string_pretty(&letter.event)?;
    let class = ErrorClass::from_name(&letter.class);
    print(&format!(
        "{} {} {}\nfailed at `{}` on {}\n{}: {}\n{}\nthis is for {}\n{}{}original event:\n{event}\n",
        letter.run,
        letter.pipeline,
        letter.event_key,
        letter.step,
        letter.at,
        letter.class,
        letter.message,
        class.map_or("", ErrorClass::meaning),
        letter.mended_by,
        shown.exchange.as_ref().map_or_else(String::new, exchanged),
        steps(shown),
    ));
    tell(&format!("ferry runs show {}   ·   ferry dlq replay {} --reason \"…\"", letter.run, letter.run));
    Ok(Exit::Success)
}

/// A request and its answer, as they were kept.
fn exchanged(exchange: &Exchange) -> String {
    let others = match exchange.others {
        0 => String::new(),
        others => format!(", in one request with {others} others"),
    };
    let answer = match &exchange.answer {
        None => "no answer\n".to_owned(),
        Some(answer) => format!("answer: {}\n{}{}", answer.status, headers(&answer.headers), body(&answer.body)),
    };
    let sent = exchange.body.as_ref().map_or_else(String::new, body);
    format!("request, masked: {} {}{others}\n{sent}{answer}", exchange.method, exchange.url)
}

fn headers(headers: &Value) -> String {
    let shown = headers
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("  {name}: {}\n", value.as_str().unwrap_or_default()));
    shown.collect()
}

/// JSON with its lines moved in; text as it is.
fn body(body: &Value) -> String {
    let text = match body {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => format!("{body:#}"),
    };
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The calls so far, and what a replay from the failed step would do.
fn steps(shown: &DeadLetterShown) -> String {
    let calls: Vec<String> = shown.attempts.iter().map(|(step, count)| format!("`{step}` {count}")).collect();
    let calls = if calls.is_empty() { "none".to_owned() } else { calls.join(", ") };
    let replay = match (&shown.replay, &shown.unknown) {
        (Some(steps), _) => {
            let rows = steps.iter().map(|step| {
                vec![step.step.clone(), step.call.clone(), step.in_words(), step.money_in_words().to_owned()]
            });
            render::table(&["STEP", "CALL", "WHAT", "MONEY"], rows.collect())
        }
        (None, why) => format!("not known: {}\n", why.as_deref().unwrap_or("its run is not there")),
    };
    format!("calls so far: {calls}\na replay from the failed step:\n{replay}")
}

pub(super) async fn find(store: &dyn Store, wanted: &str) -> Result<Option<DeadLetter>, StoreError> {
    let named = Filter { event_key: Some(wanted.to_owned()), limit: 1, ..Filter::default() };
    Ok(store.dead_letters(&named).await?.pop())
}

pub(super) fn missing(wanted: &str) -> Exit {
    complain(&format!("there is no dead letter `{wanted}`; `ferry dlq list` names them"));
    Exit::Nothing
}
