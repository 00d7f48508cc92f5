//! `retention` of `ferry.yaml`: how long what is over is kept.

use std::time::Duration;

use ferry_contract::{
    report::Report,
    yaml::{
        Node,
        read::{Fields, duration},
    },
};

use crate::limits::RETENTION_MIN;

/// What is forgotten, and when.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Retention {
    /// How long after its end the story of a run is kept that finished or was cancelled; for ever where nothing is said.
    /// Dead letters stay until somebody is done with them, and names of events and calls for ever.
    pub runs: Option<Duration>,
}

pub(super) fn read(node: &Node, report: &mut Report) -> Retention {
    let Some(fields) = Fields::open(node, "`retention`", &["runs"], report) else { return Retention::default() };
    let Some(node) = fields.need("runs", "180d", report) else { return Retention::default() };
    let runs = duration(node, "`runs`", report).filter(|runs| {
        let is_long = *runs >= RETENTION_MIN;
        if !is_long {
            let message = "what is forgotten within a day cannot be asked about any more";
            report.error("invalid-value", node.at, message, "write `1d` or more, such as `180d`");
        }
        is_long
    });
    Retention { runs }
}
