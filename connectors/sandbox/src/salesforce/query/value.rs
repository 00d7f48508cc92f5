//! Values that a query compares and sorts by.
//!
//! Every value becomes a `Sorted` of its field's kind first, so that one order serves the
//! comparisons and `ORDER BY`. As in Salesforce, texts compare in any case, ids do not.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::Value;

use super::super::schema::{Field, Kind};
use super::super::soql::{Literal, Operator};
use super::super::{Problem, ids};
use crate::wire;

/// A value of a record, or one that a query compares with.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Sorted {
    /// None.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(Decimal),
    /// A day.
    Day(Date),
    /// A time.
    Time(Timestamp),
    /// A text or an id.
    Text(String),
}

/// Brings a literal into the kind of its field.
pub(super) fn bound(field: &Field, operator: Operator, literal: &Literal) -> Result<Sorted, Problem> {
    let wanted = match (field.kind, literal) {
        (_, Literal::Null) => return Ok(Sorted::Null),
        (Kind::Number | Kind::Decimal(_), Literal::Number(number)) => return Ok(Sorted::Number(*number)),
        (Kind::Flag, Literal::Bool(flag)) => return Ok(Sorted::Flag(*flag)),
        (Kind::Date, Literal::Date(day)) => return Ok(Sorted::Day(*day)),
        (Kind::DateTime, Literal::DateTime(at)) => return Ok(Sorted::Time(*at)),
        (Kind::Text(_) | Kind::Lines(_) | Kind::Email | Kind::Picklist(_), Literal::Text(text)) => {
            return Ok(Sorted::Text(text.to_lowercase()));
        }
        (Kind::Id | Kind::Reference(_), Literal::Text(text)) if operator != Operator::Like => {
            return id_of(field, text);
        }
        (Kind::Flag, _) => "boolean and should not be enclosed in quotes",
        (Kind::Date, _) => "date and should not be enclosed in quotes",
        (Kind::Number | Kind::Decimal(_), _) => "double and should not be enclosed in quotes",
        (Kind::DateTime, _) => "dateTime and should not be enclosed in quotes",
        (Kind::Id | Kind::Reference(_), _) => "id, compared without LIKE and enclosed in quotes",
        (Kind::Text(_) | Kind::Lines(_) | Kind::Email | Kind::Picklist(_), _) => {
            "string and should be enclosed in quotes"
        }
    };
    let message = format!("value of filter criterion for field '{}' must be of type {wanted}", field.name);
    Err(Problem::bad("INVALID_FIELD", message).on(field.name))
}

fn id_of(field: &Field, text: &str) -> Result<Sorted, Problem> {
    let prefix = text.get(..3).unwrap_or_default();
    let id = ids::read(prefix, text).map(Sorted::Text);
    id.ok_or_else(|| Problem::bad("INVALID_QUERY_FILTER_OPERATOR", format!("invalid ID field: {text}")).on(field.name))
}

/// Says whether a comparison holds.
pub(super) fn compares(left: &Sorted, operator: Operator, right: &Sorted) -> bool {
    let both = *left != Sorted::Null && *right != Sorted::Null;
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => both && left < right,
        Operator::AtMost => both && left <= right,
        Operator::Greater => both && left > right,
        Operator::AtLeast => both && left >= right,
        Operator::Like => match (left, right) {
            (Sorted::Text(text), Sorted::Text(pattern)) => like(pattern, text),
            _ => false,
        },
    }
}

/// Says whether a text fits a pattern with `%` and `_`.
fn like(pattern: &str, text: &str) -> bool {
    // `fits[n]`: the pattern so far fits the first n characters.
    let text: Vec<char> = text.chars().collect();
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    let mut marks = pattern.chars();
    while let Some(mark) = marks.next() {
        let literal = if mark == '\\' { marks.next() } else { None };
        let mut next = vec![mark == '%' && fits[0]; 1];
        for (at, one) in text.iter().enumerate() {
            let step = match (mark, literal) {
                ('%', _) => fits[at + 1] || next[at],
                ('_', _) => fits[at],
                (_, literal) => fits[at] && *one == literal.unwrap_or(mark),
            };
            next.push(step);
        }
        fits = next;
    }
    fits[text.len()]
}

/// Brings a value of a record into the kind of its field.
pub(super) fn sorted_value(field: &Field, value: &Value) -> Sorted {
    match (field.kind, value) {
        (_, Value::Null) => Sorted::Null,
        (Kind::Flag, value) => Sorted::Flag(value == &Value::Bool(true)),
        (Kind::Date, value) => {
            let day = value.as_str().and_then(|text| text.parse().ok());
            day.map_or(Sorted::Null, Sorted::Day)
        }
        (Kind::Number | Kind::Decimal(_), value) => wire::decimal(value).map_or(Sorted::Null, Sorted::Number),
        (Kind::DateTime, value) => {
            let at = value.as_str().and_then(|text| text.parse().ok());
            at.map_or(Sorted::Null, Sorted::Time)
        }
        (Kind::Id | Kind::Reference(_), value) => Sorted::Text(value.as_str().unwrap_or_default().to_owned()),
        (Kind::Text(_) | Kind::Lines(_) | Kind::Email | Kind::Picklist(_), value) => {
            Sorted::Text(value.as_str().unwrap_or_default().to_lowercase())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_texts() {
        let cases = [
            ("%", "", true),
            ("ana%", "ana.silva@example.com", true),
            ("%@example.com", "ana@example.com", true),
            ("a_a", "ana", true),
            ("a_a", "anna", false),
            ("%s%v%", "silva", true),
            ("ana", "ana ", false),
            ("50\\%", "50%", true),
            ("50\\%", "500", false),
        ];
        for (pattern, text, fits) in cases {
            assert_eq!(like(pattern, text), fits, "`{text}` like `{pattern}`");
        }
    }
}
