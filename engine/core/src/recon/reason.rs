//! Why a row is in no match: one of a closed list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    groups::owner,
    pairs,
    pool::{Pool, Rows, Sides, bounds},
    settle::Settlements,
    side::{Side, at},
    spec::{Shape, Which},
    texts::{NONE, SEVERAL},
};

/// Why a row is in no match.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing on the other side is about it.
    Unpaid,
    /// It is about nothing on the other side, and does not say what it would be about.
    UnknownPayment,
    /// What it names is paid already, with the same amount.
    DuplicatePayment,
    /// What names it is too small by more than every tolerance.
    PartiallyPaid,
    /// What names it is too large by more than every tolerance.
    Overpaid,
    /// What names it is off by more than one of two bounds.
    AmountDiffers,
    /// What names it is in another currency.
    CurrencyMismatch,
    /// What would fit lies too many days away.
    OutsideWindow,
    /// Several would fit, and nothing tells which.
    Ambiguous,
    /// It names what nobody knows.
    UnknownReference,
    /// The lines of a settlement come to something else.
    SettlementDifference,
    /// Amount, fee and net do not add up.
    FeeDifference,
    /// It takes money back.
    RefundOrChargeback,
}

impl Reason {
    /// Each with its name.
    pub const ALL: [(&'static str, Self); 13] = [
        ("unpaid", Self::Unpaid),
        ("unknown_payment", Self::UnknownPayment),
        ("duplicate_payment", Self::DuplicatePayment),
        ("partially_paid", Self::PartiallyPaid),
        ("overpaid", Self::Overpaid),
        ("amount_differs", Self::AmountDiffers),
        ("currency_mismatch", Self::CurrencyMismatch),
        ("outside_window", Self::OutsideWindow),
        ("ambiguous", Self::Ambiguous),
        ("unknown_reference", Self::UnknownReference),
        ("settlement_difference", Self::SettlementDifference),
        ("fee_difference", Self::FeeDifference),
        ("refund_or_chargeback", Self::RefundOrChargeback),
    ];

    /// Its name, such as `partially_paid`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, reason)| *reason == self).map_or("", |(name, _)| name)
    }
}

/// A row that is in no match.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exception {
    /// Its side.
    pub side: Which,
    /// It.
    pub row: u32,
    /// Why.
    pub reason: Reason,
    /// Rows of the other side that it is about, or that would fit; not all where they are many.
    pub others: Vec<u32>,
}

/// How many rows of the other side an exception shows.
const OTHERS_MAX: usize = 5;

/// Why each row that is left is so.
pub(super) fn all(sides: &Sides<'_>, pool: &Pool, settlements: &Settlements<'_>, torn: &[u32]) -> Vec<Exception> {
    let mut why = Why { sides, pool, known: BTreeMap::new() };
    let mut torn = torn.to_vec();
    torn.sort_unstable_by_key(|row| sides.right.id(*row));
    for right in &torn {
        why.say(Which::Right, *right, Reason::FeeDifference, &[]);
        why.say_owners(*right, Reason::FeeDifference);
    }
    let mut wrong: Vec<&u32> = settlements.wrong.keys().filter(|right| pool.has(Which::Right, **right)).collect();
    wrong.sort_unstable_by_key(|row| sides.right.id(**row));
    for right in wrong {
        let left: Vec<u32> =
            settlements.batch(sides, *right).into_iter().flat_map(|batch| settlements.left(batch)).collect();
        why.say_both(&left, &[*right], Reason::SettlementDifference);
    }
    let mut tied: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let paid = settlements.paid(sides, pool);
    let mut open: Vec<u32> = pool.rows(Which::Right).collect();
    open.sort_unstable_by_key(|row| sides.right.id(*row));
    for right in open {
        if sides.right.amounts[at(right)] < 0 {
            why.say(Which::Right, right, Reason::RefundOrChargeback, &[]);
        } else if let Some(batch) = settlements.batch(sides, right) {
            let reason = match paid.contains(&batch) {
                true => Reason::DuplicatePayment,
                false if pool.ambiguous.contains_key(&(Which::Right, right)) => Reason::Ambiguous,
                // Its lines come to it, and name nothing that is open.
                false => Reason::SettlementDifference,
            };
            why.say(Which::Right, right, reason, &[]);
        } else if let [one] = sides.references(right) {
            tied.entry(*one).or_default().push(right);
        } else if !sides.references(right).is_empty() {
            why.several(right);
        }
    }
    let mut wanted = vec![false; sides.left.len()];
    tied.keys().filter_map(|reference| owner(sides, *reference)).for_each(|left| wanted[at(left)] = true);
    let (settled, shared) = (settled(pool, &wanted), shared(sides, pool));
    for (reference, right) in tied {
        why.one((reference, &right), &settled, &shared);
    }
    why.rest();
    let exceptions = why.known.into_iter();
    exceptions.map(|((side, row), (reason, others))| Exception { side, row, reason, others }).collect()
}

