//! `ferry runs cancel` and `ferry runs decide`: letters to a run that only a person can write.

use clap::Args;
use ferry_contract::depth;
use ferry_core::run::{Decision, Letter, Status};
use serde_json::{Map, Value};

use super::{
    Exit, Outcome,
    approvals::only,
    complain,
    desk::{Actor, Desk, DeskArgs, refused},
};

#[derive(Args, Debug)]
pub(super) struct Cancel {
    /// The run's id, or the event's key.
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    desk: DeskArgs,
}

#[derive(Args, Debug)]
pub(super) struct Decide {
    /// The run's id, or the event's key.
    #[arg(value_name = "RUN")]
    run: String,
    /// The step; needed only where several are parked.
    #[arg(value_name = "STEP")]
    step: Option<String>,
    #[command(flatten)]
    found: FoundOut,
    /// What the target gave back, for later steps; with `--done`.
    #[arg(long, value_name = "JSON", requires = "done")]
    output: Option<String>,
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    desk: DeskArgs,
}

/// What a person found out at the target.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct FoundOut {
    /// It was done: it is never sent again.
    #[arg(long)]
    done: bool,
    /// It was not done: it is sent again.
    #[arg(long)]
    not_done: bool,
    /// Nobody knows: the run becomes a dead letter, and the call is not repeated by itself.
    #[arg(long)]
    give_up: bool,
}

impl Cancel {
    pub(super) async fn run(self) -> Outcome {
        let desk = Desk::open(&self.desk).await?;
        let stored = match desk.find(&self.run).await? {
            Ok(stored) => stored,
            Err(missing) => {
                complain(&missing.to_string());
                return Ok(Exit::Nothing);
            }
        };
        let run = desk.ahead(&stored).await?;
        let letter = Letter::Cancel { by: self.actor.by.clone(), reason: self.actor.reason.clone() };
        desk.send((&stored, &run), letter, ("cancelled", None), &self.actor).await
    }
}

impl Decide {
    pub(super) async fn run(self) -> Outcome {
        let decision = match self.decision() {
            Ok(decision) => decision,
            Err(why) => {
                complain(&why);
                return Ok(Exit::Usage);
            }
        };
        let desk = Desk::open(&self.desk).await?;
        let stored = match desk.find(&self.run).await? {
            Ok(stored) => stored,
            Err(missing) => {
                complain(&missing.to_string());
                return Ok(Exit::Nothing);
            }
        };
        let run = desk.ahead(&stored).await?;
        let parked = |status: &Status| matches!(status, Status::Parked { .. });
        let step = match self.step.map_or_else(|| only(&run, parked, "no step is parked"), Ok) {
            Ok(step) => step,
            Err(why) => return Ok(refused(&stored.row.run, &why)),
        };
        let act = match &decision {
            Decision::Done(_) => "decided: done",
            Decision::NotDone => "decided: not done",
            Decision::GiveUp => "decided: given up",
        };
        let (by, reason) = (self.actor.by.clone(), self.actor.reason.clone());
        let asked_at = run.asked_at(&step);
        let letter = Letter::Decision { step: step.clone(), by, reason, decision, asked_at };
        desk.send((&stored, &run), letter, (act, Some(&step)), &self.actor).await
    }

    fn decision(&self) -> Result<Decision, String> {
        let nothing = || Ok(Value::Object(Map::new()));
        let output = self.output.as_ref().map_or_else(nothing, |text| {
            serde_json::from_str(text).map_err(|error| format!("`--output` is not JSON: {error}"))
        })?;
        depth::check(&output).map_err(|error| format!("`--output` has {error}; leave out what no later step reads"))?;
        Ok(if self.found.done {
            Decision::Done(output)
        } else if self.found.not_done {
            Decision::NotDone
        } else {
            Decision::GiveUp
        })
    }
}
