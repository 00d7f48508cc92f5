//! A plan for people: an event, what its run would send, and the sums below.

use std::collections::BTreeMap;

use ferry_contract::key::Digest;

use super::document::{EventPlan, PlanDocument, StepPlan};
use crate::engine::Fate;

/// All of it.
pub(super) fn plan(plan: &PlanDocument) -> String {
    let version = Digest::named(&plan.version);
    let (pipeline, version, world) = (&plan.pipeline, version.short(), &plan.world);
    let mut text = format!("Plan for {pipeline}@{version} against the {world} (reads: live, writes: none)\n");
    text += &plan.events.iter().map(event).collect::<String>();
    text += &sums(plan);
    text
}

fn event(event: &EventPlan) -> String {
    let state = event.run.replace('_', "-");
    let mut text = format!("{} ({state})\n", event.key);
    if event.steps.is_empty() {
        text += match event.run.as_str() {
            "forgotten" => "  = its run has ended and is forgotten; nothing is sent\n",
            "finished" | "dead_lettered" | "cancelled" => "  = it has run already, and is not run again\n",
            _ => "  = it writes nothing\n",
        };
    }
    text += &event.steps.iter().map(step).collect::<String>();
    if !event.then.is_empty() {
        text += &format!("    then {}\n", event.then.join(", "));
    }
    text
}

fn step(StepPlan { foreseen, request }: &StepPlan) -> String {
    let (sign, name) = (sign(foreseen.fate), &foreseen.step);
    let fate = if foreseen.fate == Fate::Send { String::new() } else { foreseen.in_words() };
    let columns = [foreseen.call.clone(), foreseen.money.clone().unwrap_or_default(), fate];
    let columns: Vec<&str> = columns.iter().map(String::as_str).filter(|column| !column.is_empty()).collect();
    let place = request.as_ref().map_or_else(String::new, |request| format!("{} {}  ", request.method, request.url));
    let mut text = format!("  {sign} {place}{name}: {}\n", columns.join("   "));
    if let Some(key) = &foreseen.key {
        text += &format!("      key  {key}\n");
    }
    if let Some(body) = request.as_ref().and_then(|request| request.body.as_ref()) {
        text += &format!("      body {body}\n");
    }
    text
}

fn sign(fate: Fate) -> char {
    match fate {
        Fate::Send => '+',
        Fate::Done | Fate::Instead => '=',
        Fate::LookUp | Fate::Park => '?',
        Fate::Held | Fate::Refused | Fate::Fails => '!',
        Fate::Waits => '~',
    }
}

fn sums(plan: &PlanDocument) -> String {
    let total: usize = plan.requests.values().sum();
    let each: Vec<String> = plan.requests.iter().map(|(connection, count)| format!("{connection} {count}")).collect();
    let each = if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) };
    let mut parts = vec![format!("Writes: {total} {}{each}", if total == 1 { "request" } else { "requests" })];
    if !plan.money.is_empty() {
        parts.push(format!("money out {}", plan.money.join(", ")));
    }
    let mut others: BTreeMap<Fate, usize> = BTreeMap::new();
    for step in plan.events.iter().flat_map(|event| &event.steps).filter(|step| step.foreseen.fate != Fate::Send) {
        *others.entry(step.foreseen.fate).or_default() += 1;
    }
    parts.extend(others.into_iter().map(|(fate, count)| format!("{count} {}", fate.in_words())));
    parts.join(" · ") + "\n"
}
