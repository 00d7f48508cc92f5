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
    manifest::{Rows, Stage},
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
        let call = self.action(&stage.action)?;
        let mut prepared = Vec::new();
        let mut seen = document.clone();
        for row in &table.rows {
            seen["row"] = rule.map_of(&table.columns, row);
            let made = self.prepare(&stage.action, &input_of(self, stage, &seen)?)?;
            let sensitive = [made.sensitive.as_slice(), course.prepared.sensitive.as_slice()].concat();
            prepared.push(Prepared { gate: course.prepared.gate.clone(), sensitive, ..made });
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
                if result.as_ref().is_err_and(|failure| is_passing(failure.class)) {
                    break;
                }
            }
            let passing = results.iter().filter_map(|result| result.as_ref().err()).filter(|one| is_passing(one.class));
            let passing: Vec<&Failure> = passing.collect();
            if let Some(failure) = passing.first() {
                // Of a request that did nothing, nobody has to look at its rows.
                let did_nothing = passing.len() == results.len() && !course.has_effect;
                let class = if did_nothing { failure.class } else { ErrorClass::Unknown };
                return Err(Failure { class, ..(*failure).clone() });
            }
            course.has_effect = true;
            refused.extend(results.into_iter().zip(at..).filter_map(|(result, row)| Some((row, result.err()?))));
            at += group.len();
        }
        let (records, failed) = (table.rows.len(), refused.len());
        let to = rule.failed_file.as_ref().map(|by| self.made(by, document)).transpose()?;
        let file = to.filter(|_| failed > 0).and_then(|file| file.as_str().map(str::to_owned));
        if let Some(file) = file.clone() {
            let column = rule.failed_column.clone();
            blocking(move || write(&files.receiving(&file, false)?, &table, &column, &refused)).await?;
        }
        Ok(json!({ "records": records, "failed": failed, "failed_file": file }))
    }

    async fn table(&self, rule: &Rows, document: &Value, files: &Files) -> Result<Table, Failure> {
        let (file, part) = (self.made(&rule.file, document)?, document.get("part").cloned());
        let file = file.as_str().ok_or_else(|| invalid("`rows.file` names no file"))?.to_owned();
        let files = files.clone();
        blocking(move || read(&files.sending(&file, part.as_ref())?)).await
    }
}

/// Whether a failure says nothing of one record, but of the request.
fn is_passing(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Unavailable | ErrorClass::Throttled | ErrorClass::Unknown | ErrorClass::Auth)
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
    fn map_of(&self, columns: &csv::StringRecord, row: &csv::StringRecord) -> Value {
        let mut map = Map::new();
        for (column, cell) in columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            let value = if self.null.as_deref() == Some(cell) { Value::Null } else { Value::from(cell) };
            match column.split_once('.') {
                Some((outer, inner)) => {
                    let within = map.entry(outer).or_insert_with(|| json!({}));
                    within[inner] = value;
                }
                None => {
                    map.insert(column.to_owned(), value);
                }
            }
        }
        Value::Object(map)
    }
}
