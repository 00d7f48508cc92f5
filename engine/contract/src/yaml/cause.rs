//! What people most often did where YAML stops, and what to write instead.

use crate::report::At;

/// What people most often did when YAML stops at this place.
pub(super) fn likely_cause(text: &str, at: At, info: &str) -> String {
    let (line, above) = (line_of(text, at.line), line_of(text, at.line.saturating_sub(1)));
    let either = |test: &dyn Fn(&str) -> bool| test(line) || test(above);
    let bracket = unclosed(text, at.line).filter(|_| info.contains("flow") || info.contains("node content"));
    if let Some((bracket, line)) = bracket {
        return format!("close the `{bracket}` of line {line}, or put the text into quotes");
    }
    let cause = if either(&|line| tab_of(line).is_some()) {
        "indent with spaces: YAML allows no tab here"
    } else if is_negation(line) {
        NEGATION
    } else if either(&has_bare_path) {
        "put a path that holds `[` into quotes inside of `{ }`"
    } else if info.contains("quoted scalar") {
        "close the quote that begins here"
    } else if info.contains("anchor") {
        "write the value itself: aliases are not read"
    } else if info.contains("unprintable") {
        "save the file as text, in UTF-8"
    } else if either(&|line| line.contains("{$")) {
        "put a text that holds `{` into quotes"
    } else if either(&has_two_values) {
        "put a text that holds `: ` into quotes"
    } else if either(&|line| [": @", ": `", ": %"].iter().any(|start| line.contains(start))) {
        "put a text that begins with `@`, `%` or a backtick into quotes"
    } else {
        "check the indentation of this line and of the one above it"
    };
    cause.to_owned()
}

/// What to write instead of a tag that was meant as `not`.
pub(super) const NEGATION: &str = "put a condition that begins with `!` into quotes, such as `\"!event.paid\"`";

/// A key with a condition that begins with `!`, which YAML takes for a tag.
pub(super) fn is_negation(line: &str) -> bool {
    without_quotes(line).split(": !").skip(1).any(|rest| {
        let word =
            rest.split(|letter: char| letter.is_whitespace() || ",})".contains(letter)).next().unwrap_or_default();
        word.starts_with('(')
            || (word.starts_with(|letter: char| letter.is_ascii_lowercase()) && word.contains(['.', '(']))
    })
}

/// Where a tab indents a line, in letters.
fn tab_of(line: &str) -> Option<usize> {
    line.chars().take_while(|letter| letter.is_whitespace()).position(|letter| letter == '\t')
}

/// The tab that indents this line or one of its neighbours: the parser stops before it or behind it.
pub(super) fn tab_near(text: &str, at: At) -> Option<At> {
    let mut start = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if number + 1 >= at.line
            && number <= at.line + 1
            && let Some(column) = tab_of(line).filter(|_| !line.trim().is_empty())
        {
            return Some(At::of(text, start + column..start + column + 1));
        }
        start += line.len();
    }
    None
}

/// A path with `[` and without quotes inside of braces, where the `[` begins a list.
fn has_bare_path(line: &str) -> bool {
    let bare = without_quotes(line);
    bare.split_once('{')
        .is_some_and(|(_, rest)| rest.split([' ', ',', '}']).any(|word| word.starts_with("$.") && word.contains('[')))
}

/// Two colons for one value: between brackets and commas, a key has one.
fn has_two_values(line: &str) -> bool {
    without_quotes(line).split([',', '{', '}', '[', ']']).any(|part| part.matches(": ").count() > 1)
}

/// A line of a text, from 1; nothing where there is none.
pub(super) fn line_of(text: &str, line: u32) -> &str {
    text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default()
}

/// The last bracket that is open at the end of a line, with its own line.
fn unclosed(text: &str, last: u32) -> Option<(char, usize)> {
    let lines: Vec<_> = text.lines().take(last as usize).collect();
    let mut closed = Vec::new();
    for (index, line) in lines.iter().enumerate().rev() {
        for letter in without_quotes(line).chars().rev() {
            match letter {
                '}' => closed.push('{'),
                ']' => closed.push('['),
                '{' | '[' if closed.pop() != Some(letter) => return Some((letter, index + 1)),
                _ => {}
            }
        }
    }
    None
}

fn without_quotes(line: &str) -> String {
    line.split('"').step_by(2).collect()
}
