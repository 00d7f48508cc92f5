//! `unused-mock`: answers for actions that a pipeline never calls.

use std::collections::BTreeSet;

use ferry_contract::{
    catalog::{Catalog, Effect, Repeat},
    report::Report,
    suggest,
};

use super::Test;
use crate::{
    language::{Pipeline, Work},
    project::Project,
};

/// Reports the mocks of a test that nothing asks.
pub(super) fn look(
    (project, catalog, pipelines): (&Project, &Catalog, &[Pipeline]),
    pipeline: &Pipeline,
    test: &Test,
    report: &mut Report,
) {
    let is_caller =
        |pipeline: &Pipeline| pipeline.all_steps().iter().any(|step| matches!(step.work, Work::Pipeline { .. }));
    // What it calls may call others, so that all of them count.
    let called = pipelines.iter().filter(|_| is_caller(pipeline)).chain([pipeline]);
    let asked: BTreeSet<&str> = called.flat_map(Pipeline::calls).map(|call| call.action.value.as_str()).collect();
    // A misspelt call may be the one that is meant.
    let is_known = |asked: &&str| {
        asked.split_once('.').is_some_and(|(connection, name)| {
            let connection = project.connections.get(connection);
            connection.is_some_and(|known| catalog.action(&known.connector.value, name).is_some())
        })
    };
    if !asked.iter().all(is_known) {
        return;
    }
    for mock in &test.mocks {
        let Some((connection, name)) = mock.action.value.split_once('.') else { continue };
        if asked.contains(mock.action.value.as_str()) {
            continue;
        }
        let connector = project.connections.get(connection).map(|connection| connection.connector.value.as_str());
        let action_of = |name: &str| catalog.action(connector?, name);
        let Some(action) = action_of(name) else { continue };
        let own = asked.iter().filter_map(|asked| asked.strip_prefix(connection)?.strip_prefix('.'));
        // Before a write of the same connection, or after it, the engine may ask a question by itself.
        let may_ask = |name: &str| match action_of(name).map(|action| &action.effect) {
            Some(Effect::Write(Repeat::Lookup(look_up))) => !action.effect.is_write() || look_up.action == name,
            Some(Effect::Write(_)) => !action.effect.is_write(),
            Some(Effect::Read) | None => false,
        };
        if !own.into_iter().any(may_ask) {
            let message = format!("this pipeline never calls `{}`", mock.action.value);
            let known: Vec<&str> = asked.iter().copied().collect();
            let help = format!("remove it, or name an action that it calls: {}", suggest::list(&known));
            report.warning("unused-mock", mock.action.at, message, help);
        }
    }
}
