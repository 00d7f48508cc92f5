//! The documents, as their reader meets them: every `console` block is typed, and must print what it shows.
//!
//! In a block, lines after `$ ` are typed into one shell a page; the lines below are what is printed.
//! `[..]` stands for any text of a line, `...` for any lines. A command with nothing below it is not
//! compared. Blanks count as one. A `yaml` block whose first line names a file is written to it.

#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "these are our own files")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The pages, and how many commands they have at the least.
const PAGES: &[(&str, usize)] = &[
    ("README.md", 10),
    ("docs/quickstart.md", 15),
    ("docs/how-to/correct-a-dead-letter.md", 10),
    ("docs/how-to/add-an-action.md", 3),
    ("docs/how-to/check-a-connection.md", 11),
    ("docs/how-to/log-in-to-a-system.md", 6),
    ("docs/how-to/take-webhooks.md", 8),
    ("docs/how-to/connect-a-system.md", 15),
    ("docs/how-to/files-and-databases.md", 13),
    ("docs/how-to/move-many-records.md", 9),
    ("docs/how-to/reconcile.md", 12),
    ("docs/how-to/map-and-allocate.md", 7),
    ("docs/how-to/describe-records.md", 6),
    ("docs/how-to/point-to-other-fields.md", 33),
    ("docs/how-to/link-records.md", 12),
    ("docs/how-to/backfill.md", 6),
    ("docs/how-to/shape-a-pipeline.md", 10),
    ("docs/how-to/lint-in-ci.md", 4),
    ("docs/how-to/draw-and-format.md", 10),
    ("docs/how-to/test-a-pipeline.md", 10),
    ("docs/how-to/preview-and-apply.md", 7),
    ("docs/how-to/keep-and-forget.md", 3),
    ("docs/how-to/tell-persons.md", 3),
    ("docs/how-to/use-parameters-and-environments.md", 7),
    ("docs/how-to/reach-another-address.md", 15),
    ("docs/explanation/limits.md", 8),
    ("docs/reference/exit-codes.md", 1),
    ("docs/reference/faults.md", 1),
];
/// The port that the pages show; each run takes a free one instead.
const SHOWN_PORT: &str = "8788";
const MARK: &str = "@@@@ command";

