//! What happens on some classes of failure, and questions.

use ferry_contract::{
    catalog::{Effect, Repeat},
    failure::ErrorClass,
    report::Spanned,
};

use super::{Builder, Roots, Scope};
use crate::{
    language,
    plan::{Arm, Call, Probe, Reaction, StepIndex},
};

impl Builder<'_> {
    /// `seen` is what the arm's values may read, and the names of an item among it.
    pub(super) fn arm(
        &mut self,
        arm: &language::Arm,
        step: &language::Step,
        place: (StepIndex, usize),
        seen: (&Scope<'_>, &[&str]),
    ) -> Option<Arm> {
        let (scope, items) = seen;
        let reaction = match &arm.reaction {
            language::Reaction::Hold { what, probe, alert } => {
                let until = scope.with(&[Roots::IN_PROBE, Roots::IN_HOLD]);
                let (what, probe) = (self.expression(what, scope), self.probe(probe, scope, &until));
                let alert = alert.as_ref().map(|alert| alert.value.clone());
                Reaction::Hold { what: what?, probe: Box::new(probe?), alert }
            }
            language::Reaction::Fallback { action, with } => {
                let own = match &step.work {
                    language::Work::Action { with, .. } => with.as_ref(),
                    _ => None,
                };
                let call = self.call(action, with.as_ref().or(own), scope)?;
                self.may_fall_back(action, &call, (arm, step));
                // One fact is paid once, whichever way it goes.
                let once_per = step.once_per.as_ref().map(|key| self.expression(key, scope));
                let once_per = once_per.map_or(Some(None), |key| key.map(Some))?;
                Reaction::Fallback(Box::new(Call { once_per, ..call }))
            }
            language::Reaction::Do { steps, then } => {
                Reaction::Do { steps: self.steps(steps, Some(place), items)?, then: *then }
            }
        };
        let classes = arm.classes.iter().map(|class| class.value).collect();
        Some(Arm { classes, retry: arm.retry.clone(), reaction })
    }

    /// Where a second way of writing could not be told from the first, both might be taken.
    fn may_fall_back(&mut self, action: &Spanned<String>, call: &Call, (arm, step): (&language::Arm, &language::Step)) {
        if !matches!(step.work, language::Work::Action { .. }) {
            let message = format!("`{}` takes the place of a call, and `{}` makes none", action.value, step.id.value);
            let help = "write it beside an `action`, or in the steps of a `do`";
            self.report.error("write-in-question", action.at, message, help);
        }
        let proves_nothing = |class: &&Spanned<ErrorClass>| {
            matches!(class.value, ErrorClass::Unknown | ErrorClass::Conflict) && call.effect.is_write()
        };
        if let Some(class) = arm.classes.iter().find(proves_nothing) {
            let message = format!(
                "`{}` says that the call may have been done, so that `{}` would do it a second time",
                class.value, action.value
            );
            let help = "leave it to the look-up and to a person, or fall back on `unavailable` and `throttled`";
            self.report.error("write-in-question", class.at, message, help);
        }
        let may = matches!(call.effect, Effect::Read | Effect::Write(Repeat::Lookup(_)));
        if !may {
            let message = format!("`{}` writes, and nothing can look up whether it has", action.value);
            let help = "fall back to an action that reads, or to a write that is looked up";
            self.report.error("write-in-question", action.at, message, help);
        }
    }

    pub(super) fn probe(&mut self, probe: &language::Probe, scope: &Scope<'_>, until: &Scope<'_>) -> Option<Probe> {
        let call = self.call(&probe.action, probe.with.as_ref(), scope);
        let until = self.condition(&probe.until, until);
        let call = call?;
        if call.effect.is_write() {
            let message = format!("`{}` writes, and a question is asked again and again", probe.action.value);
            self.report.error("write-in-question", probe.action.at, message, "ask with an action that only reads");
        }
        Some(Probe { call, every: probe.every, until: until? })
    }
}
