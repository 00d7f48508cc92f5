//! `ferry map`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use ferry_contract::{
    expression::Locals,
    report::{Finding, Level, Report, Source},
    script::Rules,
    suggest,
};
use ferry_core::{
    eval::preview::{self, Field, Maker},
    plan::Plan,
    project::Project,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Envelope, Exit, Format, Outcome, given::GivenArgs, print, print_json, write_error};
use crate::{
    load::{self, CheckedProject},
    render::{self, FindingJson},
};

/// Shows what a mapping makes of a sample: each field, its value, and what it is made from.
///
/// FILE is a file of `maps/`, whose names are the keys of the sample; or a pipeline, of which `--step` names a step with a
/// `map`, a script, or an action whose `with` is shown. The sample is then the event, or a document with `event` and the
/// outputs of steps by their ids. Tables, maps, scripts and vars are the project's; nothing is called. Ends with 1 where
/// lint has an error or a field has no value.
///
/// Examples: `ferry map maps/contact.yaml --on samples/contact.json`,
/// `ferry map payouts.yaml --step payout --on samples/request.json --with 'payee={"id":"P-77"}'`.
#[derive(Args, Debug)]
pub(super) struct MapCommand {
    /// A map file, or a pipeline.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it reads (a JSON file).
    #[arg(long, value_name = "SAMPLE")]
    on: Option<PathBuf>,
    /// The step of the pipeline.
    #[arg(long, value_name = "ID")]
    step: Option<String>,
    /// One more name that it reads; JSON, or else a text.
    #[arg(long, value_name = "NAME=VALUE", value_parser = named)]
    with: Vec<(String, Value)>,
    /// The project, where it is not above the file.
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    given: GivenArgs,
}

/// The answer of `ferry map --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct MapReport {
    /// The file.
    pub file: String,
    /// The step, of a pipeline.
    pub step: Option<String>,
    /// The whole value; nothing where a part of it has none.
    pub value: Option<Value>,
    /// Its fields, in the order in which they are written.
    pub fields: Vec<FieldJson>,
    /// What lint finds in the files.
    pub findings: Vec<FindingJson>,
}

/// One field.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct FieldJson {
    /// Its name, as `amount.currency`; empty for the whole value.
    pub field: String,
    /// What it gives.
    pub value: Option<Value>,
    /// Why it gives nothing.
    pub error: Option<String>,
    /// What it is made from; empty where it is itself the value.
    pub from: String,
    /// Where it is written, from 1.
    pub line: u32,
    /// Where it is written, from 1, in characters.
    pub column: u32,
}

/// `NAME=VALUE`.
fn named(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write `NAME=VALUE`")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))))
}

impl MapCommand {
    pub(super) fn run(self, color: bool) -> Outcome {
        let rules = load::pipeline_rules();
        let projects = load::projects(&[self.folder()?], &rules, &self.given.to_look())?;
        let checked = projects.iter().find_map(|checked| Some((checked, checked.checked.project.as_ref()?)));
        let Some((checked, project)) = checked else {
            let reports: Vec<&Report> = projects.iter().flat_map(CheckedProject::reports).collect();
            return self.show(&reports, None, color);
        };
        let map = checked.files.maps.iter().find(|(_, source)| self.is(source));
        match map {
            Some((name, source)) => self.map(name, source, (checked, project, &rules), color),
            None => self.step((checked, project, &rules), color),
        }
    }

    /// The project of the file: the nearest folder above it that has a `ferry.yaml`.
    fn folder(&self) -> Result<PathBuf, anyhow::Error> {
        anyhow::ensure!(self.file.is_file(), "{} is no file; name a map file or a pipeline", self.file.display());
        if let Some(project) = &self.project {
            return Ok(project.clone());
        }
        let above = self.file.ancestors().skip(1).map(|folder| match folder {
            folder if folder.as_os_str().is_empty() => Path::new("."),
            folder => folder,
        });
        let found = above.chain([Path::new("..")]).find(|folder| folder.join("ferry.yaml").is_file());
        found.map(Path::to_path_buf).ok_or_else(|| {
            let file = self.file.display();
            anyhow!("there is no ferry.yaml above {file}; name the project that it belongs to with `--project`")
        })
    }

    fn is(&self, source: &Source) -> bool {
        let same = |path: &Path| std::fs::canonicalize(path).ok();
        same(&self.file).is_some_and(|file| same(Path::new(&source.name)) == Some(file))
    }

    fn map(
        &self,
        name: &str,
        source: &Source,
        (checked, project, rules): (&CheckedProject, &Project, &Rules),
        color: bool,
    ) -> Outcome {
        anyhow::ensure!(self.step.is_none(), "a map file has no steps; leave `--step` out, or name a pipeline");
        let sample = self.sample()?.unwrap_or_else(|| Value::Object(Map::new()));
        let Value::Object(names) = sample else {
            anyhow::bail!("the sample of a map file is a map: each name that it reads, with its value");
        };
        let document = self.document(names, project);
        let known: Vec<&str> = document.keys().map(String::as_str).collect();
        let (value, own) = preview::compile(name, project, rules, &known);
        let reports = checked.reports().filter(|report| report.source.name == source.name).chain(&own);
        let reports: Vec<&Report> = reports.collect();
        let made = value.as_ref().map(|value| (source, Maker::Value(value), &document, rules));
        self.show(&reports, made, color)
    }

