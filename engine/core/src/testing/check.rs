//! What is wrong with files of tests: names that are not there, fixtures that no target would give, and tests that
//! expect nothing.

use std::sync::Arc;

use ferry_contract::{
    catalog::{Action, Catalog},
    report::{At, Report, Source, Spanned},
    yaml::Node,
};
use serde_json::Value;

use super::{CheckedSuite, Deed, Gives, Mock, SUFFIXES, Suite, Test, read, read::replaced, unused};
use crate::{
    language::{self, Pipeline, Wait, Work},
    project::Project,
};

/// Reads a sample beside a file of tests.
pub type Samples<'a> = &'a dyn Fn(&Source, &str) -> Result<Value, String>;

/// What tests are checked against.
struct Context<'a> {
    project: &'a Project,
    catalog: &'a Catalog,
    /// All pipelines of the project that can be read.
    pipelines: &'a [Pipeline],
    samples: Samples<'a>,
}

/// Checks files of tests against the pipelines of their project.
pub fn check(
    sources: &[Arc<Source>],
    pipelines: &[Arc<Source>],
    project: &Project,
    catalog: &Catalog,
    samples: Samples<'_>,
) -> Vec<CheckedSuite> {
    let read = pipelines.iter().filter_map(|source| project.pipeline(source, &mut Report::new(source)));
    let pipelines: Vec<Pipeline> = read.collect();
    let cx = Context { project, catalog, pipelines: &pipelines, samples };
    sources.iter().map(|source| suite(&cx, source)).collect()
}

fn suite(cx: &Context<'_>, source: &Arc<Source>) -> CheckedSuite {
    let mut report = Report::new(source);
    let mut suite = read(source, &mut report);
    // Of an expectation with a mistake in it nobody knows what it would have said.
    let is_read = report.is_ok();
    let named = suite.as_ref().and_then(|suite| suite.named.clone());
    let pipeline = pipeline_of(cx, &source.name, named.as_ref(), &mut report);
    if let (Some(suite), Some(pipeline)) = (&mut suite, pipeline) {
        suite.pipeline.clone_from(&pipeline.name.value);
        if is_read {
            suite.tests.iter().for_each(|test| expects(test, &mut report));
        }
        suite.tests.iter_mut().for_each(|test| self::test(cx, pipeline, test, &mut report));
    }
    let suite = suite.filter(|_| report.is_ok());
    CheckedSuite { report, pipeline: pipeline.map(|pipeline| pipeline.name.value.clone()), suite }
}

/// The pipeline of a file of tests, where it is there.
pub(crate) fn pipeline_beside<'a>(
    source: &Source,
    suite: Option<&Suite>,
    pipelines: &'a [Pipeline],
) -> Option<&'a Pipeline> {
    match suite.and_then(|suite| suite.named.as_ref()) {
        Some(named) => pipelines.iter().find(|pipeline| pipeline.name.value == named.value),
        None => beside(stem(&source.name), pipelines),
    }
}

fn stem(name: &str) -> &str {
    SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

fn beside<'a>(stem: &str, pipelines: &'a [Pipeline]) -> Option<&'a Pipeline> {
    let ends = [".yaml", ".yml"];
    pipelines.iter().find(|pipeline| ends.iter().any(|end| pipeline.source.name.strip_suffix(end) == Some(stem)))
}

/// The pipeline that is named, or the one in the file beside it.
fn pipeline_of<'a>(
    cx: &Context<'a>,
    name: &str,
    named: Option<&Spanned<String>>,
    report: &mut Report,
) -> Option<&'a Pipeline> {
    if let Some(named) = named {
        let found = cx.pipelines.iter().find(|pipeline| pipeline.name.value == named.value);
        if found.is_none() {
            let known: Vec<&str> = cx.pipelines.iter().map(|pipeline| pipeline.name.value.as_str()).collect();
            let message = format!("there is no pipeline `{}` in this project", named.value);
            report.unknown("unknown-in-test", named.at, message, (&named.value, &known));
        }
        return found;
    }
    let stem = stem(name);
    let found = beside(stem, cx.pipelines);
    if found.is_none() {
        let message = format!("no pipeline that can be read is in `{stem}.yaml`");
        let help = "name the file after the pipeline's, or say `pipeline: NAME` at its top";
        report.error("unknown-in-test", At::START, message, help);
    }
    found
}

/// Warns of a test that would pass whatever happens.
fn expects(test: &Test, report: &mut Report) {
    if test.expect.is_empty() {
        let message = format!("the test `{}` expects nothing, so it would pass whatever happens", test.name.value);
        report.warning("test-without-expectation", test.name.at, message, "add `expect: { outcome: finished }`");
    }
}

