//! All files of a project at once, for checks that no single file can answer.

use std::{collections::BTreeMap, sync::Arc};

use ferry_contract::{
    catalog::{Action, Catalog},
    report::{Report, Source},
    yaml::{Kind, Node},
};

use super::Files;
use crate::{language::Pipeline, project::Project};

/// What a check of the whole project sees.
#[derive(Debug)]
pub(crate) struct Whole<'a> {
    /// The files, as they were read.
    pub(crate) files: &'a Files,
    /// `ferry.yaml`.
    pub(crate) project: &'a Project,
    /// The connectors.
    pub(crate) catalog: &'a Catalog,
    /// The pipelines that can be read.
    pub(crate) pipelines: &'a [Pipeline],
    /// The trees of all files of pipelines, in their order; nothing of one that is no YAML.
    pub(crate) trees: &'a [Option<Node>],
}

impl<'a> Whole<'a> {
    /// The action that a step names as `connection.action`.
    pub(crate) fn action(&self, written: &str) -> Option<&'a Action> {
        let (connection, action) = written.split_once('.')?;
        self.catalog.action(&self.project.connections.get(connection)?.connector.value, action)
    }
}

/// One file as a tree, whatever it says.
#[derive(Debug)]
pub(crate) struct File<'a> {
    /// Its tree.
    pub(crate) root: &'a Node,
    /// What the file is.
    pub(crate) kind: FileKind,
}

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FileKind {
    /// `ferry.yaml`.
    Project,
    /// A pipeline.
    Pipeline,
    /// A table.
    Table,
}

impl<'a> File<'a> {
    /// All values that are neither lists nor maps, each with the keys above it.
    pub(crate) fn leaves(&self) -> Vec<(Vec<&'a str>, &'a Node)> {
        let mut found = Vec::new();
        collect(self.root, &mut Vec::new(), &mut found);
        found
    }
}

fn collect<'a>(node: &'a Node, keys: &mut Vec<&'a str>, found: &mut Vec<(Vec<&'a str>, &'a Node)>) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| collect(item, keys, found)),
        Kind::Map(entries) => {
            for (name, value) in entries {
                keys.push(&name.value);
                collect(value, keys, found);
                keys.pop();
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => found.push((keys.clone(), node)),
    }
}

/// The reports of all files: `ferry.yaml`, the tables, maps and scripts, the pipelines.
#[derive(Debug)]
pub(crate) struct Reports {
    all: Vec<Report>,
    /// Where the report of a file is, by the address of its source.
    places: BTreeMap<usize, usize>,
    /// Where those of the pipelines begin.
    pipelines: usize,
}

impl Reports {
    /// An empty report for each file.
    pub(super) fn new(files: &Files) -> Self {
        let library = files.tables.values().chain(files.maps.values()).chain(files.scripts.values());
        let library = library.chain(files.snapshots.values());
        let sources = [&files.project].into_iter().chain(library).chain(&files.pipelines);
        let all: Vec<Report> = sources.map(Report::new).collect();
        let places = all.iter().enumerate().map(|(place, report)| (address(&report.source), place)).collect();
        Self { places, pipelines: all.len() - files.pipelines.len(), all }
    }

    /// The report of a file.
    pub(crate) fn of(&mut self, source: &Arc<Source>) -> &mut Report {
        let place = self.places.get(&address(source)).expect("each file of a project has a report");
        &mut self.all[*place]
    }

    /// The reports of the pipelines, in the order of their files.
    pub(super) fn of_pipelines(&mut self) -> &mut [Report] {
        &mut self.all[self.pipelines..]
    }

    /// The reports, in the order of the files.
    pub(super) fn into_reports(self) -> Vec<Report> {
        self.all
    }
}

fn address(source: &Arc<Source>) -> usize {
    Arc::as_ptr(source).addr()
}
