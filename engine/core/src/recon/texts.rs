//! Texts of many rows in one piece of memory, and numbers for texts that come again.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use ahash::RandomState;

/// Says that there is none, where a row's text has a number.
pub(super) const NONE: u32 = u32::MAX;

/// Texts one behind the other.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn get(&self, index: u32) -> &str {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// Distinct texts, each with its number.
#[derive(Debug)]
pub(super) struct Names {
    texts: Texts,
    numbers: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    hash: RandomState,
}

impl Default for Names {
    fn default() -> Self {
        // What comes of a hash is never seen, and none is iterated over.
        Self { texts: Texts::default(), numbers: HashMap::default(), hash: RandomState::new() }
    }
}

impl Names {
    /// The number of a text, which it gets if it has none.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let mut hash = self.hash.hash_one(text);
        while let Some(number) = self.numbers.get(&hash) {
            if self.texts.get(*number) == text {
                return *number;
            }
            hash = hash.wrapping_add(1);
        }
        let number = row(self.texts.len());
        self.texts.push(text);
        self.numbers.insert(hash, number);
        number
    }

    /// The number of a text that has one.
    pub(super) fn known(&self, text: &str) -> Option<u32> {
        let mut hash = self.hash.hash_one(text);
        while let Some(number) = self.numbers.get(&hash) {
            if self.texts.get(*number) == text {
                return Some(*number);
            }
            hash = hash.wrapping_add(1);
        }
        None
    }

    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get(number)
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..row(self.texts.len())).map(|number| (number, self.texts.get(number)))
    }
}

/// A place in a column; sides have at most [`ROWS_MAX`](crate::limits::RECON_ROWS_MAX) rows.
pub(super) fn row(index: usize) -> u32 {
    u32::try_from(index).expect("a side has fewer rows than numbers of 32 bits")
}

/// A hash is its own hash.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
