//! `leaked-secret`: a secret where people, logs and partners see it.

use ferry_contract::{
    catalog::Connector,
    report::{At, Report},
};

use super::{Check, On};
use crate::{
    lint::{
        Context,
        reads::{self, Read, Sources, plain},
    },
    plan::{EventSource, Plan, Step, Work},
    project::{ConnectionText, Fallback},
};

pub(super) const CHECK: Check =
    Check { name: "leaked-secret", page: include_str!("leaked_secret.md"), on: On::Plan(check) };

/// Names that are the secret itself, without case and signs. `token` alone may be that of a card, which is meant to be shown.
const CREDENTIALS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "clientsecret",
    "apisecret",
    "secretkey",
    "sharedsecret",
    "webhooksecret",
    "accesstoken",
    "refreshtoken",
    "bearertoken",
    "privatekey",
    "apikey",
    "securitytoken",
];

/// Where a value goes.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    /// Into a text that persons read, and into the log.
    Said,
    /// Out of the run: to a person who is asked, to other pipelines, to whoever called it.
    Given,
}

fn check(cx: &Context<'_>, plan: &Plan, report: &mut Report) {
    let sources = Sources::new(cx, plan);
    for step in &plan.steps {
        for (place, read) in shown(step) {
            tell(&sources, place, &read, report);
        }
    }
    let answer = match &plan.trigger.source {
        EventSource::Webhook(hook) => hook.respond.map(|step| &plan.steps[step].work),
        _ => None,
    };
    let answer = match answer {
        Some(Work::Map(value)) => Some(value),
        _ => None,
    };
    for value in plan.output.iter().chain(answer) {
        reads::of(value).iter().for_each(|read| tell(&sources, Place::Given, read, report));
    }
}

/// What leaves the run by a step, other than to the action that it calls.
fn shown(step: &Step) -> Vec<(Place, Read)> {
    let (place, reads) = match &step.work {
        Work::Alert { say, .. } => (Place::Said, reads::of_text(say)),
        Work::Check(rules) => {
            let texts = rules.iter().filter_map(|rule| rule.say.as_ref());
            (Place::Said, texts.flat_map(reads::of_text).collect())
        }
        Work::Approve(approve) => (Place::Given, reads::of(&approve.show)),
        Work::Emit { key, data, .. } => (Place::Given, [reads::of(key), reads::of(data)].concat()),
        Work::Link { key, to, .. } => (Place::Given, [reads::of(key), reads::of(to)].concat()),
        Work::Call(_) | Work::Map(_) | Work::Script(_) | Work::Wait(_) | Work::Pipeline { .. } | Work::Reconcile(_) => {
            return Vec::new();
        }
    };
    reads.into_iter().map(|read| (place, read)).collect()
}

fn tell(sources: &Sources<'_>, place: Place, read: &Read, report: &mut Report) {
    let goes = match place {
        Place::Said => "and persons and the log get this text",
        Place::Given => "and this leaves the run",
    };
    if CREDENTIALS.contains(&plain(read.last()).as_str()) {
        let message = format!("`{}` is a secret, {goes}", read.text());
        let help = "leave it out, or name what it belongs to, such as the id of the account";
        report.error(CHECK.name, read.at, message, help);
    } else if place == Place::Said && sources.schema(&read.names).is_some_and(|schema| schema.sensitive) {
        let message = format!("`{}` is what its connector calls sensitive, {goes}", read.text());
        let help =
            format!("make a part of it in a `map` step, `{{ from: $.{}, mask: last4 }}`, and read that", read.text());
        report.error(CHECK.name, read.at, message, help);
    }
}

/// A secret in a field of a connection that is no secret: it is in addresses, messages and logs.
pub(super) fn connection(connection: &ConnectionText, connector: &Connector, report: &mut Report) {
    let is_secret = |name: &str| connector.fields.iter().any(|(known, field)| known == name && field.secret);
    let environment = [("environment", &connection.environment)];
    let fields = connection.fields.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in fields.chain(environment).filter(|(name, value)| !is_secret(name) && refers(&value.value)) {
        // Not the place of the value, which may be shown with it.
        let at: At = connection.names.iter().find(|known| known.value == name).map_or(value.at, |known| known.at);
        let message =
            format!("`{name}` is no secret to {}, so its value is in addresses, messages and logs", connector.title);
        let help = format!("write `{name}: ${{env:NAME}}`; in a connector of your own, call the field `secret: true`");
        report.warning(CHECK.name, at, message, help);
    }
    for Fallback { host, .. } in
        connection.fallback.iter().filter(|further| further.urls.iter().any(|url| refers(&url.value)))
    {
        let message = format!(
            "`fallback.{}` is no secret, so its addresses are in messages, logs and `ferry status`",
            host.value
        );
        report.warning(CHECK.name, host.at, message, "write the address, or `${env:NAME}`");
    }
}

fn refers(text: &str) -> bool {
    text.contains("${secret:")
}
