//! Findings and lists, for people and for programs.

mod diff;
mod junit;
mod sarif;
pub mod tests;

use std::io::IsTerminal as _;

use annotate_snippets::{AnnotationKind, Group, Level as Shown, Origin, Renderer, Snippet};
use ferry_contract::report::{Finding, Level, Report};
use serde::Serialize;

pub use diff::diff;
pub use junit::junit;
pub use sarif::sarif;

/// Whether colours are used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether standard output takes colours.
    pub fn on(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
                std::io::stdout().is_terminal() && !plain && !dumb
            }
        }
    }
}

/// A finding with its line, a caret, and what to write instead.
pub fn full(report: &Report, finding: &Finding, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let level = match finding.level {
        Level::Error => Shown::ERROR,
        Level::Warning => Shown::WARNING,
    };
    let text = &report.source.text;
    let start = (finding.at.start as usize).min(text.len());
    let end = line_end(text, start, finding.at.end as usize);
    let title = level.primary_title(finding.message.as_str()).id(finding.check);
    let snippet = Snippet::source(text.as_str())
        .path(report.source.name.as_str())
        .annotation(AnnotationKind::Primary.span(start..end));
    // The line would show the secret to whoever sees the terminal or the log of a build.
    let group: Group<'_> = if finding.check == "literal-secret" {
        title.element(
            Origin::path(report.source.name.as_str())
                .line(finding.at.line as usize)
                .char_column(finding.at.column as usize),
        )
    } else {
        title.element(snippet)
    };
    let help = Shown::HELP.message(finding.help.as_str());
    format!("{}\n", renderer.render(&[group.element(help)]))
}

/// A finding never marks more than its first line.
fn line_end(text: &str, start: usize, end: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let line = rest.find('\n').map_or(text.len(), |offset| start + offset);
    end.clamp(start, line)
}

/// A finding on one line.
pub fn concise(report: &Report, finding: &Finding) -> String {
    let level = level(finding);
    format!("{}:{}: {level}[{}] {}; {}\n", report.source.name, finding.at, finding.check, finding.message, finding.help)
}

/// Where a finding ends: its line, and the column after its last character.
fn places(report: &Report, finding: &Finding) -> (u32, u32) {
    let text = &report.source.text;
    let start = (finding.at.start as usize).min(text.len());
    let marked = text.get(start..line_end(text, start, finding.at.end as usize)).unwrap_or_default();
    (finding.at.line, finding.at.column.saturating_add(u32::try_from(marked.chars().count()).unwrap_or(0)))
}

/// The text of an annotation. Source: GitHub's actions/toolkit, `command.ts`.
fn github_text(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of an annotation. Source: as above.
fn github_property(text: &str) -> String {
    github_text(text).replace(':', "%3A").replace(',', "%2C")
}

/// A finding as GitHub Actions reads it.
pub fn github(report: &Report, finding: &Finding) -> String {
    let name = github_property(&report.source.name);
    let place = format!("{}:{}", report.source.name, finding.at);
    let message = github_text(&format!("{place}: {} {}\n  help: {}", finding.check, finding.message, finding.help));
    let (line, column) = (finding.at.line, finding.at.column);
    let (end_line, end_column) = places(report, finding);
    let level = level(finding);
    format!(
        "::{level} title=ferry ({}),file={name},line={line},col={column},endLine={end_line},endColumn={end_column}::{message}\n",
        finding.check
    )
}

fn level(finding: &Finding) -> &'static str {
    match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

/// A finding in `--format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct FindingJson {
    /// The check's name.
    pub check: String,
    /// `error` or `warning`.
    pub level: String,
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// The same for a program.
    pub fix: Option<FixJson>,
}

/// A text that mends a finding.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct FixJson {
    /// The first byte that it takes the place of.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// The text.
    pub text: String,
    /// Whether the file means the same afterwards.
    pub safe: bool,
}

impl FindingJson {
    /// One finding.
    pub fn new(report: &Report, finding: &Finding) -> Self {
        Self {
            check: finding.check.to_owned(),
            level: level(finding).to_owned(),
            file: report.source.name.clone(),
            line: finding.at.line,
            column: finding.at.column,
            message: finding.message.clone(),
            help: finding.help.clone(),
            fix: finding.fix.as_ref().map(|fix| FixJson {
                start: fix.at.start,
                end: fix.at.end,
                text: fix.text.clone(),
                safe: fix.is_safe,
            }),
        }
    }
}

/// A table for people; nothing but its rows for programs.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().trim_start_matches(' ').to_owned()).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod unit_tests {
    use ferry_contract::report::{At, Source};

    use super::*;

    /// The line of a secret would be in the log of a build.
    #[test]
    fn a_secret_is_not_shown_with_its_finding() {
        let text = "vars:\n  key: top-secret\n";
        let source = Source::new("ferry.yaml", text);
        for (check, is_shown) in [("literal-secret", false), ("unknown-key", true)] {
            let mut report = Report::new(&source);
            report.error(check, At::of(text, 13..23), "it is wrong", "mend it");
            let shown = full(&report, report.findings()[0], false);
            assert_eq!(shown.contains("top-secret"), is_shown, "{shown}");
            assert!(shown.contains("ferry.yaml:2:8") && shown.contains("mend it"), "{shown}");
        }
    }
}
