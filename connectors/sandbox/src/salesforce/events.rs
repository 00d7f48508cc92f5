//! What the org tells by itself: changes of records and published events, in one log that is only added to.
//!
//! Each has a replay id that grows and is not without gaps, as those of the event bus; whoever reads names the last one
//! it has. Source: Change Data Capture Developer Guide, ChangeEventHeader; Pub/Sub API, replay ids and retention.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::records::Record;
use super::schema::{Keeping, Object};
use super::{By, ids};
use crate::{clock, limits};

/// The topic of the changes of all objects.
pub(super) const ALL_CHANGES: &str = "/data/ChangeEvents";

/// The log.
#[derive(Debug, Default)]
pub(super) struct Events {
    log: VecDeque<Event>,
    replay: u64,
    /// The last one that is kept no longer.
    forgotten: u64,
}

/// One thing that was told.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// The number from which a reader goes on.
    pub(super) replay: u64,
    /// The number that it had when it was told first.
    pub(super) first: u64,
    /// When it happened.
    pub(super) at: Timestamp,
    /// Such as `/data/OpportunityChangeEvent` or `/event/Payout_Status__e`.
    pub(super) topic: String,
    /// What it says.
    pub(super) told: Told,
}

/// What an event says.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// A record has changed.
    Change(Change),
    /// Somebody has published it: its fields.
    Published(Map<String, Value>),
}

/// A change of a record.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The object.
    pub(super) entity: &'static str,
    /// The record.
    pub(super) id: String,
    /// What happened to it.
    pub(super) kind: ChangeKind,
    /// Which client changed it, as it named itself.
    pub(super) origin: String,
    /// What all changes of one transaction share.
    pub(super) transaction: String,
    /// The place within its transaction, from 1.
    pub(super) sequence: u32,
    /// Which transaction it was, counted.
    pub(super) commit: u64,
    /// The fields that have another value now, and those that have none any more.
    pub(super) changed: Vec<&'static str>,
    /// The fields that have no value any more.
    pub(super) nulled: Vec<&'static str>,
    /// The values of the fields that have changed.
    pub(super) values: Record,
}

/// What happened to a record, in the order of the vendor's own enumeration.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ChangeKind {
    /// It is new.
    Create,
    /// It has other values.
    Update,
    /// It is gone.
    Delete,
    /// It is there again.
    Undelete,
    /// It is new, and no more can be said.
    GapCreate,
    /// It has other values, and no more can be said.
    #[default]
    GapUpdate,
    /// It is gone, and no more can be said.
    GapDelete,
    /// It is there again, and no more can be said.
    GapUndelete,
    /// So many have changed that nothing can be said of each.
    GapOverflow,
    /// It is as it is.
    Snapshot,
}

impl ChangeKind {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 10] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Undelete,
        Self::GapCreate,
        Self::GapUpdate,
        Self::GapDelete,
        Self::GapUndelete,
        Self::GapOverflow,
        Self::Snapshot,
    ];

    /// Says its name in the header of a change event.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Undelete => "UNDELETE",
            Self::GapCreate => "GAP_CREATE",
            Self::GapUpdate => "GAP_UPDATE",
            Self::GapDelete => "GAP_DELETE",
            Self::GapUndelete => "GAP_UNDELETE",
            Self::GapOverflow => "GAP_OVERFLOW",
            Self::Snapshot => "SNAPSHOT",
        }
    }
}

impl Events {
    /// Adds the change of a record: its fields before, and after.
    pub(super) fn changed(&mut self, entity: &'static str, id: &str, by: &mut By<'_>, change: (&Record, &Record)) {
        let (before, after) = change;
        let kind = match (before.is_empty(), after.is_empty()) {
            (true, _) => ChangeKind::Create,
            (false, true) => ChangeKind::Delete,
            (false, false) => ChangeKind::Update,
        };
        let differs = |name: &&&'static str| before.get(**name) != after.get(**name);
        let values: Record = after.keys().filter(differs).map(|name| (*name, after[name].clone())).collect();
        let is_gone = |name: &&&'static str| kind == ChangeKind::Update && !after.contains_key(**name);
        let nulled: Vec<&'static str> = before.keys().filter(is_gone).copied().collect();
        by.sequence += 1;
        let change = Change {
            entity,
            id: id.to_owned(),
            kind,
            origin: origin(by.client),
            transaction: by.transaction.clone(),
            sequence: by.sequence,
            commit: by.commit,
            changed: values.keys().copied().chain(nulled.iter().copied()).collect(),
            nulled,
            values,
        };
        self.add(by.now, change_topic(entity), Told::Change(change));
    }

