//! `ferry serve`

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use clap::Args;

use super::{
    Exit, Outcome, StoreArgs, complain,
    start::{self, WorldArgs, asked_to_stop},
    tell,
};
use crate::{api, clock::pause, engine::Engine, limits::DRAIN_MAX, reload::Loader};

/// Runs the pipelines of projects as a service.
///
/// SIGHUP or `ferry reload` makes it read the folders again: all of them, or none where one has an error.
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
    /// Where webhooks are taken; only listened at once a pipeline takes some.
    #[arg(long, env = "FERRY_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// What senders of webhooks call `--listen`, such as https://hooks.example.com; Payoneer signs it.
    #[arg(long, env = "FERRY_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    public_url: Option<String>,
}

/// A URL that senders can call.
fn public_url(text: &str) -> Result<String, String> {
    let is_url = ["https://", "http://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    if is_url { Ok(text.to_owned()) } else { Err("write it whole, such as `https://hooks.example.com`".to_owned()) }
}

impl Serve {
    pub(super) async fn run(self) -> Outcome {
        let started = start::engine(&self.dirs, &self.store, &self.world).await?;
        let engine = Arc::clone(&started.engine);
        let loader = Arc::clone(&started.loader);
        let admin = api::listen(self.admin, Arc::clone(&engine), Arc::clone(&loader)).await?;
        let hooks = loader.take_webhooks((self.listen, self.public_url.clone()), &engine).await?;
        let hooks = hooks.map(|url| format!("; webhooks {url}")).unwrap_or_default();
        let (plans, store) = (engine.versions().len(), &self.store.store);
        let environment = loader.environment().map(|name| format!(" in the environment `{name}`")).unwrap_or_default();
        tell(&format!("serving {plans} pipelines{environment}; store {store}{hooks}; admin http://{}", admin.addr));
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
            () = reload_when_asked(&loader, &engine) => {}
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

/// SIGHUP reads the folders again, as `ferry reload` does; it never ends by itself.
async fn reload_when_asked(loader: &Loader, engine: &Arc<Engine>) {
    let mut signal = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
        Ok(signal) => signal,
        Err(error) => {
            complain(&format!("SIGHUP cannot be listened for: {error}"));
            return std::future::pending().await;
        }
    };
    while signal.recv().await.is_some() {
        match loader.reload(engine).await {
            Ok(swapped) => {
                let hooks = swapped.webhooks.map(|url| format!("; webhooks {url}")).unwrap_or_default();
                tell(&format!("reloaded{hooks}"));
            }
            Err(refused) => complain(&format!("the reload is refused; what was loaded goes on\n{refused}")),
        }
    }
}
