//! Bars while it goes on.

use std::{collections::BTreeMap, io::IsTerminal as _, io::Write as _};

use serde_json::Value;

use super::tell;

const BAR_CELLS: usize = 40;
/// Without a terminal, a line each so many looks.
const PLAIN_EVERY_LOOKS: usize = 50;

/// What is seen from outside: the store's runs and Payoneer's ledger.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) started: usize,
    pub(super) running: usize,
    pub(super) waiting: usize,
    pub(super) held: usize,
    pub(super) parked: usize,
    pub(super) finished: usize,
    pub(super) dead: usize,
    pub(super) booked: usize,
}

impl Seen {
    pub(super) fn new(runs: &BTreeMap<String, u64>, ledger: &Value) -> Self {
        let count = |state: &str| runs.get(state).map_or(0, |count| usize::try_from(*count).unwrap_or(usize::MAX));
        Self {
            started: runs.values().map(|count| usize::try_from(*count).unwrap_or(usize::MAX)).sum(),
            running: count("running"),
            waiting: count("waiting"),
            held: count("held"),
            parked: count("parked"),
            finished: count("finished"),
            dead: count("dead_lettered"),
            booked: ledger["payouts"].as_array().map_or(0, Vec::len),
        }
    }

    /// Whether nothing goes on by itself but holds.
    pub(super) fn is_quiet(&self, requests: usize) -> bool {
        self.started >= requests && self.running == 0 && self.waiting == 0
    }
}

/// A line that is written over on a terminal.
pub(super) struct Progress {
    requests: usize,
    terminal: bool,
    looks: usize,
}

impl Progress {
    pub(super) fn new(requests: usize) -> Self {
        Self { requests, terminal: std::io::stderr().is_terminal(), looks: 0 }
    }

    pub(super) fn show(&mut self, seen: &Seen, kills: u32) {
        self.looks += 1;
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[2K{}", self.line(seen, kills));
        } else if self.looks % PLAIN_EVERY_LOOKS == 1 {
            tell(&self.line(seen, kills));
        }
    }

    fn line(&self, seen: &Seen, kills: u32) -> String {
        let settled = seen.finished + seen.held + seen.dead + seen.parked;
        let cells = (settled * BAR_CELLS).checked_div(self.requests).unwrap_or(0).min(BAR_CELLS);
        let bar = format!("{}{}", "█".repeat(cells), "░".repeat(BAR_CELLS - cells));
        format!(
            "{bar} {settled}/{} settled · {} booked · {} finished · {} held · {} dead-lettered · worker killed {kills}×",
            self.requests, seen.booked, seen.finished, seen.held, seen.dead
        )
    }

    /// A line that stays.
    pub(super) fn say(&self, text: &str) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
        tell(text);
    }

    pub(super) fn end(&self) {
        if self.terminal {
            let _ = writeln!(std::io::stderr());
        }
    }
}
