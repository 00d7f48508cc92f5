//! `unknown-action`: the connector has no such action.

use ferry_contract::{report::Report, suggest};

use super::{Check, On};
use crate::{language::Call, lint::Context};

pub(super) const CHECK: Check =
    Check { name: "unknown-action", page: include_str!("unknown_action.md"), on: On::Pipeline(check) };

fn check(cx: &Context<'_>, report: &mut Report) {
    for Call { action, .. } in cx.pipeline.calls() {
        // `unknown-connection` reports a connection or a connector that is not there.
        let Some((connection, name)) = action.value.split_once('.') else { continue };
        let Some(connection) = cx.project.connections.get(connection) else { continue };
        let Some(connector) = cx.catalog.connectors.get(&connection.connector.value) else { continue };
        if !connector.actions.contains_key(name) {
            let known: Vec<&str> = connector.actions.keys().map(String::as_str).collect();
            let message = format!("`{name}` is not an action of connector `{}`", connector.name);
            report.unknown(CHECK.name, action.at, message, (name, &known));
            continue;
        }
        let profile = connector.profile(connection.profile.as_ref().map(|profile| profile.value.as_str()));
        if let Some(profile) = profile.filter(|profile| profile.without.contains(name)) {
            let has = connector.profiles.iter().filter(|profile| !profile.without.contains(name));
            let has: Vec<&str> = has.map(|profile| profile.name.as_str()).collect();
            let message =
                format!("`{name}` is not in the profile `{}` of connector `{}`", profile.name, connector.name);
            let help = match has.as_slice() {
                [] => "no profile of the connector has it".to_owned(),
                [first, ..] => format!("write `profile: {first}` at the connection; {} has it", suggest::list(&has)),
            };
            report.error(CHECK.name, action.at, message, help);
        }
    }
}
