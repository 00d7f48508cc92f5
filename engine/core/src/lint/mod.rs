//! What is wrong with a project: the one checker for lint, load, reload and editor.

mod allow;
pub mod checks;
mod whole;

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
};

pub use allow::apply as allow;
pub(crate) use whole::{File, FileKind, Reports, Whole};

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
    /// Whether the pipeline is an earlier version, which was checked when it was loaded: what is asked of new files
    /// since must not stop its runs.
    pub(crate) fn is_version(&self) -> bool {
        self.siblings.is_none()
    }

    /// The action that a step names as `connection.action`; `unknown-connection` and
    /// `unknown-action` report a name that is not there.
    pub(crate) fn action(&self, written: &str) -> Option<&'a Action> {
        let (connection, action) = written.split_once('.')?;
        self.catalog.action(&self.project.connections.get(connection)?.connector.value, action)
    }
}

/// Checks a project. A file with an error gives no plan, and keeps no other file from having one.
pub fn check(files: &Files, catalog: &Catalog, rules: &Rules) -> Checked {
    let mut reports = Reports::new(files);
    let project = read_project(files, catalog, &mut reports);
    let pipelines: Vec<Pipeline> =
        files.pipelines.iter().filter_map(|source| language::read(source, reports.of(source))).collect();
    let siblings = (!files.is_version).then_some(pipelines.as_slice());
    let mut plans: Vec<(&Pipeline, Arc<Plan>)> = Vec::new();
    // Without a project only the shape is checked.
    if let Some(project) = project.as_deref() {
        for pipeline in &pipelines {
            let report = reports.of(&pipeline.source);
            let cx = Context { project, catalog, rules, pipeline, siblings };
            let plan = plan(&cx, report).filter(|plan| is_new(plan, &plans, pipeline, report));
            plans.extend(plan.map(|plan| (pipeline, Arc::new(plan))));
        }
    }
    if !files.is_version {
        checks::files(files, &mut reports);
        if let Some(project) = project.as_deref() {
            let whole = Whole { files, project, catalog, pipelines: &pipelines };
            checks::project(&whole, &mut reports);
        }
    }
    let project = project.filter(|_| reports.of(&files.project).is_ok());
    plans.retain(|(pipeline, _)| project.is_some() && reports.of(&pipeline.source).is_ok());
    let plans = plans.into_iter().map(|(_, plan)| plan).collect();
    let mut reports = reports.into_reports();
    reports.iter_mut().for_each(allow::apply);
    Checked { reports, project, plans }
}

/// The project with its tables, where `ferry.yaml` has no error.
fn read_project(files: &Files, catalog: &Catalog, reports: &mut Reports) -> Option<Arc<Project>> {
    let tables = read_tables(files, reports);
    let report = reports.of(&files.project);
    let project = project::read(&files.project, report).map(|project| Project { tables, ..project });
    if let Some(project) = &project {
        checks::connections(project, catalog, report);
    }
    project.filter(|_| report.is_ok()).map(Arc::new)
}

/// Checks one pipeline.
fn plan(cx: &Context<'_>, report: &mut Report) -> Option<Plan> {
    checks::run(cx, report);
    let plan = plan::compile(cx.pipeline, cx.project, cx.catalog, cx.rules, report).filter(|_| report.is_ok())?;
    if !cx.is_version() {
        checks::plan(cx, &plan, report);
    }
    report.is_ok().then_some(plan)
}

/// Names of pipelines are in addresses and in file names, where capitals do not tell them apart.
fn is_new(plan: &Plan, plans: &[(&Pipeline, Arc<Plan>)], pipeline: &Pipeline, report: &mut Report) -> bool {
    let taken = plans.iter().find(|(_, known)| known.pipeline.eq_ignore_ascii_case(&plan.pipeline));
    if let Some((_, known)) = taken {
        let message = format!("another file of this project is the pipeline `{}` already", known.pipeline);
        report.error("duplicate-id", pipeline.name.at, message, "give each pipeline a name of its own");
    }
    taken.is_none()
}

fn read_tables(files: &Files, reports: &mut Reports) -> BTreeMap<String, Arc<Table>> {
    let read = |(name, source): (&String, &Arc<Source>)| {
        let table = project::read_table(source, reports.of(source))?;
        Some((name.clone(), Arc::new(table)))
    };
    files.tables.iter().filter_map(read).collect()
}
