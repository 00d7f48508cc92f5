//! The one way to a record: checks, rules, what follows from a change, and the event that tells of it.

use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::events::Events;
use super::objects::{CURRENCY_TYPE, DATED_CONVERSION_RATE, ORDER, ORDER_ITEM, ORGANIZATION, USER};
use super::records::{self, Record, Store};
use super::rules::Rules;
use super::schema::{Field, Keeping, Key, Object};
use super::{Problem, checked, ids};
use crate::wire;

/// The day on which the last rate of a currency ends.
const NEVER: &str = "9999-12-31";

/// The records, the rules that they meet, and what is told of them.
#[derive(Debug)]
pub(super) struct Org {
    /// The records.
    pub(super) store: Store,
    /// The rules.
    pub(super) rules: Rules,
    /// What is told.
    pub(super) events: Events,
    /// Whether rates have days.
    pub(super) has_dated_rates: bool,
    commits: u64,
}

/// Who changes something, and in which transaction.
#[derive(Debug)]
pub(super) struct By<'a> {
    /// When.
    pub(super) now: Timestamp,
    /// The client, as it names itself.
    pub(super) client: Option<&'a str>,
    /// What all changes of the transaction share.
    pub(super) transaction: String,
    /// Which transaction it is.
    pub(super) commit: u64,
    /// How many changes it has so far.
    pub(super) sequence: u32,
}

/// What came of an upsert.
#[derive(Debug)]
pub(super) enum Upserted {
    /// There was none.
    Created(String),
    /// There was one.
    Updated(String),
    /// There are several, and none was changed.
    Several(Vec<String>),
}

/// What was there before a transaction.
#[derive(Debug)]
pub(super) struct Mark {
    store: usize,
    events: u64,
}

impl Org {
    /// Starts with these records.
    pub(super) fn new(seed: u64, store: Store) -> Self {
        Self { store, rules: Rules::new(seed), events: Events::default(), has_dated_rates: false, commits: 0 }
    }

    /// Says by whom the changes of a transaction are made.
    pub(super) fn by<'a>(&mut self, now: Timestamp, client: Option<&'a str>) -> By<'a> {
        self.commits += 1;
        let transaction =
            format!("{:08x}-{:04x}-4000-8000-{:012x}", now.as_second(), self.commits % 65_536, self.commits);
        By { now, client, transaction, commit: self.commits, sequence: 0 }
    }

    /// Begins a transaction.
    pub(super) fn begin(&mut self) -> Mark {
        Mark { store: self.store.begin(), events: self.events.last() }
    }

    /// Ends a transaction; where it is not kept, nothing of it has happened.
    pub(super) fn end(&mut self, mark: &Mark, is_kept: bool) {
        self.store.end(mark.store, is_kept);
        if !is_kept {
            self.events.take_back(mark.events);
        }
    }

    /// Finds an object by its name.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub(super) fn object(&self, name: &str) -> Result<&'static Object, Problem> {
        Object::named(name).filter(|object| self.has(object)).ok_or_else(Problem::not_found)
    }

    /// Says whether the org has an object.
    pub(super) fn has(&self, object: &Object) -> bool {
        self.has_dated_rates || object.name != DATED_CONVERSION_RATE.name
    }

    /// Creates a record and returns its id.
    pub(super) fn create(
        &mut self,
        object: &'static Object,
        body: &Map<String, Value>,
        by: &mut By<'_>,
    ) -> Result<String, Problem> {
        if object.name == ORGANIZATION.name {
            return Err(no_right(object));
        }
        let mut record = checked::new(&self.store, object, body)?;
        derive(object, &mut record);
        self.rules.check(object, &record)?;
        let id = self.store.seed(object, record.clone(), by.now);
        self.tell(object, &id, by, (&Record::new(), &record));
        self.follow(object, &record, by);
        Ok(id)
    }

    /// Changes the fields that the body names.
    pub(super) fn update(
        &mut self,
        object: &'static Object,
        id: &str,
        body: &Map<String, Value>,
        by: &mut By<'_>,
    ) -> Result<(), Problem> {
        let before = self.store.get(object.name, id).ok_or_else(|| self.missing(object, id))?;
        let mut after = checked::changed(&self.store, object, (id, &before), body)?;
        if object.name == CURRENCY_TYPE.name {
            after = currency(&before, after, body)?;
        }
        derive(object, &mut after);
        self.rules.check(object, &after)?;
        self.store.replace(object, id, after.clone(), by.now);
        self.tell(object, id, by, (&before, &after));
        self.follow(object, &after, by);
        if object.name == ORDER_ITEM.name {
            self.follow(object, &before, by);
        }
        Ok(())
    }

    /// Deletes a record, which is kept for those who ask for deleted ones.
    pub(super) fn delete(&mut self, object: &'static Object, id: &str, by: &mut By<'_>) -> Result<(), Problem> {
        if [CURRENCY_TYPE.name, ORGANIZATION.name, USER.name].contains(&object.name) {
            return Err(no_right(object));
        }
        let before = self.store.get(object.name, id).ok_or_else(|| self.missing(object, id))?;
        self.rules.check(object, &before)?;
        let mut after = Record::clone(&before);
        after.insert("IsDeleted", Value::Bool(true));
        self.store.replace(object, id, after, by.now);
        self.tell(object, id, by, (&before, &Record::new()));
        self.follow(object, &before, by);
        Ok(())
    }

    /// Creates the record with this value of a key, or changes the one that there is.
    pub(super) fn upsert(
        &mut self,
        object: &'static Object,
        (field, value): (&'static Field, &str),
        body: &Map<String, Value>,
        by: &mut By<'_>,
    ) -> Result<Upserted, Problem> {
        if field.name == "Id" {
            let id = id_of(object, value)?;
            return self.update(object, &id, body, by).map(|()| Upserted::Updated(id));
        }
        match &self.store.find(object, field, value)[..] {
            [] => {
                let mut body = body.clone();
                body.insert(field.name.to_owned(), Value::from(value));
                self.create(object, &body, by).map(Upserted::Created)
            }
            [id] => self.update(object, id, body, by).map(|()| Upserted::Updated(id.clone())),
            several => Ok(Upserted::Several(several.to_vec())),
        }
    }

    fn missing(&self, object: &Object, id: &str) -> Problem {
        match self.store.get_any(object.name, id) {
            Some(_) => {
                Problem { code: "ENTITY_IS_DELETED", message: "entity is deleted".to_owned(), ..Problem::not_found() }
            }
            None => Problem::not_found(),
        }
    }

    fn tell(&mut self, object: &'static Object, id: &str, by: &mut By<'_>, (before, after): (&Record, &Record)) {
        if object.keeping == Keeping::Told {
            let own = |record: &Record| -> Record {
                let own = object.own.iter().filter_map(|field| Some((field.name, record.get(field.name)?.clone())));
                own.collect()
            };
            self.events.changed(object.name, id, by, (&own(before), &own(after)));
        }
    }

    /// Does what follows from a change of a record.
    fn follow(&mut self, object: &'static Object, record: &Record, by: &mut By<'_>) {
        if object.name == ORDER_ITEM.name {
            self.total(records::text(record, "OrderId").unwrap_or_default(), by);
        }
        if object.name == DATED_CONVERSION_RATE.name {
            self.chain(records::text(record, "IsoCode").unwrap_or_default(), by.now);
        }
    }

    /// The total of an order is that of its items.
    fn total(&mut self, order: &str, by: &mut By<'_>) {
        let Some(before) = self.store.get(ORDER.name, order) else { return };
        let of_order = |item: &Arc<Record>| records::text(item, "OrderId") == Some(order);
        let items = self.store.all(&ORDER_ITEM).filter(of_order);
        let total: Decimal = items.filter_map(|item| wire::decimal(records::value(&item, "TotalPrice"))).sum();
        let mut after = Record::clone(&before);
        after.insert("TotalAmount", wire::number(wire::cents(total)));
        self.store.replace(&ORDER, order, after.clone(), by.now);
        self.tell(&ORDER, order, by, (&before, &after));
    }

    /// The rate of a day ends where the next one starts.
    fn chain(&mut self, currency: &str, now: Timestamp) {
        let of_currency = |rate: &Arc<Record>| records::text(rate, "IsoCode") == Some(currency);
        let mut rates: Vec<_> = self.store.all(&DATED_CONVERSION_RATE).filter(of_currency).collect();
        rates.sort_by_key(|rate| records::text(rate, "StartDate").map(str::to_owned));
        let starts = rates.iter().skip(1).map(|rate| records::value(rate, "StartDate").clone());
        let ends: Vec<Value> = starts.chain([Value::from(NEVER)]).collect();
        for (rate, end) in rates.iter().zip(ends) {
            if records::value(rate, "NextStartDate") != &end {
                let mut rate = Record::clone(rate);
                rate.insert("NextStartDate", end);
                let id = records::text(&rate, "Id").unwrap_or_default().to_owned();
                self.store.replace(&DATED_CONVERSION_RATE, &id, rate, now);
            }
        }
    }
}

