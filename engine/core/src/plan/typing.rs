//! What is known of each step's output, and whether what is read and sent fits.
//!
//! Steps are looked at in the order in which they can run, so that each sees the outputs of those it reads. Where
//! nothing is known, nothing is said.

mod certain;
mod event;
mod keys;
mod reconcile;
mod selected;

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{
    catalog::Action,
    expression::{Expression, Made},
    path::{Path, Step as PathStep},
    report::Report,
    schema::{Kind, Schema},
    script::Script,
    shape::{Known, Shape, Target, Typing},
};

use self::{
    certain::{certain, certain_before, order, ran_with, unsure},
    event::{declared, failure, without_output},
    selected::{Asks, literal, without_key},
};
use super::{
    Around, Call, Concurrency, EventSource, Reaction, Roots, Step, StepIndex, Trigger, Wait, Work, siblings::Gives,
};
use crate::{
    eval::{
        check::{Rule, Test},
        operators::xref,
    },
    project::Described,
};

/// The steps of a pipeline, and what their values can be.
pub(super) struct Types<'a> {
    around: Around<'a>,
    steps: &'a [Step],
    /// The shapes of `event`, `vars`, and of the steps that were looked at.
    roots: BTreeMap<String, Shape>,
    /// The shapes of the items of steps with `each`.
    items: BTreeMap<StepIndex, Shape>,
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
        around: Around<'a>,
        trigger: &'a Trigger,
        inputs: &Schema,
        steps: &'a [Step],
        report: &'a mut Report,
    ) -> Self {
        let mut types = Self {
            around,
            steps,
            roots: BTreeMap::new(),
            items: BTreeMap::new(),
            certain: BTreeSet::new(),
            report,
            others: Vec::new(),
        };
        types.roots.insert("vars".to_owned(), Shape::of(&around.project.vars).of_any_value());
        let event = declared(types.event(trigger), inputs);
        types.roots.insert("event".to_owned(), event);
        types
    }

    /// Looks at all steps and at the output; gives what is known of a run, and what was found in other files.
    pub(super) fn check(
        mut self,
        (trigger, concurrency): (&Trigger, Option<&Concurrency>),
        output: Option<&Expression>,
    ) -> (Gives, Vec<Report>) {
        self.keys(trigger, concurrency);
        if let EventSource::Poll(poll) = &trigger.source
            && let (Some(growing), Some(_)) = (poll.growing(), &poll.backfill)
        {
            self.goes_by_times(&growing.field);
        }
        for step in order(self.steps) {
            let shape = self.step(step);
            self.roots.insert(self.steps[step].id.clone(), shape);
        }
        let output = output.map(|output| self.typing(None, Vec::new(), |cx| output.shape(cx)));
        let event = self.roots.remove("event").unwrap_or_default();
        (Gives { event, output }, self.others)
    }

    /// The ends of windows are times.
    fn goes_by_times(&mut self, field: &Path) {
        let (event, names) = (self.roots["event"].clone(), field.steps().unwrap_or_default());
        // What is wrong with the path itself is said already.
        let known = names.iter().try_fold(&event.schema, |schema, step| match step {
            PathStep::Name(name) => schema.property(name),
            PathStep::Index(_) => None,
        });
        if let Some(kind) = known.and_then(|schema| schema.kind).filter(|kind| *kind != Kind::String) {
            let message = format!("a backfill goes by times, and `{}` is of the kind `{}`", field.text(), kind.name());
            let help = "name the field that says when a record changed, or leave `backfill` out";
            self.report.error("invalid-value", field.at(), message, help);
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
        if let Some(when) = &step.when {
            // What the condition shows is not known before it.
            self.certain = certain_before(self.steps, index);
            let (steps, parts) = (self.steps, when.conjuncts());
            let shows = |held: usize| parts.get(..held).map_or_else(Vec::new, |held| ran_with(held, steps));
            self.typing(Some(index), Vec::new(), |cx| {
                let shape = when.shape_after(&shows, cx);
                when.must_be_true_or_false(&shape, cx);
            });
        }
        self.certain = certain(self.steps, index);
        let mut more = self.item_of_home(step);
        if let Some(each) = &step.each {
            let items = self.typing(Some(index), more.clone(), |cx| {
                let items = each.items.shape(cx);
                must_be_a_list("`each`", &items, &each.items, cx);
                items
            });
            let item = items.schema.items.map(|item| Shape::from(*item)).unwrap_or_default();
            self.items.insert(index, item.clone());
            more.push((each.name.as_str(), item));
            self.typing(Some(index), more.clone(), |cx| drop(each.key.shape(cx)));
        }
        let mut output = self.work(index, &more);
        for arm in &step.arms {
            let instead = self.reaction(index, &arm.reaction, &more);
            output = instead.into_iter().fold(output, Shape::or);
        }
        let output = match &step.each {
            Some(each) => Shape::list(of_item(output, each.collects)),
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
        let item = self.items.get(&home).cloned().unwrap_or_default();
        let item = self.steps[home].each.as_ref().map(|each| (each.name.as_str(), item));
        item.into_iter().chain([("error", failure(Shape::of_kind(Kind::String)))]).collect()
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
            Work::Pipeline { name, with } => self.pipeline(index, (name, with), more),
            Work::Alert { say, .. } => self.typing(at, more.clone(), |cx| say.shape(cx)),
            Work::Link { key, to, .. } => self.typing(at, more.clone(), |cx| xref::linked(key, to, cx)),
            Work::Reconcile(reconcile) => self.reconcile(index, reconcile, more),
            Work::Emit { key, data, .. } => {
                self.typing(at, more.clone(), |cx| [key, data].map(|value| drop(value.shape(cx))));
                Shape::default()
            }
        }
    }

    /// What another pipeline takes, and what it gives back.
    fn pipeline(&mut self, index: StepIndex, (name, with): (&str, &Expression), more: &More<'_>) -> Shape {
        let takes = self.around.siblings.and_then(|siblings| siblings.takes(name)).unwrap_or_default();
        let written = self.written(with);
        let target = Target::whole(name, self.is_told(with));
        self.typing(Some(index), more.clone(), |cx| drop(written.fits(&takes, &target, cx)));
        match self.around.gives(name) {
            Some(Gives { output: Some(output), .. }) => output.clone(),
            Some(Gives { output: None, .. }) => without_output(name),
            None => Shape::default(),
        }
    }

    fn call(&mut self, index: StepIndex, call: &'a Call, more: &More<'_>) -> Shape {
        let action = self.action(&call.connection, &call.action);
        let target = Target::whole(&format!("{}.{}", call.connection, call.action), self.is_told(&call.with));
        let written = self.written(&call.with);
        let described = action.and_then(|action| self.described((&call.connection, action), written));
        let input = action.map(|action| match described {
            Some(described) => without_key(described.put_into(&action.input), written),
            None => action.input.clone(),
        });
        self.typing(Some(index), more.clone(), |cx| {
            match &input {
                Some(input) => drop(written.fits(input, &target, cx)),
                None => drop(call.with.shape(cx)),
            }
            call.once_per.iter().for_each(|key| drop(key.shape(cx)));
        });
        let Some(action) = action else { return Shape::default() };
        let asks = Asks::of(action, written, described);
        asks.names(self.report);
        asks.selected(action.output.clone())
    }

    /// What the project knows of the kind of record that a call names.
    fn described(&self, (connection, action): (&'a str, &Action), with: &Expression) -> Option<Described<'a>> {
        let name = literal(with, action.record.as_ref()?)?.as_str()?;
        self.around.project.records.get(connection, name)
    }

    /// The action of a call; `unknown-action` reports one that is not there.
    fn action(&self, connection: &str, name: &str) -> Option<&'a Action> {
        let connector = &self.around.project.connections.get(connection)?.connector.value;
        self.around.catalog.action(connector, name)
    }

    /// An input that is the whole of a map step is looked at where it is written.
    fn written<'e>(&self, with: &'e Expression) -> &'e Expression
    where
        'a: 'e,
    {
        match self.map_of(with) {
            Some((step, value)) if step.each.is_none() && step.when.is_none() => value,
            _ => with,
        }
    }

    /// Whether its own fields can be seen without knowing shapes, so that `missing-input` has said what is wrong with them.
    fn is_told(&self, with: &Expression) -> bool {
        matches!(with.made, Made::Object(_)) || self.map_of(with).is_some()
    }

    /// The map step that a value is the whole output of.
    fn map_of(&self, with: &Expression) -> Option<(&'a Step, &'a Expression)> {
        let Made::Path(path) = &with.made else { return None };
        let is_whole = path.steps().is_some_and(|steps| steps.len() == 1);
        let step = self.steps.iter().find(|step| is_whole && path.root() == Some(&step.id))?;
        match &step.work {
            Work::Map(value) if matches!(value.made, Made::Object(_)) => Some((step, value)),
            _ => None,
        }
    }

    fn wait(&mut self, index: StepIndex, wait: &'a Wait, more: &More<'_>) -> Shape {
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
        self.typing(Some(index), more, |cx| {
            let shape = until.shape(cx);
            until.must_be_true_or_false(&shape, cx);
            let reads = until.reads();
            let first = reads.accesses.first().and_then(|access| access.names.first());
            if let (false, Some((_, at))) = (until.variables().iter().any(|name| name == Roots::IN_PROBE), first) {
                let message = "this never reads the answer, so it is the same each time, and asks until the time-out";
                cx.report.warning("constant-condition", *at, message, "read the answer: `result.status == \"…\"`");
            }
        });
    }

    /// Looks at what an arm does; gives what is known of an output that takes the place of the step's own.
    fn reaction(&mut self, index: StepIndex, reaction: &'a Reaction, more: &More<'_>) -> Option<Shape> {
        match reaction {
            Reaction::Hold { what, probe, .. } => {
                self.typing(Some(index), more.clone(), |cx| drop(what.shape(cx)));
                let result = self.call(index, &probe.call, more);
                let reserved = Shape::of_kind(Kind::Number);
                let seen = [more.as_slice(), &[("result", result), ("reserved", reserved)]].concat();
                self.until(index, &probe.until, seen);
                None
            }
            Reaction::Fallback(call) => Some(self.call(index, call, more)),
            Reaction::Do { .. } => None,
        }
    }
}

