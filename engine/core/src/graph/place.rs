//! The column of each vertex: as near to the middle of its neighbours as its layer leaves room.

use super::layers::Layered;
use crate::limits::GRAPH_SWEEPS;

/// Empty cells between two boxes.
const GAP_CELLS: i32 = 2;
/// Empty cells beside an edge that passes.
const PASS_GAP_CELLS: i32 = 1;
/// How much more a long edge pulls than a box: it should be straight.
const PASS_WEIGHT: i32 = 4;

/// Gives each vertex its column; the leftmost box begins at 0.
pub(super) fn place(layered: &mut Layered) {
    for layer in 0..layered.layers.len() {
        spread(layered, layer, &|_| None);
    }
    for sweep in 0..GRAPH_SWEEPS {
        let count = layered.layers.len();
        for step in 0..count {
            let (layer, downwards) = if sweep % 2 == 0 { (step, true) } else { (count - 1 - step, false) };
            let wanted: Vec<Option<i32>> =
                layered.layers[layer].iter().map(|v| wanted(layered, *v, downwards)).collect();
            spread(layered, layer, &|index| wanted[index]);
        }
    }
    let left = layered.vertices.iter().map(|vertex| vertex.center - vertex.width / 2).min().unwrap_or_default();
    layered.vertices.iter_mut().for_each(|vertex| vertex.center -= left);
}

/// The median of the neighbours in the layer above or below.
fn wanted(layered: &Layered, vertex: usize, downwards: bool) -> Option<i32> {
    let neighbours = if downwards { &layered.above[vertex] } else { &layered.below[vertex] };
    let mut columns: Vec<i32> = neighbours.iter().map(|next| layered.vertices[*next].center).collect();
    columns.sort_unstable();
    let upper = *columns.get(columns.len() / 2)?;
    let lower = columns[(columns.len() - 1) / 2];
    Some((lower + upper).div_euclid(2))
}

/// Columns with the least squares from where each wants to be, in this order and without overlap.
///
/// Without the distances that the order asks for, wanted columns must not fall: neighbours that do are pooled to their
/// mean. Source: pool adjacent violators, isotonic regression.
fn spread(layered: &mut Layered, layer: usize, wanted: &dyn Fn(usize) -> Option<i32>) {
    let order = layered.layers[layer].clone();
    let mut offsets = vec![0];
    for pair in order.windows(2) {
        offsets.push(offsets[offsets.len() - 1] + distance(layered, pair[0], pair[1]));
    }
    // A pool: the sum of what is wanted, its weight, and how many are in it.
    let mut pools: Vec<(i32, i32, usize)> = Vec::new();
    for (index, vertex) in order.iter().enumerate() {
        let target = wanted(index).unwrap_or(layered.vertices[*vertex].center) - offsets[index];
        let weight = if layered.is_pass(*vertex) { PASS_WEIGHT } else { 1 };
        let mut pool = (target * weight, weight, 1);
        while let Some(last) = pools.pop_if(|last| last.0 * pool.1 > pool.0 * last.1) {
            pool = (pool.0 + last.0, pool.1 + last.1, pool.2 + last.2);
        }
        pools.push(pool);
    }
    let starts = pools.iter().flat_map(|(sum, weight, count)| std::iter::repeat_n(sum.div_euclid(*weight), *count));
    for ((vertex, offset), start) in order.iter().zip(&offsets).zip(starts) {
        layered.vertices[*vertex].center = start + offset;
    }
}

/// From middle to middle of two neighbours.
pub(super) fn distance(layered: &Layered, left: usize, right: usize) -> i32 {
    let has_pass = layered.is_pass(left) || layered.is_pass(right);
    let gap = if has_pass { PASS_GAP_CELLS } else { GAP_CELLS };
    layered.vertices[left].width / 2 + layered.vertices[right].width / 2 + gap + 1
}
