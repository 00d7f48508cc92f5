//! What the org says about an object, in Salesforce's shape: `GET …/sobjects/OBJECT/describe`.
//!
//! Source: REST API v59.0, sObject Describe. It says what `records` checks, and nothing that it would not take.

use serde_json::{Value, json};

use super::{
    DATA,
    query::relation_of,
    schema::{Field, Key, Kind, Need, Object},
};

/// The precision and the scale of a number.
const NUMBER: (u32, u32) = (18, 2);

/// Describes an object.
pub(super) fn object(object: &Object) -> Value {
    let is_custom = !object.is_standard();
    let label = label(object.name);
    let url = format!("{DATA}/sobjects/{}", object.name);
    json!({
        "actionOverrides": [],
        "activateable": false,
        "childRelationships": [],
        "compactLayoutable": true,
        "createable": true,
        "custom": is_custom,
        "customSetting": false,
        "deletable": true,
        "deprecatedAndHidden": false,
        "feedEnabled": false,
        "fields": object.fields().map(field).collect::<Vec<Value>>(),
        "hasSubtypes": false,
        "keyPrefix": object.prefix,
        "label": label,
        "labelPlural": format!("{label}s"),
        "layoutable": true,
        "mergeable": false,
        "name": object.name,
        "namedLayoutInfos": [],
        "networkScopeFieldName": null,
        "queryable": true,
        "recordTypeInfos": [],
        "replicateable": true,
        "retrieveable": true,
        "searchable": true,
        "supportedScopes": [],
        "triggerable": true,
        "undeletable": true,
        "updateable": true,
        "urls": { "sobject": url, "describe": format!("{url}/describe"), "rowTemplate": format!("{url}/{{ID}}") },
    })
}

/// Says of an object what the list of all of them says.
pub(super) fn short(object: &'static Object) -> Value {
    let url = format!("{DATA}/sobjects/{}", object.name);
    json!({
        "name": object.name,
        "label": label(object.name),
        "keyPrefix": object.prefix,
        "custom": !object.is_standard(),
        "createable": true,
        "updateable": true,
        "deletable": true,
        "queryable": true,
        "urls": { "sobject": url, "describe": format!("{url}/describe"), "rowTemplate": format!("{url}/{{ID}}") },
    })
}

fn field(field: &Field) -> Value {
    let (kind, soap, length) = types(field.kind);
    let (precision, scale) = match field.kind {
        Kind::Number => NUMBER,
        Kind::Decimal(scale) => (18, scale),
        _ => (0, 0),
    };
    let is_number = precision > 0;
    let reference = match field.kind {
        Kind::Reference(object) => Some(object),
        _ => None,
    };
    let picklist = match field.kind {
        Kind::Picklist(values) => values,
        _ => &[],
    };
    let by_default = match field.need {
        Need::Or(value) => Some(value),
        Need::Optional | Need::Required | Need::System | Need::Counted(_) => None,
    };
    let value = |value: &&str| json!({ "active": true, "defaultValue": by_default == Some(*value), "label": value, "validFor": null, "value": value });
    let is_key = field.key != Key::No;
    let is_flag = matches!(field.kind, Kind::Flag);
    let is_set = field.need != Need::System;
    json!({
        "aggregatable": true,
        "autoNumber": false,
        "byteLength": length * 3,
        "calculated": false,
        "calculatedFormula": null,
        "caseSensitive": false,
        "createable": is_set,
        "custom": field.name.ends_with("__c"),
        "defaultValue": by_default,
        "defaultedOnCreate": matches!(field.need, Need::Or(_) | Need::System | Need::Counted(_)) || is_flag,
        "deprecatedAndHidden": false,
        "digits": 0,
        "encrypted": false,
        "externalId": is_key,
        "filterable": true,
        "groupable": !is_number,
        "idLookup": is_key,
        "label": label(field.name),
        "length": length,
        "name": field.name,
        "nameField": field.name == "Name",
        "nillable": field.need == Need::Optional && !is_flag,
        "picklistValues": picklist.iter().map(value).collect::<Vec<Value>>(),
        "precision": precision,
        "referenceTo": reference.into_iter().collect::<Vec<&str>>(),
        "relationshipName": reference.map(|_| relation_of(field)),
        "restrictedPicklist": !picklist.is_empty(),
        "scale": scale,
        "soapType": soap,
        "sortable": true,
        "type": kind,
        "unique": field.key == Key::Unique,
        "updateable": is_set,
    })
}

/// The type, that of SOAP, and the characters that it has at the most.
fn types(kind: Kind) -> (&'static str, &'static str, usize) {
    match kind {
        Kind::Id => ("id", "tns:ID", 18),
        Kind::Text(length) => ("string", "xsd:string", length),
        Kind::Email => ("email", "xsd:string", 80),
        Kind::Picklist(_) => ("picklist", "xsd:string", 255),
        Kind::Lines(length) => ("textarea", "xsd:string", length),
        Kind::Flag => ("boolean", "xsd:boolean", 0),
        Kind::Decimal(_) => ("double", "xsd:double", 0),
        Kind::Date => ("date", "xsd:date", 0),
        Kind::Number => ("currency", "xsd:double", 0),
        Kind::DateTime => ("datetime", "xsd:dateTime", 0),
        Kind::Reference(_) => ("reference", "tns:ID", 18),
    }
}

/// `Payment Request` for `Payment_Request__c`.
fn label(name: &str) -> String {
    name.trim_end_matches("__c").replace('_', " ")
}
