//! Runs a query: looks up its names, then filters, sorts and shows the records.
//!
//! Every value becomes a `Sorted` of its field's kind first, so that one order serves the
//! comparisons and `ORDER BY`. As in Salesforce, texts compare in any case, ids do not.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::records::{self, Record, Store};
use super::schema::{Field, Kind, Object};
use super::soql::{self, Direction, Filter, Literal, Nulls, Operator, Order, Query, Select};
use super::{Problem, ids};
use crate::{limits, wire};

/// What a query found: records as they stood then, and what of them it asked for.
#[derive(Debug)]
pub(super) struct Found {
    object: &'static Object,
    columns: Vec<Column>,
    total: usize,
    records: Vec<Arc<Record>>,
}

/// A field of the record, or of the record that it refers to.
#[derive(Clone, Copy, Debug)]
struct Column {
    via: Option<(&'static Field, &'static Object)>,
    field: &'static Field,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Sorted {
    Null,
    Number(Decimal),
    Time(Timestamp),
    Text(String),
}

/// Runs a query.
///
/// # Errors
/// `MALFORMED_QUERY`, `INVALID_TYPE`, `INVALID_FIELD` and their like.
pub(super) fn run(store: &Store, text: &str) -> Result<Found, Problem> {
    let query = soql::parse(text).map_err(|message| Problem::bad("MALFORMED_QUERY", message))?;
    let object = Object::named(&query.from)
        .ok_or_else(|| Problem::bad("INVALID_TYPE", format!("sObject type '{}' is not supported.", query.from)))?;
    if query.offset > limits::SOQL_OFFSET_MAX {
        let message = format!("Maximum SOQL offset allowed is {}", limits::SOQL_OFFSET_MAX);
        return Err(Problem::bad("NUMBER_OUTSIDE_VALID_RANGE", message));
    }
    let columns = match &query.select {
        Select::Count => Vec::new(),
        Select::Fields(names) => names.iter().map(|name| column(object, name)).collect::<Result<_, _>>()?,
    };
    let records = matching(store, object, &query)?;
    let total = records.len();
    let records = match query.select {
        Select::Count => Vec::new(),
        Select::Fields(_) => records.into_iter().map(Arc::clone).collect(),
    };
    Ok(Found { object, columns, total, records })
}

impl Found {
    /// Says how many records were found, for `COUNT()` too.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Says the records; none for `COUNT()`.
    pub(super) fn records(&self) -> &[Arc<Record>] {
        &self.records
    }

    /// Shows some of the records; what a reference refers to is shown as it is now.
    pub(super) fn show(&self, store: &Store, part: Range<usize>) -> Vec<Value> {
        let records = self.records.iter().take(part.end).skip(part.start);
        records.map(|record| show(store, self.object, &self.columns, record)).collect()
    }
}

/// Shows a record with its attributes and these fields, all of them where none is named.
///
/// # Errors
/// `INVALID_FIELD`, with the name.
pub(super) fn show_fields(
    store: &Store,
    object: &'static Object,
    record: &Record,
    names: &[&str],
) -> Result<Value, Problem> {
    let columns = if names.is_empty() {
        object.fields.iter().map(|field| Column { via: None, field }).collect()
    } else {
        names.iter().map(|name| column(object, name)).collect::<Result<Vec<_>, _>>()?
    };
    Ok(show(store, object, &columns, record))
}

fn matching<'a>(store: &'a Store, object: &'static Object, query: &Query) -> Result<Vec<&'a Arc<Record>>, Problem> {
    let filter = query.filter.as_ref().map(|filter| bind(object, filter)).transpose()?;
    let order = query.order.iter().map(|order| {
        let field = column(object, &order.field)?;
        Ok(Order { field, direction: order.direction, nulls: order.nulls })
    });
    let order = order.collect::<Result<Vec<_>, Problem>>()?;
    let holds = |record: &&Arc<Record>| filter.as_ref().is_none_or(|filter| holds(store, filter, record));
    let mut records: Vec<_> = store.all(object).filter(holds).collect();
    records.sort_by(|left, right| compare(store, &order, left, right));
    let limit = query.limit.unwrap_or(usize::MAX);
    Ok(records.into_iter().skip(query.offset).take(limit).collect())
}

fn column(object: &'static Object, path: &str) -> Result<Column, Problem> {
    let Some((relation, name)) = path.split_once('.') else {
        return Ok(Column { via: None, field: object.field(path)? });
    };
    let refers = |field: &&Field| relation_of(field).eq_ignore_ascii_case(relation);
    let via = object.fields.iter().find(refers).and_then(|field| match field.kind {
        Kind::Reference(target) => Some((field, Object::named(target)?)),
        Kind::Id | Kind::Text(_) | Kind::Email | Kind::Picklist(_) | Kind::Number | Kind::DateTime => None,
    });
    let Some((field, target)) = via else {
        let message = format!("Didn't understand relationship '{relation}' in field path '{path}'");
        return Err(Problem::bad("INVALID_FIELD", message).on(path));
    };
    Ok(Column { via: Some((field, target)), field: target.field(name)? })
}

/// Says the name of the relationship behind a reference field: `Recipient__r` for `Recipient__c`.
pub(super) fn relation_of(field: &Field) -> String {
    field.name.strip_suffix("__c").map_or_else(|| field.name.to_owned(), |stem| format!("{stem}__r"))
}

