//! Random numbers by seed (SplitMix64), so that a world is the same on each machine.

/// A stream of random numbers.
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// Begins the stream of one seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x5DEE_CE66_D1CE_4E5B }
    }

    /// Draws 64 bits. No value comes twice before all have come.
    pub(super) fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Draws from `0..bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "nothing can be drawn from nothing");
        let wide = u128::from(self.draw()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("a product of two 64 bit numbers has 64 high bits")
    }

    /// Draws a place in something of this length.
    pub(super) fn index(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).expect("a length fits in 64 bits");
        usize::try_from(self.below(bound)).expect("a place is less than a length")
    }

    /// Draws from `low..=high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        assert!(low <= high, "a range has a low end and a high end");
        low + i64::try_from(self.below(low.abs_diff(high) + 1)).expect("ranges here are small")
    }

    /// Draws a number of days from `low..=high`.
    pub(super) fn days(&mut self, low: i32, high: i32) -> i32 {
        i32::try_from(self.between(i64::from(low), i64::from(high))).expect("it lies between two of 32 bits")
    }

    /// Says yes so often in a thousand.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// Picks one of some.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.index(from.len())]
    }

    /// Puts items into another order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.index(last + 1);
            items.swap(last, other);
        }
    }
}
