//! How alike two names are, as a patient person would see it.
//!
//! The generator's own measure. It is generous on purpose: a stranger who might be taken for the payer is a rival.

/// From here on a name may be taken for another one.
pub(super) const MAYBE: usize = 650;
/// From here on a name is recognised.
pub(super) const SURE: usize = 780;

/// A name without what does not matter: case, accents, signs, legal forms, the order of its words.
#[derive(Clone, Debug)]
pub(super) struct Folded {
    words: Vec<String>,
    joined: Vec<char>,
    letters: u32,
}

/// Folds a name.
pub(super) fn fold(name: &str) -> Folded {
    let mut plain = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        push_plain(&mut plain, letter);
    }
    let mut words: Vec<String> = plain.split_whitespace().map(undouble).filter(|word| !is_form(word)).collect();
    words.sort();
    let joined: Vec<char> = words.concat().chars().collect();
    let letters = joined.iter().fold(0, |mask, letter| mask | bit(*letter));
    Folded { words, joined, letters }
}

impl Folded {
    /// The name as one key: names with one key are one name to anybody.
    pub(super) fn key(&self) -> String {
        self.joined.iter().collect()
    }

    /// Says how alike two names are, in per mille.
    pub(super) fn alike(&self, other: &Self) -> usize {
        if self.joined.is_empty() || other.joined.is_empty() {
            return 0;
        }
        let lacks = |one: &Self, of: &Self| (one.letters & !of.letters).count_ones();
        let may_share = lacks(self, other).min(lacks(other, self)) <= 3;
        let by_words = if may_share { self.shared_words(other) } else { 0 };
        let longest = self.joined.len().max(other.joined.len());
        let edits_max = longest * (1000 - MAYBE) / 1000;
        let differing = usize::try_from((self.letters ^ other.letters).count_ones()).expect("32 at most");
        if differing > 2 * edits_max {
            return by_words;
        }
        by_words.max(1000 - edits(&self.joined, &other.joined) * 1000 / longest)
    }

    /// Says 900 where each word of the shorter name is in the longer one, less where only an initial or one word is.
    fn shared_words(&self, other: &Self) -> usize {
        let (short, long) = if self.words.len() <= other.words.len() { (self, other) } else { (other, self) };
        let mut left: Vec<&String> = long.words.iter().collect();
        let (mut full, mut initials) = (0, 0);
        for word in &short.words {
            let found = left.iter().position(|candidate| same_word(word, candidate));
            let initial = || left.iter().position(|candidate| is_initial(word, candidate));
            match found {
                Some(place) => {
                    left.remove(place);
                    full += 1;
                }
                None => match initial() {
                    Some(place) => {
                        left.remove(place);
                        initials += 1;
                    }
                    None => return 0,
                },
            }
        }
        match (full, initials) {
            (0, _) => 0,
            (1, 0) if long.words.len() > 1 => 700,
            (_, 0) => 900,
            _ => 800,
        }
    }
}

/// Counts edits: letters put in, taken out or changed, and neighbours that change places.
pub(super) fn edits(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for row in 1..=left.len() {
        let mut now = vec![row];
        for column in 1..=right.len() {
            let cost = usize::from(left[row - 1] != right[column - 1]);
            let mut best = (last[column - 1] + cost).min(last[column] + 1).min(now[column - 1] + 1);
            let swapped =
                row > 1 && column > 1 && left[row - 1] == right[column - 2] && left[row - 2] == right[column - 1];
            if swapped {
                best = best.min(before[column - 2] + 1);
            }
            now.push(best);
        }
        before = last;
        last = now;
    }
    last[right.len()]
}

fn push_plain(plain: &mut String, letter: char) {
    match letter {
        'ä' | 'à' | 'á' | 'â' | 'ã' | 'å' | 'ą' => plain.push('a'),
        'ö' | 'ó' | 'ò' | 'ô' | 'ø' => plain.push('o'),
        'ü' | 'ú' | 'ù' | 'û' => plain.push('u'),
        'é' | 'è' | 'ê' | 'ë' | 'ę' => plain.push('e'),
        'í' | 'ì' | 'î' | 'ï' => plain.push('i'),
        'ç' | 'ć' => plain.push('c'),
        'ñ' | 'ń' => plain.push('n'),
        'ł' => plain.push('l'),
        'ś' => plain.push('s'),
        'ź' | 'ż' => plain.push('z'),
        'ß' => plain.push_str("ss"),
        '.' | '\'' => {}
        letter if letter.is_alphanumeric() => plain.push(letter),
        _ => plain.push(' '),
    }
}

/// `Mueller` and `Müller` are one name.
fn undouble(word: &str) -> String {
    word.replace("ae", "a").replace("oe", "o").replace("ue", "u")
}

fn is_form(word: &str) -> bool {
    [
        "gmbh", "co", "cokg", "kg", "ag", "ltd", "limited", "inc", "llc", "sarl", "sas", "spzoo", "zoo", "sp", "bv",
        "srl", "ug", "und", "and", "herr", "frau", "mr", "mrs", "dr",
    ]
    .contains(&word)
}

fn same_word(left: &str, right: &str) -> bool {
    if left == right {
        return left.len() >= 3;
    }
    let (short, long) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    if short.len() < 4 {
        return false;
    }
    let chars = |word: &str| word.chars().collect::<Vec<_>>();
    long.starts_with(short) || (long.len() - short.len() <= 1 && edits(&chars(left), &chars(right)) <= 1)
}

fn is_initial(left: &str, right: &str) -> bool {
    (left.len() == 1 && right.starts_with(left)) || (right.len() == 1 && left.starts_with(right))
}

fn bit(letter: char) -> u32 {
    if letter.is_ascii_lowercase() { 1 << (u32::from(letter) - u32::from('a')) } else { 1 << 31 }
}

#[cfg(test)]
mod tests {
    use super::{MAYBE, SURE, fold};

    fn alike(left: &str, right: &str) -> usize {
        fold(left).alike(&fold(right))
    }

    #[test]
    fn manglings_are_recognised_and_strangers_are_not() {
        for (left, right) in [
            ("Anna Müller", "MUELLER, ANNA"),
            ("Anna Müller", "A. Müller"),
            ("Nordlicht Handel GmbH & Co. KG", "NORDLICHT HANDEL"),
            ("Anna Müller", "Ana Müller"),
            ("Nordlicht Gartentechnik GmbH", "NORDLICHT GARTENTE"),
        ] {
            assert!(alike(left, right) >= SURE, "{left} {right}");
        }
        for (left, right) in [("Anna Müller", "Bernd Schulze"), ("Nordlicht Handel GmbH", "Zweirad Kraus GmbH")] {
            assert!(alike(left, right) < MAYBE, "{left} {right}");
        }
    }
}
