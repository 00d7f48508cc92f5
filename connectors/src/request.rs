//! From an action's input to a request, before it has a host and a token.

use std::sync::Arc;

use ferry_contract::{
    expression::Scope,
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
    path::{Document, Path},
    port::{Body, HttpRequest, Save},
    script::{Named, Rules},
    template::{Escape, percent_encoded},
};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::{
    address::Reach,
    auth::Token,
    connection::Fields,
    manifest::{BodyEncoding, Bundle, Call, OWN_HEADERS},
    transfer::{self, Incoming, Outgoing},
};

/// A call that is ready to be sent, alone or with others of the same group.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The action's input.
    pub input: Value,
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query, from `/`.
    pub target: String,
    /// Headers of the action's own, by name in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, before it is written as its encoding says.
    pub body: Option<Value>,
    /// The file that is sent, and which part of it; its handle once it is about to be.
    pub upload: Option<Outgoing>,
    /// The file that the answer goes into; its handle once it is asked for.
    pub download: Option<Incoming>,
    /// The header that carries the call's key, and the key.
    pub key: Option<(String, String)>,
    /// The call's key, for whatever carries none in a header.
    pub call_key: Option<String>,
    /// What nobody needs to see whole: the inputs that the manifest calls `sensitive`.
    pub sensitive: Vec<String>,
    /// Calls of one group can travel as one request.
    pub group: Digest,
    /// Which addresses of its host it may go to.
    pub reach: Reach,
    /// Asked immediately before bytes leave.
    pub gate: Option<Gate>,
}

/// Whether a request may still be sent. A token is fetched and time passes before its bytes leave.
#[derive(Clone)]
pub struct Gate(Arc<dyn Fn() -> bool + Send + Sync>);

impl Gate {
    /// A gate that this opens and closes.
    pub fn new(is_open: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_open))
    }

    /// Whether it is open now.
    pub fn is_open(&self) -> bool {
        (self.0)()
    }
}

/// What a call gets whose gate is closed.
pub(crate) fn too_late() -> Failure {
    Failure::new(ErrorClass::Unavailable, "the right to send had ended, so nothing was sent").untried()
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gate({})", self.is_open())
    }
}

impl Prepared {
    /// Sends nothing once the gate is closed; of a bundle, the first call's gate counts.
    #[must_use]
    pub fn while_open(self, gate: Gate) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Gives the call its key, which a target that knows repeats gets in a header.
    #[must_use]
    pub fn with_key(mut self, key: &CallKey) -> Self {
        if let Some((_, value)) = &mut self.key {
            key.as_str().clone_into(value);
        }
        self.call_key = Some(key.as_str().to_owned());
        self
    }
}

/// Renders one call.
///
/// # Errors
/// [`ErrorClass::Invalid`] where the input does not fit the manifest: nothing was sent.
pub fn prepare(
    call: &Call,
    (fields, connection, claims): (&Fields, &Value, &[(String, String)]),
    rules: &Rules,
    input: &Value,
) -> Result<Prepared, Failure> {
    let names = [("input", input), ("connection", connection)];
    let scope = Scope { rules, document: Document::Value(input), names: &Named(&names) };
    let invalid = |message: String| Failure::new(ErrorClass::Invalid, format!("the request cannot be made: {message}"));
    let mut lets = Vec::new();
    for (name, expression) in &call.request.lets {
        let value = expression.eval(scope).map_err(|error| invalid(error.to_string()))?;
        lets.push((name.as_str(), percent_encoded(&text(&value))));
    }
    let lookup = |name: &str| {
        let own = lets.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let claim = || claims.iter().find(|(known, _)| known == name).map(|(_, marker)| marker.as_str());
        own.or_else(|| fields.get(name).map(secrecy::ExposeSecret::expose_secret)).or_else(claim)
    };
    let mut target = call.request.path.render(scope.document, &lookup, Escape::Url).map_err(invalid)?;
    let mut separator = '?';
    for (name, expression) in &call.request.query {
        let value = expression.eval(scope).map_err(|error| invalid(error.to_string()))?;
        if !value.is_null() {
            target.push_str(&format!("{separator}{name}={}", percent_encoded(&text(&value))));
            separator = '&';
        }
    }
    for (name, value) in further(call.request.query_of.as_ref(), input).map_err(invalid)? {
        target.push_str(&format!("{separator}{}={}", percent_encoded(&name), percent_encoded(&value)));
        separator = '&';
    }
    let mut headers = Vec::new();
    for (name, value) in further(call.request.headers_of.as_ref(), input).map_err(invalid)? {
        let name = name.to_ascii_lowercase();
        let is_key = call.key_header.as_ref() == Some(&name);
        if !is_header(&name) || is_key || name == "authorization" {
            return Err(invalid(format!("`{name}` is no header that a call may have, or is written by ferry itself")));
        }
        headers.push((name.clone(), header(&name, &Value::from(value)).map_err(invalid)?));
    }
    for (name, expression) in &call.request.headers {
        let value = expression.eval(scope).map_err(|error| invalid(error.to_string()))?;
        if !value.is_null() {
            headers.push((name.clone(), header(name, &value).map_err(invalid)?));
        }
    }
    let body = call.request.body.as_ref().map(|body| body.eval(scope)).transpose();
    // A body that is null is none.
    let body = body.map_err(|error| invalid(error.to_string()))?.filter(|body| !body.is_null());
    written(call.request.encoding, body.as_ref()).map_err(invalid)?;
    let (upload, download) = transfer::named(call, scope, input)?;
    let group = group(call, &target, &headers, body.as_ref());
    let key = call.key_header.clone().map(|header| (header, String::new()));
    let (input, method, sensitive) = (input.clone(), call.request.method.clone(), Vec::new());
    let (call_key, reach, gate) = (None, Reach::First, None);
    Ok(Prepared {
        input,
        method,
        target,
        headers,
        body,
        upload,
        download,
        key,
        call_key,
        sensitive,
        group,
        reach,
        gate,
    })
}

