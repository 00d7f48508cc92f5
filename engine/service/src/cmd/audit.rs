//! `ferry audit`

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Envelope, Exit, Format, Outcome, StoreArgs, print, print_json, tell};
use crate::{
    limits::LIST_ROWS_DEFAULT,
    render,
    store::{self, Act},
};

/// Shows what persons did: who, what, to which run, and why.
#[derive(Args, Debug)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Lists acts, the latest first.
    List {
        /// At most that many.
        #[arg(long, default_value_t = LIST_ROWS_DEFAULT, value_name = "N")]
        limit: usize,
        /// How it is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        store: StoreArgs,
    },
}

/// The answer of `ferry audit list --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ActList {
    /// What persons did, the latest first.
    pub acts: Vec<Act>,
}

impl Audit {
    pub(super) async fn run(self) -> Outcome {
        let AuditCommand::List { limit, format, store } = self.command;
        let acts = store::open(&store.store).await?.acts(limit).await?;
        if format == Format::Json {
            print_json(&Envelope::new(ActList { acts }))?;
            return Ok(Exit::Success);
        }
        if acts.is_empty() {
            tell("nobody has done anything by hand");
            return Ok(Exit::Nothing);
        }
        let row = |act: Act| {
            let detail = if act.detail.is_null() { String::new() } else { act.detail.to_string() };
            vec![act.at.to_string(), act.by, act.act, act.subject, act.reason, detail]
        };
        let header = ["AT", "BY", "ACT", "TO", "REASON", "MORE"];
        print(&render::table(&header, acts.into_iter().map(row).collect()));
        Ok(Exit::Success)
    }
}
