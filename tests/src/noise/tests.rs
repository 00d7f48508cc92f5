//! The truth holds what it says, and the scorer counts what it says.

use super::alike::{SURE, fold};
use super::amounts::{Verdict, verdict};
use super::case::{Case, Desk, Tie};
use super::names::Names;
use super::numbers::Numbers;
use super::random::Random;
use super::score::{Found, Share, score};
use super::{Config, Kind, Match, Order, Payment, Reason, World, classes, generate};
use std::collections::{BTreeMap, BTreeSet};

fn world() -> World {
    generate(&Config::new(7, 6000))
}

/// The answer that knows the truth.
fn perfect(world: &World) -> Found {
    let group = |known: &Match| (known.orders.clone(), known.payments.clone());
    Found {
        confirmed: world.truth.matches.iter().map(group).collect(),
        suggested: Vec::new(),
        order_reasons: world.truth.order_reasons.clone(),
        payment_reasons: world.truth.payment_reasons.clone(),
    }
}

#[test]
fn worlds_of_one_seed_are_equal_and_of_another_are_not() {
    let one = generate(&Config::new(3, 800));
    assert_eq!(one, generate(&Config::new(3, 800)));
    assert_ne!(one.orders, generate(&Config::new(4, 800)).orders);
}

#[test]
fn shares_add_up_and_each_class_makes_cases() {
    assert_eq!(classes().iter().map(|(_, share)| share).sum::<u64>(), 1000);
    let names: BTreeSet<&str> = classes().iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), classes().len());
    for name in names {
        let world = generate(&Config { only: vec![name.to_owned()], ..Config::new(1, 40) });
        assert_eq!(world.truth.cases, vec![name; 40]);
        check_truth(&world);
    }
}

#[test]
fn the_truth_holds_for_other_forms_of_numbers() {
    for (prefix, digits, gap) in [("", 6, 5), ("#", 5, 1), ("R-2024-", 6, 2), ("INV", 8, 20)] {
        check_truth(&generate(&Config { prefix, digits, gap, ..Config::new(11, 1500) }));
    }
}

#[test]
fn the_truth_holds_for_many_seeds() {
    check_truth(&world());
    (20..40).for_each(|seed| check_truth(&generate(&Config::new(seed, 700))));
}

/// Each row is in one match or has one reason, and each of them is so.
fn check_truth(world: &World) {
    let truth = &world.truth;
    let of_matches = |side: fn(&Match) -> &Vec<usize>| truth.matches.iter().flat_map(side).copied();
    let mut orders: Vec<usize> = of_matches(|known| &known.orders).chain(truth.order_reasons.keys().copied()).collect();
    let mut payments: Vec<usize> =
        of_matches(|known| &known.payments).chain(truth.payment_reasons.keys().copied()).collect();
    orders.sort_unstable();
    payments.sort_unstable();
    assert!(orders.into_iter().eq(0..world.orders.len()), "each order once");
    assert!(payments.into_iter().eq(0..world.payments.len()), "each payment once");
    let numbers: BTreeSet<&str> = world.orders.iter().map(|order| order.number.as_str()).collect();
    assert_eq!(numbers.len(), world.orders.len());
    truth.matches.iter().for_each(|known| check_match(world, known));
    for (at, reason) in &truth.payment_reasons {
        check_payment(world, *at, *reason);
    }
    for (at, payment) in world.payments.iter().enumerate() {
        let reason = truth.payment_reasons.get(&at).copied();
        let adds_up = payment.gross_minor - payment.fee_minor == payment.net_minor;
        assert_eq!(!adds_up, reason == Some(Reason::FeeDifference), "{payment:?}");
        assert_eq!(payment.gross_minor <= 0, reason == Some(Reason::RefundOrChargeback), "{payment:?}");
        assert!(payment.fee_minor >= 0, "{payment:?}");
    }
    assert!(world.orders.iter().all(|order| order.amount_minor > 0));
}

fn check_match(world: &World, known: &Match) {
    let owed: i64 = known.orders.iter().map(|at| world.orders[*at].amount_minor).sum();
    let payments: Vec<&Payment> = known.payments.iter().map(|at| &world.payments[*at]).collect();
    let paid: i64 = payments.iter().map(|payment| payment.gross_minor).sum();
    let currency = payments[0].currency;
    assert!(payments.iter().all(|payment| payment.currency == currency));
    assert!(known.orders.iter().all(|at| world.orders[*at].currency == currency));
    if let Some(sum) = sum_of_batch(world, payments[0]) {
        assert_eq!(sum, paid, "{known:?}");
    } else {
        let holds = (paid - owed).abs() <= 1 || verdict(owed, paid) == Verdict::ShortWithin;
        assert!(holds, "{known:?}: {owed} {paid}");
    }
}

