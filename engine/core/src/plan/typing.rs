//! What is known of each step's output, and whether what is read and sent fits.
//!
//! Steps are looked at in the order in which they can run, so that each sees the outputs of those it reads. Where
//! nothing is known, nothing is said.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{
    catalog::{Action, Catalog},
    expression::{Expression, Made},
    report::Report,
    schema::{Kind, Schema},
    script::Script,
    shape::{Known, Shape, Target, Typing},
};
use serde_json::Value;

use super::{Call, EventSource, Reaction, Step, StepIndex, Trigger, Wait, Work};
use crate::{
    eval::check::{Rule, Test},
    language::Then,
    project::Project,
};

/// The steps of a pipeline, and what their values can be.
pub(super) struct Types<'a> {
    pub(super) project: &'a Project,
    pub(super) catalog: &'a Catalog,
    pub(super) steps: &'a [Step],
    /// The shapes of `event`, `vars`, and of the steps that were looked at.
    roots: BTreeMap<String, Shape>,
    /// What is there in the step in hand.
    certain: BTreeSet<Vec<String>>,
    report: &'a mut Report,
    others: Vec<Report>,
}

/// What a value of one step sees.
struct Seen<'a> {
    roots: &'a BTreeMap<String, Shape>,
    more: &'a [(&'a str, Shape)],
}

impl Known for Seen<'_> {
    fn root(&self, name: &str) -> Option<&Shape> {
        let more = self.more.iter().rev().find(|(known, _)| *known == name).map(|(_, shape)| shape);
        more.or_else(|| self.roots.get(name))
    }
}

/// More names that one value sees.
type More<'n> = Vec<(&'n str, Shape)>;

impl<'a> Types<'a> {
    pub(super) fn new(
        (project, catalog): (&'a Project, &'a Catalog),
        trigger: &Trigger,
        inputs: &Schema,
        steps: &'a [Step],
        report: &'a mut Report,
    ) -> Self {
        let mut types = Self {
            project,
            catalog,
            steps,
            roots: BTreeMap::new(),
            certain: BTreeSet::new(),
            report,
            others: Vec::new(),
        };
        types.roots.insert("vars".to_owned(), Shape::of(&project.vars).of_any_value());
        let event = types.event(trigger, inputs);
        types.roots.insert("event".to_owned(), event);
        types
    }

    /// Looks at all steps and at the output; gives what was found in other files.
    pub(super) fn check(mut self, trigger: &Trigger, output: Option<&Expression>) -> Vec<Report> {
        for path in [&trigger.key, &trigger.revision].into_iter().flatten() {
            let event = self.roots["event"].clone();
            let names = path.steps().unwrap_or_default();
            // `$` is the event here.
            drop(self.typing(None, vec![("event", event)], |cx| path.shape_from("event", names, cx)));
        }
        for step in order(self.steps) {
            let shape = self.step(step);
            self.roots.insert(self.steps[step].id.clone(), shape);
        }
        if let Some(output) = output {
            self.typing(None, Vec::new(), |cx| drop(output.shape(cx)));
        }
        self.others
    }

    fn event(&mut self, trigger: &Trigger, inputs: &Schema) -> Shape {
        match &trigger.source {
            EventSource::Poll(poll) => {
                let action = action(self.project, self.catalog, &poll.connection, &poll.action);
                let item = action.and_then(|action| action.item.as_ref()).cloned().unwrap_or_default();
                selected(item, action, &poll.with)
            }
            EventSource::Schedule(_) => Shape::record(vec![
                ("scheduled_at", Shape::of_kind(Kind::String)),
                ("day", Shape::of_kind(Kind::String)),
                ("time", Shape::of_kind(Kind::String)),
                ("zone", Shape::of_kind(Kind::String)),
            ]),
            EventSource::Pipeline { .. } => {
                let text = || Shape::of_kind(Kind::String);
                let texts = ["run", "pipeline", "key", "end", "ended_at"].map(|name| (name, text()));
                let others = ["event", "output", "failure"].map(|name| (name, Shape::default()));
                Shape::record(texts.into_iter().chain(others).collect())
            }
            EventSource::Manual => inputs.clone().into(),
            EventSource::Webhook(_) | EventSource::Event(_) | EventSource::File(_) => Shape::default(),
        }
    }

