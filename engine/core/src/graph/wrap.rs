//! Text of a box in lines of a bounded width, free of what a terminal or XML would take as its own.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Shown;
use crate::limits::{GRAPH_DETAIL_LINES_MAX, GRAPH_LINE_CELLS_MAX};

/// The lines of a box.
#[derive(Clone, Debug)]
pub(super) struct Wrapped {
    pub(super) lines: Vec<String>,
    pub(super) title_lines: usize,
}

pub(super) fn wrapped(shown: &Shown) -> Wrapped {
    let mut lines = wrap(&shown.title);
    let title_lines = lines.len();
    lines.extend(shown.details.iter().flat_map(|detail| wrap(detail)));
    Wrapped { lines, title_lines }
}

impl Wrapped {
    pub(super) fn width(&self) -> i32 {
        self.lines.iter().map(|line| cells(line)).max().unwrap_or_default()
    }

    pub(super) fn height(&self) -> i32 {
        i32::try_from(self.lines.len()).unwrap_or(i32::MAX)
    }
}

/// The cells that a text takes in a terminal.
pub(super) fn cells(text: &str) -> i32 {
    i32::try_from(text.width()).unwrap_or(i32::MAX)
}

/// One line without control characters: a label can neither move a cursor nor break XML.
pub(super) fn clean(text: &str) -> String {
    let is_break = |letter: char| letter.is_whitespace();
    let words: Vec<&str> = text.split(is_break).filter(|word| !word.is_empty()).collect();
    let is_bad = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{FFFE}' | '\u{FFFF}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    words.join(" ").chars().map(|letter| if is_bad(letter) { char::REPLACEMENT_CHARACTER } else { letter }).collect()
}

fn wrap(text: &str) -> Vec<String> {
    let most = GRAPH_LINE_CELLS_MAX;
    let mut lines = vec![String::new()];
    for part in parts(text) {
        let line = lines.last_mut().expect("there is a first line");
        if cells(line) + cells(part.trim_end()) <= most {
            line.push_str(part);
            continue;
        }
        if !line.is_empty() {
            lines.push(String::new());
        }
        fill(&mut lines, part, most);
    }
    lines.iter_mut().for_each(|line| line.truncate(line.trim_end().len()));
    if lines.len() > GRAPH_DETAIL_LINES_MAX {
        lines.truncate(GRAPH_DETAIL_LINES_MAX);
        let last = lines.last_mut().expect("the bound is above 0");
        while cells(last) >= most {
            last.pop();
        }
        last.push('…');
    }
    lines
}

/// A part that is longer than a line is broken where the line ends.
fn fill(lines: &mut Vec<String>, part: &str, most: i32) {
    for letter in part.chars() {
        let line = lines.last_mut().expect("there is a line");
        let width = i32::try_from(letter.width().unwrap_or_default()).unwrap_or_default();
        if cells(line) + width > most && letter != ' ' {
            lines.push(letter.to_string());
        } else {
            line.push(letter);
        }
    }
}

/// Where a line may be broken: after blanks, dots and underscores.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive([' ', '.', '_'])
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let lines = wrap(&clean(text));
        assert!(lines.iter().all(|line| cells(line) <= GRAPH_LINE_CELLS_MAX), "{lines:?}");
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn lines_are_broken_where_words_end() {
        check(
            "payoneer.get_payout_status",
            expect![[r#"
            payoneer.get_payout_
            status"#]],
        );
        check(
            "when settled.status == \"Transferred\"",
            expect![[r#"
            when settled.status
            == "Transferred""#]],
        );
        check(
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            expect![[r#"
            aaaaaaaaaaaaaaaaaaaa
            aaaaaaaaaaaaa"#]],
        );
        check(
            "支払い支払い支払い支払い",
            expect![[r#"
            支払い支払い支払い支
            払い"#]],
        );
    }

    #[test]
    fn what_is_too_long_says_so() {
        check(
            &"word ".repeat(40),
            expect![[r#"
            word word word word
            word word word word
            word word word word…"#]],
        );
    }

    #[test]
    fn nothing_of_a_label_reaches_the_terminal_as_a_command() {
        check("a\u{1b}[2Jb\n\tc\u{202e}", expect!["a�[2Jb c�"]);
    }
}
