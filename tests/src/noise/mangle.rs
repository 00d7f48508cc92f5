//! What hands and machines do to references and names.

use super::alike::{SURE, fold};
use super::names::is_company;
use super::random::Random;

/// Changes one digit into another one.
pub(super) fn substituted(random: &mut Random, digits: &str) -> String {
    let mut letters: Vec<char> = digits.chars().collect();
    let place = random.index(letters.len());
    let old = letters[place];
    while letters[place] == old {
        letters[place] =
            char::from_digit(u32::try_from(random.below(10)).expect("it is below ten"), 10).expect("it is a digit");
    }
    letters.into_iter().collect()
}

/// Swaps two neighbours that differ.
pub(super) fn transposed(random: &mut Random, digits: &str) -> String {
    let mut letters: Vec<char> = digits.chars().collect();
    let places: Vec<usize> = (1..letters.len()).filter(|place| letters[*place] != letters[place - 1]).collect();
    if places.is_empty() {
        return substituted(random, digits);
    }
    let place = places[random.index(places.len())];
    letters.swap(place, place - 1);
    letters.into_iter().collect()
}

/// Loses one digit, or writes one twice.
pub(super) fn lost_or_doubled(random: &mut Random, digits: &str) -> String {
    let mut letters: Vec<char> = digits.chars().collect();
    let place = random.index(letters.len());
    if random.chance(500) {
        letters.remove(place);
    } else {
        letters.insert(place, letters[place]);
    }
    letters.into_iter().collect()
}

/// Writes letters that look like digits, at least one of them where there is a zero, a one or a five.
pub(super) fn lettered(random: &mut Random, digits: &str) -> String {
    let alternatives = |digit: char| match digit {
        '0' => ['O', 'o'],
        '1' => ['l', 'I'],
        '5' => ['S', 'S'],
        other => [other, other],
    };
    let looks_like: Vec<usize> =
        digits.char_indices().filter(|(_, digit)| "015".contains(*digit)).map(|(place, _)| place).collect();
    if looks_like.is_empty() {
        return digits.to_owned();
    }
    let sure = looks_like[random.index(looks_like.len())];
    let all = random.chance(300);
    let choose = |(place, digit): (usize, char)| {
        if all || place == sure { alternatives(digit)[random.index(2)] } else { digit }
    };
    digits.char_indices().map(choose).collect()
}

/// Breaks a number in two, as a bank does at the end of a line of 27 letters.
pub(super) fn broken(random: &mut Random, digits: &str) -> String {
    let place = 1 + random.index(digits.len() - 1);
    let (head, tail) = digits.split_at(place);
    let between = [" ", " ", " ", "-", "\n"];
    format!("{head}{}{tail}", between[random.index(between.len())])
}

/// Writes a number with other signs, another case, or another word in front.
pub(super) fn restyled(random: &mut Random, prefix: &str, digits: &str) -> String {
    let bare: String = prefix.chars().filter(|letter| letter.is_alphanumeric()).collect();
    let low = bare.to_lowercase();
    match random.index(12) {
        0 => format!("{low}{digits}"),
        1 => format!("{low}-{digits}"),
        2 => format!("{bare} {digits}"),
        3 => format!("{bare}{digits}"),
        4 => format!("{bare}/{digits}"),
        5 => format!("{bare}_{digits}"),
        6 => format!("#{digits}"),
        7 => format!("Nr. {digits}"),
        8 => format!("Order{digits}"),
        9 => format!("{bare}.{}", grouped(digits, ".")),
        10 => grouped(digits, " "),
        _ => digits.to_owned(),
    }
}

/// A name as another system delivers it: changed, and still that name to a person.
pub(super) fn name(random: &mut Random, name: &str) -> String {
    let original = fold(name);
    loop {
        let mut changed = one_change(random, name);
        if random.chance(350) {
            changed = one_change(random, &changed);
        }
        if changed != name && original.alike(&fold(&changed)) >= SURE {
            return changed;
        }
    }
}

/// A name in the letters of a bank: no small ones, no accents.
pub(super) fn bank_letters(name: &str) -> String {
    let mut plain = String::new();
    for letter in name.to_uppercase().chars() {
        match letter {
            'Ä' => plain.push_str("AE"),
            'Ö' => plain.push_str("OE"),
            'Ü' => plain.push_str("UE"),
            'É' | 'È' | 'Ë' => plain.push('E'),
            'Ł' => plain.push('L'),
            'Ó' | 'Ø' => plain.push('O'),
            'Ñ' | 'Ń' => plain.push('N'),
            'Ç' | 'Ć' => plain.push('C'),
            'Í' => plain.push('I'),
            'Á' | 'Å' => plain.push('A'),
            'Ś' | 'Ş' => plain.push('S'),
            'Ź' | 'Ż' => plain.push('Z'),
            other => plain.push(other),
        }
    }
    plain
}

fn one_change(random: &mut Random, name: &str) -> String {
    match random.index(9) {
        0 => bank_letters(name),
        1 => name.to_lowercase(),
        2 => turned(name),
        3 => turned(name).replacen(' ', ", ", 1),
        4 | 5 if is_company(name) => other_form(random, name),
        4 => format!("{} {name}", random.pick(&["Herr", "Frau", "Mr", "Dr."])),
        5 => initial(name),
        6 => name.chars().take([18, 22, 27][random.index(3)]).collect(),
        7 => bank_letters(name).replace(['-', '.', '&', '\''], " "),
        _ => typo(random, name),
    }
}

/// The last word of a person first; a company's first word last.
fn turned(name: &str) -> String {
    match (is_company(name), name.rsplit_once(' '), name.split_once(' ')) {
        (false, Some((front, last)), _) => format!("{last} {front}"),
        (true, _, Some((first, rest))) => format!("{rest} {first}"),
        _ => name.to_owned(),
    }
}

fn other_form(random: &mut Random, name: &str) -> String {
    const FORMS: [(&str, [&str; 3]); 7] = [
        (" GmbH & Co. KG", ["", " GMBH+CO.KG", " GmbH u. Co KG"]),
        (" GmbH", ["", " G.m.b.H.", " Gesellschaft mbH"]),
        (" AG", ["", " Aktiengesellschaft", " A.G."]),
        (" Ltd", ["", " Limited", " LTD."]),
        (" Limited", ["", " Ltd", " Ltd."]),
        (" Sp. z o.o.", ["", " SP ZOO", " Spolka z o.o."]),
        (" B.V.", ["", " BV", " bv"]),
    ];
    for (form, others) in FORMS {
        if let Some(front) = name.strip_suffix(form) {
            return format!("{front}{}", random.pick(&others));
        }
    }
    name.rsplit_once(' ').map_or_else(|| name.to_owned(), |(front, _)| front.to_owned())
}

fn initial(name: &str) -> String {
    let Some((first, rest)) = name.split_once(' ') else { return name.to_owned() };
    first.chars().next().map_or_else(|| name.to_owned(), |letter| format!("{letter}. {rest}"))
}

fn typo(random: &mut Random, name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    if letters.len() < 4 {
        return name.to_owned();
    }
    let place = 1 + random.index(letters.len() - 2);
    match random.index(3) {
        0 => letters.swap(place, place + 1),
        1 => {
            letters.remove(place);
        }
        _ => letters.insert(place, letters[place]),
    }
    letters.into_iter().collect()
}

fn grouped(digits: &str, sign: &str) -> String {
    let (head, tail) = digits.split_at(digits.len() - 3);
    format!("{head}{sign}{tail}")
}
