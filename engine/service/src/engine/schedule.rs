//! Schedules: each time of a cron expression is one event, whose key is that time.
//!
//! Processes that share a store all keep the times, and the key makes one run of what they find. The cursor says which times
//! were looked at, so that a stop misses none that is to be made up for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use ferry_contract::failure::Failure;
use ferry_core::{
    plan::{EventSource, Overlap, Plan, Schedule},
    run::State,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Engine, locked, trigger::store_failure};
use crate::{
    limits::SCHEDULE_LOOK_MAX,
    store::{Change, Filter},
};

/// The states of a run that has not ended.
const UNDER_WAY: [State; 4] = [State::Running, State::Waiting, State::Held, State::Parked];

/// Since when an engine keeps the times of each pipeline. A swap of the projects takes nothing from it: what came due just
/// before was not missed.
#[derive(Default)]
pub(super) struct Awake(Mutex<BTreeMap<String, (Schedule, Timestamp)>>);

impl Awake {
    /// Since when it keeps a schedule; from now on, where it has kept none of that name, or one with other times.
    fn since(&self, pipeline: &str, schedule: &Schedule, now: Timestamp) -> Timestamp {
        let mut kept = locked(&self.0);
        let times = |schedule: &Schedule| (schedule.cron.clone(), schedule.zone.clone());
        match kept.get(pipeline).filter(|(before, _)| times(before) == times(schedule)) {
            Some((_, since)) => *since,
            None => {
                kept.insert(pipeline.to_owned(), (schedule.clone(), now));
                now
            }
        }
    }

    /// Forgets the pipelines that are not loaded any more: while they are not, their times are missed.
    pub(super) fn retain(&self, is_loaded: impl Fn(&str) -> bool) {
        locked(&self.0).retain(|pipeline, _| is_loaded(pipeline));
    }
}

impl Engine {
    /// Begins a run at each time until the engine stops.
    pub(super) async fn keep_schedule(self: Arc<Self>, plan: Arc<Plan>, until: CancellationToken) {
        let EventSource::Schedule(schedule) = &plan.trigger.source else { return };
        // Before its first sign of life, an engine does not know the store's time.
        while self.member.alive().is_none() {
            tokio::select! {
                biased;
                () = self.clock.sleep(self.member.look_every()) => {}
                () = until.cancelled() => return,
            }
        }
        let awake_since = self.awake.since(&plan.pipeline, schedule, self.now());
        while !until.is_cancelled() {
            if let Err(failure) = self.begin_due(&plan, schedule, awake_since).await {
                tracing::warn!(pipeline = plan.pipeline, %failure, "the schedule is behind; it will be looked at again");
            }
            // A clock that is set, or a machine that slept, is noticed at the next look.
            let next = schedule.next_after(self.now()).map(|next| next.duration_since(self.now()));
            let wait = next.and_then(|next| Duration::try_from(next).ok()).unwrap_or(SCHEDULE_LOOK_MAX);
            tokio::select! {
                biased;
                () = self.clock.sleep(wait.min(SCHEDULE_LOOK_MAX)) => {}
                () = until.cancelled() => {}
            }
        }
    }

    /// Begins what is due; each event with the cursor behind it.
    async fn begin_due(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        schedule: &Schedule,
        awake_since: Timestamp,
    ) -> Result<(), Failure> {
        self.save_versions().await.map_err(|error| store_failure(&error))?;
        let cursor = self.store.cursor(&plan.pipeline).await.map_err(|error| store_failure(&error))?;
        let last = cursor.and_then(|cursor| cursor.parse::<Timestamp>().ok());
        let Some(last) = last else {
            // A schedule that is new has missed nothing.
            return self.looked_at(plan, awake_since, None).await;
        };
        for time in schedule.due(last, self.now(), awake_since) {
            if schedule.overlap == Overlap::Skip && self.is_under_way(plan).await? {
                tracing::warn!(pipeline = plan.pipeline, %time, "skipped: the run before has not ended");
                self.looked_at(plan, time, None).await?;
            } else {
                self.looked_at(plan, time, Some(event(schedule, time))).await?;
            }
        }
        Ok(())
    }

    async fn looked_at(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        time: Timestamp,
        event: Option<Value>,
    ) -> Result<(), Failure> {
        let cursor = Change::Cursor { trigger: plan.pipeline.clone(), value: time.to_string() };
        let group = |owner: &dyn Fn(usize) -> Option<crate::store::EngineId>| {
            let event = event.iter().map(|event| Change::Receive(self.arrival(plan, event, owner(0))));
            event.chain([cursor.clone()]).collect()
        };
        self.take_in(group).await.map(drop)
    }

    async fn is_under_way(&self, plan: &Plan) -> Result<bool, Failure> {
        let kinds = UNDER_WAY.iter().map(|state| state.name().to_owned()).collect();
        let filter = Filter { pipeline: Some(plan.pipeline.clone()), kinds, event_key: None, limit: 1 };
        Ok(!self.store.runs(&filter).await.map_err(|error| store_failure(&error))?.is_empty())
    }
}

/// The time, and the day and the hour in the schedule's own zone.
fn event(schedule: &Schedule, time: Timestamp) -> Value {
    let local = time.to_zoned(schedule.zone.clone());
    json!({
        "scheduled_at": time.to_string(),
        "day": local.strftime("%Y-%m-%d").to_string(),
        "time": local.strftime("%H:%M").to_string(),
        "zone": schedule.zone.iana_name().unwrap_or("UTC"),
    })
}

#[cfg(test)]
mod tests {
    use ferry_core::plan::CatchUp;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn a_swap_takes_nothing_from_how_long_times_are_kept() {
        let (zone, overlap, catch_up) = (TimeZone::UTC, Overlap::Skip, CatchUp::None);
        let schedule = |cron: &str| Schedule { cron: cron.parse().unwrap(), zone: zone.clone(), overlap, catch_up };
        let (daily, hourly, awake) = (schedule("0 9 * * *"), schedule("0 * * * *"), Awake::default());
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(awake.since("report", &daily, at(1)), at(1));
        awake.retain(|_| true);
        assert_eq!(awake.since("report", &daily, at(2)), at(1));
        // Times that it did not have are not those that it has kept.
        assert_eq!(awake.since("report", &hourly, at(3)), at(3));
        awake.retain(|pipeline| pipeline != "report");
        assert_eq!(awake.since("report", &hourly, at(4)), at(4));
    }
}
