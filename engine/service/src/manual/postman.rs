//! A connector as a collection of Postman. Source: the schema of collections, v2.1.0.
//!
//! Fields of the connection are variables; those that are secrets are empty.

use ferry_connectors::{
    library::Library,
    manifest::{Auth, BodyEncoding, ClientAuth, Grant, Manifest, OAuth2},
};
use ferry_contract::template::Template;
use serde_json::{Value, json};

use super::outline::{self, Outline, Parameter, Place, Segment};

/// What a collection says of itself.
const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

/// The collection of a connector for one environment.
pub fn collection(manifest: &Manifest, library: &Library, environment: Option<&str>) -> Value {
    let outlines = outline::outlines(manifest, library);
    let environment = outline::environments(manifest, environment).first().copied().unwrap_or_default();
    let connector = &manifest.connector;
    let about = connector.description.clone().unwrap_or_default();
    let mut collection = json!({
        "info": {
            "name": format!("{} ({environment})", connector.title),
            "description": format!("{about} What the connector `{}` of ferry calls.", connector.name).trim(),
            "schema": SCHEMA,
        },
        "item": outlines.iter().map(item).collect::<Vec<_>>(),
        "variable": variables(manifest, environment, &outlines),
    });
    if let Some(way) = way(manifest) {
        collection["auth"] = auth(way);
    }
    collection
}

fn named(name: &str) -> String {
    format!("{{{{{name}}}}}")
}

fn variables(manifest: &Manifest, environment: &str, outlines: &[Outline<'_>]) -> Vec<Value> {
    let own = manifest.environments.get(environment);
    let mut hosts: Vec<&str> = own.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    hosts.extend(outlines.iter().map(|outline| outline.call.request.host.as_str()));
    hosts.sort_unstable();
    hosts.dedup();
    let host = |host: &str| {
        let address = outline::address(manifest, environment, host, &named);
        let told = outline::told(manifest, host);
        let about = told.map_or_else(
            || format!("The host `{host}`."),
            |path| format!("The host `{host}`; what the token's answer says at `{path}` comes before it."),
        );
        json!({ "key": host, "value": address, "type": "string", "description": about })
    };
    let fields = manifest.connector.fields.iter().map(|(name, field)| {
        let value = if field.secret { "" } else { field.example.as_str() };
        json!({ "key": name, "value": value, "type": "string", "description": field.doc })
    });
    let token = way(manifest).filter(|way| is_by_hand(way)).map(|_| {
        let about = "A token, which is got outside of Postman for what the client has signed.";
        json!({ "key": "access_token", "value": "", "type": "string", "description": about })
    });
    hosts.into_iter().map(host).chain(fields).chain(token).collect()
}

fn is_by_hand(way: &Auth) -> bool {
    way.oauth2().is_some_and(|oauth2| oauth2.assertion().is_some())
}

/// The first way that Postman can go by itself, else the first.
fn way(manifest: &Manifest) -> Option<&Auth> {
    manifest.auth.iter().find(|way| !is_by_hand(way)).or(manifest.auth.first())
}

fn auth(way: &Auth) -> Value {
    match way {
        Auth::Basic { username, password } => {
            let (username, password) = (text(username), text(password));
            typed("basic", &[("username", &username), ("password", &password)])
        }
        Auth::ApiKey { header, value } => {
            typed("apikey", &[("key", &text(header)), ("value", &text(value)), ("in", "header")])
        }
        Auth::OAuth2(oauth2) => token(oauth2),
    }
}

fn token(oauth2: &OAuth2) -> Value {
    let url = text(&oauth2.token_url);
    let scope = oauth2.scope.clone().unwrap_or_default();
    let client = match oauth2.client {
        ClientAuth::Basic => "header",
        ClientAuth::Form | ClientAuth::Assertion(_) | ClientAuth::None => "body",
    };
    let is_signed = matches!(oauth2.client, ClientAuth::Assertion(_));
    let (id, secret) = (named("client_id"), named("client_secret"));
    let mut pairs = vec![
        ("accessTokenUrl", url.as_str()),
        ("scope", &scope),
        ("client_authentication", client),
        ("addTokenTo", "header"),
    ];
    if !matches!(oauth2.client, ClientAuth::None) {
        pairs.extend([("clientId", id.as_str()), ("clientSecret", &secret)]);
    }
    match &oauth2.grant {
        Grant::ClientCredentials if is_signed => typed("bearer", &[("token", &named("access_token"))]),
        Grant::ClientCredentials => {
            pairs.push(("grant_type", "client_credentials"));
            typed("oauth2", &pairs)
        }
        Grant::Password { username, password } => {
            let (username, password) = (text(username), text(password));
            pairs.extend([("grant_type", "password_credentials"), ("username", &username), ("password", &password)]);
            typed("oauth2", &pairs)
        }
        Grant::AuthorizationCode(consent) => {
            let page = text(&consent.authorize_url);
            pairs.extend([("grant_type", "authorization_code_with_pkce"), ("authUrl", page.as_str())]);
            typed("oauth2", &pairs)
        }
        // Postman signs nothing.
        Grant::JwtBearer(_) => typed("bearer", &[("token", &named("access_token"))]),
    }
}

/// A template with each name as a variable; hosts are variables, too.
fn text(template: &Template) -> String {
    outline::filled(template, None, &named)
}

fn typed(kind: &str, pairs: &[(&str, &str)]) -> Value {
    let pairs: Vec<Value> =
        pairs.iter().map(|(key, value)| json!({ "key": key, "value": value, "type": "string" })).collect();
    let mut auth = json!({ "type": kind });
    auth[kind] = pairs.into();
    auth
}

fn item(outline: &Outline<'_>) -> Value {
    let mut headers = vec![json!({ "key": "Accept", "value": outline.call.request.accept.media_types() })];
    let of = |place: Place| outline.parameters.iter().filter(move |parameter| parameter.place == place);
    headers.extend(of(Place::Header).map(
        |header| json!({ "key": header.name, "value": value_of(header, outline), "description": header.description }),
    ));
    let mut request = json!({
        "method": outline.call.request.method,
        "header": headers,
        "url": url(outline),
        "description": outline::told_of(outline.action),
    });
    if let Some(body) = &outline.body {
        let encoding = outline.call.request.encoding;
        request["header"]
            .as_array_mut()
            .into_iter()
            .for_each(|headers| headers.push(json!({ "key": "Content-Type", "value": encoding.media_type() })));
        request["body"] = written(encoding, &body.example);
    }
    let name = outline.action.name.rsplit('.').next().unwrap_or_default();
    json!({ "name": name, "request": request, "response": [] })
}

/// A key is another one for each write; all else is as in the example.
fn value_of(header: &Parameter, outline: &Outline<'_>) -> String {
    if outline.call.key_header.as_ref() == Some(&header.name) {
        return "{{$guid}}".to_owned();
    }
    header.example.as_str().map_or_else(|| header.example.to_string(), str::to_owned)
}

fn written(encoding: BodyEncoding, example: &Value) -> Value {
    match encoding {
        BodyEncoding::Json => {
            let raw = serde_json::to_string_pretty(example).unwrap_or_default();
            json!({ "mode": "raw", "raw": raw, "options": { "raw": { "language": "json" } } })
        }
        BodyEncoding::Form => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let fields = example.as_object().into_iter().flatten();
            let fields: Vec<Value> =
                fields.map(|(name, value)| json!({ "key": name, "value": text(value), "type": "text" })).collect();
            json!({ "mode": "urlencoded", "urlencoded": fields })
        }
    }
}

