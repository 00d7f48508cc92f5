//! `ferry approvals`

use clap::{Args, Subcommand};
use ferry_core::run::{Letter, On, Run, Status};
use serde::Serialize;

use super::{
    Envelope, Exit, Format, Outcome, StoreArgs, complain,
    desk::{Actor, Desk, DeskArgs, refused},
    print, print_json, tell,
};
use crate::{
    limits::LIST_ROWS_DEFAULT,
    render,
    store::{self, Approval},
};

/// Lists what waits for a person's yes or no, and answers it.
#[derive(Args, Debug)]
pub(super) struct Approvals {
    #[command(subcommand)]
    command: ApprovalsCommand,
}

#[derive(Debug, Subcommand)]
enum ApprovalsCommand {
    /// Lists open questions, the oldest first.
    List {
        /// At most that many.
        #[arg(long, default_value_t = LIST_ROWS_DEFAULT, value_name = "N")]
        limit: usize,
        /// How it is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Says yes: the run goes on.
    Approve(Answer),
    /// Says no: the step fails as `declined`.
    Reject(Answer),
}

#[derive(Args, Debug)]
struct Answer {
    /// The run's id, or the event's key.
    #[arg(value_name = "RUN")]
    run: String,
    /// The step that asks; needed only where several do.
    #[arg(value_name = "STEP")]
    step: Option<String>,
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    desk: DeskArgs,
}

/// The answer of `ferry approvals list --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ApprovalList {
    /// The questions, the oldest first.
    pub approvals: Vec<Approval>,
}

impl Approvals {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            ApprovalsCommand::List { limit, format, store } => {
                let store = store::open(&store.store).await?;
                list(store.approvals(limit).await?, format)
            }
            ApprovalsCommand::Approve(answer) => answer.run(true).await,
            ApprovalsCommand::Reject(answer) => answer.run(false).await,
        }
    }
}

impl Answer {
    async fn run(self, yes: bool) -> Outcome {
        let desk = Desk::open(&self.desk).await?;
        let stored = match desk.find(&self.run).await? {
            Ok(stored) => stored,
            Err(missing) => {
                complain(&missing.to_string());
                return Ok(Exit::Nothing);
            }
        };
        let run = desk.ahead(&stored).await?;
        let step = match self.step.map_or_else(|| asking(&run), Ok) {
            Ok(step) => step,
            Err(why) => return Ok(refused(&stored.row.run, &why)),
        };
        let (by, reason) = (self.actor.by.clone(), self.actor.reason.clone());
        let asked_at = run.asked_at(&step);
        let letter = Letter::Answer { step: step.clone(), by, yes, reason, asked_at };
        let act = if yes { "approved" } else { "rejected" };
        desk.send((&stored, &run), letter, (act, Some(&step)), &self.actor).await
    }
}

/// The one step that asks.
fn asking(run: &Run) -> Result<String, String> {
    let asks = |status: &Status| matches!(status, Status::Waiting { on: On::Approval { .. }, .. });
    only(run, asks, "no step asks for an approval")
}

/// The one unit that is so.
pub(super) fn only(run: &Run, is: impl Fn(&Status) -> bool, none: &str) -> Result<String, String> {
    let found: Vec<String> = run.units().filter(|unit| is(run.status(*unit))).map(|unit| run.unit_id(unit)).collect();
    match found.as_slice() {
        [step] => Ok(step.clone()),
        [] => Err(none.to_owned()),
        several => Err(format!("name one of its steps: {}", several.join(", "))),
    }
}

fn list(approvals: Vec<Approval>, format: Format) -> Outcome {
    if format == Format::Json {
        print_json(&Envelope::new(ApprovalList { approvals }))?;
        return Ok(Exit::Success);
    }
    let Some(first) = approvals.first().map(|approval| approval.run.clone()) else {
        tell("nothing waits for a person's yes or no");
        return Ok(Exit::Nothing);
    };
    let row = |approval: Approval| {
        let (by, show) = match approval.on {
            On::Approval { by, maker, show } => {
                let not = maker.map_or_else(String::new, |maker| format!(" (not {maker})"));
                (format!("{}{not}", by.join(", ")), show.to_string())
            }
            On::Time | On::Answer { .. } | On::Event(_) | On::Run { .. } | On::Trust => (String::new(), String::new()),
        };
        let Approval { run, step, pipeline, event_key, since, .. } = approval;
        vec![run.to_string(), step, pipeline, event_key, since.to_string(), by, show.chars().take(120).collect()]
    };
    let header = ["RUN", "STEP", "PIPELINE", "EVENT", "SINCE", "WHO MAY", "WHAT"];
    print(&render::table(&header, approvals.into_iter().map(row).collect()));
    tell(&format!(
        "ferry approvals approve {first} --reason \"…\"   ·   ferry approvals reject {first} --reason \"…\""
    ));
    Ok(Exit::Success)
}
