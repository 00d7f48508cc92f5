//! PostgreSQL: any number of engines share one store.
//!
//! READ COMMITTED, with every row locked that a rule looks at; `synchronous_commit` as the server has it,
//! which is refused where it is off. A commit whose answer was lost is [`StoreError::Failed`], because
//! nobody knows whether it is durable.

mod forget;
mod history;
mod item;
mod lease;
mod link;
mod mail;
mod pair;
mod post;
mod read;
mod reserve;
mod schema;
mod write;
mod writer;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ferry_contract::{key::Digest, port::Boxed};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_postgres::{Config, config::SslMode};

use super::{
    Act, Approval, Change, Committed, DeadEvent, DeadLetter, EngineId, Filter, InQueue, ItemFilter, Leased, Member,
    PairName, Posted, RunId, RunRow, Shared, Store, StoreError, StoredItem, StoredPair, StoredRun, Taken, Trust,
    VersionFiles, other_world,
};
use history::History;
use link::{Failed, Link, Session};
use schema::Purpose;
use writer::Writer;

/// A store on a server.
pub struct PostgresStore {
    writer: Writer,
    /// A sign of life has a connection of its own: it must not wait behind a large batch, nor behind a lease that waits for
    /// rows, and it must not be undone with the transaction of either.
    signs: Link,
    /// Leases, too.
    control: Link,
    reader: Link,
    due: Arc<Notify>,
}

impl PostgresStore {
    /// Opens the store, and makes its tables where they are missing. It is doubted where its server, or the server's line of
    /// history, is another one than before: then it was restored, or promoted, and may lack what was committed last.
    ///
    /// # Errors
    /// [`StoreError::Open`] where the server cannot be reached, would not keep what it commits, or has the
    /// store of another version; never with a password in it.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let wrong = |message: String| StoreError::Open(format!("{}: {message}", masked(url)));
        let mut config: Config = url.parse().map_err(|_| wrong("this is no address of a PostgreSQL server".into()))?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(wrong("connections with TLS are not there yet; use a tunnel or a socket".into()));
        }
        config.application_name("ferry");
        let due = Arc::new(Notify::new());
        let history = Arc::new(History::default());
        let control = Link::new(config.clone(), Purpose::Work, &history, Some(Arc::clone(&due)));
        let prepare = |session: Arc<Session>| async move {
            schema::prepare(&session.client).await.map_err(Failed::Wrong)?;
            // Now that there is a place in which to note it.
            history.enter(&session.client).await.map(|_| history).map_err(Failed::Wrong)
        };
        let history = control.with(prepare).await.map_err(|failed| match StoreError::from(failed) {
            StoreError::Failed(message) => wrong(message),
            error => error,
        })?;
        Ok(Self {
            writer: Writer::start(Link::new(config.clone(), Purpose::Work, &history, None)),
            signs: Link::new(config.clone(), Purpose::Work, &history, None),
            control,
            reader: Link::new(config, Purpose::Questions, &history, None),
            due,
        })
    }
}

/// An address without its password, for messages: only what is surely none.
pub(super) fn masked(url: &str) -> String {
    let Ok(config) = url.parse::<Config>() else { return "postgres://…".to_owned() };
    let plain = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-/".contains(letter));
    let shown = |text: &str| if plain(text) { text.to_owned() } else { "…".to_owned() };
    let hosts = config.get_hosts().iter().map(|host| match host {
        tokio_postgres::config::Host::Tcp(name) => shown(name),
        tokio_postgres::config::Host::Unix(path) => shown(&path.display().to_string()),
    });
    let hosts: Vec<String> = hosts.collect();
    format!("postgres://{}/{}", hosts.join(","), config.get_dbname().map(shown).unwrap_or_default())
}

