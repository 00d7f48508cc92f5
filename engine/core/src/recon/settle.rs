//! Settlements: lines say of which rows of the left a row of the right is the money.
//!
//! A settlement is taken whole or not at all: its lines must come to what was paid, by the equation.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    groups,
    pool::{Match, Origin, Pool, Sides},
    reason::Reason,
    side::{Row, RowError, Side, at},
    spec::{Case, Column, Equation, References, Rule, Shape, Sign, Term, Which},
    texts::NONE,
    words::Dictionary,
};

/// What a line of a settlement is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A payment of the left.
    Sale,
    /// Money that went back.
    Refund,
    /// Money that was taken back.
    Chargeback,
    /// What the service costs.
    Fee,
    /// What is kept back for a time, or given free.
    Reserve,
    /// What is put right.
    Adjustment,
}

impl Kind {
    /// Each with its name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("sale", Self::Sale),
        ("refund", Self::Refund),
        ("chargeback", Self::Chargeback),
        ("fee", Self::Fee),
        ("reserve", Self::Reserve),
        ("adjustment", Self::Adjustment),
    ];
}

/// The lines of settlements: rows with their batch, each of a kind.
#[derive(Debug, Default)]
pub struct Lines {
    pub(super) rows: Side,
    pub(super) kinds: Vec<Kind>,
}

impl Lines {
    /// Takes a line.
    ///
    /// # Errors
    /// [`RowError`], as for any row; and where it says no batch.
    pub fn push(&mut self, kind: Kind, row: &Row<'_>) -> Result<(), RowError> {
        if row.batch.is_empty() {
            return Err(RowError::Empty("batch"));
        }
        let before = self.rows.len();
        self.rows.push(row)?;
        if self.rows.len() > before {
            self.kinds.push(kind);
        }
        Ok(())
    }

    /// The lines as rows.
    pub fn rows(&self) -> &Side {
        &self.rows
    }
}

/// How names of settlements are read.
const NAMES: References =
    References { case: Case::Upper, alphanumeric: true, embedded_digits: None, trim_zeros: false, lookalikes: false };

/// What one settlement says.
pub(super) struct Settlement {
    /// Its lines.
    lines: Vec<u32>,
    /// The rows of the left that its sales name.
    left: BTreeSet<u32>,
}

/// Which row of the right is which settlement, and what each says.
pub(super) struct Settlements<'l> {
    lines: &'l Lines,
    names: Dictionary,
    batches: BTreeMap<u32, Settlement>,
    /// Of each line, the row of the left that it names.
    owners: Vec<Option<u32>>,
    /// Rows of the right whose settlement comes to something else.
    pub(super) wrong: BTreeMap<u32, i64>,
}

impl<'l> Settlements<'l> {
    pub(super) fn of(sides: &Sides<'_>, lines: &'l Lines) -> Self {
        let mut batches: BTreeMap<u32, Settlement> = BTreeMap::new();
        let (mut owners, mut names) = (Vec::new(), Dictionary::default());
        let (mut found, mut buffer) = (Vec::new(), String::new());
        for line in 0..super::texts::row(lines.rows.len()) {
            sides.dictionary.find(&sides.spec.references, lines.rows.reference(line), (&mut found, &mut buffer));
            let owner = match found.as_slice() {
                [one] => groups::owner(sides, *one),
                _ => None,
            };
            let batch = names.add(&NAMES, lines.rows.batch_names.text(lines.rows.batches[at(line)]));
            let batch = batches.entry(batch);
            let batch = batch.or_insert_with(|| Settlement { lines: Vec::new(), left: BTreeSet::new() });
            batch.lines.push(line);
            if lines.kinds[at(line)] == Kind::Sale {
                batch.left.extend(owner);
            }
            owners.push(owner);
        }
        Self { lines, names, batches, owners, wrong: BTreeMap::new() }
    }

