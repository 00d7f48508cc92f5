//! How far one query of a poll reaches: to the end, or in a backfill from window to window.
//!
//! A window is closed: all its events are older than events can come late. The cursor stands at its end only when all its
//! pages are on disk, so whoever goes on after a crash begins with the window that was not done.

use ferry_connectors::manifest;
use ferry_contract::failure::{ErrorClass, Failure};
use ferry_core::plan::{Cursor, Poll};
use jiff::{SignedDuration, Timestamp};

use super::trigger::{begin, time};
use crate::limits::BACKFILL_SETTLES;

/// What one query asks for.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Window {
    /// The least value, inclusive; nothing where there is none.
    pub(super) from: Option<String>,
    /// The value from which on nothing is asked for.
    pub(super) before: Option<String>,
    /// Where the cursor stands once all pages are on disk, and another window follows.
    pub(super) ends: Option<Timestamp>,
    /// What the target itself calls the place, and the field of the input that it becomes.
    pub(super) token: Option<(String, String)>,
}

/// The next window; nothing where a backfill has come to its end.
///
/// # Errors
/// [`ErrorClass::Config`] where the cursor is no time.
pub(super) fn next(
    trigger: &Poll,
    poll: &manifest::Poll,
    cursor: Option<&str>,
    now: Timestamp,
) -> Result<Option<Window>, Failure> {
    let growing = match &trigger.cursor {
        Cursor::Field(growing) => growing,
        Cursor::Token { into, .. } => {
            let token = cursor.map(|token| (into.clone(), token.to_owned()));
            return Ok(Some(Window { from: None, before: None, ends: None, token }));
        }
    };
    let Some(backfill) = &trigger.backfill else {
        let from = cursor.map(|cursor| begin(growing, poll, cursor)).transpose()?;
        return Ok(Some(Window { from, before: None, ends: None, token: None }));
    };
    let place = match cursor {
        None => backfill.from,
        Some(cursor) => time(cursor).ok_or_else(|| {
            let field = growing.field.text();
            let message = format!("a backfill goes by times, and the cursor field `{field}` is `{cursor}`");
            Failure::new(ErrorClass::Config, message)
        })?,
    };
    if backfill.to.is_some_and(|to| place >= to) {
        return Ok(None);
    }
    let lookback = SignedDuration::try_from(growing.lookback).unwrap_or(SignedDuration::MAX);
    let earlier = |moment: Timestamp, span| moment.checked_sub(span).unwrap_or(Timestamp::MIN);
    let from = match cursor {
        None => place,
        // A poll that was there before the backfill has not come to its beginning yet, and looks back as ever.
        Some(_) if place < backfill.from => earlier(place, lookback),
        Some(_) => earlier(place, lookback).max(backfill.from),
    };
    let window = SignedDuration::try_from(backfill.window).unwrap_or(SignedDuration::MAX);
    let end = place.checked_add(window).unwrap_or(Timestamp::MAX);
    let end = backfill.to.map_or(end, |to| end.min(to));
    let settled = earlier(now, lookback.max(BACKFILL_SETTLES));
    let written = |moment: Timestamp| match &poll.time_format {
        Some(format) => moment.strftime(format).to_string(),
        None => moment.to_string(),
    };
    let (until, ends) = if end <= settled { (Some(end), Some(end)) } else { (backfill.to, None) };
    Ok(Some(Window { from: Some(written(from)), before: until.map(written), ends, token: None }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ferry_contract::{
        expression::{Expression, Made},
        path::Path,
        report::At,
    };
    use ferry_core::{language::Backfill, plan::Growing};
    use serde_json::Value;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// What is asked for, and where the cursor goes then.
    fn asked(to: Option<&str>, cursor: Option<&str>, now: &str) -> String {
        let path = |text| Path::parse(text).unwrap();
        let backfill = Backfill { from: at("2025-01-01T00:00:00Z"), to: to.map(at), window: Duration::from_hours(24) };
        let trigger = Poll {
            connection: "c".into(),
            action: "a".into(),
            with: Expression { at: At::START, made: Made::Literal(Value::Null) },
            every: Duration::from_mins(1),
            cursor: Cursor::Field(Growing {
                field: path("$.at"),
                tie_break: path("$.id"),
                lookback: Duration::from_mins(5),
            }),
            backfill: Some(backfill),
        };
        let poll = manifest::Poll { items: path("$.items"), time_format: Some("%d %T%.3f".into()) };
        let end = |end: Option<String>| end.unwrap_or_else(|| "..".to_owned());
        match next(&trigger, &poll, cursor, at(now)) {
            Ok(Some(Window { from, before, ends, .. })) => {
                [end(from), end(before), end(ends.map(|at| at.to_string()))].join(" | ")
            }
            Ok(None) => "nothing".to_owned(),
            Err(failure) => failure.message,
        }
    }

    #[test]
    fn windows_join_and_are_closed_only_where_nothing_comes_late() {
        let (now, to) = ("2025-01-04T06:00:00Z", Some("2025-01-02T12:00:00Z"));
        for (to, cursor, now, expected) in [
            (None, None, now, "01 00:00:00.000 | 02 00:00:00.000 | 2025-01-02T00:00:00Z"),
            // In the middle of a window that was not done; nothing before the beginning.
            (None, Some("2025-01-01T00:03:00Z"), now, "01 00:00:00.000 | 02 00:03:00.000 | 2025-01-02T00:03:00Z"),
            (None, Some("2025-01-02T00:00:00Z"), now, "01 23:55:00.000 | 03 00:00:00.000 | 2025-01-03T00:00:00Z"),
            // The last window is open until its end is an hour old.
            (None, Some("2025-01-03T05:00:00Z"), now, "03 04:55:00.000 | 04 05:00:00.000 | 2025-01-04T05:00:00Z"),
            (None, Some("2025-01-03T05:00:00.001Z"), now, "03 04:55:00.001 | .. | .."),
            (to, Some("2025-01-02T00:00:00Z"), now, "01 23:55:00.000 | 02 12:00:00.000 | 2025-01-02T12:00:00Z"),
            (to, Some("2025-01-02T00:00:00Z"), "2025-01-02T12:30:00Z", "01 23:55:00.000 | 02 12:00:00.000 | .."),
            (to, Some("2025-01-02T12:00:00Z"), now, "nothing"),
            // It has polled before, and goes on from there.
            (None, Some("2024-12-20T00:00:00+0000"), now, "19 23:55:00.000 | 21 00:00:00.000 | 2024-12-21T00:00:00Z"),
            (None, Some("7"), now, "a backfill goes by times, and the cursor field `$.at` is `7`"),
        ] {
            assert_eq!(asked(to, cursor, now), expected, "{to:?} {cursor:?}");
        }
    }
}
