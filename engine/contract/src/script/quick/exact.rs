//! Numbers as Rhai has them, and Rhai's arithmetic on them without its engine.
//!
//! A whole number is an integer, and overflows as one; any other is a decimal. Each function does what Rhai's operator of
//! that name does with the settings of `script/engine.rs`, and says nothing where that is an error.

use std::cmp::Ordering;

use rhai::INT;
use rust_decimal::Decimal;
use serde_json::{Number, Value};

use crate::number;

/// A number of a script.
#[derive(Clone, Copy, Debug)]
pub(in crate::script) enum Exact {
    Whole(INT),
    Decimal(Decimal),
}

/// What makes one number of two.
#[derive(Clone, Copy, Debug)]
pub(in crate::script) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Smaller,
    Larger,
}

/// What makes a number of one.
#[derive(Clone, Copy, Debug)]
pub(in crate::script) enum Change {
    Negate,
    Absolute,
    /// Half to even, to so many places.
    Round(u32),
}

impl Exact {
    /// The number that a script sees; nothing where it has more digits than a decimal.
    pub(super) fn of(number: &Number) -> Option<Self> {
        let text = number.as_str();
        match text.parse() {
            Ok(whole) => Some(Self::Whole(whole)),
            Err(_) => number::text_to_decimal(text).map(Self::Decimal),
        }
    }

    /// As Rhai's result is written.
    pub(super) fn to_value(self) -> Value {
        match self {
            Self::Whole(whole) => Value::from(whole),
            Self::Decimal(decimal) => number::from_decimal(decimal),
        }
    }

    pub(super) fn decimal(self) -> Decimal {
        match self {
            Self::Whole(whole) => Decimal::from(whole),
            Self::Decimal(decimal) => decimal,
        }
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(&right),
            (left, right) => left.decimal().cmp(&right.decimal()),
        }
    }

    pub(super) fn changed(self, change: Change) -> Option<Self> {
        Some(match (self, change) {
            (Self::Whole(whole), Change::Negate) => Self::Whole(whole.checked_neg()?),
            (Self::Whole(whole), Change::Absolute) => Self::Whole(whole.checked_abs()?),
            (Self::Whole(whole), Change::Round(_)) => Self::Whole(whole),
            (Self::Decimal(decimal), Change::Negate) => Self::Decimal(-decimal),
            (Self::Decimal(decimal), Change::Absolute) => Self::Decimal(decimal.abs()),
            (Self::Decimal(decimal), Change::Round(places)) => Self::Decimal(decimal.round_dp(places)),
        })
    }
}

/// What a script's `/` gives, whatever its numbers are: exact as far as a decimal goes, without idle zeros. Rhai calls it too.
pub(in crate::script) fn quotient(left: Decimal, right: Decimal) -> Option<Decimal> {
    left.checked_div(right).map(|quotient| quotient.normalize())
}

impl Arithmetic {
    pub(super) fn of(self, left: Exact, right: Exact) -> Option<Exact> {
        match (left, right) {
            (Exact::Whole(left), Exact::Whole(right)) => self.of_whole(left, right),
            (left, right) => self.of_decimals(left.decimal(), right.decimal()).map(Exact::Decimal),
        }
    }

    fn of_whole(self, left: INT, right: INT) -> Option<Exact> {
        let whole = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide => return quotient(left.into(), right.into()).map(Exact::Decimal),
            Self::Remainder => left.checked_rem(right),
            Self::Smaller => Some(left.min(right)),
            Self::Larger => Some(left.max(right)),
        };
        whole.map(Exact::Whole)
    }

    fn of_decimals(self, left: Decimal, right: Decimal) -> Option<Decimal> {
        match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide => quotient(left, right),
            Self::Remainder => left.checked_rem(right),
            // Of equal ones Rhai takes the left, whose places may be other than the right's.
            Self::Smaller => Some(if left <= right { left } else { right }),
            Self::Larger => Some(if left >= right { left } else { right }),
        }
    }
}
