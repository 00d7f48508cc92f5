//! Values of Avro as JSON, and the way back. A double is the shortest text that means it: what somebody has written.

use apache_avro::types::Value as Avro;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::schema::Field;

/// The fields of a record that have values.
pub(super) fn fields(record: Vec<(String, Avro)>, known: &[Field]) -> Map<String, Value> {
    let value = |(name, value): (String, Avro)| {
        let field = known.iter().find(|field| field.name == name).cloned().unwrap_or_default();
        let value = json_of(value, &field);
        (!value.is_null()).then_some((name, value))
    };
    record.into_iter().filter_map(value).collect()
}

/// A value as JSON. A time is that of RFC 3339, and a day `2026-12-24`. An assumption: that `DateOnly` is what the
/// `doc` of a day says.
pub(super) fn json_of(value: Avro, field: &Field) -> Value {
    match value {
        Avro::Union(_, value) => json_of(*value, field),
        Avro::Boolean(flag) => Value::Bool(flag),
        Avro::Int(number) => json!(number),
        Avro::Long(ms) if field.says == "DateTime" => moment(ms).map_or(Value::Null, |at| json!(at.to_string())),
        Avro::Long(ms) if field.says == "DateOnly" => {
            moment(ms).map_or(Value::Null, |at| json!(at.to_zoned(TimeZone::UTC).date().to_string()))
        }
        Avro::Long(number) => json!(number),
        Avro::Double(number) => serde_json::from_str(&number.to_string()).unwrap_or_default(),
        Avro::Float(number) => serde_json::from_str(&number.to_string()).unwrap_or_default(),
        Avro::String(text) | Avro::Enum(_, text) => Value::from(text),
        Avro::Bytes(bytes) | Avro::Fixed(_, bytes) => Value::from(STANDARD.encode(bytes)),
        Avro::Array(values) => values.into_iter().map(|value| json_of(value, &Field::default())).collect(),
        Avro::Map(values) => {
            let values = values.into_iter().map(|(name, value)| (name, json_of(value, &Field::default())));
            Value::Object(values.collect())
        }
        Avro::Record(record) => Value::Object(fields(record, &field.parts)),
        // Salesforce writes none of the logical types.
        _ => Value::Null,
    }
}

/// Milliseconds since 1970.
pub(super) fn moment(ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(ms).ok()
}

/// The value of a field that is published.
///
/// # Errors
/// What is wrong with it.
pub(super) fn avro(field: &Field, value: Option<&Value>) -> Result<Avro, String> {
    let place = |name: &str| field.types.iter().position(|kind| kind == name);
    let kind = field.types.iter().find(|kind| *kind != "null").map_or("null", String::as_str);
    let Some(value) = value.filter(|value| !value.is_null()) else {
        let null = place("null").ok_or_else(|| format!("`{}` must have a value", field.name))?;
        return Ok(Avro::Union(u32::try_from(null).unwrap_or_default(), Box::new(Avro::Null)));
    };
    let wrong = || format!("`{}` is no {kind}: {value}", field.name);
    let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let made = match kind {
        "string" => Avro::String(text()),
        "boolean" => Avro::Boolean(value.as_bool().ok_or_else(wrong)?),
        "int" => Avro::Int(text().parse().map_err(|_| wrong())?),
        "long" => Avro::Long(long(&text()).ok_or_else(wrong)?),
        "double" => Avro::Double(text().parse().map_err(|_| wrong())?),
        _ => return Err(format!("`{}` is {kind}, which cannot be published", field.name)),
    };
    if field.types.len() == 1 {
        return Ok(made);
    }
    Ok(Avro::Union(u32::try_from(place(kind).unwrap_or_default()).unwrap_or_default(), Box::new(made)))
}

/// A number, or the milliseconds of a time or a day.
fn long(text: &str) -> Option<i64> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let moment = || text.parse::<Timestamp>().ok().or_else(day).map(Timestamp::as_millisecond);
    text.parse().ok().or_else(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_the_decimal_that_somebody_has_written() {
        for (number, expected) in [(0.1, "0.1"), (1234.1, "1234.1"), (99.0, "99"), (1e15, "1000000000000000")] {
            assert_eq!(json_of(Avro::Double(number), &Field::default()).to_string(), expected);
        }
        assert_eq!(json_of(Avro::Double(f64::NAN), &Field::default()), Value::Null);
    }

    #[test]
    fn a_time_says_that_it_is_one() {
        let shown = |says: &str| {
            let field = Field { says: says.to_owned(), ..Field::default() };
            json_of(Avro::Union(1, Box::new(Avro::Long(1_798_070_400_000))), &field)
        };
        assert_eq!(shown("DateTime"), "2026-12-24T00:00:00Z");
        assert_eq!(shown("DateOnly"), "2026-12-24");
        assert_eq!(shown("Number"), 1_798_070_400_000_i64);
    }
}
