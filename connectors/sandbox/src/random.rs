//! A small seeded generator, so that the same seed gives the same world.
//!
//! Source: splitmix64, from Steele, Lea and Flood, "Fast splittable pseudorandom number generators".

/// A stream of numbers that the seed alone decides.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// Starts the stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Starts the stream of one named thing, such as one payout, independent of all others.
    pub(crate) fn of(seed: u64, name: &str) -> Self {
        // FNV-1a.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self { state: Self::new(seed).draw() ^ hash }
    }

    /// Draws the next number.
    pub(crate) fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high && high < u64::MAX, "a range has a first and a last number");
        low + self.draw() % (high - low + 1)
    }

    /// Says yes with a chance of 1 in `one_in`.
    pub(crate) fn hits(&mut self, one_in: u32) -> bool {
        self.draw().is_multiple_of(u64::from(one_in.max(1)))
    }

    /// Brings the items into a seeded order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.between(0, last as u64);
            items.swap(last, usize::try_from(other).expect("it is at most `last`"));
        }
    }
}
