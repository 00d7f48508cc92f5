//! Single records: `/sobjects`, and what is said of whole objects.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::org::{By, Org, Upserted, id_of, key_of};
use super::schema::Object;
use super::{DATA, Problem, checked, describe, objects, query, records};
use crate::wire::{Answer, Request};

/// The versions of the API.
pub(super) fn versions() -> Answer {
    Answer::ok(json!([{ "label": "Winter '24", "url": DATA, "version": "59.0" }]))
}

/// What the API has.
pub(super) fn resources() -> Answer {
    let names = ["composite", "jobs", "limits", "query", "queryAll", "sobjects"];
    Answer::ok(names.into_iter().map(|name| (name, json!(format!("{DATA}/{name}")))).collect())
}

impl Org {
    /// Answers a request below `/sobjects`.
    pub(super) fn sobjects(&mut self, path: &[&str], request: &Request, by: &mut By<'_>) -> Result<Answer, Problem> {
        match (request.method.as_str(), path) {
            ("GET", []) => Ok(self.all_objects()),
            ("POST", [event]) if event.ends_with("__e") => self.publish(event, request, by),
            ("GET", [object]) => {
                Ok(Answer::ok(json!({ "objectDescribe": describe::short(self.object(object)?), "recentItems": [] })))
            }
            ("POST", [object]) => {
                let id = self.create(self.object(object)?, &body(request)?, by)?;
                Ok(Answer::json(StatusCode::CREATED, json!({ "id": id, "success": true, "errors": [] })))
            }
            ("GET", [object, "describe"]) => Ok(Answer::ok(describe::object(self.object(object)?))),
            ("GET", [object, "updated"]) => self.updated(self.object(object)?, span(request)?, by.now),
            ("GET", [object, "deleted"]) => self.deleted(self.object(object)?, span(request)?, by.now),
            ("GET", [object, id]) => {
                let object = self.object(object)?;
                self.retrieve(object, &id_of(object, id)?, request)
            }
            ("PATCH", [object, id]) => {
                let object = self.object(object)?;
                self.update(object, &id_of(object, id)?, &body(request)?, by)?;
                Ok(Answer::no_content())
            }
            ("DELETE", [object, id]) => {
                let object = self.object(object)?;
                self.delete(object, &id_of(object, id)?, by)?;
                Ok(Answer::no_content())
            }
            ("GET", [object, field, value]) => {
                let object = self.object(object)?;
                match &self.store.find(object, key_of(object, field)?, value)[..] {
                    [] => Err(Problem::not_found()),
                    [id] => self.retrieve(object, id, request),
                    several => Ok(ambiguous(object, several)),
                }
            }
            ("PATCH", [object, field, value]) => self.upsert_one(object, (field, value), &body(request)?, by),
            _ => Err(Problem::not_found()),
        }
    }