fn url(outline: &Outline<'_>) -> Value {
    let piece = |segment: &Segment| match segment {
        Segment::Text(text) => text.clone(),
        Segment::Parameter(name, true) => named(name),
        Segment::Parameter(name, false) => format!(":{name}"),
    };
    let path: String = outline.path.iter().map(piece).collect();
    let host = named(&outline.call.request.host);
    let query: Vec<&Parameter> =
        outline.parameters.iter().filter(|of| of.place == Place::Query && !of.example.is_null()).collect();
    let said: Vec<String> = query.iter().map(|of| format!("{}={}", of.name, plain(&of.example))).collect();
    let end = if said.is_empty() { String::new() } else { format!("?{}", said.join("&")) };
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut url = json!({ "raw": format!("{host}{path}{end}"), "host": [host], "path": segments });
    if !query.is_empty() {
        let pairs = query
            .iter()
            .map(|of| json!({ "key": of.name, "value": plain(&of.example), "description": of.description }));
        url["query"] = pairs.collect();
    }
    let own = outline.path.iter().filter_map(|segment| match segment {
        Segment::Parameter(name, false) => outline.parameters.iter().find(|of| of.name == *name),
        Segment::Parameter(_, true) | Segment::Text(_) => None,
    });
    let own: Vec<Value> =
        own.map(|of| json!({ "key": of.name, "value": plain(&of.example), "description": of.description })).collect();
    if !own.is_empty() {
        url["variable"] = own.into();
    }
    url
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
