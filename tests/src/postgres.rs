//! A PostgreSQL server of our own: in a temporary folder, on a socket in it, and as durable as in production.
//!
//! A shell watches over it: when this process ends, however it ends, the server goes and its folder with it.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

use std::{
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::program::{said, signal_to};

/// How often a server that starts is asked whether it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often it is asked at most.
const LOOKS_MAX: u32 = 600;
/// Connections of all tests of one process at once.
const CONNECTIONS_MAX: u32 = 400;

/// Starts the server again whenever it was killed, and ends it by its own id once standard input ends, which
/// is when this process does. What a killed one leaves keeps the next from starting for a moment.
const WATCH: &str = r#"
exec 3<&0 </dev/null
{
    while [ ! -e "$FOLDER/end" ]; do
        "$@"
        sleep 0.05
    done
    touch "$FOLDER/ended"
} 3<&- &
cat <&3 >/dev/null
touch "$FOLDER/end"
until [ -e "$FOLDER/ended" ]; do
    kill -INT "$(head -n 1 "$FOLDER/data/postmaster.pid")" 2>/dev/null
    sleep 0.05
done
rm -rf "$FOLDER"
"#;

/// A server.
pub struct Server {
    folder: PathBuf,
    databases: AtomicU64,
    watch: Child,
    /// Its end is the server's.
    alive: Option<ChildStdin>,
}

/// A server that follows another one no further than to a copy of its data.
pub struct Standby {
    folder: PathBuf,
    user: Option<User>,
}

impl Standby {
    /// One without data, and so that its address is known.
    ///
    /// # Errors
    /// What cannot be made.
    pub fn new() -> Result<Self, String> {
        let folder = folder()?;
        let user = owner_of(&folder)?;
        Ok(Self { folder, user })
    }

    /// The folder of its socket.
    #[must_use]
    pub fn host(&self) -> &Path {
        &self.folder
    }

    /// Takes the primary's data as they are now.
    ///
    /// # Errors
    /// What is missing.
    pub fn copy(&self, primary: &Server) -> Result<(), String> {
        let mut backup = as_user(Command::new(program("pg_basebackup")?), self.user.as_ref(), &self.folder);
        backup.args(["--username=ferry", "--checkpoint=fast", "--write-recovery-conf", "--no-sync", "-h"]);
        let made = backup.arg(&primary.folder).arg("-D").arg(self.folder.join("data")).output().map_err(said)?;
        if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into_owned()) }
    }

    /// Runs it, and makes it a primary.
    ///
    /// # Errors
    /// What the server says.
    pub fn promote(self) -> Result<Server, String> {
        let server = Server::of(self.folder, self.user.as_ref())?;
        server.execute("SELECT pg_promote()").map(|()| server)
    }
}

/// The user as whom the server runs: PostgreSQL refuses root.
struct User {
    uid: u32,
    gid: u32,
}

/// The one server of this process.
///
/// # Panics
/// Where PostgreSQL is not installed, or does not start: a test that cannot go on fails.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start().unwrap_or_else(|error| panic!("{error}")))
}

