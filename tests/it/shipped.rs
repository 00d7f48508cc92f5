//! The shipped connectors in a sandbox, opened as a project would open them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use ferry::{clock::SystemClock, http::HttpClient, sandbox::SandboxInfo};
use ferry_connectors::{
    auth::{Code, Consents},
    connection::{Connection, Settings, World},
    library::Library,
};
use ferry_contract::{
    failure::Failure,
    port::{Boxed, Clock, FreePass, Http, HttpRequest},
    script::NoWatch,
};
use secrecy::SecretString;
use serde_json::Value;

/// A connection by the machine's clock, whose fields are as the sandbox wants them.
pub(crate) async fn opened(
    (sandbox, http): (&str, &Arc<HttpClient>),
    (connector, profile): (&str, Option<&str>),
    fields: &[&str],
) -> Connection {
    let fields: Vec<_> = fields.iter().map(|name| (*name, None)).collect();
    opened_by((sandbox, http), Arc::new(SystemClock::default()), (connector, profile), &fields).await
}

/// The same by another clock; a field may have a value of its own.
pub(crate) async fn opened_by(
    (sandbox, http): (&str, &Arc<HttpClient>),
    clock: Arc<dyn Clock>,
    (connector, profile): (&str, Option<&str>),
    fields: &[(&str, Option<&str>)],
) -> Connection {
    let info = SandboxInfo::ask(sandbox, &**http).await.unwrap();
    let (library, _) = Library::load(&[], Arc::new(NoWatch));
    // In a sandbox all hosts are one, whatever the environment.
    let environment = library.manifests[connector].environments.keys().next().unwrap().clone();
    let value = |(name, given): &(&str, Option<&str>)| {
        let value = given.map(str::to_owned).or_else(|| info.field(connector, name)).unwrap();
        ((*name).to_owned(), value.into())
    };
    let settings = Settings {
        name: connector.to_owned(),
        connector: connector.to_owned(),
        environment,
        profile: profile.map(str::to_owned),
        sandbox: Some(sandbox.to_owned()),
        fields: fields.iter().map(value).collect(),
    };
    Connection::open(settings, &library, World { http: Arc::clone(http) as Arc<dyn Http>, clock }).unwrap()
}

/// What one call gets.
pub(crate) async fn call(connection: &Connection, action: &str, input: Value) -> Result<Value, Failure> {
    let prepared = connection.prepare(action, &input)?;
    connection.send(&FreePass, action, &[&prepared]).await.pop().unwrap()
}

/// A person says yes, in the sandbox's own pages, to a connection that keeps consents somewhere; gives what is learnt of him.
pub(crate) async fn allow(connection: &Connection, http: &HttpClient) -> BTreeMap<String, String> {
    let (verifier, back) =
        (SecretString::from("a proof of some length, as long as it has to be"), "http://127.0.0.1:1/back");
    let page = connection.consent_page(&[("redirect_uri", back), ("state", "s"), ("consent", "auto")]).unwrap();
    let answer = http.send(request("GET", page)).await.unwrap();
    let to = answer.header("location").unwrap();
    let code = to.split(['?', '&']).find_map(|pair| pair.strip_prefix("code=")).unwrap();
    let code = Code { code, redirect_uri: back, verifier: &verifier, nonce: "" };
    connection.take_code(&FreePass, code).await.unwrap()
}

/// Consents in memory.
#[derive(Default)]
pub(crate) struct Kept(Mutex<BTreeMap<String, (u64, Value)>>);

impl Consents for Kept {
    fn read<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<(u64, Value)>, String>> {
        Box::pin(std::future::ready(Ok(self.0.lock().unwrap().get(name).cloned())))
    }

    fn write<'a>(&'a self, name: &'a str, expected: u64, value: Value) -> Boxed<'a, Result<bool, String>> {
        let mut rows = self.0.lock().unwrap();
        let is_expected = rows.get(name).map_or(0, |(version, _)| *version) == expected;
        if is_expected {
            rows.insert(name.to_owned(), (expected + 1, value));
        }
        Box::pin(std::future::ready(Ok(is_expected)))
    }
}

/// A request as a browser makes it.
pub(crate) fn request(method: &str, url: String) -> HttpRequest {
    let (method, timeout) = (method.to_owned(), Duration::from_secs(10));
    HttpRequest { method, url, headers: Vec::new(), body: None, save: None, timeout, tls: None }
}
