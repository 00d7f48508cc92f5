//! Findings as SARIF 2.1.0, which code hosts show beside the changed lines. Source: OASIS, sarif-v2.1.0-os.

use ferry_contract::{
    report::{Finding, Report},
    template::percent_encoded,
};
use ferry_core::lint::checks;
use serde_json::{Value, json};

use super::{level, places};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run of the linter, with the pages of the checks that found something.
pub fn sarif(findings: &[(&Report, &Finding)]) -> Value {
    let mut rules: Vec<&checks::Check> =
        checks::all().filter(|check| findings.iter().any(|(_, finding)| finding.check == check.name)).collect();
    rules.sort_by_key(|check| check.name);
    let results: Vec<Value> = findings.iter().map(|(report, finding)| result(report, finding, &rules)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "ferry",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_iter().map(rule).collect::<Vec<_>>(),
            } },
            // At, and so every column here, counts characters.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(check: &checks::Check) -> Value {
    let summary = check.page.lines().skip(1).find(|line| !line.is_empty()).unwrap_or(check.name);
    json!({ "id": check.name, "shortDescription": { "text": summary }, "help": { "text": check.page, "markdown": check.page } })
}

fn result(report: &Report, finding: &Finding, rules: &[&checks::Check]) -> Value {
    let (end_line, end_column) = places(report, finding);
    let mut result = json!({
        "ruleId": finding.check,
        "level": level(finding),
        "message": { "text": format!("{}\nhelp: {}", finding.message, finding.help) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&report.source.name) },
            "region": {
                "startLine": finding.at.line,
                "startColumn": finding.at.column,
                "endLine": end_line,
                "endColumn": end_column,
            },
        } }],
    });
    if let Some(index) = rules.iter().position(|rule| rule.name == finding.check) {
        result["ruleIndex"] = json!(index);
    }
    result
}

/// A path as a relative or absolute URI reference.
fn uri(name: &str) -> String {
    let parts: Vec<String> = name.trim_start_matches("./").split('/').map(percent_encoded).collect();
    let path = parts.join("/");
    if path.starts_with('/') { format!("file://{path}") } else { path }
}
