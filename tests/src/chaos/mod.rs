//! Everything that can go wrong at once, while a real program pays through a real sandbox; then the books.
//!
//! The sandbox's clock runs [`Trial::speed`] times as fast as real time; leases and time-outs are real time. So
//! that a look-up proves absence, a payout must be visible before it may be looked up: at a speed of 200, the 15
//! minutes of the manifest are 4.5 s. A third of that is the time-out, and four ninths are the lease, so both
//! together are shorter, as in production (15 minutes, 60 s and 10 s). A long stop lasts longer than all that,
//! so that others have looked up and sent meanwhile.

mod audit;
mod faults;
pub mod hooks;
mod table;
mod world;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use ferry::{
    clock::{Stopwatch, pause},
    sandbox::post,
};
use ferry_contract::key::Digest;
use ferry_sandbox::Duplicates;
use rust_decimal::Decimal;
use serde_json::json;

use crate::{postgres::Server, program::Program};
use audit::Books;
use hooks::Hooks;
pub use table::print;
use world::World;

/// How soon a payout is visible, as the manifest of Payoneer assumes, on the sandbox's clock. Nothing changes for
/// so long once all is settled: a hold asks for money every 10 minutes.
const VISIBLE_MS: u64 = 15 * 60 * 1_000;
/// How long the sandbox refuses connections.
const OUTAGE_MS: u64 = 300;
/// Calls of one process to Salesforce at once, where nothing says less.
const AT_ONCE: u64 = 16;
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What one sandbox and one store go through.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The head of its column.
    pub name: String,
    /// Approved payment requests.
    pub payouts: usize,
    /// `ferry serve` on one store; more than one needs a server.
    pub processes: usize,
    /// Times that one of them is killed with SIGKILL, and started again.
    pub kills: u32,
    /// Times that one of them is stopped with SIGSTOP until others have done its work, and continued.
    pub stops: u32,
    /// Times that the database server is killed with SIGKILL, and started again.
    pub database_kills: u32,
    /// Times that the sandbox refuses connections.
    pub outages: u32,
    /// The longest pause between two of these acts, in milliseconds; the shortest is a tenth of it.
    pub pause_ms: u64,
    /// Seconds of the sandbox in a real second.
    pub speed: u32,
    /// Whether the manifest says that a payout is visible at once, which is not so: the books must be wrong then.
    pub is_mutant: bool,
    /// What the sandbox does with a payout that is booked already.
    pub duplicates: Duplicates,
    /// Chooses data, faults, acts and pauses.
    pub seed: u64,
    /// How long it may take until all is settled after the last act.
    pub patience: Duration,
}

impl Trial {
    /// How soon a payout is visible, in real time.
    fn visible_ms(&self) -> u64 {
        VISIBLE_MS / u64::from(self.speed)
    }

    /// How long an exchange may take: the shipped manifests say 30 to 60 s.
    fn timeout_ms(&self) -> u64 {
        self.visible_ms() / 3
    }

    /// How long an engine lives without a sign of life.
    fn lease_ms(&self) -> u64 {
        self.visible_ms() * 4 / 9
    }

    /// How long a stopped process does not run.
    fn stop_ms(&self) -> u64 {
        self.lease_ms() + self.visible_ms() + 1_000
    }

    /// Whether payouts that are booked twice are counted, and not judged: a process that stood still between the
    /// check of its lease and its bytes sends after others have looked up and sent, and only the target can refuse
    /// that.
    pub(crate) fn measures_window(&self) -> bool {
        self.stops > 0 && self.duplicates == Duplicates::Book
    }

    /// How long all acts take, about.
    fn rage_ms(&self) -> u64 {
        let acts = u64::from(self.kills + self.database_kills + self.outages + self.stops);
        acts * self.pause_ms / 2 + u64::from(self.stops) * self.stop_ms()
    }

    /// How late each contact comes, so that payouts are spread over the acts; soon enough for a life between two
    /// kills to get beyond it.
    fn contact_ms(&self) -> u64 {
        let spread_ms = self.rage_ms() * AT_ONCE * self.processes as u64 / self.payouts.max(1) as u64;
        spread_ms.min(if self.kills > 0 { self.pause_ms / 5 } else { self.timeout_ms() / 2 })
    }

    /// Calls of one process to Salesforce at once: fewer, where late contacts alone do not spread the payouts.
    fn at_once(&self) -> u64 {
        let calls = self.payouts as u64 * self.contact_ms() / (self.rage_ms() * self.processes as u64).max(1);
        if self.kills > 0 { AT_ONCE } else { calls.clamp(1, AT_ONCE) }
    }
}

/// What a trial came to.
#[derive(Debug)]
pub struct Outcome {
    trial: Trial,
    books: Books,
    hooks: Hooks,
    faults: BTreeMap<String, u64>,
    /// Stretches between two kills, or two stops, in which something was booked.
    lives_that_paid: usize,
    raged: Duration,
    took: Duration,
    folder: Option<PathBuf>,
}

impl Outcome {
    /// What is wrong, in sentences; nothing where every promise was kept.
    pub fn wrongs(&self) -> &[String] {
        &self.books.wrongs
    }

    /// Requests that were booked once and transferred.
    pub fn paid(&self) -> usize {
        self.books.count(audit::End::Paid)
    }

