//! Which layer a node is in, and the places where an edge passes the layers between.

use std::collections::{BTreeMap, BTreeSet};

use super::{Content, EdgeKind, Link, wrap::Wrapped};

/// Cells of a border and the blank beside it, on both sides.
const FRAME_CELLS: i32 = 4;

/// Nodes in layers, with a vertex in each layer that an edge passes.
#[derive(Debug)]
pub(super) struct Layered {
    /// The nodes, in their order, then the places where edges pass.
    pub(super) vertices: Vec<Vertex>,
    /// The vertices of each layer, from left to right.
    pub(super) layers: Vec<Vec<usize>>,
    /// From each vertex to those below it, each once.
    pub(super) below: Vec<Vec<usize>>,
    /// From each vertex to those above it, each once.
    pub(super) above: Vec<Vec<usize>>,
    /// The first row of each layer.
    pub(super) rows: Vec<i32>,
    /// By node and layer, where its edges pass.
    passes: BTreeMap<(usize, usize), usize>,
}

/// A box, or a place where the edges of one node pass a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vertex {
    pub(super) layer: usize,
    /// Odd, so that there is a column in the middle.
    pub(super) width: i32,
    /// Nothing for a pass.
    pub(super) height: i32,
    /// The column in the middle.
    pub(super) center: i32,
}

impl Layered {
    /// The vertices of an edge, from top to bottom.
    pub(super) fn way(&self, link: &Link) -> Vec<usize> {
        let between = self.vertices[link.from].layer + 1..self.vertices[link.to].layer;
        let passes = between.map(|layer| self.passes[&(link.from, layer)]);
        std::iter::once(link.from).chain(passes).chain([link.to]).collect()
    }

    /// Whether a vertex is a place where edges pass.
    pub(super) fn is_pass(&self, vertex: usize) -> bool {
        self.vertices[vertex].height == 0
    }
}

/// Links that a way through other nodes implies.
pub(super) fn implied(content: &Content) -> BTreeSet<Link> {
    let next = successors(content.nodes.len(), &content.links);
    let mut reached: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); next.len()];
    for node in topological(&next).into_iter().rev() {
        let mut all: BTreeSet<usize> = next[node].iter().copied().collect();
        next[node].iter().for_each(|below| all.extend(&reached[*below]));
        reached[node] = all;
    }
    let only_orders = |link: &Link| matches!(link.kind, EdgeKind::Reads | EdgeKind::Needs);
    let is_implied = |link: &&Link| next[link.from].iter().any(|via| reached[*via].contains(&link.to));
    content.links.iter().filter(|link| only_orders(link)).filter(is_implied).copied().collect()
}

/// Nodes in the layer after the last of those that come first; edges that are longer pass the layers between.
pub(super) fn layered(content: &Content, links: &[Link], texts: &[Wrapped]) -> Layered {
    let next = successors(content.nodes.len(), links);
    let mut layer = vec![0; next.len()];
    for node in topological(&next) {
        for below in &next[node] {
            layer[*below] = layer[*below].max(layer[node] + 1);
        }
    }
    let box_of = |text: &Wrapped, layer: usize| {
        let width = text.width() + FRAME_CELLS;
        Vertex { layer, width: width + 1 - width % 2, height: text.height() + 2, center: 0 }
    };
    let vertices = texts.iter().zip(&layer).map(|(text, layer)| box_of(text, *layer)).collect();
    let count = layer.iter().max().map_or(0, |last| last + 1);
    let mut layered = Layered {
        vertices,
        layers: vec![Vec::new(); count],
        below: vec![Vec::new(); next.len()],
        above: vec![Vec::new(); next.len()],
        rows: vec![0; count],
        passes: BTreeMap::new(),
    };
    layer.iter().enumerate().for_each(|(node, layer)| layered.layers[*layer].push(node));
    links.iter().for_each(|link| pass(&mut layered, link));
    layered
}

/// The edges of one node share their way as long as they can.
fn pass(layered: &mut Layered, link: &Link) {
    let mut last = link.from;
    for layer in layered.vertices[link.from].layer + 1..layered.vertices[link.to].layer {
        let key = (link.from, layer);
        let vertex = layered.passes.get(&key).copied().unwrap_or_else(|| {
            layered.vertices.push(Vertex { layer, width: 1, height: 0, center: 0 });
            layered.below.push(Vec::new());
            layered.above.push(Vec::new());
            layered.layers[layer].push(layered.vertices.len() - 1);
            layered.vertices.len() - 1
        });
        layered.passes.insert(key, vertex);
        join(layered, last, vertex);
        last = vertex;
    }
    join(layered, last, link.to);
}

fn join(layered: &mut Layered, from: usize, to: usize) {
    if !layered.below[from].contains(&to) {
        layered.below[from].push(to);
        layered.above[to].push(from);
    }
}

fn successors(count: usize, links: &[Link]) -> Vec<Vec<usize>> {
    let mut next = vec![Vec::new(); count];
    links.iter().for_each(|link| next[link.from].push(link.to));
    next
}

/// Nodes, each after all that come before it; what is in a circle is left out.
fn topological(next: &[Vec<usize>]) -> Vec<usize> {
    let mut open = vec![0; next.len()];
    next.iter().flatten().for_each(|below| open[*below] += 1);
    let mut order: Vec<usize> = (0..next.len()).filter(|node| open[*node] == 0).collect();
    let mut done = 0;
    while let Some(node) = order.get(done).copied() {
        done += 1;
        for below in &next[node] {
            open[*below] -= 1;
            if open[*below] == 0 {
                order.push(*below);
            }
        }
    }
    order
}
