//! `unknown-webhook`: a trigger names what its system does not tell, or its sender cannot be verified.

use ferry_contract::{report::Report, suggest};

use super::{Check, On};
use crate::{
    language::{EventSource, Sender, Webhook},
    lint::Context,
};

pub(super) const CHECK: Check =
    Check { name: "unknown-webhook", page: include_str!("unknown_webhook.md"), on: On::Pipeline(check) };

fn check(cx: &Context<'_>, report: &mut Report) {
    let EventSource::Webhook(Webhook { sender: Sender::System { from, unsigned }, .. }) = &cx.pipeline.trigger.source
    else {
        return;
    };
    let known: Vec<&str> = cx.project.connections.keys().map(String::as_str).collect();
    let Some((name, webhook)) = from.value.split_once('.') else {
        let message = format!("`{}` names no webhook of a connection", from.value);
        let help = format!("write `connection.webhook`; the connections are {}", suggest::list(&known));
        return report.error(CHECK.name, from.at, message, help);
    };
    let Some(connection) = cx.project.connections.get(name) else {
        let message = format!("there is no connection `{name}` in ferry.yaml");
        return report.unknown("unknown-connection", from.at, message, (name, &known));
    };
    // A connector that is not there is reported where the connection names it.
    let Some(connector) = cx.catalog.connectors.get(&connection.connector.value) else { return };
    let Some(told) = connector.webhooks.get(webhook) else {
        let known: Vec<&str> = connector.webhooks.keys().map(String::as_str).collect();
        let message = format!("`{webhook}` is not a webhook of connector `{}`", connector.name);
        return if known.is_empty() {
            let help = "it has none; poll it, or take a plain webhook with `verify`";
            report.error(CHECK.name, from.at, message, help);
        } else {
            report.unknown(CHECK.name, from.at, message, (webhook, &known));
        };
    };
    if !unsigned && !connection.fields.contains_key(&told.secret) {
        let secret = &told.secret;
        let message = format!("the connection `{name}` has no `{secret}`, so nobody can tell who sent this webhook");
        let help = format!("add `{secret}: ${{secret:{name}/{secret}}}` to it in ferry.yaml");
        report.error("missing-key", from.at, message, help);
    }
}
