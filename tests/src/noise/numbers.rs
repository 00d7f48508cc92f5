//! Order numbers: they rise with the days, have gaps, and are given once.

use super::random::Random;
use std::collections::BTreeSet;

/// The first number. It is small, so that many numbers begin with zeros.
const FIRST: u64 = 1200;

/// Gives out order numbers. A number that was given is never given again, not even where its order was dropped.
pub(super) struct Numbers {
    prefix: &'static str,
    digits: usize,
    per_day: u64,
    days: i32,
    given: BTreeSet<u64>,
}

impl Numbers {
    /// Lays out the numbers of so many days.
    pub(super) fn new(prefix: &'static str, digits_min: usize, per_day: u64, days: i32) -> Self {
        let last = FIRST + per_day * (u64::from(days.unsigned_abs()) + 20);
        Self { prefix, digits: digits_min.max(last.to_string().len()), per_day, days, given: BTreeSet::new() }
    }

    /// Gives a number of a day of the year, as its digits.
    pub(super) fn give(&mut self, random: &mut Random, day: i32) -> String {
        self.run(random, day, 1).remove(0)
    }

    /// Gives so many numbers that follow each other.
    pub(super) fn run(&mut self, random: &mut Random, day: i32, length: usize) -> Vec<String> {
        let day = u64::try_from(day.clamp(0, self.days)).expect("it is not negative");
        let begin = FIRST + day * self.per_day;
        let length = u64::try_from(length).expect("runs are short");
        let tries: Vec<u64> = (0..20).map(|_| begin + random.below(self.per_day)).collect();
        let mut starts = tries.into_iter().chain(begin..);
        let is_free = |start: &u64| (*start..*start + length).all(|number| !self.given.contains(&number));
        let start = starts.find(is_free).expect("numbers have no end");
        self.given.extend(start..start + length);
        (start..start + length).map(|number| format!("{number:0width$}", width = self.digits)).collect()
    }

    /// What stands before the digits.
    pub(super) fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// The last day of which all numbers begin with a zero.
    pub(super) fn zeros_until(&self) -> i32 {
        let full = 10_u64.pow(u32::try_from(self.digits - 1).expect("numbers are short"));
        let days = (full - FIRST) / self.per_day;
        i32::try_from(days).unwrap_or(self.days).min(self.days) - 1
    }
}

/// The number that these digits say.
pub(super) fn parse(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// The digits of an order's number, with their zeros.
pub(super) fn digits_of(number: &str) -> &str {
    let from = number.rfind(|letter: char| !letter.is_ascii_digit()).map_or(0, |place| place + 1);
    &number[from..]
}

/// The number in an order's number.
pub(super) fn of_order(number: &str) -> u64 {
    parse(digits_of(number)).expect("an order's number ends with digits")
}

/// Each number that is one edit or none away from these digits: a digit changed, put in or taken out, or two swapped.
pub(super) fn near(digits: &str) -> BTreeSet<u64> {
    let given: Vec<char> = digits.chars().collect();
    let mut found: BTreeSet<u64> = parse(digits).into_iter().collect();
    let mut take = |letters: Vec<char>| found.extend(parse(&letters.into_iter().collect::<String>()));
    for place in 0..=given.len() {
        for digit in '0'..='9' {
            let mut more = given.clone();
            more.insert(place, digit);
            take(more);
            if place < given.len() {
                let mut other = given.clone();
                other[place] = digit;
                take(other);
            }
        }
        if place < given.len() {
            let mut fewer = given.clone();
            fewer.remove(place);
            take(fewer);
        }
        if place + 1 < given.len() {
            let mut swapped = given.clone();
            swapped.swap(place, place + 1);
            take(swapped);
        }
    }
    found
}
