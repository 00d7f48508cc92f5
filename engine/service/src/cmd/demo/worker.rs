//! The service under test: a process of its own, because only a process can be killed with SIGKILL.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, anyhow};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::clock::pause;

/// How long a start may take, in real time.
const START_MAX: Duration = Duration::from_secs(30);

/// A running `ferry serve`.
pub(super) struct Worker {
    child: Child,
    admin: String,
}

impl Worker {
    /// Starts one, and waits until it serves.
    pub(super) async fn start(folder: &Path, sandbox: &str) -> Result<Self, anyhow::Error> {
        let program = std::env::current_exe().context("the program does not know where it is")?;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("worker.log"))?;
        let mut child = Command::new(program)
            .arg("serve")
            .arg(folder.join("pipelines"))
            .arg("--store")
            .arg(folder.join("ferry.db"))
            .args(["--sandbox", sandbox, "--admin", "127.0.0.1:0"])
            .env("FERRY_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the worker does not start")?;
        let stderr = child.stderr.take().context("the worker has no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, admin)) = line.split_once("admin ") {
                    return Ok(admin.to_owned());
                }
            }
            Err(anyhow!("the worker ended before it served"))
        };
        let admin = tokio::select! {
            admin = ready => admin?,
            () = pause(START_MAX) => return Err(anyhow!("the worker does not serve after {} s", START_MAX.as_secs())),
        };
        tokio::spawn(async move {
            use std::io::Write as _;
            let mut log = log;
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = writeln!(log, "{line}");
            }
        });
        Ok(Self { child, admin })
    }

    /// SIGKILL: no handler, no flush, no goodbye.
    pub(super) async fn kill(&mut self) {
        let _ = self.child.kill().await;
    }

    /// Where its admin listener is.
    pub(super) fn admin(&self) -> &str {
        &self.admin
    }
}
