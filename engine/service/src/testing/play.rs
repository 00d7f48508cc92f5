//! One test: an engine on a store in memory, driven until the run has come to what it comes to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ferry_connectors::{
    connection::{Connection, Settings, World},
    stand_in::StandIn,
};
use ferry_contract::{
    key::Digest,
    port::{Clock, Http},
};
use ferry_core::{
    limits::TEST_LASTS_MAX,
    once::Guards,
    plan::Plan,
    run::{Entry, Letter, Run, State},
    testing::{Act, Deed, Observation, Observed, Test},
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::{
    Played, Stage,
    clock::VirtualClock,
    targets::{NoNetwork, Targets},
};
use crate::{
    engine::{Engine, LoadedProject, Setup, Terms, Time},
    limits::TEST_CALLS_MAX,
    load,
    store::{Change, Filter, PairName, Pairing, RunId, RunRow, Store, StoredRun, sqlite::SqliteStore},
};

/// An engine that nobody takes out, and that learns at once of what it is told.
const FOR_EVER: Duration = Duration::from_hours(10 * 366 * 24);

/// A test under way.
struct Play<'a> {
    test: &'a Test,
    plans: Vec<&'a Arc<Plan>>,
    /// The name of its project.
    project: String,
    clock: VirtualClock,
    targets: Arc<Targets>,
    store: Arc<SqliteStore>,
    engine: Arc<Engine>,
    /// Told whenever nobody has anything to do.
    idle: Arc<Notify>,
}

/// Plays a test.
///
/// # Errors
/// Why it cannot be played.
pub(super) fn play(stage: &Stage<'_>, pipeline: &str, test: &Test) -> Result<Played, String> {
    let idle = Arc::new(Notify::new());
    let told = Arc::clone(&idle);
    let runtime = tokio::runtime::Builder::new_current_thread().on_thread_park(move || told.notify_one()).build();
    let runtime = runtime.map_err(|error| format!("no runtime on this machine: {error}"))?;
    let play = Play::new(stage, pipeline, test, idle)?;
    // Dropping the runtime drops every task where it stands.
    runtime.block_on(play.run())
}

impl<'a> Play<'a> {
    fn new(stage: &Stage<'a>, pipeline: &str, test: &'a Test, idle: Arc<Notify>) -> Result<Self, String> {
        let clock = VirtualClock::at(test.now);
        let targets = Arc::new(Targets::new(test.mocks.clone(), clock.clone()));
        let plans = stage.plans(pipeline);
        if plans.is_empty() {
            return Err(format!("the pipeline `{pipeline}` has errors; `ferry lint` says which"));
        }
        let port: Arc<dyn Clock> = Arc::new(clock.clone());
        let store = SqliteStore::in_memory((Arc::clone(&port), Arc::clone(&port)), Guards::ALL);
        let store = Arc::new(store.map_err(|error| error.to_string())?);
        let project = loaded(stage, &plans, &targets, Arc::clone(&port))?;
        let name = project.name.clone();
        let engine = Engine::new(Setup {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::clone(&port),
            time: Time::Clock,
            terms: Terms {
                process: "test".to_owned(),
                lease: FOR_EVER,
                look_every: FOR_EVER,
                clock: Arc::clone(&port),
            },
            rules: Arc::clone(&stage.rules),
            projects: vec![project],
            guards: Guards::ALL,
        });
        Ok(Self { test, plans, project: name, clock, targets, store, engine, idle })
    }

    async fn run(&self) -> Result<Played, String> {
        let id = self.begin().await?;
        let working = Arc::clone(&self.engine);
        tokio::spawn(async move { working.work().await });
        let most = self.test.lasts.unwrap_or(TEST_LASTS_MAX);
        let end = self.test.now + SignedDuration::try_from(most).unwrap_or_default();
        let mut acts: Vec<&Act> = self.test.acts.iter().collect();
        loop {
            self.idle.notified().await;
            let due = self.act(&id, &mut acts).await?;
            if due.is_some_and(|due| due <= self.clock.now()) {
                continue;
            }
            let rows = self.runs(None).await?;
            if self.clock.now() >= end || self.is_over(&id, &rows, acts.is_empty()).await? {
                if let Some(act) = acts.first() {
                    return Err(format!("what somebody does on line {} never came about", act.at.line));
                }
                return self.observed(&id, rows).await;
            }
            let now = self.clock.now();
            let run_due = rows.iter().filter_map(|row| row.due_at).filter(|due| *due > now).min();
            self.clock.jump([due, run_due].into_iter().flatten().fold(end, Timestamp::min));
            // A run that waits for its place among others is found by those who look, as every engine does.
            if run_due.is_some_and(|due| due <= self.clock.now()) {
                self.engine.look();
            }
        }
    }

