//! The picture as a list, for what is wider than its reader's terminal: a node a line, in the order of the layers.

use super::{Charset, Edge, EdgeKind, Node, NodeKind, Picture, text::head};

/// Each node with what comes before it, arms below their step, and their steps below them.
pub fn list(picture: &Picture, charset: Charset) -> String {
    let mut lines = String::new();
    inside(picture, None, 0, charset, &mut lines);
    head(picture, &lines, charset)
}

/// The nodes of a home, further in than it.
fn inside(picture: &Picture, home: Option<&str>, depth: usize, charset: Charset, lines: &mut String) {
    let pad = "    ".repeat(depth);
    for node in picture.nodes.iter().filter(|node| node.home.as_deref() == home) {
        lines.push_str(&format!("{pad}{} {}\n", bullet(node, charset), node.title));
        let facts = node.details.iter().cloned().chain(ways(picture, node));
        facts.for_each(|fact| lines.push_str(&format!("{pad}    {fact}\n")));
        inside(picture, Some(&node.id), depth + 1, charset, lines);
    }
}

fn bullet(node: &Node, charset: Charset) -> char {
    match (node.kind, charset) {
        (NodeKind::Arm, Charset::Unicode) => '✗',
        (NodeKind::Arm, Charset::Ascii) => '!',
        (NodeKind::Trigger | NodeKind::Step, Charset::Unicode) => '●',
        (NodeKind::Trigger | NodeKind::Step, Charset::Ascii) => '*',
    }
}

/// What comes before a node, in words.
fn ways(picture: &Picture, node: &Node) -> Vec<String> {
    let names = |kind: EdgeKind| {
        let into = |edge: &&Edge| edge.to == node.id && edge.kind == kind && !edge.points.is_empty();
        picture.edges.iter().filter(into).map(|edge| edge.from.as_str()).collect::<Vec<_>>().join(", ")
    };
    let words = [("reads", names(EdgeKind::Reads)), ("needs", names(EdgeKind::Needs))];
    words.into_iter().filter(|(_, names)| !names.is_empty()).map(|(word, names)| format!("{word} {names}")).collect()
}
