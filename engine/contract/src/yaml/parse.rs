//! Events of `saphyr-parser` to a tree, with findings instead of the first error.

use std::{collections::HashMap, iter::Peekable, str::FromStr as _, sync::Arc};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde_json::Number;

use super::{
    Kind, Node, Style, Text, cast,
    cause::{NEGATION, is_negation, likely_cause, line_of, tab_near},
};
use crate::{
    limits::{YAML_DEPTH_MAX, YAML_FILE_MAX_BYTES},
    report::{At, Report, Source, Spanned},
};

const SYNTAX: &str = "yaml-syntax";

/// Reads one document; nothing where the text is not YAML, or empty, which the report then says.
pub fn parse(source: &Arc<Source>, report: &mut Report) -> Option<Node> {
    if source.text.len() > YAML_FILE_MAX_BYTES {
        let message = format!("the file has {} bytes, and {YAML_FILE_MAX_BYTES} are the most", source.text.len());
        report.error(SYNTAX, At::START, message, "split it, or move tables to files of their own");
        return None;
    }
    if let Some((start, sign)) = source.text.match_indices(char::REPLACEMENT_CHARACTER).next() {
        let at = At::of(&source.text, start..start + sign.len());
        report.error(SYNTAX, at, "this is no UTF-8", "save the file as text, in UTF-8");
        return None;
    }
    if source.text.starts_with('\u{feff}') {
        let help = "save the file as UTF-8 without a byte order mark";
        report.error(SYNTAX, At::START, "the file begins with a byte order mark", help);
        return None;
    }
    let mut reader = Reader { offsets: Offsets::new(&source.text), report, depth: 0 };
    let mut events = Parser::new_from_str(&source.text).peekable();
    let root = reader.document(&mut events).ok()?;
    if root.is_none() {
        report.error(SYNTAX, At::START, "the file is empty", "write something into it, or delete it");
    }
    root
}

/// The byte of a line and column, both from 1; the end of the text where there is none.
pub(super) fn byte_of(text: &str, line: u32, column: u32) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum();
    let rest = &text[line_start..];
    line_start + rest.chars().take(column as usize - 1).map(char::len_utf8).sum::<usize>()
}

/// A finding was reported, and the rest of the file cannot be read.
struct Stop;

struct Reader<'a> {
    offsets: Offsets,
    report: &'a mut Report,
    depth: usize,
}

type Item<'input> = Result<(Event<'input>, Span), ScanError>;

