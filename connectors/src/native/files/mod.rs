//! Files of records in a folder: what they hold is the same wherever the folder is.

mod camt;
mod csv;
pub(crate) mod folder;
mod lines;
mod local;
mod sftp;
mod ssh;

use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::Boxed,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Native, Work, departure::Departure, invalid, rejected};
use crate::limits::{FILES_MAX, ITEMS_MAX};

/// What is done to files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    /// Reads a table.
    ReadCsv,
    /// Writes a table.
    WriteCsv,
    /// Reads one value a line.
    ReadJsonLines,
    /// Writes one value a line.
    WriteJsonLines,
    /// Reads a statement or a notification of a bank.
    ReadCamt,
    /// Lists a folder.
    List,
    /// Gives a file another name.
    Move,
}

/// Files of this machine.
#[derive(Debug)]
pub(super) struct Local(pub(super) Verb);

impl Native for Local {
    fn name(&self) -> &'static str {
        match self.0 {
            Verb::ReadCsv => "file_read_csv",
            Verb::WriteCsv => "file_write_csv",
            Verb::ReadJsonLines => "file_read_json_lines",
            Verb::WriteJsonLines => "file_write_json_lines",
            Verb::ReadCamt => "file_read_camt",
            Verb::List => "file_list",
            Verb::Move => "file_move",
        }
    }

    fn call<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Result<Value, Failure>> {
        Box::pin(local::run(work, self.0))
    }
}

/// Files of another machine.
#[derive(Debug)]
pub(super) struct Sftp(pub(super) Verb);

impl Native for Sftp {
    fn name(&self) -> &'static str {
        match self.0 {
            Verb::ReadCsv => "sftp_read_csv",
            Verb::WriteCsv => "sftp_write_csv",
            Verb::ReadJsonLines => "sftp_read_json_lines",
            Verb::WriteJsonLines => "sftp_write_json_lines",
            Verb::ReadCamt => "sftp_read_camt",
            Verb::List => "sftp_list",
            Verb::Move => "sftp_move",
        }
    }

    fn call<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let departure = Departure::new(work.gate);
            departure.within(work.timeout, sftp::run(work, self.0, &departure)).await
        })
    }
}

/// What a file holds, for an action that reads one.
fn read(verb: Verb, input: &Value, bytes: &[u8]) -> Result<Value, Failure> {
    let text = str::from_utf8(bytes)
        .map_err(|error| rejected(format!("it is no text in UTF-8 from its byte {} on", error.valid_up_to())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match verb {
        Verb::ReadCsv => csv::read(input, text),
        Verb::ReadJsonLines => lines::read(text),
        Verb::ReadCamt => camt::read(text),
        Verb::WriteCsv | Verb::WriteJsonLines | Verb::List | Verb::Move => Ok(Value::Null),
    }
}

/// What a file is to hold, for an action that writes one.
fn written(verb: Verb, input: &Value) -> Result<Vec<u8>, Failure> {
    match verb {
        Verb::WriteCsv => csv::written(input),
        Verb::WriteJsonLines => Ok(lines::written(input)),
        Verb::ReadCsv | Verb::ReadJsonLines | Verb::ReadCamt | Verb::List | Verb::Move => Ok(Vec::new()),
    }
}

/// A file of a list.
#[derive(Debug)]
struct Listed {
    name: String,
    bytes: u64,
    modified: Timestamp,
}

/// The list as the action gives it: what is hidden, or being written, is none of it.
fn listed(input: &Value, all: Vec<Listed>) -> Result<Value, Failure> {
    if all.len() > FILES_MAX {
        return Err(rejected(format!("the folder has more than {FILES_MAX} files; move those that are done")));
    }
    let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
    let bound = |name: &str| {
        let bound = input.get("cursor").and_then(|cursor| cursor.get(name)?.as_str());
        let wrong = |_| invalid("files are polled by `$.modified`, with `$.path` as the tie break");
        bound.map(|bound| bound.parse::<Timestamp>().map_err(wrong)).transpose()
    };
    let (from, before, ending) = (bound("from")?, bound("before")?, text("ending"));
    let is_meant = |file: &Listed| {
        let is_since = from.is_none_or(|from| file.modified >= from);
        let is_before = before.is_none_or(|before| file.modified < before);
        !file.name.starts_with('.') && file.name.ends_with(ending) && is_since && is_before
    };
    let mut files: Vec<Listed> = all.into_iter().filter(is_meant).collect();
    files.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
    let folder = text("folder").trim_end_matches('/');
    let path = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let shown = |file: &Listed| {
        let (path, modified) = (path(&file.name), file.modified.to_string());
        json!({ "path": path, "name": file.name, "bytes": file.bytes, "modified": modified })
    };
    Ok(json!({ "files": files.iter().map(shown).collect::<Vec<_>>() }))
}

/// A path inside the folder: it goes downwards only, from name to name.
fn inside(path: &str) -> Result<&str, Failure> {
    let is_name = |part: &str| !["", ".", ".."].contains(&part);
    let is_inside = path.split('/').all(is_name) && !path.contains(|sign: char| sign == '\\' || sign.is_control());
    if is_inside {
        return Ok(path);
    }
    Err(invalid(format!("`{}` is no path inside the folder; write it like `in/march.csv`", path.escape_debug())))
}

/// The folder that a path is in, and its name there.
fn parts(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn missing(path: &str) -> Failure {
    Failure::new(ErrorClass::NotFound, format!("there is no file `{path}`"))
}

fn check_count(count: usize) -> Result<(), Failure> {
    if count <= ITEMS_MAX {
        return Ok(());
    }
    Err(rejected(format!("it has more than {ITEMS_MAX} records, which one call does not read")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_downwards_only() {
        for path in ["a.csv", "in/a b.csv", "in/..a"] {
            assert_eq!(inside(path).unwrap(), path);
        }
        for path in ["", "/a", "../a", "in/../../a", "in//a", "./a", "in/", "a\\..\\b", "a\0b", "a\nb"] {
            assert_eq!(inside(path).unwrap_err().class, ErrorClass::Invalid, "{path}");
        }
    }
}
