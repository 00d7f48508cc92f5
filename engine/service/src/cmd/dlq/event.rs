//! Dead letters that are no runs: events that nobody has claimed.

use jiff::Timestamp;

use super::missing;
use crate::{
    cmd::{Envelope, Exit, Format, Outcome, complain, print, print_json, tell},
    store::{DeadEvent, Filter, Posted, Store, StoreError},
};

/// A row of the list, with its time.
pub(super) fn row(dead: DeadEvent) -> (Timestamp, Vec<String>) {
    let DeadEvent { posted, class, mended_by, message, .. } = dead;
    let at = posted.dead_at.unwrap_or(posted.at);
    let (pipeline, step) = posted.from.map(|from| (from.pipeline, from.step)).unwrap_or_default();
    (at, vec![posted.id, pipeline, posted.key, step, class, mended_by, message, at.to_string()])
}

/// The event that is a dead letter under that name.
pub(in crate::cmd) async fn find(store: &dyn Store, wanted: &str) -> Result<Option<DeadEvent>, StoreError> {
    let all = store.dead_events(&Filter { limit: usize::MAX, ..Filter::default() }).await?;
    Ok(all.into_iter().find(|dead| dead.posted.id == wanted || dead.posted.key == wanted))
}

/// Says why there is nothing to replay under that name.
pub(in crate::cmd) async fn no_run(store: &dyn Store, wanted: &str) -> Result<Exit, StoreError> {
    let Some(dead) = find(store, wanted).await? else { return Ok(missing(wanted)) };
    complain(&format!("{} is an event, and no run that could be replayed; {}", dead.posted.id, advice(&dead.posted)));
    Ok(Exit::Nothing)
}

pub(super) async fn show(store: &dyn Store, wanted: &str, format: Format) -> Outcome {
    let Some(letter) = find(store, wanted).await? else { return Ok(missing(wanted)) };
    if format == Format::Json {
        print_json(&Envelope::new(letter))?;
        return Ok(Exit::Success);
    }
    let DeadEvent { posted, class, mended_by, message, data } = &letter;
    let data = serde_json::to_string_pretty(data)?;
    print(&format!(
        "{} {} {}\n{}\n{class}: {message}\n{}\nthis is for {mended_by}\nevent:\n{data}\n",
        posted.id,
        posted.event,
        posted.key,
        came(posted),
        advice(posted),
    ));
    tell(&format!("ferry why {}", posted.id));
    Ok(Exit::Success)
}

/// What became of an event that nobody has claimed, in words.
pub(in crate::cmd) fn why(posted: &Posted) -> String {
    let Posted { event, key, .. } = posted;
    let came = format!("the event `{event}` {key} {}", came(posted));
    match (posted.dead_at, posted.due_at()) {
        (Some(dead_at), _) => {
            let (class, why, advice) = (posted.class(), posted.why(), advice(posted));
            let by = class.mended_by();
            format!("{came}, and is kept as a dead letter since {dead_at}: {why}. This is for {by}: {advice}.")
        }
        (None, Some(due)) => {
            format!("{came}, and no run has waited for it yet. If none has by {due}, it becomes a dead letter.")
        }
        (None, None) => format!("{came}. No run waits for it, and none needs to."),
    }
}

/// When it came, and from where.
fn came(posted: &Posted) -> String {
    let from = posted.from.as_ref();
    let from = from.map(|from| format!(" from `{}` of {} ({})", from.step, from.run, from.pipeline));
    format!("came on {}{}", posted.at, from.unwrap_or_default())
}

/// What a person can do.
fn advice(posted: &Posted) -> &'static str {
    if posted.values.is_empty() {
        "no wait can find it any more. Let a pipeline wait for such events, and emit it again with another key"
    } else {
        "a run that waits for it takes it still, and it is no dead letter then. Check the value, or begin that run"
    }
}
