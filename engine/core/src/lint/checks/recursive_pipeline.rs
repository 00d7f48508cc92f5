//! `recursive-pipeline`: pipelines that call each other, or tell each other of events or of their failures, in a circle.

use std::collections::{BTreeMap, VecDeque};

use ferry_contract::report::Spanned;

use super::{Check, On, unknown_channel::channels};
use crate::{
    language::{Emit, EventSource, Pipeline, Work},
    lint::{Reports, Whole},
    project::Channel,
};

pub(super) const CHECK: Check =
    Check { name: "recursive-pipeline", page: include_str!("recursive_pipeline.md"), on: On::Project(check) };

fn check(whole: &Whole<'_>, reports: &mut Reports) {
    let calls: BTreeMap<&str, Vec<&Spanned<String>>> =
        whole.pipelines.iter().map(|pipeline| (pipeline.name.value.as_str(), begun(whole, pipeline))).collect();
    for pipeline in whole.pipelines {
        for call in told(whole, pipeline) {
            let (at, name) = (call.0.at, pipeline.name.value.as_str());
            let Some(way) = way(&calls, &call.1.value, name) else { continue };
            let names: Vec<String> = [name].iter().chain(&way).map(|name| format!("`{name}`")).collect();
            let message = format!("`{name}` would be told of its own failures: {}", names.join(" → "));
            let help = "give it a channel that is `log`: what tells of failures must not wait for itself";
            reports.of(&pipeline.source).error(CHECK.name, at, message, help);
        }
        for call in called(pipeline) {
            let name = pipeline.name.value.as_str();
            let Some(way) = way(&calls, &call.value, name) else { continue };
            let names: Vec<String> = [name].iter().chain(&way).map(|name| format!("`{name}`")).collect();
            reports.of(&pipeline.source).error(
                CHECK.name,
                call.at,
                format!("`{name}` calls itself: {}", names.join(" → ")),
                "call a pipeline that calls none of these, or do each item of a list with `each`",
            );
        }
    }
    emits(whole, &calls, reports);
}

/// Events that always come round to the pipeline that emits them.
fn emits<'a>(whole: &Whole<'a>, calls: &BTreeMap<&'a str, Vec<&'a Spanned<String>>>, reports: &mut Reports) {
    let mut listeners: BTreeMap<&str, Vec<&Spanned<String>>> = BTreeMap::new();
    for pipeline in whole.pipelines {
        if let EventSource::Event(event) = &pipeline.trigger.source {
            listeners.entry(event.value.as_str()).or_default().push(&pipeline.name);
        }
    }
    let heard = |emit: &Emit| listeners.get(emit.event.value.as_str()).into_iter().flatten().copied();
    let mut begun = calls.clone();
    for pipeline in whole.pipelines {
        begun.entry(pipeline.name.value.as_str()).or_default().extend(always(pipeline).flat_map(heard));
    }
    for (pipeline, emit) in
        whole.pipelines.iter().flat_map(|pipeline| always(pipeline).map(move |emit| (pipeline, emit)))
    {
        let name = pipeline.name.value.as_str();
        for listener in heard(emit) {
            let Some(way) = way(&begun, &listener.value, name) else { continue };
            let names: Vec<String> = [name].iter().chain(&way).map(|name| format!("`{name}`")).collect();
            let message = format!("each run of `{name}` begins another one by its events: {}", names.join(" → "));
            let help = "leave one of these events out, or emit it only `when` something is left to be done";
            reports.of(&pipeline.source).warning(CHECK.name, emit.event.at, message, help);
        }
    }
}

/// The events that each run emits that goes well.
fn always(pipeline: &Pipeline) -> impl Iterator<Item = &Emit> {
    pipeline.steps.iter().filter(|step| step.when.is_none() && step.each.is_none()).filter_map(|step| {
        match &step.work {
            Work::Emit(emit) => Some(emit),
            _ => None,
        }
    })
}

fn called(pipeline: &Pipeline) -> Vec<&Spanned<String>> {
    let steps = pipeline.all_steps().into_iter();
    steps.filter_map(|step| if let Work::Pipeline { name, .. } = &step.work { Some(name) } else { None }).collect()
}

/// The channels of a pipeline that lead to pipelines, with these.
fn told<'a>(
    whole: &Whole<'a>,
    pipeline: &'a Pipeline,
) -> impl Iterator<Item = (&'a Spanned<String>, &'a Spanned<String>)> {
    let project = whole.project;
    channels(pipeline).filter_map(|channel| match project.alerts.get(&channel.value)? {
        Channel::Pipeline(to) => Some((channel, to)),
        Channel::Log => None,
    })
}

fn begun<'a>(whole: &Whole<'a>, pipeline: &'a Pipeline) -> Vec<&'a Spanned<String>> {
    called(pipeline).into_iter().chain(told(whole, pipeline).map(|(_, to)| to)).collect()
}

/// The shortest way from one pipeline to another, both included.
fn way<'a>(calls: &BTreeMap<&'a str, Vec<&'a Spanned<String>>>, from: &'a str, to: &'a str) -> Option<Vec<&'a str>> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(name) = queue.pop_front() {
        if name == to {
            let back = std::iter::successors(Some(to), |name| before.get(name).copied().filter(|_| *name != from));
            let mut way: Vec<&str> = back.collect();
            way.reverse();
            return Some(way);
        }
        for next in calls.get(name).into_iter().flatten() {
            before.entry(&next.value).or_insert_with(|| {
                queue.push_back(&next.value);
                name
            });
        }
    }
    None
}
