//! `ferry dlq replay`: what it would do is shown first, and what was done stays done.

mod foreseen;
mod watch;

use std::{io::IsTerminal as _, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use ferry_contract::{depth, port::Clock as _};
use ferry_core::{
    plan::Plan,
    run::{Entry, From, Run, TRIGGER},
};
use jiff::Timestamp;
use serde_json::{Value, json};

pub use foreseen::PreflightReport;

use super::{
    Envelope, Exit, Format, Outcome, complain,
    desk::{Actor, Desk, DeskArgs, folded},
    dlq::{classes, event, find},
    print, print_json, tell,
};
use crate::{
    engine::{Fate, foresee, renamed},
    store::{Again, Change, DeadLetter, Filter, RunId, StoreError, StoredRun, VersionFiles},
};
use foreseen::Entry as Shown;
use watch::Watch;

#[derive(Args, Debug)]
#[command(disable_version_flag = true)]
pub(super) struct Replay {
    /// Runs or event keys.
    #[arg(value_name = "RUN", required_unless_present_any = ["pipeline", "class", "since"])]
    runs: Vec<String>,
    /// All of this pipeline.
    #[arg(long, value_name = "NAME", conflicts_with = "runs")]
    pipeline: Option<String>,
    /// All of this error class.
    #[arg(long, value_name = "CLASS", conflicts_with = "runs", value_parser = classes())]
    class: Option<String>,
    /// All that failed since then, as `2026-03-01T10:00:00Z`.
    #[arg(long, value_name = "TIME", conflicts_with = "runs")]
    since: Option<Timestamp>,
    /// At most that many of them, the oldest first.
    #[arg(long, value_name = "N", conflicts_with = "runs")]
    limit: Option<usize>,
    /// Where they start: `start`, `failed` (what is not done), or a step and what comes after it.
    #[arg(long, default_value = "start", value_name = "WHERE")]
    from: String,
    /// The version of the pipeline; another one only from the start.
    #[arg(long, value_enum, default_value_t)]
    version: Version,
    /// A corrected event (a JSON file), for one run from its start.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// A name for the whole, for the audit, such as an incident's.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Why, for the journal and the audit.
    #[arg(long, value_name = "TEXT", required_unless_present = "preflight")]
    reason: Option<String>,
    /// Who, for the journal and the audit.
    #[arg(long, env = "USER", default_value = "unknown", value_name = "NAME")]
    by: String,
    /// How many at most, as `2/s` or `10/m`.
    #[arg(long, value_name = "N/s", value_parser = pause)]
    rate: Option<Duration>,
    /// Stop when so many of the replayed ones are dead letters again. As many as may still fail are under way at a
    /// time, so a running engine has to drive them.
    #[arg(long, value_name = "N")]
    stop_after: Option<usize>,
    /// Only show what it would do.
    #[arg(long)]
    preflight: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// How the preflight is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    desk: DeskArgs,
}

/// Which version a replay runs on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Version {
    /// The one on which the run began.
    #[default]
    AsRun,
    /// The one that is in the folders now.
    Current,
}

/// A dead letter, and how it would start again.
struct Ready {
    run: RunId,
    shown: Shown,
    how: Again,
    /// A version that the store may not have.
    files: Option<(Arc<Plan>, VersionFiles)>,
    now: Timestamp,
}

impl Ready {
    /// One whose story cannot be read, and which is not replayed.
    fn unread(letter: &DeadLetter, error: &StoreError, now: Timestamp) -> Self {
        let shown = Shown { refused: Some(format!("its journal cannot be read: {error}")), ..Shown::of(letter) };
        let how = Again { from: From::Start, version: None, event: None, by_person: true, seen: None };
        Self { run: letter.run.clone(), shown, how, files: None, now }
    }
}

/// The pause between two, from `2/s` or `10/m`.
fn pause(text: &str) -> Result<Duration, String> {
    let rate = text.split_once('/').and_then(|(number, unit)| {
        let per = match unit {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            _ => return None,
        };
        Some(per / number.parse::<NonZeroU32>().ok()?.get())
    });
    rate.ok_or_else(|| "write a number, as `2/s` or `10/m`".to_owned())
}

