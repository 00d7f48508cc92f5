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

/// Counts what came out, row by row, against what went in: each side by a thread of its own.
pub(super) fn of(
    sides: &Sides<'_>,
    matches: &[Match],
    exceptions: &[Exception],
) -> Result<Vec<Total>, Box<Unbalanced>> {
    let counted = std::thread::scope(|scope| {
        let right = scope.spawn(|| counted(sides, Which::Right, matches, exceptions));
        [counted(sides, Which::Left, matches, exceptions), right.join().expect("it does not panic")]
    });
    let mut totals = Vec::new();
    for (number, (currency, exponent)) in sides.currencies().iter().enumerate() {
        let of = |part: fn(&Counted) -> Amount| counted.each_ref().map(|side| part(&side.amounts[number]));
        let (given, matched, open) =
            (of(|counted| counted.given), of(|counted| counted.matched), of(|counted| counted.open));
        for (place, side) in ["left", "right"].into_iter().enumerate() {
            let (given, matched, open) = (given[place], matched[place], open[place]);
            let holds = given.rows == matched.rows + open.rows && given.sum == matched.sum + open.sum;
            if !counted[place].is_once || !holds {
                return Err(Box::new(Unbalanced { side, currency: currency.clone(), given, matched, open }));
            }
        }
        let difference = matched[0].sum - matched[1].sum;
        totals.push(Total { currency: currency.clone(), exponent: *exponent, given, matched, open, difference });
    }
    Ok(totals)
}

/// What one side comes to in one currency.
#[derive(Clone, Copy, Default)]
struct Counted {
    given: Amount,
    matched: Amount,
    open: Amount,
}

/// What one side comes to, by currency; whether each of its rows has come out once.
struct Side {
    amounts: Vec<Counted>,
    is_once: bool,
}

fn counted(sides: &Sides<'_>, which: Which, matches: &[Match], exceptions: &[Exception]) -> Side {
    let side = sides.side(which);
    let mut amounts = vec![Counted::default(); sides.currencies().len()];
    let mut seen = vec![0_u8; side.len()];
    let of = |place: u32| (usize::from(sides.currency(which, place)), side.amounts[at(place)]);
    for place in 0..row(side.len()) {
        let (currency, amount) = of(place);
        amounts[currency].given.add(amount);
    }
    for found in matches {
        let rows = if which == Which::Left { &found.left } else { &found.right };
        for place in rows.as_slice() {
            let (currency, amount) = of(*place);
            amounts[currency].matched.add(amount);
            seen[at(*place)] = seen[at(*place)].saturating_add(1);
        }
    }
    for exception in exceptions.iter().filter(|exception| exception.side == which) {
        let (currency, amount) = of(exception.row);
        amounts[currency].open.add(amount);
        seen[at(exception.row)] = seen[at(exception.row)].saturating_add(1);
    }
    Side { amounts, is_once: seen.iter().all(|times| *times == 1) }
}
