//! The rows of a file, each on a line of its own.
//!
//! A cell with a line break is refused with its row: a quote that somebody forgot to close would else take all rows behind it into
//! one cell.

use std::{
    collections::BTreeSet,
    fs::{File, Metadata},
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::SystemTime,
};

use ferry_core::{limits::VALUE_MAX_BYTES, plan::Rows};
use serde_json::{Map, Value};

use crate::limits::{FILE_BATCH_ROWS, FILE_ROW_SHOWN_CHARS};

/// How a file is seen from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Look {
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl Look {
    pub(super) fn of(data: &Metadata) -> Self {
        Self { inode: data.ino(), length: data.len(), modified: data.modified().ok() }
    }
}

/// A row of a file; or the text of one that is no event, and why.
pub(super) struct Row {
    /// Its line, from 1.
    pub(super) number: u64,
    pub(super) event: Result<Value, (String, String)>,
}

/// Reads the rows of a file, some at a time.
pub(super) struct Reader {
    lines: BufReader<File>,
    look: Look,
    number: u64,
    /// The names of a CSV file's columns.
    header: Option<Vec<String>>,
}

/// A line without the space around it.
struct Line {
    text: String,
    /// Whether all of it is there, and as it stands in the file.
    wrong: Option<String>,
}

impl Reader {
    pub(super) fn open(path: &Path, rows: Rows) -> io::Result<Self> {
        let file = File::open(path)?;
        let look = Look::of(&file.metadata()?);
        let mut reader = Self { lines: BufReader::new(file), look, number: 0, header: None };
        if rows == Rows::Csv {
            reader.header = Some(reader.header()?);
        }
        Ok(reader)
    }

    /// How the file was when it was opened.
    pub(super) fn look(&self) -> Look {
        self.look
    }

    pub(super) fn batch(&mut self) -> io::Result<Vec<Row>> {
        let mut rows = Vec::new();
        while rows.len() < FILE_BATCH_ROWS {
            let Some(line) = self.line()? else { break };
            if line.text.is_empty() && line.wrong.is_none() {
                continue;
            }
            let event = match (line.wrong, &self.header) {
                (Some(reason), _) => Err((line.text.chars().take(FILE_ROW_SHOWN_CHARS).collect(), reason)),
                (None, Some(header)) => cells(header, &line.text),
                (None, None) => serde_json::from_str(&line.text).map_err(|error| (line.text, error.to_string())),
            };
            rows.push(Row { number: self.number, event });
        }
        Ok(rows)
    }

    fn header(&mut self) -> io::Result<Vec<String>> {
        let wrong = |reason: String| io::Error::other(format!("its header cannot be read: {reason}"));
        let line = self.line()?.ok_or_else(|| wrong("the file is empty".to_owned()))?;
        let names = match line.wrong {
            Some(reason) => Err(reason),
            None => split(line.text.trim_start_matches('\u{FEFF}')),
        };
        let names = names.map_err(wrong)?;
        let mut seen = BTreeSet::new();
        match names.iter().find(|name| !seen.insert(name.as_str())) {
            Some(name) => Err(wrong(format!("it names `{name}` twice"))),
            None => Ok(names),
        }
    }

    /// The next line; what is beyond the longest event is passed over.
    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut read = Vec::new();
        let most = u64::try_from(VALUE_MAX_BYTES).unwrap_or(u64::MAX);
        if self.lines.by_ref().take(most).read_until(b'\n', &mut read)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let is_whole = read.ends_with(b"\n") || read.len() < VALUE_MAX_BYTES;
        if !is_whole {
            self.lines.skip_until(b'\n')?;
        }
        let too_long = || format!("it is longer than {VALUE_MAX_BYTES} bytes, of which the first stand here");
        let wrong = (!is_whole)
            .then(too_long)
            .or_else(|| std::str::from_utf8(&read).is_err().then(|| "it is no UTF-8".to_owned()));
        Ok(Some(Line { text: String::from_utf8_lossy(&read).trim().to_owned(), wrong }))
    }
}

/// A map of the row's cells by the names of the header; cells are texts, as they are written.
fn cells(header: &[String], text: &str) -> Result<Value, (String, String)> {
    let cells = split(text).map_err(|reason| (text.to_owned(), reason))?;
    if cells.len() != header.len() {
        let reason = format!("it has {} cells, and the header names {}", cells.len(), header.len());
        return Err((text.to_owned(), reason));
    }
    let cells = header.iter().cloned().zip(cells.into_iter().map(Value::from));
    Ok(Value::Object(cells.collect::<Map<_, _>>()))
}

/// The cells of a line.
fn split(line: &str) -> Result<Vec<String>, String> {
    if line.matches('"').count() % 2 == 1 {
        return Err("a quote is not closed on this line".to_owned());
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(line.as_bytes());
    match reader.records().next() {
        Some(Ok(record)) => Ok(record.iter().map(str::to_owned).collect()),
        Some(Err(error)) => Err(error.to_string()),
        None => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(name: &str, text: &[u8], rows: Rows) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mut reader = match Reader::open(&path, rows) {
            Ok(reader) => reader,
            Err(error) => return vec![error.to_string()],
        };
        let shown = |row: Row| match row.event {
            Ok(event) => format!("{} {event}", row.number),
            Err((text, reason)) => format!("{} {text:?}: {reason}", row.number),
        };
        reader.batch().unwrap().into_iter().map(shown).collect()
    }

    #[test]
    fn each_line_is_a_row_or_says_why_it_is_none() {
        assert_eq!(
            rows("a.csv", b"\xEF\xBB\xBFn,amount\n1,\"1,50\"\n2,\"20\n3,30\n\n4\n5,\"\"\"x\"\"\"\n6,\xE9\n", Rows::Csv),
            [
                r#"2 {"n":"1","amount":"1,50"}"#,
                r#"3 "2,\"20": a quote is not closed on this line"#,
                r#"4 {"n":"3","amount":"30"}"#,
                r#"6 "4": it has 1 cells, and the header names 2"#,
                r#"7 {"n":"5","amount":"\"x\""}"#,
                "8 \"6,\u{FFFD}\": it is no UTF-8",
            ]
        );
        assert_eq!(
            rows("a.jsonl", b"{\"id\": 1.50}\n\n{\"id\"\n{\"id\": \"Andr\xE9\"}", Rows::JsonLines),
            [
                r#"1 {"id":1.50}"#,
                r#"3 "{\"id\"": EOF while parsing an object at line 1 column 5"#,
                "4 \"{\\\"id\\\": \\\"Andr\u{FFFD}\\\"}\": it is no UTF-8",
            ]
        );
        assert_eq!(rows("a.csv", b"n,n\n1,2\n", Rows::Csv), ["its header cannot be read: it names `n` twice"]);
        assert_eq!(rows("a.csv", b"", Rows::Csv), ["its header cannot be read: the file is empty"]);
    }
}
