//! `echo-loop`: pipelines that make records for each other, round and round.

use ferry_contract::{report::Spanned, yaml::Node};

use super::{Check, On};
use crate::{
    language::{EventSource, Pipeline, Work},
    lint::{Reports, Whole},
};

pub(super) const CHECK: Check = Check { name: "echo-loop", page: include_str!("echo_loop.md"), on: On::Project(check) };

/// A connection and an object of it.
type Place<'a> = (&'a str, &'a str);

fn check(whole: &Whole<'_>, reports: &mut Reports) {
    let polls: Vec<(&Pipeline, &Spanned<String>, Place<'_>)> = whole
        .pipelines
        .iter()
        .filter_map(|pipeline| polled(pipeline).map(|(action, place)| (pipeline, action, place)))
        .collect();
    for (index, (pipeline, action, place)) in polls.iter().enumerate() {
        for (other, _, other_place) in &polls[..=index] {
            if makes(whole, pipeline, *other_place) && makes(whole, other, *place) {
                let (name, other) = (&pipeline.name.value, &other.name.value);
                let message = if name == other {
                    format!("a record that `{name}` makes begins another run of it, which makes the next")
                } else {
                    format!("a record that `{other}` makes begins a run of `{name}`, which makes one for `{other}`")
                };
                let help = "write into each copy where it comes from, and leave the copies out with `where`";
                reports.of(&pipeline.source).warning(CHECK.name, action.at, message, help);
            }
        }
    }
}

/// What a pipeline polls in whole; a condition may be what leaves the copies out.
fn polled(pipeline: &Pipeline) -> Option<(&Spanned<String>, Place<'_>)> {
    let EventSource::Poll(poll) = &pipeline.trigger.source else { return None };
    let with = poll.with.as_ref().filter(|with| with.get("where").is_none())?;
    Some((&poll.action, place(&poll.action.value, with)?))
}

fn place<'a>(action: &'a str, with: &'a Node) -> Option<Place<'a>> {
    let object = with.get("object")?.text().filter(|object| !object.starts_with('$'))?;
    Some((action.split_once('.')?.0, object))
}

/// Whether each run makes a new record there. One that is named by an id is there already, and has had its run.
fn makes(whole: &Whole<'_>, pipeline: &Pipeline, place: Place<'_>) -> bool {
    pipeline.steps.iter().any(|step| {
        let Work::Action { action, with: Some(with) } = &step.work else { return false };
        let is_new = with.get("id").is_none() && with.get("external_id").is_none();
        let is_write = whole.action(&action.value).is_some_and(|action| action.effect.is_write());
        is_new && is_write && step.when.is_none() && self::place(&action.value, with) == Some(place)
    })
}