/// What the lines of a deposit add up to, where it is a deposit.
fn sum_of_batch(world: &World, payment: &Payment) -> Option<i64> {
    let named = |batch: &str| payment.batch.as_deref() == Some(batch) || payment.text.contains(batch);
    let mut lines = world.lines.iter().filter(|line| named(&line.batch)).peekable();
    lines.peek()?;
    Some(lines.map(|line| if line.kind == Kind::Reserve { -line.net_minor } else { line.net_minor }).sum())
}

fn check_payment(world: &World, at: usize, reason: Reason) {
    let payment = &world.payments[at];
    let case = world.truth.payment_cases[at];
    let same_reason = |order: &usize| world.truth.order_reasons.get(order) == Some(&reason);
    let of_case: Vec<usize> = (0..world.orders.len()).filter(|order| world.truth.order_cases[*order] == case).collect();
    let partner: Option<&Order> = of_case.iter().find(|order| same_reason(order)).map(|order| &world.orders[*order]);
    let off = partner.map(|order| verdict(order.amount_minor, payment.gross_minor));
    let lag = partner.map(|order| payment.date - order.date);
    let holds = match reason {
        Reason::AmountDiffers => off == Some(Verdict::OneBound),
        Reason::Overpaid => off.is_none_or(|off| off == Verdict::Over),
        Reason::PartiallyPaid => off == Some(Verdict::Under),
        Reason::CurrencyMismatch => partner.is_some_and(|order| order.currency != payment.currency),
        Reason::OutsideWindow => off == Some(Verdict::Exact) && lag.is_some_and(|lag| !(-1..=14).contains(&lag)),
        Reason::DuplicatePayment => {
            of_case.iter().any(|order| world.orders[*order].amount_minor == payment.gross_minor)
        }
        Reason::SettlementDifference => sum_of_batch(world, payment).is_some_and(|sum| sum != payment.net_minor),
        Reason::UnknownReference => !world.orders.iter().any(|order| payment.text.contains(&order.number)),
        Reason::UnknownPayment => of_case.iter().all(|order| world.orders[*order].customer != payment.payer),
        Reason::FeeDifference | Reason::Ambiguous => partner.is_some(),
        Reason::RefundOrChargeback => true,
        Reason::Unpaid => false,
    };
    assert!(holds, "{reason:?} {payment:?} {partner:?}");
}

#[test]
fn payers_without_a_reference_are_recognised() {
    let only =
        ["payer_as_is", "payer_mangled", "subscription", "combined_without_references"].map(str::to_owned).to_vec();
    let world = generate(&Config { only, ..Config::new(5, 2000) });
    for known in &world.truth.matches {
        let (order, payment) = (&world.orders[known.orders[0]], &world.payments[known.payments[0]]);
        assert!(fold(&order.customer).alike(&fold(&payment.payer)) >= SURE, "{order:?} {payment:?}");
    }
}

