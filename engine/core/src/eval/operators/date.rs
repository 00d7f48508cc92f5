//! `date`: times and days from one form into another, with a zone where one is needed.

use ferry_contract::{
    expression::{Compiler, EvalError, Scope},
    report::Report,
    schema::Kind,
    shape::{Shape, Typing},
    suggest,
    yaml::{
        Node,
        read::{Fields, text},
    },
};
use jiff::{
    Timestamp, Zoned, civil,
    fmt::strtime::{self, BrokenDownTime},
    tz::TimeZone,
};
use serde_json::Value;

use super::{BuiltModifier, Example, Modifier, Page, ambiguous, from::Written, refused, text_of};

pub(super) const PAGE: Page = Page {
    name: "date",
    text: "Reads a time or a day, and writes it again. `in` is a form in the letters of strftime, `epoch_seconds` or \
           `epoch_ms`; without it, ISO 8601 is read. `zone` is the IANA zone of a time that says none itself, and the zone in \
           which `out` writes. Without `out`, a time is written as an instant in UTC, and a day as `2026-03-01`. A time \
           without an offset is refused where no `zone` is named: a settlement would move to another day.",
    examples: &[
        Example {
            written: "{ from: $.event.x, date: { in: \"%d/%m/%Y\" } }",
            event: r#"{"x": "31/12/2026"}"#,
            gives: r#""2026-12-31""#,
        },
        Example {
            written: "{ from: $.event.x, date: { in: \"%d.%m.%Y %H:%M\", zone: Europe/Berlin } }",
            event: r#"{"x": "01.07.2026 00:30"}"#,
            gives: r#""2026-06-30T22:30:00Z""#,
        },
        Example {
            written: "{ from: $.event.x, date: { zone: America/New_York, out: \"%Y-%m-%d\" } }",
            event: r#"{"x": "2026-03-01T03:00:00Z"}"#,
            gives: r#""2026-02-28""#,
        },
        Example {
            written: "{ from: $.event.x, date: { in: epoch_ms } }",
            event: r#"{"x": 1772000000123}"#,
            gives: r#""2026-02-25T06:13:20.123Z""#,
        },
        Example {
            written: "{ from: $.event.x, date: { out: \"%Y\" } }",
            event: r#"{"x": "2026-03-01T03:00:00"}"#,
            gives: "error: `2026-03-01T03:00:00` says no offset; name the `zone` in which it is meant",
        },
        Example {
            written: "{ from: $.event.x, date: { in: \"%d/%m/%Y\" } }",
            event: r#"{"x": "2026-12-31"}"#,
            gives: "error: `2026-12-31` is not a time in the form `%d/%m/%Y`",
        },
    ],
};

#[derive(Debug)]
struct Date {
    form: Form,
    zone: Option<TimeZone>,
    out: Option<String>,
}

#[derive(Debug)]
enum Form {
    Iso,
    EpochSeconds,
    EpochMs,
    Strftime(String),
}

/// A time as it was read.
enum Read {
    Instant(Timestamp),
    Local(civil::DateTime),
    Day(civil::Date),
}

pub(super) fn compile(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    let fields = Fields::open(written.node, "`date`", &["in", "zone", "out"], compiler.report)?;
    let form = fields.get("in").map_or(Some(Form::Iso), |node| form(node, compiler));
    let zone = fields.get("zone").map(|node| zone(node, compiler.report));
    let out = fields.get("out").map(|node| strftime(node, compiler));
    ambiguous::look(fields, compiler.report);
    Some(Some(Box::new(Date {
        form: form?,
        zone: zone.map_or(Some(None), |zone| zone.map(Some))?,
        out: out.map_or(Some(None), |out| out.map(Some))?,
    })))
}

fn form(node: &Node, compiler: &mut Compiler<'_>) -> Option<Form> {
    match node.text() {
        Some("epoch_seconds") => Some(Form::EpochSeconds),
        Some("epoch_ms") => Some(Form::EpochMs),
        _ => strftime(node, compiler).map(Form::Strftime),
    }
}

/// A zone of the IANA database.
pub(crate) fn zone(node: &Node, report: &mut Report) -> Option<TimeZone> {
    let name = text(node, "a time zone", report)?.value;
    match TimeZone::get(&name) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let near = suggest::nearest(&name, known.iter().map(String::as_str));
            let help = near.map_or("write one such as `Europe/Berlin`, or `UTC`".to_owned(), |near| {
                format!("did you mean `{near}`?")
            });
            report.error("invalid-value", node.at, format!("`{name}` is not an IANA time zone"), help);
            None
        }
    }
}

