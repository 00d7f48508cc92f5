//! Control totals: every row and every unit that went in has come out, once.

use super::{
    pool::{Match, Sides},
    reason::Exception,
    side::at,
    spec::Which,
    texts::row,
};

/// How many rows, and what they sum up to in minor units.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Amount {
    /// How many.
    pub rows: u64,
    /// Minor units.
    pub sum: i128,
}

impl Amount {
    fn add(&mut self, amount: i64) {
        self.rows += 1;
        self.sum += i128::from(amount);
    }
}

/// What one currency comes to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Total {
    /// ISO 4217.
    pub currency: String,
    /// Digits of its minor units behind the point.
    pub exponent: u32,
    /// What went in: left, right.
    pub given: [Amount; 2],
    /// What is in matches: left, right.
    pub matched: [Amount; 2],
    /// What is in none: left, right.
    pub open: [Amount; 2],
    /// By how much the left of the matches is more than their right.
    pub difference: i128,
}

/// Rows or amounts that were lost, or that are there twice.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the control totals of the {side} in {currency} do not hold: {given:?} went in, {matched:?} is matched, {open:?} is not"
)]
pub struct Unbalanced {
    /// `left` or `right`.
    pub side: &'static str,
    /// ISO 4217.
    pub currency: String,
    /// What went in.
    pub given: Amount,
    /// What is in matches.
    pub matched: Amount,
    /// What is in none.
    pub open: Amount,
}

/// Counts what came out, row by row, against what went in.
pub(super) fn of(
    sides: &Sides<'_>,
    matches: &[Match],
    exceptions: &[Exception],
) -> Result<Vec<Total>, Box<Unbalanced>> {
    let new = |(currency, exponent): &(String, u32)| Total {
        currency: currency.clone(),
        exponent: *exponent,
        ..Total::default()
    };
    let mut totals: Vec<Total> = sides.currencies().iter().map(new).collect();
    let mut seen = [vec![0_u8; sides.left.len()], vec![0_u8; sides.right.len()]];
    let count = |totals: &mut [Total], which: Which, place: u32, into: fn(&mut Total) -> &mut [Amount; 2]| {
        let total = &mut totals[usize::from(sides.currency(which, place))];
        into(total)[index(which)].add(sides.side(which).amounts[at(place)]);
    };
    for which in [Which::Left, Which::Right] {
        (0..row(sides.side(which).len())).for_each(|row| count(&mut totals, which, row, |total| &mut total.given));
    }
    for found in matches {
        for (which, rows) in [(Which::Left, &found.left), (Which::Right, &found.right)] {
            for row in rows.as_slice() {
                seen[index(which)][at(*row)] += 1;
                count(&mut totals, which, *row, |total| &mut total.matched);
            }
        }
    }
    for exception in exceptions {
        seen[index(exception.side)][at(exception.row)] += 1;
        count(&mut totals, exception.side, exception.row, |total| &mut total.open);
    }
    let is_once = seen.iter().flatten().all(|times| *times == 1);
    for total in &mut totals {
        total.difference = total.matched[0].sum - total.matched[1].sum;
        for (place, side) in ["left", "right"].into_iter().enumerate() {
            let (given, matched, open) = (total.given[place], total.matched[place], total.open[place]);
            if !is_once || given.rows != matched.rows + open.rows || given.sum != matched.sum + open.sum {
                let currency = total.currency.clone();
                return Err(Box::new(Unbalanced { side, currency, given, matched, open }));
            }
        }
    }
    Ok(totals)
}

fn index(which: Which) -> usize {
    match which {
        Which::Left => 0,
        Which::Right => 1,
    }
}
