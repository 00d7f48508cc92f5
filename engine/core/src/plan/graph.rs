//! The steps' graph: who comes first, and whether anyone comes before himself.

use std::collections::{BTreeMap, VecDeque};

use ferry_contract::report::Report;
use petgraph::{algo::tarjan_scc, graph::DiGraph, graph::NodeIndex, visit::Dfs, visit::Reversed};

use super::{Step, StepIndex};
use crate::language;

/// Edges from what comes first to what comes after.
pub(super) struct Graph {
    graph: DiGraph<(), ()>,
}

impl Graph {
    pub(super) fn new(steps: &[Step]) -> Self {
        let mut graph = DiGraph::new();
        for _ in steps {
            graph.add_node(());
        }
        for (index, step) in steps.iter().enumerate() {
            for need in &step.needs {
                graph.add_edge(NodeIndex::new(*need), NodeIndex::new(index), ());
            }
        }
        Self { graph }
    }

    /// Reports each circle once, at its first step, as a path.
    pub(super) fn report_cycles(&self, steps: &[&language::Step], report: &mut Report) {
        for mut circle in tarjan_scc(&self.graph) {
            circle.sort();
            let first = circle[0];
            if circle.len() == 1 && !self.graph.contains_edge(first, first) {
                continue;
            }
            let path = self.walk(first, &circle);
            let names: Vec<_> = path.iter().map(|node| format!("`{}`", steps[node.index()].id.value)).collect();
            let message = format!("{} waits for itself: {}", names[0], names.join(" → "));
            let help = "a step reads only steps that do not wait for it; remove one of these references";
            report.error("cycle", steps[first.index()].id.at, message, help);
        }
    }

    /// The shortest way from a step back to itself, each followed by one that it waits for.
    fn walk(&self, first: NodeIndex, circle: &[NodeIndex]) -> Vec<NodeIndex> {
        let mut before: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        let mut queue = VecDeque::from([first]);
        while let Some(node) = queue.pop_front() {
            let mut next: Vec<_> = self.graph.neighbors(node).filter(|next| circle.contains(next)).collect();
            next.sort();
            for next in next {
                before.entry(next).or_insert_with(|| {
                    queue.push_back(next);
                    node
                });
            }
        }
        let back = std::iter::successors(Some(before[&first]), |node| before.get(node).copied());
        let way = back.take_while(|node| *node != first);
        [first].into_iter().chain(way).chain([first]).collect()
    }

    /// All steps that come before one.
    pub(super) fn ancestors(&self, step: StepIndex) -> Vec<StepIndex> {
        let reversed = Reversed(&self.graph);
        let mut dfs = Dfs::new(reversed, NodeIndex::new(step));
        let mut found = Vec::new();
        while let Some(node) = dfs.next(reversed) {
            if node.index() != step {
                found.push(node.index());
            }
        }
        found
    }
}
