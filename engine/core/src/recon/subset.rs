//! Rules of some rows whose sum is one row of the other side: only where no other sum is.
//!
//! Of few candidates, a sum that is right is nearly always the only one; of many, hardly ever. So a search is small, and counts to two.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    groups,
    pool::{Match, Pool, Sides},
    side::{NO_DAY, at},
    similar::Similar,
    spec::{Rule, Which},
    texts::NONE,
};

pub(super) fn take(
    sides: &Sides<'_>,
    pool: &mut Pool,
    (number, rule): (u32, &Rule),
    (of, items_max, candidates_max): (Which, usize, usize),
) {
    let search = Search { sides, rule, number, of, items_max };
    let similar = rule.party.map(|at_least| Similar::of(sides, pool, at_least));
    let mut blocks: BTreeMap<(u16, u32), Vec<u32>> = BTreeMap::new();
    for row in pool.rows(of) {
        let party = search.party(of, row);
        if party != NONE {
            blocks.entry((sides.currency(of, row), party)).or_default().push(row);
        }
    }
    let side = sides.side(of);
    blocks.values_mut().for_each(|rows| rows.sort_unstable_by_key(|row| (side.days[at(*row)], side.id(*row))));
    let (mut found, mut claims) = (Vec::new(), BTreeMap::<u32, usize>::new());
    for one in pool.rows(search.one()).collect::<Vec<_>>() {
        let own = search.party(search.one(), one);
        let parties: &[u32] = match &similar {
            _ if own == NONE => &[],
            Some(similar) => similar.to(search.one(), own),
            None => &[own],
        };
        let currency = sides.currency(search.one(), one);
        let blocks = parties.iter().filter_map(|party| blocks.get(&(currency, *party)));
        let in_time = blocks.flat_map(|rows| search.in_time(one, rows)).copied();
        // One more than there may be is as good as all.
        let candidates: Vec<u32> =
            in_time.filter(|row| search.is_candidate(one, *row)).take(candidates_max + 1).collect();
        if candidates.len() < 2 {
            continue;
        }
        if candidates.len() > candidates_max {
            pool.doubt(search.one(), one, candidates);
            continue;
        }
        let sums = search.sums(one, candidates);
        for row in sums.iter().flat_map(|sum| search.several(sum)).collect::<BTreeSet<_>>() {
            *claims.entry(*row).or_default() += 1;
        }
        found.push(sums);
    }
    for sums in found {
        let is_sure = |sum: &Match| search.several(sum).iter().all(|row| claims[row] == 1);
        match <[Match; 1]>::try_from(sums) {
            Ok([sum]) if is_sure(&sum) => pool.take(sum),
            Ok([sum]) => groups::doubt(pool, &sum),
            Err(sums) => sums.iter().for_each(|sum| groups::doubt(pool, sum)),
        }
    }
}

struct Search<'r> {
    sides: &'r Sides<'r>,
    rule: &'r Rule,
    number: u32,
    of: Which,
    items_max: usize,
}

impl Search<'_> {
    /// The side of which there is one.
    fn one(&self) -> Which {
        self.of.other()
    }

    fn several<'m>(&self, found: &'m Match) -> &'m [u32] {
        match self.of {
            Which::Left => found.left.as_slice(),
            Which::Right => found.right.as_slice(),
        }
    }

    fn party(&self, which: Which, row: u32) -> u32 {
        let is_named = self.rule.by.party || self.rule.party.is_some();
        if is_named { self.sides.party(which, row) } else { 0 }
    }

    fn amount(&self, which: Which, row: u32) -> i64 {
        let sum = match which {
            Which::Left => &self.rule.amount.left,
            Which::Right => &self.rule.amount.right,
        };
        self.sides.sum(which, row, sum)
    }

    /// Those of rows in the order of their days that lie as the rule wants.
    fn in_time<'b>(&self, one: u32, rows: &'b [u32]) -> &'b [u32] {
        let Some((from, to)) = self.rule.days else { return rows };
        let (own, days) = (self.sides.side(self.one()).days[at(one)], &self.sides.side(self.of).days);
        if own == NO_DAY {
            return &[];
        }
        let (first, last) = if self.of == Which::Left { (own - to, own - from) } else { (own + from, own + to) };
        let start = rows.partition_point(|row| days[at(*row)] < first);
        let end = rows.partition_point(|row| days[at(*row)] <= last);
        &rows[start..end]
    }

    /// Whether a row in time may be a part of the other: it has its sign, and is no more than it.
    fn is_candidate(&self, one: u32, row: u32) -> bool {
        let (whole, part) = (self.amount(self.one(), one), self.amount(self.of, row));
        let (left, right) = if self.of == Which::Left { (row, one) } else { (one, row) };
        part.signum() == whole.signum() && part.abs() < whole.abs() && !self.sides.apart.contains(&(left, right))
    }

    /// The sums that are right; at most two.
    fn sums(&self, one: u32, mut candidates: Vec<u32>) -> Vec<Match> {
        candidates.sort_unstable_by_key(|row| (self.amount(self.of, *row), self.sides.side(self.of).id(*row)));
        let mut found = Vec::new();
        self.search(one, &candidates, &mut Chosen::default(), &mut found);
        found
    }

    fn search(&self, one: u32, rest: &[u32], chosen: &mut Chosen, found: &mut Vec<Match>) {
        let whole = self.amount(self.one(), one);
        for (index, row) in rest.iter().enumerate() {
            let sum = chosen.sum + self.amount(self.of, *row);
            if found.len() > 1 {
                return;
            }
            let (left, right) = if self.of == Which::Left { (sum, whole) } else { (whole, sum) };
            let currency = self.sides.currency(self.of, *row);
            let comes_out = self.sides.difference(&self.rule.amount, currency, left, right).is_some();
            let before = chosen.sum;
            chosen.rows.push(*row);
            chosen.sum = sum;
            if comes_out && chosen.rows.len() > 1 {
                let several = chosen.rows.clone();
                let (left, right) = if self.of == Which::Left { (several, vec![one]) } else { (vec![one], several) };
                found.extend(groups::fitting(self.sides, (self.number, self.rule), left, right));
            }
            if chosen.rows.len() < self.items_max && sum.abs() <= whole.abs() {
                self.search(one, &rest[index + 1..], chosen, found);
            }
            chosen.rows.pop();
            chosen.sum = before;
        }
    }
}

/// Rows that a search looks at together.
#[derive(Default)]
struct Chosen {
    rows: Vec<u32>,
    sum: i64,
}
