//! Rules of one row with one row whose references are nearly the same.
//!
//! References that differ by one letter have a form in common: each with one of its letters left out, or as it is. Forms stand
//! beside the currency and, where amounts must be exact, the amount, so that many equal amounts, or many like references, meet seldom.

use ahash::RandomState;

use super::{
    decided, groups,
    pool::{Pool, Sides},
    similar::without_one,
    spec::{Rule, Which},
    texts::{NONE, SEVERAL},
    words::{each, edits, lookalike},
};

/// Forms at once; what is more goes in passes, so that memory has a bound.
const FORMS_AT_ONCE: usize = 4_000_000;
/// Shorter texts are like too many.
const LETTERS_MIN: usize = 4;

pub(super) fn take(sides: &Sides<'_>, pool: &mut Pool, number: u32, rule: &Rule, most: usize) {
    let near = Near { sides, rule, most, hash: RandomState::new() };
    let forms: usize = pool.rows(Which::Left).map(|row| 1 + near.left(row).len()).sum();
    let passes = u64::try_from(forms / FORMS_AT_ONCE + 1).unwrap_or(1);
    let mut edges = Vec::new();
    for pass in 0..passes {
        near.pass(pool, |form| form % passes == pass, &mut edges);
    }
    edges.sort_unstable();
    edges.dedup();
    decided::take(sides, pool, (number, rule), &edges);
}

struct Near<'r> {
    sides: &'r Sides<'r>,
    rule: &'r Rule,
    most: usize,
    hash: RandomState,
}

impl Near<'_> {
    fn left(&self, row: u32) -> &str {
        match self.sides.reference(Which::Left, row) {
            NONE | SEVERAL => "",
            reference => self.sides.dictionary.names.text(reference),
        }
    }

    /// Finds the pairs that have one of the forms in common for which it is the turn.
    fn pass(&self, pool: &Pool, is_due: impl Fn(u64) -> bool, edges: &mut Vec<(u32, u32)>) {
        let mut index: Vec<(u64, u32)> = Vec::new();
        for row in pool.rows(Which::Left) {
            self.forms(self.left(row), self.key(Which::Left, row), |form| {
                if is_due(form) {
                    index.push((form, row));
                }
            });
        }
        index.sort_unstable();
        for row in pool.rows(Which::Right).filter(|row| !self.is_named(*row)) {
            let text = self.sides.right.reference(row);
            let how = &self.sides.spec.references;
            let mut tokens = Vec::new();
            each(how, text, text.len(), |token| tokens.push(token.to_owned()));
            if how.lookalikes {
                each(how, &lookalike(text), text.len(), |token| tokens.push(token.to_owned()));
            }
            tokens.sort_unstable();
            tokens.dedup();
            let longest = self.sides.dictionary.longest() + self.most;
            for token in tokens.iter().filter(|token| token.len() <= longest) {
                self.forms(token, self.key(Which::Right, row), |form| {
                    if is_due(form) {
                        let start = index.partition_point(|(other, _)| *other < form);
                        let same = index[start..].iter().take_while(|(other, _)| *other == form);
                        edges.extend(same.map(|(_, left)| (*left, row)).filter(|pair| self.fits(*pair, token)));
                    }
                });
            }
        }
    }

    /// Whether a row names exactly what would fit it, so that it is about that, paid already or not.
    fn is_named(&self, right: u32) -> bool {
        let owners = self.sides.references(right).iter().filter_map(|one| groups::owner(self.sides, *one));
        owners.into_iter().any(|left| decided::fits(self.sides, self.rule, left, right))
    }

    /// What must be the same whatever the reference: the currency, and the amount where it must be exact.
    fn key(&self, which: Which, row: u32) -> (u16, i64) {
        let test = &self.rule.amount;
        let sum = match which {
            Which::Left => &test.left,
            Which::Right => &test.right,
        };
        let is_exact = test.within.is_none() && test.percent.is_none();
        let amount = if is_exact { self.sides.sum(which, row, sum) } else { 0 };
        (self.sides.currency(which, row), amount)
    }

    fn forms(&self, text: &str, key: (u16, i64), mut on: impl FnMut(u64)) {
        if text.chars().count() < LETTERS_MIN {
            return;
        }
        on(self.hash.hash_one((text, key)));
        let mut forms = vec![text.to_owned()];
        for _ in 0..self.most {
            forms = forms.iter().flat_map(|form| without_one(form)).collect();
            forms.sort_unstable();
            forms.dedup();
            forms.iter().for_each(|form| on(self.hash.hash_one((form.as_str(), key))));
        }
    }

    fn fits(&self, (left, right): (u32, u32), token: &str) -> bool {
        edits(self.left(left), token, self.most).is_some_and(|edits| edits > 0)
            && decided::fits(self.sides, self.rule, left, right)
    }
}
