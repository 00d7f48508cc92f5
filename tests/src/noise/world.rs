//! Cases into one world: made by their shares, made anew where they are in doubt, and shuffled.

use super::case::{Case, DAYS, Desk};
use super::classes::{ALL, Class};
use super::doubt::undecidable;
use super::names::Names;
use super::numbers::Numbers;
use super::random::Random;
use super::{Config, Match, Truth, World};

/// After so many rounds, what is still in doubt is left out.
const ROUNDS_MAX: usize = 40;

/// Makes the world of a seed.
pub(super) fn generate(config: &Config) -> World {
    let mut random = Random::new(config.seed);
    let names = Names::new(&mut random, config.customers);
    let orders_a_day = u64::try_from(config.cases * 8 / 5).expect("it is small") / u64::from(DAYS.unsigned_abs()) + 1;
    let gap = u64::try_from(config.gap.max(1)).expect("it is small");
    let mut numbers = Numbers::new(config.prefix, config.digits, orders_a_day * gap, DAYS);
    let mut make = |class: &Class, random: &mut Random| {
        let mut desk = Desk::new(class.name, random, &mut numbers, &names);
        (class.make)(&mut desk);
        desk.case
    };
    let wanted: Vec<&Class> = (0..config.cases).map(|_| draw_class(&mut random, &config.only)).collect();
    let mut cases: Vec<Case> = wanted.iter().map(|class| make(class, &mut random)).collect();
    let mut remade = 0;
    let mut doubtful = undecidable(&cases);
    for _ in 0..ROUNDS_MAX {
        if doubtful.is_empty() {
            break;
        }
        remade += doubtful.len();
        for place in &doubtful {
            cases[*place] = make(wanted[*place], &mut random);
        }
        doubtful = undecidable(&cases);
    }
    // What is taken out can put nothing else in doubt.
    let mut place = 0..;
    cases.retain(|_| place.next().is_some_and(|place: usize| !doubtful.contains(&place)));
    shuffle(cases, remade, &mut random)
}

fn draw_class(random: &mut Random, only: &[String]) -> &'static Class {
    if !only.is_empty() {
        let name = &only[random.index(only.len())];
        return ALL.iter().find(|class| class.name == name).expect("`only` names classes of the table");
    }
    let mut drawn = random.below(1000);
    for class in &ALL {
        if drawn < class.share_per_mille {
            return class;
        }
        drawn -= class.share_per_mille;
    }
    unreachable!("the shares add up to a thousand")
}

fn shuffle(cases: Vec<Case>, remade: usize, random: &mut Random) -> World {
    let order_places = places(random, cases.iter().map(|case| case.orders.len()).sum());
    let payment_places = places(random, cases.iter().map(|case| case.payments.len()).sum());
    let mut truth = Truth::default();
    let (mut orders, mut payments, mut batches) = (Vec::new(), Vec::new(), Vec::new());
    for (case_at, mut case) in cases.into_iter().enumerate() {
        let order_at = |local: usize, begin: usize| order_places[begin + local];
        let (order_begin, payment_begin) = (orders.len(), payments.len());
        let at_orders = |locals: &[usize]| locals.iter().map(|local| order_at(*local, order_begin)).collect::<Vec<_>>();
        let at_payment = |local: usize| payment_places[payment_begin + local];
        for (left, right) in &case.matches {
            let payments = right.iter().map(|local| at_payment(*local)).collect();
            truth.matches.push(Match { orders: at_orders(left), payments, class: case.class });
        }
        truth.order_reasons.extend(case.order_reasons.iter().map(|(at, reason)| (order_at(*at, order_begin), *reason)));
        truth.payment_reasons.extend(case.payment_reasons.iter().map(|(at, reason)| (at_payment(*at), *reason)));
        truth.twins.extend(case.twins.iter().map(|(one, other)| (at_payment(*one), at_payment(*other))));
        truth.cases.push(case.class);
        orders.extend(case.orders.into_iter().map(|order| (order, case_at)));
        payments.extend(case.payments.into_iter().map(|payment| (payment, case_at)));
        random.shuffle(&mut case.lines);
        batches.push(case.lines);
    }
    random.shuffle(&mut batches);
    let (orders, order_cases) = arranged(orders, &order_places);
    let (payments, payment_cases) = arranged(payments, &payment_places);
    (truth.order_cases, truth.payment_cases) = (order_cases, payment_cases);
    truth.matches.sort_by(|one, other| one.payments.cmp(&other.payments));
    truth.twins.sort_unstable();
    let mut world = World { orders, payments, lines: batches.concat(), truth, remade };
    name_all(&mut world, random);
    world
}

/// Where each of so many rows goes.
fn places(random: &mut Random, count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    random.shuffle(&mut places);
    places
}

fn arranged<T>(rows: Vec<(T, usize)>, places: &[usize]) -> (Vec<T>, Vec<usize>) {
    let mut placed: Vec<(usize, (T, usize))> = places.iter().copied().zip(rows).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, row)| row).unzip()
}

fn name_all(world: &mut World, random: &mut Random) {
    for order in &mut world.orders {
        order.id = format!("ord_{:016x}", random.draw());
    }
    for payment in &mut world.payments {
        payment.id = format!("pay_{:016x}", random.draw());
    }
}
