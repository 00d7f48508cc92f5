//! The picture of a pipeline: its trigger, steps and arms in layers, with the edges between them.
//!
//! Laid out once, in cells of a terminal, for every format: the same graph gives the same picture, whatever the
//! order of the file. Edges go downwards only, no two nodes overlap, and lines of different steps share cells only
//! where they cross or come to the same end.

mod content;
mod layers;
mod order;
mod place;
mod route;
mod wrap;

mod list;
mod mermaid;
mod svg;
mod text;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{language::Pipeline, plan::Plan};

pub use list::list;
pub use mermaid::mermaid;
pub use svg::svg;
pub use text::{Charset, text};

/// What a picture shows, before it has places.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The pipeline's name.
    pub pipeline: String,
    /// What it is for.
    pub description: Option<String>,
    /// What has a box.
    pub nodes: Vec<Shown>,
    /// Lines between them.
    pub links: Vec<Link>,
}

/// What has a box.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Shown {
    /// What it is.
    pub kind: NodeKind,
    /// Its name in the picture: a step's own, `submit.on_error.1` for its first arm, `pipeline.trigger`.
    pub id: String,
    /// What stands on top.
    pub title: String,
    /// What is told about it.
    pub details: Vec<String>,
    /// The step of an arm, or the arm of a step, by its id.
    pub home: Option<String>,
}

/// A line between two nodes, by their numbers in [`Content::nodes`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Link {
    /// What comes first.
    pub from: usize,
    /// What comes after.
    pub to: usize,
    /// Why.
    pub kind: EdgeKind,
}

/// What a node is.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// What starts runs.
    Trigger,
    /// A step.
    Step,
    /// What `on_error` does for some classes.
    Arm,
}

/// Why one node comes before another.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// The event, or an arm, begins with it.
    Starts,
    /// It reads the other's output.
    Reads,
    /// Its `needs` names the other, and nothing of it is read.
    Needs,
    /// The other's failure leads to it.
    Fails,
}

/// Which edges are drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Edges {
    /// Those that no way through others implies.
    Needed,
    /// All.
    All,
}

/// A pipeline, laid out. Places and sizes are cells of a terminal, from 0, to the right and downwards.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Picture {
    /// The pipeline's name.
    pub pipeline: String,
    /// What it is for.
    pub description: Option<String>,
    /// Columns of the whole.
    pub width: i32,
    /// Rows of the whole.
    pub height: i32,
    /// Boxes, from top to bottom and from left to right.
    pub nodes: Vec<Node>,
    /// Lines, in the order of the boxes that they come from.
    pub edges: Vec<Edge>,
}

/// A box.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Node {
    /// Its name in the picture: a step's own, `submit.on_error.1` for its first arm, `pipeline.trigger`.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// What stands on top.
    pub title: String,
    /// What is told about it.
    pub details: Vec<String>,
    /// The step of an arm, or the arm of a step, by its id.
    pub home: Option<String>,
    /// How many edges lead to it at the most, from the trigger on.
    pub layer: usize,
    /// The first column.
    pub x: i32,
    /// The first row.
    pub y: i32,
    /// Columns, the border included.
    pub width: i32,
    /// Rows, the border included.
    pub height: i32,
    /// The text in it, as it is wrapped: the lines of the title, then those of the details.
    #[serde(skip)]
    pub lines: Vec<String>,
    /// How many of the lines are the title.
    #[serde(skip)]
    pub title_lines: usize,
}

/// A line between two boxes.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Edge {
    /// What comes first.
    pub from: String,
    /// What comes after.
    pub to: String,
    /// Why.
    pub kind: EdgeKind,
    /// Whether a way through others says the same; such a line is drawn only where all are asked for.
    pub implied: bool,
    /// The corners, from the lower border of one box to the upper border of the other; none where it is not drawn.
    pub points: Vec<Point>,
}

