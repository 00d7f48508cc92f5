//! Rows of a side, one by one: from pages of an action, from a list, or from a file that is never whole in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead as _, BufReader, Read},
};

use ferry_contract::{
    expression::{Expression, Made, Scope},
    failure::{ErrorClass, Failure},
    number,
    path::{Document, Step as PathStep},
    script::{Named, Rules},
    suggest,
};
use ferry_core::{
    limits::VALUE_MAX_BYTES,
    plan::reconcile::Feed,
    recon::{Kind, Lines, Row, RowError, Side},
};
use rust_decimal::Decimal;
use serde_json::Value;

use super::records::{Record, Records};

/// How much of a file is read at once.
const READ_BYTES: usize = 1 << 18;

/// After so many rows, the length of a file says how many there are.
const SAMPLE_ROWS: u64 = 4_096;

/// Takes the rows of a side.
pub struct Feeder<'f> {
    rules: &'f Rules,
    vars: &'f Value,
    feed: &'f Feed,
    into: Into,
    /// Rows that a person has cut: the names and amounts of their parts, by the name of the row.
    parts: &'f BTreeMap<String, Vec<Part>>,
    left_out: u64,
}

/// What rows have made: a side, or lines of settlements.
#[derive(Debug, Default)]
pub struct Fed {
    /// Rows of a side.
    pub rows: Side,
    /// Lines.
    pub lines: Lines,
    /// How many rows did not count.
    pub left_out: u64,
}

/// A part of a row that a person has cut.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// What it is called.
    pub id: String,
    /// Its amount, in major units.
    pub amount: Decimal,
}

/// Where rows go.
enum Into {
    Side(Side),
    Lines(Lines),
}

/// A row as texts, by the place of its column.
#[derive(Default)]
struct Cells {
    columns: [String; COLUMNS.len()],
}

const COLUMNS: [&str; 10] = ["id", "amount", "fee", "net", "currency", "date", "ref", "party", "batch", "kind"];
const KIND: usize = 9;

impl<'f> Feeder<'f> {
    /// Takes rows of a side.
    pub fn of_side(
        (rules, vars): (&'f Rules, &'f Value),
        feed: &'f Feed,
        parts: &'f BTreeMap<String, Vec<Part>>,
    ) -> Self {
        Self { rules, vars, feed, into: Into::Side(Side::default()), parts, left_out: 0 }
    }

    /// Takes lines of settlements.
    pub fn of_lines((rules, vars): (&'f Rules, &'f Value), feed: &'f Feed) -> Self {
        static NONE: BTreeMap<String, Vec<Part>> = BTreeMap::new();
        Self { rules, vars, feed, into: Into::Lines(Lines::default()), parts: &NONE, left_out: 0 }
    }

    /// What the rows have made.
    pub fn done(self) -> Fed {
        let left_out = self.left_out;
        match self.into {
            Into::Side(mut rows) => {
                rows.close();
                Fed { rows, left_out, ..Fed::default() }
            }
            Into::Lines(lines) => Fed { lines, left_out, ..Fed::default() },
        }
    }

    /// Takes rows that are values, such as those of a page; `place` says where they are from.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] with the place of the row that cannot be taken.
    pub fn values(&mut self, rows: &[Value], place: &str, before: u64) -> Result<(), Failure> {
        let mut cells = Cells::default();
        for (number, row) in (before + 1..).zip(rows) {
            self.value(row, &mut cells).map_err(|what| wrong(place, number, &what))?;
        }
        Ok(())
    }

