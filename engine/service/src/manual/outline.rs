//! The requests of a manifest as other programs describe them: parameters and bodies with a schema and an example.

use std::collections::BTreeMap;

use ferry_connectors::{
    connection::open_fields,
    library::Library,
    manifest::{Auth, Call, Manifest, OAuth2},
};
use ferry_contract::{
    catalog::Action,
    expression::{Expression, Made, Scope},
    path::{Document, Path, Step},
    schema::{Kind, Schema},
    script::{Named, Rules},
    template::{Piece, Template},
};
use serde_json::{Map, Value, json};

use crate::schemas::actions::data;

/// One request.
pub(super) struct Outline<'a> {
    pub(super) action: &'a Action,
    pub(super) call: &'a Call,
    /// The path, piece by piece; what is put in has a parameter's name.
    pub(super) path: Vec<Segment>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
}

/// A piece of a path.
pub(super) enum Segment {
    /// Itself.
    Text(String),
    /// A parameter, and whether it is a field of the connection.
    Parameter(String, bool),
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

/// One parameter.
pub(super) struct Parameter {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) is_required: bool,
    pub(super) schema: Value,
    pub(super) example: Value,
}

/// A JSON body.
pub(super) struct Body {
    pub(super) schema: Value,
    pub(super) example: Value,
}

/// All requests of a manifest, by the names of their actions.
pub(super) fn outlines<'a>(manifest: &'a Manifest, library: &'a Library) -> Vec<Outline<'a>> {
    let actions = manifest.connector.actions.iter();
    // What is no HTTP has no request to describe.
    let pairs = actions.filter_map(|(name, action)| Some((action, manifest.calls.get(name)?)));
    let pairs = pairs.filter(|(_, call)| call.is_http());
    pairs.map(|(action, call)| outline(manifest, (action, call), &library.rules)).collect()
}

fn outline<'a>(manifest: &Manifest, (action, call): (&'a Action, &'a Call), rules: &Rules) -> Outline<'a> {
    let input = example_input(&action.input, false);
    let fields = manifest.connector.fields.iter();
    let fields = fields.map(|(name, field)| (name.clone(), field.example.clone().into())).collect();
    let connection = open_fields(&manifest.connector, &fields);
    // Where a request needs what an input may leave out, the example gives all.
    let is_enough = made(call, &Example { input: &input, connection: &connection, rules });
    let input = if is_enough { input } else { example_input(&action.input, true) };
    let example = Example { input: &input, connection: &connection, rules };
    let (path, mut parameters) = path(manifest, (action, call), &example);
    parameters.extend(call.request.headers.iter().map(|(name, by)| Parameter {
        place: Place::Header,
        name: name.clone(),
        description: description_of(by, &action.input),
        is_required: is_always_there(by, &action.input),
        schema: schema_of(by, &action.input),
        example: example.eval(by).unwrap_or_default(),
    }));
    parameters.extend(call.request.query.iter().map(|(name, by)| Parameter {
        place: Place::Query,
        name: name.clone(),
        description: description_of(by, &action.input),
        is_required: is_always_there(by, &action.input),
        schema: schema_of(by, &action.input),
        example: example.eval(by).unwrap_or_default(),
    }));
    parameters.extend(call.key_header.iter().map(|header| Parameter {
        place: Place::Header,
        name: header.clone(),
        description: "The key by which a repeat is known; another one for each write.".to_owned(),
        is_required: true,
        schema: json!({ "type": "string" }),
        example: "5f0c1a7e-key-of-this-write".into(),
    }));
    let body = call
        .request
        .body
        .as_ref()
        .map(|by| Body { schema: schema_of(by, &action.input), example: example.eval(by).unwrap_or_default() });
    Outline { action, call, path, parameters, body }
}

fn path(
    manifest: &Manifest,
    (action, call): (&Action, &Call),
    example: &Example<'_>,
) -> (Vec<Segment>, Vec<Parameter>) {
    let (mut segments, mut parameters): (Vec<Segment>, Vec<Parameter>) = (Vec::new(), Vec::new());
    for piece in call.request.path.pieces() {
        let (parameter, is_field) = match piece {
            Piece::Text(text) => {
                segments.push(Segment::Text(text.to_owned()));
                continue;
            }
            Piece::Path(path) => (from_input(path, &action.input, example.input), false),
            Piece::Name(name) => match call.request.lets.iter().find(|(known, _)| known == name) {
                Some((_, by)) => (computed(name, by, example), false),
                None => (from_connection(manifest, name), true),
            },
        };
        segments.push(Segment::Parameter(parameter.name.clone(), is_field));
        if parameters.iter().all(|known| known.name != parameter.name) {
            parameters.push(parameter);
        }
    }
    (segments, parameters)
}