/// A form that can be read and written.
fn strftime(node: &Node, compiler: &mut Compiler<'_>) -> Option<String> {
    let form = text(node, "a form of dates", compiler.report)?.value;
    let is_form =
        form.contains('%') && strtime::format(&form, &Zoned::new(Timestamp::UNIX_EPOCH, TimeZone::UTC)).is_ok();
    if !is_form {
        let help = "write it with the letters of strftime, such as `%Y-%m-%d` or `%d/%m/%Y %H:%M`";
        compiler.report.error("invalid-value", node.at, format!("`{form}` is not a form of dates"), help);
    }
    is_form.then_some(form)
}

impl Modifier for Date {
    fn apply(&self, value: Value, _: Scope<'_>) -> Result<Value, EvalError> {
        let text = text_of(&value, "a date")?;
        let read = self.form.read(text.trim())?;
        match (read, &self.out) {
            (Read::Day(day), None) => Ok(Value::from(day.to_string())),
            (Read::Day(day), Some(out)) => written(out, &BrokenDownTime::from(day)),
            (read, out) => {
                let instant = instant_of(read, &text, self.zone.as_ref())?;
                let zoned = || instant.to_zoned(self.zone.clone().unwrap_or(TimeZone::UTC));
                match out {
                    None => Ok(Value::from(instant.to_string())),
                    Some(out) => written(out, &BrokenDownTime::from(&zoned())),
                }
            }
        }
    }

    fn shape(&self, of: Shape, cx: &mut Typing<'_>) -> Shape {
        let _ = (of, cx);
        Shape::of_kind(Kind::String)
    }
}

fn written(out: &str, time: &BrokenDownTime) -> Result<Value, EvalError> {
    match time.to_string(out) {
        Ok(text) => Ok(Value::from(text)),
        Err(_) => refused(format!("a day cannot be written as `{out}`: it has no time")),
    }
}

/// The instant of an ISO 8601 time; a zone is for one without an offset.
pub(super) fn instant(value: &Value, zone: Option<&TimeZone>) -> Result<Timestamp, EvalError> {
    let text = text_of(value, "a time")?;
    instant_of(Form::Iso.read(text.trim())?, &text, zone)
}

fn instant_of(read: Read, text: &str, zone: Option<&TimeZone>) -> Result<Timestamp, EvalError> {
    let local = match read {
        Read::Instant(instant) => return Ok(instant),
        Read::Local(local) => local,
        Read::Day(day) => day.to_datetime(civil::Time::midnight()),
    };
    let Some(zone) = zone else {
        return refused(format!("`{text}` says no offset; name the `zone` in which it is meant"));
    };
    let zoned = local.to_zoned(zone.clone());
    zoned.map(|zoned| zoned.timestamp()).map_err(|_| EvalError(format!("`{text}` is out of range")))
}

impl Form {
    fn read(&self, text: &str) -> Result<Read, EvalError> {
        let read = match self {
            Self::Iso => iso(text),
            Self::EpochSeconds => text.parse().ok().and_then(|s| Timestamp::from_second(s).ok()).map(Read::Instant),
            Self::EpochMs => text.parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).map(Read::Instant),
            Self::Strftime(form) => strtime::parse(form, text).ok().and_then(|time| broken_down(&time)),
        };
        read.ok_or_else(|| EvalError(format!("`{text}` is not a time in the form {}", self.in_words())))
    }

    fn in_words(&self) -> String {
        match self {
            Self::Iso => "of ISO 8601".to_owned(),
            Self::EpochSeconds => "of seconds since 1970".to_owned(),
            Self::EpochMs => "of milliseconds since 1970".to_owned(),
            Self::Strftime(form) => format!("`{form}`"),
        }
    }
}

/// RFC 3339, an offset without a colon (as Salesforce writes it), a time without an offset, or a day.
fn iso(text: &str) -> Option<Read> {
    if text.len() <= "2026-03-01".len() {
        return text.parse().ok().map(Read::Day);
    }
    let instant = text.parse().ok().or_else(|| {
        let time = strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?;
        time.to_timestamp().ok()
    });
    instant.map(Read::Instant).or_else(|| text.parse().ok().map(Read::Local))
}

fn broken_down(time: &BrokenDownTime) -> Option<Read> {
    if time.offset().is_some() {
        return time.to_timestamp().ok().map(Read::Instant);
    }
    if time.hour().is_some() {
        return time.to_datetime().ok().map(Read::Local);
    }
    time.to_date().ok().map(Read::Day)
}
