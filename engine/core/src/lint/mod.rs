//! What is wrong with a project: the one checker for lint, load, reload and editor.

mod allow;
pub mod checks;

use std::{collections::BTreeMap, sync::Arc};

use ferry_contract::{
    catalog::{Action, Catalog},
    report::{Report, Source},
    script::Rules,
};

use crate::{
    language::{self, Pipeline},
    plan::{self, Plan},
    project::{self, Project, Table},
    testing::{self, CheckedSuite, Samples},
};

/// A project's files, read.
#[derive(Clone, Debug)]
pub struct Files {
    /// `ferry.yaml`.
    pub project: Arc<Source>,
    /// One pipeline a file.
    pub pipelines: Vec<Arc<Source>>,
    /// Tables by name.
    pub tables: BTreeMap<String, Arc<Source>>,
    /// Whether they are those of an earlier version: one pipeline, without the others of its project.
    pub is_version: bool,
}

/// A checked project.
#[derive(Debug)]
pub struct Checked {
    /// One report a file, in the order of the files.
    pub reports: Vec<Report>,
    /// The project, where `ferry.yaml` has no error.
    pub project: Option<Arc<Project>>,
    /// The pipelines without an error.
    pub plans: Vec<Arc<Plan>>,
}

/// What checks see.
#[derive(Debug)]
pub struct Context<'a> {
    /// The project.
    pub project: &'a Project,
    /// The connectors.
    pub catalog: &'a Catalog,
    /// The Rhai engine.
    pub rules: &'a Rules,
    /// The pipeline in hand.
    pub pipeline: &'a Pipeline,
    /// All pipelines of the project that can be read; nothing where only one of them is at hand.
    pub siblings: Option<&'a [Pipeline]>,
}

impl<'a> Context<'a> {
    /// The action that a step names as `connection.action`; `unknown-connection` and
    /// `unknown-action` report a name that is not there.
    pub(crate) fn action(&self, written: &str) -> Option<&'a Action> {
        let (connection, action) = written.split_once('.')?;
        self.catalog.action(&self.project.connections.get(connection)?.connector.value, action)
    }
}

/// Checks a project. A file with an error gives no plan, and keeps no other file from having one.
pub fn check(files: &Files, catalog: &Catalog, rules: &Rules) -> Checked {
    let mut reports = Vec::new();
    let tables = read_tables(files, &mut reports);
    let mut report = Report::new(&files.project);
    let project = project::read(&files.project, &mut report).map(|project| Project { tables, ..project });
    if let Some(project) = &project {
        checks::connections(project, catalog, &mut report);
    }
    let mut plans: Vec<Arc<Plan>> = Vec::new();
    let project = project.filter(|_| report.is_ok()).map(Arc::new);
    reports.insert(0, report);
    let mut read = Vec::new();
    let mut pipelines: Vec<Pipeline> = Vec::new();
    for source in &files.pipelines {
        let mut report = Report::new(source);
        let pipeline = language::read(source, &mut report);
        read.push((source, report, pipeline.is_some().then_some(pipelines.len())));
        pipelines.extend(pipeline);
    }
    let siblings = (!files.is_version).then_some(pipelines.as_slice());
    for (source, mut report, index) in read {
        // Without a project only the shape is checked.
        if let (Some(project), Some(index)) = (project.as_deref(), index) {
            let cx = Context { project, catalog, rules, pipeline: &pipelines[index], siblings };
            let plan = plan(&cx, &mut report).filter(|plan| is_new(plan, &plans, source, &mut report));
            plans.extend(plan.map(Arc::new));
        }
        reports.push(report);
    }
    reports.iter_mut().for_each(allow::apply);
    Checked { reports, project, plans }
}

/// Checks files of tests against a checked project; nothing of them is checked where `ferry.yaml` is wrong.
pub fn check_tests(
    sources: &[Arc<Source>],
    (files, checked): (&Files, &Checked),
    catalog: &Catalog,
    samples: Samples<'_>,
) -> Vec<CheckedSuite> {
    let Some(project) = &checked.project else { return Vec::new() };
    let mut suites = testing::check(sources, &files.pipelines, project, catalog, samples);
    suites.iter_mut().for_each(|suite| allow::apply(&mut suite.report));
    suites
}

/// Checks one pipeline.
fn plan(cx: &Context<'_>, report: &mut Report) -> Option<Plan> {
    checks::run(cx, report);
    let plan = plan::compile(cx.pipeline, cx.project, cx.catalog, cx.rules, report);
    plan.filter(|_| report.is_ok())
}

fn is_new(plan: &Plan, plans: &[Arc<Plan>], source: &Arc<Source>, report: &mut Report) -> bool {
    let taken = plans.iter().any(|known| known.pipeline == plan.pipeline);
    if taken {
        let at = ferry_contract::yaml::parse(source, &mut Report::new(source))
            .and_then(|root| root.get("pipeline").map(|node| node.at))
            .unwrap_or_default();
        let message = format!("another file of this project is the pipeline `{}` already", plan.pipeline);
        report.error("duplicate-id", at, message, "give each pipeline a name of its own");
    }
    !taken
}

fn read_tables(files: &Files, reports: &mut Vec<Report>) -> BTreeMap<String, Arc<Table>> {
    let mut tables = BTreeMap::new();
    for (name, source) in &files.tables {
        let mut report = Report::new(source);
        if let Some(table) = project::read_table(source, &mut report) {
            tables.insert(name.clone(), Arc::new(table));
        }
        reports.push(report);
    }
    tables
}