    /// Takes the rows of a table (`.csv`) or of a file with a JSON value a line (`.jsonl`); `keep_on` is asked now and then.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] with the place of the row that cannot be taken.
    pub fn file(&mut self, name: &str, file: File, keep_on: &dyn Fn() -> bool) -> Result<(), Failure> {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("csv") => self.table(name, file, keep_on),
            Some("jsonl") => self.json_lines(name, file, keep_on),
            _ => {
                let help = "read it with an action of `file` in a step before, and write `items: $.that_step.rows`";
                Err(Failure::new(
                    ErrorClass::Config,
                    format!("`{name}` is neither a `.csv` nor a `.jsonl` file; {help}"),
                ))
            }
        }
    }

    fn table(&mut self, name: &str, file: File, keep_on: &dyn Fn() -> bool) -> Result<(), Failure> {
        let length = file.metadata().map_or(0, |data| data.len());
        let mut records = Records::new(file);
        let head =
            records.next().map_err(|what| wrong(name, 1, &what))?.ok_or_else(|| invalid(format!("{name} is empty")))?;
        let header: Vec<String> = head.iter().map(|cell| cell.trim_start_matches('\u{FEFF}').to_owned()).collect();
        let mut seen = BTreeSet::new();
        if let Some(twice) = header.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(invalid(format!("{name}: the header names `{twice}` twice")));
        }
        let plain = self.plain(name, &header)?;
        let (mut cells, mut rows) = (Cells::default(), 0_u64);
        loop {
            if rows == SAMPLE_ROWS {
                self.reserve(length.saturating_sub(records.bytes()) / (records.bytes() / SAMPLE_ROWS).max(1));
            }
            let record = match records.next() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(()),
                Err(what) => return Err(wrong(name, records.line_number(), &what)),
            };
            rows += 1;
            if rows.is_multiple_of(65_536) && !keep_on() {
                return Err(stopped());
            }
            let taken = match &plain {
                _ if record.len() != header.len() => {
                    Err(format!("it has {} cells, and the header names {}", record.len(), header.len()))
                }
                Some(plain) => self.record(record, plain),
                None => {
                    let texts = header.iter().cloned().zip(record.iter().map(Value::from));
                    self.value(&Value::Object(texts.collect()), &mut cells)
                }
            };
            taken.map_err(|what| wrong(name, records.line_number(), &what))?;
        }
    }

    /// Makes room for about so many more rows.
    fn reserve(&mut self, more: u64) {
        // What is a little longer than the first rows should not need twice the room.
        let more = usize::try_from(more + more / 50).unwrap_or(usize::MAX);
        match &mut self.into {
            Into::Side(side) => side.reserve(more),
            Into::Lines(_) => {}
        }
    }

    fn json_lines(&mut self, name: &str, file: File, keep_on: &dyn Fn() -> bool) -> Result<(), Failure> {
        let mut lines = BufReader::with_capacity(READ_BYTES, file);
        let (mut line, mut cells, mut number) = (Vec::new(), Cells::default(), 0);
        let most = u64::try_from(VALUE_MAX_BYTES).unwrap_or(u64::MAX);
        loop {
            line.clear();
            let read = lines.by_ref().take(most).read_until(b'\n', &mut line);
            if read.map_err(|error| invalid(format!("{name}: {error}")))? == 0 {
                return Ok(());
            }
            number += 1;
            if number % 65_536 == 0 && !keep_on() {
                return Err(stopped());
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let value = serde_json::from_slice(&line).map_err(|error| wrong(name, number, &error.to_string()))?;
            self.value(&value, &mut cells).map_err(|what| wrong(name, number, &what))?;
        }
    }

    /// Where each column is in a table, if each is a cell or a constant, and every row counts.
    fn plain(&self, name: &str, header: &[String]) -> Result<Option<Vec<Plain<'f>>>, Failure> {
        let mut plain = Vec::new();
        for (column, value) in &self.feed.columns {
            let Some(place) = COLUMNS.iter().position(|known| known == column) else { continue };
            match &value.made {
                Made::Literal(Value::String(text)) => plain.push(Plain { place, from: From::Constant(text) }),
                Made::Path(path) => {
                    let Some([PathStep::Name(cell)]) = path.steps() else { return Ok(None) };
                    let index = header.iter().position(|known| known == cell).ok_or_else(|| {
                        let known: Vec<&str> = header.iter().map(String::as_str).collect();
                        invalid(format!(
                            "{name} has no column `{cell}`, which `{column}` reads: {}",
                            suggest::help(cell, &known)
                        ))
                    })?;
                    plain.push(Plain { place, from: From::Cell(index) });
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(plain).filter(|_| self.feed.when.is_none()))
    }

    /// A record of a table, without a value made of it.
    fn record(&mut self, record: &Record, plain: &[Plain<'_>]) -> Result<(), String> {
        let mut cells = [""; COLUMNS.len()];
        for Plain { place, from } in plain {
            cells[*place] = match from {
                From::Cell(index) => record.get(*index),
                From::Constant(text) => text,
            };
        }
        self.push(&cells)
    }

    fn value(&mut self, row: &Value, cells: &mut Cells) -> Result<(), String> {
        let names = [("row", row), ("vars", self.vars)];
        let names = Named(&names);
        let scope = Scope { rules: self.rules, document: Document::Value(row), names: &names };
        if let Some(when) = &self.feed.when
            && !when.test(self.rules, &names).map_err(|error| format!("`when`: {error}"))?
        {
            self.left_out += 1;
            return Ok(());
        }
        cells.columns.iter_mut().for_each(String::clear);
        for (column, value) in &self.feed.columns {
            let Some(place) = COLUMNS.iter().position(|known| known == column) else { continue };
            text(column, value, scope, &mut cells.columns[place])?;
        }
        let cells: [&str; COLUMNS.len()] = std::array::from_fn(|place| cells.columns[place].as_str());
        self.push(&cells)
    }

    fn push(&mut self, cells: &[&str; COLUMNS.len()]) -> Result<(), String> {
        let [id, amount, fee, net, currency, date, reference, party, batch, kind] = *cells;
        let row = Row { id, amount, fee, net, currency, date, reference, party, batch };
        let said = |error: RowError| error.to_string();
        match &mut self.into {
            Into::Lines(lines) => {
                let kind = kind_of(kind)?;
                lines.push(kind, &row).map_err(said)
            }
            Into::Side(side) => part(side, self.parts, &row),
        }
    }
}

/// Takes a row; where a person has cut it, its parts, and theirs. A row that says another amount by now is whole again.
fn part(side: &mut Side, parts: &BTreeMap<String, Vec<Part>>, row: &Row<'_>) -> Result<(), String> {
    let whole = number::text_to_decimal(row.amount);
    let cut = parts.get(row.id).filter(|parts| whole == Some(parts.iter().map(|part| part.amount).sum()));
    let Some(cut) = cut else { return side.push(row).map_err(|error| error.to_string()) };
    for (place, of) in cut.iter().enumerate() {
        let amount = of.amount.to_string();
        // What was kept of the whole was kept of its first part.
        let fee = if place == 0 { row.fee } else { "" };
        part(side, parts, &Row { id: &of.id, amount: &amount, fee, net: "", ..*row })?;
    }
    Ok(())
}

/// A column of a table that needs no evaluation.
struct Plain<'f> {
    place: usize,
    from: From<'f>,
}

enum From<'f> {
    Cell(usize),
    Constant(&'f str),
}

fn kind_of(text: &str) -> Result<Kind, String> {
    let known = Kind::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, kind)| *kind);
    known.ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|(name, _)| *name).collect();
        format!("`{}` is {text:?}, and a line is one of {}", COLUMNS[KIND], suggest::list(&names))
    })
}

