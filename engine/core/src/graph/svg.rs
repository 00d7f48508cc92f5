//! The picture as an SVG of its own: no script, no font or style from elsewhere, text as text, light and dark.

use ferry_contract::xml::escaped;

use super::{Edge, EdgeKind, Node, NodeKind, Picture, Point};

/// Pixels of a cell.
const CELL: (i32, i32) = (8, 18);
/// Pixels around the whole.
const MARGIN: i32 = 16;
/// How far below its middle the line of a letter is.
const BASELINE: i32 = 4;
const STYLE: &str = "\
.ferry { background: #ffffff; color: #1f2328; }
.ferry text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: currentColor; white-space: pre; }
.ferry .title { font-weight: bold; }
.ferry rect { fill: #f6f8fa; stroke: #59636e; }
.ferry .trigger rect { fill: #ddf4ff; stroke: #0969da; }
.ferry .arm rect { fill: #fff1e5; stroke: #bc4c00; }
.ferry path { fill: none; stroke: #59636e; stroke-width: 1.5; }
.ferry .needs { stroke-dasharray: 5 4; }
.ferry .fails { stroke: #bc4c00; }
.ferry marker path { fill: #59636e; stroke: none; }
@media (prefers-color-scheme: dark) {
  .ferry { background: #0d1117; color: #f0f6fc; }
  .ferry rect { fill: #151b23; stroke: #9198a1; }
  .ferry .trigger rect { fill: #0c2d4d; stroke: #4493f8; }
  .ferry .arm rect { fill: #3d2200; stroke: #db6d28; }
  .ferry path { stroke: #9198a1; }
  .ferry .fails { stroke: #db6d28; }
  .ferry marker path { fill: #9198a1; }
}
";

/// The SVG, complete with its title and what it shows in words.
pub fn svg(picture: &Picture) -> String {
    let (width, height) = (picture.width * CELL.0 + 2 * MARGIN, picture.height * CELL.1 + 2 * MARGIN);
    let name = escaped(&format!("Pipeline {}", picture.pipeline));
    let edges: String = picture.edges.iter().filter(|edge| !edge.points.is_empty()).map(line).collect();
    let nodes: String = picture.nodes.iter().map(node).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ferry\" role=\"img\" aria-labelledby=\"ferry-title ferry-desc\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <title id=\"ferry-title\">{name}</title>\n<desc id=\"ferry-desc\">{}</desc>\n<style>\n{STYLE}</style>\n\
         <defs><marker id=\"ferry-arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0 8 4 0 8Z\"/></marker></defs>\n{edges}{nodes}</svg>\n",
        escaped(&in_words(picture)),
    )
}

/// What a reader who does not see the picture needs: each box with what leads to it.
fn in_words(picture: &Picture) -> String {
    let title = |id: &str| picture.nodes.iter().find(|node| node.id == id).map_or("", |node| node.title.as_str());
    let node = |node: &Node| {
        let before = picture.edges.iter().filter(|edge| edge.to == node.id && !edge.points.is_empty());
        let before: Vec<&str> = before.map(|edge| title(&edge.from)).collect();
        let after = if before.is_empty() { String::new() } else { format!(", after {}", before.join(" and ")) };
        format!("{} ({}){after}.", node.title, node.details.join("; "))
    };
    let about = picture.description.iter().cloned();
    about.chain(picture.nodes.iter().map(node)).collect::<Vec<_>>().join(" ")
}

/// The middle of a cell.
fn pixel(point: Point) -> (i32, i32) {
    (MARGIN + point.x * CELL.0 + CELL.0 / 2, MARGIN + point.y * CELL.1 + CELL.1 / 2)
}

fn line(edge: &Edge) -> String {
    let points: Vec<String> = edge.points.iter().map(|point| pixel(*point)).map(|(x, y)| format!("{x} {y}")).collect();
    let class = match edge.kind {
        EdgeKind::Starts => "starts",
        EdgeKind::Reads => "reads",
        EdgeKind::Needs => "needs",
        EdgeKind::Fails => "fails",
    };
    let path = points.join(" L");
    format!("<path class=\"{class}\" d=\"M{path}\" marker-end=\"url(#ferry-arrow)\"/>\n")
}

fn node(node: &Node) -> String {
    let (left, top) = pixel(Point { x: node.x, y: node.y });
    let (width, height) = ((node.width - 1) * CELL.0, (node.height - 1) * CELL.1);
    let class = match node.kind {
        NodeKind::Trigger => "trigger",
        NodeKind::Step => "step",
        NodeKind::Arm => "arm",
    };
    let told = std::iter::once(&node.title).chain(&node.details).map(String::as_str).collect::<Vec<_>>().join("\n");
    let mut text = String::new();
    for (row, line) in (node.y + 1..).zip(&node.lines) {
        let is_title = usize::try_from(row - node.y).is_ok_and(|row| row <= node.title_lines);
        let class = if is_title { " class=\"title\"" } else { "" };
        let (x, y) = pixel(Point { x: node.x + 2, y: row });
        text.push_str(&format!(
            "<text x=\"{}\" y=\"{}\"{class}>{}</text>\n",
            x - CELL.0 / 2,
            y + BASELINE,
            escaped(line)
        ));
    }
    format!(
        "<g class=\"{class}\"><title>{}</title>\n\
         <rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/>\n{text}</g>\n",
        escaped(&told),
    )
}
