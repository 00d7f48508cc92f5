//! A file as lines of tokens: scalars as they are written, what joins them, and comments.
//!
//! The tree says where scalars are, so that nothing inside one is taken for what joins them.

use ferry_contract::{
    report::At,
    yaml::{Kind, Node, Style},
};

/// What ends with a line break outside a scalar.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// Whether an empty line is above it.
    pub(super) is_after_blank: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    /// Letters before it in its line.
    pub(super) column: usize,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum TokenKind<'a> {
    /// A plain or quoted scalar, perhaps of several lines.
    Scalar(&'a str),
    /// A block scalar.
    Block(Block<'a>),
    /// From `#` to the end of the line.
    Comment(&'a str),
    /// `---`, `...` or a directive: a line of its own.
    Marker(&'a str),
    Dash,
    Colon,
    Comma,
    Open(char),
    Close(char),
}

/// `|` or `>` and its lines.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Block<'a> {
    /// The sign with its indicators.
    pub(super) header: &'a str,
    /// What stands behind the header.
    pub(super) comment: Option<(usize, &'a str)>,
    /// Its lines without their common indentation.
    pub(super) lines: Vec<&'a str>,
    /// The indentation below what it belongs to, where the header says it.
    pub(super) indent: Option<usize>,
}

/// The lines of a text; nothing where something stands between scalars that is not known here.
pub(super) fn lines<'a>(text: &'a str, root: &Node) -> Option<Vec<Line<'a>>> {
    let mut scalars = Vec::new();
    collect(text, root, &mut scalars);
    scalars.reverse();
    let mut reader =
        Reader { text, scalars, offset: 0, lines: vec![Line::default()], breaks: 0, depth: 0, counted: (0, 0) };
    while reader.offset < text.len() {
        reader.step()?;
    }
    reader.lines.retain(|line| !line.tokens.is_empty());
    Some(reader.lines)
}

/// All comments in an order of their own.
pub(super) fn comments<'a>(lines: &[Line<'a>]) -> Vec<&'a str> {
    let of = |token: &Token<'a>| match &token.kind {
        TokenKind::Comment(text) => Some(*text),
        TokenKind::Block(block) => block.comment.map(|(_, text)| text),
        _ => None,
    };
    let mut found: Vec<&str> = lines.iter().flat_map(|line| line.tokens.iter().filter_map(of)).collect();
    found.sort_unstable();
    found
}

/// How a null is written, unless it is left out.
const NULLS: [&str; 4] = ["~", "null", "Null", "NULL"];

/// Where a scalar is written, and whether it is a block.
#[derive(Clone, Copy, Debug)]
struct Written {
    start: usize,
    end: usize,
    is_block: bool,
}

fn collect(text: &str, node: &Node, found: &mut Vec<Written>) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| collect(text, item, found)),
        Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
            found.extend(written(text, key.at));
            collect(text, value, found);
        }),
        Kind::Text(scalar) if matches!(scalar.style, Style::Literal | Style::Folded) => {
            found.push(Written { start: node.at.start as usize, end: node.at.start as usize, is_block: true });
        }
        // Where nothing is written, the place is that of what comes next.
        Kind::Null => found.extend(written(text, node.at).filter(|null| NULLS.contains(&&text[null.start..null.end]))),
        Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => found.extend(written(text, node.at)),
    }
}

/// A plain or quoted scalar; nothing where nothing is written.
fn written(text: &str, at: At) -> Option<Written> {
    let start = at.start as usize;
    let slice = text.get(start..at.end as usize)?;
    let is_quoted = slice.starts_with(['"', '\'']);
    let plain = slice.find(" #").into_iter().chain(slice.find("\t#")).min().map_or(slice, |end| &slice[..end]);
    let slice = if is_quoted { slice } else { plain.trim_end() };
    (!slice.is_empty()).then_some(Written { start, end: start + slice.len(), is_block: false })
}

struct Reader<'a> {
    text: &'a str,
    /// The scalars that are still ahead, the next one last.
    scalars: Vec<Written>,
    offset: usize,
    lines: Vec<Line<'a>>,
    /// Line breaks since the last token.
    breaks: usize,
    /// Brackets that are open.
    depth: usize,
    /// The last place whose column was counted, with its column.
    counted: (usize, usize),
}

