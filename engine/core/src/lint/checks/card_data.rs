//! `card-data`: whole card numbers and security codes in a pipeline.

use ferry_contract::{
    path::Path,
    report::{At, Report},
    script::without_texts,
    template::Template,
    yaml::{Kind, Node},
};

use super::{Check, On};
use crate::lint::{File, FileKind, reads::plain};

pub(super) const CHECK: Check = Check { name: "card-data", page: include_str!("card_data.md"), on: On::File(check) };

/// Names without case and signs. `pan` alone is a tax number in India, `CardCode` a business partner of an ERP, and a security
/// code names a share too.
const NAMES: [&str; 19] = [
    "cardnumber",
    "creditcardnumber",
    "debitcardnumber",
    "ccnumber",
    "cardpan",
    "primaryaccountnumber",
    "fullpan",
    "cvv",
    "cvv2",
    "cvvcode",
    "cardcvv",
    "cvc",
    "cvc2",
    "cvccode",
    "cardcvc",
    "cardsecuritycode",
    "cardverificationvalue",
    "track1data",
    "track2data",
];
/// What a map with the data of a card is called.
const CARDS: [&str; 4] = ["card", "creditcard", "debitcard", "paymentcard"];
/// What the number of a card, and its security code, are called in it.
const NUMBERS: [&str; 5] = ["number", "no", "pan", "code", "securitycode"];
/// Where Rhai is written.
const RHAI: [&str; 5] = ["rhai", "script", "when", "until", "passes"];

fn check(file: &File<'_>, report: &mut Report) {
    if file.kind != FileKind::Pipeline {
        return;
    }
    for key in ["trigger", "concurrency", "steps", "output"] {
        if let Some(node) = file.root.get(key) {
            walk(key, node, report);
        }
    }
}

fn walk(key: &str, node: &Node, report: &mut Report) {
    match &node.kind {
        Kind::Map(entries) => {
            for (name, value) in entries {
                match card(&[key, &name.value]) {
                    Some(card) => tell(card, name.at, report),
                    None => walk(&name.value, value, report),
                }
            }
        }
        Kind::List(items) => items.iter().for_each(|item| walk(key, item, report)),
        Kind::Text(text) if RHAI.contains(&key) => {
            for (offset, word) in read(&without_texts(&text.value)) {
                if let Some(name) = card(&word.split('.').collect::<Vec<_>>()) {
                    tell(name, node.at_offset(&report.source, offset), report);
                }
            }
        }
        Kind::Text(text) if text.value.starts_with('$') => {
            let path = Path::parse(&text.value).ok();
            let names: Vec<&str> = path.iter().flat_map(|path| path.root().into_iter().chain(path.names())).collect();
            if let Some(name) = card(&names) {
                tell(name, node.at, report);
            }
        }
        Kind::Text(text) => {
            let Ok(template) = Template::parse(&text.value) else { return };
            for path in template.paths() {
                if let (Some(name), Some(offset)) = (card(&path.names()), text.value.find(path.text())) {
                    tell(name, node.at_offset(&report.source, offset), report);
                }
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
    }
}

/// The fields that code reads, as they are written, each with where it begins: `event.card.number`.
pub(super) fn read(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_between = |letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '.');
    let words = code.split(is_between).scan(0, move |next, word| {
        let begin = *next;
        *next = begin + word.len() + code[begin + word.len()..].chars().next().map_or(0, char::len_utf8);
        Some((begin, word))
    });
    words.filter(|(_, word)| word.contains('.') && word.starts_with(char::is_alphabetic))
}

/// The name of card data that is read at the end of a way.
fn card<'a>(names: &[&'a str]) -> Option<&'a str> {
    let (last, above) = names.split_last()?;
    let is_in_card = above.last().is_some_and(|above| CARDS.contains(&plain(above).as_str()));
    (is_card(last) || is_in_card && NUMBERS.contains(&plain(last).as_str())).then_some(last)
}

fn is_card(name: &str) -> bool {
    NAMES.contains(&plain(name).as_str())
}

fn tell(name: &str, at: At, report: &mut Report) {
    let message = format!("`{name}` is card data, and a run keeps what it reads and sends");
    let help = "use the token that the payment provider gives for the card, or its last four digits";
    report.error(CHECK.name, at, message, help);
}
