//! The program under test in processes of its own, over loopback: killed when whoever started it ends.

use std::{
    fmt::Display,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// Set for every process that shall be the program: an example is it, too, where this is set.
pub const IS_PROGRAM: &str = "FERRY_TESTS_IS_PROGRAM";
/// Where webhooks are taken, where nobody has to know before.
pub const ANY_PORT: &str = "127.0.0.1:0";
/// Ports that are listened on again after a kill: below those that Linux gives to connections by itself, so that
/// none of these has it meanwhile.
const KEPT_PORTS: std::ops::Range<u32> = 20_000..32_000;
/// The log of all services of one folder, beside their store.
pub const LOG: &str = "service.log";

/// The executable of the program.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

/// How `ferry serve` is started.
#[derive(Clone, Copy, Debug)]
pub struct Serve<'a> {
    /// Where it works.
    pub folder: &'a Path,
    /// A project, or a folder of projects.
    pub projects: &'a Path,
    /// A file, or the address of a database.
    pub store: &'a str,
    /// How long it lives without a sign of life. Short, so that a test need not wait long for its end.
    pub lease_ms: u64,
    /// What it logs, as `FERRY_LOG` says it.
    pub log: &'a str,
    /// Where it takes webhooks.
    pub listen: &'a str,
    /// More arguments.
    pub args: &'a [&'a str],
}

/// A sandbox or a service of its own, killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub child: Child,
    /// The sandbox's address, or the one of the admin listener.
    pub address: String,
    /// Where webhooks are delivered.
    pub hooks: String,
    _stdout: Option<BufReader<ChildStdout>>,
}

impl Program {
    /// The program at a path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// This executable, which is the program where [`IS_PROGRAM`] is set.
    ///
    /// # Errors
    /// Where the machine does not say what is executed.
    pub fn own() -> Result<Self, String> {
        std::env::current_exe().map(Self).map_err(said)
    }

    /// A call of the program, with nothing of the caller's own settings.
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command
            .current_dir(folder)
            .env_remove("FERRY_STORE")
            .env_remove("FERRY_SANDBOX")
            .env_remove("FERRY_ADMIN")
            .env(IS_PROGRAM, "1")
            .env("NO_COLOR", "1");
        command
    }

    /// Makes the project that pays, with the shipped `mass-payouts` and all that it reads, and nothing else of what is shipped.
    ///
    /// # Errors
    /// What the program said instead.
    pub fn payouts(&self, folder: &Path, name: &str) -> Result<PathBuf, String> {
        let made = self.command(folder).args(["new", "payoneer-salesforce", name]).output().map_err(said)?;
        let said = || String::from_utf8_lossy(&made.stderr).into_owned();
        if made.status.success() { Ok(folder.join(name)) } else { Err(said()) }
    }

    /// Starts `ferry sandbox` on a free port.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn sandbox(&self, folder: &Path, args: &[&str]) -> Result<Running, String> {
        let mut command = self.command(folder);
        command.args(["sandbox", "--listen", "127.0.0.1:0"]).args(args).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(said)?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("the sandbox has no output")?);
        let mut line = String::new();
        stdout.read_line(&mut line).map_err(said)?;
        let address = line.trim().strip_prefix("sandbox ").ok_or("the sandbox did not say where it is")?.to_owned();
        Ok(Running { child, address, hooks: String::new(), _stdout: Some(stdout) })
    }

    /// Starts `ferry serve`, and waits until it serves.
    ///
    /// # Errors
    /// What it said instead.
    pub fn serve(&self, how: Serve<'_>) -> Result<Running, String> {
        let Serve { folder, projects, store, lease_ms, log, listen, args } = how;
        let mut command = self.command(folder);
        command
            .arg("serve")
            .arg(projects)
            .args(["--admin", "127.0.0.1:0", "--lease", &lease_ms.to_string()])
            .args(args);
        command.env("FERRY_STORE", store).args(["--listen", listen]).env("HOOK_SECRET", "geheim");
        let mut child =
            command.env("FERRY_LOG", log).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(said)?;
        let mut stderr = BufReader::new(child.stderr.take().ok_or("the service has no output")?);
        let (mut before, mut line) = (String::new(), String::new());
        while !line.contains("admin http") {
            before.push_str(&line);
            line.clear();
            if stderr.read_line(&mut line).map_err(said)? == 0 {
                let _ = child.wait();
                return Err(format!("the service ended before it served: {before}"));
            }
        }
        let after =
            |word: &str| line.split_once(word).map_or("", |(_, rest)| rest.split(';').next().unwrap_or("").trim());
        let (address, hooks) = (after("admin ").to_owned(), after("webhooks ").to_owned());
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join(LOG)).map_err(said)?;
        std::thread::spawn(move || keep(stderr, log));
        Ok(Running { child, address, hooks, _stdout: None })
    }
}

/// A free address on this machine that one process after the other can listen on.
///
/// # Errors
/// Where no port is free.
pub fn address_to_keep() -> Result<String, String> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    // Tests run in several processes at once, which begin at different ports.
    let length = KEPT_PORTS.end - KEPT_PORTS.start;
    for _ in 0..length {
        let asked = ASKED.fetch_add(1, Ordering::Relaxed);
        let port = KEPT_PORTS.start + std::process::id().wrapping_mul(97).wrapping_add(asked) % length;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return Ok(address);
        }
    }
    Err("no port is free".to_owned())
}

/// Keeps what a service says, line by line, because others write to the same file.
fn keep(lines: impl std::io::BufRead, mut log: std::fs::File) {
    for line in lines.lines().map_while(Result::ok) {
        let _ = log.write_all(format!("{line}\n").as_bytes());
    }
}

impl Running {
    /// Kills it with SIGKILL, and waits for its end.
    ///
    /// # Errors
    /// Where it was gone already.
    pub fn kill(&mut self) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map(|_| ()).map_err(said)
    }

    /// Sends a signal, such as `STOP`.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn signal(&self, signal: &str) -> Result<(), String> {
        signal_to(self.child.id(), signal)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
///
/// # Errors
/// Where there is none.
pub(crate) fn signal_to(process: u32, signal: &str) -> Result<(), String> {
    let sent = Command::new("kill").args(["-s", signal, &process.to_string()]).output().map_err(said)?;
    if sent.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&sent.stderr).into_owned()) }
}

/// An error in words.
pub(crate) fn said(error: impl Display) -> String {
    error.to_string()
}