fn test(cx: &Context<'_>, pipeline: &Pipeline, test: &mut Test, report: &mut Report) {
    if let Some(file) = &test.event.file {
        match (cx.samples)(&report.source, &file.value) {
            Ok(sample) => test.event.value = replaced(sample, test.event.value.take()),
            Err(why) => {
                let message = format!("the sample `{}` cannot be read: {why}", file.value);
                report.error(
                    "unknown-in-test",
                    file.at,
                    message,
                    "name a JSON file beside this one, such as `samples/request.json`",
                );
            }
        }
    }
    test.mocks.iter().for_each(|mock| self::mock(cx, mock, report));
    unused::look((cx.project, cx.catalog, cx.pipelines), pipeline, test, report);
    let expect = &test.expect;
    test.state.iter().chain(&expect.state).for_each(|pairs| xref(cx, &pairs.table, report));
    let calls = expect.calls.iter().chain(&expect.in_order).map(|call| &call.action);
    calls.chain(&expect.not_called).for_each(|name| {
        action(cx, name, report);
    });
    let ids: Vec<&str> = pipeline.all_steps().iter().map(|step| step.id.value.as_str()).collect();
    let expected = expect.steps.iter().map(|step| &step.id);
    let dead = expect.dead_letter.iter().filter_map(|letter| letter.step.as_ref());
    // What a run gives to its caller is made behind its last step.
    let dead = dead.filter(|step| step.value != "output");
    expected.chain(dead).for_each(|id| step(&ids, id, report));
    test.acts.iter().for_each(|act| deed(cx, (pipeline, &ids), &act.what, report));
}

fn xref(cx: &Context<'_>, table: &Spanned<String>, report: &mut Report) {
    if !cx.project.xref.contains_key(&table.value) {
        let known: Vec<&str> = cx.project.xref.keys().map(String::as_str).collect();
        let message = format!("there is no cross-reference `{}` in ferry.yaml", table.value);
        report.unknown("unknown-in-test", table.at, message, (&table.value, &known));
    }
}

fn step(known: &[&str], id: &Spanned<String>, report: &mut Report) {
    let name = id.value.split('[').next().unwrap_or_default();
    if !known.contains(&name) {
        let message = format!("there is no step `{name}` in this pipeline");
        report.unknown("unknown-in-test", id.at, message, (name, known));
    }
}

fn deed(cx: &Context<'_>, (pipeline, ids): (&Pipeline, &[&str]), deed: &Deed, report: &mut Report) {
    match deed {
        Deed::Decide { step: id, .. } => step(ids, id, report),
        Deed::Answer { step: id, .. } => {
            let steps = pipeline.all_steps();
            let asks = steps.iter().filter(|step| matches!(step.work, Work::Approve(_)));
            let asks: Vec<&str> = asks.map(|step| step.id.value.as_str()).collect();
            if !asks.contains(&id.value.as_str()) {
                let message = format!("no step `{}` of this pipeline asks a person", id.value);
                report.unknown("unknown-in-test", id.at, message, (&id.value, &asks));
            }
        }
        Deed::Post { event, .. } => {
            let awaited: Vec<String> = cx.pipelines.iter().flat_map(awaited).collect();
            let awaited: Vec<&str> = awaited.iter().map(String::as_str).collect();
            if !awaited.contains(&event.value.as_str()) {
                let message = format!("nothing in this project waits for an event `{}`", event.value);
                report.unknown("unknown-in-test", event.at, message, (&event.value, &awaited));
            }
        }
    }
}

/// The events that a pipeline waits for.
fn awaited(pipeline: &Pipeline) -> Vec<String> {
    let event = |step: &language::Step| match &step.work {
        Work::Wait(Wait::Event { event, .. } | Wait::Poll { wake: Some(event), .. }) => Some(event.event.value.clone()),
        _ => None,
    };
    pipeline.all_steps().into_iter().filter_map(event).collect()
}

/// An action that is named as `connection.action`.
fn action<'a>(cx: &Context<'a>, name: &Spanned<String>, report: &mut Report) -> Option<&'a Action> {
    let Some((connection, action)) = name.value.split_once('.') else {
        let message = format!("`{}` is no action", name.value);
        report.error(
            "unknown-in-test",
            name.at,
            message,
            "write it as `connection.action`, such as `payoneer.create_payout`",
        );
        return None;
    };
    let Some(text) = cx.project.connections.get(connection) else {
        let known: Vec<&str> = cx.project.connections.keys().map(String::as_str).collect();
        let message = format!("there is no connection `{connection}` in ferry.yaml");
        report.unknown("unknown-in-test", name.at, message, (connection, &known));
        return None;
    };
    let connector = cx.catalog.connectors.get(&text.connector.value)?;
    let found = connector.actions.get(action);
    if found.is_none() {
        let known: Vec<&str> = connector.actions.keys().map(String::as_str).collect();
        let message = format!("`{action}` is not an action of connector `{}`", connector.name);
        report.unknown("unknown-in-test", name.at, message, (action, &known));
    }
    found
}

fn mock(cx: &Context<'_>, mock: &Mock, report: &mut Report) {
    let Some(action) = action(cx, &mock.action, report) else { return };
    for answer in &mock.answers {
        let Gives::Output(node) = &answer.gives else { continue };
        for violation in action.output.violations(&node.to_value()) {
            let at = place(node, &violation);
            let message = format!("`{}` never gives this: {violation}", mock.action.value);
            let help = format!("`ferry explain {}` says what it gives", action.name);
            report.error("wrong-fixture", at, message, help);
        }
    }
}

/// Where the value stands that a violation names first, as far as it is there.
fn place(node: &Node, violation: &str) -> At {
    let path = violation.split('`').nth(1).unwrap_or_default();
    let mut node = node;
    for part in path.split(['.', '[']).skip(1) {
        let index: Option<usize> = part.strip_suffix(']').and_then(|index| index.parse().ok());
        let inner = match (&node.kind, index) {
            (ferry_contract::yaml::Kind::List(items), Some(index)) => items.get(index),
            _ => node.get(part),
        };
        match inner {
            Some(inner) => node = inner,
            None => break,
        }
    }
    node.at
}