impl Reader<'_> {
    fn document<'i>(&mut self, events: &mut Peekable<impl Iterator<Item = Item<'i>>>) -> Result<Option<Node>, Stop> {
        let mut root = None;
        while let Some((event, span)) = self.next(events)? {
            if !matches!(event, Event::DocumentStart(_)) {
                continue;
            }
            if root.is_some() {
                return self.refuse(span, "a second document begins here", "put each document into a file of its own");
            }
            root = Some(self.node(events)?);
        }
        Ok(root)
    }

    fn next<'i>(&mut self, events: &mut impl Iterator<Item = Item<'i>>) -> Result<Option<(Event<'i>, Span)>, Stop> {
        match events.next() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => {
                let at = self.offsets.at(*error.marker(), *error.marker());
                let at = tab_near(&self.report.source.text, at).unwrap_or(at);
                self.report.error(
                    SYNTAX,
                    at,
                    format!("this is not YAML: {}", error.info()),
                    likely_cause(&self.report.source.text, at, error.info()),
                );
                Err(Stop)
            }
        }
    }

    fn node<'i>(&mut self, events: &mut Peekable<impl Iterator<Item = Item<'i>>>) -> Result<Node, Stop> {
        let Some((event, span)) = self.next(events)? else { return Err(Stop) };
        self.depth += 1;
        if self.depth > YAML_DEPTH_MAX {
            return self.refuse(span, &format!("nested deeper than {YAML_DEPTH_MAX} levels"), "make it flatter");
        }
        let node = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.plain_yaml(span, anchor, tag.is_some())?;
                self.scalar(&text, style, span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain_yaml(span, anchor, tag.is_some())?;
                self.list(events, span)?
            }
            Event::MappingStart(anchor, tag) => {
                self.plain_yaml(span, anchor, tag.is_some())?;
                self.map(events, span)?
            }
            Event::Alias(_) => {
                return self.refuse(span, "aliases are not read", "write the value here, or use a map file");
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(Stop),
        };
        self.depth -= 1;
        Ok(node)
    }

    fn plain_yaml(&mut self, span: Span, anchor: usize, tagged: bool) -> Result<(), Stop> {
        match (anchor, tagged) {
            (0, false) => Ok(()),
            (_, true) if is_negation(line_of(&self.report.source.text, self.at(span).line)) => {
                self.refuse(span, "tags are not read", NEGATION)
            }
            (0, true) => self.refuse(span, "tags are not read", "remove the `!` and its name"),
            (_, _) => self.refuse(span, "anchors are not read", "remove the `&` and its name"),
        }
    }

    fn list<'i>(&mut self, events: &mut Peekable<impl Iterator<Item = Item<'i>>>, start: Span) -> Result<Node, Stop> {
        let mut items = Vec::new();
        while !matches!(events.peek(), Some(Ok((Event::SequenceEnd, _)))) {
            items.push(self.node(events)?);
        }
        self.next(events)?;
        let at = items.last().map_or_else(|| self.at(start), |last| self.at(start).to(last.at));
        Ok(Node { at, kind: Kind::List(items) })
    }

    fn map<'i>(&mut self, events: &mut Peekable<impl Iterator<Item = Item<'i>>>, start: Span) -> Result<Node, Stop> {
        let mut entries: Vec<(Spanned<String>, Node)> = Vec::new();
        let mut seen: HashMap<String, At> = HashMap::new();
        while !matches!(events.peek(), Some(Ok((Event::MappingEnd, _)))) {
            let key = self.key(events)?;
            let value = self.node(events)?;
            match seen.get(&key.value) {
                Some(first) => self.report.error(
                    "duplicate-key",
                    key.at,
                    format!("`{}` is written twice in one map", key.value),
                    format!("remove one of the two; the first is at line {}", first.line),
                ),
                None => {
                    seen.insert(key.value.clone(), key.at);
                    entries.push((key, value));
                }
            }
        }
        self.next(events)?;
        let at = entries.last().map_or_else(|| self.at(start), |(_, last)| self.at(start).to(last.at));
        Ok(Node { at, kind: Kind::Map(entries) })
    }

    fn key<'i>(&mut self, events: &mut Peekable<impl Iterator<Item = Item<'i>>>) -> Result<Spanned<String>, Stop> {
        let node = self.node(events)?;
        let name = match &node.kind {
            Kind::Text(text) if text.value == "<<" => None,
            Kind::Text(text) => Some(text.value.clone()),
            Kind::Bool(flag) => Some(flag.to_string()),
            Kind::Number(number) => Some(number.to_string()),
            Kind::Null => Some("null".to_owned()),
            Kind::List(_) | Kind::Map(_) => None,
        };
        match name {
            Some(name) => Ok(Spanned::new(name, node.at)),
            None => {
                let help = "write a plain name before the colon";
                self.report.error(SYNTAX, node.at, "this cannot be a key", help);
                Err(Stop)
            }
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, span: Span) -> Node {
        let at = self.at(span);
        let style = match style {
            ScalarStyle::Plain => return Node { at, kind: plain(text) },
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => return self.quoted(text, at),
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        Node { at, kind: Kind::Text(Text { value: text.to_owned(), style }) }
    }

    /// The parser looks for what follows, and so ends behind a comment.
    fn quoted(&self, text: &str, at: At) -> Node {
        let written = self.report.source.text.get(at.start as usize..at.end as usize).unwrap_or_default();
        let length = u32::try_from(quoted_length(written)).unwrap_or(u32::MAX);
        let kind = Kind::Text(Text { value: text.to_owned(), style: Style::Quoted });
        Node { at: At { end: at.end.min(at.start.saturating_add(length)), ..at }, kind }
    }

    fn at(&self, span: Span) -> At {
        self.offsets.at(span.start, span.end)
    }

    fn refuse<T>(&mut self, span: Span, message: &str, help: &str) -> Result<T, Stop> {
        let at = self.at(span);
        self.report.error(SYNTAX, at, message, help);
        Err(Stop)
    }
}

impl At {
    fn to(self, last: At) -> At {
        At { end: last.end, ..self }
    }
}

/// Bytes from a quote to the one that closes it: a backslash escapes one, and a single quote is doubled.
fn quoted_length(written: &str) -> usize {
    let Some(quote) = written.chars().next() else { return 0 };
    let mut letters = written.char_indices().skip(1).peekable();
    while let Some((index, letter)) = letters.next() {
        if letter == '\\' && quote == '"' {
            letters.next();
        } else if letter == quote {
            match letters.peek() {
                Some((_, next)) if quote == '\'' && *next == quote => drop(letters.next()),
                _ => return index + letter.len_utf8(),
            }
        }
    }
    written.len()
}

/// A plain scalar by YAML's core schema, narrowed to what JSON can say.
fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ if is_json_number(text) => match Number::from_str(text) {
            Ok(number) => Kind::Number(number),
            Err(_) => text_kind(text),
        },
        _ => text_kind(text),
    }
}

