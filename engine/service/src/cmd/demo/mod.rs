//! `ferry demo`: 200 payment requests survive faults and kills, and every cent is accounted for.

mod books;
mod faults;
mod files;
mod progress;
mod statement;
mod worker;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use clap::Args;
use ferry_contract::port::Http;
use serde_json::{Value, json};

use super::{Exit, Outcome, print, start::asked_to_stop, tell};
use crate::{
    clock::{Stopwatch, pause},
    http::HttpClient,
    sandbox::{self, SandboxInfo},
    store::{Store as _, sqlite::SqliteStore},
};
use books::Books;
use faults::Choice;
use progress::Progress;
use worker::Worker;

/// How often it looks, in real time.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// How fast the sandbox's clock runs: an hour of a payout's life in seven seconds.
const SPEED: u32 = 500;
/// After that real time, a demo that has not settled has failed.
const PATIENCE: Duration = Duration::from_mins(4);
/// Two looks at held runs lie so far apart that each hold has asked for its money meanwhile.
const HOLDS_ASK: Duration = Duration::from_secs(3);

/// Shows the whole of it: pays approved requests while everything goes wrong, and counts.
///
/// Needs no account and no configuration. Starts a sandbox of Payoneer and Salesforce that loses
/// connections, answers 429 and 500 and would book a payout twice if it were asked twice; starts
/// `ferry serve` on a new store; kills it twice with SIGKILL, once while payouts are booked and not
/// yet answered; adds money half-way. Ends with 0 only if the books balance.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Chooses data, faults and the moments of the kills.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// How many approved payment requests there are.
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u16).range(20..=5_000))]
    requests: u16,
    /// Leave everything running at the end, and say where.
    #[arg(long)]
    keep: bool,
}

/// A demo under way.
struct Show {
    http: Arc<dyn Http>,
    url: String,
    folder: PathBuf,
    worker: Worker,
    watch: Stopwatch,
    kills: u32,
}

impl Demo {
    pub(super) async fn run(self) -> Outcome {
        let choice = Choice::of(self.seed);
        let options = ferry_sandbox::Options {
            seed: self.seed,
            requests: usize::from(self.requests),
            speed: SPEED,
            faults: choice.faults(),
            ..ferry_sandbox::Options::default()
        };
        let sandbox = ferry_sandbox::start(options).await?;
        let folder = std::env::temp_dir().join(format!("ferry-demo-{}-{}", self.seed, std::process::id()));
        files::write(&folder).with_context(|| format!("{} cannot be written", folder.display()))?;
        let worker = Worker::start(&folder, &sandbox.url()).await?;
        let http: Arc<dyn Http> = Arc::new(HttpClient::new()?);
        let mut show = Show { http, url: sandbox.url(), folder, worker, watch: Stopwatch::start(), kills: 0 };
        let shown = tokio::select! {
            shown = show.play(&self, &choice) => Some(shown?),
            () = asked_to_stop() => None,
        };
        let exit = match shown {
            Some(balanced) => {
                if balanced {
                    Exit::Success
                } else {
                    Exit::Findings
                }
            }
            None => Exit::Interrupted,
        };
        if self.keep && shown.is_some() {
            show.stay().await;
        }
        show.worker.kill().await;
        sandbox.stop().await;
        if exit == Exit::Findings || self.keep {
            tell(&format!("the store and the worker's log are in {}", show.folder.display()));
        } else {
            let _ = std::fs::remove_dir_all(&show.folder);
        }
        Ok(exit)
    }
}

impl Show {
    async fn play(&mut self, demo: &Demo, choice: &Choice) -> Result<bool, anyhow::Error> {
        tell(&format!(
            "sandbox {}   pipeline pipelines/payoneer-salesforce/mass-payouts.yaml   seed {}",
            self.url, demo.seed
        ));
        let opening = Books::balance(&*self.http, &self.url).await?;
        let mut progress = Progress::new(usize::from(demo.requests));
        let mut deposit = rust_decimal::Decimal::ZERO;
        let mut quiet_since: Option<Duration> = None;
        loop {
            pause(LOOK_EVERY).await;
            let now = self.watch.elapsed();
            if now > PATIENCE {
                return Err(anyhow!(
                    "not settled after {} s; the worker's log is in {}",
                    PATIENCE.as_secs(),
                    self.folder.display()
                ));
            }
            let seen = self.look().await?;
            progress.show(&seen, self.kills);
            self.kill_in_time(choice, &seen, now).await?;
            if !seen.is_quiet(usize::from(demo.requests)) {
                quiet_since = None;
                continue;
            }
            let since = *quiet_since.get_or_insert(now);
            if now.saturating_sub(since) < HOLDS_ASK || self.kills < 2 {
                continue;
            }
            if deposit.is_zero() && seen.held > 0 {
                deposit = self.deposit(choice).await?;
                progress.say(&format!("{deposit} USD deposited at Payoneer: holds are released by themselves"));
                quiet_since = None;
                continue;
            }
            break;
        }
        progress.end();
        let hits = sandbox::get(&*self.http, &format!("{}/_sandbox/faults", self.url))
            .await
            .map_err(|error| anyhow!(error))?;
        let books = Books::collect(&self.folder, &self.http, &self.url).await?;
        let facts =
            statement::Facts { seed: demo.seed, opening, deposit, kills: self.kills, took: self.watch.elapsed(), hits };
        let statement = statement::write(&books, &facts);
        print(&statement.text);
        Ok(statement.balanced)
    }

    async fn look(&self) -> Result<progress::Seen, anyhow::Error> {
        let store = SqliteStore::open(&self.folder.join("ferry.db"))?;
        let runs = store.counts().await?;
        let ledger = Books::ledger(&*self.http, &self.url).await?;
        Ok(progress::Seen::new(&runs, &ledger))
    }

    /// Twice: at a moment that the seed chooses, and when payouts are booked whose answer is on its way.
    async fn kill_in_time(
        &mut self,
        choice: &Choice,
        seen: &progress::Seen,
        now: Duration,
    ) -> Result<(), anyhow::Error> {
        let booked_unanswered = seen.booked > 0 && self.kills == 0;
        let chosen = self.kills == 1 && now > choice.second_kill;
        if booked_unanswered || chosen {
            self.worker.kill().await;
            self.kills += 1;
            self.worker = Worker::start(&self.folder, &self.url).await?;
        }
        Ok(())
    }

    async fn deposit(&self, choice: &Choice) -> Result<rust_decimal::Decimal, anyhow::Error> {
        let order = json!({ "deposit": choice.deposit.to_string() });
        self.post("seed", &order).await?;
        Ok(choice.deposit)
    }

    async fn post(&self, what: &str, order: &Value) -> Result<Value, anyhow::Error> {
        sandbox::post(&*self.http, &format!("{}/_sandbox/{what}", self.url), order)
            .await
            .map_err(|error| anyhow!(error))
    }

    async fn stay(&self) {
        let store = self.folder.join("ferry.db");
        tell(&format!("sandbox {}   admin {}", self.url, self.worker.admin()));
        tell(&format!("ferry runs list --store {store}   ·   ferry dlq list --store {store}", store = store.display()));
        tell("Ctrl-C ends it");
        asked_to_stop().await;
    }
}

impl SandboxInfo {
    /// A sandbox of this process.
    pub(super) async fn own(url: &str, http: &dyn Http) -> Result<Self, anyhow::Error> {
        Self::ask(url, http).await.map_err(|error| anyhow!(error))
    }
}
