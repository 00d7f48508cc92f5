//! `ferry sandbox`

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::{Exit, Outcome, print, start::asked_to_stop, tell};

/// Starts local systems that behave, fail and can be slowed: Payoneer, Salesforce, PayTrace, a shop, books, rates, chat rooms.
///
/// Control is under /_sandbox/: GET ledger, requests, clock, faults, webhooks, seed; POST seed, faults, webhooks, clock.
#[derive(Args, Debug)]
pub(super) struct SandboxCommand {
    /// Where it listens; only on this machine.
    #[arg(long, default_value = "127.0.0.1:8788", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where it listens with TLS too; only on this machine.
    #[arg(long, value_name = "ADDR")]
    tls_listen: Option<SocketAddr>,
    /// Where Salesforce's Pub/Sub API listens, in the clear and with TLS; only on this machine.
    #[arg(long, value_name = "ADDR")]
    pubsub_listen: Option<SocketAddr>,
    /// Makes every client with TLS show a certificate: the one at /_sandbox/client.pem.
    #[arg(long, requires = "tls_listen")]
    client_certificates: bool,
    /// Chooses data and faults.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// How many approved payment requests there are.
    #[arg(long, default_value_t = 200, value_name = "N")]
    requests: usize,
    /// How fast its clock runs.
    #[arg(long, default_value_t = 1, value_name = "N")]
    speed: u32,
    /// Faults to make, as YAML.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Who is told of payouts that have ended, on this machine; `SentToBank=URL` of one kind. With several, one after the other
    /// until one takes it.
    #[arg(long, value_name = "URL")]
    webhook: Vec<String>,
}

impl SandboxCommand {
    pub(super) async fn run(self) -> Outcome {
        let faults = match &self.faults {
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
                let faults: ferry_sandbox::Faults =
                    serde_yaml::from_str(&text).with_context(|| file.display().to_string())?;
                faults.check().map_err(|wrong| anyhow::anyhow!("{}: {wrong}", file.display()))?;
                faults
            }
            None => ferry_sandbox::Faults::default(),
        };
        let options = ferry_sandbox::Options {
            listen: self.listen,
            tls_listen: self.tls_listen,
            pubsub_listen: self.pubsub_listen,
            client_certificates: self.client_certificates,
            seed: self.seed,
            requests: self.requests,
            speed: self.speed,
            faults,
            webhooks: ferry_sandbox::Webhooks { urls: self.webhook, ..ferry_sandbox::Webhooks::default() },
        };
        let sandbox = ferry_sandbox::start(options).await?;
        print(&format!("sandbox {}\n", sandbox.url()));
        if let Some(url) = sandbox.tls_url() {
            print(&format!("sandbox {url} ca: GET {}/_sandbox/ca.pem\n", sandbox.url()));
        }
        if let Some(url) = sandbox.pubsub_url() {
            print(&format!("sandbox {url} pub/sub\n"));
        }
        tell(&format!("try: ferry serve pipelines/payoneer-salesforce --sandbox {}", sandbox.url()));
        asked_to_stop().await;
        sandbox.stop().await;
        Ok(Exit::Success)
    }
}