/// Reads the id of a record of an object.
pub(super) fn id_of(object: &Object, id: &str) -> Result<String, Problem> {
    ids::read(object.prefix, id).ok_or_else(|| Problem::bad("MALFORMED_ID", format!("malformed id {id}")).on("Id"))
}

/// Finds the field of an upsert.
pub(super) fn key_of(object: &'static Object, name: &str) -> Result<&'static Field, Problem> {
    let field = object.field(name).ok().filter(|field| field.key != Key::No || field.name == "Id");
    field.ok_or_else(|| {
        let message = format!("Provided external ID field does not exist or is not accessible: {name}");
        Problem { message, ..Problem::not_found() }
    })
}

/// What Salesforce answers where nobody may write; an assumption for the objects that it names here.
fn no_right(object: &Object) -> Problem {
    Problem::bad("INSUFFICIENT_ACCESS_OR_READONLY", format!("entity type {} cannot be written so", object.name))
}

/// An update of a currency says all of it: what it leaves out of the flags is off. Source: Object Reference,
/// CurrencyType. An assumption: the rate of the corporate currency is 1 and refused as anything else.
fn currency(before: &Record, mut after: Record, body: &Map<String, Value>) -> Result<Record, Problem> {
    let is_said = |name: &str| body.keys().any(|key| key.eq_ignore_ascii_case(name));
    if !is_said("IsActive") {
        after.insert("IsActive", Value::Bool(false));
    }
    let is_corporate = records::value(before, "IsCorporate") == &Value::Bool(true);
    if is_corporate && wire::decimal(records::value(&after, "ConversionRate")) != Some(Decimal::ONE) {
        let message = "the conversion rate of the corporate currency is always 1";
        return Err(Problem::bad("FIELD_INTEGRITY_EXCEPTION", message).on("ConversionRate"));
    }
    Ok(after)
}

/// Sets what Salesforce computes of a record's own fields.
fn derive(object: &Object, record: &mut Record) {
    if object.name == ORDER_ITEM.name {
        let number = |name| wire::decimal(records::value(record, name)).unwrap_or_default();
        let total = number("Quantity").checked_mul(number("UnitPrice")).unwrap_or_default();
        record.insert("TotalPrice", wire::number(wire::cents(total)));
    }
}
