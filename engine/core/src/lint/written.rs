//! The values of a pipeline as they are written, for checks of what stands beside what.

use ferry_contract::{
    path::Path,
    report::Spanned,
    yaml::{Kind, Node},
};

use super::reads::{self, Read, plain};
use crate::language::{Pipeline, Step, Work};

/// The entries of a map.
pub(crate) type Entries<'a> = &'a [(Spanned<String>, Node)];

/// The values that a pipeline makes: inputs, maps, events and its output.
pub(crate) fn values(pipeline: &Pipeline) -> Vec<&Node> {
    let of_steps = pipeline.all_steps().into_iter().filter_map(value);
    of_steps.chain(&pipeline.output).collect()
}

/// The value that a step makes or sends.
pub(crate) fn value(step: &Step) -> Option<&Node> {
    match &step.work {
        Work::Map(value) => Some(value),
        Work::Action { with, .. } | Work::Pipeline { with, .. } => with.as_ref(),
        Work::Emit(emit) => emit.data.as_ref(),
        Work::Function(function) => function.with.as_ref(),
        Work::Allocate(_)
        | Work::Alert(_)
        | Work::Script(_)
        | Work::Check(_)
        | Work::Wait(_)
        | Work::Approve(_)
        | Work::Link(_)
        | Work::Reconcile(_) => None,
    }
}

/// All maps in a value, the outer ones first.
pub(crate) fn maps(node: &Node) -> Vec<Entries<'_>> {
    let mut found = Vec::new();
    collect(node, &mut found);
    found
}

fn collect<'a>(node: &'a Node, found: &mut Vec<Entries<'a>>) {
    match &node.kind {
        Kind::Map(entries) => {
            found.push(entries);
            entries.iter().for_each(|(_, inner)| collect(inner, found));
        }
        Kind::List(items) => items.iter().for_each(|inner| collect(inner, found)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
    }
}

/// The one field that a value takes, written as a path or with `from`.
pub(crate) fn read(node: &Node) -> Option<Read> {
    let text = node.text().map_or_else(|| node.get("from")?.text(), Some)?;
    let path = Path::parse(text).ok().filter(|_| text.starts_with("$."))?;
    reads::of_path(&path).map(|read| Read { at: node.at, ..read })
}

/// Whether a value names a field or what it is in, in whatever way.
pub(crate) fn names(node: &Node, field: &[String]) -> bool {
    let names_it = |text: &str| (1..=field.len()).any(|end| is_end(text, &field[..end].join("."), end == field.len()));
    match &node.kind {
        Kind::Text(text) => names_it(&text.value),
        Kind::Map(entries) => entries.iter().any(|(_, inner)| names(inner, field)),
        Kind::List(items) => items.iter().any(|inner| names(inner, field)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => false,
    }
}

/// Whether a text has a name, and goes on with no other field unless the name is that of the field itself.
fn is_end(text: &str, name: &str, is_whole: bool) -> bool {
    let is_sign = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(name).any(|(start, _)| {
        let (before, after) = (text[..start].chars().next_back(), text[start + name.len()..].chars().next());
        let is_begin = before.is_none_or(|letter| !is_sign(letter) && (letter != '.' || text[..start].ends_with("$.")));
        is_begin && after.is_none_or(|letter| !is_sign(letter) && (is_whole || !".[".contains(letter)))
    })
}

/// Whether a field is named like an amount of money.
pub(crate) fn is_amount(name: &str) -> bool {
    plain(name).ends_with("amount")
}

/// Whether a field is named like the currency of one.
pub(crate) fn is_currency(name: &str) -> bool {
    let name = plain(name);
    name.ends_with("currency") || name.ends_with("currencycode") || name.ends_with("currencyisocode")
}
