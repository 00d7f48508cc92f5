//! `no-budget`: nothing bounds the calls of a connector; `frequent-poll`: one poll or schedule uses most of what it takes.

use std::{collections::BTreeMap, time::Duration};

use ferry_contract::{
    catalog::{Connector, Window},
    report::{Report, Spanned},
};
use jiff::Timestamp;

use super::{Check, On};
use crate::{
    language::{EventSource, Pipeline, Wait, Work},
    lint::{Context, Reports, Whole},
    plan::first_times,
};

/// How many times of a schedule show how dense they are: some more than there are minutes in an hour.
const TIMES_LOOKED_AT: usize = 70;

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
    if let EventSource::Schedule(schedule) = &cx.pipeline.trigger.source {
        scheduled(cx, &schedule.cron, report);
    }
    for step in cx.pipeline.all_steps() {
        if let Work::Wait(Wait::Poll { probe, .. }) = &step.work {
            look(cx, &probe.action, probe.every, report);
        }
    }
}

/// A schedule begins a run each time, and each run makes the calls that depend on nothing.
fn scheduled(cx: &Context<'_>, cron: &Spanned<String>, report: &mut Report) {
    // What is no expression is an error of the plan.
    let Ok(times) = cron.value.parse().map(|cron| first_times(&cron, TIMES_LOOKED_AT)) else { return };
    let shortest = times.windows(2).map(|pair| pair[1].as_second() - pair[0].as_second()).min();
    if let Some(seconds) = shortest.filter(|seconds| *seconds < 60) {
        let message = format!("this begins runs {seconds} s apart, because the first of six fields is that of seconds");
        report.warning(
            FREQUENT.name,
            cron.at,
            message,
            "write five fields, such as `*/15 * * * *` for each 15 minutes",
        );
        return;
    }
    let certain = cx.pipeline.steps.iter().filter(|step| step.when.is_none() && step.each.is_none());
    let mut calls: BTreeMap<&str, u128> = BTreeMap::new();
    for step in certain {
        if let Work::Action { action, .. } = &step.work {
            *calls.entry(action.value.split('.').next().unwrap_or_default()).or_default() += 1;
        }
    }
    for (connection, calls) in calls {
        let Some(connector) = connector(cx, connection) else { continue };
        let runs = |window: &Window| runs_within(&times, window.per);
        let used_up = connector.budget.iter().find(|window| runs(window) * calls * 2 > u128::from(window.limit));
        let Some(window) = used_up else { continue };
        let message = format!(
            "this begins {} runs in {} s with {} to {} each, which takes {} calls in that time",
            runs(window),
            window.per.as_secs(),
            if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") },
            connector.title,
            window.limit
        );
        report.warning(
            FREQUENT.name,
            cron.at,
            message,
            "begin runs more seldom, such as each 15 minutes: `*/15 * * * *`",
        );
    }
}

/// How many of these times are in a window, on the average where it is longer than all of them.
fn runs_within(times: &[Timestamp], per: Duration) -> u128 {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return 0 };
    let span_ms = u128::try_from(last.as_millisecond() - first.as_millisecond()).unwrap_or_default();
    if span_ms < per.as_millis() && span_ms > 0 {
        return per.as_millis() * (times.len() as u128 - 1) / span_ms;
    }
    let until = i64::try_from(per.as_millis()).unwrap_or(i64::MAX).saturating_add(first.as_millisecond());
    times.iter().filter(|time| time.as_millisecond() < until).count() as u128
}

/// The connector of a connection.
fn connector<'a>(cx: &Context<'a>, connection: &str) -> Option<&'a Connector> {
    let connection = cx.project.connections.get(connection)?;
    cx.catalog.connectors.get(&connection.connector.value).map(|connector| &**connector)
}

/// Each question is one call at the least; more than half of what a target takes leaves little for the others.
fn look(cx: &Context<'_>, action: &Spanned<String>, every: Duration, report: &mut Report) {
    let Some(connector) = action.value.split('.').next().and_then(|name| connector(cx, name)) else { return };
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
