//! `unknown-pipeline`: a step calls a pipeline that is not there, or gives it what it does not take.

use ferry_contract::{
    report::{Report, Spanned},
    yaml::Kind,
};

use super::{
    Check, On,
    missing_input::{self, Given},
};
use crate::{
    language::{EventSource, Pipeline, Work},
    lint::Context,
};

pub(super) const CHECK: Check =
    Check { name: "unknown-pipeline", page: include_str!("unknown_pipeline.md"), on: On::Pipeline(check) };

fn check(cx: &Context<'_>, report: &mut Report) {
    let Some(siblings) = cx.siblings else { return };
    if let EventSource::Pipeline(follow) = &cx.pipeline.trigger.source {
        known(siblings, &follow.name, report);
    }
    for step in cx.pipeline.all_steps() {
        let Work::Pipeline { name, with } = &step.work else { continue };
        if let Some(called) = known(siblings, name, report) {
            let given = missing_input::given(cx, with.as_ref());
            given.iter().for_each(|given| inputs(called, name, given, report));
        }
    }
}

/// The pipeline of that name.
fn known<'a>(siblings: &'a [Pipeline], name: &Spanned<String>, report: &mut Report) -> Option<&'a Pipeline> {
    let found = siblings.iter().find(|sibling| sibling.name.value == name.value);
    if found.is_none() {
        let known: Vec<&str> = siblings.iter().map(|sibling| sibling.name.value.as_str()).collect();
        let message = format!("there is no pipeline `{}` in this project", name.value);
        report.unknown(CHECK.name, name.at, message, (&name.value, &known));
    }
    found
}

/// What is given by name, against the `inputs` of the called pipeline.
fn inputs(called: &Pipeline, name: &Spanned<String>, given: &Given<'_>, report: &mut Report) {
    let known: Vec<&str> = called.inputs.iter().map(|input| input.name.value.as_str()).collect();
    for (given, _) in
        given.entries.iter().filter(|(given, _)| !known.is_empty() && !known.contains(&given.value.as_str()))
    {
        let message = format!("`{}` takes no `{}`", name.value, given.value);
        report.unknown("unknown-input", given.at, message, (&given.value, &known));
    }
    for input in called.inputs.iter().filter(|input| !input.optional) {
        let value = given.entries.iter().find(|(given, _)| given.value == input.name.value).map(|(_, node)| node);
        if value.is_none_or(|node| matches!(node.kind, Kind::Null)) {
            let message = format!("`{}` needs `{}`", name.value, input.name.value);
            let help = format!("add `{}` to {}: {}", input.name.value, given.place, input.kind.name());
            report.error("missing-input", name.at, message, help);
        }
    }
}
