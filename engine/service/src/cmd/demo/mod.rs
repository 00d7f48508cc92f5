//! `ferry demo`

use clap::Args;

use super::{Exit, Outcome};

/// Soon.
#[derive(Args, Debug)]
pub(super) struct Demo {}

impl Demo {
    pub(super) async fn run(self) -> Outcome {
        Ok(Exit::Success)
    }
}
