//! What the calls of a plan were promised by their targets: part of its version, and kept with its files.

use std::collections::BTreeMap;

use ferry_contract::catalog::{Effect, Repeat};

use super::{Call, Plan, Reaction, Step, Wait, Work};
use crate::once::Promise;

/// By `connection.action`.
pub type Promises = BTreeMap<String, Promise>;

/// The promises of all calls of steps.
pub(super) fn of(steps: &mut [Step]) -> Promises {
    calls(steps).map(|call| (name(call), Promise::of(&call.effect))).collect()
}

impl Plan {
    /// Makes its calls count on no more than what the version was promised and what the manifests say now.
    /// `effect_now` says that of a call; nothing where its connection or action is not there any more.
    ///
    /// A version without promises is of a ferry that kept none: nothing of its writes is repeated.
    ///
    /// # Errors
    /// Why its runs cannot go on here.
    pub fn hold_to(&mut self, promises: &Promises, effect_now: &dyn Fn(&Call) -> Option<Effect>) -> Result<(), String> {
        for call in calls(&mut self.steps) {
            let now = effect_now(call).ok_or_else(|| format!("there is no `{}` any more", name(call)))?;
            call.effect = match promises.get(&name(call)) {
                Some(promise) => promise.and(&now).map_err(|broken| format!("`{}`: {broken}", name(call)))?,
                None if now.is_write() => Effect::Write(Repeat::Never),
                None => now,
            };
        }
        self.promises = promises.clone();
        Ok(())
    }
}

fn name(call: &Call) -> String {
    format!("{}.{}", call.connection, call.action)
}

/// All calls: those of steps, those that take their place, and those that questions make.
fn calls(steps: &mut [Step]) -> impl Iterator<Item = &mut Call> {
    steps.iter_mut().flat_map(|step| {
        let own: Vec<&mut Call> = match &mut step.work {
            Work::Call(call) => vec![call],
            Work::Wait(Wait::Poll { probe, .. }) => vec![&mut probe.call],
            Work::Reconcile(reconcile) => reconcile.calls_mut().collect(),
            Work::Wait(Wait::For(_) | Wait::Event { .. })
            | Work::Map(_)
            | Work::Script(_)
            | Work::Check(_)
            | Work::Approve(_)
            | Work::Pipeline { .. }
            | Work::Alert { .. }
            | Work::Emit { .. }
            | Work::Link { .. } => Vec::new(),
        };
        let of_arms = step.arms.iter_mut().filter_map(|arm| match &mut arm.reaction {
            Reaction::Fallback(call) => Some(&mut **call),
            Reaction::Hold { probe, .. } => Some(&mut probe.call),
            Reaction::Do { .. } => None,
        });
        own.into_iter().chain(of_arms)
    })
}
