//! YAML as a tree in which every value knows its place.
//!
//! Stricter than YAML: one document, no anchors, no merge keys, no tags, no duplicate keys. A plain
//! scalar is a number only where JSON would call it one, so `NO` and `010` stay text.

mod cause;
mod parse;
pub mod read;

use serde_json::{Map, Number, Value};

pub use parse::parse;

use crate::report::{At, Source, Spanned};

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it is written.
    pub at: At,
    /// What is written.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(Number),
    /// Text.
    Text(Text),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Spanned<String>, Node)>),
}

/// A string and how it was written, so that a place inside it can be found again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Text {
    /// The content.
    pub value: String,
    /// The style.
    pub style: Style,
}

/// How a string was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// A block scalar after `|`.
    Literal,
    /// A block scalar after `>`: lines are joined, so places inside it are those of its start.
    Folded,
}

impl Node {
    /// The kind in words, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The text, where it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(&text.value),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The entries, where it is a map.
    pub fn entries(&self) -> Option<&[(Spanned<String>, Node)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => None,
        }
    }

    /// The value under a key, where it is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|(name, _)| name.value == key).map(|(_, node)| node)
    }

    /// The plain value, exact numbers included.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.value.clone()),
            Kind::List(items) => items.iter().map(Node::to_value).collect(),
            Kind::Map(entries) => {
                entries.iter().map(|(name, node)| (name.value.clone(), node.to_value())).collect::<Map<_, _>>().into()
            }
        }
    }

    /// The place in the file of a byte of this text.
    pub fn at_offset(&self, source: &Source, offset: usize) -> At {
        let before = self.text().and_then(|text| text.get(..offset)).unwrap_or_default();
        let (above, line) =
            before.rsplit_once('\n').map_or((0, before), |(above, line)| (above.split('\n').count(), line));
        let place = |count: usize| u32::try_from(count + 1).unwrap_or(1);
        self.at_inside(source, place(above), place(line.chars().count()))
    }

    /// The place in the file of a position inside this text (both from 1).
    ///
    /// Exact for plain, quoted (without escapes before it) and literal text; the start of the text
    /// for folded text.
    pub fn at_inside(&self, source: &Source, line: u32, column: u32) -> At {
        let Kind::Text(text) = &self.kind else { return self.at };
        let (line, column) = inside(&text.value, line, column);
        if matches!(text.style, Style::Plain | Style::Quoted) && self.is_broken(source) {
            return self.at_broken(&text.value, (line, column), source).unwrap_or(self.at);
        }
        let (line, column) = match text.style {
            Style::Plain | Style::Quoted if line > 1 => return self.at,
            Style::Plain => (self.at.line, self.at.column + column - 1),
            Style::Quoted => (self.at.line, self.at.column + column),
            // The place of a block is its first line with content; the text also has the empty ones above.
            Style::Literal => {
                let empty = text.value.chars().take_while(|c| *c == '\n').count();
                ((self.at.line + line).saturating_sub(1 + cast(empty)), self.at.column + column - 1)
            }
            Style::Folded => return self.at,
        };
        let start = parse::byte_of(&source.text, line, column);
        let rest = source.text.get(start..).unwrap_or_default();
        let word = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum::<usize>();
        let length = word.max(rest.chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8));
        At { line, column, start: cast(start), end: cast(start + length) }
    }
}

impl Node {
    fn written<'s>(&self, source: &'s Source) -> &'s str {
        source.text.get(self.at.start as usize..self.at.end as usize).unwrap_or_default()
    }

    /// Whether a text goes over several lines of the file.
    fn is_broken(&self, source: &Source) -> bool {
        self.written(source).trim_end().contains('\n')
    }

    /// The place inside a text whose lines the parser has joined with blanks; nothing where it has done more with it.
    fn at_broken(&self, text: &str, (line, column): (u32, u32), source: &Source) -> Option<At> {
        let quote = usize::from(matches!(&self.kind, Kind::Text(text) if text.style == Style::Quoted));
        let written = self.written(source).trim_end();
        let written = written.get(quote..written.len().saturating_sub(quote))?;
        let (mut joined, mut found) = (String::new(), None);
        let (mut start, target) = (self.at.start as usize + quote, column as usize - 1);
        for row in written.split_inclusive('\n') {
            let (begin, content) = (start + row.len() - row.trim_start().len(), row.trim());
            let before = joined.chars().count() + usize::from(!joined.is_empty());
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(content);
            if found.is_none() && line == 1 && (before..=before + content.chars().count()).contains(&target) {
                found = Some(begin + content.chars().take(target - before).map(char::len_utf8).sum::<usize>());
            }
            start += row.len();
        }
        let start = found.filter(|_| joined == text.trim_end())?;
        let rest = source.text.get(start..).unwrap_or_default();
        let word: usize = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
        let length = word.max(rest.chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8));
        Some(At::of(&source.text, start..start + length))
    }
}

/// A parser that finds the end too early may name the line below the text: its end is meant.
fn inside(text: &str, line: u32, column: u32) -> (u32, u32) {
    let text = text.trim_end();
    let (above, last) = text.rsplit_once('\n').map_or((0, text), |(above, last)| (above.split('\n').count(), last));
    let end = (cast(above) + 1, cast(last.chars().count()) + 1);
    end.min((line, column))
}

fn cast(offset: usize) -> u32 {
    u32::try_from(offset).expect("a file is at most `YAML_FILE_MAX_BYTES` long")
}
