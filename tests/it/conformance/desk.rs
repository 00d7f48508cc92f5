//! One connector in one profile, opened as a project would open it, beside a sandbox of its own.
//!
//! The sandbox's clock stands still unless it is told to go on, and the connection's goes with it, so that minutes of
//! waiting take no time. Every request is counted.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ferry::{
    http::HttpClient,
    sandbox::{SandboxInfo, get, post},
};
use ferry_connectors::{
    connection::{Connection, Settings, World},
    library::Library,
    manifest::Manifest,
};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::CallKey,
    port::{Boxed, Clock, FreePass, Http, HttpError, HttpRequest, HttpResponse},
};
use ferry_sandbox::{Options, Sandbox};
use ferry_tests::postgres::{Server, server};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::table::{self, Effects, Known, Step, Table, Way};
use crate::shipped;

/// What is walked with one sandbox.
pub(super) struct Desk {
    pub(super) table: Table,
    pub(super) manifest: Arc<Manifest>,
    pub(super) connection: Connection,
    pub(super) http: Arc<Watched>,
    clock: Arc<Stepped>,
    sandbox: Sandbox,
    _folder: tempfile::TempDir,
    common: Known,
    names: AtomicUsize,
}

/// Which connector, in which profile, in which of its ways; with wrong credentials where it says so.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) connector: &'a str,
    pub(super) profile: Option<&'a str>,
    pub(super) way: usize,
    pub(super) is_wrong: bool,
}

impl Desk {
    pub(super) async fn open(library: &Library, place: Place<'_>) -> Result<Self, String> {
        let table = table::of(place.connector).ok_or("it has no table")?;
        // Its own address is asked for by a field.
        let has_bus = table.ways.iter().any(|way| way.fields.contains_key("pubsub"));
        let pubsub_listen = has_bus.then(|| Options::default().listen);
        let sandbox = ferry_sandbox::start(Options { speed: 0, pubsub_listen, ..Options::default() }).await;
        let sandbox = sandbox.map_err(|error| error.to_string())?;
        let http = Arc::new(Watched::new(sandbox.url()));
        let info = SandboxInfo::ask(&sandbox.url(), &http.inner).await?;
        let (now, _) = info.clock(&http.inner).await?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        // A database that is to be used is there.
        std::fs::write(folder.path().join("books.db"), "").map_err(|error| error.to_string())?;
        let common = Known::from([
            ("sandbox".to_owned(), Value::from(sandbox.url())),
            ("profile".to_owned(), Value::from(place.profile.unwrap_or_default())),
            ("folder".to_owned(), Value::from(folder.path().to_str().unwrap_or_default())),
            ("start".to_owned(), Value::from(now.round(jiff::Unit::Second).unwrap_or(now).to_string())),
            ("today".to_owned(), Value::from(now.to_zoned(TimeZone::UTC).date().to_string())),
            ("far_hour".to_owned(), Value::from(far_hour(now))),
        ]);
        let mut common = with_postgres(&table, common);
        let bank = info.field(place.connector, "bank_id").map(|bank| ("bank_id".to_owned(), Value::from(bank)));
        common.extend(bank);
        let way = &table.ways.get(place.way).ok_or("it has no such way")?;
        let fields = fields(way, place, &info, &common)?;
        let manifest = library.manifests[place.connector].in_profile(place.profile).ok_or("no such profile")?;
        let environment = table.environment.clone().or_else(|| manifest.environments.keys().next().cloned());
        let settings = Settings {
            name: place.connector.to_owned(),
            connector: place.connector.to_owned(),
            environment: environment.unwrap_or_default(),
            profile: place.profile.map(str::to_owned),
            sandbox: table.native.is_none().then(|| sandbox.url()),
            fields: fields.into_iter().map(|(name, value)| (name, value.into())).collect(),
        };
        let clock = Arc::new(Stepped(Mutex::new(now)));
        let world = World { http: Arc::clone(&http) as Arc<dyn Http>, clock: Arc::clone(&clock) as Arc<dyn Clock> };
        let connection = Connection::open(settings, library, world).map_err(|failure| failure.to_string())?;
        let desk = Self {
            manifest: Arc::clone(manifest),
            table,
            connection,
            http,
            clock,
            sandbox,
            _folder: folder,
            common,
            names: AtomicUsize::new(0),
        };
        let is_allowed = !place.is_wrong || desk.table.ways[place.way].consent;
        if desk.connection.asks_for_consent() && is_allowed {
            desk.connection.keep_consents_in(Arc::new(shipped::Kept::default()));
            shipped::allow(&desk.connection, &desk.http.inner).await;
        }
        let mut known = desk.fresh();
        desk.steps(&desk.table.begin, &mut known).await?;
        Ok(desk)
    }

