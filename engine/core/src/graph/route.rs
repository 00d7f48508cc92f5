//! The lines between two layers: down from each vertex, along a track of its own, and down to its ends.
//!
//! No two vertices share a track where they would touch, and a line that goes down to an end begins below the line
//! that comes down from a vertex in the same column. Where these wishes make a circle, the layer below moves aside.

use std::collections::{BTreeMap, BTreeSet};

use super::{Link, Point, layers::Layered};

/// The lines of one vertex in the channel below its layer.
#[derive(Debug)]
struct Net {
    vertex: usize,
    left: i32,
    right: i32,
    /// The columns where it goes down to the next layer.
    ends: Vec<i32>,
    column: i32,
    track: Option<i32>,
}

/// Gives each layer its row, and each link its corners.
pub(super) fn routes(layered: &mut Layered, links: &[Link]) -> Vec<Vec<Point>> {
    let mut track_rows: Vec<Option<i32>> = vec![None; layered.vertices.len()];
    let mut row = 0;
    for layer in 0..layered.layers.len() {
        layered.rows[layer] = row;
        let height = layered.layers[layer].iter().map(|vertex| layered.vertices[*vertex].height).max().unwrap_or(0);
        let nets = channel(layered, layer);
        let tracks = nets.iter().filter_map(|net| net.track).max().map_or(0, |last| last + 1);
        for net in &nets {
            track_rows[net.vertex] = net.track.map(|track| row + height + track);
        }
        row += height + tracks + 1;
    }
    links.iter().map(|link| corners(layered, link, &track_rows)).collect()
}

/// The lines below a layer on their tracks; the next layer moves aside until there are some.
fn channel(layered: &mut Layered, layer: usize) -> Vec<Net> {
    loop {
        let mut nets = nets(layered, layer);
        match tracks(&mut nets) {
            Ok(()) => return nets,
            Err(column) => move_aside(layered, layer + 1, column),
        }
    }
}

fn nets(layered: &Layered, layer: usize) -> Vec<Net> {
    let net = |vertex: &usize| {
        let column = layered.vertices[*vertex].center;
        let mut ends: Vec<i32> = layered.below[*vertex].iter().map(|below| layered.vertices[*below].center).collect();
        ends.sort_unstable();
        let (left, right) = (ends.first()?.min(&column), ends.last()?.max(&column));
        Some(Net { vertex: *vertex, left: *left, right: *right, ends, column, track: None })
    };
    layered.layers[layer].iter().filter_map(net).collect()
}

/// Gives each net that is not straight its track; where that is impossible, a column of an end in the circle.
fn tracks(nets: &mut [Net]) -> Result<(), i32> {
    let mut open: Vec<usize> = (0..nets.len()).filter(|index| nets[*index].left < nets[*index].right).collect();
    let by_column: BTreeMap<i32, usize> = open.iter().map(|index| (nets[*index].column, *index)).collect();
    let above = |index: usize| {
        let ends = nets[index].ends.iter().filter_map(|end| by_column.get(end).copied());
        ends.filter(move |upper| *upper != index).collect::<Vec<usize>>()
    };
    let above: Vec<Vec<usize>> = (0..nets.len()).map(above).collect();
    while !open.is_empty() {
        let is_free = |index: &usize| above[*index].iter().all(|upper| nets[*upper].track.is_some());
        let Some(free) = open.iter().position(is_free) else {
            let waited_for = open.iter().flat_map(|index| &above[*index]).filter(|upper| nets[**upper].track.is_none());
            return Err(waited_for.map(|upper| nets[*upper].column).max().expect("who is not free waits for another"));
        };
        let index = open.remove(free);
        let net = &nets[index];
        let touches = |other: &&Net| other.left <= net.right + 1 && net.left <= other.right + 1;
        let taken: BTreeSet<i32> = nets.iter().filter(touches).filter_map(|other| other.track).collect();
        let lowest = above[index].iter().filter_map(|upper| nets[*upper].track).max();
        let mut track = lowest.map_or(0, |track| track + 1);
        while taken.contains(&track) {
            track += 1;
        }
        nets[index].track = Some(track);
    }
    Ok(())
}

/// Moves the vertex at a column, and all to the right of it, by one column.
fn move_aside(layered: &mut Layered, layer: usize, column: i32) {
    for vertex in layered.layers[layer].clone() {
        let center = &mut layered.vertices[vertex].center;
        *center += i32::from(*center >= column);
    }
}

/// The corners of a link, and its two ends.
fn corners(layered: &Layered, link: &Link, track_rows: &[Option<i32>]) -> Vec<Point> {
    let way = layered.way(link);
    let column = |vertex: usize| layered.vertices[vertex].center;
    let first = &layered.vertices[link.from];
    let mut points = vec![Point { x: first.center, y: layered.rows[first.layer] + first.height - 1 }];
    for pair in way.windows(2) {
        let (from, to) = (column(pair[0]), column(pair[1]));
        if let Some(row) = track_rows[pair[0]].filter(|_| from != to) {
            points.extend([Point { x: from, y: row }, Point { x: to, y: row }]);
        }
    }
    let last = &layered.vertices[link.to];
    points.push(Point { x: last.center, y: layered.rows[last.layer] });
    points
}
