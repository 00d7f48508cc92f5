//! One statement with its parameters. What comes from data is a parameter or a quoted name, and never a part of the text.

use ferry_contract::failure::Failure;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{super::invalid, Verb};

/// Before the names of columns that say whether another one is as it was asked for.
const IS_SAME: &str = "ferry is same ";

/// What two databases write differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

impl Dialect {
    fn parameter(self, number: usize) -> String {
        match self {
            Self::Postgres => format!("${number}"),
            Self::Sqlite => format!("?{number}"),
        }
    }

    /// A value as it is compared with another. A time in SQLite is a text, which may be written in several ways.
    fn comparable(self, value: &str, is_time: bool) -> String {
        match self {
            Self::Sqlite if is_time => format!("strftime('%Y-%m-%dT%H:%M:%f', {value})"),
            Self::Sqlite | Self::Postgres => value.to_owned(),
        }
    }
}

/// A statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) params: Vec<Value>,
    /// The values that a row is compared with, by column.
    asked: Map<String, Value>,
}

impl Statement {
    /// The row that was found without what was compared, and the compared values: as they were asked for where the
    /// database says that they are the same, else as they are.
    pub(super) fn compared(&self, row: Value) -> Value {
        let Value::Object(mut row) = row else { return row };
        let mut values = Map::new();
        for (column, asked) in &self.asked {
            let is_same = row.shift_remove(&format!("{IS_SAME}{column}"));
            let is_same = is_same.is_some_and(|same| same == json!(true) || same == json!(1));
            let found = if is_same { asked.clone() } else { row.get(column).cloned().unwrap_or_default() };
            values.insert(column.clone(), found);
        }
        json!({ "row": row, "values": values })
    }
}

/// The statement of a call.
///
/// # Errors
/// `invalid` where a name cannot be one, or nothing is asked for.
pub(super) fn of(verb: Verb, input: &Value, dialect: Dialect) -> Result<Statement, Failure> {
    match verb {
        Verb::Query | Verb::QueryOne | Verb::Execute => written(input, dialect),
        Verb::Find => find(input, dialect),
        Verb::Insert | Verb::Upsert => put(verb, input, dialect),
    }
}

fn written(input: &Value, dialect: Dialect) -> Result<Statement, Failure> {
    let sql = input.get("sql").and_then(Value::as_str).unwrap_or_default().to_owned();
    let params = input.get("params").and_then(Value::as_array).cloned().unwrap_or_default();
    let statement = Statement { sql, params, asked: Map::new() };
    match input.get("cursor") {
        Some(cursor) if !cursor.is_null() => since(statement, cursor, dialect),
        Some(_) | None => Ok(statement),
    }
}

/// The rows of a statement from a cursor on, in its order.
fn since(mut statement: Statement, cursor: &Value, dialect: Dialect) -> Result<Statement, Failure> {
    let text = |name: &str| cursor.get(name).and_then(Value::as_str);
    let field = format!("polled.{}", quoted(text("field").unwrap_or_default())?);
    let tie_break = format!("polled.{}", quoted(text("tie_break").unwrap_or_default())?);
    let bounds = [(">=", text("from")), ("<", text("before"))];
    let bounds: Vec<_> = bounds.into_iter().filter_map(|(operator, bound)| Some((operator, bound?))).collect();
    let is_time = bounds.iter().any(|(_, bound)| bound.parse::<Timestamp>().is_ok());
    let mut conditions = Vec::new();
    for (operator, bound) in bounds {
        statement.params.push(Value::from(bound));
        let parameter = dialect.comparable(&dialect.parameter(statement.params.len()), is_time);
        conditions.push(format!("{} {operator} {parameter}", dialect.comparable(&field, is_time)));
    }
    let condition = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let sql = statement.sql.trim_end().trim_end_matches(';');
    let order = dialect.comparable(&field, is_time);
    // A comment at the end of the statement ends with its line.
    statement.sql = format!("SELECT * FROM (\n{sql}\n) AS polled{condition} ORDER BY {order}, {tie_break}");
    Ok(statement)
}

fn find(input: &Value, dialect: Dialect) -> Result<Statement, Failure> {
    let (table, key, asked) = (table(input)?, columns(input, "key"), columns(input, "values"));
    let mut params: Vec<Value> = Vec::new();
    let mut parameter = |value: &Value| {
        params.push(value.clone());
        dialect.parameter(params.len())
    };
    let mut selected = vec!["found.*".to_owned()];
    for (column, value) in &asked {
        let (name, flag) = (quoted(column)?, quoted(&format!("{IS_SAME}{column}"))?);
        selected.push(format!("(found.{name} IS NOT DISTINCT FROM {}) AS {flag}", parameter(value)));
    }
    let sql = format!("SELECT {} FROM {table} AS found WHERE {} LIMIT 2", selected.join(", "), same(&key, parameter)?);
    Ok(Statement { sql, params, asked })
}

fn same(key: &Map<String, Value>, mut parameter: impl FnMut(&Value) -> String) -> Result<String, Failure> {
    let conditions = key.iter().map(|(column, value)| Ok(format!("found.{} = {}", quoted(column)?, parameter(value))));
    let conditions: Vec<String> = conditions.collect::<Result<_, Failure>>()?;
    if conditions.is_empty() {
        return Err(invalid("`key` has no column"));
    }
    Ok(conditions.join(" AND "))
}

