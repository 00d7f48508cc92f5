//! The calls of a run: whether they may be sent, and whether they arrived. `once` decides; this asks it.

use std::sync::Arc;

use ferry_contract::{
    catalog::{Effect, Lookup, Repeat},
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
    script::Rules,
};
use ferry_core::{
    once::{self, Before, Circumstances, Found, Named},
    plan::Call,
    run::{Entry, On, Run, Status, UnitIndex},
};
use serde_json::{Map, Value};

use super::{
    dispatch::{Outgoing, Sent},
    drive::{ASK_AGAIN, Drive, Performed},
    evaluate::value_of,
    intent::Intent,
    question::bug,
};

/// A call that a unit is about to make.
pub(super) struct Wanted {
    /// Its name, and which generation of it.
    pub(super) key: CallKey,
    pub(super) generation: u32,
    /// Of the input as the pipeline made it.
    pub(super) digest: Digest,
    /// The names that the step's other ways to do the same would have.
    pub(super) others: Vec<CallKey>,
}

impl Drive<'_> {
    pub(super) fn input(&self, unit: UnitIndex) -> Result<Value, Failure> {
        self.driven.with(|run| match run.call(unit) {
            Some(call) => self.engine.value_of(run, unit, &call.with),
            None => Err(bug("only a call is sent")),
        })
    }

    /// Sends a call, unless what the run remembers of it says otherwise.
    pub(super) fn call(&mut self, unit: UnitIndex, input: Value) -> Performed {
        let wanted = match self.driven.with(|run| wanted(&self.engine.rules, run, unit, &input)) {
            Ok(wanted) => wanted,
            Err(failure) => return self.failed(unit, failure),
        };
        let Some(name) = self.driven.with(|run| run.call(unit).map(|call| call.connection.clone())) else {
            return self.failed(unit, bug("only a call is sent"));
        };
        let connection = match self.connection(&name) {
            Ok(connection) => connection,
            Err(failure) => return self.failed(unit, failure),
        };
        let target = connection.identity().clone();
        let (now, doubted_since) = (self.engine.now(), self.engine.member.doubted_since());
        let (id, attempt, before) = self.driven.with(|run| {
            let effect = run.call(unit).map_or(&Effect::Read, |call| &call.effect);
            let (memory, sent) = (run.memory(&wanted.key), (&wanted.digest, &target));
            let circumstances = Circumstances { now, is_replayed: run.is_replayed(), doubted_since };
            let before = once::before_call(run.guards(), effect, memory, sent, circumstances);
            (run.unit_id(unit), run.attempt(unit), before)
        });
        let Wanted { key, generation, digest, others } = wanted;
        // What was absent or refused is not remembered as unknown, so a retry comes out as `Send`.
        match before {
            Before::Send => {}
            Before::Wait => {
                let is_told = self.driven.with(|run| matches!(run.status(unit), Status::Waiting { on: On::Trust, .. }));
                if is_told {
                    return Performed::NotBefore(now + ASK_AGAIN);
                }
                self.journal(Entry::Waiting { step: id, on: On::Trust });
                return Performed::Noted;
            }
            Before::Adopt(output) => return self.noted(Entry::Answered { step: id, output }),
            Before::Confirm => return self.noted(Entry::Doubted { step: id, key }),
            Before::Refuse(reason) => return self.failed(unit, Failure::new(ErrorClass::Conflict, reason)),
            Before::Doubt => {
                let intent = Intent { step: id, attempt, key, digest, target, others };
                let (engine, driven) = (Arc::clone(self.engine), Arc::clone(&self.driven));
                self.effects.push(Box::pin(async move { (unit, engine.doubt(&driven, intent).await) }));
                return Performed::UnderWay;
            }
        }
        let ready = self.driven.with(|run| {
            let call = run.call(unit).ok_or_else(|| bug("only a call is sent"))?;
            let input = match look_up_of(call) {
                Some(look_up) => once::generated(look_up, &input, generation)?,
                None => input,
            };
            let prepared = connection.prepare(&call.action, &input)?.with_key(&key);
            Ok((prepared, call.action.clone(), call.effect.is_write(), reference(call, &input)))
        });
        let (prepared, action, is_write, reference) = match ready {
            Ok(ready) => ready,
            Err(failure) => return self.failed(unit, failure),
        };
        let driven = Arc::clone(&self.driven);
        let intent = Intent { step: id, attempt, key, digest, target, others };
        let outgoing = Outgoing { driven, connection, action, is_write, prepared, intent };
        let engine = Arc::clone(self.engine);
        self.effects.push(Box::pin(async move { (unit, named(engine.send(outgoing).await, reference)) }));
        Performed::UnderWay
    }

    pub(super) fn look_up(&mut self, unit: UnitIndex) -> Performed {
        let found = self.driven.with(|run| {
            let call = run.call(unit)?;
            Some((call.connection.clone(), look_up_of(call)?.clone()))
        });
        let Some((name, look_up)) = found else { return self.failed(unit, bug("this call has no look-up")) };
        let ready = self.input(unit).and_then(|input| {
            let wanted = self.driven.with(|run| wanted(&self.engine.rules, run, unit, &input))?;
            Ok((once::generated(&look_up, &input, wanted.generation)?, self.connection(&name)?))
        });
        let (input, connection) = match ready {
            Ok(ready) => ready,
            // The payment is in doubt still: that it cannot be looked up says nothing about it.
            Err(failure) => return self.looked_up(unit, Found::Failed(failure)),
        };
        let moved = self.driven.with(|run| run.call_target(unit).is_some_and(|target| target != connection.identity()));
        if moved {
            let reason = format!("`{}` leads elsewhere than when it was sent", connection.name);
            return self.looked_up(unit, Found::Differs(reason));
        }
        let (engine, guards, id) = (self.engine, self.engine.guards, self.driven.unit_id(unit));
        let driven = Arc::clone(&self.driven);
        let output = self.driven.with(|run| run.call(unit).and_then(|call| reference(call, &input)));
        self.effects.push(Box::pin(async move {
            let answer = match once::look_up_input(&look_up, &input) {
                Ok(question) => {
                    engine.ask((&driven, &id), &connection, (&look_up.action, Some(look_up.absent)), &question).await
                }
                Err(failure) => Some(Err(failure)),
            };
            let Some(answer) = answer else { return (unit, Ok(None)) };
            let found = once::compare(guards, &look_up, &input, answer);
            let output = Value::Object(output.into_iter().collect());
            (unit, Ok(Some(Entry::LookedUp { step: id, found, output })))
        }));
        Performed::UnderWay
    }

    fn looked_up(&mut self, unit: UnitIndex, found: Found) -> Performed {
        self.noted(Entry::LookedUp { step: self.driven.unit_id(unit), found, output: Value::Object(Map::new()) })
    }
}

