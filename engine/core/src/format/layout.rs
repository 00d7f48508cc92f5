//! Lines of tokens as text: two blanks a level, lists further in than their key, one blank between tokens.

use super::{
    spacing::Spacing,
    tokens::{Block, Line, Token, TokenKind},
};

/// Blanks of one level.
const LEVEL: usize = 2;

/// The text of a file.
pub(super) fn laid_out(lines: &[Line<'_>]) -> String {
    let mut writer = Writer::default();
    let mut notes = Vec::new();
    for line in lines {
        match line.tokens.first().map(|token| &token.kind) {
            Some(TokenKind::Comment(text)) => notes.push((line, line.tokens[0].column, *text)),
            Some(TokenKind::Marker(text)) => {
                writer.notes(&mut notes, None);
                writer.put(line.is_after_blank, text.to_string());
                writer.levels.clear();
            }
            Some(_) => writer.code(line, &mut notes),
            None => {}
        }
    }
    writer.notes(&mut notes, None);
    writer.text
}

/// Comments with lines of their own, which wait for the line below them.
type Notes<'l, 'a> = Vec<(&'l Line<'a>, usize, &'a str)>;

/// A block collection that is open.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// Its column as written.
    old: usize,
    /// Its column as laid out.
    new: usize,
    is_list: bool,
}

#[derive(Default)]
struct Writer {
    text: String,
    levels: Vec<Level>,
    /// For each bracket that is open, the indentation of its line.
    brackets: Vec<usize>,
    spacing: Spacing,
    /// The column of the last comment behind a value, as written and as laid out.
    beside: Option<(usize, usize)>,
}

impl Writer {
    fn code(&mut self, line: &Line<'_>, notes: &mut Notes<'_, '_>) {
        let before = self.levels.clone();
        let first = &line.tokens[0];
        let (indent, dashes) =
            if self.brackets.is_empty() { self.block_indent(&line.tokens) } else { (self.flow_indent(line), 0) };
        if self.brackets.is_empty() {
            self.notes(notes, Some((before, first.column, indent)));
        } else {
            let inner = self.brackets.last().map_or(0, |base| base + LEVEL);
            self.put_notes(notes, |_| inner);
        }
        let mut text = format!("{}{}", " ".repeat(indent), "- ".repeat(dashes));
        self.beside = None;
        let below = self.tokens(&line.tokens[dashes..], indent + LEVEL * dashes, &mut text);
        text.truncate(text.trim_end_matches(' ').len());
        self.put(line.is_after_blank, text);
        for line in below {
            self.put(false, line);
        }
    }

    /// The column of a line, and how many dashes it begins with; opens and closes the levels that it says.
    fn block_indent(&mut self, tokens: &[Token<'_>]) -> (usize, usize) {
        let is_key = |index: usize| matches!(tokens.get(index + 1), Some(next) if next.kind == TokenKind::Colon);
        let mut indent = None;
        let mut dashes = 0;
        for (index, token) in tokens.iter().enumerate() {
            let column = match token.kind {
                TokenKind::Dash => self.enter(token.column, true),
                TokenKind::Scalar(_) if is_key(index) => self.enter(token.column, false),
                TokenKind::Comment(_) => break,
                _ if index > 0 => break,
                _ => self.value_below(token.column),
            };
            indent = indent.or(Some(column));
            if token.kind != TokenKind::Dash {
                break;
            }
            dashes += 1;
        }
        (indent.unwrap_or_default(), dashes)
    }

    /// Comes to a key or a dash at a column; gives its column as laid out.
    fn enter(&mut self, old: usize, is_list: bool) -> usize {
        while self.levels.pop_if(|last| last.old > old || (last.old == old && last.is_list && !is_list)).is_some() {}
        let same = self.levels.last().filter(|last| last.old == old && last.is_list == is_list);
        if let Some(same) = same {
            return same.new;
        }
        let new = self.inside();
        self.levels.push(Level { old, new, is_list });
        new
    }

    /// A value on a line below its key or dash.
    fn value_below(&mut self, old: usize) -> usize {
        while self.levels.pop_if(|last| last.old >= old).is_some() {}
        self.inside()
    }

    /// The column of what is inside the innermost level.
    fn inside(&self) -> usize {
        self.levels.last().map_or(0, |level| level.new + LEVEL)
    }

    /// A line inside brackets; what closes them stands below what opened them.
    fn flow_indent(&self, line: &Line<'_>) -> usize {
        let closes = line.tokens.iter().take_while(|token| matches!(token.kind, TokenKind::Close(_))).count();
        match closes {
            0 => self.brackets.last().map_or(0, |base| base + LEVEL),
            _ => self.brackets.iter().rev().nth(closes - 1).copied().unwrap_or_default(),
        }
    }

    /// Appends the tokens to a line; gives the lines of a block scalar that are below it.
    fn tokens(&mut self, tokens: &[Token<'_>], indent: usize, text: &mut String) -> Vec<String> {
        let mut below = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            if let TokenKind::Comment(comment) = token.kind {
                self.comment(token.column, comment, text);
                continue;
            }
            let gap = self.spacing.before(token, tokens.get(index + 1), index == 0);
            text.push_str(gap);
            match &token.kind {
                TokenKind::Scalar(scalar) => self.scalar(scalar, indent, text),
                TokenKind::Block(block) => below = self.block(block, text),
                TokenKind::Comment(_) => {}
                TokenKind::Marker(marker) => text.push_str(marker),
                TokenKind::Dash => text.push('-'),
                TokenKind::Colon => text.push(':'),
                TokenKind::Comma => text.push(','),
                TokenKind::Open(bracket) => {
                    self.brackets.push(indent);
                    text.push(*bracket);
                }
                TokenKind::Close(bracket) => {
                    self.brackets.pop();
                    text.push(*bracket);
                }
            }
        }
        below
    }

    /// A comment behind a value keeps its column where it can, so that those of neighbours stay in line.
    fn comment(&mut self, old: usize, comment: &str, text: &mut String) {
        text.truncate(text.trim_end_matches(' ').len());
        let width = text.rsplit('\n').next().unwrap_or_default().chars().count();
        let new = old.max(width + 1);
        text.extend(std::iter::repeat_n(' ', new - width));
        text.push_str(comment);
        self.beside = Some((old, new));
    }

    /// The lines of a scalar below its first one are as far in as its value would be.
    fn scalar(&self, scalar: &str, indent: usize, text: &mut String) {
        let inner = if self.brackets.is_empty() { self.inside() } else { indent + LEVEL };
        let mut lines = scalar.split('\n').enumerate().peekable();
        while let Some((index, line)) = lines.next() {
            if index > 0 {
                text.push('\n');
            }
            let content = if index > 0 { line.trim_start_matches([' ', '\t']) } else { line };
            if index > 0 && !content.is_empty() {
                text.extend(std::iter::repeat_n(' ', inner));
            }
            text.push_str(content);
            let trimmed = text.trim_end_matches([' ', '\t']);
            // An escaped blank or line break is a part of the text.
            if !trimmed.ends_with('\\') && lines.peek().is_some() {
                text.truncate(trimmed.len());
            }
        }
    }

    fn block(&mut self, block: &Block<'_>, text: &mut String) -> Vec<String> {
        text.push_str(block.header);
        if let Some((column, comment)) = block.comment {
            self.comment(column, comment, text);
        }
        let base = self.levels.last().map_or(0, |level| level.new);
        let indent = " ".repeat(base + block.indent.unwrap_or(LEVEL));
        let line = |line: &&str| if line.is_empty() { String::new() } else { format!("{indent}{line}") };
        block.lines.iter().map(line).collect()
    }

    /// Comments above a line; without one, at the end of the file.
    fn notes(&mut self, notes: &mut Notes<'_, '_>, next: Option<(Vec<Level>, usize, usize)>) {
        let (before, line) = match next {
            Some((before, old, new)) => (before, Some((old, new))),
            None => (self.levels.clone(), None),
        };
        // What the line itself begins is no place for what is above it.
        let after = self.levels.iter().filter(|level| line.is_some_and(|(old, _)| level.old <= old));
        let levels: Vec<(usize, usize)> = before.iter().chain(after).map(|level| (level.old, level.new)).collect();
        self.put_notes(notes, |column| {
            // What is between two levels belongs to the outer one.
            let old = levels.iter().map(|(old, _)| *old).filter(|old| *old <= column).max();
            let outer = levels.iter().filter(|(level, _)| Some(*level) == old).map(|(_, new)| *new).min();
            let own = line.filter(|(line, _)| Some(*line) == old || *line == column).map(|(_, new)| new);
            own.or(outer).unwrap_or_default()
        });
    }

    fn put_notes(&mut self, notes: &mut Notes<'_, '_>, place: impl Fn(usize) -> usize) {
        for (line, column, text) in notes.drain(..) {
            // A comment that goes on below the one beside a value stays in line with it.
            let goes_on = self.beside.filter(|(old, _)| *old == column && !line.is_after_blank);
            let new = goes_on.map_or_else(|| place(column), |(_, new)| new);
            self.beside = goes_on;
            self.put(line.is_after_blank, format!("{}{text}", " ".repeat(new)));
        }
    }

    fn put(&mut self, is_after_blank: bool, line: String) {
        if is_after_blank && !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&line);
        self.text.push('\n');
    }
}