/// Names and values that the input itself says; of a list, each under the same name.
fn further(at: Option<&Path>, input: &Value) -> Result<Vec<(String, String)>, String> {
    // What is not there is left out, as what is null.
    let found = at.and_then(|at| Some((at.text(), at.one(Document::Value(input)).ok()?)));
    let Some((what, found)) = found.filter(|(_, found)| !found.is_null()) else { return Ok(Vec::new()) };
    let entries = found.as_object().ok_or_else(|| format!("`{what}` is a map"))?;
    let mut all = Vec::new();
    for (name, value) in entries {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values.iter().filter(|value| !value.is_null()) {
            if value.is_object() || value.is_array() {
                return Err(format!("`{what}.{name}` is no single value"));
            }
            all.push((name.clone(), text(value)));
        }
    }
    Ok(all)
}

/// Whether a name in lower case is one of a header that is not the runtime's own. Source: RFC 9110, section 5.6.2.
pub(crate) fn is_header(name: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let own = ["connection", "transfer-encoding", "te", "upgrade", "expect", "trailer", "content-encoding"];
    let is_own = OWN_HEADERS.iter().any(|(own, _)| *own == name && name != "authorization") || own.contains(&name);
    !name.is_empty() && name.bytes().all(is_sign) && !is_own
}

/// The digest of everything but the bundle's items.
fn group(call: &Call, target: &str, headers: &[(String, String)], body: Option<&Value>) -> Digest {
    let mut rest = body.cloned().unwrap_or(Value::Null);
    match &call.bundle {
        Some(bundle) => {
            bundle.items.slot(&mut rest).into_iter().for_each(|items| *items = Value::Null);
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            Digest::of(format!("{target}\n{headers}{}", Digest::of_value(&rest)))
        }
        None => Digest::of(target),
    }
}

/// The value of a header: what would end it, or begin another, is refused.
pub(crate) fn header(name: &str, value: &Value) -> Result<String, String> {
    let text = text(value);
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t') {
        return Ok(text);
    }
    Err(format!("the header `{name}` has letters that no header may have"))
}

/// The request of a call to an address with its path.
pub(crate) fn http_request(call: &Call, prepared: &Prepared, url: String, token: Option<&Token>) -> HttpRequest {
    let (upload, download) = (prepared.upload.as_ref(), prepared.download.as_ref());
    let accepted = download.map_or(call.request.accept.media_types(), |download| &download.media_type);
    let mut headers = vec![("accept".to_owned(), accepted.to_owned())];
    if let Some(token) = token {
        headers.push((token.header.0.clone(), token.header.1.expose_secret().to_owned()));
    }
    headers.extend(prepared.key.clone());
    // Who we are is said once.
    let own = token.map(|token| token.header.0.as_str());
    headers.extend(prepared.headers.iter().filter(|(name, _)| Some(name.as_str()) != own).cloned());
    // What cannot be written was refused when it was prepared.
    let body = written(call.request.encoding, prepared.body.as_ref()).ok().flatten().map(Body::Bytes);
    let media_type = match upload {
        Some(upload) => Some(upload.media_type.as_str()),
        None => body.is_some().then(|| call.request.encoding.media_type()),
    };
    headers.extend(media_type.map(|media_type| ("content-type".to_owned(), media_type.to_owned())));
    let sent = upload.and_then(|upload| upload.opened.clone());
    let body = sent.map(|sent| Body::Upload(sent)).or(body);
    let to = download.and_then(|download| download.opened.clone());
    let save = download.zip(to).map(|(download, to)| Save { media_type: download.media_type.clone(), to });
    HttpRequest { method: prepared.method.clone(), url, headers, body, save, timeout: call.timeout, tls: None }
}

/// The bytes of a body.
///
/// # Errors
/// What a form cannot say, in words.
pub(crate) fn written(encoding: BodyEncoding, body: Option<&Value>) -> Result<Option<Vec<u8>>, String> {
    let Some(body) = body else { return Ok(None) };
    match (encoding, body) {
        (BodyEncoding::Json, body) => Ok(Some(body.to_string().into_bytes())),
        (BodyEncoding::Form, Value::Object(entries)) => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
                if value.is_object() || value.is_array() {
                    return Err(format!("`{name}` is no single value, and a form has no other"));
                }
                form.append_pair(name, &text(value));
            }
            Ok(Some(form.finish().into_bytes()))
        }
        (BodyEncoding::Form, _) => Err("a form is a map of values".to_owned()),
    }
}

/// One body with the items of all, in order.
pub fn merged(bundle: &Bundle, calls: &[&Prepared]) -> Option<Value> {
    let mut body = calls.first()?.body.clone()?;
    let rest = calls[1..].iter().filter_map(|call| call.body.clone());
    let more: Vec<Value> = rest.flat_map(|mut body| taken(bundle, &mut body)).collect();
    bundle.items.slot(&mut body)?.as_array_mut()?.extend(more);
    Some(body)
}

fn taken(bundle: &Bundle, body: &mut Value) -> Vec<Value> {
    match bundle.items.slot(body).map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(_) | None => Vec::new(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
