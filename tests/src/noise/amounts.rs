//! Prices, and what it means for a payment to be off. Integers only, in minor units.

use super::random::Random;

/// A log-normal distribution with median 55.00 and sigma 0.9, at each 64th of its mass.
const QUANTILES: [i64; 65] = [
    412, 792, 1029, 1217, 1383, 1535, 1680, 1818, 1953, 2085, 2216, 2346, 2475, 2605, 2735, 2865, 2997, 3131, 3266,
    3403, 3543, 3685, 3829, 3977, 4129, 4284, 4443, 4606, 4774, 4947, 5125, 5309, 5500, 5697, 5902, 6115, 6337, 6568,
    6809, 7062, 7327, 7605, 7899, 8210, 8539, 8889, 9262, 9662, 10092, 10557, 11062, 11614, 12221, 12895, 13650, 14505,
    15488, 16637, 18011, 19703, 21877, 24856, 29406, 38215, 79496,
];

/// Prices that shops love, the most loved first.
const LOVED: [i64; 30] = [
    4900, 9900, 1999, 2990, 4999, 9999, 2999, 1990, 3990, 5900, 7900, 4990, 999, 2490, 14900, 5000, 10000, 19900, 3900,
    6900, 1499, 990, 1490, 2500, 12900, 3490, 7990, 24900, 29900, 49900,
];

/// Tolerances of the design.
const WITHIN_MINOR: i64 = 250;
const PERCENT: i64 = 1;

/// How far a payment is from what is owed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Equal.
    Exact,
    /// Too small within both bounds.
    ShortWithin,
    /// Too large within both bounds. The generator does not make it, because the design does not say what it is.
    OverWithin,
    /// Too small or too large, and only one bound holds.
    OneBound,
    /// Too small beyond both bounds.
    Under,
    /// Too large beyond both bounds.
    Over,
}

/// Says how far `paid` is from `owed`.
pub(super) fn verdict(owed: i64, paid: i64) -> Verdict {
    let off = (paid - owed).abs();
    let absolute_holds = off <= WITHIN_MINOR;
    let relative_holds = off * 100 <= owed * PERCENT;
    match (off == 0, absolute_holds, relative_holds, paid < owed) {
        (true, ..) => Verdict::Exact,
        (_, true, true, true) => Verdict::ShortWithin,
        (_, true, true, false) => Verdict::OverWithin,
        (_, false, false, true) => Verdict::Under,
        (_, false, false, false) => Verdict::Over,
        _ => Verdict::OneBound,
    }
}

/// Draws a price: two in five are loved and come often, the others are log-normal.
pub(super) fn price(random: &mut Random) -> i64 {
    if random.chance(400) {
        let place = random.index(LOVED.len()).min(random.index(LOVED.len()));
        return LOVED[place];
    }
    log_normal(random)
}

/// Draws a price from `low` on. `low` must not be rare.
pub(super) fn price_from(random: &mut Random, low: i64) -> i64 {
    loop {
        let drawn = price(random);
        if drawn >= low {
            return drawn;
        }
    }
}

/// What a processor keeps: so much of the gross, and a fixed part.
pub(super) fn fee(random: &mut Random, gross: i64) -> i64 {
    let (basis_points, fixed) = [(150, 25), (249, 35), (290, 30), (140, 0), (325, 25)][random.index(5)];
    (gross * basis_points + 5000) / 10_000 + fixed
}

fn log_normal(random: &mut Random) -> i64 {
    let place = random.index(64);
    let (low, high) = (QUANTILES[place], QUANTILES[place + 1]);
    random.between(low, high - 1)
}

#[cfg(test)]
mod tests {
    use super::{Verdict, verdict};

    #[test]
    fn both_bounds_decide_how_far_a_payment_is_off() {
        for (owed, paid, expected) in [
            (25_000, 25_000, Verdict::Exact),
            (25_000, 24_750, Verdict::ShortWithin),
            (25_000, 24_749, Verdict::Under),
            (30_000, 29_749, Verdict::OneBound),
            (2_000, 1_980, Verdict::ShortWithin),
            (2_000, 1_979, Verdict::OneBound),
            (2_000, 2_100, Verdict::OneBound),
            (2_000, 2_251, Verdict::Over),
            (2_000, 2_001, Verdict::OverWithin),
        ] {
            assert_eq!(verdict(owed, paid), expected, "{owed} {paid}");
        }
    }
}