    /// What is known at the beginning of a walk, with a name that no other has.
    pub(super) fn fresh(&self) -> Known {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        let mut known = self.common.clone();
        known.insert("name".to_owned(), Value::from(format!("k{number:04}")));
        known
    }

    pub(super) async fn steps(&self, steps: &[Step], known: &mut Known) -> Result<(), String> {
        for step in steps {
            let given = match (&step.action, &step.to) {
                (Some(action), None) => {
                    let input = table::filled(&step.with, known)?;
                    let done = self.call(action, &input).await;
                    done.map_err(|failure| format!("before it, `{action}` of {input}: {failure}"))?
                }
                (None, Some(to)) if to == "clock" => {
                    let ms = step.order["advance_ms"].as_u64().ok_or("the clock goes on by `advance_ms`")?;
                    self.advance(Duration::from_millis(ms)).await?;
                    Value::Null
                }
                (None, Some(to)) => self.order(to, &table::filled(&step.order, known)?).await?,
                _ => return Err("a step is an action or an order".to_owned()),
            };
            let given = match &step.pick {
                Some(pick) => {
                    let all = table::rows(&given, &pick.list);
                    let found = all.into_iter().find(|row| table::contains(row, &pick.condition)).cloned();
                    found.ok_or_else(|| format!("no row is as {:?} in {given}", pick.condition))?
                }
                None => given,
            };
            if let Some(name) = &step.name {
                known.insert(name.clone(), given);
            }
        }
        Ok(())
    }

    /// One call without a key.
    pub(super) async fn call(&self, action: &str, input: &Value) -> Result<Value, Failure> {
        let prepared = self.connection.prepare(action, input)?;
        self.connection.send(&FreePass, action, &[&prepared]).await.pop().expect("one call has one answer")
    }

    /// One call under a name, which stays the same in each repeat.
    pub(super) async fn keyed(&self, action: &str, input: &Value, name: &str) -> Result<Value, Failure> {
        let key = CallKey::new(&self.connection.name, action, name, "walk", 0);
        let prepared = self.connection.prepare(action, input)?.with_key(&key);
        self.connection.send(&FreePass, action, &[&prepared]).await.pop().expect("one call has one answer")
    }

    pub(super) async fn order(&self, to: &str, order: &Value) -> Result<Value, String> {
        post(&self.http.inner, &format!("{}/_sandbox/{to}", self.sandbox.url()), order).await
    }

    pub(super) async fn told(&self, what: &str) -> Result<Value, String> {
        get(&self.http.inner, &format!("{}/_sandbox/{what}", self.sandbox.url())).await
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets the time of both go on.
    pub(super) async fn advance(&self, by: Duration) -> Result<(), String> {
        let now = self.pass(by).await?;
        *self.clock.0.lock().unwrap() = now;
        Ok(())
    }

    /// Lets the sandbox's time go on, which the connection does not notice.
    pub(super) async fn pass(&self, by: Duration) -> Result<Timestamp, String> {
        let ms = u64::try_from(by.as_millis()).unwrap_or_default().max(1);
        let clock = self.order("clock", &json!({ "advance_ms": ms })).await?;
        clock["now"].as_str().and_then(|now| now.parse().ok()).ok_or_else(|| "the clock has no time".to_owned())
    }

    /// Goes on to a time, if it is not over.
    pub(super) async fn wait_until(&self, at: Timestamp) -> Result<(), String> {
        match Duration::try_from(at.duration_since(self.now())) {
            Ok(by) => self.advance(by).await,
            Err(_) => Ok(()),
        }
    }

    /// Counts what happened, with everything that has happened in sight.
    pub(super) async fn count(&self, effects: &Effects, known: &Known) -> Result<u64, String> {
        if effects.read.is_some() {
            self.order("faults", &json!({ "visibility_lag_ms": 0 })).await?;
        }
        let value = match (&effects.ledger, &effects.read, &effects.to) {
            (Some(place), None, None) => table::at(&self.told("ledger").await?, place).cloned().unwrap_or_default(),
            (None, Some(action), None) => match self.call(action, &table::filled(&effects.with, known)?).await {
                Ok(output) => output,
                Err(failure) if failure.class == ErrorClass::NotFound => Value::Null,
                Err(failure) => return Err(format!("it cannot be counted: {failure}")),
            },
            (None, None, Some(to)) => self.order(to, &table::filled(&effects.order, known)?).await?,
            _ => return Err("effects are in the ledger, or are read or asked for".to_owned()),
        };
        if effects.read.is_some() {
            self.order("faults", &json!({})).await?;
        }
        let mut condition = BTreeMap::new();
        for (path, wanted) in &effects.condition {
            condition.insert(path.clone(), table::filled(wanted, known)?);
        }
        let found = table::rows(&value, &effects.list).into_iter().filter(|row| table::agrees(row, &condition));
        let counted = |row: &Value| match &effects.sum {
            Some(field) => {
                table::at(row, field).and_then(Value::as_u64).ok_or(format!("`{field}` is no number: {row}"))
            }
            None => Ok(1),
        };
        let count: u64 = found.map(counted).sum::<Result<_, _>>()?;
        Ok(if effects.gone { u64::from(count == 0) } else { count })
    }
}

fn fields(way: &Way, place: Place<'_>, info: &SandboxInfo, known: &Known) -> Result<BTreeMap<String, String>, String> {
    let mut fields = BTreeMap::new();
    for (name, given) in &way.fields {
        let value = match given.as_deref().map(|given| table::text(given, known)).transpose()? {
            None => info.field(place.connector, name),
            Some(given) => match given.strip_prefix("seed:") {
                Some(field) => info.field(place.connector, field),
                None => Some(given),
            },
        };
        fields.insert(name.clone(), value.ok_or_else(|| format!("the sandbox does not say `{name}`"))?);
    }
    if place.is_wrong {
        fields.extend(way.wrong.clone());
    }
    Ok(fields)
}

/// A database of its own on a real server, where the table asks for one.
fn with_postgres(table: &Table, mut known: Known) -> Known {
    let asked = table.ways.iter().flat_map(|way| way.fields.values().flatten()).any(|text| text.contains("$postgres_"));
    if asked {
        let address = server().database();
        let host = address.split("host=").nth(1).unwrap_or_default();
        known.insert("postgres_database".to_owned(), Value::from(Server::name(&address)));
        known.insert("postgres_host".to_owned(), Value::from(host));
    }
    known
}

/// An hour of the merchant's day that is far from now, so that nothing settles unasked.
fn far_hour(now: Timestamp) -> i8 {
    let zone = TimeZone::get("America/Los_Angeles").unwrap_or(TimeZone::UTC);
    (now.to_zoned(zone).hour() + 23) % 24
}

/// A clock that goes on when it is told to.
struct Stepped(Mutex<Timestamp>);

impl Clock for Stepped {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The real client, with everything that it sends seen.
pub(super) struct Watched {
    pub(super) inner: HttpClient,
    sandbox: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Vec<(String, Option<u16>)>,
    is_spoilt: bool,
    hurry: Option<Duration>,
    faults: Option<(usize, Value)>,
}

impl Watched {
    fn new(sandbox: String) -> Self {
        Self { inner: HttpClient::new().unwrap(), sandbox, state: Mutex::default() }
    }

