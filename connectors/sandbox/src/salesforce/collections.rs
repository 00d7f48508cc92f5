//! Up to 200 records in one request: `/composite/sobjects`.
//!
//! The answer is 200 also where records are refused; each has its result, in the order in which they were sent.
//! Source: REST API v59.0, sObject Collections.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::org::{By, Org, Upserted, id_of, key_of};
use super::schema::{Field, Object};
use super::{Problem, query};
use crate::wire::{Answer, Request};

/// The records of one request.
const RECORDS_MAX: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    #[serde(default)]
    all_or_none: bool,
    records: Vec<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct Asked {
    ids: Vec<String>,
    fields: Vec<String>,
}

/// The id, and whether it is new, where that is said.
type Done = (String, Option<bool>);

impl Org {
    /// Answers a request below `/composite/sobjects`.
    pub(super) fn collections(&mut self, path: &[&str], request: &Request, by: &mut By<'_>) -> Result<Answer, Problem> {
        match (request.method.as_str(), path) {
            ("POST", []) => {
                let sent = sent(request)?;
                self.each(&sent, by, |org, record, by| {
                    let object = org.typed(record)?;
                    Ok((org.create(object, &fields_of(record, &[]), by)?, None))
                })
            }
            ("PATCH", []) => {
                let sent = sent(request)?;
                self.each(&sent, by, |org, record, by| {
                    let object = org.typed(record)?;
                    let id = member(record, "Id").and_then(Value::as_str);
                    let id = id_of(object, id.ok_or_else(|| missing("Id"))?)?;
                    org.update(object, &id, &fields_of(record, &["Id"]), by)?;
                    Ok((id, None))
                })
            }
            ("PATCH", [object, field]) => {
                let object = self.object(object)?;
                self.upsert_all(object, key_of(object, field)?, &sent(request)?, by)
            }
            ("DELETE", []) => {
                let ids = request.parameter("ids").unwrap_or_default().split(',').filter(|id| !id.is_empty());
                let records = ids.map(|id| Map::from_iter([("Id".to_owned(), json!(id.trim()))])).collect();
                let sent = Sent { all_or_none: request.parameter("allOrNone") == Some("true"), records };
                self.each(&bounded(sent)?, by, |org, record, by| {
                    let id = member(record, "Id").and_then(Value::as_str).unwrap_or_default();
                    let unknown = || Problem::bad("MALFORMED_ID", format!("malformed id {id}")).on("Id");
                    let object = Object::of_id(id).ok_or_else(unknown)?;
                    let id = id_of(object, id)?;
                    org.delete(object, &id, by)?;
                    Ok((id, None))
                })
            }
            ("GET", [object]) => {
                let list = |name: &str| -> Vec<String> {
                    let list = request.parameter(name).unwrap_or_default().split(',');
                    list.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
                };
                self.retrieve_all(self.object(object)?, &Asked { ids: list("ids"), fields: list("fields") })
            }
            ("POST", [object]) => {
                let asked = serde_json::from_slice(&request.body);
                let asked = asked.map_err(|err| Problem::bad("JSON_PARSER_ERROR", err.to_string()))?;
                self.retrieve_all(self.object(object)?, &asked)
            }
            _ => Err(Problem::not_found()),
        }
    }

