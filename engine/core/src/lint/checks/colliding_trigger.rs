//! `colliding-trigger`: two pipelines want the requests to one address.

use std::collections::BTreeMap;

use super::{Check, On};
use crate::{
    language::EventSource,
    lint::{Reports, Whole},
};

pub(super) const CHECK: Check =
    Check { name: "colliding-trigger", page: include_str!("colliding_trigger.md"), on: On::Project(check) };

fn check(whole: &Whole<'_>, reports: &mut Reports) {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for pipeline in whole.pipelines {
        let EventSource::Webhook(webhook) = &pipeline.trigger.source else { continue };
        match taken.get(webhook.path.value.as_str()) {
            Some(other) => reports.of(&pipeline.source).error(
                CHECK.name,
                webhook.path.at,
                format!("the pipeline `{other}` takes the requests to `/hooks/{}` already", webhook.path.value),
                "give each pipeline a path of its own, or let one `emit` an event for the other",
            ),
            None => {
                taken.insert(&webhook.path.value, &pipeline.name.value);
            }
        }
    }
}
