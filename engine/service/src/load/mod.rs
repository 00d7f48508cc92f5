//! Folders into checked projects, and checked projects into open connections.

mod connections;
mod files;
mod wanted;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use ferry_connectors::{
    connection::{Connection, World},
    library::Library,
};
use ferry_contract::{
    catalog::Effect,
    failure::{ErrorClass, Failure},
    key::Digest,
    report::{Level, Report, Source},
    script::{Missing, Rules},
};
use ferry_core::{
    lint::{self, Checked, Files},
    plan::{Call, EventSource, Plan, Sender},
    project::{Given, Project, Retention},
    testing::CheckedSuite,
};
use secrecy::{ExposeSecret as _, SecretString};

pub use connections::open_one;
use connections::opened;
pub(crate) use files::SNAPSHOTS;
pub use wanted::{Wanted, environment_of};

use crate::{
    clock::WallWatch, engine::LoadedProject, limits::PROJECT_FILES_MAX, reference, sandbox::SandboxInfo,
    store::VersionFiles,
};

/// What a call leads to now; nothing where its connection or action is not there.
pub type EffectNow<'a> = dyn Fn(&Call) -> Option<Effect> + 'a;

/// Files by the names that pipelines call them.
type Sources = BTreeMap<String, Arc<Source>>;

/// How the file name of a table of cells ends.
const CSV: &str = ".csv";

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no project.
    #[error("there is no ferry.yaml in {0} or below it; name a folder that has one")]
    NoProject(String),
    /// The machine says no.
    #[error("{path} cannot be read: {error}; {}", to_read(.error))]
    Io {
        /// The file or folder.
        path: String,
        /// What the machine says.
        error: std::io::Error,
    },
    /// The environment of a folder is not chosen, or is none of its own.
    #[error("{0}/ferry.yaml: {1}")]
    Environment(String, String),
    /// What is given from outside is for none of the projects.
    #[error("{0}")]
    Given(String),
    /// More files than one project may have.
    #[error("{0} has more than {PROJECT_FILES_MAX} files")]
    TooMany(String),
}

/// A project that was read and checked, whether or not it is right.
#[derive(Debug)]
pub struct CheckedProject {
    /// Its folder.
    pub folder: PathBuf,
    /// Its files.
    pub files: Files,
    /// The connectors that it may use.
    pub library: Arc<Library>,
    /// What is wrong with its own connectors.
    pub connector_reports: Vec<Report>,
    /// What is wrong with it, and the plans that are right.
    pub checked: Checked,
    /// The tests of its pipelines, which only `ferry lint` and `ferry test` look at.
    pub suites: Vec<CheckedSuite>,
}

impl CheckedProject {
    /// The references of its files that have no value on this machine, as `unset-reference`.
    pub fn unset(&self) -> Vec<Report> {
        lint::unset(&self.files, &|written| match reference::resolve(written) {
            Err(missing @ reference::ReferenceError::Missing(_)) => Some(missing.to_string()),
            // `wrong-reference` reports what is no reference.
            Ok(_) | Err(reference::ReferenceError::Malformed) => None,
        })
    }

    /// All reports, in the order of the files.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        self.connector_reports.iter().chain(&self.checked.reports)
    }

    /// The same, and those of its tests, which keep nothing from running.
    pub fn all_reports(&self) -> impl Iterator<Item = &Report> {
        self.reports().chain(self.suites.iter().map(|suite| &suite.report))
    }
}

/// The Rhai engine of pipelines: what is missing is an error, and too long is stopped.
pub fn pipeline_rules() -> Arc<Rules> {
    Arc::new(Rules::new(Missing::Fails, Arc::new(WallWatch)))
}

/// Reads and checks every project in or below the paths.
///
/// # Errors
/// [`LoadError`] where nothing is there or it cannot be read; what is wrong inside a file is a finding.
pub fn projects(paths: &[PathBuf], rules: &Rules, wanted: &Wanted) -> Result<Vec<CheckedProject>, LoadError> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for path in paths {
        let found = project_folders(path)?;
        if found.is_empty() {
            return Err(LoadError::NoProject(path.display().to_string()));
        }
        folders.extend(found);
    }
    folders.sort();
    folders.dedup();
    let projects: Vec<_> =
        folders.into_iter().map(|folder| project(folder, rules, wanted)).collect::<Result<_, LoadError>>()?;
    wanted.check(&projects)?;
    Ok(projects)
}

fn project(folder: PathBuf, rules: &Rules, wanted: &Wanted) -> Result<CheckedProject, LoadError> {
    let mut own = Vec::new();
    for connector in entries(&folder.join("connectors"))? {
        let manifest = connector.join("connector.yaml");
        if manifest.is_file() {
            own.push(source(&manifest)?);
        }
    }
    let (library, mut reports) = Library::load(&own, Arc::new(WallWatch));
    let mut connector_reports = reports.split_off(reports.len() - own.len());
    connector_reports.iter_mut().for_each(lint::allow);
    let files = files::files(&folder)?;
    let given = wanted.of(&folder.display().to_string(), &files.project)?;
    let files = Files { given, tests: files::suites(&folder)?, ..files };
    let checked = lint::check(&files, &library.catalog(), rules);
    let suites = lint::check_tests(&files.tests, (&files, &checked), &library.catalog(), &files::sample);
    Ok(CheckedProject { folder, files, library: Arc::new(library), connector_reports, checked, suites })
}

