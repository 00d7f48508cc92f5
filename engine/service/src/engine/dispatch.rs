//! Calls on their way out: alone, or gathered from many runs into one request.
//!
//! Every write goes the same way: gathered, asked for (preflight), claimed and journaled as `Called`
//! in one transaction with its bundle, and only then sent.

mod gather;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use ferry_connectors::{
    connection::Connection,
    request::{Gate as SendingRight, Prepared},
};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::Digest,
};
use ferry_core::{once::Guard, run::Entry};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, Notify, oneshot};

use super::{
    Engine, bound,
    gate::{Ask, Gate, Pass},
    intent::{Intent, taken_by},
    journal::{Driven, Shared},
    locked,
    queue::reserved_by_others,
    taken::Taken,
};
use crate::store::{EngineId, StoreError};

/// One call that is about to be sent.
pub(super) struct Outgoing {
    pub(super) driven: Shared,
    pub(super) connection: Arc<Connection>,
    pub(super) action: String,
    pub(super) is_write: bool,
    pub(super) prepared: Prepared,
    pub(super) intent: Intent,
}

/// Gathers calls.
#[derive(Default)]
pub(super) struct Dispatcher {
    gathering: Mutex<HashMap<GroupKey, Arc<Gathering>>>,
    /// One bundle at a time of each action: what is asked before it must still hold when it is sent.
    turns: Mutex<HashMap<(Digest, String), TurnHere>>,
    pub(super) taken: Mutex<Taken>,
}

/// Held by whoever has the turn in this process.
type TurnHere = Arc<AsyncMutex<()>>;
/// Where the connection leads, because two projects may give two of them one name; the action; and what calls must share.
type GroupKey = (Digest, String, Digest);

/// A group that still takes members; whoever opened it holds it too, and sends it.
#[derive(Default)]
struct Gathering {
    members: Mutex<Vec<Member>>,
    full: Notify,
}

struct Member {
    outgoing: Outgoing,
    reply: oneshot::Sender<Sent>,
}

/// What a call got. Nothing where the engine stops, or the gate holds it back: it was not sent. An error where its intent is
/// not durable, or its run was given up: it was not sent either, and the run in memory is not what is
/// on disk.
pub(super) type Sent = Result<Option<Entry>, StoreError>;

impl Engine {
    /// Sends a call, alone or with others.
    pub(super) async fn send(self: Arc<Self>, outgoing: Outgoing) -> Sent {
        if !outgoing.is_write {
            return Ok(self.read(outgoing).await);
        }
        if let Some(taken) = self.taken(&outgoing.driven, &outgoing.intent) {
            return Ok(Some(taken));
        }
        let bundle = outgoing.connection.action(&outgoing.action).ok().and_then(|call| call.bundle.as_ref());
        match bundle.map(|bundle| (bundle.max, bundle.within)) {
            Some(bundle) => self.gather(outgoing, bundle).await,
            None => self.send_bundle(vec![Arc::new(outgoing)]).await.pop().unwrap_or(Ok(None)),
        }
    }

    /// Asks a question of a connection; nothing where the gate holds the step back. A look-up says by which class the
    /// target tells that there is nothing.
    pub(super) async fn ask(
        &self,
        (driven, step): (&Driven, &str),
        connection: &Connection,
        (action, absent): (&str, Option<ErrorClass>),
        input: &Value,
    ) -> Option<Result<Value, Failure>> {
        let prepared = match connection.prepare(action, input) {
            Ok(prepared) => prepared,
            Err(failure) => return Some(Err(failure)),
        };
        let gate = self.gates.of(connection);
        let (hosts, pipeline) = (connection.hosts_of(action), driven.pipeline());
        let ask = Ask { pipeline: &pipeline, hosts: &hosts, is_write: false, seed: driven.id.as_str() };
        let pass = admitted(&gate, ask, &[(driven, step)]).await?;
        let none = || Err(Failure::new(ErrorClass::Bug, "a call without a result"));
        let answer = match absent {
            Some(absent) => connection.look_up(&pass, action, &prepared, absent).await,
            None => connection.send(&pass, action, &[&prepared]).await.pop().unwrap_or_else(none),
        };
        // A look-up needs the answer of each address, so one that is closed holds it back as if it were the only one.
        let each: Vec<_> = hosts.iter().flatten().map(|address| vec![address.clone()]).collect();
        let needed = if absent.is_some() { Ask { hosts: &each, ..ask } } else { ask };
        match answer {
            // The circuit is open: this says nothing about what was asked.
            Err(failure) if was_not_well(&failure) && held_back(&gate, needed, &[(driven, step)]) => None,
            answer => Some(answer),
        }
    }

