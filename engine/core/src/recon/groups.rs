//! Rules of several rows with one: by the references that they name.

use std::{collections::BTreeMap, ops::Range};

use super::{
    pool::{Match, Origin, Pool, Rows, Sides},
    side::at,
    spec::{Rule, Which},
    texts::{NONE, SEVERAL},
};

/// Rows of the right that pay several of the left: all that have the references which they name, such as the lines of one
/// settlement.
pub(super) fn many_left(sides: &Sides<'_>, pool: &mut Pool, number: u32, rule: &Rule) {
    let mut named: Vec<(u32, u32)> = pool.rows(Which::Left).map(|row| (sides.left_refs[at(row)], row)).collect();
    named.retain(|(reference, _)| *reference != NONE);
    named.sort_unstable();
    // What a run of them comes to is known without a look at each.
    let sums: Vec<i64> = std::iter::once(0)
        .chain(named.iter().map(|(_, row)| sides.sum(Which::Left, *row, &rule.amount.left)))
        .scan(0, |sum, amount| {
            *sum += amount;
            Some(*sum)
        })
        .collect();
    let of = |reference: &u32| {
        let start = named.partition_point(|(other, _)| other < reference);
        start..start + named[start..].partition_point(|(other, _)| other == reference)
    };
    let mut groups = Vec::new();
    let mut claims: BTreeMap<u32, usize> = BTreeMap::new();
    for right in pool.rows(Which::Right) {
        let runs: Vec<_> = sides.references(right).iter().map(of).collect();
        if runs.is_empty() || runs.iter().any(Range::is_empty) {
            continue;
        }
        let paid = sides.sum(Which::Right, right, &rule.amount.right);
        let sum = runs.iter().map(|run| sums[run.end] - sums[run.start]).sum();
        let currency = sides.currency(Which::Right, right);
        if sides.difference(&rule.amount, currency, sum, paid).is_none() {
            continue;
        }
        let left = runs.into_iter().flat_map(|run| &named[run]).map(|(_, row)| *row).collect();
        let Some(found) = fitting(sides, (number, rule), left, vec![right]) else { continue };
        found.left.as_slice().iter().for_each(|left| *claims.entry(*left).or_default() += 1);
        groups.push(found);
    }
    for found in groups {
        if found.left.as_slice().iter().all(|left| claims[left] == 1) {
            pool.take(found);
        } else {
            doubt(pool, &found);
        }
    }
}

/// Rows of the right that all name one of the left, and pay it together.
pub(super) fn many_right(sides: &Sides<'_>, pool: &mut Pool, number: u32, rule: &Rule) {
    let named = |row: &u32| ![NONE, SEVERAL].contains(&sides.reference(Which::Right, *row));
    let mut rows: Vec<(u32, u32)> =
        pool.rows(Which::Right).filter(named).map(|row| (sides.reference(Which::Right, row), row)).collect();
    rows.sort_unstable();
    for group in rows.chunk_by(|one, other| one.0 == other.0).filter(|group| group.len() > 1) {
        let Some(left) = owner(sides, group[0].0).filter(|left| pool.has(Which::Left, *left)) else { continue };
        // What takes money back is no instalment.
        let is_part = |row: &u32| sides.right.amounts[at(*row)].signum() == sides.left.amounts[at(left)].signum();
        let right: Vec<u32> = group.iter().map(|(_, row)| *row).filter(is_part).collect();
        if right.len() > 1
            && let Some(found) = fitting(sides, (number, rule), vec![left], right)
        {
            pool.take(found);
        }
    }
}

/// The one row of the left that has a reference.
pub(super) fn owner(sides: &Sides<'_>, reference: u32) -> Option<u32> {
    Some(sides.owners[at(reference)]).filter(|owner| ![NONE, SEVERAL].contains(owner))
}

/// The match of a group, if it is in one currency, in time, and comes to the same on both sides.
pub(super) fn fitting(
    sides: &Sides<'_>,
    (number, rule): (u32, &Rule),
    mut left: Vec<u32>,
    mut right: Vec<u32>,
) -> Option<Match> {
    left.sort_unstable_by_key(|row| sides.left.id(*row));
    right.sort_unstable_by_key(|row| sides.right.id(*row));
    let currency = sides.currency(Which::Left, *left.first()?);
    let is_one = left.iter().all(|row| sides.currency(Which::Left, *row) == currency)
        && right.iter().all(|row| sides.currency(Which::Right, *row) == currency);
    let fits = |left: &u32| {
        right.iter().all(|right| {
            sides.is_in_time(rule, *left, *right)
                && sides.is_party(rule, *left, *right)
                && !sides.apart.contains(&(*left, *right))
        })
    };
    let sum = |which, rows: &[u32], sum| rows.iter().map(|row| sides.sum(which, *row, sum)).sum::<i64>();
    let of_left = sum(Which::Left, &left, &rule.amount.left);
    let difference =
        sides.difference(&rule.amount, currency, of_left, sum(Which::Right, &right, &rule.amount.right))?;
    if !is_one || !left.iter().all(fits) {
        return None;
    }
    Some(Match { origin: Origin::Rule(number), left: rows(left), right: rows(right), difference })
}

pub(super) fn rows(rows: Vec<u32>) -> Rows {
    match rows.as_slice() {
        [row] => Rows::One(*row),
        _ => Rows::Many(Box::new(rows)),
    }
}

/// Says of the rows of a match that is not made that something else would fit, too.
pub(super) fn doubt(pool: &mut Pool, found: &Match) {
    for row in found.left.as_slice() {
        pool.doubt(Which::Left, *row, found.right.as_slice().iter().copied());
    }
    for row in found.right.as_slice() {
        pool.doubt(Which::Right, *row, found.left.as_slice().iter().copied());
    }
}
