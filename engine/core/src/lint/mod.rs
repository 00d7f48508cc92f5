//! What is wrong with a project: the one checker for lint, load, reload and editor.

mod allow;
pub mod checks;
mod environment;
mod environments;
mod parallel;
mod reads;
mod whole;
mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ferry_contract::{
    catalog::{Action, Catalog},
    report::{Report, Source},
    script::Rules,
    yaml::{self, Node},
};

use crate::{
    language::{self, Pipeline},
    plan::{self, Around, Plan, Siblings},
    project::{self, Given, Params, Project},
    testing::{self, CheckedSuite, Samples},
};

pub use allow::apply as allow;
pub use environment::unset;
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
    /// Files of tests, for what they leave out; what is wrong with them, [`check_tests`] says.
    pub tests: Vec<Arc<Source>>,
    /// Snapshots of what connections say about their records, by `CONNECTION/NAME`.
    pub snapshots: BTreeMap<String, Arc<Source>>,
    /// The names of those files that lie in a folder of `shares`.
    pub shared: BTreeSet<String>,
    /// Folders of `shares` that are not there.
    pub absent: Vec<String>,
    /// Files of one name in two folders: both.
    pub doubles: Vec<(String, String)>,
    /// Whether they are those of an earlier version: one pipeline, without the others of its project.
    pub is_version: bool,
    /// What is given to the parameters, and the environment that is meant.
    pub given: Given,
}

