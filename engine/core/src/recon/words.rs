//! What a text refers to, and when two names are alike.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;

use super::{
    spec::{Case, PartyStep, References},
    texts::{NONE, Names},
};

/// So many words, one behind the other, may be one reference that somebody has written with blanks.
const WORDS_MAX: usize = 4;
/// Whoever is called so is meant by the words before.
const LEGAL_FORMS: [&str; 24] = [
    "ag",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "gmbh",
    "inc",
    "incorporated",
    "kg",
    "limited",
    "llc",
    "llp",
    "ltd",
    "nv",
    "oy",
    "plc",
    "pte",
    "pty",
    "sa",
    "sarl",
    "sl",
    "spa",
    "srl",
];

/// The references of the left, each with its number.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    pub(super) names: Names,
    shortest: usize,
    longest: usize,
    shapes: BTreeSet<Vec<u8>>,
    last_shape: Vec<u8>,
    buffer: String,
}

/// More forms of references than these say nothing.
const SHAPES_MAX: usize = 200;

impl Dictionary {
    /// The number of a reference of the left; `NONE` where it is empty.
    pub(super) fn add(&mut self, how: &References, text: &str) -> u32 {
        let mut buffer = std::mem::take(&mut self.buffer);
        own(how, text, &mut buffer);
        if buffer.is_empty() {
            self.buffer = buffer;
            return NONE;
        }
        let before = self.names.len();
        let number = self.names.number(&buffer);
        if self.names.len() > before {
            self.shortest = if before == 0 { buffer.len() } else { self.shortest.min(buffer.len()) };
            self.longest = self.longest.max(buffer.len());
            if !has_shape(&buffer, &self.last_shape) {
                self.last_shape = shape(&buffer);
                if self.shapes.len() < SHAPES_MAX {
                    self.shapes.insert(self.last_shape.clone());
                }
            }
        }
        self.buffer = buffer;
        number
    }

    /// The references of the left that a text of the right names, each once, in their order in the text.
    pub(super) fn find(&self, how: &References, text: &str, (found, buffer): (&mut Vec<u32>, &mut String)) {
        found.clear();
        if text.is_empty() || self.names.len() == 0 {
            return;
        }
        // The usual case: the whole text is a reference.
        own(how, text, buffer);
        if let Some(whole) = self.names.known(buffer) {
            return found.push(whole);
        }
        each(how, text, self.longest, |token| {
            if token.len() >= self.shortest
                && let Some(number) = self.names.known(token)
                && !found.contains(&number)
            {
                found.push(number);
            }
        });
        if found.is_empty() && how.lookalikes {
            let alike = lookalike(text);
            if alike != text {
                let how = References { lookalikes: false, ..how.clone() };
                self.find(&how, &alike, (found, buffer));
            }
        }
    }

    /// How long the longest reference is, in bytes.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Whether a text has something of the form of a reference, whatever it refers to.
    pub(super) fn has_form(&self, how: &References, text: &str) -> bool {
        let mut has = false;
        let alike = if how.lookalikes { lookalike(text) } else { text.to_owned() };
        for text in [text, &alike] {
            each(how, text, self.longest + 1, |token| has = has || self.shapes.contains(shape(token).as_slice()));
        }
        has
    }
}

/// What a reference consists of: capitals, small letters, digits, and everything else as it is.
fn shape(text: &str) -> Vec<u8> {
    text.bytes().map(kind).collect()
}

fn has_shape(text: &str, shape: &[u8]) -> bool {
    text.len() == shape.len() && text.bytes().map(kind).eq(shape.iter().copied())
}

fn kind(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => b'9',
        b'A'..=b'Z' => b'A',
        b'a'..=b'z' => b'a',
        other => other,
    }
}

/// What the left calls itself.
fn own(how: &References, text: &str, into: &mut String) {
    into.clear();
    if let Some(digits) = how.embedded_digits {
        let mut runs = digit_runs(text).filter(|run| run.len() >= digits);
        if let (Some(run), None) = (runs.next(), runs.next()) {
            into.push_str(trimmed(how, run));
            return;
        }
    }
    cleaned(how, text.trim(), into);
    if how.trim_zeros && into.bytes().all(|byte| byte.is_ascii_digit()) {
        let kept = trimmed(how, into).len();
        into.drain(..into.len() - kept);
    }
}

