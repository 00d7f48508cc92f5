//! `unknown-event`: a pipeline waits for an event that no step emits, where almost the same name is emitted; and
//! `unknown-field`, where it looks at what no step gives the event.
//!
//! Pipelines of another project that the same engine runs may emit events too, so that a name alone is no finding.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{
    path::Path,
    report::{Report, Spanned},
    suggest,
    yaml::Node,
};

use super::{Check, On};
use crate::{
    eval::operators::is_operator,
    language::{Emit, EventSource, Pipeline, Wait, Work},
    lint::{Reports, Whole},
};

pub(super) const CHECK: Check =
    Check { name: "unknown-event", page: include_str!("unknown_event.md"), on: On::Project(check) };

fn check(whole: &Whole<'_>, reports: &mut Reports) {
    // One that cannot be read may emit it.
    if whole.pipelines.len() < whole.files.pipelines.len() {
        return;
    }
    let mut emitted: BTreeMap<&str, Vec<&Emit>> = BTreeMap::new();
    for emit in whole.pipelines.iter().flat_map(emits) {
        emitted.entry(&emit.event.value).or_default().push(emit);
    }
    for pipeline in whole.pipelines {
        for (name, paths) in awaited(pipeline) {
            let report = reports.of(&pipeline.source);
            if let Some(emits) = emitted.get(name.value.as_str()) {
                let Some(given) = given(emits) else { continue };
                paths.into_iter().for_each(|path| has(name, &given, path, report));
            } else if let Some(near) = emitted.keys().find(|known| suggest::is_slip(&name.value, known)) {
                let message = format!("no step of this project emits `{}`", name.value);
                report.warning(CHECK.name, name.at, message, format!("did you mean `{near}`?"));
            }
        }
    }
}

fn emits(pipeline: &Pipeline) -> impl Iterator<Item = &Emit> {
    let steps = pipeline.all_steps().into_iter();
    steps.filter_map(|step| if let Work::Emit(emit) = &step.work { Some(emit) } else { None })
}

/// The events that a pipeline begins with or waits for, with the paths that it looks at in them.
fn awaited(pipeline: &Pipeline) -> Vec<(&Spanned<String>, Vec<&Node>)> {
    let trigger = &pipeline.trigger;
    let begins = match &trigger.source {
        EventSource::Event(name) => {
            let lane = pipeline.concurrency.as_ref().map(|concurrency| &concurrency.key);
            Some((name, trigger.key.iter().chain(&trigger.revision).chain(lane).collect()))
        }
        _ => None,
    };
    let waits = pipeline.all_steps().into_iter().filter_map(|step| match &step.work {
        Work::Wait(Wait::Event { event, .. } | Wait::Poll { wake: Some(event), .. }) => {
            Some((&event.event, vec![&event.theirs]))
        }
        _ => None,
    });
    begins.into_iter().chain(waits).collect()
}

/// The fields that some step gives an event; nothing where that is not written down.
fn given<'a>(emits: &[&'a Emit]) -> Option<BTreeSet<&'a str>> {
    let mut names = BTreeSet::new();
    for data in emits.iter().filter_map(|emit| emit.data.as_ref()) {
        let entries = data.entries().filter(|_| !is_operator(data))?;
        names.extend(entries.iter().map(|(name, _)| name.value.as_str()));
    }
    Some(names)
}

fn has(event: &Spanned<String>, given: &BTreeSet<&str>, path: &Node, report: &mut Report) {
    let read = path.text().and_then(|text| Path::parse(text).ok());
    let Some(name) = read.as_ref().and_then(Path::root) else { return };
    if given.contains(name) {
        return;
    }
    let known: Vec<&str> = given.iter().copied().collect();
    let message = format!("no step that emits `{}` gives it `{name}`", event.value);
    let help = if known.is_empty() {
        format!("write `data: {{ {name}: … }}` where it is emitted")
    } else {
        suggest::help(name, &known)
    };
    report.warning("unknown-field", path.at, message, help);
}
