//! The tables of a job: how they are written, and what a row of one says.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::Problem;

/// What a cell holds that is to have no value.
const NO_VALUE: &str = "#N/A";

/// How a table is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Dialect {
    line_ending: LineEnding,
    column_delimiter: Delimiter,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
enum LineEnding {
    #[default]
    #[serde(rename = "LF")]
    Lf,
    #[serde(rename = "CRLF")]
    CrLf,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Delimiter {
    Backquote,
    Caret,
    #[default]
    Comma,
    Pipe,
    Semicolon,
    Tab,
}

impl Dialect {
    /// Says the vendor's name of the end of a line.
    pub(super) fn line_ending(self) -> &'static str {
        match self.line_ending {
            LineEnding::Lf => "LF",
            LineEnding::CrLf => "CRLF",
        }
    }

    /// Says the vendor's name of what is between two cells.
    pub(super) fn delimiter(self) -> &'static str {
        match self.column_delimiter {
            Delimiter::Backquote => "BACKQUOTE",
            Delimiter::Caret => "CARET",
            Delimiter::Comma => "COMMA",
            Delimiter::Pipe => "PIPE",
            Delimiter::Semicolon => "SEMICOLON",
            Delimiter::Tab => "TAB",
        }
    }

    /// Says whether a table ends its lines as it should: the first line shows it.
    pub(super) fn fits(self, table: &[u8]) -> bool {
        let end = table.iter().position(|byte| *byte == b'\n');
        let has_return = end.is_some_and(|end| end > 0 && table[end - 1] == b'\r');
        end.is_none() || has_return == (self.line_ending == LineEnding::CrLf)
    }

    /// Reads a table from a place in it on.
    pub(super) fn reader(self, table: &[u8]) -> csv::Reader<&[u8]> {
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(self.byte()).from_reader(table)
    }

    /// Writes a table.
    pub(super) fn writer(self) -> csv::Writer<Vec<u8>> {
        let terminator = match self.line_ending {
            LineEnding::Lf => csv::Terminator::Any(b'\n'),
            LineEnding::CrLf => csv::Terminator::CRLF,
        };
        csv::WriterBuilder::new()
            .delimiter(self.byte())
            .terminator(terminator)
            .quote_style(csv::QuoteStyle::Always)
            .from_writer(Vec::new())
    }

    fn byte(self) -> u8 {
        match self.column_delimiter {
            Delimiter::Backquote => b'`',
            Delimiter::Caret => b'^',
            Delimiter::Comma => b',',
            Delimiter::Pipe => b'|',
            Delimiter::Semicolon => b';',
            Delimiter::Tab => b'\t',
        }
    }
}

/// Reads a row as a record: an empty cell says nothing, and `Account.Key__c` names a record by its key.
pub(super) fn row(header: &csv::StringRecord, row: &csv::StringRecord) -> Result<Map<String, Value>, Problem> {
    if row.len() != header.len() {
        let message = format!("the row has {} cells and the header {}", row.len(), header.len());
        return Err(Problem::bad("INVALID_CSV", message));
    }
    let mut body = Map::new();
    for (name, cell) in header.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        let value = if cell == NO_VALUE { Value::Null } else { Value::from(cell) };
        match name.split_once('.') {
            Some((relation, key)) => {
                body.insert(relation.to_owned(), Value::Object(Map::from_iter([(key.to_owned(), value)])));
            }
            None => {
                body.insert(name.to_owned(), value);
            }
        }
    }
    Ok(body)
}

/// Takes what was written.
pub(super) fn finished(writer: csv::Writer<Vec<u8>>) -> Vec<u8> {
    writer.into_inner().unwrap_or_default()
}
