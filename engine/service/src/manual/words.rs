//! Durations, waits and repeats in words.

use std::time::Duration;

use ferry_contract::{
    catalog::{Backoff, BackoffKind, Effect, Lookup, Repeat},
    path::Path,
    suggest,
};
use serde_json::Value;

/// A duration as a manifest writes it: `500ms`, `30s`, `15m`, `2h`, `5d`.
pub(super) fn duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    // A minute is said as such, and so is a day; ninety seconds are not a minute and a half.
    let whole = units.into_iter().find(|(_, unit)| ms >= *unit && ms.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{ms}ms"), |(name, unit)| format!("{}{name}", ms / unit))
}

/// How long calls wait before they are sent again.
pub(super) fn backoff(backoff: &Backoff) -> String {
    let waits = match &backoff.kind {
        BackoffKind::Exponential { first, at_most } => {
            format!("a wait that doubles from {} to {} at most", duration(*first), duration(*at_most))
        }
        BackoffKind::Statistical(waits) => {
            let waits: Vec<String> = waits.iter().map(|wait| duration(*wait)).collect();
            format!("waits of {}, of which the last one stays", waits.join(", "))
        }
    };
    let within = backoff.within.map_or_else(String::new, |within| format!(", within {}", duration(within)));
    format!("{waits}; {} attempts{within}", backoff.attempts_max)
}

/// The word with which a manifest says what an action does.
pub(super) fn effect(effect: &Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Write(Repeat::Keyed { .. }) => "keyed",
        Effect::Write(Repeat::Upsert) => "upsert",
        Effect::Write(Repeat::Lookup(_)) => "lookup",
        Effect::Write(Repeat::Never) => "never",
    }
}

/// What a repeat relies on.
pub(super) fn repeat(effect: &Effect) -> Vec<String> {
    match effect {
        Effect::Read | Effect::Write(Repeat::Upsert | Repeat::Never) => Vec::new(),
        Effect::Write(Repeat::Keyed { header, remembers }) => {
            let memory = match remembers {
                Some(time) => {
                    format!(
                        "The target remembers a key for {}; ferry counts on half of that, and then a person decides.",
                        duration(*time)
                    )
                }
                None => "The target remembers a key for ever, as the manifest has it.".to_owned(),
            };
            vec![format!("The key travels in the header `{header}`."), memory]
        }
        Effect::Write(Repeat::Lookup(lookup)) => self::lookup(lookup),
    }
}

fn lookup(lookup: &Lookup) -> Vec<String> {
    let with = match lookup.with.as_slice() {
        [] => String::new(),
        with => format!(", with {}", pairs(with, "from")),
    };
    let absent = lookup.absent;
    let absence = if lookup.proves_absence {
        let after = duration(lookup.visible_after);
        format!("`{absent}` proves that it did not arrive, from {after} after the call on.")
    } else {
        format!("`{absent}` proves nothing: then a person decides.")
    };
    let mut said = vec![
        format!("It is looked up by `{}`{with}.", lookup.action),
        format!("What is found must agree: {}.", pairs(&lookup.found, "with")),
        absence,
    ];
    said.extend(lookup.void.as_ref().map(|void| {
        let values: Vec<String> = void.values.iter().map(plain).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        format!(
            "Where `{}` is {}, it stays so, and whoever begins its run again sends it under another `{}`, with `-2`, `-3` … \
             behind it.",
            void.field,
            suggest::list(&values),
            void.reference
        )
    }));
    said
}

fn pairs(pairs: &[(String, Path)], word: &str) -> String {
    let pair = |(name, path): &(String, Path)| format!("`{name}` {word} `{}`", path.text());
    pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
}

/// A value without the quotes of a text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_what_a_manifest_would_write() {
        let said = [0, 1_500, 90_000, 60_000, 7_200_000, 86_400_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(said, ["0ms", "1500ms", "90s", "1m", "2h", "1d"]);
    }
}