    /// What was sent since the last time that this was asked: method and path, and the status of its answer.
    pub(super) fn take(&self) -> Vec<(String, Option<u16>)> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }

    /// Says from now on with each call that we are somebody whom nobody knows.
    pub(super) fn spoil(&self, is_spoilt: bool) {
        self.state.lock().unwrap().is_spoilt = is_spoilt;
    }

    /// Waits no longer than that for an answer.
    pub(super) fn hurry(&self, hurry: Option<Duration>) {
        self.state.lock().unwrap().hurry = hurry;
    }

    /// Orders faults before so many requests more have gone.
    pub(super) fn faults_after(&self, requests: usize, faults: Value) {
        self.state.lock().unwrap().faults = Some((requests, faults));
    }

    async fn exchange(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let faults = {
            let mut state = self.state.lock().unwrap();
            request.timeout = state.hurry.unwrap_or(request.timeout);
            if state.is_spoilt && !is_login(&request.url) {
                request.headers.iter_mut().filter(|(name, _)| is_ours(name)).for_each(|(_, value)| spoil(value));
            }
            let is_due = state.faults.as_mut().is_some_and(|(left, _)| *left == 0);
            state.faults.iter_mut().for_each(|(left, _)| *left = left.saturating_sub(1));
            if is_due { state.faults.take() } else { None }
        };
        if let Some((_, faults)) = faults {
            post(&self.inner, &format!("{}/_sandbox/faults", self.sandbox), &faults).await.unwrap();
        }
        let path = request.url.strip_prefix(&self.sandbox).unwrap_or(&request.url);
        let sent = format!("{} {path}", request.method);
        let answer = self.inner.send(request).await;
        self.state.lock().unwrap().seen.push((sent, answer.as_ref().ok().map(|answer| answer.status)));
        answer
    }
}

/// Whether it is a request for a token.
pub(super) fn is_login(path: &str) -> bool {
    // Intuit asks under `tokens/bearer`.
    path.split('?').next().is_some_and(|path| path.ends_with("/token") || path.ends_with("/tokens/bearer"))
}

fn is_ours(header: &str) -> bool {
    header == "authorization" || header.contains("api-key")
}

fn spoil(value: &mut String) {
    let scheme = value.split_once(' ').map(|(scheme, _)| format!("{scheme} ")).unwrap_or_default();
    *value = format!("{scheme}nobody");
}

impl Http for Watched {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        Box::pin(self.exchange(request))
    }
}
