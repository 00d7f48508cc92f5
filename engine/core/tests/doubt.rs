//! The fold where a write stands or may stand: nothing is done in its place, in whatever life of the run.

mod story;
mod world;

use expect_test::{Expect, expect};

use story::check;

/// A write that is an upsert, with an arm that goes on without it.
const CLOSE: &str = "\
steps:
  - id: close
    timeout: 1h
    action: salesforce.update
    with: { object: Payment_Request__c, id: $.event.Id, values: { Status__c: Completed } }
    on_error:
      - { class: [rejected, unavailable, invalid], do: [{ id: note, map: { x: 1 } }], then: continue }
";

/// A payout that is looked up, with arms that go on without it.
const PAYOUT: &str = "\
steps:
  - id: submit
    action: payoneer.create_payout
    with: { client_reference_id: $.event.Id, payee_id: p, amount: { amount: 1, currency: USD }, description: d }
    on_error:
      - { class: [invalid, conflict], do: [{ id: note, map: { x: 1 } }], then: continue }
";

const CLOSE_CALLED: &str =
    r#"{"called":{"step":"close","attempt":1,"key":"salesforce/update/e1/close@d/0","digest":"d","target":"t"}}"#;
const SUBMIT_CALLED: &str =
    r#"{"called":{"step":"submit","attempt":1,"key":"payoneer/create_payout/e1/submit/0","digest":"d","target":"t"}}"#;
const AGAIN: &str = r#"{"resumed":{"by":"ana","reason":"again","from":"start","by_person":true}}"#;

fn failed(step: &str, class: &str) -> String {
    format!(r#"{{"failed":{{"step":"{step}","failure":{{"class":"{class}","message":"no"}}}}}}"#)
}

fn dead(step: &str, class: &str) -> String {
    format!(r#"{{"dead_lettered":{{"step":"{step}","failure":{{"class":"{class}","message":"no"}}}}}}"#)
}

/// Each line comes a second after the one before it.
#[track_caller]
fn tell(pipeline: &str, lines: &[&str], expected: Expect) {
    let story: String = (1..).zip(lines).map(|(second, line)| format!("{second} {line}\n")).collect();
    check(pipeline, &story, expected);
}

/// The same content went again, because its record might have been changed; that the target refuses it now makes
/// the first one no less done.
#[test]
fn a_refused_repeat_of_what_was_done_makes_it_no_less_done() {
    let (answered, dead) = (r#"{"answered":{"step":"close","output":{}}}"#, dead("later", "invalid"));
    let refused = failed("close", "rejected");
    tell(
        CLOSE,
        &[CLOSE_CALLED, answered, &dead, AGAIN, CLOSE_CALLED, &refused],
        expect![[r#"
        1 running: 
        2 running: finish
        3 dead_lettered: 
        4 running: start close
        5 running: 
        6 running: parked close
    "#]],
    );
}