/// What the output of a step has for each of its items.
fn of_item(output: Shape, collects: bool) -> Shape {
    let (output, error) = if collects {
        (
            output.unless("an item may have failed"),
            failure(Shape::of_kind(Kind::String)).unless("an item may have been done"),
        )
    } else {
        (output, Shape::default().unless("where an item fails, the step does, unless it says `errors: collect`"))
    };
    let (key, ok) = (Shape::of_kind(Kind::String), Shape::of_kind(Kind::Boolean));
    Shape::record(vec![("key", key), ("ok", ok), ("output", output), ("error", error)])
}

fn must_be_a_list(what: &str, found: &Shape, value: &Expression, cx: &mut Typing<'_>) {
    if let Some(kind) = found.schema.kind.filter(|kind| *kind != Kind::Array) {
        let message = format!("{what} needs a list, and this is of the kind `{}`", kind.name());
        cx.report.error("wrong-input", value.at, message, "read the list that is meant, such as `$.event.lines`");
    }
}

/// A check looks whether a field is there, so it may be missing.
fn look_at(rule: &Rule, cx: &mut Typing<'_>) {
    match &rule.test {
        Test::Field { field, .. } => drop(field.shape(cx)),
        Test::Rhai(script) => {
            let shape = script.shape(cx);
            script.must_be_true_or_false(&shape, cx);
        }
    }
    rule.say.iter().for_each(|say| drop(say.shape(cx)));
}