    /// The event arrives as the trigger would bring it; where a person begins the run, under the test's key.
    async fn begin(&self) -> Result<RunId, String> {
        let (plan, event) = (self.plans[0], &self.test.event.value);
        let (by, reason) = ("test".to_owned(), "the world of a test begins with its store".to_owned());
        let trust = Change::Judge { is_trusted: true, by, reason, at: self.test.now };
        self.commit(std::iter::once(trust).chain(self.given()).collect()).await?;
        if plan.trigger.key.is_some() {
            self.engine.receive_event(plan, event).await.map_err(|failure| failure.to_string())?;
        } else {
            self.engine.begin_by_hand(plan, &self.test.key, event).await.map_err(|failure| failure.message)?;
        }
        let own = self.runs(Some(plan.pipeline.clone())).await?.pop();
        own.map(|row| row.run).ok_or_else(|| "the event began no run".to_owned())
    }

    /// What the store knows before the test.
    fn given(&self) -> impl Iterator<Item = Change> {
        let pairs = self.test.state.iter().flat_map(|pairs| &pairs.pairs);
        pairs.map(|(_, pair)| {
            let name = PairName::new(&self.project, &pair.table, &pair.key);
            let by = "test".to_owned();
            Change::Pair(name, Pairing { was: None, to: pair.to.clone(), by, run: None, at: self.test.now })
        })
    }

    /// What it knows of cross-references after the test.
    async fn pairs(&self) -> Result<BTreeMap<(String, String), String>, String> {
        let pairs = self.store.pairs_of(&self.project, None, usize::MAX).await.map_err(|error| error.to_string())?;
        Ok(pairs.into_iter().map(|pair| ((pair.table, pair.key), pair.to)).collect())
    }

    async fn commit(&self, group: Vec<Change>) -> Result<(), String> {
        self.store.commit(group).await.map(|_| ()).map_err(|error| error.to_string())
    }

    async fn runs(&self, pipeline: Option<String>) -> Result<Vec<RunRow>, String> {
        let all = Filter { pipeline, limit: usize::MAX, ..Filter::default() };
        self.store.runs(&all).await.map_err(|error| error.to_string())
    }

    async fn stored(&self, id: &RunId) -> Result<StoredRun, String> {
        let stored = self.store.run(id).await.map_err(|error| error.to_string())?;
        stored.ok_or_else(|| "the run is not in the store any more".to_owned())
    }

    /// Does what somebody does now; says when the next one does something, now included where one did.
    async fn act(&self, id: &RunId, acts: &mut Vec<&Act>) -> Result<Option<Timestamp>, String> {
        let mut next = None;
        for (place, act) in acts.iter().enumerate() {
            let Some((due, change)) = self.due(id, act).await? else { continue };
            if due <= self.clock.now() {
                self.commit(vec![change]).await?;
                self.engine.look();
                acts.remove(place);
                return Ok(Some(due));
            }
            next = Some(next.map_or(due, |next: Timestamp| next.min(due)));
        }
        Ok(next)
    }

    /// When an act is done, and what it is; nothing while the run cannot take it.
    async fn due(&self, id: &RunId, act: &Act) -> Result<Option<(Timestamp, Change)>, String> {
        let after = |since: Timestamp| since + SignedDuration::try_from(act.after).unwrap_or_default();
        let send = |at: Timestamp, letter| Some((at, Change::Send { run: id.clone(), letter, at }));
        Ok(match &act.what {
            Deed::Post { event, key, data } => {
                let (event, key, data, at) = (event.value.clone(), key.clone(), data.clone(), after(self.test.now));
                Some((at, Change::Post { event, key, data, at }))
            }
            Deed::Answer { step, by, yes, reason } => {
                let asked = self.store.approvals(usize::MAX).await.map_err(|error| error.to_string())?;
                let asked = asked.into_iter().find(|asked| asked.run == *id && asked.step == step.value);
                asked.and_then(|asked| {
                    let (step, by, reason) = (step.value.clone(), by.clone(), reason.clone());
                    send(after(asked.since), Letter::Answer { step, by, yes: *yes, reason, asked_at: None })
                })
            }
            Deed::Decide { step, by, decision } => {
                let stored = self.stored(id).await?;
                let parked = |(at, entry): &(Timestamp, Entry)| match entry {
                    Entry::Parked { step: parked, .. } if *parked == step.value => Some(*at),
                    _ => None,
                };
                let is_parked = stored.row.state == State::Parked.name();
                let since = stored.journal.iter().rev().find_map(parked).filter(|_| is_parked);
                since.and_then(|since| {
                    let (step, by, reason) = (step.value.clone(), by.clone(), "the test says so".to_owned());
                    send(
                        after(since),
                        Letter::Decision { step, by, reason, decision: decision.clone(), asked_at: None },
                    )
                })
            }
        })
    }

