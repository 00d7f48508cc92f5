//! The same project in each of its environments: what is wrong in one of them only says in which.

use ferry_contract::report::{Finding, Report};

use super::Files;
use crate::project::{Environments, Given};

/// What is given in the environments of a project that are not the one in hand, each with its name.
pub(super) fn others(files: &Files) -> (Option<String>, Vec<(String, Given)>) {
    let environments = Environments::of(&files.project);
    let taken = environments.taken(files.given.environment.as_deref()).map(str::to_owned);
    let is_other = |name: &String| Some(name) != taken.as_ref();
    let given = |name: String| (name.clone(), Given { environment: Some(name), ..files.given.clone() });
    let others = environments.names.into_iter().filter(is_other).map(given).collect();
    (taken, others)
}

/// Takes what was found in other environments into the reports of one; both have the files in the same order.
pub(super) fn merge(reports: &mut [Report], name: &str, others: &[(String, Vec<Report>)]) {
    for (number, report) in reports.iter_mut().enumerate() {
        let found: Vec<Finding> = report.findings().into_iter().cloned().collect();
        let of = |reports: &[Report]| reports[number].findings().into_iter().cloned().collect::<Vec<Finding>>();
        let others: Vec<(&str, Vec<Finding>)> =
            others.iter().map(|(name, reports)| (name.as_str(), of(reports))).collect();
        let is_everywhere = |finding: &Finding| others.iter().all(|(_, found)| found.contains(finding));
        let everywhere: Vec<Finding> = found.iter().filter(|finding| is_everywhere(finding)).cloned().collect();
        report.amend(|finding| {
            if !is_everywhere(finding) {
                finding.message = placed(&finding.message, name);
            }
        });
        for (other, found) in &others {
            for finding in found.iter().filter(|finding| !everywhere.contains(finding)) {
                report.push(Finding { message: placed(&finding.message, other), ..finding.clone() });
            }
        }
    }
}

fn placed(message: &str, environment: &str) -> String {
    format!("{message} (in the environment `{environment}`)")
}
