//! The picture as boxes and lines of characters, cell by cell.

use std::collections::BTreeMap;

use super::{Edge, EdgeKind, Node, Picture, Point, wrap::cells};

/// What a terminal can show.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Charset {
    /// Box drawing.
    Unicode,
    /// Plain characters; any other is a `?`.
    Ascii,
}

/// The directions in which a line leaves a cell.
const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;
const UNICODE_LINES: [char; 16] = [' ', '│', '│', '│', '─', '┘', '┐', '┤', '─', '└', '┌', '├', '─', '┴', '┬', '┼'];
const ASCII_LINES: [char; 16] = [' ', '|', '|', '|', '-', '+', '+', '+', '-', '+', '+', '+', '-', '+', '+', '+'];

/// The lines in a cell, by the step that they come from.
type Lines<'a> = BTreeMap<(i32, i32), BTreeMap<&'a str, u8>>;

/// The picture in characters, with a line for each row.
pub fn text(picture: &Picture, charset: Charset) -> String {
    let mut rows = vec![Row::default(); usize::try_from(picture.height).unwrap_or_default()];
    let mut put = |x: i32, y: i32, text: &str| {
        if let Some(row) = usize::try_from(y).ok().and_then(|y| rows.get_mut(y)) {
            row.put(x, text);
        }
    };
    for ((y, x), nets) in lines(picture) {
        put(x, y, &line_in(&nets, charset).to_string());
    }
    for node in &picture.nodes {
        draw_box(node, charset, &mut put);
    }
    for edge in picture.edges.iter().filter(|edge| !edge.points.is_empty()) {
        draw_ends(edge, charset, &mut put);
    }
    let rows: Vec<String> = rows.iter().map(Row::text).collect();
    let picture_text = rows.join("\n") + "\n" + legend(picture, charset);
    head(picture, &picture_text, charset)
}

/// The name and what it is for, above a text.
pub(super) fn head(picture: &Picture, below: &str, charset: Charset) -> String {
    let description = picture.description.as_ref().map(|text| format!(": {text}"));
    let all = format!("{}{}\n\n{below}", picture.pipeline, description.unwrap_or_default());
    match charset {
        Charset::Unicode => all,
        Charset::Ascii => all.chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).collect(),
    }
}

fn legend(picture: &Picture, charset: Charset) -> &'static str {
    let only_orders = |edge: &Edge| edge.kind == EdgeKind::Needs && !edge.points.is_empty();
    match (picture.edges.iter().any(only_orders), charset) {
        (false, _) => "",
        (true, Charset::Unicode) => "\n▽ waits, and reads nothing of it (`needs`)\n",
        (true, Charset::Ascii) => "\no waits, and reads nothing of it (`needs`)\n",
    }
}

/// One row; a text may take two cells for a letter.
#[derive(Clone, Debug, Default)]
struct Row(BTreeMap<i32, String>);

impl Row {
    fn put(&mut self, x: i32, text: &str) {
        self.0.insert(x, text.to_owned());
    }

    fn text(&self) -> String {
        let (mut line, mut column) = (String::new(), 0);
        for (x, text) in &self.0 {
            line.extend(std::iter::repeat_n(' ', usize::try_from(x - column).unwrap_or_default()));
            line.push_str(text);
            column = column.max(*x) + cells(text);
        }
        line.trim_end().to_owned()
    }
}

/// All cells with lines.
fn lines(picture: &Picture) -> Lines<'_> {
    let mut found = Lines::new();
    for edge in &picture.edges {
        let mut mark = |x: i32, y: i32, bits: u8| {
            *found.entry((y, x)).or_default().entry(edge.from.as_str()).or_default() |= bits;
        };
        for pair in edge.points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            for y in from.y..to.y {
                mark(from.x, y, DOWN);
                mark(from.x, y + 1, UP);
            }
            for x in from.x.min(to.x)..from.x.max(to.x) {
                mark(x, from.y, RIGHT);
                mark(x + 1, from.y, LEFT);
            }
        }
    }
    found
}

/// Lines of several steps in a cell either cross, where the one that goes down is in front, or join.
fn line_in(nets: &BTreeMap<&str, u8>, charset: Charset) -> char {
    let all = nets.values().fold(0, |all, bits| all | bits);
    let crosses = nets.len() > 1 && nets.values().all(|bits| [UP | DOWN, LEFT | RIGHT].contains(bits));
    let bits = if crosses { UP | DOWN } else { all };
    let known = match charset {
        Charset::Unicode => UNICODE_LINES,
        Charset::Ascii => ASCII_LINES,
    };
    known[usize::from(bits & 15)]
}

fn draw_box(node: &Node, charset: Charset, put: &mut impl FnMut(i32, i32, &str)) {
    let [top_left, top_right, bottom_left, bottom_right, side, bar] = match charset {
        Charset::Unicode => ["┌", "┐", "└", "┘", "│", "─"],
        Charset::Ascii => ["+", "+", "+", "+", "|", "-"],
    };
    let (right, bottom) = (node.x + node.width - 1, node.y + node.height - 1);
    for (y, left_corner, right_corner) in [(node.y, top_left, top_right), (bottom, bottom_left, bottom_right)] {
        put(node.x, y, left_corner);
        (node.x + 1..right).for_each(|x| put(x, y, bar));
        put(right, y, right_corner);
    }
    for (y, line) in (node.y + 1..bottom).zip(&node.lines) {
        put(node.x, y, side);
        put(node.x + 2, y, line);
        put(right, y, side);
    }
}

/// Where a line leaves its box, and its arrow.
fn draw_ends(edge: &Edge, charset: Charset, put: &mut impl FnMut(i32, i32, &str)) {
    let (Some(first), Some(last)) = (edge.points.first(), edge.points.last()) else { return };
    let arrow = match (edge.kind, charset) {
        (EdgeKind::Needs, Charset::Unicode) => "▽",
        (EdgeKind::Needs, Charset::Ascii) => "o",
        (EdgeKind::Starts | EdgeKind::Reads | EdgeKind::Fails, Charset::Unicode) => "▼",
        (EdgeKind::Starts | EdgeKind::Reads | EdgeKind::Fails, Charset::Ascii) => "v",
    };
    let Point { x, y } = *first;
    put(x, y, if charset == Charset::Unicode { "┬" } else { "+" });
    put(last.x, last.y - 1, arrow);
}
