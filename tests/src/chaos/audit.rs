//! The books of a trial: each approved request on all three sides, and each cent.
//!
//! The sandbox's ledger says what was paid; ferry is asked only how it explains that. A request is right where
//! it was booked once, transferred, and is finished; or where it has another end that somebody can look up,
//! which agrees with the ledger. Everything else is wrong, and so is money that no request explains.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{
    Trial, hooks,
    world::{World, decimal},
};
use crate::program::said;

/// Steps that come when the payout is booked already.
const AFTER_THE_PAYOUT: [&str; 4] = ["settled", "record", "close", "transferred"];

/// Classes of what passes by itself, or is ours to mend: no request ends with one of them unless a promise was broken.
const TO_BLAME: [&str; 4] = ["throttled", "unavailable", "unknown", "bug"];

/// Where a request has ended.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum End {
    /// Booked once, transferred, and Salesforce knows.
    Paid,
    /// Booked by a process that had stood still after another one had, where the target books that: what remains.
    Twice,
    /// Waits for money; nothing was booked.
    Held,
    /// Waits for a person.
    Parked,
    /// Nothing was paid.
    DeadLettered {
        /// The class of its error, and the step.
        why: String,
    },
    /// Paid once, and what comes after that failed.
    PaidThenDeadLettered {
        /// The class of its error, and the step.
        why: String,
    },
    /// On no side: there is no run, or it goes on after all patience.
    Missing,
    /// The sides disagree.
    Wrong,
}

/// All sides, compared.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) ends: Vec<End>,
    /// What is wrong, in sentences.
    pub(super) wrongs: Vec<String>,
    pub(super) booked_twice: usize,
    pub(super) strangers: usize,
    /// Payouts that the target refused because it had booked them.
    pub(super) duplicates_refused: u64,
    pub(super) money: Money,
    booked_at: Vec<Duration>,
    /// The most that is held for.
    held_most: Option<Decimal>,
}

/// What came in, and what went out.
#[derive(Debug)]
pub(super) struct Money {
    pub(super) opening: Decimal,
    pub(super) deposited: Decimal,
    /// The approved amounts of requests that are transferred.
    pub(super) paid: Decimal,
    /// What Payoneer says that it has.
    pub(super) closing: Decimal,
}

impl Money {
    /// What nobody can explain.
    pub(super) fn unexplained(&self) -> Decimal {
        self.opening + self.deposited - self.paid - self.closing
    }
}

/// A request as Salesforce has it.
struct Request {
    id: String,
    amount: Decimal,
    status: String,
}

/// A reference as Payoneer has it.
struct Payout {
    booked: u64,
    amount: Decimal,
    status: String,
}

/// A run as ferry has it, with the reason of a dead letter.
struct Run {
    state: String,
    step: String,
    class: String,
}