fn text_kind(text: &str) -> Kind {
    Kind::Text(Text { value: text.to_owned(), style: Style::Plain })
}

fn is_json_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_at(digits.bytes().take_while(u8::is_ascii_digit).count());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    !whole.is_empty() && !leading_zero && rest.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
}

/// Character offsets to byte offsets; empty where they are the same.
struct Offsets {
    bytes: Vec<u32>,
    /// The letter with which each line begins.
    lines: Vec<u32>,
}

impl Offsets {
    fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Self { bytes: Vec::new(), lines: Vec::new() };
        }
        let behind = text.chars().enumerate().filter(|(_, letter)| *letter == '\n').map(|(index, _)| cast(index) + 1);
        let lines = std::iter::once(0).chain(behind).collect();
        Self { bytes: text.char_indices().map(|(byte, _)| cast(byte)).chain([cast(text.len())]).collect(), lines }
    }

    fn byte(&self, index: usize) -> u32 {
        self.bytes.get(index).or(self.bytes.last()).copied().unwrap_or_else(|| cast(index))
    }

    fn at(&self, start: saphyr_parser::Marker, end: saphyr_parser::Marker) -> At {
        let (line, column) = self.place(start);
        At { line, column, start: self.byte(start.index()), end: self.byte(end.index()) }
    }

    /// As an editor counts: the parser has letters, such as a byte order mark inside, that are in no column. Of a directive it
    /// counts bytes, and may be behind the last letter.
    fn place(&self, marker: saphyr_parser::Marker) -> (u32, u32) {
        let index = cast(marker.index().min(self.bytes.len().saturating_sub(1)));
        let line = self.lines.partition_point(|begin| *begin <= index);
        match line.checked_sub(1).and_then(|line| self.lines.get(line)) {
            Some(begin) => (cast(line), index - begin + 1),
            None => (cast(marker.line()), cast(marker.col()) + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let source = Source::new("a.yaml", text);
        let mut report = Report::new(&source);
        let root = parse(&source, &mut report);
        let mut out = root.map_or_else(String::new, |node| format!("{}\n", node.to_value()));
        for finding in report.findings() {
            out += &format!("{} [{}] {} | {}\n", finding.at, finding.check, finding.message, finding.help);
        }
        expected.assert_eq(&out);
    }

    /// A byte order mark inside is in no column of the parser's.
    #[test]
    fn places_are_those_of_an_editor() {
        check(
            "a: 1\n\u{feff}b: 'é' 'x'\n",
            expect![[r#"
            2:1 [yaml-syntax] this is not YAML: a byte order mark must not appear inside a document | check the indentation of this line and of the one above it
        "#]],
        );
        check(
            "a: 1\u{85}b: [é\n%x\n",
            expect![[r#"
            1:7 [yaml-syntax] this is not YAML: mapping values are not allowed in this context | put a text that holds `: ` into quotes
        "#]],
        );
    }

    /// The parser counts a letter of two bytes in a directive twice.
    #[test]
    fn a_place_behind_a_directive_is_in_the_file() {
        for text in ["%\"é\": NO\n", "%éé\n", "%é\na: é\n: x\n", "# é\n%é é\n---\né: [\n"] {
            let source = Source::new("a.yaml", text);
            let mut report = Report::new(&source);
            parse(&source, &mut report);
            for finding in report.findings() {
                let (line, start) = (finding.at.line as usize, finding.at.start as usize);
                let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
                assert!(start >= before && text.is_char_boundary(start), "{text:?}: {finding:?}");
                let column = text[before..start].chars().count() + 1;
                assert_eq!(finding.at.column as usize, column, "{text:?}: {finding:?}");
            }
        }
    }

    #[test]
    fn scalars_are_what_json_would_call_them() {
        check(
            "a: NO\nb: 010\nc: 1250.10\nd: 12345678901234567890123.5\ne: 1_000\nf: ~\ng: 'x'\nh: true\ni: -0.5e3\nj: 2026-01-01\n",
            expect![[r#"
                {"a":"NO","b":"010","c":1250.10,"d":12345678901234567890123.5,"e":"1_000","f":null,"g":"x","h":true,"i":-0.5e+3,"j":"2026-01-01"}
            "#]],
        );
    }

    #[test]
    fn every_duplicate_is_found() {
        check(
            "a: 1\nb: {c: 1, c: 2}\na: 2\n",
            expect![[r#"
            {"a":1,"b":{"c":1}}
            2:11 [duplicate-key] `c` is written twice in one map | remove one of the two; the first is at line 2
            3:1 [duplicate-key] `a` is written twice in one map | remove one of the two; the first is at line 1
        "#]],
        );
    }

    #[test]
    fn what_is_not_read_says_what_to_write() {
        check(
            "a: &x 1\n",
            expect![[r#"
            1:4 [yaml-syntax] anchors are not read | remove the `&` and its name
        "#]],
        );
        check(
            "a: 1\n---\nb: 2\n",
            expect![[r#"
            2:1 [yaml-syntax] a second document begins here | put each document into a file of its own
        "#]],
        );
        check(
            "a: b: c\n",
            expect![[r#"
            1:5 [yaml-syntax] this is not YAML: mapping values are not allowed in this context | put a text that holds `: ` into quotes
        "#]],
        );
        check(
            &"[".repeat(100),
            expect![[r#"
            1:65 [yaml-syntax] nested deeper than 64 levels | make it flatter
        "#]],
        );
    }

    #[test]
    fn places_inside_text_are_found_again() {
        let text = "é: 1\nrule: |\n\n    let x = 1;\n    x + boom\nshort: \"a + b\"\n";
        let source = Source::new("a.yaml", text);
        let root = parse(&source, &mut Report::new(&source)).unwrap();
        let at = root.get("rule").unwrap().at_inside(&source, 3, 5);
        assert_eq!((at.line, at.column, &text[at.start as usize..at.end as usize]), (5, 9, "boom"));
        let at = root.get("short").unwrap().at_inside(&source, 1, 5);
        assert_eq!((at.line, at.column, &text[at.start as usize..at.end as usize]), (6, 13, "b"));
    }

    /// The YAML organisation's parser reads the same data from what both accept.
    #[test]
    fn agrees_with_serde_yaml() {
        for text in [
            "a: [1, 2, {b: c}]\nd: 'it''s'\ne: \"\\u00e9\\n\"\n",
            "- |\n  one\n  two\n- >-\n  one\n  two\n",
            "x: {}\ny: []\nz: \"\"\n",
        ] {
            let source = Source::new("a.yaml", text);
            let ours = parse(&source, &mut Report::new(&source)).unwrap().to_value();
            let theirs: serde_json::Value = serde_yaml::from_str(text).unwrap();
            assert_eq!(ours.to_string(), theirs.to_string());
        }
    }
}
