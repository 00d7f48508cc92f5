//! What the targets of a run answered, and what persons and others did, as its journal tells it.

use std::collections::BTreeMap;

use ferry_connectors::manifest::{Call as ManifestCall, Preflight, PreflightRule};
use ferry_contract::{
    catalog::{Action, Effect, Lookup, Repeat},
    failure::{ErrorClass, Failure},
    path::Document,
    schema::{Kind, Schema},
    script::Named,
};
use ferry_core::{
    once::{Found, Guards},
    plan::{Call, Plan, Reaction, Wait, Work},
    run::{Decision, Entry, On, Run, Status, UnitIndex},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::masked::Masked;
use crate::{
    store::{RunId, StoredRun},
    testing::Stage,
};

/// Enough money for any test.
const PLENTY: u64 = 1_000_000;

/// What an answer that no journal has is made of, beside what the input has of the same name, and examples.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Made {
    /// Enough of every number.
    Plenty,
    /// None of any number.
    Nothing,
    /// Enough, and other texts than the input's.
    Other,
}

/// The answers of a run and of those that it has begun.
pub(super) struct Answers<'a> {
    stage: &'a Stage<'a>,
    pub(super) mask: &'a Masked,
    /// By action, in order.
    answers: BTreeMap<String, Vec<Value>>,
    /// Writes that were sent, and how often.
    pub(super) writes: BTreeMap<String, usize>,
    /// What persons and others did: `approvals`, `decisions`, `events`.
    pub(super) acts: BTreeMap<&'static str, Vec<Value>>,
    begun: Vec<RunId>,
    /// Since when steps wait.
    since: BTreeMap<String, Timestamp>,
    began: Timestamp,
}

/// Where the fold stands when an entry comes.
struct Moment<'a> {
    run: &'a Run,
    unit: UnitIndex,
    at: Timestamp,
}

