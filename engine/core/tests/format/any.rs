//! Whatever the layout of a file, and whatever a slip of the hand makes of it, it means the same afterwards.

use std::sync::Arc;

use ferry_contract::{
    report::{Report, Source},
    yaml,
};
use ferry_core::format::{FormatError, format};
use proptest::prelude::*;
use serde_json::Value;

const PIPELINE: &str = include_str!("../world/mass-payouts.yaml");

/// What may be written where a value is.
#[derive(Clone, Debug)]
enum Written {
    Scalar(String),
    List(Vec<Written>, Layout),
    Map(Vec<(String, Written)>, Layout),
}

/// How a collection is laid out.
#[derive(Clone, Copy, Debug)]
struct Layout {
    in_brackets: bool,
    indent: usize,
    blanks: usize,
    empty_lines: usize,
    comment: bool,
}

fn layout() -> impl Strategy<Value = Layout> {
    (any::<bool>(), 0usize..5, 1usize..4, 0usize..4, any::<bool>()).prop_map(
        |(in_brackets, indent, blanks, empty_lines, comment)| Layout {
            in_brackets,
            indent,
            blanks,
            empty_lines,
            comment,
        },
    )
}

fn scalar() -> impl Strategy<Value = String> {
    let texts = [
        "1",
        "010",
        "-3.50",
        "true",
        "~",
        "NO",
        "$.event.Id",
        "plain words, with: no",
        "\"# no comment\"",
        "'it''s'",
        "\"{ a: [ ] }\"",
        "http://a.b/c#d",
        "a#b",
        "\"\\\"\\n\"",
        "-1",
        "x - y",
        "\"é ü €\"",
        "[]",
        "{}",
        "''",
    ];
    proptest::sample::select(texts.iter().map(|text| text.replace(", with: no", " with:no")).collect::<Vec<_>>())
}

fn written() -> impl Strategy<Value = Written> {
    scalar().prop_map(Written::Scalar).prop_recursive(4, 24, 4, |inner| {
        let list = (proptest::collection::vec(inner.clone(), 1..4), layout());
        let map = (proptest::collection::vec(inner, 1..4), layout());
        let named =
            |items: Vec<Written>| items.into_iter().enumerate().map(|(index, item)| (format!("key{index}"), item));
        prop_oneof![
            list.prop_map(|(items, layout)| Written::List(items, layout)),
            map.prop_map(move |(items, layout)| Written::Map(named(items).collect(), layout)),
        ]
    })
}

impl Written {
    /// In brackets, on one line.
    fn inline(&self) -> String {
        let joined = |parts: Vec<String>, layout: &Layout| {
            parts.join(&format!("{},{}", " ".repeat(layout.indent), " ".repeat(layout.blanks)))
        };
        match self {
            Self::Scalar(text) => text.clone(),
            Self::List(items, layout) => format!("[{}]", joined(items.iter().map(Self::inline).collect(), layout)),
            Self::Map(entries, layout) => {
                let entry =
                    |(name, value): &(String, Self)| format!("{name}:{}{}", " ".repeat(layout.blanks), value.inline());
                format!("{{{}}}", joined(entries.iter().map(entry).collect(), layout))
            }
        }
    }

    /// In lines below a key or a dash at a column.
    fn lines(&self, column: usize, out: &mut String) {
        let (layout, entries): (&Layout, Vec<(String, &Self)>) = match self {
            Self::Scalar(_) => return,
            Self::List(items, layout) => (layout, items.iter().map(|item| ("-".to_owned(), item)).collect()),
            Self::Map(entries, layout) => {
                (layout, entries.iter().map(|(name, item)| (format!("{name}:"), item)).collect())
            }
        };
        let pad = " ".repeat(column);
        for (begin, item) in entries {
            out.push_str(&"\n".repeat(layout.empty_lines));
            if layout.comment {
                out.push_str(&format!("{pad}# about {begin} it\n"));
            }
            let beside = if layout.comment { format!("{}# beside", " ".repeat(layout.blanks)) } else { String::new() };
            match item {
                Self::Map(_, inner) | Self::List(_, inner) if !inner.in_brackets => {
                    out.push_str(&format!("{pad}{begin}{beside}\n"));
                    item.lines(column + 1 + inner.indent, out);
                }
                _ => out.push_str(&format!("{pad}{begin}{}{}{beside}\n", " ".repeat(layout.blanks), item.inline())),
            }
        }
    }
}

fn value(source: &Arc<Source>) -> Option<Value> {
    let mut report = Report::new(source);
    yaml::parse(source, &mut report).filter(|_| report.is_ok()).map(|root| root.to_value())
}

/// Comments as a reader sees them, in an order of their own.
fn comments(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> =
        text.lines().filter_map(|line| line.find("# about").or(line.find("# beside")).map(|at| &line[at..])).collect();
    found.sort_unstable();
    found
}

/// Whether it was laid out; if so, it means the same, and is not changed again.
fn check(text: &str) -> bool {
    let source = Source::new("a.yaml", text);
    let formatted = match format(&source) {
        Ok(formatted) => formatted,
        Err(FormatError::Broken(_)) => return false,
        // A line that begins with a colon has a name of nothing, or one that is written above it.
        Err(FormatError::Unsure) if text.lines().any(|line| line.trim_start().starts_with(':')) => return false,
        Err(FormatError::Unsure) => panic!("nobody knows how to lay out\n{text}"),
    };
    let again = Source::new("a.yaml", formatted.as_str());
    assert_eq!(value(&source).unwrap(), value(&again).unwrap(), "{text}\nbecomes\n{formatted}");
    assert_eq!(format(&again).unwrap(), formatted, "{text}\nis changed twice");
    assert!(formatted.ends_with('\n') && !formatted.contains('\r'));
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_layout_means_the_same(entries in proptest::collection::vec(written(), 1..4), layout in layout()) {
        let entries = entries.into_iter().enumerate().map(|(index, item)| (format!("top{index}"), item)).collect();
        let mut text = String::new();
        Written::Map(entries, layout).lines(0, &mut text);
        prop_assert!(check(&text), "{} is not laid out", text);
        let formatted = format(&Source::new("a.yaml", text.as_str())).unwrap();
        prop_assert_eq!(comments(&formatted), comments(&text));
    }

    #[test]
    fn any_slip_of_the_hand_is_left_alone_or_means_the_same(
        slips in proptest::collection::vec((any::<usize>(), proptest::sample::select(" \n-:,{}[]#'\"|>x\t".chars().collect::<Vec<_>>()), any::<bool>()), 1..4),
    ) {
        let mut letters: Vec<char> = PIPELINE.chars().collect();
        for (place, letter, adds) in slips {
            let place = place % letters.len();
            if adds { letters.insert(place, letter) } else { letters[place] = letter }
        }
        check(&letters.into_iter().collect::<String>());
    }
}

#[test]
fn most_slips_of_blanks_are_laid_out() {
    let lines: Vec<String> =
        PIPELINE.lines().map(|line| line.replace(": ", ":   ").replace(", ", " ,  ") + "  ").collect();
    assert!(check(&lines.join("\r\n")));
}