impl Replay {
    pub(super) async fn run(self) -> Outcome {
        if let Some(wrong) = self.wrong() {
            complain(wrong);
            return Ok(Exit::Usage);
        }
        let event = self.event.as_ref().map(|file| {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            serde_json::from_str::<Value>(&text).with_context(|| format!("{} is not JSON", file.display()))
        });
        let event = event.transpose()?;
        if let Some(Err(error)) = event.as_ref().map(depth::check) {
            complain(&format!("the corrected event has {error}"));
            return Ok(Exit::Usage);
        }
        let desk = Desk::open(&self.desk).await?;
        let letters = match self.letters(&desk).await? {
            Ok(letters) => letters,
            Err(exit) => return Ok(exit),
        };
        let mut ready = Vec::new();
        for letter in letters {
            ready.push(self.prepare(&desk, letter, event.clone()).await?);
        }
        let report = PreflightReport::new(ready.iter().map(|ready| ready.shown.clone()).collect());
        if self.preflight && self.format == Format::Json {
            print_json(&Envelope::new(report))?;
            return Ok(Exit::Success);
        }
        print(&report.human());
        let (go, refused): (Vec<Ready>, Vec<Ready>) =
            ready.into_iter().partition(|ready| ready.shown.refused.is_none());
        if self.preflight || go.is_empty() {
            return Ok(if refused.is_empty() { Exit::Success } else { Exit::Findings });
        }
        if !self.yes && !confirmed(go.len()) {
            return Ok(Exit::Usage);
        }
        self.replay(&desk, &go, (&report, refused.len())).await
    }

