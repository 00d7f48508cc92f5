//! Rounding of whole numbers, which Rhai has only for decimals: whether an amount is `100` or `100.00` must not matter.

use rhai::{Engine, EvalAltResult, INT};

type Rounded = Result<INT, Box<EvalAltResult>>;

/// A whole number is itself, however it is rounded.
pub(super) fn of_whole_numbers(engine: &mut Engine) {
    for name in ["round", "floor", "ceiling", "int"] {
        engine.register_fn(name, |whole: INT| whole);
        engine.register_get(name, |whole: &mut INT| *whole);
    }
    engine.register_fn("fraction", |_: INT| 0 as INT);
    engine.register_get("fraction", |_: &mut INT| 0 as INT);
    for name in ["round", "round_up", "round_down", "round_half_up", "round_half_down"] {
        engine.register_fn(name, |whole: INT, digits: INT| -> Rounded {
            if digits < 0 {
                // As Rhai says it of decimals.
                return Err(format!("Invalid number of digits for rounding: {digits}").into());
            }
            Ok(whole)
        });
    }
}
