//! What the picture of a pipeline says: its nodes in the words of its file, and the edges of its plan.

use std::{collections::BTreeSet, time::Duration};

use ferry_contract::{report::Spanned, yaml::Node};

use super::{Content, EdgeKind, Link, NodeKind, Shown, wrap::clean};
use crate::{
    language::{self, Arm, EventSource, Pipeline, Reaction, Sender, SideRows, Then, Wait, Work},
    plan::{self, Plan, Settled, StepIndex},
};

/// The id of the node of what starts runs; no step can be called so.
const TRIGGER: &str = "pipeline.trigger";

pub(super) fn of(pipeline: &Pipeline, plan: &Plan) -> Content {
    let written = pipeline.all_steps();
    let mut content = Content {
        pipeline: clean(&pipeline.name.value),
        description: pipeline.description.as_ref().map(|text| clean(&text.value)),
        // A plan has the steps of its file in their order, so their numbers are those of the nodes.
        nodes: written.iter().zip(&plan.steps).map(|(step, planned)| step_node(step, home(plan, planned))).collect(),
        links: Vec::new(),
    };
    let trigger = push(&mut content, trigger(pipeline));
    for (index, step) in written.iter().enumerate() {
        for (number, arm) in step.on_error.iter().enumerate() {
            let arm_node = push(&mut content, arm_node(step, number, arm));
            content.links.push(Link { from: index, to: arm_node, kind: EdgeKind::Fails });
            let own = plan.steps.iter().enumerate().filter(|(_, step)| step.home == Some((index, number)));
            let begins = |step: StepIndex| !needs_one_beside(plan, step);
            let first = own.map(|(own, _)| own).filter(|own| begins(*own));
            content.links.extend(first.map(|to| Link { from: arm_node, to, kind: EdgeKind::Starts }));
        }
        content.links.extend(edges(plan, index, trigger));
    }
    content
}

fn push(content: &mut Content, node: Shown) -> usize {
    content.nodes.push(node);
    content.nodes.len() - 1
}

/// Whether a step of an arm waits for another step of the same arm.
fn needs_one_beside(plan: &Plan, step: StepIndex) -> bool {
    plan.steps[step].needs.iter().any(|need| plan.steps[*need].home == plan.steps[step].home)
}

/// The edges to a step from those before it, or from the trigger.
fn edges(plan: &Plan, index: StepIndex, trigger: usize) -> Vec<Link> {
    let step = &plan.steps[index];
    if step.needs.is_empty() && step.home.is_none() {
        return vec![Link { from: trigger, to: index, kind: EdgeKind::Starts }];
    }
    let mut read: BTreeSet<StepIndex> = BTreeSet::new();
    step.roots(&mut |root| read.extend(plan.index.get(root)));
    let kind = |need: &StepIndex| if read.contains(need) { EdgeKind::Reads } else { EdgeKind::Needs };
    step.needs.iter().map(|need| Link { from: *need, to: index, kind: kind(need) }).collect()
}

fn trigger(pipeline: &Pipeline) -> Shown {
    let trigger = &pipeline.trigger;
    let mut details = match &trigger.source {
        EventSource::Poll(poll) => vec![format!("poll {}", poll.action.value), every(poll.every)],
        EventSource::Webhook(hook) => {
            let answer = hook.respond.as_ref().map(|step| format!("answers with {}", step.value));
            let from = match &hook.sender {
                Sender::System { from, .. } => Some(format!("from {}", from.value)),
                Sender::Anybody | Sender::Verified(..) => None,
            };
            std::iter::once(format!("webhook {}", hook.path.value)).chain(from).chain(answer).collect()
        }
        EventSource::Event(name) => vec![format!("event {}", name.value)],
        EventSource::Schedule(schedule) => {
            vec![format!("schedule {}", schedule.cron.value), format!("in {}", written(&schedule.zone))]
        }
        EventSource::Pipeline(follow) => {
            vec![format!("after {}", follow.name.value), follow.on.name().replace('_', " ")]
        }
        EventSource::File(file) => vec![format!("files in {}", file.folder.value), every(file.every)],
        EventSource::Reconciled(reconciled) => {
            let of = match reconciled.of {
                Settled::Matches => "matches",
                Settled::Suggestions => "suggestions",
                Settled::Exceptions => "exceptions",
                Settled::WriteOffs => "write-offs",
            };
            vec![format!("{of} of the book {}", reconciled.book.value), every(reconciled.every)]
        }
        EventSource::Manual => vec!["by hand, or by another pipeline".to_owned()],
    };
    details.extend(trigger.key.as_ref().map(|key| format!("key {}", written(key))));
    shown(NodeKind::Trigger, TRIGGER.to_owned(), "trigger", details)
}

fn arm_id(step: &str, number: usize) -> String {
    format!("{step}.on_error.{}", number + 1)
}

/// The arm that a step belongs to.
fn home(plan: &Plan, step: &plan::Step) -> Option<String> {
    step.home.map(|(home, number)| arm_id(&plan.steps[home].id, number))
}

