//! What the pipelines of a project take and give, for those that call or follow them.
//!
//! A pipeline's output is known by compiling it, which needs those that it calls. Those that go round in a circle, or
//! call one another deeper than runs may, are never compiled here: of them nothing is known.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use ferry_contract::{schema::Schema, shape::Shape};

use super::compile::inputs;
use crate::{
    language::{EventSource, Pipeline, Work},
    limits::NESTING_MAX,
};

/// The pipelines of a project by their names; those of one name are not known.
#[derive(Debug)]
pub(crate) struct Siblings<'a> {
    known: BTreeMap<&'a str, Sibling<'a>>,
}

#[derive(Debug)]
struct Sibling<'a> {
    pipeline: &'a Pipeline,
    ends: bool,
    gives: OnceLock<Option<Gives>>,
}

/// What is known of the runs of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Gives {
    /// Their events.
    pub(crate) event: Shape,
    /// What they give back; nothing where the pipeline has no `output`.
    pub(crate) output: Option<Shape>,
}

impl<'a> Siblings<'a> {
    /// Looks at who calls whom.
    pub(crate) fn new(pipelines: &'a [Pipeline]) -> Self {
        let mut named: BTreeMap<&str, Vec<&Pipeline>> = BTreeMap::new();
        pipelines.iter().for_each(|pipeline| named.entry(&pipeline.name.value).or_default().push(pipeline));
        let known = named.into_iter().filter_map(|(name, pipelines)| match pipelines.as_slice() {
            [pipeline] => Some((name, Sibling { pipeline, ends: false, gives: OnceLock::new() })),
            _ => None,
        });
        let mut siblings = Self { known: known.collect() };
        for _ in 0..NESTING_MAX {
            siblings.find_ends();
        }
        siblings
    }

    /// One that reads only those that end is one of them.
    fn find_ends(&mut self) {
        let ends = |name: &&str| self.known.get(name).is_none_or(|sibling| sibling.ends);
        let found: BTreeSet<&str> = self
            .known
            .iter()
            .filter(|(_, sibling)| !sibling.ends && reads(sibling.pipeline).iter().all(&ends))
            .map(|(name, _)| *name)
            .collect();
        for name in found {
            self.known.entry(name).and_modify(|sibling| sibling.ends = true);
        }
    }

    /// What a pipeline takes from a step that calls it.
    pub(super) fn takes(&self, name: &str) -> Option<Schema> {
        Some(inputs::schema(&self.known.get(name)?.pipeline.inputs))
    }

    /// What is known of the runs of a pipeline; `make` is called once for each.
    pub(super) fn gives(&self, name: &str, make: impl FnOnce(&'a Pipeline) -> Option<Gives>) -> Option<&Gives> {
        let sibling = self.known.get(name).filter(|sibling| sibling.ends)?;
        sibling.gives.get_or_init(|| make(sibling.pipeline)).as_ref()
    }
}

/// The pipelines that one calls or follows.
fn reads(pipeline: &Pipeline) -> Vec<&str> {
    let follows = match &pipeline.trigger.source {
        EventSource::Pipeline(follow) => Some(follow.name.value.as_str()),
        _ => None,
    };
    let steps = pipeline.all_steps().into_iter();
    let called = steps.filter_map(|step| match &step.work {
        Work::Pipeline { name, .. } => Some(name.value.as_str()),
        _ => None,
    });
    called.chain(follows).collect()
}