    fn step(&self, (checked, project, rules): (&CheckedProject, &Project, &Rules), color: bool) -> Outcome {
        let source = checked.files.pipelines.iter().find(|source| self.is(source)).ok_or_else(|| {
            anyhow!("{} is neither a pipeline nor a map of the project {}", self.file.display(), project.name)
        })?;
        let reports: Vec<&Report> = checked.reports().filter(|report| report.source.name == source.name).collect();
        let Some(plan) = plan_of(checked, source) else { return self.show(&reports, None, color) };
        let maker = self.maker(plan)?;
        let names = match self.sample()? {
            None => Map::new(),
            Some(Value::Object(document)) if document.contains_key("event") => document,
            Some(event) => Map::from_iter([("event".to_owned(), event)]),
        };
        let document = self.document(names, project);
        self.show(&reports, Some((source, maker, &document, rules)), color)
    }

    fn maker<'a>(&self, plan: &'a Plan) -> Result<Maker<'a>, anyhow::Error> {
        let makers = || plan.steps.iter().filter(|step| Maker::of(step).is_some()).map(|step| step.id.as_str());
        let Some(wanted) = &self.step else {
            let known: Vec<&str> = makers().collect();
            return Err(anyhow!(
                "a pipeline has several mappings; name a step with `--step`: {}",
                suggest::list(&known)
            ));
        };
        let Some(index) = plan.index.get(wanted) else {
            let known: Vec<&str> = makers().collect();
            return Err(anyhow!("there is no step `{wanted}`; {}", suggest::help(wanted, &known)));
        };
        Maker::of(&plan.steps[*index]).ok_or_else(|| {
            anyhow!("the step `{wanted}` makes no value; name one with a `map`, a script or an action's `with`")
        })
    }

    fn sample(&self) -> Result<Option<Value>, anyhow::Error> {
        let Some(file) = &self.on else { return Ok(None) };
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        serde_json::from_str(&text).map(Some).with_context(|| format!("{} is not JSON", file.display()))
    }

    /// What is read: the sample, what is given beside it, and the project's values.
    fn document(&self, mut names: Map<String, Value>, project: &Project) -> Map<String, Value> {
        names.extend(self.with.iter().cloned());
        names.entry("vars").or_insert_with(|| project.vars.clone());
        names
    }

    fn show(
        &self,
        reports: &[&Report],
        made: Option<(&Source, Maker<'_>, &Map<String, Value>, &Rules)>,
        color: bool,
    ) -> Outcome {
        let findings = findings(reports);
        let is_wrong = findings.iter().any(|(_, finding)| finding.level == Level::Error);
        let made = made.filter(|_| !is_wrong);
        let file = made.map_or_else(|| self.file.display().to_string(), |(source, ..)| source.name.clone());
        let fields = made.map_or_else(Vec::new, |(_, maker, names, rules)| maker.fields(Locals(names).scope(rules)));
        if self.format == Format::Json {
            let value = made.and_then(|(_, maker, names, rules)| maker.whole(Locals(names).scope(rules)).ok());
            let findings = findings.iter().map(|(report, finding)| FindingJson::new(report, finding)).collect();
            let fields = fields.iter().map(FieldJson::new).collect();
            print_json(&Envelope::new(MapReport { file, step: self.step.clone(), value, fields, findings }))?;
        } else {
            findings.iter().for_each(|(report, finding)| write_error(&render::full(report, finding, color)));
            print(&human(&file, &fields));
        }
        let is_whole = made.is_some() && fields.iter().all(|field| field.value.is_ok());
        Ok(if is_whole { Exit::Success } else { Exit::Findings })
    }
}

impl FieldJson {
    fn new(field: &Field) -> Self {
        Self {
            field: field.name.clone(),
            value: field.value.as_ref().ok().cloned(),
            error: field.value.as_ref().err().map(ToString::to_string),
            from: field.from.clone(),
            line: field.at.line,
            column: field.at.column,
        }
    }
}

/// All findings; what is found where the map is used is perhaps found in the map itself, too.
fn findings<'a>(reports: &[&'a Report]) -> Vec<(&'a Report, &'a Finding)> {
    let mut all: Vec<(&Report, &Finding)> = Vec::new();
    for report in reports {
        for finding in report.findings() {
            let is_known =
                |(known, other): &(&Report, &Finding)| known.source.name == report.source.name && *other == finding;
            if !all.iter().any(is_known) {
                all.push((report, finding));
            }
        }
    }
    all
}

/// The plan of a file; nothing where the file has an error.
fn plan_of<'a>(checked: &'a CheckedProject, source: &std::sync::Arc<Source>) -> Option<&'a Plan> {
    let read = checked.checked.project.as_ref()?.pipeline(source, &mut Report::new(source))?;
    let plans = checked.checked.plans.iter();
    plans.map(std::convert::AsRef::as_ref).find(|plan| plan.pipeline == read.name.value)
}

/// A line for each field, in columns.
fn human(file: &str, fields: &[Field]) -> String {
    let shown = |field: &Field| match &field.value {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    };
    let width = |length: &dyn Fn(&Field) -> usize| fields.iter().map(length).max().unwrap_or_default().min(COLUMN_MAX);
    let name = |field: &Field| if field.name.is_empty() { "(value)".to_owned() } else { field.name.clone() };
    let names = width(&|field| name(field).chars().count());
    let values = width(&|field| shown(field).chars().count());
    let line = |field: &Field| {
        let from = if field.from.is_empty() { "as written".to_owned() } else { format!("← {}", field.from) };
        let place = match (&field.value, field.at.line) {
            (Err(_), _) => format!("{file}:{}", field.at),
            (Ok(_), 0) => String::new(),
            (Ok(_), line) => format!("line {line}"),
        };
        format!("{:names$}  {:values$}  {from}  {place}", name(field), shown(field)).trim_end().to_owned() + "\n"
    };
    fields.iter().map(line).collect()
}

/// What is longer than this moves its own line only.
const COLUMN_MAX: usize = 40;