impl Files {
    /// A project without tables, maps and scripts.
    pub fn new(project: Arc<Source>, pipelines: Vec<Arc<Source>>) -> Self {
        let (tables, maps, scripts, snapshots) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (shared, absent, doubles) = (BTreeSet::new(), Vec::new(), Vec::new());
        Self {
            project,
            pipelines,
            tables,
            maps,
            scripts,
            snapshots,
            tests: Vec::new(),
            shared,
            absent,
            doubles,
            is_version: false,
            given: Given::default(),
        }
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
    /// What they take and give.
    typed: Option<&'a Siblings<'a>>,
    /// Whether every pipeline of the project could be read.
    pub all_are_read: bool,
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

/// Checks a project, in each of its environments. A file with an error gives no plan, and keeps no other file from having
/// one; the plans are those of the environment that is given, of the default one, or of the first.
pub fn check(files: &Files, catalog: &Catalog, rules: &Rules) -> Checked {
    let mut one = check_one(files, &files.given, catalog, rules);
    if !files.is_version
        && let (Some(name), others) = environments::others(files)
    {
        let reports = |given: &Given| check_one(files, given, catalog, rules).reports;
        let others: Vec<_> = others.iter().map(|(name, given)| (name.clone(), reports(given))).collect();
        environments::merge(&mut one.reports, &name, &others);
    }
    let One { mut reports, project, plans } = one;
    let is_ok = |source: &Arc<Source>| {
        reports.iter().any(|report| Arc::ptr_eq(&report.source, source) && runs(report, files.is_version))
    };
    let project = project.filter(|_| is_ok(&files.project));
    let plans = plans.into_iter().filter(|(source, _)| project.is_some() && is_ok(source));
    let plans = plans.map(|(_, plan)| plan).collect();
    // What one file is warned of may depend on all others, and on all projects that share it.
    let is_whole = reports.iter().all(Report::is_ok) && !files.is_version;
    for report in &mut reports {
        let is_own = !files.shared.contains(&report.source.name);
        allow::judge(report, is_whole && is_own);
    }
    Checked { reports, project, plans }
}

/// What one environment of a project comes to.
struct One {
    reports: Vec<Report>,
    project: Option<Arc<Project>>,
    plans: Vec<(Arc<Source>, Arc<Plan>)>,
}

fn check_one(files: &Files, given: &Given, catalog: &Catalog, rules: &Rules) -> One {
    let mut reports = Reports::new(files);
    let project = read_project((files, given), catalog, rules, &mut reports);
    let unread = Params::unread();
    let params = project.as_deref().map_or(&unread, |project| &project.params);
    let (trees, pipelines) = read_pipelines(files, params, &mut reports);
    // Without a project only the shape is checked.
    let plans = project.as_deref().map_or_else(Vec::new, |project| {
        let all_are_read = pipelines.len() == files.pipelines.len();
        let siblings = (!files.is_version).then_some(pipelines.as_slice());
        let typed = siblings.map(Siblings::new);
        let typed = typed.as_ref();
        let cx = |pipeline| Context { project, catalog, rules, pipeline, siblings, typed, all_are_read };
        plans(&pipelines, cx, &mut reports)
    });
    if !files.is_version {
        checks::files(files, &mut reports);
        let trees_and_reports: Vec<_> = trees.iter().zip(reports.of_pipelines()).collect();
        parallel::each(trees_and_reports, |(root, report)| {
            let file = root.as_ref().map(|root| File { root, kind: FileKind::Pipeline });
            file.iter().for_each(|file| checks::file(file, report));
        });
        if let Some(project) = project.as_deref() {
            let whole = Whole { files, project, catalog, pipelines: &pipelines, trees: &trees };
            checks::project(&whole, &mut reports);
        }
    }
    One { reports: reports.into_reports(), project, plans }
}

/// The tree of each pipeline's file, and the pipelines that can be read.
fn read_pipelines(files: &Files, params: &Params, reports: &mut Reports) -> (Vec<Option<Node>>, Vec<Pipeline>) {
    let sources_and_reports: Vec<_> = files.pipelines.iter().zip(reports.of_pipelines()).collect();
    let read = parallel::each(sources_and_reports, |(source, report)| {
        let root = yaml::parse(source, report);
        let pipeline = root.as_ref().and_then(|root| language::read_with(root, params, report));
        (root, pipeline)
    });
    let (trees, pipelines): (_, Vec<Option<Pipeline>>) = read.into_iter().unzip();
    (trees, pipelines.into_iter().flatten().collect())
}

/// Checks the pipelines, and gives the plans of those without an error, each with its file.
fn plans<'a>(
    pipelines: &'a [Pipeline],
    cx: impl Fn(&'a Pipeline) -> Context<'a> + Sync,
    reports: &mut Reports,
) -> Vec<(Arc<Source>, Arc<Plan>)> {
    let mut left = pipelines.iter().peekable();
    let pipelines_and_reports = reports.of_pipelines().iter_mut().filter_map(|report| {
        let pipeline = left.next_if(|pipeline| Arc::ptr_eq(&pipeline.source, &report.source))?;
        Some((pipeline, report))
    });
    let compiled = parallel::each(pipelines_and_reports.collect(), |(pipeline, report)| {
        let (plan, used) = plan(&cx(pipeline), report);
        (pipeline, plan, used)
    });
    let mut plans = Vec::new();
    let mut names = BTreeMap::new();
    for (pipeline, plan, used) in compiled {
        used.iter().for_each(|found| reports.of(&found.source).absorb(found));
        let plan = plan.filter(|plan| is_new(plan, &mut names, pipeline, reports.of(&pipeline.source)));
        plans.extend(plan.map(|plan| (Arc::clone(&pipeline.source), Arc::new(plan))));
    }
    plans
}

/// The project with its tables, maps and scripts, where `ferry.yaml` has no error.
fn read_project(
    (files, given): (&Files, &Given),
    catalog: &Catalog,
    rules: &Rules,
    reports: &mut Reports,
) -> Option<Arc<Project>> {
    let mut broken = BTreeSet::new();
    let project = project::read(&files.project, given, reports.of(&files.project));
    let script = |source: &Arc<Source>, report: &mut Report| project::read_script(source, rules, report);
    let scripts = read_all(&files.scripts, reports, &mut broken, script);
    let unread = Params::unread();
    let params = project.as_ref().map_or(&unread, |project| &project.params);
    let table = |source: &Arc<Source>, report: &mut Report| project::read_table(source, params, report).map(Arc::new);
    let tables = read_all(&files.tables, reports, &mut broken, table);
    let map = |source: &Arc<Source>, report: &mut Report| project::read_map(source, params, report);
    let maps = read_all(&files.maps, reports, &mut broken, map);
    let project = project.map(|project| Project { tables, maps, scripts, broken, ..project });
    let report = reports.of(&files.project);
    if let Some(project) = &project {
        checks::connections(project, catalog, report);
        checks::shares(project, files, report);
    }
    let mut project = project.filter(|_| runs(report, files.is_version))?;
    let snapshots = files.snapshots.iter().map(|(key, source)| {
        let is_own = !files.shared.contains(&source.name);
        project::read_record((source, key), (&project, catalog), is_own, reports.of(source))
    });
    project.records = snapshots.flatten().collect();
    Some(Arc::new(project))
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
    for suite in &mut suites {
        checks::words(&mut suite.report);
        allow::apply(&mut suite.report);
    }
    suites
}

/// Checks one pipeline; with its plan come the findings in map files that it uses.
fn plan(cx: &Context<'_>, report: &mut Report) -> (Option<Plan>, Vec<Report>) {
    checks::run(cx, report);
    let around = Around { project: cx.project, catalog: cx.catalog, rules: cx.rules, siblings: cx.typed };
    let (plan, used) = plan::compile(cx.pipeline, around, report);
    let plan = plan.filter(|_| runs(report, cx.is_version()));
    if let Some(plan) = plan.as_ref().filter(|_| !cx.is_version()) {
        checks::plan(cx, plan, report);
    }
    (plan.filter(|_| runs(report, cx.is_version())), used)
}

/// Whether what a file says may run. A version was checked when it was loaded: what can still be made of it goes on, whatever
/// is asked of new files since.
fn runs(report: &Report, is_version: bool) -> bool {
    is_version || report.is_ok()
}

/// Names of pipelines are in addresses and in file names, where capitals do not tell them apart.
fn is_new(plan: &Plan, names: &mut BTreeMap<String, String>, pipeline: &Pipeline, report: &mut Report) -> bool {
    let name = plan.pipeline.to_ascii_lowercase();
    if let Some(known) = names.get(&name) {
        let message = format!("another file of this project is the pipeline `{known}` already");
        report.error("duplicate-id", pipeline.name.at, message, "give each pipeline a name of its own");
        return false;
    }
    names.insert(name, plan.pipeline.clone());
    true
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
