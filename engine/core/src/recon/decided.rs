//! Pairs that fit, of which those are taken that fit nothing else.

use std::collections::BTreeMap;

use super::{
    pool::{Match, Origin, Pool, Rows, Sides},
    spec::{Rule, Which},
};

/// Takes the pairs of rows that are in no other pair; the others are in doubt.
pub(super) fn take(sides: &Sides<'_>, pool: &mut Pool, (number, rule): (u32, &Rule), pairs: &[(u32, u32)]) {
    let (mut of_left, mut of_right): (BTreeMap<u32, Vec<u32>>, BTreeMap<u32, Vec<u32>>) = Default::default();
    for (left, right) in pairs {
        of_left.entry(*left).or_default().push(*right);
        of_right.entry(*right).or_default().push(*left);
    }
    of_left.values_mut().for_each(|rows| rows.sort_unstable_by_key(|row| sides.right.id(*row)));
    of_right.values_mut().for_each(|rows| rows.sort_unstable_by_key(|row| sides.left.id(*row)));
    for (left, right) in pairs {
        if of_left[left].len() == 1 && of_right[right].len() == 1 {
            let difference =
                sides.sum(Which::Left, *left, &rule.amount.left) - sides.sum(Which::Right, *right, &rule.amount.right);
            pool.take(Match {
                origin: Origin::Rule(number),
                left: Rows::One(*left),
                right: Rows::One(*right),
                difference,
            });
        } else {
            pool.doubt(Which::Left, *left, of_left[left].iter().copied());
            pool.doubt(Which::Right, *right, of_right[right].iter().copied());
        }
    }
}

/// Whether a pair has what a rule wants beside its reference.
pub(super) fn fits(sides: &Sides<'_>, rule: &Rule, left: u32, right: u32) -> bool {
    difference(sides, rule, left, right).is_some()
}

/// By how much the amounts of a pair differ, where it has what a rule wants beside its reference.
pub(super) fn difference(sides: &Sides<'_>, rule: &Rule, left: u32, right: u32) -> Option<i64> {
    let currency = sides.currency(Which::Left, left);
    let (of_left, of_right) = (&rule.amount.left, &rule.amount.right);
    let amounts = (sides.sum(Which::Left, left, of_left), sides.sum(Which::Right, right, of_right));
    let is_pair = currency == sides.currency(Which::Right, right)
        && sides.is_in_time(rule, left, right)
        && sides.is_party(rule, left, right)
        && !sides.apart.contains(&(left, right));
    sides.difference(&rule.amount, currency, amounts.0, amounts.1).filter(|_| is_pair)
}
