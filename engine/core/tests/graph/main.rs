//! Pictures of pipelines: the four formats as they are printed, and what holds of every layout.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../world/mod.rs"]
mod world;

mod layout;

use std::sync::Arc;

use expect_test::{ExpectFile, expect_file};
use ferry_contract::report::{Report, Source};
use ferry_core::{
    graph::{self, Charset, Edges, Picture},
    language,
};

use world::{PROJECT, World, completed};

const MASS_PAYOUTS: &str = include_str!("../world/mass-payouts.yaml");

/// Each way to show what a step is, with signs that formats take as their own.
const SMALL: &str = "\
steps:
  - { id: orders, map: [{ id: 1 }] }
  - { id: big, needs: [orders], approve: { by: [ana, bo], expires: 3d } }
  - id: paid
    needs: [big]
    each: { in: $.orders, as: order, key: $.order.id }
    when: 'event.Amount__c < 100 && event.Id != \"<b>#`\"'
    action: payoneer.get_balance
    on_error:
      - { class: unavailable, retry: { attempts: 3 }, then: continue }
      - class: [rejected, declined]
        do:
          - { id: told, map: $.error.message }
          - { id: noted, needs: [told], emit: { event: order.refused, key: $.event.Id } }
        then: dead_letter
  - { id: pause, needs: [paid], wait: { for: 90m } }
  - { id: end, needs: [pause, orders], script: 'paid.len()' }
";

#[track_caller]
fn picture(pipeline: &str, edges: Edges) -> Picture {
    let checked = World::new().lint(PROJECT, &[pipeline]);
    assert!(checked.reports.iter().all(Report::is_ok), "{:#?}", checked.reports);
    let source: Arc<Source> = Source::new("a.yaml", pipeline);
    let read = language::read(&source, &mut Report::new(&source)).unwrap();
    graph::picture(&read, &checked.plans[0], edges)
}

#[track_caller]
fn check(picture: &Picture, [text, svg, mermaid, json]: [ExpectFile; 4]) {
    text.assert_eq(&graph::text(picture, Charset::Unicode));
    svg.assert_eq(&graph::svg(picture));
    mermaid.assert_eq(&graph::mermaid(picture));
    json.assert_eq(&(serde_json::to_string_pretty(picture).unwrap() + "\n"));
}

#[test]
fn a_small_pipeline_in_every_format() {
    let picture = picture(&completed(SMALL), Edges::Needed);
    check(
        &picture,
        [expect_file!["small.txt"], expect_file!["small.svg"], expect_file!["small.mmd"], expect_file!["small.json"]],
    );
}

#[test]
fn the_payouts_in_every_format() {
    let picture = picture(MASS_PAYOUTS, Edges::Needed);
    assert!(picture.width <= 80, "{} columns do not fit into a terminal", picture.width);
    check(
        &picture,
        [
            expect_file!["mass-payouts.txt"],
            expect_file!["mass-payouts.svg"],
            expect_file!["mass-payouts.mmd"],
            expect_file!["mass-payouts.json"],
        ],
    );
}

#[test]
fn plain_characters_and_lists_say_the_same() {
    let small = picture(&completed(SMALL), Edges::Needed);
    expect_file!["small.ascii.txt"].assert_eq(&graph::text(&small, Charset::Ascii));
    expect_file!["small.list.txt"].assert_eq(&graph::list(&small, Charset::Unicode));
    let ascii = graph::list(&picture(MASS_PAYOUTS, Edges::All), Charset::Ascii);
    expect_file!["mass-payouts.list.txt"].assert_eq(&ascii);
    assert!(ascii.is_ascii() && graph::text(&small, Charset::Ascii).is_ascii());
}

/// The file's order is its author's; who waits for whom is the same.
#[test]
fn the_order_of_the_file_says_nothing() {
    let blocks: Vec<&str> = SMALL.trim_start_matches("steps:\n").split("  - id: paid").collect();
    let (head, rest) = (blocks[0], blocks[1]);
    let turned = format!("steps:\n  - id: paid{rest}{head}");
    for edges in [Edges::Needed, Edges::All] {
        assert_eq!(picture(&completed(&turned), edges), picture(&completed(SMALL), edges));
    }
}

#[test]
fn a_line_that_others_imply_is_drawn_only_where_all_are_asked_for() {
    let drawn = |edges| {
        let picture = picture(&completed(SMALL), edges);
        let edge = picture.edges.iter().find(|edge| edge.from == "orders" && edge.to == "paid").unwrap().clone();
        (edge.implied, edge.points.is_empty())
    };
    assert_eq!(drawn(Edges::Needed), (true, true));
    assert_eq!(drawn(Edges::All), (true, false));
}
