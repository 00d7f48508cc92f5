//! What is wrong with a project: the one checker for lint, load, reload and editor.

mod allow;
pub mod checks;
mod whole;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ferry_contract::{
    catalog::{Action, Catalog},
    report::{Report, Source},
    script::Rules,
};

use crate::{
    language::{self, Pipeline},
    plan::{self, Plan},
    project::{self, Project},
    testing::{self, CheckedSuite, Samples},
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
    /// Map files by name.
    pub maps: BTreeMap<String, Arc<Source>>,
    /// Rhai modules by their path, `scripts/NAME.rhai`.
    pub scripts: BTreeMap<String, Arc<Source>>,
    /// The names of those files that lie in a folder of `shares`.
    pub shared: BTreeSet<String>,
    /// Folders of `shares` that are not there.
    pub absent: Vec<String>,
    /// Files of one name in two folders: both.
    pub doubles: Vec<(String, String)>,
    /// Whether they are those of an earlier version: one pipeline, without the others of its project.
    pub is_version: bool,
}

impl Files {
    /// A project without tables, maps and scripts.
    pub fn new(project: Arc<Source>, pipelines: Vec<Arc<Source>>) -> Self {
        let (tables, maps, scripts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (shared, absent, doubles) = (BTreeSet::new(), Vec::new(), Vec::new());
        Self { project, pipelines, tables, maps, scripts, shared, absent, doubles, is_version: false }
    }
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
    let project = read_project(files, catalog, rules, &mut reports);
    let pipelines: Vec<Pipeline> =
        files.pipelines.iter().filter_map(|source| language::read(source, reports.of(source))).collect();
    let siblings = (!files.is_version).then_some(pipelines.as_slice());
    let mut plans: Vec<(&Pipeline, Arc<Plan>)> = Vec::new();
    // Without a project only the shape is checked.
    if let Some(project) = project.as_deref() {
        for pipeline in &pipelines {
            let cx = Context { project, catalog, rules, pipeline, siblings };
            let plan = plan(&cx, &mut reports);
            let report = reports.of(&pipeline.source);
            let plan = plan.filter(|plan| is_new(plan, &plans, pipeline, report));
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

/// The project with its tables, maps and scripts, where `ferry.yaml` has no error.
fn read_project(files: &Files, catalog: &Catalog, rules: &Rules, reports: &mut Reports) -> Option<Arc<Project>> {
    let mut broken = BTreeSet::new();
    let table = |source: &Arc<Source>, report: &mut Report| project::read_table(source, report).map(Arc::new);
    let tables = read_all(&files.tables, reports, &mut broken, table);
    let maps = read_all(&files.maps, reports, &mut broken, project::read_map);
    let script = |source: &Arc<Source>, report: &mut Report| project::read_script(source, rules, report);
    let scripts = read_all(&files.scripts, reports, &mut broken, script);
    let report = reports.of(&files.project);
    let project = project::read(&files.project, report);
    let project = project.map(|project| Project { tables, maps, scripts, broken, ..project });
    if let Some(project) = &project {
        checks::connections(project, catalog, report);
        checks::shares(project, files, report);
    }
    project.filter(|_| report.is_ok()).map(Arc::new)
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
fn plan(cx: &Context<'_>, reports: &mut Reports) -> Option<Plan> {
    let report = reports.of(&cx.pipeline.source);
    checks::run(cx, report);
    let (plan, used) = plan::compile(cx.pipeline, cx.project, cx.catalog, cx.rules, report);
    used.iter().for_each(|found| reports.of(&found.source).absorb(found));
    let report = reports.of(&cx.pipeline.source);
    let plan = plan.filter(|_| report.is_ok())?;
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

/// Reads files of one kind, each with its report.
fn read_all<T>(
    files: &BTreeMap<String, Arc<Source>>,
    reports: &mut Reports,
    broken: &mut BTreeSet<String>,
    read: impl Fn(&Arc<Source>, &mut Report) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut all = BTreeMap::new();
    for (name, source) in files {
        match read(source, reports.of(source)) {
            Some(file) => drop(all.insert(name.clone(), file)),
            None => drop(broken.insert(name.clone())),
        }
    }
    all
}