impl Server {
    /// Starts one.
    ///
    /// # Errors
    /// What is missing, and how to install it.
    pub fn start() -> Result<Self, String> {
        let folder = folder()?;
        let user = owner_of(&folder)?;
        let mut initdb = as_user(Command::new(program("initdb")?), user.as_ref(), &folder);
        initdb.args(["--username=ferry", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"]);
        let made = initdb.arg(folder.join("data")).output().map_err(|error| format!("initdb: {error}"))?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
        }
        Self::of(folder, user.as_ref())
    }

    /// Runs the data of a folder.
    fn of(folder: PathBuf, user: Option<&User>) -> Result<Self, String> {
        let mut watch = as_user(Command::new("sh"), user, &folder);
        watch.args(["-c", WATCH, "watch"]).arg(program("postgres")?).arg("-D").arg(folder.join("data"));
        watch.arg("-k").arg(&folder).args(["-c", "listen_addresses="]);
        watch.args(["-c", &format!("max_connections={CONNECTIONS_MAX}")]).env("FOLDER", &folder);
        let log = std::fs::File::create(folder.join("log")).map_err(said)?;
        let mut watch = watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn().map_err(said)?;
        let alive = watch.stdin.take();
        let server = Self { folder, databases: AtomicU64::new(0), watch, alive };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// The address of a new database of its own, which is empty.
    ///
    /// # Panics
    /// Where the server does not make one.
    pub fn database(&self) -> String {
        let name = format!("ferry_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("CREATE DATABASE {name}")).unwrap_or_else(|error| panic!("{error}"));
        self.address(&name)
    }

    /// The name of a database, from its address.
    #[must_use]
    pub fn name(address: &str) -> &str {
        address.split(['/', '?']).nth(3).unwrap_or_default()
    }

    /// Does something as the server's administrator.
    ///
    /// # Errors
    /// What the server says.
    pub fn execute(&self, sql: &str) -> Result<(), String> {
        self.execute_in("postgres", sql)
    }

    /// The same in a database.
    ///
    /// # Errors
    /// What the server says.
    pub fn execute_in(&self, database: &str, sql: &str) -> Result<(), String> {
        let output = Command::new(program("psql")?)
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", sql])
            .arg(self.address(database))
            .output()
            .map_err(said)?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// Kills the server with SIGKILL, as the end of its machine would, and waits until another one has read
    /// its log and answers.
    ///
    /// # Errors
    /// Where there was none, or none comes back.
    pub fn kill(&self) -> Result<(), String> {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).map_err(said)?;
        let server = file.lines().next().and_then(|line| line.trim().parse().ok());
        signal_to(server.ok_or("the server does not say which process it is")?, "KILL")?;
        self.wait_until_ready()
    }

    fn address(&self, database: &str) -> String {
        format!("postgres://ferry@/{database}?host={}", self.folder.display())
    }

    fn wait_until_ready(&self) -> Result<(), String> {
        let mut last = String::new();
        for _ in 0..LOOKS_MAX {
            match self.execute("SELECT 1") {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(format!("PostgreSQL does not start: {last}\n{log}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.alive.take());
        let _ = self.watch.wait();
    }
}

/// A program of PostgreSQL: Debian keeps those of the server out of `PATH`.
fn program(name: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|program| program.is_file());
    found.ok_or_else(|| {
        format!("`{name}` is not installed, and these tests need a real PostgreSQL: apt-get install postgresql")
    })
}

/// A new folder with a short name: a socket's path has 107 bytes at most.
fn folder() -> Result<PathBuf, String> {
    let folder = tempfile::Builder::new().prefix("ferry-pg-").tempdir_in("/tmp").map_err(said)?;
    // The server writes into it under another user's name, and this process connects under its own.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).map_err(said)?;
    Ok(folder.keep())
}

/// Gives a folder to the user as whom a server runs in it.
fn owner_of(folder: &Path) -> Result<Option<User>, String> {
    let user = other_user(folder)?;
    if let Some(User { uid, gid }) = user {
        std::os::unix::fs::chown(folder, Some(uid), Some(gid)).map_err(said)?;
    }
    Ok(user)
}

/// Another user, where this one is root.
fn other_user(folder: &Path) -> Result<Option<User>, String> {
    let owner = std::fs::metadata(folder).map_err(said)?.uid();
    if owner != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").map_err(said)?;
    let user = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some(User { uid: fields.next()?.ok()?, gid: fields.next()?.ok()? })
    };
    let found = user("postgres").or_else(|| user("nobody"));
    found.map(Some).ok_or_else(|| "PostgreSQL refuses root, and there is no user `postgres` or `nobody`".to_owned())
}

fn as_user(mut command: Command, user: Option<&User>, folder: &Path) -> Command {
    command.current_dir(folder).env_remove("PGDATA").env("LC_ALL", "C");
    if let Some(User { uid, gid }) = user {
        command.uid(*uid).gid(*gid);
    }
    command
}
