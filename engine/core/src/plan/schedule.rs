//! When a schedule is due. Times come in from outside; nothing here reads a clock.

use croner::Cron;
use jiff::{Timestamp, tz::TimeZone};

use crate::limits::CATCH_UP_MAX;

/// Times of a cron expression in a zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The expression.
    pub cron: Cron,
    /// The zone in which it is meant.
    pub zone: TimeZone,
    /// What a time does while a run of an earlier one has not ended.
    pub overlap: Overlap,
    /// What becomes of times at which nothing ran.
    pub catch_up: CatchUp,
}

/// What a time does while a run of an earlier one has not ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overlap {
    /// Nothing: the next time is the next run.
    Skip,
    /// Its run waits for the others.
    Queue,
    /// Its run begins beside the others.
    Allow,
}

/// What becomes of times at which nothing ran.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CatchUp {
    /// Nothing.
    None,
    /// The last of them is made up for.
    Last,
    /// Each of them is made up for, the first ones first.
    All,
}

/// The first so many times of an expression, for what does not depend on when it is asked: how dense they are, and whether
/// there are any. They are counted in UTC from the beginning of 2024, which is a leap year.
pub(crate) fn first_times(cron: &Cron, count: usize) -> Vec<Timestamp> {
    let mut time = Timestamp::from_second(1_704_067_200).unwrap_or_default().to_zoned(TimeZone::UTC);
    let mut times = Vec::new();
    while times.len() < count {
        match cron.find_next_occurrence(&time, times.is_empty()) {
            Ok(next) => time = next,
            Err(_) => break,
        }
        times.push(time.timestamp());
    }
    times
}

impl Schedule {
    /// The first time after another; none where the expression names no more.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&time.to_zoned(self.zone.clone()), false);
        next.ok().map(|next| next.timestamp()).filter(|next| *next > time)
    }

    /// The times that are due now, given the last one that was looked at; at most [`CATCH_UP_MAX`], the last ones.
    ///
    /// A time that is due just now is no time that was missed: the last one within its own interval counts as due, whatever
    /// `catch_up` says, as long as it came after `awake_since`.
    pub fn due(&self, last: Timestamp, now: Timestamp, awake_since: Timestamp) -> Vec<Timestamp> {
        let mut due = Vec::new();
        let mut time = self.made_up_since(last, now);
        while let Some(next) = self.next_after(time).filter(|next| *next <= now) {
            due.push(next);
            time = next;
        }
        due.drain(..due.len().saturating_sub(CATCH_UP_MAX));
        let missed = due.partition_point(|time| *time < awake_since);
        match self.catch_up {
            CatchUp::All => due,
            CatchUp::Last if missed == due.len() => due.split_off(missed.saturating_sub(1)),
            CatchUp::None | CatchUp::Last => due.split_off(missed),
        }
    }

    /// Where to begin, so that a long stop of a frequent schedule is not walked through time by time. Backwards, a clock that
    /// is set back may be met in its other half, so this is only where the way forwards begins.
    fn made_up_since(&self, last: Timestamp, now: Timestamp) -> Timestamp {
        let mut time = now.to_zoned(self.zone.clone());
        for _ in 0..=CATCH_UP_MAX {
            match self.cron.find_previous_occurrence(&time, false) {
                Ok(previous) if previous.timestamp() > last => time = previous,
                Ok(_) | Err(_) => return last,
            }
        }
        time.timestamp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(cron: &str, zone: &str, catch_up: CatchUp) -> Schedule {
        Schedule { cron: cron.parse().unwrap(), zone: TimeZone::get(zone).unwrap(), overlap: Overlap::Skip, catch_up }
    }

    fn times(found: Vec<Timestamp>) -> String {
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_those_of_the_zone_when_clocks_change() {
        let daily = schedule("30 2 * * *", "Europe/Berlin", CatchUp::All);
        // On 2026-03-29 there is no 02:30 in Berlin, on 2026-10-25 there are two.
        let spring = daily.due(at("2026-03-27T12:00:00Z"), at("2026-03-31T12:00:00Z"), at("2026-03-27T12:00:00Z"));
        assert_eq!(
            times(spring),
            "2026-03-28T01:30:00Z 2026-03-29T01:00:00Z 2026-03-30T00:30:00Z 2026-03-31T00:30:00Z"
        );
        let autumn = daily.due(at("2026-10-24T12:00:00Z"), at("2026-10-26T12:00:00Z"), at("2026-10-24T12:00:00Z"));
        assert_eq!(times(autumn), "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z");
    }

    #[test]
    fn missed_times_are_made_up_for_as_it_says() {
        let (last, now) = (at("2026-03-01T00:00:00Z"), at("2026-03-01T05:30:00Z"));
        for (catch_up, awake_since, expected) in [
            (
                CatchUp::All,
                now,
                "2026-03-01T01:00:00Z 2026-03-01T02:00:00Z 2026-03-01T03:00:00Z 2026-03-01T04:00:00Z 2026-03-01T05:00:00Z",
            ),
            (CatchUp::Last, now, "2026-03-01T05:00:00Z"),
            (CatchUp::None, now, ""),
            (CatchUp::None, at("2026-03-01T04:30:00Z"), "2026-03-01T05:00:00Z"),
            (CatchUp::Last, at("2026-03-01T04:30:00Z"), "2026-03-01T05:00:00Z"),
        ] {
            assert_eq!(
                times(schedule("0 * * * *", "UTC", catch_up).due(last, now, awake_since)),
                expected,
                "{catch_up:?}"
            );
        }
    }

    #[test]
    fn what_is_made_up_for_is_bounded() {
        let all = schedule("* * * * *", "UTC", CatchUp::All);
        let (last, now) = (at("2026-03-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
        let due = all.due(last, now, now);
        assert_eq!((due.len(), due.last().copied()), (CATCH_UP_MAX, Some(now)));
        // A hundred million times are not walked through.
        let seconds = schedule("* * * * * *", "Europe/Berlin", CatchUp::Last);
        assert_eq!(times(seconds.due(at("2023-03-01T00:00:00Z"), now, now)), "2026-06-01T00:00:00Z");
    }
}
