//! Persons who act on runs as the commands do: a treasurer who cancels, a source that corrects its records, and an
//! operator who looks into the banks' books, decides what is parked, and replays dead letters.

use std::{collections::BTreeMap, time::Duration};

use ferry::store::{Again, Arrival, Change, Filter, RunId, StoredRun};
use ferry_core::run::{Decision, Entry, From, Letter, Receipt, Run, Status};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    dice::Dice,
    language::language,
    process::wait,
    shape::BANKS,
    world::{EVENTS, World, amount},
};

/// How often the operator looks.
const ROUND_EVERY: Duration = Duration::from_mins(7);
/// A call that left so long ago has arrived, or never will: only then do the books tell.
const BOOKS_TELL_AFTER: SignedDuration = SignedDuration::from_mins(16);
/// What left has arrived by then, or never will.
const ARRIVES_WITHIN: Duration = Duration::from_mins(6);
/// Rounds of the operator: a world without an end is a failure.
const ROUNDS_MAX: u32 = 24 * 60 / 7;
/// How often one run is replayed at most.
const REPLAYS_MAX: u32 = 3;

/// What somebody does at a time that the seed says.
#[derive(Clone, Copy, Debug)]
enum Act {
    Cancel,
    Correct,
}

impl World {
    /// All that persons do; it ends when nobody has anything to do.
    pub(super) async fn persons(&self) {
        let mut dice = Dice::new(self.seed ^ 0x70_6572_736f);
        let acts = Self::acts(&mut dice);
        let last = acts.last().map_or(Duration::ZERO, |(at, ..)| *at);
        let own = Dice::new(dice.below(u64::MAX));
        tokio::join!(self.act(acts, dice), self.operate(last, own));
        // What is on its way arrives, and an engine that stands still may do harm yet.
        let longest = self.stalls.iter().flatten().map(|stall| stall.how_long).max();
        wait(longest.unwrap_or_default().max(ARRIVES_WITHIN)).await;
    }

    /// When whom what befalls, in order. Much of it in the first seconds, in which calls are gathered and under way.
    fn acts(dice: &mut Dice) -> Vec<(Duration, &'static str, Act)> {
        let mut acts = Vec::new();
        for id in EVENTS {
            let mut add = |act: Act, dice: &mut Dice| {
                let spread_ms = [3_000, 90_000, 30 * 60_000][usize::try_from(dice.below(3)).unwrap()];
                acts.push((Duration::from_millis(dice.below(spread_ms)), id, act));
            };
            if dice.one_in(3) {
                add(Act::Cancel, dice);
            }
            for _ in 0..dice.below(3) {
                add(Act::Correct, dice);
            }
        }
        acts.sort_by_key(|(at, ..)| *at);
        acts
    }

