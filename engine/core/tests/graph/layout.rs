//! What holds of every layout, whatever the graph.

use std::collections::BTreeMap;

use ferry_core::graph::{self, Charset, Content, Edge, EdgeKind, Edges, Link, Node, NodeKind, Picture, Shown};
use proptest::prelude::*;

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

fn content() -> impl Strategy<Value = Content> {
    (1usize..24).prop_flat_map(|count| {
        let titles = proptest::collection::vec("[a-z]{1,9}( [a-z.]{1,30}){0,6}", count);
        let links = proptest::collection::vec((0..count, 0..count, 0..4u8), 0..count * 3);
        (titles, links).prop_map(|(titles, links)| made(&titles, &links))
    })
}

fn made(titles: &[String], links: &[(usize, usize, u8)]) -> Content {
    let node = |(index, title): (usize, &String)| Shown {
        kind: if index % 5 == 4 { NodeKind::Arm } else { NodeKind::Step },
        id: format!("step_{:03}", (index * 7) % 211),
        title: title.clone(),
        details: Vec::new(),
        home: None,
    };
    let kinds = [EdgeKind::Starts, EdgeKind::Reads, EdgeKind::Needs, EdgeKind::Fails];
    let downwards = links.iter().filter(|(from, to, _)| from != to);
    let links = downwards.map(|(from, to, kind)| Link {
        from: *from.min(to),
        to: *from.max(to),
        kind: kinds[usize::from(*kind)],
    });
    Content {
        pipeline: "example".to_owned(),
        description: None,
        nodes: titles.iter().enumerate().map(node).collect(),
        links: links.collect(),
    }
}

/// The same graph in another order of the file.
fn shuffled(content: &Content, by: usize) -> Content {
    let count = content.nodes.len();
    let place = |node: usize| (node + by) % count;
    let mut nodes = content.nodes.clone();
    content.nodes.iter().enumerate().for_each(|(index, node)| nodes[place(index)] = node.clone());
    let moved = content.links.iter().map(|link| Link { from: place(link.from), to: place(link.to), ..*link });
    Content { nodes, links: moved.rev().collect(), ..content.clone() }
}

fn overlap(one: &Node, other: &Node) -> bool {
    one.x < other.x + other.width
        && other.x < one.x + one.width
        && one.y < other.y + other.height
        && other.y < one.y + one.height
}

/// The cells of a line, with the directions in which it leaves them.
fn cells(edge: &Edge) -> BTreeMap<(i32, i32), u8> {
    let mut found = BTreeMap::new();
    let mut mark = |x, y, bits| *found.entry((x, y)).or_insert(0) |= bits;
    for pair in edge.points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        assert!(from.x == to.x || from.y == to.y, "a line is neither upright nor level: {edge:?}");
        (from.y..to.y).for_each(|y| {
            mark(from.x, y, DOWN);
            mark(from.x, y + 1, UP);
        });
        (from.x.min(to.x)..from.x.max(to.x)).for_each(|x| {
            mark(x, from.y, RIGHT);
            mark(x + 1, from.y, LEFT);
        });
    }
    found
}

fn check(picture: &Picture) {
    for (index, node) in picture.nodes.iter().enumerate() {
        assert!(node.x >= 0 && node.y >= 0 && node.x + node.width <= picture.width);
        assert!(node.y + node.height <= picture.height);
        for other in &picture.nodes[index + 1..] {
            assert!(!overlap(node, other), "{node:?} lies on {other:?}");
        }
    }
    let drawn: Vec<_> = picture.edges.iter().filter(|edge| !edge.points.is_empty()).collect();
    drawn.iter().for_each(|edge| check_edge(picture, edge));
    let cells: Vec<_> = drawn.iter().map(|edge| cells(edge)).collect();
    for (one, of_one) in drawn.iter().zip(&cells) {
        for (other, of_other) in drawn.iter().zip(&cells) {
            if one.from != other.from && one.to != other.to {
                check_crossings(of_one, of_other);
            }
        }
    }
}

