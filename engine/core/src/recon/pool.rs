//! What rules choose from: both sides made comparable, and which rows are used.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    side::{Index, NO_DAY, Side, at},
    spec::{Column, Rule, Sign, Spec, Sum, Test, Which},
    texts::{NONE, Names, SEVERAL, row},
    words::{Dictionary, alike, name},
};

/// Both sides, with numbers that mean the same on both.
pub(super) struct Sides<'s> {
    pub(super) spec: &'s Spec,
    pub(super) left: &'s Side,
    pub(super) right: &'s Side,
    /// The references of the left.
    pub(super) dictionary: &'s Dictionary,
    /// The reference of each row of the left.
    pub(super) left_refs: &'s [u32],
    /// The one reference of the left that each row of the right names; `NONE`, or `SEVERAL`.
    pub(super) right_refs: Vec<u32>,
    /// The references of those that name several.
    pub(super) several: BTreeMap<u32, Vec<u32>>,
    /// The row of the left that has a reference; `SEVERAL` where there are more.
    pub(super) owners: &'s [u32],
    /// Names as they are compared.
    pub(super) parties: Names,
    left_parties: Vec<u32>,
    right_parties: Vec<u32>,
    codes: Vec<(String, u32)>,
    right_codes: Vec<u16>,
    /// Pairs of which a person has said that they do not belong together.
    pub(super) apart: HashSet<(u32, u32)>,
}

/// A match: which rule, which rows, and by how much the left is more than the right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Match {
    /// What has made it.
    pub origin: Origin,
    /// Rows of the left.
    pub left: Rows,
    /// Rows of the right.
    pub right: Rows,
    /// Left less right by the rule's sums, in minor units.
    pub difference: i64,
}

/// What has made a match.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The rule in this place.
    Rule(u32),
    /// It was kept from before, from this place.
    Kept(u32),
}

impl Origin {
    /// The rule that has made it.
    pub fn rule(self) -> Option<usize> {
        match self {
            Self::Rule(rule) => Some(at(rule)),
            Self::Kept(_) => None,
        }
    }
}

/// Rows of one side; one of them needs no list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rows {
    /// The usual case.
    One(u32),
    /// In the order of their names.
    Many(Box<Vec<u32>>),
}

impl Rows {
    /// All of them.
    pub fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(row) => std::slice::from_ref(row),
            Self::Many(rows) => rows,
        }
    }
}

/// What has been used, and what could not be decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    pub(super) left: Vec<bool>,
    pub(super) right: Vec<bool>,
    pub(super) matches: Vec<Match>,
    /// Rows that more than one other would fit, with two of those.
    pub(super) ambiguous: BTreeMap<(Which, u32), Vec<u32>>,
}

impl Pool {
    pub(super) fn of(left: &Side, right: &Side) -> Self {
        let (left, right) = (vec![true; left.len()], vec![true; right.len()]);
        Self { left, right, ..Self::default() }
    }

    pub(super) fn has(&self, which: Which, row: u32) -> bool {
        match which {
            Which::Left => self.left[at(row)],
            Which::Right => self.right[at(row)],
        }
    }

    /// The rows of a side that nothing has used.
    pub(super) fn rows(&self, which: Which) -> impl Iterator<Item = u32> {
        let side = match which {
            Which::Left => &self.left,
            Which::Right => &self.right,
        };
        side.iter().enumerate().filter(|(_, free)| **free).map(|(index, _)| row(index))
    }

    pub(super) fn take(&mut self, found: Match) {
        for row in found.left.as_slice() {
            self.left[at(*row)] = false;
        }
        for row in found.right.as_slice() {
            self.right[at(*row)] = false;
        }
        if !self.ambiguous.is_empty() {
            found.left.as_slice().iter().for_each(|row| drop(self.ambiguous.remove(&(Which::Left, *row))));
            found.right.as_slice().iter().for_each(|row| drop(self.ambiguous.remove(&(Which::Right, *row))));
        }
        self.matches.push(found);
    }

    /// Notes that a row has several that would fit.
    pub(super) fn doubt(&mut self, which: Which, row: u32, others: impl IntoIterator<Item = u32>) {
        self.ambiguous.entry((which, row)).or_insert_with(|| others.into_iter().take(2).collect());
    }
}

impl<'s> Sides<'s> {
    pub(super) fn of(spec: &'s Spec, (left, index): (&'s Side, &'s Index), right: &'s Side) -> Self {
        let Index { dictionary, references: left_refs, owners, .. } = index;
        let (right_refs, several) = named(spec, dictionary, right);
        let (parties, [left_parties, right_parties]) = parties(spec, [left, right]);
        let mut codes: Vec<(String, u32)> = left.codes().map(|(code, exponent)| (code.to_owned(), exponent)).collect();
        let mut right_codes = Vec::new();
        for (code, exponent) in right.codes() {
            let known = codes.iter().position(|(known, _)| known == code);
            let index = known.unwrap_or_else(|| {
                codes.push((code.to_owned(), exponent));
                codes.len() - 1
            });
            right_codes.push(u16::try_from(index).expect("there are fewer currencies than numbers of 16 bits"));
        }
        let apart = HashSet::new();
        Self {
            spec,
            left,
            right,
            dictionary,
            left_refs,
            right_refs,
            several,
            owners,
            parties,
            left_parties,
            right_parties,
            codes,
            right_codes,
            apart,
        }
    }

