//! `ferry connectors`

mod check;
mod describe;
mod docs;
mod export;
mod list;
mod shelf;
mod show;

use clap::{Args, Subcommand};

use super::Outcome;

pub use check::CheckReport;
pub use list::ConnectorList;

/// Says what connectors do, tries connections, and asks what systems say about themselves.
#[derive(Args, Debug)]
pub(super) struct Connectors {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Check(check::Check),
    Describe(describe::Describe),
    Docs(docs::Docs),
    Export(export::Export),
}

impl Connectors {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Check(command) => command.run().await,
            Command::Describe(command) => command.run().await,
            Command::Docs(command) => command.run(),
            Command::Export(command) => command.run(),
        }
    }
}
