//! What no request over HTTP can say: databases, files, mail. A manifest names one with `native` in the place of a path.
//!
//! A native makes one exchange for one call, and says itself what came of it: nothing here knows when a call may be
//! repeated.

mod departure;
pub(crate) mod files;
mod pubsub;
mod smtp;
mod sql;
mod tls;

use std::{fmt, time::Duration};

use ferry_contract::{
    exchange::kept,
    expression::Scope,
    failure::{ErrorClass, Failure},
    key::Digest,
    path::Document,
    port::{Boxed, Pass},
    script::Named,
};
use serde_json::{Map, Value};

use crate::{
    budget,
    connection::Connection,
    manifest::Call,
    rendered::Rendered,
    request::{Gate, Prepared, too_late},
};

/// All of them.
const NATIVES: &[&dyn Native] = &[
    &sql::Postgres(sql::Verb::Query),
    &sql::Postgres(sql::Verb::QueryOne),
    &sql::Postgres(sql::Verb::Find),
    &sql::Postgres(sql::Verb::Execute),
    &sql::Postgres(sql::Verb::Insert),
    &sql::Postgres(sql::Verb::Upsert),
    &sql::Sqlite(sql::Verb::Query),
    &sql::Sqlite(sql::Verb::QueryOne),
    &sql::Sqlite(sql::Verb::Find),
    &sql::Sqlite(sql::Verb::Execute),
    &sql::Sqlite(sql::Verb::Insert),
    &sql::Sqlite(sql::Verb::Upsert),
    &files::Local(files::Verb::ReadCsv),
    &files::Local(files::Verb::WriteCsv),
    &files::Local(files::Verb::ReadJsonLines),
    &files::Local(files::Verb::WriteJsonLines),
    &files::Local(files::Verb::ReadCamt),
    &files::Local(files::Verb::List),
    &files::Local(files::Verb::Move),
    &files::Sftp(files::Verb::ReadCsv),
    &files::Sftp(files::Verb::WriteCsv),
    &files::Sftp(files::Verb::ReadJsonLines),
    &files::Sftp(files::Verb::WriteJsonLines),
    &files::Sftp(files::Verb::ReadCamt),
    &files::Sftp(files::Verb::List),
    &files::Sftp(files::Verb::Move),
    &smtp::Check,
    &smtp::Send,
    &pubsub::PubSub::Fetch,
    &pubsub::PubSub::Publish,
];

/// One exchange to make.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// As whom, and with which settings.
    pub connection: &'a Connection,
    /// Where: the host of the action, as its environment has it.
    pub address: &'a str,
    /// The action's input, which fits its schema.
    pub input: &'a Value,
    /// Real time until the whole answer is there.
    pub timeout: Duration,
    /// Whether it may still go. A native that writes asks immediately before it does.
    pub gate: Option<&'a Gate>,
    /// The key of the call, which a repeat has too.
    pub key: Option<&'a str>,
    /// The right to further exchanges, such as a login.
    pub(crate) pass: &'a dyn Pass,
    /// In which way it logs in, where it does.
    pub(crate) way: Option<usize>,
}

impl fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<'a> Work<'a> {
    /// Whether it may still write.
    pub fn may_go(&self) -> bool {
        self.gate.is_none_or(Gate::is_open)
    }

    /// A field of the connection that has a value.
    pub(crate) fn field(&self, name: &str) -> Option<&'a str> {
        self.connection.fields.get(name).map(secrecy::ExposeSecret::expose_secret).filter(|value| !value.is_empty())
    }

    /// A field that the manifest calls needed.
    pub(crate) fn needed_field(&self, name: &str) -> Result<&'a str, Failure> {
        self.field(name).ok_or_else(|| config(format!("`{name}` has no value")))
    }

    /// A text of the input, which fits its schema.
    pub(crate) fn text(&self, name: &str) -> &'a str {
        self.input.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The project is set up wrongly.
pub(crate) fn config(message: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Config, message)
}

/// Our own check refused it; nothing was sent.
pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Invalid, message)
}

/// The target refused it.
pub(crate) fn rejected(message: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Rejected, message)
}

/// Nothing was done.
pub(crate) fn unavailable(message: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Unavailable, message)
}

/// A protocol of its own.
pub trait Native: fmt::Debug + Sync {
    /// The name that manifests use.
    fn name(&self) -> &'static str;

    /// Makes the exchange, once; what it gives is what the action's `result` reads.
    ///
    /// # Errors
    /// What came of it: `unavailable` only where nothing was done, `unknown` where nobody can say.
    fn call<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Result<Value, Failure>>;

    /// Whether the sandbox speaks it too.
    fn has_sandbox(&self) -> bool {
        false
    }
}

impl Connection {
    /// Makes the one exchange of a call that is none of HTTP.
    pub(crate) async fn send_native(
        &self,
        pass: &dyn Pass,
        (call, native): (&Call, &dyn Native),
        prepared: &Prepared,
    ) -> Result<Value, Failure> {
        let addresses = self.addresses(&call.request.host, None)?;
        let address = &addresses[0];
        // The sandbox speaks little more than HTTP, and what is real is not to be reached from it.
        if address.url.starts_with("http") && !native.has_sandbox() {
            return Err(config(format!("the sandbox has no {}", self.manifest.connector.title)));
        }
        pass.next(&address.name).await?;
        let work = Work {
            connection: self,
            address: &address.url,
            input: &prepared.input,
            timeout: call.timeout,
            gate: prepared.gate.as_ref(),
            key: prepared.call_key.as_deref(),
            pass,
            way: self.way_of(call),
        };
        let given = if work.may_go() { native.call(work).await } else { Err(too_late()) };
        let class = given.as_ref().err().map(|failure| failure.class);
        pass.seen(&address.name, budget::seen(self, class, None)).await;
        let mask = self.mask(&prepared.sensitive);
        let body = given.map_err(|failure| Failure { message: mask.text(&failure.message), ..failure })?;
        let names = [("body", &body), ("input", &prepared.input), ("connection", &self.open)];
        let scope = Scope { rules: &self.rules, document: Document::Value(&body), names: &Named(&names) };
        call.result.eval(scope).map_err(|error| Failure::new(ErrorClass::Unknown, error.to_string()))
    }

    /// What a person sees of a call that is no single request over HTTP.
    pub(crate) async fn rendered_whole(&self, call: &Call, prepared: &Prepared) -> Result<Rendered, Failure> {
        let addresses = self.addresses(&call.request.host, None)?;
        let (name, url) = (&call.request.method, &addresses[0].url);
        let mask = self.mask(&prepared.sensitive);
        let mut shown = prepared.input.clone();
        if let (Some(sent), Some(shown)) = (self.sent_file(call, prepared).await?, shown.as_object_mut()) {
            shown.insert("sent".to_owned(), sent);
        }
        Ok(Rendered {
            method: name.clone(),
            url: mask.url(url),
            headers: Value::Object(Map::new()),
            body: Some(kept(&mask, &shown)),
            digest: Digest::of(format!("{name} {url}\n{}", Digest::of_value(&shown))),
        })
    }
}

/// The native of that name.
pub fn named(name: &str) -> Option<&'static dyn Native> {
    NATIVES.iter().copied().find(|native| native.name() == name)
}

/// The names of all.
pub fn names() -> Vec<&'static str> {
    NATIVES.iter().map(|native| native.name()).collect()
}
