//! What is to be done next: a pure function of where the steps are.

use ferry_contract::failure::{ErrorClass, Failure};
use jiff::{SignedDuration, Timestamp};

use super::{Command, Entry, Run, Status};
use crate::plan::{Reaction, StepIndex, Work};

impl Run {
    /// All open commands, as [`Run::apply`] gave them.
    pub fn commands(&self, now: Timestamp) -> Vec<Command> {
        if self.end.is_some() {
            return Vec::new();
        }
        let failing = self.steps.iter().any(|step| step.status == Status::Failed);
        let open: Vec<Command> = (0..self.steps.len()).filter_map(|step| self.command(step, now)).collect();
        // A question that is still open does not keep a failed run from its end.
        let settled = open.iter().all(|command| matches!(command, Command::Probe { .. }));
        let parked = self.steps.iter().any(|step| matches!(step.status, Status::Parked { .. }));
        let in_doubt = self.steps.iter().any(|step| matches!(step.status, Status::Called { .. }));
        if failing && settled && !parked && !in_doubt {
            return self.dead_letter().into_iter().collect();
        }
        if self.is_complete() {
            return vec![Command::Journal(Entry::Finished)];
        }
        open
    }

    fn command(&self, step: StepIndex, now: Timestamp) -> Option<Command> {
        let id = || self.plan.steps[step].id.clone();
        match &self.steps[step].status {
            Status::Ready if self.starts(step) => Some(Command::Start { step }),
            Status::Retrying { at, .. } => Some(Command::Call { step, at: (*at).max(now) }),
            Status::Unknown { at, .. } => Some(Command::LookUp { step, at: (*at).max(now) }),
            Status::Parking { reason } => Some(Command::Journal(Entry::Parked { step: id(), reason: reason.clone() })),
            Status::Holding { arm } => Some(Command::Hold { step, arm: *arm }),
            Status::Held { arm, since, .. } => self.hold_probe(step, *arm, *since),
            Status::Waiting { since } => self.wait_probe(step, *since),
            Status::Ready
            | Status::Dormant
            | Status::Blocked
            | Status::Called { .. }
            | Status::Parked { .. }
            | Status::Recovering { .. }
            | Status::Done
            | Status::Skipped
            | Status::Failed => None,
        }
    }

    /// A step that was ready when another one failed does not start.
    fn starts(&self, step: StepIndex) -> bool {
        self.plan.steps[step].home.is_some() || self.steps.iter().all(|step| step.status != Status::Failed)
    }

    fn hold_probe(&self, step: StepIndex, arm: usize, since: Timestamp) -> Option<Command> {
        let Reaction::Hold { probe, .. } = &self.plan.steps[step].arms[arm].reaction else { return None };
        let first = since + SignedDuration::try_from(probe.every).unwrap_or_default();
        Some(Command::Probe { step, arm: Some(arm), since: first, every: probe.every, deadline: None })
    }

    fn wait_probe(&self, step: StepIndex, since: Timestamp) -> Option<Command> {
        let Work::Wait { probe, timeout } = &self.plan.steps[step].work else { return None };
        let deadline = since + SignedDuration::try_from(*timeout).unwrap_or_default();
        Some(Command::Probe { step, arm: None, since, every: probe.every, deadline: Some(deadline) })
    }

    fn is_complete(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.status, Status::Done | Status::Skipped | Status::Dormant))
    }

    fn dead_letter(&self) -> Option<Command> {
        let step = self.steps.iter().position(|step| step.status == Status::Failed)?;
        let unexplained = || Failure::new(ErrorClass::Bug, "the step failed without a reason");
        let mut failure = self.steps[step].failure.clone().unwrap_or_else(unexplained);
        let own_arm = |index: &StepIndex| self.plan.steps[*index].home.is_some_and(|(home, _)| home == step);
        let failed = (0..self.steps.len()).filter(own_arm).find(|index| self.steps[*index].status == Status::Failed);
        if let Some(second) = failed.and_then(|index| Some((index, self.steps[index].failure.as_ref()?))) {
            failure.message =
                format!("{} (and then `{}` failed: {})", failure.message, self.plan.steps[second.0].id, second.1);
        }
        Some(Command::Journal(Entry::DeadLettered { step: self.plan.steps[step].id.clone(), failure }))
    }
}
