//! Which names of one side are like which of the other.
//!
//! Names that are alike share a word, or nearly one: each is found by its rarest words, and by those with one letter left out. So
//! no name is compared with each.

use std::collections::{BTreeSet, HashMap};

use super::{
    pool::{Pool, Sides},
    spec::Which,
    texts::NONE,
    words::alike,
};

/// By how many of its words a name is found, the rarest first.
const WORDS: usize = 3;
/// So many letters of a word say enough.
const LETTERS_MAX: usize = 24;
/// What more names share, such as `trading`, finds none.
const SHARED_MAX: usize = 1_000;

/// Names that are alike.
#[derive(Debug, Default)]
pub(super) struct Similar {
    to_right: HashMap<u32, Vec<u32>>,
    to_left: HashMap<u32, Vec<u32>>,
}

impl Similar {
    /// Of the rows that nothing has used, how alike they must be in hundredths.
    pub(super) fn of(sides: &Sides<'_>, pool: &Pool, at_least: u32) -> Self {
        let names = |which| -> BTreeSet<u32> {
            pool.rows(which).map(|row| sides.party(which, row)).filter(|party| *party != NONE).collect()
        };
        let (left, right) = (names(Which::Left), names(Which::Right));
        let text = |party: u32| sides.parties.text(party);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for word in left.iter().chain(&right).flat_map(|party| text(*party).split(' ')) {
            *counts.entry(word).or_default() += 1;
        }
        let mut index: HashMap<String, Vec<u32>> = HashMap::new();
        for party in &right {
            for form in forms(text(*party), &counts) {
                index.entry(form).or_default().push(*party);
            }
        }
        index.retain(|_, names| names.len() <= SHARED_MAX);
        let mut similar = Self::default();
        for party in &left {
            let found: BTreeSet<u32> =
                forms(text(*party), &counts).iter().filter_map(|form| index.get(form)).flatten().copied().collect();
            for other in found.into_iter().filter(|other| party == other || alike(text(*party), text(*other), at_least))
            {
                similar.to_right.entry(*party).or_default().push(other);
                similar.to_left.entry(other).or_default().push(*party);
            }
        }
        similar
    }

    /// The names of the other side that are like one of this side.
    pub(super) fn to(&self, of: Which, party: u32) -> &[u32] {
        let known = match of {
            Which::Left => self.to_right.get(&party),
            Which::Right => self.to_left.get(&party),
        };
        known.map(Vec::as_slice).unwrap_or_default()
    }
}

/// By what a name is found: its rarest words, each also with one letter left out.
fn forms(name: &str, counts: &HashMap<&str, usize>) -> BTreeSet<String> {
    let mut words: Vec<&str> = name.split(' ').filter(|word| !word.is_empty()).collect();
    words.sort_by_key(|word| (counts.get(word).copied().unwrap_or(0), *word));
    let mut forms = BTreeSet::new();
    for word in words.into_iter().take(WORDS) {
        // What is longer is found by its beginning.
        let word = word.char_indices().nth(LETTERS_MAX).map_or(word, |(end, _)| &word[..end]);
        forms.insert(word.to_owned());
        forms.extend(without_one(word));
    }
    forms
}

/// A text with each of its letters left out in turn.
pub(super) fn without_one(text: &str) -> impl Iterator<Item = String> {
    text.char_indices().map(move |(place, letter)| {
        let mut without = String::with_capacity(text.len());
        without.push_str(&text[..place]);
        without.push_str(&text[place + letter.len_utf8()..]);
        without
    })
}
