//! `unknown-connection`: an action or a connection that leads nowhere.

use std::collections::BTreeSet;

use ferry_contract::{catalog::Catalog, report::Report, suggest};

use super::{Check, On};
use crate::{
    language::Call,
    lint::Context,
    project::{ConnectionText, Project},
};

pub(super) const CHECK: Check =
    Check { name: "unknown-connection", page: include_str!("unknown_connection.md"), on: On::Pipeline(check) };

fn check(cx: &Context<'_>, report: &mut Report) {
    let known: Vec<&str> = cx.project.connections.keys().map(String::as_str).collect();
    for Call { action, .. } in cx.pipeline.calls() {
        match action.value.split_once('.') {
            None => {
                let message = format!("`{}` names no connection", action.value);
                let help = format!("write `connection.action`; the connections are {}", suggest::list(&known));
                report.error(CHECK.name, action.at, message, help);
            }
            Some((connection, _)) if !cx.project.connections.contains_key(connection) => {
                let message = format!("there is no connection `{connection}` in ferry.yaml");
                report.unknown(CHECK.name, action.at, message, (connection, &known));
            }
            Some(_) => {}
        }
    }
}

/// The connections of `ferry.yaml` against their connectors.
pub(super) fn connections(project: &Project, catalog: &Catalog, report: &mut Report) {
    let known: Vec<&str> = catalog.connectors.keys().map(String::as_str).collect();
    for connection in project.connections.values() {
        match catalog.connectors.get(&connection.connector.value) {
            Some(connector) => {
                fields(connection, connector, report);
                super::leaked_secret::connection(connection, connector, report);
                super::deprecated::connection(connection, connector, report);
            }
            None if catalog.broken.contains(&connection.connector.value) => {}
            None => {
                let name = &connection.connector.value;
                let message = format!("there is no connector `{name}`");
                report.unknown(CHECK.name, connection.connector.at, message, (name, &known));
            }
        }
    }
}

/// Whether a connection lacks a field with a finding of its own.
fn needed(connector: &ferry_contract::catalog::Connector, name: &str) -> bool {
    connector.fields.iter().any(|(known, field)| known == name && !field.optional)
}

fn fields(connection: &ConnectionText, connector: &ferry_contract::catalog::Connector, report: &mut Report) {
    let known: Vec<&str> = connector.fields.iter().map(|(name, _)| name.as_str()).collect();
    for name in connection.names.iter().filter(|name| !known.contains(&name.value.as_str())) {
        let message = format!("`{}` is not a field of a {} connection", name.value, connector.title);
        report.unknown("unknown-key", name.at, message, (&name.value, &known));
    }
    for (name, field) in
        connector.fields.iter().filter(|(name, field)| !field.optional && !connection.fields.contains_key(name))
    {
        let message = format!("a {} connection needs `{name}`", connector.title);
        report.error("missing-key", connection.at, message, format!("add `{name}: {}`", field.example));
    }
    let has = |name: &String| connection.fields.contains_key(name) || needed(connector, name);
    if !connector.ways.is_empty() && !connector.ways.iter().any(|way| way.iter().all(has)) {
        let message = format!("a {} connection says who it is with {}", connector.title, connector.said_ways());
        let begun = connector.ways.iter().max_by_key(|way| way.iter().filter(|name| has(name)).count());
        let lacks = begun.into_iter().flatten().filter(|name| !has(name));
        let example = |name: &String| {
            let field = connector.fields.iter().find(|(known, _)| known == name);
            format!("`{name}: {}`", field.map_or("", |(_, field)| field.example.as_str()))
        };
        let help = format!("add {}", lacks.map(example).collect::<Vec<_>>().join(" and "));
        report.error("missing-key", connection.at, message, help);
    }
    for (name, field) in connector.fields.iter().filter(|(_, field)| field.secret) {
        // The place is the connector's, so that the secret is not shown with the finding.
        if connection.fields.get(name).is_some_and(|value| !value.value.contains("${")) {
            let message = format!("`{name}` is a secret, and it is written into the file");
            let help = format!(
                "write `{name}: ${{secret:{}/{name}}}`, change the secret, and see {}",
                connector.name, field.doc
            );
            report.error("literal-secret", connection.connector.at, message, help);
        }
    }
    let environment = &connection.environment;
    let reference = environment.value.contains("${");
    if !reference && !connector.environments.contains_key(&environment.value) {
        let known: Vec<&str> = connector.environments.keys().map(String::as_str).collect();
        let message = format!("a {} connection has no environment `{}`", connector.title, environment.value);
        report.unknown("invalid-value", environment.at, message, (&environment.value, &known));
    }
    if let Some(profile) = connection.profile.as_ref().filter(|name| connector.profile(Some(&name.value)).is_none()) {
        let known: Vec<&str> = connector.profiles.iter().map(|profile| profile.name.as_str()).collect();
        let message = format!("a {} connection has no profile `{}`", connector.title, profile.value);
        if known.is_empty() {
            report.error("invalid-value", profile.at, message, "remove `profile`: the connector has none");
        } else {
            report.unknown("invalid-value", profile.at, message, (&profile.value, &known));
        }
    }
    let known: BTreeSet<&str> = connector.environments.values().flatten().map(String::as_str).collect();
    let known: Vec<&str> = known.into_iter().collect();
    for host in connection.fallback.iter().map(|fallback| &fallback.host) {
        if !known.contains(&host.value.as_str()) {
            let message =
                format!("`{}` is not an address that {} has in its environments", host.value, connector.title);
            report.unknown("unknown-key", host.at, message, (&host.value, &known));
        }
    }
}
