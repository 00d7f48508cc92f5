//! Functions of scripts for how systems write texts, days and times.

use std::fmt::Display;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{
    Timestamp, civil,
    fmt::strtime::{self, BrokenDownTime},
    tz::TimeZone,
};
use percent_encoding::percent_decode_str;
use rhai::{Dynamic, Engine, EvalAltResult};

use super::to_value;

type Made = Result<String, Box<EvalAltResult>>;

/// Adds all of them.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("url_decode", |text: &str| url_decode(text));
    engine.register_fn("base64url", |text: &str| URL_SAFE_NO_PAD.encode(text));
    engine.register_fn("to_json", |value: Dynamic| -> Made { Ok(to_value(&value)?.to_string()) });
    engine.register_fn("format_date", |text: &str, form: &str| format_date(text, form));
    engine.register_fn("parse_date", |text: &str, form: &str| parse_date(text, form));
    engine.register_fn("format_time", |text: &str, form: &str, zone: &str| format_time(text, form, zone));
    engine.register_fn("parse_time", |text: &str, form: &str, zone: &str| parse_time(text, form, zone));
}

/// A text that is encoded as in a query: `+` is a space, `%3A` a colon. Source: URL standard,
/// application/x-www-form-urlencoded.
fn url_decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// The day of `2026-03-01`, or of a time as it is written there, in another form.
fn format_date(text: &str, form: &str) -> Made {
    let day: civil::Date = text.trim().parse().map_err(|_| format!("`{text}` is not a day such as `2026-03-01`"))?;
    strtime::format(form, day).map_err(|error| wrong_form(form, &error).into())
}

/// A day in another form, as `2026-03-01`.
fn parse_date(text: &str, form: &str) -> Made {
    let read = strtime::parse(form, text.trim()).and_then(|read| read.to_date());
    read.map(|day| day.to_string()).map_err(|_| format!("`{text}` is not a day in the form `{form}`").into())
}

/// A time with an offset, as it is in a zone, in another form.
fn format_time(text: &str, form: &str, zone: &str) -> Made {
    let time: Timestamp =
        text.trim().parse().map_err(|_| format!("`{text}` is not a time such as `2026-03-01T12:00:00Z`"))?;
    strtime::format(form, &time.to_zoned(named(zone)?)).map_err(|error| wrong_form(form, &error).into())
}

/// A time of a zone in another form, as an instant in UTC: an offset and the seconds of `%s` come before the zone. Of two times
/// that a clock shows twice, the first.
fn parse_time(text: &str, form: &str, zone: &str) -> Made {
    let read = strtime::parse(form, text.trim());
    if let Ok(instant) = read.as_ref().map_err(Clone::clone).and_then(BrokenDownTime::to_timestamp) {
        return Ok(instant.to_string());
    }
    let read = read.and_then(|read| read.to_datetime());
    let read = read.map_err(|_| format!("`{text}` is not a time in the form `{form}`"))?;
    let zoned = read.to_zoned(named(zone)?).map_err(|_| format!("`{text}` is not a time of `{zone}`"))?;
    Ok(zoned.timestamp().to_string())
}

fn named(zone: &str) -> Result<TimeZone, Box<EvalAltResult>> {
    TimeZone::get(zone).map_err(|_| format!("`{zone}` is not an IANA time zone such as `Europe/Berlin`").into())
}

fn wrong_form(form: &str, error: &dyn Display) -> String {
    format!("`{form}` cannot write it: {error}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use crate::script::{Form, Missing, Named, NoWatch, Rules, Script};

    fn check(script: &str, expected: &str) {
        let rules = Rules::new(Missing::IsNothing, Arc::new(NoWatch));
        let compiled = Script::compile(&rules, script, Form::Expression, &[]).expect("it compiles");
        let shown = match compiled.run(&rules, &Named(&[])) {
            Ok(Value::String(text)) => text,
            Ok(other) => other.to_string(),
            Err(error) => error.to_string(),
        };
        assert!(shown.contains(expected), "{script}: {shown}");
    }

    #[test]
    fn texts_are_written_as_systems_write_them() {
        check("url_decode(\"a+b%3Ac\")", "a b:c");
        check("base64url(\"{\\\"a\\\":1}??\")", "eyJhIjoxfT8_");
        check("to_json(#{ a: [1, 2.50], b: () })", "{\"a\":[1,2.50],\"b\":null}");
        check("format_date(\"2026-03-01\", \"%m/%d/%Y\")", "03/01/2026");
        check("format_date(\"2026-03-01T23:30:00-05:00\", \"%m/%d/%Y\")", "03/01/2026");
        check("format_date(\"March\", \"%m/%d/%Y\")", "`March` is not a day");
        check("parse_date(\"3/1/2026\", \"%m/%d/%Y\")", "2026-03-01");
        check("parse_date(\"2026-03-01\", \"%m/%d/%Y\")", "is not a day in the form");
        check(
            "parse_time(\"4/10/2015 4:06:30 PM\", \"%m/%d/%Y %I:%M:%S %p\", \"America/Los_Angeles\")",
            "2015-04-10T23:06:30Z",
        );
        check("format_time(\"2015-04-10T23:06:30Z\", \"%m/%d/%Y %H:%M\", \"America/Los_Angeles\")", "04/10/2015 16:06");
        check("parse_time(\"1775052000\", \"%s\", \"America/Los_Angeles\")", "2026-04-01T14:00:00Z");
        check("parse_time(\"1/1/2026 00:00 +0200\", \"%m/%d/%Y %H:%M %z\", \"Asia/Tokyo\")", "2025-12-31T22:00:00Z");
        check("parse_time(\"1/1/2026 00:00\", \"%m/%d/%Y %H:%M\", \"Mars\")", "`Mars` is not an IANA time zone");
    }
}
