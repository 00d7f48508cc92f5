//! What is wrong with a project: the one checker for lint, load, reload and editor.

mod allow;
pub mod checks;

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
    /// Map files by name.
    pub maps: BTreeMap<String, Arc<Source>>,
    /// Rhai modules by their path, `scripts/NAME.rhai`.
    pub scripts: BTreeMap<String, Arc<Source>>,
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
        Self { project, pipelines, tables, maps, scripts, absent: Vec::new(), doubles: Vec::new(), is_version: false }
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
    let mut broken = BTreeSet::new();
    let mut into = (&mut reports, &mut broken);
    let tables = read_all(&files.tables, &mut into, |source, report| project::read_table(source, report).map(Arc::new));
    let maps = read_all(&files.maps, &mut into, project::read_map);
    let scripts = read_all(&files.scripts, &mut into, |source, report| project::read_script(source, rules, report));
    let mut report = Report::new(&files.project);
    let project = project::read(&files.project, &mut report);
    let project = project.map(|project| Project { tables, maps, scripts, broken, ..project });
    if let Some(project) = &project {
        checks::connections(project, catalog, &mut report);
        checks::shares(project, files, &mut report);
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
            let plan = plan(&cx, &mut report, &mut reports);
            let plan = plan.filter(|plan| is_new(plan, &plans, source, &mut report));
            plans.extend(plan.map(Arc::new));
        }
        reports.push(report);
    }
    reports.iter_mut().for_each(allow::apply);
    Checked { reports, project, plans }
}

/// Checks one pipeline.
fn plan(cx: &Context<'_>, report: &mut Report, others: &mut [Report]) -> Option<Plan> {
    checks::run(cx, report);
    let (plan, used) = plan::compile(cx.pipeline, cx.project, cx.catalog, cx.rules, report);
    for found in used {
        let its = others.iter_mut().find(|other| Arc::ptr_eq(&other.source, &found.source));
        its.into_iter().for_each(|its| its.absorb(&found));
    }
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

/// Reads files of one kind, each with its report.
fn read_all<T>(
    files: &BTreeMap<String, Arc<Source>>,
    (reports, broken): &mut (&mut Vec<Report>, &mut BTreeSet<String>),
    read: impl Fn(&Arc<Source>, &mut Report) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut all = BTreeMap::new();
    for (name, source) in files {
        let mut report = Report::new(source);
        match read(source, &mut report) {
            Some(file) => drop(all.insert(name.clone(), file)),
            None => drop(broken.insert(name.clone())),
        }
        reports.push(report);
    }
    all
}