    /// The settlement that a row of the right is: by its own column, or by the name that its text has.
    pub(super) fn batch(&self, sides: &Sides<'_>, right: u32) -> Option<u32> {
        let own = sides.right.batches[at(right)];
        let text = if own == NONE { sides.right.reference(right) } else { sides.right.batch_names.text(own) };
        let mut found = Vec::new();
        self.names.find(&NAMES, text, (&mut found, &mut String::new()));
        match found.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// The rows of the left that a settlement's sales name.
    pub(super) fn left(&self, batch: u32) -> impl Iterator<Item = u32> {
        self.batches.get(&batch).into_iter().flat_map(|batch| batch.left.iter().copied())
    }

    /// The settlements that some match has paid.
    pub(super) fn paid(&self, sides: &Sides<'_>, pool: &Pool) -> BTreeSet<u32> {
        if self.batches.is_empty() {
            return BTreeSet::new();
        }
        let batch = |found: &Match| match found.right.as_slice() {
            [right] => self.batch(sides, *right),
            _ => None,
        };
        pool.matches.iter().filter_map(batch).collect()
    }

    /// Lines of settlements that are paid, by whatever has matched them, which still want somebody.
    pub(super) fn open(&self, sides: &Sides<'_>, pool: &Pool) -> Vec<(u32, Reason)> {
        let mut open = Vec::new();
        for found in &pool.matches {
            let [right] = found.right.as_slice() else { continue };
            let is_settled = found.origin.rule().is_none_or(|rule| sides.spec.rules[rule].shape == Shape::Settlement);
            let Some(batch) = self.batch(sides, *right).filter(|_| is_settled) else { continue };
            let left: BTreeSet<u32> = found.left.as_slice().iter().copied().collect();
            let mut named = BTreeSet::new();
            for line in self.batches.get(&batch).map_or(&[][..], |batch| &batch.lines) {
                match self.lines.kinds[at(*line)] {
                    Kind::Sale => {
                        let owner = self.owners[at(*line)].filter(|owner| left.contains(owner));
                        if !owner.is_some_and(|owner| named.insert(owner)) {
                            open.push((*line, self.why(*line)));
                        }
                    }
                    Kind::Refund | Kind::Chargeback => open.push((*line, Reason::RefundOrChargeback)),
                    Kind::Fee | Kind::Reserve | Kind::Adjustment => {}
                }
            }
        }
        open
    }

    pub(super) fn take(&mut self, sides: &Sides<'_>, pool: &mut Pool, number: u32, rule: &Rule) {
        let mut paid: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for right in pool.rows(Which::Right) {
            if let Some(batch) = self.batch(sides, right) {
                paid.entry(batch).or_default().push(right);
            }
        }
        let (mut found, mut claims) = (Vec::new(), BTreeMap::<u32, usize>::new());
        for (batch, mut right) in paid {
            right.sort_unstable_by_key(|row| (sides.right.days[at(*row)], sides.right.id(*row)));
            let due = self.due(&sides.spec.equation, batch);
            // Of several that paid it, the earliest did; the others are duplicates.
            let Some(first) = right.first().copied() else { continue };
            let amount = sides.sum(Which::Right, first, &rule.amount.right);
            let currency = sides.currency(Which::Right, first);
            if !self.is_in(sides, batch, currency) || sides.difference(&rule.amount, currency, due, amount).is_none() {
                self.wrong.insert(first, due - amount);
                continue;
            }
            let settled = self.settled(sides, pool, (number, rule), (batch, first));
            settled
                .iter()
                .flat_map(|found| found.left.as_slice())
                .for_each(|left| *claims.entry(*left).or_default() += 1);
            found.extend(settled);
        }
        for found in found {
            // Two settlements that both name an order cannot both have paid it.
            if found.left.as_slice().iter().all(|left| claims[left] == 1) {
                pool.take(found);
            } else {
                groups::doubt(pool, &found);
            }
        }
    }

    /// Those that the lines name with the right amount, and what paid them.
    fn settled(
        &self,
        sides: &Sides<'_>,
        pool: &Pool,
        (number, rule): (u32, &Rule),
        (batch, right): (u32, u32),
    ) -> Option<Match> {
        let currency = sides.currency(Which::Right, right);
        let fits = |line: &u32| -> Option<u32> {
            let left = self.owners[at(*line)].filter(|_| self.lines.kinds[at(*line)] == Kind::Sale)?;
            let of_left = sides.sum(Which::Left, left, &rule.amount.left);
            let is_one = pool.has(Which::Left, left)
                && currency == sides.currency(Which::Left, left)
                && !sides.apart.contains(&(left, right));
            let amount = self.lines.rows.amounts[at(*line)];
            sides.difference(&rule.amount, currency, of_left, amount).filter(|_| is_one).map(|_| left)
        };
        let left: BTreeSet<u32> = self.batches.get(&batch)?.lines.iter().filter_map(fits).collect();
        let mut left: Vec<u32> = left.into_iter().collect();
        if left.is_empty() {
            return None;
        }
        left.sort_unstable_by_key(|row| sides.left.id(*row));
        let of_left: i64 = left.iter().map(|row| sides.sum(Which::Left, *row, &rule.amount.left)).sum();
        let difference = of_left - sides.sum(Which::Right, right, &rule.amount.right);
        let (left, right) = (groups::rows(left), groups::rows(vec![right]));
        Some(Match { origin: Origin::Rule(number), left, right, difference })
    }

    /// Why a sale of a settlement that was taken is none of a row of the left.
    fn why(&self, line: u32) -> Reason {
        if self.owners[at(line)].is_none() { Reason::UnknownReference } else { Reason::AmountDiffers }
    }

    /// What the lines of a settlement come to.
    fn due(&self, equation: &Equation, batch: u32) -> i64 {
        let lines = &self.batches[&batch].lines;
        equation.0.iter().fold(0, |total, (sign, term)| {
            let sum: i64 = lines.iter().map(|line| self.of_term(*term, *line)).sum();
            match sign {
                Sign::Plus => total + sum,
                Sign::Minus => total - sum,
            }
        })
    }

    fn of_term(&self, term: Term, line: u32) -> i64 {
        let (kind, rows) = (self.lines.kinds[at(line)], &self.lines.rows);
        let is_payment = !matches!(kind, Kind::Reserve | Kind::Adjustment);
        match term {
            Term::Sum(Column::Amount) if is_payment => rows.amounts[at(line)],
            Term::Sum(Column::Fee) if is_payment => rows.fee(line),
            Term::Sum(Column::Net) if is_payment => rows.net(line),
            Term::Reserve if kind == Kind::Reserve => rows.amounts[at(line)],
            Term::Adjustments if kind == Kind::Adjustment => rows.amounts[at(line)],
            _ => 0,
        }
    }

    /// Whether all lines of a settlement are in the currency of what was paid.
    fn is_in(&self, sides: &Sides<'_>, batch: u32, currency: u16) -> bool {
        let code = sides.currencies()[usize::from(currency)].0.as_str();
        self.batches[&batch].lines.iter().all(|line| self.lines.rows.currency(*line) == code)
    }
}
