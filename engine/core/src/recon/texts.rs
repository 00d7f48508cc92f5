//! Texts of many rows in one piece of memory, and numbers for texts that come again.

use ahash::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

/// Says that there is none, where a row's text has a number.
pub(super) const NONE: u32 = u32::MAX;

/// Says that a text names several.
pub(super) const SEVERAL: u32 = NONE - 1;

/// Texts one behind the other.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: String,
    ends: Vec<u32>,
}

impl Texts {
    /// Whether one more of this length can be addressed.
    pub(super) fn has_room(&self, length: usize) -> bool {
        u32::try_from(self.bytes.len() + length).is_ok()
    }

    pub(super) fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(row(self.bytes.len()));
    }

    pub(super) fn get(&self, index: u32) -> &str {
        let index = place(index);
        let start = index.checked_sub(1).map_or(0, |before| place(self.ends[before]));
        &self.bytes[start..place(self.ends[index])]
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Makes room for so many more, if they are as long as those that are there.
    pub(super) fn reserve(&mut self, more: usize) {
        let each = self.bytes.len() / self.ends.len().max(1) + 1;
        self.bytes.reserve_exact(more.saturating_mul(each));
        self.ends.reserve_exact(more);
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// Finds texts by what they are. It holds hashes and numbers only: the texts themselves are in one place, and are looked at where a
/// hash is the same.
#[derive(Debug, Default)]
pub(super) struct Finder {
    numbers: HashTable<(u32, u32)>,
    hash: Hash,
}

/// What comes of a hash is never seen, and none is iterated over.
#[derive(Debug)]
struct Hash(RandomState);

impl Default for Hash {
    fn default() -> Self {
        Self(RandomState::new())
    }
}

impl Hash {
    /// The half that is kept.
    fn of(&self, text: &str) -> u32 {
        u32::try_from(self.0.hash_one(text) >> 32).unwrap_or(0)
    }
}

/// The table looks at both ends of a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl Finder {
    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, more: usize) {
        self.numbers.reserve(more, |(hash, _)| spread(*hash));
    }

    /// The number of a text among these.
    pub(super) fn find(&self, texts: &Texts, text: &str) -> Option<u32> {
        let hash = self.hash.of(text);
        let is_same = |(other, number): &(u32, u32)| *other == hash && texts.get(*number) == text;
        self.numbers.find(spread(hash), is_same).map(|(_, number)| *number)
    }

    /// The number of a text among these; one that is not there is noted as the next.
    pub(super) fn find_or_note(&mut self, texts: &Texts, text: &str) -> Option<u32> {
        let hash = self.hash.of(text);
        let is_same = |(other, number): &(u32, u32)| *other == hash && texts.get(*number) == text;
        match self.numbers.entry(spread(hash), is_same, |(hash, _)| spread(*hash)) {
            Entry::Occupied(known) => Some(known.get().1),
            Entry::Vacant(free) => {
                free.insert((hash, row(texts.len())));
                None
            }
        }
    }
}

/// Distinct texts, each with its number.
#[derive(Debug, Default)]
pub(super) struct Names {
    texts: Texts,
    finder: Finder,
}

impl Names {
    /// The number of a text, which it gets if it has none.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        self.finder.find_or_note(&self.texts, text).unwrap_or_else(|| {
            self.texts.push(text);
            row(self.texts.len() - 1)
        })
    }

    /// The number of a text that has one.
    pub(super) fn known(&self, text: &str) -> Option<u32> {
        self.finder.find(&self.texts, text)
    }

    /// Whether one more of this length can be addressed.
    pub(super) fn has_room(&self, length: usize) -> bool {
        self.texts.has_room(length)
    }

    /// Makes room for so many more texts.
    pub(super) fn reserve(&mut self, more: usize) {
        self.texts.reserve(more);
        self.finder.reserve(more);
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

/// A place in a column, as rows have it; sides have at most [`ROWS_MAX`](crate::limits::RECON_ROWS_MAX) rows.
pub(super) fn row(index: usize) -> u32 {
    u32::try_from(index).expect("a side has fewer rows and bytes than numbers of 32 bits")
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