/// The rows of the right that each of these of the left is matched with.
fn settled<'p>(pool: &'p Pool, wanted: &[bool]) -> BTreeMap<u32, &'p Rows> {
    let mut settled = BTreeMap::new();
    for found in &pool.matches {
        for left in found.left.as_slice().iter().filter(|left| wanted[at(**left)]) {
            settled.insert(*left, &found.right);
        }
    }
    settled
}

/// The rows of the left that nothing has used, of each reference that several have.
fn shared(sides: &Sides<'_>, pool: &Pool) -> BTreeMap<u32, Vec<u32>> {
    let mut shared: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for left in pool.rows(Which::Left) {
        let reference = sides.left_refs[at(left)];
        if reference != NONE && sides.owners[at(reference)] == SEVERAL {
            shared.entry(reference).or_default().push(left);
        }
    }
    shared
}

struct Why<'r> {
    sides: &'r Sides<'r>,
    pool: &'r Pool,
    known: BTreeMap<(Which, u32), (Reason, Vec<u32>)>,
}

impl Why<'_> {
    /// The first reason stays.
    fn say(&mut self, side: Which, row: u32, reason: Reason, others: &[u32]) {
        if !self.known.contains_key(&(side, row)) {
            let others = self.few(side.other(), others);
            self.known.insert((side, row), (reason, others));
        }
    }

    /// Those of a side that are shown.
    fn few(&self, side: Which, rows: &[u32]) -> Vec<u32> {
        let mut rows = rows.to_vec();
        rows.sort_unstable_by_key(|row| self.sides.side(side).id(*row));
        rows.truncate(OTHERS_MAX);
        rows
    }

    fn say_both(&mut self, left: &[u32], right: &[u32], reason: Reason) {
        let (few_left, few_right) = (self.few(Which::Left, left), self.few(Which::Right, right));
        for row in left.iter().filter(|row| self.pool.has(Which::Left, **row)) {
            self.say(Which::Left, *row, reason, &few_right);
        }
        for row in right {
            self.say(Which::Right, *row, reason, &few_left);
        }
    }

    /// The same of what a row of the right names.
    fn say_owners(&mut self, right: u32, reason: Reason) {
        let owners: Vec<u32> = self.sides.references(right).iter().filter_map(|one| owner(self.sides, *one)).collect();
        for left in owners.iter().filter(|left| self.pool.has(Which::Left, **left)) {
            self.say(Which::Left, *left, reason, &[right]);
        }
    }

    /// Rows of the right that name one reference.
    fn one(
        &mut self,
        (reference, right): (u32, &[u32]),
        settled: &BTreeMap<u32, &Rows>,
        shared: &BTreeMap<u32, Vec<u32>>,
    ) {
        let Some(left) = owner(self.sides, reference) else {
            return self.one_of_many(shared.get(&reference).map(Vec::as_slice).unwrap_or_default(), right);
        };
        let currency = self.sides.currency(Which::Left, left);
        let (same, other): (Vec<u32>, Vec<u32>) =
            right.iter().partition(|row| self.sides.currency(Which::Right, **row) == currency);
        let amounts = &self.sides.right.amounts;
        if let Some(paid) = settled.get(&left) {
            for row in same {
                let amount = amounts[at(row)];
                let is_same = amount == self.sides.left.amounts[at(left)]
                    || paid.as_slice().iter().any(|paid| amounts[at(*paid)] == amount);
                let reason = if is_same { Reason::DuplicatePayment } else { Reason::Overpaid };
                self.say(Which::Right, row, reason, &[left]);
            }
        } else if !same.is_empty() {
            let sum = same.iter().map(|row| amounts[at(*row)]).sum();
            let reason = self.off(currency, self.sides.left.amounts[at(left)], sum);
            self.say_both(&[left], &same, reason);
        }
        self.say_both(&[left], &other, Reason::CurrencyMismatch);
    }

    /// Rows of the right that name a reference which several of the left have: one settlement and its lines, or orders that share
    /// a number.
    fn one_of_many(&mut self, left: &[u32], right: &[u32]) {
        let Some(first) = left.first() else {
            return right.iter().for_each(|row| self.say(Which::Right, *row, Reason::DuplicatePayment, &[]));
        };
        let sum = |side: &Side, rows: &[u32]| rows.iter().map(|row| side.amounts[at(*row)]).sum::<i64>();
        let paid = sum(self.sides.right, right);
        let is_one = left.iter().any(|left| self.sides.left.amounts[at(*left)] == paid);
        let is_summed = self.sides.spec.rules.iter().any(|rule| rule.shape == Shape::ManyLeft);
        let currency = self.sides.currency(Which::Left, *first);
        let reason = match self.off(currency, sum(self.sides.left, left), paid) {
            reason if is_summed && !is_one => reason,
            _ => Reason::Ambiguous,
        };
        self.say_both(left, right, reason);
    }

    /// A row of the right that names several references.
    fn several(&mut self, right: u32) {
        let owners: Vec<u32> = self.sides.references(right).iter().filter_map(|one| owner(self.sides, *one)).collect();
        let amount = self.sides.right.amounts[at(right)];
        let sum = |rows: &[u32]| rows.iter().map(|row| self.sides.left.amounts[at(*row)]).sum::<i64>();
        let (open, paid): (Vec<u32>, Vec<u32>) = owners.iter().partition(|row| self.pool.has(Which::Left, **row));
        let currency = self.sides.currency(Which::Right, right);
        let reason = if owners.iter().any(|row| self.sides.currency(Which::Left, *row) != currency) {
            Reason::CurrencyMismatch
        } else if open.is_empty() {
            if sum(&paid) == amount { Reason::DuplicatePayment } else { Reason::Overpaid }
        } else {
            self.off(currency, sum(&open), amount)
        };
        self.say_both(&owners, &[right], reason);
    }

    /// How an amount is off: beyond every bound of the rules, or of some.
    fn off(&self, currency: u16, left: i64, right: i64) -> Reason {
        let exponent = self.sides.currencies()[usize::from(currency)].1;
        let tests = self.sides.spec.rules.iter().map(|rule| &rule.amount);
        let widest = tests.flat_map(|test| bounds(test, exponent, left)).flatten().max().unwrap_or(0);
        match left - right {
            0 if self.sides.spec.rules.iter().any(|rule| rule.by.reference && rule.days.is_some()) => {
                Reason::OutsideWindow
            }
            // Reference and amount are right, and no rule is content with that.
            0 => Reason::Ambiguous,
            difference if difference > widest => Reason::PartiallyPaid,
            difference if difference < -widest => Reason::Overpaid,
            _ => Reason::AmountDiffers,
        }
    }

    /// What names nothing.
    fn rest(&mut self) {
        for ((side, row), others) in &self.pool.ambiguous {
            if others.iter().any(|other| self.pool.has(side.other(), *other)) {
                self.say(*side, *row, Reason::Ambiguous, others);
            }
        }
        self.outside();
        for right in self.pool.rows(Which::Right) {
            let text = self.sides.right.reference(right);
            let names = self.sides.dictionary.has_form(&self.sides.spec.references, text);
            let reason = if names { Reason::UnknownReference } else { Reason::UnknownPayment };
            self.say(Which::Right, right, reason, &[]);
        }
        for left in self.pool.rows(Which::Left) {
            let is_back = self.sides.left.amounts[at(left)] < 0;
            let reason = if is_back { Reason::RefundOrChargeback } else { Reason::Unpaid };
            self.say(Which::Left, left, reason, &[]);
        }
    }

    /// What would be matched if it were not so many days away.
    fn outside(&mut self) {
        for rule in self.sides.spec.rules.iter().filter(|rule| rule.shape == Shape::OneToOne && rule.edits.is_none()) {
            if rule.days.is_none() || rule.by.reference {
                continue;
            }
            let mut pool = Pool { matches: Vec::new(), ambiguous: BTreeMap::new(), ..self.pool.clone() };
            for (side, row) in self.known.keys() {
                match side {
                    Which::Left => pool.left[at(*row)] = false,
                    Which::Right => pool.right[at(*row)] = false,
                }
            }
            let rule = super::spec::Rule { days: None, ..rule.clone() };
            pairs::take(self.sides, &mut pool, 0, &rule);
            for found in pool.matches {
                self.say_both(found.left.as_slice(), found.right.as_slice(), Reason::OutsideWindow);
            }
            for ((side, row), others) in pool.ambiguous {
                self.say(side, row, Reason::OutsideWindow, &others);
            }
        }
    }
}