    /// A read needs no durable intent: a repeat is harmless.
    async fn read(&self, outgoing: Outgoing) -> Option<Entry> {
        let gate = self.gates.of(&outgoing.connection);
        let hosts = outgoing.connection.hosts_of(&outgoing.action);
        let pass = admitted(&gate, outgoing.ask(&outgoing.driven.pipeline(), &hosts), &[outgoing.place()]).await?;
        self.note(&outgoing.driven, outgoing.intent.called(pass.is_probe()));
        let result = outgoing.connection.send(&pass, &outgoing.action, &[&outgoing.prepared]).await.pop();
        Some(entry(outgoing.intent.step.clone(), result.map(|result| result.and_then(bound::read))))
    }

    /// The first of a group opens it; a task of its own, which no run can take down, sends it.
    async fn gather(self: Arc<Self>, outgoing: Outgoing, (max, within): (usize, std::time::Duration)) -> Sent {
        let Outgoing { intent, action, prepared, .. } = &outgoing;
        let key = (intent.target.clone(), action.clone(), prepared.group.clone());
        let (reply, part) = oneshot::channel();
        if let Some(group) = self.dispatcher.join(&key, Member { outgoing, reply }, max) {
            let engine = Arc::clone(&self);
            self.tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = engine.clock.sleep(within) => {}
                    () = group.full.notified() => {}
                    () = engine.stop.cancelled() => {}
                }
                engine.send_group(&key, &group).await;
            });
        }
        part.await.unwrap_or_else(|_| Err(StoreError::Failed("the bundle was lost".to_owned())))
    }

    async fn send_group(self: &Arc<Self>, key: &GroupKey, group: &Arc<Gathering>) {
        self.dispatcher.close(key, group);
        let members = std::mem::take(&mut *locked(&group.members));
        let (calls, replies): (Vec<_>, Vec<_>) =
            members.into_iter().map(|member| (Arc::new(member.outgoing), member.reply)).unzip();
        for (sent, reply) in self.send_bundle(calls).await.into_iter().zip(replies) {
            // A run that no longer waits finds its call in the journal.
            let _ = reply.send(sent);
        }
    }

    /// What each call got, in order. A call that need not wait for anything else has its intent on the way to
    /// the disk when this is polled once.
    async fn send_bundle(self: &Arc<Self>, calls: Vec<Arc<Outgoing>>) -> Vec<Sent> {
        let Some(first) = calls.first() else { return Vec::new() };
        let (connection, action) = (Arc::clone(&first.connection), first.action.clone());
        let turn = self.dispatcher.turn(&connection, &action);
        let gate = self.gates.of(&connection);
        let (pipeline, hosts) = (first.driven.pipeline(), connection.hosts_of(&action));
        let ask = first.ask(&pipeline, &hosts);
        let places: Vec<_> = calls.iter().map(|call| call.place()).collect();
        let passed = match &turn {
            Some(turn) => self.in_turn(turn, &gate, (ask, calls.len())).await,
            None => gate.admit(ask).await.map(|pass| (None, None, pass)),
        };
        let (_here, held, pass) = match passed {
            Ok(passed) => passed,
            Err(until) => {
                hold_back(&places, until);
                return calls.iter().map(|_| Ok(None)).collect();
            }
        };
        let sent = self.send_passed((&gate, ask, pass), (&connection, &action), &calls).await;
        if let Some(held) = held {
            let engine = Arc::clone(self);
            self.tasks.spawn(async move { engine.give_back(held).await });
        }
        sent
    }

    /// Asks what must be asked, and sends what may go.
    async fn send_passed(
        self: &Arc<Self>,
        (gate, ask, pass): (&Gate, Ask<'_>, Pass),
        (connection, action): (&Arc<Connection>, &str),
        calls: &[Arc<Outgoing>],
    ) -> Vec<Sent> {
        let prepared: Vec<&Prepared> = calls.iter().map(|call| &call.prepared).collect();
        let places: Vec<_> =
            calls.iter().map(|call| (&call.driven.id, call.intent.step.as_str(), &call.prepared)).collect();
        let reserved = match reserved_by_others(&*self.store, (connection, action), &places).await {
            Ok(reserved) => reserved,
            Err(error) => return calls.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut refused = connection.preflight(&pass, action, &prepared, reserved).await.into_iter();
        let mut sent: Vec<Sent> = Vec::new();
        let mut going: Vec<usize> = Vec::new();
        for (index, call) in calls.iter().enumerate() {
            let other = going.iter().map(|index| &calls[*index]).find(|other| other.intent.key == call.intent.key);
            let other = other.filter(|_| self.guards.has(Guard::Claim));
            sent.push(Ok(match (refused.next().flatten(), other) {
                (Some(failure), _) if was_not_well(&failure) && held_back(gate, ask, &[call.place()]) => None,
                (Some(failure), _) => Some(Entry::Failed { step: call.intent.step.clone(), failure }),
                (None, Some(other)) => Some(taken_by(call.intent.step.clone(), other.driven.id.as_str())),
                (None, None) => {
                    going.push(index);
                    None
                }
            }));
        }
        let calls: Vec<Arc<Outgoing>> = going.iter().map(|index| Arc::clone(&calls[*index])).collect();
        for (index, result) in
            going.into_iter().zip(self.send_claimed((Arc::clone(connection), pass), action.to_owned(), calls).await)
        {
            sent[index] = result;
        }
        sent
    }

    /// Makes the intent of all calls durable, then sends them as one request.
    async fn send_claimed(
        self: &Arc<Self>,
        (connection, pass): (Arc<Connection>, Pass),
        action: String,
        calls: Vec<Arc<Outgoing>>,
    ) -> Vec<Sent> {
        if calls.is_empty() || self.stop.is_cancelled() {
            return calls.iter().map(|_| Ok(None)).collect();
        }
        // Before the intent: time that passes from here on is time in which the lease may end.
        let spell = self.member.spell();
        let recorded = match self.intend(&calls, pass.is_probe()).await {
            Ok(recorded) => recorded,
            Err(error) => return calls.iter().map(|_| Err(error.clone())).collect(),
        };
        let going = calls.iter().zip(&recorded).filter(|(_, recorded)| **recorded);
        let going: Vec<Arc<Outgoing>> = going.map(|(call, _)| Arc::clone(call)).collect();
        // In a task of its own: a request that its run's task held would stand still while that waits for the
        // disk, and its bytes would leave long after the lease was checked.
        let engine = Arc::clone(self);
        let sending = async move { engine.send_in_time(&connection, (&pass, &action), &going, spell).await };
        let Ok(results) = self.tasks.spawn(sending).await else {
            let lost = || Err(StoreError::Failed("the call was lost".to_owned()));
            return calls.iter().map(|_| lost()).collect();
        };
        let mut results = results.into_iter();
        let result = |(call, recorded): (&Arc<Outgoing>, bool)| {
            let fenced = || StoreError::Fenced(call.driven.id.to_string());
            if recorded { Ok(Some(entry(call.intent.step.clone(), results.next()))) } else { Err(fenced()) }
        };
        calls.iter().zip(recorded).map(result).collect()
    }
}

impl Outgoing {
    fn ask<'a>(&'a self, pipeline: &'a str, hosts: &'a [Vec<String>]) -> Ask<'a> {
        Ask { pipeline, hosts, is_write: self.is_write, seed: self.driven.id.as_str() }
    }

    fn place(&self) -> (&Driven, &str) {
        (&self.driven, &self.intent.step)
    }
}

