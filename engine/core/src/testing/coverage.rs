//! What the tests of a pipeline have run of it: steps, arms, conditions both ways, and mappings.
//!
//! Everything is read from the journals of the runs, by folding them once more.

use std::{collections::BTreeMap, sync::Arc};

use ferry_contract::{
    path::{Document, Path},
    yaml::{Kind, Node},
};

use super::Observation;
use crate::{
    eval::operators::is_operator,
    language::{self, Pipeline},
    once::Guards,
    plan::Reaction,
    run::{Entry, Run, Status, UnitIndex},
};

/// A kind of what can be covered.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// A step that did what it does.
    Step,
    /// An arm that was taken.
    Arm,
    /// A condition that held, or did not.
    Condition,
    /// A value of a map that came from its source, and not from its default.
    Mapping,
}

/// Something that no test has run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Missed {
    /// What kind.
    pub part: Part,
    /// Its line in the pipeline's file.
    pub line: u32,
    /// In words: `submit on insufficient_funds`.
    pub name: String,
}

/// What was run of one pipeline.
#[derive(Clone, Debug)]
pub struct Coverage {
    items: BTreeMap<Item, Known>,
    leaves: BTreeMap<String, Vec<Leaf>>,
}

/// What is counted: the kind, the step, and its number among those of the step.
type Item = (Part, String, usize);

#[derive(Clone, Debug)]
struct Known {
    line: u32,
    name: String,
    is_covered: bool,
}

/// A value of a step's map.
#[derive(Clone, Debug)]
struct Leaf {
    path: String,
    line: u32,
    /// Where it comes from, where a default would take its place.
    source: Option<Path>,
}

