//! `duplicate-id`, of names that only capitals tell apart.

use ferry_contract::{
    report::{Report, Spanned},
    yaml::Node,
};

use super::{Check, On};
use crate::lint::{File, FileKind};

/// `invalid-id` finds the same of steps.
pub(super) const CHECK: Check =
    Check { name: "duplicate-id", page: include_str!("duplicate_id.md"), on: On::File(check) };

/// Names get into metrics, file names and addresses, which do not all know capitals.
fn check(file: &File<'_>, report: &mut Report) {
    if file.kind != FileKind::Project {
        return;
    }
    for key in ["environments", "connections", "alerts", "groups", "vars"] {
        let mut seen: Vec<&Spanned<String>> = Vec::new();
        for (name, _) in file.root.get(key).and_then(Node::entries).unwrap_or_default() {
            if let Some(first) = seen.iter().find(|first| first.value.eq_ignore_ascii_case(&name.value)) {
                let message = format!("only capitals tell `{}` from `{}`", name.value, first.value);
                let help = format!("choose a name of its own; the first is at line {}", first.at.line);
                report.error(CHECK.name, name.at, message, help);
            }
            seen.push(name);
        }
    }
}