impl<'a> Answers<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, mask: &'a Masked) -> Self {
        Self {
            stage,
            mask,
            answers: BTreeMap::new(),
            writes: BTreeMap::new(),
            acts: BTreeMap::new(),
            begun: Vec::new(),
            since: BTreeMap::new(),
            began: Timestamp::UNIX_EPOCH,
        }
    }

    /// The mocks of a test.
    pub(super) fn mocks(&self) -> Value {
        let one_or_all = |answers: &Vec<Value>| match answers.as_slice() {
            [one] => one.clone(),
            all => Value::from(all.to_vec()),
        };
        self.answers.iter().map(|(action, answers)| (action.clone(), one_or_all(answers))).collect::<Map<_, _>>().into()
    }

    /// The runs that were begun since this was asked last.
    pub(super) fn begun(&mut self) -> Vec<RunId> {
        std::mem::take(&mut self.begun)
    }

    /// Takes a journal.
    pub(super) fn take(&mut self, plan: &std::sync::Arc<Plan>, stored: &StoredRun) {
        let mut run = Run::new(std::sync::Arc::clone(plan), stored.row.event_key.clone(), Guards::ALL);
        if self.began == Timestamp::UNIX_EPOCH {
            self.began = stored.journal.first().map_or(self.began, |(at, _)| *at);
        }
        for (at, entry) in &stored.journal {
            if let Some(unit) = entry.step().and_then(|id| run.unit_named(id)) {
                self.entry(&Moment { run: &run, unit, at: *at }, entry);
            }
            run.take(*at, entry);
        }
        for unit in run.units() {
            self.in_vain(&Moment { run: &run, unit, at: stored.row.updated_at });
        }
    }

    fn entry(&mut self, moment: &Moment<'_>, entry: &Entry) {
        match entry {
            Entry::Called { .. } => self.called(moment),
            Entry::Answered { output, .. } => {
                moment.run.call(moment.unit).into_iter().for_each(|call| self.gives(call, &returns(output)));
            }
            Entry::Failed { failure, .. } => self.failed(moment, failure),
            Entry::LookedUp { found, .. } => self.looked_up(moment, found),
            Entry::Waiting { step, on } => {
                self.since.insert(step.clone(), moment.at);
                if let On::Run { run, .. } = on {
                    self.begun.push(RunId::named(run.as_str()));
                }
            }
            Entry::Arrived { output, .. } => self.arrived(moment, output),
            Entry::Approved { step, by, reason } => self.said(moment, (step, by, reason), true),
            Entry::Decided { step, by, decision, .. } => {
                let (word, output) = match decision {
                    Decision::Done(output) => ("done", Some(self.mask.value(output))),
                    Decision::NotDone => ("not_done", None),
                    Decision::GiveUp => ("give_up", None),
                };
                let mut act = json!({ "step": step, "by": by, "decision": word });
                output.into_iter().for_each(|output| act["output"] = output);
                self.acts.entry("decisions").or_default().push(act);
            }
            Entry::Held { .. } => self.question(moment, Made::Nothing),
            Entry::Released { .. } => self.question(moment, Made::Plenty),
            Entry::Skipped { .. } => self.in_vain(moment),
            _ => {}
        }
    }

    fn push(&mut self, action: String, answer: Value) {
        let answers = self.answers.entry(action).or_default();
        // The last one stays, so that the same again says nothing.
        if answers.last() != Some(&answer) {
            answers.push(answer);
        }
    }

    fn gives(&mut self, call: &Call, answer: &Value) {
        self.push(format!("{}.{}", call.connection, call.action), self.mask.value(answer));
    }

    /// A write was sent: what was asked before it said yes.
    fn called(&mut self, moment: &Moment<'_>) {
        let Some(call) = moment.run.call(moment.unit) else { return };
        if call.effect.is_write() {
            *self.writes.entry(format!("{}.{}", call.connection, call.action)).or_default() += 1;
        }
        self.asked_before(moment, call, None);
    }

    fn failed(&mut self, moment: &Moment<'_>, failure: &Failure) {
        let step = moment.run.unit_id(moment.unit);
        match (moment.run.status(moment.unit), moment.run.call(moment.unit)) {
            (Status::Called { .. }, Some(call)) => self.gives(call, &fails(failure, self.mask)),
            (Status::Waiting { on: On::Approval { .. }, .. }, _) => {
                if let Some((by, reason)) = failure.message.split_once(" said no: ") {
                    self.said(moment, (&step, by, reason), false);
                }
            }
            (_, Some(call)) => self.asked_before(moment, call, Some(failure)),
            _ => self.in_vain(moment),
        }
    }

    /// The question before a write: it was answered so that the write could go, or could not for that reason.
    fn asked_before(&mut self, moment: &Moment<'_>, call: &Call, refused: Option<&Failure>) {
        let Some(question) = self.manifest(call).and_then(|known| known.preflight.as_ref()) else { return };
        let input = self.input(moment, call);
        let made = [Made::Plenty, Made::Nothing, Made::Other].into_iter();
        let mut answers = made.filter_map(|made| self.made_up(&call.connection, &question.action, &input, made));
        let fits = |answer: &Value| self.refusal(question, &input, answer) == refused.map(|refused| &refused.message);
        let action = format!("{}.{}", call.connection, question.action);
        if let Some(answer) = answers.find(fits) {
            self.push(action, returns(&answer));
        }
    }

    /// What the first rule says that an answer does not pass.
    fn refusal<'q>(&self, question: &'q Preflight, input: &Value, answer: &Value) -> Option<&'q String> {
        let amount = question.sums.one(Document::Value(input)).ok()?;
        let names = [("result", answer), ("input", input), ("total", amount)];
        let rules = &self.stage.project.library.rules;
        let passes = |rule: &&PreflightRule| rule.passes.test(rules, &Named(&names)).unwrap_or(false);
        question.rules.iter().find(|rule| !passes(rule)).map(|rule| &rule.message)
    }

    /// A step that waited for an answer, and went on without: it was asked, and there was none yet.
    fn in_vain(&mut self, moment: &Moment<'_>) {
        if let (Status::Waiting { on: On::Answer { .. }, .. }, Work::Wait(Wait::Poll { probe, .. })) =
            (moment.run.status(moment.unit), &moment.run.step(moment.unit).work)
        {
            self.gives(&probe.call, &json!({ "fail": ErrorClass::NotFound.name() }));
        }
    }

    /// The question of a hold.
    fn question(&mut self, moment: &Moment<'_>, made: Made) {
        let step = moment.run.step(moment.unit);
        let holds = step.arms.iter().find_map(|arm| match &arm.reaction {
            Reaction::Hold { probe, .. } => Some(&probe.call),
            Reaction::Fallback(_) | Reaction::Do { .. } => None,
        });
        let Some(call) = holds else { return };
        let input = moment.run.call(moment.unit).map_or(Value::Null, |own| self.input(moment, own));
        let answer = self.made_up(&call.connection, &call.action, &input, made);
        answer.into_iter().for_each(|answer| self.gives(call, &returns(&answer)));
    }

    fn arrived(&mut self, moment: &Moment<'_>, output: &Value) {
        match &moment.run.step(moment.unit).work {
            Work::Wait(Wait::Poll { probe, .. }) => self.gives(&probe.call, &returns(output)),
            Work::Wait(Wait::Event { event, .. }) => {
                let after = after(self.began, moment.at);
                let act = json!({ "event": event.event, "data": self.mask.value(output), "after": after });
                self.acts.entry("events").or_default().push(act);
            }
            _ => {}
        }
    }

    fn said(&mut self, moment: &Moment<'_>, (step, by, reason): (&str, &str, &str), yes: bool) {
        let decision = if yes { "approve" } else { "reject" };
        let after = self.since.get(step).map_or_else(|| "0s".to_owned(), |since| after(*since, moment.at));
        let act =
            json!({ "step": step, "by": by, "decision": decision, "reason": self.mask.text(reason), "after": after });
        self.acts.entry("approvals").or_default().push(act);
    }

    fn looked_up(&mut self, moment: &Moment<'_>, found: &Found) {
        let Some(call) = moment.run.call(moment.unit) else { return };
        let Effect::Write(Repeat::Lookup(look_up)) = &call.effect else { return };
        let input = self.input(moment, call);
        let answer = match found {
            Found::Agrees | Found::Void(_) | Found::Differs(_) => {
                let Some(seen) = self.seen(call, look_up, &input, found) else { return };
                returns(&seen)
            }
            Found::Absent | Found::NotSeen => json!({ "fail": look_up.absent.name() }),
            Found::Failed(failure) => fails(failure, self.mask),
        };
        self.push(format!("{}.{}", call.connection, look_up.action), self.mask.value(&answer));
    }

    /// What a look-up saw: the fields that were compared, as what was found says, and examples of the others.
    fn seen(&self, call: &Call, look_up: &Lookup, input: &Value, found: &Found) -> Option<Value> {
        let mut seen = self.made_up(&call.connection, &look_up.action, input, Made::Plenty)?;
        for (field, path) in &look_up.found {
            seen[field] = path.one(Document::Value(input)).cloned().unwrap_or_default();
        }
        match (found, &look_up.void) {
            (Found::Void(_), Some(void)) => seen[&void.field] = void.values.first().cloned().unwrap_or_default(),
            (Found::Differs(_), _) => {
                // The text names the field, the value there, and the one that was to be.
                let (field, _) = look_up.found.first()?;
                seen[field] = match &seen[field] {
                    Value::Number(_) => json!(0),
                    _ => json!("something else"),
                };
            }
            _ => {}
        }
        Some(seen)
    }

    fn manifest(&self, call: &Call) -> Option<&ManifestCall> {
        self.stage.project.library.manifests.get(&self.connector(&call.connection)?)?.calls.get(&call.action)
    }

    fn connector(&self, connection: &str) -> Option<String> {
        let project = self.stage.project.checked.project.as_ref()?;
        Some(project.connections.get(connection)?.connector.value.clone())
    }

    /// The input of a call, as the run made it.
    fn input(&self, moment: &Moment<'_>, call: &Call) -> Value {
        let (error, reader) = (moment.run.error_of(moment.unit), moment.run.reader(moment.unit));
        let document = moment.run.document(moment.unit, error.as_ref()).with_pairs(&reader);
        call.with.eval(document.scope(&self.stage.rules)).unwrap_or_default()
    }

    /// An output that an action might give.
    fn made_up(&self, connection: &str, action: &str, input: &Value, made: Made) -> Option<Value> {
        let manifest = self.stage.project.library.manifests.get(&self.connector(connection)?)?;
        let action: &Action = manifest.connector.actions.get(action)?;
        let field = |name: &String| {
            let schema = action.output.property(name)?;
            Some((name.clone(), made_up(schema, name, input, made)))
        };
        Some(action.output.required.iter().filter_map(field).collect::<Map<_, _>>().into())
    }
}

