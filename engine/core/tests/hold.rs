//! Holds: what a run reserves after each entry of its story.

mod world;

use ferry_contract::report::Report;
use ferry_core::{
    once::Guards,
    run::{Entry, Reservation, Run},
};
use jiff::Timestamp;

use world::{PROJECT, World, completed_for_any_event as completed};

const PAY: &str = "
steps:
  - { id: amount, map: { amount: $.event.amount, currency: $.event.currency } }
  - id: submit
    action: payoneer.create_payout
    with: { client_reference_id: $.event.Id, payee_id: p, amount: $.amount, description: d }
    on_error:
      - class: insufficient_funds
        hold:
          for: $.amount
          until: { action: payoneer.get_balance, passes: result.available >= reserved }
          every: 10m
          alert: treasury
      - { class: rejected, fallback: { action: payoneer.get_balance, with: {} } }
";

const EACH: &str = "
steps:
  - id: pay
    each: { in: $.event.payees, as: payee, key: $.payee.id, concurrency: 2 }
    action: payoneer.create_payout
    with: { client_reference_id: $.payee.id, payee_id: p, amount: $.payee.amount, description: d }
    on_error:
      - class: insufficient_funds
        hold:
          for: $.payee.amount
          until: { action: payoneer.get_balance, passes: result.available >= reserved }
          every: 10m
          alert: treasury
";

const REFUSED: &str = r#"{"failed":{"step":"submit","failure":{"class":"insufficient_funds","message":"no"}}}"#;
const HELD: &str = r#"{"held":{"step":"submit","what":{"amount":12.50,"currency":"USD"}}}"#;
const RELEASED: &str = r#"{"released":{"step":"submit"}}"#;
const CALLED: &str = r#"{"called":{"step":"submit","attempt":1,"key":"k","digest":"d","target":"t"}}"#;
const WAITS: &str = "submit: 12.50 payoneer/USD since 3";
const FREE: &str = "submit: 12.50 payoneer/USD since 3 released";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a second of the story")
}

fn told(Reservation { step, queue, since, amount, is_released }: &Reservation) -> String {
    let released = if *is_released { " released" } else { "" };
    format!("{step}: {amount} {queue} since {}{released}", since.as_second())
}

/// Each entry comes a second after the one before it; beside it stands what the run reserves from then on.
#[track_caller]
fn check(pipeline: &str, story: &[(&str, &str)]) {
    let checked = World::new().lint(PROJECT, &[&completed(pipeline.trim_start())]);
    assert!(checked.reports.iter().all(Report::is_ok), "{:#?}", checked.reports);
    let mut run = Run::new(checked.plans[0].clone(), "e1", Guards::ALL);
    let entry = |line: &str| serde_json::from_str::<Entry>(line).expect("an entry");
    run.take(at(0), &entry(r#"{"started":{"event":{"Id":"e1"}}}"#));
    for (second, (line, expected)) in (1..).zip(story) {
        run.take(at(second), &entry(line));
        let reserved: Vec<String> = run.reservations().iter().map(told).collect();
        assert_eq!(reserved.join(", "), *expected, "after {second} {line}");
    }
}

const AMOUNT: (&str, &str) = (r#"{"evaluated":{"step":"amount","output":{"amount":12.50,"currency":"USD"}}}"#, "");

#[test]
fn a_unit_reserves_from_its_hold_until_its_call_is_settled() {
    check(
        PAY,
        &[
            AMOUNT,
            (REFUSED, ""),
            (HELD, WAITS),
            (RELEASED, FREE),
            (CALLED, FREE),
            (r#"{"answered":{"step":"submit","output":{}}}"#, ""),
        ],
    );
}

#[test]
fn one_that_finds_the_money_gone_is_held_again_in_its_place() {
    check(PAY, &[AMOUNT, (REFUSED, ""), (HELD, WAITS), (RELEASED, FREE), (REFUSED, FREE), (HELD, WAITS)]);
}

/// The money may be gone, and may not.
#[test]
fn a_call_that_may_have_been_done_has_its_reservation_still() {
    check(
        PAY,
        &[
            AMOUNT,
            (REFUSED, ""),
            (HELD, WAITS),
            (RELEASED, FREE),
            (CALLED, FREE),
            (r#"{"failed":{"step":"submit","failure":{"class":"unknown","message":"no answer"}}}"#, FREE),
            (r#"{"parked":{"step":"submit","reason":"look there"}}"#, FREE),
            (r#"{"cancelled":{"by":"ana","reason":"paid by hand"}}"#, ""),
        ],
    );
}

#[test]
fn a_call_that_takes_the_place_of_the_held_one_reserves_nothing() {
    check(
        PAY,
        &[
            AMOUNT,
            (REFUSED, ""),
            (HELD, WAITS),
            (RELEASED, FREE),
            (CALLED, FREE),
            (r#"{"failed":{"step":"submit","failure":{"class":"rejected","message":"no"}}}"#, ""),
        ],
    );
}

#[test]
fn what_is_no_money_has_no_queue() {
    let held = |what: &str| format!(r#"{{"held":{{"step":"submit","what":{what}}}}}"#);
    for what in ["null", "12.50", r#"{"amount":12.50}"#, r#"{"amount":"a lot","currency":"USD"}"#] {
        check(PAY, &[AMOUNT, (REFUSED, ""), (&held(what), ""), (RELEASED, "")]);
    }
}

#[test]
fn a_run_that_begins_again_reserves_nothing() {
    check(
        PAY,
        &[
            AMOUNT,
            (REFUSED, ""),
            (HELD, WAITS),
            (r#"{"cancelled":{"by":"ana","reason":"not now"}}"#, ""),
            (r#"{"resumed":{"by":"ana","reason":"mended","from":"start"}}"#, ""),
            (REFUSED, ""),
            (HELD, "submit: 12.50 payoneer/USD since 7"),
        ],
    );
}

#[test]
fn each_item_has_a_place_of_its_own() {
    let refused = r#"{"failed":{"step":"pay[a]","failure":{"class":"insufficient_funds","message":"no"}}}"#;
    let money = r#"{"amount":3,"currency":"EUR"}"#;
    let items = format!(
        r#"{{"spread":{{"step":"pay","items":[{{"key":"a","value":{{"id":"a","amount":{money}}}}},{{"key":"b","value":{{"id":"b","amount":{money}}}}}]}}}}"#
    );
    let held = |item: &str| format!(r#"{{"held":{{"step":"pay[{item}]","what":{money}}}}}"#);
    check(
        EACH,
        &[
            (&items, ""),
            (refused, ""),
            (&held("a"), "pay[a]: 3 payoneer/EUR since 3"),
            (&refused.replace("[a]", "[b]"), "pay[a]: 3 payoneer/EUR since 3"),
            (&held("b"), "pay[a]: 3 payoneer/EUR since 3, pay[b]: 3 payoneer/EUR since 5"),
            (
                r#"{"released":{"step":"pay[a]"}}"#,
                "pay[a]: 3 payoneer/EUR since 3 released, pay[b]: 3 payoneer/EUR since 5",
            ),
        ],
    );
}