/// Two cases with one customer, price and day, each with a payment that says this.
fn twin_cases(said: fn(&Desk<'_>, usize) -> (String, Tie)) -> Vec<Case> {
    let mut random = Random::new(1);
    let names = Names::new(&mut random, 100);
    let mut numbers = Numbers::new("SO-", 6, 100, 366);
    let mut make = || {
        let mut desk = Desk::new("clean", &mut random, &mut numbers, &names);
        let order = desk.order("Anna Müller", 4900, 19_800);
        desk.case.orders[order].currency = "EUR";
        let (text, tie) = said(&desk, order);
        let payment = desk.pay(4900, 19_801, "MUELLER ANNA", text, tie);
        desk.case.payments[payment].currency = "EUR";
        desk.matched(&[order], &[payment]);
        desk.case
    };
    vec![make(), make()]
}

#[test]
fn a_rival_of_another_case_puts_a_case_in_doubt_unless_a_reference_decides() {
    let silent = twin_cases(|_, _| (String::new(), Tie::None));
    assert_eq!(super::doubt::undecidable(&silent), BTreeSet::from([0, 1]));
    let named = twin_cases(|desk, order| (desk.number(order), Tie::Exact(vec![order])));
    assert_eq!(super::doubt::undecidable(&named), BTreeSet::new());
    let mut one_silent = silent;
    one_silent[1] = named[1].clone();
    assert_eq!(super::doubt::undecidable(&one_silent), BTreeSet::new());
}

#[test]
fn digits_of_another_order_of_that_price_are_in_doubt() {
    let mut cases = twin_cases(|desk, order| (desk.number(order), Tie::Exact(vec![order])));
    let other = cases[1].orders[0].number["SO-".len()..].to_owned();
    cases[0].ties[0] = Tie::Near(0, other);
    assert_eq!(super::doubt::undecidable(&cases), BTreeSet::from([0]));
}

#[test]
fn a_perfect_answer_has_all() {
    let world = world();
    let score = score(&world, &perfect(&world));
    for share in [score.confirmed_precision, score.confirmed_recall, score.precision, score.recall, score.reasons] {
        assert_eq!(share.right, share.of);
        assert!(share.of > 0);
    }
    assert_eq!(score.f1().millionths(), 1_000_000);
    assert_eq!(score.mistakes, BTreeMap::new());
}

#[test]
fn an_empty_answer_has_nothing() {
    let world = world();
    let score = score(&world, &Found::default());
    assert_eq!((score.precision, score.recall.right, score.reasons.right), (Share::default(), 0, 0));
    assert_eq!(score.f1().millionths(), 0);
    assert_eq!(score.classes.values().map(|class| class.missed).sum::<usize>(), score.recall.of);
}

#[test]
fn a_wrong_answer_is_counted_pair_by_pair() {
    let world = world();
    let mut found = perfect(&world);
    let singles: Vec<usize> = (0..found.confirmed.len())
        .filter(|at| found.confirmed[*at].0.len() == 1 && world.truth.matches[*at].class == "clean")
        .take(3)
        .collect();
    // Two partners are exchanged, and a third match is said twice.
    let swapped = found.confirmed[singles[0]].1.clone();
    found.confirmed[singles[0]].1 = found.confirmed[singles[1]].1.clone();
    found.confirmed[singles[1]].1 = swapped;
    found.suggested.push(found.confirmed[singles[2]].clone());
    let unpaid = *world.truth.order_reasons.keys().next().expect("some orders are exceptions");
    found.order_reasons.remove(&unpaid);
    let score = score(&world, &found);
    let pairs = score.recall.of;
    assert_eq!(score.confirmed_precision, Share { right: pairs - 2, of: pairs });
    assert_eq!(score.precision, Share { right: pairs - 2, of: pairs + 1 });
    assert_eq!(score.recall, Share { right: pairs - 2, of: pairs });
    let clean = &score.classes["clean"];
    assert_eq!((clean.wrong, clean.wrong_confirmed, clean.missed), (3, 2, 2));
    assert_eq!(score.reasons.of - score.reasons.right, 1);
}

#[test]
fn a_match_of_an_exception_is_wrong_and_its_reason_too() {
    let world = world();
    let mut found = perfect(&world);
    let (order, payment) = (world.truth.order_reasons.keys().next(), world.truth.payment_reasons.keys().next());
    let (order, payment) = (*order.expect("there is one"), *payment.expect("there is one"));
    found.suggested.push((vec![order], vec![payment]));
    let score = score(&world, &found);
    assert_eq!(score.precision.of - score.precision.right, 1);
    assert_eq!(score.reasons.of - score.reasons.right, 2);
    assert_eq!(score.confirmed_precision.right, score.confirmed_precision.of);
}

#[test]
fn either_of_two_twins_is_right() {
    let world = world();
    let mut found = perfect(&world);
    let (first, second) = world.truth.twins[0];
    let group = found.confirmed.iter_mut().find(|group| group.1 == [first]).expect("the first one is matched");
    group.1 = vec![second];
    found.payment_reasons.remove(&second);
    found.payment_reasons.insert(first, Reason::DuplicatePayment);
    let score = score(&world, &found);
    assert_eq!(score.mistakes, BTreeMap::new());
    assert_eq!(score.f1().millionths(), 1_000_000);
}

#[test]
fn whoever_only_compares_numbers_finds_half_and_is_wrong_now_and_then() {
    let world = world();
    let by_number: BTreeMap<&str, usize> =
        world.orders.iter().enumerate().map(|(at, order)| (order.number.as_str(), at)).collect();
    let mut found = Found::default();
    for (at, payment) in world.payments.iter().enumerate() {
        let order = by_number.get(payment.text.as_str()).copied();
        let same = |order: &usize| world.orders[*order].amount_minor == payment.gross_minor;
        found.confirmed.extend(order.filter(same).map(|order| (vec![order], vec![at])));
    }
    let score = score(&world, &found);
    let (precision, recall) = (score.precision.millionths(), score.recall.millionths());
    assert!((900_000..1_000_000).contains(&precision), "{score}");
    assert!((150_000..600_000).contains(&recall), "{score}");
}
