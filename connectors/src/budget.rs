//! What an answer says of its target: how well it is, and how much it still takes.

use std::time::Duration;

use ferry_contract::{
    failure::ErrorClass,
    port::{Level, Seen},
    script::Named,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    connection::Connection,
    limits::RETRY_AFTER_MAX,
    manifest::{BudgetWindow, Reading},
    response::Answer,
};

/// A `reset` above this is the Unix time of it; below, the seconds until then.
const UNIX_TIME_FROM: u64 = 1_000_000_000;

/// What an exchange shows.
pub(crate) fn seen(connection: &Connection, class: Option<ErrorClass>, answer: Option<&Answer>) -> Seen {
    let Some(answer) = answer else { return Seen { class, ..Seen::default() } };
    let now = connection.world.clock.now();
    let windows = connection.manifest.budget.iter();
    let levels = windows.map(|window| (window.window.clone(), level(connection, window, answer, now)));
    let levels = levels.filter(|(_, level)| *level != Level::default()).collect();
    Seen { class, retry_after: answer.retry_after(Some(now)), levels }
}

fn level(connection: &Connection, window: &BudgetWindow, answer: &Answer, now: Timestamp) -> Level {
    let read = |reading: &Option<Reading>| number(connection, reading.as_ref()?, answer);
    let reset = read(&window.reset).map(|reset| {
        let now_s = u64::try_from(now.as_second()).unwrap_or(0);
        let seconds = if reset > UNIX_TIME_FROM { reset.saturating_sub(now_s) } else { reset };
        Duration::from_secs(seconds).min(RETRY_AFTER_MAX)
    });
    Level { limit: read(&window.limit), remaining: read(&window.remaining), reset }
}

/// A header that is missing, or is no number, says nothing.
fn number(connection: &Connection, reading: &Reading, answer: &Answer) -> Option<u64> {
    match reading {
        Reading::Header(name) => answer.headers.get(name)?.as_str()?.trim().parse().ok(),
        Reading::Rhai(script) => {
            let value = script.run(&connection.rules, &Named(&[("headers", &answer.headers)])).ok()?;
            match value {
                // What is below nothing is nothing.
                Value::Number(number) if number.as_str().starts_with('-') => Some(0),
                Value::Number(number) => number.as_u64(),
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
            }
        }
    }
}