    /// Adds that something has happened to a record of which no more can be said.
    ///
    /// # Errors
    /// What is right.
    pub(super) fn gap(&mut self, id: &str, kind: ChangeKind, by: &mut By<'_>) -> Result<(), String> {
        let object = Object::of_id(id).filter(|object| object.keeping == Keeping::Told);
        let object = object.ok_or_else(|| format!("`{id}` is no id of a record whose changes are told"))?;
        by.sequence += 1;
        let change = Change {
            entity: object.name,
            id: id.to_owned(),
            kind,
            origin: String::new(),
            transaction: by.transaction.clone(),
            sequence: by.sequence,
            commit: by.commit,
            changed: Vec::new(),
            nulled: Vec::new(),
            values: Record::new(),
        };
        self.add(by.now, change_topic(object.name), Told::Change(change));
        Ok(())
    }

    /// Tells the last events of a topic again.
    pub(super) fn again(&mut self, topic: &str, count: usize) {
        let of_topic = self.log.iter().rev().filter(|event| event.topic == topic);
        let last: Vec<Event> = of_topic.take(count).cloned().collect();
        for event in last.into_iter().rev() {
            self.count();
            self.log.push_back(Event { replay: self.replay, ..event });
        }
    }

    /// Adds an event that somebody publishes, and returns its id.
    pub(super) fn publish(&mut self, name: &str, fields: Map<String, Value>, at: Timestamp) -> String {
        self.add(at, format!("/event/{name}"), Told::Published(fields));
        ids::make("e00", self.replay)
    }

    /// Says the events of a topic after a replay id, the oldest first.
    pub(super) fn after<'a>(&'a self, topic: &'a str, replay: u64) -> impl Iterator<Item = &'a Event> {
        let start = self.log.partition_point(|event| event.replay <= replay);
        let is_asked =
            move |event: &&Event| event.topic == topic || topic == ALL_CHANGES && matches!(event.told, Told::Change(_));
        self.log.range(start..).filter(is_asked)
    }

    /// Says the replay id of the last event.
    pub(super) fn last(&self) -> u64 {
        self.replay
    }

    /// Takes back all events after one, as their transaction has not happened.
    pub(super) fn take_back(&mut self, last: u64) {
        while self.log.back().is_some_and(|event| event.replay > last) {
            self.log.pop_back();
        }
    }

    /// Forgets the events that nobody can read any more.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let is_old = |event: &Event| clock::add_ms(event.at, limits::EVENTS_KEPT_MS) < now;
        while self.log.len() > limits::EVENTS_MAX || self.log.front().is_some_and(is_old) {
            self.forgotten = self.log.pop_front().map_or(self.forgotten, |event| event.replay);
        }
    }

    /// Says whether a reader can go on after this replay id.
    pub(super) fn is_kept(&self, replay: u64) -> bool {
        replay == self.replay || (replay > self.forgotten && replay < self.replay)
    }

    fn add(&mut self, at: Timestamp, topic: String, told: Told) {
        self.count();
        self.log.push_back(Event { replay: self.replay, first: self.replay, at, topic, told });
    }

    fn count(&mut self) {
        self.replay += 1 + self.replay % 3;
    }
}

impl Event {
    /// What it is known by, however often it is told.
    pub(super) fn id(&self) -> String {
        format!("{:08x}-0000-4000-8000-{:012x}", self.at.as_second(), self.first)
    }

    /// Shows it to people and tests.
    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({ "replay": self.replay, "id": self.id(), "topic": self.topic, "at": self.at });
        match &self.told {
            Told::Published(fields) => shown["fields"] = Value::Object(fields.clone()),
            Told::Change(change) => {
                shown["header"] = json!({
                    "entityName": change.entity,
                    "recordIds": [change.id],
                    "changeType": change.kind.name(),
                    "changeOrigin": change.origin,
                    "transactionKey": change.transaction,
                    "sequenceNumber": change.sequence,
                    "commitTimestamp": self.at.as_millisecond(),
                    "commitNumber": change.commit,
                    "commitUser": super::USER_ID,
                    "changedFields": change.changed,
                    "nulledFields": change.nulled,
                });
                shown["fields"] = json!(change.values);
            }
        }
        shown
    }
}

/// The topic of the changes of an object's records.
pub(super) fn change_topic(object: &str) -> String {
    let stem = object.strip_suffix("__c").map_or_else(|| object.to_owned(), |stem| format!("{stem}__"));
    format!("/data/{stem}ChangeEvent")
}

/// As the guide shows it: `com/salesforce/api/rest/59.0;client=ferry`.
fn origin(client: Option<&str>) -> String {
    let api = "com/salesforce/api/rest/59.0";
    client.map_or_else(|| api.to_owned(), |client| format!("{api};client={client}"))
}