/// The path's own project, or those below it.
fn project_folders(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    if path.is_file() {
        // A file of the current folder has an empty one above it, which cannot be listed.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Ok(if folder.join("ferry.yaml").is_file() { vec![folder.to_path_buf()] } else { Vec::new() });
    }
    if path.join("ferry.yaml").is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    if !path.exists() {
        let error = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(LoadError::Io { path: path.display().to_string(), error });
    }
    let mut found = Vec::new();
    for entry in entries(path)? {
        let hidden = entry
            .file_name()
            .and_then(|name| name.to_str())
            .is_none_or(|name| name.starts_with('.') || name == "target");
        if entry.is_dir() && !entry.is_symlink() && !hidden {
            found.extend(project_folders(&entry)?);
        }
    }
    Ok(found)
}

/// The entries of a folder in the order of their names; none where there is no such folder.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |error| LoadError::Io { path: folder.display().to_string(), error };
    let found = match std::fs::read_dir(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths =
        found.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if paths.len() > PROJECT_FILES_MAX {
        return Err(LoadError::TooMany(folder.display().to_string()));
    }
    paths.sort();
    Ok(paths)
}

/// What helps where the machine says no.
fn to_read(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "name a project, a folder of projects, or a pipeline that is there",
        std::io::ErrorKind::PermissionDenied => "call this as a user who may read it, or let this one",
        _ => "see whether the disk is well",
    }
}

/// A file that is no UTF-8 is read with replacement signs, which lint then reports.
fn source(path: &Path) -> Result<Arc<Source>, LoadError> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| LoadError::Io { path: name.clone(), error })?;
    Ok(Source::new(name.trim_start_matches("./"), String::from_utf8_lossy(&bytes)))
}

/// Opens the connections of a checked project.
///
/// # Errors
/// A [`Failure`] of class `config` that names every secret and setting that is not there.
pub fn open(project: &CheckedProject, world: &World, sandbox: Option<&SandboxInfo>) -> Result<LoadedProject, Failure> {
    let Some(checked) = &project.checked.project else {
        return Ok(LoadedProject {
            folder: project.folder.clone(),
            name: project.folder.display().to_string(),
            plans: Vec::new(),
            connections: BTreeMap::new(),
            files: None,
            secrets: BTreeMap::new(),
            alerts: BTreeMap::new(),
            retention: Retention::default(),
            library: Arc::clone(&project.library),
        });
    };
    let mut connections = BTreeMap::new();
    let mut missing = Vec::new();
    for name in checked.connections.keys() {
        match opened((project, checked), name, world, sandbox) {
            Ok(connection) => {
                connections.insert(name.clone(), Arc::new(connection));
            }
            Err(wrong) => missing.extend(wrong),
        }
    }
    let mut secrets = BTreeMap::new();
    for plan in &project.checked.plans {
        match secret(plan, sandbox.is_some()) {
            Ok(secret) => secrets.extend(secret.map(|secret| (plan.pipeline.clone(), secret))),
            Err(wrong) => missing.push(wrong),
        }
        missing.extend(unknown_sender(plan, &connections));
    }
    let files = connections::files_of(project, checked).unwrap_or_else(|wrong| {
        missing.push(wrong);
        None
    });
    if !missing.is_empty() {
        return Err(Failure::new(ErrorClass::Config, missing.join("\n  ")));
    }
    let plans = project.checked.plans.iter().map(|plan| (Arc::clone(plan), version_files(project, checked, plan)));
    let folder = project.folder.clone();
    let (name, alerts, retention) = (checked.name.clone(), checked.alerts.clone(), checked.retention);
    let library = Arc::clone(&project.library);
    Ok(LoadedProject { name, folder, plans: plans.collect(), connections, files, secrets, alerts, retention, library })
}

/// Why nobody can tell who sends a webhook of a connection: its secret is empty.
fn unknown_sender(plan: &Plan, connections: &BTreeMap<String, Arc<Connection>>) -> Option<String> {
    let EventSource::Webhook(hook) = &plan.trigger.source else { return None };
    let Sender::System { connection, webhook, unsigned: false } = &hook.sender else { return None };
    let opened = connections.get(connection).filter(|opened| !opened.knows_sender_of(webhook))?;
    let field = &opened.manifest.webhooks.get(webhook)?.secret;
    Some(format!(
        "connection `{connection}`: `{field}` is empty, and pipeline `{}` verifies its webhook with it",
        plan.pipeline
    ))
}