/// The pass of a call, or of a bundle; nothing where all its steps are held back.
async fn admitted(gate: &Arc<Gate>, ask: Ask<'_>, places: &[(&Driven, &str)]) -> Option<Pass> {
    match gate.admit(ask).await {
        Ok(pass) => Some(pass),
        Err(until) => {
            hold_back(places, until);
            None
        }
    }
}

fn hold_back(places: &[(&Driven, &str)], until: Timestamp) {
    places.iter().for_each(|(driven, step)| driven.hold_back(step, until));
}

/// Holds steps back where the gate is closed by now.
fn held_back(gate: &Gate, ask: Ask<'_>, places: &[(&Driven, &str)]) -> bool {
    let until = gate.closed_until(ask);
    until.into_iter().for_each(|until| hold_back(places, until));
    until.is_some()
}

/// Whether a failure is the target's, and says nothing about the call.
fn was_not_well(failure: &Failure) -> bool {
    match failure.class {
        ErrorClass::Throttled | ErrorClass::Unavailable | ErrorClass::Unknown => true,
        ErrorClass::Config
        | ErrorClass::Auth
        | ErrorClass::Invalid
        | ErrorClass::Rejected
        | ErrorClass::Declined
        | ErrorClass::NotFound
        | ErrorClass::Conflict
        | ErrorClass::InsufficientFunds
        | ErrorClass::Bug => false,
    }
}