fn from_input(path: &Path, schema: &Schema, input: &Value) -> Parameter {
    let found = below(schema, path);
    Parameter {
        place: Place::Path,
        name: path.dotted().unwrap_or_else(|| "value".to_owned()).replace('.', "_"),
        description: found.map(|found| found.description.clone()).unwrap_or_default(),
        is_required: true,
        schema: found.map_or_else(|| json!({ "type": "string" }), |found| data(found, true)),
        example: path.one(Document::Value(input)).cloned().unwrap_or_else(|_| "…".into()),
    }
}

fn computed(name: &str, by: &Expression, example: &Example<'_>) -> Parameter {
    Parameter {
        place: Place::Path,
        name: name.to_owned(),
        description: "Ferry makes it from the input of the action.".to_owned(),
        is_required: true,
        schema: json!({ "type": "string" }),
        example: example.eval(by).unwrap_or_default(),
    }
}

fn from_connection(manifest: &Manifest, name: &str) -> Parameter {
    let field = manifest.connector.fields.iter().find(|(known, _)| known == name).map(|(_, field)| field);
    let example = field.filter(|field| !field.secret).map(|field| field.example.clone());
    Parameter {
        place: Place::Path,
        name: name.to_owned(),
        description: field.map(|field| field.doc.clone()).unwrap_or_default(),
        is_required: true,
        schema: json!({ "type": "string" }),
        example: example.unwrap_or_default().into(),
    }
}

/// Whether the whole request can be made of an input.
fn made(call: &Call, example: &Example<'_>) -> bool {
    let mut paths = call.request.path.paths();
    call.request.expressions().all(|by| example.eval(by).is_some())
        && paths.all(|path| path.one(Document::Value(example.input)).is_ok())
}

/// What an example of a request is made of.
struct Example<'a> {
    input: &'a Value,
    connection: &'a Value,
    rules: &'a Rules,
}

impl Example<'_> {
    fn eval(&self, by: &Expression) -> Option<Value> {
        let names = [("input", self.input), ("connection", self.connection)];
        let document = Document::Value(self.input);
        by.eval(Scope { rules: self.rules, document, names: &Named(&names) }).ok()
    }
}

/// An input by the examples of its fields: those that are required, or all.
fn example_input(schema: &Schema, is_whole: bool) -> Value {
    if let Some(example) = &schema.example {
        return example.clone();
    }
    let is_wanted = |name: &String| is_whole || schema.required.contains(name);
    match schema.kind {
        Some(Kind::Object) | None => {
            let fields = schema.properties.iter().filter(|(name, _)| is_wanted(name));
            fields.map(|(name, field)| (name.clone(), example_input(field, is_whole))).collect::<Map<_, _>>().into()
        }
        Some(Kind::Array) => json!([]),
        Some(Kind::String) => "".into(),
        Some(Kind::Number | Kind::Integer) => 0.into(),
        Some(Kind::Boolean) => false.into(),
    }
}

/// The schema at a path of names.
fn below<'a>(schema: &'a Schema, path: &Path) -> Option<&'a Schema> {
    path.steps()?.iter().try_fold(schema, |schema, step| match step {
        Step::Name(name) => schema.property(name),
        Step::Index(_) => schema.items.as_deref(),
    })
}

/// Whether each step to a value is required.
fn is_required(schema: &Schema, path: &Path) -> bool {
    let names = path.steps().unwrap_or_default().iter().try_fold(schema, |schema, step| match step {
        Step::Name(name) if schema.required.contains(name) => schema.property(name),
        Step::Name(_) | Step::Index(_) => None,
    });
    path.steps().is_some() && names.is_some()
}

fn is_always_there(by: &Expression, input: &Schema) -> bool {
    match &by.made {
        Made::Path(path) => is_required(input, path),
        Made::Rhai(_) | Made::Operator(_) => false,
        Made::Literal(_) | Made::Text(_) | Made::List(_) | Made::Object(_) => true,
    }
}

fn description_of(by: &Expression, input: &Schema) -> String {
    match &by.made {
        Made::Path(path) => below(input, path).map(|found| found.description.clone()).unwrap_or_default(),
        Made::Rhai(_) => "Ferry makes it from the input of the action.".to_owned(),
        Made::Literal(_) | Made::Text(_) | Made::List(_) | Made::Object(_) | Made::Operator(_) => String::new(),
    }
}

/// What is known of a value that is made from an input, as plain JSON Schema.
fn schema_of(by: &Expression, input: &Schema) -> Value {
    match &by.made {
        Made::Literal(value) => json!({ "const": value }),
        Made::Path(path) => below(input, path).map_or_else(|| json!({}), |found| data(found, is_required(input, path))),
        Made::Rhai(_) | Made::Operator(_) => json!({}),
        Made::Text(_) => json!({ "type": "string" }),
        Made::List(items) => match items.as_slice() {
            [one] => json!({ "type": "array", "items": schema_of(one, input) }),
            several => {
                json!({ "type": "array", "items": { "anyOf": several.iter().map(|item| schema_of(item, input)).collect::<Vec<_>>() } })
            }
        },
        Made::Object(entries) => {
            let fields = entries.iter().map(|(name, by)| (name.value.clone(), schema_of(by, input)));
            let needed = entries.iter().filter(|(_, by)| is_always_there(by, input)).map(|(name, _)| &name.value);
            let (fields, needed): (Map<_, _>, Vec<_>) = (fields.collect(), needed.collect());
            json!({ "type": "object", "properties": fields, "required": needed })
        }
    }
}

