//! What must hold in the books of all banks together, against what each run knows.

use ferry::store::{RunId, StoredRun};
use ferry_contract::{failure::ErrorClass, number};
use ferry_core::{
    once::Outcome,
    run::{Decision, Entry, Run, State, Status},
};

use super::{
    shape::BANKS,
    target::{Booking, Target},
    world::{EVENTS, World},
};

/// Steps that may pay.
const PAYING: [&str; 2] = ["pay", "instead"];

/// What a run knows of its payment at one bank.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Known {
    Nothing,
    Unknown,
    Done,
}

/// One event's payment, from all sides.
struct Account<'a> {
    run: Run,
    stored: &'a StoredRun,
    /// What was booked, and what the run knows of it.
    banks: Vec<(Vec<Booking>, Known)>,
    /// Whether the network has delivered an earlier content of it after a later one.
    is_overtaken: bool,
}

/// The story of what did not hold, if anything.
pub(super) fn broken(world: &World) -> Option<String> {
    EVENTS.into_iter().find_map(|id| {
        let stored = world.shelf.at_once(world.shelf.store().run(&RunId::of("pay", id))).unwrap();
        let Some(stored) = stored else { return Some(format!("{id} has no run")) };
        let run = world.fold(&stored);
        let banks = BANKS.iter().zip(world.banks());
        let banks = banks.map(|((name, _), bank)| (bank.bookings(id), known(&run, name))).collect();
        let is_overtaken = world.banks().any(|bank| bank.is_overtaken(id));
        let account = Account { run, stored: &stored, banks, is_overtaken };
        let wrong = account.is_wrong().or_else(|| account.pays_after_its_cancel(world.banks().map(|bank| &**bank)));
        wrong.map(|wrong| format!("{id}: {wrong}; {}", account.told()))
    })
}

fn known(run: &Run, bank: &str) -> Known {
    let paid = format!("{bank}/pay/");
    let outcomes = run.memories().iter().filter(|(key, _)| key.as_str().starts_with(&paid));
    let known = outcomes.map(|(_, memory)| match memory.outcome {
        Outcome::Done(_) => Known::Done,
        Outcome::Unknown { .. } => Known::Unknown,
        Outcome::NotDone { .. } | Outcome::Void => Known::Nothing,
    });
    known.max().unwrap_or(Known::Nothing)
}

impl Account<'_> {
    fn booked(&self) -> usize {
        self.banks.iter().map(|(bookings, _)| bookings.len()).sum()
    }

    fn told(&self) -> String {
        let banks = self
            .banks
            .iter()
            .zip(BANKS)
            .map(|((booked, known), (name, _))| format!("{name} {} {known:?}", booked.len()));
        format!("{}, {}", self.run.state().name(), banks.collect::<Vec<_>>().join(", "))
    }

    fn is_wrong(&self) -> Option<String> {
        if self.booked() > 1 {
            return Some("one fact is booked more than once".to_owned());
        }
        for ((bookings, known), (bank, _)) in self.banks.iter().zip(BANKS) {
            let agrees = match known {
                Known::Nothing => bookings.is_empty(),
                Known::Unknown => true,
                Known::Done => bookings.len() == 1,
            };
            if !agrees {
                return Some(format!("what the run knows of {bank} is not so"));
            }
        }
        match self.run.state() {
            State::Finished => self.finished(),
            State::DeadLettered => self.dead(),
            State::Cancelled => self.cancelled(),
            State::Running | State::Waiting | State::Held | State::Parked => Some("it has no end".to_owned()),
        }
    }

    /// It has paid exactly once what its event says, or has said by an arm that it pays nothing.
    fn finished(&self) -> Option<String> {
        let is_done = |unit| *self.run.status(unit) == Status::Done;
        let is_paid = PAYING.iter().any(|step| self.run.unit_named(step).is_some_and(is_done));
        if self.booked() != usize::from(is_paid) {
            let says = if is_paid { "paid" } else { "not paid" };
            return Some(format!("it has finished and says that it is {says}"));
        }
        // Only a target that compares versions can refuse an upsert that comes too late.
        if self.is_overtaken {
            return None;
        }
        let amount = &self.run.event()["amount"];
        let mut bookings = self.banks.iter().flat_map(|(bookings, _)| bookings);
        let agrees = bookings.all(|booking| number::equal(&booking.amount, amount));
        (!agrees).then(|| format!("it has finished with {amount}, and paid something else"))
    }

    /// Nothing is in doubt, unless a person gave it up before.
    fn cancelled(&self) -> Option<String> {
        let gives_up = |entry: &Entry| matches!(entry, Entry::Decided { decision: Decision::GiveUp, .. });
        let is_given_up = self.stored.journal.iter().any(|(_, entry)| gives_up(entry));
        let is_unknown = self.banks.iter().any(|(_, known)| *known == Known::Unknown);
        (is_unknown && !is_given_up).then(|| "it was cancelled, and may be paid".to_owned())
    }

    /// What may have been paid is not told as a failure that did nothing.
    fn dead(&self) -> Option<String> {
        let last = self.stored.journal.iter().rev().find_map(|(_, entry)| match entry {
            Entry::DeadLettered { step, failure } => Some((step, failure)),
            _ => None,
        });
        let (step, failure) = last?;
        let is_unknown = self.banks.iter().any(|(_, known)| *known == Known::Unknown);
        let says =
            matches!(failure.class, ErrorClass::Unknown | ErrorClass::Conflict) || failure.message.contains("unknown");
        (PAYING.contains(&step.as_str()) && is_unknown && !says)
            .then(|| format!("it may be paid, and its dead letter says {failure}"))
    }

    /// Nothing leaves, and nothing is booked, after a run was cancelled.
    fn pays_after_its_cancel<'t>(&self, mut banks: impl Iterator<Item = &'t Target>) -> Option<String> {
        let (cancelled, _) = self.stored.journal.iter().find(|(_, entry)| matches!(entry, Entry::Cancelled { .. }))?;
        let id = &self.stored.row.event_key;
        let after = banks.find_map(|bank| {
            let booked = bank.bookings(id).into_iter().map(|booking| booking.at).find(|at| at > cancelled);
            booked.or_else(|| bank.left(id).filter(|left| left > cancelled))
        })?;
        Some(format!("cancelled at {cancelled}, and paid at {after}"))
    }
}
