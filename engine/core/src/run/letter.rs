//! Letters: what others tell a run. The store keeps a letter until the run has journaled what came of it.

use ferry_contract::failure::{ErrorClass, Failure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Entry, On, Run, Status, UnitIndex};
use crate::once::Guard;

/// One letter to a run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Letter {
    /// An event came that a step waits for.
    Event {
        /// The step.
        step: String,
        /// The event.
        data: Value,
    },
    /// A person answered a question.
    Answer {
        /// The step.
        step: String,
        /// Who.
        by: String,
        /// Whether the answer is yes.
        yes: bool,
        /// Why.
        reason: String,
        /// When the question was asked that was seen; any, where nothing says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked_at: Option<Timestamp>,
    },
    /// The run that a step began has ended.
    Returned {
        /// The step.
        step: String,
        /// Its output, or why it failed.
        outcome: Result<Value, Failure>,
        /// How many entries it had with its end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    /// A person found out what had become of a call.
    Decision {
        /// The step.
        step: String,
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// What it was.
        decision: Decision,
        /// When the step was parked that was seen; any time, where nothing says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked_at: Option<Timestamp>,
    },
    /// What stood before a step in its queue has gone: it is its turn to ask.
    Turn {
        /// The step.
        step: String,
    },
    /// A person ends the run.
    Cancel {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
}

/// What had become of a call whose outcome was unknown.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It was done, with this output.
    Done(Value),
    /// It was not done: it may be sent.
    NotDone,
    /// Nobody knows: the run fails, and the call is never repeated by itself.
    GiveUp,
}

/// What comes of a letter.
#[derive(Clone, Debug, PartialEq)]
pub enum Receipt {
    /// This is journaled, and the letter is done with.
    Entry(Entry),
    /// The step's question is asked at once; then the letter is done with.
    Ask(UnitIndex),
    /// It has no meaning any more, for this reason.
    Moot(String),
    /// It is read again when the run has gone on.
    Later,
}

impl Run {
    /// What comes of a letter now.
    pub fn receive(&self, letter: &Letter, now: Timestamp) -> Receipt {
        if self.end.is_some() {
            return Receipt::Moot(format!("the run is {}", self.state().name()));
        }
        match letter {
            Letter::Event { step, data } => self.waiting(step, |unit, on| match on {
                On::Event(_) => Some(Receipt::Entry(Entry::Arrived { step: step.clone(), output: data.clone() })),
                On::Answer { .. } => Some(Receipt::Ask(unit)),
                On::Time | On::Approval { .. } | On::Run { .. } | On::Trust => None,
            }),
            Letter::Returned { step, outcome, length } => self.returned(step, outcome, *length),
            Letter::Turn { step } => {
                let unit = self.unit_named(step);
                let held = unit.filter(|unit| matches!(self.status(*unit), Status::Held { .. }));
                held.map_or_else(|| Receipt::Moot(format!("`{step}` is not held")), Receipt::Ask)
            }
            Letter::Answer { step, asked_at, .. } | Letter::Decision { step, asked_at, .. }
                if self.is_of_another(step, *asked_at) =>
            {
                Receipt::Moot(format!("`{step}` has asked anew since; look again"))
            }
            Letter::Answer { step, by, yes, reason, .. } => self.answered(step, (by, *yes, reason), now),
            Letter::Decision { step, by, reason, decision, .. } => self.decided(step, by, reason, decision),
            Letter::Cancel { by, reason } => self.cancelled(by, reason),
        }
    }

    /// A run may end before the step that began it again has journaled that it waits.
    fn returned(&self, step: &str, outcome: &Result<Value, Failure>, length: Option<u64>) -> Receipt {
        let Some(unit) = self.unit_named(step) else { return Receipt::Moot(format!("there is no `{step}`")) };
        let step = step.to_owned();
        match (self.status(unit), outcome) {
            (Status::Waiting { on: On::Run { seen, .. }, .. }, _) if length.is_some_and(|length| length <= *seen) => {
                Receipt::Moot(format!("`{step}` has begun it again since"))
            }
            (Status::Waiting { on: On::Run { .. }, .. }, Ok(output)) => {
                Receipt::Entry(Entry::Arrived { step, output: output.clone() })
            }
            (Status::Waiting { on: On::Run { .. }, .. }, Err(failure)) => {
                Receipt::Entry(Entry::Failed { step, failure: failure.clone() })
            }
            (Status::Done | Status::Skipped | Status::Failed, _) => Receipt::Moot(format!("`{step}` has ended")),
            _ => Receipt::Later,
        }
    }

