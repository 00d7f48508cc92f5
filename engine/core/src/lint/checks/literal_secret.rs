//! `literal-secret`, beside the fields that a connector calls secret: what has the shape of one, anywhere.

use ferry_contract::report::{At, Report};

use super::{Check, On};
use crate::lint::File;

pub(super) const CHECK: Check =
    Check { name: "literal-secret", page: include_str!("literal_secret.md"), on: On::File(check) };

/// How tokens begin, and how long they are at the least. Source: the vendors' own documentation.
const TOKENS: [(&str, usize); 9] = [
    ("sk_live_", 24),
    ("rk_live_", 24),
    ("ghp_", 40),
    ("github_pat_", 40),
    ("glpat-", 26),
    ("xoxb-", 24),
    ("xoxp-", 24),
    ("AIza", 39),
    ("AKIA", 20),
];

/// How many digits the groups have that are printed on a card.
const SPACED: [&[usize]; 2] = [&[4, 4, 4, 4], &[4, 6, 5]];

const REFER: &str = "remove it, write `${secret:path}` in a connection instead, and let whoever gave it change it";

fn check(_: &File<'_>, report: &mut Report) {
    look(report);
}

/// Looks through a whole file. A secret is never a part of a message.
pub(super) fn look(report: &mut Report) {
    let source = std::sync::Arc::clone(&report.source);
    for (start, end) in words(&source.text) {
        let word = source.text[start..end].trim_end_matches('.');
        // Finding a place takes longer than looking at a word.
        let at = || At::of(&source.text, start..start + word.len());
        if is_token(word) {
            tell("a token", at(), REFER, report);
        } else if is_card_number(word) {
            tell(
                "a card number",
                at(),
                "remove it, and use the token that the payment provider gives for the card",
                report,
            );
        }
    }
    for (start, end) in spaced_numbers(&source.text) {
        tell(
            "a card number",
            At::of(&source.text, start..end),
            "remove it, and use the token that the payment provider gives for the card",
            report,
        );
    }
    for (start, key) in source.text.match_indices("-----BEGIN ") {
        let line = source.text[start..].lines().next().unwrap_or_default();
        if line.contains("PRIVATE KEY-----") {
            tell("a private key", At::of(&source.text, start..start + key.trim_end().len()), REFER, report);
        }
    }
}

fn tell(what: &str, at: At, help: &str, report: &mut Report) {
    report.error(CHECK.name, at, format!("this has the shape of {what}, and whoever reads the file has it"), help);
}

/// Where words begin and end; a word goes on over signs that tokens have inside.
fn words(text: &str) -> Vec<(usize, usize)> {
    let is_inside = |letter: char| letter.is_ascii_alphanumeric() || "_-.!".contains(letter);
    let mut found = Vec::new();
    let mut start = None;
    for (index, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        match (is_inside(letter), start) {
            (true, None) => start = Some(index),
            (false, Some(begin)) => {
                found.push((begin, index));
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    found
}

/// Card numbers as they are printed on cards, in groups with blanks between.
fn spaced_numbers(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    // The words that one blank separates from the next one.
    let mut row: Vec<(usize, usize)> = Vec::new();
    let all = words(text);
    for (index, (start, end)) in all.iter().enumerate() {
        row.push((*start, *end));
        if all.get(index + 1).is_some_and(|(next, _)| text.get(*end..*next) == Some(" ")) {
            continue;
        }
        let word = |(start, end): &(usize, usize)| text[*start..*end].trim_end_matches('.');
        let is_group = |place: &(usize, usize)| word(place).bytes().all(|byte| byte.is_ascii_digit());
        let before = row.iter().take_while(|place| !is_group(place)).count();
        let groups = row[before..].iter().take_while(|place| is_group(place)).map(|place| (place.0, word(place)));
        let groups: Vec<(usize, &str)> = groups.collect();
        let lengths: Vec<usize> = groups.iter().map(|(_, digits)| digits.len()).collect();
        let digits: String = groups.iter().map(|(_, digits)| *digits).collect();
        let is_account = before.checked_sub(1).is_some_and(|before| is_country(word(&row[before])));
        if let (Some((start, _)), Some((last, end)), false) = (groups.first(), groups.last(), is_account)
            && SPACED.contains(&lengths.as_slice())
            && is_card_number(&digits)
        {
            found.push((*start, last + end.len()));
        }
        row.clear();
    }
    found
}

/// The first group of an IBAN.
fn is_country(word: &str) -> bool {
    word.len() == 4
        && word[..2].bytes().all(|byte| byte.is_ascii_uppercase())
        && word[2..].bytes().all(|byte| byte.is_ascii_digit())
}

fn is_token(word: &str) -> bool {
    let begins = TOKENS.iter().any(|(begin, least)| word.starts_with(begin) && word.len() >= *least);
    begins || is_signed_token(word) || is_session(word)
}

/// Source: RFC 7519; a JSON object begins with `eyJ` in Base64.
fn is_signed_token(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else { return false };
    header.starts_with("eyJ") && payload.starts_with("eyJ") && signature.len() >= 20
}

/// A Salesforce access token: the org's id, `!`, and a long text.
fn is_session(word: &str) -> bool {
    word.split_once('!').is_some_and(|(org, rest)| org.starts_with("00D") && org.len() >= 15 && rest.len() >= 40)
}

/// As many digits as the brand has, and the right last one. Source: ISO/IEC 7812-1.
fn is_card_number(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    if groups.len() > 1 && groups[..groups.len() - 1].iter().any(|group| group.len() != 4) {
        return false;
    }
    let digits = groups.concat();
    digits.bytes().all(|byte| byte.is_ascii_digit()) && is_of_brand(&digits) && has_luhn_digit(&digits)
}

fn is_of_brand(digits: &str) -> bool {
    let begins = |length: usize| digits.get(..length).and_then(|begin| begin.parse::<u32>().ok()).unwrap_or(0);
    match digits.len() {
        13 | 19 => begins(1) == 4,
        15 => matches!(begins(2), 34 | 37),
        16 => {
            begins(1) == 4
                || (51..=55).contains(&begins(2))
                || (2221..=2720).contains(&begins(4))
                || begins(4) == 6011
                || begins(2) == 65
        }
        _ => false,
    }
}

fn has_luhn_digit(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0') * (1 + u32::try_from(place % 2).unwrap_or(0));
            digit / 10 + digit % 10
        })
        .sum();
    sum.is_multiple_of(10)
}