    async fn act(&self, acts: Vec<(Duration, &'static str, Act)>, mut dice: Dice) {
        let mut now = Duration::ZERO;
        for (at, id, act) in acts {
            wait(at.saturating_sub(now)).await;
            now = at;
            match act {
                Act::Cancel => {
                    let letter = Letter::Cancel { by: "treasurer".to_owned(), reason: "ordered twice".to_owned() };
                    self.send(&RunId::of("pay", id), letter).await;
                }
                Act::Correct => self.correct(id, &mut dice).await,
            }
        }
    }

    async fn send(&self, run: &RunId, letter: Letter) {
        let send = Change::Send { run: run.clone(), letter, at: self.clock.true_now() };
        // Where there is no such run yet, there is nothing to tell.
        let _ = self.shelf.ask(self.shelf.store().commit(vec![send])).await;
    }

    /// The source has another record from now on, and tells so once. Whoever reads it again finds the new one.
    async fn correct(&self, id: &'static str, dice: &mut Dice) {
        let mut event = self.event(id);
        let revision: u64 = event["revision"].as_str().and_then(|revision| revision.parse().ok()).unwrap_or(0) + 1;
        event["revision"] = json!(revision.to_string());
        changed(&mut event, id, dice);
        self.records.lock().unwrap().insert(id, event.clone());
        let arrival = Arrival {
            pipeline: "pay".to_owned(),
            version: language(self.kind, self.shape).plan.version.clone(),
            event_key: id.to_owned(),
            revision: revision.to_string(),
            event,
            refused: None,
            at: self.clock.true_now(),
            owner: None,
            parent: None,
            lane: None,
        };
        self.shelf.ask(self.shelf.store().commit(vec![Change::Receive(arrival)])).await.unwrap();
    }

    /// Rounds, until a time has come and nothing is left to do.
    async fn operate(&self, until: Duration, mut dice: Dice) {
        let mut replays = BTreeMap::new();
        let began = self.clock.true_now();
        for _ in 0..ROUNDS_MAX {
            wait(ROUND_EVERY).await;
            let is_quiet = self.round(&mut dice, &mut replays).await;
            let now = self.clock.true_now();
            if is_quiet && now.duration_since(began) > SignedDuration::try_from(until).unwrap() {
                return;
            }
        }
    }

    /// One look at all runs; whether nothing is left to do with any of them.
    async fn round(&self, dice: &mut Dice, replays: &mut BTreeMap<RunId, u32>) -> bool {
        let all = Filter { limit: usize::MAX, ..Filter::default() };
        let rows = self.shelf.ask(self.shelf.store().runs(&all)).await.unwrap();
        let mut is_quiet = rows.len() == EVENTS.len();
        for row in rows {
            let stored = self.shelf.ask(self.shelf.store().run(&row.run)).await.unwrap().unwrap();
            match row.state.as_str() {
                "finished" | "cancelled" => {}
                "dead_lettered" => {
                    let so_often = replays.entry(row.run.clone()).or_default();
                    if *so_often < REPLAYS_MAX && dice.below(3) > 0 {
                        *so_often += 1;
                        is_quiet = false;
                        self.replay_one(&stored, dice).await;
                    }
                }
                "parked" => {
                    is_quiet = false;
                    self.decide(&stored, dice).await;
                }
                _ => is_quiet = false,
            }
        }
        is_quiet
    }

    /// The run as it will be when it has read its letters, as the commands see it.
    fn ahead(&self, stored: &StoredRun) -> Run {
        let mut run = self.fold(stored);
        let now = self.clock.true_now();
        for letter in stored.letters.values() {
            if let Receipt::Entry(entry) = run.receive(letter, now) {
                run.take(now, &entry);
            }
        }
        run
    }

    /// The run as its journal makes it.
    pub(super) fn fold(&self, stored: &StoredRun) -> Run {
        let plan = &language(self.kind, self.shape).plan;
        let mut run = Run::new(std::sync::Arc::clone(plan), stored.row.event_key.clone(), self.guards);
        for (at, entry) in &stored.journal {
            run.take(*at, entry);
        }
        run
    }

    /// What is parked is decided by what the bank's books say, and now and then by nobody who knows.
    async fn decide(&self, stored: &StoredRun, dice: &mut Dice) {
        if self.clock.true_now().duration_since(stored.row.updated_at) < BOOKS_TELL_AFTER {
            return;
        }
        let run = self.ahead(stored);
        for unit in run.units().filter(|unit| matches!(run.status(*unit), Status::Parked { .. })) {
            let step = run.unit_id(unit);
            let decision = if dice.one_in(4) { Decision::GiveUp } else { self.truth(stored, &run, &step) };
            let (by, reason, asked_at) = ("operator".to_owned(), "looked there".to_owned(), run.asked_at(&step));
            self.send(&stored.row.run, Letter::Decision { step, by, reason, decision, asked_at }).await;
        }
    }

    /// What the books of the bank that was called last say of it.
    fn truth(&self, stored: &StoredRun, run: &Run, step: &str) -> Decision {
        let called = stored.journal.iter().rev().find_map(|(_, entry)| match entry {
            Entry::Called { step: own, key, .. } if own == step => Some(key.as_str().to_owned()),
            _ => None,
        });
        let called = called.unwrap_or_default();
        let bank = BANKS.iter().zip(self.banks()).find(|((name, _), _)| called.starts_with(&format!("{name}/pay/")));
        let Some((_, bank)) = bank else { return Decision::NotDone };
        let bookings = bank.bookings(&stored.row.event_key);
        let wanted = &run.event()["amount"];
        match bookings.first() {
            None => Decision::NotDone,
            Some(booking) if ferry_contract::number::equal(&booking.amount, wanted) => Decision::Done(json!({})),
            // It is there, and is not what the event says now: nothing that could be said of it is true.
            Some(_) => Decision::GiveUp,
        }
    }

    /// A dead letter begins again in one of the ways that there are.
    async fn replay_one(&self, stored: &StoredRun, dice: &mut Dice) {
        let (from, event) = match dice.below(4) {
            0 => (From::Failed, None),
            1 => (From::Start, None),
            2 => (From::Step("pay".to_owned()), None),
            _ => {
                let mut event = self.fold(stored).event().clone();
                changed(&mut event, &stored.row.event_key, dice);
                (From::Start, Some(event))
            }
        };
        let how = Again { from, version: None, event, by_person: true, seen: Some(stored.length()) };
        let (by, reason) = ("operator".to_owned(), "mended".to_owned());
        let resume = Change::Resume { run: stored.row.run.clone(), by, reason, at: self.now(stored), how };
        // A correction may have been faster.
        let _ = self.shelf.ask(self.shelf.store().commit(vec![resume])).await;
    }

    fn now(&self, stored: &StoredRun) -> Timestamp {
        self.clock.true_now().max(stored.row.updated_at)
    }
}

/// Another version of an event: mostly a better one, and sometimes without what it needs.
fn changed(event: &mut Value, id: &str, dice: &mut Dice) {
    event["last_check"] = json!(dice.below(4) > 0);
    match dice.below(8) {
        0 => event["amount"] = json!(77),
        1 => drop(event.as_object_mut().unwrap().remove("amount")),
        2..=4 => event["amount"] = amount(id),
        _ => {}
    }
}
