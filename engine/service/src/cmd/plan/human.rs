//! A plan for people: an event, what its run would send, and the sums below.

use std::collections::BTreeMap;

use ferry_contract::key::Digest;

use super::document::{EventPlan, Outlook, PlanDocument, StepPlan};

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

fn step(step: &StepPlan) -> String {
    let why = step.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    let outlook =
        if step.outlook == Outlook::Send { String::new() } else { format!("{}{why}", step.outlook.in_words()) };
    let Some(request) = &step.request else { return format!("  {} {}: {outlook}\n", step.outlook.sign(), step.step) };
    let sign = step.outlook.sign();
    let columns = [step.call.clone(), step.money.clone().unwrap_or_default(), outlook];
    let columns: Vec<&str> = columns.iter().map(String::as_str).filter(|column| !column.is_empty()).collect();
    let mut text = format!("  {sign} {} {}  {}: {}\n", request.method, request.url, step.step, columns.join("   "));
    if let Some(key) = &step.key {
        text += &format!("      key  {key}\n");
    }
    if let Some(body) = &request.body {
        text += &format!("      body {body}\n");
    }
    text
}

impl Outlook {
    fn sign(self) -> char {
        match self {
            Self::Send => '+',
            Self::Done => '=',
            Self::LookUp | Self::Park => '?',
            Self::Held | Self::Refused | Self::Fails => '!',
            Self::Waits => '~',
        }
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
    let mut others: BTreeMap<Outlook, usize> = BTreeMap::new();
    for step in plan.events.iter().flat_map(|event| &event.steps).filter(|step| step.outlook != Outlook::Send) {
        *others.entry(step.outlook).or_default() += 1;
    }
    parts.extend(others.into_iter().map(|(outlook, count)| format!("{count} {}", outlook.in_words())));
    parts.join(" · ") + "\n"
}
