//! SQLite: write-ahead log, `synchronous=FULL`, one writer thread that commits whole groups.

mod beside;
mod forget;
mod item;
mod lease;
mod mail;
mod pair;
mod post;
mod read;
mod schema;
mod write;
mod writer;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ferry_contract::{
    key::Digest,
    port::{Boxed, Clock},
};
use ferry_core::once::Guards;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    Act, Approval, Change, Committed, DeadEvent, DeadLetter, EngineId, Filter, InQueue, ItemFilter, Leased, Member,
    PairName, Posted, RunId, RunRow, Shared, Store, StoreError, StoredItem, StoredPair, StoredRun, Taken, Trust,
    VersionFiles, doubt, other_world,
};
use crate::{
    clock::{BootClock, MachineClock},
    limits::{STATEMENTS_KEPT, STORE_BUSY_MAX},
};
use lease::{Dead, until_ms};
use writer::Writer;

/// A store in one file.
pub struct SqliteStore {
    reader: Mutex<Connection>,
    writer: Writer,
    /// By which engines live and die.
    clock: Arc<dyn Clock>,
    /// What the machine says the time is, which anybody may set.
    machine: Arc<dyn Clock>,
}

/// The right to run the runs of a store; given back when it is dropped, or its process ends.
#[derive(Debug)]
pub struct Lock {
    file: std::fs::File,
}

impl SqliteStore {
    /// Opens the store, and makes it where it is missing.
    ///
    /// # Errors
    /// [`StoreError::Open`] where the folder cannot be written, the file is no store of ferry, or
    /// the machine does not keep `synchronous=FULL`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| open_error(path, &error))?;
        }
        let writer = connect(path)?;
        schema::prepare(&writer).map_err(|message| StoreError::Open(format!("{}: {message}", path.display())))?;
        let writer = Writer::thread(writer, Guards::ALL);
        Ok(Self {
            reader: Mutex::new(connect(path)?),
            writer,
            clock: Arc::new(BootClock),
            machine: Arc::new(MachineClock),
        })
    }

    /// Opens a store that is there already; makes no new one.
    ///
    /// # Errors
    /// [`StoreError::Open`] where there is none.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        let refused = |why: String| Err(StoreError::Open(why));
        match path.try_exists() {
            Ok(true) => Self::open(path),
            Ok(false) => {
                let hint = "`ferry serve` and `ferry run` make one; `--store PATH` names another";
                refused(format!("there is no store at {}: {hint}", path.display()))
            }
            Err(error) => {
                let hint = "call this as the user that runs `ferry serve`, or let this one into the folder";
                refused(format!("the store {} cannot be seen: {error}; {hint}", path.display()))
            }
        }
    }

    /// A store in memory that commits at once, on the caller's thread: for simulations, where the
    /// order of everything comes from one seed. The first clock is for leases, the second is the machine's. `guards` are all of them, except for a mutant.
    ///
    /// # Errors
    /// [`StoreError::Open`], never in practice.
    pub fn in_memory((clock, machine): (Arc<dyn Clock>, Arc<dyn Clock>), guards: Guards) -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory().map_err(|error| StoreError::Open(error.to_string()))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        schema::tables(&connection).map_err(|error| StoreError::Open(error.to_string()))?;
        let shared = Arc::new(Mutex::new(connection));
        let empty = Connection::open_in_memory().map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Self { reader: Mutex::new(empty), writer: Writer::inline(shared, guards), clock, machine })
    }

    /// Takes the right to run the runs of a store's file.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another process has it.
    pub fn lock(path: &Path) -> Result<Lock, StoreError> {
        let name = lock_path(path);
        let options = std::fs::OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&name);
        let file = options.map_err(|error| open_error(&name, &error))?;
        file.try_lock().map_err(|_| {
            let hint = "stop it, or give this one another `--store`";
            StoreError::InUse(format!("another ferry runs the store {}: {hint}", path.display()))
        })?;
        Ok(Lock { file })
    }

    /// Takes out every engine that the store knows: the lock proves that none of them lives, so a restart
    /// need not wait for the end of their leases. Doubts a file that is older than what was noted in the lock
    /// when it was written last, or that comes without its lock.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where a file cannot be read or written.
    pub async fn take_over(&self, lock: &Lock, now: Timestamp) -> Result<(), StoreError> {
        let io = |error: std::io::Error| StoreError::Failed(error.to_string());
        let noted = beside::noted(&lock.file).map_err(io)?;
        let note = lock.file.try_clone().map_err(io)?;
        let take_out = |connection: &mut Connection| {
            lease::take_out(connection, &Dead::All, None).and_then(|()| beside::commits(connection)).map_err(failed)
        };
        let commits = self.writer.act(take_out).await?;
        match noted {
            Some(noted) if commits < noted => doubt(self, "its file is older than what was written to it", now).await?,
            None if commits > 0 => doubt(self, "its file came without the lock file beside it", now).await?,
            Some(_) | None => {}
        }
        self.writer.note_beside(note);
        Ok(())
    }

    /// A copy of a store in memory, as a backup makes it.
    ///
    /// # Errors
    /// [`StoreError::Open`] where the store is not in memory.
    pub fn copy_in_memory(&self, guards: Guards) -> Result<Self, StoreError> {
        let wrong = |error: rusqlite::Error| StoreError::Open(error.to_string());
        let none = || StoreError::Open("only a store in memory is copied".to_owned());
        let mut copy = Connection::open_in_memory().map_err(wrong)?;
        let own = locked(self.writer.shared().ok_or_else(none)?);
        rusqlite::backup::Backup::new(&own, &mut copy).and_then(|backup| backup.step(-1)).map_err(wrong)?;
        let empty = Connection::open_in_memory().map_err(wrong)?;
        let writer = Writer::inline(Arc::new(Mutex::new(copy)), guards);
        let (clock, machine) = (Arc::clone(&self.clock), Arc::clone(&self.machine));
        Ok(Self { reader: Mutex::new(empty), writer, clock, machine })
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Boxed<'static, Result<T, StoreError>>
    where
        T: Send + 'static,
    {
        let answer = match self.writer.shared() {
            Some(shared) => ask(&locked(shared)),
            None => ask(&locked(&self.reader)),
        };
        let answer = answer.map_err(failed);
        Box::pin(std::future::ready(answer))
    }
}

