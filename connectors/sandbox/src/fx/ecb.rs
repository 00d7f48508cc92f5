//! The files `eurofxref` of the ECB, in the form in which it writes them.

use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;

use super::walk::{self, Walk};
use crate::wire::Answer;

/// How many days back the longer file goes.
const DAYS: i64 = 90;

/// Writes a file; nothing where there is none of that name.
pub(super) fn file(walk: &Walk, name: &str, now: Timestamp) -> Option<Answer> {
    let last = walk::published(now);
    let days = match name {
        "eurofxref-daily.xml" => vec![last],
        "eurofxref-hist-90d.xml" => days(last),
        _ => return None,
    };
    let mut text = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<gesmes:Envelope xmlns:gesmes=\"http://www.gesmes.org/xml/2002-08-01\" ",
        "xmlns=\"http://www.ecb.int/vocabulary/2002-08-01/eurofxref\">\n",
        "\t<gesmes:subject>Reference rates</gesmes:subject>\n",
        "\t<gesmes:Sender>\n\t\t<gesmes:name>European Central Bank</gesmes:name>\n\t</gesmes:Sender>\n",
        "\t<Cube>\n",
    ));
    for day in days {
        text.push_str(&format!("\t\t<Cube time='{day}'>\n"));
        for (currency, rate) in walk.rates(day) {
            text.push_str(&format!("\t\t\t<Cube currency='{currency}' rate='{rate}'/>\n"));
        }
        text.push_str("\t\t</Cube>\n");
    }
    text.push_str("\t</Cube>\n</gesmes:Envelope>");
    Some(Answer::file(StatusCode::OK, "text/xml", text))
}

/// The working days until one, the last first.
fn days(last: Date) -> Vec<Date> {
    let back = |days: i64| last.checked_sub(jiff::Span::new().days(days)).ok();
    (0..DAYS).filter_map(back).filter(|day| walk::working_day(*day) == *day).collect()
}
