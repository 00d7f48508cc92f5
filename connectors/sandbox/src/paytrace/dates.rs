//! The merchant's days: the vendor writes times in his zone, without saying which it is.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// The zone of the one merchant. An assumption: the vendor's times have no zone, and it sits on the Pacific coast.
pub(crate) const ZONE: &str = "America/Los_Angeles";

/// The merchant's calendar.
#[derive(Clone, Debug)]
pub(super) struct Calendar(TimeZone);

impl Calendar {
    /// Opens it.
    pub(super) fn open() -> Self {
        Self(TimeZone::get(ZONE).expect("the zones are part of the program"))
    }

    /// Writes a time, such as `4/10/2015 4:06:30 PM`.
    pub(super) fn text(&self, at: Timestamp) -> String {
        at.to_zoned(self.0.clone()).strftime("%-m/%-d/%Y %-I:%M:%S %p").to_string()
    }

    /// Says the merchant's day.
    pub(super) fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.0.clone()).date()
    }

    /// Says when an hour of a day begins; one that a change of the clock skips begins at the change.
    pub(super) fn hour_of(&self, day: Date, hour: i8) -> Timestamp {
        let at = day.to_datetime(Time::new(hour, 0, 0, 0).unwrap_or(Time::midnight()));
        self.0.to_timestamp(at).unwrap_or(Timestamp::MAX)
    }

    /// Says when an hour begins the next time after `now`.
    pub(super) fn next_hour(&self, now: Timestamp, hour: i8) -> Timestamp {
        let today = self.day(now);
        let at = self.hour_of(today, hour);
        if at > now { at } else { self.hour_of(today.tomorrow().unwrap_or(Date::MAX), hour) }
    }
}

/// Reads a day as the vendor writes it, such as `04/10/2015`.
pub(super) fn read(text: &str) -> Option<Date> {
    Date::strptime("%m/%d/%Y", text).ok()
}

/// Writes a day as the vendor does.
pub(super) fn written(day: Date) -> String {
    day.strftime("%m/%d/%Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_merchants() {
        let calendar = Calendar::open();
        let cases = [
            ("2015-04-10T23:06:30Z", "4/10/2015 4:06:30 PM", "2015-04-11T03:00:00Z"),
            ("2015-04-11T04:00:00Z", "4/10/2015 9:00:00 PM", "2015-04-12T03:00:00Z"),
            ("2026-01-01T07:59:59Z", "12/31/2025 11:59:59 PM", "2026-01-02T04:00:00Z"),
        ];
        for (at, text, settled) in cases {
            let at: Timestamp = at.parse().expect("a time");
            assert_eq!(calendar.text(at), text);
            assert_eq!(calendar.next_hour(at, 20).to_string(), settled, "{at}");
        }
    }
}
