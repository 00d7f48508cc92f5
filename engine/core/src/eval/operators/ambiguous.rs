//! `ambiguous-date`: forms of times and days that two readers understand in two ways.

use ferry_contract::{
    report::Report,
    yaml::{Node, read::Fields},
};

const CHECK: &str = "ambiguous-date";

/// Looks at the keys of a `date`.
pub(super) fn look(fields: Fields<'_>, report: &mut Report) {
    let (read, zone, out) = (fields.get("in"), fields.get("zone"), fields.get("out"));
    [read, out].into_iter().flatten().for_each(|node| form(node, report));
    let letters = |node: Option<&Node>| node.and_then(Node::text).map(letters).unwrap_or_default();
    let (reads, writes) = (letters(read), letters(out));
    if zone.is_none()
        && let Some(node) = read.filter(|_| has_time(&reads) && !has_offset(&reads))
    {
        let message = "a time in this form says no offset, so it is refused in each run";
        let help = "add the zone in which it is meant: `zone: Europe/Berlin`";
        report.error(CHECK, node.at, message, help);
    }
    let Some(out) = out else { return };
    let is_instant = has_offset(&reads) || read.and_then(Node::text).is_some_and(|text| text.starts_with("epoch_"));
    if is_instant && zone.is_none() && !has_offset(&writes) {
        let message = "this writes the time or the day in UTC, which may be another day than the partner's";
        report.warning(
            CHECK,
            out.at,
            message,
            "name the zone of whoever reads it: `zone: Europe/Berlin`, or `zone: UTC`",
        );
    }
}

fn form(node: &Node, report: &mut Report) {
    let letters = node.text().map(letters).unwrap_or_default();
    let mut tell = |what: &str, help: &str| {
        report.warning(CHECK, node.at, format!("`{}` {what}", node.text().unwrap_or_default()), help);
    };
    if letters.iter().any(|letter| "yDgx".contains(*letter)) {
        tell("has a year of two digits, which is in two centuries", "write `%Y`, as in `%Y-%m-%d`");
    }
    if letters.iter().any(|letter| "Il".contains(*letter)) && !letters.iter().any(|letter| "pP".contains(*letter)) {
        tell("has an hour of twelve, and does not say which half of the day", "write `%H`, or add `%p`");
    }
}

/// The letters of a form, without their flags, widths and precisions.
fn letters(form: &str) -> Vec<char> {
    let mut found = Vec::new();
    let mut rest = form.chars();
    while let Some(sign) = rest.next() {
        if sign == '%' {
            found.extend(rest.find(|sign| sign.is_ascii_alphabetic() || *sign == '%'));
        }
    }
    found
}

fn has_time(letters: &[char]) -> bool {
    letters.iter().any(|letter| "HIklMSTRrXc".contains(*letter))
}

fn has_offset(letters: &[char]) -> bool {
    letters.iter().any(|letter| "zQs".contains(*letter))
}