/// The name of the call that a unit makes with an input.
pub(super) fn wanted(rules: &Rules, run: &Run, unit: UnitIndex, input: &Value) -> Result<Wanted, Failure> {
    let call = run.call(unit).ok_or_else(|| bug("only a call is sent"))?;
    let digest = Digest::of_value(input);
    let fact = call.once_per.as_ref().map(|fact| value_of(rules, run, unit, fact)).transpose()?;
    let fact = match &fact {
        None => run.event_key().to_owned(),
        Some(Value::String(fact)) if !fact.is_empty() => fact.clone(),
        Some(Value::Number(fact)) => fact.to_string(),
        Some(other) => {
            let message = format!("`once_per` must be a text or a number, and is {other}");
            return Err(Failure::new(ErrorClass::Invalid, message));
        }
    };
    let step = run.unit_id(unit);
    let named = Named { connection: &call.connection, action: &call.action, fact: &fact, step: &step };
    let (key, generation) = once::call_key(named, &call.effect, &digest, run.memories());
    let others = run.step(unit).calls().filter(|other| !std::ptr::eq(*other, call) && other.effect.is_write());
    let name = |other: &Call| {
        let named = Named { connection: &other.connection, action: &other.action, ..named };
        once::call_key(named, &other.effect, &digest, run.memories()).0
    };
    let others = others.map(name).collect();
    Ok(Wanted { key, generation, digest, others })
}

pub(super) fn look_up_of(call: &Call) -> Option<&Lookup> {
    match &call.effect {
        Effect::Write(Repeat::Lookup(look_up)) => Some(look_up),
        Effect::Read | Effect::Write(Repeat::Keyed { .. } | Repeat::Upsert | Repeat::Never) => None,
    }
}

/// The name under which the target has a write that may have several generations: later steps must
/// ask for the one that was sent.
fn reference(call: &Call, input: &Value) -> Option<(String, Value)> {
    let field = &look_up_of(call)?.void.as_ref()?.reference;
    Some((field.clone(), input.get(field)?.clone()))
}

/// Adds the name of the write to its output.
fn named(sent: Sent, reference: Option<(String, Value)>) -> Sent {
    let Some((field, value)) = reference else { return sent };
    sent.map(|entry| match entry {
        Some(Entry::Answered { step, output: Value::Object(mut output) }) => {
            output.insert(field, value);
            Some(Entry::Answered { step, output: Value::Object(output) })
        }
        other => other,
    })
}
