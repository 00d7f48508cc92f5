//! `ferry completions`

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::{Cli, Exit, Outcome, print};

/// Prints what a shell needs to complete commands and options.
///
/// For bash: `ferry completions bash > ~/.local/share/bash-completion/completions/ferry`. For zsh: the same with `zsh`,
/// into a file `_ferry` of a folder in `$fpath`. For fish: with `fish`, into `~/.config/fish/completions/ferry.fish`.
#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Outcome {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "ferry", &mut script);
        print(&String::from_utf8_lossy(&script));
        Ok(Exit::Success)
    }
}