/// From the lower border of one box to the upper border of the other, downwards, and through no box.
fn check_edge(picture: &Picture, edge: &Edge) {
    let find = |id: &str| picture.nodes.iter().find(|node| node.id == id).unwrap();
    let (from, to) = (find(&edge.from), find(&edge.to));
    let (first, last) = (edge.points.first().unwrap(), edge.points.last().unwrap());
    assert!(from.layer < to.layer && from.y + from.height <= to.y, "{edge:?} does not go downwards");
    assert!(edge.points.windows(2).all(|pair| pair[0].y <= pair[1].y), "{edge:?} goes upwards");
    assert_eq!((first.y, last.y), (from.y + from.height - 1, to.y));
    assert!(from.x < first.x && first.x < from.x + from.width && to.x < last.x && last.x < to.x + to.width);
    let cells = cells(edge);
    for node in picture.nodes.iter().filter(|node| node.id != edge.from && node.id != edge.to) {
        let inside = |(x, y): &(i32, i32)| {
            (node.x..node.x + node.width).contains(x) && (node.y..node.y + node.height).contains(y)
        };
        assert!(!cells.keys().any(inside), "{edge:?} goes through {node:?}");
    }
}

/// Lines with nothing in common share cells only where one goes down and the other sideways.
fn check_crossings(one: &BTreeMap<(i32, i32), u8>, other: &BTreeMap<(i32, i32), u8>) {
    for (cell, bits) in one {
        if let Some(others) = other.get(cell) {
            assert_eq!((bits | others, bits & others), (15, 0), "at {cell:?}");
            assert!(*bits == UP | DOWN || *bits == LEFT | RIGHT, "at {cell:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_overlaps_and_edges_go_downwards(content in content(), all in any::<bool>()) {
        let edges = if all { Edges::All } else { Edges::Needed };
        check(&graph::lay_out(content, edges));
    }

    #[test]
    fn the_same_graph_has_the_same_layout(content in content(), by in 0usize..24) {
        let other = shuffled(&content, by);
        prop_assert_eq!(graph::lay_out(content, Edges::Needed), graph::lay_out(other, Edges::Needed));
    }

    #[test]
    fn each_node_is_in_each_format(content in content()) {
        let picture = graph::lay_out(content, Edges::Needed);
        let (text, list) = (graph::text(&picture, Charset::Ascii), graph::list(&picture, Charset::Ascii));
        prop_assert!(text.is_ascii() && list.is_ascii());
        let mut rows = text.lines().skip(2).take(usize::try_from(picture.height).unwrap());
        prop_assert!(rows.all(|line| i32::try_from(line.len()).unwrap() <= picture.width));
        prop_assert_eq!(graph::svg(&picture).matches("<rect ").count(), picture.nodes.len());
        let mermaid = graph::mermaid(&picture);
        prop_assert_eq!(mermaid.lines().filter(|line| line.contains('"')).count(), picture.nodes.len());
        for line in picture.nodes.iter().flat_map(|node| &node.lines) {
            prop_assert!(text.contains(&line.replace('…', "?")), "{} is not in\n{}", line, text);
        }
    }
}

/// The most that a pipeline may have, with each step reading all before it.
#[test]
fn the_largest_pipeline_is_drawn() {
    let titles: Vec<String> = (0..ferry_core::limits::STEPS_MAX).map(|step| format!("step {step}")).collect();
    let links: Vec<_> = (0..titles.len()).flat_map(|to| (0..to).map(move |from| (from, to, 1))).collect();
    let picture = graph::lay_out(made(&titles, &links), Edges::Needed);
    assert_eq!(picture.edges.iter().filter(|edge| !edge.points.is_empty()).count(), titles.len() - 1);
    let wide: Vec<_> = (1..titles.len()).map(|to| (0, to, 1)).collect();
    check(&graph::lay_out(made(&titles, &wide), Edges::All));
}