fn put(verb: Verb, input: &Value, dialect: Dialect) -> Result<Statement, Failure> {
    let (table, key, values) = (table(input)?, columns(input, "key"), columns(input, "values"));
    let names = |columns: &Map<String, Value>| columns.keys().map(|name| quoted(name)).collect::<Result<Vec<_>, _>>();
    let (key_names, value_names) = (names(&key)?, names(&values)?);
    if key_names.is_empty() {
        return Err(invalid("`key` has no column"));
    }
    if let Some(both) = values.keys().find(|name| key.contains_key(*name)) {
        return Err(invalid(format!("`{both}` is in `key` and in `values`; leave it in `key`")));
    }
    let params: Vec<Value> = key.values().chain(values.values()).cloned().collect();
    let places: Vec<String> = (1..=params.len()).map(|number| dialect.parameter(number)).collect();
    let all: Vec<&str> = key_names.iter().chain(&value_names).map(String::as_str).collect();
    let mut sql = format!("INSERT INTO {table} ({}) VALUES ({})", all.join(", "), places.join(", "));
    if verb == Verb::Upsert {
        let changes: Vec<String> = value_names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let reaction =
            if changes.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", changes.join(", ")) };
        sql.push_str(&format!(" ON CONFLICT ({}) DO {reaction}", key_names.join(", ")));
    }
    Ok(Statement { sql, params, asked: Map::new() })
}

fn columns(input: &Value, name: &str) -> Map<String, Value> {
    input.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// A table, with its schema in front of a dot where it is in another one.
fn table(input: &Value) -> Result<String, Failure> {
    let text = input.get("table").and_then(Value::as_str).unwrap_or_default();
    let parts: Vec<String> = text.split('.').map(quoted).collect::<Result<_, _>>()?;
    Ok(parts.join("."))
}

/// A name as SQL quotes it. Source: SQL-92, section 5.2, delimited identifier.
pub(super) fn quoted(name: &str) -> Result<String, Failure> {
    if name.is_empty() || name.contains(char::is_control) {
        return Err(invalid(format!("`{}` is no name of a table or a column", name.escape_debug())));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(verb: Verb, input: &Value, dialect: Dialect, expected: Expect) {
        let made = of(verb, input, dialect);
        let shown =
            made.map_or_else(|failure| failure.message, |made| format!("{}\n{}", made.sql, Value::Array(made.params)));
        expected.assert_eq(&shown);
    }

    #[test]
    fn data_is_a_parameter_or_a_quoted_name() {
        let evil = json!({ "table": "a\"; drop", "key": { "id": "1'; --" }, "values": { "b\"c": 12.50, "d": null } });
        check(
            Verb::Upsert,
            &evil,
            Dialect::Postgres,
            expect![[r#"
            INSERT INTO "a""; drop" ("id", "b""c", "d") VALUES ($1, $2, $3) ON CONFLICT ("id") DO UPDATE SET "b""c" = excluded."b""c", "d" = excluded."d"
            ["1'; --",12.5,null]"#]],
        );
        let bare = json!({ "table": "audit.seen", "key": { "id": 1 }, "values": {} });
        check(
            Verb::Upsert,
            &bare,
            Dialect::Sqlite,
            expect![[r#"
            INSERT INTO "audit"."seen" ("id") VALUES (?1) ON CONFLICT ("id") DO NOTHING
            [1]"#]],
        );
        check(
            Verb::Find,
            &evil,
            Dialect::Postgres,
            expect![[r#"
            SELECT found.*, (found."b""c" IS NOT DISTINCT FROM $1) AS "ferry is same b""c", (found."d" IS NOT DISTINCT FROM $2) AS "ferry is same d" FROM "a""; drop" AS found WHERE found."id" = $3 LIMIT 2
            [12.5,null,"1'; --"]"#]],
        );
        check(Verb::Insert, &json!({ "table": "a", "key": {} }), Dialect::Sqlite, expect!["`key` has no column"]);
        check(
            Verb::Insert,
            &json!({ "table": "a..b", "key": { "id": 1 } }),
            Dialect::Sqlite,
            expect!["`` is no name of a table or a column"],
        );
        check(
            Verb::Upsert,
            &json!({ "table": "a", "key": { "id": 1 }, "values": { "id": 2 } }),
            Dialect::Sqlite,
            expect!["`id` is in `key` and in `values`; leave it in `key`"],
        );
    }

    #[test]
    fn a_poll_asks_from_its_cursor_on() {
        let input = json!({
            "sql": "SELECT id, at FROM orders WHERE shop = $1 -- all", "params": ["X"],
            "cursor": { "field": "at", "tie_break": "id", "from": "2026-03-01T10:00:00Z" },
        });
        check(
            Verb::Query,
            &input,
            Dialect::Postgres,
            expect![[r#"
            SELECT * FROM (
            SELECT id, at FROM orders WHERE shop = $1 -- all
            ) AS polled WHERE polled."at" >= $2 ORDER BY polled."at", polled."id"
            ["X","2026-03-01T10:00:00Z"]"#]],
        );
        check(
            Verb::Query,
            &input,
            Dialect::Sqlite,
            expect![[r#"
                SELECT * FROM (
                SELECT id, at FROM orders WHERE shop = $1 -- all
                ) AS polled WHERE strftime('%Y-%m-%dT%H:%M:%f', polled."at") >= strftime('%Y-%m-%dT%H:%M:%f', ?2) ORDER BY strftime('%Y-%m-%dT%H:%M:%f', polled."at"), polled."id"
                ["X","2026-03-01T10:00:00Z"]"#]],
        );
    }
}
