//! Tables as YAML and as CSV.

use std::{collections::BTreeMap, sync::Arc};

use ferry_contract::{
    report::{At, Report, Source},
    yaml::{self, Kind, Node},
};
use serde_json::{Map, Value};

use super::{Params, Rows, Table, references};
use crate::limits::TABLE_ROWS_MAX;

/// What the header of a column begins with that is compared with facts.
const MATCH: &str = "match.";

/// Reads a table: a YAML map from keys to values or list of rules, or a CSV file with a header.
pub fn read(source: &Arc<Source>, params: &Params, report: &mut Report) -> Option<Table> {
    let is_csv = std::path::Path::new(&source.name).extension().is_some_and(|extension| extension == "csv");
    let rows = if is_csv { csv(source, params, report)? } else { yaml(source, params, report)? };
    let count = match &rows {
        Rows::ByKey(rows) => rows.len(),
        Rows::Rules(rules) => rules.len(),
    };
    if count > TABLE_ROWS_MAX {
        let message = format!("the table has {count} rows, and {TABLE_ROWS_MAX} are the most");
        report.error("invalid-value", At::START, message, "ask a system for what changes, and keep only rules here");
        return None;
    }
    Some(Table { rows })
}

fn yaml(source: &Arc<Source>, params: &Params, report: &mut Report) -> Option<Rows> {
    let mut root = yaml::parse(source, report)?;
    params.replace(&mut root, report)?;
    match &root.kind {
        Kind::Map(entries) => {
            Some(Rows::ByKey(entries.iter().map(|(key, value)| (key.value.clone(), value.to_value())).collect()))
        }
        Kind::List(rules) => Some(Rows::Rules(rules.iter().map(Node::to_value).collect())),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {
            yaml::read::wrong(&root, "a table", "a map from keys to values, or a list of rules", report)
        }
    }
}

/// A file with a `match.` column is a list of rules; in any other, the first column is the key.
fn csv(source: &Arc<Source>, params: &Params, report: &mut Report) -> Option<Rows> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source.text.as_bytes());
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect(),
        Err(error) => return refuse(source, &error, report),
    };
    if header.len() < 2 || header.iter().any(String::is_empty) {
        let help = "write names in the first line, such as `account,name`";
        report.error("wrong-type", At::START, "a CSV table has a header with two names or more", help);
        return None;
    }
    let has_rules = header.iter().any(|name| name.starts_with(MATCH));
    let (mut by_key, mut rules) = (BTreeMap::new(), Vec::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => return refuse(source, &error, report),
        };
        let record = replaced(record, params, &|record| line(source, record.position()), report)?;
        let cells = header.iter().map(String::as_str).zip(record.iter());
        if has_rules {
            rules.push(rule(cells));
            continue;
        }
        let key = record.get(0).unwrap_or_default().to_owned();
        let row = if header.len() == 2 {
            Value::from(record.get(1).unwrap_or_default())
        } else {
            cells.skip(1).map(|(name, cell)| (name.to_owned(), Value::from(cell))).collect::<Map<_, _>>().into()
        };
        if by_key.contains_key(&key) {
            let at = line(source, record.position());
            report.error(
                "duplicate-key",
                at,
                format!("`{key}` is written twice in this table"),
                "remove one of the two rows",
            );
        }
        by_key.entry(key).or_insert(row);
    }
    Some(if has_rules { Rows::Rules(rules) } else { Rows::ByKey(by_key) })
}

/// A record with its references replaced; its place is looked for only where there are some.
fn replaced(
    record: csv::StringRecord,
    params: &Params,
    at: &dyn Fn(&csv::StringRecord) -> At,
    report: &mut Report,
) -> Option<csv::StringRecord> {
    if record.iter().all(|cell| references(cell).next().is_none()) {
        return Some(record);
    }
    let at = at(&record);
    let cells = record.iter().map(|cell| params.replace_text(cell, at, report)).collect::<Option<Vec<_>>>()?;
    let mut replaced = csv::StringRecord::from(cells);
    replaced.set_position(record.position().cloned());
    Some(replaced)
}

/// An empty cell says nothing; a match with several values separates them by `|`.
fn rule<'c>(cells: impl Iterator<Item = (&'c str, &'c str)>) -> Value {
    let (mut rule, mut matches) = (Map::new(), Map::new());
    for (name, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        match name.strip_prefix(MATCH) {
            Some(field) => {
                matches.insert(field.to_owned(), cell.split('|').map(|value| Value::from(value.trim())).collect())
            }
            None => rule.insert(name.to_owned(), Value::from(cell)),
        };
    }
    rule.insert("match".to_owned(), Value::Object(matches));
    Value::Object(rule)
}

fn refuse<T>(source: &Arc<Source>, error: &csv::Error, report: &mut Report) -> Option<T> {
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("this line has {len} cells, and the header names {expected_len}")
        }
        _ => format!("this is not CSV: {error}"),
    };
    report.error("csv-syntax", line(source, error.position()), message, "put a cell with a comma into double quotes");
    None
}

fn line(source: &Source, position: Option<&csv::Position>) -> At {
    let start = position.map_or(0, |position| usize::try_from(position.byte()).unwrap_or(0)).min(source.text.len());
    let rest = source.text.get(start..).unwrap_or_default();
    let skipped = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    let length = rest[skipped..].find(['\r', '\n']).unwrap_or(rest.len() - skipped);
    At::of(&source.text, start + skipped..start + skipped + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let source = Source::new("tables/a.csv", text);
        let mut report = Report::new(&source);
        let table = read(&source, &Params::default(), &mut report);
        let findings: Vec<String> =
            report.findings().iter().map(|finding| format!("{}: {}", finding.at, finding.message)).collect();
        let shown = table.filter(|_| report.is_ok()).map_or(findings.join("; "), |table| table.to_value().to_string());
        assert_eq!(shown, expected);
    }

    #[test]
    fn cells_are_texts_by_the_key_of_the_first_column() {
        check("code,name\nNO,Norway\n010,\"a, b\"\n", r#"{"010":"a, b","NO":"Norway"}"#);
        check("code,name,eu\r\nNO,Norway,no\r\n", r#"{"NO":{"name":"Norway","eu":"no"}}"#);
    }

    #[test]
    fn a_match_column_makes_rules() {
        check(
            "match.currency,match.type,to,share\nUSD|EUR,,6010,1\n,fee,6020,2\n",
            r#"[{"to":"6010","share":"1","match":{"currency":["USD","EUR"]}},{"to":"6020","share":"2","match":{"type":["fee"]}}]"#,
        );
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        check("a,b\n1,2\n1,3\n", "3:1: `1` is written twice in this table");
        check("a,b\n1,2\n3\n", "3:1: this line has 1 cells, and the header names 2");
        check("a\n1\n", "1:1: a CSV table has a header with two names or more");
    }
}
