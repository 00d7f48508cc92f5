//! `ferry serve`

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use clap::Args;

use super::{
    Exit, Outcome, StoreArgs,
    start::{self, WorldArgs, asked_to_stop},
    tell,
};
use crate::{api, clock::pause, limits::DRAIN_MAX};

/// Runs the pipelines of projects as a service.
///
/// SIGTERM or Ctrl-C stops it: calls that are under way are finished and journaled, nothing new is
/// begun, and the next start goes on where it stopped. A second Ctrl-C ends it at once.
#[derive(Args, Debug)]
pub(super) struct Serve {
    /// Projects, or folders of projects.
    #[arg(default_value = ".", value_name = "DIR")]
    dirs: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    world: WorldArgs,
    /// Where /livez, /readyz and /api/v1/status answer; only on this machine.
    #[arg(long, env = "FERRY_ADMIN", default_value = "127.0.0.1:9090", value_name = "ADDR")]
    admin: SocketAddr,
}

impl Serve {
    pub(super) async fn run(self) -> Outcome {
        let started = start::engine(&self.dirs, &self.store, &self.world).await?;
        let engine = Arc::clone(&started.engine);
        let admin = api::listen(self.admin, Arc::clone(&engine)).await?;
        let plans: usize = started.projects.iter().map(|project| project.checked.plans.len()).sum();
        tell(&format!("serving {plans} pipelines; store {}; admin http://{}", self.store.store, admin.addr));
        let mut serving = tokio::spawn({
            let engine = Arc::clone(&engine);
            async move { engine.serve().await }
        });
        tokio::select! {
            ended = &mut serving => {
                ended.context("the engine failed")?;
                bail!("the engine stopped by itself; the log above says why");
            }
            () = asked_to_stop() => {}
        }
        tell("stopping: calls that are under way are finished; Ctrl-C again ends at once");
        admin.not_ready();
        engine.stop();
        tokio::select! {
            _ = serving => {}
            () = pause(DRAIN_MAX) => tell("some calls did not end in time; the next start looks them up"),
            () = asked_to_stop() => tell("ended at once; the next start looks up what was under way"),
        }
        Ok(Exit::Success)
    }
}
