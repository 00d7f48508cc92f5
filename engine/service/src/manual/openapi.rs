//! A connector as an OpenAPI document. Source: OpenAPI Specification 3.1.0.
//!
//! It describes the vendor's interface as far as the manifest uses it: requests as they are sent, and of answers what is read.

use std::collections::BTreeMap;

use ferry_connectors::{
    library::Library,
    manifest::{Auth, ErrorRule, Grant, Manifest, OAuth2},
};
use ferry_contract::{failure::ErrorClass, template::Piece};
use serde_json::{Map, Value, json};

use super::outline::{self, Outline, Parameter, Place, Segment};

/// What stands before a status in a condition.
const STATUS: &str = "status == ";

/// The document of a connector; of one environment, or of all.
pub fn document(manifest: &Manifest, library: &Library, environment: Option<&str>) -> Value {
    let outlines = outline::outlines(manifest, library);
    let environments = outline::environments(manifest, environment);
    let usual = outline::usual_host(&outlines);
    let mut schemas = Map::new();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for outline in &outlines {
        let mut operation = operation(manifest, outline, &mut schemas);
        if outline.call.request.host != usual {
            operation["servers"] = servers(manifest, &environments, &outline.call.request.host);
        }
        let method = outline.call.request.method.to_lowercase();
        // Two actions of one path and method are told apart by a fragment, which is not sent.
        let path = path(outline);
        let is_taken = paths.get(&path).is_some_and(|methods| methods.contains_key(&method));
        let path = if is_taken { format!("{path}#{}", short(outline)) } else { path };
        paths.entry(path).or_default().insert(method, operation);
    }
    let connector = &manifest.connector;
    let about = connector.description.clone().unwrap_or_else(|| format!("What ferry calls of {}.", connector.title));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": connector.title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("{about} It has what the connector `{}` of ferry calls, and not the whole interface.", connector.name),
        },
        "servers": servers(manifest, &environments, usual),
        "security": security(manifest),
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": schemes(manifest, &environments) },
    });
    if manifest.auth.is_empty() {
        let document = document.as_object_mut();
        document.into_iter().for_each(|document| drop(document.shift_remove("security")));
    }
    document
}

fn short<'a>(outline: &Outline<'a>) -> &'a str {
    outline.action.name.rsplit('.').next().unwrap_or_default()
}

fn path(outline: &Outline<'_>) -> String {
    let piece = |segment: &Segment| match segment {
        Segment::Text(text) => text.clone(),
        Segment::Parameter(name, _) => format!("{{{name}}}"),
    };
    outline.path.iter().map(piece).collect()
}

fn operation(manifest: &Manifest, outline: &Outline<'_>, schemas: &mut Map<String, Value>) -> Value {
    let (action, name) = (outline.action, short(outline));
    let mut operation = json!({
        "operationId": name,
        "summary": action.summary,
        "description": outline::told_of(action),
    });
    // What is given as an address can be followed.
    if let Some(url) = action.source.split_whitespace().find(|word| word.starts_with("https://")) {
        operation["externalDocs"] =
            json!({ "url": url.trim_end_matches([',', ';', ')', '.']), "description": action.source });
    }
    if action.deprecated.is_some() {
        operation["deprecated"] = true.into();
    }
    if !outline.parameters.is_empty() {
        operation["parameters"] = outline.parameters.iter().map(parameter).collect();
    }
    if let Some(body) = &outline.body {
        let known = format!("{name}_request");
        let content = json!({ "schema": reference(&known), "example": body.example });
        let media_type = outline.call.request.encoding.media_type();
        operation["requestBody"] = json!({ "required": true, "content": { media_type: content } });
        schemas.insert(known, body.schema.clone());
    }
    operation["responses"] = responses(manifest, outline, schemas);
    operation
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn parameter(parameter: &Parameter) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    let mut out = json!({
        "name": parameter.name,
        "in": place,
        "description": parameter.description,
        "required": parameter.is_required,
        "schema": parameter.schema,
    });
    if !parameter.example.is_null() {
        out["example"] = parameter.example.clone();
    }
    out
}

/// A success, and what each status that the error rules name means.
fn responses(manifest: &Manifest, outline: &Outline<'_>, schemas: &mut Map<String, Value>) -> Value {
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    let known = format!("{}_response", short(outline));
    schemas.insert(known.clone(), outline::answer(outline));
    let mut codes = statuses(outline.call.success.text());
    if codes.is_empty() {
        codes.push("2XX".to_owned());
    }
    for code in codes {
        let mut response =
            json!({ "description": format!("It succeeds where `{}`.", outline.call.success.text().trim()) });
        if code != "204" {
            let media_types = outline.call.request.accept.media_types();
            let media_type = media_types.split(',').next().unwrap_or_default();
            response["content"] = json!({ media_type: { "schema": reference(&known) } });
        }
        responses.insert(code, response);
    }
    let mut classes: BTreeMap<String, Vec<ErrorClass>> = BTreeMap::new();
    let rules = outline.call.errors.iter().chain(&manifest.errors);
    for (code, class) in
        rules.flat_map(|rule: &ErrorRule| statuses(rule.when.text()).into_iter().map(|code| (code, rule.class)))
    {
        let known = classes.entry(code).or_default();
        if !known.contains(&class) {
            known.push(class);
        }
    }
    for (code, classes) in classes {
        let said: Vec<String> = classes.iter().map(|class| format!("`{class}`: {}.", class.meaning())).collect();
        responses.entry(code).or_insert_with(|| json!({ "description": said.join(" ") }));
    }
    let other = "Where no rule says what it means, the outcome is `unknown`.";
    responses.insert("default".to_owned(), json!({ "description": other }));
    json!(responses)
}