impl Part {
    /// All kinds, as they are counted and named.
    pub const ALL: [(&'static str, Self); 4] =
        [("steps", Self::Step), ("arms", Self::Arm), ("conditions", Self::Condition), ("mappings", Self::Mapping)];
}

impl Coverage {
    /// All that there is of a pipeline, and nothing of it run.
    pub fn of(pipeline: &Pipeline) -> Self {
        let mut coverage = Self { items: BTreeMap::new(), leaves: BTreeMap::new() };
        for step in pipeline.all_steps() {
            coverage.step(step);
        }
        coverage
    }

    fn step(&mut self, step: &language::Step) {
        let id = &step.id.value;
        self.item((Part::Step, id.clone(), 0), step.at.line, id.clone());
        for (number, arm) in step.on_error.iter().enumerate() {
            let classes: Vec<&str> = arm.classes.iter().map(|class| class.value.name()).collect();
            self.item((Part::Arm, id.clone(), number), arm.at.line, format!("{id} on {}", classes.join(" or ")));
        }
        for (number, way) in step.when.iter().flat_map(|_| [(0, "false"), (1, "true")]) {
            let line = step.when.as_ref().map_or(step.at.line, |when| when.at.line);
            self.item((Part::Condition, id.clone(), number), line, format!("{id} when {way}"));
        }
        let mut leaves = Vec::new();
        map_of(step).into_iter().for_each(|node| collect(node, "", &mut leaves));
        for (number, leaf) in leaves.iter().enumerate() {
            self.item((Part::Mapping, id.clone(), number), leaf.line, format!("{id} {}", leaf.path));
        }
        self.leaves.insert(id.clone(), leaves);
    }

    fn item(&mut self, item: Item, line: u32, name: String) {
        self.items.insert(item, Known { line, name, is_covered: false });
    }

    /// Adds what a run of the pipeline has run.
    pub fn add(&mut self, observed: &Observation) {
        let plan = observed.run.plan();
        let mut run = Run::new(Arc::clone(plan), observed.run.event_key(), Guards::ALL);
        for (at, entry) in &observed.journal {
            let before = entry.step().and_then(|id| run.unit_named(id));
            if let Some(unit) = before {
                self.before(&run, unit, entry);
            }
            run.take(*at, entry);
            if let (Some(unit), Entry::Failed { failure, .. }) = (before, entry)
                && let Some(arm) = arm_taken(&run, unit, failure.class)
            {
                let id = run.step(unit).id.clone();
                self.cover((Part::Arm, id, arm));
            }
        }
    }

    /// What an entry shows of the step that it is about, before it is taken.
    fn before(&mut self, run: &Run, unit: UnitIndex, entry: &Entry) {
        let id = run.step(unit).id.clone();
        if let Entry::Skipped { .. } = entry {
            let is_new = matches!(run.status(unit), Status::Ready);
            return self.cover_if(is_new, (Part::Condition, id, 0));
        }
        if let Entry::DeadLettered { .. } = entry {
            return;
        }
        self.cover((Part::Step, id.clone(), 0));
        self.cover((Part::Condition, id.clone(), 1));
        if matches!(
            entry,
            Entry::Evaluated { .. }
                | Entry::Called { .. }
                | Entry::Emitted { .. }
                | Entry::Linked { .. }
                | Entry::Waiting { .. }
        ) {
            let error = run.error_of(unit);
            let document = run.document(unit, error.as_ref());
            let is_there = |path: &Path| path.one(Document::Roots(&document)).is_ok_and(|value| !value.is_null());
            let leaves = self.leaves.get(&id).into_iter().flatten().enumerate();
            let real = leaves.filter(|(_, leaf)| leaf.source.as_ref().is_none_or(is_there));
            let real: Vec<usize> = real.map(|(number, _)| number).collect();
            real.into_iter().for_each(|number| self.cover((Part::Mapping, id.clone(), number)));
        }
    }

    fn cover_if(&mut self, is_covered: bool, item: Item) {
        if is_covered {
            self.cover(item);
        }
    }

    fn cover(&mut self, item: Item) {
        self.items.get_mut(&item).into_iter().for_each(|known| known.is_covered = true);
    }

    /// How much of a kind was run, and how much there is.
    pub fn count(&self, part: Part) -> (usize, usize) {
        let own = self.items.iter().filter(|((kind, ..), _)| *kind == part);
        let covered = own.clone().filter(|(_, known)| known.is_covered).count();
        (covered, own.count())
    }

    /// What was not run, in the order of the file.
    pub fn missed(&self) -> Vec<Missed> {
        let missed = self.items.iter().filter(|(_, known)| !known.is_covered);
        let mut missed: Vec<Missed> = missed
            .map(|((part, ..), known)| Missed { part: *part, line: known.line, name: known.name.clone() })
            .collect();
        missed.sort_by_key(|missed| (missed.line, missed.part));
        missed
    }
}

/// The map that a step makes, where it is written as one.
fn map_of(step: &language::Step) -> Option<&Node> {
    match &step.work {
        language::Work::Map(node) => Some(node),
        language::Work::Action { with, .. } | language::Work::Pipeline { with, .. } => with.as_ref(),
        language::Work::Emit(emit) => emit.data.as_ref(),
        language::Work::Function(function) => function.with.as_ref(),
        language::Work::Allocate(allocate) => allocate.with.as_ref(),
        language::Work::Alert(_)
        | language::Work::Link(_)
        | language::Work::Reconcile(_)
        | language::Work::Script(_)
        | language::Work::Check(_)
        | language::Work::Wait(_)
        | language::Work::Approve(_) => None,
    }
}

/// The values in a map that are made of something; what is written as it is needs no test.
fn collect(node: &Node, path: &str, leaves: &mut Vec<Leaf>) {
    let leaf = |source| Leaf { path: path.to_owned(), line: node.at.line, source };
    match &node.kind {
        Kind::Text(text) if text.value.starts_with('$') && !text.value.starts_with("$$") => leaves.push(leaf(None)),
        Kind::Map(_) if is_operator(node) => leaves.push(leaf(source_of(node))),
        Kind::Map(entries) => {
            for (key, value) in entries {
                let dot = if path.is_empty() { "" } else { "." };
                collect(value, &format!("{path}{dot}{}", key.value), leaves);
            }
        }
        Kind::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| collect(item, &format!("{path}.{index}"), leaves));
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
    }
}

fn source_of(node: &Node) -> Option<Path> {
    node.get("default")?;
    Path::parse(node.get("from")?.text()?).ok()
}

/// The arm that a failure has led to.
fn arm_taken(run: &Run, unit: UnitIndex, class: ferry_contract::failure::ErrorClass) -> Option<usize> {
    match run.status(unit) {
        Status::Holding { arm } | Status::Recovering { arm } => Some(*arm),
        // An arm without steps has ended at once, and a call in the place of the step's own is about to be made.
        Status::Failed | Status::Skipped | Status::Ready => {
            let arm = run.step(unit).arm(class)?;
            match (&run.step(unit).arms[arm].reaction, run.status(unit)) {
                (Reaction::Do { steps, .. }, Status::Failed | Status::Skipped) => steps.is_empty().then_some(arm),
                (Reaction::Fallback(_), Status::Ready) => Some(arm),
                _ => None,
            }
        }
        _ => None,
    }
}
