//! What reconciliations say, as events: each match, and each row that is left, begins one run.
//!
//! An item that changes gets a greater number than all others. The place of a pipeline is the last number whose event is on disk, and
//! moves in the same transaction. So nothing is missed or taken twice, whether a run or a person has changed it.

use std::{sync::Arc, time::Duration};

use ferry_contract::failure::{ErrorClass, Failure};
use ferry_core::plan::{EventSource, Plan, Reconciled, Settled};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{Engine, PollReport, trigger::store_failure};
use crate::{
    limits::RECON_BATCH_ITEMS,
    store::{Change, EngineId, ItemFilter, ItemKind, ItemState, StoredItem},
};

impl Engine {
    /// Follows a book until the engine stops; of several engines, one at a time does.
    pub(super) async fn follow_book(self: Arc<Self>, project: String, plan: Arc<Plan>, until: CancellationToken) {
        let EventSource::Reconciled(reconciled) = &plan.trigger.source else { return };
        let turn = format!("turn to follow a book for {}", plan.pipeline);
        while !until.is_cancelled() {
            let rest = match self.take_turn(&turn, reconciled.every).await {
                Ok(_) => {
                    if let Err(failure) = self.follow(&project, &plan).await {
                        tracing::warn!(pipeline = plan.pipeline, %failure, "the book is looked at again");
                    }
                    reconciled.every
                }
                Err(until) => Duration::try_from(until.duration_since(self.now())).unwrap_or_default(),
            };
            tokio::select! {
                biased;
                () = self.clock.sleep(rest) => {}
                () = until.cancelled() => {}
            }
        }
    }

    /// Takes what is new in the book that a pipeline follows.
    ///
    /// # Errors
    /// The failure of the store; what was taken before it stays taken.
    pub async fn follow(self: &Arc<Self>, project: &str, plan: &Plan) -> Result<PollReport, Failure> {
        let EventSource::Reconciled(reconciled) = &plan.trigger.source else {
            return Err(Failure::new(ErrorClass::Config, format!("`{}` follows no book", plan.pipeline)));
        };
        self.save_versions().await.map_err(|error| store_failure(&error))?;
        // Whoever follows something else begins at its start.
        let trigger = format!("{} follows {:?}", plan.pipeline, (&reconciled.book, reconciled.of, &reconciled.only));
        let place = self.store.cursor(&trigger).await.map_err(|error| store_failure(&error))?;
        let mut after = place.and_then(|place| place.parse().ok()).unwrap_or(0);
        let mut report = PollReport::default();
        loop {
            let filter = ItemFilter {
                project: project.to_owned(),
                book: Some(reconciled.book.clone()),
                states: states(reconciled.of).to_vec(),
                after,
                limit: RECON_BATCH_ITEMS,
                ..ItemFilter::default()
            };
            let items = self.store.items(&filter).await.map_err(|error| store_failure(&error))?;
            let Some(last) = items.last() else { return Ok(report) };
            after = last.number;
            let events: Vec<Value> = items.iter().filter(|stored| counts(reconciled, stored)).map(event).collect();
            let moved = Change::Cursor { trigger: trigger.clone(), value: after.to_string() };
            let group = |owner: &dyn Fn(usize) -> Option<EngineId>| {
                let arrivals = events.iter().enumerate();
                let arrivals = arrivals.map(|(index, event)| Change::Receive(self.arrival(plan, event, owner(index))));
                arrivals.chain([moved.clone()]).collect()
            };
            report.take(&self.take_in(group).await?);
            if self.stop.is_cancelled() {
                return Ok(report);
            }
        }
    }
}

fn states(of: Settled) -> &'static [ItemState] {
    match of {
        Settled::Matches => &[ItemState::Confirmed, ItemState::Accepted],
        Settled::Suggestions => &[ItemState::Suggested],
        Settled::Exceptions => &[ItemState::Open],
        Settled::WriteOffs => &[ItemState::WrittenOff],
    }
}

fn counts(reconciled: &Reconciled, stored: &StoredItem) -> bool {
    reconciled.only.is_empty() || reconciled.only.contains(&stored.item.what)
}

/// An item as pipelines get it. An exception that gets another reason is another event.
fn event(stored: &StoredItem) -> Value {
    let StoredItem { book, key, number, item, .. } = stored;
    let is_match = item.kind == ItemKind::Match;
    let key = match item.state {
        _ if is_match => key.clone(),
        ItemState::WrittenOff => format!("{key}/written_off"),
        _ => format!("{key}/{}", item.what),
    };
    let what = if is_match { "rule" } else { "reason" };
    let mut event = Map::new();
    let own = [
        ("book", json!(book)),
        ("key", json!(key)),
        ("number", json!(number)),
        ("state", json!(item.state.name())),
        (what, json!(item.what)),
        ("by", json!(item.by)),
        ("why", json!(item.reason)),
    ];
    event.extend(own.map(|(name, value)| (name.to_owned(), value)));
    let data = item.data.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    event.extend(data.map(|(name, value)| (name.clone(), value.clone())));
    Value::Object(event)
}
