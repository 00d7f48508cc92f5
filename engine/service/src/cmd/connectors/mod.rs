//! `ferry connectors`

mod describe;

use clap::{Args, Subcommand};

use super::Outcome;

/// Asks what systems say about themselves.
#[derive(Args, Debug)]
pub(super) struct Connectors {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Describe(describe::Describe),
}

impl Connectors {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            Command::Describe(command) => command.run().await,
        }
    }
}
