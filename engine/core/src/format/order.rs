//! The order of keys, where the language has one: of a file's own keys, and `id` first in a step.

use std::sync::Arc;

use ferry_contract::{
    report::{Source, Spanned},
    yaml::{Kind, Node},
};

use super::{FormatError, read};
use crate::{language, limits::STEPS_MAX, project};

/// What a manifest begins with; the rest is told in the order of its author.
const CONNECTOR: [&str; 4] = ["ferry", "connector", "title", "description"];

/// The text with its keys in order; lines are moved, and nothing in them is changed but their dash.
pub(super) fn ordered(source: &Arc<Source>) -> Result<Arc<Source>, FormatError> {
    let mut source = Arc::clone(source);
    let root = read(&source)?;
    if let Some(text) = file_in_order(&source.text, &root) {
        source = Source::new(source.name.as_str(), text);
    }
    // Each step that is moved changes the places of those below it, so the file is read again.
    for _ in 0..STEPS_MAX {
        let root = read(&source)?;
        let Some(text) = steps_of(&root).into_iter().find_map(|step| id_first(&source.text, step)) else { break };
        source = Source::new(source.name.as_str(), text);
    }
    Ok(source)
}

/// The keys of a kind of file, in their order.
fn keys(root: &Node) -> Option<&'static [&'static str]> {
    root.get("ferry")?;
    if root.get("pipeline").is_some() {
        Some(&language::KEYS)
    } else if root.get("project").is_some() {
        Some(project::keys())
    } else {
        root.get("connector").map(|_| &CONNECTOR[..])
    }
}

/// Moves the entries of a file; nothing where they are in order, or in brackets.
fn file_in_order(text: &str, root: &Node) -> Option<String> {
    let (keys, entries) = (keys(root)?, root.entries()?);
    let rank = |name: &str| keys.iter().position(|key| *key == name).unwrap_or(keys.len());
    let ranks: Vec<usize> = entries.iter().map(|(key, _)| rank(&key.value)).collect();
    let are_lines = entries.iter().all(|(key, _)| key.at.column == 1);
    if ranks.is_sorted() || !are_lines {
        return None;
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut starts: Vec<usize> = entries.iter().map(|(key, _)| with_notes(&lines, key.at.line as usize - 1)).collect();
    // What a file begins with is about the file.
    starts[0] = entries[0].0.at.line as usize - 1;
    let is_note = |line: &&&str| line.trim().is_empty() || line.starts_with('#');
    let end = lines.len() - lines.iter().rev().take_while(is_note).count();
    let part = |index: usize| {
        let last = starts.get(index + 1).copied().unwrap_or(end);
        let part = lines.get(starts[index]..last).unwrap_or_default().concat();
        if part.ends_with('\n') { part } else { part + "\n" }
    };
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|index| ranks[*index]);
    let parts: String = order.into_iter().map(part).collect();
    Some(format!("{}{parts}{}", lines[..starts[0]].concat(), lines[end..].concat()))
}

/// The first line of an entry: that of the comments directly above it.
fn with_notes(lines: &[&str], line: usize) -> usize {
    line - lines[..line].iter().rev().take_while(|line| line.starts_with('#')).count()
}

/// All steps, those of arms included.
fn steps_of(root: &Node) -> Vec<&Node> {
    let mut found = Vec::new();
    if root.get("pipeline").is_some() {
        root.get("steps").into_iter().for_each(|steps| collect(steps, &mut found));
    }
    found
}

fn collect<'n>(steps: &'n Node, found: &mut Vec<&'n Node>) {
    for step in items(steps) {
        found.push(step);
        let arms = step.get("on_error").into_iter().flat_map(items);
        arms.filter_map(|arm| arm.get("do")).for_each(|steps| collect(steps, found));
    }
}

fn items(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Map(_) => &[],
    }
}

/// How a comment begins that allows a finding of lint.
const ALLOWS: &str = "# ferry: allow(";

/// Moves the `id` of a step to its front; nothing where it is there.
fn id_first(text: &str, step: &Node) -> Option<String> {
    let entries = step.entries()?;
    let index = entries.iter().position(|(key, _)| key.value == "id").filter(|index| *index > 0)?;
    let (key, value) = &entries[index];
    let first = &entries[0].0;
    let is_line = key.at.column == first.at.column && value.at.line == key.at.line && key.at.line > first.at.line;
    if is_line { line_first(text, first, key) } else { entry_first(text, entries, index) }
}

/// The step is written in lines: the dash changes its line, unless it has one of its own.
fn line_first(text: &str, first: &Spanned<String>, key: &Spanned<String>) -> Option<String> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let (top, own) = (first.at.line as usize - 1, key.at.line as usize - 1);
    // A comment that allows something is about the line below it, which is to stay there.
    let mut above = lines[..top].iter().rev().take_while(|line| line.trim_start().starts_with('#'));
    if above.any(|line| line.contains(ALLOWS)) {
        return None;
    }
    let notes = lines[top + 1..own].iter().rev().take_while(|line| line.trim_start().starts_with('#')).count();
    let column = |line: &str, count: u32| line.char_indices().nth(count as usize - 1).map(|(byte, _)| byte);
    let (top_byte, own_byte) = (column(&lines[top], first.at.column)?, column(&lines[own], key.at.column)?);
    let dash = lines[top][..top_byte].to_owned();
    if !lines[own][..own_byte].trim().is_empty() {
        return None;
    }
    let mut line = lines.remove(own);
    if !line.ends_with('\n') {
        line.push('\n');
    }
    let moved: Vec<String> = lines.drain(own - notes..own).collect();
    lines[top] = format!("{}{}", " ".repeat(dash.chars().count()), &lines[top][top_byte..]);
    lines.insert(top, format!("{dash}{}", &line[own_byte..]));
    let margin = " ".repeat(dash.find('-').unwrap_or(dash.len()));
    moved.iter().rev().for_each(|note| lines.insert(top, format!("{margin}{}", note.trim_start())));
    Some(lines.concat())
}

/// The step is written in brackets: its entries change places, and what is between them stays.
fn entry_first(text: &str, entries: &[(Spanned<String>, Node)], index: usize) -> Option<String> {
    let start = |index: usize| entries[index].0.at.start as usize;
    let is_line = entries[0].0.at.line == entries[index].0.at.line;
    let (first, own) = (start(0), start(index));
    let end = entries[index].1.at.end as usize;
    let before = text.get(first..own)?;
    let moved = text.get(own..end)?;
    let kept = before.trim_end().strip_suffix(',')?;
    is_line.then(|| format!("{}{moved}, {kept}{}", &text[..first], &text[end..]))
}
