//! How a run is shown while a person must decide, and whether it keeps its place.

mod story;
mod world;

use expect_test::{Expect, expect};

const SUBMIT_CALLED: &str =
    r#"{"called":{"step":"submit","attempt":1,"key":"payoneer/create_payout/e1/submit/0","digest":"d","target":"t"}}"#;

fn failed(step: &str, class: &str) -> String {
    format!(r#"{{"failed":{{"step":"{step}","failure":{{"class":"{class}","message":"no"}}}}}}"#)
}

/// Each line comes a second after the one before it.
fn numbered(lines: &[&str]) -> Vec<String> {
    (1..).zip(lines).map(|(second, line)| format!("{second} {line}")).collect()
}

#[track_caller]
fn tell(lines: &[&str], expected: Expect) {
    story::check(BESIDE, &numbered(lines).join("\n"), expected);
}

/// A payout beside others: a wait, one that fails, and one that has not begun.
const BESIDE: &str = "\
steps:
  - id: submit
    action: payoneer.create_payout
    with: { client_reference_id: $.event.Id, payee_id: p, amount: { amount: 1, currency: USD }, description: d }
  - { id: pause, wait: { for: 1h } }
  - { id: after, needs: [pause], map: { x: 1 } }
  - { id: other, map: { x: 1 } }
  - { id: last, map: { x: 1 } }
";

/// A person must decide, and nobody would know of it who reads that the run waits.
#[test]
fn a_run_with_a_parked_step_is_parked_whatever_else_it_waits_for() {
    tell(
        &[
            r#"{"waiting":{"step":"pause","on":"time"}}"#,
            r#"{"evaluated":{"step":"other","output":{}}}"#,
            r#"{"evaluated":{"step":"last","output":{}}}"#,
            SUBMIT_CALLED,
            &failed("submit", "unknown"),
            r#"{"looked_up":{"step":"submit","found":"not_seen","output":{}}}"#,
            r#"{"parked":{"step":"submit","reason":"look there"}}"#,
            r#"{"arrived":{"step":"pause","output":{}}}"#,
            r#"{"evaluated":{"step":"after","output":{}}}"#,
        ],
        expect![[r#"
            1 running: start submit, at 3601: arrived pause, start other, start last
            2 running: start submit, at 3601: arrived pause, start last
            3 running: start submit, at 3601: arrived pause
            4 running: at 3601: arrived pause
            5 running: look up submit at 915, at 3601: arrived pause
            6 running: parked submit, at 3601: arrived pause
            7 parked: at 3601: arrived pause
            8 running: start after
            9 parked: 
        "#]],
    );
}

/// Nothing starts any more, and the payout keeps the run from its end: only a person goes on.
#[test]
fn a_step_that_never_starts_does_not_make_a_run_look_at_work() {
    let story = [
        r#"{"waiting":{"step":"pause","on":"time"}}"#,
        SUBMIT_CALLED,
        &failed("submit", "unknown"),
        r#"{"looked_up":{"step":"submit","found":"not_seen","output":{}}}"#,
        r#"{"parked":{"step":"submit","reason":"look there"}}"#,
        &failed("other", "invalid"),
        r#"{"decided":{"step":"submit","by":"ana","reason":"it is there","decision":{"done":{}}}}"#,
    ];
    tell(
        &story,
        expect![[r#"
        1 running: start submit, at 3601: arrived pause, start other, start last
        2 running: at 3601: arrived pause, start other, start last
        3 running: look up submit at 913, at 3601: arrived pause, start other, start last
        4 running: parked submit, at 3601: arrived pause, start other, start last
        5 running: at 3601: arrived pause, start other, start last
        6 parked: at 3601: arrived pause
        7 waiting: dead letter at other, invalid: no
    "#]],
    );
    let mut run = story::begun(BESIDE);
    for line in numbered(&story[..6]) {
        let (second, entry) = story::read(&line);
        run.take(story::at(second), &entry);
    }
    assert!(!run.is_active(), "it has its place no longer than it is at work");
}
