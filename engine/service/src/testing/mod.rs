//! Tests of pipelines, played by the engine itself: only the targets and the time are made.
//!
//! A test has a store in memory, a thread of its own and a clock that jumps to the next time at which somebody
//! wants something. Classification, look-ups, bundles, retries, holds, waits and dead letters are the engine's.
//! Nothing here knows a network: every connection is answered by the test.

mod clock;
mod play;
pub mod record;
mod report;
mod targets;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use ferry_contract::{limits::STACK_BYTES, report::Report, script::Rules};
use ferry_core::{
    plan::{Plan, Work},
    testing::{Coverage, Mismatch, Observed, Suite, Test, judge},
};

pub use report::{CoverageJson, FailureJson, MissedJson, PartJson, TestJson, TestReport, UnusedJson};
pub use targets::Unmocked;

use crate::load::CheckedProject;

/// A test that was played.
#[derive(Debug)]
pub struct Played {
    /// What was observed.
    pub observed: Observed,
    /// Calls that no mock answered: the test ended with the first.
    pub unmocked: Vec<Unmocked>,
    /// The mocks that were asked, by their number.
    pub asked: BTreeSet<usize>,
    /// Whether it was ended because too much was asked.
    pub is_endless: bool,
}

/// What came of a test.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// Its file.
    pub suite: &'a Suite,
    /// The test.
    pub test: &'a Test,
    /// How it went, or why it could not be played.
    pub played: Result<Played, String>,
    /// What is not as expected.
    pub mismatches: Vec<Mismatch>,
}

/// The tests of a project that can be played.
#[derive(Debug)]
pub struct Stage<'a> {
    /// The project.
    pub project: &'a CheckedProject,
    /// The Rhai engine of pipelines.
    pub rules: Arc<Rules>,
}

impl Verdict<'_> {
    /// Whether all was as expected.
    pub fn is_passed(&self) -> bool {
        let is_whole = self.played.as_ref().is_ok_and(|played| played.unmocked.is_empty() && !played.is_endless);
        is_whole && self.mismatches.is_empty() && !self.test.expect.is_empty()
    }
}

impl<'a> Stage<'a> {
    /// The plan of that name.
    pub fn plan(&self, pipeline: &str) -> Option<&'a Arc<Plan>> {
        self.project.checked.plans.iter().find(|plan| plan.pipeline == pipeline)
    }

    /// A pipeline, and those that its steps begin: what a test of it may run. Those that are begun by what it
    /// emits have tests of their own.
    fn plans(&self, pipeline: &str) -> Vec<&'a Arc<Plan>> {
        let mut plans: Vec<&Arc<Plan>> = self.plan(pipeline).into_iter().collect();
        let mut next = 0;
        while let Some(plan) = plans.get(next) {
            let begun = plan.steps.iter().filter_map(|step| match &step.work {
                Work::Pipeline { name, .. } => self.plan(name),
                _ => None,
            });
            let known: BTreeSet<&str> = plans.iter().map(|plan| plan.pipeline.as_str()).collect();
            let new: Vec<_> = begun.filter(|plan| !known.contains(plan.pipeline.as_str())).collect();
            plans.extend(new);
            next += 1;
        }
        plans
    }

    /// Plays a test, and compares what came of it with what it expects.
    pub fn perform(&self, suite: &'a Suite, test: &'a Test) -> Verdict<'a> {
        let played = play::play(self, &suite.pipeline, test);
        let mismatches = played.as_ref().map(|played| judge(&test.expect, &played.observed)).unwrap_or_default();
        Verdict { suite, test, played, mismatches }
    }

    /// The coverage of a pipeline of which nothing was run yet.
    pub fn coverage(&self, pipeline: &str) -> Option<Coverage> {
        let project = self.project.checked.project.as_ref()?;
        let read = |source| project.pipeline(source, &mut Report::new(source));
        let found = self.project.files.pipelines.iter().filter_map(read).find(|read| read.name.value == pipeline);
        found.map(|found| Coverage::of(&found))
    }
}

/// Plays tests on all cores; what came of them is in their order.
pub fn perform_all<'a>(tests: &[(&Stage<'a>, &'a Suite, &'a Test)]) -> Vec<Verdict<'a>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(tests.len());
    let work = || {
        // What the engine tells an operator, nobody needs to hear of a test.
        let _silent = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((stage, suite, test)) = tests.get(number) else { return };
            let verdict = stage.perform(suite, test);
            done.lock().unwrap_or_else(PoisonError::into_inner).insert(number, verdict);
        }
    };
    // Never on the caller's thread, which may have a runtime of its own.
    std::thread::scope(|scope| {
        for _ in 0..cores {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, work).expect("a process has a thread for each core");
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}
