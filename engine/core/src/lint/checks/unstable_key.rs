//! `unstable-key`: a key that does not tell apart what it names.

use ferry_contract::{
    expression::Expression,
    report::{At, Report},
};

use super::{Check, On};
use crate::{
    language,
    lint::{
        Context, reads,
        written::{is_amount, is_currency},
    },
    plan::{Plan, Work},
};

pub(super) const CHECK: Check =
    Check { name: "unstable-key", page: include_str!("unstable_key.md"), on: On::Plan(check) };

fn check(cx: &Context<'_>, plan: &Plan, report: &mut Report) {
    moving(cx, report);
    for (step, written) in plan.steps.iter().zip(cx.pipeline.all_steps()) {
        if let (Some(each), Some(at)) = (&step.each, &written.each)
            && !roots(&each.key).contains(&each.name.as_str())
        {
            let message = format!("this key is the same for each `{}`, so a list of two fails", each.name);
            report.error(
                CHECK.name,
                at.key.at,
                message,
                format!("name what tells them apart, such as `$.{}.id`", each.name),
            );
        }
        let (key, at, what) = match (&step.work, &written.work) {
            (Work::Call(call), _) => (call.once_per.as_ref(), written.once_per.as_ref().map(|node| node.at), "call"),
            (Work::Emit { key, .. }, language::Work::Emit(emit)) => (Some(key), Some(emit.key.at), "event"),
            _ => continue,
        };
        if let (Some(key), Some(at)) = (key, at) {
            constant(key, at, what, report);
        }
    }
}

/// The field by which a poll goes on is another one after each change, and the same for what changes together.
fn moving(cx: &Context<'_>, report: &mut Report) {
    let trigger = &cx.pipeline.trigger;
    let (language::EventSource::Poll(poll), Some(key)) = (&trigger.source, &trigger.key) else { return };
    let language::Cursor::Field(growing) = &poll.cursor else { return };
    if key.text().is_some() && key.text() == growing.field.text() {
        let message = "each change of a record has another key, and records that change together have one";
        let help = "name the record, such as `$.Id`, and write this as `revision`";
        report.error(CHECK.name, key.at, message, help);
    }
}

/// What reads nothing is one key for all runs; what reads `vars` alone may be changed there for each batch.
fn constant(key: &Expression, at: At, what: &str, report: &mut Report) {
    if roots(key).is_empty() {
        let message = format!("this key is the same in every run, so only the first run's {what} is made");
        report.error(CHECK.name, at, message, "read it from the event or from a step, such as `$.event.Id`");
        return;
    }
    // Nothing of it names a record.
    let read = reads::of(key);
    if !read.is_empty() && read.iter().all(|read| is_amount(read.last()) || is_currency(read.last())) {
        let message = format!("two payments of one amount have the same key, so only the first {what} is made");
        report.warning(CHECK.name, at, message, "add what names the record, such as `$.event.Id`");
    }
}

fn roots(expression: &Expression) -> Vec<&str> {
    let mut roots = Vec::new();
    expression.roots(&mut |root| roots.push(root));
    roots
}
