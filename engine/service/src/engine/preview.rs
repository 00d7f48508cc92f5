//! What runs would send, without sending it: reads are live, and a run goes on until something is to be written.
//!
//! The preflight is asked as the engine asks it. Nothing is journaled, and the connections refuse to send what writes.

use std::{collections::BTreeMap, sync::Arc};

use ferry_connectors::{connection::Connection, rendered::Rendered, request::Prepared};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::Digest,
    port::FreePass,
};
use ferry_core::{
    once,
    plan::{Call, Reaction, Step},
    run::{Entry, Run},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    Engine, Fate, Foreseen, LoadedProject,
    calling::{Wanted, look_up_of},
    foresee::Walk,
    gate::Ask,
    question::bug,
    queue::reserved_by_others,
    xref::referenced,
};
use crate::store::{RunId, Store, StoreError};

/// What would come of a run now.
#[derive(Debug)]
pub struct Previewed {
    run: RunId,
    /// Its writes as far as their inputs are known, and what it stops at.
    pub steps: Vec<StepAhead>,
    /// Steps that need what others give first.
    pub then: Vec<String>,
}

/// One step that a run would come to.
#[derive(Debug)]
pub struct StepAhead {
    /// What would become of it.
    pub foreseen: Foreseen,
    /// What it would send, where connections are there to say it.
    pub write: Option<Box<WriteAhead>>,
}

/// A request that was made and not sent.
#[derive(Debug)]
pub struct WriteAhead {
    /// What it would be.
    pub request: Rendered,
    /// It and others of one group may be one request.
    ready: Ready,
    /// The classes of failure on which its step is held.
    holds: Vec<ErrorClass>,
}

/// A call that could be made.
#[derive(Debug)]
pub(super) struct Ready {
    connection: Arc<Connection>,
    action: String,
    prepared: Prepared,
}

/// Where reads are made.
#[derive(Clone, Copy)]
pub(super) struct Live<'a> {
    engine: &'a Engine,
    /// What cross-references are read from.
    known: &'a dyn Store,
    project: &'a LoadedProject,
    pub(super) doubted_since: Option<Timestamp>,
}

impl Engine {
    /// Looks ahead in each run, in the order in which they would go; what is reserved is asked of `known`, as is what the
    /// preflight then leaves to them.
    ///
    /// # Errors
    /// The store's, or where the project is not loaded.
    pub async fn preview(
        &self,
        known: &dyn Store,
        project: &str,
        runs: Vec<Run>,
        doubted_since: Option<Timestamp>,
    ) -> Result<Vec<Previewed>, StoreError> {
        let loaded = self.loaded();
        let missing = || StoreError::Failed(format!("the project `{project}` is not loaded"));
        let project = loaded.project(project).ok_or_else(missing)?;
        let live = Live { engine: self, known, project, doubted_since };
        let mut all = Vec::new();
        for run in runs {
            let id = RunId::of(&run.plan().pipeline, run.event_key());
            let mut walk = Walk::new(&self.rules, run, self.now(), Some(live));
            walk.go().await?;
            all.push(Previewed { run: id, then: walk.then(), steps: walk.found() });
        }
        ask_before(known, &mut all).await?;
        Ok(all)
    }
}

/// A write that would be sent, if the preflight lets it.
struct Asking<'a> {
    run: &'a RunId,
    foreseen: &'a mut Foreseen,
    write: &'a WriteAhead,
}

/// Asks the preflights of all writes that would be sent; what they refuse is not.
async fn ask_before(known: &dyn Store, all: &mut [Previewed]) -> Result<(), StoreError> {
    let mut groups: BTreeMap<(String, String), Vec<Asking<'_>>> = BTreeMap::new();
    for Previewed { run, steps, .. } in all {
        for StepAhead { foreseen, write } in steps {
            if let Some(write) = write.as_deref().filter(|_| foreseen.fate == Fate::Send) {
                let group = (write.ready.connection.name.clone(), write.ready.action.clone());
                groups.entry(group).or_default().push(Asking { run, foreseen, write });
            }
        }
    }
    for ((_, action), writes) in groups {
        let Some(connection) = writes.first().map(|asking| &asking.write.ready.connection) else { continue };
        let prepared: Vec<&Prepared> = writes.iter().map(|asking| &asking.write.ready.prepared).collect();
        let calls = writes.iter().zip(&prepared).map(|(one, call)| (one.run, one.foreseen.step.as_str(), *call));
        let reserved = reserved_by_others(known, (connection, &action), &calls.collect::<Vec<_>>()).await?;
        let refused = connection.preflight(&FreePass, &action, &prepared, reserved).await;
        for (Asking { foreseen, write, .. }, failure) in writes.into_iter().zip(refused) {
            let Some(failure) = failure else { continue };
            foreseen.fate = if write.holds.contains(&failure.class) { Fate::Held } else { Fate::Refused };
            foreseen.why = Some(failure.to_string());
        }
    }
    Ok(())
}

