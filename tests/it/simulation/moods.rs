//! What goes wrong at a bank on one day: when nobody reaches it, when it has no money, and all else by chance.

use std::ops::Range;

use jiff::SignedDuration;

use super::{dice::Dice, target::Fate};

/// The moods of one bank, in minutes since it was asked first.
pub(super) struct Moods {
    down: Range<u64>,
    poor: Range<u64>,
}

impl Moods {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x6d6f_6f64);
        let mut spell = |one_in: u64| {
            let begin = dice.below(25);
            let long = 2 + dice.below(20);
            if dice.below(one_in) == 0 { begin..begin + long } else { 0..0 }
        };
        Self { down: spell(3), poor: spell(2) }
    }

    pub(super) fn is_poor(&self, since: SignedDuration) -> bool {
        self.poor.contains(&minutes(since))
    }

    /// What happens to one request.
    pub(super) fn fate(&self, since: SignedDuration, draw: u64, (is_payment, refuses): (bool, bool)) -> Fate {
        if self.down.contains(&minutes(since)) {
            return Fate::NotSent;
        }
        if is_payment && self.is_poor(since) {
            return Fate::Poor;
        }
        match draw % 24 {
            0 | 1 => Fate::NotSent,
            2 => Fate::Throttled,
            3 => Fate::RefusedBusy,
            4 => Fate::LostBefore,
            5 | 6 => Fate::LostAfter,
            7 => Fate::ErrorAfter,
            8 if is_payment => Fate::Late,
            9 => Fate::SlowAnswer,
            10 if is_payment => Fate::Partly,
            // Nothing that an engine does helps against this, but the target.
            11 if is_payment && refuses => Fate::Doubled,
            12 if is_payment => Fate::Reordered,
            13 => Fate::Slow,
            14..=17 if is_payment => Fate::Declined,
            _ => Fate::Fine,
        }
    }
}

fn minutes(since: SignedDuration) -> u64 {
    u64::try_from(since.as_mins()).unwrap_or(0)
}