    fn wrong(&self) -> Option<&'static str> {
        if self.event.is_some() && (self.runs.len() != 1 || self.from != "start") {
            return Some("a corrected event (`--event`) is for one run, from its start");
        }
        let is_other = self.version == Version::Current;
        (is_other && self.from != "start").then_some("another version begins at the start: `--from start`")
    }

    async fn letters(&self, desk: &Desk) -> Result<Result<Vec<DeadLetter>, Exit>, anyhow::Error> {
        let mut letters = Vec::new();
        for run in &self.runs {
            match find(&*desk.store, run).await? {
                Some(letter) => letters.push(letter),
                None => return Ok(Err(event::no_run(&*desk.store, run).await?)),
            }
        }
        if self.runs.is_empty() {
            let (pipeline, kinds) = (self.pipeline.clone(), self.class.clone().into_iter().collect());
            let filter = Filter { pipeline, kinds, limit: usize::MAX, ..Filter::default() };
            letters = desk.store.dead_letters(&filter).await?;
            letters.retain(|letter| self.since.is_none_or(|since| letter.at >= since));
            letters.reverse();
            letters.truncate(self.limit.unwrap_or(usize::MAX));
        }
        if letters.is_empty() {
            tell("no dead letter is so");
            return Ok(Err(Exit::Nothing));
        }
        Ok(Ok(letters))
    }

    /// What a replay of one would do, or why it is refused.
    async fn prepare(&self, desk: &Desk, letter: DeadLetter, event: Option<Value>) -> Result<Ready, anyhow::Error> {
        let id = letter.run.clone();
        let stored = match desk.store.run(&id).await {
            Ok(stored) => stored.with_context(|| format!("there is no run {id}"))?,
            // One that cannot be read keeps no other from its replay.
            Err(error) => return Ok(Ready::unread(&letter, &error, desk.clock.now())),
        };
        let from = match self.from.as_str() {
            "start" => From::Start,
            "failed" => From::Failed,
            step => From::Step(step.to_owned()),
        };
        let now = desk.now(&stored);
        let mut ready = Ready {
            run: id,
            shown: Shown::of(&letter),
            how: Again { from, version: None, event, by_person: true, seen: Some(stored.length()) },
            files: None,
            now,
        };
        match self.planned(desk, (&letter, &stored), &mut ready).await {
            Ok(run) => {
                let again = ready.how.clone();
                let (by, reason) = (self.by.clone(), String::new());
                let entry = Entry::Resumed { by, reason, event: again.event, from: again.from, by_person: true };
                ready.shown.steps = foresee(&desk.rules, &run, &stored.journal, (now, &entry)).await?;
                let refused = ready.shown.steps.iter().find(|step| step.fate == Fate::Refused);
                let why = |step: &crate::engine::Foreseen| {
                    format!("`{}`: {}", step.step, step.why.as_deref().unwrap_or_default())
                };
                ready.shown.refused = refused.map(why);
            }
            Err(why) => ready.shown.refused = Some(format!("{why:#}")),
        }
        Ok(ready)
    }

    /// The run on the plan that it would go on with.
    async fn planned(
        &self,
        desk: &Desk,
        (letter, stored): (&DeadLetter, &StoredRun),
        ready: &mut Ready,
    ) -> Result<Run, anyhow::Error> {
        anyhow::ensure!(
            letter.step != TRIGGER,
            "the event cannot be run as it is, and another one is another event; correct it at its source"
        );
        let mut run = desk.fold(stored).await?;
        if self.version == Version::Current {
            let here = desk.current(&letter.pipeline);
            let (plan, files) = here.with_context(|| format!("there is no pipeline `{}` here", letter.pipeline))?;
            if plan.version != run.plan().version {
                let step = renamed(&desk.rules, &run, &plan, &stored.journal);
                if let Some(step) = step {
                    let why = "has made a call that may have been done, and the current version does not make it so";
                    anyhow::bail!("`{step}` {why}: it is replayed as run, or by hand");
                }
                run = folded(stored, Arc::clone(&plan));
                ready.how.version = Some(plan.version.clone());
                ready.files = Some((plan, files));
            }
        }
        if let From::Step(step) = &ready.how.from {
            anyhow::ensure!(run.plan().index.contains_key(step), "there is no step `{step}`");
        }
        if let (Some(event), Some(key)) = (&ready.how.event, &run.plan().trigger.key) {
            let of = |event: &Value| key.one(ferry_contract::path::Document::Value(event)).ok().cloned();
            anyhow::ensure!(of(event) == of(run.event()), "the corrected event has another business key");
        }
        Ok(run)
    }

    async fn replay(&self, desk: &Desk, go: &[Ready], (report, refused): (&PreflightReport, usize)) -> Outcome {
        let actor = Actor { reason: self.reason.clone().unwrap_or_default(), by: self.by.clone() };
        let mut done: Vec<&RunId> = Vec::new();
        let mut watch = self.stop_after.map(Watch::new);
        let mut stopped = false;
        for ready in go {
            if let Some(pause) = self.rate.filter(|_| !done.is_empty()) {
                desk.clock.sleep(pause).await;
            }
            if let Some(watch) = &mut watch
                && !watch.has_room(&*desk.store, &desk.clock).await?
            {
                stopped = true;
                break;
            }
            match desk.store.commit(self.group(&actor, ready)).await {
                Ok(_) => {
                    print(&format!("{} replayed\n", ready.run));
                    done.push(&ready.run);
                    watch.iter_mut().for_each(|watch| watch.add(ready.run.clone()));
                }
                // Somebody else was faster.
                Err(StoreError::NotEnded(why)) => complain(&why),
                Err(error) => return Err(error.into()),
            }
        }
        if self.runs.is_empty() || self.name.is_some() {
            let sums = json!({ "replayed": done.len(), "refused": refused, "stopped": stopped, "sums": report.sums });
            let detail = json!({ "selection": self.selection(), "result": sums });
            let subject = self.name.clone().unwrap_or_else(|| "dead letters".to_owned());
            let act = actor.act("replayed many", &subject, detail, desk.clock.now());
            desk.store.commit(vec![Change::Audit(act)]).await?;
        }
        if stopped {
            complain(&format!("stopped: {} of the replayed are dead letters again", self.stop_after.unwrap_or(0)));
            return Ok(Exit::Partial);
        }
        tell("`ferry serve` takes them up by itself; without one, `ferry run PIPELINE` does");
        Ok(if refused > 0 { Exit::Partial } else { Exit::Success })
    }

    /// The replay of one, and its audit, in one transaction.
    fn group(&self, actor: &Actor, ready: &Ready) -> Vec<Change> {
        let Ready { run, how, files, now, .. } = ready;
        let mut group = Vec::new();
        if let Some((plan, files)) = files {
            group.push(Change::Version { version: plan.version.clone(), files: files.clone() });
            group.extend(plan.correlations().map(Change::watch));
        }
        let version = how.version.as_ref().map(ferry_contract::key::Digest::short);
        let detail = json!({ "name": self.name, "from": self.from, "version": version, "edited": how.event.is_some() });
        let (by, reason) = (actor.by.clone(), actor.reason.clone());
        group.push(Change::Resume { run: run.clone(), by, reason, at: *now, how: how.clone() });
        group.push(Change::Audit(actor.act("replayed", run.as_str(), detail, *now)));
        group
    }

    fn selection(&self) -> Value {
        let since = self.since.map(|since| since.to_string());
        json!({ "runs": self.runs, "pipeline": self.pipeline, "class": self.class, "since": since, "limit": self.limit })
    }
}

/// Whether the person at the terminal says yes; without a terminal, nobody can.
fn confirmed(count: usize) -> bool {
    if !std::io::stdin().is_terminal() {
        complain("nobody can be asked here; `--yes` replays without asking, `--preflight` only shows");
        return false;
    }
    tell(&format!("replay {count} of them? [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer).is_ok();
    read && answer.trim().eq_ignore_ascii_case("y")
}
