//! Work with webhooks: `ferry trigger` sends one as its system would, `ferry listen` shows what comes.

mod listen;
mod trigger;

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use ferry_connectors::{
    connection::{Connection, World},
    library,
};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::{Clock, Http},
    suggest,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    clock::SystemClock,
    cmd::{given::GivenArgs, plan::unreachable},
    http::HttpClient,
    load::{self, CheckedProject},
    sandbox::{self, SandboxInfo},
};

pub use listen::Heard;
pub(super) use listen::Listen;
pub(super) use trigger::Trigger;

/// Whose webhooks they are.
#[derive(Args, Debug)]
struct ProjectArgs {
    /// The project.
    #[arg(long, default_value = ".", value_name = "DIR")]
    project: PathBuf,
    /// Use a sandbox's secret and clock instead of the real system's.
    #[arg(long, env = "FERRY_SANDBOX", value_name = "URL")]
    sandbox: Option<String>,
    #[command(flatten)]
    given: GivenArgs,
}

/// A webhook of an open connection.
struct Source {
    project: CheckedProject,
    connection: Connection,
    /// The webhook's name in the manifest.
    webhook: String,
    http: Arc<dyn Http>,
    sandbox: Option<SandboxInfo>,
}

impl ProjectArgs {
    /// Opens `CONNECTION.WEBHOOK`.
    async fn open(&self, written: &str) -> Result<Source, anyhow::Error> {
        let wanted = if self.sandbox.is_some() { self.given.to_look() } else { self.given.to_send() };
        let mut projects = load::projects(std::slice::from_ref(&self.project), &load::pipeline_rules(), &wanted)?;
        let (Some(project), true) = (projects.pop(), projects.is_empty()) else {
            bail!("{} has several projects; name one of them with `--project`", self.project.display());
        };
        let Some(checked) = &project.checked.project else {
            bail!("ferry.yaml has errors; `ferry lint` says which");
        };
        let (name, webhook) = written.split_once('.').unwrap_or((written, ""));
        let known: Vec<&str> = checked.connections.keys().map(String::as_str).collect();
        if !known.contains(&name) {
            bail!("there is no connection `{name}`; {}", suggest::help(name, &known));
        }
        let http: Arc<dyn Http> = Arc::new(HttpClient::new().context("TLS cannot be set up")?);
        let sandbox = match &self.sandbox {
            Some(url) => {
                sandbox::on_this_machine(url).map_err(|error| anyhow!(error))?;
                let asked = SandboxInfo::ask(url, &*http).await;
                Some(asked.map_err(|error| unreachable(&Failure::new(ErrorClass::Unavailable, error)))?)
            }
            None => None,
        };
        let clock = Arc::new(SystemClock::default());
        if let Some(sandbox) = &sandbox {
            let (now, speed) = sandbox.clock(&*http).await.map_err(|error| anyhow!(error))?;
            clock.follow(now, speed);
        }
        let world = World { http: Arc::clone(&http), clock: clock as Arc<dyn Clock> };
        let opened = load::open_one(&project, name, &world, sandbox.as_ref());
        let connection = opened.map_err(|failure| anyhow!(failure.message))?.reading_only();
        let webhooks: Vec<&str> = connection.manifest.webhooks.keys().map(String::as_str).collect();
        if webhooks.is_empty() {
            bail!("the connector `{}` describes no webhooks", connection.manifest.connector.name);
        }
        if !webhooks.contains(&webhook) {
            bail!("`{written}` is no webhook; {}", suggest::help(webhook, &webhooks));
        }
        let webhook = webhook.to_owned();
        Ok(Source { project, connection, webhook, http, sandbox })
    }
}

impl Source {
    /// The time by which it is signed.
    async fn now(&self) -> Result<Timestamp, anyhow::Error> {
        match &self.sandbox {
            Some(sandbox) => Ok(sandbox.clock(&*self.http).await.map_err(|error| anyhow!(error))?.0),
            None => Ok(SystemClock::default().now()),
        }
    }

    /// The recorded body.
    fn sample(&self) -> Result<Value, anyhow::Error> {
        let manifest = &self.connection.manifest;
        let (connector, sample) = (&manifest.connector.name, &manifest.webhooks[&self.webhook].sample);
        let own = self.project.folder.join("connectors").join(connector).join(sample);
        let text = match fs::read_to_string(&own) {
            Ok(text) => text,
            Err(error) => library::shipped_file(&format!("{connector}/{sample}"))
                .ok_or_else(|| anyhow!("{} cannot be read: {error}", own.display()))?,
        };
        let mut sample: Value = serde_json::from_str(&text).with_context(|| own.display().to_string())?;
        Ok(sample["body"].take())
    }
}
