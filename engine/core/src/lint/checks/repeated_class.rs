//! `repeated-class`: an arm that is never reached.

use ferry_contract::report::Report;

use super::{Check, On};
use crate::{language::Step, lint::Context, plan};

pub(super) const CHECK: Check =
    Check { name: "repeated-class", page: include_str!("repeated_class.md"), on: On::Step(check) };

fn check(_: &Context<'_>, step: &Step, report: &mut Report) {
    if let Some(class) = plan::repeated_class(&step.on_error) {
        let message = format!("an arm above this one takes `{}` already", class.value);
        report.error(CHECK.name, class.at, message, "remove the class here, or from the arm above");
    }
}