    fn typing<T>(&mut self, step: Option<StepIndex>, more: More<'_>, look: impl FnOnce(&mut Typing<'_>) -> T) -> T {
        let nothing = BTreeSet::new();
        let certain = if step.is_some() { &self.certain } else { &nothing };
        let known = Seen { roots: &self.roots, more: &more };
        let mut cx = Typing { known: &known, certain, report: self.report, others: &mut self.others };
        look(&mut cx)
    }

    /// Looks at a step, and gives what is known of its output.
    fn step(&mut self, index: StepIndex) -> Shape {
        let step = &self.steps[index];
        self.certain = certain(self.steps, index);
        if let Some(when) = &step.when {
            // What the condition shows is not known before it.
            self.typing(None, Vec::new(), |cx| drop(when.shape(cx)));
        }
        let mut more = self.item_of_home(step);
        if let Some(each) = &step.each {
            let items = self.typing(Some(index), more.clone(), |cx| each.items.shape(cx));
            let item = items.schema.items.map(|item| Shape::from(*item)).unwrap_or_default();
            more.push((each.name.as_str(), item));
            self.typing(Some(index), more.clone(), |cx| drop(each.key.shape(cx)));
        }
        let output = self.work(index, &more);
        for arm in &step.arms {
            self.reaction(index, &arm.reaction, &more);
        }
        let output = match &step.each {
            Some(each) if each.collects => Shape::of_kind(Kind::Array),
            Some(_) => Shape::list(output),
            None => output,
        };
        match unsure(step) {
            Some(why) => output.unless(why),
            None => output,
        }
    }

    /// The item that a step of an arm sees, and the error.
    fn item_of_home(&self, step: &'a Step) -> More<'a> {
        let Some((home, _)) = step.home else { return Vec::new() };
        let item = self.steps[home].each.as_ref().map(|each| (each.name.as_str(), Shape::default()));
        item.into_iter().chain([("error", Shape::default())]).collect()
    }

    fn work(&mut self, index: StepIndex, more: &More<'_>) -> Shape {
        let step = &self.steps[index];
        let at = Some(index);
        match &step.work {
            Work::Call(call) => self.call(index, call, more),
            Work::Map(value) => self.typing(at, more.clone(), |cx| value.shape(cx)),
            Work::Script(script) => self.typing(at, more.clone(), |cx| script.shape(cx)),
            Work::Check(rules) => {
                self.typing(at, more.clone(), |cx| rules.iter().for_each(|rule| look_at(rule, cx)));
                Shape::of_kind(Kind::Boolean)
            }
            Work::Wait(wait) => self.wait(index, wait, more),
            Work::Approve(approve) => {
                self.typing(at, more.clone(), |cx| {
                    approve.maker.iter().chain([&approve.show]).for_each(|value| drop(value.shape(cx)));
                });
                Shape::record(vec![("by", Shape::of_kind(Kind::String)), ("reason", Shape::of_kind(Kind::String))])
            }
            Work::Pipeline { with, .. } => {
                self.typing(at, more.clone(), |cx| drop(with.shape(cx)));
                Shape::default()
            }
            Work::Alert { say, .. } => self.typing(at, more.clone(), |cx| say.shape(cx)),
            Work::Emit { key, data, .. } => {
                self.typing(at, more.clone(), |cx| [key, data].map(|value| drop(value.shape(cx))));
                Shape::default()
            }
        }
    }

    fn call(&mut self, index: StepIndex, call: &Call, more: &More<'_>) -> Shape {
        let action = action(self.project, self.catalog, &call.connection, &call.action);
        let target = Target { taker: format!("{}.{}", call.connection, call.action), field: String::new() };
        let written = self.written(&call.with);
        self.typing(Some(index), more.clone(), |cx| {
            match action {
                Some(action) => drop(written.fits(&action.input, &target, cx)),
                None => drop(call.with.shape(cx)),
            }
            call.once_per.iter().for_each(|key| drop(key.shape(cx)));
        });
        action.map(|action| selected(action.output.clone(), Some(action), &call.with)).unwrap_or_default()
    }

    /// An input that is the whole of a map step is looked at where it is written.
    fn written<'e>(&self, with: &'e Expression) -> &'e Expression
    where
        'a: 'e,
    {
        let Made::Path(path) = &with.made else { return with };
        let step = self
            .steps
            .iter()
            .find(|step| path.steps().is_some_and(|steps| steps.len() == 1) && path.root() == Some(&step.id));
        match step.map(|step| (&step.work, &step.each, &step.when)) {
            Some((Work::Map(value), None, None)) if matches!(value.made, Made::Object(_)) => value,
            _ => with,
        }
    }

    fn wait(&mut self, index: StepIndex, wait: &Wait, more: &More<'_>) -> Shape {
        let event = match wait {
            Wait::For(_) => None,
            Wait::Poll { wake, .. } => wake.as_ref(),
            Wait::Event { event, .. } => Some(event),
        };
        if let Some(event) = event {
            self.typing(Some(index), more.clone(), |cx| drop(event.ours.shape(cx)));
        }
        match wait {
            Wait::Poll { probe, .. } => {
                let result = self.call(index, &probe.call, more);
                self.until(index, &probe.until, [more.as_slice(), &[("result", result.clone())]].concat());
                result
            }
            Wait::For(_) | Wait::Event { .. } => Shape::default(),
        }
    }

    fn until(&mut self, index: StepIndex, until: &Script, more: More<'_>) {
        self.typing(Some(index), more, |cx| drop(until.shape(cx)));
    }

    fn reaction(&mut self, index: StepIndex, reaction: &Reaction, more: &More<'_>) {
        match reaction {
            Reaction::Hold { what, probe, .. } => {
                self.typing(Some(index), more.clone(), |cx| drop(what.shape(cx)));
                let result = self.call(index, &probe.call, more);
                let reserved = Shape::of_kind(Kind::Number);
                let seen = [more.as_slice(), &[("result", result), ("reserved", reserved)]].concat();
                self.until(index, &probe.until, seen);
            }
            Reaction::Fallback(call) => drop(self.call(index, call, more)),
            Reaction::Do { .. } => {}
        }
    }
}

