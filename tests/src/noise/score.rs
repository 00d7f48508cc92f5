//! How right an answer is, in pairs of an order and a payment, and in reasons. Integers only.

use super::{Reason, Truth, World};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Orders and payments that belong together, by their places.
pub type Group = (Vec<usize>, Vec<usize>);

/// What a matcher says of a world.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// What it is sure of.
    pub confirmed: Vec<Group>,
    /// What a person should look at.
    pub suggested: Vec<Group>,
    /// Why orders are in no match.
    pub order_reasons: BTreeMap<usize, Reason>,
    /// Why payments are in no match.
    pub payment_reasons: BTreeMap<usize, Reason>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Share {
    /// How many are right.
    pub right: usize,
    /// Of how many.
    pub of: usize,
}

impl Share {
    /// Says the share in millionths, rounded down; all of nothing is all.
    pub fn millionths(self) -> usize {
        (self.right * 1_000_000).checked_div(self.of).unwrap_or(1_000_000)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millionths = self.millionths();
        write!(to, "{}.{:06} ({} of {})", millionths / 1_000_000, millionths % 1_000_000, self.right, self.of)
    }
}

/// How right an answer is for one class.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClassScore {
    /// How many cases there are.
    pub cases: usize,
    /// How many pairs are true and were found.
    pub found: usize,
    /// How many pairs were found and are not true; they count for the class of their payment.
    pub wrong: usize,
    /// How many of the wrong ones were confirmed.
    pub wrong_confirmed: usize,
    /// How many pairs are true and were not found.
    pub missed: usize,
    /// How many rows that are truly exceptions have the right reason, and are in no match.
    pub reasons: Share,
}

/// How right an answer is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Score {
    /// Of the pairs that were confirmed, how many are true.
    pub confirmed_precision: Share,
    /// Of the true pairs, how many were confirmed.
    pub confirmed_recall: Share,
    /// Of all pairs that were found, how many are true.
    pub precision: Share,
    /// Of the true pairs, how many were found.
    pub recall: Share,
    /// Of the rows that are truly exceptions, how many have the right reason.
    pub reasons: Share,
    /// By class, in the order of their names.
    pub classes: BTreeMap<&'static str, ClassScore>,
    /// How often in a class one thing was said instead of another one.
    pub mistakes: BTreeMap<(&'static str, String), usize>,
}

impl Score {
    /// The harmonic mean of precision and recall over all pairs.
    pub fn f1(&self) -> Share {
        Share { right: 2 * self.precision.right, of: self.precision.of + self.recall.of }
    }
}

/// Judges an answer.
pub fn score(world: &World, found: &Found) -> Score {
    let mut score = Score::default();
    for class in &world.truth.cases {
        score.classes.entry(class).or_default().cases += 1;
    }
    let (confirmed, suggested) = (pairs_of(&found.confirmed), pairs_of(&found.suggested));
    let all: Vec<(usize, usize)> = confirmed.iter().chain(&suggested).copied().collect();
    let truth = with_twins(&world.truth, &all.iter().copied().collect());
    let true_pairs = true_pairs(&truth);
    let mut seen = BTreeSet::new();
    for (place, pair) in all.iter().enumerate() {
        // A pair that is said twice is right once.
        let right = true_pairs.contains(pair) && seen.insert(*pair);
        let is_confirmed = place < confirmed.len();
        if is_confirmed {
            count(&mut score.confirmed_precision, right);
        }
        count(&mut score.precision, right);
        let class = score.classes.entry(class_of_payment(&truth, pair.1)).or_default();
        class.found += usize::from(right);
        class.wrong += usize::from(!right);
        class.wrong_confirmed += usize::from(!right && is_confirmed);
    }
    score.confirmed_recall = Share { right: score.confirmed_precision.right, of: true_pairs.len() };
    score.recall = Share { right: score.precision.right, of: true_pairs.len() };
    for pair in true_pairs.difference(&seen) {
        score.classes.entry(class_of_payment(&truth, pair.1)).or_default().missed += 1;
    }
    count_reasons(&mut score, &truth, found, &all, &true_pairs);
    score
}

fn count_reasons(
    score: &mut Score,
    truth: &Truth,
    found: &Found,
    all: &[(usize, usize)],
    true_pairs: &BTreeSet<(usize, usize)>,
) {
    let orders = Side {
        name: "order",
        expected: &truth.order_reasons,
        said: &found.order_reasons,
        used: all.iter().map(|pair| pair.0).collect(),
        partners: true_pairs.iter().map(|pair| pair.0).collect(),
        cases: &truth.order_cases,
    };
    let payments = Side {
        name: "payment",
        expected: &truth.payment_reasons,
        said: &found.payment_reasons,
        used: all.iter().map(|pair| pair.1).collect(),
        partners: true_pairs.iter().map(|pair| pair.1).collect(),
        cases: &truth.payment_cases,
    };
    for side in [orders, payments] {
        side.count(score, &truth.cases);
    }
}

