//! Exchange rates and chat rooms over real loopback HTTP.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

mod plain;

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, tz::TimeZone};
use plain::Plain;
use rust_decimal::Decimal;
use serde_json::{Value, json};

const NONE: (&str, &str) = ("accept", "*/*");
const HOUR_MS: u64 = 60 * 60_000;

async fn get(sandbox: &Plain, path: &str) -> (u16, Value) {
    let answer = sandbox.send("GET", path, NONE, "").await;
    (answer.code, answer.json())
}

async fn file(sandbox: &Plain, name: &str) -> String {
    let answer = sandbox.send("GET", &format!("/ecb/stats/eurofxref/{name}"), NONE, "").await;
    assert_eq!(answer.code, 200);
    answer.text
}

fn days(text: &str) -> Vec<Date> {
    let dates = text.split("time='").skip(1);
    dates.map(|rest| rest.split('\'').next().and_then(|day| day.parse().ok()).expect("it is a date")).collect()
}

/// What one euro is in a currency, on the first day of a file.
fn rate(text: &str, currency: &str) -> Decimal {
    let (_, rest) = text.split_once(&format!("currency='{currency}' rate='")).expect("it has the currency");
    rest.split('\'').next().and_then(|rate| rate.parse().ok()).expect("it is a number")
}

fn decimal(value: &Value) -> Decimal {
    value.to_string().parse().expect("it is a number")
}

/// Advances to just after an hour of the next Wednesday in Frankfurt.
async fn next_wednesday(sandbox: &Plain, hour: i8) -> Date {
    let now = sandbox.ask("clock").await["now"].as_str().and_then(|now| now.parse::<Timestamp>().ok());
    let zone = TimeZone::get("Europe/Berlin").expect("the zone is known");
    let now = now.expect("it has a time").to_zoned(zone.clone());
    let day = now.date().nth_weekday(1, Weekday::Wednesday).expect("there is one");
    let at = day.at(hour, 0, 1, 0).to_zoned(zone).expect("the hour exists").timestamp();
    let ms = at.as_millisecond() - now.timestamp().as_millisecond();
    sandbox.advance(u64::try_from(ms).expect("it is later")).await;
    day
}

#[tokio::test]
async fn the_rates_of_a_working_day_are_published_at_four() {
    let sandbox = Plain::start().await;
    let wednesday = next_wednesday(&sandbox, 15).await;
    let before = file(&sandbox, "eurofxref-daily.xml").await;
    assert_eq!(days(&before), [wednesday.yesterday().expect("a day")]);
    sandbox.advance(HOUR_MS).await;
    let text = file(&sandbox, "eurofxref-daily.xml").await;
    assert_eq!(days(&text), [wednesday]);
    assert_eq!(text.matches("currency=").count(), 29);
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gesmes:Envelope xmlns:gesmes="), "{text}");
    let dollar = rate(&text, "USD");
    assert!(dollar.scale() == 4 && !text.contains("'EUR'"), "{dollar}");
    let same = ["USD", "JPY", "GBP", "CHF"].into_iter().filter(|name| rate(&before, name) == rate(&text, name));
    assert!(same.count() < 3, "the rates move: {before} {text}");
    // A weekend has no rates of its own.
    sandbox.advance(4 * 24 * HOUR_MS).await;
    let friday = wednesday.checked_add(jiff::Span::new().days(2)).expect("a day");
    assert_eq!(days(&file(&sandbox, "eurofxref-daily.xml").await), [friday]);
}

#[tokio::test]
async fn the_longer_file_has_the_working_days_the_last_first() {
    let sandbox = Plain::start().await;
    let last = next_wednesday(&sandbox, 17).await;
    let text = file(&sandbox, "eurofxref-hist-90d.xml").await;
    let days = days(&text);
    assert_eq!((days[0], days.len()), (last, 64));
    assert!(days.is_sorted_by(|one, other| one > other));
    assert!(days.iter().all(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)));
    assert_eq!(rate(&text, "USD"), rate(&file(&sandbox, "eurofxref-daily.xml").await, "USD"));
    assert_eq!(sandbox.send("GET", "/ecb/stats/eurofxref/other.xml", NONE, "").await.code, 404);
}

