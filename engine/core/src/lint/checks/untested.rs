//! `untested-pipeline` and `untested-arm`: what no test of a project that has tests can have run.
//!
//! Only what the files say is looked at, so it is silent where a run might get there; `ferry test --coverage` knows.

use std::{collections::BTreeSet, sync::Arc};

use ferry_contract::{
    failure::ErrorClass,
    report::{Report, Source},
};

use super::{Check, On, reading};
use crate::{
    language::{Arm, Pipeline, Step, Work},
    lint::{Reports, Whole},
    project::Project,
    testing::{self, Gives, Suite},
};

pub(super) const CHECK: Check =
    Check { name: "untested-pipeline", page: include_str!("untested_pipeline.md"), on: On::Project(check) };
/// The same look finds both.
pub(super) const ARM: Check = reading("untested-arm", include_str!("untested_arm.md"));

/// What only a target can answer; the others may come from a preflight, a look-up or the data.
const OF_TARGETS: [ErrorClass; 6] = [
    ErrorClass::Rejected,
    ErrorClass::Declined,
    ErrorClass::NotFound,
    ErrorClass::Auth,
    ErrorClass::Throttled,
    ErrorClass::Unavailable,
];

fn check(whole: &Whole<'_>, reports: &mut Reports) {
    let suites: Vec<(&Arc<Source>, Option<Suite>)> =
        whole.files.tests.iter().map(|source| (source, testing::read(source, &mut Report::new(source)))).collect();
    if suites.is_empty() {
        return;
    }
    let (mut tested, mut unknown) = (BTreeSet::new(), false);
    for (source, suite) in &suites {
        let pipeline = testing::pipeline_beside(source, suite.as_ref(), whole.pipelines);
        // Of a test that cannot be read nobody knows what it runs.
        unknown |= pipeline.is_none();
        let Some(pipeline) = pipeline else { continue };
        tested.insert(pipeline.name.value.as_str());
        if let Some(suite) = suite {
            arms(whole.project, (pipeline, suite), reports.of(&pipeline.source));
        }
    }
    called(whole.pipelines, &mut tested);
    for pipeline in whole.pipelines.iter().filter(|pipeline| !unknown && !tested.contains(pipeline.name.value.as_str()))
    {
        let name = &pipeline.name;
        let message = format!("no test runs `{}`, and other pipelines of this project have tests", name.value);
        let help = "write a file beside it that ends with `.test.yaml`; `ferry explain untested-pipeline` shows one";
        let report = reports.of(&pipeline.source);
        // First it must be right.
        if report.is_ok() {
            report.warning(CHECK.name, name.at, message, help);
        }
    }
}

/// What a tested pipeline calls runs in its tests.
fn called<'a>(pipelines: &'a [Pipeline], tested: &mut BTreeSet<&'a str>) {
    let mut rest: Vec<&str> = tested.iter().copied().collect();
    while let Some(next) = rest.pop() {
        let own = pipelines.iter().filter(|pipeline| pipeline.name.value == next);
        for step in own.flat_map(Pipeline::all_steps) {
            if let Work::Pipeline { name, .. } = &step.work
                && tested.insert(name.value.as_str())
            {
                rest.push(name.value.as_str());
            }
        }
    }
}

fn arms(project: &Project, (pipeline, suite): (&Pipeline, &Suite), report: &mut Report) {
    // Where there are cross-references, a record may also be missing in one of them.
    let is_of_target =
        |class: &ErrorClass| OF_TARGETS.contains(class) && (*class != ErrorClass::NotFound || project.xref.is_empty());
    let is_of_target =
        |arm: &&Arm| !arm.classes.is_empty() && arm.classes.iter().all(|class| is_of_target(&class.value));
    for step in pipeline.all_steps() {
        let Work::Action { action, .. } = &step.work else { continue };
        for arm in step.on_error.iter().filter(is_of_target).filter(|arm| !is_taken(step, arm, &action.value, suite)) {
            let class = &arm.classes[0];
            let message = format!("no test lets `{}` fail so that this arm is taken", action.value);
            let help = format!("add a test with the mock `{}: {{ fail: {} }}`", action.value, class.value.name());
            report.warning(ARM.name, class.at, message, help);
        }
    }
}

/// Whether a mock of the action, or of what takes its place, gives a failure of the arm's classes.
fn is_taken(step: &Step, arm: &Arm, action: &str, suite: &Suite) -> bool {
    let instead = step.on_error.iter().filter_map(|arm| match &arm.reaction {
        crate::language::Reaction::Fallback { action, .. } => Some(action.value.as_str()),
        _ => None,
    });
    let actions: Vec<&str> = instead.chain([action]).collect();
    let mocks =
        suite.tests.iter().flat_map(|test| &test.mocks).filter(|mock| actions.contains(&mock.action.value.as_str()));
    mocks.flat_map(|mock| &mock.answers).any(|answer| match &answer.gives {
        Gives::Failure(failure) => arm.classes.iter().any(|class| class.value == failure.class),
        Gives::Output(_) => false,
    })
}