/// One side of the two.
struct Side<'answer> {
    name: &'static str,
    expected: &'answer BTreeMap<usize, Reason>,
    said: &'answer BTreeMap<usize, Reason>,
    used: BTreeSet<usize>,
    partners: BTreeSet<usize>,
    cases: &'answer [usize],
}

impl Side<'_> {
    fn count(&self, score: &mut Score, classes: &[&'static str]) {
        for (row, reason) in self.expected {
            let class = classes[self.cases[*row]];
            let right = self.said.get(row) == Some(reason) && !self.used.contains(row);
            count(&mut score.reasons, right);
            count(&mut score.classes.entry(class).or_default().reasons, right);
            if !right {
                self.mistake(score, class, reason.name(), *row);
            }
        }
        for row in self.partners.difference(&self.used) {
            self.mistake(score, classes[self.cases[*row]], "matched", *row);
        }
    }

    fn mistake(&self, score: &mut Score, class: &'static str, expected: &str, row: usize) {
        let said = match (self.used.contains(&row), self.said.get(&row)) {
            (true, _) => "matched",
            (false, Some(reason)) => reason.name(),
            (false, None) => "nothing",
        };
        *score.mistakes.entry((class, format!("{} {expected} -> {said}", self.name))).or_default() += 1;
    }
}

/// The truth in which the second of two twins takes the place of the first, where the answer chose it.
fn with_twins(truth: &Truth, all: &BTreeSet<(usize, usize)>) -> Truth {
    let mut truth = truth.clone();
    let chosen = |payment: usize, orders: &[usize]| orders.iter().any(|order| all.contains(&(*order, payment)));
    for (first, second) in truth.twins.clone() {
        let of_first = truth.matches.iter_mut().find(|group| group.payments.contains(&first));
        let group = of_first.expect("the first of two twins is in a match");
        if chosen(first, &group.orders) || !chosen(second, &group.orders) {
            continue;
        }
        group.payments.iter_mut().filter(|payment| **payment == first).for_each(|payment| *payment = second);
        let reason = truth.payment_reasons.remove(&second).expect("the second of two twins has a reason");
        truth.payment_reasons.insert(first, reason);
    }
    truth
}

fn true_pairs(truth: &Truth) -> BTreeSet<(usize, usize)> {
    let groups: Vec<Group> = truth.matches.iter().map(|group| (group.orders.clone(), group.payments.clone())).collect();
    pairs_of(&groups).into_iter().collect()
}

fn pairs_of(groups: &[Group]) -> Vec<(usize, usize)> {
    let pairs = |(orders, payments): &Group| {
        let with_all = |order: &usize| payments.iter().map(|payment| (*order, *payment)).collect::<Vec<_>>();
        orders.iter().flat_map(with_all).collect::<Vec<_>>()
    };
    groups.iter().flat_map(pairs).collect()
}

fn class_of_payment(truth: &Truth, payment: usize) -> &'static str {
    truth.cases[truth.payment_cases[payment]]
}

fn count(share: &mut Share, right: bool) {
    share.of += 1;
    share.right += usize::from(right);
}

impl fmt::Display for Score {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "confirmed: precision {}, recall {}", self.confirmed_precision, self.confirmed_recall)?;
        writeln!(to, "all: precision {}, recall {}, f1 {}", self.precision, self.recall, self.f1())?;
        writeln!(to, "reasons right: {}", self.reasons)?;
        let heads = ["cases", "found", "wrong", "(sure)", "missed", "reasons", "right"];
        write!(to, "{:<34}", "class")?;
        heads.iter().try_for_each(|head| write!(to, "{head:>9}"))?;
        writeln!(to)?;
        for (name, class) in &self.classes {
            let ClassScore { cases, found, wrong, wrong_confirmed, missed, reasons } = class;
            write!(to, "{name:<34}{cases:>9}{found:>9}{wrong:>9}{wrong_confirmed:>9}{missed:>9}")?;
            writeln!(to, "{:>9}{:>9}", reasons.of, reasons.right)?;
        }
        writeln!(to, "expected -> said:")?;
        for ((class, mistake), times) in &self.mistakes {
            writeln!(to, "{class:<34}{times:>9}  {mistake}")?;
        }
        Ok(())
    }
}