fn made_up(schema: &Schema, name: &str, input: &Value, made: Made) -> Value {
    match (schema.kind, made) {
        (Some(Kind::Number | Kind::Integer), Made::Nothing) => json!(0),
        (Some(Kind::Number | Kind::Integer), Made::Plenty | Made::Other) => json!(PLENTY),
        (Some(Kind::String), Made::Other) => json!("another"),
        _ => named(input, name).or_else(|| schema.example.clone()).unwrap_or_default(),
    }
}

/// A text of that name, wherever it stands.
fn named(value: &Value, name: &str) -> Option<Value> {
    let map = value.as_object()?;
    let own = map.get(name).filter(|value| value.is_string());
    own.cloned().or_else(|| map.values().find_map(|inner| named(inner, name)))
}

fn returns(output: &Value) -> Value {
    json!({ "return": output })
}

fn fails(failure: &Failure, mask: &Masked) -> Value {
    let mut answer = json!({ "fail": failure.class.name(), "message": mask.text(&failure.message) });
    failure.code.iter().for_each(|code| answer["code"] = json!(code));
    failure.wait_ms.into_iter().for_each(|wait| answer["wait"] = json!(format!("{wait}ms")));
    answer
}

/// As a test writes it, in the largest unit that is exact.
fn after(since: Timestamp, at: Timestamp) -> String {
    let ms = at.duration_since(since).as_millis().max(0);
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let exact = units.into_iter().find(|(_, unit)| ms % unit == 0 && ms > 0);
    exact.map_or_else(|| "0s".to_owned(), |(name, unit)| format!("{}{name}", ms / unit))
}
