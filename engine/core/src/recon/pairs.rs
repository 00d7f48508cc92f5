//! Rules of one row with one row.
//!
//! Rows with the same block (currency and reference) stand together, in the order of name, amount and day, so that those that fit a row are
//! found by search and never by comparing each with each. Whether a row is taken depends on how many fit it, and it them.

use super::{
    decided,
    pool::{Match, Origin, Pool, Rows, Sides},
    side::{NO_DAY, at},
    similar::Similar,
    spec::{Rule, Which},
    texts::{NONE, SEVERAL, row},
};

/// What a rule sees of a row.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Entry {
    block: u64,
    party: u32,
    amount: i64,
    day: i32,
    /// Made of the row's name, so that the order of rows says nothing.
    tie: u32,
    row: u32,
}

/// Makes the matches of a rule.
pub(super) fn take(sides: &Sides<'_>, pool: &mut Pool, number: u32, rule: &Rule) {
    if rule.by.reference && !rule.by.party && rule.party.is_none() {
        alone(sides, pool, (number, rule));
    }
    let similar = rule.party.map(|at_least| Similar::of(sides, pool, at_least));
    let (left, right) = std::thread::scope(|scope| {
        let right = scope.spawn(|| entries(sides, pool, rule, Which::Right));
        let left = entries(sides, pool, rule, Which::Left);
        (left, right.join().expect("it does not panic"))
    });
    let rule = Of { sides, rule, number, similar: similar.as_ref() };
    let mut rest = right.as_slice();
    for block in left.chunk_by(|one, other| one.block == other.block) {
        let start = rest.partition_point_from(|entry| entry.block < block[0].block);
        rest = &rest[start..];
        let end = rest.partition_point_from(|entry| entry.block == block[0].block);
        rule.block(pool, block, &rest[..end]);
        rest = &rest[end..];
    }
}

/// Takes the usual case first: a reference that one row of the left has, and that one row of the right names. Nothing else could fit
/// them, so nothing is sorted.
fn alone(sides: &Sides<'_>, pool: &mut Pool, (number, rule): (u32, &Rule)) {
    let mut named = vec![0_u8; sides.owners.len()];
    for row in pool.rows(Which::Right) {
        let reference = sides.reference(Which::Right, row);
        if ![NONE, SEVERAL].contains(&reference) {
            let times = &mut named[at(reference)];
            *times = times.saturating_add(1);
        }
    }
    let free: &Pool = pool;
    let fitting = |rows: std::ops::Range<u32>| -> Vec<Match> {
        let fits = |right: u32| {
            let reference = sides.reference(Which::Right, right);
            let is_one =
                free.has(Which::Right, right) && ![NONE, SEVERAL].contains(&reference) && named[at(reference)] == 1;
            let left = is_one.then(|| sides.owners[at(reference)]).filter(|left| *left != SEVERAL)?;
            let difference = decided::difference(sides, rule, left, right).filter(|_| free.has(Which::Left, left))?;
            let (left, right) = (Rows::One(left), Rows::One(right));
            Some(Match { origin: Origin::Rule(number), left, right, difference })
        };
        rows.filter_map(fits).collect()
    };
    let (half, end) = (row(sides.right.len() / 2), row(sides.right.len()));
    let found = std::thread::scope(|scope| {
        let second = scope.spawn(|| fitting(half..end));
        [fitting(0..half), second.join().expect("it does not panic")]
    });
    pool.matches.reserve(found[0].len() + found[1].len());
    found.into_iter().flatten().for_each(|found| pool.take(found));
}

/// A search that is quick where the end is near.
trait Gallop<T> {
    fn partition_point_from(&self, is_before: impl Fn(&T) -> bool) -> usize;
}

impl<T> Gallop<T> for [T] {
    fn partition_point_from(&self, is_before: impl Fn(&T) -> bool) -> usize {
        let mut step = 1;
        while step < self.len() && is_before(&self[step - 1]) {
            step *= 2;
        }
        self[..step.min(self.len())].partition_point(is_before)
    }
}

/// The rows of a side that the rule looks at.
fn entries(sides: &Sides<'_>, pool: &Pool, rule: &Rule, which: Which) -> Vec<Entry> {
    let sum = match which {
        Which::Left => &rule.amount.left,
        Which::Right => &rule.amount.right,
    };
    let side = sides.side(which);
    // The same for the same name, each time.
    let ties = ahash::RandomState::with_seeds(1, 2, 3, 4);
    let mut entries = Vec::new();
    for row in pool.rows(which) {
        let reference = if rule.by.reference { sides.reference(which, row) } else { 0 };
        let is_named = rule.by.party || rule.party.is_some();
        let party = if is_named { sides.party(which, row) } else { 0 };
        let day = side.day(row).unwrap_or(NO_DAY);
        if [NONE, SEVERAL].contains(&reference) || party == NONE || (rule.days.is_some() && day == NO_DAY) {
            continue;
        }
        let block = u64::from(sides.currency(which, row)) << 32 | u64::from(reference);
        let tie = u32::try_from(ties.hash_one(side.id(row)) >> 32).unwrap_or(0);
        entries.push(Entry { block, party, amount: sides.sum(which, row, sum), day, tie, row });
    }
    entries.sort_unstable();
    entries
}

/// A rule at work.
struct Of<'r> {
    sides: &'r Sides<'r>,
    rule: &'r Rule,
    number: u32,
    similar: Option<&'r Similar>,
}

