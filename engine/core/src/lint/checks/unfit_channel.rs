//! `unfit-channel`: an alert channel whose pipeline cannot tell of an alert.

use ferry_contract::{report::Spanned, schema::Kind, suggest};

use super::{Check, On};
use crate::{
    language::{EventSource, Pipeline},
    lint::{Reports, Whole},
    project::{ALERT_FIELDS, Channel},
};

pub(super) const CHECK: Check =
    Check { name: "unfit-channel", page: include_str!("unfit_channel.md"), on: On::Project(check) };

fn check(whole: &Whole<'_>, reports: &mut Reports) {
    for channel in whole.project.alerts.values() {
        let Channel::Pipeline(name) = channel else { continue };
        match whole.pipelines.iter().find(|pipeline| pipeline.name.value == name.value) {
            Some(pipeline) => fits(pipeline, name, reports),
            // A file that cannot be read may be the one.
            None if whole.pipelines.len() < whole.files.pipelines.len() => {}
            None => {
                let known: Vec<&str> = whole.pipelines.iter().map(|pipeline| pipeline.name.value.as_str()).collect();
                let message = format!("there is no pipeline `{}` in this project", name.value);
                reports.of(&whole.files.project).unknown(CHECK.name, name.at, message, (&name.value, &known));
            }
        }
    }
}

fn fits(pipeline: &Pipeline, name: &Spanned<String>, reports: &mut Reports) {
    let report = reports.of(&pipeline.source);
    if !matches!(pipeline.trigger.source, EventSource::Manual) {
        let message = format!("`{}` tells of alerts, and begins by itself", name.value);
        report.error(CHECK.name, pipeline.name.at, message, "write `trigger: manual`: an alert begins it");
    }
    for input in &pipeline.inputs {
        let name = input.name.value.as_str();
        let (message, help) = match () {
            () if !ALERT_FIELDS.contains(&name) => {
                (format!("an alert has no `{name}`"), format!("it has {}", suggest::list(&ALERT_FIELDS)))
            }
            () if input.kind != Kind::String => {
                (format!("`{name}` of an alert is a text"), "write `string`".to_owned())
            }
            () if name == "class" && !input.optional => {
                let message = "only the alert of a dead letter has a `class`".to_owned();
                (message, "write `class: { type: string, optional: true }`".to_owned())
            }
            () => continue,
        };
        report.error(CHECK.name, input.name.at, message, help);
    }
}
