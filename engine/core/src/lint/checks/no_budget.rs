//! `no-budget`: nothing bounds the calls of a connector; `frequent-poll`: one poll uses most of what it takes.

use std::time::Duration;

use ferry_contract::report::{Report, Spanned};

use super::{Check, On};
use crate::{
    language::{EventSource, Pipeline, Wait, Work},
    lint::{Context, Reports, Whole},
};

pub(super) const CHECK: Check = Check { name: "no-budget", page: include_str!("no_budget.md"), on: On::Project(check) };
pub(super) const FREQUENT: Check =
    Check { name: "frequent-poll", page: include_str!("frequent_poll.md"), on: On::Pipeline(frequent) };

fn check(whole: &Whole<'_>, reports: &mut Reports) {
    let report = reports.of(&whole.files.project);
    for (name, connection) in &whole.project.connections {
        let connector = &connection.connector;
        let is_unbounded = whole.catalog.connectors.get(&connector.value).is_some_and(|known| known.budget.is_empty());
        if is_unbounded && whole.pipelines.iter().any(|pipeline| calls(pipeline, name)) {
            let message =
                format!("the connector `{}` has no budget, so a burst of events is a burst of calls", connector.value);
            let help = "say in its connector.yaml what the vendor takes, such as `budget: [ { limit: 600, per: 1m } ]`";
            report.warning(CHECK.name, connector.at, message, help);
        }
    }
}

fn calls(pipeline: &Pipeline, connection: &str) -> bool {
    pipeline.calls().iter().any(|call| call.action.value.split('.').next() == Some(connection))
}

fn frequent(cx: &Context<'_>, report: &mut Report) {
    if let EventSource::Poll(poll) = &cx.pipeline.trigger.source {
        look(cx, &poll.action, poll.every, report);
    }
    for step in cx.pipeline.all_steps() {
        if let Work::Wait(Wait::Poll { probe, .. }) = &step.work {
            look(cx, &probe.action, probe.every, report);
        }
    }
}

/// Each question is one call at the least; more than half of what a target takes leaves little for the others.
fn look(cx: &Context<'_>, action: &Spanned<String>, every: Duration, report: &mut Report) {
    let connection = action.value.split('.').next().and_then(|name| cx.project.connections.get(name));
    let connector = connection.and_then(|connection| cx.catalog.connectors.get(&connection.connector.value));
    let Some(connector) = connector else { return };
    let calls = |per: Duration| per.as_millis() / every.as_millis().max(1);
    let Some(window) = connector.budget.iter().find(|window| calls(window.per) * 2 > u128::from(window.limit)) else {
        return;
    };
    let message = format!(
        "this asks {} times in {} s, and {} takes {} calls in that time",
        calls(window.per),
        window.per.as_secs(),
        connector.title,
        window.limit
    );
    let seldom = (window.per.as_millis() * 2).div_ceil(u128::from(window.limit).max(1)).div_ceil(1_000);
    report.warning(
        FREQUENT.name,
        action.at,
        message,
        format!("ask more seldom: `every: {seldom}s` leaves half of them to others"),
    );
}
