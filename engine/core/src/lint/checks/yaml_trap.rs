//! `yaml-trap`: a value without quotes that other readers of YAML take for something else.

use ferry_contract::{
    report::{At, Fix, Report},
    yaml::{Kind, Style},
};

use super::{Check, On};
use crate::lint::{File, FileKind};

pub(super) const CHECK: Check = Check { name: "yaml-trap", page: include_str!("yaml_trap.md"), on: On::File(check) };

fn check(file: &File<'_>, report: &mut Report) {
    // Elsewhere the language knows what it reads, and no other reader does.
    let is_data = |keys: &[&str]| match file.kind {
        FileKind::Project => matches!(keys, ["connections" | "environments" | "params" | "vars", ..]),
        FileKind::Pipeline => matches!(keys, ["steps", ..]) || keys.contains(&"with"),
        FileKind::Table => true,
    };
    for (_, node) in file.leaves().into_iter().filter(|(keys, _)| is_data(keys)) {
        match &node.kind {
            Kind::Text(text) if text.style == Style::Plain => look(&text.value, node.at, report),
            Kind::Number(number) => exponent(&number.to_string(), node.at, report),
            Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => {}
        }
    }
    // What a table translates is mostly codes: countries, currencies, accounts.
    if file.kind == FileKind::Table {
        for (key, _) in file.root.entries().unwrap_or_default() {
            let quoted = report.source.text[key.at.start as usize..].starts_with(['"', '\'']);
            if !quoted {
                look(&key.value, key.at, report);
            }
        }
    }
}

fn look(text: &str, at: At, report: &mut Report) {
    let Some(elsewhere) = in_yaml_1_1(text) else { return };
    // A place that takes no text has said so.
    if report.findings().iter().any(|finding| at.start <= finding.at.start && finding.at.end <= at.end) {
        return;
    }
    let message = format!("`{text}` is text here, and {elsewhere} to readers of YAML 1.1");
    let quoted = format!("\"{text}\"");
    let help = format!("put it into quotes: `{quoted}`");
    let is_written = report.source.text.get(at.start as usize..at.end as usize) == Some(text);
    let fix = is_written.then_some(Fix { at, text: quoted, is_safe: true });
    report.warning_with(CHECK.name, at, message, (&help, fix));
}

/// What YAML 1.1 makes of a plain scalar that ferry reads as text. Source: yaml.org/type, bool, int, timestamp.
fn in_yaml_1_1(text: &str) -> Option<&'static str> {
    let digits = text.trim_start_matches(['-', '+']);
    let only = |allowed: &str| digits.bytes().all(|byte| byte.is_ascii_digit() || allowed.as_bytes().contains(&byte));
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Some("`true`"),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Some("`false`"),
        _ => {}
    }
    if digits.len() < 2 || !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if is_date(text) {
        Some("a date")
    } else if digits.starts_with('0') && only("_") {
        Some("a number, perhaps in base 8,")
    } else if !digits.starts_with('0') && only("_") && digits.contains('_') {
        Some("a number")
    } else if !digits.starts_with('0') && only(":") && is_base_60(digits) {
        Some("a number in base 60")
    } else {
        None
    }
}

fn is_date(text: &str) -> bool {
    let (date, rest) = text.split_at_checked(10).unwrap_or((text, ""));
    let parts: Vec<&str> = date.split('-').collect();
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && parts.iter().all(is_number) && (rest.is_empty() || rest.starts_with(['T', 't', ' ']))
}

fn is_base_60(digits: &str) -> bool {
    let mut parts = digits.split(':');
    let has_first = parts.next().is_some_and(|first| !first.is_empty());
    let minutes: Vec<&str> = parts.collect();
    let is_minute = |part: &&str| part.len() <= 2 && part.parse::<u8>().is_ok_and(|part| part < 60);
    has_first && !minutes.is_empty() && minutes.iter().all(is_minute)
}

/// YAML 1.1 wants a point in a number with an exponent.
fn exponent(number: &str, at: At, report: &mut Report) {
    if number.contains(['e', 'E']) && !number.contains('.') {
        let message = "this is a number here, and text to readers of YAML 1.1";
        report.warning(CHECK.name, at, message, "write all of its digits, such as `1000` for `1e3`");
    }
}
