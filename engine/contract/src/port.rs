//! What the pure parts need from the world, as traits; the service and the simulation implement them.

use std::{future::Future, io, pin::Pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;

use crate::{
    catalog::Window,
    failure::{ErrorClass, Failure},
};

/// A future that can be stored and sent.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where all time comes from.
pub trait Clock: Send + Sync {
    /// Now, in the clock's time (which a sandbox may run faster than the wall's).
    fn now(&self) -> Timestamp;
    /// Waits for a duration of the clock's time.
    fn sleep(&self, duration: Duration) -> Boxed<'_, ()>;
}

/// A request as bytes, after authentication and templates. It holds a token, so it prints little.
#[derive(Clone)]
pub struct HttpRequest {
    /// `GET`, `POST` …
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What is sent with it.
    pub body: Option<Body>,
    /// Where the body of a success goes, where it is not to be held in memory.
    pub save: Option<Save>,
    /// How long to wait for the whole answer, in real time: a socket knows no other.
    pub timeout: Duration,
    /// How both sides know each other, where public authorities are not enough.
    pub tls: Option<Arc<Tls>>,
}

/// What a request sends.
#[derive(Clone)]
pub enum Body {
    /// What is in memory.
    Bytes(Vec<u8>),
    /// What is read while it is sent.
    Upload(Arc<dyn Upload>),
}

impl HttpRequest {
    /// What of its body is in memory.
    pub fn bytes(&self) -> &[u8] {
        match &self.body {
            Some(Body::Bytes(bytes)) => bytes,
            Some(Body::Upload(_)) | None => &[],
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A body that is read while it is sent, part by part.
pub trait Upload: Send + Sync {
    /// Its length, in bytes.
    fn length(&self) -> u64;
    /// Reads it from its beginning, in a thread that may be blocked.
    ///
    /// # Errors
    /// Those of the system.
    fn open(&self) -> io::Result<Box<dyn io::Read + Send>>;
}

/// Where the body of an answer goes while it arrives: of one of status 2xx and this media type alone. The answer's own
/// body is empty then.
#[derive(Clone)]
pub struct Save {
    /// Such as `text/csv`; its parameters do not count.
    pub media_type: String,
    /// What takes its parts.
    pub to: Arc<dyn Download>,
}

/// What takes the parts of a body, in order, in a thread that may be blocked.
pub trait Download: Send + Sync {
    /// A body comes; one before it that did not come whole is forgotten.
    ///
    /// # Errors
    /// Those of the system.
    fn begin(&self) -> io::Result<()>;
    /// Takes the next part.
    ///
    /// # Errors
    /// Those of the system; the rest is not asked for then.
    fn write(&self, bytes: &[u8]) -> io::Result<()>;
}

/// Certificates and a key, in PEM form.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The authorities that vouch for the server, in the place of the public ones.
    pub ca: Option<String>,
    /// Our certificate, with those that vouch for it, and then its private key.
    pub identity: Option<SecretString>,
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Why no answer came. One variant per reaction.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HttpError {
    /// No byte of the request left: a repeat is free.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Bytes left, and no whole answer came: the target may have acted.
    #[error("sent, but no answer: {0}")]
    NoAnswer(String),
}

/// Sends requests.
pub trait Http: Send + Sync {
    /// Sends one request, once, and never repeats it by itself.
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>>;
}

/// The host that an address belongs to. A host may have several: the first bears its name alone, a further one the
/// name, a space, and where it is.
pub fn host_of(address: &str) -> &str {
    address.split_once(' ').map_or(address, |(host, _)| host)
}

/// The right to make exchanges with one connection, one after the other. No exchange goes without one.
pub trait Pass: Send + Sync {
    /// Waits until the next exchange with a host, or with one of its addresses, may go.
    ///
    /// The error is a failure of class `unavailable` or `throttled`, with a wait: nothing was sent.
    fn next<'a>(&'a self, host: &'a str) -> Boxed<'a, Result<(), Failure>>;
    /// Learns from an exchange how the host is.
    fn seen<'a>(&'a self, host: &'a str, seen: Seen) -> Boxed<'a, ()>;
}

/// What an exchange showed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// What the answer means; none is a success.
    pub class: Option<ErrorClass>,
    /// How long the target asks us to wait.
    pub retry_after: Option<Duration>,
    /// What the answer says of windows of the budget, as the manifest of its connection has them.
    pub levels: Vec<(Window, Level)>,
}

/// What an answer says of one window of a budget.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Level {
    /// Requests that the window takes in all.
    pub limit: Option<u64>,
    /// Requests that it still takes.
    pub remaining: Option<u64>,
    /// How long until it is full again.
    pub reset: Option<Duration>,
}

/// A pass without limits: for questions of a person's own, outside an engine.
#[derive(Clone, Copy, Debug)]
pub struct FreePass;

impl Pass for FreePass {
    fn next<'a>(&'a self, _: &'a str) -> Boxed<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn seen<'a>(&'a self, _: &'a str, _: Seen) -> Boxed<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}
