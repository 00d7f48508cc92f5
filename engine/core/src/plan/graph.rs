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

    /// Reports each circle once, at its first step, as a path; whether there is none.
    pub(super) fn report_cycles(&self, steps: &[&language::Step], report: &mut Report) -> bool {
        let mut is_acyclic = true;
        for mut circle in tarjan_scc(&self.graph) {
            circle.sort();
            let first = circle[0];
            if circle.len() == 1 && !self.graph.contains_edge(first, first) {
                continue;
            }
            is_acyclic = false;
            let path = self.walk(first, &circle);
            let names: Vec<_> = path.iter().map(|node| format!("`{}`", steps[node.index()].id.value)).collect();
            let message = format!("{} waits for itself: {}", names[0], names.join(" → "));
            let help = "a step reads only steps that do not wait for it; remove one of these references";
            report.error("cycle", steps[first.index()].id.at, message, help);
        }
        is_acyclic
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

    /// An arm's steps run while their home step has failed, so they see only what came before it.
    pub(super) fn report_unreachable(&self, steps: &[Step], written: &[&language::Step], report: &mut Report) {
        for (step, written) in steps.iter().zip(written) {
            let Some((home, _)) = step.home else { continue };
            let done = self.done_before(steps, home);
            for need in step.needs.iter().filter(|need| steps[**need].home != step.home && !done.contains(need)) {
                let (id, home_id, need_id) = (&step.id, &steps[home].id, &steps[*need].id);
                let message = if *need == home {
                    format!("`{id}` runs when `{home_id}` has failed, so `{home_id}` has no value by then")
                } else {
                    format!("`{id}` runs when `{home_id}` has failed, and `{need_id}` need not be done by then")
                };
                let help = format!("read `$.error`, steps of the same arm, or steps that `{home_id}` reads or needs");
                report.error("unreachable-value", written.id.at, message, help);
            }
        }
    }

    /// All steps that come before one, or before those that had failed when its arm began.
    fn done_before(&self, steps: &[Step], step: StepIndex) -> Vec<StepIndex> {
        let homes = std::iter::successors(Some(step), |step| steps[*step].home.map(|(home, _)| home));
        homes.flat_map(|home| self.ancestors(home)).collect()
    }

    /// All steps that come before one.
    fn ancestors(&self, step: StepIndex) -> Vec<StepIndex> {
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
