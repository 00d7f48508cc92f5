//! The files of a project as JSON Schema, for editors and for other programs.
//!
//! The types of this module are mirrors of the YAML that the readers take: nothing is ever read into them. A test holds
//! the keys of both together. They are filled with what the catalog says of actions, so that an editor completes and
//! checks the input of each.

#![expect(clippy::zero_sized_map_values, reason = "the types describe what is written, and are never made")]

pub mod action;
pub(crate) mod actions;
pub mod arm;
pub mod connector;
pub mod from;
mod given;
pub mod job;
pub mod operators;
pub mod pipeline;
pub mod profile;
pub mod project;
pub mod reconcile;
pub mod request;
mod rules;
pub mod step;
pub mod test;
pub mod verify;
pub mod wait;
pub mod written;

use std::collections::BTreeMap;

use ferry_contract::catalog::{Catalog, ConnectionField, Connector};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The dialect of all schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A kind of file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `NAME.yaml`.
    Pipeline,
    /// `ferry.yaml`.
    Project,
    /// `connectors/NAME/connector.yaml`.
    Connector,
    /// `NAME.test.yaml`.
    Test,
}

/// What may be named.
#[derive(Debug)]
pub struct Known<'a> {
    /// All connectors.
    pub catalog: &'a Catalog,
    /// The connector of each connection.
    pub connections: BTreeMap<String, String>,
    /// Whether there are no other connections.
    pub is_closed: bool,
}

impl<'a> Known<'a> {
    /// Connections that are named like their connectors, and perhaps others.
    pub fn shipped(catalog: &'a Catalog) -> Self {
        let connections = catalog.connectors.keys().map(|name| (name.clone(), name.clone())).collect();
        Self { catalog, connections, is_closed: false }
    }

    /// The connections of a project, and no others.
    pub fn of_project(catalog: &'a Catalog, connections: BTreeMap<String, String>) -> Self {
        Self { catalog, connections, is_closed: true }
    }
}

impl Kind {
    /// All kinds with their names.
    pub const ALL: [(&'static str, Self); 4] = [
        ("pipeline", Self::Pipeline),
        ("project", Self::Project),
        ("connector", Self::Connector),
        ("test", Self::Test),
    ];

    /// The schema of such a file.
    pub fn schema(self, known: &Known<'_>) -> Value {
        let mut schema = match self {
            Self::Pipeline => derived::<pipeline::Pipeline>(),
            Self::Project => derived::<project::Project>(),
            Self::Connector => derived::<connector::Connector>(),
            Self::Test => derived::<test::Tests>(),
        };
        match self {
            Self::Pipeline => {
                actions::fill(&mut schema, &actions::of(known.catalog, &known.connections), known.is_closed);
            }
            Self::Project => connections(&mut schema, known),
            Self::Connector | Self::Test => {}
        }
        if matches!(self, Self::Pipeline | Self::Project) {
            given::add_references(&mut schema);
        }
        rules::in_markdown(&mut schema);
        schema
    }
}

/// The schema of what an action takes and gives; nothing where there is no such action.
pub fn action(catalog: &Catalog, name: &str) -> Option<Value> {
    let (connector, action) = name.split_once('.')?;
    let mut schema = with_head(actions::document_of(catalog.action(connector, action)?));
    schema["title"] = name.into();
    Some(schema)
}

/// All schemas, by the names of their files.
pub fn all(known: &Known<'_>) -> Vec<(String, Value)> {
    let kinds = Kind::ALL.iter().map(|(name, kind)| (format!("{name}.schema.json"), kind.schema(known)));
    let names = known.catalog.connectors.values().flat_map(|connector| connector.actions.values());
    let actions =
        names.filter_map(|of| Some((format!("actions/{}.schema.json", of.name), action(known.catalog, &of.name)?)));
    kinds.chain(actions).collect()
}

fn derived<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    rules::without_null(&mut schema);
    with_head(schema)
}

/// What it is comes first.
fn with_head(schema: Value) -> Value {
    let mut schema = schema;
    let mut head = Map::from_iter([("$schema".to_owned(), DIALECT.into())]);
    if let Value::Object(map) = &mut schema {
        head.extend(map.shift_remove("description").map(|text| ("description".to_owned(), text)));
        // An editor would show the name of the type above whatever it says.
        let rest = std::mem::take(map).into_iter().filter(|(key, _)| key != "$schema" && key != "title");
        head.extend(rest);
    }
    head.into()
}

/// Adds the fields that each connector asks a connection for.
fn connections(schema: &mut Value, known: &Known<'_>) {
    let connectors = &known.catalog.connectors;
    let names: Vec<&String> = connectors.keys().collect();
    // Other connectors may stand in a project's own folder.
    let words = if known.is_closed { "enum" } else { "examples" };
    let connection = &mut schema["$defs"]["Connection"];
    connection["properties"]["connector"][words] = json!(names);
    connection["allOf"] = connectors.values().map(|connector| self::connection(connector)).collect();
    // With environments, each of them may say what is needed.
    schema["if"] = json!({ "not": { "required": ["environments"] } });
    let whole: Vec<Value> = connectors.values().map(|connector| needed(connector)).collect();
    let whole = json!({ "required": ["environment"], "allOf": whole });
    schema["then"] = json!({ "properties": { "connections": { "additionalProperties": whole } } });
}

fn is_of(connector: &Connector) -> Value {
    json!({ "properties": { "connector": { "const": connector.name } }, "required": ["connector"] })
}

/// What a connection of a connector has to have.
fn needed(connector: &Connector) -> Value {
    let needed = connector.fields.iter().filter(|(_, field)| !field.optional).map(|(name, _)| name.as_str());
    json!({ "if": is_of(connector), "then": { "required": needed.collect::<Vec<_>>() } })
}

fn connection(connector: &Connector) -> Value {
    let field = |field: &ConnectionField| {
        let instead = field.deprecated.as_deref();
        let description = format!("{}{} For example `{}`.", actions::told(instead), field.doc, field.example);
        let mut schema = Map::from_iter([("description".to_owned(), description.into())]);
        actions::deprecate(instead, &mut schema);
        Value::Object(schema)
    };
    let own = connector.fields.iter().map(|(name, of)| (name.clone(), field(of)));
    let words: Vec<&String> = connector.environments.keys().collect();
    let environment = json!({
        "if": { "pattern": "\\$\\{" },
        "else": { "enum": words },
        "description": "The environment.",
    });
    let general = ["connector", "concurrency", "tls"].map(|name| (name.to_owned(), json!({})));
    let hosts: BTreeMap<&String, Value> =
        connector.environments.values().flatten().map(|host| (host, json!({}))).collect();
    let fallback = ("fallback".to_owned(), json!({ "properties": hosts, "additionalProperties": false }));
    let profiles: Vec<&str> = connector.profiles.iter().map(|profile| profile.name.as_str()).collect();
    let profile = (
        "profile".to_owned(),
        json!({ "enum": profiles, "description": "The profile; the first where it is left out." }),
    );
    let profile = Some(profile).filter(|_| !profiles.is_empty());
    let environment = [("environment".to_owned(), environment), fallback].into_iter().chain(profile);
    let properties: Map<String, Value> = general.into_iter().chain(environment).chain(own).collect();
    json!({ "if": is_of(connector), "then": { "properties": properties, "additionalProperties": false } })
}