    fn each(
        &mut self,
        sent: &Sent,
        by: &mut By<'_>,
        mut one: impl FnMut(&mut Self, &Map<String, Value>, &mut By<'_>) -> Result<Done, Problem>,
    ) -> Result<Answer, Problem> {
        let mark = self.begin();
        let mut results: Vec<Result<Done, Problem>> = Vec::new();
        for record in &sent.records {
            results.push(one(self, record, by));
        }
        let is_kept = !sent.all_or_none || results.iter().all(Result::is_ok);
        self.end(&mark, is_kept);
        let shown = results.into_iter().map(|result| match result {
            Ok((id, created)) if is_kept => done(&id, created),
            Ok(_) => refused(&rolled_back()),
            Err(problem) => refused(&problem),
        });
        Ok(Answer::ok(shown.collect()))
    }

    fn upsert_all(
        &mut self,
        object: &'static Object,
        field: &'static Field,
        sent: &Sent,
        by: &mut By<'_>,
    ) -> Result<Answer, Problem> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for record in &sent.records {
            *seen.entry(text(record, field.name).to_lowercase()).or_default() += 1;
        }
        self.each(sent, by, |org, record, by| {
            let value = text(record, field.name);
            let rest = fields_of(record, &[field.name]);
            if value.is_empty() && field.name == "Id" {
                return Ok((org.create(object, &rest, by)?, Some(true)));
            }
            if value.is_empty() {
                let message = format!("{} not specified", field.name);
                return Err(Problem::bad("MISSING_ARGUMENT", message).on(field.name));
            }
            if seen.get(&value.to_lowercase()).is_some_and(|times| *times > 1) {
                let message = format!("Duplicate external id specified: {value}");
                return Err(Problem::bad("DUPLICATE_VALUE", message).on(field.name));
            }
            match org.upsert(object, (field, &value), &rest, by)? {
                Upserted::Created(id) => Ok((id, Some(true))),
                Upserted::Updated(id) => Ok((id, Some(false))),
                Upserted::Several(ids) => Err(several(field, &ids)),
            }
        })
    }

    fn retrieve_all(&self, object: &'static Object, asked: &Asked) -> Result<Answer, Problem> {
        let names: Vec<&str> = asked.fields.iter().map(String::as_str).collect();
        let shown = asked.ids.iter().map(|id| {
            let record = id_of(object, id).ok().and_then(|id| self.store.get(object.name, &id));
            record.map_or(Ok(Value::Null), |record| query::show_fields(&self.store, object, &record, &names))
        });
        Ok(Answer::ok(Value::Array(shown.collect::<Result<_, _>>()?)))
    }

    fn typed(&self, record: &Map<String, Value>) -> Result<&'static Object, Problem> {
        let name = record.get("attributes").and_then(|attributes| attributes["type"].as_str());
        self.object(name.ok_or_else(|| missing("attributes"))?)
    }
}

/// Says that a key belongs to several records.
pub(super) fn several(field: &Field, ids: &[String]) -> Problem {
    let message = format!("{}: more than one record found for external id field: [{}]", field.name, ids.join(", "));
    Problem::bad("DUPLICATE_EXTERNAL_ID", message).on(field.name)
}

fn sent(request: &Request) -> Result<Sent, Problem> {
    let sent = serde_json::from_slice(&request.body);
    bounded(sent.map_err(|err| Problem::bad("JSON_PARSER_ERROR", err.to_string()))?)
}

fn bounded(sent: Sent) -> Result<Sent, Problem> {
    if sent.records.len() > RECORDS_MAX {
        let message = "record limit reached. cannot submit more than 200 records into this call";
        return Err(Problem::bad("EXCEEDED_ID_LIMIT", message));
    }
    Ok(sent)
}

fn missing(name: &str) -> Problem {
    Problem::bad("MISSING_ARGUMENT", format!("{name} not specified in an update call")).on(name)
}

fn member<'a>(record: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    record.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn text(record: &Map<String, Value>, name: &str) -> String {
    match member(record, name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn fields_of(record: &Map<String, Value>, without: &[&str]) -> Map<String, Value> {
    let is_left = |name: &str| !without.iter().any(|other| other.eq_ignore_ascii_case(name));
    let fields = record.iter().filter(|(name, _)| is_left(name));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn done(id: &str, created: Option<bool>) -> Value {
    let mut shown = json!({ "id": id, "success": true, "errors": [] });
    if let Some(created) = created {
        shown["created"] = json!(created);
    }
    shown
}

fn refused(problem: &Problem) -> Value {
    let problem = problem.clone().among_others();
    let error = json!({ "statusCode": problem.code, "message": problem.message, "fields": problem.fields });
    json!({ "success": false, "errors": [error] })
}

fn rolled_back() -> Problem {
    let message = "Record rolled back because not all records were valid and the request was using AllOrNone header";
    Problem::bad("ALL_OR_NONE_OPERATION_ROLLED_BACK", message)
}
