//! `ferry connectors docs`

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::shelf::{ShelfArgs, described};
use crate::{
    cmd::{Exit, Outcome, print, tell},
    manual,
};

/// Writes a reference page of a connector, or one of each, in Markdown.
///
/// It says what `ferry connectors show` says, of all actions in whole.
///
/// Example: `ferry connectors docs --project pipelines/payoneer-salesforce --out docs`.
#[derive(Args, Debug)]
pub(super) struct Docs {
    /// A connector; nothing takes all of them.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Write `NAME.md` into this folder, instead of standard output.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    shelf: ShelfArgs,
}

impl Docs {
    pub(super) fn run(self) -> Outcome {
        let library = self.shelf.library()?;
        let names = self.name.clone().map_or_else(|| library.manifests.keys().cloned().collect(), |name| vec![name]);
        let mut pages = Vec::new();
        for name in names {
            let Some(found) = described(&library, &name) else { return Ok(Exit::Nothing) };
            pages.push((format!("{}.md", found.name), manual::reference(&found).markdown()));
        }
        let Some(folder) = &self.out else {
            print(&pages.into_iter().map(|(_, page)| page).collect::<Vec<_>>().join("\n"));
            return Ok(Exit::Success);
        };
        let failed = || format!("{} cannot be written; name a folder that may be written to", folder.display());
        fs::create_dir_all(folder).with_context(failed)?;
        for (name, page) in pages {
            fs::write(folder.join(&name), page).with_context(failed)?;
            tell(&format!("{} is written", folder.join(name).display()));
        }
        Ok(Exit::Success)
    }
}
