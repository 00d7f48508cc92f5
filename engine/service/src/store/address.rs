//! Where a store is, and how it is opened.

use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr, sync::Arc};

use jiff::Timestamp;

use super::{
    Store, StoreError,
    postgres::{self, PostgresStore},
    sqlite::{Lock, SqliteStore},
};

/// A file, or a database on a server. It may hold a password, so it prints less than it knows.
#[derive(Clone)]
pub enum StoreAddress {
    /// A file of SQLite.
    File(PathBuf),
    /// A URL of PostgreSQL.
    Server(String),
}

/// A store that this process may run, for as long as it keeps this.
pub struct Opened {
    /// The store.
    pub store: Arc<dyn Store>,
    /// A file has one process; a server has leases alone.
    _lock: Option<Lock>,
}

/// Any text is an address, so that no message about a wrong one repeats it.
impl FromStr for StoreAddress {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_server = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        Ok(if is_server { Self::Server(text.to_owned()) } else { Self::File(text.into()) })
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Server(url) => f.write_str(&postgres::masked(url)),
        }
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Opens a store to look at it, or to change what a person may change. A file must be there already.
///
/// # Errors
/// [`StoreError::Open`] where there is none, or it cannot be used.
pub async fn open(address: &StoreAddress) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match address {
        StoreAddress::File(path) => Arc::new(SqliteStore::open_existing(path)?),
        StoreAddress::Server(url) => Arc::new(PostgresStore::open(url).await?),
    })
}

/// Opens a store to run it, and makes it where it is missing.
///
/// # Errors
/// [`StoreError::Open`] as in [`open`]; [`StoreError::InUse`] where another process has the file.
pub async fn open_to_run(address: &StoreAddress, now: Timestamp) -> Result<Opened, StoreError> {
    match address {
        StoreAddress::File(path) => {
            let store = SqliteStore::open(path)?;
            let lock = SqliteStore::lock(path)?;
            store.take_over(&lock, now).await?;
            Ok(Opened { store: Arc::new(store), _lock: Some(lock) })
        }
        StoreAddress::Server(url) => Ok(Opened { store: Arc::new(PostgresStore::open(url).await?), _lock: None }),
    }
}
