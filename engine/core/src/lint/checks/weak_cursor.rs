//! `weak-cursor`: a poll that can miss records without a word.

use ferry_contract::report::Report;

use super::{Check, On};
use crate::{
    language::{Cursor, EventSource},
    lint::Context,
};

pub(super) const CHECK: Check =
    Check { name: "weak-cursor", page: include_str!("weak_cursor.md"), on: On::Pipeline(check) };

fn check(cx: &Context<'_>, report: &mut Report) {
    let EventSource::Poll(poll) = &cx.pipeline.trigger.source else { return };
    // A token is the target's own: it says of itself what comes after it.
    let Cursor::Field(cursor) = &poll.cursor else { return };
    if cursor.field.text() == cursor.tie_break.text() {
        let message = "records of one instant have one `tie_break`, so a page may end between them and lose the rest";
        report.warning(CHECK.name, cursor.tie_break.at, message, "name what no two records share, such as `$.Id`");
    }
    if cursor.lookback.is_zero() {
        let message = "a record that becomes visible after a later one is never seen";
        let help = "look back as long as a transaction of the target may take, such as `lookback: 5m`";
        report.warning(CHECK.name, cursor.field.at, message, help);
    }
}
