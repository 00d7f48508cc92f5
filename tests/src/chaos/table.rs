//! The table at the end: a column for each trial, a row for each count.

use std::{collections::BTreeSet, fmt::Write as _};

use ferry_sandbox::Duplicates;

use super::{Outcome, audit::End};

/// Room of a row's name, and of a column.
const NAME: usize = 58;
const COLUMN: usize = 18;
/// Wrongs that are written out.
const WRONGS_MAX: usize = 20;

/// The table of these trials, and what is wrong.
pub fn print(outcomes: &[Outcome]) -> String {
    let mut out = Table { text: String::new(), outcomes };
    out.row("", |outcome| outcome.trial.name.clone());
    out.row("seed", |outcome| outcome.trial.seed);
    out.row("approved requests", |outcome| outcome.trial.payouts);
    out.row("speed of the sandbox's clock", |outcome| outcome.trial.speed);
    out.row("a booked reference that is sent again", |outcome| match outcome.trial.duplicates {
        Duplicates::Book => "is booked twice",
        Duplicates::Refuse => "is refused",
    });
    out.acts();
    out.ends();
    out.webhooks();
    out.money();
    out.faults();
    out.wrongs();
    out.text
}

struct Table<'a> {
    text: String,
    outcomes: &'a [Outcome],
}

impl Table<'_> {
    fn row<T: ToString>(&mut self, name: &str, value: impl Fn(&Outcome) -> T) {
        let values = self.outcomes.iter().map(|outcome| format!("{:>COLUMN$}", value(outcome).to_string()));
        let line = format!("{name:<NAME$}{}", values.collect::<String>());
        self.line(line.trim_end());
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn acts(&mut self) {
        self.line("\nwhat was done to it");
        self.row("  processes on one store", |outcome| outcome.trial.processes);
        self.row("  killed with SIGKILL", |outcome| outcome.trial.kills);
        self.row("  stretches between kills or stops in which it paid", |outcome| outcome.lives_that_paid);
        self.row("  stopped with SIGSTOP beyond lease and look-up", |outcome| outcome.trial.stops);
        self.row("  milliseconds: time-out of a request", |outcome| outcome.trial.timeout_ms());
        self.row("  milliseconds: lease of a process", |outcome| outcome.trial.lease_ms());
        self.row("  milliseconds: visible_after of a payout", |outcome| outcome.trial.visible_ms());
        self.row("  database server killed with SIGKILL", |outcome| outcome.trial.database_kills);
        self.row("  times without any connection to the sandbox", |outcome| outcome.trial.outages);
        self.row("  seconds until the last of these", |outcome| outcome.raged.as_secs());
        self.row("  seconds until all was settled", |outcome| outcome.took.as_secs());
    }

    fn ends(&mut self) {
        self.line("\nwhat became of each request");
        self.row("  booked once, transferred, and recorded", |outcome| outcome.books.count(End::Paid));
        self.row("  BOOKED TWICE", |outcome| outcome.books.booked_twice - outcome.books.count(End::Twice));
        self.row("  booked twice, as only the target could refuse", |outcome| outcome.books.count(End::Twice));
        self.row("  MISSING", |outcome| outcome.books.count(End::Missing));
        self.row("  SIDES DISAGREE", |outcome| outcome.books.count(End::Wrong));
        self.row("  held: the money does not suffice", |outcome| outcome.books.count(End::Held));
        self.row("  parked: a person decides", |outcome| outcome.books.count(End::Parked));
        let ends: BTreeSet<End> = self.outcomes.iter().flat_map(|outcome| outcome.books.ends.iter().cloned()).collect();
        for end in ends {
            let name = match &end {
                End::DeadLettered { why } => format!("  dead letter, nothing paid: {why}"),
                End::PaidThenDeadLettered { why } => format!("  dead letter, paid once: {why}"),
                End::Paid | End::Twice | End::Held | End::Parked | End::Missing | End::Wrong => continue,
            };
            self.row(&name, |outcome| outcome.books.count(end.clone()));
        }
        self.row("payouts that nobody approved", |outcome| outcome.books.strangers);
        self.row("second bookings that the target refused", |outcome| outcome.books.duplicates_refused);
    }

    fn webhooks(&mut self) {
        self.line("\nwebhooks: one for each payout that has ended");
        self.row("  sent", |outcome| outcome.hooks.sent);
        for fault in ["duplicate", "late", "reordered", "stale", "lost", "badly_signed"] {
            let name = match fault {
                "stale" => "sent, and again much later",
                "lost" => "lost: never sent",
                "badly_signed" => "badly signed",
                _ => fault,
            };
            self.row(&format!("    {name}"), |outcome| outcome.hooks.with(fault));
        }
        self.row("  accepted: at least one 2xx, and one run", |outcome| outcome.hooks.accepted);
        self.row("  deliveries that were accepted", |outcome| outcome.hooks.deliveries_accepted);
        self.row("  deliveries that were refused as forged", |outcome| outcome.hooks.deliveries_refused);
        self.row("  runs that a webhook woke; the others polled", |outcome| outcome.hooks.woken);
        self.row("  LOST, TAKEN TWICE, OR FORGED AND TAKEN", |outcome| outcome.hooks.wrongs.len());
    }

    fn money(&mut self) {
        self.line("\nmoney, in USD");
        self.row("  opening balance at Payoneer", |outcome| outcome.books.money.opening);
        self.row("  + deposited meanwhile", |outcome| outcome.books.money.deposited);
        self.row("  - approved amounts that were transferred", |outcome| outcome.books.money.paid);
        self.row("  closing balance, as Payoneer says", |outcome| outcome.books.money.closing);
        self.row("  UNEXPLAINED", |outcome| outcome.books.money.unexplained());
    }

    fn faults(&mut self) {
        self.line("\nfaults that struck, by the sandbox's own count");
        let names: BTreeSet<&String> = self.outcomes.iter().flat_map(|outcome| outcome.faults.keys()).collect();
        for name in names {
            self.row(&format!("  {name}"), |outcome| outcome.faults.get(name).copied().unwrap_or(0));
        }
    }

    fn wrongs(&mut self) {
        for outcome in self.outcomes {
            let (name, wrongs) = (&outcome.trial.name, outcome.wrongs());
            let verdict = if wrongs.is_empty() { "every promise was kept" } else { "NOT KEPT" };
            let _ = writeln!(self.text, "\n{name}: {verdict}");
            for wrong in wrongs.iter().take(WRONGS_MAX) {
                let _ = writeln!(self.text, "  {wrong}");
            }
            if wrongs.len() > WRONGS_MAX {
                let _ = writeln!(self.text, "  and {} more", wrongs.len() - WRONGS_MAX);
            }
            if let Some(folder) = &outcome.folder {
                let _ = writeln!(self.text, "  store and log are in {}", folder.display());
            }
        }
    }
}