/// The action of a call; `unknown-action` reports one that is not there.
fn action<'c>(project: &Project, catalog: &'c Catalog, connection: &str, name: &str) -> Option<&'c Action> {
    catalog.action(&project.connections.get(connection)?.connector.value, name)
}

/// What an action gives of the fields that its input names, where these are written in the file.
fn selected(schema: Schema, action: Option<&Action>, with: &Expression) -> Shape {
    let names = action.and_then(|action| action.selects.as_ref()).and_then(|selects| literal_list(with, selects));
    // A function of the query language, such as `FIELDS(STANDARD)`, gives fields that are not named here.
    let is_field = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte));
    let names = names.filter(|names| schema.open && names.iter().all(is_field));
    let Some(names) = names else { return schema.into() };
    let mut schema = schema;
    for name in &names {
        add(&mut schema, &mut name.split('.'));
    }
    Schema { open: false, ..schema }.into()
}

/// A field, and those inside it where the name has dots.
fn add(schema: &mut Schema, names: &mut std::str::Split<'_, char>) {
    let Some(name) = names.next() else { return };
    if schema.property(name).is_none() {
        schema.properties.push((name.to_owned(), Schema { open: true, ..Schema::default() }));
    }
    let inner = schema.properties.iter_mut().find(|(known, _)| known == name);
    if let (Some((_, inner)), true) = (inner, names.clone().next().is_some()) {
        inner.open = false;
        add(inner, names);
    }
}