struct Typed {
    command: String,
    expected: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The commands of a page, with what they print.
fn commands(page: &str) -> Vec<Typed> {
    let mut commands: Vec<Typed> = Vec::new();
    let typed = |command: String| Typed { command, expected: Vec::new() };
    for block in page.split("\n```").skip(1).step_by(2) {
        let Some((kind, text)) = block.split_once('\n') else { continue };
        match (kind.trim(), text.split_once('\n')) {
            ("console", _) => {
                for line in text.lines() {
                    match line.strip_prefix("$ ") {
                        Some(command) => commands.push(typed(command.to_owned())),
                        None => {
                            commands.last_mut().expect("a block begins with a command").expected.push(line.to_owned());
                        }
                    }
                }
            }
            ("yaml" | "python", Some((first, _)))
                if first.starts_with("# ") && (first.ends_with(".yaml") || first.ends_with(".py")) =>
            {
                let path = &first[2..];
                commands.push(typed(format!(
                    "mkdir -p $(dirname {path}); cat > {path} <<'END-OF-FILE'\n{text}\nEND-OF-FILE"
                )));
            }
            // These have no comments, so the first line is not theirs.
            ("csv" | "json", Some((first, rest))) if first.starts_with("# ") => {
                let path = &first[2..];
                commands.push(typed(format!(
                    "mkdir -p $(dirname {path}); cat > {path} <<'END-OF-FILE'\n{rest}\nEND-OF-FILE"
                )));
            }
            _ => {}
        }
    }
    commands
}

/// A folder as `docs/README.md` has it made: `target/try` of what is a checkout as far as the shipped pipelines go.
fn checkout(folder: &Path) -> PathBuf {
    let tried = folder.join("target/try");
    std::fs::create_dir_all(&tried).unwrap();
    std::os::unix::fs::symlink(root().join("pipelines"), folder.join("pipelines")).unwrap();
    tried
}

/// A folder with the connectors to break, and a `ferry` that takes free ports.
fn prepare(folder: &Path, port: u16) {
    let copied = Command::new("cp").arg("-r").arg(root().join("connectors")).arg(folder).status().unwrap();
    assert!(copied.success());
    let program = env!("CARGO_BIN_EXE_ferry-under-test");
    let script = format!(
        "#!/usr/bin/env bash\ncase \"$1\" in\n  sandbox) exec {program} \"$@\" --listen 127.0.0.1:{port};;\n  \
         serve) exec {program} \"$@\" --admin 127.0.0.1:0;;\n  *) exec {program} \"$@\";;\nesac\n"
    );
    std::fs::create_dir(folder.join("bin")).unwrap();
    std::fs::write(folder.join("bin/ferry"), script).unwrap();
    let executable = Command::new("chmod").arg("+x").arg(folder.join("bin/ferry")).status().unwrap();
    assert!(executable.success());
}

/// Types all commands into one shell; gives what each printed.
fn typed((folder, hooks): (&Path, u16), commands: &[Typed]) -> Vec<String> {
    let mut script = String::from("set -m\ntrap 'kill -9 $(jobs -p) 2>/dev/null' EXIT\n");
    for command in commands {
        script += &format!("echo '{MARK}'\n{}\n", command.command);
    }
    std::fs::write(folder.join("page.sh"), script).unwrap();
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", "exec bash page.sh 2>&1"])
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .env("USER", "reader")
        .env("FERRY_LISTEN", format!("127.0.0.1:{hooks}"))
        .env_remove("FERRY_STORE")
        .env_remove("FERRY_SANDBOX")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(&format!("{MARK}\n")).skip(1).map(str::to_owned).collect()
}

fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the lines are as shown.
fn matches(expected: &[String], printed: &[String]) -> bool {
    match (expected.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "..." => {
            matches(rest, printed) || printed.split_first().is_some_and(|(_, later)| matches(expected, later))
        }
        (Some((first, rest)), Some((line, later))) => line_matches(first, line) && matches(rest, later),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split("[..]");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first.trim_end_matches(' ')).map(str::trim_start) else { return false };
    let parts: Vec<&str> = parts.map(str::trim).collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Two ports that are free.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// What a page shows and is not printed.
fn wrong(page: &str, at_least: usize) -> Vec<String> {
    let [port, hooks] = free_ports();
    let text = std::fs::read_to_string(root().join(page)).unwrap().replace(SHOWN_PORT, &port.to_string());
    let commands = commands(&text);
    assert!(commands.len() >= at_least, "{page} has only {} commands", commands.len());
    let home = tempfile::tempdir().unwrap();
    let folder = checkout(home.path());
    prepare(&folder, port);
    let printed = typed((&folder, hooks), &commands);
    assert_eq!(printed.len(), commands.len(), "{page}: the shell ended early: {printed:?}");
    let mut wrong = Vec::new();
    for (command, printed) in commands.iter().zip(&printed) {
        let lines: Vec<String> = printed.lines().map(words).collect();
        let expected: Vec<String> = command.expected.iter().map(|line| words(line)).collect();
        let right = expected.is_empty() || matches(&expected, &lines);
        if !right {
            let Typed { command, expected } = command;
            wrong.push(format!("{page}\n$ {command}\n{}\nprinted:\n{printed}", expected.join("\n")));
        }
    }
    wrong
}

#[test]
fn every_snippet_prints_what_it_shows() {
    let wrong: Vec<String> = PAGES.iter().flat_map(|(page, at_least)| wrong(page, *at_least)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_with_snippets_is_typed() {
    let mut pages = vec!["README.md".to_owned()];
    for folder in ["docs", "docs/how-to", "docs/reference", "docs/explanation"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            pages.push(format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy()));
        }
    }
    let has_snippets = |page: &&String| {
        page.ends_with(".md") && std::fs::read_to_string(root().join(page)).unwrap().contains("```console")
    };
    for page in pages.iter().filter(has_snippets) {
        assert!(PAGES.iter().any(|(known, _)| known == page), "{page} has snippets that no test types");
    }
}