fn bind(object: &'static Object, filter: &Filter<String, Literal>) -> Result<Filter<Column, Sorted>, Problem> {
    let all = |filters: &[Filter<String, Literal>]| {
        filters.iter().map(|filter| bind(object, filter)).collect::<Result<Vec<_>, _>>()
    };
    Ok(match filter {
        Filter::And(filters) => Filter::And(all(filters)?),
        Filter::Or(filters) => Filter::Or(all(filters)?),
        Filter::Not(inner) => Filter::Not(Box::new(bind(object, inner)?)),
        Filter::Compare(path, operator, literal) => {
            let column = column(object, path)?;
            Filter::Compare(column, *operator, bound(column.field, *operator, literal)?)
        }
        Filter::In(path, literals) => {
            let column = column(object, path)?;
            let values = literals.iter().map(|literal| bound(column.field, Operator::Equal, literal));
            Filter::In(column, values.collect::<Result<_, _>>()?)
        }
    })
}

/// Brings a literal into the kind of its field.
fn bound(field: &Field, operator: Operator, literal: &Literal) -> Result<Sorted, Problem> {
    let wanted = match (field.kind, literal) {
        (_, Literal::Null) => return Ok(Sorted::Null),
        (Kind::Number, Literal::Number(number)) => return Ok(Sorted::Number(*number)),
        (Kind::DateTime, Literal::DateTime(at)) => return Ok(Sorted::Time(*at)),
        (Kind::Text(_) | Kind::Email | Kind::Picklist(_), Literal::Text(text)) => {
            return Ok(Sorted::Text(text.to_lowercase()));
        }
        (Kind::Id | Kind::Reference(_), Literal::Text(text)) if operator != Operator::Like => {
            return id_of(field, text);
        }
        (Kind::Number, _) => "double and should not be enclosed in quotes",
        (Kind::DateTime, _) => "dateTime and should not be enclosed in quotes",
        (Kind::Id | Kind::Reference(_), _) => "id, compared without LIKE and enclosed in quotes",
        (Kind::Text(_) | Kind::Email | Kind::Picklist(_), _) => "string and should be enclosed in quotes",
    };
    let message = format!("value of filter criterion for field '{}' must be of type {wanted}", field.name);
    Err(Problem::bad("INVALID_FIELD", message).on(field.name))
}

fn id_of(field: &Field, text: &str) -> Result<Sorted, Problem> {
    let prefix = text.get(..3).unwrap_or_default();
    let id = ids::read(prefix, text).map(Sorted::Text);
    id.ok_or_else(|| Problem::bad("INVALID_QUERY_FILTER_OPERATOR", format!("invalid ID field: {text}")).on(field.name))
}

fn holds(store: &Store, filter: &Filter<Column, Sorted>, record: &Record) -> bool {
    match filter {
        Filter::And(filters) => filters.iter().all(|filter| holds(store, filter, record)),
        Filter::Or(filters) => filters.iter().any(|filter| holds(store, filter, record)),
        Filter::Not(inner) => !holds(store, inner, record),
        Filter::In(column, values) => values.contains(&sorted(store, *column, record)),
        Filter::Compare(column, operator, value) => compares(&sorted(store, *column, record), *operator, value),
    }
}

fn compares(left: &Sorted, operator: Operator, right: &Sorted) -> bool {
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
            (Sorted::Null | Sorted::Number(_) | Sorted::Time(_) | Sorted::Text(_), _) => false,
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

fn sorted(store: &Store, column: Column, record: &Record) -> Sorted {
    let owner = match column.via {
        None => Some(record),
        Some((field, target)) => parent(store, field, target, record),
    };
    let value = owner.map_or(&Value::Null, |owner| records::value(owner, column.field.name));
    match (column.field.kind, value) {
        (_, Value::Null) => Sorted::Null,
        (Kind::Number, value) => wire::decimal(value).map_or(Sorted::Null, Sorted::Number),
        (Kind::DateTime, value) => {
            let at = value.as_str().and_then(|text| text.parse().ok());
            at.map_or(Sorted::Null, Sorted::Time)
        }
        (Kind::Id | Kind::Reference(_), value) => Sorted::Text(value.as_str().unwrap_or_default().to_owned()),
        (Kind::Text(_) | Kind::Email | Kind::Picklist(_), value) => {
            Sorted::Text(value.as_str().unwrap_or_default().to_lowercase())
        }
    }
}

fn compare(store: &Store, order: &[Order<Column>], left: &Record, right: &Record) -> Ordering {
    let each = order.iter().map(|order| {
        let (left, right) = (sorted(store, order.field, left), sorted(store, order.field, right));
        let nulls = (right == Sorted::Null).cmp(&(left == Sorted::Null));
        let nulls = if order.nulls == Nulls::First { nulls } else { nulls.reverse() };
        let values = if order.direction == Direction::Up { left.cmp(&right) } else { right.cmp(&left) };
        nulls.then(values)
    });
    each.fold(Ordering::Equal, Ordering::then)
}

fn parent<'a>(store: &'a Store, field: &Field, target: &Object, record: &Record) -> Option<&'a Record> {
    store.get(target.name, records::text(record, field.name)?)
}

fn show(store: &Store, object: &Object, columns: &[Column], record: &Record) -> Value {
    let mut shown = json!({ "attributes": attributes(object, record) });
    for column in columns {
        let Some((field, target)) = column.via else {
            shown[column.field.name] = records::value(record, column.field.name).clone();
            continue;
        };
        let relation = &mut shown[relation_of(field)];
        if let Some(parent) = parent(store, field, target, record) {
            if relation.is_null() {
                *relation = json!({ "attributes": attributes(target, parent) });
            }
            relation[column.field.name] = records::value(parent, column.field.name).clone();
        }
    }
    shown
}

fn attributes(object: &Object, record: &Record) -> Value {
    let id = records::text(record, "Id").unwrap_or_default();
    json!({ "type": object.name, "url": super::record_url(object, id) })
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
