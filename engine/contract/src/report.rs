//! What is wrong with a file, where, and what to write instead.

use std::{fmt, ops::Range, sync::Arc};

use crate::{limits::FINDINGS_PER_FILE_MAX, suggest};

/// A range of a source file. Lines and columns count from 1, columns in characters; `start` and
/// `end` are byte offsets.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct At {
    /// First line of the range.
    pub line: u32,
    /// First column of the range.
    pub column: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl At {
    /// The beginning of a file, for what is wrong with the whole of it.
    pub const START: Self = Self { line: 1, column: 1, start: 0, end: 0 };

    /// Where these bytes of a text stand; both ends are between characters.
    pub fn of(text: &str, bytes: Range<usize>) -> Self {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let before = &text[..bytes.start];
        let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
        Self {
            line: number(before.matches('\n').count() + 1),
            column: number(line.chars().count() + 1),
            start: number(bytes.start),
            end: number(bytes.end),
        }
    }
}

impl At {
    /// The word at a line and a column of a text, both from 1; the beginning where they are 0.
    pub fn of_place(text: &str, line: u32, column: u32) -> Self {
        let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1) as usize).map(str::len).sum();
        let row = text[start..].lines().next().unwrap_or_default();
        let before: usize = row.chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
        let word: usize =
            row[before..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
        Self::of(text, start + before..start + before + word)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value with its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub at: At,
}

impl<T> Spanned<T> {
    /// Joins a value with its place.
    pub fn new(value: T, at: At) -> Self {
        Self { value, at }
    }
}

/// A file as it was read: its name for messages, and its text.
#[derive(Debug)]
pub struct Source {
    /// The path as the user would write it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A shared source; every tree and finding of a file points at the same one.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// The file does not load.
    Error,
    /// The file loads, and something in it is likely wrong.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The check's name, as in `ferry explain NAME`.
    pub check: &'static str,
    /// Whether the file still loads.
    pub level: Level,
    /// Where.
    pub at: At,
    /// What is wrong: lower case, no full stop, values in backticks.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// The same for a program, where it is certain enough what to write.
    pub fix: Option<Fix>,
}

/// A text that mends a finding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fix {
    /// What it takes the place of.
    pub at: At,
    /// The text.
    pub text: String,
    /// Whether the file means the same afterwards. What is not safe is a guess, such as the nearest name.
    pub is_safe: bool,
}

/// The findings of one file.
#[derive(Clone, Debug)]
pub struct Report {
    /// The file.
    pub source: Arc<Source>,
    findings: Vec<Finding>,
    left_out: usize,
}

impl Report {
    /// An empty report on `source`.
    pub fn new(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), findings: Vec::new(), left_out: 0 }
    }

    /// Adds what keeps the file from loading.
    pub fn error(&mut self, check: &'static str, at: At, message: impl Into<String>, help: impl Into<String>) {
        self.push(Finding { check, level: Level::Error, at, message: message.into(), help: help.into(), fix: None });
    }

    /// Adds a name that is not one of the known ones; the nearest of them is its fix.
    pub fn unknown(
        &mut self,
        check: &'static str,
        at: At,
        message: impl Into<String>,
        (wrong, known): (&str, &[&str]),
    ) {
        let help = suggest::help(wrong, known);
        let nearest = suggest::nearest(wrong, known.iter().copied());
        let fix = nearest.and_then(|text| {
            let at = self.once_inside(at, wrong)?;
            Some(Fix { at, text: text.to_owned(), is_safe: false })
        });
        self.push(Finding { check, level: Level::Error, at, message: message.into(), help, fix });
    }

    /// The place of a word that stands once in a place.
    fn once_inside(&self, at: At, word: &str) -> Option<At> {
        let (start, end) = (at.start as usize, at.end as usize);
        let written = self.source.text.get(start..end)?;
        let mut found = written.match_indices(word).map(|(index, _)| start + index);
        let first = found.next().filter(|_| !word.is_empty())?;
        found.next().is_none().then(|| At::of(&self.source.text, first..first + word.len()))
    }

    /// Adds what is likely wrong.
    pub fn warning(&mut self, check: &'static str, at: At, message: impl Into<String>, help: impl Into<String>) {
        self.warning_with(check, at, message, (&help.into(), None));
    }

    /// The same with a text that mends it.
    pub fn warning_with(
        &mut self,
        check: &'static str,
        at: At,
        message: impl Into<String>,
        (help, fix): (&str, Option<Fix>),
    ) {
        self.push(Finding { check, level: Level::Warning, at, message: message.into(), help: help.to_owned(), fix });
    }

    /// Adds a finding, if it is not there yet.
    pub fn push(&mut self, finding: Finding) {
        if self.findings.contains(&finding) {
            return;
        }
        if self.findings.len() == FINDINGS_PER_FILE_MAX {
            self.left_out += 1;
            return;
        }
        self.findings.push(finding);
    }

    /// Takes the findings of another report on the same file.
    pub fn absorb(&mut self, other: &Report) {
        other.findings.iter().cloned().for_each(|finding| self.push(finding));
    }

    /// Changes each finding.
    pub fn amend(&mut self, change: impl FnMut(&mut Finding)) {
        self.findings.iter_mut().for_each(change);
    }

    /// Keeps the findings that `keep` holds of.
    pub fn retain(&mut self, keep: impl FnMut(&Finding) -> bool) {
        self.findings.retain(keep);
    }

    /// Whether the file loads.
    pub fn is_ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.level != Level::Error)
    }

    /// The findings in the order of the file.
    pub fn findings(&self) -> Vec<&Finding> {
        let mut sorted: Vec<_> = self.findings.iter().collect();
        sorted.sort_by_key(|finding| (finding.at.start, finding.level));
        sorted
    }

    /// How many findings were over the limit, and so are not listed.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}