/// A value of a row as a text; what is not there is empty.
fn text(column: &str, value: &Expression, scope: Scope<'_>, into: &mut String) -> Result<(), String> {
    let made = match &value.made {
        // A field that a row does not have is none of its columns.
        Made::Path(path) => match path.one(scope.document) {
            Ok(value) => std::borrow::Cow::Borrowed(value),
            Err(_) => return Ok(()),
        },
        _ => std::borrow::Cow::Owned(value.eval(scope).map_err(|error| format!("`{column}`: {error}"))?),
    };
    match &*made {
        Value::Null => {}
        Value::String(text) => into.push_str(text.trim()),
        Value::Number(number) => {
            let exact = number::to_decimal(number).map(|decimal| decimal.normalize().to_string());
            into.push_str(&exact.unwrap_or_else(|| number.to_string()));
        }
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            return Err(format!("`{column}` must be a text or a number, and is {made}"));
        }
    }
    Ok(())
}

fn wrong(place: &str, number: u64, what: &str) -> Failure {
    invalid(format!("row {number} of {place}: {what}"))
}

fn invalid(message: String) -> Failure {
    Failure::new(ErrorClass::Invalid, message)
}

/// The engine stops: nothing of it counts.
pub(crate) fn stopped() -> Failure {
    Failure::new(ErrorClass::Unavailable, "the engine stops")
}
