//! Runs a query: looks up its names, then filters, sorts and shows the records.
//!
//! A result keeps its records as they stood.

mod value;

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Problem;
use super::org::Org;
use super::records::{self, Record, Store};
use super::rest::record_url;
use super::schema::{Field, Kind, Object};
use super::soql::{self, Direction, Filter, Literal, Nulls, Operator, Order, Select};
use crate::limits;
use value::{Sorted, bound, compares, sorted_value};

/// Whether deleted records are found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Deleted {
    /// They are not.
    Left,
    /// They are.
    Shown,
}

/// What a query found: records as they stood then, and what of them it asked for.
#[derive(Debug)]
pub(super) struct Found {
    object: &'static Object,
    columns: Vec<Column>,
    total: usize,
    records: Vec<Arc<Record>>,
}

/// A query whose names are looked up.
#[derive(Debug)]
pub(super) struct Prepared {
    object: &'static Object,
    deleted: Deleted,
    /// None for `COUNT()`.
    columns: Option<Vec<Column>>,
    filter: Option<Filter<Column, Sorted>>,
    order: Vec<Order<Column>>,
    limit: usize,
    offset: usize,
}

/// A field of the record, or of the record that it refers to.
#[derive(Clone, Copy, Debug)]
struct Column {
    via: Option<(&'static Field, &'static Object)>,
    field: &'static Field,
}

/// Runs a query.
///
/// # Errors
/// `MALFORMED_QUERY`, `INVALID_TYPE`, `INVALID_FIELD` and their like.
pub(super) fn run(org: &Org, text: &str, deleted: Deleted) -> Result<Found, Problem> {
    let prepared = Prepared::new(org, text, deleted)?;
    let records = prepared.matching(&org.store);
    let total = records.len();
    let records = if prepared.is_count() { Vec::new() } else { records };
    Ok(Found { object: prepared.object, columns: prepared.columns.unwrap_or_default(), total, records })
}

impl Prepared {
    /// Looks up the names of a query.
    ///
    /// # Errors
    /// `MALFORMED_QUERY`, `INVALID_TYPE`, `INVALID_FIELD` and their like.
    pub(super) fn new(org: &Org, text: &str, deleted: Deleted) -> Result<Self, Problem> {
        let query = soql::parse(text).map_err(|message| Problem::bad("MALFORMED_QUERY", message))?;
        let object = Object::named(&query.from).filter(|object| org.has(object));
        let object = object
            .ok_or_else(|| Problem::bad("INVALID_TYPE", format!("sObject type '{}' is not supported.", query.from)))?;
        if query.offset > limits::SOQL_OFFSET_MAX {
            let message = format!("Maximum SOQL offset allowed is {}", limits::SOQL_OFFSET_MAX);
            return Err(Problem::bad("NUMBER_OUTSIDE_VALID_RANGE", message));
        }
        let columns = match &query.select {
            Select::Count => None,
            Select::Fields(names) => {
                Some(names.iter().map(|name| column(object, name)).collect::<Result<Vec<_>, _>>()?)
            }
        };
        let order = query.order.iter().map(|order| {
            let field = column(object, &order.field)?;
            Ok(Order { field, direction: order.direction, nulls: order.nulls })
        });
        Ok(Self {
            object,
            deleted,
            columns,
            filter: query.filter.as_ref().map(|filter| bind(object, filter)).transpose()?,
            order: order.collect::<Result<Vec<_>, Problem>>()?,
            limit: query.limit.unwrap_or(usize::MAX),
            offset: query.offset,
        })
    }

