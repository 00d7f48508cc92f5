//! A connection of a shipped connector that speaks no HTTP, and calls of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ferry_connectors::{
    connection::{Connection, Settings, World},
    library::Library,
    request::Gate,
};
use ferry_contract::{
    failure::Failure,
    port::{Boxed, Clock, FreePass, Http, HttpError, HttpRequest, HttpResponse},
    script::NoWatch,
};
use jiff::Timestamp;
use serde_json::Value;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Nothing goes over HTTP.
struct Nowhere;

impl Http for Nowhere {
    fn send(&self, _: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        panic!("a native sends no request over HTTP")
    }
}

/// One system.
pub(crate) struct System {
    pub(crate) connection: Connection,
    is_open: Arc<AtomicBool>,
}

impl System {
    pub(crate) fn new(connector: &str, environment: &str, fields: &[(&str, &str)]) -> Self {
        let (library, _) = Library::load(&[], Arc::new(NoWatch));
        let settings = Settings {
            name: "target".to_owned(),
            connector: connector.to_owned(),
            environment: environment.to_owned(),
            profile: None,
            sandbox: None,
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
        };
        let world = World { http: Arc::new(Nowhere), clock: Arc::new(Still) };
        let connection = Connection::open(settings, &library, world).unwrap();
        Self { connection, is_open: Arc::new(AtomicBool::new(true)) }
    }

    /// Lets no write go from now on.
    pub(crate) fn close(&self) {
        self.is_open.store(false, Ordering::Relaxed);
    }

    pub(crate) async fn call(&self, action: &str, input: Value) -> Result<Value, Failure> {
        let is_open = Arc::clone(&self.is_open);
        let gate = Gate::new(move || is_open.load(Ordering::Relaxed));
        let call = self.connection.prepare(action, &input)?.while_open(gate);
        self.connection.send(&FreePass, action, &[&call]).await.pop().unwrap()
    }

    /// What it gives, or `class: message`.
    pub(crate) async fn said(&self, action: &str, input: Value) -> String {
        match self.call(action, input).await {
            Ok(output) => output.to_string(),
            Err(failure) => format!("{}: {}", failure.class, failure.message),
        }
    }
}
