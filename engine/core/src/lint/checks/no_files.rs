//! `no-files`: an action works on files, and the project has no folder of them.

use ferry_contract::{report::Report, yaml::Node};

use super::{Check, On};
use crate::{
    language::{SideRows, Step, Work},
    lint::Context,
};

pub(super) const CHECK: Check = Check { name: "no-files", page: include_str!("no_files.md"), on: On::Pipeline(check) };

fn check(cx: &Context<'_>, report: &mut Report) {
    if cx.project.files.is_some() {
        return;
    }
    for file in cx.pipeline.all_steps().into_iter().filter_map(file) {
        let help = "add `files: files` to ferry.yaml: a folder beside it, whose files are named by their paths in it";
        report.error(CHECK.name, file.at, "this reads a file, and the project has no folder of them", help);
    }
    for call in cx.pipeline.calls() {
        if cx.action(&call.action.value).is_some_and(|action| action.uses_files) {
            let message = format!("`{}` works on files, and the project has no folder of them", call.action.value);
            let help =
                "add `files: files` to ferry.yaml: a folder beside it, whose files are named by their paths in it";
            report.error(CHECK.name, call.action.at, message, help);
        }
    }
}

/// The first file that a reconciliation reads.
fn file(step: &Step) -> Option<&Node> {
    let Work::Reconcile(reconcile) = &step.work else { return None };
    reconcile.sides().find_map(|side| match &side.from {
        SideRows::File(file) => Some(file),
        SideRows::Action { .. } | SideRows::Items(_) => None,
    })
}