    pub(super) fn side(&self, which: Which) -> &'s Side {
        match which {
            Which::Left => self.left,
            Which::Right => self.right,
        }
    }

    pub(super) fn reference(&self, which: Which, row: u32) -> u32 {
        match which {
            Which::Left => self.left_refs[at(row)],
            Which::Right => self.right_refs[at(row)],
        }
    }

    /// The references that a row of the right names.
    pub(super) fn references(&self, row: u32) -> &[u32] {
        match &self.right_refs[at(row)] {
            &NONE => &[],
            &SEVERAL => &self.several[&row],
            one => std::slice::from_ref(one),
        }
    }

    pub(super) fn currency(&self, which: Which, row: u32) -> u16 {
        match which {
            Which::Left => self.left.currencies[at(row)],
            Which::Right => self.right_codes[usize::from(self.right.currencies[at(row)])],
        }
    }

    pub(super) fn currencies(&self) -> &[(String, u32)] {
        &self.codes
    }

    pub(super) fn party(&self, which: Which, row: u32) -> u32 {
        let (party, names) = match which {
            Which::Left => (self.left.parties[at(row)], &self.left_parties),
            Which::Right => (self.right.parties[at(row)], &self.right_parties),
        };
        if party == NONE { NONE } else { names[at(party)] }
    }

    pub(super) fn sum(&self, which: Which, row: u32, sum: &Sum) -> i64 {
        let side = self.side(which);
        sum.0.iter().fold(0, |total, (sign, column)| {
            let amount = match column {
                Column::Amount => side.amounts[at(row)],
                Column::Fee => side.fee(row),
                Column::Net => side.net(row),
            };
            match sign {
                Sign::Plus => total + amount,
                Sign::Minus => total - amount,
            }
        })
    }

    /// By how much the amounts of a pair differ, where the rule's test allows it.
    pub(super) fn difference(&self, test: &Test, currency: u16, left: i64, right: i64) -> Option<i64> {
        let difference = left - right;
        (difference == 0 || difference.abs() <= self.tolerance(test, currency, left)).then_some(difference)
    }

    /// How far an amount of the right may be from one of the left, in minor units.
    pub(super) fn tolerance(&self, test: &Test, currency: u16, left: i64) -> i64 {
        let exponent = self.codes[usize::from(currency)].1;
        bounds(test, exponent, left).into_iter().flatten().min().unwrap_or(0)
    }

    /// Whether names are as alike as the rule wants.
    pub(super) fn is_party(&self, rule: &Rule, left: u32, right: u32) -> bool {
        if !rule.by.party && rule.party.is_none() {
            return true;
        }
        let (left, right) = (self.party(Which::Left, left), self.party(Which::Right, right));
        let text = |party| self.parties.text(party);
        let is_like = || rule.party.is_some_and(|at_least| alike(text(left), text(right), at_least));
        left != NONE && right != NONE && (left == right || (!rule.by.party && is_like()))
    }

    /// Whether dates lie as the rule wants.
    pub(super) fn is_in_time(&self, rule: &Rule, left: u32, right: u32) -> bool {
        rule.days.is_none_or(|days| within_days(days, self.left.days[at(left)], self.right.days[at(right)]))
    }
}

/// Names as they are compared, numbered in their order so that the order of rows says nothing; of each name of a side, its number.
fn parties(spec: &Spec, sides: [&Side; 2]) -> (Names, [Vec<u32>; 2]) {
    let mut parties = Names::default();
    if !spec.rules.iter().any(|rule| rule.by.party || rule.party.is_some()) {
        return (parties, Default::default());
    }
    let names =
        sides.map(|side| side.party_names.iter().map(|(_, text)| name(&spec.parties, text)).collect::<Vec<_>>());
    let mut all: Vec<&String> = names.iter().flatten().collect();
    all.sort_unstable();
    for name in all {
        parties.number(name);
    }
    // What says nothing, such as a dash, is nobody.
    let mut number = |name: &String| if name.is_empty() { NONE } else { parties.number(name) };
    let numbers = names.each_ref().map(|names| names.iter().map(&mut number).collect());
    (parties, numbers)
}

/// What each row of the right names: of many rows, each half by a thread of its own.
fn named(spec: &Spec, dictionary: &Dictionary, right: &Side) -> (Vec<u32>, BTreeMap<u32, Vec<u32>>) {
    let of = |rows: Range<u32>| {
        let (mut references, mut several) = (Vec::with_capacity(rows.len()), BTreeMap::new());
        let (mut found, mut buffer) = (Vec::new(), String::new());
        for place in rows {
            dictionary.find(&spec.references, right.reference(place), (&mut found, &mut buffer));
            references.push(match found.as_slice() {
                [] => NONE,
                [one] => *one,
                many => {
                    several.insert(place, many.to_vec());
                    SEVERAL
                }
            });
        }
        (references, several)
    };
    let (half, end) = (row(right.len() / 2), row(right.len()));
    std::thread::scope(|scope| {
        let second = scope.spawn(|| of(half..end));
        let (mut references, mut several) = of(0..half);
        let (more, others) = second.join().expect("it does not panic");
        references.extend(more);
        several.extend(others);
        (references, several)
    })
}

/// Whether a day of the right lies so many days behind one of the left; what has no date does not.
pub(super) fn within_days((from, to): (i32, i32), left: i32, right: i32) -> bool {
    left != NO_DAY && right != NO_DAY && (from..=to).contains(&(right - left))
}

/// Both bounds of a test in minor units, where they are written.
pub(super) fn bounds(test: &Test, exponent: u32, left: i64) -> [Option<i64>; 2] {
    let units = |amount: Decimal| amount.floor().to_i64().unwrap_or(i64::MAX);
    let within = test.within.map(|within| units(within * Decimal::from(10_i64.pow(exponent))));
    let percent = test.percent.map(|percent| units(Decimal::from(left.abs()) * percent / Decimal::ONE_HUNDRED));
    [within, percent]
}