/// The statuses that a condition compares with.
fn statuses(condition: &str) -> Vec<String> {
    let found = condition.match_indices(STATUS).filter_map(|(at, _)| {
        let code = condition.get(at + STATUS.len()..at + STATUS.len() + 3)?;
        code.bytes().all(|byte| byte.is_ascii_digit()).then(|| code.to_owned())
    });
    found.collect()
}

fn servers(manifest: &Manifest, environments: &[&str], host: &str) -> Value {
    environments.iter().map(|environment| server(manifest, environment, host)).collect()
}

fn server(manifest: &Manifest, environment: &str, host: &str) -> Value {
    let url = outline::address(manifest, environment, host, &|name| format!("{{{name}}}"));
    let told = outline::told(manifest, host);
    let told =
        told.map_or_else(String::new, |path| format!("; what the token's answer says at `{path}` comes before it"));
    let mut server = json!({ "url": url, "description": format!("{environment}{told}") });
    let variables: Map<String, Value> = manifest
        .connector
        .fields
        .iter()
        .filter(|(name, _)| url.contains(&format!("{{{name}}}")))
        .map(|(name, field)| (name.clone(), json!({ "default": field.example, "description": field.doc })))
        .collect();
    if !variables.is_empty() {
        server["variables"] = variables.into();
    }
    server
}

fn kind(way: &Auth) -> &'static str {
    match way {
        Auth::Basic { .. } => "basic",
        Auth::ApiKey { .. } => "api_key",
        Auth::OAuth2(oauth2) => match oauth2.grant {
            Grant::ClientCredentials => "client_credentials",
            Grant::Password { .. } => "password",
            Grant::JwtBearer(_) => "jwt_bearer",
            Grant::AuthorizationCode(_) => "authorization_code",
        },
    }
}

/// The ways by their kinds; of a second one of a kind, with its place.
fn named(manifest: &Manifest) -> impl Iterator<Item = (String, &Auth)> {
    manifest.auth.iter().enumerate().map(|(index, way)| {
        let is_again = manifest.auth[..index].iter().any(|before| kind(before) == kind(way));
        (if is_again { format!("{}_{}", kind(way), index + 1) } else { kind(way).to_owned() }, way)
    })
}

/// One of the ways is enough.
fn security(manifest: &Manifest) -> Value {
    let way = |(name, way): (String, &Auth)| {
        let has_scopes = way.oauth2().is_some_and(|oauth2| !matches!(oauth2.grant, Grant::JwtBearer(_)));
        let scopes = way.oauth2().filter(|_| has_scopes).map(scopes).unwrap_or_default();
        Value::Object(Map::from_iter([(name, json!(scopes.keys().collect::<Vec<_>>()))]))
    };
    named(manifest).map(way).collect()
}

fn scopes(oauth2: &OAuth2) -> BTreeMap<String, String> {
    let scopes = oauth2.scope.iter().flat_map(|scope| scope.split_whitespace());
    scopes.map(|scope| (scope.to_owned(), String::new())).collect()
}

fn schemes(manifest: &Manifest, environments: &[&str]) -> Value {
    named(manifest).map(|(name, way)| (name, scheme(manifest, environments, way))).collect::<Map<_, _>>().into()
}

fn scheme(manifest: &Manifest, environments: &[&str], way: &Auth) -> Value {
    match way {
        Auth::Basic { .. } => json!({ "type": "http", "scheme": "basic" }),
        Auth::ApiKey { header, value } => {
            let begin =
                value.pieces().next().and_then(|piece| if let Piece::Text(text) = piece { Some(text) } else { None });
            match (header.text(), begin) {
                ("authorization", Some("Bearer ")) => json!({ "type": "http", "scheme": "bearer" }),
                _ => json!({ "type": "apiKey", "in": "header", "name": header.text() }),
            }
        }
        Auth::OAuth2(oauth2) => token(manifest, environments, oauth2),
    }
}

/// A token has one address here, and each environment its own: it is the first one's, and all are said.
fn token(manifest: &Manifest, environments: &[&str], oauth2: &OAuth2) -> Value {
    let field = |name: &str| manifest.connector.fields.iter().find(|(known, _)| known == name).map(|(_, field)| field);
    let example = |name: &str| field(name).map_or_else(|| name.to_owned(), |field| field.example.clone());
    let urls: Vec<(&str, String)> =
        environments.iter().map(|name| (*name, outline::token_url(manifest, name, oauth2, &example))).collect();
    let said: Vec<String> = urls.iter().map(|(name, url)| format!("{name}: {url}")).collect();
    let description = format!("Tokens come from {}.", said.join("; "));
    let url = urls.into_iter().next().map(|(_, url)| url).unwrap_or_default();
    let flow = json!({ "tokenUrl": url, "scopes": scopes(oauth2) });
    match &oauth2.grant {
        Grant::ClientCredentials => {
            json!({ "type": "oauth2", "description": description, "flows": { "clientCredentials": flow } })
        }
        Grant::Password { .. } => {
            json!({ "type": "oauth2", "description": description, "flows": { "password": flow } })
        }
        Grant::AuthorizationCode(consent) => {
            let hosts = environments.first().and_then(|name| manifest.environments.get(*name));
            let mut flow = flow;
            flow["authorizationUrl"] = outline::filled(&consent.authorize_url, hosts, &example).into();
            json!({ "type": "oauth2", "description": description, "flows": { "authorizationCode": flow } })
        }
        Grant::JwtBearer(_) => {
            let description = format!("A token for what the client has signed (RFC 7523). {description}");
            json!({ "type": "http", "scheme": "bearer", "description": description })
        }
    }
}