/// The secret of a pipeline's own webhook; beside a sandbox it is known.
fn secret(plan: &Plan, in_sandbox: bool) -> Result<Option<SecretString>, String> {
    let EventSource::Webhook(hook) = &plan.trigger.source else { return Ok(None) };
    match &hook.sender {
        Sender::Anybody | Sender::System { .. } => Ok(None),
        Sender::Verified(..) if in_sandbox => Ok(Some("sandbox".into())),
        Sender::Verified(_, written) => {
            let secret = reference::resolve(written).map_err(|error| error.to_string());
            let secret = secret.and_then(|secret| match secret.expose_secret().trim_start_matches("whsec_") {
                "" => Err(format!("`{written}` is empty, and everybody knows an empty secret")),
                _ => Ok(Some(secret)),
            });
            secret.map_err(|error| {
                format!("pipeline `{}`: the secret of its webhook has no value: {error}", plan.pipeline)
            })
        }
    }
}

/// The files that a plan of a project was made of.
pub fn version_files(project: &CheckedProject, checked: &Project, plan: &Plan) -> VersionFiles {
    let pipeline = project.files.pipelines.iter().find(|source| is_of(source, plan));
    let texts = |files: &Sources| -> BTreeMap<String, String> {
        files.iter().map(|(name, source)| (name.clone(), source.text.clone())).collect()
    };
    let tables = project.files.tables.iter().map(|(name, source)| {
        let is_csv = source.name.ends_with(CSV);
        (if is_csv { format!("{name}{CSV}") } else { name.clone() }, source.text.clone())
    });
    VersionFiles {
        project: checked.name.clone(),
        project_text: project.files.project.text.clone(),
        pipeline_name: pipeline.map(|source| source.name.clone()).unwrap_or_default(),
        pipeline_text: pipeline.map(|source| source.text.clone()).unwrap_or_default(),
        tables: tables.collect(),
        maps: texts(&project.files.maps),
        scripts: texts(&project.files.scripts),
        params: checked.params.values(),
        environment: checked.environment.clone(),
        promises: plan.promises.clone(),
    }
}

fn is_of(source: &Arc<Source>, plan: &Plan) -> bool {
    let root = ferry_contract::yaml::parse(source, &mut Report::new(source));
    root.and_then(|root| root.get("pipeline")?.text().map(|name| name == plan.pipeline)).unwrap_or(false)
}

/// Makes a plan again from stored files, with the connectors that its project has today. Its calls count on no more
/// than what their manifests said then and say now; `effect_now` is what a call leads to now. It stays the version
/// that it was, whatever its manifests say.
///
/// # Errors
/// Why it cannot be made, or must not be run.
pub fn recompile(
    (version, files): (&Digest, &VersionFiles),
    (library, effect_now): (&Library, &EffectNow<'_>),
    rules: &Rules,
) -> Result<Arc<Plan>, String> {
    let mut checked = check_version(files, library, rules);
    let Some(mut plan) = checked.plans.pop() else {
        let findings = checked.reports.iter().flat_map(Report::findings);
        let error = findings.into_iter().find(|finding| finding.level == Level::Error);
        return Err(error.map_or_else(|| "it has no pipeline".to_owned(), |error| error.message.clone()));
    };
    let own = Arc::get_mut(&mut plan).ok_or("somebody else has it already")?;
    own.hold_to(&files.promises, effect_now)?;
    own.version = version.clone();
    Ok(plan)
}

/// What a call of a project leads to, as its files are now.
pub fn effect_now(project: &CheckedProject, call: &Call) -> Option<Effect> {
    let connector = &project.checked.project.as_ref()?.connections.get(&call.connection)?.connector.value;
    let manifest = project.library.manifests.get(connector)?;
    manifest.connector.actions.get(&call.action).map(|action| action.effect.clone())
}

fn check_version(files: &VersionFiles, library: &Library, rules: &Rules) -> Checked {
    let tables = files.tables.iter().map(|(name, text)| match name.strip_suffix(CSV) {
        Some(stem) => (stem.to_owned(), Source::new(format!("tables/{name}"), text.as_str())),
        None => (name.clone(), Source::new(format!("tables/{name}.yaml"), text.as_str())),
    });
    let maps = files.maps.iter();
    let maps = maps.map(|(name, text)| (name.clone(), Source::new(format!("maps/{name}.yaml"), text.as_str())));
    let scripts = files.scripts.iter().map(|(path, text)| (path.clone(), Source::new(path.as_str(), text.as_str())));
    let project = Source::new("ferry.yaml", files.project_text.as_str());
    let pipeline = Source::new(files.pipeline_name.as_str(), files.pipeline_text.as_str());
    let given = Given { params: files.params.clone(), environment: files.environment.clone(), ..Given::default() };
    let files = Files {
        tables: tables.collect(),
        maps: maps.collect(),
        scripts: scripts.collect(),
        is_version: true,
        given,
        ..Files::new(project, vec![pipeline])
    };
    lint::check(&files, &library.catalog(), rules)
}
