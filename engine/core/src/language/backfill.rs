//! `backfill` of a poll: where its first poll begins, and how far one query reaches.

use std::time::Duration;

use ferry_contract::{
    report::Report,
    yaml::{
        Node,
        read::{Fields, duration, text},
    },
};
use jiff::Timestamp;

use super::near;
use crate::limits::BACKFILL_WINDOW_MIN;

/// Where the first poll begins, and how far one query reaches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Backfill {
    /// The first moment whose events are taken.
    pub from: Timestamp,
    /// The moment from which on events are not taken any more; nothing where the poll goes on.
    pub to: Option<Timestamp>,
    /// How far one query reaches.
    pub window: Duration,
}

pub(super) fn read(node: &Node, report: &mut Report) -> Option<Backfill> {
    let fields = Fields::open_near(node, "`backfill`", (&["from", "to", "window"], near::BACKFILL), report)?;
    let from = fields.need("from", "2026-01-01T00:00:00Z", report).and_then(|node| moment(node, "`from`", report));
    let to = fields.get("to").map_or(Some(None), |node| moment(node, "`to`", report).map(Some));
    let window = fields.need("window", "1d", report).and_then(|node| {
        let window = duration(node, "`window`", report)?;
        if window < BACKFILL_WINDOW_MIN {
            let message = "a window of less than a minute makes more queries than events";
            report.error("invalid-value", node.at, message, "write a longer one, such as `1d`");
        }
        Some(window)
    });
    let backfill = Backfill { from: from?, to: to?, window: window? };
    if let (Some(to), Some(node)) = (backfill.to, fields.get("to"))
        && to <= backfill.from
    {
        let message = "the backfill ends before it begins";
        report.error("invalid-value", node.at, message, "write a later `to`, or leave it out where the poll goes on");
    }
    Some(backfill)
}

fn moment(node: &Node, what: &str, report: &mut Report) -> Option<Timestamp> {
    let written = text(node, what, report)?;
    let moment = written.value.parse().ok();
    if moment.is_none() {
        let message = format!("`{}` is not a moment", written.value);
        report.error("invalid-value", node.at, message, "write it with its offset, like `2026-01-01T00:00:00Z`");
    }
    moment
}