    /// Says the object.
    pub(super) fn object(&self) -> &'static Object {
        self.object
    }

    /// Says whether it asks for a number only.
    pub(super) fn is_count(&self) -> bool {
        self.columns.is_none()
    }

    /// Says the names of its columns.
    pub(super) fn columns(&self) -> Vec<String> {
        let columns = self.columns.iter().flatten();
        let name = |column: &Column| match column.via {
            Some((field, _)) => format!("{}.{}", relation_of(field), column.field.name),
            None => column.field.name.to_owned(),
        };
        columns.map(name).collect()
    }

    /// Shows the cells of each record in turn; none is kept where no order is asked for.
    pub(super) fn each(&self, store: &Store, mut show: impl FnMut(Vec<String>)) {
        let cells = |record: &Record| {
            let columns = self.columns.iter().flatten();
            columns.map(|column| cell(store, *column, record)).collect::<Vec<String>>()
        };
        if self.order.is_empty() {
            self.unsorted(store).skip(self.offset).take(self.limit).for_each(|record| show(cells(&record)));
        } else {
            self.matching(store).iter().for_each(|record| show(cells(record)));
        }
    }

    fn unsorted<'a>(&'a self, store: &'a Store) -> impl Iterator<Item = Arc<Record>> + 'a {
        let records = store.with_deleted(self.object);
        records.filter(|record| {
            (self.deleted == Deleted::Shown || !records::is_deleted(record))
                && self.filter.as_ref().is_none_or(|filter| holds(store, filter, record))
        })
    }

    fn matching(&self, store: &Store) -> Vec<Arc<Record>> {
        if self.order.is_empty() {
            return self.unsorted(store).skip(self.offset).take(self.limit).collect();
        }
        let mut records: Vec<_> = self.unsorted(store).collect();
        records.sort_by(|left, right| compare(store, &self.order, left, right));
        records.into_iter().skip(self.offset).take(self.limit).collect()
    }
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
        object.fields().map(|field| Column { via: None, field }).collect()
    } else {
        names.iter().map(|name| column(object, name)).collect::<Result<Vec<_>, _>>()?
    };
    Ok(show(store, object, &columns, record))
}

fn column(object: &'static Object, path: &str) -> Result<Column, Problem> {
    let Some((relation, name)) = path.split_once('.') else {
        return Ok(Column { via: None, field: object.field(path)? });
    };
    let refers =
        |field: &&Field| matches!(field.kind, Kind::Reference(_)) && relation_of(field).eq_ignore_ascii_case(relation);
    let via = object.own.iter().find(refers).and_then(|field| match field.kind {
        Kind::Reference(target) => Some((field, Object::named(target)?)),
        _ => None,
    });
    let Some((field, target)) = via else {
        let message = format!("Didn't understand relationship '{relation}' in field path '{path}'");
        return Err(Problem::bad("INVALID_FIELD", message).on(path));
    };
    Ok(Column { via: Some((field, target)), field: target.field(name)? })
}

/// Says the name of the relationship behind a reference field: `Recipient__r` for `Recipient__c`, `Account` for
/// `AccountId`.
pub(super) fn relation_of(field: &Field) -> String {
    match field.name.strip_suffix("__c") {
        Some(stem) => format!("{stem}__r"),
        None => field.name.strip_suffix("Id").unwrap_or(field.name).to_owned(),
    }
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

fn holds(store: &Store, filter: &Filter<Column, Sorted>, record: &Record) -> bool {
    match filter {
        Filter::And(filters) => filters.iter().all(|filter| holds(store, filter, record)),
        Filter::Or(filters) => filters.iter().any(|filter| holds(store, filter, record)),
        Filter::Not(inner) => !holds(store, inner, record),
        Filter::In(column, values) => values.contains(&sorted(store, *column, record)),
        Filter::Compare(column, operator, value) => compares(&sorted(store, *column, record), *operator, value),
    }
}

fn sorted(store: &Store, column: Column, record: &Record) -> Sorted {
    let Some((field, target)) = column.via else {
        return sorted_value(column.field, records::value(record, column.field.name));
    };
    let owner = parent(store, field, target, record);
    owner.map_or(Sorted::Null, |owner| sorted_value(column.field, records::value(&owner, column.field.name)))
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

/// Writes a value as a table does.
fn cell(store: &Store, column: Column, record: &Record) -> String {
    let written = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let Some((field, target)) = column.via else { return written(records::value(record, column.field.name)) };
    let owner = parent(store, field, target, record);
    owner.map_or_else(String::new, |owner| written(records::value(&owner, column.field.name)))
}

fn parent(store: &Store, field: &Field, target: &Object, record: &Record) -> Option<Arc<Record>> {
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
                *relation = json!({ "attributes": attributes(target, &parent) });
            }
            relation[column.field.name] = records::value(&parent, column.field.name).clone();
        }
    }
    shown
}

fn attributes(object: &Object, record: &Record) -> Value {
    let id = records::text(record, "Id").unwrap_or_default();
    json!({ "type": object.name, "url": record_url(object, id) })
}