impl<'a> Reader<'a> {
    fn step(&mut self) -> Option<()> {
        if let Some(scalar) = self.scalars.last().copied().filter(|next| !next.is_block && next.start == self.offset) {
            self.scalars.pop();
            self.push(TokenKind::Scalar(&self.text[scalar.start..scalar.end]), scalar.end);
            return Some(());
        }
        let rest = &self.text[self.offset..];
        let first = rest.chars().next()?;
        let follows = |letter: Option<char>| letter.is_none_or(char::is_whitespace);
        let is_line_start = self.offset == 0 || self.text[..self.offset].ends_with('\n');
        match first {
            '\n' => self.end_line(),
            ' ' | '\t' => self.offset += 1,
            '#' => {
                let comment = line_of(rest);
                self.push(TokenKind::Comment(comment.trim_end()), self.offset + comment.len());
            }
            '%' if is_line_start => self.marker(line_of(rest).trim_end()),
            '-' | '.' if is_line_start && is_marker(rest) => self.marker(line_of(rest).trim_end()),
            '-' if self.depth == 0 && follows(rest.chars().nth(1)) => self.push(TokenKind::Dash, self.offset + 1),
            ':' => self.push(TokenKind::Colon, self.offset + 1),
            ',' => self.push(TokenKind::Comma, self.offset + 1),
            '{' | '[' => {
                self.depth += 1;
                self.push(TokenKind::Open(first), self.offset + 1);
            }
            '}' | ']' => {
                self.depth = self.depth.checked_sub(1)?;
                self.push(TokenKind::Close(first), self.offset + 1);
            }
            '|' | '>' => self.block(rest)?,
            _ => return None,
        }
        Some(())
    }

    fn marker(&mut self, text: &'a str) {
        self.push(TokenKind::Marker(text), self.offset + text.len());
    }

    fn push(&mut self, kind: TokenKind<'a>, end: usize) {
        let column = self.column(self.offset);
        let line = self.lines.last_mut().expect("there is a first line");
        if line.tokens.is_empty() {
            line.is_after_blank = self.breaks > 1;
        }
        self.breaks = 0;
        line.tokens.push(Token { kind, column });
        self.offset = end;
    }

    /// Letters before a place in its line; places are asked for in their order.
    fn column(&mut self, offset: usize) -> usize {
        let (from, column) = self.counted;
        let between = &self.text[from..offset];
        let column = match between.rsplit_once('\n') {
            Some((_, line)) => line.chars().count(),
            None => column + between.chars().count(),
        };
        self.counted = (offset, column);
        column
    }

    fn end_line(&mut self) {
        self.offset += 1;
        self.breaks += 1;
        if self.lines.last().is_some_and(|line| !line.tokens.is_empty()) {
            self.lines.push(Line::default());
        }
    }

    /// A block scalar goes on as long as its lines are empty or not indented less than its first one.
    fn block(&mut self, rest: &'a str) -> Option<()> {
        self.scalars.pop().filter(|scalar| scalar.is_block)?;
        let first = line_of(rest);
        let header = first.split([' ', '\t']).next().unwrap_or_default();
        let comment = first[header.len()..].find('#').map(|offset| header.len() + offset);
        let column = self.column(self.offset);
        let comment = comment.map(|offset| (column + first[..offset].chars().count(), first[offset..].trim_end()));
        let indent = header.chars().find_map(|sign| sign.to_digit(10)).map(|digit| digit as usize);
        let below = rest.get(first.len() + 1..).unwrap_or_default();
        let all = match indent {
            Some(indent) => self.owner_column()? + indent,
            None => {
                let first = below.lines().find(|line| !line.trim_matches(' ').is_empty()).map(spaces);
                let owner = self.owner_column();
                // What is not further in than its owner comes after an empty text.
                first.filter(|first| owner.is_none_or(|owner| *first > owner)).unwrap_or(usize::MAX)
            }
        };
        let is_inside = |line: &&str| line.trim_matches(' ').is_empty() || spaces(line) >= all;
        let mut lines: Vec<&str> = below.lines().take_while(is_inside).collect();
        if !header.contains('+') {
            let empty = lines.iter().rev().take_while(|line| line.trim_matches(' ').is_empty()).count();
            lines.truncate(lines.len() - empty);
        }
        let taken: usize = below.split_inclusive('\n').take(lines.len()).map(str::len).sum();
        let lines = lines.iter().map(|line| line.get(all.min(line.len())..).unwrap_or_default()).collect();
        let end = (self.offset + first.len() + 1 + taken).min(self.text.len());
        self.push(TokenKind::Block(Block { header, comment, lines, indent }), end);
        // Its last line break is its own; whatever follows begins a line.
        self.breaks = 1;
        self.lines.push(Line::default());
        Some(())
    }

    /// The column of the key or the dash that a block scalar belongs to.
    fn owner_column(&self) -> Option<usize> {
        let tokens = &self.lines.last()?.tokens;
        match tokens.as_slice() {
            [.., key, last] if last.kind == TokenKind::Colon => Some(key.column),
            [.., last] if last.kind == TokenKind::Dash => Some(last.column),
            _ => None,
        }
    }
}

fn line_of(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

fn spaces(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ').count()
}

fn is_marker(rest: &str) -> bool {
    let word = line_of(rest).trim_end();
    word == "---" || word == "..."
}
