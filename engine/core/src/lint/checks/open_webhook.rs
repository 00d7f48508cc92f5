//! `open-webhook`: whoever finds the address can begin runs.

use ferry_contract::report::Report;

use super::{Check, On};
use crate::lint::{File, FileKind};

pub(super) const CHECK: Check =
    Check { name: "open-webhook", page: include_str!("open_webhook.md"), on: On::File(check) };

fn check(file: &File<'_>, report: &mut Report) {
    let webhook = file.root.get("trigger").and_then(|trigger| trigger.get("webhook"));
    let Some(verify) = webhook.and_then(|webhook| webhook.get("verify")) else { return };
    if file.kind == FileKind::Pipeline && verify.text() == Some("none") {
        let message = "whoever finds the address of this webhook can begin runs";
        let is_connector = webhook.is_some_and(|webhook| webhook.get("from").is_some());
        let help = if is_connector {
            "remove `verify`: the connector says how its webhook is verified"
        } else {
            "write `verify: { header: X-Signature, secret: \"${env:HOOK_SECRET}\" }`"
        };
        report.warning(CHECK.name, verify.at, message, help);
    }
}
