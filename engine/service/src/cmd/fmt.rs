//! `ferry fmt`

pub(super) mod files;

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use clap::Args;
use ferry_contract::{
    limits::YAML_FILE_MAX_BYTES,
    report::{Report, Source},
};
use ferry_core::format::{self, FormatError};

use super::{Exit, Outcome, complain, print, tell, write_error};
use crate::{load::LoadError, render};

/// What stands for standard input.
const STDIN: &str = "-";

/// Lays YAML files out in the one way, and changes nothing of what they mean.
///
/// In folders, those of projects and connectors: ferry.yaml, what is beside it, in its tables and maps, and each
/// connector.yaml. Comments and values stay as they are written. Where one file cannot be read, it is said as `ferry lint`
/// says it, no file is changed, and the end is 1.
#[derive(Args, Debug)]
pub(super) struct Fmt {
    /// Files, or folders of projects and connectors; `-` alone lays out standard input onto standard output.
    #[arg(default_value = ".", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Change nothing; name each file that would change, and end with 1 if there is one.
    #[arg(long)]
    check: bool,
    /// Change nothing; print what would change, and end with 1 if something would.
    #[arg(long)]
    diff: bool,
}

/// A file before and after.
struct LaidOut {
    name: String,
    path: PathBuf,
    before: Vec<u8>,
    after: String,
}

impl LaidOut {
    fn is_changed(&self) -> bool {
        self.before != self.after.as_bytes()
    }
}

impl Fmt {
    pub(super) fn run(self) -> Outcome {
        if self.paths.iter().any(|path| path == Path::new(STDIN)) {
            return self.stdin();
        }
        let found = files::find(&self.paths)?;
        if found.is_empty() {
            let paths: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
            let help = "name a file, or a folder with a ferry.yaml or a connector.yaml";
            complain(&format!("there is nothing to lay out in {}; {help}", paths.join(", ")));
            return Ok(Exit::Nothing);
        }
        let mut laid_out = Vec::new();
        let mut refused = 0;
        for path in found {
            match lay_out(path)? {
                Ok(file) => laid_out.push(file),
                Err((name, error)) => {
                    refused += 1;
                    say(&name, &error, &print);
                }
            }
        }
        if refused > 0 {
            tell(&format!("{refused} of {} files cannot be laid out; nothing is changed", laid_out.len() + refused));
            return Ok(Exit::Findings);
        }
        let changed: Vec<&LaidOut> = laid_out.iter().filter(|file| file.is_changed()).collect();
        self.finish(&changed, laid_out.len())
    }

    fn finish(&self, changed: &[&LaidOut], all: usize) -> Outcome {
        if self.check || self.diff {
            changed.iter().for_each(|file| self.show(file));
            tell(&format!("{} of {all} files would change", changed.len()));
            return Ok(if changed.is_empty() { Exit::Success } else { Exit::Findings });
        }
        for file in changed {
            files::replace(&file.path, &file.before, &file.after).with_context(|| file.name.clone())?;
            print(&format!("{}\n", file.name));
        }
        tell(&format!("{} of {all} files are changed", changed.len()));
        Ok(Exit::Success)
    }

    fn show(&self, file: &LaidOut) {
        if self.diff {
            print(&render::diff(&file.name, &String::from_utf8_lossy(&file.before), &file.after));
        } else {
            print(&format!("{}\n", file.name));
        }
    }

    fn stdin(&self) -> Outcome {
        if self.paths.len() > 1 {
            bail!("`-` stands for standard input, and is named alone; leave out the other paths");
        }
        let mut before = Vec::new();
        let most = u64::try_from(YAML_FILE_MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        std::io::stdin().lock().take(most).read_to_end(&mut before).context("standard input cannot be read")?;
        let source = Source::new("<stdin>", String::from_utf8_lossy(&before));
        let after = match format::format(&source) {
            Ok(after) => after,
            Err(error) => {
                say(&source.name, &error, &write_error);
                return Ok(Exit::Findings);
            }
        };
        let file = LaidOut { name: source.name.clone(), path: PathBuf::new(), before, after };
        if self.check || self.diff {
            let changed: Vec<&LaidOut> = Some(&file).filter(|file| file.is_changed()).into_iter().collect();
            return self.finish(&changed, 1);
        }
        print(&file.after);
        Ok(Exit::Success)
    }
}

/// The layout of a file, or why it has none; the outer error is the machine's.
fn lay_out(path: PathBuf) -> Result<Result<LaidOut, (String, FormatError)>, anyhow::Error> {
    let name = path.display().to_string().trim_start_matches("./").to_owned();
    let before = std::fs::read(&path).map_err(|error| LoadError::Io { path: name.clone(), error })?;
    let source: Arc<Source> = Source::new(name.as_str(), String::from_utf8_lossy(&before));
    Ok(match format::format(&source) {
        Ok(after) => Ok(LaidOut { name, path, before, after }),
        Err(error) => Err((name, error)),
    })
}

/// Says why a file is left alone.
fn say(name: &str, error: &FormatError, write: &dyn Fn(&str)) {
    match error {
        FormatError::Broken(report) => {
            let findings = Report::findings(report).into_iter();
            findings.for_each(|finding| write(&render::full(report, finding, false)));
        }
        FormatError::Unsure => complain(&format!("{name}: {error}")),
    }
}
