//! The shipped connectors in a sandbox, opened as a project would open them.

use std::sync::Arc;

use ferry::{clock::SystemClock, http::HttpClient, sandbox::SandboxInfo};
use ferry_connectors::{
    connection::{Connection, Settings, World},
    library::Library,
};
use ferry_contract::{
    failure::Failure,
    port::{Clock, FreePass, Http},
    script::NoWatch,
};
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
