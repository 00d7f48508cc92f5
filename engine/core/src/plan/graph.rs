//! The steps' graph: who comes first, and whether anyone comes before himself.

use std::collections::BTreeMap;

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
            let message = format!("these steps wait for each other: {}", names.join(" → "));
            let help = "a step can only read steps that do not read it; break the circle at one of them";
            report.error("cycle", steps[first.index()].id.at, message, help);
        }
    }

    /// A way from a step back to itself inside its circle.
    fn walk(&self, first: NodeIndex, circle: &[NodeIndex]) -> Vec<NodeIndex> {
        let mut before: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([first]);
        while let Some(node) = queue.pop_front() {
            let mut next: Vec<_> = self.graph.neighbors(node).filter(|next| circle.contains(next)).collect();
            next.sort();
            for next in next {
                if next == first {
                    let mut path = vec![first, node];
                    while let Some(node) = path.last().filter(|node| **node != first).and_then(|node| before.get(node))
                    {
                        path.push(*node);
                    }
                    path.reverse();
                    path.dedup();
                    path.push(first);
                    return path;
                }
                if !before.contains_key(&next) {
                    before.insert(next, node);
                    queue.push_back(next);
                }
            }
        }
        vec![first, first]
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