    /// Whether nothing is left to be seen: the run has ended, or it rests where the test leaves it.
    async fn is_over(&self, id: &RunId, rows: &[RunRow], all_is_done: bool) -> Result<bool, String> {
        {
            let told = self.targets.told();
            if !told.unmocked.is_empty() || told.calls.len() >= TEST_CALLS_MAX {
                return Ok(true);
            }
        }
        let row = rows.iter().find(|row| row.run == *id);
        let name = row.map(|row| row.state.as_str()).unwrap_or_default();
        let state = State::named(name).ok_or_else(|| format!("the run has the state `{name}`, which nobody knows"))?;
        if state.is_ended() {
            return Ok(true);
        }
        let wanted = self.test.expect.outcome.as_ref().map(|outcome| outcome.value);
        let may_rest = match state {
            // Something else of it may go on.
            State::Parked => row.is_some_and(|row| row.due_at.is_none()),
            State::Held | State::Waiting => wanted == Some(state),
            State::Running | State::Finished | State::DeadLettered | State::Cancelled => false,
        };
        // A run that an engine has in memory is further than its row says.
        Ok(may_rest && all_is_done && self.test.lasts.is_none() && self.stored(id).await?.owner.is_none())
    }

    async fn observed(&self, id: &RunId, mut rows: Vec<RunRow>) -> Result<Played, String> {
        rows.sort_by_key(|row| (row.run != *id, row.started_at, row.event_key.clone()));
        let mut runs = Vec::new();
        for row in rows {
            let version = Digest::named(&row.version);
            let Some(plan) = self.plans.iter().find(|plan| plan.version == version) else { continue };
            let stored = self.stored(&row.run).await?;
            let mut run = Run::new(Arc::clone(plan), row.event_key, Guards::ALL);
            stored.journal.iter().for_each(|(at, entry)| run.take(*at, entry));
            runs.push(Observation { run, journal: stored.journal });
        }
        let pairs = self.pairs().await?;
        let told = self.targets.told();
        let (calls, ended) = (told.calls.clone(), self.clock.now());
        let observed = Observed { runs, calls, pairs, began: self.test.now, ended };
        let is_endless = told.calls.len() >= TEST_CALLS_MAX;
        Ok(Played { observed, unmocked: told.unmocked.clone(), asked: told.asked(), is_endless })
    }
}

/// The project with connections that the test answers. Their settings are no secrets, and lead nowhere.
fn loaded(
    stage: &Stage<'_>,
    plans: &[&Arc<Plan>],
    targets: &Arc<Targets>,
    clock: Arc<dyn Clock>,
) -> Result<LoadedProject, String> {
    let checked = stage.project.checked.project.as_ref().ok_or("ferry.yaml has errors; `ferry lint` says which")?;
    let world = World { http: Arc::new(NoNetwork) as Arc<dyn Http>, clock };
    let mut connections = BTreeMap::new();
    for (name, text) in &checked.connections {
        let connector = text.connector.value.clone();
        let manifest = stage.project.library.manifests.get(&connector);
        let fields = manifest.iter().flat_map(|manifest| &manifest.connector.fields);
        let fields = fields.map(|(field, known)| {
            (field.clone(), if known.secret { "secret".into() } else { known.example.as_str().into() })
        });
        let settings = Settings {
            name: name.clone(),
            connector,
            environment: "test".to_owned(),
            profile: text.profile.as_ref().map(|profile| profile.value.clone()),
            sandbox: Some("http://test.invalid".to_owned()),
            fields: fields.collect(),
        };
        let open =
            Connection::open(settings, &stage.project.library, world.clone()).map_err(|failure| failure.message)?;
        let open = open.with_concurrency(text.concurrency).answered_by(Arc::clone(targets) as Arc<dyn StandIn>);
        connections.insert(name.clone(), Arc::new(open));
    }
    let files = |plan: &&Arc<Plan>| (Arc::clone(plan), load::version_files(stage.project, checked, plan));
    let plans = plans.iter().map(files).collect();
    let folder = std::path::PathBuf::new();
    // Whom a test would tell, nobody asks.
    let (secrets, alerts) = (BTreeMap::new(), BTreeMap::new());
    let (name, retention) = (checked.name.clone(), checked.retention);
    let library = Arc::clone(&stage.project.library);
    Ok(LoadedProject { name, folder, plans, connections, secrets, alerts, retention, library })
}
