//! `card-data`: whole card numbers and security codes in a pipeline.

use ferry_contract::{
    path::Path,
    report::{At, Report},
    yaml::{Kind, Node},
};

use super::{Check, On};
use crate::lint::{File, FileKind};

pub(super) const CHECK: Check = Check { name: "card-data", page: include_str!("card_data.md"), on: On::File(check) };

/// Names without case and signs. `pan` alone is a tax number in India.
const NAMES: [&str; 14] = [
    "cardnumber",
    "creditcardnumber",
    "debitcardnumber",
    "ccnumber",
    "primaryaccountnumber",
    "fullpan",
    "cvv",
    "cvv2",
    "cvc",
    "cvc2",
    "cardsecuritycode",
    "cardverificationvalue",
    "track1data",
    "track2data",
];

fn check(file: &File<'_>, report: &mut Report) {
    if file.kind == FileKind::Pipeline
        && let Some(steps) = file.root.get("steps")
    {
        walk(steps, report);
    }
}

fn walk(node: &Node, report: &mut Report) {
    match &node.kind {
        Kind::Map(entries) => {
            for (key, value) in entries {
                if is_card(&key.value) {
                    tell(&key.value, key.at, report);
                } else {
                    walk(value, report);
                }
            }
        }
        Kind::List(items) => items.iter().for_each(|item| walk(item, report)),
        Kind::Text(text) => {
            let path = Path::parse(&text.value).ok();
            if let Some(name) = path.as_ref().and_then(|path| path.names().last().copied()).filter(|name| is_card(name))
            {
                tell(name, node.at, report);
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
    }
}

fn is_card(name: &str) -> bool {
    let name = name.strip_suffix("__c").unwrap_or(name).to_lowercase();
    NAMES.contains(&name.replace(['_', '-', ' '], "").as_str())
}

fn tell(name: &str, at: At, report: &mut Report) {
    let message = format!("`{name}` is card data, and a run keeps what it reads and sends");
    let help = "use the token that the payment provider gives for the card, or its last four digits";
    report.error(CHECK.name, at, message, help);
}
