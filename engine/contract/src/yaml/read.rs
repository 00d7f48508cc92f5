//! From nodes to typed values, with the findings that every file shares.

use std::time::Duration;

use super::{Kind, Node};
use crate::{
    limits::CONNECTION_REQUESTS_MAX,
    report::{At, Report, Spanned},
    suggest,
};

/// The entries of a map whose keys are known.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'n> {
    node: &'n Node,
    /// What the map is, for messages: `a step`.
    what: &'static str,
}

/// Keys that are legal in a map near by, and where that is, such as ``inside `poll` ``.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    /// The keys.
    pub keys: &'static [&'static str],
    /// Where they belong.
    pub place: &'static str,
}

impl<'n> Fields<'n> {
    /// Opens a map; reports what is no map, and each key that is not in `known`.
    pub fn open(node: &'n Node, what: &'static str, known: &[&str], report: &mut Report) -> Option<Self> {
        Self::open_near(node, what, (known, &[]), report)
    }

    /// The same; of a key that is legal near by it says where.
    pub fn open_near(
        node: &'n Node,
        what: &'static str,
        (known, near): (&[&str], &[Near]),
        report: &mut Report,
    ) -> Option<Self> {
        let Some(entries) = node.entries() else {
            let help = format!("write it as a map with {}", suggest::list(known));
            report.error(
                "wrong-type",
                node.at,
                format!("{what} must be a map, and this is {}", node.kind_name()),
                help,
            );
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.value.as_str())) {
            let place = near.iter().find(|near| near.keys.contains(&key.value.as_str()));
            match place {
                Some(near) => {
                    let message = format!("`{}` is not a key of {what}, but is one elsewhere", key.value);
                    report.error("misplaced-key", key.at, message, format!("move it {}", near.place));
                }
                None => {
                    let message = format!("`{}` is not a key of {what}", key.value);
                    report.unknown("unknown-key", key.at, message, (&key.value, known));
                }
            }
        }
        Some(Self { node, what })
    }

    /// The value of a key, where it is written.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.node.get(key)
    }

    /// The value of a key that must be written.
    pub fn need(&self, key: &str, example: &str, report: &mut Report) -> Option<&'n Node> {
        let value = self.node.get(key);
        if value.is_none() {
            let message = format!("{} needs `{key}`", self.what);
            report.error("missing-key", self.at(), message, format!("add `{key}: {example}`"));
        }
        value
    }

    /// Reports a known key that means nothing beside the others, where it is written.
    pub fn refuse(&self, key: &str, message: &str, help: &str, report: &mut Report) {
        let written = self.node.entries().into_iter().flatten().find(|(name, _)| name.value == key);
        if let Some((name, _)) = written {
            report.error("unknown-key", name.at, message, help);
        }
    }

    /// Where the map begins: its first key.
    pub fn at(&self) -> At {
        match &self.node.kind {
            Kind::Map(entries) => entries.first().map_or(self.node.at, |(key, _)| key.at),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => self.node.at,
        }
    }
}

/// A text; numbers are taken as they are written, so that `010` and `42` need no quotes.
pub fn text(node: &Node, what: &str, report: &mut Report) -> Option<Spanned<String>> {
    match &node.kind {
        Kind::Text(text) => Some(Spanned::new(text.value.clone(), node.at)),
        Kind::Number(number) => Some(Spanned::new(number.to_string(), node.at)),
        Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Map(_) => wrong(node, what, "text", report),
    }
}

/// `true` or `false`.
pub fn flag(node: &Node, what: &str, report: &mut Report) -> Option<bool> {
    match node.kind {
        Kind::Bool(flag) => Some(flag),
        Kind::Null | Kind::Number(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => {
            wrong(node, what, "`true` or `false`", report)
        }
    }
}

/// A whole number from 0.
pub fn whole(node: &Node, what: &str, report: &mut Report) -> Option<u64> {
    let Kind::Number(number) = &node.kind else { return wrong(node, what, "a whole number", report) };
    if number.as_u64().is_none() {
        let message = format!("{what} must be a whole number, and this is `{number}`");
        report.error("wrong-type", node.at, message, "write a whole number from 0 on");
    }
    number.as_u64()
}

/// How many requests at once: from 1 to the cap of all connections.
pub fn concurrency(node: &Node, report: &mut Report) -> Option<usize> {
    let count = usize::try_from(whole(node, "`concurrency`", report)?).unwrap_or(usize::MAX);
    if (1..=CONNECTION_REQUESTS_MAX).contains(&count) {
        return Some(count);
    }
    let message =
        format!("`concurrency` is {count}, and a connection makes 1 to {CONNECTION_REQUESTS_MAX} requests at once");
    report.error("invalid-value", node.at, message, format!("write a number from 1 to {CONNECTION_REQUESTS_MAX}"));
    None
}

/// The items of a list.
pub fn list<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [Node]> {
    match &node.kind {
        Kind::List(items) => Some(items),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Map(_) => {
            wrong(node, what, "a list", report)
        }
    }
}

/// The entries of a map with free keys.
pub fn map<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [(Spanned<String>, Node)]> {
    node.entries().or_else(|| wrong(node, what, "a map", report))
}

/// A list of texts, or one text.
pub fn texts(node: &Node, what: &str, report: &mut Report) -> Option<Vec<Spanned<String>>> {
    match &node.kind {
        Kind::List(items) => items.iter().map(|item| text(item, what, report)).collect(),
        Kind::Number(_) | Kind::Text(_) => Some(vec![text(node, what, report)?]),
        Kind::Null | Kind::Bool(_) | Kind::Map(_) => wrong(node, what, "a list of texts", report),
    }
}

/// A duration such as `30s`, `15m`, `2h`, `5d`.
pub fn duration(node: &Node, what: &str, report: &mut Report) -> Option<Duration> {
    let written = text(node, what, report)?;
    let parsed = parse_duration(&written.value);
    if parsed.is_none() {
        let message = format!("{what} must be a duration, and this is `{}`", written.value);
        report.error(
            "wrong-type",
            node.at,
            message,
            "write a whole number and a unit: `500ms`, `30s`, `15m`, `2h` or `5d`",
        );
    }
    parsed
}

/// Reads `500ms`, `30s`, `15m`, `2h`, `5d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let count: u64 = count.parse().ok()?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.checked_mul(unit_ms).map(Duration::from_millis)
}

/// One of a few words.
pub fn one_of<T: Copy>(node: &Node, what: &str, words: &[(&str, T)], report: &mut Report) -> Option<T> {
    let written = text(node, what, report)?;
    let found = words.iter().find(|(word, _)| *word == written.value).map(|(_, value)| *value);
    if found.is_none() {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("`{}` is not {what}", written.value);
        report.unknown("invalid-value", node.at, message, (&written.value, &known));
    }
    found
}

/// Reports that a node has another type than the place wants.
pub fn wrong<T>(node: &Node, what: &str, wanted: &str, report: &mut Report) -> Option<T> {
    let message = format!("{what} must be {wanted}, and this is {}", node.kind_name());
    report.error("wrong-type", node.at, message, format!("write {wanted} here"));
    None
}
