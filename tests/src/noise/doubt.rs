//! Which cases are undecidable by accident, because a row of another case fits as well.
//!
//! It errs on the side of doubt: a case is made anew where a rival might be taken for the partner, so no truth is
//! claimed that nobody could know.

use super::alike::{Folded, MAYBE, fold};
use super::amounts::{Verdict, verdict};
use super::case::{Case, Tie};
use super::numbers::{digits_of, near, of_order, parse};
use super::{Order, Payment, Reason};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// The window of the design, in days after the order.
const WINDOW: std::ops::RangeInclusive<i32> = -1..=14;

struct Row<'world> {
    case: usize,
    place: usize,
    order: &'world Order,
    /// No payment points to it.
    open: bool,
    folded: Rc<Folded>,
}

/// All orders of all cases, as they are looked for.
struct Book<'world> {
    rows: Vec<Row<'world>>,
    /// With the day of each order, the earlier first.
    open_by_amount: BTreeMap<(&'static str, i64), Vec<(i32, usize)>>,
    by_number: HashMap<u64, usize>,
    open_by_name: BTreeMap<(&'static str, String), Vec<usize>>,
}

/// One payment that is looked at.
struct Looked<'world> {
    case_at: usize,
    case: &'world Case,
    payment: &'world Payment,
    payer: Folded,
    reason: Option<Reason>,
}

/// Finds the cases of which a payment could be another order's as well.
pub(super) fn undecidable(cases: &[Case]) -> BTreeSet<usize> {
    let book = Book::new(cases);
    let mut found = BTreeSet::new();
    for (case_at, case) in cases.iter().enumerate() {
        if (0..case.payments.len()).any(|place| book.is_in_doubt(case_at, case, place)) {
            found.insert(case_at);
        }
    }
    found
}

impl<'world> Book<'world> {
    fn new(cases: &'world [Case]) -> Self {
        let mut book = Book {
            rows: Vec::new(),
            open_by_amount: BTreeMap::new(),
            by_number: HashMap::new(),
            open_by_name: BTreeMap::new(),
        };
        let mut known: BTreeMap<&str, Rc<Folded>> = BTreeMap::new();
        for (case_at, case) in cases.iter().enumerate() {
            for (place, order) in case.orders.iter().enumerate() {
                let row = book.rows.len();
                let open = !case.is_tied(place);
                let folded = known.entry(&order.customer).or_insert_with(|| Rc::new(fold(&order.customer))).clone();
                let before = book.by_number.insert(of_order(&order.number), row);
                assert!(before.is_none(), "a number is given once");
                if open {
                    book.open_by_amount
                        .entry((order.currency, order.amount_minor))
                        .or_default()
                        .push((order.date, row));
                    book.open_by_name.entry((order.currency, folded.key())).or_default().push(row);
                }
                book.rows.push(Row { case: case_at, place, order, open, folded });
            }
        }
        book.open_by_amount.values_mut().for_each(|rows| rows.sort_unstable());
        book
    }

    fn is_in_doubt(&self, case_at: usize, case: &Case, place: usize) -> bool {
        let payment = &case.payments[place];
        if payment.gross_minor <= 0 || case.is_plainly_right(place) {
            return false;
        }
        let reason = case.payment_reasons.iter().find(|(of, _)| *of == place).map(|(_, reason)| *reason);
        let looked = Looked { case_at, case, payment, payer: fold(&payment.payer), reason };
        match &case.ties[place] {
            Tie::None => self.is_silent_in_doubt(&looked),
            Tie::Unknown(digits) => self.fits_another(&looked, true) || self.is_near_another(&looked, digits, None),
            Tie::Near(order, digits) => self.is_near_another(&looked, digits, Some(*order)),
            Tie::Exact(orders) => match orders.as_slice() {
                [order] => self.is_off_in_doubt(&looked, *order),
                _ => false,
            },
        }
    }

    /// A payment without a reference, for which another order, or a sum of others, would do.
    fn is_silent_in_doubt(&self, looked: &Looked<'_>) -> bool {
        let any_day = matches!(looked.reason, Some(Reason::UnknownPayment | Reason::OutsideWindow));
        self.fits_another(looked, any_day) || self.sums_with_others(looked)
    }

    /// A payment that names its order and is not what is owed, and would be the very amount of another one.
    fn is_off_in_doubt(&self, looked: &Looked<'_>, order: usize) -> bool {
        let own = &looked.case.orders[order];
        self.fits_another(looked, false) || self.is_near_another(looked, digits_of(&own.number), Some(order))
    }

    /// Whether an open order has this amount, and perhaps this payer, that is not its own by the truth.
    fn fits_another(&self, looked: &Looked<'_>, any_day: bool) -> bool {
        let payment = looked.payment;
        let Some(same) = self.open_by_amount.get(&(payment.currency, payment.gross_minor)) else { return false };
        let first = same.partition_point(|(day, _)| !any_day && *day < payment.date - WINDOW.end());
        let after = same.partition_point(|(day, _)| any_day || *day <= payment.date - WINDOW.start());
        same[first..after].iter().any(|(_, row)| {
            let row = &self.rows[*row];
            (row.case != looked.case_at || looked.reason == Some(Reason::UnknownPayment))
                && row.folded.alike(&looked.payer) >= MAYBE
        })
    }

    /// Whether two or three open orders of this payer, not all of this case, add up to this amount.
    fn sums_with_others(&self, looked: &Looked<'_>) -> bool {
        let mut keys: BTreeSet<String> = looked.case.orders.iter().map(|order| fold(&order.customer).key()).collect();
        keys.insert(looked.payer.key());
        let rows = keys.into_iter().filter_map(|key| self.open_by_name.get(&(looked.payment.currency, key)));
        let rows: Vec<&Row<'_>> =
            rows.flatten().map(|row| &self.rows[*row]).filter(|row| in_window(row.order, looked.payment)).collect();
        let gross = looked.payment.gross_minor;
        let foreign = |row: &Row<'_>| row.case != looked.case_at;
        rows.iter().enumerate().any(|(first, one)| {
            rows.iter().enumerate().skip(first + 1).any(|(second, two)| {
                let pair = one.order.amount_minor + two.order.amount_minor;
                let pair_foreign = foreign(one) || foreign(two);
                (pair == gross && pair_foreign)
                    || rows[second + 1..]
                        .iter()
                        .any(|three| pair + three.order.amount_minor == gross && (pair_foreign || foreign(three)))
            })
        })
    }

    /// Whether these digits are as near to another order, and amount, days and payer do not speak against it.
    fn is_near_another(&self, looked: &Looked<'_>, digits: &str, own: Option<usize>) -> bool {
        let hit = parse(digits);
        let mut rivals = near(digits).into_iter().filter_map(|number| {
            let row = &self.rows[*self.by_number.get(&number)?];
            let is_own = row.case == looked.case_at && Some(row.place) == own;
            (!is_own && row.order.currency == looked.payment.currency).then_some((number, row))
        });
        rivals.any(|(number, row)| {
            let off = verdict(row.order.amount_minor, looked.payment.gross_minor);
            if Some(number) == hit && matches!(off, Verdict::Exact | Verdict::ShortWithin | Verdict::OverWithin) {
                return true;
            }
            if off != Verdict::Exact || !in_window(row.order, looked.payment) {
                return false;
            }
            let nobody_says = own.is_none() || looked.payment.payer.is_empty();
            (row.open && nobody_says) || row.folded.alike(&looked.payer) >= MAYBE
        })
    }
}

fn in_window(order: &Order, payment: &Payment) -> bool {
    WINDOW.contains(&(payment.date - order.date))
}
