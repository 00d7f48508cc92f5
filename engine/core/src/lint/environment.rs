//! `unset-reference`: references that have no value on the machine in hand.

use std::sync::Arc;

use ferry_contract::{
    report::{Report, Source},
    yaml,
};

use super::{File, FileKind, Files, checks};

pub(super) const NAME: &str = "unset-reference";

/// Looks at each `${env:…}` and `${secret:…}` without a default that something reads; `missing` says what to do where
/// a reference has no value. Gives a report for each file that has some.
pub fn unset(files: &Files, missing: &dyn Fn(&str) -> Option<String>) -> Vec<Report> {
    let pipelines = files.pipelines.iter().map(|source| (source, FileKind::Pipeline));
    let reports = [(&files.project, FileKind::Project)].into_iter().chain(pipelines);
    reports.map(|(source, kind)| look(source, kind, missing)).filter(|report| !report.is_ok()).collect()
}

fn look(source: &Arc<Source>, kind: FileKind, missing: &dyn Fn(&str) -> Option<String>) -> Report {
    let mut report = Report::new(source);
    // Who read the file has said what is wrong with its YAML.
    let Some(root) = yaml::parse(source, &mut Report::new(source)) else { return report };
    for (keys, node) in (File { root: &root, kind }).leaves() {
        let is_read = match kind {
            FileKind::Project => keys.first() == Some(&"connections"),
            FileKind::Pipeline => keys == ["trigger", "webhook", "verify", "secret"],
            FileKind::Table => false,
        };
        let references = node.text().filter(|_| is_read).map(checks::all_references).unwrap_or_default();
        for reference in
            references.into_iter().filter(|reference| !reference.contains(":-") && !reference.starts_with("${param:"))
        {
            if let Some(help) = missing(reference) {
                report.error(NAME, node.at, format!("`{reference}` has no value here"), help);
            }
        }
    }
    report
}