impl Previewed {
    /// How many requests the writes that would be sent are, by connection: those of one group travel together.
    pub fn requests<'a>(all: impl IntoIterator<Item = &'a Self>) -> BTreeMap<String, usize> {
        let mut groups: BTreeMap<(String, String, String), (usize, usize)> = BTreeMap::new();
        let sent = all.into_iter().flat_map(|one| &one.steps).filter(|step| step.foreseen.fate == Fate::Send);
        for Ready { connection, action, prepared } in sent.filter_map(|step| Some(&step.write.as_deref()?.ready)) {
            let bundle = connection.action(action).ok().and_then(|call| call.bundle.as_ref());
            let max = bundle.map_or(1, |bundle| bundle.max.max(1));
            let group = (connection.name.clone(), action.clone(), prepared.group.as_str().to_owned());
            groups.entry(group).or_insert((0, max)).0 += 1;
        }
        let mut requests = BTreeMap::new();
        for ((connection, ..), (calls, max)) in groups {
            *requests.entry(connection).or_default() += calls.div_ceil(max);
        }
        requests
    }
}

impl WriteAhead {
    /// Makes the request of a step's call.
    pub(super) async fn new(ready: Ready, step: &Step) -> Result<Self, Failure> {
        let request = ready.connection.rendered(&FreePass, &ready.action, &ready.prepared).await?;
        let arms = step.arms.iter().filter(|arm| matches!(arm.reaction, Reaction::Hold { .. }));
        let holds = arms.flat_map(|arm| arm.classes.clone()).collect();
        Ok(Self { request, ready, holds })
    }
}

impl Ready {
    /// Where it leads.
    pub(super) fn target(&self) -> &Digest {
        self.connection.identity()
    }
}

impl Live<'_> {
    /// The call that a unit would make.
    pub(super) fn ready(&self, call: &Call, input: &Value, wanted: &Wanted) -> Result<Ready, Failure> {
        let missing = || Failure::new(ErrorClass::Config, format!("there is no connection `{}`", call.connection));
        let connection = Arc::clone(self.project.connections.get(&call.connection).ok_or_else(missing)?);
        let input = match look_up_of(call) {
            Some(look_up) => once::generated(look_up, input, wanted.generation)?,
            None => input.clone(),
        };
        let prepared = connection.prepare(&call.action, &input)?.with_key(&wanted.key);
        Ok(Ready { connection, action: call.action.clone(), prepared })
    }

    /// A read through the gate, once: what does not answer now may do so when the run is made. What was not let through
    /// was not sent.
    pub(super) async fn read(&self, run: &Run, ready: &Ready) -> Result<Result<Value, Failure>, Failure> {
        let Ready { connection, action, prepared } = ready;
        let hosts = connection.hosts_of(action);
        let ask = Ask { pipeline: &run.plan().pipeline, hosts: &hosts, is_write: false, seed: run.event_key() };
        let closed = |until| Failure::new(ErrorClass::Unavailable, format!("it takes no call before {until}"));
        let pass = self.engine.gates.of(connection).admit(ask).await.map_err(closed)?;
        let answer = connection.send(&pass, action, &[prepared]).await.pop();
        Ok(answer.unwrap_or_else(|| Err(bug("a call without a result"))))
    }

    /// The entry with pairs of cross-references that a step sees.
    pub(super) async fn pairs(&self, step: String, wanted: Vec<(String, String)>) -> Result<Entry, StoreError> {
        referenced(self.known, &self.project.name, step, wanted).await
    }
}
