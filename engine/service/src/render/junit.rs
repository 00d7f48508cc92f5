//! Findings as JUnit XML, which build servers show as tests. Source: the schema of Apache Ant's JUnit task.

use ferry_contract::{
    report::{Finding, Level, Report},
    xml::escaped,
};

/// A suite for each file, with a case for each finding, or one that passes. A warning passes unless it is denied.
pub fn junit(reports: &[&Report], warnings_fail: bool) -> String {
    let suites: Vec<Suite> = reports.iter().map(|report| suite(report, warnings_fail)).collect();
    let (cases, failures): (usize, usize) =
        suites.iter().fold((0, 0), |sum, suite| (sum.0 + suite.cases, sum.1 + suite.failures));
    let suites: String = suites.into_iter().map(|suite| suite.text).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"ferry lint\" tests=\"{cases}\" failures=\"{failures}\" errors=\"0\">\n{suites}</testsuites>\n"
    )
}

struct Suite {
    cases: usize,
    failures: usize,
    text: String,
}

fn suite(report: &Report, warnings_fail: bool) -> Suite {
    let (file, findings) = (escaped(&report.source.name), report.findings());
    let fails = |finding: &&Finding| finding.level == Level::Error || warnings_fail;
    let (cases, failures) = (findings.len().max(1), findings.iter().filter(|finding| fails(finding)).count());
    let mut text =
        format!("  <testsuite name=\"{file}\" tests=\"{cases}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">\n");
    if findings.is_empty() {
        text.push_str(&format!("    <testcase name=\"no finding\" classname=\"{file}\"/>\n"));
    }
    findings.iter().for_each(|finding| text.push_str(&case(&file, finding, fails(finding))));
    text.push_str("  </testsuite>\n");
    Suite { cases, failures, text }
}

fn case(file: &str, finding: &Finding, fails: bool) -> String {
    let (check, at) = (finding.check, finding.at);
    let message = escaped(&finding.message);
    let told = format!("{file}:{at}: {}[{check}] {message}\nhelp: {}", super::level(finding), escaped(&finding.help));
    let inside = if fails {
        format!("<failure type=\"{check}\" message=\"{message}\">{told}</failure>")
    } else {
        format!("<system-out>{told}</system-out>")
    };
    format!("    <testcase name=\"{check} at {at}\" classname=\"{file}\">{inside}</testcase>\n")
}