impl Books {
    /// Reads and compares all sides.
    pub(super) async fn collect(
        (world, trial): (&World<'_>, &Trial),
        (opening, deposited): (Decimal, Decimal),
        settled: bool,
    ) -> Result<Self, String> {
        let ledger = world.ask("ledger").await?;
        let requests = requests(&world.ask("requests").await?);
        let (payouts, runs) = (payouts(&ledger), runs(world).await?);
        let mut books = Self {
            ends: Vec::new(),
            wrongs: Vec::new(),
            booked_twice: payouts.values().filter(|payout| payout.booked > 1).count(),
            strangers: 0,
            duplicates_refused: ledger["totals"]["duplicates_refused"].as_u64().unwrap_or(0),
            money: Money { opening, deposited, paid: Decimal::ZERO, closing: decimal(&ledger["balance"]) },
            booked_at: booked_at(&ledger, world.began, trial.speed),
            held_most: None,
        };
        if !settled {
            books.wrongs.push("not all was settled in time".to_owned());
        }
        for request in &requests {
            books.judge((request, trial), payouts.get(&request.id), runs.get(&request.id));
        }
        let known: BTreeSet<&String> = requests.iter().map(|request| &request.id).collect();
        for reference in payouts.keys().filter(|reference| !known.contains(reference)) {
            books.strangers += 1;
            books.wrongs.push(format!("{reference} was booked, and nobody approved it"));
        }
        // The first in the queue is held for more than there is; who stands behind it waits for its turn.
        if books.held_most.is_some_and(|most| most <= books.money.closing) {
            books.wrongs.push(format!("payouts are held, and {} USD are there for each of them", books.money.closing));
        }
        if books.money.unexplained() != Decimal::ZERO {
            books.wrongs.push(format!("{} USD are unexplained", books.money.unexplained()));
        }
        Ok(books)
    }

    fn judge(&mut self, (request, trial): (&Request, &Trial), payout: Option<&Payout>, run: Option<&Run>) {
        if let Some(payout) = payout.filter(|payout| payout.status == "Transferred") {
            self.money.paid += request.amount * Decimal::from(payout.booked);
        }
        let end = match end(request, payout, run) {
            End::Twice if !trial.measures_window() => End::Wrong,
            end => end,
        };
        if end == End::Held {
            self.held_most = self.held_most.max(Some(request.amount));
        }
        if matches!(end, End::Missing | End::Wrong) {
            let payout = payout.map_or("nothing".to_owned(), |payout| {
                format!("{} USD {} times, {}", payout.amount, payout.booked, payout.status)
            });
            let run = run.map_or("no run", |run| run.state.as_str());
            let Request { id, amount, status } = request;
            let wrong =
                format!("{id}: {amount} USD approved; Payoneer booked {payout}; ferry says {run}, Salesforce {status}");
            self.wrongs.push(wrong);
        }
        self.ends.push(end);
    }

    /// How many requests have ended so.
    pub(super) fn count(&self, end: End) -> usize {
        self.ends.iter().filter(|other| **other == end).count()
    }

    /// In how many of the stretches that these moments divide something was booked.
    pub(super) fn intervals_with_bookings(&self, moments: &[Duration]) -> usize {
        let interval = |at: &Duration| moments.partition_point(|moment| moment <= at);
        let intervals: BTreeSet<usize> = self.booked_at.iter().map(interval).collect();
        intervals.len()
    }
}

/// Where a request has ended, if all sides agree.
fn end(request: &Request, payout: Option<&Payout>, run: Option<&Run>) -> End {
    let Some(run) = run else { return End::Missing };
    let why = || format!("{} at {}", run.class, run.step);
    let booked = payout.map_or(0, |payout| payout.booked);
    let agrees = payout.is_none_or(|payout| payout.amount == request.amount);
    let status = payout.map_or("", |payout| payout.status.as_str());
    match (run.state.as_str(), booked, status) {
        _ if !agrees => End::Wrong,
        _ if booked > 1 => End::Twice,
        ("finished", 1, "Transferred") if request.status == "Completed" => End::Paid,
        ("held", 0, _) => End::Held,
        ("parked", ..) => End::Parked,
        ("dead_lettered", ..) if TO_BLAME.contains(&run.class.as_str()) => End::Wrong,
        ("dead_lettered", 0, _) | ("dead_lettered", 1, "Cancelled") => End::DeadLettered { why: why() },
        ("dead_lettered", 1, "Transferred") if AFTER_THE_PAYOUT.contains(&run.step.as_str()) => {
            End::PaidThenDeadLettered { why: why() }
        }
        ("running" | "waiting" | "held", ..) => End::Missing,
        _ => End::Wrong,
    }
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn requests(list: &Value) -> Vec<Request> {
    let request =
        |row: &Value| Request { id: text(&row["id"]), amount: decimal(&row["amount"]), status: text(&row["status"]) };
    rows(list).map(request).collect()
}

fn payouts(ledger: &Value) -> BTreeMap<String, Payout> {
    let payout = |row: &Value| Payout {
        booked: row["booked"].as_u64().unwrap_or(0),
        amount: decimal(&row["amount"]),
        status: text(&row["status"]),
    };
    rows(&ledger["payouts"]).map(|row| (text(&row["reference"]), payout(row))).collect()
}

/// When each booking was, in real time since the sandbox began.
fn booked_at(ledger: &Value, began: Timestamp, speed: u32) -> Vec<Duration> {
    let bookings = rows(&ledger["payouts"]).flat_map(|row| rows(&row["booked_at"]));
    let times = bookings.filter_map(|at| at.as_str()?.parse::<Timestamp>().ok());
    times.map(|at| Duration::try_from(at.duration_since(began)).unwrap_or_default() / speed).collect()
}

async fn runs(world: &World<'_>) -> Result<BTreeMap<String, Run>, String> {
    let (store, all) = (world.store().await?, hooks::all_of(hooks::PAYS));
    let letters = store.dead_letters(&all).await.map_err(said)?.into_iter();
    let mut letters: BTreeMap<String, (String, String)> =
        letters.map(|letter| (letter.event_key, (letter.step, letter.class))).collect();
    let runs = store.runs(&all).await.map_err(said)?.into_iter().map(|run| {
        let (step, class) = letters.remove(&run.event_key).unwrap_or_default();
        (run.event_key, Run { state: run.state, step, class })
    });
    Ok(runs.collect())
}
