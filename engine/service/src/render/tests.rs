//! What tests came to, for people, build servers and GitHub.

use ferry_core::testing::Part;

use super::{github_property, github_text};
use crate::testing::{FailureJson, TestJson, TestReport};

/// What was not covered, that a person is shown.
const MISSED_SHOWN_MAX: usize = 12;

/// For people: a line a test, and what is wrong with it below. Where only some tests were wanted, what they have not
/// covered says nothing.
pub fn human(report: &TestReport, again: &str, is_whole: bool, color: bool) -> String {
    let mut out = String::new();
    let mut file = "";
    for test in &report.tests {
        if test.file != file {
            file = &test.file;
            out += &format!("{file}\n");
        }
        let word = if test.passed { painted("PASS", "32", color) } else { painted("FAIL", "31", color) };
        out += &format!("  {word} {}\n", test.name);
        test.failures.iter().for_each(|failure| out += &shown(test, failure));
    }
    for unused in &report.unused {
        out += &format!("{}:{}: the mock of `{}` is never asked\n", unused.file, unused.line, unused.action);
    }
    out += &summary(report, is_whole);
    if !again.is_empty() {
        out += &format!("rerun: {again}\n");
    }
    out
}

fn painted(word: &str, color_code: &str, color: bool) -> String {
    if color { format!("\u{1b}[{color_code}m{word}\u{1b}[0m") } else { word.to_owned() }
}

fn shown(test: &TestJson, failure: &FailureJson) -> String {
    let later = |text: &str| text.replace('\n', "\n                   ");
    format!(
        "       {}  {}:{}\n         expected  {}\n         actual    {}\n",
        failure.what,
        test.file,
        failure.line,
        later(&failure.expected),
        later(&failure.actual)
    )
}

fn summary(report: &TestReport, is_whole: bool) -> String {
    let mut out = format!("{} passed, {} failed", report.passed, report.failed);
    if !report.broken.is_empty() {
        out += &format!(", not run: {}", report.broken.join(", "));
    }
    if !is_whole {
        return out + "\n";
    }
    for (kind, part) in Part::ALL.map(|(kind, _)| (kind, report.part(kind))) {
        if part.all > 0 {
            out += &format!(" · {kind} {}/{}", part.covered, part.all);
        }
    }
    out.push('\n');
    let missed: Vec<String> = report
        .coverage
        .iter()
        .flat_map(|own| {
            own.missed.iter().map(|missed| format!("  not covered: {}:{} {}\n", own.file, missed.line, missed.name))
        })
        .collect();
    out += &missed.iter().take(MISSED_SHOWN_MAX).map(String::as_str).collect::<String>();
    if missed.len() > MISSED_SHOWN_MAX {
        out += &format!("  … and {} more; `--format json` lists them\n", missed.len() - MISSED_SHOWN_MAX);
    }
    out
}

/// JUnit XML. Source: the schema of Jenkins' xunit plug-in, which build servers read; without times, so that the same
/// tests give the same file.
pub fn junit(report: &TestReport) -> String {
    let (all, failed) = (report.tests.len(), report.failed);
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    out += &format!(
        "<testsuites name=\"ferry test\" tests=\"{}\" failures=\"{failed}\" errors=\"{}\">\n",
        all,
        report.broken.len()
    );
    let mut files: Vec<&str> = report.tests.iter().map(|test| test.file.as_str()).collect();
    files.dedup();
    for file in files {
        let own: Vec<&TestJson> = report.tests.iter().filter(|test| test.file == file).collect();
        let failed = own.iter().filter(|test| !test.passed).count();
        out += &format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\">\n",
            escaped(file),
            own.len()
        );
        own.into_iter().for_each(|test| out += &testcase(test));
        out += "  </testsuite>\n";
    }
    for file in &report.broken {
        let name = escaped(file);
        out += &format!("  <testsuite name=\"{name}\" tests=\"1\" failures=\"0\" errors=\"1\">\n");
        out += &format!(
            "    <testcase classname=\"{name}\" name=\"the file\"><error message=\"the file has errors; `ferry lint` says which\"/></testcase>\n"
        );
        out += "  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

fn testcase(test: &TestJson) -> String {
    let names = format!(
        "classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\"",
        escaped(&test.pipeline),
        escaped(&test.name),
        escaped(&test.file),
        test.line
    );
    if test.passed {
        return format!("    <testcase {names}/>\n");
    }
    let failure = |failure: &FailureJson| {
        let message = escaped(&format!("{}: expected {}, actual {}", failure.what, failure.expected, failure.actual));
        format!("      <failure message=\"{message}\">{}:{}</failure>\n", escaped(&test.file), failure.line)
    };
    let failures: String = test.failures.iter().map(failure).collect();
    format!("    <testcase {names}>\n{failures}    </testcase>\n")
}

/// A text of an attribute; a parser would make a space of a line's end.
fn escaped(text: &str) -> String {
    ferry_contract::xml::escaped(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

/// As annotations of GitHub Actions: one for each failure.
pub fn github(report: &TestReport) -> String {
    let mut out = String::new();
    for test in &report.tests {
        for failure in &test.failures {
            let text =
                format!("{}: {}\nexpected {}\nactual {}", test.name, failure.what, failure.expected, failure.actual);
            out += &format!(
                "::error title=ferry test,file={},line={},col={}::{}\n",
                github_property(&test.file),
                failure.line,
                failure.column,
                github_text(&text)
            );
        }
    }
    for unused in &report.unused {
        let message = format!("the mock of `{}` is never asked", unused.action);
        out += &format!(
            "::warning title=ferry test,file={},line={}::{}\n",
            github_property(&unused.file),
            unused.line,
            github_text(&message)
        );
    }
    for file in &report.broken {
        out += &format!(
            "::error title=ferry test,file={}::the file has errors; `ferry lint` says which\n",
            github_property(file)
        );
    }
    out
}
