//! `ferry lint --watch`: looks at the files again and again, and lints when one of them is another.

use std::{
    collections::BTreeMap,
    io::IsTerminal as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::bail;
use ferry_contract::report::Source;
use ferry_core::project;

use super::{
    super::{Exit, Outcome, complain, print, start::asked_to_stop, tell},
    Lint, LintFormat,
};
use crate::{clock::pause, limits::FILES_LOOK_EVERY, load::entries};

/// What a project is made of; anything else may change without a look at it.
const EXTENSIONS: [&str; 5] = ["yaml", "yml", "csv", "json", "rhai"];
/// Moves to the upper left corner, and clears all below it.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// What tells two states of a file apart: a new file in its place is another one, however fast it came.
type Seen = BTreeMap<PathBuf, (Option<SystemTime>, u64, u64)>;

/// Lints until it is interrupted; only what is wrong with the first call ends it.
pub(super) async fn watch(lint: Lint, color: bool) -> Outcome {
    if !matches!(lint.format, LintFormat::Full | LintFormat::Concise) {
        bail!("`--watch` prints for people; leave it out, or use `--format full` or `--format concise`");
    }
    // Listened for from the beginning, so that no Ctrl-C ends it in another way.
    let mut stopped = tokio::spawn(asked_to_stop());
    // What changes while it is linted is seen afterwards.
    let mut seen = look(&lint.paths);
    clear();
    if lint.once(color)? == Exit::Nothing {
        return Ok(Exit::Nothing);
    }
    loop {
        tell("Looking for changes; Ctrl-C ends.");
        let changed = tokio::select! {
            _ = &mut stopped => return Ok(Exit::Interrupted),
            changed = next(&lint.paths, &seen) => changed,
        };
        seen = changed;
        clear();
        if let Err(error) = lint.once(color) {
            complain(&format!("{error:#}"));
        }
    }
}

/// Waits until something has changed; gives what is there then.
async fn next(paths: &[PathBuf], seen: &Seen) -> Seen {
    loop {
        pause(FILES_LOOK_EVERY).await;
        let now = look(paths);
        if now != *seen {
            return now;
        }
    }
}

/// All files of the paths; a file is a part of its folder's project.
fn look(paths: &[PathBuf]) -> Seen {
    let mut seen = Seen::new();
    for path in paths {
        let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        walk(if path.is_file() { parent } else { path }, &mut seen);
    }
    seen
}

/// What cannot be read is not there, which linting then says.
fn walk(folder: &Path, seen: &mut Seen) {
    // What a project shares lies outside of it, so that this ends.
    let shares = std::fs::read_to_string(folder.join("ferry.yaml"))
        .map(|text| project::shares(&Source::new("ferry.yaml", text)));
    for share in shares.unwrap_or_default().into_iter().map(|share| folder.join(share)) {
        let is_outside = share
            .canonicalize()
            .ok()
            .zip(folder.canonicalize().ok())
            .is_some_and(|(share, own)| !share.starts_with(own));
        for library in ["tables", "maps", "scripts", "describe"].into_iter().filter(|_| is_outside) {
            walk(&share.join(library), seen);
        }
    }
    for path in entries(folder).unwrap_or_default() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_known = path.extension().is_some_and(|end| EXTENSIONS.iter().any(|known| end == *known));
        if path.is_dir() {
            if !path.is_symlink() && !name.starts_with('.') && name != "target" {
                walk(&path, seen);
            }
        } else if let Some(data) = path.metadata().ok().filter(|_| is_known) {
            seen.insert(path, (data.modified().ok(), data.len(), data.ino()));
        }
    }
}

fn clear() {
    if std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb") {
        print(CLEAR);
    }
}
