//! Work with webhooks: `ferry trigger` sends one as its system would, `ferry listen` shows what comes.

mod listen;
mod trigger;

use std::fs;

use anyhow::{Context as _, anyhow, bail};
use ferry_connectors::{
    connection::{Connection, World},
    library,
};
use ferry_contract::suggest;
use jiff::Timestamp;
use serde_json::Value;

use crate::cmd::reach::{Reach, ReachArgs};

pub use listen::Heard;
pub(super) use listen::Listen;
pub(super) use trigger::Trigger;

/// A webhook of an open connection.
struct Source {
    reach: Reach,
    connection: Connection,
    /// The webhook's name in the manifest.
    webhook: String,
}

impl Source {
    /// Opens `CONNECTION.WEBHOOK`.
    async fn open(args: &ReachArgs, written: &str) -> Result<Self, anyhow::Error> {
        let reach = args.open().await?;
        let (name, webhook) = written.split_once('.').unwrap_or((written, ""));
        let connector = reach.connector(name)?.to_owned();
        let connection = reach.connection(name).map_err(|failure| anyhow!(failure.message))?;
        let known: Vec<&str> = connection.manifest.webhooks.keys().map(String::as_str).collect();
        if known.is_empty() {
            bail!("the connector `{connector}` describes no webhooks");
        }
        if !known.contains(&webhook) {
            bail!("`{written}` is no webhook; {}", suggest::help(webhook, &known));
        }
        let webhook = webhook.to_owned();
        Ok(Self { reach, connection, webhook })
    }

    /// The time by which it is signed.
    async fn now(&self) -> Result<Timestamp, anyhow::Error> {
        let World { http, clock } = &self.reach.world;
        match &self.reach.sandbox {
            Some(sandbox) => Ok(sandbox.clock(&**http).await.map_err(|error| anyhow!(error))?.0),
            None => Ok(clock.now()),
        }
    }

    /// The recorded body.
    fn sample(&self) -> Result<Value, anyhow::Error> {
        let manifest = &self.connection.manifest;
        let (connector, sample) = (&manifest.connector.name, &manifest.webhooks[&self.webhook].sample);
        let own = self.reach.project.folder.join("connectors").join(connector).join(sample);
        let text = match fs::read_to_string(&own) {
            Ok(text) => text,
            Err(error) => library::shipped_file(&format!("{connector}/{sample}"))
                .ok_or_else(|| anyhow!("{} cannot be read: {error}", own.display()))?,
        };
        let mut sample: Value = serde_json::from_str(&text).with_context(|| own.display().to_string())?;
        Ok(sample["body"].take())
    }
}
