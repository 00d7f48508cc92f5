//! The one layout of ferry's YAML files.
//!
//! Only what stands between values is laid out: every value, quote and comment stays as it is written. What comes out
//! is read again; unless it has the same tree and the same comments, nothing comes out.

mod layout;
mod order;
mod spacing;
mod tokens;

use std::sync::Arc;

use ferry_contract::{
    report::{Report, Source},
    yaml::{self, Node},
};

/// Why a file is not laid out.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It cannot be read; the report says why.
    #[error("the file cannot be read")]
    Broken(Box<Report>),
    /// What would come out is not known to mean the same.
    #[error("its layout cannot be changed without changing what it means; write it without explicit keys (`? `)")]
    Unsure,
}

/// The text of a file in the one layout.
///
/// # Errors
/// [`FormatError`], and then nothing should be written.
///
/// ```
/// use ferry_contract::report::Source;
/// let source = Source::new("a.yaml", "a:   {b:  1}\nlist:\n- x   # why\n\n\n\n- y");
/// let formatted = ferry_core::format::format(&source)?;
/// assert_eq!(formatted, "a: { b: 1 }\nlist:\n  - x # why\n\n  - y\n");
/// # Ok::<(), ferry_core::format::FormatError>(())
/// ```
pub fn format(source: &Arc<Source>) -> Result<String, FormatError> {
    // The one thing that keeps a file from being read, and is no part of what it says.
    let text = source.text.strip_prefix('\u{FEFF}').unwrap_or(&source.text);
    let before = read(&Source::new(source.name.as_str(), text))?;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let ordered = order::ordered(&Source::new(source.name.as_str(), text))?;
    let root = read(&ordered)?;
    let lines = tokens::lines(&ordered.text, &root).ok_or(FormatError::Unsure)?;
    let text = layout::laid_out(&lines);
    let formatted = Source::new(source.name.as_str(), text.as_str());
    let after = read(&formatted).map_err(|_| FormatError::Unsure)?;
    let after_lines = tokens::lines(&formatted.text, &after).ok_or(FormatError::Unsure)?;
    let is_same = before.to_value() == after.to_value() && tokens::comments(&lines) == tokens::comments(&after_lines);
    if is_same { Ok(text) } else { Err(FormatError::Unsure) }
}

fn read(source: &Arc<Source>) -> Result<Node, FormatError> {
    let mut report = Report::new(source);
    let root = yaml::parse(source, &mut report);
    root.filter(|_| report.is_ok()).ok_or_else(|| FormatError::Broken(Box::new(report)))
}
