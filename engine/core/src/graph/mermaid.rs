//! The picture as a Mermaid flowchart, for pages that draw it themselves. Source: Mermaid, flowchart syntax.

use super::{Edge, EdgeKind, Node, NodeKind, Picture};

/// A `flowchart TD`, in the order of the layers.
pub fn mermaid(picture: &Picture) -> String {
    let number = |id: &str| picture.nodes.iter().position(|node| node.id == id).unwrap_or_default();
    let nodes = picture.nodes.iter().enumerate().map(|(number, node)| format!("  n{number}{}\n", shape(node)));
    let drawn = picture.edges.iter().filter(|edge| !edge.points.is_empty());
    let edges = drawn.map(|edge| format!("  n{} {} n{}\n", number(&edge.from), arrow(edge), number(&edge.to)));
    let edges: String = edges.collect();
    format!("flowchart TD\n{}{edges}", nodes.collect::<String>())
}

fn shape(node: &Node) -> String {
    let lines = std::iter::once(&node.title).chain(&node.details);
    let text = lines.map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>");
    match node.kind {
        NodeKind::Trigger => format!("([\"{text}\"])"),
        NodeKind::Step => format!("[\"{text}\"]"),
        NodeKind::Arm => format!("{{{{\"{text}\"}}}}"),
    }
}

fn arrow(edge: &Edge) -> &'static str {
    match edge.kind {
        EdgeKind::Starts | EdgeKind::Reads => "-->",
        EdgeKind::Needs => "-.->",
        EdgeKind::Fails => "-- fails -->",
    }
}

/// All that Mermaid or HTML would take as its own, as a numbered entity.
fn escaped(text: &str) -> String {
    let escape = |letter: char| match letter {
        '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' | '$' | '%' => format!("#{};", u32::from(letter)),
        _ => letter.to_string(),
    };
    text.chars().map(escape).collect()
}
