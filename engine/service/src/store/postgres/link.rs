//! A connection that comes back: one session at a time, made anew with back-off after it was lost.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ferry_contract::port::Clock as _;
use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Statement};

use super::{
    history::History,
    schema::{self, Purpose},
};
use crate::{
    clock::BootClock,
    limits::{STORE_ANSWER_MAX, STORE_RECONNECT_FIRST, STORE_RECONNECT_MAX},
    store::StoreError,
};

/// One connection, with the statements that it knows.
pub(super) struct Session {
    pub(super) client: Client,
    /// The server, as it names itself.
    server: String,
    statements: Mutex<HashMap<&'static str, Statement>>,
}

/// A place for a session.
pub(super) struct Link {
    config: Config,
    purpose: Purpose,
    /// On which server all sessions of the store are to be.
    history: Arc<History>,
    /// Told when the server says that something is due; nothing where this link does not listen.
    due: Option<Arc<Notify>>,
    place: AsyncMutex<Place>,
}

#[derive(Default)]
struct Place {
    session: Option<Arc<Session>>,
    failures: u32,
    not_before: Timestamp,
    why: String,
}

impl Session {
    /// A statement that the server has planned already.
    pub(super) async fn statement(&self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement.clone());
        Ok(statement)
    }
}

impl Link {
    pub(super) fn new(config: Config, purpose: Purpose, history: &Arc<History>, due: Option<Arc<Notify>>) -> Self {
        Self { config, purpose, history: Arc::clone(history), due, place: AsyncMutex::default() }
    }

    /// Does something in a session. What was not answered in time is lost with its session, so that a
    /// half-open connection cannot keep the store waiting.
    pub(super) async fn with<T, F>(&self, work: impl FnOnce(Arc<Session>) -> F) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, Failed>>,
    {
        let session = self.session().await?;
        let outcome = tokio::select! {
            biased;
            outcome = work(Arc::clone(&session)) => outcome,
            () = BootClock.sleep(STORE_ANSWER_MAX) => Err(Failed::Lost("the server gave no answer in time".to_owned())),
        };
        if matches!(outcome, Err(Failed::Lost(_))) || session.client.is_closed() {
            self.forget(&session).await;
        }
        outcome
    }

    async fn session(&self) -> Result<Arc<Session>, Failed> {
        let mut place = self.place.lock().await;
        if let Some(session) = place.session.as_ref().filter(|session| self.is_good(session)) {
            return Ok(Arc::clone(session));
        }
        let now = BootClock.now();
        if now < place.not_before {
            return Err(Failed::Lost(place.why.clone()));
        }
        match self.connect().await {
            Ok(session) => {
                let session = Arc::new(session);
                *place = Place { session: Some(Arc::clone(&session)), ..Place::default() };
                Ok(session)
            }
            Err(why) => {
                let wait = STORE_RECONNECT_FIRST.saturating_mul(1 << place.failures.min(16)).min(STORE_RECONNECT_MAX);
                let not_before = now + SignedDuration::try_from(wait).unwrap_or_default();
                *place = Place { session: None, failures: place.failures + 1, not_before, why: why.clone() };
                Err(Failed::Lost(why))
            }
        }
    }

    fn is_good(&self, session: &Session) -> bool {
        !session.client.is_closed() && self.history.is(&session.server)
    }

    async fn forget(&self, lost: &Arc<Session>) {
        let mut place = self.place.lock().await;
        if place.session.as_ref().is_some_and(|session| Arc::ptr_eq(session, lost)) {
            place.session = None;
        }
    }

    async fn connect(&self) -> Result<Session, String> {
        let connecting = self.config.connect(NoTls);
        let (client, mut connection) = tokio::select! {
            connected = connecting => connected.map_err(|error| explain(&error))?,
            () = BootClock.sleep(STORE_ANSWER_MAX) => return Err("no connection came about in time".to_owned()),
        };
        let due = self.due.clone();
        tokio::spawn(async move {
            let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
            while let Some(Ok(message)) = messages.next().await {
                if let (AsyncMessage::Notification(_), Some(due)) = (message, &due) {
                    due.notify_one();
                }
            }
        });
        schema::begin_session(&client, self.purpose, self.due.is_some()).await?;
        let server = self.history.enter(&client).await?;
        Ok(Session { client, server, statements: Mutex::default() })
    }
}

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Failed {
    /// The store's rules refuse it; nothing of it is durable.
    Refused(StoreError),
    /// The server refused it because of what others did meanwhile; nothing of it is durable.
    Again(String),
    /// The server refused it; nothing of it is durable.
    Wrong(String),
    /// No answer came, or no connection: perhaps it is durable.
    Lost(String),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        use tokio_postgres::error::SqlState;
        let again = [
            SqlState::UNIQUE_VIOLATION,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
        ];
        match error.code() {
            Some(code) if again.contains(code) => Self::Again(explain(&error)),
            // The server goes down or took the session away; the next one may be another server.
            Some(code) if ["57", "08", "25"].contains(&&code.code()[..2]) => Self::Lost(explain(&error)),
            Some(_) => Self::Wrong(explain(&error)),
            None => Self::Lost(explain(&error)),
        }
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(error) => error,
            Failed::Again(message) | Failed::Wrong(message) | Failed::Lost(message) => Self::Failed(message),
        }
    }
}

/// What the server says, without its details: those may hold values of a row.
pub(super) fn explain(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("PostgreSQL: {} ({})", error.message(), error.code().code()),
        None => format!("PostgreSQL: {}", causes(error)),
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// A duration as the server takes it.
pub(super) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