impl Engine {
    /// Sends while the lease of these calls lasts. Once it has ended, others may have taken the runs up and
    /// looked in vain for what would be sent now; what a slow connection still delivers within the call's
    /// time-out comes before they look, because `visible_after` is longer than time-out and lease. That nothing
    /// was sent is what these calls got then; the store takes it only from an engine that still has their runs.
    async fn send_in_time(
        &self,
        connection: &Connection,
        (pass, action): (&Pass, &str),
        calls: &[Arc<Outgoing>],
        spell: u64,
    ) -> Vec<Result<Value, Failure>> {
        let Some(first) = calls.first() else { return Vec::new() };
        let engines: Vec<EngineId> = calls.iter().map(|call| call.driven.engine.clone()).collect();
        let (member, guards) = (Arc::clone(&self.member), self.guards);
        let may_send = move || {
            let in_time = member.spell() == spell && engines.iter().all(|engine| member.may_write(engine));
            in_time || !guards.has(Guard::Fence)
        };
        let first = first.prepared.clone().while_open(SendingRight::new(may_send));
        let others = calls.iter().skip(1).map(|call| &call.prepared);
        let prepared: Vec<&Prepared> = std::iter::once(&first).chain(others).collect();
        let results = connection.send(pass, action, &prepared).await.into_iter();
        let results = results.map(|result| result.and_then(bound::written));
        results.map(|result| result.map_err(|failure| self.settled_alone(failure, calls.len()))).collect()
    }

    /// An unknown outcome of a bundle is that of each of its calls, which are settled item by item. Without
    /// the guard, the bundle would go again whole.
    fn settled_alone(&self, failure: Failure, calls: usize) -> Failure {
        let resends = calls > 1 && failure.class == ErrorClass::Unknown && !self.guards.has(Guard::Items);
        let class = if resends { ErrorClass::Unavailable } else { failure.class };
        Failure { class, ..failure }
    }
}

fn entry(step: String, result: Option<Result<Value, Failure>>) -> Entry {
    match result {
        Some(Ok(output)) => Entry::Answered { step, output },
        Some(Err(failure)) => Entry::Failed { step, failure },
        None => Entry::Failed { step, failure: Failure::new(ErrorClass::Bug, "a call without a result") },
    }
}