/// A cell.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Point {
    /// The column.
    pub x: i32,
    /// The row.
    pub y: i32,
}

/// The picture of a plan, with the words of the file that it was made of.
pub fn picture(pipeline: &Pipeline, plan: &Plan, edges: Edges) -> Picture {
    lay_out(content::of(pipeline, plan), edges)
}

/// Gives everything its place. The links of `content` make no circle.
pub fn lay_out(content: Content, edges: Edges) -> Picture {
    let content = in_order(content);
    let implied = layers::implied(&content);
    let is_drawn = |link: &Link| edges == Edges::All || !implied.contains(link);
    let drawn: Vec<Link> = content.links.iter().copied().filter(is_drawn).collect();
    let texts: Vec<wrap::Wrapped> = content.nodes.iter().map(wrap::wrapped).collect();
    let mut layered = layers::layered(&content, &drawn, &texts);
    order::order(&mut layered, &content);
    place::place(&mut layered);
    let routes = route::routes(&mut layered, &drawn);
    let points = |link: &Link| drawn.binary_search(link).map_or_else(|_| Vec::new(), |index| routes[index].clone());
    let mut links = content.links.clone();
    let place = |node: usize| (layered.vertices[node].layer, layered.vertices[node].center);
    links.sort_by_key(|link| (place(link.from), place(link.to)));
    let edges: Vec<Edge> =
        links.iter().map(|link| edge(&content, link, implied.contains(link), points(link))).collect();
    let mut nodes: Vec<Node> =
        content.nodes.iter().zip(texts).enumerate().map(|(index, shown)| node(&layered, index, shown)).collect();
    nodes.sort_by_key(|node| (node.layer, node.x));
    let corners = nodes.iter().map(|node| (node.x + node.width, node.y + node.height));
    let ends = edges.iter().flat_map(|edge| &edge.points).map(|point| (point.x + 1, point.y + 1));
    let (width, height) = corners.chain(ends).fold((0, 0), |most, end| (most.0.max(end.0), most.1.max(end.1)));
    Picture { pipeline: content.pipeline, description: content.description, width, height, nodes, edges }
}

fn edge(content: &Content, link: &Link, implied: bool, points: Vec<Point>) -> Edge {
    let id = |node: usize| content.nodes[node].id.clone();
    Edge { from: id(link.from), to: id(link.to), kind: link.kind, implied, points }
}

fn node(layered: &layers::Layered, index: usize, (shown, text): (&Shown, wrap::Wrapped)) -> Node {
    let vertex = &layered.vertices[index];
    Node {
        id: shown.id.clone(),
        kind: shown.kind,
        title: shown.title.clone(),
        details: shown.details.clone(),
        home: shown.home.clone(),
        layer: vertex.layer,
        x: vertex.center - vertex.width / 2,
        y: layered.rows[vertex.layer],
        width: vertex.width,
        height: vertex.height,
        lines: text.lines,
        title_lines: text.title_lines,
    }
}

/// The order of the file says nothing: nodes by what they are and their names, links by their ends, each once.
fn in_order(content: Content) -> Content {
    let mut sorted: Vec<usize> = (0..content.nodes.len()).collect();
    sorted.sort_by(|left, right| content.nodes[*left].cmp(&content.nodes[*right]));
    let mut place = vec![0; sorted.len()];
    sorted.iter().enumerate().for_each(|(new, old)| place[*old] = new);
    let links = content.links.iter().map(|link| Link { from: place[link.from], to: place[link.to], kind: link.kind });
    // Whoever reads an output needs no `needs`.
    let first = |links: BTreeSet<Link>| {
        let mut links: Vec<Link> = links.into_iter().collect();
        links.dedup_by_key(|link| (link.from, link.to));
        links
    };
    let links = first(links.collect());
    let nodes = sorted.into_iter().map(|index| content.nodes[index].clone()).collect();
    Content { nodes, links, ..content }
}