#[tokio::test]
async fn open_exchange_rates_wants_an_app_id_and_speaks_of_dollars() {
    let sandbox = Plain::start().await;
    next_wednesday(&sandbox, 17).await;
    let at = "/openexchangerates/api";
    let (code, body) = get(&sandbox, &format!("{at}/latest.json")).await;
    assert_eq!((code, &body["message"], &body["error"]), (401, &json!("missing_app_id"), &json!(true)));
    let (code, body) = get(&sandbox, &format!("{at}/latest.json?app_id=x")).await;
    assert_eq!((code, &body["message"]), (401, &json!("invalid_app_id")));
    let (code, body) = get(&sandbox, &format!("{at}/latest.json?app_id=sandbox-app-id")).await;
    assert_eq!((code, &body["base"], &body["rates"]["USD"]), (200, &json!("USD"), &json!(1)));
    let token = ("authorization", "Token sandbox-app-id");
    let by_header = sandbox.send("GET", &format!("{at}/latest.json?symbols=EUR,JPY"), token, "").await.json();
    assert_eq!(by_header["rates"].as_object().map(serde_json::Map::len), Some(2), "{by_header}");
    // The same rates as those of the ECB, seen from the dollar.
    let text = file(&sandbox, "eurofxref-daily.xml").await;
    let expected = (rate(&text, "JPY") / rate(&text, "USD")).round_dp(6);
    assert_eq!(decimal(&body["rates"]["JPY"]), expected);
    assert_eq!(decimal(&by_header["rates"]["JPY"]), expected);
    for (day, code, message) in [
        ("2024-06-03", 200, Value::Null),
        ("2999-01-01", 400, json!("not_available")),
        ("yesterday", 400, json!("invalid_date")),
    ] {
        let (got, body) = get(&sandbox, &format!("{at}/historical/{day}.json?app_id=sandbox-app-id")).await;
        assert_eq!((got, &body["message"]), (code, &message), "{day}");
    }
}

#[tokio::test]
async fn frankfurter_gives_a_weekend_the_rates_of_friday() {
    let sandbox = Plain::start().await;
    let wednesday = next_wednesday(&sandbox, 17).await;
    let (code, body) = get(&sandbox, "/frankfurter/v1/latest").await;
    assert_eq!((code, &body["base"], &body["date"]), (200, &json!("EUR"), &json!(wednesday.to_string())));
    let text = file(&sandbox, "eurofxref-daily.xml").await;
    assert_eq!(decimal(&body["rates"]["USD"]), rate(&text, "USD"));
    let (_, sunday) = get(&sandbox, "/frankfurter/v1/2024-06-02?base=USD&symbols=EUR,GBP").await;
    assert_eq!((&sunday["base"], &sunday["date"]), (&json!("USD"), &json!("2024-05-31")));
    let names: Vec<&String> = sunday["rates"].as_object().expect("it has rates").keys().collect();
    assert_eq!(names, ["EUR", "GBP"]);
    for path in ["v1/never", "v1/latest?base=XXX", "v2/latest"] {
        assert_eq!(get(&sandbox, &format!("/frankfurter/{path}")).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn a_room_takes_a_text_a_second_from_whoever_knows_its_path() {
    let sandbox = Plain::start().await;
    let card = |text: &str| {
        let content =
            json!({ "type": "AdaptiveCard", "version": "1.4", "body": [{ "type": "TextBlock", "text": text }] });
        let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "content": content });
        json!({ "type": "message", "attachments": [attachment] })
    };
    let seed = sandbox.ask("seed").await;
    let path = |room: &str| format!("/chat/{}", seed["chat"][room].as_str().expect("it has a path"));
    let cases = [
        ("slack", json!({ "text": "hello" }), json!({ "text": " " }), 200, "ok", "no_text"),
        ("teams", card("hello"), card(""), 202, "", "InvalidRequestContent"),
        ("plain", json!({ "text": "hello" }), json!({}), 204, "", "text is required"),
    ];
    for (room, body, empty, code, says, refuses) in cases {
        let path = path(room);
        let refused = sandbox.send("POST", &path, NONE, &empty.to_string()).await;
        assert!(refused.code == 400 && refused.text.contains(refuses), "{room}: {refused:?}");
        let taken = sandbox.send("POST", &path, NONE, &body.to_string()).await;
        assert_eq!((taken.code, taken.text.as_str()), (code, says), "{room}");
        let soon = sandbox.send("POST", &path, NONE, &body.to_string()).await;
        assert_eq!((soon.code, soon.retry_after.as_deref()), (429, Some("1")), "{room}");
        assert_eq!(sandbox.send("POST", &format!("{path}x"), NONE, &body.to_string()).await.code, 404, "{room}");
        sandbox.advance(1_000).await;
    }
    let ledger = sandbox.ask("ledger").await;
    let messages = ledger["chat"]["messages"].as_array().expect("it lists messages");
    let rooms: Vec<(&Value, &Value)> = messages.iter().map(|message| (&message["room"], &message["text"])).collect();
    let hello = json!("hello");
    assert_eq!(rooms, [(&json!("slack"), &hello), (&json!("teams"), &hello), (&json!("plain"), &hello)]);
    assert_eq!(ledger["chat"]["rate_limited"], 3);
}