    /// Webhooks that were answered 2xx.
    pub fn webhooks_accepted(&self) -> u64 {
        self.hooks.accepted
    }

    /// Runs that waited for a webhook, or found that it had come.
    pub fn woken(&self) -> usize {
        self.hooks.woken
    }

    /// References that were booked more than once.
    pub fn booked_twice(&self) -> usize {
        self.books.booked_twice
    }

    /// Stretches between two kills, or two stops, in which something was booked.
    pub fn lives_that_paid(&self) -> usize {
        self.lives_that_paid
    }

    /// Where store and log are, where they were kept.
    pub fn folder(&self) -> Option<&PathBuf> {
        self.folder.as_ref()
    }
}

/// One thing that happens while it pays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    Kill,
    Stop,
    KillDatabase,
    Outage,
    Deposit,
}

/// How often money comes in: enough for half of what was approved beyond the first balance.
const DEPOSITS: usize = 2;

/// Numbers that a seed and a name decide.
struct Random {
    name: String,
    drawn: u64,
}

impl Random {
    fn of(seed: u64, name: &str) -> Self {
        Self { name: format!("{seed}/{name}"), drawn: 0 }
    }

    /// A number below `below`.
    fn below(&mut self, below: u64) -> u64 {
        self.drawn += 1;
        let digest = Digest::of(format!("{}/{}", self.name, self.drawn));
        u64::from_str_radix(digest.short(), 16).unwrap_or(0) % below.max(1)
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }
}

/// Goes through a trial.
///
/// # Errors
/// What kept the harness itself from going on; a broken promise is no error but in the [`Outcome`].
pub async fn run(program: &Program, trial: &Trial, server: Option<&Server>, keep: bool) -> Result<Outcome, String> {
    let watch = Stopwatch::start();
    let mut world = World::new(program, trial, server).await?;
    let opening = world.opening;
    let deposited = rage(&mut world, trial).await?;
    let raged = watch.elapsed();
    let settled = settle(&world, trial).await?;
    let took = watch.elapsed();
    let faults = faults::hits(&world.ask("faults").await?, trial);
    // What was booked and not followed to its end is transferred or cancelled by now.
    world.stop_services();
    post(&world.http, &world.url("clock"), &json!({ "advance_ms": 24 * 60 * 60 * 1_000 })).await?;
    let hooks = Hooks::collect(&world).await?;
    let mut books = Books::collect((&world, trial), (opening, deposited), settled).await?;
    books.wrongs.extend(hooks.wrongs.iter().cloned());
    let lives_that_paid = books.intervals_with_bookings(&world.cuts);
    let keep = keep || !(books.wrongs.is_empty() || trial.is_mutant);
    let folder = keep.then(|| world.keep());
    Ok(Outcome { trial: trial.clone(), books, hooks, faults, lives_that_paid, raged, took, folder })
}

/// Does all acts in the seed's order, with pauses of its choice; gives what was deposited.
async fn rage(world: &mut World<'_>, trial: &Trial) -> Result<Decimal, String> {
    let mut random = Random::of(trial.seed, "acts");
    let mut deposited = Decimal::ZERO;
    for act in acts(trial, &mut random) {
        let least = trial.pause_ms / 10;
        pause(Duration::from_millis(least + random.below(trial.pause_ms - least))).await;
        let victim = random.index(trial.processes);
        match act {
            Act::Kill => world.kill(victim)?,
            Act::Stop => world.stop(victim, Duration::from_millis(trial.stop_ms())).await?,
            Act::KillDatabase => world.kill_database()?,
            Act::Outage => world.refuse(OUTAGE_MS).await?,
            Act::Deposit => deposited += world.deposit().await?,
        }
    }
    Ok(deposited)
}

fn acts(trial: &Trial, random: &mut Random) -> Vec<Act> {
    let of = |act: Act, count: u32| std::iter::repeat_n(act, count as usize);
    let mut acts: Vec<Act> = of(Act::Kill, trial.kills)
        .chain(of(Act::Stop, trial.stops))
        .chain(of(Act::KillDatabase, trial.database_kills))
        .chain(of(Act::Outage, trial.outages))
        .chain(std::iter::repeat_n(Act::Deposit, DEPOSITS))
        .collect();
    for last in (1..acts.len()).rev() {
        acts.swap(last, random.index(last + 1));
    }
    acts
}

/// Waits until every request has a run that has ended, is held or parked, every webhook was delivered, and nothing
/// has changed for a while.
/// False where that did not come about in time: the books tell what is missing.
async fn settle(world: &World<'_>, trial: &Trial) -> Result<bool, String> {
    let watch = Stopwatch::start();
    let (mut last, mut since) = (BTreeMap::new(), Duration::ZERO);
    while watch.elapsed() < trial.patience {
        pause(LOOK_EVERY).await;
        let counts = world.counts().await?;
        let open = ["running", "waiting"].iter().any(|state| counts.contains_key(*state));
        if counts != last || open {
            (last, since) = (counts, watch.elapsed());
        } else if watch.elapsed().saturating_sub(since) > Duration::from_millis(trial.visible_ms())
            && hooks::requests_with_runs(world).await? >= trial.payouts
            && hooks::are_delivered(world).await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
