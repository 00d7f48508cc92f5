//! A step of a job that is one call for each row of a table, as many of them in one request as the action lets travel together.

use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::{Pass, Upload as _},
};
use serde_json::{Map, Value, json};

use super::{Course, input_of};
use crate::{
    connection::Connection,
    files::{Files, Receiving, Sending},
    limits::JOB_ROWS_MAX,
    manifest::{Call, Rows, Stage},
    native::invalid,
    request::Prepared,
    transfer::blocking,
};

/// A table in memory: a few rows.
struct Table {
    columns: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

impl Connection {
    /// Calls the action for each row: says how many there were, and how many were refused.
    pub(super) async fn rows(
        &self,
        pass: &dyn Pass,
        (stage, rule): (&Stage, &Rows),
        (course, document): (&mut Course<'_>, &Value),
    ) -> Result<Value, Failure> {
        let files = self.files()?;
        let table = self.table(rule, document, &files).await?;
        // Where it cannot be written, nothing is sent.
        let to = rule.failed_file.as_ref().map(|by| self.made(by, document)).transpose()?;
        let to = to.as_ref().and_then(Value::as_str).map(str::to_owned);
        let receiving = match to.clone() {
            Some(file) => Some(blocking(move || files.receiving(&file, false)).await?),
            None => None,
        };
        let call = self.action(&stage.action)?;
        let mut prepared = Vec::new();
        let mut seen = document.clone();
        for row in &table.rows {
            seen["row"] = rule.map_of(&table.columns, row)?;
            let made = self.prepare(&stage.action, &input_of(self, stage, &seen)?)?;
            let sensitive = [made.sensitive.as_slice(), course.prepared.sensitive.as_slice()].concat();
            let (gate, reach) = (course.prepared.gate.clone(), course.prepared.reach);
            prepared.push(Prepared { sensitive, reach, gate, ..made });
        }
        let mut refused = Vec::new();
        let together = call.bundle.as_ref().map_or(1, |bundle| bundle.max.max(1));
        // Calls of one request may differ in its items alone.
        let groups = prepared.chunks(together).flat_map(|some| some.chunk_by(|one, other| one.group == other.group));
        let mut at = 0;
        for group in groups {
            let calls: Vec<&Prepared> = group.iter().collect();
            let mut results = Box::pin(self.sent(pass, &stage.action, &calls)).await;
            // What was in the way of some, such as two rows of one record, is not in the way of each alone.
            for (result, call) in results.iter_mut().zip(&calls) {
                if !is_of_row(result, calls.len()) {
                    continue;
                }
                *result =
                    Box::pin(self.sent(pass, &stage.action, &[call])).await.pop().unwrap_or_else(|| result.clone());
                if result.as_ref().is_err_and(|failure| is_of_request(failure.class)) {
                    break;
                }
            }
            if let Some(failure) = of_request(call, &results) {
                // Of a request that did nothing, nobody has to look at its rows.
                course.has_effect |= failure.class == ErrorClass::Unknown || results.iter().any(Result::is_ok);
                return Err(failure);
            }
            course.has_effect = true;
            refused.extend(results.into_iter().zip(at..).filter_map(|(result, row)| Some((row, result.err()?))));
            at += group.len();
        }
        let (records, failed) = (table.rows.len(), refused.len());
        let file = match receiving.filter(|_| failed > 0) {
            Some(receiving) => {
                let column = rule.failed_column.clone();
                blocking(move || write(&receiving, &table, &column, &refused)).await?;
                to
            }
            None => None,
        };
        Ok(json!({ "records": records, "failed": failed, "failed_file": file }))
    }

    async fn table(&self, rule: &Rows, document: &Value, files: &Files) -> Result<Table, Failure> {
        let (file, part) = (self.made(&rule.file, document)?, document.get("part").cloned());
        let file = file.as_str().ok_or_else(|| invalid("`rows.file` names no file"))?.to_owned();
        let files = files.clone();
        blocking(move || read(&files.sending(&file, part.as_ref())?)).await
    }
}

/// Whether a failure says nothing of one record, but of the request, or of what we are.
fn is_of_request(class: ErrorClass) -> bool {
    match class {
        ErrorClass::Unavailable
        | ErrorClass::Throttled
        | ErrorClass::Unknown
        | ErrorClass::Auth
        | ErrorClass::Config
        | ErrorClass::Invalid
        | ErrorClass::Bug => true,
        ErrorClass::Rejected
        | ErrorClass::Declined
        | ErrorClass::NotFound
        | ErrorClass::Conflict
        | ErrorClass::InsufficientFunds => false,
    }
}

/// What failed is not a row, but the request, or what is set up for it: that of which least is known.
fn of_request(call: &Call, results: &[Result<Value, Failure>]) -> Option<Failure> {
    let failures = || results.iter().filter_map(|result| result.as_ref().err());
    let unknown = failures().find(|failure| failure.class == ErrorClass::Unknown);
    let passing = unknown.or_else(|| failures().find(|failure| is_of_request(failure.class)));
    // Where an answer has a result for each row, one of another status is of all.
    let has_results = call.bundle.as_ref().is_some_and(|bundle| bundle.results.is_some());
    let is_refused = |failure: &Failure| {
        let answer = failure.exchange.as_ref().and_then(|exchange| exchange.answer.as_ref());
        answer.is_some_and(|answer| answer.status >= 300)
    };
    let whole = || failures().next().filter(|_| has_results && failures().count() == results.len());
    passing.or_else(|| whole().filter(|_| failures().all(is_refused))).cloned()
}

/// Whether a row may be done where it goes alone: nothing was done of it, and the others of its request are to blame.
fn is_of_row(result: &Result<Value, Failure>, together: usize) -> bool {
    together > 1 && result.as_ref().is_err_and(|failure| failure.class == ErrorClass::Unavailable)
}

fn read(table: &Sending) -> Result<Table, Failure> {
    let wrong = |error: csv::Error| invalid(format!("it is no table: {error}"));
    let source = table.open().map_err(|error| invalid(format!("it cannot be read: {error}")))?;
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(source);
    let columns = reader.headers().map_err(wrong)?.clone();
    let mut rows = Vec::new();
    for row in reader.records() {
        rows.push(row.map_err(wrong)?);
        if rows.len() > JOB_ROWS_MAX {
            return Err(invalid(format!("it has more than {JOB_ROWS_MAX} rows, which do not go one by one")));
        }
    }
    Ok(Table { columns, rows })
}

/// Writes the rows that were refused, each with why.
fn write(file: &Receiving, table: &Table, column: &str, refused: &[(usize, Failure)]) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let lost = |error: csv::Error| Failure::new(ErrorClass::Bug, error.to_string());
    writer.write_record(std::iter::once(column).chain(&table.columns)).map_err(lost)?;
    for (place, failure) in refused {
        let why = match &failure.code {
            Some(code) => format!("{code}:{}", failure.message),
            None => failure.message.clone(),
        };
        writer.write_record(std::iter::once(why.as_str()).chain(&table.rows[*place])).map_err(lost)?;
    }
    let bytes = writer.into_inner().map_err(|error| Failure::new(ErrorClass::Bug, error.to_string()))?;
    file.whole(&bytes)
}

impl Rows {
    /// A row by its columns: what is empty is left out, and `A.b` is a field of a map.
    fn map_of(&self, columns: &csv::StringRecord, row: &csv::StringRecord) -> Result<Value, Failure> {
        let mut map = Map::new();
        for (column, cell) in columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            let value = if self.null.as_deref() == Some(cell) { Value::Null } else { Value::from(cell) };
            let (outer, inner) = column.split_once('.').map_or((column, None), |(outer, inner)| (outer, Some(inner)));
            let there = map.get_mut(outer).map(Value::as_object_mut);
            match (inner, there) {
                (None, None) => drop(map.insert(outer.to_owned(), value)),
                (Some(inner), None) => drop(map.insert(outer.to_owned(), json!({ inner: value }))),
                (Some(inner), Some(Some(within))) => drop(within.insert(inner.to_owned(), value)),
                (_, Some(_)) => return Err(invalid(format!("two columns of the table say what `{outer}` is"))),
            }
        }
        Ok(Value::Object(map))
    }
}
