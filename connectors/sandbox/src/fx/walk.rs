//! The rates themselves: a seeded walk over working days, with the euro as its base.

use jiff::civil::{Date, Weekday, date};
use jiff::{Span, Timestamp, tz::TimeZone};
use rust_decimal::Decimal;

use crate::random::Random;

/// What all rates are of.
pub(super) const BASE: &str = "EUR";

/// The first day that has rates.
pub(super) const FIRST: Date = date(1999, 1, 4);

/// The hour in Frankfurt at which the rates of a working day are published.
const PUBLISHED_HOUR: i8 = 16;

/// How many days a wave of the walk has, and how far it goes from where it began, in ten-thousandths.
const WAVES: [(i64, i64); 4] = [(1, 12), (7, 40), (31, 150), (190, 400)];

/// Where each currency is about, as mantissa and decimals. They are the ones of the ECB, in its order.
const CURRENCIES: [(&str, i64, u32); 29] = [
    ("USD", 10_812, 4),
    ("JPY", 16_150, 2),
    ("CZK", 24_912, 3),
    ("DKK", 74_612, 4),
    ("GBP", 83_510, 5),
    ("HUF", 39_955, 2),
    ("PLN", 41_823, 4),
    ("RON", 49_771, 4),
    ("SEK", 108_250, 4),
    ("CHF", 9_534, 4),
    ("ISK", 14_310, 2),
    ("NOK", 113_925, 4),
    ("TRY", 410_213, 4),
    ("AUD", 17_224, 4),
    ("BRL", 61_938, 4),
    ("CAD", 15_483, 4),
    ("CNY", 78_406, 4),
    ("HKD", 84_127, 4),
    ("IDR", 1_790_035, 2),
    ("ILS", 39_950, 4),
    ("INR", 924_725, 4),
    ("KRW", 158_820, 2),
    ("MXN", 220_618, 4),
    ("MYR", 47_962, 4),
    ("NZD", 18_975, 4),
    ("PHP", 61_909, 3),
    ("SGD", 14_513, 4),
    ("THB", 36_658, 3),
    ("ZAR", 198_837, 4),
];

/// The walk of a seed.
#[derive(Debug)]
pub(super) struct Walk {
    seed: u64,
}

impl Walk {
    /// Begins a walk.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Says what one euro is on a working day, in all currencies.
    pub(super) fn rates(&self, day: Date) -> impl Iterator<Item = (&'static str, Decimal)> {
        CURRENCIES.into_iter().map(move |(currency, mantissa, decimals)| {
            let moved = self.moved(currency, day);
            let about = Decimal::new(mantissa, decimals);
            let mut rate = (about * Decimal::new(10_000 + moved, 4)).round_dp(decimals);
            rate.rescale(decimals);
            (currency, rate)
        })
    }

    /// Says what one euro is in one currency.
    pub(super) fn rate(&self, currency: &str, day: Date) -> Option<Decimal> {
        self.rates(day).find(|(known, _)| *known == currency).map(|(_, rate)| rate)
    }

    /// How far it is from where it began: straight lines between seeded points, so that any day can be asked for.
    fn moved(&self, currency: &str, day: Date) -> i64 {
        let number = i64::from((day - FIRST).get_days());
        let wave = |(days, reach): (i64, i64)| {
            let (index, passed) = (number.div_euclid(days), number.rem_euclid(days));
            let point = |index: i64| {
                let mut random = Random::of(self.seed, &format!("fx/{currency}/{days}/{index}"));
                random.between(0, (2 * reach).unsigned_abs()).cast_signed() - reach
            };
            point(index) + (point(index + 1) - point(index)) * passed / days
        };
        WAVES.into_iter().map(wave).sum()
    }
}

/// Says the last day whose rates are published.
pub(super) fn published(now: Timestamp) -> Date {
    let there = now.to_zoned(frankfurt());
    let today = there.date();
    let last = if there.hour() < PUBLISHED_HOUR { today.yesterday().unwrap_or(today) } else { today };
    working_day(last)
}

/// Says when the rates of a day are published.
pub(super) fn published_at(day: Date) -> Timestamp {
    let at = day.at(PUBLISHED_HOUR, 0, 0, 0).to_zoned(frankfurt());
    at.map_or(Timestamp::UNIX_EPOCH, |at| at.timestamp())
}

/// Says the working day that a day's rates are of: the day itself, or the one before. Holidays are as other days.
pub(super) fn working_day(day: Date) -> Date {
    let back = match day.weekday() {
        Weekday::Saturday => 1,
        Weekday::Sunday => 2,
        _ => 0,
    };
    day.checked_sub(Span::new().days(back)).unwrap_or(day)
}

fn frankfurt() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC)
}