impl Store for PostgresStore {
    fn commit(&self, group: Vec<Change>) -> Boxed<'static, Result<Committed, StoreError>> {
        self.writer.commit(group)
    }

    fn time(&self, known: Timestamp) -> Boxed<'_, Result<Timestamp, StoreError>> {
        on(&self.signs, move |session| async move { lease::time(&session, known).await })
    }

    fn join<'a>(&'a self, engine: &'a EngineId, lease: Duration) -> Boxed<'a, Result<(), StoreError>> {
        on(&self.control, move |session| async move { lease::join(&session, engine, lease).await })
    }

    fn renew<'a>(&'a self, engine: &'a EngineId, lease: Duration) -> Boxed<'a, Result<(), StoreError>> {
        on(&self.signs, move |session| async move { lease::renew(&session, engine, lease).await })
    }

    fn leave<'a>(&'a self, engine: &'a EngineId) -> Boxed<'a, Result<(), StoreError>> {
        on(&self.control, move |session| async move { lease::leave(&session, engine).await })
    }

    fn lease<'a>(&'a self, engine: &'a EngineId, now: Timestamp, limit: usize) -> Boxed<'a, Result<Taken, StoreError>> {
        on(&self.control, move |session| async move { lease::lease(&session, engine, now, limit).await })
    }

    fn owned<'a>(&'a self, engine: &'a EngineId) -> Boxed<'a, Result<Vec<Leased>, StoreError>> {
        on(&self.control, move |session| async move { lease::owned(&session, engine).await })
    }

    fn woken(&self) -> Boxed<'_, ()> {
        Box::pin(self.due.notified())
    }

    fn members(&self) -> Boxed<'_, Result<Vec<Member>, StoreError>> {
        on(&self.reader, |session| async move { read::members(&session).await })
    }

    fn trust(&self) -> Boxed<'_, Result<Trust, StoreError>> {
        on(&self.control, |session| async move { read::trust(&session).await })
    }

    fn belongs_to<'a>(&'a self, world: &'a str) -> Boxed<'a, Result<(), StoreError>> {
        let known = on(&self.control, move |session| async move { read::world(&session, world).await });
        Box::pin(async move {
            let known = known.await?;
            if known == world { Ok(()) } else { Err(other_world(&known, world)) }
        })
    }

    fn world(&self) -> Boxed<'_, Result<Option<String>, StoreError>> {
        on(&self.reader, |session| async move { read::known_world(&session).await })
    }

    fn rename_world<'a>(&'a self, from: &'a str, to: &'a str) -> Boxed<'a, Result<bool, StoreError>> {
        on(&self.control, move |session| async move { read::rename_world(&session, from, to).await })
    }

    fn run<'a>(&'a self, run: &'a RunId) -> Boxed<'a, Result<Option<StoredRun>, StoreError>> {
        on(&self.reader, move |session| async move { read::run(&session, run).await })
    }

    fn revision<'a>(&'a self, run: &'a RunId) -> Boxed<'a, Result<Option<String>, StoreError>> {
        on(&self.reader, move |session| async move { read::revision(&session, run).await })
    }

    fn cursor<'a>(&'a self, trigger: &'a str) -> Boxed<'a, Result<Option<String>, StoreError>> {
        on(&self.reader, move |session| async move { read::cursor(&session, trigger).await })
    }

    fn version<'a>(&'a self, version: &'a Digest) -> Boxed<'a, Result<Option<VersionFiles>, StoreError>> {
        on(&self.reader, move |session| async move { read::version(&session, version).await })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn shared<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Shared>, StoreError>> {
        on(&self.reader, move |session| async move { read::shared(&session, name).await })
    }

    fn pairs<'a>(&'a self, names: &'a [PairName]) -> Boxed<'a, Result<Vec<Option<StoredPair>>, StoreError>> {
        on(&self.reader, move |session| async move { pair::pairs(&session, names).await })
    }

    fn pairs_of<'a>(
        &'a self,
        project: &'a str,
        table: Option<&'a str>,
        limit: usize,
    ) -> Boxed<'a, Result<Vec<StoredPair>, StoreError>> {
        on(&self.reader, move |session| async move { pair::pairs_of(&session, project, table, limit).await })
    }

    fn items<'a>(&'a self, filter: &'a ItemFilter) -> Boxed<'a, Result<Vec<StoredItem>, StoreError>> {
        on(&self.reader, move |session| async move { item::items(&session, filter).await })
    }

    fn approvals(&self, limit: usize) -> Boxed<'_, Result<Vec<Approval>, StoreError>> {
        on(&self.reader, move |session| async move { mail::approvals(&session, limit).await })
    }

    fn queue<'a>(&'a self, queue: &'a str, held_max: usize) -> Boxed<'a, Result<Vec<InQueue>, StoreError>> {
        on(&self.reader, move |session| async move { reserve::queue(&session, queue, held_max).await })
    }

    fn acts(&self, limit: usize) -> Boxed<'_, Result<Vec<Act>, StoreError>> {
        on(&self.reader, move |session| async move { mail::acts(&session, limit).await })
    }

    fn posted<'a>(&'a self, text: &'a str) -> Boxed<'a, Result<Vec<Posted>, StoreError>> {
        on(&self.reader, move |session| async move { post::posted(&session, text).await })
    }

    fn untold(&self, limit: usize) -> Boxed<'_, Result<Vec<(String, String)>, StoreError>> {
        on(&self.control, move |session| async move { post::untold(&session, limit).await })
    }

    fn unclaimed(&self, limit: usize) -> Boxed<'_, Result<Vec<Posted>, StoreError>> {
        on(&self.control, move |session| async move { post::unclaimed(&session, limit).await })
    }

    fn dead_events<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<DeadEvent>, StoreError>> {
        on(&self.reader, move |session| async move { post::dead(&session, filter).await })
    }

    fn dead_events_count(&self) -> Boxed<'_, Result<u64, StoreError>> {
        on(&self.reader, |session| async move { post::dead_count(&session).await })
    }

    fn runs_with<'a>(&'a self, text: &'a str, among: usize) -> Boxed<'a, Result<Vec<RunRow>, StoreError>> {
        on(&self.reader, move |session| async move { read::runs_with(&session, text, among).await })
    }

    fn runs<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<RunRow>, StoreError>> {
        on(&self.reader, move |session| async move { read::runs(&session, filter).await })
    }

    fn over<'a>(
        &'a self,
        pipeline: Option<&'a str>,
        before: Timestamp,
        part: (usize, usize),
    ) -> Boxed<'a, Result<Vec<RunId>, StoreError>> {
        on(&self.reader, move |session| async move { forget::over(&session, pipeline, before, part).await })
    }

    fn settled(&self, before: Timestamp, limit: usize) -> Boxed<'_, Result<Vec<(String, String)>, StoreError>> {
        on(&self.reader, move |session| async move { forget::settled(&session, before, limit).await })
    }

    fn counts(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, StoreError>> {
        on(&self.reader, |session| async move { read::counts(&session).await })
    }

    fn dead_letters<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<DeadLetter>, StoreError>> {
        on(&self.reader, move |session| async move { read::dead_letters(&session, filter).await })
    }
}

fn on<'a, T, F>(link: &'a Link, work: impl FnOnce(Arc<Session>) -> F + Send + 'a) -> Boxed<'a, Result<T, StoreError>>
where
    T: Send + 'a,
    F: Future<Output = Result<T, Failed>> + Send + 'a,
{
    Box::pin(async move { link.with(work).await.map_err(StoreError::from) })
}