impl Of<'_> {
    fn block(&self, pool: &mut Pool, left: &[Entry], right: &[Entry]) {
        if right.is_empty() {
            return;
        }
        if let ([one], [other]) = (left, right) {
            // The usual case: one of each.
            if self.similar.is_none() && one.party == other.party && self.fits(Which::Left, one, other) {
                return self.take(pool, one, other);
            }
        }
        let mut found = Vec::new();
        for entry in left {
            match self.decide(entry, (left, right)) {
                Decision::None => {}
                Decision::Take(other) => found.push((entry, other)),
                Decision::Doubt(others) => pool.doubt(Which::Left, entry.row, others),
            }
        }
        for (left, right) in found {
            self.take(pool, left, right);
        }
        if left.len() > 1 || right.len() > 1 {
            self.doubt_right(pool, (left, right));
        }
    }

    fn take(&self, pool: &mut Pool, left: &Entry, right: &Entry) {
        let difference = left.amount - right.amount;
        let (left, right) = (Rows::One(left.row), Rows::One(right.row));
        pool.take(Match { origin: Origin::Rule(self.number), left, right, difference });
    }

    /// A row of the left is matched where those that fit it fit no other; of several, the earliest is the payment, unless the rule
    /// wants to be sure. The others are duplicates.
    fn decide<'e>(&self, entry: &Entry, (left, right): (&[Entry], &'e [Entry])) -> Decision<'e> {
        let mut fitting: Vec<&'e Entry> = Vec::new();
        let mut doubt = None;
        self.each(Which::Left, entry, right, |other| {
            fitting.push(other);
            let mut rivals = 0;
            self.each(Which::Right, other, left, |_| {
                rivals += 1;
                rivals < 2
            });
            if rivals > 1 || (self.rule.unique && fitting.len() > 1) {
                doubt = Some(fitting.iter().rev().take(2).map(|other| other.row).collect());
            }
            doubt.is_none()
        });
        if let Some(others) = doubt {
            return Decision::Doubt(others);
        }
        let name = |entry: &Entry| self.sides.right.id(entry.row);
        let earliest = fitting.iter().min_by(|one, other| (one.day, name(one)).cmp(&(other.day, name(other))));
        earliest.map_or(Decision::None, |entry| Decision::Take(entry))
    }

    /// A row of the right is in doubt where several fit it, or one that several fit.
    fn doubt_right(&self, pool: &mut Pool, (left, right): (&[Entry], &[Entry])) {
        for entry in right.iter().filter(|entry| pool.has(Which::Right, entry.row)).copied().collect::<Vec<_>>() {
            let mut fitting = Vec::new();
            self.each(Which::Right, &entry, left, |other| {
                fitting.push(other.row);
                fitting.len() < 2
            });
            let is_open = |row: &u32| pool.has(Which::Left, *row);
            if fitting.len() > 1 || fitting.first().is_some_and(is_open) {
                pool.doubt(Which::Right, entry.row, fitting);
            }
        }
    }

    /// Those of the other side that fit a row, until `on` says that it is enough.
    fn each<'e>(&self, of: Which, entry: &Entry, others: &'e [Entry], mut on: impl FnMut(&'e Entry) -> bool) {
        let parties = match self.similar {
            Some(similar) => similar.to(of, entry.party),
            None => std::slice::from_ref(&entry.party),
        };
        let (reach, days) = (self.reach(of, entry), self.days(of, entry));
        for party in parties {
            let start = others.partition_point(|other| (other.party, other.amount) < (*party, entry.amount - reach));
            let mut rest = &others[start..];
            let is_reached = |other: &&Entry| other.party == *party && other.amount <= entry.amount + reach;
            // Of one amount, those in time stand together.
            while let Some(amount) = rest.first().filter(is_reached).map(|other| other.amount) {
                let end = rest.partition_point_from(|other| (other.party, other.amount) == (*party, amount));
                let (same, after) = rest.split_at(end);
                let first = days.map_or(0, |(first, _)| same.partition_point(|other| other.day < first));
                let in_time = |other: &&Entry| days.is_none_or(|(_, last)| other.day <= last);
                for other in same[first..].iter().take_while(in_time) {
                    if self.fits(of, entry, other) && !on(other) {
                        return;
                    }
                }
                rest = after;
            }
        }
    }

    /// How far amounts of the other side may be away; what is so far need not fit.
    fn reach(&self, of: Which, entry: &Entry) -> i64 {
        let test = &self.rule.amount;
        let currency = self.sides.currency(of, entry.row);
        let tolerance = self.sides.tolerance(test, currency, entry.amount);
        match (of, test.percent) {
            (Which::Right, Some(_)) => 2 * tolerance + 1,
            _ => tolerance,
        }
    }

    /// The first and the last day on which a row of the other side is in time.
    fn days(&self, of: Which, entry: &Entry) -> Option<(i32, i32)> {
        self.rule.days.map(|(from, to)| match of {
            Which::Left => (entry.day + from, entry.day + to),
            Which::Right => (entry.day - to, entry.day - from),
        })
    }

    fn fits(&self, of: Which, entry: &Entry, other: &Entry) -> bool {
        let (left, right) = match of {
            Which::Left => (entry, other),
            Which::Right => (other, entry),
        };
        let currency = self.sides.currency(Which::Left, left.row);
        self.sides.difference(&self.rule.amount, currency, left.amount, right.amount).is_some()
            && self.sides.is_in_time(self.rule, left.row, right.row)
            && !self.sides.apart.contains(&(left.row, right.row))
    }
}

enum Decision<'e> {
    None,
    Take(&'e Entry),
    Doubt(Vec<u32>),
}