fn cleaned(how: &References, text: &str, into: &mut String) {
    if text.is_ascii() {
        let start = into.len();
        let is_kept = |byte: &u8| !how.alphanumeric || byte.is_ascii_alphanumeric();
        let mut rest = text;
        while !rest.is_empty() {
            let kept = rest.bytes().take_while(is_kept).count();
            into.push_str(&rest[..kept]);
            rest = rest.get(kept + 1..).unwrap_or_default();
        }
        if let (Case::Upper, Some(added)) = (how.case, into.get_mut(start..)) {
            added.make_ascii_uppercase();
        }
        return;
    }
    let kept = text.chars().filter(|letter| !how.alphanumeric || letter.is_alphanumeric());
    if how.case == Case::Upper {
        kept.for_each(|letter| into.extend(letter.to_uppercase()));
    } else {
        into.extend(kept);
    }
}

fn trimmed<'t>(how: &References, run: &'t str) -> &'t str {
    if how.trim_zeros { run.trim_start_matches('0') } else { run }
}

fn digit_runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_digit()).filter(|run| !run.is_empty())
}

/// Everything in a text that could be a reference: runs of digits, words, and words that stand together.
pub(super) fn each(how: &References, text: &str, longest: usize, mut take: impl FnMut(&str)) {
    if how.embedded_digits.is_some() {
        digit_runs(text).map(|run| trimmed(how, run)).filter(|run| !run.is_empty()).for_each(&mut take);
    }
    let is_one = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut buffer = String::with_capacity(text.len());
    if is_one {
        cleaned(how, text, &mut buffer);
        return take(if buffer.bytes().all(|byte| byte.is_ascii_digit()) { trimmed(how, &buffer) } else { &buffer });
    }
    if !how.alphanumeric {
        text.split_whitespace().for_each(|word| {
            buffer.clear();
            cleaned(how, word, &mut buffer);
            take(&buffer);
        });
    }
    let words: Vec<&str> =
        text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    for first in 0..words.len() {
        buffer.clear();
        for word in words.iter().skip(first).take(WORDS_MAX) {
            // Numbers that stand beside each other are a date, or two numbers.
            if !buffer.is_empty() && is_number(&buffer) && is_number(word) {
                break;
            }
            cleaned(how, word, &mut buffer);
            if buffer.len() > longest.max(1) {
                break;
            }
            take(if buffer.bytes().all(|byte| byte.is_ascii_digit()) { trimmed(how, &buffer) } else { &buffer });
        }
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A text with the digits that its letters look like.
pub(super) fn lookalike(text: &str) -> String {
    let digit = |letter: char| match letter {
        'O' | 'o' => '0',
        'I' | 'l' | 'i' | 'L' => '1',
        other => other,
    };
    text.chars().map(digit).collect()
}

/// A name as it is compared.
pub(super) fn name(steps: &[PartyStep], text: &str) -> String {
    let mut name = text.trim().to_owned();
    for step in steps {
        match step {
            PartyStep::Casefold => {
                let is_mark = |letter: &char| ('\u{300}'..='\u{36F}').contains(letter);
                name = name.nfkd().filter(|letter| !is_mark(letter)).flat_map(char::to_lowercase).collect();
            }
            PartyStep::SortWords => {
                let mut words: Vec<&str> = words_of(&name).collect();
                words.sort_unstable();
                name = words.join(" ");
            }
            PartyStep::DropLegalForm => {
                let is_form = |word: &&str| LEGAL_FORMS.contains(&word.to_lowercase().as_str());
                let kept: Vec<&str> = words_of(&name).filter(|word| !is_form(word)).collect();
                if !kept.is_empty() {
                    name = kept.join(" ");
                }
            }
        }
    }
    name
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// How many letters must be changed, put in, left out, or swapped with their neighbour; nothing where it is more than `most`.
pub(super) fn edits(one: &str, other: &str, most: usize) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    let mut before_last: Vec<usize> = vec![0; other.len() + 1];
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut line = vec![row + 1; other.len() + 1];
        for (column, against) in other.iter().enumerate() {
            let cost = usize::from(letter != against);
            let mut least = (last[column] + cost).min(last[column + 1] + 1).min(line[column] + 1);
            let is_swap = row > 0 && column > 0 && *letter == other[column - 1] && one[row - 1] == *against;
            if is_swap {
                least = least.min(before_last[column - 1] + 1);
            }
            line[column + 1] = least;
        }
        before_last = std::mem::replace(&mut last, line);
    }
    last.last().copied().filter(|edits| *edits <= most)
}

/// How alike two names are, in hundredths: by the letters that must be changed, of the longer one.
pub(super) fn alike(one: &str, other: &str, at_least: u32) -> bool {
    let longest = one.chars().count().max(other.chars().count());
    let most = longest * usize::try_from(100 - at_least.min(100)).unwrap_or(0) / 100;
    longest > 0 && (edits(one, other, most).is_some() || is_shortened(one, other))
}

/// Whether one is the other with initials, such as `j smith` of `john smith`: no word but these differs, and one is whole.
fn is_shortened(one: &str, other: &str) -> bool {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.split(' ').collect(), other.split(' ').collect());
    let is_initial = |short: &str, long: &str| short.chars().count() == 1 && long.starts_with(short);
    let is_same = |(one, other): (&&str, &&str)| one == other || is_initial(one, other) || is_initial(other, one);
    let is_whole = |(one, other): (&&str, &&str)| one == other && one.chars().count() > 2;
    one.len() == other.len() && one.iter().zip(&other).all(is_same) && one.iter().zip(&other).any(is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(how: &References, left: &[&str], text: &str) -> Vec<String> {
        let mut dictionary = Dictionary::default();
        for reference in left {
            dictionary.add(how, reference);
        }
        let mut numbers = Vec::new();
        dictionary.find(how, text, (&mut numbers, &mut String::new()));
        numbers.iter().map(|number| dictionary.names.text(*number).to_owned()).collect()
    }

    #[test]
    fn a_text_names_what_the_left_calls_itself() {
        let plain = References { case: Case::Upper, alphanumeric: true, ..References::default() };
        let digits = References { embedded_digits: Some(6), trim_zeros: true, lookalikes: true, ..plain.clone() };
        for (how, text, expected) in [
            (&plain, "ord-2026-17", vec!["ORD202617"]),
            (&plain, "Payment for ORD 2026 17, thanks", vec!["ORD202617"]),
            (&plain, "ORD-2026-17 and ord/2026/18", vec!["ORD202617", "ORD202618"]),
            (&plain, "ORD-2026-170", vec![]),
            (&digits, "paid 100234", vec!["100234"]),
        ] {
            let left = if *how == plain { ["ORD-2026-17", "ORD-2026-18"] } else { ["ORD-100234", "ORD-000777"] };
            assert_eq!(found(how, &left, text), expected, "{text}");
        }
        let left = ["ORD-100234", "ORD-000777"];
        assert_eq!(found(&digits, &left, "o1OO234"), ["100234"]);
        assert_eq!(found(&digits, &left, "ref 777"), ["777"]);
        assert_eq!(found(&digits, &left, "100234/000777"), ["100234", "777"]);
    }

    #[test]
    fn names_are_alike_whatever_their_order_case_and_accents() {
        let steps = [PartyStep::Casefold, PartyStep::DropLegalForm, PartyStep::SortWords];
        assert_eq!(name(&steps, "Müller, José GmbH"), "jose muller");
        assert_eq!(name(&steps, "JOSE MULLER"), "jose muller");
        assert!(alike("jose muller", "jose mueller", 85));
        assert!(!alike("jose muller", "anna muller", 85));
        assert!(alike("j muller", "jose muller", 85));
        assert!(!alike("j m", "jose muller", 85));
        assert_eq!(edits("100234", "100243", 1), Some(1));
        assert_eq!(edits("100234", "10234", 1), Some(1));
        assert_eq!(edits("100234", "200235", 1), None);
    }
}
