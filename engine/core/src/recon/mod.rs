//! Reconciliation: which rows of one side explain which of the other, and why the rest is left.
//!
//! Rules are taken strictly in their order, those that confirm before those that suggest, and again until nothing more is found: so
//! whoever reconciles the same rows again, with what was confirmed before, finds nothing else. What a rule takes depends on all rows
//! that were left before it, and never on the order in which they came: where two would do, neither is taken. Each row ends in one
//! match or in one exception, which is counted.

mod cells;
mod decided;
mod groups;
mod near;
mod pairs;
mod pool;
mod reason;
mod settle;
mod side;
mod similar;
mod spec;
mod subset;
mod texts;
mod totals;
mod words;

use std::collections::HashSet;

pub use pool::{Match, Origin, Rows};
use pool::{Pool, Sides};
pub use reason::{Exception, Reason};
use settle::Settlements;
pub use settle::{Kind, Lines};
use side::Index;
pub use side::{Row, RowError, Side};
pub use spec::{
    By, Case, Column, Equation, Gives, PartyStep, References, Rule, Shape, Sign, Spec, Sum, Term, Test, Which,
};
pub use totals::{Amount, Total, Unbalanced};

/// What is known from before.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Rows that stay together: of the left and of the right.
    pub kept: Vec<(Vec<u32>, Vec<u32>)>,
    /// Pairs that do not belong together.
    pub apart: HashSet<(u32, u32)>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// In no order that says something.
    pub matches: Vec<Match>,
    /// In the order of the rows.
    pub exceptions: Vec<Exception>,
    /// Lines of settlements that were taken and still want somebody: what they name is not known, is of another amount, or goes back.
    pub lines: Vec<(u32, Reason)>,
    /// One for each currency.
    pub totals: Vec<Total>,
}

/// Matches two sides.
///
/// # Errors
/// [`Unbalanced`], where rows and amounts that went in did not all come out: a defect of this module, after which nothing may be
/// believed.
pub fn reconcile(
    spec: &Spec,
    (left, right): (&Side, &Side),
    lines: &Lines,
    known: &Known,
) -> Result<Outcome, Box<Unbalanced>> {
    let built;
    let index = match left.indexed(&spec.references) {
        Some(index) => index,
        None => {
            built = Index::of(&spec.references, left);
            &built
        }
    };
    let mut sides = Sides::of(spec, (left, index), right);
    sides.apart.clone_from(&known.apart);
    let sides = sides;
    let mut pool = Pool::of(left, right);
    for (index, (of_left, of_right)) in known.kept.iter().enumerate() {
        let sum = |side: &Side, rows: &[u32]| rows.iter().map(|row| side.amount(*row)).sum::<i64>();
        let difference = sum(left, of_left) - sum(right, of_right);
        let (left, right) = (groups::rows(of_left.clone()), groups::rows(of_right.clone()));
        pool.take(Match { origin: Origin::Kept(texts::row(index)), left, right, difference });
    }
    let torn: Vec<u32> = side_torn(right, &pool);
    torn.iter().for_each(|row| pool.right[side::at(*row)] = false);
    let mut settlements = Settlements::of(&sides, lines);
    for gives in [Gives::Confirmed, Gives::Suggested] {
        let mut before = usize::MAX;
        while pool.matches.len() != before {
            before = pool.matches.len();
            turn(&sides, &mut pool, &mut settlements, gives);
        }
    }
    let exceptions = reason::all(&sides, &pool, &settlements, &torn);
    let totals = totals::of(&sides, &pool.matches, &exceptions)?;
    let lines = settlements.open(&sides, &pool);
    Ok(Outcome { matches: pool.matches, exceptions, lines, totals })
}

/// Each rule once, in its order.
fn turn(sides: &Sides<'_>, pool: &mut Pool, settlements: &mut Settlements<'_>, gives: Gives) {
    let rules = sides.spec.rules.iter().enumerate();
    for (number, rule) in rules.filter(|(_, rule)| rule.gives == gives) {
        let number = texts::row(number);
        match (rule.shape, rule.edits) {
            (Shape::OneToOne, None) => pairs::take(sides, pool, number, rule),
            (Shape::OneToOne, Some(most)) => near::take(sides, pool, number, rule, most),
            (Shape::ManyLeft, _) => groups::many_left(sides, pool, number, rule),
            (Shape::ManyRight, _) => groups::many_right(sides, pool, number, rule),
            (Shape::Subset { of, items_max, candidates_max }, _) => {
                subset::take(sides, pool, (number, rule), (of, items_max, candidates_max));
            }
            (Shape::Settlement, _) => settlements.take(sides, pool, number, rule),
        }
    }
}

/// Rows of the right whose amount, fee and net do not add up: no rule sees them.
fn side_torn(right: &Side, pool: &Pool) -> Vec<u32> {
    right.torn.iter().copied().filter(|row| pool.has(Which::Right, *row)).collect()
}
