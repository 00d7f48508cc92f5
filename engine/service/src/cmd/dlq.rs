//! `ferry dlq`

use clap::{Args, Subcommand};

use super::{
    DeadLetterList, Envelope, Exit, Format, ListArgs, Outcome, StoreArgs, complain, print, print_json, replay::Replay,
    tell,
};
use crate::{
    render,
    store::{self, DeadLetter, Filter, Store, StoreError},
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
    /// Shows one dead letter with its original event.
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
    /// Starts dead letters again; what was written stays written, and nothing is paid twice.
    Replay(Box<Replay>),
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
                list(store.dead_letters(&args.filter(class)).await?, args.format)
            }
            DlqCommand::Show { run, format, store } => {
                let store = store::open(&store.store).await?;
                let Some(letter) = find(&*store, &run).await? else { return Ok(missing(&run)) };
                show(&letter, format)
            }
            DlqCommand::Replay(replay) => replay.run().await,
        }
    }
}

fn list(letters: Vec<DeadLetter>, format: Format) -> Outcome {
    if format == Format::Json {
        print_json(&Envelope::new(DeadLetterList { dead_letters: letters }))?;
        return Ok(Exit::Success);
    }
    if letters.is_empty() {
        tell("no dead letters");
        return Ok(Exit::Nothing);
    }
    let first = letters[0].run.clone();
    let row = |letter: DeadLetter| {
        vec![
            letter.run.to_string(),
            letter.pipeline,
            letter.event_key,
            letter.step,
            letter.class,
            letter.message,
            letter.at.to_string(),
        ]
    };
    print(&render::table(
        &["RUN", "PIPELINE", "EVENT", "STEP", "CLASS", "CAUSE", "AT"],
        letters.into_iter().map(row).collect(),
    ));
    tell(&format!("ferry dlq show {first}   ·   ferry dlq replay {first} --reason \"…\""));
    Ok(Exit::Success)
}

fn show(letter: &DeadLetter, format: Format) -> Outcome {
    if format == Format::Json {
        print_json(&Envelope::new(letter))?;
        return Ok(Exit::Success);
    }
    let event = serde_json::to_string_pretty(&letter.event)?;
    let class = ferry_contract::failure::ErrorClass::from_name(&letter.class);
    print(&format!(
        "{} {} {}\nfailed at `{}` on {}\n{}: {}\n{}\noriginal event:\n{event}\n",
        letter.run,
        letter.pipeline,
        letter.event_key,
        letter.step,
        letter.at,
        letter.class,
        letter.message,
        class.map_or("", ferry_contract::failure::ErrorClass::meaning),
    ));
    tell(&format!("ferry runs show {}   ·   ferry dlq replay {} --reason \"…\"", letter.run, letter.run));
    Ok(Exit::Success)
}

pub(super) async fn find(store: &dyn Store, wanted: &str) -> Result<Option<DeadLetter>, StoreError> {
    let all = store.dead_letters(&Filter { limit: usize::MAX, ..Filter::default() }).await?;
    Ok(all.into_iter().find(|letter| letter.run.as_str() == wanted || letter.event_key == wanted))
}

pub(super) fn missing(wanted: &str) -> Exit {
    complain(&format!("there is no dead letter `{wanted}`; `ferry dlq list` names them"));
    Exit::Nothing
}
