//! `ferry graph`

use std::{path::PathBuf, sync::Arc};

use clap::{Args, ValueEnum};
use ferry_contract::{
    report::{Level, Report, Source},
    suggest, yaml,
};
use ferry_core::graph::{self, Charset, Edges, Picture};

use super::{Envelope, Exit, Outcome, complain, given::GivenArgs, print, print_json, write_error};
use crate::{
    load::{self, CheckedProject, LoadError},
    render,
};

/// Draws a pipeline: its trigger, steps and arms, and what waits for what.
///
/// A pipeline with an error cannot be drawn: what `ferry lint` says is said instead, and the end is 1. A line that a way
/// through other steps implies is left out, unless all are asked for.
#[derive(Args, Debug)]
pub(super) struct Graph {
    /// A pipeline, its project, or a folder of projects.
    #[arg(default_value = ".", value_name = "PATH")]
    path: PathBuf,
    /// The pipeline, where there are several.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// How it is drawn.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: GraphFormat,
    /// Draw the lines that others imply, too.
    #[arg(long)]
    all: bool,
    /// How wide a text may be; what is wider is written as a list.
    #[arg(long, default_value_t = 80, value_name = "COLUMNS")]
    width: i32,
    #[command(flatten)]
    given: GivenArgs,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum GraphFormat {
    /// For a terminal: boxes and lines, in plain characters where the locale is not UTF-8.
    #[default]
    Text,
    /// A picture for a page, in light and dark.
    Svg,
    /// A flowchart for pages that draw Mermaid.
    Mermaid,
    /// For programs: the layout; stable, with a format version.
    Json,
}

/// A pipeline's file, and the project that it belongs to.
type Candidate<'a> = (&'a CheckedProject, &'a Arc<Source>);

impl Graph {
    pub(super) fn run(self) -> Outcome {
        let projects =
            match load::projects(std::slice::from_ref(&self.path), &load::pipeline_rules(), &self.given.to_look()) {
                Ok(projects) => projects,
                Err(error @ LoadError::NoProject(_)) => {
                    complain(&error.to_string());
                    return Ok(Exit::Nothing);
                }
                Err(error) => return Err(error.into()),
            };
        let all: Vec<Candidate<'_>> = projects.iter().flat_map(pipelines).collect();
        let asked: Vec<Candidate<'_>> = all.iter().copied().filter(|(_, source)| self.is_asked_for(source)).collect();
        match asked.as_slice() {
            [] => Ok(self.nothing(&all)),
            [(project, source)] => self.draw(project, source),
            several => {
                let names: Vec<String> = several.iter().map(|(_, source)| name_or_file(source)).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let message = format!("there are {} pipelines; name one with `--pipeline`", names.len());
                Err(anyhow::anyhow!("{message}: {}", suggest::list(&names)))
            }
        }
    }

    fn is_asked_for(&self, source: &Source) -> bool {
        let is_file = !self.path.is_file() || self.path.display().to_string().trim_start_matches("./") == source.name;
        is_file && self.pipeline.as_ref().is_none_or(|name| name_of(source).as_ref() == Some(name))
    }

    fn nothing(&self, all: &[Candidate<'_>]) -> Exit {
        let known: Vec<String> = all.iter().filter_map(|(_, source)| name_of(source)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        match &self.pipeline {
            Some(name) => complain(&format!("there is no pipeline `{name}` here; {}", suggest::help(name, &known))),
            None => complain(&format!("{} is no pipeline; name one, or its project", self.path.display())),
        }
        Exit::Nothing
    }

    fn draw(&self, project: &CheckedProject, source: &Arc<Source>) -> Outcome {
        let checked = project.checked.project.as_ref();
        let read = checked.and_then(|checked| checked.pipeline(source, &mut Report::new(source)));
        let plan = name_of(source).and_then(|name| project.checked.plans.iter().find(|plan| plan.pipeline == name));
        let is_right = reports(project, source).all(Report::is_ok);
        let (Some(pipeline), Some(plan), true) = (read, plan, is_right) else {
            print_errors(project, source);
            return Ok(Exit::Findings);
        };
        let picture = graph::picture(&pipeline, plan, if self.all { Edges::All } else { Edges::Needed });
        match self.format {
            GraphFormat::Text => print(&self.text(&picture)),
            GraphFormat::Svg => print(&graph::svg(&picture)),
            GraphFormat::Mermaid => print(&graph::mermaid(&picture)),
            GraphFormat::Json => print_json(&Envelope::new(picture))?,
        }
        Ok(Exit::Success)
    }

    fn text(&self, picture: &Picture) -> String {
        let charset = charset();
        if picture.width <= self.width { graph::text(picture, charset) } else { graph::list(picture, charset) }
    }
}

fn pipelines(project: &CheckedProject) -> impl Iterator<Item = Candidate<'_>> {
    project.files.pipelines.iter().map(move |source| (project, source))
}

/// What a file calls its pipeline, as far as it can be read.
fn name_of(source: &Source) -> Option<String> {
    let source = Source::new(source.name.as_str(), source.text.as_str());
    let root = yaml::parse(&source, &mut Report::new(&source))?;
    root.get("pipeline")?.text().map(str::to_owned)
}

fn name_or_file(source: &Source) -> String {
    name_of(source).unwrap_or_else(|| source.name.clone())
}

/// The reports on a pipeline's file.
fn reports<'a>(project: &'a CheckedProject, source: &'a Source) -> impl Iterator<Item = &'a Report> {
    project.reports().filter(|report| report.source.name == source.name)
}

/// Its own errors, or those of the other files that keep it from being checked.
fn print_errors(project: &CheckedProject, source: &Source) {
    let own: Vec<&Report> = reports(project, source).filter(|report| !report.is_ok()).collect();
    let shown = if own.is_empty() { project.reports().collect() } else { own };
    for report in shown {
        for finding in report.findings().into_iter().filter(|finding| finding.level == Level::Error) {
            write_error(&render::full(report, finding, false));
        }
    }
    complain(&format!("{} has an error, and cannot be drawn", source.name));
}

/// What the locale says: the first of the three that is set counts.
fn charset() -> Charset {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let locale = set.into_iter().find(|value| !value.is_empty()).unwrap_or_default().to_ascii_lowercase();
    if locale.contains("utf-8") || locale.contains("utf8") { Charset::Unicode } else { Charset::Ascii }
}