fn step_node(step: &language::Step, home: Option<String>) -> Shown {
    let mut details = work(&step.work);
    details.extend(step.each.as_ref().map(|each| format!("each {} in {}", each.name.value, written(&each.items))));
    details.extend(step.when.as_ref().map(|when| format!("when {}", written(when))));
    Shown { home, ..shown(NodeKind::Step, step.id.value.clone(), &step.id.value, details) }
}

fn work(work: &Work) -> Vec<String> {
    match work {
        Work::Action { action, .. } => vec![action.value.clone()],
        Work::Map(_) => vec!["map".to_owned()],
        Work::Script(_) => vec!["script".to_owned()],
        Work::Function(function) => {
            vec![format!("script {}", function.module.value), format!("calls {}", function.name.value)]
        }
        Work::Allocate(allocate) => vec![format!("allocates {}", written(&allocate.amount))],
        Work::Alert(alert) => vec![format!("alerts {}", alert.to.value)],
        Work::Check(rules) if rules.len() == 1 => vec!["check of 1 rule".to_owned()],
        Work::Check(rules) => vec![format!("check of {} rules", rules.len())],
        Work::Wait(wait) => waits(wait),
        Work::Approve(approve) => {
            let mut lines = vec![format!("approval by {}", names(&approve.by))];
            // What does not expire has the longest time there is.
            lines.extend((approve.expires < Duration::MAX).then(|| at_most(approve.expires)));
            lines
        }
        Work::Pipeline { name, .. } => vec![format!("pipeline {}", name.value)],
        Work::Emit(emit) => vec![format!("emits {}", emit.event.value)],
        Work::Link(link) => vec![format!("links in {}", written(&link.table))],
        Work::Reconcile(reconcile) => {
            let sides = [&reconcile.left, &reconcile.right].map(|side| rows(&side.from));
            vec![format!("reconciles {}", sides[0]), format!("with {}", sides[1]), rules(reconcile.rules.len())]
        }
    }
}

fn rules(count: usize) -> String {
    if count == 1 { "by 1 rule".to_owned() } else { format!("by {count} rules") }
}

fn rows(from: &SideRows) -> String {
    match from {
        SideRows::Action { action, .. } => action.value.clone(),
        SideRows::File(file) => format!("the file {}", written(file)),
        SideRows::Items(list) => written(list),
    }
}

fn waits(wait: &Wait) -> Vec<String> {
    match wait {
        Wait::For(time) => vec![format!("waits for {}", short(*time))],
        Wait::Poll { probe, wake, timeout } => {
            let mut lines = asks(probe);
            lines.extend(wake.as_ref().map(|wake| format!("or at once on {}", wake.event.value)));
            lines.push(at_most(timeout.after));
            lines
        }
        Wait::Event { event, timeout } => {
            vec![format!("waits for the event {}", event.event.value), at_most(timeout.after)]
        }
    }
}

fn asks(probe: &language::Probe) -> Vec<String> {
    let asked = format!("asks {}", probe.action.value);
    vec![asked, every(probe.every), format!("until {}", written(&probe.until))]
}

fn arm_node(step: &language::Step, number: usize, arm: &Arm) -> Shown {
    let classes: Vec<&str> = arm.classes.iter().map(|class| class.value.name()).collect();
    let mut details: Vec<String> =
        arm.retry.iter().map(|retry| format!("retries, {} attempts", retry.attempts_max)).collect();
    match &arm.reaction {
        Reaction::Hold { what, probe, .. } => {
            details.push(format!("hold for {}", written(what)));
            details.extend(asks(probe));
        }
        Reaction::Fallback { action, .. } => details.push(format!("instead {}", action.value)),
        Reaction::Do { then: Then::Continue, .. } => details.push("then continue".to_owned()),
        Reaction::Do { then: Then::DeadLetter, .. } => details.push("then dead_letter".to_owned()),
    }
    let (id, title) = (arm_id(&step.id.value, number), format!("on {}", classes.join(", ")));
    Shown { home: Some(step.id.value.clone()), ..shown(NodeKind::Arm, id, &title, details) }
}

fn shown(kind: NodeKind, id: String, title: &str, details: Vec<String>) -> Shown {
    Shown { kind, id, title: clean(title), details: details.iter().map(|detail| clean(detail)).collect(), home: None }
}

fn names(names: &[Spanned<String>]) -> String {
    names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(", ")
}

/// A value as it stands in the file, where it is a text; else as JSON.
fn written(node: &Node) -> String {
    node.text().map_or_else(|| node.to_value().to_string(), str::to_owned)
}

fn every(time: Duration) -> String {
    format!("every {}", short(time))
}

fn at_most(time: Duration) -> String {
    format!("at most {}", short(time))
}

/// A time as pipelines write it, in the largest unit that is exact.
fn short(time: Duration) -> String {
    let ms = time.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let exact = units.into_iter().find(|(_, unit_ms)| ms >= *unit_ms && ms.is_multiple_of(*unit_ms));
    exact.map_or_else(|| "0s".to_owned(), |(unit, unit_ms)| format!("{}{unit}", ms / unit_ms))
}