/// What is known of an answer's body: where the output is read from, there stands what it is.
pub(super) fn answer(outline: &Outline<'_>) -> Value {
    let mut body = json!({});
    place(&outline.call.result, &outline.action.output, &mut body);
    opened(&mut body);
    body
}

fn place(by: &Expression, output: &Schema, body: &mut Value) {
    match &by.made {
        Made::Path(path) => {
            let Some(slot) = path.steps().and_then(|steps| steps.iter().try_fold(body, inside)) else { return };
            *slot = data(output, true);
        }
        Made::Object(entries) => {
            for (name, by) in entries {
                if let Some(field) = output.property(&name.value) {
                    place(by, field, body);
                }
            }
        }
        Made::Literal(_) | Made::Rhai(_) | Made::Text(_) | Made::List(_) | Made::Operator(_) => {}
    }
}

fn inside<'v>(schema: &'v mut Value, step: &Step) -> Option<&'v mut Value> {
    let Step::Name(name) = step else { return None };
    let map = schema.as_object_mut()?;
    map.insert("type".to_owned(), "object".into());
    let properties = map.entry("properties").or_insert_with(|| json!({}));
    Some(properties.as_object_mut()?.entry(name.clone()).or_insert_with(|| json!({})))
}

/// A target may say more than is read.
fn opened(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("additionalProperties") == Some(&Value::Bool(false)) {
                map.remove("additionalProperties");
            }
            map.values_mut().for_each(opened);
        }
        Value::Array(items) => items.iter_mut().for_each(opened),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The environments of a manifest; where people try things comes first.
pub(super) fn environments<'a>(manifest: &'a Manifest, chosen: Option<&'a str>) -> Vec<&'a str> {
    let all = manifest.environments.keys().map(String::as_str);
    let mut all: Vec<&str> = all.filter(|name| chosen.is_none_or(|chosen| chosen == *name)).collect();
    all.sort_by_key(|name| *name != "sandbox");
    all
}

/// The address of a host in an environment, with names as `name` writes them. Where only a token says it, the one that
/// tokens come from.
pub(super) fn address(manifest: &Manifest, environment: &str, host: &str, name: &dyn Fn(&str) -> String) -> String {
    let hosts = manifest.environments.get(environment);
    let own = |host: &str| hosts.and_then(|hosts| hosts.get(host));
    let login = || manifest.auth.iter().filter_map(Auth::oauth2).find_map(|oauth2| own(oauth2.host()));
    own(host).or_else(login).map_or_else(String::new, |template| filled(template, hosts, name))
}

/// Where tokens come from in an environment.
pub(super) fn token_url(
    manifest: &Manifest,
    environment: &str,
    oauth2: &OAuth2,
    name: &dyn Fn(&str) -> String,
) -> String {
    filled(&oauth2.token_url, manifest.environments.get(environment), name)
}

/// A template over hosts and fields.
pub(super) fn filled(
    template: &Template,
    hosts: Option<&BTreeMap<String, Template>>,
    name: &dyn Fn(&str) -> String,
) -> String {
    let piece = |piece: Piece<'_>| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Path(path) => path.text().to_owned(),
        Piece::Name(of) => match hosts.and_then(|hosts| hosts.get(of)) {
            // An address has fields in it, and no hosts.
            Some(host) => filled(host, None, name),
            None => name(of),
        },
    };
    template.pieces().map(piece).collect()
}

/// Where a token's answer says a host, as JSONPath.
pub(super) fn told<'a>(manifest: &'a Manifest, host: &str) -> Option<&'a str> {
    let hosts = manifest.auth.iter().filter_map(Auth::oauth2).flat_map(|oauth2| &oauth2.hosts);
    hosts.into_iter().find(|(name, _)| name == host).map(|(_, path)| path.text())
}

/// The host of most requests.
pub(super) fn usual_host<'a>(outlines: &'a [Outline<'a>]) -> &'a str {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    outlines.iter().for_each(|outline| *counts.entry(&outline.call.request.host).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map_or("", |(host, _)| host)
}

/// What is said of a request where others read of it.
pub(super) fn told_of(action: &Action) -> String {
    let evidence = action.evidence.map_or_else(String::new, |grade| format!(" Evidence: {}.", grade.in_words()));
    format!(
        "{} Effect: {}. Source: {}.{evidence}",
        action.summary,
        action.effect.in_words(),
        action.source.trim_end_matches('.')
    )
}
