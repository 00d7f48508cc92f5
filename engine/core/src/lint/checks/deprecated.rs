//! `deprecated`: an action, an input or a setting that its connector says to leave.

use ferry_contract::{
    catalog::Connector,
    report::{At, Report, Spanned},
    schema::Schema,
    yaml::{Kind, Node},
};

use super::{Check, On, missing_input::given};
use crate::{eval::operators, lint::Context, project::ConnectionText};

pub(super) const CHECK: Check =
    Check { name: "deprecated", page: include_str!("deprecated.md"), on: On::Pipeline(check) };

fn check(cx: &Context<'_>, report: &mut Report) {
    for call in cx.pipeline.calls() {
        let Some(action) = cx.action(&call.action.value) else { continue };
        if let Some(instead) = &action.deprecated {
            found(&call.action.value, instead, call.action.at, report);
        }
        let given = given(cx, call.with);
        inputs(given.map_or(&[], |given| given.entries), &action.input, report);
    }
}

/// The inputs that are written here, at any depth.
fn inputs(entries: &[(Spanned<String>, Node)], schema: &Schema, report: &mut Report) {
    for (name, node) in entries {
        let Some(field) = schema.property(&name.value) else { continue };
        if let Some(instead) = &field.deprecated {
            found(&name.value, instead, name.at, report);
        }
        written(node, field, report);
    }
}

fn written(node: &Node, schema: &Schema, report: &mut Report) {
    match &node.kind {
        Kind::Map(entries) if !operators::is_operator(node) => inputs(entries, schema, report),
        Kind::List(items) => {
            let schema = schema.items.as_deref();
            schema.into_iter().for_each(|schema| items.iter().for_each(|item| written(item, schema, report)));
        }
        Kind::Map(_) | Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
    }
}

/// The settings of a connection.
pub(super) fn connection(connection: &ConnectionText, connector: &Connector, report: &mut Report) {
    for name in &connection.names {
        let field = connector.fields.iter().find(|(known, _)| *known == name.value);
        if let Some(instead) = field.and_then(|(_, field)| field.deprecated.as_ref()) {
            found(&name.value, instead, name.at, report);
        }
    }
}

fn found(name: &str, instead: &str, at: At, report: &mut Report) {
    report.warning(CHECK.name, at, format!("`{name}` is deprecated"), instead);
}
