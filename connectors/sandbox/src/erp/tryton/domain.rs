//! Tryton's domains: conditions on records, as lists.

use std::cmp::Ordering;

use serde_json::Value;

use super::Refusal;

/// Whether a record fits a domain: clauses that all hold, or a list that begins with `AND` or `OR`.
pub(super) fn fits(domain: &Value, record: &Value) -> Result<bool, Refusal> {
    let items = domain.as_array().ok_or(Refusal::Broken)?;
    match items.as_slice() {
        [Value::String(word), rest @ ..] if word == "OR" => {
            Ok(rest.iter().map(|item| fits(item, record)).collect::<Result<Vec<_>, _>>()?.contains(&true))
        }
        [Value::String(word), rest @ ..] if word == "AND" => all(rest, record),
        [Value::String(field), Value::String(operator), wanted] => clause((field, operator, wanted), record),
        items => all(items, record),
    }
}

fn all(items: &[Value], record: &Value) -> Result<bool, Refusal> {
    Ok(!items.iter().map(|item| fits(item, record)).collect::<Result<Vec<_>, _>>()?.contains(&false))
}

fn clause((field, operator, wanted): (&str, &str, &Value), record: &Value) -> Result<bool, Refusal> {
    let found = values(field, record)?;
    let any = |holds: &dyn Fn(&Value) -> bool| found.iter().any(|value| holds(value));
    Ok(match operator {
        "=" => any(&|value| is_same(value, wanted)),
        "!=" => !any(&|value| is_same(value, wanted)),
        "in" => any(&|value| wanted.as_array().is_some_and(|list| list.contains(value))),
        "not in" => !any(&|value| wanted.as_array().is_some_and(|list| list.contains(value))),
        "like" | "ilike" => any(&|value| like(value, wanted)),
        "<" => any(&|value| compared(value, wanted) == Some(Ordering::Less)),
        ">" => any(&|value| compared(value, wanted) == Some(Ordering::Greater)),
        "<=" => any(&|value| matches!(compared(value, wanted), Some(Ordering::Less | Ordering::Equal))),
        ">=" => any(&|value| matches!(compared(value, wanted), Some(Ordering::Greater | Ordering::Equal))),
        _ => return Err(Refusal::Broken),
    })
}

/// Another record is named by its id.
fn is_same(value: &Value, wanted: &Value) -> bool {
    let is_record = value.get("__name__").is_some() && wanted.is_number();
    *wanted == if is_record { value["id"].clone() } else { value.clone() }
}

/// The values at a path; of a list, those of each item.
fn values<'v>(path: &str, record: &'v Value) -> Result<Vec<&'v Value>, Refusal> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let Some(fields) = record.as_object() else { return Ok(vec![&Value::Null]) };
    let value = fields.get(first).ok_or(Refusal::Broken)?;
    let items = value.as_array().map_or_else(|| vec![value], |items| items.iter().collect());
    match rest {
        Some(rest) => {
            let nested: Vec<_> = items.iter().map(|item| values(rest, item)).collect::<Result<_, _>>()?;
            Ok(nested.into_iter().flatten().collect())
        }
        None => Ok(items),
    }
}

/// `%` stands for any text; nothing is made of the case.
fn like(value: &Value, wanted: &Value) -> bool {
    let (Some(value), Some(wanted)) = (value.as_str(), wanted.as_str()) else { return false };
    let (value, wanted) = (value.to_lowercase(), wanted.to_lowercase());
    match (wanted.strip_prefix('%'), wanted.strip_suffix('%')) {
        (Some(_), Some(_)) => value.contains(wanted.trim_matches('%')),
        (Some(end), None) => value.ends_with(end),
        (None, Some(begin)) => value.starts_with(begin),
        (None, None) => value == wanted,
    }
}

fn compared(value: &Value, wanted: &Value) -> Option<Ordering> {
    match (value, wanted) {
        (Value::String(value), Value::String(wanted)) => Some(value.cmp(wanted)),
        (Value::Number(value), Value::Number(wanted)) => value.as_i64().zip(wanted.as_i64()).map(|(a, b)| a.cmp(&b)),
        _ => day(value).zip(day(wanted)).map(|(a, b)| a.cmp(&b)),
    }
}

/// Year, month and day of a date.
fn day(value: &Value) -> Option<[i64; 3]> {
    let [year, month, day] = ["year", "month", "day"].map(|name| value[name].as_i64());
    Some([year?, month?, day?])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_domain_is_and_unless_it_says_or() {
        let date = |day: u32| json!({ "__class__": "date", "year": 2026, "month": 11, "day": day });
        let record = json!({ "id": 7, "name": "Acme", "date": date(9), "lines": [{ "code": "a" }, { "code": "b" }], "party": null, "company": { "id": 1, "__name__": "company.company" } });
        for (domain, expected) in [
            (json!([]), Ok(true)),
            (json!([["id", "=", 7], ["name", "=", "Acme"]]), Ok(true)),
            (json!([["id", "=", 7], ["name", "!=", "Acme"]]), Ok(false)),
            (json!(["OR", ["id", "=", 8], ["name", "ilike", "ac%"]]), Ok(true)),
            (json!([["lines.code", "in", ["b", "c"]]]), Ok(true)),
            (json!([["lines.code", "not in", ["c"]]]), Ok(true)),
            (json!([["date", ">=", date(10)]]), Ok(false)),
            (json!([["date", "<", date(10)], ["id", ">", 6]]), Ok(true)),
            (json!([["party.name", "=", null]]), Ok(true)),
            (json!([["company", "=", 1]]), Ok(true)),
            (json!([["company", "!=", 1]]), Ok(false)),
            (json!([["nope", "=", 1]]), Err(Refusal::Broken)),
            (json!([["id", "~", 1]]), Err(Refusal::Broken)),
        ] {
            assert_eq!(fits(&domain, &record), expected, "{domain}");
        }
    }
}
