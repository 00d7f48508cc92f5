//! Tables. Source: RFC 4180, with any delimiter. All values are texts: a table does not say what is a number.

use ferry_contract::failure::Failure;
use serde_json::{Map, Value, json};

use super::{super::invalid, check_count, rejected};

/// Its records, by the names of their columns.
pub(super) fn read(input: &Value, text: &str) -> Result<Value, Failure> {
    let mut reader = csv::ReaderBuilder::new();
    reader.has_headers(false).flexible(true).delimiter(delimiter(input)?);
    let mut records = reader.from_reader(text.as_bytes()).into_records();
    let wrong = |error: csv::Error| rejected(format!("it is no table: {error}"));
    let columns: Vec<String> = match input.get("columns").and_then(Value::as_array) {
        Some(columns) => columns.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => match records.next() {
            Some(header) => header.map_err(wrong)?.iter().map(|name| name.trim().to_owned()).collect(),
            None => Vec::new(),
        },
    };
    check_columns(&columns)?;
    let mut rows = Vec::new();
    for record in records {
        let record = record.map_err(wrong)?;
        if record.len() != columns.len() {
            let line = record.position().map_or(0, csv::Position::line);
            let (has, wants) = (record.len(), columns.len());
            return Err(rejected(format!("line {line} has {has} fields, and there are {wants} columns")));
        }
        let row: Map<_, _> = columns.iter().cloned().zip(record.iter().map(Value::from)).collect();
        rows.push(Value::Object(row));
        check_count(rows.len())?;
    }
    Ok(json!({ "columns": columns, "rows": rows }))
}

/// The table of records; what a record does not have is empty.
pub(super) fn written(input: &Value) -> Result<Vec<u8>, Failure> {
    let list = |name: &str| input.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let columns: Vec<String> = list("columns").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    check_columns(&columns)?;
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter(input)?).from_writer(Vec::new());
    let wrong = |error: &dyn std::fmt::Display| invalid(format!("the table cannot be written: {error}"));
    writer.write_record(&columns).map_err(|error| wrong(&error))?;
    for (index, row) in list("rows").iter().enumerate() {
        if let Some(other) = row.as_object().and_then(|row| row.keys().find(|name| !columns.contains(name))) {
            return Err(invalid(format!("`$.rows[{index}].{other}` is none of `columns`")));
        }
        let field = |column: &String| {
            let value = row.get(column).unwrap_or(&Value::Null);
            field(value).ok_or_else(|| invalid(format!("`$.rows[{index}].{column}` is a list or a map")))
        };
        let fields: Vec<String> = columns.iter().map(field).collect::<Result<_, _>>()?;
        writer.write_record(&fields).map_err(|error| wrong(&error))?;
    }
    writer.into_inner().map_err(|error| wrong(&error))
}

fn field(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn delimiter(input: &Value) -> Result<u8, Failure> {
    match input.get("delimiter").and_then(Value::as_str).map(str::as_bytes) {
        None => Ok(b','),
        Some([sign]) if sign.is_ascii() && !b"\"\r\n".contains(sign) => Ok(*sign),
        Some(_) => Err(invalid("`delimiter` is one sign of ASCII, such as `;`")),
    }
}

fn check_columns(columns: &[String]) -> Result<(), Failure> {
    let twice = columns.iter().enumerate().find(|(index, name)| columns[..*index].contains(name));
    match twice {
        Some((_, name)) => Err(rejected(format!("two columns are called `{name}`"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(input: Value, text: &str) -> String {
        read(&input, text).map_or_else(|failure| failure.message, |read| read["rows"].to_string())
    }

    #[test]
    fn a_table_is_its_records() {
        let quoted = "id;name;amount\n1;\"Ana; \"\"Bo\"\"\";007.50\r\n2;\"two\nlines\";\n";
        let expected =
            r#"[{"id":"1","name":"Ana; \"Bo\"","amount":"007.50"},{"id":"2","name":"two\nlines","amount":""}]"#;
        assert_eq!(rows(json!({ "delimiter": ";" }), quoted), expected);
        assert_eq!(rows(json!({ "columns": ["a", "b"] }), "1,2\n"), r#"[{"a":"1","b":"2"}]"#);
        assert_eq!(rows(json!({}), ""), "[]");
        assert_eq!(rows(json!({}), "a,b\n1,2\n3\n"), "line 3 has 1 fields, and there are 2 columns");
        assert_eq!(rows(json!({}), "a,a\n"), "two columns are called `a`");
        assert_eq!(rows(json!({ "delimiter": ";;" }), "a"), "`delimiter` is one sign of ASCII, such as `;`");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let input =
            json!({ "columns": ["id", "note"], "rows": [{ "id": 12.50, "note": "a,\"b\"\nc" }, { "note": null }] });
        let bytes = written(&input).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text, "id,note\n12.5,\"a,\"\"b\"\"\nc\"\n,\n");
        assert_eq!(rows(json!({}), &text), r#"[{"id":"12.5","note":"a,\"b\"\nc"},{"id":"","note":""}]"#);
        let message = |input: Value| written(&input).unwrap_err().message;
        assert_eq!(message(json!({ "columns": ["a"], "rows": [{ "b": 1 }] })), "`$.rows[0].b` is none of `columns`");
        assert_eq!(message(json!({ "columns": ["a"], "rows": [{ "a": {} }] })), "`$.rows[0].a` is a list or a map");
    }
}