    /// When a step asked the person who is to answer it or to decide it; nothing where it asks nobody.
    pub fn asked_at(&self, step: &str) -> Option<Timestamp> {
        match self.status(self.unit_named(step)?) {
            Status::Parked { at, .. } | Status::Waiting { since: at, on: On::Approval { .. } } => Some(*at),
            _ => None,
        }
    }

    /// What a person has found out about one question says nothing of the next one.
    fn is_of_another(&self, step: &str, seen: Option<Timestamp>) -> bool {
        seen.is_some_and(|seen| self.asked_at(step).is_some_and(|asked| asked != seen))
    }

    fn waiting(&self, step: &str, take: impl FnOnce(UnitIndex, &On) -> Option<Receipt>) -> Receipt {
        let unit = self.unit_named(step);
        let waiting = unit.and_then(|unit| match self.status(unit) {
            Status::Waiting { on, .. } => take(unit, on),
            _ => None,
        });
        waiting.unwrap_or_else(|| Receipt::Moot(format!("`{step}` does not wait for it")))
    }

    /// Whether a person may say yes or no to a step now.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn may_answer(&self, step: &str, by: &str) -> Result<(), String> {
        let status = self.unit_named(step).map(|unit| self.status(unit));
        let Some(Status::Waiting { on: On::Approval { by: persons, maker, .. }, .. }) = status else {
            return Err(format!("`{step}` asks nobody"));
        };
        if maker.as_deref() == Some(by) {
            return Err(format!("{by} made what is to be approved, so another person must look at it"));
        }
        if !persons.iter().any(|person| person == by) {
            return Err(format!("{by} may not approve this; {} may", persons.join(", ")));
        }
        Ok(())
    }

    fn answered(&self, step: &str, (by, yes, reason): (&str, bool, &str), now: Timestamp) -> Receipt {
        if let Err(why) = self.may_answer(step, by) {
            return Receipt::Moot(why);
        }
        // The question was open until a time; what comes later has no meaning.
        let expired = self.unit_named(step).and_then(|unit| self.late(unit)).is_some_and(|(at, _)| at <= now);
        if expired {
            return Receipt::Moot("the time for an answer is over".to_owned());
        }
        let (step, by, reason) = (step.to_owned(), by.to_owned(), reason.to_owned());
        Receipt::Entry(if yes {
            Entry::Approved { step, by, reason }
        } else {
            Entry::Failed { step, failure: Failure::new(ErrorClass::Declined, format!("{by} said no: {reason}")) }
        })
    }

    fn decided(&self, step: &str, by: &str, reason: &str, decision: &Decision) -> Receipt {
        let parked = self.unit_named(step).is_some_and(|unit| matches!(self.status(unit), Status::Parked { .. }));
        if !parked {
            return Receipt::Moot(format!("`{step}` is not parked"));
        }
        let (step, by, reason) = (step.to_owned(), by.to_owned(), reason.to_owned());
        Receipt::Entry(Entry::Decided { step, by, reason, decision: decision.clone() })
    }

    /// The run that a unit has begun and waits for.
    fn open_run(&self, unit: UnitIndex) -> Option<&str> {
        match self.status(unit) {
            Status::Waiting { on: On::Run { run, .. }, .. } => Some(run),
            _ => None,
        }
    }

    /// Nothing may stay in doubt: a call that is under way is waited for, a parked one is decided first.
    fn cancelled(&self, by: &str, reason: &str) -> Receipt {
        if self.units.iter().any(|unit| matches!(unit.status, Status::Parked { .. })) {
            return Receipt::Moot("a step is parked: `ferry runs decide` comes first".to_owned());
        }
        // Nobody would tell that run, and it would pay on.
        if let Some((unit, run)) = self.units().find_map(|unit| Some((unit, self.open_run(unit)?))) {
            let step = self.unit_id(unit);
            return Receipt::Moot(format!("`{step}` waits for {run}: `ferry runs cancel {run}` comes first"));
        }
        let in_doubt = self.units().any(|unit| self.is_in_doubt(unit));
        if in_doubt && self.guards.has(Guard::Doubt) {
            return Receipt::Later;
        }
        Receipt::Entry(Entry::Cancelled { by: by.to_owned(), reason: reason.to_owned() })
    }
}