    fn all_objects(&self) -> Answer {
        let objects = objects::OBJECTS.into_iter().filter(|object| self.has(object));
        let list: Vec<Value> = objects.map(describe::short).collect();
        Answer::ok(json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list }))
    }

    fn retrieve(&self, object: &'static Object, id: &str, request: &Request) -> Result<Answer, Problem> {
        let record = self.store.get(object.name, id).ok_or_else(Problem::not_found)?;
        let names = request.parameter("fields").unwrap_or_default();
        let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        query::show_fields(&self.store, object, &record, &names).map(Answer::ok)
    }

    fn upsert_one(
        &mut self,
        object: &str,
        (name, value): (&str, &str),
        body: &Map<String, Value>,
        by: &mut By<'_>,
    ) -> Result<Answer, Problem> {
        let object = self.object(object)?;
        let field = key_of(object, name)?;
        if body.keys().any(|key| key.eq_ignore_ascii_case(field.name)) {
            let message = format!("The {} field should not be specified in the sobject data.", field.name);
            return Err(Problem::bad("INVALID_FIELD", message).on(field.name));
        }
        Ok(match self.upsert(object, (field, value), body, by)? {
            Upserted::Created(id) => upserted(StatusCode::CREATED, &id),
            Upserted::Updated(id) => upserted(StatusCode::OK, &id),
            Upserted::Several(ids) => ambiguous(object, &ids),
        })
    }

    /// Source: Platform Events Developer Guide, publish with REST; the message is the event's own id.
    fn publish(&mut self, name: &str, request: &Request, by: &By<'_>) -> Result<Answer, Problem> {
        let event = objects::event(name).ok_or_else(Problem::not_found)?;
        let record = checked::new(&self.store, event, &body(request)?)?;
        let fields = record.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let id = self.events.publish(event.name, fields, by.now);
        let enqueued = json!({ "statusCode": "OPERATION_ENQUEUED", "message": by.transaction, "fields": [] });
        Ok(Answer::json(StatusCode::CREATED, json!({ "id": id, "success": true, "errors": [enqueued] })))
    }

    fn updated(&self, object: &'static Object, span: Span, now: Timestamp) -> Result<Answer, Problem> {
        let ids: Vec<String> = self
            .store
            .all(object)
            .filter(|record| span.holds(records::text(record, "SystemModstamp")))
            .filter_map(|record| records::text(&record, "Id").map(str::to_owned))
            .collect();
        Ok(Answer::ok(json!({ "ids": ids, "latestDateCovered": records::stamp(span.end.min(now)) })))
    }

    fn deleted(&self, object: &'static Object, span: Span, now: Timestamp) -> Result<Answer, Problem> {
        let gone = self.store.with_deleted(object).filter(|record| records::is_deleted(record));
        let gone: Vec<Value> = gone
            .filter(|record| span.holds(records::text(record, "SystemModstamp")))
            .map(|record| json!({ "id": record.get("Id"), "deletedDate": record.get("SystemModstamp") }))
            .collect();
        Ok(Answer::ok(json!({
            "deletedRecords": gone,
            "earliestDateAvailable": records::stamp(span.start),
            "latestDateCovered": records::stamp(span.end.min(now)),
        })))
    }
}

/// From when to when somebody asks.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: Timestamp,
    end: Timestamp,
}

impl Span {
    fn holds(self, stamp: Option<&str>) -> bool {
        let at = stamp.and_then(|text| text.parse::<Timestamp>().ok());
        at.is_some_and(|at| (self.start..self.end).contains(&at))
    }
}

fn span(request: &Request) -> Result<Span, Problem> {
    let time = |name: &str| -> Result<Timestamp, Problem> {
        let at = request.parameter(name).and_then(|text| text.parse().ok());
        at.ok_or_else(|| Problem::bad("INVALID_REPLICATION_DATE", format!("`{name}` is no date and time")))
    };
    let span = Span { start: time("start")?, end: time("end")? };
    if span.start >= span.end {
        return Err(Problem::bad("INVALID_REPLICATION_DATE", "startDate before endDate"));
    }
    Ok(span)
}

/// Reads the body as an object of JSON.
pub(super) fn body(request: &Request) -> Result<Map<String, Value>, Problem> {
    let body = serde_json::from_slice(&request.body);
    body.map_err(|err| Problem::bad("JSON_PARSER_ERROR", format!("the body is not a JSON object: {err}")))
}

/// Says where a record is.
pub(super) fn record_url(object: &Object, id: &str) -> String {
    format!("{DATA}/sobjects/{}/{id}", object.name)
}

fn upserted(status: StatusCode, id: &str) -> Answer {
    let created = status == StatusCode::CREATED;
    Answer::json(status, json!({ "id": id, "success": true, "errors": [], "created": created }))
}

fn ambiguous(object: &Object, ids: &[String]) -> Answer {
    let urls: Vec<String> = ids.iter().map(|id| record_url(object, id)).collect();
    Answer::json(StatusCode::MULTIPLE_CHOICES, json!(urls))
}
