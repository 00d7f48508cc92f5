//! `ferry connectors show`

use clap::Args;

use super::shelf::{ShelfArgs, described};
use crate::{
    cmd::{Envelope, Exit, Format, Outcome, print, print_json},
    manual,
};

/// Shows what a connector says of its system: hosts, logins, limits, errors, and actions; or one action in whole.
///
/// For who connects it, and for who audits it: what a repeat of each write does, and how well each fact is known.
///
/// Examples: `ferry connectors show payoneer`, `ferry connectors show payoneer.create_payout`.
#[derive(Args, Debug)]
pub(super) struct Show {
    /// A connector, or an action as `CONNECTOR.ACTION`.
    #[arg(value_name = "NAME")]
    name: String,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    shelf: ShelfArgs,
}

impl Show {
    pub(super) fn run(self) -> Outcome {
        let library = self.shelf.library()?;
        let Some(found) = described(&library, &self.name) else { return Ok(Exit::Nothing) };
        match (self.format, found.actions.as_slice(), found.webhooks.as_slice()) {
            (Format::Json, ..) => print_json(&Envelope::new(found))?,
            (Format::Human, [action], _) if self.name == action.name => print(&manual::action(action).plain()),
            (Format::Human, _, [webhook]) if self.name == webhook.name => print(&manual::webhook(webhook).plain()),
            (Format::Human, ..) => print(&manual::summary(&found).plain()),
        }
        Ok(Exit::Success)
    }
}