fn locked(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn open_error(path: &Path, error: &std::io::Error) -> StoreError {
    let hint = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "; call this as a user who may write there, or give another `--store`",
        _ => "",
    };
    StoreError::Open(format!("{}: {error}{hint}", path.display()))
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error: rusqlite::Error| StoreError::Open(format!("{}: {}", path.display(), schema::why(&error)));
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(STORE_BUSY_MAX).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    schema::durable(&connection).map_err(failed)?;
    // Otherwise a query over a partial index is compiled anew for each value that is bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
    Ok(connection)
}

impl Store for SqliteStore {
    fn commit(&self, group: Vec<Change>) -> Boxed<'static, Result<Committed, StoreError>> {
        self.writer.commit(group)
    }

    fn run<'a>(&'a self, run: &'a RunId) -> Boxed<'a, Result<Option<StoredRun>, StoreError>> {
        self.read(|connection| read::run(connection, run))
    }

    fn revision<'a>(&'a self, run: &'a RunId) -> Boxed<'a, Result<Option<String>, StoreError>> {
        self.read(|connection| read::revision(connection, run))
    }

    fn time(&self, known: Timestamp) -> Boxed<'_, Result<Timestamp, StoreError>> {
        let times = (self.machine.now(), known);
        self.writer.act(move |connection| lease::time(connection, times).map_err(failed))
    }

    fn join<'a>(&'a self, engine: &'a EngineId, lease: Duration) -> Boxed<'a, Result<(), StoreError>> {
        let (engine, until) = (engine.clone(), until_ms(self.now_ms(), lease));
        self.writer.act(move |connection| lease::join(connection, &engine, until).map_err(failed))
    }

    fn renew<'a>(&'a self, engine: &'a EngineId, lease: Duration) -> Boxed<'a, Result<(), StoreError>> {
        let (engine, until) = (engine.clone(), until_ms(self.now_ms(), lease));
        self.writer.act(move |connection| lease::renew(connection, &engine, until))
    }

    fn leave<'a>(&'a self, engine: &'a EngineId) -> Boxed<'a, Result<(), StoreError>> {
        let engine = engine.clone();
        self.writer.act(move |connection| lease::take_out(connection, &Dead::One(&engine), None).map_err(failed))
    }

    fn lease<'a>(&'a self, engine: &'a EngineId, now: Timestamp, limit: usize) -> Boxed<'a, Result<Taken, StoreError>> {
        Box::pin(async move {
            let store_ms = self.now_ms();
            // Most looks find nothing, and cost no transaction.
            let asked = self.read(|connection| {
                Ok((lease::is_worth_it(connection, engine, (now, store_ms))?, lease::next(connection)?))
            });
            let (is_worth_it, next) = asked.await?;
            if !is_worth_it {
                return Ok(Taken { runs: Vec::new(), next });
            }
            let engine = engine.clone();
            self.writer.act(move |connection| lease::lease(connection, &engine, (now, store_ms), limit)).await
        })
    }

    fn owned<'a>(&'a self, engine: &'a EngineId) -> Boxed<'a, Result<Vec<Leased>, StoreError>> {
        self.read(|connection| lease::owned(connection, engine))
    }

    fn woken(&self) -> Boxed<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn members(&self) -> Boxed<'_, Result<Vec<Member>, StoreError>> {
        let store_ms = self.now_ms();
        self.read(|connection| lease::members(connection, store_ms))
    }

    fn trust(&self) -> Boxed<'_, Result<Trust, StoreError>> {
        self.read(read::trust)
    }

    fn belongs_to<'a>(&'a self, world: &'a str) -> Boxed<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let known = self.read(|connection| schema::world(connection, world)).await?;
            if known == world { Ok(()) } else { Err(other_world(&known, world)) }
        })
    }

    fn world(&self) -> Boxed<'_, Result<Option<String>, StoreError>> {
        self.read(schema::known_world)
    }

    fn rename_world<'a>(&'a self, from: &'a str, to: &'a str) -> Boxed<'a, Result<bool, StoreError>> {
        self.read(move |connection| schema::rename_world(connection, from, to))
    }

    fn cursor<'a>(&'a self, trigger: &'a str) -> Boxed<'a, Result<Option<String>, StoreError>> {
        self.read(|connection| read::cursor(connection, trigger))
    }

    fn version<'a>(&'a self, version: &'a Digest) -> Boxed<'a, Result<Option<VersionFiles>, StoreError>> {
        self.read(|connection| read::version(connection, version))
    }

    /// A lock keeps them off the file.
    fn is_shared(&self) -> bool {
        false
    }

    fn shared<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Shared>, StoreError>> {
        self.read(|connection| read::shared(connection, name))
    }

    fn pairs<'a>(&'a self, names: &'a [PairName]) -> Boxed<'a, Result<Vec<Option<StoredPair>>, StoreError>> {
        self.read(|connection| pair::pairs(connection, names))
    }

    fn pairs_of<'a>(
        &'a self,
        project: &'a str,
        table: Option<&'a str>,
        limit: usize,
    ) -> Boxed<'a, Result<Vec<StoredPair>, StoreError>> {
        self.read(move |connection| pair::pairs_of(connection, project, table, limit))
    }

    fn items<'a>(&'a self, filter: &'a ItemFilter) -> Boxed<'a, Result<Vec<StoredItem>, StoreError>> {
        let found = self.read(|connection| item::items(connection, filter));
        Box::pin(async move { found.await?.into_iter().map(|(name, row)| row.stored(name)).collect() })
    }

    fn approvals(&self, limit: usize) -> Boxed<'_, Result<Vec<Approval>, StoreError>> {
        self.read(|connection| mail::approvals(connection, limit))
    }

    fn queue<'a>(&'a self, queue: &'a str, held_max: usize) -> Boxed<'a, Result<Vec<InQueue>, StoreError>> {
        self.read(move |connection| mail::queue(connection, queue, held_max))
    }

    fn acts(&self, limit: usize) -> Boxed<'_, Result<Vec<Act>, StoreError>> {
        self.read(|connection| mail::acts(connection, limit))
    }

    fn posted<'a>(&'a self, text: &'a str) -> Boxed<'a, Result<Vec<Posted>, StoreError>> {
        let found = self.read(|connection| post::posted(connection, text));
        Box::pin(async move { found.await?.iter().map(|(name, post)| post.posted(name)).collect() })
    }

    fn untold(&self, limit: usize) -> Boxed<'_, Result<Vec<(String, String)>, StoreError>> {
        self.read(move |connection| post::untold(connection, limit))
    }

    fn unclaimed(&self, limit: usize) -> Boxed<'_, Result<Vec<Posted>, StoreError>> {
        let found = self.read(|connection| post::unclaimed(connection, limit));
        Box::pin(async move { found.await?.iter().map(|(name, post)| post.posted(name)).collect() })
    }

    fn dead_events<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<DeadEvent>, StoreError>> {
        let found = self.read(|connection| post::dead(connection, filter));
        Box::pin(async move { found.await?.iter().map(|(name, post)| post.dead_event(name)).collect() })
    }

    fn dead_events_count(&self) -> Boxed<'_, Result<u64, StoreError>> {
        self.read(post::dead_count)
    }

    fn runs_with<'a>(&'a self, text: &'a str, among: usize) -> Boxed<'a, Result<Vec<RunRow>, StoreError>> {
        self.read(|connection| read::runs_with(connection, text, among))
    }

    fn runs<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<RunRow>, StoreError>> {
        self.read(|connection| read::runs(connection, filter))
    }

    fn over<'a>(
        &'a self,
        pipeline: Option<&'a str>,
        before: Timestamp,
        part: (usize, usize),
    ) -> Boxed<'a, Result<Vec<RunId>, StoreError>> {
        self.read(|connection| forget::over(connection, pipeline, before, part))
    }

    fn settled(&self, before: Timestamp, limit: usize) -> Boxed<'_, Result<Vec<(String, String)>, StoreError>> {
        self.read(|connection| forget::settled(connection, before, limit))
    }

    fn counts(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, StoreError>> {
        self.read(read::counts)
    }

    fn dead_letters<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<DeadLetter>, StoreError>> {
        self.read(|connection| read::dead_letters(connection, filter))
    }
}