/// The texts of a list that stands in the input as it is.
fn literal_list(with: &Expression, field: &str) -> Option<Vec<String>> {
    let Made::Object(entries) = &with.made else { return None };
    let (_, list) = entries.iter().find(|(name, _)| name.value == field)?;
    let Made::List(items) = &list.made else { return None };
    let text = |item: &Expression| match &item.made {
        Made::Literal(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    items.iter().map(text).collect()
}

/// A check looks whether a field is there, so it may be missing.
fn look_at(rule: &Rule, cx: &mut Typing<'_>) {
    match &rule.test {
        Test::Field { field, .. } => drop(field.shape(cx)),
        Test::Rhai(script) => drop(script.shape(cx)),
    }
    rule.say.iter().for_each(|say| drop(say.shape(cx)));
}

/// Why a step may have no output although those after it run.
fn unsure(step: &Step) -> Option<String> {
    let id = &step.id;
    let goes_on = |timeout: &super::Timeout| timeout.then == Then::Continue;
    let continues = |reaction: &Reaction| matches!(reaction, Reaction::Do { then: Then::Continue, .. });
    match &step.work {
        _ if step.when.is_some() => Some(format!("`{id}` is skipped where its `when` does not hold")),
        Work::Wait(Wait::Poll { timeout, .. } | Wait::Event { timeout, .. }) if goes_on(timeout) => {
            Some(format!("`{id}` goes on without it after its time-out"))
        }
        // An item that is skipped leaves the list.
        _ if step.each.is_none() && step.arms.iter().any(|arm| continues(&arm.reaction)) => {
            Some(format!("`{id}` goes on without it after some errors"))
        }
        _ => None,
    }
}

/// What is there when a step runs: what checks before it have looked at, what its own condition shows, and the outputs of
/// steps with the same condition.
fn certain(steps: &[Step], index: StepIndex) -> BTreeSet<Vec<String>> {
    let mut facts = BTreeSet::new();
    let mut before = BTreeSet::new();
    let homes = std::iter::successors(Some(index), |step| steps[*step].home.map(|(home, _)| home));
    for step in homes {
        collect_before(steps, step, &mut before);
        if let Some(when) = &steps[step].when {
            facts.extend(when.reads().certain.iter().cloned());
            let same =
                |other: &&Step| other.when.as_ref().is_some_and(|other| other.text().trim() == when.text().trim());
            facts.extend(steps.iter().filter(same).map(|step| vec![step.id.clone()]));
        }
    }
    for step in before {
        let Work::Check(rules) = &steps[step].work else { continue };
        if unsure(&steps[step]).is_none() {
            facts.extend(rules.iter().flat_map(shown));
        }
    }
    facts
}

fn collect_before(steps: &[Step], step: StepIndex, before: &mut BTreeSet<StepIndex>) {
    for need in &steps[step].needs {
        if before.insert(*need) {
            collect_before(steps, *need, before);
        }
    }
}

/// What is there after a rule that holds.
fn shown(rule: &Rule) -> Vec<Vec<String>> {
    match &rule.test {
        Test::Field { field, .. } => {
            let root = field.root().map(str::to_owned);
            vec![root.into_iter().chain(field.names().into_iter().map(str::to_owned)).collect()]
        }
        Test::Rhai(script) => script.reads().certain.clone(),
    }
}

/// The steps so that each comes after those it needs; arms come after their home.
fn order(steps: &[Step]) -> Vec<StepIndex> {
    let mut done = Vec::new();
    for step in 0..steps.len() {
        visit(steps, step, &mut done);
    }
    done
}

fn visit(steps: &[Step], step: StepIndex, done: &mut Vec<StepIndex>) {
    if done.contains(&step) {
        return;
    }
    let home = steps[step].home.map(|(home, _)| home);
    for need in steps[step].needs.iter().copied().chain(home) {
        visit(steps, need, done);
    }
    done.push(step);
}
