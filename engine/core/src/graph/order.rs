//! The order of each layer from left to right, with as few crossings as sweeps of barycenters find.

use super::{Content, NodeKind, layers::Layered};
use crate::limits::GRAPH_SWEEPS;

/// Barycenters are compared in parts of a place.
const PARTS: usize = 840;

/// Orders the layers; what is equal keeps the order of a walk from the top, steps before arms.
pub(super) fn order(layered: &mut Layered, content: &Content) {
    walk(layered, content);
    let (mut best, mut fewest) = (layered.layers.clone(), crossings(layered));
    for sweep in 0..GRAPH_SWEEPS {
        let count = layered.layers.len();
        for step in 1..count {
            let layer = if sweep % 2 == 0 { step } else { count - 1 - step };
            settle(layered, layer, sweep % 2 == 0);
        }
        let found = crossings(layered);
        if found < fewest {
            (best, fewest) = (layered.layers.clone(), found);
        }
        if fewest == 0 {
            break;
        }
    }
    layered.layers = best;
}

/// The first order: each vertex when a walk in depth first comes to it.
fn walk(layered: &mut Layered, content: &Content) {
    let is_arm = |vertex: usize| content.nodes.get(vertex).is_some_and(|shown| shown.kind == NodeKind::Arm);
    let mut stack: Vec<usize> =
        (0..layered.vertices.len()).filter(|vertex| layered.above[*vertex].is_empty()).collect();
    stack.reverse();
    let (mut seen, mut order) = (vec![false; layered.vertices.len()], Vec::new());
    while let Some(vertex) = stack.pop() {
        if std::mem::replace(&mut seen[vertex], true) {
            continue;
        }
        order.push(vertex);
        let mut below = layered.below[vertex].clone();
        below.sort_by_key(|vertex| (is_arm(*vertex), *vertex));
        stack.extend(below.into_iter().rev());
    }
    let mut layers = vec![Vec::new(); layered.layers.len()];
    order.into_iter().for_each(|vertex| layers[layered.vertices[vertex].layer].push(vertex));
    layered.layers = layers;
}

/// Moves each vertex of a layer to the middle of its neighbours in the one above or below.
fn settle(layered: &mut Layered, layer: usize, downwards: bool) {
    let other = if downwards { layer - 1 } else { layer + 1 };
    let place = places(layered, other);
    let neighbours = |vertex: usize| if downwards { &layered.above[vertex] } else { &layered.below[vertex] };
    let middle = |(own, vertex): (usize, &usize)| {
        let places: Vec<usize> = neighbours(*vertex).iter().map(|next| place[*next] * PARTS).collect();
        let sum: usize = places.iter().sum();
        (sum.checked_div(places.len()).unwrap_or(own * PARTS), own, *vertex)
    };
    let mut sorted: Vec<_> = layered.layers[layer].iter().enumerate().map(middle).collect();
    sorted.sort_unstable();
    layered.layers[layer] = sorted.into_iter().map(|(_, _, vertex)| vertex).collect();
}

/// The place of each vertex of a layer in it.
fn places(layered: &Layered, layer: usize) -> Vec<usize> {
    let mut place = vec![0; layered.vertices.len()];
    layered.layers[layer].iter().enumerate().for_each(|(index, vertex)| place[*vertex] = index);
    place
}

/// How often edges cross, over all layers.
fn crossings(layered: &Layered) -> usize {
    (1..layered.layers.len()).map(|layer| crossings_above(layered, layer)).sum()
}

/// Pairs of edges whose ends are in other orders above and below: inversions, counted with a Fenwick tree.
fn crossings_above(layered: &Layered, layer: usize) -> usize {
    let place = places(layered, layer);
    let size = layered.layers[layer].len();
    let (mut tree, mut seen, mut found) = (vec![0; size + 1], 0, 0);
    for vertex in &layered.layers[layer - 1] {
        let mut ends: Vec<usize> = layered.below[*vertex].iter().map(|below| place[*below]).collect();
        ends.sort_unstable();
        // Edges of one vertex do not cross each other.
        found += ends.iter().map(|end| seen - up_to(&tree, *end)).sum::<usize>();
        ends.iter().for_each(|end| count(&mut tree, *end));
        seen += ends.len();
    }
    found
}

/// How many counted ends are not to the right of this one.
fn up_to(tree: &[usize], end: usize) -> usize {
    let (mut index, mut sum) = (end + 1, 0);
    while index > 0 {
        sum += tree[index];
        index &= index - 1;
    }
    sum
}

fn count(tree: &mut [usize], end: usize) {
    let mut index = end + 1;
    while index < tree.len() {
        tree[index] += 1;
        index += index & index.wrapping_neg();
    }
}
